//! Keys: their life, and how they are found by id, ARN or alias.

use jiff::{SignedDuration, Timestamp};
use wire::kms as api;
use wire::{Error, Unit};

use super::common::piece;
use super::error::{
    disabled, invalid_state, limit_exceeded, malformed_policy, not_found, tag_exception,
    unsupported, validation,
};
use super::state::{Backing, Key, KeyState, Manager, Rotated, Rotation};
use crate::services::iam::policy;
use crate::{Context, Region, Tags};

const ROTATION_DAYS: i64 = 365;
const MOST_TAGS: usize = 50;
const DAY: i64 = 24;

impl Key {
    pub fn usable(&self) -> bool {
        self.state == KeyState::Enabled
    }

    /// # Errors
    /// What KMS answers when a key that cannot work is to work.
    pub(super) fn must_be_usable(&self) -> Result<(), Error> {
        match self.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(disabled(format!("{} is disabled.", self.arn))),
            KeyState::PendingDeletion { .. } => Err(self.pending_deletion()),
        }
    }

    fn must_not_be_going(&self) -> Result<(), Error> {
        match self.state {
            KeyState::PendingDeletion { .. } => Err(self.pending_deletion()),
            _ => Ok(()),
        }
    }

    fn pending_deletion(&self) -> Error {
        invalid_state(format!("{} is pending deletion.", self.arn))
    }
}

/// The key that a key id, a key's ARN, an alias's name or an alias's ARN means.
pub fn resolve<'a>(region: &'a Region, id: &str) -> Option<&'a Key> {
    let tail = match id.strip_prefix("arn:") {
        Some(_) => {
            let tail = id.splitn(6, ':').nth(5)?;
            tail.strip_prefix("key/").unwrap_or(tail)
        }
        None => id,
    };
    let key = if tail.starts_with("alias/") {
        region.kms.aliases.get(tail)?.target.as_deref()?
    } else {
        tail
    };
    let key = region.kms.keys.get(key)?;
    // An ARN of elsewhere means another key, though its tail be the same.
    let other_place = id.starts_with("arn:") && !same_place(id, &key.arn);
    (!other_place).then_some(key)
}

fn same_place(one: &str, other: &str) -> bool {
    one.splitn(6, ':').take(5).eq(other.splitn(6, ':').take(5))
}

/// The key a caller means.
pub(super) fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Key, Error> {
    resolve(region, id).ok_or_else(|| {
        let settings = &region.settings;
        if id.starts_with("arn:") {
            let place = id.split(':').nth(3).unwrap_or_default();
            if place != settings.region {
                return not_found(format!("Invalid arn {place}"));
            }
            let kind = if id.contains(":alias/") {
                "Alias"
            } else {
                "Key"
            };
            return match kind {
                "Alias" => not_found(format!("Alias {id} is not found.")),
                _ => not_found(format!("Key '{id}' does not exist")),
            };
        }
        if id.starts_with("alias/") {
            return not_found(format!("Alias {} is not found.", settings.arn("kms", id)));
        }
        if id.len() == 36 && id.split('-').count() == 5 || id.starts_with("mrk-") {
            return not_found(format!(
                "Key '{}' does not exist",
                settings.arn("kms", format!("key/{id}"))
            ));
        }
        not_found(format!("Invalid keyId '{id}'"))
    })
}

/// A key of the account, to change: not one that AWS manages, and by id or ARN only.
fn get_mut<'a>(region: &'a mut Region, id: &str) -> Result<&'a mut Key, Error> {
    let key = get(region, id)?;
    if key.manager == Manager::Aws {
        return Err(Error::new(
            "AccessDeniedException",
            400,
            format!("{} is managed by AWS and cannot be changed.", key.arn),
        ));
    }
    let id = key.id.clone();
    Ok(region.kms.keys.get_mut(&id).expect("it was just found"))
}

/// The key that AWS manages for a service, such as `secretsmanager`: made when first needed.
/// Gives its id.
pub fn aws_managed(region: &mut Region, context: &Context, service: &str) -> String {
    let name = format!("alias/aws/{service}");
    if let Some(id) = region
        .kms
        .aliases
        .get(&name)
        .and_then(|alias| alias.target.clone())
    {
        return id;
    }
    let description =
        format!("Default key that protects my {service} data when no other key is defined");
    let id = insert(region, context, |key| {
        key.description = description;
        key.manager = Manager::Aws;
        key.policy = service_policy(context, service);
        key.rotation = Some(rotation(context.now, ROTATION_DAYS));
    });
    match region.kms.aliases.get_mut(&name) {
        Some(alias) => {
            alias.target = Some(id.clone());
            alias.updated_at = context.now;
        }
        None => super::alias::insert(region, context, name, Some(id.clone())),
    }
    id
}

