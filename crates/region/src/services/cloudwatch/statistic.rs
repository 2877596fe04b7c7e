//! Statistics of a stretch of time, by the names CloudWatch gives them.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>

use wire::cloudwatch as api;

use super::bucket::Bucket;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// In per cent.
    Percentile(f64),
    /// The mean of the values between two bounds.
    TrimmedMean(Bounds),
    /// The mean, with values beyond a bound counted as that bound.
    WinsorizedMean(Bounds),
    TrimmedCount(Bounds),
    TrimmedSum(Bounds),
    /// How many per cent of the values lie above the lower and not above the upper bound.
    PercentileRank(Option<f64>, Option<f64>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bounds {
    /// In per cent of the values, from the lowest.
    Percent(f64, f64),
    /// Above the first and not above the second.
    Values(Option<f64>, Option<f64>),
}

impl Statistic {
    /// `None`: there is no such statistic.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "SampleCount" => return Some(Self::SampleCount),
            "Sum" => return Some(Self::Sum),
            "Average" => return Some(Self::Average),
            "Minimum" => return Some(Self::Minimum),
            "Maximum" => return Some(Self::Maximum),
            "IQM" => return Some(Self::TrimmedMean(Bounds::Percent(25.0, 75.0))),
            _ => {}
        }
        if let Some(inner) = text.strip_suffix(')') {
            let (name, inner) = inner.split_once('(')?;
            if name.eq_ignore_ascii_case("PR") {
                let Bounds::Values(low, high) = Bounds::parse(inner)? else {
                    return None;
                };
                return Some(Self::PercentileRank(low, high));
            }
            return Self::trimmed(name, Bounds::parse(inner)?);
        }
        let digits = text.find(|letter: char| letter.is_ascii_digit())?;
        let (name, number) = text.split_at(digits);
        let percent = decimal(number).filter(|percent| (0.0..=100.0).contains(percent))?;
        match name {
            "p" => Some(Self::Percentile(percent)),
            _ => Self::trimmed(name, Bounds::Percent(0.0, percent)),
        }
    }

    fn trimmed(name: &str, bounds: Bounds) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "TM" => Some(Self::TrimmedMean(bounds)),
            "WM" => Some(Self::WinsorizedMean(bounds)),
            "TC" => Some(Self::TrimmedCount(bounds)),
            "TS" => Some(Self::TrimmedSum(bounds)),
            _ => None,
        }
    }

    pub(super) fn of_simple(simple: api::Statistic) -> Self {
        match simple {
            api::Statistic::SampleCount => Self::SampleCount,
            api::Statistic::Average => Self::Average,
            api::Statistic::Sum => Self::Sum,
            api::Statistic::Minimum => Self::Minimum,
            api::Statistic::Maximum => Self::Maximum,
        }
    }

    /// `None` where it cannot be told: of sums without their values, and of negative values.
    pub(super) fn of(self, bucket: &Bucket) -> Option<f64> {
        match self {
            Self::SampleCount => return Some(bucket.count),
            Self::Sum => return Some(bucket.sum),
            Self::Average => return (bucket.count > 0.0).then(|| bucket.sum / bucket.count),
            Self::Minimum => return Some(bucket.minimum),
            Self::Maximum => return Some(bucket.maximum),
            _ => {}
        }
        let values = bucket.values.as_ref().filter(|_| bucket.minimum >= 0.0)?;
        match self {
            Self::Percentile(percent) => percentile(values, bucket.count, percent),
            Self::TrimmedMean(bounds) => {
                let (count, sum) = trimmed(values, bucket.count, bounds);
                (count > 0.0).then(|| sum / count)
            }
            Self::TrimmedCount(bounds) => Some(trimmed(values, bucket.count, bounds).0),
            Self::TrimmedSum(bounds) => Some(trimmed(values, bucket.count, bounds).1),
            Self::WinsorizedMean(bounds) => winsorized(values, bucket.count, bounds),
            Self::PercentileRank(low, high) => {
                let (count, _) = trimmed(values, bucket.count, Bounds::Values(low, high));
                (bucket.count > 0.0).then(|| count * 100.0 / bucket.count)
            }
            _ => None,
        }
    }
}

impl Bounds {
    /// `10%:90%`, `:90%`, `150:1000`, `150:`.
    fn parse(text: &str) -> Option<Self> {
        let (low, high) = text.split_once(':')?;
        let (low, high) = (low.trim(), high.trim());
        if low.is_empty() && high.is_empty() {
            return None;
        }
        if low.ends_with('%') || high.ends_with('%') {
            let percent = |text: &str, default| match text {
                "" => Some(default),
                text => decimal(text.strip_suffix('%')?),
            };
            let (low, high) = (percent(low, 0.0)?, percent(high, 100.0)?);
            return (0.0 <= low && low < high && high <= 100.0).then_some(Self::Percent(low, high));
        }
        let bound = |text: &str| match text {
            "" => Some(None),
            text => decimal(text).map(Some),
        };
        let (low, high) = (bound(low)?, bound(high)?);
        if let (Some(low), Some(high)) = (low, high)
            && low >= high
        {
            return None;
        }
        Some(Self::Values(low, high))
    }
}

