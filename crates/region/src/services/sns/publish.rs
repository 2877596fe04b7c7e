//! Publishing: one row for each subscriber that wants the message.

use std::collections::BTreeSet;

use wire::Error;
use wire::sns as api;

use super::alarm_mail;
use super::arn::topic;
use super::delivery;
use super::error::{
    batch_too_long, empty_batch, ids_not_distinct, invalid, invalid_entry_id, not_there,
    too_many_entries,
};
use super::message::{Content, Given, MOST_BYTES, subject_of};
use super::permission;
use super::state::Message;
use crate::{Context, Region};

const MOST_ENTRIES: usize = 10;
const MOST_ENTRY_ID: usize = 80;

/// Publishes on behalf of CloudWatch: the topic's policy and key have to let it. Mail subscribers
/// get the text form of an alarm, all others the message as it is. Gives the message's id.
///
/// # Errors
/// `NotFound`, `InvalidParameter`, `AuthorizationError`, or one that names the topic's key.
pub fn publish(
    region: &mut Region,
    context: &Context,
    topic_arn: &str,
    subject: Option<&str>,
    message: &str,
) -> Result<String, Error> {
    let source = alarm_mail::source(message).unwrap_or_default();
    let row = topic(region, topic_arn)?;
    permission::service_may_publish(region, row, "cloudwatch.amazonaws.com", &source)?;
    let mut content = Content::of(Given {
        text: message.to_owned(),
        subject: subject.map(subject_of),
        structure: None,
        attributes: None,
    })?
    .must_fit()?;
    if let Some(text) = alarm_mail::text(message) {
        content.bodies.insert("email".to_owned(), text);
    }
    accept(region, context, topic_arn, content)
}

fn accept(
    region: &mut Region,
    context: &Context,
    topic_arn: &str,
    content: Content,
) -> Result<String, Error> {
    let row = topic(region, topic_arn)?;
    permission::usable_key(region, row)?;
    let attribute = |name: &str| row.attributes.get(name).cloned();
    let message = Message {
        topic_arn: row.arn.clone(),
        sender: attribute("DisplayName").unwrap_or_default(),
        at: context.now,
        subject: content.subject,
        bodies: content.bodies,
        attributes: content.attributes,
        signature_version: match attribute("SignatureVersion").as_deref() {
            Some("2") => 2,
            _ => 1,
        },
    };
    Ok(delivery::enqueue(region, context, message))
}

pub(super) fn publish_message(
    region: &mut Region,
    context: &Context,
    input: api::PublishInput,
) -> Result<api::PublishResponse, Error> {
    if input.phone_number.is_some() {
        return Err(not_there("text messages to telephones"));
    }
    let arn = match (input.topic_arn, input.target_arn) {
        (Some(_), Some(_)) => {
            return Err(invalid("Only one of TopicArn and TargetArn may be given."));
        }
        (None, Some(arn)) if arn.contains(":endpoint/") => return Err(not_there("mobile push")),
        (Some(arn), None) | (None, Some(arn)) => arn,
        (None, None) => {
            return Err(invalid(
                "TopicArn or TargetArn Reason: no value for required parameter",
            ));
        }
    };
    let content = Content::of(Given {
        text: input.message,
        subject: input.subject,
        structure: input.message_structure,
        attributes: input.message_attributes,
    });
    topic(region, &arn)?;
    if input.message_deduplication_id.is_some() {
        return Err(invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        ));
    }
    let id = accept(region, context, &arn, content?.must_fit()?)?;
    Ok(api::PublishResponse {
        message_id: Some(id),
        sequence_number: None,
    })
}

fn check_ids(entries: &[api::PublishBatchRequestEntry]) -> Result<(), Error> {
    if entries.is_empty() {
        return Err(empty_batch(
            "The batch request doesn't contain any entries.",
        ));
    }
    if entries.len() > MOST_ENTRIES {
        return Err(too_many_entries(
            "The batch request contains more entries than permissible.",
        ));
    }
    let mut seen = BTreeSet::new();
    for entry in entries {
        let id = &entry.id;
        if id.len() > MOST_ENTRY_ID {
            return Err(invalid_entry_id(format!(
                "The Id of a batch entry in the batch request is too long: {id}"
            )));
        }
        let fine = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
        if id.is_empty() || !id.chars().all(fine) {
            return Err(invalid_entry_id(format!(
                "The Id of a batch entry in the batch request contains an impermissible character: {id}"
            )));
        }
        if !seen.insert(id) {
            return Err(ids_not_distinct(
                "Two or more batch entries in the request have the same Id.",
            ));
        }
    }
    Ok(())
}

pub(super) fn publish_batch(
    region: &mut Region,
    context: &Context,
    input: api::PublishBatchInput,
) -> Result<api::PublishBatchResponse, Error> {
    let arn = input.topic_arn;
    topic(region, &arn)?;
    check_ids(&input.publish_batch_request_entries)?;
    let contents: Vec<(String, Content)> = input
        .publish_batch_request_entries
        .into_iter()
        .map(|entry| {
            let content = Content::of(Given {
                text: entry.message,
                subject: entry.subject,
                structure: entry.message_structure,
                attributes: entry.message_attributes,
            })?;
            Ok((entry.id, content))
        })
        .collect::<Result<_, Error>>()?;
    let bytes: usize = contents.iter().map(|(_, content)| content.bytes).sum();
    if bytes > MOST_BYTES {
        return Err(batch_too_long(
            "The length of all the messages put together is more than the limit.",
        ));
    }
    let mut successful = Vec::new();
    for (id, content) in contents {
        let message_id = accept(region, context, &arn, content)?;
        successful.push(api::PublishBatchResultEntry {
            id: Some(id),
            message_id: Some(message_id),
            sequence_number: None,
        });
    }
    Ok(api::PublishBatchResponse {
        failed: Some(Vec::new()),
        successful: Some(successful),
    })
}
