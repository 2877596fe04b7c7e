//! Does what was decided: moves a service's desired count, and writes the activity down.

use wire::Error;

use super::activity;
use super::decide::{Situation, Verdict};
use super::resource::Resource;
use super::state::{Activity, ActivityStatus, NotScaled, Target};
use crate::services::ecs;
use crate::{Context, Region};

/// A target as it is now; `None` where its service is gone.
pub(super) fn situation(
    region: &Region,
    context: &Context,
    resource: &Resource,
    target: &Target,
) -> Option<Situation> {
    let now = ecs::scaling::capacity(region, &resource.cluster, &resource.service)?;
    Some(Situation {
        now: context.now,
        desired: now.desired,
        running: now.running,
        min: target.min,
        max: target.max,
        cooldown: target.cooldown,
        deploying: now.deploying,
        in_suspended: target.suspended.scale_in,
        out_suspended: target.suspended.scale_out,
    })
}

/// Acts on what a policy decided when `alarm` asked it.
pub(super) fn carry_out(
    region: &mut Region,
    context: &Context,
    resource: &Resource,
    now: &Situation,
    verdict: Verdict,
    cause: String,
) {
    match verdict {
        Verdict::Quiet => {}
        Verdict::Set { desired, cooldown } => {
            if set(region, context, resource, desired, cause)
                && let Some(target) = region.application_autoscaling.targets.get_mut(&resource.id)
            {
                target.cooldown = cooldown;
            }
        }
        Verdict::Not(reason) => {
            let not_scaled = NotScaled {
                code: reason.code().to_owned(),
                current: Some(now.desired),
                min: Some(now.min),
                max: Some(now.max),
            };
            activity::add_not_scaled(region, context, &resource.id, cause, not_scaled);
        }
    }
}

/// Brings the desired count between the bounds, as AWS does when they are set.
pub(super) fn into_bounds(region: &mut Region, context: &Context, resource: &Resource) {
    let Some(target) = region.application_autoscaling.targets.get(&resource.id) else {
        return;
    };
    let Some(now) = ecs::scaling::capacity(region, &resource.cluster, &resource.service) else {
        return;
    };
    if now.desired < target.min {
        let min = target.min;
        set(
            region,
            context,
            resource,
            min,
            format!("minimum capacity was set to {min}"),
        );
    } else if now.desired > target.max {
        let max = target.max;
        set(
            region,
            context,
            resource,
            max,
            format!("maximum capacity was set to {max}"),
        );
    }
}

/// Sets the desired count. Gives whether ECS took it; either way an activity says so.
fn set(
    region: &mut Region,
    context: &Context,
    resource: &Resource,
    desired: u32,
    cause: String,
) -> bool {
    override_unfinished(region, context, resource);
    let done = ecs::scaling::set_desired_count(
        region,
        context,
        &resource.cluster,
        &resource.service,
        desired,
    );
    let (status, ended_at, message) = match &done {
        Ok(()) => (
            ActivityStatus::InProgress,
            None,
            format!(
                "Successfully set desired count to {desired}. Waiting for change to be fulfilled by ecs."
            ),
        ),
        Err(error) => (
            ActivityStatus::Failed,
            Some(context.now),
            format!(
                "Failed to set desired count to {desired}. Reason: {}",
                error.message
            ),
        ),
    };
    let activity = Activity {
        id: context.uuid(),
        resource_id: resource.id.clone(),
        started_at: context.now,
        ended_at,
        description: format!("Setting desired count to {desired}."),
        cause,
        status,
        message: Some(message),
        not_scaled: None,
        desired: Some(desired),
    };
    activity::add(region, context, activity);
    done.is_ok()
}

/// What was still on its way is overtaken by a newer event.
fn override_unfinished(region: &mut Region, context: &Context, resource: &Resource) {
    let unfinished: Vec<(String, u64)> = region
        .application_autoscaling
        .activities
        .iter()
        .filter(|(_, one)| {
            one.resource_id == resource.id && one.status == ActivityStatus::InProgress
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in unfinished {
        if let Some(one) = region.application_autoscaling.activities.get_mut(&key) {
            one.status = ActivityStatus::Overridden;
            one.ended_at = Some(context.now);
        }
    }
}

/// Sets a target's bounds because a scheduled action says so, and the desired count with them.
pub(super) fn reschedule(
    region: &mut Region,
    context: &Context,
    resource: &Resource,
    name: &str,
    min: Option<u32>,
    max: Option<u32>,
) {
    let text = match (min, max) {
        (Some(min), Some(max)) => format!("min capacity to {min} and max capacity to {max}"),
        (Some(min), None) => format!("min capacity to {min}"),
        (None, Some(max)) => format!("max capacity to {max}"),
        (None, None) => return,
    };
    let done = rebound(region, resource, min, max);
    let (status, message) = match &done {
        Ok(()) => (
            ActivityStatus::Successful,
            format!("Successfully set {text}"),
        ),
        Err(error) => (
            ActivityStatus::Failed,
            format!("Failed to set {text}. Reason: {}", error.message),
        ),
    };
    let activity = Activity {
        id: context.uuid(),
        resource_id: resource.id.clone(),
        started_at: context.now,
        ended_at: None,
        description: format!("Setting {text}"),
        cause: format!("scheduled action name {name} was triggered"),
        status,
        message: Some(message),
        not_scaled: None,
        desired: None,
    };
    activity::add(region, context, activity);
    if done.is_ok() {
        into_bounds(region, context, resource);
    }
}

fn rebound(
    region: &mut Region,
    resource: &Resource,
    min: Option<u32>,
    max: Option<u32>,
) -> Result<(), Error> {
    if ecs::scaling::capacity(region, &resource.cluster, &resource.service).is_none() {
        return Err(super::error::invalid(format!(
            "Resource Id [{}] is not scalable. Reason: The service is not ACTIVE.",
            resource.id
        )));
    }
    let mut target = super::target::find(region, resource)?.clone();
    target.min = min.unwrap_or(target.min);
    target.max = max.unwrap_or(target.max);
    super::target::check_bounds(Some(target.min), Some(target.max))?;
    region
        .application_autoscaling
        .targets
        .insert(resource.id.clone(), target);
    Ok(())
}
