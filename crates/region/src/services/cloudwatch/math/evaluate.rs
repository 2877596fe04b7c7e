//! What an expression comes to.

use std::collections::BTreeMap;

use super::function;
use super::parse::{Expression, Operator};
use super::series::{Series, Value};

type Search<'a> = dyn Fn(&str, &str, i64) -> Result<Vec<Series>, String> + 'a;

/// What expressions refer to.
pub(in super::super) struct Env<'a> {
    /// By id.
    pub(in super::super) values: BTreeMap<&'a str, &'a Value>,
    /// The ids of the queries that read metrics, in the order asked.
    pub(in super::super) metrics: Vec<&'a str>,
    /// The starts of the periods of the range, for what makes points where there were none.
    pub(in super::super) grid: Vec<i64>,
    /// In seconds.
    pub(in super::super) period: i64,
    /// Finds series: by a search, a statistic and a period.
    pub(in super::super) search: &'a Search<'a>,
}

pub(in super::super) fn evaluate(expression: &Expression, env: &Env) -> Result<Value, String> {
    match expression {
        Expression::Number(value) => Ok(Value::Number(*value)),
        Expression::Text(text) | Expression::Word(text) => Ok(Value::Text(text.clone())),
        Expression::Id(id) => match env.values.get(id.as_str()) {
            Some(value) => Ok((*value).clone()),
            None => Err(format!("Undeclared variable: {id}")),
        },
        Expression::List(items) => {
            let mut all = Vec::new();
            for item in items {
                match evaluate(item, env)? {
                    Value::Series(series) => all.push(series),
                    Value::Array(series) => all.extend(series),
                    Value::Number(number) => all.push(constant(number, env)),
                    Value::Text(_) => return Err("A list holds time series only".to_owned()),
                }
            }
            Ok(Value::Array(all))
        }
        Expression::Negated(inner) => {
            let value = evaluate(inner, env)?;
            each("-", value, |_, value| -value)
        }
        Expression::Not(inner) => {
            let value = evaluate(inner, env)?;
            each("!", value, |_, value| truth(value == 0.0))
        }
        Expression::Binary(operator, left, right) => {
            binary(*operator, evaluate(left, env)?, evaluate(right, env)?)
        }
        Expression::Call(name, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(evaluate(argument, env)?);
            }
            function::call(name, values, env)
        }
    }
}

/// A number as a series of its own over the range.
pub(super) fn constant(number: f64, env: &Env) -> Series {
    Series {
        label: String::new(),
        period: env.period,
        points: env.grid.iter().map(|at| (*at, number)).collect(),
    }
}

pub(super) fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Does something with each value.
pub(super) fn each(
    what: &str,
    value: Value,
    to: impl Fn(i64, f64) -> f64,
) -> Result<Value, String> {
    match value {
        Value::Number(number) => Ok(Value::Number(to(0, number))),
        Value::Series(series) => Ok(Value::Series(series.map(to))),
        Value::Array(all) => Ok(Value::Array(all.iter().map(|one| one.map(&to)).collect())),
        text @ Value::Text(_) => Err(format!(
            "Unsupported operand type(s) for {what}: '[{}]'",
            text.kind()
        )),
    }
}

fn binary(operator: Operator, left: Value, right: Value) -> Result<Value, String> {
    let apply = |one: f64, other: f64| operate(operator, one, other);
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => Ok(Value::Number(apply(one, other))),
        (Value::Number(one), other @ (Value::Series(_) | Value::Array(_))) => {
            each(operator.sign(), other, |_, other| apply(one, other))
        }
        (one @ (Value::Series(_) | Value::Array(_)), Value::Number(other)) => {
            each(operator.sign(), one, |_, one| apply(one, other))
        }
        (Value::Series(one), Value::Series(other)) => {
            Ok(Value::Series(joined(&one, &other, &apply)))
        }
        (Value::Series(one), Value::Array(all)) => Ok(Value::Array(
            all.iter()
                .map(|other| Series {
                    label: other.label.clone(),
                    ..joined(&one, other, &apply)
                })
                .collect(),
        )),
        (Value::Array(all), Value::Series(other)) => Ok(Value::Array(
            all.iter().map(|one| joined(one, &other, &apply)).collect(),
        )),
        (left, right) => Err(format!(
            "Unsupported operand type(s) for {}: '[{}, {}]'",
            operator.sign(),
            left.kind(),
            right.kind()
        )),
    }
}

/// Where both have a value.
fn joined(one: &Series, other: &Series, apply: &impl Fn(f64, f64) -> f64) -> Series {
    let points = one
        .points
        .iter()
        .filter_map(|(at, left)| Some((*at, apply(*left, *other.points.get(at)?))));
    one.with(points)
}

#[expect(clippy::float_cmp, reason = "that is what the operators say")]
fn operate(operator: Operator, one: f64, other: f64) -> f64 {
    match operator {
        Operator::Add => one + other,
        Operator::Subtract => one - other,
        Operator::Multiply => one * other,
        // By zero: no number, and so no value.
        Operator::Divide => one / other,
        Operator::Power => one.powf(other),
        Operator::Less => truth(one < other),
        Operator::LessOrEqual => truth(one <= other),
        Operator::Greater => truth(one > other),
        Operator::GreaterOrEqual => truth(one >= other),
        Operator::Equal => truth(one == other),
        Operator::NotEqual => truth(one != other),
        Operator::And => truth(one != 0.0 && other != 0.0),
        Operator::Or => truth(one != 0.0 || other != 0.0),
    }
}
