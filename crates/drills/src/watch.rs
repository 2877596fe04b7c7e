//! What is seen of a service that scales, as the region's time goes by.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use crate::Site;
use crate::site::{Metric, Tasks};

/// What is seen of the service, and when.
pub(crate) struct Watch<'a> {
    pub(crate) site: &'a Site,
    pub(crate) cpu: Metric,
    pub(crate) begun: Timestamp,
    /// Each time that something was new.
    pub(crate) seen: Vec<Tasks>,
}

impl<'a> Watch<'a> {
    pub(crate) async fn begin(site: &'a Site) -> Result<Self> {
        Ok(Self {
            site,
            cpu: site.cpu().await?,
            begun: site.now().await?,
            seen: Vec::new(),
        })
    }

    /// Begins where the policy ends: with as few tasks as may be.
    pub(crate) async fn at_the_minimum(&mut self) -> Result<()> {
        self.site.fewest_tasks().await?;
        self.begun = self.site.now().await?;
        self.look().await?;
        Ok(())
    }

    pub(crate) async fn look(&mut self) -> Result<Tasks> {
        let now = self.site.open_tasks().await?;
        let news = |last: &Tasks| (last.desired, last.running) != (now.desired, now.running);
        if self.seen.last().is_none_or(news) {
            self.seen.push(now);
        }
        Ok(now)
    }

    pub(crate) async fn until(
        &mut self,
        limit: SignedDuration,
        mut so: impl FnMut(&Tasks) -> bool,
    ) -> Result<Option<Tasks>> {
        let site = self.site;
        site.within(limit, async || {
            let now = self.look().await?;
            Ok(so(&now).then_some(now))
        })
        .await
    }

    /// The service's CPU, minute by minute, since a moment.
    pub(crate) async fn minutes(&self, since: Timestamp) -> Result<Vec<(Timestamp, f64)>> {
        self.site.minutes(&self.cpu, since).await
    }

    /// The bounds that the service had in the beginning.
    pub(crate) fn bounds(&self) -> (u32, u32) {
        self.seen.first().map_or((0, 0), |one| (one.min, one.max))
    }

    pub(crate) fn kept_bounds(&self) -> bool {
        let (min, max) = self.bounds();
        let within = |count| (min..=max).contains(&count);
        self.seen
            .iter()
            .all(|one| within(one.desired) && within(one.running))
    }

    /// The whole of it, a line of time.
    pub(crate) async fn told(&self) -> Result<String> {
        let cpu = self.minutes(self.begun).await?;
        Ok(line_of_time(&cpu, &self.seen))
    }
}

/// Each minute's CPU, and the number of tasks wherever it changed.
fn line_of_time(cpu: &[(Timestamp, f64)], tasks: &[Tasks]) -> String {
    let mut all: Vec<(Timestamp, String)> = cpu
        .iter()
        .map(|(at, value)| (*at, format!("{value:.0} %")))
        .collect();
    all.extend(tasks.iter().map(|one| {
        let count = format!("[{} of {} tasks]", one.running, one.desired);
        (one.at, count)
    }));
    all.sort();
    let begun = all.first().map(|(at, _)| format!("{}:", clock(*at)));
    begun
        .into_iter()
        .chain(all.into_iter().map(|(_, text)| text))
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

pub(crate) fn minutes(duration: SignedDuration) -> String {
    format!(
        "{}:{:02} min",
        duration.as_secs() / 60,
        duration.as_secs() % 60
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(second: i64) -> Timestamp {
        let begin: Timestamp = "2026-01-05T10:00:00Z".parse().expect("a Monday");
        begin + SignedDuration::from_secs(second)
    }

    /// Between one and four.
    pub(crate) fn tasks(second: i64, desired: u32, running: u32) -> Tasks {
        Tasks {
            at: at(second),
            desired,
            running,
            min: 1,
            max: 4,
        }
    }

    #[test]
    fn the_line_of_time_shows_load_and_tasks_in_their_order() {
        let cpu = [(at(0), 2.0), (at(60), 99.6)];
        let seen = [tasks(5, 1, 1), tasks(70, 2, 1), tasks(90, 2, 2)];
        assert_eq!(
            line_of_time(&cpu, &seen),
            "10:00:00: 2 % [1 of 1 tasks] 100 % [1 of 2 tasks] [2 of 2 tasks]"
        );
    }
}