/// Anybody in the account may use it, through the service alone.
fn service_policy(context: &Context, service: &str) -> String {
    let settings = context.settings;
    format!(
        r#"{{"Version":"2012-10-17","Id":"auto-{service}","Statement":[{{"Sid":"Allow access through {service} for all principals in the account that are authorized to use it","Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:CreateGrant","kms:DescribeKey"],"Resource":"*","Condition":{{"StringEquals":{{"kms:CallerAccount":"{account}","kms:ViaService":"{service}.{region}.amazonaws.com"}}}}}},{{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":["kms:Describe*","kms:Get*","kms:List*"],"Resource":"*"}}]}}"#,
        account = settings.account,
        region = settings.region,
        root = settings.global_arn("iam", "root"),
    )
}

/// What AWS gives a key that comes without a policy.
fn default_policy(context: &Context) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "{}"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#,
        context.settings.global_arn("iam", "root")
    )
}

fn insert(region: &mut Region, context: &Context, fill: impl FnOnce(&mut Key)) -> String {
    let mut key = Key {
        id: context.uuid(),
        arn: String::new(),
        description: String::new(),
        state: KeyState::Enabled,
        manager: Manager::Customer,
        created_at: context.now,
        policy: String::new(),
        tags: Tags::new(),
        multi_region: false,
        rotation: None,
        rotations: Vec::new(),
        backing: vec![new_backing(context)],
    };
    fill(&mut key);
    if key.multi_region {
        key.id = format!("mrk-{}", context.hex(32));
    }
    key.arn = context.settings.arn("kms", format!("key/{}", key.id));
    let id = key.id.clone();
    region.kms.keys.insert(id.clone(), key);
    id
}

fn new_backing(context: &Context) -> Backing {
    Backing {
        material: hex::encode(context.bytes::<32>()),
    }
}

pub(super) fn create_key(
    region: &mut Region,
    context: &Context,
    input: api::CreateKeyRequest,
) -> Result<api::CreateKeyResponse, Error> {
    let spec = input
        .key_spec
        .map_or("SYMMETRIC_DEFAULT", api::KeySpec::as_str);
    let old_spec = input
        .customer_master_key_spec
        .map_or("SYMMETRIC_DEFAULT", api::CustomerMasterKeySpec::as_str);
    for spec in [spec, old_spec] {
        if spec != "SYMMETRIC_DEFAULT" {
            return Err(unsupported(format!(
                "Terrella has no keys of spec {spec} yet: only SYMMETRIC_DEFAULT."
            )));
        }
    }
    if input
        .key_usage
        .is_some_and(|usage| usage != api::KeyUsageType::EncryptDecrypt)
    {
        return Err(validation(
            "The specified KeyUsage is not compatible with KeySpec SYMMETRIC_DEFAULT.",
        ));
    }
    if let Some(origin) = input
        .origin
        .filter(|origin| *origin != api::OriginType::AwsKms)
    {
        return Err(unsupported(format!(
            "Terrella has no keys of origin {origin} yet: only AWS_KMS."
        )));
    }
    let policy = match input.policy.filter(|text| !text.is_empty()) {
        Some(text) => checked_policy(text, input.bypass_policy_lockout_safety_check)?,
        None => default_policy(context),
    };
    let mut tags = Tags::new();
    add_tags(&mut tags, input.tags.unwrap_or_default())?;
    let id = insert(region, context, |key| {
        key.description = input.description.unwrap_or_default();
        key.policy = policy;
        key.tags = tags;
        key.multi_region = input.multi_region == Some(true);
    });
    Ok(api::CreateKeyResponse {
        key_metadata: region.kms.keys.get(&id).map(|key| metadata(region, key)),
    })
}

fn checked_policy(text: String, bypass: Option<bool>) -> Result<String, Error> {
    let parsed =
        policy::resource(&text).map_err(|_| malformed_policy("The policy is malformed."))?;
    // A policy under which nobody may change it again would lose the key.
    let keeps = parsed.statements.iter().any(|statement| {
        statement.effect == policy::Effect::Allow
            && statement.actions.as_ref().is_some_and(|actions| {
                actions.negated
                    || actions.patterns.iter().any(|one| {
                        ["*", "kms:*", "kms:put*", "kms:putkeypolicy"]
                            .contains(&one.to_lowercase().as_str())
                    })
            })
    });
    if !keeps && bypass != Some(true) {
        return Err(malformed_policy(
            "The new key policy will not allow you to update the key policy in the future.",
        ));
    }
    Ok(text)
}

