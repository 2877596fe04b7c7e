//! Aliases. Those of services are there from the beginning, without a key until one is needed.

use wire::kms as api;
use wire::{Error, Unit};

use super::common::piece;
use super::error::{already_exists, invalid_state, not_found, validation};
use super::key;
use super::state::{Alias, KeyState};
use crate::{Context, Region};

/// Services whose keys AWS manages, as far as stacks here look them up.
const SERVICES: &[&str] = &[
    "acm",
    "dynamodb",
    "ebs",
    "ecr",
    "elasticache",
    "elasticfilesystem",
    "es",
    "kinesis",
    "lambda",
    "rds",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "xray",
];

pub(super) fn bootstrap(region: &mut Region, context: &Context) {
    for service in SERVICES {
        insert(region, context, format!("alias/aws/{service}"), None);
    }
}

pub(super) fn insert(region: &mut Region, context: &Context, name: String, target: Option<String>) {
    let alias = Alias {
        arn: context.settings.arn("kms", &name),
        target,
        created_at: context.now,
        updated_at: context.now,
        name: name.clone(),
    };
    region.kms.aliases.insert(name, alias);
}

fn checked_name(name: &str) -> Result<(), Error> {
    let fine = |character: char| character.is_ascii_alphanumeric() || "/_-".contains(character);
    let Some(rest) = name.strip_prefix("alias/") else {
        return Err(validation(
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    if rest.starts_with("aws/") {
        return Err(Error::new("NotAuthorizedException", 400, ""));
    }
    if rest.is_empty() || name.len() > 256 || !rest.chars().all(fine) {
        return Err(validation(
            "Alias must not contain characters other than letters, digits, slashes, underscores and dashes.",
        ));
    }
    Ok(())
}

/// The key an alias may lead to, by id or ARN.
fn target(region: &Region, id: &str) -> Result<String, Error> {
    if id.contains("alias/") {
        return Err(validation("Aliases must refer to keys. Not aliases"));
    }
    let key = key::get(region, id)?;
    match key.state {
        KeyState::PendingDeletion { .. } => {
            Err(invalid_state(format!("{} is pending deletion.", key.arn)))
        }
        _ => Ok(key.id.clone()),
    }
}

pub(super) fn create_alias(
    region: &mut Region,
    context: &Context,
    input: api::CreateAliasRequest,
) -> Result<Unit, Error> {
    let name = input.alias_name;
    checked_name(&name)?;
    let target = target(region, &input.target_key_id)?;
    if let Some(alias) = region.kms.aliases.get(&name) {
        return Err(already_exists(format!(
            "An alias with the name {} already exists",
            alias.arn
        )));
    }
    insert(region, context, name, Some(target));
    Ok(Unit {})
}

pub(super) fn update_alias(
    region: &mut Region,
    context: &Context,
    input: api::UpdateAliasRequest,
) -> Result<Unit, Error> {
    checked_name(&input.alias_name)?;
    let target = target(region, &input.target_key_id)?;
    let missing = no_alias(region, &input.alias_name);
    let alias = region
        .kms
        .aliases
        .get_mut(&input.alias_name)
        .ok_or(missing)?;
    alias.target = Some(target);
    alias.updated_at = context.now;
    Ok(Unit {})
}

fn no_alias(region: &Region, name: &str) -> Error {
    not_found(format!(
        "Alias {} is not found.",
        region.settings.arn("kms", name)
    ))
}

pub(super) fn delete_alias(
    region: &mut Region,
    _: &Context,
    input: api::DeleteAliasRequest,
) -> Result<Unit, Error> {
    checked_name(&input.alias_name)?;
    match region.kms.aliases.remove(&input.alias_name) {
        Some(_) => Ok(Unit {}),
        None => Err(no_alias(region, &input.alias_name)),
    }
}

pub(super) fn list_aliases(
    region: &Region,
    _: &Context,
    input: api::ListAliasesRequest,
) -> Result<api::ListAliasesResponse, Error> {
    let wanted = match &input.key_id {
        Some(id) => Some(key::get(region, id)?.id.clone()),
        None => None,
    };
    let aliases =
        (region.kms.aliases.values()).filter(|alias| wanted.is_none() || alias.target == wanted);
    let piece = piece(
        aliases,
        |alias| alias.name.clone(),
        input.marker.as_deref(),
        input.limit,
        50,
    )?;
    Ok(api::ListAliasesResponse {
        truncated: Some(piece.truncated()),
        next_marker: piece.next,
        aliases: Some(piece.items.into_iter().map(shown).collect()),
    })
}

/// An alias without a key has no dates either.
fn shown(alias: &Alias) -> api::AliasListEntry {
    let used = alias.target.is_some();
    api::AliasListEntry {
        alias_arn: Some(alias.arn.clone()),
        alias_name: Some(alias.name.clone()),
        creation_date: used.then_some(alias.created_at),
        last_updated_date: used.then_some(alias.updated_at),
        target_key_id: alias.target.clone(),
    }
}
