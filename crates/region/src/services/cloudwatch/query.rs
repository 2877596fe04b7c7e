//! Lists of queries, as `GetMetricData` and alarms on metric math have them: each reads a metric
//! or computes something from others.

use std::collections::{BTreeMap, BTreeSet};

use wire::Error;
use wire::cloudwatch as api;

use super::dimension::{self, identity};
use super::error::{not_built, validation};
use super::math::{self, Env, Expression, Series, Value};
use super::read::{self, Range};
use super::search;
use super::statistic::Statistic;
use crate::Region;

/// A list that was checked.
pub(super) struct Plan<'a> {
    pub(super) queries: &'a [api::MetricDataQuery],
    steps: Vec<Step>,
    /// The places of the queries, each after those it needs.
    order: Vec<usize>,
}

enum Step {
    Metric {
        identity: String,
        name: String,
        statistic: Statistic,
        unit: Option<api::StandardUnit>,
        period: u32,
    },
    Expression(Expression),
}

/// What one query came to.
pub(super) struct Answer {
    pub(super) value: Value,
    /// Of a metric: the units it has data in.
    pub(super) units: Vec<api::StandardUnit>,
    /// Of a metric: how many samples each datapoint is made of.
    pub(super) samples: BTreeMap<i64, f64>,
}

/// Checks a list. `list` is its name in errors.
pub(super) fn plan<'a>(queries: &'a [api::MetricDataQuery], list: &str) -> Result<Plan<'a>, Error> {
    let mut places = BTreeMap::new();
    let mut steps = Vec::with_capacity(queries.len());
    for (place, query) in queries.iter().enumerate() {
        let at = format!("{list}.member.{}", place + 1);
        check_id(&query.id, &at)?;
        if places.insert(query.id.as_str(), place).is_some() {
            return Err(validation(format!(
                "The values for parameter id in {list} must be unique."
            )));
        }
        steps.push(step(query, &at)?);
    }
    let mut order = Vec::with_capacity(queries.len());
    let mut seen = BTreeSet::new();
    for place in 0..steps.len() {
        visit(
            place,
            &steps,
            queries,
            &places,
            &mut seen,
            &mut Vec::new(),
            &mut order,
        )?;
    }
    Ok(Plan {
        queries,
        steps,
        order,
    })
}

fn check_id(id: &str, at: &str) -> Result<(), Error> {
    let good = id.starts_with(|letter: char| letter.is_ascii_lowercase())
        && id
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && id.len() <= 255;
    if good {
        return Ok(());
    }
    Err(validation(format!(
        "The value {id} for parameter {at}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
    )))
}

fn step(query: &api::MetricDataQuery, at: &str) -> Result<Step, Error> {
    match (&query.metric_stat, &query.expression) {
        (Some(stat), None) => {
            let (Some(namespace), Some(name)) = (&stat.metric.namespace, &stat.metric.metric_name)
            else {
                return Err(validation(format!(
                    "{at}.MetricStat.Metric must have a Namespace and a MetricName."
                )));
            };
            let statistic = Statistic::parse(&stat.stat).ok_or_else(|| {
                validation(format!(
                    "The value {} for parameter {at}.MetricStat.Stat is not supported.",
                    stat.stat
                ))
            })?;
            let period = u32::try_from(stat.period)
                .ok()
                .filter(|period| valid_period(*period))
                .ok_or_else(|| {
                    validation(format!(
                        "The parameter {at}.MetricStat.Period must be a value in the set [1, 5, 10, 20, 30], or a multiple of 60."
                    ))
                })?;
            let dimensions = dimension::taken(stat.metric.dimensions.clone(), "")
                .map_err(|error| validation(error.message))?;
            Ok(Step::Metric {
                identity: identity(namespace, name, &dimensions),
                name: name.clone(),
                statistic,
                unit: stat.unit,
                period,
            })
        }
        (None, Some(text)) => {
            if text
                .trim_start()
                .to_ascii_uppercase()
                .starts_with("SELECT ")
            {
                return Err(not_built("Metrics Insights queries (SELECT)"));
            }
            let expression =
                math::parse(text).map_err(|problem| in_expression(&query.id, &problem))?;
            let mut absent = None;
            expression.walk(&mut |part| {
                if let Expression::Call(name, _) = part
                    && math::absent(name)
                {
                    absent = Some(name.clone());
                }
            });
            if let Some(name) = absent {
                return Err(not_built(&format!("the metric math function {name}")));
            }
            Ok(Step::Expression(expression))
        }
        _ => Err(validation(format!(
            "Exactly one of {at}.MetricStat and {at}.Expression must be specified."
        ))),
    }
}

pub(super) fn valid_period(period: u32) -> bool {
    matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60))
}

pub(super) fn in_expression(id: &str, problem: &str) -> Error {
    validation(format!("Error in expression '{id}': {problem}"))
}

/// Puts a query after those it needs.
fn visit(
    place: usize,
    steps: &[Step],
    queries: &[api::MetricDataQuery],
    places: &BTreeMap<&str, usize>,
    seen: &mut BTreeSet<usize>,
    path: &mut Vec<usize>,
    order: &mut Vec<usize>,
) -> Result<(), Error> {
    let id = &queries[place].id;
    if path.contains(&place) {
        return Err(in_expression(id, "Circular dependency"));
    }
    if !seen.insert(place) {
        return Ok(());
    }
    path.push(place);
    for needed in needs(&steps[place]) {
        let Some(needed) = places.get(needed) else {
            return Err(in_expression(id, &format!("Undeclared variable: {needed}")));
        };
        visit(*needed, steps, queries, places, seen, path, order)?;
    }
    path.pop();
    order.push(place);
    Ok(())
}

