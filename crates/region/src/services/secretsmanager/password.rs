//! Passwords made by chance.

use wire::Error;
use wire::secretsmanager as api;

use super::error::invalid_parameter;
use crate::{Context, Region};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// A password of `length` characters that has some of each kind, without those in `excluded`.
pub fn random(context: &Context, length: usize, excluded: &str) -> String {
    let kinds: Vec<String> = [LOWER, UPPER, DIGITS, PUNCTUATION]
        .map(|kind| without(kind, excluded))
        .into();
    mixed(context, length, &kinds, true)
}

fn without(kind: &str, excluded: &str) -> String {
    kind.chars()
        .filter(|one| !excluded.contains(*one))
        .collect()
}

/// Draws from all kinds together; with `each`, first one of every kind, at chance places.
fn mixed(context: &Context, length: usize, kinds: &[String], each: bool) -> String {
    let all: String = kinds.concat();
    let mut drawn: Vec<char> = Vec::with_capacity(length);
    if each {
        for kind in kinds.iter().filter(|kind| !kind.is_empty()) {
            drawn.extend(context.pick(1, kind.as_bytes()).chars());
        }
    }
    drawn.truncate(length);
    let rest = length - drawn.len();
    drawn.extend(context.pick(rest, all.as_bytes()).chars());
    for at in (1..drawn.len()).rev() {
        let other = usize::try_from(context.below(at as u64 + 1)).unwrap_or(at);
        drawn.swap(at, other);
    }
    drawn.into_iter().collect()
}

pub(super) fn get_random_password(
    _: &Region,
    context: &Context,
    input: api::GetRandomPasswordRequest,
) -> Result<api::GetRandomPasswordResponse, Error> {
    let length = input.password_length.unwrap_or(32);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (1..=4096).contains(length))
        .ok_or_else(|| invalid_parameter("PasswordLength must be between 1 and 4096."))?;
    let excluded = input.exclude_characters.unwrap_or_default();
    let mut kinds: Vec<String> = [
        (LOWER, input.exclude_lowercase),
        (UPPER, input.exclude_uppercase),
        (DIGITS, input.exclude_numbers),
        (PUNCTUATION, input.exclude_punctuation),
    ]
    .into_iter()
    .filter(|(_, left_out)| *left_out != Some(true))
    .map(|(kind, _)| without(kind, &excluded))
    .collect();
    if input.include_space == Some(true) {
        kinds.push(without(" ", &excluded));
    }
    kinds.retain(|kind| !kind.is_empty());
    let each = input.require_each_included_type != Some(false);
    if kinds.is_empty() {
        return Err(invalid_parameter(
            "There are no characters left to make a password of.",
        ));
    }
    if each && length < kinds.len() {
        return Err(invalid_parameter(format!(
            "Password length {length} is too short based on the required types."
        )));
    }
    Ok(api::GetRandomPasswordResponse {
        random_password: Some(mixed(context, length, &kinds, each)),
    })
}
