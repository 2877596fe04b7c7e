//! What the tests stand on: a PostgreSQL server, a `links` process, and a small HTTP client.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod redis;
pub(crate) mod secrets_manager;
pub(crate) mod table_lock;

use std::time::{Duration, Instant};

/// Waits until `probe` gives something; on timeout fails with the end of its last complaint.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match probe() {
            Ok(value) => return value,
            Err(complaint) if Instant::now() < deadline => drop(complaint),
            Err(complaint) => {
                let lines: Vec<_> = complaint.lines().collect();
                let end = lines[lines.len().saturating_sub(20)..].join("\n");
                panic!("{what} did not happen in 30 s: {end}");
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
