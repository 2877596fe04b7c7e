//! Protection of tasks: scaling in and deployments leave a protected task alone.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html>

use jiff::{SignedDuration, Timestamp};
use wire::ecs as api;

use super::state::{Rollout, Task};
use super::task::id_of;
use super::{cluster, error};
use crate::{Context, Error, Region};

/// Minutes of protection where none are given, and the most there can be.
const MINUTES: i64 = 120;
const MOST_MINUTES: i64 = 2_880;

pub(super) fn update_task_protection(
    region: &mut Region,
    context: &Context,
    input: api::UpdateTaskProtectionRequest,
) -> Result<api::UpdateTaskProtectionResponse, Error> {
    let minutes = input.expires_in_minutes.unwrap_or(MINUTES);
    if !(1..=MOST_MINUTES).contains(&minutes) {
        return Err(error::invalid(format!(
            "expiresInMinutes must be between 1 and {MOST_MINUTES}."
        )));
    }
    if input.tasks.is_empty() || input.tasks.len() > 10 {
        return Err(error::invalid("tasks must hold one to ten ids."));
    }
    let until = context
        .now
        .saturating_add(SignedDuration::from_mins(minutes))
        .unwrap_or(context.now);
    let cluster = cluster::active(region, Some(&input.cluster))?.name.clone();
    let mut failures = Vec::new();
    let mut protected = Vec::new();
    for given in &input.tasks {
        let id = id_of(given);
        let task = region
            .ecs
            .tasks
            .get(&id)
            .filter(|task| task.cluster == cluster);
        let refused = match task {
            None => Some("MISSING"),
            Some(task) if task.service.is_none() || !task.wanted() => Some("TASK_NOT_VALID"),
            Some(task) if input.protection_enabled && would_block(region, context, task) => {
                Some("DEPLOYMENT_BLOCKED")
            }
            Some(_) => None,
        };
        if let Some(reason) = refused {
            failures.push(failure(given, reason));
        } else if let Some(task) = region.ecs.tasks.get_mut(&id) {
            task.protected_until = input.protection_enabled.then_some(until);
            protected.push(shown(task, context.now));
        }
    }
    Ok(api::UpdateTaskProtectionResponse {
        failures: Some(failures),
        protected_tasks: Some(protected),
    })
}

/// Whether a deployment under way could not come to its end with one protected task more.
fn would_block(region: &Region, context: &Context, task: &Task) -> bool {
    let Some((name, _)) = &task.service else {
        return false;
    };
    let Some(service) = region
        .ecs
        .services
        .get(&(task.cluster.clone(), name.clone()))
    else {
        return false;
    };
    let deploying = service
        .deployments
        .first()
        .is_some_and(|one| one.rollout == Rollout::InProgress);
    let others = super::service::tasks(region, service)
        .filter(|one| one.wanted() && one.id != task.id)
        .filter(|one| one.protected_until.is_some_and(|until| until > context.now))
        .count();
    deploying && u32::try_from(others).is_ok_and(|others| others >= service.desired_count)
}

fn failure(given: &str, reason: &str) -> api::Failure {
    api::Failure {
        arn: Some(given.to_owned()),
        reason: Some(reason.to_owned()),
        detail: None,
    }
}

pub(super) fn get_task_protection(
    region: &Region,
    context: &Context,
    input: api::GetTaskProtectionRequest,
) -> Result<api::GetTaskProtectionResponse, Error> {
    let cluster = cluster::active(region, Some(&input.cluster))?.name.clone();
    let of_services = || {
        region
            .ecs
            .tasks
            .values()
            .filter(|task| task.cluster == cluster && task.service.is_some())
    };
    let mut failures = Vec::new();
    let protected = match input.tasks.filter(|all| !all.is_empty()) {
        None => of_services().map(|task| shown(task, context.now)).collect(),
        Some(asked) => {
            let mut found = Vec::new();
            for given in asked {
                let id = id_of(&given);
                match region
                    .ecs
                    .tasks
                    .get(&id)
                    .filter(|task| task.cluster == cluster)
                {
                    None => failures.push(failure(&given, "MISSING")),
                    Some(task) if task.service.is_none() => {
                        failures.push(failure(&given, "TASK_NOT_VALID"));
                    }
                    Some(task) => found.push(shown(task, context.now)),
                }
            }
            found
        }
    };
    Ok(api::GetTaskProtectionResponse {
        failures: Some(failures),
        protected_tasks: Some(protected),
    })
}

fn shown(task: &Task, now: Timestamp) -> api::ProtectedTask {
    let until = task.protected_until.filter(|until| *until > now);
    api::ProtectedTask {
        expiration_date: until,
        protection_enabled: Some(until.is_some()),
        task_arn: Some(task.arn.clone()),
    }
}
