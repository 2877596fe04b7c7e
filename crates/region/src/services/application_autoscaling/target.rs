//! Scalable targets: what may be scaled, and between which bounds.

use wire::Error;
use wire::application_autoscaling as api;

use super::error::{invalid, limit, no_target};
use super::resource::Resource;
use super::state::{Suspended, Target};
use super::{policy, scale, tags};
use crate::page::Page;
use crate::services::{ecs, iam};
use crate::{Context, Region, Tags};

/// The most ECS targets in a region. (AAS/application-auto-scaling-quotas.html)
const MOST: usize = 3_000;
/// The role AWS makes for itself when the first ECS service is registered.
pub(super) const ROLE: &str = "ecs.application-autoscaling.amazonaws.com";

pub(super) fn register_scalable_target(
    region: &mut Region,
    context: &Context,
    input: api::RegisterScalableTargetRequest,
) -> Result<api::RegisterScalableTargetResponse, Error> {
    let resource = Resource::read(
        input.service_namespace,
        &input.resource_id,
        input.scalable_dimension,
    )?;
    if ecs::scaling::capacity(region, &resource.cluster, &resource.service).is_none() {
        return Err(invalid(format!(
            "ECS service doesn't exist: {}",
            resource.id
        )));
    }
    let min = input
        .min_capacity
        .map(|one| capacity("MinCapacity", one))
        .transpose()?;
    let max = input
        .max_capacity
        .map(|one| capacity("MaxCapacity", one))
        .transpose()?;
    let old = region.application_autoscaling.targets.get(&resource.id);
    let mut target = match (old, min, max) {
        (Some(old), _, _) => {
            if input.tags.is_some() {
                return Err(invalid(
                    "Tags can be given when a scalable target is registered first; use TagResource for one that is there.",
                ));
            }
            old.clone()
        }
        (None, Some(min), Some(max)) => {
            if region.application_autoscaling.targets.len() >= MOST {
                return Err(limit(format!(
                    "You have reached the limit of {MOST} scalable targets for ECS."
                )));
            }
            Target {
                resource_id: resource.id.clone(),
                arn: context.settings.arn(
                    "application-autoscaling",
                    format_args!("scalable-target/0ec5{}", context.hex(32)),
                ),
                min,
                max,
                suspended: Suspended::default(),
                created_at: context.now,
                cooldown: None,
                tags: Tags::new(),
            }
        }
        (None, _, _) => {
            return Err(invalid(
                "MinCapacity and MaxCapacity are required to register a new scalable target.",
            ));
        }
    };
    target.min = min.unwrap_or(target.min);
    target.max = max.unwrap_or(target.max);
    check_bounds(Some(target.min), Some(target.max))?;
    if let Some(state) = input.suspended_state {
        let suspended = &mut target.suspended;
        suspended.scale_in = state
            .dynamic_scaling_in_suspended
            .unwrap_or(suspended.scale_in);
        suspended.scale_out = state
            .dynamic_scaling_out_suspended
            .unwrap_or(suspended.scale_out);
        suspended.scheduled = state
            .scheduled_scaling_suspended
            .unwrap_or(suspended.scheduled);
    }
    tags::merge(&mut target.tags, input.tags.unwrap_or_default())?;
    iam::service_linked::ensure(region, context, ROLE);
    let arn = target.arn.clone();
    region
        .application_autoscaling
        .targets
        .insert(resource.id.clone(), target);
    scale::into_bounds(region, context, &resource);
    Ok(api::RegisterScalableTargetResponse {
        scalable_target_arn: Some(arn),
    })
}

/// A capacity from the API.
pub(super) fn capacity(name: &str, given: i64) -> Result<u32, Error> {
    u32::try_from(given)
        .ok()
        .filter(|one| i32::try_from(*one).is_ok())
        .ok_or_else(|| invalid(format!("{name} must be between 0 and {}.", i32::MAX)))
}

pub(super) fn check_bounds(min: Option<u32>, max: Option<u32>) -> Result<(), Error> {
    match (min, max) {
        (Some(min), Some(max)) if max < min => Err(invalid(
            "Maximum capacity cannot be less than minimum capacity.",
        )),
        _ => Ok(()),
    }
}

