//! Metric math: expressions over series.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

mod calendar;
mod evaluate;
mod function;
mod parse;
mod series;
#[cfg(test)]
mod tests;

pub(super) use evaluate::{Env, evaluate};
pub(super) use function::absent;
pub(super) use parse::{Expression, parse};
pub(super) use series::{Series, Value};
