//! Log groups.

use jiff::Timestamp;
use wire::logs as api;
use wire::{Error, Unit};

use super::common::{milliseconds, piece};
use super::error::{already_exists, invalid_parameter, no_group, validation};
use super::state::Group;
use crate::services::kms;
use crate::{Context, Region, Tags};

const RETENTIONS: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
const MOST_TAGS: usize = 50;

/// Whether there is a group of that name.
pub fn exists(region: &Region, name: &str) -> bool {
    region.logs.groups.contains(name)
}

/// Before which moment a group's events are no longer kept; `None`: all are.
pub fn keeps_from(region: &Region, name: &str, now: Timestamp) -> Option<Timestamp> {
    let days = region.logs.groups.get(name)?.retention?;
    Some(now - jiff::SignedDuration::from_hours(24 * days))
}

/// The name in an identifier, which is a name or an ARN.
pub fn name_of(identifier: &str) -> &str {
    match identifier.split_once(":log-group:") {
        Some((_, name)) => name.strip_suffix(":*").unwrap_or(name),
        None => identifier,
    }
}

pub(super) fn get<'a>(region: &'a Region, name: &str) -> Result<&'a Group, Error> {
    region.logs.groups.get(name).ok_or_else(no_group)
}

pub(super) fn get_mut<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut Group, Error> {
    region.logs.groups.get_mut(name).ok_or_else(no_group)
}

/// Makes a group for another service, such as RDS for its exported logs. Does nothing if it is
/// there.
pub fn ensure(region: &mut Region, context: &Context, name: &str) {
    if !exists(region, name) {
        insert(region, context, name.to_owned());
    }
}

fn insert(region: &mut Region, context: &Context, name: String) {
    let group = Group {
        arn: context.settings.arn("logs", format!("log-group:{name}")),
        created_at: context.now,
        retention: None,
        kms_key_id: None,
        class: api::LogGroupClass::Standard,
        deletion_protection: false,
        tags: Tags::new(),
        name: name.clone(),
    };
    region.logs.groups.insert(name, group);
}

pub(super) fn create_log_group(
    region: &mut Region,
    context: &Context,
    input: api::CreateLogGroupRequest,
) -> Result<Unit, Error> {
    let name = input.log_group_name;
    checked_name(&name)?;
    if name.starts_with("aws/") {
        return Err(invalid_parameter(
            "Log groups starting with AWS/ are reserved for AWS.",
        ));
    }
    if exists(region, &name) {
        return Err(already_exists("The specified log group already exists"));
    }
    let tags = input.tags.unwrap_or_default();
    checked_tags(&tags)?;
    if let Some(key) = &input.kms_key_id {
        checked_key(region, key)?;
    }
    insert(region, context, name.clone());
    let group = get_mut(region, &name)?;
    group.kms_key_id = input.kms_key_id;
    group.class = input
        .log_group_class
        .unwrap_or(api::LogGroupClass::Standard);
    group.deletion_protection = input.deletion_protection_enabled == Some(true);
    group.tags = tags;
    Ok(Unit {})
}

