//! The functions of metric math.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar;
use super::evaluate::{Env, constant, each};
use super::series::{Series, Value, count, float};

/// What AWS has and this region has not.
const ABSENT: &[&str] = &[
    "ANOMALY_DETECTION_BAND",
    "DB_PERF_INSIGHTS",
    "INSIGHT_RULE_METRIC",
    "LAMBDA",
    "SERVICE_QUOTA",
];

/// Whether a function is one of AWS's that is not built.
pub(in super::super) fn absent(name: &str) -> bool {
    ABSENT.contains(&name)
}

pub(super) fn call(name: &str, arguments: Vec<Value>, env: &Env) -> Result<Value, String> {
    let mut arguments = Arguments {
        name,
        given: arguments.len(),
        rest: arguments.into_iter(),
    };
    if let Some(tell) = calendar::of(name) {
        let value = arguments.next()?;
        arguments.end()?;
        return each(name, value, |at, _| tell(at));
    }
    let result = match name {
        "ABS" => each(name, arguments.next()?, |_, value| value.abs()),
        "CEIL" => each(name, arguments.next()?, |_, value| value.ceil()),
        "FLOOR" => each(name, arguments.next()?, |_, value| value.floor()),
        "LOG" => each(name, arguments.next()?, |_, value| value.ln()),
        "LOG10" => each(name, arguments.next()?, |_, value| value.log10()),
        "AVG" => reduce(arguments.next()?, name, env, mean, |values, of| {
            // What has no value at a moment counts as zero there.
            values.iter().sum::<f64>() / of
        }),
        "SUM" => reduce(arguments.next()?, name, env, sum, |values, _| sum(values)),
        "MIN" => reduce(arguments.next()?, name, env, least, |values, _| {
            least(values)
        }),
        "MAX" => reduce(arguments.next()?, name, env, most, |values, _| most(values)),
        "STDDEV" => reduce(arguments.next()?, name, env, deviation, |values, _| {
            deviation(values)
        }),
        "DATAPOINT_COUNT" => match arguments.next()? {
            Value::Series(series) => Ok(Value::Number(points(&series))),
            Value::Array(all) => Ok(Value::Array(
                all.iter()
                    .map(|one| {
                        let count = points(one);
                        one.map(|_, _| count)
                    })
                    .collect(),
            )),
            other => Err(wrong(name, &other)),
        },
        "METRIC_COUNT" => match arguments.next()? {
            Value::Array(all) => Ok(Value::Number(count(&all))),
            Value::Series(_) => Ok(Value::Number(1.0)),
            other => Err(wrong(name, &other)),
        },
        "PERIOD" => Ok(Value::Number(float(arguments.series()?.period))),
        "DIFF" => over(name, arguments.next()?, |one| {
            steps(one, |(_, before), (_, now)| now - before)
        }),
        "DIFF_TIME" => over(name, arguments.next()?, |one| {
            steps(one, |(before, _), (now, _)| float(now - before))
        }),
        "RATE" => over(name, arguments.next()?, |one| {
            steps(one, |(then, before), (at, now)| {
                (now - before) / float(at - then)
            })
        }),
        "RUNNING_SUM" => over(name, arguments.next()?, |one| {
            let mut total = 0.0;
            let points = one.points.iter().map(|(at, value)| {
                total += value;
                (*at, total)
            });
            one.with(points)
        }),
        "FILL" => {
            let value = arguments.next()?;
            let with = arguments.next()?;
            fill(name, value, &with, env)
        }
        "IF" => {
            let condition = arguments.next()?;
            let then = arguments.next()?;
            let other = arguments.maybe();
            choose(condition, then, other)
        }
        "TIME_SERIES" => match arguments.next()? {
            Value::Number(number) => Ok(Value::Series(constant(number, env))),
            other => Err(wrong(name, &other)),
        },
        "METRICS" => {
            let part = match arguments.maybe() {
                Some(Value::Text(part)) => part,
                Some(other) => return Err(wrong(name, &other)),
                None => String::new(),
            };
            let all = env.metrics.iter().filter(|id| id.contains(&part));
            let all = all.filter_map(|id| match env.values.get(id) {
                Some(Value::Series(series)) => Some(series.clone()),
                _ => None,
            });
            Ok(Value::Array(all.collect()))
        }
        "REMOVE_EMPTY" => {
            let mut all = arguments.array()?;
            all.retain(|one| !one.points.is_empty());
            Ok(Value::Array(all))
        }
        "FIRST" | "LAST" => {
            let all = arguments.array()?;
            let one = if name == "FIRST" {
                all.first()
            } else {
                all.last()
            };
            one.cloned()
                .map(Value::Series)
                .ok_or_else(|| format!("{name} of an empty array"))
        }
        "SLICE" => {
            let all = arguments.array()?;
            let start = place(name, &arguments.next()?)?;
            let end = match arguments.maybe() {
                None => start + 1,
                Some(end) => place(name, &end)?,
            };
            let cut: Vec<Series> = all.into_iter().take(end).skip(start).collect();
            Ok(Value::Array(cut))
        }
        "SORT" => sort(&mut arguments),
        "SEARCH" => {
            let (search, statistic) = match (arguments.next()?, arguments.next()?) {
                (Value::Text(search), Value::Text(statistic)) => (search, statistic),
                (other, _) => return Err(wrong(name, &other)),
            };
            let period = match arguments.maybe() {
                None => env.period,
                Some(period) => i64::try_from(place(name, &period)?).unwrap_or(0),
            };
            (env.search)(&search, &statistic, period).map(Value::Array)
        }
        _ if absent(name) => Err(format!("Function '{name}' is not supported by Terrella")),
        _ => Err(format!("Function '{name}' not found")),
    };
    let result = result?;
    arguments.end()?;
    Ok(result)
}

