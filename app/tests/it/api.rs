//! What clients see, over a socket, with a real database behind.

use crate::support::client::{head, read_answer};
use crate::support::postgres::Postgres;
use crate::support::process::Links;
use serde_json::json;

use std::io::Write;

#[test]
fn links_live_and_die() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);

    let made = client.post_json(
        "/api/links",
        r#"{"target":"https://example.org/a?b=c","slug":"one"}"#,
    );
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("location"), "/api/links/one");
    let link = made.json();
    assert_eq!(link["slug"], "one");
    assert_eq!(link["target"], "https://example.org/a?b=c");
    assert_eq!(link["url"], "http://sho.rt/one");
    let stored = postgres.sql(
        "links",
        "select target, to_char(created_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') from links",
    );
    let (target, created_at) = stored.trim().split_once('|').expect("two columns");
    assert_eq!(target, "https://example.org/a?b=c");
    let answered: jiff::Timestamp = link["created_at"]
        .as_str()
        .expect("a text")
        .parse()
        .expect("a time");
    assert_eq!(format!("{answered:.6}"), format!("{created_at}Z"));

    assert_eq!(client.get("/api/links/one").json(), link);
    let followed = client.get("/one");
    assert_eq!(
        (followed.status, followed.header("location")),
        (302, "https://example.org/a?b=c")
    );
    assert_eq!(client.request("HEAD", "/one", &[], "").status, 302);

    let again = client.post_json(
        "/api/links",
        r#"{"target":"https://other.example/","slug":"one"}"#,
    );
    assert_problem(&again, 409, "urn:links:problem:slug-taken");
    assert_eq!(
        client.get("/one").header("location"),
        "https://example.org/a?b=c"
    );

    let chosen = client
        .post_json("/api/links", r#"{"target":"http://example.org/"}"#)
        .json();
    let path = format!("/{}", chosen["slug"].as_str().expect("a slug"));
    assert_eq!(client.get(&path).header("location"), "http://example.org/");

    assert_eq!(
        client.request("DELETE", "/api/links/one", &[], "").status,
        204
    );
    for answer in [
        client.request("DELETE", "/api/links/one", &[], ""),
        client.get("/api/links/one"),
        client.get("/one"),
    ] {
        assert_problem(&answer, 404, "about:blank");
    }
}

#[test]
fn bad_input_is_answered_with_the_reason() {
    let postgres = Postgres::start();
    let (links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);

    let long = format!(r#"{{"target":"https://e.org/{}"}}"#, "a".repeat(2048));
    let huge = format!(r#"{{"target":"https://e.org/{}"}}"#, "a".repeat(20_000));
    let wrong: [(&str, u16, &[&str]); 12] = [
        ("", 400, &[]),
        ("{", 400, &[]),
        ("[]", 422, &[]),
        ("{}", 422, &[]),
        (r#"{"target":5}"#, 422, &[]),
        (r#"{"target":"https://e.org/","owner":"me"}"#, 422, &[]),
        (r#"{"target":"ftp://e.org/"}"#, 422, &["/target"]),
        (r#"{"target":"https://me:pw@e.org/"}"#, 422, &["/target"]),
        (r#"{"target":"https://sho.rt/x"}"#, 422, &["/target"]),
        (r#"{"target":"x","slug":"api"}"#, 422, &["/target", "/slug"]),
        (&long, 422, &["/target"]),
        (&huge, 413, &[]),
    ];
    for (body, status, pointers) in wrong {
        let answer = client.post_json("/api/links", body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{body}");
        let named: Vec<_> = problem["errors"]
            .as_array()
            .map(|errors| {
                errors
                    .iter()
                    .map(|error| error["pointer"].clone())
                    .collect()
            })
            .unwrap_or_default();
        assert_eq!(json!(named), json!(pointers), "{body}");
    }
    assert_eq!(
        postgres.sql("links", "select count(*) from links").trim(),
        "0"
    );

    let unlabelled = client.request("POST", "/api/links", &[], r#"{"target":"https://e.org/"}"#);
    assert_problem(&unlabelled, 415, "about:blank");
    assert_problem(
        &client.request("PUT", "/api/links", &[], ""),
        405,
        "about:blank",
    );
    for path in [
        "/api",
        "/api/links/%ff",
        "/%00",
        "/favicon.ico",
        "/a/b",
        "/health",
    ] {
        assert_problem(&client.get(path), 404, "about:blank");
    }
    // None of this is something a person must look at.
    assert!(!links.log().contains("\"ERROR\""), "{}", links.log());
}

#[test]
fn every_answer_is_guarded_and_traced() {
    let postgres = Postgres::start();
    let (links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);

    for path in ["/", "/assets/links.css", "/nothing", "/health/live"] {
        let answer = client.get(path);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        assert_eq!(answer.header("strict-transport-security"), "");
    }
    let page = client.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Shorten a link"));

    let trace = "Root=1-67891233-abcdef012345678912345678";
    let secure = client.request(
        "GET",
        "/traced?token=hidden",
        &[("x-forwarded-proto", "https"), ("x-amzn-trace-id", trace)],
        "",
    );
    assert_ne!(secure.header("strict-transport-security"), "");
    let event = crate::support::eventually("the log line", || {
        let answered = links.events("answered");
        let event = answered
            .into_iter()
            .find(|event| event["path"] == "/traced");
        event.ok_or_else(|| links.log())
    });
    assert_eq!(event["span"]["trace_id"], trace);
    assert_eq!(event["status"], 404);
    assert!(!links.log().contains("hidden"));
}

#[test]
fn one_request_too_many_is_told_at_once() {
    let postgres = Postgres::start();
    let (_links, client) =
        Links::ready(&[("DATABASE_URL", &postgres.url()), ("MAX_REQUESTS", "1")]);
    // A request whose body is still on its way holds the only slot.
    let body = r#"{"target":"https://example.org/","slug":"slow"}"#;
    let mut slow = client.open();
    let headers = [
        ("content-type", "application/json"),
        ("expect", "100-continue"),
    ];
    slow.write_all(head("POST", "/api/links", &headers, body.len()).as_bytes())
        .expect("send the head");
    // Asked to go on: now it is being worked on.
    let mut begun = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    std::io::Read::read_exact(&mut slow, &mut begun).expect("read the go-ahead");

    let refused = client.get("/slow");
    assert_problem(&refused, 503, "about:blank");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(client.get("/health/live").status, 200);
    assert_eq!(client.get("/health/ready").status, 200);

    slow.write_all(body.as_bytes()).expect("send the body");
    assert_eq!(read_answer(slow).status, 201);
    assert_eq!(client.get("/slow").status, 302);
}

fn assert_problem(answer: &crate::support::client::Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["type"], kind);
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string());
}