/// Also makes the key of a service's alias, as the first use of one does.
pub(super) fn describe_key(
    region: &mut Region,
    context: &Context,
    input: api::DescribeKeyRequest,
) -> Result<api::DescribeKeyResponse, Error> {
    let name = input.key_id.splitn(6, ':').last().unwrap_or_default();
    if let Some(service) = name.strip_prefix("alias/aws/")
        && region.kms.aliases.contains(name)
    {
        aws_managed(region, context, service);
    }
    let key = get(region, &input.key_id)?;
    Ok(api::DescribeKeyResponse {
        key_metadata: Some(metadata(region, key)),
    })
}

fn metadata(region: &Region, key: &Key) -> api::KeyMetadata {
    let (state, deletion) = match key.state {
        KeyState::Enabled => (api::KeyState::Enabled, None),
        KeyState::Disabled => (api::KeyState::Disabled, None),
        KeyState::PendingDeletion { at } => (api::KeyState::PendingDeletion, Some(at)),
    };
    let multi_region = key.multi_region.then(|| api::MultiRegionConfiguration {
        multi_region_key_type: Some(api::MultiRegionKeyType::Primary),
        primary_key: Some(api::MultiRegionKey {
            arn: Some(key.arn.clone()),
            region: Some(region.settings.region.clone()),
        }),
        replica_keys: Some(Vec::new()),
    });
    api::KeyMetadata {
        aws_account_id: Some(region.settings.account.clone()),
        arn: Some(key.arn.clone()),
        creation_date: Some(key.created_at),
        customer_master_key_spec: Some(api::CustomerMasterKeySpec::SymmetricDefault),
        deletion_date: deletion,
        description: Some(key.description.clone()),
        enabled: Some(key.usable()),
        encryption_algorithms: Some(vec![api::EncryptionAlgorithmSpec::SymmetricDefault]),
        key_id: Some(key.id.clone()),
        key_manager: Some(match key.manager {
            Manager::Aws => api::KeyManagerType::Aws,
            Manager::Customer => api::KeyManagerType::Customer,
        }),
        key_spec: Some(api::KeySpec::SymmetricDefault),
        key_state: Some(state),
        key_usage: Some(api::KeyUsageType::EncryptDecrypt),
        multi_region: Some(key.multi_region),
        multi_region_configuration: multi_region,
        origin: Some(api::OriginType::AwsKms),
        ..api::KeyMetadata::default()
    }
}

pub(super) fn list_keys(
    region: &Region,
    _: &Context,
    input: api::ListKeysRequest,
) -> Result<api::ListKeysResponse, Error> {
    let keys = region.kms.keys.values();
    let piece = piece(
        keys,
        |key| key.id.clone(),
        input.marker.as_deref(),
        input.limit,
        100,
    )?;
    let entry = |key: &Key| api::KeyListEntry {
        key_arn: Some(key.arn.clone()),
        key_id: Some(key.id.clone()),
    };
    Ok(api::ListKeysResponse {
        truncated: Some(piece.truncated()),
        next_marker: piece.next,
        keys: Some(piece.items.into_iter().map(entry).collect()),
    })
}

pub(super) fn enable_key(
    region: &mut Region,
    _: &Context,
    input: api::EnableKeyRequest,
) -> Result<Unit, Error> {
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    key.state = KeyState::Enabled;
    Ok(Unit {})
}

pub(super) fn disable_key(
    region: &mut Region,
    _: &Context,
    input: api::DisableKeyRequest,
) -> Result<Unit, Error> {
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    key.state = KeyState::Disabled;
    Ok(Unit {})
}

pub(super) fn update_key_description(
    region: &mut Region,
    _: &Context,
    input: api::UpdateKeyDescriptionRequest,
) -> Result<Unit, Error> {
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    key.description = input.description;
    Ok(Unit {})
}

