//! What time brings: scheduled actions that are due, demand where nothing runs, activities that
//! came to their end.

use jiff::{SignedDuration, Timestamp};

use super::activity;
use super::resource::Resource;
use super::state::{Activity, ActivityStatus};
use super::{policy, scale, scheduled_action};
use crate::services::ecs;
use crate::{Context, Region};

/// How long a service is given to reach what was set. AWS tells only that it gives up.
const FULFILLED_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// The most missed runs that are made up for at one instant, as after a long time switched off;
/// what comes before the last of them is left out.
const MOST_RUNS: usize = 10_000;

pub(super) fn reconcile(region: &mut Region, context: &Context) {
    run_due(region, context);
    policy::wake(region, context);
    finish(region, context);
    let activities = &region.application_autoscaling.activities;
    if activities.values().any(|one| expired(one, context.now)) {
        region
            .application_autoscaling
            .activities
            .retain(|_, one| !expired(one, context.now));
    }
}

fn expired(activity: &Activity, now: Timestamp) -> bool {
    activity::expires(activity).is_some_and(|at| at <= now)
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    let state = &region.application_autoscaling;
    let due = state.scheduled_actions.values().filter_map(|one| one.due);
    let ends = state.activities.values().filter_map(|one| {
        if one.status == ActivityStatus::InProgress {
            one.started_at.checked_add(FULFILLED_WITHIN).ok()
        } else {
            activity::expires(one)
        }
    });
    due.chain(ends).filter(|at| *at > region.settled_at).min()
}

/// Runs what is due, the earliest first: where several runs were missed, each in its turn.
fn run_due(region: &mut Region, context: &Context) {
    let mut runs = 0;
    loop {
        let next = region
            .application_autoscaling
            .scheduled_actions
            .iter()
            .filter_map(|(key, one)| Some((one.due.filter(|at| *at <= context.now)?, key)))
            .min()
            .map(|(due, key)| (due, key.clone()));
        let Some((due, key)) = next else { return };
        runs += 1;
        let from = if runs < MOST_RUNS { due } else { context.now };
        let actions = &mut region.application_autoscaling.scheduled_actions;
        let Some(action) = actions.get_mut(&key) else {
            return;
        };
        action.due = scheduled_action::schedule(action).and_then(|one| one.next(from));
        let action = action.clone();
        let Some(resource) = Resource::of(&action.resource_id) else {
            continue;
        };
        let suspended = region
            .application_autoscaling
            .targets
            .get(&resource.id)
            .is_none_or(|target| target.suspended.scheduled);
        // A run that comes while schedules are suspended is left out for good.
        if !suspended {
            scale::reschedule(
                region,
                context,
                &resource,
                &action.name,
                action.min,
                action.max,
            );
        }
    }
}

/// Ends the activities whose services have, or can no longer have, what was set.
fn finish(region: &mut Region, context: &Context) {
    let ended: Vec<((String, u64), ActivityStatus)> = region
        .application_autoscaling
        .activities
        .iter()
        .filter(|(_, one)| one.status == ActivityStatus::InProgress)
        .filter_map(|(key, one)| Some((key.clone(), ended(region, context, one)?)))
        .collect();
    for (key, status) in ended {
        if let Some(one) = region.application_autoscaling.activities.get_mut(&key) {
            let desired = one.desired.unwrap_or_default();
            one.status = status;
            one.ended_at = Some(context.now);
            one.message = Some(match status {
                ActivityStatus::Successful => format!(
                    "Successfully set desired count to {desired}. Change successfully fulfilled by ecs."
                ),
                _ => format!(
                    "Successfully set desired count to {desired}. Change was not fulfilled by ecs."
                ),
            });
        }
    }
}

fn ended(region: &Region, context: &Context, activity: &Activity) -> Option<ActivityStatus> {
    let resource = Resource::of(&activity.resource_id)?;
    let Some(now) = ecs::scaling::capacity(region, &resource.cluster, &resource.service) else {
        return Some(ActivityStatus::Unfulfilled);
    };
    if now.pending == 0 && Some(now.running) == activity.desired && now.desired == now.running {
        return Some(ActivityStatus::Successful);
    }
    let given_up = activity
        .started_at
        .checked_add(FULFILLED_WITHIN)
        .is_ok_and(|at| at <= context.now);
    given_up.then_some(ActivityStatus::Unfulfilled)
}
