//! What every noun of RDS does alike: pieces of lists, tags, filters, names.

use wire::Error;
use wire::rds as api;

use super::error::{invalid_combination, invalid_value};
use crate::Tags;
use crate::page::{Page, page};

const MOST_TAGS: usize = 50;

pub(super) fn piece<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    most: Option<i64>,
) -> Result<Page<T>, Error> {
    let most = most.unwrap_or(100);
    if !(20..=100).contains(&most) {
        return Err(invalid_value(format!(
            "Invalid value {most} for MaxRecords. Must be between 20 and 100"
        )));
    }
    page(items, key, marker, usize::try_from(most).unwrap_or(100))
        .map_err(|_| invalid_value("The marker is not valid."))
}

pub(super) fn new_tags(new: Option<Vec<api::Tag>>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    add_tags(&mut tags, new.unwrap_or_default())?;
    Ok(tags)
}

pub(super) fn add_tags(tags: &mut Tags, new: Vec<api::Tag>) -> Result<(), Error> {
    for tag in new {
        let key = tag.key.unwrap_or_default();
        if key.is_empty() || key.to_lowercase().starts_with("aws:") {
            return Err(invalid_value(format!("Tag key '{key}' is not valid.")));
        }
        tags.insert(key, tag.value.unwrap_or_default());
    }
    if tags.len() > MOST_TAGS {
        return Err(invalid_combination(format!(
            "A resource can have at most {MOST_TAGS} tags."
        )));
    }
    Ok(())
}

pub(super) fn shown_tags(tags: &Tags) -> Vec<api::Tag> {
    tags.iter()
        .map(|(key, value)| api::Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        })
        .collect()
}

/// Whether every filter lets something through, given what it has under each filter's name.
pub(super) fn fits(
    filters: Option<&[api::Filter]>,
    has: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<bool, Error> {
    for filter in filters.unwrap_or_default() {
        let Some(values) = has(&filter.name) else {
            return Err(invalid_value(format!(
                "Unrecognized filter name: {}",
                filter.name
            )));
        };
        if !filter.values.iter().any(|wanted| values.contains(wanted)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An identifier as RDS keeps it: lower case, a letter first, hyphens neither last nor doubled.
pub(super) fn identifier(parameter: &str, text: &str) -> Result<String, Error> {
    let fine = text.len() <= 63
        && text.starts_with(|one: char| one.is_ascii_alphabetic())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '-');
    if fine {
        return Ok(text.to_lowercase());
    }
    Err(invalid_value(format!(
        "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
    )))
}
