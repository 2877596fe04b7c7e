//! Policies that let other services write into groups.

use wire::logs as api;
use wire::{Error, Unit};

use super::common::{milliseconds, piece};
use super::error::{invalid_parameter, limit_exceeded, not_found};
use super::state::ResourcePolicy;
use crate::services::iam::policy;
use crate::{Context, Region};

const MOST: usize = 10;

pub(super) fn put_resource_policy(
    region: &mut Region,
    context: &Context,
    input: api::PutResourcePolicyRequest,
) -> Result<api::PutResourcePolicyResponse, Error> {
    let (Some(name), None) = (input.policy_name, input.resource_arn) else {
        return Err(invalid_parameter(
            "Terrella keeps resource policies of the account only: policyName is needed, resourceArn is not known.",
        ));
    };
    let document = input.policy_document.unwrap_or_default();
    policy::resource(&document)
        .map_err(|malformed| invalid_parameter(format!("Invalid policy document: {malformed}")))?;
    let known = region.logs.resource_policies.contains(&name);
    if !known && region.logs.resource_policies.len() >= MOST {
        return Err(limit_exceeded("Resource limit exceeded."));
    }
    let row = ResourcePolicy {
        document,
        updated_at: context.now,
    };
    let shown = shown(&name, &row);
    region.logs.resource_policies.insert(name, row);
    Ok(api::PutResourcePolicyResponse {
        resource_policy: Some(shown),
        revision_id: None,
    })
}

pub(super) fn describe_resource_policies(
    region: &Region,
    _: &Context,
    input: api::DescribeResourcePoliciesRequest,
) -> Result<api::DescribeResourcePoliciesResponse, Error> {
    let policies = region.logs.resource_policies.iter();
    let piece = piece(
        policies,
        |(name, _)| (*name).clone(),
        input.next_token.as_deref(),
        input.limit,
    )?;
    Ok(api::DescribeResourcePoliciesResponse {
        next_token: piece.next,
        resource_policies: Some(
            piece
                .items
                .into_iter()
                .map(|(name, row)| shown(name, row))
                .collect(),
        ),
    })
}

pub(super) fn delete_resource_policy(
    region: &mut Region,
    _: &Context,
    input: api::DeleteResourcePolicyRequest,
) -> Result<Unit, Error> {
    let name = input.policy_name.unwrap_or_default();
    match region.logs.resource_policies.remove(&name) {
        Some(_) => Ok(Unit {}),
        None => Err(not_found(format!(
            "Policy with name [{name}] does not exist."
        ))),
    }
}

fn shown(name: &str, row: &ResourcePolicy) -> api::ResourcePolicy {
    api::ResourcePolicy {
        last_updated_time: Some(milliseconds(row.updated_at)),
        policy_document: Some(row.document.clone()),
        policy_name: Some(name.to_owned()),
        ..api::ResourcePolicy::default()
    }
}