fn checked_name(name: &str) -> Result<(), Error> {
    let fine = |character: char| character.is_ascii_alphanumeric() || ".-_/#".contains(character);
    if name.is_empty() || name.len() > 512 || !name.chars().all(fine) {
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    Ok(())
}

fn checked_key(region: &Region, key: &str) -> Result<(), Error> {
    let unusable = || {
        invalid_parameter(format!(
            "The specified KMS Key Id could not be found or is not usable: {key}"
        ))
    };
    let found = kms::key::resolve(region, key).ok_or_else(unusable)?;
    if found.usable() {
        Ok(())
    } else {
        Err(unusable())
    }
}

pub(super) fn delete_log_group(
    region: &mut Region,
    _: &Context,
    input: api::DeleteLogGroupRequest,
) -> Result<Unit, Error> {
    let name = input.log_group_name;
    if get(region, &name)?.deletion_protection {
        return Err(validation(
            "The log group has deletion protection enabled and cannot be deleted.",
        ));
    }
    region.logs.groups.remove(&name);
    region.logs.streams.retain(|(group, _), _| *group != name);
    region
        .logs
        .metric_filters
        .retain(|(group, _), _| *group != name);
    Ok(Unit {})
}

pub(super) fn describe_log_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeLogGroupsRequest,
) -> Result<api::DescribeLogGroupsResponse, Error> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(invalid_parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let prefix = input.log_group_name_prefix.unwrap_or_default();
    let pattern = input
        .log_group_name_pattern
        .unwrap_or_default()
        .to_lowercase();
    let identifiers = input.log_group_identifiers;
    let groups = region.logs.groups.values().filter(|group| {
        group.name.starts_with(&prefix)
            && group.name.to_lowercase().contains(&pattern)
            && input
                .log_group_class
                .is_none_or(|class| class == group.class)
            && identifiers
                .as_ref()
                .is_none_or(|all| all.iter().any(|one| name_of(one) == group.name))
    });
    let piece = piece(
        groups,
        |group| group.name.clone(),
        input.next_token.as_deref(),
        input.limit,
    )?;
    let shown = piece
        .items
        .into_iter()
        .map(|group| shown(region, group))
        .collect();
    Ok(api::DescribeLogGroupsResponse {
        log_groups: Some(shown),
        next_token: piece.next,
    })
}

fn shown(region: &Region, group: &Group) -> api::LogGroup {
    let from = (group.name.clone(), String::new());
    let own = |(key, _): &(&(String, String), _)| key.0 == group.name;
    let filters = region
        .logs
        .metric_filters
        .range(from.clone()..)
        .take_while(|(key, _)| key.0 == group.name);
    let bytes: u64 = (region.logs.streams.range(from..))
        .take_while(own)
        .map(|(_, stream)| stream.stored_bytes)
        .sum();
    api::LogGroup {
        arn: Some(format!("{}:*", group.arn)),
        creation_time: Some(milliseconds(group.created_at)),
        deletion_protection_enabled: Some(group.deletion_protection),
        kms_key_id: group.kms_key_id.clone(),
        log_group_arn: Some(group.arn.clone()),
        log_group_class: Some(group.class),
        log_group_name: Some(group.name.clone()),
        metric_filter_count: i64::try_from(filters.count()).ok(),
        retention_in_days: group.retention,
        stored_bytes: i64::try_from(bytes).ok(),
        ..api::LogGroup::default()
    }
}

pub(super) fn list_log_groups(
    region: &Region,
    _: &Context,
    input: api::ListLogGroupsRequest,
) -> Result<api::ListLogGroupsResponse, Error> {
    let pattern = input.log_group_name_pattern.unwrap_or_default();
    let (from_start, text) = match pattern.strip_prefix('^') {
        Some(text) => (true, text),
        None => (false, pattern.as_str()),
    };
    let groups = region.logs.groups.values().filter(|group| {
        let fits = if from_start {
            group.name.starts_with(text)
        } else {
            group.name.contains(text)
        };
        fits && input
            .log_group_class
            .is_none_or(|class| class == group.class)
    });
    let piece = piece(
        groups,
        |group| group.name.clone(),
        input.next_token.as_deref(),
        input.limit,
    )?;
    let shown = |group: &Group| api::LogGroupSummary {
        log_group_arn: Some(group.arn.clone()),
        log_group_class: Some(group.class),
        log_group_name: Some(group.name.clone()),
    };
    Ok(api::ListLogGroupsResponse {
        log_groups: Some(piece.items.into_iter().map(shown).collect()),
        next_token: piece.next,
    })
}

pub(super) fn put_retention_policy(
    region: &mut Region,
    _: &Context,
    input: api::PutRetentionPolicyRequest,
) -> Result<Unit, Error> {
    let days = input.retention_in_days;
    let group = get_mut(region, &input.log_group_name)?;
    if !RETENTIONS.contains(&days) {
        let all: Vec<String> = RETENTIONS.iter().map(i64::to_string).collect();
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            all.join(", ")
        )));
    }
    group.retention = Some(days);
    Ok(Unit {})
}

pub(super) fn delete_retention_policy(
    region: &mut Region,
    _: &Context,
    input: api::DeleteRetentionPolicyRequest,
) -> Result<Unit, Error> {
    get_mut(region, &input.log_group_name)?.retention = None;
    Ok(Unit {})
}

