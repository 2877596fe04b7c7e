//! Moves a service: one look at its tasks, and the next step towards what it should be.

use jiff::{SignedDuration, Timestamp};

use super::super::service::{self, belongs};
use super::super::service_deployment;
use super::super::state::{Rollout, Service, ServiceStatus, Task, TaskState};
use super::failure::{note_failures, roll_back};
use super::health::checks;
use super::step::take_step;
use super::zones::rebalance;
use crate::{Context, Region};

/// How long a service that is gone can still be described.
const INACTIVE_KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How often a steady service says so again. AWS does it every few hours.
const STEADY_SAID_EVERY: SignedDuration = SignedDuration::from_hours(6);

pub(super) fn move_service(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    match service.status {
        ServiceStatus::Inactive => {
            let expired = service
                .steady_since
                .and_then(|at| at.checked_add(INACTIVE_KEPT).ok())
                .is_some_and(|until| until <= context.now);
            if expired {
                let arn = service.arn.clone();
                region.ecs.services.remove(key);
                service_deployment::forget(region, &arn);
            }
            return;
        }
        ServiceStatus::Draining => {
            let left =
                service::tasks(region, service).any(|task| task.status < TaskState::Stopping);
            if !left {
                if let Some(service) = region.ecs.services.get_mut(key) {
                    service.status = ServiceStatus::Inactive;
                    service.steady_since = Some(context.now);
                }
                return;
            }
        }
        ServiceStatus::Active => {}
    }
    note_failures(region, context, key);
    roll_back(region, context, key);
    take_step(region, context, key);
    note_steady(region, context, key);
    rebalance(region, context, key);
    service_deployment::follow(region, context, key);
}

/// When a steady service says so again.
pub(super) fn says_again_at(service: &Service) -> Option<Timestamp> {
    service
        .steady_since
        .filter(|_| service.status == ServiceStatus::Active)?;
    service.steady_told?.checked_add(STEADY_SAID_EVERY).ok()
}

/// Drops deployments that have no tasks left, and says when a service has come to rest.
fn note_steady(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let tasks: Vec<&Task> = service::tasks(region, service).collect();
    let gone: Vec<String> = service
        .deployments
        .iter()
        .skip(1)
        .filter(|old| {
            !tasks
                .iter()
                .any(|task| task.status < TaskState::Stopped && belongs(task, &old.id))
        })
        // The one to go back to is kept until the new one has proved itself.
        .filter(|old| primary.rollout == Rollout::Completed || old.rollout != Rollout::Completed)
        .map(|old| old.id.clone())
        .collect();
    let wanted: Vec<&&Task> = tasks.iter().filter(|task| task.wanted()).collect();
    let all_primary = wanted.iter().all(|task| belongs(task, &primary.id));
    let healthy = wanted
        .iter()
        .filter(|task| checks(region, context, service, task).healthy)
        .count();
    // It rests once those that were stopped are gone too.
    let leaving = tasks
        .iter()
        .any(|task| !task.wanted() && task.status < TaskState::Stopped);
    let steady = all_primary
        && !leaving
        && wanted.len() == healthy
        && u32::try_from(healthy).is_ok_and(|healthy| healthy == service.desired_count)
        && primary.rollout != Rollout::Failed;
    let completes = steady && primary.rollout == Rollout::InProgress;
    let again = says_again_at(service).is_some_and(|at| at <= context.now);
    let says = steady && (service.steady_since.is_none() || again);
    let unsays = !steady && service.steady_since.is_some();
    if gone.is_empty() && !completes && !says && !unsays {
        return;
    }
    let Some(service) = region.ecs.services.get_mut(key) else {
        return;
    };
    service.deployments.retain(|one| !gone.contains(&one.id));
    if completes && let Some(primary) = service.deployments.first_mut() {
        primary.rollout = Rollout::Completed;
        primary.rollout_reason = format!("ECS deployment {} completed.", primary.id);
        primary.updated_at = context.now;
        let text = format!("(deployment {}) deployment completed.", primary.id);
        service::tell(service, context, &text);
        // What it took the place of is not gone back to any more.
        service.deployments.truncate(1);
    }
    if says {
        service.steady_since.get_or_insert(context.now);
        service.steady_told = Some(context.now);
        service::tell(service, context, "has reached a steady state.");
    }
    if unsays {
        service.steady_since = None;
    }
}
