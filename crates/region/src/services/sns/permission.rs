//! Who may use a topic: its policy, and the key it is encrypted with.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wire::sns as api;
use wire::{Error, Unit};

use super::arn::{topic, topic_mut};
use super::attribute;
use super::error::{
    authorization_error, invalid, kms_access_denied, kms_disabled, kms_invalid_state, kms_not_found,
};
use super::state::Topic;
use crate::services::iam::policy::{self, Actor, Policy, Request};
use crate::services::kms;
use crate::{Caller, Context, Region};

/// What callers may do with a topic; everything a topic's policy can be about.
const ACTIONS: [&str; 11] = [
    "AddPermission",
    "DeleteTopic",
    "GetDataProtectionPolicy",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "Publish",
    "PutDataProtectionPolicy",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
];

/// What a topic has when nobody gave it a policy: its account may do everything.
pub(super) fn default_policy(arn: &str) -> String {
    let account = arn.split(':').nth(4).unwrap_or_default();
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:GetTopicAttributes",
                "SNS:SetTopicAttributes",
                "SNS:AddPermission",
                "SNS:RemovePermission",
                "SNS:DeleteTopic",
                "SNS:Subscribe",
                "SNS:ListSubscriptionsByTopic",
                "SNS:Publish",
            ],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
        }],
    })
    .to_string()
}

pub(super) fn check(document: &str) -> Result<(), String> {
    let policy =
        policy::resource(document).map_err(|malformed| format!("Policy Error: {malformed}"))?;
    let outside = policy
        .statements
        .iter()
        .filter_map(|statement| statement.actions.as_ref())
        .flat_map(|actions| &actions.patterns)
        .any(|action| {
            let action = action.to_ascii_lowercase();
            action != "*" && !action.starts_with("sns:")
        });
    if outside {
        return Err("Policy statement action out of service scope!".to_owned());
    }
    Ok(())
}

fn document(row: &Topic) -> Value {
    let text = attribute::shown(row, "Policy").unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// A policy may hold one statement that is no list.
fn statements(document: &Value) -> Vec<Value> {
    match document.get("Statement") {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn keep(region: &mut Region, arn: &str, mut document: Value, all: Vec<Value>) -> Result<(), Error> {
    document["Statement"] = Value::Array(all);
    let row = topic_mut(region, arn)?;
    row.attributes
        .insert("Policy".to_owned(), document.to_string());
    Ok(())
}

pub(super) fn add_permission(
    region: &mut Region,
    context: &Context,
    input: api::AddPermissionInput,
) -> Result<Unit, Error> {
    let row = topic(region, &input.topic_arn)?;
    let known = |action: &String| ACTIONS.contains(&action.as_str());
    if !input.action_name.iter().all(known) {
        return Err(invalid("Policy statement action out of service scope!"));
    }
    let document = document(row);
    let mut all = statements(&document);
    if all.iter().any(|one| one["Sid"] == input.label.as_str()) {
        return Err(invalid("Statement already exists"));
    }
    let one_or_all = |mut texts: Vec<String>| match texts.len() {
        1 => Value::from(texts.swap_remove(0)),
        _ => Value::from(texts),
    };
    let accounts = input.aws_account_id.iter();
    let accounts = accounts.map(|account| match account.as_str() {
        digits if digits.len() == 12 => format!("arn:aws:iam::{digits}:root"),
        other => other.to_owned(),
    });
    let actions = input.action_name.iter().map(|name| format!("SNS:{name}"));
    all.push(json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_all(accounts.collect())},
        "Action": one_or_all(actions.collect()),
        "Resource": context.settings.arn("sns", &row.name),
    }));
    keep(region, &input.topic_arn, document, all)?;
    Ok(Unit {})
}

pub(super) fn remove_permission(
    region: &mut Region,
    _: &Context,
    input: api::RemovePermissionInput,
) -> Result<Unit, Error> {
    let document = document(topic(region, &input.topic_arn)?);
    let mut all = statements(&document);
    let before = all.len();
    all.retain(|one| one["Sid"] != input.label.as_str());
    if all.len() < before {
        keep(region, &input.topic_arn, document, all)?;
    }
    Ok(Unit {})
}

/// Whether a service of AWS, acting for something of this account, may publish to the topic.
///
/// # Errors
/// As the service is answered: `AuthorizationError`, or one that names the topic's key.
pub(super) fn service_may_publish(
    region: &Region,
    row: &Topic,
    principal: &str,
    source_arn: &str,
) -> Result<(), Error> {
    let account = &region.settings.account;
    let keys: BTreeMap<String, Vec<String>> = [
        ("aws:sourceowner", account.as_str()),
        ("aws:sourceaccount", account),
        ("aws:sourcearn", source_arn),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), vec![value.to_owned()]))
    .collect();
    let actor = Actor::Service {
        principal: principal.to_owned(),
    };
    let lets = |document: &str, action: &str, resource: &str| {
        let policy = Policy::parse(document).ok();
        let request = Request {
            actor: &actor,
            action,
            resource,
            keys: &keys,
        };
        policy.is_some_and(|policy| policy.trusts(&request).is_some())
    };
    let document = attribute::shown(row, "Policy").unwrap_or_default();
    if !lets(&document, "sns:Publish", &row.arn) {
        return Err(authorization_error(format!(
            "Resource: {source_arn} is not authorized to perform: SNS:Publish on resource: {}",
            row.arn
        )));
    }
    if let Some(key) = usable_key(region, row)?
        && !["kms:GenerateDataKey", "kms:Decrypt"]
            .iter()
            .all(|action| lets(&key.policy, action, &key.arn))
    {
        return Err(kms_access_denied(format!(
            "{source_arn} does not have authorization to access the SNS topic encryption key."
        )));
    }
    Ok(())
}

/// The key that the topic's messages are encrypted with, if there is one.
///
/// # Errors
/// What SNS answers to a publish when the key cannot be used.
pub(super) fn usable_key<'a>(
    region: &'a Region,
    row: &Topic,
) -> Result<Option<&'a kms::Key>, Error> {
    let Some(id) = row.attributes.get("KmsMasterKeyId") else {
        return Ok(None);
    };
    let key = kms::key::resolve(region, id)
        .ok_or_else(|| kms_not_found(format!("Invalid keyId {id} (Service: AWSKMS)")))?;
    match key.state {
        kms::KeyState::Enabled => Ok(Some(key)),
        kms::KeyState::Disabled => Err(kms_disabled(format!("{} is disabled.", key.arn))),
        kms::KeyState::PendingDeletion { .. } => Err(kms_invalid_state(format!(
            "{} is pending deletion.",
            key.arn
        ))),
    }
}

/// Whether the caller came without a signature.
pub(super) fn is_unsigned(context: &Context) -> bool {
    context.caller == Caller::Anonymous
}
