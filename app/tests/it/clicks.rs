//! Clicks are counted once each, whatever happens to the database, and written before a stop is over.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::cache::{create, metric};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Links;

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36";

#[test]
fn statistics_tell_who_followed_and_when() {
    let postgres = Postgres::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("CLICKS_INTERVAL", "50ms"),
    ];
    let (_links, client) = Links::ready(&vars);
    create(&client, "one", "https://one.example/");
    for _ in 0..3 {
        follow(
            &client,
            &[
                ("referer", "https://News.example/a?b=c"),
                ("user-agent", CHROME),
            ],
        );
    }
    follow(&client, &[("user-agent", "curl/8.5.0")]);
    // Nobody was sent anywhere by these.
    assert_eq!(client.request("HEAD", "/one", &[], "").status, 302);
    assert_eq!(client.get("/nothing").status, 404);
    let statistics = eventually("the statistics", || {
        let answer = client
            .get("/api/links/one/statistics?by=hour&last=2")
            .json();
        // The series and the shares are read one after the other.
        let series = answer["series"].as_array().expect("a list");
        if answer["total"] == 4 && sum(series) == 4 {
            Ok(answer)
        } else {
            Err(answer.to_string())
        }
    });
    assert_eq!(statistics["series"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        names(&statistics["referrers"]),
        [("news.example", 3), ("", 1)]
    );
    assert_eq!(
        names(&statistics["agents"]),
        [("Chrome", 3), ("Programs", 1)]
    );
    let days = client.get("/api/links/one/statistics").json();
    assert_eq!(
        (
            days["clicks"].as_i64(),
            days["series"].as_array().map(Vec::len)
        ),
        (Some(4), Some(30))
    );
    assert_eq!(client.get("/api/links/nothing/statistics").status, 404);
    assert_eq!(client.get("/api/links/one/statistics?by=week").status, 400);

    // With the link they go, and a new one begins anew.
    assert_eq!(
        client.request("DELETE", "/api/links/one", &[], "").status,
        204
    );
    create(&client, "one", "https://two.example/");
    assert_eq!(client.get("/api/links/one/statistics").json()["total"], 0);
}

#[test]
fn a_stop_loses_no_click() {
    let postgres = Postgres::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("CLICKS_INTERVAL", "1h"),
    ];
    let (links, client) = Links::ready(&vars);
    create(&client, "one", "https://one.example/");
    for _ in 0..25 {
        follow(&client, &[]);
    }
    links.signal(Signal::SIGTERM);
    let (status, log) = links.wait();
    assert!(status.success(), "{log}");
    assert_eq!(stored(&postgres), "25");
}

#[test]
fn clicks_wait_for_the_database_and_count_once() {
    let mut postgres = Postgres::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("CLICKS_INTERVAL", "20ms"),
        ("CACHE_TTL", "10m"),
        ("DATABASE_ACQUIRE_TIMEOUT", "1s"),
    ];
    let (links, client) = Links::ready(&vars);
    create(&client, "one", "https://one.example/");
    follow(&client, &[]);
    eventually("the first click", || match stored(&postgres).as_str() {
        "1" => Ok(()),
        other => Err(other.to_owned()),
    });
    postgres.stop();
    for _ in 0..10 {
        follow(&client, &[]);
    }
    eventually("a batch that failed", || {
        let failed = links.events("clicks not written yet");
        if failed.is_empty() {
            Err(links.log())
        } else {
            Ok(())
        }
    });
    postgres.run();
    eventually("all clicks", || match stored(&postgres).as_str() {
        "11" => Ok(()),
        other => Err(other.to_owned()),
    });
    assert!((metric(&client, "links_clicks_total{what=\"written\"}") - 11.0).abs() < 0.5);
}

fn follow(client: &Client, headers: &[(&str, &str)]) {
    let answer = client.request("GET", "/one", headers, "");
    assert_eq!(answer.status, 302, "{answer:?}");
}

fn stored(postgres: &Postgres) -> String {
    let sum = postgres.sql(
        "links",
        "select coalesce(sum(clicks), 0) from clicks_hourly",
    );
    sum.trim().to_owned()
}

fn sum(series: &[Value]) -> i64 {
    series
        .iter()
        .filter_map(|point| point["clicks"].as_i64())
        .sum()
}

fn names(shares: &Value) -> Vec<(&str, i64)> {
    let share = |share: &'_ Value| share["clicks"].as_i64().unwrap_or_default();
    let list = shares.as_array().expect("a list").iter();
    list.map(|one| (one["name"].as_str().expect("a text"), share(one)))
        .collect()
}
