//! API keys: made and revoked by the command, scoped, limited.

use crate::support::client::{Answer, Client};
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::{Links, command};

const LINK: &str = r#"{"target":"https://example.org/","slug":"kept"}"#;

#[test]
fn keys_open_what_their_scopes_say_until_they_are_revoked() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [("DATABASE_URL", url.as_str()), ("ACCESS", "keys")];
    let reader = make_key(&vars, &["--scope", "links:read"]);
    let writer = make_key(&vars, &["--scope", "links:write", "--scope", "links:read"]);
    let (links, client) = Links::ready(&vars);

    let nobody = client.post_json("/api/links", LINK);
    assert_eq!(nobody.status, 401, "{nobody:?}");
    assert_eq!(nobody.header("www-authenticate"), "Bearer realm=\"links\"");
    let forged = format!("{}x", &writer[..writer.len() - 1]);
    for bad in ["nonsense", "lk_a_b", &forged] {
        assert_eq!(
            with_key(&client, bad, "GET", "/api/links", "").status,
            401,
            "{bad}"
        );
    }
    let refused = with_key(&client, &reader, "POST", "/api/links", LINK);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("links:write"), "{refused:?}");
    assert_eq!(
        with_key(&client, &writer, "POST", "/api/links", LINK).status,
        201
    );
    assert_eq!(
        with_key(&client, &reader, "GET", "/api/links/kept", "").status,
        200
    );
    assert_eq!(
        with_key(&client, &writer, "POST", "/drill/fail?rate=0", "").status,
        403
    );
    // Whoever follows a link needs nothing.
    assert_eq!(client.get("/kept").status, 302);

    let stored = postgres.sql(
        "links",
        "select id || encode(secret_hash, 'escape') from api_keys",
    );
    let (id, secret) = writer["lk_".len()..]
        .split_once('_')
        .expect("an id and a secret");
    assert!(stored.contains(id) && !stored.contains(secret));
    let list = run(&["key", "list"], &vars);
    assert!(list.contains(id) && list.contains("links:read,links:write") && !list.contains(secret));
    run(&["key", "revoke", id], &vars);
    assert!(run(&["key", "list"], &vars).contains("revoked"));
    eventually("the end of the key", || {
        match with_key(&client, &writer, "GET", "/api/links", "").status {
            401 => Ok(()),
            status => Err(status.to_string()),
        }
    });
    assert!(!links.log().contains(secret), "{}", links.log());
}

#[test]
fn a_key_that_expires_is_worth_nothing_then() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [("DATABASE_URL", url.as_str())];
    let key = make_key(&vars, &["--scope", "links:read", "--expires", "12h"]);
    let (_links, client) = Links::ready(&vars);
    postgres.sql(
        "links",
        "update api_keys set expires_at = now() - interval '1 second'",
    );
    assert_eq!(with_key(&client, &key, "GET", "/api/links", "").status, 401);
    for (wrong, named) in [
        (
            ["key", "create", "--name", "x", "--scope", "everything"],
            "links:read",
        ),
        (
            ["key", "create", "--name", " ", "--scope", "admin"],
            "1 to 100",
        ),
    ] {
        let ended = command(&wrong, &vars).output().expect("run links");
        assert!(!ended.status.success());
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains(named), "{said}");
    }
}

#[test]
fn a_quota_is_told_and_kept() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [
        ("DATABASE_URL", url.as_str()),
        ("ANONYMOUS_REQUESTS_PER_MINUTE", "2"),
    ];
    let key = make_key(&vars, &["--scope", "links:read", "--rate", "3"]);
    let (_links, client) = Links::ready(&vars);
    for left in ["2", "1", "0"] {
        let answer = with_key(&client, &key, "GET", "/api/links", "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"minute\";q=3;w=60");
        let told = answer.header("ratelimit");
        assert!(
            told.starts_with(&format!("\"minute\";r={left};t=")),
            "{told}"
        );
    }
    let refused = with_key(&client, &key, "GET", "/api/links", "");
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!(refused.json()["type"], "urn:links:problem:rate-limit");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");

    // Without a key each address has its own, as the balancer saw it.
    let from = |address: &str| {
        let headers = [("x-forwarded-for", address)];
        client.request("GET", "/api/links", &headers, "").status
    };
    let statuses = ["10.0.0.1", "10.0.0.1", "10.0.0.9, 10.0.0.1", "10.0.0.2"].map(from);
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[test]
fn other_sites_cannot_act_for_a_browser() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    for (path, kind, body) in [
        (
            "/links",
            "application/x-www-form-urlencoded",
            "target=https%3A%2F%2Fe.org",
        ),
        ("/api/links", "application/json", LINK),
    ] {
        let headers = [("content-type", kind), ("sec-fetch-site", "cross-site")];
        let answer = client.request("POST", path, &headers, body);
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert_eq!(
        postgres.sql("links", "select count(*) from links").trim(),
        "0"
    );
}

pub(crate) fn make_key(vars: &[(&str, &str)], arguments: &[&str]) -> String {
    let all = [&["key", "create", "--name", "test"], arguments].concat();
    run(&all, vars).trim().to_owned()
}

pub(crate) fn with_key(client: &Client, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
    ];
    client.request(method, path, &headers, body)
}

pub(crate) fn run(arguments: &[&str], vars: &[(&str, &str)]) -> String {
    let done = command(arguments, vars).output().expect("run links");
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("links writes UTF-8")
}
