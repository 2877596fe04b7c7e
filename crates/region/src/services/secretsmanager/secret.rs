//! Secrets: their life, their policies and tags.

use jiff::{SignedDuration, Timestamp};
use wire::Error;
use wire::secretsmanager as api;

use super::error::{
    invalid_parameter, invalid_request, malformed_policy, marked_for_deletion, no_secret,
    resource_exists, validation,
};
use super::state::{Deletion, Secret};
use super::value::{self, Value};
use super::version::{self, CURRENT};
use crate::services::iam::policy;
use crate::{Caller, Context, Region, Tags};

const MOST_TAGS: usize = 50;

/// The secret that a name, an ARN, or an ARN without its last seven characters means.
pub fn resolve<'a>(region: &'a Region, id: &str) -> Option<&'a Secret> {
    let secrets = &region.secretsmanager.secrets;
    if !id.starts_with("arn:") {
        return secrets.get(id);
    }
    let tail = id.splitn(7, ':').nth(6)?;
    let suffixed = tail
        .rsplit_once('-')
        .and_then(|(name, _)| secrets.get(name));
    let whole = suffixed.filter(|secret| secret.arn == id);
    let partial = || {
        secrets
            .get(tail)
            .filter(|secret| secret.arn.rsplit_once('-').map(|(arn, _)| arn) == Some(id))
    };
    whole.or_else(partial)
}

/// The version of a secret that a reader means; without stage and id the current one.
///
/// # Errors
/// Those that `GetSecretValue` answers with.
pub fn version_id(
    region: &Region,
    id: &str,
    stage: Option<&str>,
    version_id: Option<&str>,
) -> Result<String, Error> {
    let (version_id, _) = version::chosen(living(region, id)?, version_id, stage)?;
    Ok(version_id.clone())
}

/// The text of one version of a secret, for a part of the region that injects it.
///
/// # Errors
/// Those that `GetSecretValue` answers with; also if the value is not text.
pub fn value(region: &Region, id: &str, version_id: &str) -> Result<String, Error> {
    let row = living(region, id)?;
    let (version_id, version) = version::chosen(row, Some(version_id), None)?;
    let sealed = version
        .value
        .as_ref()
        .ok_or_else(|| super::error::no_version(version_id))?;
    match value::open(region, &row.arn, version_id, sealed)? {
        Value::Text(text) => Ok(text),
        Value::Binary(_) => Err(invalid_request("The secret's value is binary, not text.")),
    }
}

pub(super) fn find<'a>(region: &'a Region, id: &str) -> Result<&'a Secret, Error> {
    resolve(region, id).ok_or_else(no_secret)
}

pub(super) fn by_name<'a>(region: &'a Region, name: &str) -> Result<&'a Secret, Error> {
    region
        .secretsmanager
        .secrets
        .get(name)
        .ok_or_else(no_secret)
}

/// A secret that is not marked for deletion.
pub(super) fn living<'a>(region: &'a Region, id: &str) -> Result<&'a Secret, Error> {
    let secret = find(region, id)?;
    match secret.deletion {
        None => Ok(secret),
        Some(_) => Err(marked_for_deletion()),
    }
}

pub(super) fn living_mut<'a>(region: &'a mut Region, id: &str) -> Result<&'a mut Secret, Error> {
    let name = living(region, id)?.name.clone();
    region
        .secretsmanager
        .secrets
        .get_mut(&name)
        .ok_or_else(no_secret)
}

/// Secrets of a service are that service's to change.
pub(super) fn must_not_be_owned(secret: &Secret, context: &Context) -> Result<(), Error> {
    match &secret.owner {
        Some(owner) if !matches!(context.caller, Caller::Service { .. }) => {
            Err(invalid_request(format!(
                "You can't modify the secret {} because it is owned by {owner}.",
                secret.arn
            )))
        }
        _ => Ok(()),
    }
}