pub(super) fn put_log_group_deletion_protection(
    region: &mut Region,
    _: &Context,
    input: api::PutLogGroupDeletionProtectionRequest,
) -> Result<Unit, Error> {
    let group = get_mut(region, name_of(&input.log_group_identifier))?;
    group.deletion_protection = input.deletion_protection_enabled;
    Ok(Unit {})
}

pub(super) fn associate_kms_key(
    region: &mut Region,
    _: &Context,
    input: api::AssociateKmsKeyRequest,
) -> Result<Unit, Error> {
    let name = one_of(input.log_group_name, input.resource_identifier)?;
    get(region, &name)?;
    checked_key(region, &input.kms_key_id)?;
    get_mut(region, &name)?.kms_key_id = Some(input.kms_key_id);
    Ok(Unit {})
}

pub(super) fn disassociate_kms_key(
    region: &mut Region,
    _: &Context,
    input: api::DisassociateKmsKeyRequest,
) -> Result<Unit, Error> {
    let name = one_of(input.log_group_name, input.resource_identifier)?;
    get_mut(region, &name)?.kms_key_id = None;
    Ok(Unit {})
}

fn one_of(name: Option<String>, identifier: Option<String>) -> Result<String, Error> {
    match (name, identifier) {
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) => Ok(name_of(&identifier).to_owned()),
        _ => Err(invalid_parameter(
            "Exactly one of logGroupName and resourceIdentifier must be given.",
        )),
    }
}

/// Tags hang on groups alone, by ARN without `:*`.
fn tagged(region: &Region, arn: &str) -> Result<String, Error> {
    let name = name_of(arn);
    match region.logs.groups.get(name) {
        Some(group) if group.arn == arn.strip_suffix(":*").unwrap_or(arn) => Ok(name.to_owned()),
        _ => Err(super::error::not_found(
            "The specified resource does not exist.",
        )),
    }
}

fn checked_tags(tags: &Tags) -> Result<(), Error> {
    if tags
        .keys()
        .any(|key| key.to_lowercase().starts_with("aws:"))
    {
        return Err(invalid_parameter(
            "Tag keys that start with aws: are reserved.",
        ));
    }
    if tags.len() > MOST_TAGS {
        return Err(wire::logs::error::too_many_tags_exception(format!(
            "A resource can have at most {MOST_TAGS} tags."
        )));
    }
    Ok(())
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<Unit, Error> {
    let name = tagged(region, &input.resource_arn)?;
    add_tags(region, &name, input.tags)
}

pub(super) fn tag_log_group(
    region: &mut Region,
    _: &Context,
    input: api::TagLogGroupRequest,
) -> Result<Unit, Error> {
    add_tags(region, &input.log_group_name, input.tags)
}

fn add_tags(region: &mut Region, name: &str, tags: Tags) -> Result<Unit, Error> {
    let group = get_mut(region, name)?;
    checked_tags(&tags)?;
    group.tags.extend(tags);
    checked_tags(&group.tags)?;
    Ok(Unit {})
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<Unit, Error> {
    let name = tagged(region, &input.resource_arn)?;
    get_mut(region, &name)?
        .tags
        .retain(|key, _| !input.tag_keys.contains(key));
    Ok(Unit {})
}

pub(super) fn untag_log_group(
    region: &mut Region,
    _: &Context,
    input: api::UntagLogGroupRequest,
) -> Result<Unit, Error> {
    let group = get_mut(region, &input.log_group_name)?;
    group.tags.retain(|key, _| !input.tags.contains(key));
    Ok(Unit {})
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse, Error> {
    let name = tagged(region, &input.resource_arn)?;
    Ok(api::ListTagsForResourceResponse {
        tags: Some(get(region, &name)?.tags.clone()),
    })
}

pub(super) fn list_tags_log_group(
    region: &Region,
    _: &Context,
    input: api::ListTagsLogGroupRequest,
) -> Result<api::ListTagsLogGroupResponse, Error> {
    Ok(api::ListTagsLogGroupResponse {
        tags: Some(get(region, &input.log_group_name)?.tags.clone()),
    })
}
