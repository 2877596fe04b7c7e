//! What expressions are made of: numbers, series, and arrays of series.

use std::collections::BTreeMap;

/// Values by the start of their period, in seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Series {
    pub(in super::super) label: String,
    /// In seconds.
    pub(in super::super) period: i64,
    pub(in super::super) points: BTreeMap<i64, f64>,
}

/// A count, or seconds since 1970: both far below where a float is no longer exact.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
pub(super) fn float(whole: i64) -> f64 {
    whole as f64
}

pub(super) fn count<T>(of: &[T]) -> f64 {
    float(i64::try_from(of.len()).unwrap_or(i64::MAX))
}

impl Series {
    /// Each value made into another; what is no number is no value.
    pub(super) fn map(&self, to: impl Fn(i64, f64) -> f64) -> Self {
        let points = self.points.iter().map(|(at, value)| (*at, to(*at, *value)));
        self.with(points)
    }

    /// The same series with other points.
    pub(super) fn with(&self, points: impl Iterator<Item = (i64, f64)>) -> Self {
        Self {
            label: self.label.clone(),
            period: self.period,
            points: points.filter(|(_, value)| value.is_finite()).collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Value {
    Number(f64),
    Series(Series),
    Array(Vec<Series>),
    /// A text or a word, as functions take some.
    Text(String),
}

impl Value {
    /// As AWS calls it in errors.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "Scalar",
            Self::Series(_) => "TimeSeries",
            Self::Array(_) => "Array[TimeSeries]",
            Self::Text(_) => "String",
        }
    }
}
