//! What every noun of IAM does alike: tags, paths, pieces of lists, documents in answers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wire::Error;
use wire::iam::Tag;

use super::error::{invalid_input, validation};
use crate::page::{Page, page};
use crate::{Context, Tags};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A document as IAM's answers hold it. A space is `%20` and a plus sign `%2B`, since readers
/// take a bare `+` for a space.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, UNRESERVED).to_string()
}

/// The sixteen or seventeen characters behind `AROA` and its like.
pub(super) fn unique_id(context: &Context, prefix: &str) -> String {
    let tail = context.pick(17, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    format!("{prefix}{tail}")
}

/// A path as it was given, or `/`.
pub(super) fn checked_path(path: Option<String>) -> Result<String, Error> {
    let path = path.unwrap_or_else(|| "/".to_owned());
    let printable = path.bytes().all(|byte| (0x21..=0x7f).contains(&byte));
    if path.starts_with('/') && path.ends_with('/') && printable && path.len() <= 512 {
        Ok(path)
    } else {
        Err(validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ))
    }
}

pub(super) fn under(path: &str, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| path.starts_with(prefix))
}

pub(super) fn piece<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    most: Option<i64>,
) -> Result<Page<T>, Error> {
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100);
    page(items, key, marker, most).map_err(|_| validation("Invalid Marker."))
}

/// Checks new tags against those already there and puts them in.
pub(super) fn add_tags(tags: &mut Tags, new: Vec<Tag>) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    for tag in &new {
        if !seen.insert(tag.key.to_lowercase()) {
            return Err(invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(validation(
                "Tag keys cannot start with aws: because that prefix is reserved.",
            ));
        }
    }
    for tag in new {
        tags.retain(|key, _| *key == tag.key || !key.eq_ignore_ascii_case(&tag.key));
        tags.insert(tag.key, tag.value);
    }
    if tags.len() > 50 {
        return Err(invalid_input(
            "The number of tags has reached the maximum limit.",
        ));
    }
    Ok(())
}

pub(super) fn new_tags(new: Option<Vec<Tag>>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    add_tags(&mut tags, new.unwrap_or_default())?;
    Ok(tags)
}

pub(super) fn remove_tags(tags: &mut Tags, keys: &[String]) {
    tags.retain(|key, _| !keys.iter().any(|gone| gone.eq_ignore_ascii_case(key)));
}

/// `None` if there are none: IAM leaves the element out.
pub(super) fn shown_tags(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.is_empty()).then(|| all_tags(tags))
}

pub(super) fn all_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
}

/// How long a document counts: white space is free.
pub(super) fn weight(document: &str) -> usize {
    document.chars().filter(|one| !one.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_survive_being_read_as_a_query_string() {
        assert_eq!(encoded(r#"{"a": "b+c"}"#), "%7B%22a%22%3A%20%22b%2Bc%22%7D");
    }

    #[test]
    fn tags_are_replaced_whatever_their_case() {
        let mut tags = Tags::new();
        let tag = |key: &str, value: &str| Tag {
            key: key.into(),
            value: value.into(),
        };
        add_tags(&mut tags, vec![tag("Env", "dev")]).expect("it is fine");
        add_tags(&mut tags, vec![tag("env", "prod")]).expect("it is fine");
        assert_eq!(tags, Tags::from([("env".into(), "prod".into())]));
        assert!(add_tags(&mut tags, vec![tag("a", ""), tag("A", "")]).is_err());
        assert!(add_tags(&mut tags, vec![tag("aws:x", "")]).is_err());
    }
}
