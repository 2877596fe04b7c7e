//! Topics come and go.

use std::collections::BTreeMap;

use wire::sns as api;
use wire::{Error, Unit};

use super::arn::topic_name;
use super::attribute;
use super::error::{invalid, not_there};
use super::state::Topic;
use super::tags;
use crate::page::page;
use crate::services::kms;
use crate::{Context, Region};

/// Of topics and of subscriptions in one answer.
pub(super) const PAGE: usize = 100;
const MOST_NAME: usize = 256;
/// The alias of the key that AWS manages for SNS.
pub(super) const OWN_KEY: &str = "alias/aws/sns";

pub(super) fn create_topic(
    region: &mut Region,
    context: &Context,
    input: api::CreateTopicInput,
) -> Result<api::CreateTopicResponse, Error> {
    let name = input.name;
    let given = input.attributes.unwrap_or_default();
    let fifo = given.get("FifoTopic").is_some_and(|value| value == "true");
    let character = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
    let plain = name.strip_suffix(".fifo").filter(|_| fifo).unwrap_or(&name);
    if plain.is_empty()
        || name.len() > MOST_NAME
        || !plain.chars().all(character)
        || fifo && plain.len() == name.len()
    {
        return Err(invalid("Topic Name"));
    }
    if fifo {
        return Err(not_there(
            "FIFO topics: they deliver to SQS queues only, which it has not either",
        ));
    }
    if input.data_protection_policy.is_some() {
        return Err(not_there("data protection policies of topics"));
    }
    let mut attributes = BTreeMap::new();
    for (name, value) in given.iter().filter(|(name, _)| *name != "FifoTopic") {
        let value = (!value.is_empty()).then_some(value.as_str());
        let value = attribute::checked(name, value)
            .map_err(|reason| invalid(format!("Attributes Reason: {reason}")))?;
        if let Some(value) = value {
            attributes.insert(name.clone(), value);
        }
    }
    let tags = tags::given(input.tags)?;
    let arn = context.settings.arn("sns", &name);
    if let Some(row) = region.sns.topics.get(&name) {
        // Calling again with the same or fewer attributes is fine.
        let same = |(name, value): (&String, &String)| {
            attribute::shown(row, name).is_some_and(|shown| shown == *value)
        };
        if !attributes.iter().all(same) {
            return Err(invalid(
                "Attributes Reason: Topic already exists with different attributes",
            ));
        }
        if !tags.is_empty() && tags != row.tags {
            return Err(invalid(
                "Tags Reason: Topic already exists with different tags",
            ));
        }
        return Ok(api::CreateTopicResponse {
            topic_arn: Some(arn),
        });
    }
    if attributes
        .get("KmsMasterKeyId")
        .is_some_and(|id| id == OWN_KEY)
    {
        kms::key::aws_managed(region, context, "sns");
    }
    region.sns.topics.insert(
        name.clone(),
        Topic {
            name,
            arn: arn.clone(),
            tags,
            attributes,
        },
    );
    Ok(api::CreateTopicResponse {
        topic_arn: Some(arn),
    })
}

/// Takes its subscriptions with it. That it is not there is fine.
pub(super) fn delete_topic(
    region: &mut Region,
    _: &Context,
    input: api::DeleteTopicInput,
) -> Result<Unit, Error> {
    let name = topic_name(region, &input.topic_arn)?;
    region.sns.topics.remove(&name);
    region
        .sns
        .subscriptions
        .retain(|_, row| row.topic_arn != input.topic_arn);
    Ok(Unit {})
}

pub(super) fn list_topics(
    region: &Region,
    _: &Context,
    input: api::ListTopicsInput,
) -> Result<api::ListTopicsResponse, Error> {
    let piece = page(
        region.sns.topics.values(),
        |row| row.name.clone(),
        input.next_token.as_deref(),
        PAGE,
    )
    .map_err(|_| invalid("NextToken"))?;
    let topics = piece.items.into_iter().map(|row| api::Topic {
        topic_arn: Some(row.arn.clone()),
    });
    Ok(api::ListTopicsResponse {
        next_token: piece.next,
        topics: Some(topics.collect()),
    })
}