pub(super) fn schedule_key_deletion(
    region: &mut Region,
    context: &Context,
    input: api::ScheduleKeyDeletionRequest,
) -> Result<api::ScheduleKeyDeletionResponse, Error> {
    let days = input.pending_window_in_days.unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(validation(
            "ScheduleKeyDeletion PendingWindowInDays must be between 7 and 30 days.",
        ));
    }
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    let at = context.now + SignedDuration::from_hours(DAY * days);
    key.state = KeyState::PendingDeletion { at };
    key.rotation = None;
    Ok(api::ScheduleKeyDeletionResponse {
        deletion_date: Some(at),
        key_id: Some(key.arn.clone()),
        key_state: Some(api::KeyState::PendingDeletion),
        pending_window_in_days: Some(days),
    })
}

pub(super) fn cancel_key_deletion(
    region: &mut Region,
    _: &Context,
    input: api::CancelKeyDeletionRequest,
) -> Result<api::CancelKeyDeletionResponse, Error> {
    let key = get_mut(region, &input.key_id)?;
    if !matches!(key.state, KeyState::PendingDeletion { .. }) {
        return Err(invalid_state(format!(
            "{} is not pending deletion.",
            key.arn
        )));
    }
    key.state = KeyState::Disabled;
    Ok(api::CancelKeyDeletionResponse {
        key_id: Some(key.arn.clone()),
    })
}

pub(super) fn get_key_policy(
    region: &Region,
    _: &Context,
    input: api::GetKeyPolicyRequest,
) -> Result<api::GetKeyPolicyResponse, Error> {
    let key = get(region, &input.key_id)?;
    only_default(input.policy_name.as_deref())?;
    Ok(api::GetKeyPolicyResponse {
        policy: Some(key.policy.clone()),
        policy_name: Some("default".to_owned()),
    })
}

fn only_default(name: Option<&str>) -> Result<(), Error> {
    match name {
        None | Some("default") => Ok(()),
        Some(_) => Err(not_found("No such policy exists")),
    }
}

pub(super) fn put_key_policy(
    region: &mut Region,
    _: &Context,
    input: api::PutKeyPolicyRequest,
) -> Result<Unit, Error> {
    only_default(input.policy_name.as_deref())?;
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    key.policy = checked_policy(input.policy, input.bypass_policy_lockout_safety_check)?;
    Ok(Unit {})
}

pub(super) fn list_key_policies(
    region: &Region,
    _: &Context,
    input: api::ListKeyPoliciesRequest,
) -> Result<api::ListKeyPoliciesResponse, Error> {
    get(region, &input.key_id)?;
    Ok(api::ListKeyPoliciesResponse {
        next_marker: None,
        policy_names: Some(vec!["default".to_owned()]),
        truncated: Some(false),
    })
}

fn rotation(now: Timestamp, days: i64) -> Rotation {
    Rotation {
        period_days: days,
        next_at: now + SignedDuration::from_hours(DAY * days),
    }
}

pub(super) fn enable_key_rotation(
    region: &mut Region,
    context: &Context,
    input: api::EnableKeyRotationRequest,
) -> Result<Unit, Error> {
    let days = input.rotation_period_in_days.unwrap_or(ROTATION_DAYS);
    if !(90..=2560).contains(&days) {
        return Err(validation(format!(
            "1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must be between 90 and 2560"
        )));
    }
    let key = get_mut(region, &input.key_id)?;
    key.must_be_usable()?;
    let kept = key.rotation.filter(|old| old.period_days == days);
    key.rotation = Some(kept.unwrap_or_else(|| rotation(context.now, days)));
    Ok(Unit {})
}

pub(super) fn disable_key_rotation(
    region: &mut Region,
    _: &Context,
    input: api::DisableKeyRotationRequest,
) -> Result<Unit, Error> {
    let key = get_mut(region, &input.key_id)?;
    key.must_be_usable()?;
    key.rotation = None;
    Ok(Unit {})
}

pub(super) fn get_key_rotation_status(
    region: &Region,
    _: &Context,
    input: api::GetKeyRotationStatusRequest,
) -> Result<api::GetKeyRotationStatusResponse, Error> {
    let key = get(region, &input.key_id)?;
    key.must_not_be_going()?;
    Ok(api::GetKeyRotationStatusResponse {
        key_id: Some(key.arn.clone()),
        key_rotation_enabled: Some(key.rotation.is_some()),
        next_rotation_date: key.rotation.map(|rotation| rotation.next_at),
        on_demand_rotation_start_date: None,
        rotation_period_in_days: key.rotation.map(|rotation| rotation.period_days),
    })
}