struct Arguments<'a> {
    name: &'a str,
    given: usize,
    rest: std::vec::IntoIter<Value>,
}

impl Arguments<'_> {
    fn maybe(&mut self) -> Option<Value> {
        self.rest.next()
    }

    fn next(&mut self) -> Result<Value, String> {
        self.maybe().ok_or_else(|| self.count())
    }

    fn count(&self) -> String {
        format!(
            "Function {} does not take {} arguments",
            self.name, self.given
        )
    }

    fn end(&mut self) -> Result<(), String> {
        match self.maybe() {
            None => Ok(()),
            Some(_) => Err(self.count()),
        }
    }

    fn series(&mut self) -> Result<Series, String> {
        match self.next()? {
            Value::Series(series) => Ok(series),
            other => Err(wrong(self.name, &other)),
        }
    }

    fn array(&mut self) -> Result<Vec<Series>, String> {
        match self.next()? {
            Value::Array(all) => Ok(all),
            Value::Series(one) => Ok(vec![one]),
            other => Err(wrong(self.name, &other)),
        }
    }
}

/// A place in an array; one too large is beyond its end.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative, and a float too large becomes the largest place"
)]
fn place(name: &str, value: &Value) -> Result<usize, String> {
    match value {
        Value::Number(place) if *place >= 0.0 => Ok(*place as usize),
        other => Err(wrong(name, other)),
    }
}

fn points(series: &Series) -> f64 {
    float(i64::try_from(series.points.len()).unwrap_or(i64::MAX))
}

fn wrong(name: &str, value: &Value) -> String {
    format!(
        "Function {name} does not support the argument type {}",
        value.kind()
    )
}

/// Of one series the number it comes to; of an array the series of what its values come to at
/// each moment, given with how many series there are.
fn reduce(
    value: Value,
    name: &str,
    env: &Env,
    one: impl Fn(&[f64]) -> f64,
    many: impl Fn(&[f64], f64) -> f64,
) -> Result<Value, String> {
    match value {
        Value::Number(number) => Ok(Value::Number(one(&[number]))),
        Value::Series(series) => {
            let values: Vec<f64> = series.points.values().copied().collect();
            Ok(Value::Number(one(&values)))
        }
        Value::Array(all) => {
            let moments: BTreeSet<i64> = all
                .iter()
                .flat_map(|series| series.points.keys().copied())
                .collect();
            let points = moments.into_iter().map(|at| {
                let values: Vec<f64> = all
                    .iter()
                    .filter_map(|series| series.points.get(&at).copied())
                    .collect();
                (at, many(&values, count(&all)))
            });
            let period = all.iter().map(|series| series.period).max();
            Ok(Value::Series(Series {
                label: String::new(),
                period: period.unwrap_or(env.period),
                points: points.filter(|(_, value)| value.is_finite()).collect(),
            }))
        }
        text @ Value::Text(_) => Err(wrong(name, &text)),
    }
}

fn sum(values: &[f64]) -> f64 {
    values.iter().sum()
}

/// Of nothing it is no number.
fn mean(values: &[f64]) -> f64 {
    sum(values) / count(values)
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

/// Of the whole, not of a sample.
fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / count(values)).sqrt()
}

