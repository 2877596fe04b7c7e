//! Old data: made coarser as it ages, and forgotten in the end.

use jiff::Timestamp;

use super::chunk::{ChunkKey, Tier};
use super::memory::Known;
use super::metric;
use crate::Region;

const HOUR: i64 = 3600;

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(HOUR) * HOUR
}

/// Once an hour.
pub(super) fn reconcile(region: &mut Region, now: Timestamp) {
    let known = region.cloudwatch.memory.get();
    let this = hour(now);
    if known.rolled_up.is_some_and(|at| at.as_second() >= this) {
        return;
    }
    roll_up(region, now);
    region.cloudwatch.memory.set(Known {
        rolled_up: Timestamp::from_second(this).ok(),
        ..known
    });
}

/// The next full hour, where there is data.
pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    if region.cloudwatch.chunks.is_empty() {
        return None;
    }
    Timestamp::from_second(hour(region.settled_at) + HOUR).ok()
}

/// Rolls up every chunk all of whose data is too old to be kept so fine. Chunks are looked through
/// once an hour.
fn roll_up(region: &mut Region, now: Timestamp) {
    let now = now.as_second();
    let old: Vec<ChunkKey> = region
        .cloudwatch
        .chunks
        .keys()
        .filter(|key| key.start + key.tier.span() <= now - key.tier.kept())
        .copied()
        .collect();
    for key in old {
        let Some(chunk) = region.cloudwatch.chunks.remove(&key) else {
            continue;
        };
        let Some(coarser) = key.tier.coarser() else {
            continue;
        };
        for (number, bucket) in chunk.reader() {
            let at = key.start + i64::from(number) * key.tier.step();
            // What comes late may be too old for the next resolution too.
            let tier = Tier::of_age(now - at).map_or(Tier::Hour, |tier| tier.max(coarser));
            metric::add(region, key.series, tier, at, &bucket);
        }
    }
    forget_metrics(region);
}

/// A metric of which no data is left is gone.
fn forget_metrics(region: &mut Region) {
    let state = &mut region.cloudwatch;
    let empty = |series: u64| {
        let key = |tier, start| ChunkKey {
            series,
            tier,
            start,
        };
        state
            .chunks
            .range(key(Tier::Second, i64::MIN)..=key(Tier::Hour, i64::MAX))
            .next()
            .is_none()
    };
    let gone: Vec<String> = state
        .metrics
        .iter()
        .filter(|(_, metric)| metric.series.iter().all(|(_, series)| empty(*series)))
        .map(|(key, _)| key.clone())
        .collect();
    for key in gone {
        state.metrics.remove(&key);
    }
}
