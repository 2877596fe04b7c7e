//! Metrics: what is measured, and by whom. Others of the region put theirs by [`record`] and read
//! by [`statistic`].
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>

use jiff::{SignedDuration, Timestamp};
use wire::cloudwatch as api;
use wire::{Error, Unit};

use super::bucket::Bucket;
use super::chunk::{Chunk, ChunkKey, Tier};
use super::dimension::{self, Dimensions, identity};
use super::error::{invalid_combination, invalid_next_token, invalid_value, missing};
use super::read;
use super::state::Metric;
use super::statistic::Statistic;
use crate::page::page;
use crate::{Context, Region};

const MOST_METRICS: usize = 1000;
const MOST_VALUES: usize = 150;
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);
const NEWEST: SignedDuration = SignedDuration::from_hours(2);
/// What is larger is refused: 2³⁶⁰.
const LARGEST: f64 = 2.348_542_582_773_833_4e108;
const LISTED: usize = 500;
/// A metric that was silent for so long is not listed.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);
const ACTIVE_FOR: SignedDuration = SignedDuration::from_hours(3);
/// How exactly it is kept when a metric was last seen; so seldom is its row written.
const SEEN_STEP: SignedDuration = SignedDuration::from_mins(50);

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub namespace: String,
    pub name: String,
    pub dimensions: Dimensions,
    pub unit: api::StandardUnit,
    pub at: Timestamp,
    /// Whether it is kept by the second (for three hours), or by the minute.
    pub high_resolution: bool,
    pub measured: Measured,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    Value(f64),
    Set {
        count: f64,
        sum: f64,
        minimum: f64,
        maximum: f64,
    },
    /// Values, and how often each came; not empty.
    Values(Vec<(f64, f64)>),
}

impl Measured {
    fn bucket(&self) -> Bucket {
        match self {
            Self::Value(value) => Bucket::of_value(*value),
            Self::Set {
                count,
                sum,
                minimum,
                maximum,
            } => Bucket::of_set(*count, *sum, *minimum, *maximum),
            Self::Values(values) => Bucket::of_values(values),
        }
    }
}

/// Keeps a measurement. What measured nothing is nothing.
pub fn record(region: &mut Region, context: &Context, sample: &Sample) {
    let bucket = sample.measured.bucket();
    if bucket.count <= 0.0 {
        return;
    }
    let at = sample.at.as_second();
    let age = context.now.as_second() - at;
    let finest = match Tier::of_age(age) {
        None => return,
        Some(Tier::Second) if !sample.high_resolution => Tier::Minute,
        Some(tier) => tier,
    };
    let series = series(region, context, sample);
    add(region, series, finest, at, &bucket);
}

/// Adds to a series at one resolution.
pub(super) fn add(region: &mut Region, series: u64, tier: Tier, at: i64, bucket: &Bucket) {
    let key = ChunkKey {
        series,
        tier,
        start: tier.chunk_of(at),
    };
    let number = u32::try_from((at - key.start) / tier.step()).unwrap_or(0);
    let chunks = &mut region.cloudwatch.chunks;
    if let Some(chunk) = chunks.get_mut(&key) {
        chunk.add(number, bucket);
    } else {
        chunks.insert(key, Chunk::from_buckets(&[(number, bucket.clone())]));
    }
}

/// The number of the series of a metric in one unit, made if there is none.
fn series(region: &mut Region, context: &Context, sample: &Sample) -> u64 {
    let key = identity(&sample.namespace, &sample.name, &sample.dimensions);
    let state = &mut region.cloudwatch;
    let old = state.metrics.get(&key);
    let known = old.and_then(|metric| metric.series_of(sample.unit));
    if let (Some(series), Some(metric)) = (known, old)
        && metric.seen_at + SEEN_STEP > context.now
    {
        return series;
    }
    let series = known.unwrap_or_else(|| {
        let next = state.numbers.get("series").copied().unwrap_or(1);
        state.numbers.insert("series".to_owned(), next + 1);
        next
    });
    if let Some(metric) = state.metrics.get_mut(&key) {
        metric.seen_at = context.now;
        if known.is_none() {
            metric.series.push((sample.unit, series));
            metric.series.sort_by_key(|(unit, _)| unit.as_str());
        }
    } else {
        let metric = Metric {
            namespace: sample.namespace.clone(),
            name: sample.name.clone(),
            dimensions: sample.dimensions.clone(),
            series: vec![(sample.unit, series)],
            seen_at: context.now,
        };
        state.metrics.insert(key, metric);
    }
    series
}

