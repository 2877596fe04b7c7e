//! What is published: a text for each kind of endpoint, a subject, attributes; within AWS's limits.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wire::Error;
use wire::sns as api;

use super::error::{invalid, invalid_value};
use super::state::Attribute;

/// Bytes of a message's text and attributes; of all messages of a batch too.
pub(super) const MOST_BYTES: usize = 256 * 1024;
const MOST_SUBJECT: usize = 100;
const MOST_NAME: usize = 256;

#[derive(Debug)]
pub(super) struct Content {
    pub(super) subject: Option<String>,
    pub(super) bodies: BTreeMap<String, String>,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) bytes: usize,
}

/// As a caller gave it.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) subject: Option<String>,
    pub(super) structure: Option<String>,
    pub(super) attributes: Option<BTreeMap<String, api::MessageAttributeValue>>,
}

impl Content {
    pub(super) fn of(given: Given) -> Result<Self, Error> {
        let attributes = attributes(given.attributes.unwrap_or_default())?;
        if given.text.is_empty() {
            return Err(invalid("Empty message"));
        }
        if let Some(subject) = &given.subject
            && (subject.is_empty()
                || subject.chars().count() > MOST_SUBJECT
                || subject.chars().any(char::is_control))
        {
            return Err(invalid("Subject"));
        }
        let bytes = given.text.len()
            + attributes
                .iter()
                .map(|(name, one)| name.len() + one.data_type.len() + one.value.len())
                .sum::<usize>();
        Ok(Self {
            subject: given.subject,
            bodies: bodies(given.text, given.structure.as_deref())?,
            attributes,
            bytes,
        })
    }

    pub(super) fn must_fit(self) -> Result<Self, Error> {
        if self.bytes > MOST_BYTES {
            return Err(invalid("Message too long"));
        }
        Ok(self)
    }
}

/// Cuts what is too long for a subject.
pub(super) fn subject_of(text: &str) -> String {
    text.chars()
        .filter(|one| !one.is_control())
        .take(MOST_SUBJECT)
        .collect()
}

fn bodies(text: String, structure: Option<&str>) -> Result<BTreeMap<String, String>, Error> {
    match structure {
        None => Ok(BTreeMap::from([("default".to_owned(), text)])),
        Some("json") => {
            let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(&text) else {
                return Err(invalid(
                    "Message Structure - JSON message body failed to parse",
                ));
            };
            // What is no text is as if it were not there.
            let texts = fields.into_iter().filter_map(|(name, value)| match value {
                serde_json::Value::String(text) => Some((name, text)),
                _ => None,
            });
            let bodies: BTreeMap<String, String> = texts.collect();
            if !bodies.contains_key("default") {
                return Err(invalid(
                    "Message Structure - No default entry in JSON message body",
                ));
            }
            Ok(bodies)
        }
        Some(_) => Err(invalid("MessageStructure")),
    }
}

fn attributes(
    given: BTreeMap<String, api::MessageAttributeValue>,
) -> Result<BTreeMap<String, Attribute>, Error> {
    given
        .into_iter()
        .map(|(name, value)| {
            check_name(&name)?;
            let kept = attribute(&name, value)?;
            Ok((name, kept))
        })
        .collect()
}

fn check_name(name: &str) -> Result<(), Error> {
    let refused = |text: &str| Err(invalid_value(text));
    if name.len() > MOST_NAME {
        return refused("Length of message attribute name must be less than 256 bytes.");
    }
    let fine = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
    if let Some(odd) = name.chars().find(|one| !fine(*one)) {
        return refused(&format!(
            "Invalid non-alphanumeric character '#x{:X}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
            u32::from(odd)
        ));
    }
    if name.starts_with('.') {
        return refused("Invalid message attribute name starting with character '.' was found.");
    }
    if name.ends_with('.') {
        return refused("Invalid message attribute name ending with character '.' was found.");
    }
    if name.contains("..") {
        return refused("Message attribute name can not have successive '.' character.");
    }
    Ok(())
}

fn attribute(name: &str, given: api::MessageAttributeValue) -> Result<Attribute, Error> {
    let data_type = given.data_type;
    let kind = data_type.split('.').next().unwrap_or_default();
    let wrong_field = |field: &str| {
        invalid_value(format!(
            "The message attribute '{name}' with type '{data_type}' must use field '{field}'."
        ))
    };
    let text = given.string_value.filter(|text| !text.is_empty());
    let bytes = given.binary_value.filter(|bytes| !bytes.is_empty());
    let value = match kind {
        "String" | "Number" if bytes.is_some() => return Err(wrong_field("String")),
        "Binary" if text.is_some() => return Err(wrong_field("Binary")),
        "String" | "Number" => text,
        "Binary" => bytes.map(|bytes| STANDARD.encode(bytes)),
        _ => {
            return Err(invalid_value(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            )));
        }
    };
    let Some(value) = value else {
        return Err(invalid_value(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
        )));
    };
    if kind == "Number" && !value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(invalid_value(format!(
            "Could not cast message attribute '{name}' value to number."
        )));
    }
    Ok(Attribute { data_type, value })
}
