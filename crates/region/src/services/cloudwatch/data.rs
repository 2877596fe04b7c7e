//! Metrics as they are read by callers.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use wire::Error;
use wire::cloudwatch as api;

use super::dimension::{self, identity};
use super::error::{invalid_combination, invalid_next_token, invalid_value, validation};
use super::math::{Series, Value};
use super::query::{self, Answer};
use super::read::{self, Range};
use super::statistic::Statistic;
use crate::{Context, Region};

const MOST_DATAPOINTS: i64 = 1440;
const MOST_QUERIES: usize = 500;
const MOST_RETURNED: usize = 100_800;
const DAY: i64 = 86_400;

/// The range asked for, its start rounded down as AWS rounds it: by how old it is.
fn range(start: Timestamp, end: Timestamp, period: u32, now: Timestamp) -> Range {
    let (start, now) = (start.as_second(), now.as_second());
    let period = i64::from(period);
    let age = now - start;
    let step = if period < 60 {
        period
    } else if age < 15 * DAY {
        60
    } else if age < 63 * DAY {
        300
    } else {
        3600
    };
    // A part of a second still belongs to the range.
    let end = end.as_second() + i64::from(end.subsec_nanosecond() > 0);
    Range {
        start: start.div_euclid(step.max(1)) * step.max(1),
        end,
        period,
        now,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}

pub(super) fn get_metric_statistics(
    region: &Region,
    context: &Context,
    input: api::GetMetricStatisticsInput,
) -> Result<api::GetMetricStatisticsOutput, Error> {
    let simple = input.statistics.unwrap_or_default();
    let extended = input.extended_statistics.unwrap_or_default();
    if simple.is_empty() == extended.is_empty() {
        return Err(invalid_combination(
            "Must specify either Statistics or ExtendedStatistics",
        ));
    }
    if input.start_time >= input.end_time {
        return Err(invalid_value(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    let period = u32::try_from(input.period)
        .ok()
        .filter(|period| query::valid_period(*period))
        .ok_or_else(|| {
            invalid_value(
                "The parameter Period must be a value in the set [1, 5, 10, 20, 30] or a multiple of 60.",
            )
        })?;
    let mut statistics = Vec::new();
    for name in &extended {
        let statistic = Statistic::parse(name).ok_or_else(|| {
            invalid_value(format!(
                "The value {name} for parameter ExtendedStatistics is not supported."
            ))
        })?;
        statistics.push((name, statistic));
    }
    let range = range(input.start_time, input.end_time, period, context.now);
    let count = (range.end - range.start + range.period - 1) / range.period;
    if count > MOST_DATAPOINTS {
        return Err(invalid_combination(format!(
            "You have requested up to {count} datapoints, which exceeds the limit of {MOST_DATAPOINTS}. You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    let dimensions = dimension::taken(input.dimensions, "")?;
    let key = identity(&input.namespace, &input.metric_name, &dimensions);
    let mut datapoints = Vec::new();
    for (unit, buckets) in read::by_unit(region, &key, input.unit, range) {
        for (start, bucket) in buckets {
            let value = |wanted: api::Statistic| {
                let asked = simple.contains(&wanted);
                asked
                    .then(|| Statistic::of_simple(wanted).of(&bucket))
                    .flatten()
            };
            let told: std::collections::BTreeMap<String, f64> = statistics
                .iter()
                .filter_map(|(name, statistic)| Some(((*name).clone(), statistic.of(&bucket)?)))
                .collect();
            if simple.is_empty() && told.is_empty() {
                continue;
            }
            datapoints.push(api::Datapoint {
                average: value(api::Statistic::Average),
                extended_statistics: Some(told).filter(|told| !told.is_empty()),
                maximum: value(api::Statistic::Maximum),
                minimum: value(api::Statistic::Minimum),
                sample_count: value(api::Statistic::SampleCount),
                sum: value(api::Statistic::Sum),
                timestamp: Some(at(start)),
                unit: Some(unit),
            });
        }
    }
    Ok(api::GetMetricStatisticsOutput {
        datapoints: Some(datapoints),
        label: Some(input.metric_name),
    })
}

pub(super) fn get_metric_data(
    region: &Region,
    context: &Context,
    input: api::GetMetricDataInput,
) -> Result<api::GetMetricDataOutput, Error> {
    let queries = &input.metric_data_queries;
    if queries.is_empty() || queries.len() > MOST_QUERIES {
        return Err(validation(format!(
            "The collection MetricDataQueries must have a size from 1 to {MOST_QUERIES}."
        )));
    }
    if input.start_time >= input.end_time {
        return Err(validation(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    let plan = query::plan(queries, "MetricDataQueries")?;
    let answers = plan.run(region, |period| {
        range(input.start_time, input.end_time, period, context.now)
    })?;
    let ascending = input.scan_by == Some(api::ScanBy::TimestampAscending);
    let labels = labels(queries);
    let mut results = Vec::new();
    for (place, answer) in answers.into_iter().enumerate() {
        let query = &queries[place];
        if query.return_data == Some(false) {
            continue;
        }
        let messages = messages(query, &answer);
        let all = match answer.value {
            Value::Series(series) => vec![(label(query, &labels[place]), series)],
            Value::Array(all) => all
                .into_iter()
                .map(|series| {
                    let label = match &query.label {
                        Some(label) if series.label.is_empty() => label.clone(),
                        Some(label) => format!("{label} {}", series.label),
                        None if series.label.is_empty() => query.id.clone(),
                        None => series.label.clone(),
                    };
                    (label, series)
                })
                .collect(),
            Value::Number(_) | Value::Text(_) => {
                return Err(query::in_expression(
                    &query.id,
                    "The expression does not come to a time series",
                ));
            }
        };
        for (label, series) in all {
            results.push(shown(query, label, &series, ascending, messages.clone()));
        }
    }
    let most = input
        .max_datapoints
        .and_then(|most| usize::try_from(most).ok())
        .filter(|most| *most > 0)
        .unwrap_or(MOST_RETURNED)
        .min(MOST_RETURNED);
    let (results, next_token) = cut(results, input.next_token.as_deref(), most)?;
    Ok(api::GetMetricDataOutput {
        messages: Some(Vec::new()),
        metric_data_results: Some(results),
        next_token,
    })
}

fn shown(
    query: &api::MetricDataQuery,
    label: String,
    series: &Series,
    ascending: bool,
    messages: Option<Vec<api::MessageData>>,
) -> api::MetricDataResult {
    let mut timestamps: Vec<Timestamp> = series.points.keys().map(|start| at(*start)).collect();
    let mut values: Vec<f64> = series.points.values().copied().collect();
    if !ascending {
        timestamps.reverse();
        values.reverse();
    }
    api::MetricDataResult {
        id: Some(query.id.clone()),
        label: Some(label),
        messages,
        status_code: Some(api::StatusCode::Complete),
        timestamps: Some(timestamps),
        values: Some(values),
    }
}

fn messages(query: &api::MetricDataQuery, answer: &Answer) -> Option<Vec<api::MessageData>> {
    let asked = query
        .metric_stat
        .as_ref()
        .is_some_and(|stat| stat.unit.is_some());
    if asked || answer.units.len() < 2 {
        return None;
    }
    let units: Vec<&str> = answer.units.iter().map(|unit| unit.as_str()).collect();
    Some(vec![api::MessageData {
        code: Some("MultipleUnits".to_owned()),
        value: Some(format!("Multiple units returned: '[{}]'", units.join(", "))),
    }])
}

fn label(query: &api::MetricDataQuery, otherwise: &str) -> String {
    query.label.clone().unwrap_or_else(|| otherwise.to_owned())
}

/// The labels of queries that have none: the metric's name and, where the queries differ in
/// them, its statistic and period; the id of an expression.
fn labels(queries: &[api::MetricDataQuery]) -> Vec<String> {
    let stats = || {
        queries
            .iter()
            .filter_map(|query| query.metric_stat.as_ref())
    };
    let differ = |all: BTreeSet<String>| all.len() > 1;
    let statistics = differ(stats().map(|stat| stat.stat.clone()).collect());
    let periods = differ(stats().map(|stat| stat.period.to_string()).collect());
    queries
        .iter()
        .map(|query| {
            let Some(stat) = &query.metric_stat else {
                return query.id.clone();
            };
            let mut label = stat.metric.metric_name.clone().unwrap_or_default();
            if statistics {
                label.push(' ');
                label.push_str(&stat.stat);
            }
            if periods {
                label = format!("{label} {}", stat.period);
            }
            label
        })
        .collect()
}

/// The next so many datapoints. The token says how many were told before.
fn cut(
    results: Vec<api::MetricDataResult>,
    token: Option<&str>,
    most: usize,
) -> Result<(Vec<api::MetricDataResult>, Option<String>), Error> {
    let told = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.parse::<usize>().ok())
            .ok_or_else(invalid_next_token)?,
    };
    let total: usize = results
        .iter()
        .map(|one| one.values.as_ref().map_or(0, Vec::len))
        .sum();
    if told > total {
        return Err(invalid_next_token());
    }
    let (from, to) = (told, total.min(told + most));
    if from == 0 && to == total {
        return Ok((results, None));
    }
    let mut before = 0;
    let mut piece = Vec::new();
    for mut one in results {
        let length = one.values.as_ref().map_or(0, Vec::len);
        let start = from.clamp(before, before + length) - before;
        let end = to.clamp(before, before + length) - before;
        if before + length > to {
            one.status_code = Some(api::StatusCode::PartialData);
        }
        one.values = one.values.map(|all| all[start..end].to_vec());
        one.timestamps = one.timestamps.map(|all| all[start..end].to_vec());
        before += length;
        piece.push(one);
    }
    let next = (to < total).then(|| URL_SAFE_NO_PAD.encode(to.to_string()));
    Ok((piece, next))
}