/// What to read of a metric.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub dimensions: &'a [(String, String)],
    /// Such as `Average` or `p99`.
    pub statistic: &'a str,
    /// `None`: the first by name that has data.
    pub unit: Option<api::StandardUnit>,
    /// Inclusive.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// In seconds.
    pub period: u32,
}

/// One metric's datapoints over a range, oldest first, as far as there are any. Periods begin at
/// `start`.
pub fn statistic(region: &Region, context: &Context, question: &Question) -> Vec<(Timestamp, f64)> {
    let Some(statistic) = Statistic::parse(question.statistic) else {
        return Vec::new();
    };
    let range = read::Range {
        start: question.start.as_second(),
        end: question.end.as_second(),
        period: i64::from(question.period),
        now: context.now.as_second(),
    };
    let key = identity(question.namespace, question.name, question.dimensions);
    let found = read::one_unit(region, &key, question.unit, range);
    found
        .buckets
        .into_iter()
        .filter_map(|(at, bucket)| {
            let at = Timestamp::from_second(at).ok()?;
            Some((at, statistic.of(&bucket)?))
        })
        .collect()
}

pub(super) fn put_metric_data(
    region: &mut Region,
    context: &Context,
    input: api::PutMetricDataInput,
) -> Result<Unit, Error> {
    let namespace = input.namespace;
    if namespace.is_empty() {
        return Err(missing("The parameter Namespace is required."));
    }
    if namespace.starts_with("AWS/") {
        return Err(invalid_value(
            "The value AWS/ for parameter Namespace is invalid.",
        ));
    }
    if namespace.starts_with(':') || namespace.len() > 255 || !namespace.is_ascii() {
        return Err(invalid_value(format!(
            "The value {namespace} for parameter Namespace is invalid."
        )));
    }
    let mut samples = Vec::new();
    let plain = input.metric_data.unwrap_or_default();
    for (number, datum) in (1..).zip(plain) {
        let at = format!("MetricData.member.{number}.");
        samples.push(taken(context, &namespace, datum, &at)?);
    }
    let entities = input.entity_metric_data.unwrap_or_default();
    for (entity, data) in (1..).zip(entities) {
        let data = data.metric_data.unwrap_or_default();
        for (number, datum) in (1..).zip(data) {
            let at = format!("EntityMetricData.member.{entity}.MetricData.member.{number}.");
            samples.push(taken(context, &namespace, datum, &at)?);
        }
    }
    if samples.is_empty() {
        return Err(missing("The parameter MetricData is required."));
    }
    if samples.len() > MOST_METRICS {
        return Err(invalid_value(format!(
            "The collection MetricData must not have a size greater than {MOST_METRICS}."
        )));
    }
    for sample in &samples {
        record(region, context, sample);
    }
    Ok(Unit {})
}