/// The ids it names.
fn needs(step: &Step) -> Vec<&str> {
    let mut ids = Vec::new();
    if let Step::Expression(expression) = step {
        expression.walk(&mut |part| {
            if let Expression::Id(id) = part {
                ids.push(id.as_str());
            }
        });
    }
    ids
}

impl Plan<'_> {
    /// The period of the query at `place`: its own, or the longest of the metrics it uses.
    pub(super) fn period(&self, place: usize) -> Option<u32> {
        if let Step::Metric { period, .. } = &self.steps[place] {
            return Some(*period);
        }
        let own = self.queries[place].period;
        if let Some(own) = own.and_then(|own| u32::try_from(own).ok()) {
            return Some(own);
        }
        let mut longest = None;
        let all =
            |part: &Expression| matches!(part, Expression::Call(name, _) if name == "METRICS");
        let mut everything = false;
        if let Step::Expression(expression) = &self.steps[place] {
            expression.walk(&mut |part| everything |= all(part));
        }
        for (other, step) in self.steps.iter().enumerate() {
            let used = match step {
                Step::Metric { .. } => {
                    everything
                        || needs(&self.steps[place]).contains(&self.queries[other].id.as_str())
                }
                Step::Expression(_) => {
                    other != place
                        && needs(&self.steps[place]).contains(&self.queries[other].id.as_str())
                }
            };
            if used {
                longest = longest.max(self.period(other));
            }
        }
        longest
    }

    /// The id of one that searches.
    pub(super) fn searches(&self) -> Option<&str> {
        let searches = |step: &Step| {
            let mut found = false;
            if let Step::Expression(expression) = step {
                expression.walk(&mut |part| {
                    found |= matches!(part, Expression::Call(name, _) if name == "SEARCH");
                });
            }
            found
        };
        let place = self.steps.iter().position(searches)?;
        Some(&self.queries[place].id)
    }

    /// How many of them read a metric.
    pub(super) fn metrics(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| matches!(step, Step::Metric { .. }))
            .count()
    }

    /// The answers, at the places of their queries. `range` says for a period which range to read.
    pub(super) fn run(
        &self,
        region: &Region,
        range: impl Fn(u32) -> Range,
    ) -> Result<Vec<Answer>, Error> {
        let mut answers: Vec<Option<Answer>> = self.steps.iter().map(|_| None).collect();
        // Those that read metrics first: METRICS() needs all of them.
        for (place, step) in self.steps.iter().enumerate() {
            if let Step::Metric {
                identity,
                name,
                statistic,
                unit,
                period,
            } = step
            {
                let found = read::one_unit(region, identity, *unit, range(*period));
                let mut samples = BTreeMap::new();
                let mut series = Series {
                    label: self.queries[place]
                        .label
                        .clone()
                        .unwrap_or_else(|| name.clone()),
                    period: i64::from(*period),
                    points: BTreeMap::new(),
                };
                for (at, bucket) in &found.buckets {
                    if let Some(value) = statistic.of(bucket) {
                        series.points.insert(*at, value);
                        samples.insert(*at, bucket.count);
                    }
                }
                answers[place] = Some(Answer {
                    value: Value::Series(series),
                    units: found.units,
                    samples,
                });
            }
        }
        for place in &self.order {
            let Step::Expression(expression) = &self.steps[*place] else {
                continue;
            };
            let period = self.period(*place).unwrap_or(60);
            let values = self
                .queries
                .iter()
                .zip(&answers)
                .filter_map(|(query, answer)| Some((query.id.as_str(), &answer.as_ref()?.value)));
            let search = |search: &str, statistic: &str, period: i64| {
                found(region, search, statistic, period, &range)
            };
            let env = Env {
                search: &search,
                values: values.collect(),
                metrics: self
                    .queries
                    .iter()
                    .zip(&self.steps)
                    .filter(|(_, step)| matches!(step, Step::Metric { .. }))
                    .map(|(query, _)| query.id.as_str())
                    .collect(),
                grid: range(period).periods().collect(),
                period: i64::from(period),
            };
            let value = math::evaluate(expression, &env)
                .map_err(|problem| in_expression(&self.queries[*place].id, &problem))?;
            answers[*place] = Some(Answer {
                value,
                units: Vec::new(),
                samples: BTreeMap::new(),
            });
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

/// At most so many series are found by a search.
const MOST_FOUND: usize = 500;

/// The series a search finds, in the order of what they are.
fn found(
    region: &Region,
    text: &str,
    statistic: &str,
    period: i64,
    range: &impl Fn(u32) -> Range,
) -> Result<Vec<Series>, String> {
    let wanted = search::parse(text)?;
    let statistic = Statistic::parse(statistic)
        .ok_or_else(|| format!("Statistic {statistic} is not supported"))?;
    let period = u32::try_from(period)
        .ok()
        .filter(|period| valid_period(*period))
        .ok_or_else(|| format!("Period {period} is not supported"))?;
    let metrics: Vec<_> = region
        .cloudwatch
        .metrics
        .iter()
        .filter(|(_, metric)| wanted.wants(metric))
        .take(MOST_FOUND)
        .collect();
    let one_name = metrics.windows(2).all(|two| two[0].1.name == two[1].1.name);
    let mut all = Vec::with_capacity(metrics.len());
    for (identity, metric) in metrics {
        let buckets = read::one_unit(region, identity, None, range(period)).buckets;
        let points = buckets
            .iter()
            .filter_map(|(at, bucket)| Some((*at, statistic.of(bucket)?)));
        // What tells it from the others: its dimensions, and its name where names differ.
        let mut label: Vec<&str> = metric
            .dimensions
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        if !one_name || label.is_empty() {
            label.push(&metric.name);
        }
        all.push(Series {
            label: label.join(" "),
            period: i64::from(period),
            points: points.collect(),
        });
    }
    Ok(all)
}
