//! Drills: off unless they are asked for.

use std::time::{Duration, Instant};

use crate::cache::create;
use crate::support::postgres::Postgres;
use crate::support::process::Links;

#[test]
fn drills_misbehave_only_when_they_may() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &url)]);
    for path in ["/drill/burn?ms=1", "/drill/fail?rate=1"] {
        let refused = client.request("POST", path, &[], "");
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("LINKS_DRILLS=1"), "{refused:?}");
    }
    create(&client, "one", "https://one.example/");
    assert_eq!(client.get("/one").status, 302);

    let (_links, client) = Links::ready(&[("DATABASE_URL", &url), ("LINKS_DRILLS", "1")]);
    // Also what is kept by now is to fail below.
    assert_eq!(client.get("/one").status, 302);
    let begun = Instant::now();
    let burned = client.request("POST", "/drill/burn?ms=150&threads=2", &[], "");
    assert_eq!(burned.status, 200, "{burned:?}");
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let failing = client.request("POST", "/drill/fail?rate=1&status=502&seconds=600", &[], "");
    assert_eq!(failing.status, 200, "{failing:?}");
    let failed = client.get("/one");
    assert_eq!(
        (failed.status, &failed.json()["type"]),
        (502, &"urn:links:problem:drill".into())
    );
    assert_eq!(client.get("/health/ready").status, 200);
    assert_eq!(
        client.request("POST", "/drill/fail?rate=0", &[], "").status,
        200
    );
    assert_eq!(client.get("/one").status, 302);
    for bad in [
        "burn",
        "burn?ms=x",
        "burn?ms=9999999",
        "fail?rate=2",
        "fail?rate=1&status=200",
        "fail?rate=NaN",
    ] {
        let refused = client.request("POST", &format!("/drill/{bad}"), &[], "");
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
    }
}
