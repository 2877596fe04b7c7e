//! Counters in memory, and the rows that become of them.

use std::collections::HashMap;

use super::Family;
use crate::links::Slug;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Hosts told apart for one link in one batch; a client may invent as many as it likes.
const MAX_REFERRERS: usize = 64;
/// For all others.
pub(super) const OTHER_REFERRERS: &str = "(other)";

/// What was clicked, by link.
#[derive(Debug, Default)]
pub(super) struct Pending {
    links: HashMap<Slug, Counts>,
}

/// Short lists: a batch spans a second, so seldom two hours or days.
#[derive(Debug, Default)]
struct Counts {
    hours: Vec<(i64, u64)>,
    referrers: Vec<(i64, Box<str>, u64)>,
    agents: Vec<(i64, Family, u64)>,
}

/// Columns for the three tables, sorted by key, so that tasks lock rows in one order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub clicks: u64,
    /// Slug, beginning of the hour in seconds since 1970, clicks.
    pub hours: Vec<(String, i64, i64)>,
    /// Slug, days since 1970, host, clicks.
    pub referrers: Vec<(String, i32, String, i64)>,
    /// Slug, days since 1970, family, clicks.
    pub agents: Vec<(String, i32, &'static str, i64)>,
}

impl Pending {
    /// Whether there was room for it.
    pub(super) fn count(
        &mut self,
        slug: &Slug,
        second: i64,
        host: &str,
        family: Family,
        max_links: usize,
    ) -> bool {
        if !self.links.contains_key(slug) {
            if self.links.len() >= max_links {
                return false;
            }
            self.links.insert(slug.clone(), Counts::default());
        }
        let Some(counts) = self.links.get_mut(slug) else {
            return false;
        };
        counts.add(
            second.div_euclid(HOUR),
            second.div_euclid(DAY),
            host,
            family,
        );
        true
    }

    pub(super) fn merge(&mut self, other: Self) {
        if self.links.is_empty() {
            *self = other;
        } else {
            // Shards hold different links.
            self.links.extend(other.links);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Rows in batches of so many links.
    pub(super) fn into_batches(self, links: usize) -> Vec<Rows> {
        let mut all: Vec<_> = self.links.into_iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all.chunks_mut(links).map(rows).collect()
    }
}

impl Counts {
    fn add(&mut self, hour: i64, day: i64, host: &str, family: Family) {
        match self.hours.iter_mut().find(|(known, _)| *known == hour) {
            Some((_, clicks)) => *clicks += 1,
            None => self.hours.push((hour, 1)),
        }
        let room = self.referrers.len() < MAX_REFERRERS;
        let known =
            |name: &str, (at, host, _): &(i64, Box<str>, u64)| *at == day && **host == *name;
        let position = self.referrers.iter().position(|row| known(host, row));
        match position {
            Some(index) => self.referrers[index].2 += 1,
            None if room => self
                .referrers
                .push((day, host.to_ascii_lowercase().into(), 1)),
            None => match self
                .referrers
                .iter_mut()
                .find(|row| known(OTHER_REFERRERS, row))
            {
                Some((_, _, clicks)) => *clicks += 1,
                None => self.referrers.push((day, OTHER_REFERRERS.into(), 1)),
            },
        }
        match self
            .agents
            .iter_mut()
            .find(|(at, known, _)| *at == day && *known == family)
        {
            Some((_, _, clicks)) => *clicks += 1,
            None => self.agents.push((day, family, 1)),
        }
    }
}

fn rows(links: &mut [(Slug, Counts)]) -> Rows {
    let mut rows = Rows::default();
    for (slug, counts) in links {
        let slug = slug.as_str();
        for (hour, clicks) in &counts.hours {
            rows.clicks += clicks;
            rows.hours
                .push((slug.to_owned(), hour * HOUR, signed(*clicks)));
        }
        let mut referrers: HashMap<(i64, &str), u64> = HashMap::new();
        // Names that differ in case only became one.
        for (day, host, clicks) in &counts.referrers {
            *referrers.entry((*day, host)).or_default() += clicks;
        }
        for ((day, host), clicks) in referrers {
            rows.referrers.push((
                slug.to_owned(),
                day_number(day),
                host.to_owned(),
                signed(clicks),
            ));
        }
        for (day, family, clicks) in &counts.agents {
            rows.agents.push((
                slug.to_owned(),
                day_number(*day),
                family.name(),
                signed(*clicks),
            ));
        }
    }
    rows.hours.sort_unstable();
    rows.referrers.sort_unstable();
    rows.agents.sort_unstable();
    rows
}

fn signed(clicks: u64) -> i64 {
    i64::try_from(clicks).unwrap_or(i64::MAX)
}

fn day_number(day: i64) -> i32 {
    i32::try_from(day).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_become_rows() {
        let mut pending = Pending::default();
        let (a, b) = (Slug::parse("a").unwrap(), Slug::parse("b").unwrap());
        let noon = 20_000 * DAY + 12 * HOUR;
        for (slug, second, host, family) in [
            (&b, noon, "x.test", Family::Chrome),
            (&a, noon, "", Family::Bot),
            (&a, noon + 3599, "x.test", Family::Bot),
            (&a, noon + 3600, "X.test", Family::Safari),
        ] {
            assert!(pending.count(slug, second, host, family, 2));
        }
        assert!(!pending.count(&Slug::parse("c").unwrap(), noon, "", Family::Bot, 2));
        let batches = pending.into_batches(1);
        assert_eq!(batches.len(), 2);
        let first = &batches[0];
        assert_eq!(first.clicks, 3);
        let row = |hour: i64, clicks| ("a".to_owned(), noon + hour * HOUR, clicks);
        assert_eq!(first.hours, [row(0, 2), row(1, 1)]);
        let row = |host: &str, clicks| ("a".to_owned(), 20_000, host.to_owned(), clicks);
        assert_eq!(first.referrers, [row("", 1), row("x.test", 2)]);
        let row = |family, clicks| ("a".to_owned(), 20_000, family, clicks);
        assert_eq!(first.agents, [row("Bots", 2), row("Safari", 1)]);
    }

    #[test]
    fn invented_referrers_are_bounded() {
        let mut pending = Pending::default();
        let slug = Slug::parse("a").unwrap();
        for number in 0..1000 {
            pending.count(&slug, 0, &format!("{number}.test"), Family::Other, 1);
        }
        let rows = &pending.into_batches(10)[0];
        assert_eq!(rows.referrers.len(), MAX_REFERRERS + 1);
        assert_eq!(rows.referrers.iter().map(|row| row.3).sum::<i64>(), 1000);
    }
}
