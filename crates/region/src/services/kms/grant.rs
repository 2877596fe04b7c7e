//! Grants, as records: who was granted what. The front door does not consult them yet.

use wire::kms as api;
use wire::{Error, Unit};

use super::common::piece;
use super::error::{not_found, validation, would_succeed};
use super::key;
use super::state::Grant;
use crate::{Context, Region};

pub(super) fn create_grant(
    region: &mut Region,
    context: &Context,
    input: api::CreateGrantRequest,
) -> Result<api::CreateGrantResponse, Error> {
    let key = key::get(region, &input.key_id)?;
    key.must_be_usable()?;
    if input.operations.is_empty() {
        return Err(validation("At least one operation is needed."));
    }
    would_succeed(input.dry_run)?;
    let constraints = input.constraints.unwrap_or_default();
    let grant = Grant {
        id: context.hex(64),
        key: key.id.clone(),
        name: input.name,
        grantee: input.grantee_principal,
        retiring: input.retiring_principal,
        operations: input.operations,
        context_equals: constraints.encryption_context_equals,
        context_subset: constraints.encryption_context_subset,
        created_at: context.now,
    };
    // The same grant asked for again by name is the one that is there.
    let same = |other: &&Grant| {
        grant.name.is_some()
            && other.name == grant.name
            && other.key == grant.key
            && other.grantee == grant.grantee
            && other.operations == grant.operations
    };
    let there = region
        .kms
        .grants
        .values()
        .find(same)
        .map(|there| there.id.clone());
    let id = there.unwrap_or_else(|| {
        let id = grant.id.clone();
        region.kms.grants.insert(id.clone(), grant);
        id
    });
    Ok(api::CreateGrantResponse {
        grant_id: Some(id),
        grant_token: Some(context.alphanumeric(64)),
    })
}

pub(super) fn list_grants(
    region: &Region,
    _: &Context,
    input: api::ListGrantsRequest,
) -> Result<api::ListGrantsResponse, Error> {
    let key = key::get(region, &input.key_id)?;
    let grants = region.kms.grants.values().filter(|grant| {
        grant.key == key.id
            && input.grant_id.as_ref().is_none_or(|id| *id == grant.id)
            && input
                .grantee_principal
                .as_ref()
                .is_none_or(|who| *who == grant.grantee)
    });
    let piece = piece(
        grants,
        |grant| grant.id.clone(),
        input.marker.as_deref(),
        input.limit,
        50,
    )?;
    let entry = |grant: &Grant| api::GrantListEntry {
        constraints: (grant.context_equals.is_some() || grant.context_subset.is_some()).then(
            || api::GrantConstraints {
                encryption_context_equals: grant.context_equals.clone(),
                encryption_context_subset: grant.context_subset.clone(),
            },
        ),
        creation_date: Some(grant.created_at),
        grant_id: Some(grant.id.clone()),
        grantee_principal: Some(grant.grantee.clone()),
        issuing_account: Some(region.settings.global_arn("iam", "root")),
        key_id: Some(key.arn.clone()),
        name: grant.name.clone(),
        operations: Some(grant.operations.clone()),
        retiring_principal: grant.retiring.clone(),
    };
    Ok(api::ListGrantsResponse {
        truncated: Some(piece.truncated()),
        next_marker: piece.next,
        grants: Some(piece.items.into_iter().map(entry).collect()),
    })
}

pub(super) fn revoke_grant(
    region: &mut Region,
    _: &Context,
    input: api::RevokeGrantRequest,
) -> Result<Unit, Error> {
    let key = key::get(region, &input.key_id)?.id.clone();
    would_succeed(input.dry_run)?;
    remove(region, &key, &input.grant_id)
}

pub(super) fn retire_grant(
    region: &mut Region,
    _: &Context,
    input: api::RetireGrantRequest,
) -> Result<Unit, Error> {
    let (Some(key), Some(id)) = (input.key_id, input.grant_id) else {
        return Err(validation("Terrella retires grants by KeyId and GrantId."));
    };
    let key = key::get(region, &key)?.id.clone();
    would_succeed(input.dry_run)?;
    remove(region, &key, &id)
}

fn remove(region: &mut Region, key: &str, id: &str) -> Result<Unit, Error> {
    if region
        .kms
        .grants
        .get(id)
        .is_none_or(|grant| grant.key != key)
    {
        return Err(not_found(format!("Grant {id} not found")));
    }
    region.kms.grants.remove(id);
    Ok(Unit {})
}
