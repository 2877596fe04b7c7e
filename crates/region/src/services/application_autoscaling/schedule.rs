//! When a scheduled action runs: `at(…)`, `rate(…)`, `cron(…)`, a time zone, a start and an end.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-policy-overview.html>

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;

/// The zones' rules come with the program: what the machine has installed changes nothing here.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its IANA name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recurrence {
    At(DateTime),
    Rate(SignedDuration),
    Cron(Box<Cron>),
}

impl Recurrence {
    /// `None` if it is none of the three.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.trim().split_once('(')?;
        let inside = rest.strip_suffix(')')?.trim();
        match kind {
            "at" => DateTime::strptime("%Y-%m-%dT%H:%M:%S", inside)
                .ok()
                .map(Self::At),
            "rate" => {
                let (number, unit) = inside.split_once(' ')?;
                let number: u32 = number.parse().ok().filter(|one| *one > 0)?;
                let unit = match unit.trim() {
                    "minute" | "minutes" => 60,
                    "hour" | "hours" => 3_600,
                    "day" | "days" => 86_400,
                    _ => return None,
                };
                Some(Self::Rate(SignedDuration::from_secs(
                    i64::from(number) * unit,
                )))
            }
            "cron" => Cron::parse(inside).map(|cron| Self::Cron(Box::new(cron))),
            _ => None,
        }
    }
}

/// All that decides when an action runs.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) recurrence: Recurrence,
    pub(super) zone: TimeZone,
    pub(super) created_at: Timestamp,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
}

impl Schedule {
    /// The first run strictly after `after`. One that recurs and has a start runs at that instant
    /// and then by its recurrence; after its end it just stops.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let next = match (&self.recurrence, self.start) {
            (Recurrence::At(local), start) => self
                .zone
                .to_timestamp(*local)
                .ok()
                .filter(|at| *at > after && start.is_none_or(|start| *at >= start)),
            (_, Some(start)) if start > after => Some(start),
            (Recurrence::Rate(every), start) => {
                let base = start.unwrap_or(self.created_at);
                let past = after.duration_since(base).as_secs().max(0);
                let runs = past / every.as_secs() + 1;
                let ahead = SignedDuration::from_secs(every.as_secs().checked_mul(runs)?);
                base.checked_add(ahead).ok()
            }
            (Recurrence::Cron(cron), _) => cron.next(&self.zone, after),
        };
        next.filter(|at| self.end.is_none_or(|end| *at <= end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("it is a moment")
    }

    fn runs(text: &str, zone_name: &str, start: Option<&str>, end: Option<&str>) -> Vec<String> {
        let schedule = Schedule {
            recurrence: Recurrence::parse(text).expect(text),
            zone: zone(zone_name).expect(zone_name),
            created_at: moment("2026-01-05T08:00:30Z"),
            start: start.map(moment),
            end: end.map(moment),
        };
        let mut after = schedule.created_at;
        let mut found = Vec::new();
        while let Some(next) = schedule.next(after).filter(|_| found.len() < 4) {
            assert!(next > after);
            found.push(next.to_string());
            after = next;
        }
        found
    }

    #[test]
    fn runs_follow_start_end_and_zone() {
        assert_eq!(
            runs("at(2026-07-01T10:00:00)", "Europe/Berlin", None, None),
            ["2026-07-01T08:00:00Z"]
        );
        assert!(runs("at(2025-07-01T10:00:00)", "UTC", None, None).is_empty());
        assert_eq!(
            runs(
                "rate(90 minutes)",
                "UTC",
                None,
                Some("2026-01-05T11:30:00Z")
            ),
            ["2026-01-05T09:30:30Z", "2026-01-05T11:00:30Z"]
        );
        assert_eq!(
            runs(
                "rate(1 day)",
                "UTC",
                Some("2026-02-01T00:00:00Z"),
                Some("2026-02-03T00:00:00Z")
            ),
            [
                "2026-02-01T00:00:00Z",
                "2026-02-02T00:00:00Z",
                "2026-02-03T00:00:00Z"
            ]
        );
        // At its start, whatever the recurrence says, and then by that.
        assert_eq!(
            runs(
                "cron(0 18 ? * MON-FRI *)",
                "UTC",
                Some("2026-02-06T12:00:00Z"),
                Some("2026-02-09T20:00:00Z")
            ),
            [
                "2026-02-06T12:00:00Z",
                "2026-02-06T18:00:00Z",
                "2026-02-09T18:00:00Z"
            ]
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "18:00",
            "at(2026-07-01)",
            "at(2026-13-01T00:00:00)",
            "rate(0 minutes)",
            "rate(5 weeks)",
            "rate(5)",
            "rate(-5 minutes)",
            "cron(0 0 * * *)",
            "every(5 minutes)",
            "rate(5 minutes",
        ] {
            assert_eq!(Recurrence::parse(text), None, "{text:?}");
        }
        assert!(zone("Europe/Atlantis").is_none());
        assert!(zone("Etc/GMT+9").is_some());
    }
}
