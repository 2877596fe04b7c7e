//! What can be set on a topic, and how it is told.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>

use std::collections::BTreeMap;

use wire::sns as api;
use wire::{Error, Unit};

use super::arn::{topic, topic_mut};
use super::error::invalid;
use super::permission;
use super::retry;
use super::state::{Standing, Topic};
use super::topic::OWN_KEY;
use crate::services::kms;
use crate::{Context, Region};

const MOST_DISPLAY_NAME: usize = 100;
/// What delivery status logging is set by, for each kind of endpoint.
const FEEDBACK: [&str; 5] = ["HTTP", "Firehose", "Lambda", "SQS", "Application"];

/// The value as it is kept; `None` takes the attribute away. The error is what follows `Invalid
/// parameter: `, or `Attributes Reason: ` when a topic is made.
pub(super) fn checked(name: &str, value: Option<&str>) -> Result<Option<String>, String> {
    let keep = |value: Option<&str>| Ok(value.map(str::to_owned));
    match name {
        "DisplayName" => match value {
            Some(text)
                if text.chars().count() > MOST_DISPLAY_NAME
                    || text.chars().any(char::is_control) =>
            {
                Err("DisplayName".to_owned())
            }
            value => keep(value),
        },
        "Policy" => {
            let text = value.unwrap_or_default();
            permission::check(text)?;
            keep(value)
        }
        "DeliveryPolicy" => match value {
            Some(text) => {
                retry::TopicPolicy::parse(text).map_err(|why| format!("DeliveryPolicy: {why}"))?;
                keep(value)
            }
            None => Ok(None),
        },
        "KmsMasterKeyId" => keep(value),
        "SignatureVersion" => match value {
            Some("1" | "2") => keep(value),
            other => Err(format!(
                "SignatureVersion: Invalid value [{}]. Must be 1 or 2.",
                other.unwrap_or_default()
            )),
        },
        "TracingConfig" => match value {
            None | Some("PassThrough" | "Active") => keep(value),
            Some(other) => Err(format!(
                "TracingConfig: Invalid value [{other}]. Must be PassThrough or Active."
            )),
        },
        _ => feedback(name, value),
    }
}

fn feedback(name: &str, value: Option<&str>) -> Result<Option<String>, String> {
    let kind = FEEDBACK
        .iter()
        .find_map(|endpoint| name.strip_prefix(endpoint))
        .ok_or("AttributeName")?;
    match kind {
        "SuccessFeedbackRoleArn" | "FailureFeedbackRoleArn" => match value {
            Some(arn) if !arn.starts_with("arn:") || !arn.contains(":role/") => {
                Err(format!("{name} Reason: {arn} is not the ARN of a role"))
            }
            value => Ok(value.map(str::to_owned)),
        },
        "SuccessFeedbackSampleRate" => match value {
            Some(rate) if !rate.parse::<u8>().is_ok_and(|rate| rate <= 100) => {
                Err(format!("{name} Reason: must be a number from 0 to 100"))
            }
            value => Ok(value.map(str::to_owned)),
        },
        _ => Err("AttributeName".to_owned()),
    }
}

/// An attribute as callers see it; `None` where it was not set and has no default.
pub(super) fn shown(row: &Topic, name: &str) -> Option<String> {
    if let Some(value) = row.attributes.get(name) {
        return Some(value.clone());
    }
    match name {
        "DisplayName" => Some(String::new()),
        "Policy" => Some(permission::default_policy(&row.arn)),
        _ => None,
    }
}

pub(super) fn get_topic_attributes(
    region: &Region,
    context: &Context,
    input: api::GetTopicAttributesInput,
) -> Result<api::GetTopicAttributesResponse, Error> {
    let row = topic(region, &input.topic_arn)?;
    let mut all: BTreeMap<String, String> = row.attributes.clone();
    for name in ["DisplayName", "Policy"] {
        if let Some(value) = shown(row, name) {
            all.insert(name.to_owned(), value);
        }
    }
    let count = |fits: fn(Standing) -> bool| {
        let own = region.sns.subscriptions.values();
        own.filter(|one| one.topic_arn == row.arn && fits(one.standing))
            .count()
            .to_string()
    };
    let policy = retry::TopicPolicy::of(row);
    all.extend([
        ("TopicArn".to_owned(), row.arn.clone()),
        ("Owner".to_owned(), context.settings.account.clone()),
        ("EffectiveDeliveryPolicy".to_owned(), policy.effective()),
        (
            "SubscriptionsConfirmed".to_owned(),
            count(|standing| standing == Standing::Confirmed),
        ),
        (
            "SubscriptionsPending".to_owned(),
            count(|standing| matches!(standing, Standing::Pending { .. })),
        ),
        (
            "SubscriptionsDeleted".to_owned(),
            count(|standing| matches!(standing, Standing::Deleted { .. })),
        ),
    ]);
    Ok(api::GetTopicAttributesResponse {
        attributes: Some(all),
    })
}

pub(super) fn set_topic_attributes(
    region: &mut Region,
    context: &Context,
    input: api::SetTopicAttributesInput,
) -> Result<Unit, Error> {
    topic(region, &input.topic_arn)?;
    let name = input.attribute_name;
    let value = checked(&name, input.attribute_value.as_deref()).map_err(invalid)?;
    if name == "KmsMasterKeyId" && value.as_deref() == Some(OWN_KEY) {
        kms::key::aws_managed(region, context, "sns");
    }
    let row = topic_mut(region, &input.topic_arn)?;
    match value {
        Some(value) => row.attributes.insert(name, value),
        None => row.attributes.remove(&name),
    };
    Ok(Unit {})
}
