//! Database, cache and process are killed under load: no redirect is ever wrong, nothing that was acknowledged is lost,
//! and everything recovers by itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Links;
use crate::support::redis::Redis;

const SLUGS: usize = 8;
/// What configuration promises: the longer of the two times, and a second for a busy machine.
const STALE: Duration = Duration::from_secs(3);
const VARS: [(&str, &str); 5] = [
    ("CACHE_TTL", "1s"),
    ("REDIS_TTL", "2s"),
    ("CLICKS_INTERVAL", "50ms"),
    ("DATABASE_ACQUIRE_TIMEOUT", "1s"),
    ("DATABASE_QUERY_TIMEOUT", "2s"),
];

/// What is known about the links from the answers alone.
#[derive(Default)]
struct Book {
    /// For each link the numbers of its targets: from when each may be seen, and since when it must not be any more.
    targets: HashMap<usize, Vec<Target>>,
}

struct Target {
    number: u64,
    /// None while it is not known whether it was written.
    acknowledged: Option<Instant>,
    replaced: Option<Instant>,
}

struct World {
    client: Mutex<Client>,
    book: Mutex<Book>,
    stop: AtomicBool,
    numbers: AtomicU64,
    redirects: AtomicU64,
    refused: AtomicU64,
}

#[test]
fn everything_is_killed_under_load() {
    let mut postgres = Postgres::durable();
    let mut redis = Redis::start();
    let (url, redis_url) = (postgres.url(), redis.url());
    let mut vars = vec![("DATABASE_URL", url.as_str()), ("REDIS_URL", &redis_url)];
    vars.extend(VARS);
    let (links, client) = Links::ready(&vars);
    let mut links = Some(links);
    let world = Arc::new(World {
        client: Mutex::new(client),
        book: Mutex::default(),
        stop: AtomicBool::new(false),
        numbers: AtomicU64::new(1),
        redirects: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    for slug in 0..SLUGS {
        world.write(slug);
    }
    let writers = (0..2).map(|turn| {
        world.spawn(move |world| {
            for step in 0.. {
                if world.stop.load(Ordering::Acquire) {
                    return;
                }
                world.write((turn + 2 * step) % SLUGS);
            }
        })
    });
    let readers = (0..4).map(|turn| {
        world.spawn(move |world| {
            for step in 0.. {
                if world.stop.load(Ordering::Acquire) {
                    return;
                }
                world.follow((turn + step) % SLUGS);
            }
        })
    });
    let threads: Vec<_> = writers.chain(readers).collect();

    world.recovers("to begin with");
    redis.kill();
    world.recovers("without the cache");
    redis.run();
    world.recovers("with the cache again");
    postgres.stop();
    eventually("refusals without the database", || {
        let refused = world.refused.load(Ordering::Acquire);
        if refused > 0 {
            Ok(())
        } else {
            Err(refused.to_string())
        }
    });
    postgres.run();
    world.recovers("after the database came back");
    // As the platform does: killed, and another in its place.
    let killed = links.take().expect("it runs");
    killed.signal(nix::sys::signal::Signal::SIGKILL);
    killed.wait();
    let (another, client) = Links::ready(&vars);
    *world.client.lock().expect("no holder panics") = client;
    world.recovers("after the process came back");

    world.stop.store(true, Ordering::Release);
    for thread in threads {
        thread.join().expect("no redirect was wrong");
    }
    assert!(world.redirects.load(Ordering::Acquire) > 100);
    // The database has the last target that was acknowledged, or one that was sent after it.
    let book = world.book.lock().expect("no holder panics");
    for (slug, targets) in &book.targets {
        let stored = postgres.sql(
            "links",
            &format!("select target from links where slug = 's{slug}'"),
        );
        let stored = number_of(stored.trim());
        let last = targets
            .iter()
            .rposition(|target| target.acknowledged.is_some());
        let possible = &targets[last.expect("one was")..];
        assert!(
            possible.iter().any(|target| target.number == stored),
            "s{slug} leads to {stored}"
        );
    }
    drop(another);
}

impl World {
    fn spawn(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let world = Arc::clone(self);
        thread::spawn(move || work(&world))
    }

    fn client(&self) -> Client {
        *self.client.lock().expect("no holder panics")
    }

    /// Gives the link another target. Only one thread writes each link.
    fn write(&self, slug: usize) {
        let number = self.numbers.fetch_add(1, Ordering::AcqRel);
        let first = {
            let mut book = self.book.lock().expect("no holder panics");
            let targets = book.targets.entry(slug).or_default();
            targets.push(Target {
                number,
                acknowledged: None,
                replaced: None,
            });
            targets.iter().all(|target| target.acknowledged.is_none())
        };
        let body = format!("{{\"target\":\"https://e.org/{number}\"");
        let answer = if first {
            let body = format!("{body},\"slug\":\"s{slug}\"}}");
            self.client().attempt("POST", "/api/links", &body)
        } else {
            self.client().attempt(
                "PATCH",
                &format!("/api/links/s{slug}"),
                &format!("{body}}}"),
            )
        };
        let done = answer.is_some_and(|answer| matches!(answer.status, 200 | 201));
        let mut book = self.book.lock().expect("no holder panics");
        let targets = book.targets.entry(slug).or_default();
        if done {
            let now = Instant::now();
            for target in targets.iter_mut() {
                if target.number == number {
                    target.acknowledged = Some(now);
                } else {
                    target.replaced.get_or_insert(now);
                }
            }
        }
    }

    fn follow(&self, slug: usize) {
        let asked = Instant::now();
        let answer = self.client().attempt("GET", &format!("/s{slug}"), "");
        let Some(answer) = answer.filter(|answer| answer.status != 503) else {
            self.refused.fetch_add(1, Ordering::AcqRel);
            return;
        };
        assert_eq!(answer.status, 302, "{answer:?}");
        let number = number_of(answer.header("location"));
        let book = self.book.lock().expect("no holder panics");
        let target = book.targets[&slug]
            .iter()
            .find(|target| target.number == number);
        let target = target.unwrap_or_else(|| panic!("s{slug} never led to {number}"));
        if let Some(replaced) = target.replaced {
            let age = asked.saturating_duration_since(replaced);
            assert!(
                age <= STALE,
                "s{slug} led to {number} for {age:?} after that was replaced"
            );
        }
        self.redirects.fetch_add(1, Ordering::AcqRel);
    }

    /// Everything works: redirects, and writes of every link.
    fn recovers(&self, when: &str) {
        let since = Instant::now();
        let redirects = self.redirects.load(Ordering::Acquire);
        eventually(when, || {
            let book = self.book.lock().expect("no holder panics");
            let written = book.targets.values().all(|targets| {
                targets
                    .iter()
                    .any(|target| target.acknowledged.is_some_and(|at| at > since))
            });
            let followed = self.redirects.load(Ordering::Acquire) > redirects + 50;
            if written && followed {
                Ok(())
            } else {
                Err(format!("{written} {followed}"))
            }
        });
    }
}

fn number_of(target: &str) -> u64 {
    let number = target
        .strip_prefix("https://e.org/")
        .and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{target:?} is not one of our targets"))
}
