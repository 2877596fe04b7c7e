//! What a metric alarm looks at: checked when it is put, read when it is evaluated.

use wire::Error;
use wire::cloudwatch as api;

use super::super::dimension::identity;
use super::super::error::{invalid_value, validation};
use super::super::math::Value;
use super::super::query;
use super::super::read::{self, Range};
use super::super::state::{AlarmStatistic, LowSamples, MetricRule, TreatMissing, Watched};
use super::super::statistic::Statistic;
use super::decide::{BEYOND, Datum, Period, Terms};
use super::metric;
use crate::Region;

const MOST_METRICS: usize = 10;

/// Checks what [`MetricRule::watched`] asks for.
pub(super) fn check(rule: &MetricRule) -> Result<(), Error> {
    match &rule.watched {
        Watched::Metric {
            statistic, period, ..
        } => {
            if let AlarmStatistic::Extended(name) = statistic
                && Statistic::parse(name).is_none_or(simple)
            {
                return Err(invalid_value(format!(
                    "The value {name} for parameter ExtendedStatistic is not supported."
                )));
            }
            metric::check_period(*period, rule.evaluation_periods)
        }
        Watched::Queries(queries) => {
            let queries: Vec<api::MetricDataQuery> =
                queries.iter().map(|query| query.0.clone()).collect();
            let plan = query::plan(&queries, "Metrics")?;
            if let Some(id) = plan.searches() {
                return Err(query::in_expression(
                    id,
                    "SEARCH is not supported on Metric Alarms.",
                ));
            }
            if plan.metrics() > MOST_METRICS || queries.len() - plan.metrics() > MOST_METRICS {
                return Err(validation(format!(
                    "An alarm can have at most {MOST_METRICS} metrics and {MOST_METRICS} expressions."
                )));
            }
            let watched = one_returned(&queries)?;
            let period = plan.period(watched).ok_or_else(|| {
                validation("The metrics list of an alarm should contain at least one metric.")
            })?;
            for place in 0..queries.len() {
                if plan.period(place).is_some_and(|other| other != period) {
                    return Err(validation(
                        "Metrics in the list of an alarm should all have the same period.",
                    ));
                }
            }
            metric::check_period(period, rule.evaluation_periods)
        }
    }
}

fn simple(statistic: Statistic) -> bool {
    matches!(
        statistic,
        Statistic::SampleCount
            | Statistic::Sum
            | Statistic::Average
            | Statistic::Minimum
            | Statistic::Maximum
    )
}

/// The place of the query whose result is watched.
fn one_returned(queries: &[api::MetricDataQuery]) -> Result<usize, Error> {
    let mut returned = (0..)
        .zip(queries)
        .filter(|(_, query)| query.return_data != Some(false));
    match (returned.next(), returned.next()) {
        (Some((place, _)), None) => Ok(place),
        _ => Err(validation(
            "Exactly one element of the metrics list should return data.",
        )),
    }
}

pub(super) fn terms(rule: &MetricRule) -> Terms {
    // Of DynamoDB's metrics, missing data is always ignored.
    let dynamo =
        matches!(&rule.watched, Watched::Metric { namespace, .. } if namespace == "AWS/DynamoDB");
    Terms {
        comparison: rule.comparison,
        threshold: rule.threshold,
        periods: rule.evaluation_periods as usize,
        least: rule.datapoints_to_alarm.unwrap_or(rule.evaluation_periods) as usize,
        missing: if dynamo {
            TreatMissing::Ignore
        } else {
            rule.missing.unwrap_or(TreatMissing::Missing)
        },
    }
}

/// In seconds.
pub(super) fn period(rule: &MetricRule) -> Option<u32> {
    match &rule.watched {
        Watched::Metric { period, .. } => Some(*period),
        Watched::Queries(queries) => {
            // All have the same: that was checked.
            let stat = queries
                .iter()
                .find_map(|query| query.0.metric_stat.as_ref());
            let period = stat
                .map(|stat| stat.period)
                .or_else(|| queries.iter().find_map(|query| query.0.period));
            period.and_then(|period| u32::try_from(period).ok())
        }
    }
}

/// Whether it is evaluated each minute (60), each ten seconds (10) or each hour (3600).
pub(super) fn cadence(rule: &MetricRule) -> i64 {
    let period = period(rule).unwrap_or(60);
    let window = u64::from(period) * u64::from(rule.evaluation_periods);
    if period < 60 {
        10
    } else if window > 86_400 {
        3600
    } else {
        60
    }
}

/// The evaluation range before `end`, newest period first; `None` where an expression came to
/// nothing that can be watched.
pub(super) fn read(region: &Region, rule: &MetricRule, end: i64, now: i64) -> Option<Vec<Period>> {
    let period = period(rule)?;
    let count = i64::from(rule.evaluation_periods + BEYOND);
    let range = |period: u32| Range {
        start: end - i64::from(period) * count,
        end,
        period: i64::from(period),
        now,
    };
    let datum: Box<dyn Fn(i64) -> Option<Datum>> = match &rule.watched {
        Watched::Metric {
            namespace,
            name,
            dimensions,
            statistic,
            unit,
            ..
        } => {
            let statistic = match statistic {
                AlarmStatistic::Simple(simple) => Statistic::of_simple(*simple),
                AlarmStatistic::Extended(name) => Statistic::parse(name)?,
            };
            let key = identity(namespace, name, dimensions);
            let found = read::one_unit(region, &key, *unit, range(period));
            Box::new(move |at| {
                let bucket = found.buckets.get(&at)?;
                Some(Datum {
                    value: statistic.of(bucket)?,
                    samples: Some(bucket.count),
                })
            })
        }
        Watched::Queries(queries) => {
            let queries: Vec<api::MetricDataQuery> =
                queries.iter().map(|query| query.0.clone()).collect();
            let place = one_returned(&queries).ok()?;
            let plan = query::plan(&queries, "Metrics").ok()?;
            let mut answers = plan.run(region, range).ok()?;
            let answer = answers.swap_remove(place);
            let samples = answer.samples;
            let series = match answer.value {
                Value::Series(series) => series,
                Value::Array(mut all) if all.len() == 1 => all.remove(0),
                _ => return None,
            };
            Box::new(move |at| {
                Some(Datum {
                    value: *series.points.get(&at)?,
                    samples: samples.get(&at).copied(),
                })
            })
        }
    };
    let periods = (1..=count).map(|age| {
        let at = end - age * i64::from(period);
        Period {
            at,
            datum: datum(at),
        }
    });
    Some(periods.collect())
}

/// Whether a percentile is made of too few samples to mean anything, and the alarm is not to act
/// on such. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html>
pub(super) fn too_few_samples(rule: &MetricRule, samples: f64) -> bool {
    if rule.low_samples != Some(LowSamples::Ignore) {
        return false;
    }
    let Watched::Metric {
        statistic: AlarmStatistic::Extended(name),
        ..
    } = &rule.watched
    else {
        return false;
    };
    let Some(Statistic::Percentile(percent)) = Statistic::parse(name) else {
        return false;
    };
    let part = percent / 100.0;
    let needed = if part >= 0.5 {
        10.0 / (1.0 - part)
    } else {
        10.0 / part
    };
    // p100 and p0 can never have enough; they are read as they are.
    needed.is_finite() && samples < needed - 1e-6
}
