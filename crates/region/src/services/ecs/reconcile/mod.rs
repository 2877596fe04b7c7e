//! Moves tasks through their life and services towards what they should be.
//!
//! A task moves only forward: `PROVISIONING` (it has its interface) → `PENDING` (what it is made
//! of is known, and the world was told) → `ACTIVATING` → `RUNNING` → `DEACTIVATING` (its targets
//! drain) → `STOPPING` (the world is told) → `DEPROVISIONING` → `STOPPED`. The states are those of
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>.

mod failure;
mod health;
mod provision;
mod service;
mod step;
mod targets;
mod task;
mod zones;

use jiff::Timestamp;
use world::Event;

pub(super) use self::failure::end_deployment;
use self::health::{UNCHECKED_HEALTHY_AFTER, unchecked};
pub(super) use self::provision::{log_group, secret_value};
use self::service::{move_service, says_again_at};
use self::task::{STOPPED_KEPT, move_task, observe_task};
use super::metrics;
use super::service::grace_until;
use super::state::TaskState;
use crate::{Context, Region};

pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let tasks: Vec<String> = region.ecs.tasks.keys().cloned().collect();
    for id in tasks {
        move_task(region, context, &id);
    }
    let services: Vec<(String, String)> = region.ecs.services.keys().cloned().collect();
    for key in services {
        move_service(region, context, &key);
    }
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    let tasks = region
        .ecs
        .tasks
        .values()
        .filter_map(|task| match task.status {
            TaskState::Stopped => task
                .stopped_at
                .and_then(|at| at.checked_add(STOPPED_KEPT).ok()),
            TaskState::Running => task
                .started_at
                .filter(|_| unchecked(task))
                .and_then(|at| at.checked_add(UNCHECKED_HEALTHY_AFTER).ok()),
            _ => None,
        });
    let services = region
        .ecs
        .services
        .values()
        .flat_map(|service| service.deployments.iter())
        .filter_map(|deployment| deployment.not_before);
    // Those in the past have been acted on: only what is to come is a deadline.
    let grace = region.ecs.tasks.values().filter_map(|task| {
        let (name, _) = task.service.as_ref()?;
        let service = region
            .ecs
            .services
            .get(&(task.cluster.clone(), name.clone()))?;
        Some(grace_until(service, task.started_at?))
    });
    let protected = region
        .ecs
        .tasks
        .values()
        .filter_map(|task| task.protected_until);
    let steady = region.ecs.services.values().filter_map(says_again_at);
    let seen = region.settled_at;
    tasks
        .chain(services)
        .chain(grace)
        .chain(protected)
        .chain(steady)
        .filter(|at| *at > seen)
        .min()
}

/// A task on its way up or down, as far as that is the world's to do.
pub(super) fn awaits(region: &Region) -> Option<String> {
    region.ecs.tasks.values().find_map(|task| {
        let doing = match task.status {
            TaskState::Pending | TaskState::Activating => "starts",
            TaskState::Stopping => "stops",
            _ => return None,
        };
        Some(format!("task {} of {} {doing}", task.id, task.group))
    })
}

pub(super) fn observe(region: &mut Region, context: &Context, event: &Event) {
    match event {
        Event::Task(status) => observe_task(region, context, status),
        Event::Measured(measured) => metrics::observe(region, context, measured),
        _ => {}
    }
}
