//! Reads go to a replica while it is close enough behind, and a client reads what it has written.

use crate::cache::{change, create, metric};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Links;

#[test]
fn a_replica_takes_reads_until_it_falls_behind() {
    let postgres = Postgres::start();
    let mut replica = postgres.replica();
    let (url, port) = (postgres.url(), replica.port().to_string());
    let vars = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_READER_HOST", "127.0.0.1"),
        ("DATABASE_READER_PORT", &port),
        ("CACHE_BYTES", "0"),
    ];
    let (_links, client) = Links::ready(&vars);
    let (_other_task, other) = Links::ready(&vars);
    create(&client, "one", "https://one.example/");
    eventually("reads from the replica", || {
        assert_eq!(client.get("/one").status, 302);
        if from_replica(&client) > 0.0 {
            Ok(())
        } else {
            Err(String::new())
        }
    });
    // What was written is read, at once, whichever server that takes.
    for number in 0..50 {
        let target = format!("https://{number}.example/");
        change(&client, "one", &target);
        assert_eq!(client.get("/one").header("location"), target);
        assert_eq!(client.get("/api/links/one").json()["target"], target);
    }

    // Nothing is replayed any more, and yet nobody reads what is old.
    replica.sql("postgres", "select pg_wal_replay_pause()");
    let body = r#"{"target":"https://paused.example/"}"#;
    let headers = [("content-type", "application/json")];
    let changed = client.request("PATCH", "/api/links/one", &headers, body);
    assert_eq!(
        client.get("/one").header("location"),
        "https://paused.example/"
    );
    // Another task does not know, unless the client says what it has seen.
    let position = changed.header("links-position");
    assert_ne!(position, "");
    let seen = other.request("GET", "/api/links/one", &[("links-position", position)], "");
    assert_eq!(seen.json()["target"], "https://paused.example/");
    let cookie = changed
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let seen = other.request("GET", "/api/links/one", &[("cookie", &cookie)], "");
    assert_eq!(seen.json()["target"], "https://paused.example/");
    eventually("the end of reads from a replica that stands still", || {
        let before = from_replica(&other);
        assert_eq!(other.get("/one").status, 302);
        if from_replica(&other) > before {
            Err(before.to_string())
        } else {
            Ok(())
        }
    });
    assert_eq!(
        other.get("/one").header("location"),
        "https://paused.example/"
    );

    replica.sql("postgres", "select pg_wal_replay_resume()");
    reads_again(&other);
    replica.stop();
    for _ in 0..5 {
        assert_eq!(other.get("/one").status, 302);
    }
    assert_eq!(other.get("/health/ready").status, 200);
    replica.run();
    if replica.port().to_string() == port {
        reads_again(&other);
    }
}

fn reads_again(client: &Client) {
    let before = from_replica(client);
    eventually("reads from the replica again", || {
        assert_eq!(client.get("/one").status, 302);
        if from_replica(client) > before {
            Ok(())
        } else {
            Err(before.to_string())
        }
    });
}

fn from_replica(client: &Client) -> f64 {
    metric(client, "links_database_reads_total{server=\"replica\"}")
}
