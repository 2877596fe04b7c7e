//! Caches: one load for many, and no redirect older than is promised.

use std::thread;

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Links;
use crate::support::redis::Redis;
use crate::support::table_lock::TableLock;

/// Longer than any test, so that nothing is right only because it was forgotten.
const FOREVER: (&str, &str) = ("CACHE_TTL", "10m");
const SHARED_FOREVER: (&str, &str) = ("REDIS_TTL", "10m");

#[test]
fn many_who_ask_for_one_link_cause_one_read() {
    const FOLLOWERS: u32 = 50;
    let postgres = Postgres::start();
    let redis = Redis::start();
    let (url, redis_url) = (postgres.url(), redis.url());
    let database = ("DATABASE_URL", url.as_str());
    let shared = ("REDIS_URL", redis_url.as_str());
    let none = ("CACHE_BYTES", "0");
    for (slug, vars) in [
        ("process", &[database, FOREVER][..]),
        ("shared", &[database, none, shared, SHARED_FOREVER]),
        ("neither", &[database, none]),
    ] {
        let (_links, client) = Links::ready(vars);
        create(&client, slug, "https://one.example/");
        redis.ask(&["FLUSHALL"]).expect("ask Redis");
        let before = reads(&client);
        let lock = TableLock::take(&postgres);
        let followers: Vec<_> = (0..FOLLOWERS)
            .map(|_| thread::spawn(move || client.get(&format!("/{slug}"))))
            .collect();
        eventually("all but one that wait for that one", || {
            let joined = metric(&client, "links_loads_joined_total");
            if joined >= f64::from(FOLLOWERS - 1) {
                Ok(())
            } else {
                Err(joined.to_string())
            }
        });
        drop(lock);
        for follower in followers {
            let answer = follower.join().expect("answered");
            assert_eq!(answer.header("location"), "https://one.example/", "{slug}");
        }
        assert_eq!(reads(&client), before + 1, "{slug}");
    }
}

/// A redirect that is kept goes past the router; written with an escape, the same one does not.
#[test]
fn what_is_kept_is_answered_as_what_is_not() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url()), FOREVER]);
    create(&client, "one", "https://one.example/");
    let permanent = r#"{"slug":"two","target":"https://two.example/","redirect":301,"expires_at":"2999-01-01T00:00:00Z"}"#;
    assert_eq!(client.post_json("/api/links", permanent).status, 201);
    let off = r#"{"slug":"off","target":"https://off.example/","enabled":false}"#;
    assert_eq!(client.post_json("/api/links", off).status, 201);
    let https = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    for (slug, escaped, status) in [
        ("one", "%6Fne", 302),
        ("two", "%74wo", 301),
        ("off", "%6Fff", 410),
    ] {
        for method in ["GET", "HEAD", "POST"] {
            for headers in [&[][..], &https] {
                let ask = |slug: &str| {
                    let mut answer = client.request(method, &format!("/{slug}"), headers, "");
                    answer.headers.remove("date");
                    (answer.status, answer.headers, answer.body)
                };
                let loaded = ask(escaped);
                let expected = if method == "POST" { 405 } else { status };
                assert_eq!(loaded.0, expected, "{method} {slug}");
                assert_eq!(ask(slug), loaded, "{method} {slug}");
                assert_eq!(ask(&format!("{slug}?from=mail")), loaded, "{method} {slug}");
            }
        }
    }
    // Each GET was counted, once, whichever way it went.
    assert_eq!(count(&client, "links_clicks_total{what=\"counted\"}"), 12);
    let answered = |status| {
        let name = format!("links_requests_total{{route=\"redirect\",status=\"{status}\"}}");
        count(&client, &name)
    };
    assert_eq!((answered(301), answered(302)), (12, 12));
}

#[test]
fn that_there_is_no_link_is_kept_too() {
    let postgres = Postgres::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("CACHE_NEGATIVE_TTL", "10m"),
    ];
    let (_links, client) = Links::ready(&vars);
    for _ in 0..20 {
        assert_eq!(client.get("/nothing").status, 404);
    }
    assert_eq!(reads(&client), 1);
}

#[test]
fn without_caches_every_follower_asks_the_database() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url()), ("CACHE_BYTES", "0")]);
    create(&client, "one", "https://one.example/");
    let before = reads(&client);
    for _ in 0..10 {
        assert_eq!(client.get("/one").status, 302);
    }
    assert_eq!(reads(&client), before + 10);
}

#[test]
fn the_cache_keeps_to_its_bytes() {
    let postgres = Postgres::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        FOREVER,
        ("CACHE_BYTES", "20000"),
    ];
    let (_links, client) = Links::ready(&vars);
    postgres.sql(
        "links",
        "insert into links (slug, target) select 's' || n, 'https://e.org/' || repeat('x', 1000) \
         from generate_series(1, 200) n",
    );
    for number in 1..=200 {
        assert_eq!(client.get(&format!("/s{number}")).status, 302);
    }
    let bytes = metric(&client, "links_cache_bytes");
    assert!(bytes > 0.0 && bytes <= 20_000.0, "{bytes}");
}

