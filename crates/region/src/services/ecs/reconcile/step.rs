//! Takes the step that the scheduler says: stops tasks, starts others, tells why.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use wire::ecs as api;

use super::super::scheduler::{self, Bounds, Step, TaskView};
use super::super::service::{self, belongs};
use super::super::state::{Deployment, Rollout, Service, ServiceStatus, Task, TaskState};
use super::super::{error, task, task_definition};
use super::health::{Checks, checks};
use crate::services::ec2;
use crate::{Context, Error, Region};

/// After a task could not be placed, it is tried again so much later.
const PLACED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(15);
const STUCK: &str = "was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";

/// The deployment that is kept up until the primary one is ready: the last that was completed.
fn proven(service: &Service) -> Option<&Deployment> {
    service
        .deployments
        .iter()
        .skip(1)
        .find(|one| one.rollout == Rollout::Completed)
}

pub(super) fn view<'a>(
    context: &Context,
    service: &Service,
    task: &'a Task,
    checks: &Checks,
) -> TaskView<'a> {
    TaskView {
        id: task.id.as_str(),
        primary: service
            .deployments
            .first()
            .is_some_and(|one| belongs(task, &one.id)),
        proven: proven(service).is_some_and(|one| belongs(task, &one.id)),
        zone: &task.zone,
        running: task.status == TaskState::Running,
        healthy: checks.healthy,
        unhealthy: checks.unhealthy.is_some(),
        protected: task
            .protected_until
            .is_some_and(|until| until > context.now),
    }
}

pub(super) fn take_step(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let waits = |one: &Deployment| one.not_before.is_some_and(|at| at > context.now);
    let active = service.status == ServiceStatus::Active;
    let bounds = Bounds {
        desired: service.desired_count,
        minimum_healthy_percent: service.settings.minimum_healthy_percent,
        maximum_percent: service.settings.maximum_percent,
        may_start: active && primary.rollout != Rollout::Failed && !waits(primary),
        old: proven(service)
            .filter(|one| active && !waits(one))
            .map_or(0, |one| one.keep),
        moving: service
            .rebalancing
            .as_ref()
            .is_some_and(|one| one.replacement.is_some()),
    };
    let seen: Vec<(&Task, Checks)> = service::tasks(region, service)
        .filter(|task| task.wanted())
        .map(|task| (task, checks(region, context, service, task)))
        .collect();
    let views: Vec<TaskView> = seen
        .iter()
        .map(|(task, checks)| view(context, service, task, checks))
        .collect();
    let step = scheduler::plan(bounds, &views);
    let unhealthy = views
        .iter()
        .filter(|one| one.primary && one.unhealthy)
        .count();
    let primary = primary.id.clone();
    let old = proven(service).map(|one| one.id.clone());
    let mut reasons = BTreeMap::new();
    let mut told = Vec::new();
    let mut well = Vec::new();
    for (task, checks) in &seen {
        if let Some(reason) = &checks.unhealthy {
            reasons.insert(task.id.to_string(), reason.clone());
        }
        match &checks.told {
            Some(text) if !task.noted.unhealthy => told.push((task.id.to_string(), text.clone())),
            None if task.noted.unhealthy && checks.healthy => well.push(task.id.to_string()),
            _ => {}
        }
    }
    for (id, text) in told {
        if let Some(task) = region.ecs.tasks.get_mut(&id) {
            task.noted.unhealthy = true;
        }
        tell(region, context, key, &text);
    }
    for id in well {
        if let Some(task) = region.ecs.tasks.get_mut(&id) {
            task.noted.unhealthy = false;
        }
    }
    stop(region, context, key, &primary, &step, &reasons);
    start(region, context, key, &primary, step.start, unhealthy, None);
    if let Some(old) = old {
        let number = step.start_old;
        let replaced = usize::try_from(number).unwrap_or_default();
        start(region, context, key, &old, number, replaced, None);
    }
    complain(region, context, key, &primary, &step);
}

fn tell(region: &mut Region, context: &Context, key: &(String, String), text: &str) {
    if let Some(service) = region.ecs.services.get_mut(key) {
        service::tell(service, context, text);
    }
}

/// Says why nothing goes on, once a deployment.
fn complain(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    primary: &str,
    step: &Step,
) {
    let text = if step.stuck {
        STUCK.to_owned()
    } else if step.held_by_protection > 0 {
        format!(
            "was unable to reach steady state because (taskSet {primary}) was unable to scale in due to (reason {} tasks under protection)",
            step.held_by_protection
        )
    } else {
        return;
    };
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let since = service.deployments.first().map(|one| one.created_at);
    let said = service
        .events
        .iter()
        .take_while(|event| Some(event.at) >= since)
        .any(|event| event.message.ends_with(&text));
    if !said {
        tell(region, context, key, &text);
    }
}

