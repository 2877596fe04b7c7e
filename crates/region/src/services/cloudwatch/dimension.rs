//! Dimensions, and the identity of a metric.

use wire::Error;
use wire::cloudwatch as api;

use super::error::{invalid_combination, invalid_value};

pub(super) const MOST_DIMENSIONS: usize = 30;

/// Name and value, in the order given.
pub type Dimensions = Vec<(String, String)>;

/// Takes dimensions in; `at` is what precedes them in an error, such as `MetricData.member.1.`.
pub(super) fn taken(given: Option<Vec<api::Dimension>>, at: &str) -> Result<Dimensions, Error> {
    let given = given.unwrap_or_default();
    if given.len() > MOST_DIMENSIONS {
        return Err(invalid_value(format!(
            "The collection {at}Dimensions must not have a size greater than {MOST_DIMENSIONS}."
        )));
    }
    let mut taken = Dimensions::new();
    for (number, one) in (1..).zip(given) {
        check(&one.name, &format!("{at}Dimensions.member.{number}.Name"))?;
        check(&one.value, &format!("{at}Dimensions.member.{number}.Value"))?;
        if one.name.starts_with(':') {
            return Err(invalid_value(format!(
                "The parameter {at}Dimensions.member.{number}.Name must not start with a colon."
            )));
        }
        if taken.iter().any(|(name, _)| *name == one.name) {
            return Err(invalid_combination(format!(
                "No two dimensions may have the same name: {} is given twice.",
                one.name
            )));
        }
        taken.push((one.name, one.value));
    }
    Ok(taken)
}

fn check(text: &str, parameter: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(invalid_value(format!(
            "The parameter {parameter} must contain at least one non-whitespace character."
        )));
    }
    if !text.is_ascii() || text.contains(|letter: char| letter.is_ascii_control()) {
        return Err(invalid_value(format!(
            "The parameter {parameter} must contain only ASCII characters, and no control characters."
        )));
    }
    Ok(())
}

pub(super) fn shown(dimensions: &[(String, String)]) -> Vec<api::Dimension> {
    let shown = |(name, value): &(String, String)| api::Dimension {
        name: name.clone(),
        value: value.clone(),
    };
    dimensions.iter().map(shown).collect()
}

/// What a metric is, as one text: namespace, name and its dimensions by name. The separators are
/// characters that none of them may hold.
pub(super) fn identity(namespace: &str, name: &str, dimensions: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = dimensions.iter().collect();
    sorted.sort();
    let mut text = format!("{namespace}\u{1f}{name}");
    for (name, value) in sorted {
        text.push('\u{1f}');
        text.push_str(name);
        text.push('\u{1e}');
        text.push_str(value);
    }
    text
}

/// Whether two lists hold the same dimensions, in whatever order.
pub(super) fn same(one: &[(String, String)], other: &[(String, String)]) -> bool {
    one.len() == other.len() && one.iter().all(|dimension| other.contains(dimension))
}