pub(super) fn rotate_key_on_demand(
    region: &mut Region,
    context: &Context,
    input: api::RotateKeyOnDemandRequest,
) -> Result<api::RotateKeyOnDemandResponse, Error> {
    const MOST: usize = 25;
    let key = get_mut(region, &input.key_id)?;
    key.must_be_usable()?;
    if key.rotations.iter().filter(|one| one.on_demand).count() >= MOST {
        return Err(limit_exceeded(format!(
            "{} was rotated on demand {MOST} times.",
            key.arn
        )));
    }
    rotate(key, context, true);
    Ok(api::RotateKeyOnDemandResponse {
        key_id: Some(key.arn.clone()),
    })
}

fn rotate(key: &mut Key, context: &Context, on_demand: bool) {
    key.backing.push(new_backing(context));
    key.rotations.push(Rotated {
        at: context.now,
        on_demand,
    });
}

pub(super) fn list_key_rotations(
    region: &Region,
    _: &Context,
    input: api::ListKeyRotationsRequest,
) -> Result<api::ListKeyRotationsResponse, Error> {
    let key = get(region, &input.key_id)?;
    let rotations = key.rotations.iter().enumerate();
    let piece = piece(
        rotations,
        |(at, _)| format!("{at:06}"),
        input.marker.as_deref(),
        input.limit,
        100,
    )?;
    let entry = |(_, one): (usize, &Rotated)| api::RotationsListEntry {
        key_id: Some(key.id.clone()),
        rotation_date: Some(one.at),
        rotation_type: Some(if one.on_demand {
            api::RotationType::OnDemand
        } else {
            api::RotationType::Automatic
        }),
        ..api::RotationsListEntry::default()
    };
    Ok(api::ListKeyRotationsResponse {
        truncated: Some(piece.truncated()),
        next_marker: piece.next,
        rotations: Some(piece.items.into_iter().map(entry).collect()),
    })
}

fn add_tags(tags: &mut Tags, new: Vec<api::Tag>) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    for tag in &new {
        if !seen.insert(&tag.tag_key) {
            return Err(tag_exception("Duplicate tag keys"));
        }
        if tag.tag_key.to_lowercase().starts_with("aws:") {
            return Err(tag_exception("Tags beginning with aws: are reserved"));
        }
    }
    tags.extend(new.into_iter().map(|tag| (tag.tag_key, tag.tag_value)));
    if tags.len() > MOST_TAGS {
        return Err(tag_exception("Too many tags"));
    }
    Ok(())
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<Unit, Error> {
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    add_tags(&mut key.tags, input.tags)?;
    Ok(Unit {})
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<Unit, Error> {
    let key = get_mut(region, &input.key_id)?;
    key.must_not_be_going()?;
    key.tags.retain(|name, _| !input.tag_keys.contains(name));
    Ok(Unit {})
}

pub(super) fn list_resource_tags(
    region: &Region,
    _: &Context,
    input: api::ListResourceTagsRequest,
) -> Result<api::ListResourceTagsResponse, Error> {
    let key = get(region, &input.key_id)?;
    let piece = piece(
        key.tags.iter(),
        |(name, _)| (*name).clone(),
        input.marker.as_deref(),
        input.limit,
        50,
    )?;
    let tag = |(key, value): (&String, &String)| api::Tag {
        tag_key: key.clone(),
        tag_value: value.clone(),
    };
    Ok(api::ListResourceTagsResponse {
        truncated: Some(piece.truncated()),
        next_marker: piece.next,
        tags: Some(piece.items.into_iter().map(tag).collect()),
    })
}

/// Turns keys whose time has come, and forgets those whose last day has.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let due: Vec<String> = (region.kms.keys.values())
        .filter(|key| key.deadline().is_some_and(|at| at <= context.now))
        .map(|key| key.id.clone())
        .collect();
    for id in due {
        let Some(key) = region.kms.keys.get_mut(&id) else {
            continue;
        };
        if let KeyState::PendingDeletion { .. } = key.state {
            region.kms.keys.remove(&id);
            region
                .kms
                .aliases
                .retain(|_, alias| alias.target.as_deref() != Some(&id));
            region.kms.grants.retain(|_, grant| grant.key != id);
            continue;
        }
        if let Some(old) = key.rotation {
            rotate(key, context, false);
            key.rotation = Some(rotation(context.now, old.period_days));
        }
    }
}

impl Key {
    fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            KeyState::PendingDeletion { at } => Some(at),
            KeyState::Enabled => self.rotation.map(|rotation| rotation.next_at),
            KeyState::Disabled => None,
        }
    }
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    region.kms.keys.values().filter_map(Key::deadline).min()
}