#[test]
fn tasks_hear_of_each_others_changes() {
    let postgres = Postgres::start();
    let redis = Redis::start();
    let (url, redis_url) = (postgres.url(), redis.url());
    let vars = [
        ("DATABASE_URL", &*url),
        ("REDIS_URL", &*redis_url),
        FOREVER,
        SHARED_FOREVER,
    ];
    let (first_task, first) = Links::ready(&vars);
    let (second_task, second) = Links::ready(&vars);
    for task in [&first_task, &second_task] {
        eventually("the subscription", || {
            let heard = task.events("hears what other tasks change");
            if heard.is_empty() {
                Err(task.log())
            } else {
                Ok(())
            }
        });
    }
    assert_eq!(second.get("/one").status, 404);
    create(&first, "one", "https://one.example/");
    eventually("the link in the other task", || {
        location(&second, "one", "https://one.example/")
    });
    // The other task found it in the shared store.
    assert!(
        metric(
            &second,
            "links_cache_total{cache=\"shared\",outcome=\"hit\"}"
        ) >= 1.0
    );
    for number in 0..20 {
        let target = format!("https://{number}.example/");
        let (writer, reader) = if number % 2 == 0 {
            (&first, &second)
        } else {
            (&second, &first)
        };
        change(writer, "one", &target);
        assert_eq!(
            writer.get("/one").header("location"),
            target,
            "the one who wrote it"
        );
        eventually("the change in the other task", || {
            location(reader, "one", &target)
        });
    }
    assert_eq!(
        first.request("DELETE", "/api/links/one", &[], "").status,
        204
    );
    assert_eq!(first.get("/one").status, 404);
    eventually("the end in the other task", || {
        match second.get("/one").status {
            404 => Ok(()),
            status => Err(status.to_string()),
        }
    });
}

#[test]
fn the_shared_cache_may_die_and_come_back_empty() {
    let postgres = Postgres::start();
    let mut redis = Redis::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("REDIS_URL", &*redis.url()),
        FOREVER,
        SHARED_FOREVER,
    ];
    let (links, client) = Links::ready(&vars);
    create(&client, "one", "https://one.example/");
    create(&client, "two", "https://two.example/");
    assert_eq!(client.get("/one").status, 302);
    redis.kill();
    assert_eq!(client.get("/health/ready").status, 200);
    for number in 0..10 {
        let target = format!("https://{number}.example/");
        change(&client, "one", &target);
        assert_eq!(client.get("/one").header("location"), target);
    }
    assert_eq!(
        client.get("/two").header("location"),
        "https://two.example/"
    );
    redis.run();
    // Nothing that it could hold from before is used, and then it is used again.
    eventually("the shared cache in use", || {
        assert_eq!(client.get("/one").header("location"), "https://9.example/");
        change(&client, "two", "https://other.example/");
        assert_eq!(
            client.get("/two").header("location"),
            "https://other.example/"
        );
        let kept = redis.ask(&["GET", "links:route:two"]).unwrap_or_default();
        if kept.contains("https://other.example/") {
            Ok(())
        } else {
            Err(links.log())
        }
    });
}

#[test]
fn who_reads_before_a_change_and_comes_after_it_changes_nothing() {
    let postgres = Postgres::start();
    let redis = Redis::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("REDIS_URL", &*redis.url()),
        FOREVER,
        SHARED_FOREVER,
    ];
    let (_links, client) = Links::ready(&vars);
    create(&client, "one", "https://old.example/");
    let old = redis.ask(&["GET", "links:route:one"]).expect("ask Redis");
    change(&client, "one", "https://new.example/");
    let new = redis.ask(&["GET", "links:route:one"]).expect("ask Redis");
    let version = |text: &str| -> i64 {
        let line = text.lines().nth(1).unwrap_or_default();
        line.split(' ')
            .next()
            .unwrap_or_default()
            .parse()
            .expect("a version")
    };
    assert!(version(&new) > version(&old), "{old} {new}");
    assert!(new.contains("https://new.example/"));
}

pub(crate) fn create(client: &Client, slug: &str, target: &str) {
    let body = format!(r#"{{"slug":"{slug}","target":"{target}"}}"#);
    let made = client.post_json("/api/links", &body);
    assert_eq!(made.status, 201, "{made:?}");
}

pub(crate) fn change(client: &Client, slug: &str, target: &str) {
    let body = format!(r#"{{"target":"{target}"}}"#);
    let headers = [("content-type", "application/json")];
    let changed = client.request("PATCH", &format!("/api/links/{slug}"), &headers, &body);
    assert_eq!(changed.status, 200, "{changed:?}");
}

pub(crate) fn location(client: &Client, slug: &str, expected: &str) -> Result<(), String> {
    let answer = client.get(&format!("/{slug}"));
    if answer.header("location") == expected {
        Ok(())
    } else {
        Err(format!("{answer:?}"))
    }
}

/// A number from `/metrics`; 0 for one that is not there yet.
pub(crate) fn metric(client: &Client, name: &str) -> f64 {
    let answer = client.get("/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    let line = answer
        .body
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

fn reads(client: &Client) -> i64 {
    count(client, "links_database_reads_total{server=\"writer\"}")
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "counts are whole and small"
)]
fn count(client: &Client, name: &str) -> i64 {
    metric(client, name) as i64
}
