//! A repository's own policy, and its lifecycle policy.

use wire::Error;
use wire::ecr as api;

use super::error::{at, no_lifecycle, no_policy};
use super::lifecycle;
use super::repository::{get, get_mut};
use super::state::Lifecycle;
use crate::services::iam;
use crate::{Context, Region};

pub(super) fn set_repository_policy(
    region: &mut Region,
    context: &Context,
    input: api::SetRepositoryPolicyRequest,
) -> Result<api::SetRepositoryPolicyResponse, Error> {
    let row = get_mut(region, input.registry_id.as_deref(), &input.repository_name)?;
    iam::policy::resource(&input.policy_text)
        .map_err(|_| at("PolicyText", "Invalid repository policy provided"))?;
    row.policy = Some(input.policy_text.clone());
    Ok(api::SetRepositoryPolicyResponse {
        policy_text: Some(input.policy_text),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(input.repository_name),
    })
}

pub(super) fn get_repository_policy(
    region: &Region,
    context: &Context,
    input: api::GetRepositoryPolicyRequest,
) -> Result<api::GetRepositoryPolicyResponse, Error> {
    let row = get(region, input.registry_id.as_deref(), &input.repository_name)?;
    let text = (row.policy.clone())
        .ok_or_else(|| no_policy(&input.repository_name, &context.settings.account))?;
    Ok(api::GetRepositoryPolicyResponse {
        policy_text: Some(text),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(input.repository_name),
    })
}

pub(super) fn delete_repository_policy(
    region: &mut Region,
    context: &Context,
    input: api::DeleteRepositoryPolicyRequest,
) -> Result<api::DeleteRepositoryPolicyResponse, Error> {
    let row = get_mut(region, input.registry_id.as_deref(), &input.repository_name)?;
    let text = (row.policy.take())
        .ok_or_else(|| no_policy(&input.repository_name, &context.settings.account))?;
    Ok(api::DeleteRepositoryPolicyResponse {
        policy_text: Some(text),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(input.repository_name),
    })
}

pub(super) fn put_lifecycle_policy(
    region: &mut Region,
    context: &Context,
    input: api::PutLifecyclePolicyRequest,
) -> Result<api::PutLifecyclePolicyResponse, Error> {
    let row = get_mut(region, input.registry_id.as_deref(), &input.repository_name)?;
    lifecycle::Policy::parse(&input.lifecycle_policy_text).map_err(|reason| {
        at(
            "LifecyclePolicyText",
            format!("Lifecycle policy validation failure: {reason}"),
        )
    })?;
    row.lifecycle = Some(Lifecycle {
        text: input.lifecycle_policy_text.clone(),
        evaluated_at: None,
    });
    Ok(api::PutLifecyclePolicyResponse {
        lifecycle_policy_text: Some(input.lifecycle_policy_text),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(input.repository_name),
    })
}

pub(super) fn get_lifecycle_policy(
    region: &Region,
    context: &Context,
    input: api::GetLifecyclePolicyRequest,
) -> Result<api::GetLifecyclePolicyResponse, Error> {
    let row = get(region, input.registry_id.as_deref(), &input.repository_name)?;
    let policy = (row.lifecycle.clone())
        .ok_or_else(|| no_lifecycle(&input.repository_name, &context.settings.account))?;
    Ok(api::GetLifecyclePolicyResponse {
        last_evaluated_at: policy.evaluated_at,
        lifecycle_policy_text: Some(policy.text),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(input.repository_name),
    })
}

pub(super) fn delete_lifecycle_policy(
    region: &mut Region,
    context: &Context,
    input: api::DeleteLifecyclePolicyRequest,
) -> Result<api::DeleteLifecyclePolicyResponse, Error> {
    let row = get_mut(region, input.registry_id.as_deref(), &input.repository_name)?;
    let policy = (row.lifecycle.take())
        .ok_or_else(|| no_lifecycle(&input.repository_name, &context.settings.account))?;
    Ok(api::DeleteLifecyclePolicyResponse {
        last_evaluated_at: policy.evaluated_at,
        lifecycle_policy_text: Some(policy.text),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(input.repository_name),
    })
}
