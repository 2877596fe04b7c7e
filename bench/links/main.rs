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
mod service;

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::balancer::Balancer;
use self::load::{herd, measure, trivial};
use self::postgres::Postgres;
use self::redis::Redis;
use self::service::Service;

const HERD: usize = 10_000;
/// For a connection of each of the herd, in this process and in the service.
const DESCRIPTORS: u64 = HERD as u64 + 1000;

#[tokio::main]
async fn main() {
    // `cargo bench` and `cargo test` also run this to ask what is in it.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("read the limit of descriptors");
    assert!(
        most >= DESCRIPTORS,
        "a herd of {HERD} needs {DESCRIPTORS} descriptors: raise the limit (ulimit -Hn)"
    );
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("raise the limit of descriptors");
    let postgres = Postgres::start();
    let redis = Redis::start();
    println!(
        "{:<44} {:>12} {:>10} {:>10}",
        "", "per second", "p50", "p99"
    );

    let trivial = trivial().await;
    let through = Balancer::start(trivial);
    let own = measure(
        "balancer to a target that answers at once",
        through.address(),
        "/x",
    )
    .await;
    drop(through);

    let (url, redis_url) = (postgres.url(), redis.url());
    let database = ("DATABASE_URL", url.as_str());
    let shared = ("REDIS_URL", redis_url.as_str());
    let none = ("CACHE_BYTES", "0");
    let mut cached = 0.0;
    for (name, vars) in [
        ("cached in the process", &[database][..]),
        ("cached in Redis only", &[database, none, shared]),
        ("not cached", &[database, none]),
    ] {
        let service = Service::start(vars);
        service.create("bench");
        measure(
            &format!("{name}, the service itself"),
            service.address(),
            "/bench",
        )
        .await;
        let through = Balancer::start(service.address());
        let rate = measure(
            &format!("{name}, through the balancer"),
            through.address(),
            "/bench",
        )
        .await;
        cached = f64::max(cached, rate);
    }
    println!(
        "\ncached redirects come at {:.0} % of the balancer's own rate (goal: 70 %)",
        100.0 * cached / own
    );

    let service = Service::start(&[database, ("KEEP_ALIVE_TIMEOUT", "5m")]);
    service.create("herd");
    let before = service.reads();
    let begun = Instant::now();
    let answered = herd(service.address(), "/herd", HERD, Duration::from_mins(1)).await;
    let took = begun.elapsed();
    let reads = service.reads() - before;
    println!(
        "{HERD} clients at once for a new link: {answered} sent on in {took:.1?}, {reads} database read(s)"
    );
    assert_eq!(
        (answered, reads),
        (HERD, 1),
        "each must be sent on, by one read"
    );
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
