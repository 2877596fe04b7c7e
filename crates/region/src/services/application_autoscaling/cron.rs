//! Cron expressions as Application Auto Scaling reads them: `minutes hours day-of-month month
//! day-of-week year`, with `?`, names, `L`, `W`, `#` and steps.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>
//! and, for the meaning of each field,
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>. A
//! local time that a change of the clock skips is skipped; one that it repeats counts once
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).

use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::{AmbiguousOffset, TimeZone};

const FIRST_YEAR: i16 = 1970;
const LAST_YEAR: i16 = 2199;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Set,
    hours: Set,
    months: Set,
    years: Set,
    days: Days,
}

/// Numbers that a field names, ascending.
type Set = Vec<i16>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    Every,
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayOfMonth {
    Day(i16),
    /// So many days before the last.
    Last(i16),
    /// The day of Monday to Friday that is nearest to this day, within the month.
    Weekday(i16),
    LastWeekday,
}

/// One is Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayOfWeek {
    Day(i16),
    /// The last such day of the month.
    Last(i16),
    /// The so-many-th such day of the month.
    Nth(i16, i16),
}

impl Cron {
    /// Reads what stands between the parentheses; `None` if it is no cron expression. A seventh
    /// field in front, the seconds, is accepted and, as AWS warns, not precise: it is ignored.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let fields = match fields.as_slice() {
            [seconds, rest @ ..] if rest.len() == 6 => {
                set(seconds, 0, 59, &[])?;
                rest
            }
            all => all,
        };
        let [minutes, hours, day, month, weekday, year] = <[&str; 6]>::try_from(fields).ok()?;
        // One of the two days has to be left open.
        let days = match (day, weekday) {
            ("?", "?") => return None,
            ("*", "?") | ("?", "*") => Days::Every,
            (day, "?") => Days::OfMonth(list(day, day_of_month)?),
            ("?", weekday) => Days::OfWeek(list(weekday, day_of_week)?),
            _ => return None,
        };
        Some(Self {
            minutes: set(minutes, 0, 59, &[])?,
            hours: set(hours, 0, 23, &[])?,
            months: set(month, 1, 12, &MONTHS)?,
            years: set(year, FIRST_YEAR, LAST_YEAR, &[])?,
            days,
        })
    }

    /// The first time strictly after `after`; `None` if there is none any more.
    pub(super) fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let local = zone.to_datetime(after);
        let mut day = local.date();
        while day.year() <= LAST_YEAR {
            if self.years.binary_search(&day.year()).is_err() {
                day = date(day.year().checked_add(1)?, 1, 1);
                continue;
            }
            if self.months.binary_search(&i16::from(day.month())).is_err() {
                day = day.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.names(day) {
                for hour in &self.hours {
                    for minute in &self.minutes {
                        let (hour, minute) =
                            (i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?);
                        let civil = day.at(hour, minute, 0, 0);
                        if civil <= local {
                            continue;
                        }
                        let found = zone.to_ambiguous_timestamp(civil);
                        let at = match found.offset() {
                            AmbiguousOffset::Gap { .. } => continue,
                            _ => found.earlier().ok()?,
                        };
                        if at > after {
                            return Some(at);
                        }
                    }
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn names(&self, day: Date) -> bool {
        match &self.days {
            Days::Every => true,
            Days::OfMonth(days) => days.iter().any(|one| one.is(day)),
            Days::OfWeek(days) => days.iter().any(|one| one.is(day)),
        }
    }
}

impl DayOfMonth {
    fn is(self, day: Date) -> bool {
        let number = i16::from(day.day());
        let last = i16::from(day.days_in_month());
        match self {
            Self::Day(wanted) => number == wanted,
            Self::Last(before) => number == last - before,
            Self::Weekday(wanted) => wanted <= last && number == nearest_weekday(day, wanted),
            Self::LastWeekday => number == nearest_weekday(day, last),
        }
    }
}

/// The working day nearest to a day of the month of `within`, without leaving that month.
fn nearest_weekday(within: Date, wanted: i16) -> i16 {
    let last = i16::from(within.days_in_month());
    let day = i8::try_from(wanted).unwrap_or(1);
    match date(within.year(), within.month(), day).weekday() {
        Weekday::Saturday if wanted == 1 => 3,
        Weekday::Saturday => wanted - 1,
        Weekday::Sunday if wanted == last => wanted - 2,
        Weekday::Sunday => wanted + 1,
        _ => wanted,
    }
}

impl DayOfWeek {
    fn is(self, day: Date) -> bool {
        let weekday = i16::from(day.weekday().to_sunday_one_offset());
        let number = i16::from(day.day());
        match self {
            Self::Day(wanted) => weekday == wanted,
            Self::Last(wanted) => weekday == wanted && number + 7 > i16::from(day.days_in_month()),
            Self::Nth(wanted, nth) => weekday == wanted && (number - 1) / 7 + 1 == nth,
        }
    }
}

/// A field of items with commas between them.
fn list<T>(field: &str, item: impl Fn(&str) -> Option<Vec<T>>) -> Option<Vec<T>> {
    let mut all = Vec::new();
    for part in field.split(',') {
        all.extend(item(part)?);
    }
    Some(all)
}

fn day_of_month(part: &str) -> Option<Vec<DayOfMonth>> {
    let one = match part {
        "L" => DayOfMonth::Last(0),
        "LW" => DayOfMonth::LastWeekday,
        part => {
            if let Some(before) = part.strip_prefix("L-") {
                DayOfMonth::Last(number(before, 1, 30, &[])?)
            } else if let Some(day) = part.strip_suffix('W') {
                DayOfMonth::Weekday(number(day, 1, 31, &[])?)
            } else {
                let days = numbers(part, 1, 31, &[])?;
                return Some(days.into_iter().map(DayOfMonth::Day).collect());
            }
        }
    };
    Some(vec![one])
}

fn day_of_week(part: &str) -> Option<Vec<DayOfWeek>> {
    if let Some((day, nth)) = part.split_once('#') {
        let day = number(day, 1, 7, &DAYS)?;
        return Some(vec![DayOfWeek::Nth(day, number(nth, 1, 5, &[])?)]);
    }
    if part == "L" {
        // The last day of the week.
        return Some(vec![DayOfWeek::Day(7)]);
    }
    if let Some(day) = part.strip_suffix('L') {
        return Some(vec![DayOfWeek::Last(number(day, 1, 7, &DAYS)?)]);
    }
    let days = numbers(part, 1, 7, &DAYS)?;
    Some(days.into_iter().map(DayOfWeek::Day).collect())
}

fn set(field: &str, least: i16, most: i16, names: &[&str]) -> Option<Set> {
    let mut all = list(field, |part| numbers(part, least, most, names))?;
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// `*`, `a`, `a-b`, and each of them with `/step`. A range may run past the end and begin anew,
/// as `FRI-MON`.
fn numbers(part: &str, least: i16, most: i16, names: &[&str]) -> Option<Set> {
    let (range, step) = match part.split_once('/') {
        None => (part, None),
        Some((range, step)) => (range, Some(number(step, 1, most, &[])?)),
    };
    let (from, to) = match (range, range.split_once('-')) {
        ("*", _) => (least, most),
        (_, Some((from, to))) => (
            number(from, least, most, names)?,
            number(to, least, most, names)?,
        ),
        (one, None) => {
            let one = number(one, least, most, names)?;
            // `5/15` goes on to the end.
            (one, if step.is_some() { most } else { one })
        }
    };
    let step = usize::try_from(step.unwrap_or(1)).ok()?;
    if from <= to {
        return Some((from..=to).step_by(step).collect());
    }
    // Years have no end to run past.
    (most != LAST_YEAR).then(|| (from..=most).chain(least..=to).step_by(step).collect())
}

fn number(text: &str, least: i16, most: i16, names: &[&str]) -> Option<i16> {
    let named = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
        .and_then(|at| i16::try_from(at).ok())
        .map(|at| at + least);
    let number = match named {
        Some(number) => number,
        None if text.bytes().all(|one| one.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    (least..=most).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("it is a moment")
    }

    fn zone(name: &str) -> TimeZone {
        super::super::schedule::zone(name).expect("it is there")
    }

    /// The first times after `after`, as many as expected.
    fn check(expression: &str, zone_name: &str, after: &str, expected: &[&str]) {
        let cron = Cron::parse(expression).unwrap_or_else(|| panic!("{expression}"));
        let zone = zone(zone_name);
        let mut at = moment(after);
        for one in expected {
            at = cron
                .next(&zone, at)
                .unwrap_or_else(|| panic!("{expression} has no next after {at}"));
            assert_eq!(at, moment(one), "{expression} in {zone_name}");
        }
    }

    #[test]
    fn times_follow_the_fields() {
        let start = "2026-01-01T00:00:00Z"; // a Thursday
        let cases: [(&str, &[&str]); 14] = [
            (
                "0 18 ? * MON-FRI *",
                &[
                    "2026-01-01T18:00:00Z",
                    "2026-01-02T18:00:00Z",
                    "2026-01-05T18:00:00Z",
                ],
            ),
            (
                "0 8 ? * 2-6 *",
                &[
                    "2026-01-01T08:00:00Z",
                    "2026-01-02T08:00:00Z",
                    "2026-01-05T08:00:00Z",
                ],
            ),
            (
                "0/15 * * * ? *",
                &["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
            ),
            (
                "10/20 8-9 * * ? *",
                &[
                    "2026-01-01T08:10:00Z",
                    "2026-01-01T08:30:00Z",
                    "2026-01-01T08:50:00Z",
                    "2026-01-01T09:10:00Z",
                ],
            ),
            (
                "0 0 1 * ? *",
                &["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
            ),
            (
                "0 12 L * ? *",
                &["2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"],
            ),
            (
                "0 12 L-2 * ? *",
                &["2026-01-29T12:00:00Z", "2026-02-26T12:00:00Z"],
            ),
            // 15 February 2026 is a Sunday, 1 August a Saturday.
            ("0 9 15W 2 ? *", &["2026-02-16T09:00:00Z"]),
            ("0 9 1W 8 ? *", &["2026-08-03T09:00:00Z"]),
            // 31 January 2026 is a Saturday.
            ("0 9 LW 1 ? *", &["2026-01-30T09:00:00Z"]),
            (
                "30 6 ? * 6L *",
                &["2026-01-30T06:30:00Z", "2026-02-27T06:30:00Z"],
            ),
            (
                "30 6 ? JAN,MAR MON#1 *",
                &["2026-01-05T06:30:00Z", "2026-03-02T06:30:00Z"],
            ),
            (
                "0 0 29 2 ? *",
                &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
            ),
            (
                "0 0 0 1 1 ? 2030/5",
                &["2030-01-01T00:00:00Z", "2035-01-01T00:00:00Z"],
            ),
        ];
        for (expression, expected) in cases {
            check(expression, "UTC", start, expected);
        }
        check(
            "5 4 ? * FRI-MON *",
            "UTC",
            "2026-01-02T05:00:00Z",
            &[
                "2026-01-03T04:05:00Z",
                "2026-01-04T04:05:00Z",
                "2026-01-05T04:05:00Z",
                "2026-01-09T04:05:00Z",
            ],
        );
    }

    #[test]
    fn local_time_moves_with_the_seasons() {
        // Summer time begins on 29 March 2026 at 01:00 UTC and ends on 25 October at 01:00 UTC.
        check(
            "0 8 * * ? *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"],
        );
        // 02:30 is not there on that day, and twice in October, where it counts once.
        check(
            "30 2 * * ? *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"],
        );
        check(
            "30 2 * * ? *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        check(
            "0 9 * * ? *",
            "America/New_York",
            "2026-07-01T00:00:00Z",
            &["2026-07-01T13:00:00Z"],
        );
    }

    #[test]
    fn what_never_comes_has_no_next() {
        for expression in ["0 0 30 2 ? *", "0 0 1 1 ? 2020"] {
            let cron = Cron::parse(expression).expect(expression);
            assert_eq!(
                cron.next(&TimeZone::UTC, moment("2026-01-01T00:00:00Z")),
                None
            );
        }
    }

    #[test]
    fn what_is_no_cron_expression_is_refused() {
        for expression in [
            "",
            "* * * * *",
            "0 0 * * * *",
            "0 0 ? * ? *",
            "60 0 * * ? *",
            "0 24 * * ? *",
            "0 0 32 * ? *",
            "0 0 ? * MUN *",
            "0 0 ? * 8 *",
            "0/0 0 * * ? *",
            "0 0 ? * 2#6 *",
            "0 0 1 1 ? 1969",
            "a b c d e f",
            "0 0 L-31 * ? *",
            "-1 0 * * ? *",
            "0,, 0 * * ? *",
            "+5 0 * * ? *",
            "0 0 1 1 ? 2030-2020",
        ] {
            assert_eq!(Cron::parse(expression), None, "{expression:?}");
        }
    }
}