fn over(name: &str, value: Value, of: impl Fn(&Series) -> Series) -> Result<Value, String> {
    match value {
        Value::Series(series) => Ok(Value::Series(of(&series))),
        Value::Array(all) => Ok(Value::Array(all.iter().map(of).collect())),
        other => Err(wrong(name, &other)),
    }
}

/// From each point and the one before it.
fn steps(series: &Series, of: impl Fn((i64, f64), (i64, f64)) -> f64) -> Series {
    let points: Vec<(i64, f64)> = series
        .points
        .iter()
        .map(|(at, value)| (*at, *value))
        .collect();
    series.with(points.windows(2).map(|two| (two[1].0, of(two[0], two[1]))))
}

fn fill(name: &str, value: Value, with: &Value, env: &Env) -> Result<Value, String> {
    let word = match with {
        Value::Text(word) => Some(word.to_ascii_uppercase()),
        _ => None,
    };
    match (with, word.as_deref()) {
        (Value::Number(number), _) => {
            let number = *number;
            over(name, value, |series| {
                let mut points: BTreeMap<i64, f64> =
                    env.grid.iter().map(|at| (*at, number)).collect();
                points.extend(&series.points);
                series.with(points.into_iter())
            })
        }
        (_, Some("REPEAT")) => over(name, value, |series| {
            let mut last = None;
            let points = env.grid.iter().filter_map(|at| {
                last = series.points.get(at).copied().or(last);
                Some((*at, last?))
            });
            series.with(points)
        }),
        (_, Some("LINEAR")) => over(name, value, |series| {
            let points = env.grid.iter().filter_map(|at| {
                let before = series.points.range(..=*at).next_back()?;
                let after = series.points.range(*at..).next()?;
                let width = float(after.0 - before.0);
                if width == 0.0 {
                    return Some((*at, *before.1));
                }
                let part = float(at - before.0) / width;
                Some((*at, before.1 + (after.1 - before.1) * part))
            });
            series.with(points)
        }),
        _ => Err(wrong(name, with)),
    }
}

fn choose(condition: Value, then: Value, other: Option<Value>) -> Result<Value, String> {
    let condition = match condition {
        Value::Number(number) => {
            let value = if number == 0.0 { other } else { Some(then) };
            return value.ok_or_else(|| "IF without an else needs a time series".to_owned());
        }
        Value::Series(series) => series,
        other => return Err(wrong("IF", &other)),
    };
    let at = |value: &Value, at: i64| match value {
        Value::Number(number) => Ok(Some(*number)),
        Value::Series(series) => Ok(series.points.get(&at).copied()),
        other => Err(wrong("IF", other)),
    };
    let mut points = Vec::new();
    for (moment, is) in &condition.points {
        let value = if *is == 0.0 {
            match &other {
                Some(other) => at(other, *moment)?,
                None => None,
            }
        } else {
            at(&then, *moment)?
        };
        if let Some(value) = value {
            points.push((*moment, value));
        }
    }
    Ok(Value::Series(condition.with(points.into_iter())))
}

fn sort(arguments: &mut Arguments) -> Result<Value, String> {
    let mut all = arguments.array()?;
    let word = |value: Value| match value {
        Value::Text(word) => Ok(word.to_ascii_uppercase()),
        other => Err(wrong("SORT", &other)),
    };
    let by: fn(&[f64]) -> f64 = match word(arguments.next()?)?.as_str() {
        "AVG" => mean,
        "MIN" => least,
        "MAX" => most,
        "SUM" => sum,
        other => return Err(format!("SORT by {other} is not possible")),
    };
    let descending = match word(arguments.next()?)?.as_str() {
        "ASC" => false,
        "DESC" => true,
        other => return Err(format!("SORT in the order {other} is not possible")),
    };
    let rank = |series: &Series| {
        let values: Vec<f64> = series.points.values().copied().collect();
        if values.is_empty() {
            f64::NAN
        } else {
            by(&values)
        }
    };
    // Those without values last.
    all.sort_by(|one, other| {
        let (one, other) = (rank(one), rank(other));
        match (one.is_nan(), other.is_nan()) {
            (false, false) if descending => other.total_cmp(&one),
            (false, false) => one.total_cmp(&other),
            (one, other) => one.cmp(&other),
        }
    });
    if let Some(limit) = arguments.maybe() {
        all.truncate(place("SORT", &limit)?);
    }
    Ok(Value::Array(all))
}
