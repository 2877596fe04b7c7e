//! The password changes while requests come in, whoever keeps it.

use std::{fs, thread};

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::postgres::{PASSWORD, Postgres, USER};
use crate::support::process::Links;
use crate::support::secrets_manager::SecretsManager;
use crate::support::table_lock::TableLock;

const NEXT_PASSWORD: &str = "second password";
/// More than the one connection that exists when the password changes.
const REQUESTS: usize = 4;

#[test]
fn a_file_is_read_again() {
    let postgres = Postgres::start();
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("secret.json");
    fs::write(&path, secret(PASSWORD)).expect("write the secret");
    let port = postgres.port().to_string();
    let (links, client) = Links::ready(&[
        ("DATABASE_HOST", "localhost"),
        ("DATABASE_PORT", &port),
        ("DATABASE_SECRET_FILE", path.to_str().expect("a UTF-8 path")),
        ("DATABASE_ACQUIRE_TIMEOUT", "20s"),
        ("DATABASE_QUERY_TIMEOUT", "20s"),
        ("REQUEST_TIMEOUT", "25s"),
    ]);
    rotates_without_a_failed_request(&postgres, client, || {
        fs::write(&path, secret(NEXT_PASSWORD)).expect("write the new secret");
    });
    assert_nothing_secret(&links);
}

#[test]
fn secrets_manager_is_asked_again_with_the_tasks_role() {
    let postgres = Postgres::start();
    let manager = SecretsManager::start(&secret(PASSWORD));
    let port = postgres.port().to_string();
    let (links, client) = Links::ready(&[
        ("DATABASE_HOST", "localhost"),
        ("DATABASE_PORT", &port),
        ("DATABASE_SECRET_ARN", crate::support::secrets_manager::ARN),
        ("AWS_ENDPOINT_URL", &manager.url("/")),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &manager.url("/role")),
        ("DATABASE_ACQUIRE_TIMEOUT", "20s"),
        ("DATABASE_QUERY_TIMEOUT", "20s"),
        ("REQUEST_TIMEOUT", "25s"),
    ]);
    assert_eq!(manager.reads(), 1);
    rotates_without_a_failed_request(&postgres, client, || manager.put(&secret(NEXT_PASSWORD)));
    assert_nothing_secret(&links);
}

#[test]
fn a_secret_that_cannot_be_read_is_named() {
    let postgres = Postgres::start();
    let manager = SecretsManager::start("not even JSON");
    let port = postgres.port().to_string();
    let links = Links::serve(&[
        ("DATABASE_HOST", "localhost"),
        ("DATABASE_PORT", &port),
        ("DATABASE_SECRET_ARN", crate::support::secrets_manager::ARN),
        ("AWS_ENDPOINT_URL", &manager.url("/")),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &manager.url("/role")),
    ]);
    eventually("a complaint", || {
        let log = links.log();
        let named =
            log.contains(crate::support::secrets_manager::ARN) && log.contains("`username`");
        if named { Ok(()) } else { Err(log) }
    });
    assert!(!links.log().contains("not even JSON"));

    manager.put(&secret(PASSWORD));
    eventually("readiness", || {
        match links.client().get("/health/ready").status {
            200 => Ok(()),
            _ => Err(links.log()),
        }
    });
}

#[test]
fn the_connection_is_encrypted_unless_told_otherwise() {
    let postgres = Postgres::start();
    let port = postgres.port().to_string();
    for (mode, encrypted) in [("", "t"), ("require", "t"), ("disable", "f")] {
        let (_links, _) = Links::ready(&[
            ("DATABASE_HOST", "localhost"),
            ("DATABASE_PORT", &port),
            ("DATABASE_USERNAME", USER),
            ("DATABASE_PASSWORD", PASSWORD),
            ("DATABASE_SSLMODE", mode),
        ]);
        let seen = postgres.sql(
            "links",
            "select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'links'",
        );
        assert_eq!(seen.trim(), encrypted, "{mode:?}");
    }
}

/// First the server has the new password, then the secret: between the two, no login works at all. Requests that need
/// new connections in that moment must wait and then succeed.
fn rotates_without_a_failed_request(
    postgres: &Postgres,
    client: Client,
    set_secret: impl FnOnce(),
) {
    let link = r#"{"target":"https://example.org/","slug":"kept"}"#;
    assert_eq!(client.post_json("/api/links", link).status, 201);
    // While the table is locked every request keeps its connection, so that each needs one of its own.
    let lock = TableLock::take(postgres);
    postgres.sql(
        "links",
        &format!("alter role {USER} password '{NEXT_PASSWORD}'"),
    );
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| thread::spawn(move || client.get("/api/links/kept")))
        .collect();
    eventually("a refused login", || {
        let log = postgres.log();
        if log.contains("password authentication failed") {
            Ok(())
        } else {
            Err(log)
        }
    });

    set_secret();
    let waiting = format!(
        "select count(*) from pg_stat_activity where usename = '{USER}' and wait_event_type = 'Lock'"
    );
    eventually("connections with the new password", || {
        let count = postgres.sql("links", &waiting);
        if count.trim() == REQUESTS.to_string() {
            Ok(())
        } else {
            Err(count)
        }
    });
    drop(lock);
    for request in requests {
        let answer = request.join().expect("the request is answered");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

fn secret(password: &str) -> String {
    serde_json::json!({ "username": USER, "password": password }).to_string()
}

fn assert_nothing_secret(links: &Links) {
    let log = links.log();
    assert!(log.contains("database credentials changed"), "{log}");
    for word in [
        PASSWORD,
        NEXT_PASSWORD,
        crate::support::secrets_manager::SECRET_KEY,
    ] {
        assert!(!log.contains(word), "{log}");
    }
}