fn checked_name(name: &str) -> Result<(), Error> {
    let fine =
        |character: char| character.is_ascii_alphanumeric() || "-/_+=.@!".contains(character);
    if name.is_empty() || name.len() > 512 || !name.chars().all(fine) {
        return Err(validation(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    Ok(())
}

pub(super) fn create_secret(
    region: &mut Region,
    context: &Context,
    input: api::CreateSecretRequest,
) -> Result<api::CreateSecretResponse, Error> {
    let name = input.name;
    checked_name(&name)?;
    if input.add_replica_regions.is_some_and(|all| !all.is_empty()) {
        return Err(invalid_request(
            "Terrella is one region: it does not replicate secrets.",
        ));
    }
    let value = Value::given(input.secret_string, input.secret_binary)?;
    let token = match (&value, input.client_request_token) {
        (Some(_), token) => Some(version::checked_token(token)?),
        (None, _) => None,
    };
    if let Some(there) = region.secretsmanager.secrets.get(&name) {
        if there.deletion.is_some() {
            return Err(invalid_request(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        // The same call again is answered as the first time.
        let again = token
            .as_ref()
            .is_some_and(|id| there.versions.contains_key(id));
        if !again {
            return Err(resource_exists(format!(
                "The operation failed because the secret {name} already exists."
            )));
        }
    } else {
        let mut tags = Tags::new();
        add_tags(&mut tags, input.tags.unwrap_or_default())?;
        insert(region, context, &name, None);
        let row = region
            .secretsmanager
            .secrets
            .get_mut(&name)
            .ok_or_else(no_secret)?;
        row.description = input.description.filter(|text| !text.is_empty());
        row.kms_key_id.clone_from(&input.kms_key_id);
        row.tags = tags;
        if input.kms_key_id.is_some() {
            value::checked_key(region, context, input.kms_key_id.as_deref())?;
        }
    }
    if let (Some(value), Some(id)) = (&value, &token) {
        version::add(region, context, &name, id, value, &[CURRENT.to_owned()])?;
    }
    let row = by_name(region, &name)?;
    Ok(api::CreateSecretResponse {
        arn: Some(row.arn.clone()),
        name: Some(name),
        version_id: token,
        replication_status: None,
    })
}

/// An empty secret.
pub(super) fn insert(region: &mut Region, context: &Context, name: &str, owner: Option<&str>) {
    let suffix = context.alphanumeric(6);
    let row = Secret {
        name: name.to_owned(),
        arn: context
            .settings
            .arn("secretsmanager", format!("secret:{name}-{suffix}")),
        description: None,
        kms_key_id: None,
        tags: Tags::new(),
        policy: None,
        created_at: context.now,
        changed_at: context.now,
        accessed_at: None,
        rotated_at: None,
        deletion: None,
        versions: std::collections::BTreeMap::new(),
        rotation: None,
        owner: owner.map(str::to_owned),
    };
    region.secretsmanager.secrets.insert(name.to_owned(), row);
}

pub(super) fn update_secret(
    region: &mut Region,
    context: &Context,
    input: api::UpdateSecretRequest,
) -> Result<api::UpdateSecretResponse, Error> {
    let row = living(region, &input.secret_id)?;
    must_not_be_owned(row, context)?;
    let name = row.name.clone();
    if let Some(key) = &input.kms_key_id {
        value::checked_key(region, context, Some(key))?;
    }
    let value = Value::given(input.secret_string, input.secret_binary)?;
    let row = region
        .secretsmanager
        .secrets
        .get_mut(&name)
        .ok_or_else(no_secret)?;
    if let Some(description) = input.description {
        row.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(key) = input.kms_key_id {
        row.kms_key_id = Some(key).filter(|key| !key.is_empty());
    }
    row.changed_at = context.now;
    let mut id = None;
    if let Some(value) = value {
        let token = version::checked_token(input.client_request_token)?;
        version::add(
            region,
            context,
            &name,
            &token,
            &value,
            &[CURRENT.to_owned()],
        )?;
        id = Some(token);
    }
    let row = by_name(region, &name)?;
    Ok(api::UpdateSecretResponse {
        arn: Some(row.arn.clone()),
        name: Some(name),
        version_id: id,
    })
}

pub(super) fn describe_secret(
    region: &Region,
    _: &Context,
    input: api::DescribeSecretRequest,
) -> Result<api::DescribeSecretResponse, Error> {
    let row = find(region, &input.secret_id)?;
    let stages = stages(row);
    Ok(api::DescribeSecretResponse {
        arn: Some(row.arn.clone()),
        created_date: Some(row.created_at),
        deleted_date: row.deletion.map(|deletion| deletion.asked_at),
        description: row.description.clone(),
        kms_key_id: row.kms_key_id.clone(),
        last_accessed_date: row.accessed_at,
        last_changed_date: Some(row.changed_at),
        last_rotated_date: row.rotated_at,
        name: Some(row.name.clone()),
        next_rotation_date: row.rotation.as_ref().and_then(|rotation| rotation.next_at),
        owning_service: row.owner.clone(),
        rotation_enabled: row.rotation.as_ref().map(|rotation| rotation.enabled),
        rotation_rules: rotation_rules(row),
        tags: Some(shown_tags(&row.tags)),
        version_ids_to_stages: (!stages.is_empty()).then_some(stages),
        ..api::DescribeSecretResponse::default()
    })
}

fn stages(row: &Secret) -> std::collections::BTreeMap<String, Vec<String>> {
    (row.versions.iter())
        .filter(|(_, one)| !one.stages.is_empty())
        .map(|(id, one)| (id.clone(), one.stages.iter().cloned().collect()))
        .collect()
}

fn rotation_rules(row: &Secret) -> Option<api::RotationRulesType> {
    let rotation = row.rotation.as_ref()?;
    Some(api::RotationRulesType {
        automatically_after_days: Some(rotation.days),
        duration: rotation.duration.clone(),
        schedule_expression: None,
    })
}

pub(super) fn listed(row: &Secret) -> api::SecretListEntry {
    let stages = stages(row);
    api::SecretListEntry {
        arn: Some(row.arn.clone()),
        created_date: Some(row.created_at),
        deleted_date: row.deletion.map(|deletion| deletion.asked_at),
        description: row.description.clone(),
        kms_key_id: row.kms_key_id.clone(),
        last_accessed_date: row.accessed_at,
        last_changed_date: Some(row.changed_at),
        last_rotated_date: row.rotated_at,
        name: Some(row.name.clone()),
        next_rotation_date: row.rotation.as_ref().and_then(|rotation| rotation.next_at),
        owning_service: row.owner.clone(),
        rotation_enabled: row.rotation.as_ref().map(|rotation| rotation.enabled),
        rotation_rules: rotation_rules(row),
        secret_versions_to_stages: (!stages.is_empty()).then_some(stages),
        tags: Some(shown_tags(&row.tags)),
        ..api::SecretListEntry::default()
    }
}

fn shown_tags(tags: &Tags) -> Vec<api::Tag> {
    tags.iter()
        .map(|(key, value)| api::Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        })
        .collect()
}

pub(super) fn delete_secret(
    region: &mut Region,
    context: &Context,
    input: api::DeleteSecretRequest,
) -> Result<api::DeleteSecretResponse, Error> {
    let force = input.force_delete_without_recovery == Some(true);
    if force && input.recovery_window_in_days.is_some() {
        return Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let days = input.recovery_window_in_days.unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(invalid_parameter(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let row = match find(region, &input.secret_id) {
        Ok(row) => row,
        // What is to be gone at once may be gone already.
        Err(_) if force && !input.secret_id.starts_with("arn:") => {
            return Ok(api::DeleteSecretResponse {
                name: Some(input.secret_id),
                deletion_date: Some(context.now),
                arn: None,
            });
        }
        Err(error) => return Err(error),
    };
    must_not_be_owned(row, context)?;
    let name = row.name.clone();
    let arn = row.arn.clone();
    if force {
        region.secretsmanager.secrets.remove(&name);
        return Ok(api::DeleteSecretResponse {
            arn: Some(arn),
            deletion_date: Some(context.now),
            name: Some(name),
        });
    }
    if row.deletion.is_some() {
        return Err(marked_for_deletion());
    }
    let due_at = context.now + SignedDuration::from_hours(24 * days);
    if let Some(row) = region.secretsmanager.secrets.get_mut(&name) {
        row.deletion = Some(Deletion {
            asked_at: context.now,
            due_at,
        });
    }
    Ok(api::DeleteSecretResponse {
        arn: Some(arn),
        deletion_date: Some(due_at),
        name: Some(name),
    })
}

pub(super) fn restore_secret(
    region: &mut Region,
    _: &Context,
    input: api::RestoreSecretRequest,
) -> Result<api::RestoreSecretResponse, Error> {
    let name = find(region, &input.secret_id)?.name.clone();
    let row = region
        .secretsmanager
        .secrets
        .get_mut(&name)
        .ok_or_else(no_secret)?;
    row.deletion = None;
    Ok(api::RestoreSecretResponse {
        arn: Some(row.arn.clone()),
        name: Some(name),
    })
}

pub(super) fn get_resource_policy(
    region: &Region,
    _: &Context,
    input: api::GetResourcePolicyRequest,
) -> Result<api::GetResourcePolicyResponse, Error> {
    let row = find(region, &input.secret_id)?;
    Ok(api::GetResourcePolicyResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
        resource_policy: row.policy.clone(),
    })
}

pub(super) fn put_resource_policy(
    region: &mut Region,
    _: &Context,
    input: api::PutResourcePolicyRequest,
) -> Result<api::PutResourcePolicyResponse, Error> {
    let row = living_mut(region, &input.secret_id)?;
    let parsed = policy::resource(&input.resource_policy)
        .map_err(|_| malformed_policy("This resource policy contains invalid Json."))?;
    let everyone = |statement: &policy::Statement| {
        statement.effect == policy::Effect::Allow
            && statement.conditions.is_empty()
            && statement
                .principals
                .as_ref()
                .is_some_and(|all| !all.negated && all.names.contains(&policy::Principal::Everyone))
    };
    if input.block_public_policy == Some(true) && parsed.statements.iter().any(everyone) {
        return Err(wire::secretsmanager::error::public_policy_exception(
            "The resource policy grants broad access to the secret.",
        ));
    }
    row.policy = Some(input.resource_policy);
    Ok(api::PutResourcePolicyResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
    })
}

pub(super) fn delete_resource_policy(
    region: &mut Region,
    _: &Context,
    input: api::DeleteResourcePolicyRequest,
) -> Result<api::DeleteResourcePolicyResponse, Error> {
    let row = living_mut(region, &input.secret_id)?;
    row.policy = None;
    Ok(api::DeleteResourcePolicyResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
    })
}

fn add_tags(tags: &mut Tags, new: Vec<api::Tag>) -> Result<(), Error> {
    for tag in new {
        let key = tag.key.unwrap_or_default();
        if key.is_empty() {
            return Err(invalid_parameter("A tag needs a key."));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(invalid_request("Tag keys can't start with aws:"));
        }
        tags.insert(key, tag.value.unwrap_or_default());
    }
    if tags.len() > MOST_TAGS {
        return Err(invalid_parameter(format!(
            "A secret can have at most {MOST_TAGS} tags."
        )));
    }
    Ok(())
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<wire::Unit, Error> {
    add_tags(&mut living_mut(region, &input.secret_id)?.tags, input.tags)?;
    Ok(wire::Unit {})
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<wire::Unit, Error> {
    let row = living_mut(region, &input.secret_id)?;
    // Tags of AWS's own stay.
    row.tags
        .retain(|key, _| key.starts_with("aws:") || !input.tag_keys.contains(key));
    Ok(wire::Unit {})
}

/// Forgets secrets whose window is over.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    if deadline(region).is_some_and(|at| at <= context.now) {
        let over = |secret: &Secret| secret.deletion.is_some_and(|one| one.due_at <= context.now);
        region
            .secretsmanager
            .secrets
            .retain(|_, secret| !over(secret));
    }
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    let secrets = region.secretsmanager.secrets.values();
    secrets
        .filter_map(|secret| Some(secret.deletion?.due_at))
        .min()
}