fn stop(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    primary: &str,
    step: &Step,
    reasons: &BTreeMap<String, String>,
) {
    let mut running = Vec::new();
    let mut pending = 0;
    let mut zone = String::new();
    for id in &step.stop {
        let Some(row) = region.ecs.tasks.get(id) else {
            continue;
        };
        if row.status == TaskState::Running {
            running.push(format!("(task {id})"));
        } else {
            pending += 1;
        }
        zone.clone_from(&row.zone);
        let reason = reasons.get(id).cloned();
        let old = row
            .service
            .as_ref()
            .map(|(_, of)| of.clone())
            .filter(|of| of != primary);
        if let Some(of) = old
            && reason.is_none()
            && let Some(service) = region.ecs.services.get_mut(key)
            && let Some(one) = service.deployments.iter_mut().find(|one| one.id == of)
        {
            one.keep = one.keep.saturating_sub(1);
        }
        let reason = reason
            .unwrap_or_else(|| format!("Scaling activity initiated by (deployment {primary})"));
        task::stop(region, context, id, "ServiceSchedulerInitiated", &reason);
    }
    let rebalancing = region
        .ecs
        .services
        .get(key)
        .is_some_and(|one| one.rebalancing.is_some());
    if !running.is_empty() {
        let (number, names) = (running.len(), running.join(" "));
        let text = if rebalancing && number == 1 {
            format!("has stopped 1 running tasks in {zone} due to AZ Rebalance: {names}.")
        } else {
            format!("has stopped {number} running tasks: {names}.")
        };
        tell(region, context, key, &text);
    }
    if pending > 0 {
        tell(
            region,
            context,
            key,
            &format!("stopped {pending} pending tasks."),
        );
    }
}

/// Starts tasks of a deployment: in `zone`, or where there are fewest. `replaced`: so many at most
/// take the place of unhealthy ones. Gives the ids of those that were made.
pub(super) fn start(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    deployment: &str,
    number: u32,
    replaced: usize,
    zone: Option<&str>,
) -> Vec<String> {
    let mut started = Vec::new();
    for _ in 0..number {
        match start_one(region, context, key, deployment, zone) {
            Ok(id) => started.push(id),
            Err(error) => {
                could_not_place(region, context, key, deployment, &error);
                break;
            }
        }
    }
    if !started.is_empty()
        && let Some(service) = region.ecs.services.get_mut(key)
    {
        service.steady_since = None;
        let names: Vec<String> = started.iter().map(|id| format!("(task {id})")).collect();
        let (number, names) = (started.len(), names.join(" "));
        let text = match (zone, replaced.min(number)) {
            (Some(zone), _) => {
                format!("has started {number} tasks in {zone} to AZ Rebalance: {names}.")
            }
            (None, 0) => format!("has started {number} tasks: {names}."),
            (None, replaced) => format!(
                "has started {number} tasks: {names}. Amazon ECS replaced {replaced} tasks due to an unhealthy status."
            ),
        };
        service::tell(service, context, &text);
    }
    started
}

fn could_not_place(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    deployment: &str,
    error: &Error,
) {
    let Some(service) = region.ecs.services.get_mut(key) else {
        return;
    };
    let text = format!("was unable to place a task. Reason: {}", error.message);
    let said = service
        .events
        .first()
        .is_some_and(|last| last.message.ends_with(&text));
    if !said {
        service::tell(service, context, &text);
    }
    if let Some(row) = service
        .deployments
        .iter_mut()
        .find(|one| one.id == deployment)
    {
        // It is tried again; until then nothing changes, so that this comes to rest.
        row.not_before = context.now.checked_add(PLACED_AGAIN_AFTER).ok();
    }
}

fn start_one(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    deployment: &str,
    zone: Option<&str>,
) -> Result<String, Error> {
    let service = region
        .ecs
        .services
        .get(key)
        .cloned()
        .ok_or_else(error::service_not_found)?;
    let of = service
        .deployments
        .iter()
        .find(|one| one.id == deployment)
        .ok_or_else(error::service_not_found)?;
    let definition = task_definition::find(region, &of.plan.task_definition)?.clone();
    let mut subnets: Vec<(String, String)> = Vec::new();
    for id in &of.plan.network.subnets {
        subnets.push((ec2::subnet::get(region, id)?.zone.clone(), id.clone()));
    }
    let zones: Vec<&str> = subnets.iter().map(|(zone, _)| zone.as_str()).collect();
    let taken: Vec<String> = service::tasks(region, &service)
        .filter(|task| task.wanted() && belongs(task, deployment))
        .map(|task| task.zone.clone())
        .collect();
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let zone = zone
        .or_else(|| scheduler::emptiest(&zones, &taken))
        .unwrap_or_default();
    let subnet = subnets
        .iter()
        .find(|(of, _)| of == zone)
        .map(|(_, id)| id.clone())
        .ok_or_else(|| error::client("the service has no subnet"))?;
    let tags = match service.settings.propagate_tags.as_str() {
        "SERVICE" => service.tags.clone(),
        "TASK_DEFINITION" => definition.tags.clone(),
        _ => crate::Tags::new(),
    };
    let id = task::create(
        region,
        context,
        task::NewTask {
            cluster: service.cluster.clone(),
            definition: &definition,
            group: format!("service:{}", service.name),
            started_by: Some(of.id.clone()),
            service: Some((service.name.clone(), of.id.clone())),
            plan: &of.plan,
            subnet,
            overrides: api::TaskOverride::default(),
            enable_execute_command: service.settings.enable_execute_command,
            tags,
        },
    )?;
    Ok(id.to_string())
}
