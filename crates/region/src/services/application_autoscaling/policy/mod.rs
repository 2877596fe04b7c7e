//! Scaling policies, and what they do when an alarm asks them.

mod alarm;
mod invoke;
mod read;

pub(super) use invoke::wake;
pub use invoke::{Breach, invoke};

use wire::Error;
use wire::application_autoscaling as api;

use super::error::{limit, no_policy};
use super::resource::Resource;
use super::state::{Policy, PolicyKind};
use super::target::{Asked, find, page, place};
use crate::{Context, Region};

/// The most policies of a target. (AAS/application-auto-scaling-quotas.html)
const MOST: usize = 50;

pub(super) fn put_scaling_policy(
    region: &mut Region,
    context: &Context,
    input: api::PutScalingPolicyRequest,
) -> Result<api::PutScalingPolicyResponse, Error> {
    let resource = Resource::read(
        input.service_namespace,
        &input.resource_id,
        input.scalable_dimension,
    )?;
    find(region, &resource)?;
    let key = (resource.id.clone(), input.policy_name.clone());
    let kind = read::kind(region, context, &resource, &input)?;
    let policies = &region.application_autoscaling.policies;
    let policy = if let Some(old) = policies.get(&key) {
        Policy {
            kind: kind.keeping(&old.kind),
            low: None,
            ..old.clone()
        }
    } else {
        let there = policies
            .values()
            .filter(|one| one.resource_id == resource.id)
            .count();
        if there >= MOST {
            return Err(limit(format!(
                "A scalable target can have at most {MOST} scaling policies."
            )));
        }
        Policy {
            arn: context.settings.arn(
                "autoscaling",
                format_args!(
                    "scalingPolicy:{}:resource/ecs/{}:policyName/{}",
                    context.uuid(),
                    resource.id,
                    input.policy_name
                ),
            ),
            name: input.policy_name,
            resource_id: resource.id.clone(),
            created_at: context.now,
            kind,
            low: None,
        }
    };
    let arn = policy.arn.clone();
    if let Some(old) = region.application_autoscaling.policies.get(&key) {
        let old = old.kind.clone();
        alarm::delete(region, context, &old, Some(&policy.kind))?;
    }
    alarm::put(region, context, &resource, &policy)?;
    let alarms = alarm::told(region, &policy);
    region
        .application_autoscaling
        .policies
        .insert(key.clone(), policy);
    Ok(api::PutScalingPolicyResponse {
        alarms: Some(alarms),
        policy_arn: Some(arn),
    })
}

pub(super) fn describe_scaling_policies(
    region: &Region,
    _: &Context,
    input: api::DescribeScalingPoliciesRequest,
) -> Result<api::DescribeScalingPoliciesResponse, Error> {
    let asked = Asked::read(
        input.service_namespace,
        input.scalable_dimension,
        input.resource_id,
        input.policy_names,
    )?;
    let policies = region
        .application_autoscaling
        .policies
        .values()
        .filter(|one| asked.takes(&one.resource_id, &one.name));
    // Ten and no more: AWS looks up the alarms of each. (API_DescribeScalingPolicies.html)
    let page = page(
        policies,
        |one| place(&one.resource_id, &one.name),
        input.next_token.as_deref(),
        input.max_results,
        10,
    )?;
    Ok(api::DescribeScalingPoliciesResponse {
        next_token: page.next,
        scaling_policies: Some(
            page.items
                .into_iter()
                .map(|one| shown(region, one))
                .collect(),
        ),
    })
}

fn shown(region: &Region, policy: &Policy) -> api::ScalingPolicy {
    let (step, tracking) = match &policy.kind {
        PolicyKind::Step(step) => (Some(step.0.clone()), None),
        PolicyKind::Tracking { configuration, .. } => (None, Some(configuration.0.clone())),
    };
    api::ScalingPolicy {
        alarms: Some(alarm::told(region, policy)),
        creation_time: Some(policy.created_at),
        policy_arn: Some(policy.arn.clone()),
        policy_name: Some(policy.name.clone()),
        policy_type: Some(if step.is_some() {
            api::PolicyType::StepScaling
        } else {
            api::PolicyType::TargetTrackingScaling
        }),
        predictive_scaling_policy_configuration: None,
        resource_id: Some(policy.resource_id.clone()),
        scalable_dimension: Some(api::ScalableDimension::EcsServiceDesiredCount),
        service_namespace: Some(api::ServiceNamespace::Ecs),
        step_scaling_policy_configuration: step,
        target_tracking_scaling_policy_configuration: tracking,
    }
}

pub(super) fn delete_scaling_policy(
    region: &mut Region,
    context: &Context,
    input: api::DeleteScalingPolicyRequest,
) -> Result<api::DeleteScalingPolicyResponse, Error> {
    let resource = Resource::read(
        input.service_namespace,
        &input.resource_id,
        input.scalable_dimension,
    )?;
    remove(region, context, &resource, &input.policy_name)?;
    Ok(api::DeleteScalingPolicyResponse::default())
}

/// Forgets a policy with the alarms it owns.
pub(super) fn remove(
    region: &mut Region,
    context: &Context,
    resource: &Resource,
    name: &str,
) -> Result<(), Error> {
    let key = (resource.id.clone(), name.to_owned());
    let policy = region
        .application_autoscaling
        .policies
        .remove(&key)
        .ok_or_else(|| no_policy(resource, name))?;
    alarm::delete(region, context, &policy.kind, None)
}
