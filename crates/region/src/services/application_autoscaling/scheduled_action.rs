//! Scheduled actions: new bounds at set times.

use jiff::tz::TimeZone;
use wire::Error;
use wire::application_autoscaling as api;

use super::error::{invalid, limit, no_action};
use super::resource::Resource;
use super::schedule::{Recurrence, Schedule, zone};
use super::state::ScheduledAction;
use super::target::{Asked, capacity, check_bounds, find, page, place};
use crate::{Context, Region};

/// The most scheduled actions of a target. (AAS/application-auto-scaling-quotas.html)
const MOST: usize = 200;

/// When an action runs; `None` for a row that was never valid.
pub(super) fn schedule(action: &ScheduledAction) -> Option<Schedule> {
    Some(Schedule {
        recurrence: Recurrence::parse(&action.schedule)?,
        zone: match &action.timezone {
            Some(name) => zone(name)?,
            None => TimeZone::UTC,
        },
        created_at: action.created_at,
        start: action.start,
        end: action.end,
    })
}

pub(super) fn put_scheduled_action(
    region: &mut Region,
    context: &Context,
    input: api::PutScheduledActionRequest,
) -> Result<api::PutScheduledActionResponse, Error> {
    let resource = Resource::read(
        input.service_namespace,
        &input.resource_id,
        input.scalable_dimension,
    )?;
    find(region, &resource)?;
    let key = (resource.id.clone(), input.scheduled_action_name.clone());
    let old = region.application_autoscaling.scheduled_actions.get(&key);
    let mut action = if let Some(old) = old {
        old.clone()
    } else {
        let there = region
            .application_autoscaling
            .scheduled_actions
            .values()
            .filter(|one| one.resource_id == resource.id)
            .count();
        if there >= MOST {
            return Err(limit(format!(
                "A scalable target can have at most {MOST} scheduled actions."
            )));
        }
        ScheduledAction {
            name: input.scheduled_action_name.clone(),
            arn: context.settings.arn(
                "autoscaling",
                format_args!(
                    "scheduledAction:{}:resource/ecs/{}:scheduledActionName/{}",
                    context.uuid(),
                    resource.id,
                    input.scheduled_action_name
                ),
            ),
            resource_id: resource.id.clone(),
            created_at: context.now,
            schedule: input
                .schedule
                .clone()
                .ok_or_else(|| invalid("Schedule is required for a new scheduled action."))?,
            timezone: None,
            start: None,
            end: None,
            min: None,
            max: None,
            due: None,
        }
    };
    if let Some(schedule) = input.schedule {
        action.schedule = schedule;
    }
    if input.timezone.is_some() {
        action.timezone = input.timezone;
    }
    if let Some(bounds) = input.scalable_target_action {
        let read = |name, given: Option<i64>| given.map(|one| capacity(name, one)).transpose();
        action.min = read("MinCapacity", bounds.min_capacity)?;
        action.max = read("MaxCapacity", bounds.max_capacity)?;
    }
    if action.min.is_none() && action.max.is_none() {
        return Err(invalid(
            "ScalableTargetAction must hold MinCapacity, MaxCapacity or both.",
        ));
    }
    check_bounds(action.min, action.max)?;
    // Not giving them again removes them.
    action.start = input.start_time;
    action.end = input.end_time;
    if let (Some(start), Some(end)) = (action.start, action.end)
        && end <= start
    {
        return Err(invalid("EndTime must be after StartTime."));
    }
    if let Some(name) = &action.timezone
        && zone(name).is_none()
    {
        return Err(invalid(format!("Invalid timezone: {name}")));
    }
    let schedule = schedule(&action).ok_or_else(|| {
        invalid(format!(
            "Invalid schedule expression: {}. It has to be at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(fields).",
            action.schedule
        ))
    })?;
    action.due = schedule.next(context.now);
    region
        .application_autoscaling
        .scheduled_actions
        .insert(key, action);
    Ok(api::PutScheduledActionResponse::default())
}

pub(super) fn describe_scheduled_actions(
    region: &Region,
    _: &Context,
    input: api::DescribeScheduledActionsRequest,
) -> Result<api::DescribeScheduledActionsResponse, Error> {
    let asked = Asked::read(
        input.service_namespace,
        input.scalable_dimension,
        input.resource_id,
        input.scheduled_action_names,
    )?;
    let actions = region
        .application_autoscaling
        .scheduled_actions
        .values()
        .filter(|one| asked.takes(&one.resource_id, &one.name));
    let page = page(
        actions,
        |one| place(&one.resource_id, &one.name),
        input.next_token.as_deref(),
        input.max_results,
        50,
    )?;
    Ok(api::DescribeScheduledActionsResponse {
        next_token: page.next,
        scheduled_actions: Some(page.items.into_iter().map(shown).collect()),
    })
}

fn shown(action: &ScheduledAction) -> api::ScheduledAction {
    api::ScheduledAction {
        creation_time: Some(action.created_at),
        end_time: action.end,
        resource_id: Some(action.resource_id.clone()),
        scalable_dimension: Some(api::ScalableDimension::EcsServiceDesiredCount),
        scalable_target_action: Some(api::ScalableTargetAction {
            max_capacity: action.max.map(i64::from),
            min_capacity: action.min.map(i64::from),
        }),
        schedule: Some(action.schedule.clone()),
        scheduled_action_arn: Some(action.arn.clone()),
        scheduled_action_name: Some(action.name.clone()),
        service_namespace: Some(api::ServiceNamespace::Ecs),
        start_time: action.start,
        timezone: Some(action.timezone.clone().unwrap_or_else(|| "UTC".to_owned())),
    }
}

pub(super) fn delete_scheduled_action(
    region: &mut Region,
    _: &Context,
    input: api::DeleteScheduledActionRequest,
) -> Result<api::DeleteScheduledActionResponse, Error> {
    let resource = Resource::read(
        input.service_namespace,
        &input.resource_id,
        input.scalable_dimension,
    )?;
    let key = (resource.id.clone(), input.scheduled_action_name);
    let actions = &mut region.application_autoscaling.scheduled_actions;
    if actions.remove(&key).is_none() {
        return Err(no_action(&resource, &key.1));
    }
    Ok(api::DeleteScheduledActionResponse::default())
}
