//! Counts tasks that came to nothing, opens the circuit breaker, and goes back to what was good.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>

use super::super::state::{Deployment, Noted, Rollout, Service, Task, TaskState};
use super::super::{error, scheduler, service};
use super::health::checks;
use crate::{Context, Error, Region};

/// Something new that was seen of a task, by its id and its deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It reached `RUNNING`.
    Runs,
    Healthy,
    /// It ended without ever running.
    NeverRan,
    /// It ended before it was ever healthy, or because a check said it was not.
    NoGood,
    /// It ended after it had been good.
    Ended,
}

pub(super) fn note_failures(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let mut seen: Vec<(String, String, Seen)> = Vec::new();
    for task in service::tasks(region, service) {
        let Some((_, deployment)) = &task.service else {
            continue;
        };
        for what in look(region, context, service, task) {
            seen.push((task.id.to_string(), deployment.clone(), what));
        }
    }
    for (id, deployment, what) in seen {
        if let Some(task) = region.ecs.tasks.get_mut(&id) {
            note(&mut task.noted, what);
        }
        let Some(service) = region.ecs.services.get_mut(key) else {
            return;
        };
        let Some(row) = service
            .deployments
            .iter_mut()
            .find(|one| one.id == deployment)
        else {
            continue;
        };
        if count(row, context, what) {
            judge(service, context, &deployment, what);
        }
    }
}

/// What is new about a task.
fn look(region: &Region, context: &Context, service: &Service, task: &Task) -> Vec<Seen> {
    let mut seen = Vec::new();
    if let Some(stop) = &task.stop {
        if !task.noted.ended {
            let failed_checks = stop.reason.starts_with("Task failed ");
            let by_itself = matches!(
                stop.code.as_str(),
                "TaskFailedToStart" | "EssentialContainerExited"
            );
            seen.push(if by_itself && task.started_at.is_none() {
                Seen::NeverRan
            } else if failed_checks || (by_itself && !task.noted.healthy) {
                Seen::NoGood
            } else {
                Seen::Ended
            });
        }
        return seen;
    }
    if task.status == TaskState::Running {
        if !task.noted.running {
            seen.push(Seen::Runs);
        }
        if !task.noted.healthy && checks(region, context, service, task).healthy {
            seen.push(Seen::Healthy);
        }
    }
    seen
}

fn note(noted: &mut Noted, what: Seen) {
    match what {
        Seen::Runs => noted.running = true,
        Seen::Healthy => noted.healthy = true,
        Seen::NeverRan | Seen::NoGood | Seen::Ended => noted.ended = true,
    }
}

/// Counts for a deployment. Gives whether it failed once more.
fn count(row: &mut Deployment, context: &Context, what: Seen) -> bool {
    match what {
        Seen::Runs => {
            row.unstarted = 0;
            row.not_before = None;
            false
        }
        Seen::Healthy => {
            row.failed_tasks = 0;
            false
        }
        Seen::Ended => false,
        Seen::NeverRan | Seen::NoGood => {
            row.failed_tasks += 1;
            row.updated_at = context.now;
            if what == Seen::NeverRan {
                row.unstarted += 1;
                let delay = scheduler::restart_delay(row.unstarted);
                row.not_before = context
                    .now
                    .checked_add(delay)
                    .ok()
                    .filter(|_| !delay.is_zero());
            }
            true
        }
    }
}

/// After a failure: is it one too many?
fn judge(service: &mut Service, context: &Context, deployment: &str, what: Seen) {
    let breaker = service.settings.circuit_breaker.is_some();
    let threshold = scheduler::breaker_threshold(service.desired_count);
    let Some(row) = service
        .deployments
        .iter_mut()
        .find(|one| one.id == deployment)
    else {
        return;
    };
    if breaker && row.rollout == Rollout::InProgress && row.failed_tasks >= threshold {
        row.rollout = Rollout::Failed;
        "ECS deployment circuit breaker: tasks failed to start."
            .clone_into(&mut row.rollout_reason);
        let text = format!("(deployment {deployment}) deployment failed: tasks failed to start.");
        service::tell(service, context, &text);
    } else if what == Seen::NeverRan && row.unstarted == scheduler::THROTTLED_FROM {
        let text = "is unable to consistently start tasks successfully.";
        service::tell(service, context, text);
    }
}

/// Goes back to the last deployment that was completed, where the breaker says so.
pub(super) fn roll_back(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let failed = service
        .deployments
        .first()
        .is_some_and(|one| one.rollout == Rollout::Failed);
    if !failed || service.settings.circuit_breaker != Some(true) {
        return;
    }
    let Some(good) = service
        .deployments
        .iter()
        .position(|one| one.rollout == Rollout::Completed)
    else {
        return;
    };
    if let Some(service) = region.ecs.services.get_mut(key) {
        go_back(service, context, good, "ECS deployment circuit breaker");
    }
}

/// Ends the deployment under way because somebody asked for it: back to the last that was
/// completed, or where it is.
pub(in crate::services::ecs) fn end_deployment(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    back: bool,
) -> Result<(), Error> {
    let service = region
        .ecs
        .services
        .get_mut(key)
        .ok_or_else(error::service_not_found)?;
    let good = service
        .deployments
        .iter()
        .position(|one| one.rollout == Rollout::Completed);
    if back && good.is_none() {
        return Err(error::invalid(
            "There is no completed deployment of the service to roll back to.",
        ));
    }
    if let Some(primary) = service.deployments.first_mut() {
        primary.rollout = Rollout::Failed;
        "The service deployment was stopped by a user.".clone_into(&mut primary.rollout_reason);
        primary.updated_at = context.now;
    }
    if let Some(good) = good.filter(|_| back) {
        go_back(
            service,
            context,
            good,
            "The service deployment was stopped by a user",
        );
    }
    Ok(())
}

/// Makes an earlier deployment the primary one again.
fn go_back(service: &mut Service, context: &Context, good: usize, why: &str) {
    let mut back = service.deployments.remove(good);
    back.rollout = Rollout::InProgress;
    back.rollout_reason = format!("{why}: rolling back to deploymentId {}.", back.id);
    back.updated_at = context.now;
    back.failed_tasks = 0;
    back.unstarted = 0;
    back.not_before = None;
    back.keep = 0;
    let text = format!("rolling back to deployment {}.", back.id);
    service.deployments.insert(0, back);
    service::tell(service, context, &text);
}
