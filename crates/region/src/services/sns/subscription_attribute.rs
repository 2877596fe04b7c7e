//! What can be set on a subscription, and how it is told.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>

use serde_json::Value;
use wire::sns as api;
use wire::{Error, Unit};

use super::arn::{subscription, topic};
use super::error::{filter_policy_limit_exceeded, invalid};
use super::filter::{self, Scope};
use super::retry::{Manner, SubscriptionPolicy};
use super::state::{Protocol, Standing, Subscription};
use super::subscription::Attributes;
use crate::{Context, Region};

/// Subscriptions of one topic that may have a filter policy.
const MOST_FILTERED: usize = 200;

/// The value as it is kept; `None` takes the attribute away. The error is what follows `Invalid
/// parameter: `, or `Attributes Reason: ` when the subscription is made.
fn checked(
    protocol: Protocol,
    name: &str,
    value: Option<&str>,
    scope: Scope,
) -> Result<Option<String>, String> {
    match name {
        "RawMessageDelivery" => match value {
            Some("true") if protocol.is_mail() => Err(format!(
                "Delivery protocol [{}] does not support raw message delivery.",
                protocol.name()
            )),
            Some(flag @ ("true" | "false")) => Ok(Some(flag.to_owned())),
            other => Err(format!(
                "RawMessageDelivery: Invalid value [{}]. Must be true or false.",
                other.unwrap_or_default()
            )),
        },
        "FilterPolicy" => match value {
            None | Some("{}") => Ok(None),
            Some(text) => match filter::Filter::parse(text, scope) {
                Ok(_) => Ok(Some(text.to_owned())),
                Err(filter::Invalid::Nested) => Err(
                    "Filter policy scope MessageAttributes does not support nested filter policy"
                        .to_owned(),
                ),
                Err(filter::Invalid::Other(why)) => Err(format!("FilterPolicy: {why}")),
            },
        },
        "FilterPolicyScope" => match value {
            Some(name @ ("MessageAttributes" | "MessageBody")) => Ok(Some(name.to_owned())),
            other => Err(format!(
                "FilterPolicyScope: Invalid value [{}]. Please use either MessageBody or MessageAttributes",
                other.unwrap_or_default()
            )),
        },
        "DeliveryPolicy" => match value {
            None => Ok(None),
            Some(_) if protocol.is_mail() => Err(format!(
                "DeliveryPolicy: Delivery protocol [{}] does not support a delivery policy.",
                protocol.name()
            )),
            Some(text) => SubscriptionPolicy::parse(text)
                .map(|policy| Some(policy.kept()))
                .map_err(|why| format!("DeliveryPolicy: {why}")),
        },
        "RedrivePolicy" => match value {
            None => Ok(None),
            Some(text) => redrive(text).map(|()| Some(text.to_owned())),
        },
        _ => Err("AttributeName".to_owned()),
    }
}

fn redrive(text: &str) -> Result<(), String> {
    let policy: Value = serde_json::from_str(text)
        .map_err(|error| format!("RedrivePolicy: failed to parse JSON. {error}"))?;
    let arn = policy["deadLetterTargetArn"].as_str().unwrap_or_default();
    if arn.starts_with("arn:")
        && arn.split(':').nth(2) == Some("sqs")
        && arn.split(':').count() == 6
    {
        return Ok(());
    }
    Err("RedrivePolicy: deadLetterTargetArn is an invalid arn".to_owned())
}

/// The attributes that a new subscription is given.
pub(super) fn all_checked(protocol: Protocol, given: Attributes) -> Result<Attributes, Error> {
    let scope = Scope::named(given.get("FilterPolicyScope").map(String::as_str));
    let mut kept = Attributes::new();
    for (name, value) in given {
        let text = (!value.is_empty()).then_some(value.as_str());
        let value = checked(protocol, &name, text, scope)
            .map_err(|why| invalid(format!("Attributes Reason: {why}")))?;
        if let Some(value) = value {
            kept.insert(name, value);
        }
    }
    Ok(kept)
}

/// An attribute as callers see it; `None` where it was not set and has no default.
pub(super) fn shown(row: &Subscription, name: &str) -> Option<String> {
    if let Some(value) = row.attributes.get(name) {
        return Some(value.clone());
    }
    match name {
        "RawMessageDelivery" => Some("false".to_owned()),
        "FilterPolicyScope" => Some("MessageAttributes".to_owned()),
        _ => None,
    }
}

pub(super) fn get_subscription_attributes(
    region: &Region,
    context: &Context,
    input: api::GetSubscriptionAttributesInput,
) -> Result<api::GetSubscriptionAttributesResponse, Error> {
    let row = subscription(region, &input.subscription_arn)?;
    let mut all = row.attributes.clone();
    // The scope shows only beside a policy.
    if all.contains_key("FilterPolicy") {
        let scope = shown(row, "FilterPolicyScope").unwrap_or_default();
        all.insert("FilterPolicyScope".to_owned(), scope);
    } else {
        all.remove("FilterPolicyScope");
    }
    let effective = topic(region, &row.topic_arn)
        .ok()
        .and_then(|topic| Manner::of(topic, row).effective(row.protocol));
    if let Some(policy) = effective {
        all.insert("EffectiveDeliveryPolicy".to_owned(), policy);
    }
    let pending = matches!(row.standing, Standing::Pending { .. });
    let raw = shown(row, "RawMessageDelivery").unwrap_or_default();
    all.extend(
        [
            ("SubscriptionArn", row.arn.clone()),
            ("TopicArn", row.topic_arn.clone()),
            ("Protocol", row.protocol.name().to_owned()),
            ("Endpoint", row.endpoint.clone()),
            ("Owner", context.settings.account.clone()),
            ("SubscriptionPrincipal", row.principal.clone()),
            ("PendingConfirmation", pending.to_string()),
            (
                "ConfirmationWasAuthenticated",
                row.confirmed_by_signature.to_string(),
            ),
            ("RawMessageDelivery", raw),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    Ok(api::GetSubscriptionAttributesResponse {
        attributes: Some(all),
    })
}

pub(super) fn set_subscription_attributes(
    region: &mut Region,
    _: &Context,
    input: api::SetSubscriptionAttributesInput,
) -> Result<Unit, Error> {
    let row = subscription(region, &input.subscription_arn)?;
    let name = input.attribute_name;
    let scope = Scope::named(shown(row, "FilterPolicyScope").as_deref());
    let value =
        checked(row.protocol, &name, input.attribute_value.as_deref(), scope).map_err(invalid)?;
    // A policy that stands has to fit the scope it gets.
    if name == "FilterPolicyScope"
        && let Some(policy) = row.attributes.get("FilterPolicy")
    {
        checked(
            row.protocol,
            "FilterPolicy",
            Some(policy),
            Scope::named(value.as_deref()),
        )
        .map_err(invalid)?;
    }
    if name == "FilterPolicy" && value.is_some() && !row.attributes.contains_key("FilterPolicy") {
        let filtered = region.sns.subscriptions.values().filter(|one| {
            one.topic_arn == row.topic_arn && one.attributes.contains_key("FilterPolicy")
        });
        if filtered.count() >= MOST_FILTERED {
            return Err(filter_policy_limit_exceeded(
                "The number of filter policies of this topic has reached its limit.",
            ));
        }
    }
    let arn = row.arn.clone();
    if let Some(row) = region.sns.subscriptions.get_mut(&arn) {
        match value {
            Some(value) => row.attributes.insert(name, value),
            None => row.attributes.remove(&name),
        };
    }
    Ok(Unit {})
}