pub(super) fn describe_scalable_targets(
    region: &Region,
    _: &Context,
    input: api::DescribeScalableTargetsRequest,
) -> Result<api::DescribeScalableTargetsResponse, Error> {
    let ids = input.resource_ids.unwrap_or_default();
    let ours = filters(
        input.service_namespace,
        input.scalable_dimension,
        !ids.is_empty(),
    )?;
    let targets = region
        .application_autoscaling
        .targets
        .values()
        .filter(|one| ours && (ids.is_empty() || ids.contains(&one.resource_id)));
    let page = page(
        targets,
        |one| one.resource_id.clone(),
        input.next_token.as_deref(),
        input.max_results,
        50,
    )?;
    Ok(api::DescribeScalableTargetsResponse {
        next_token: page.next,
        scalable_targets: Some(
            page.items
                .into_iter()
                .map(|one| shown(region, one))
                .collect(),
        ),
    })
}

fn shown(region: &Region, target: &Target) -> api::ScalableTarget {
    api::ScalableTarget {
        creation_time: Some(target.created_at),
        max_capacity: Some(i64::from(target.max)),
        min_capacity: Some(i64::from(target.min)),
        predicted_capacity: None,
        resource_id: Some(target.resource_id.clone()),
        role_arn: Some(iam::service_linked::arn(region, ROLE)),
        scalable_dimension: Some(api::ScalableDimension::EcsServiceDesiredCount),
        scalable_target_arn: Some(target.arn.clone()),
        service_namespace: Some(api::ServiceNamespace::Ecs),
        suspended_state: Some(api::SuspendedState {
            dynamic_scaling_in_suspended: Some(target.suspended.scale_in),
            dynamic_scaling_out_suspended: Some(target.suspended.scale_out),
            scheduled_scaling_suspended: Some(target.suspended.scheduled),
        }),
    }
}

/// Whether a list of a namespace and dimension can hold anything of ours.
pub(super) fn filters(
    namespace: api::ServiceNamespace,
    dimension: Option<api::ScalableDimension>,
    resource_given: bool,
) -> Result<bool, Error> {
    if dimension.is_some() && !resource_given {
        return Err(invalid(
            "A scalable dimension can be given only together with a resource ID.",
        ));
    }
    Ok(namespace == api::ServiceNamespace::Ecs
        && dimension.is_none_or(|one| one == api::ScalableDimension::EcsServiceDesiredCount))
}

/// What a list of a target's policies or scheduled actions is asked for.
pub(super) struct Asked {
    ours: bool,
    resource: Option<String>,
    names: Vec<String>,
}

impl Asked {
    pub(super) fn read(
        namespace: api::ServiceNamespace,
        dimension: Option<api::ScalableDimension>,
        resource: Option<String>,
        names: Option<Vec<String>>,
    ) -> Result<Self, Error> {
        Ok(Self {
            ours: filters(namespace, dimension, resource.is_some())?,
            resource,
            names: names.unwrap_or_default(),
        })
    }

    pub(super) fn takes(&self, resource: &str, name: &String) -> bool {
        self.ours
            && (self.names.is_empty() || self.names.contains(name))
            && self.resource.as_ref().is_none_or(|id| id == resource)
    }
}

/// Where a policy or scheduled action stands in a list.
pub(super) fn place(resource: &str, name: &str) -> String {
    format!("{resource}\u{1f}{name}")
}

/// A page of a list, whose usual length is also its longest.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    token: Option<&str>,
    most: Option<i64>,
    longest: usize,
) -> Result<Page<T>, Error> {
    let most = match most {
        None => longest,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=longest).contains(most))
            .ok_or_else(|| invalid(format!("MaxResults must be between 1 and {longest}.")))?,
    };
    crate::page::page(items, key, token, most).map_err(|_| super::error::bad_token())
}

pub(super) fn find<'a>(region: &'a Region, resource: &Resource) -> Result<&'a Target, Error> {
    region
        .application_autoscaling
        .targets
        .get(&resource.id)
        .ok_or_else(|| no_target(resource))
}

/// Forgets a target with all that belongs to it. What was done stays to be read.
pub(super) fn deregister_scalable_target(
    region: &mut Region,
    context: &Context,
    input: api::DeregisterScalableTargetRequest,
) -> Result<api::DeregisterScalableTargetResponse, Error> {
    let resource = Resource::read(
        input.service_namespace,
        &input.resource_id,
        input.scalable_dimension,
    )?;
    find(region, &resource)?;
    let policies: Vec<String> = region
        .application_autoscaling
        .policies
        .values()
        .filter(|one| one.resource_id == resource.id)
        .map(|one| one.name.clone())
        .collect();
    for name in policies {
        policy::remove(region, context, &resource, &name)?;
    }
    let state = &mut region.application_autoscaling;
    state
        .scheduled_actions
        .retain(|_, one| one.resource_id != resource.id);
    state.targets.remove(&resource.id);
    Ok(api::DeregisterScalableTargetResponse::default())
}
