//! Redirects per second, and what a herd of clients costs the database. `README.md` says what is measured.

#![allow(
    dead_code,
    reason = "the tests' servers can do more than is needed here"
)]

mod balancer;
mod load;
#[path = "../../app/tests/it/support/postgres.rs"]
mod postgres;
#[path = "../../app/tests/it/support/redis.rs"]
mod redis;
mod report;
mod service;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::balancer::Balancer;
use self::load::{CLIENTS, herd, measure, trivial};
use self::postgres::Postgres;
use self::redis::Redis;
use self::report::Report;
use self::service::Service;

const HERD: usize = 10_000;
/// Descriptors that a process needs beside those of the herd's connections.
const OTHER_DESCRIPTORS: usize = 1000;

#[tokio::main]
async fn main() {
    // `cargo bench` and `cargo test` also run this to ask what is in it.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let descriptors = allow_descriptors();
    let postgres = Postgres::start();
    let redis = Redis::start();
    let (url, redis_url) = (postgres.url(), redis.url());
    let database = ("DATABASE_URL", url.as_str());
    let shared = ("REDIS_URL", redis_url.as_str());
    let none = ("CACHE_BYTES", "0");
    let mut report = Report::default();

    let through = Balancer::start(trivial().await);
    let own = measure(through.address()).await;
    report.row("balancer to a target that answers at once", &own, None);
    drop(through);
    let mut cached = 0.0;
    for (name, vars) in [
        ("cached in the process", &[database][..]),
        ("cached in Redis only", &[database, none, shared]),
        ("not cached", &[database, none]),
    ] {
        let service = Service::start(vars);
        for number in 0..CLIENTS {
            service.create(&format!("bench{number}"));
        }
        let before = service.reads();
        let load = measure(service.address()).await;
        let reads = service.reads() - before;
        report.row(&format!("{name}, the service itself"), &load, Some(reads));
        let through = Balancer::start(service.address());
        let before = service.reads();
        let load = measure(through.address()).await;
        let reads = service.reads() - before;
        report.row(&format!("{name}, through a balancer"), &load, Some(reads));
        cached = f64::max(cached, load.per_second());
    }
    report.say(format!(
        "Cached redirects come at {:.0} % of the balancer's own rate (goal: 70 %).",
        100.0 * cached / own.per_second()
    ));

    let service = Service::start(&[database, ("KEEP_ALIVE_TIMEOUT", "5m")]);
    arrive(
        &service,
        service.address(),
        HERD,
        "to the service",
        &mut report,
    )
    .await;
    let through = Balancer::start(service.address());
    // It has two connections for each client, if it may.
    let herd = HERD.min((descriptors - OTHER_DESCRIPTORS) / 2);
    arrive(
        &service,
        through.address(),
        herd,
        "through a balancer",
        &mut report,
    )
    .await;
    report.keep();
}

/// Lets a herd come for a link that is new.
async fn arrive(
    service: &Service,
    address: SocketAddr,
    clients: usize,
    how: &str,
    report: &mut Report,
) {
    let slug = format!("herd-{}", how.replace(' ', "-"));
    service.create(&slug);
    let before = service.reads();
    let begun = Instant::now();
    let outcomes = herd(address, &format!("/{slug}"), clients).await;
    let took = begun.elapsed();
    let reads = service.reads() - before;
    let sent_on = outcomes.get("302").copied().unwrap_or_default();
    report.say(format!(
        "{clients} clients at once {how} for a new link: {sent_on} sent on in {took:.1?}, {reads} database read(s)."
    ));
    assert_eq!(
        (sent_on, reads),
        (clients, 1),
        "each must be sent on, by one read; became of them: {outcomes:?}"
    );
}

/// For this process and those that it starts; gives how many each may have.
fn allow_descriptors() -> usize {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("read the limit of descriptors");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("raise the limit of descriptors");
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let needed = HERD + OTHER_DESCRIPTORS;
    assert!(
        most >= needed,
        "a herd of {HERD} needs {needed} descriptors: raise the limit (ulimit -Hn)"
    );
    most
}

/// As the tests' support has it, for the servers that are shared with them.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match probe() {
            Ok(value) => return value,
            Err(complaint) => {
                assert!(
                    Instant::now() < deadline,
                    "{what} did not happen in 30 s: {complaint}"
                );
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
