//! Reading series: chunks of whatever resolution, brought to the periods asked for.

use std::collections::BTreeMap;

use wire::cloudwatch as api;

use super::bucket::Bucket;
use super::chunk::{ChunkKey, Tier};
use crate::Region;

/// A range of time in seconds, cut into periods from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Inclusive.
    pub(super) start: i64,
    /// Exclusive.
    pub(super) end: i64,
    pub(super) period: i64,
    /// Decides how fine old data can still be told.
    pub(super) now: i64,
}

impl Range {
    /// The starts of its periods.
    pub(super) fn periods(self) -> impl Iterator<Item = i64> {
        let step = usize::try_from(self.period.max(1)).unwrap_or(usize::MAX);
        (self.start..self.end).step_by(step)
    }
}

/// Buckets by the start of their period.
pub(super) type Buckets = BTreeMap<i64, Bucket>;

/// What was found of a metric.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) buckets: Buckets,
    /// All units that have data in the range, by name.
    pub(super) units: Vec<api::StandardUnit>,
}

/// A metric in one unit: the one asked for or, if none is asked for, the first by name that has
/// data in the range, as AWS answers (it calls this undefined).
pub(super) fn one_unit(
    region: &Region,
    identity: &str,
    unit: Option<api::StandardUnit>,
    range: Range,
) -> Found {
    let mut found = Found::default();
    for (unit, buckets) in by_unit(region, identity, unit, range) {
        if found.units.is_empty() {
            found.buckets = buckets;
        }
        found.units.push(unit);
    }
    found
}

/// A metric by unit, those without data in the range left out.
pub(super) fn by_unit(
    region: &Region,
    identity: &str,
    unit: Option<api::StandardUnit>,
    range: Range,
) -> Vec<(api::StandardUnit, Buckets)> {
    let Some(metric) = region.cloudwatch.metrics.get(identity) else {
        return Vec::new();
    };
    metric
        .series
        .iter()
        .filter(|(own, _)| unit.is_none_or(|unit| unit == *own))
        .map(|(own, series)| (*own, buckets(region, *series, range)))
        .filter(|(_, buckets)| !buckets.is_empty())
        .collect()
}

fn buckets(region: &Region, series: u64, range: Range) -> Buckets {
    let mut found = Buckets::new();
    if range.period <= 0 || range.start >= range.end {
        return found;
    }
    for tier in Tier::ALL {
        let key = |start| ChunkKey {
            series,
            tier,
            start,
        };
        let chunks = region
            .cloudwatch
            .chunks
            .range(key(tier.chunk_of(range.start))..key(range.end));
        for (key, chunk) in chunks {
            let first = (range.start - key.start).max(0) / tier.step();
            for (number, bucket) in chunk.reader_from(u32::try_from(first).unwrap_or(0)) {
                let at = key.start + i64::from(number) * tier.step();
                if at < range.start {
                    continue;
                }
                if at >= range.end {
                    break;
                }
                // Data so old is only told so coarsely.
                let finest = Tier::of_age(range.now - at).map(Tier::step);
                if finest.is_none_or(|step| step > 1 && range.period % step != 0) {
                    continue;
                }
                let period = at - (at - range.start) % range.period;
                match found.entry(period) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(bucket);
                    }
                    std::collections::btree_map::Entry::Occupied(mut entry) => {
                        entry.get_mut().add(&bucket);
                    }
                }
            }
        }
    }
    found
}
