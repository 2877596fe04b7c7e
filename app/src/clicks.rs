//! Clicks: counted where they happen, written in batches, reported by hour and day.
//!
//! A redirect only adds to counters in memory. Once each `CLICKS_INTERVAL` they are written, one batch after the other,
//! each in one transaction that also notes the batch's number: a batch whose commit was not confirmed is sent again
//! and counts once. A stop writes what is left. A hard kill loses what was counted since the last batch, at most the
//! interval and the time one batch takes; while the database is away, what was counted since it went.

mod agent;
mod pending;
mod report;
mod writer;

use std::sync::Mutex;

pub use self::agent::Family;
use self::pending::Pending;
pub use self::report::{Recent, Report, Resolution, Share, Span, recent, report};
pub use self::writer::run;
use crate::links::Slug;
use crate::telemetry::metrics;

/// Redirects in different threads rarely wait for one another.
const SHARDS: usize = 16;
/// Links with clicks to be written, over all shards. What is more is dropped, and counted as dropped.
const MAX_LINKS: usize = 100_000;

/// What was clicked and is not written yet.
pub struct Clicks {
    shards: Vec<Mutex<Pending>>,
}

impl Default for Clicks {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Clicks {
    /// Counts a follower of this link, at this moment in seconds since 1970.
    pub fn count(&self, slug: &Slug, second: i64, referrer: Option<&str>, agent: Option<&str>) {
        let shard = slug.as_str().bytes().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        let mut pending = self.shards[shard % SHARDS]
            .lock()
            .expect("no holder panics");
        let family = Family::of(agent.unwrap_or_default());
        let counted = pending.count(slug, second, host(referrer), family, MAX_LINKS / SHARDS);
        drop(pending);
        if counted {
            metrics().click_counted();
        } else {
            metrics().clicks("dropped", 1);
        }
    }

    /// Takes all that waits.
    fn take(&self) -> Pending {
        let mut all = Pending::default();
        for shard in &self.shards {
            all.merge(std::mem::take(
                &mut *shard.lock().expect("no holder panics"),
            ));
        }
        all
    }
}

/// Only the host of where a follower came from: the rest is theirs. Empty for none.
fn host(referrer: Option<&str>) -> &str {
    const MAX_HOST: usize = 253;
    referrer
        .and_then(|text| text.split_once("://"))
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default())
        .map(|authority| {
            authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host)
        })
        .filter(|host| {
            let known = |b: u8| {
                b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_' | b'[' | b']')
            };
            host.len() <= MAX_HOST && host.bytes().all(known)
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_a_referrer_is_kept() {
        let cases = [
            ("https://news.example/item?id=1", "news.example"),
            ("http://me:pw@intern.example:81/x", "intern.example:81"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("android-app://com.example/", ""),
            ("news.example", ""),
            ("https://", ""),
            ("https://a b/", ""),
            ("https://<script>/", ""),
        ];
        for (referrer, expected) in cases {
            assert_eq!(host(Some(referrer)), expected, "{referrer}");
        }
        assert_eq!(host(None), "");
    }
}