/// A plain decimal number, without sign or exponent.
fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|letter| letter.is_ascii_digit() || letter == b'.');
    if !plain || text.starts_with('.') {
        return None;
    }
    text.parse().ok()
}

/// The lowest value that at least so many per cent of the values do not exceed.
fn percentile(values: &[(f64, f64)], count: f64, percent: f64) -> Option<f64> {
    let rank = count * percent / 100.0;
    let mut below = 0.0;
    for (value, times) in values {
        below += times;
        if below >= rank {
            return Some(*value);
        }
    }
    values.last().map(|(value, _)| *value)
}

/// Count and sum of the values between the bounds. A value that straddles a bound in per cent
/// counts in part.
fn trimmed(values: &[(f64, f64)], count: f64, bounds: Bounds) -> (f64, f64) {
    let mut taken = (0.0, 0.0);
    let mut below = 0.0;
    for (value, times) in values {
        let part = match bounds {
            Bounds::Percent(low, high) => {
                let from = f64::max(below, count * low / 100.0);
                let to = f64::min(below + times, count * high / 100.0);
                f64::max(to - from, 0.0)
            }
            Bounds::Values(low, high) => {
                let inside =
                    low.is_none_or(|low| *value > low) && high.is_none_or(|high| *value <= high);
                if inside { *times } else { 0.0 }
            }
        };
        taken.0 += part;
        taken.1 += part * value;
        below += times;
    }
    taken
}

fn winsorized(values: &[(f64, f64)], count: f64, bounds: Bounds) -> Option<f64> {
    let (low, high) = match bounds {
        Bounds::Percent(low, high) => (
            percentile(values, count, low)?,
            percentile(values, count, high)?,
        ),
        Bounds::Values(low, high) => (
            low.unwrap_or(f64::NEG_INFINITY),
            high.unwrap_or(f64::INFINITY),
        ),
    };
    let sum: f64 = values
        .iter()
        .map(|(value, times)| value.clamp(low, high) * times)
        .sum();
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One to a hundred, once each.
    fn hundred() -> Bucket {
        let values: Vec<(f64, f64)> = (1..=100).map(|value| (f64::from(value), 1.0)).collect();
        Bucket::of_values(&values)
    }

    #[test]
    fn statistics_are_what_their_names_say() {
        for (name, value) in [
            ("SampleCount", 100.0),
            ("Sum", 5050.0),
            ("Average", 50.5),
            ("Minimum", 1.0),
            ("Maximum", 100.0),
            ("p0", 1.0),
            ("p50", 50.0),
            ("p99", 99.0),
            ("p99.9", 100.0),
            ("p100", 100.0),
            ("tm90", 45.5),
            ("TM(:90%)", 45.5),
            ("TM(10%:90%)", 50.5),
            ("TM(90%:)", 95.5),
            ("TM(10:20)", 15.5),
            ("IQM", 50.5),
            ("tc90", 90.0),
            ("TC(10:20)", 10.0),
            ("ts50", 1275.0),
            ("TS(98:)", 199.0),
            ("wm50", (1275.0 + 50.0 * 50.0) / 100.0),
            ("WM(10%:90%)", 50.4),
            ("PR(:30)", 30.0),
            ("PR(10:30)", 20.0),
            ("PR(90:)", 10.0),
        ] {
            let statistic = Statistic::parse(name).unwrap_or_else(|| panic!("{name} is one"));
            let found = statistic.of(&hundred()).unwrap_or_else(|| panic!("{name}"));
            assert!((found - value).abs() < 1e-9, "{name}: {found}, not {value}");
        }
    }

    #[test]
    fn what_is_no_statistic_is_refused() {
        for name in [
            "",
            "p",
            "p101",
            "p-1",
            "average",
            "90",
            "x90",
            "TM",
            "TM()",
            "TM(:)",
            "TM(90%:10%)",
            "TM(10%:90)",
            "TM(2:1)",
            "PR(10%:20%)",
            "p1e1",
            "pinf",
            "tm",
            "P90",
            "TM(10%:90%",
        ] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn percentiles_need_values_that_are_not_negative() {
        let p90 = Statistic::parse("p90").expect("a statistic");
        assert_eq!(p90.of(&Bucket::of_set(2.0, 3.0, 1.0, 2.0)), None);
        assert_eq!(p90.of(&Bucket::of_value(-1.0)), None);
        assert_eq!(p90.of(&Bucket::of_value(1.0)), Some(1.0));
    }

    proptest! {
        #[test]
        fn trimmed_parts_make_the_whole(
            values in proptest::collection::vec((0.0f64..1e4, 1.0f64..5.0), 1..40),
            cut in 0.0f64..=100.0,
        ) {
            let bucket = Bucket::of_values(&values);
            let all = bucket.values.as_ref().expect("values were given");
            let low = trimmed(all, bucket.count, Bounds::Percent(0.0, cut));
            let high = trimmed(all, bucket.count, Bounds::Percent(cut, 100.0));
            prop_assert!((low.0 + high.0 - bucket.count).abs() < 1e-6);
            prop_assert!((low.1 + high.1 - bucket.sum).abs() < 1e-3);
        }
    }
}
