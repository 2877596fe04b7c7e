//! Changing, listing and searching links, and what conditions guard.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::postgres::Postgres;
use crate::support::process::Links;

#[test]
fn a_link_is_changed_by_whoever_saw_it_last() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    let made = client.post_json(
        "/api/links",
        r#"{"target":"https://one.example/","slug":"one","note":" first ","redirect":301}"#,
    );
    assert_eq!(made.status, 201, "{made:?}");
    let etag = made.header("etag").to_owned();
    assert_eq!(made.json()["note"], "first");
    let followed = client.get("/one");
    assert_eq!(
        (followed.status, followed.header("cache-control")),
        (301, "public, max-age=300")
    );

    let read = client.request("GET", "/api/links/one", &[("if-none-match", &etag)], "");
    assert_eq!(
        (read.status, read.header("etag"), read.body.as_str()),
        (304, etag.as_str(), "")
    );

    let changed = patch(
        &client,
        "one",
        &etag,
        r#"{"target":"https://two.example/","redirect":302}"#,
    );
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["note"], "first");
    // At once, though the redirect was in the cache.
    let followed = client.get("/one");
    assert_eq!(
        (followed.status, followed.header("location")),
        (302, "https://two.example/")
    );
    assert_eq!(followed.header("cache-control"), "no-cache");

    assert_eq!(
        patch(&client, "one", &etag, r#"{"note":"late"}"#).status,
        412
    );
    let late = client.request("DELETE", "/api/links/one", &[("if-match", &etag)], "");
    assert_eq!(late.status, 412);

    let newest = changed.header("etag").to_owned();
    let off = patch(&client, "one", &newest, r#"{"enabled":false}"#);
    assert_eq!(off.json()["state"], "disabled");
    let gone = client.get("/one");
    assert_eq!(
        (gone.status, &gone.json()["type"]),
        (410, &json!("urn:links:problem:link-disabled"))
    );
    let expired = patch(
        &client,
        "one",
        "*",
        r#"{"enabled":true,"expires_at":"2020-01-01T00:00:00Z"}"#,
    );
    assert_eq!(expired.json()["state"], "expired");
    assert_eq!(
        client.get("/one").json()["type"],
        "urn:links:problem:link-expired"
    );
    assert_eq!(
        patch(&client, "one", "*", r#"{"expires_at":null}"#).json()["state"],
        "active"
    );
    assert_eq!(client.get("/one").status, 302);
    let ending = patch(
        &client,
        "one",
        "*",
        r#"{"expires_at":"2999-01-01T00:00:00Z","redirect":301}"#,
    );
    assert_eq!(ending.status, 200);
    assert_eq!(
        client.get("/one").header("cache-control"),
        "public, max-age=300"
    );

    for (body, pointer) in [
        (r#"{"target":"javascript:x"}"#, "/target"),
        (r#"{"redirect":303}"#, "/redirect"),
        (r#"{"note":"\u0000"}"#, "/note"),
    ] {
        let refused = patch(&client, "one", "*", body);
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
    let gone = client.request("DELETE", "/api/links/one", &[("if-match", "*")], "");
    assert_eq!(gone.status, 204);
    assert_eq!(client.get("/one").status, 404);
}

#[test]
fn the_list_is_read_in_parts_while_it_changes() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    postgres.sql(
        "links",
        "insert into links (slug, target, created_at) select 's' || n, 'https://e.org/' || n, \
         now() - interval '1 minute' * (n / 3) from generate_series(1, 60) n",
    );
    let mut seen = BTreeSet::new();
    let mut path = "/api/links?limit=7".to_owned();
    for part in 0.. {
        let answer = client.get(&path);
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        for link in body["links"].as_array().expect("a list") {
            let slug = link["slug"].as_str().expect("a text").to_owned();
            assert!(seen.insert(slug), "{link} came twice");
        }
        // What comes at the beginning and goes from what was seen does not move the rest.
        let body_new = format!(r#"{{"target":"https://e.org/","slug":"new{part}"}}"#);
        assert_eq!(client.post_json("/api/links", &body_new).status, 201);
        let Some(next) = body["next"].as_str() else {
            assert_eq!(answer.header("link"), "");
            break;
        };
        let link = answer.header("link");
        assert!(
            link.contains(next) && link.ends_with("; rel=\"next\""),
            "{link}"
        );
        path = format!("/api/links?limit=7&cursor={next}");
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(client.get("/api/links?cursor=x").status, 422);
    for bad in ["limit=0", "limit=101", "limit=x", "order=up", "q=a&q=b"] {
        let answer = client.get(&format!("/api/links?{bad}"));
        assert_eq!(answer.status, 400, "{bad}: {answer:?}");
    }
}

#[test]
fn words_are_found_wherever_they_stand() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    for body in [
        r#"{"slug":"Spring-Sale","target":"https://shop.example/offers?season=spring"}"#,
        r#"{"slug":"docs2","target":"https://docs.example/guide/start","note":"Für Anfänger, it's 100% new"}"#,
    ] {
        assert_eq!(client.post_json("/api/links", body).status, 201);
    }
    for (words, expected) in [
        ("", &["docs2", "Spring-Sale"][..]),
        ("spring", &["Spring-Sale"]),
        ("SALE%20off", &["Spring-Sale"]),
        ("exam", &["docs2", "Spring-Sale"]),
        ("guide%20exam", &["docs2"]),
        ("anf%C3%A4nger", &["docs2"]),
        ("100%25", &["docs2"]),
        ("'%20:*%20|%20!", &["docs2", "Spring-Sale"]),
        ("nothing", &[]),
    ] {
        let answer = client.get(&format!("/api/links?q={words}"));
        assert_eq!(answer.status, 200, "{words}: {answer:?}");
        let found: Vec<_> = answer.json()["links"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|link: &Value| link["slug"].as_str().expect("a text").to_owned())
            .collect();
        assert_eq!(found, expected, "{words}");
    }
}

#[test]
fn a_creation_that_is_sent_again_happens_once() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    let send = |key: &str, body: &str| -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        client.request("POST", "/api/links", &headers, body)
    };
    let body = r#"{"target":"https://example.org/"}"#;
    // All at the same moment: one makes it, the others wait for it.
    let answers: Vec<_> = std::thread::scope(|scope| {
        let sending: Vec<_> = (0..8).map(|_| scope.spawn(|| send("same", body))).collect();
        sending
            .into_iter()
            .map(|one| one.join().expect("answered"))
            .collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(
            (&answer.body, answer.header("etag")),
            (&answers[0].body, answers[0].header("etag"))
        );
        assert_eq!(answer.header("location"), answers[0].header("location"));
    }
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed") == "true");
    assert_eq!(replayed.count(), 7);
    assert_eq!(
        postgres.sql("links", "select count(*) from links").trim(),
        "1"
    );

    let other = send("same", r#"{"target":"https://other.example/"}"#);
    assert_eq!(
        other.json()["type"],
        "urn:links:problem:idempotency-key-reused"
    );
    let slug = answers[0].json()["slug"]
        .as_str()
        .expect("a text")
        .to_owned();
    let taken = format!(r#"{{"target":"https://e.org/","slug":"{slug}"}}"#);
    // What failed was not done: the key is free for another attempt.
    assert_eq!(send("again", &taken).status, 409);
    assert_eq!(send("again", body).status, 201);
    for bad in ["", " ", &"x".repeat(256)] {
        assert_eq!(send(bad, body).status, 400, "{bad:?}");
    }
    postgres.sql(
        "links",
        "update idempotency_keys set created_at = now() - interval '25 hours'",
    );
    let later = send("same", r#"{"target":"https://other.example/"}"#);
    assert_eq!(
        (later.status, later.header("idempotency-replayed")),
        (201, "")
    );
}

fn patch(client: &Client, slug: &str, etag: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("if-match", etag)];
    client.request("PATCH", &format!("/api/links/{slug}"), &headers, body)
}