fn taken(
    context: &Context,
    namespace: &str,
    datum: api::MetricDatum,
    at: &str,
) -> Result<Sample, Error> {
    if datum.metric_name.trim().is_empty() {
        return Err(missing(format!(
            "The parameter {at}MetricName is required."
        )));
    }
    let resolution = datum.storage_resolution.unwrap_or(60);
    if resolution != 1 && resolution != 60 {
        return Err(invalid_value(format!(
            "The value {resolution} for parameter {at}StorageResolution is invalid. Valid values are 1 and 60."
        )));
    }
    let moment = datum.timestamp.unwrap_or(context.now);
    if moment < context.now - OLDEST {
        return Err(invalid_value(format!(
            "The parameter {at}Timestamp must specify a time within the past two weeks."
        )));
    }
    if moment > context.now + NEWEST {
        return Err(invalid_value(format!(
            "The parameter {at}Timestamp must specify a time no more than two hours in the future."
        )));
    }
    let number = |value: f64, parameter: &str| {
        if value.is_finite() && value.abs() <= LARGEST {
            Ok(value)
        } else {
            Err(invalid_value(format!(
                "The value {value} for parameter {at}{parameter} is invalid."
            )))
        }
    };
    let exclusive = |one: &str, other: &str| {
        invalid_combination(format!(
            "The parameters {at}{one} and {at}{other} are mutually exclusive and you have specified both."
        ))
    };
    let values = datum.values.filter(|values| !values.is_empty());
    let measured = match (datum.value, datum.statistic_values, values) {
        (Some(_), _, Some(_)) => return Err(exclusive("Value", "Values")),
        (Some(_), Some(_), _) => return Err(exclusive("Value", "StatisticValues")),
        (_, Some(_), Some(_)) => return Err(exclusive("StatisticValues", "Values")),
        (None, None, None) => {
            return Err(invalid_combination(format!(
                "At least one of the parameters {at}Value, {at}Values or {at}StatisticValues must be specified."
            )));
        }
        (Some(value), ..) => Measured::Value(number(value, "Value")?),
        (_, Some(set), _) => {
            let count = number(set.sample_count, "StatisticValues.SampleCount")?;
            let minimum = number(set.minimum, "StatisticValues.Minimum")?;
            let maximum = number(set.maximum, "StatisticValues.Maximum")?;
            if count < 0.0 {
                return Err(invalid_value(format!(
                    "The value {count} for parameter {at}StatisticValues.SampleCount is invalid."
                )));
            }
            if minimum > maximum {
                return Err(invalid_combination(format!(
                    "The parameter {at}StatisticValues.Maximum must be greater than or equal to {at}StatisticValues.Minimum."
                )));
            }
            Measured::Set {
                count,
                sum: number(set.sum, "StatisticValues.Sum")?,
                minimum,
                maximum,
            }
        }
        (_, _, Some(values)) => {
            if values.len() > MOST_VALUES {
                return Err(invalid_value(format!(
                    "The collection {at}Values must not have a size greater than {MOST_VALUES}."
                )));
            }
            let counts = datum.counts.unwrap_or_else(|| vec![1.0; values.len()]);
            if counts.len() != values.len() {
                return Err(invalid_value(format!(
                    "The parameters {at}Values and {at}Counts must be of the same size."
                )));
            }
            let mut pairs = Vec::with_capacity(values.len());
            for (place, (value, count)) in (1..).zip(values.into_iter().zip(counts)) {
                let value = number(value, &format!("Values.member.{place}"))?;
                let parameter = format!("Counts.member.{place}");
                let count = number(count, &parameter)?;
                if count < 0.0 {
                    return Err(invalid_value(format!(
                        "The value {count} for parameter {at}{parameter} is invalid."
                    )));
                }
                if count > 0.0 {
                    pairs.push((value, count));
                }
            }
            Measured::Values(pairs)
        }
    };
    Ok(Sample {
        namespace: namespace.to_owned(),
        name: datum.metric_name,
        dimensions: dimension::taken(datum.dimensions, at)?,
        unit: datum.unit.unwrap_or(api::StandardUnit::None),
        at: moment,
        high_resolution: resolution == 1,
        measured,
    })
}

pub(super) fn list_metrics(
    region: &Region,
    context: &Context,
    input: api::ListMetricsInput,
) -> Result<api::ListMetricsOutput, Error> {
    let filters = input.dimensions.unwrap_or_default();
    // Of other accounts there is nothing.
    let elsewhere = input
        .owning_account
        .as_ref()
        .is_some_and(|account| *account != region.settings.account);
    let since = match input.recently_active {
        Some(api::RecentlyActive::Pt3h) => context.now - ACTIVE_FOR - SEEN_STEP,
        None => context.now - LISTED_FOR - SEEN_STEP,
    };
    let from = input.namespace.clone().unwrap_or_default();
    let rows = region
        .cloudwatch
        .metrics
        .range(from..)
        .take_while(|(_, metric)| {
            input
                .namespace
                .as_ref()
                .is_none_or(|namespace| metric.namespace.starts_with(namespace.as_str()))
        })
        .filter(|(_, metric)| {
            !elsewhere
                && metric.seen_at >= since
                && input
                    .namespace
                    .as_ref()
                    .is_none_or(|namespace| *namespace == metric.namespace)
                && input
                    .metric_name
                    .as_ref()
                    .is_none_or(|name| *name == metric.name)
                && filters.iter().all(|filter| {
                    metric.dimensions.iter().any(|(name, value)| {
                        *name == filter.name
                            && filter.value.as_ref().is_none_or(|wanted| wanted == value)
                    })
                })
        });
    let piece = page(
        rows,
        |(key, _)| (*key).clone(),
        input.next_token.as_deref(),
        LISTED,
    )
    .map_err(|_| invalid_next_token())?;
    let shown: Vec<api::Metric> = piece
        .items
        .into_iter()
        .map(|(_, metric)| api::Metric {
            dimensions: Some(dimension::shown(&metric.dimensions)),
            metric_name: Some(metric.name.clone()),
            namespace: Some(metric.namespace.clone()),
        })
        .collect();
    let owners = input
        .include_linked_accounts
        .unwrap_or_default()
        .then(|| vec![region.settings.account.clone(); shown.len()]);
    Ok(api::ListMetricsOutput {
        metrics: Some(shown),
        next_token: piece.next,
        owning_accounts: owners,
    })
}
