//! Moves tasks through their life and services towards what they should be.
//!
//! A task moves only forward: `PROVISIONING` (it has its interface) → `PENDING` (what it is made
//! of is known, and the world was told) → `ACTIVATING` → `RUNNING` → `DEACTIVATING` (its targets
//! drain) → `STOPPING` (the world is told) → `DEPROVISIONING` → `STOPPED`. The states are those of
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>.

use jiff::{SignedDuration, Timestamp};
use wire::ecs as api;
use world::Event;
use world::event::{StopCause, TaskPhase, TaskStatus};

use super::scheduler::{self, Bounds, TaskView};
use super::state::{Rollout, SecretRef, Service, ServiceStatus, Stop, Task, TaskState};
use super::{error, service, task, task_definition};
use crate::services::{ec2, ecr, elbv2, logs, secretsmanager};
use crate::{Context, Error, Region};

/// How long a stopped task can still be described.
const STOPPED_KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long a service that is gone can still be described.
const INACTIVE_KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How long a task without any check has to run before it counts as healthy. (botocore
/// `DeploymentConfiguration.minimumHealthyPercent`)
const UNCHECKED_HEALTHY_AFTER: SignedDuration = SignedDuration::from_secs(40);

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
        Some(service::grace_until(service, task.started_at?))
    });
    let protected = region
        .ecs
        .tasks
        .values()
        .filter_map(|task| task.protected_until);
    let seen = region.settled_at;
    tasks
        .chain(services)
        .chain(grace)
        .chain(protected)
        .filter(|at| *at > seen)
        .min()
}

pub(super) fn observe(region: &mut Region, context: &Context, event: &Event) {
    if let Event::Task(status) = event {
        observe_task(region, context, status);
    }
}

fn observe_task(region: &mut Region, context: &Context, status: &TaskStatus) {
    let Some(mut task) = region.ecs.tasks.get(status.task.as_str()).cloned() else {
        return;
    };
    if task.status >= TaskState::Deprovisioning {
        return;
    }
    task.pull_started_at = status.pull_started_at.or(task.pull_started_at);
    task.pull_stopped_at = status.pull_stopped_at.or(task.pull_stopped_at);
    for seen in &status.containers {
        if let Some(container) = task.containers.iter_mut().find(|one| one.name == seen.name) {
            container.started_at = seen.started_at.or(container.started_at);
            container.finished_at = seen.finished_at.or(container.finished_at);
            container.exit_code = seen.exit_code.or(container.exit_code);
            if seen.reason.is_some() {
                container.reason.clone_from(&seen.reason);
            }
            container.health = seen.health.or(container.health);
        }
    }
    match &status.phase {
        TaskPhase::Preparing | TaskPhase::Stopping => {}
        TaskPhase::Starting => advance(&mut task, TaskState::Activating),
        TaskPhase::Running => {
            advance(&mut task, TaskState::Activating);
            if task.started_at.is_none() {
                task.started_at = task
                    .containers
                    .iter()
                    .filter_map(|one| one.started_at)
                    .max()
                    .or(Some(context.now));
            }
        }
        TaskPhase::Stopped { cause } => {
            if task.stop.is_none() {
                task.stop = Some(stop_of(cause));
                task.stopping_at = Some(context.now);
            }
            task.execution_stopped_at.get_or_insert(context.now);
        }
    }
    task.version += 1;
    region.ecs.tasks.insert(task.id.to_string(), task);
}

fn stop_of(cause: &StopCause) -> Stop {
    let (code, reason) = match cause {
        StopCause::Requested => ("UserInitiated", "Task stopped by user".to_owned()),
        StopCause::EssentialContainerExited => (
            "EssentialContainerExited",
            "Essential container in task exited".to_owned(),
        ),
        StopCause::FailedToStart { reason } => ("TaskFailedToStart", reason.clone()),
        StopCause::Lost => (
            "TerminationNotice",
            "The machine that ran the task was lost".to_owned(),
        ),
    };
    Stop {
        code: code.to_owned(),
        reason,
    }
}

fn advance(task: &mut Task, to: TaskState) {
    task.status = task.status.max(to);
}

fn move_task(region: &mut Region, context: &Context, id: &str) {
    let Some(task) = region.ecs.tasks.get(id) else {
        return;
    };
    let next = match task.status {
        TaskState::Provisioning if task.stop.is_some() => Some(TaskState::Deprovisioning),
        TaskState::Provisioning => provision(region, id),
        // The world says when it goes on; a task that ended meanwhile need not drain.
        TaskState::Pending | TaskState::Activating if task.stop.is_some() => {
            Some(TaskState::Stopping)
        }
        TaskState::Activating if task.started_at.is_some() => {
            register_targets(region, context, id);
            Some(TaskState::Running)
        }
        TaskState::Running if task.stop.is_some() => {
            deregister_targets(region, context, id);
            Some(TaskState::Deactivating)
        }
        TaskState::Deactivating if drained(region, task) => Some(TaskState::Stopping),
        TaskState::Stopping if task.execution_stopped_at.is_some() => {
            Some(TaskState::Deprovisioning)
        }
        TaskState::Deprovisioning => {
            let interface = task.interface.clone();
            ec2::interface::delete(region, &interface);
            Some(TaskState::Stopped)
        }
        TaskState::Stopped => {
            let expired = task
                .stopped_at
                .and_then(|at| at.checked_add(STOPPED_KEPT).ok())
                .is_some_and(|until| until <= context.now);
            if expired {
                region.ecs.tasks.remove(id);
            }
            None
        }
        _ => None,
    };
    let Some(next) = next else { return };
    if let Some(task) = region.ecs.tasks.get_mut(id) {
        task.status = next;
        task.version += 1;
        if next == TaskState::Stopped {
            task.stopped_at = Some(context.now);
        }
    }
}

/// Finds out what a task is made of. What is missing stops it.
fn provision(region: &mut Region, id: &str) -> Option<TaskState> {
    match resolve(region, id) {
        Ok(resolved) => {
            let task = region.ecs.tasks.get_mut(id)?;
            for (container, (image, secrets)) in task.containers.iter_mut().zip(resolved) {
                container.resolved = Some(image);
                container.secrets = secrets;
            }
            Some(TaskState::Pending)
        }
        Err(reason) => {
            let task = region.ecs.tasks.get_mut(id)?;
            task.stop = Some(Stop {
                code: "TaskFailedToStart".to_owned(),
                reason,
            });
            task.stopping_at = Some(task.created_at);
            Some(TaskState::Deprovisioning)
        }
    }
}

type Resolved = Vec<(
    world::task::Image,
    std::collections::BTreeMap<String, SecretRef>,
)>;

fn resolve(region: &Region, id: &str) -> Result<Resolved, String> {
    let task = region.ecs.tasks.get(id).ok_or("the task is gone")?;
    let definition =
        task_definition::find(region, &task.task_definition).map_err(|error| error.message)?;
    let containers = definition
        .content
        .0
        .container_definitions
        .as_deref()
        .unwrap_or_default();
    let mut resolved = Vec::new();
    for container in containers {
        let reference = container.image.as_deref().unwrap_or_default();
        let image = ecr::image::resolve(region, reference).map_err(|error| {
            format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {error}")
        })?;
        let mut secrets = std::collections::BTreeMap::new();
        for secret in container.secrets.as_deref().unwrap_or_default() {
            let reference = secret_of(region, &secret.value_from).map_err(|error| {
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {} from secrets manager: {}: {}",
                    secret.value_from, error.code, error.message
                )
            })?;
            secrets.insert(secret.name.clone(), reference);
        }
        if let Some(group) = log_group(container) {
            let create = container
                .log_configuration
                .as_ref()
                .and_then(|one| one.options.as_ref())
                .and_then(|options| options.get("awslogs-create-group"))
                .is_some_and(|value| value == "true");
            if !create && !logs::group::exists(region, group) {
                return Err(format!(
                    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1 ({group})"
                ));
            }
        }
        resolved.push((image, secrets));
    }
    Ok(resolved)
}

pub(super) fn log_group(container: &api::ContainerDefinition) -> Option<&str> {
    let log = container.log_configuration.as_ref()?;
    log.options
        .as_ref()?
        .get("awslogs-group")
        .map(String::as_str)
}

/// Reads `arn:…:secret:name-abcdef[:json-key:version-stage:version-id]`.
fn secret_of(region: &Region, value_from: &str) -> Result<SecretRef, Error> {
    let parts: Vec<&str> = value_from.split(':').collect();
    let arn = parts.iter().take(7).copied().collect::<Vec<_>>().join(":");
    let part = |index: usize| parts.get(index).copied().filter(|text| !text.is_empty());
    let json_key = part(7).map(ToOwned::to_owned);
    let version_id = secretsmanager::secret::version_id(region, &arn, part(8), part(9))?;
    let reference = SecretRef {
        secret: arn,
        version_id,
        json_key,
    };
    secret_value(region, &reference)?;
    Ok(reference)
}

/// The text a container is given.
pub(super) fn secret_value(region: &Region, reference: &SecretRef) -> Result<String, Error> {
    let text = secretsmanager::secret::value(region, &reference.secret, &reference.version_id)?;
    let Some(key) = &reference.json_key else {
        return Ok(text);
    };
    let json: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| error::client("retrieved secret from Secrets Manager is not valid JSON"))?;
    match json.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(error::client(format!(
            "retrieved secret from Secrets Manager did not contain json key {key}"
        ))),
    }
}

fn register_targets(region: &mut Region, context: &Context, id: &str) {
    let Some(task) = region.ecs.tasks.get(id).cloned() else {
        return;
    };
    let Ok(address) = ec2::interface::get(region, &task.interface).map(|one| one.address) else {
        return;
    };
    for binding in task::bindings(&task) {
        let done = elbv2::target::register(
            region,
            context,
            &binding.target_group,
            address,
            binding.port,
            &task.zone,
        );
        tell(
            region,
            context,
            &task,
            &match done {
                Ok(()) => format!(
                    "registered 1 targets in (target-group {})",
                    binding.target_group
                ),
                Err(error) => format!(
                    "was unable to register targets in (target-group {}): {}",
                    binding.target_group, error.message
                ),
            },
        );
    }
}

fn deregister_targets(region: &mut Region, context: &Context, id: &str) {
    let Some(task) = region.ecs.tasks.get(id).cloned() else {
        return;
    };
    let Ok(address) = ec2::interface::get(region, &task.interface).map(|one| one.address) else {
        return;
    };
    for binding in task::bindings(&task) {
        // A target group that is gone has no target to drain.
        if elbv2::target::deregister(
            region,
            context,
            &binding.target_group,
            address,
            binding.port,
        )
        .is_ok()
        {
            tell(
                region,
                context,
                &task,
                &format!(
                    "deregistered 1 targets in (target-group {})",
                    binding.target_group
                ),
            );
            let deployment = task
                .service
                .as_ref()
                .map(|(_, of)| of.clone())
                .unwrap_or_default();
            tell(
                region,
                context,
                &task,
                &format!("(taskSet {deployment}) has begun draining connections on 1 tasks."),
            );
        }
    }
}

/// Whether no balancer sends a task anything any more.
fn drained(region: &Region, task: &Task) -> bool {
    // A task that has ended by itself answers nobody.
    if task.execution_stopped_at.is_some() {
        return true;
    }
    let Ok(interface) = ec2::interface::get(region, &task.interface) else {
        return true;
    };
    task::bindings(task).iter().all(|binding| {
        elbv2::target::health(
            region,
            &binding.target_group,
            interface.address,
            binding.port,
        )
        .is_none_or(|health| health.state == "unused")
    })
}

fn tell(region: &mut Region, context: &Context, task: &Task, text: &str) {
    if let Some((name, _)) = &task.service
        && let Some(row) = region
            .ecs
            .services
            .get_mut(&(task.cluster.clone(), name.clone()))
    {
        service::tell(row, context, text);
    }
}

/// Whether nothing checks a task, so that only time says it is well.
fn unchecked(task: &Task) -> bool {
    task.targets.is_empty()
        && !task
            .containers
            .iter()
            .any(|one| one.essential && one.has_health_check)
}

/// What checks say of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Checks {
    healthy: bool,
    /// Why it is not.
    unhealthy: Option<String>,
}

fn checks(region: &Region, context: &Context, service: &Service, task: &Task) -> Checks {
    let mut checks = Checks {
        healthy: false,
        unhealthy: None,
    };
    if task.status != TaskState::Running {
        return checks;
    }
    let started = task.started_at.unwrap_or(task.created_at);
    if unchecked(task) {
        checks.healthy = started
            .checked_add(UNCHECKED_HEALTHY_AFTER)
            .is_ok_and(|at| at <= context.now);
        return checks;
    }
    let graced = service::grace_until(service, started) > context.now;
    let mut healthy = match task.health() {
        "HEALTHY" => true,
        "UNHEALTHY" => {
            checks.unhealthy = Some("Task failed container health checks".to_owned());
            false
        }
        _ => !task
            .containers
            .iter()
            .any(|one| one.essential && one.has_health_check),
    };
    if let Ok(interface) = ec2::interface::get(region, &task.interface) {
        for binding in task::bindings(task) {
            match elbv2::target::health(
                region,
                &binding.target_group,
                interface.address,
                binding.port,
            ) {
                Some(health) if health.state == "healthy" => {}
                Some(health) if health.state == "unhealthy" => {
                    healthy = false;
                    checks.unhealthy.get_or_insert(format!(
                        "Task failed ELB health checks in (target-group {})",
                        binding.target_group
                    ));
                }
                // A group without a balancer, or a zone that is off, checks nothing.
                Some(health) if health.state == "unused" => {}
                _ => healthy = false,
            }
        }
    }
    checks.healthy = healthy && checks.unhealthy.is_none();
    if graced {
        checks.unhealthy = None;
    }
    checks
}

fn move_service(region: &mut Region, context: &Context, key: &(String, String)) {
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
                region.ecs.services.remove(key);
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
}

/// Counts tasks that ended before they were any good, and opens the circuit breaker.
fn note_failures(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let mut seen: Vec<(String, String, bool)> = Vec::new();
    for task in service::tasks(region, service) {
        let Some((_, deployment)) = &task.service else {
            continue;
        };
        if task.counted {
            continue;
        }
        let health = task
            .stop
            .as_ref()
            .is_some_and(|stop| stop.reason.starts_with("Task failed "));
        let ended = task.stop.as_ref().is_some_and(|stop| {
            matches!(
                stop.code.as_str(),
                "TaskFailedToStart" | "EssentialContainerExited"
            )
        });
        if ended || health {
            seen.push((
                task.id.to_string(),
                deployment.clone(),
                task.started_at.is_some(),
            ));
        } else if task.status == TaskState::Running {
            let good = checks(region, context, service, task).healthy;
            let ran = service
                .deployments
                .iter()
                .any(|one| one.id == *deployment && !one.ran);
            let failures = service
                .deployments
                .iter()
                .any(|one| one.id == *deployment && one.failed_tasks > 0);
            if (ran || failures) && good {
                seen.push((String::new(), deployment.clone(), true));
            }
        }
    }
    if seen.is_empty() {
        return;
    }
    let desired = service.desired_count;
    for (id, deployment, ran) in seen {
        let failed = !id.is_empty();
        if failed && let Some(task) = region.ecs.tasks.get_mut(&id) {
            task.counted = true;
        }
        let Some(service) = region.ecs.services.get_mut(key) else {
            return;
        };
        let breaker = service.settings.circuit_breaker.is_some();
        let Some(row) = service
            .deployments
            .iter_mut()
            .find(|one| one.id == deployment)
        else {
            continue;
        };
        if !failed {
            row.ran = true;
            row.failed_tasks = 0;
            row.not_before = None;
            continue;
        }
        row.failed_tasks += 1;
        row.updated_at = context.now;
        if !ran {
            let delay = scheduler::restart_delay(row.failed_tasks);
            row.not_before = context
                .now
                .checked_add(delay)
                .ok()
                .filter(|_| !delay.is_zero());
        }
        let failures = row.failed_tasks;
        if breaker
            && row.rollout == Rollout::InProgress
            && failures >= scheduler::breaker_threshold(desired)
        {
            row.rollout = Rollout::Failed;
            "ECS deployment circuit breaker: tasks failed to start."
                .clone_into(&mut row.rollout_reason);
            let text =
                format!("(deployment {deployment}) deployment failed: tasks failed to start.");
            service::tell(service, context, &text);
        } else if !ran && failures == 3 {
            service::tell(
                service,
                context,
                "is unable to consistently start tasks successfully.",
            );
        }
    }
}

/// Goes back to the last deployment that was completed, where the breaker says so.
fn roll_back(region: &mut Region, context: &Context, key: &(String, String)) {
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
    let Some(service) = region.ecs.services.get_mut(key) else {
        return;
    };
    let mut back = service.deployments.remove(good);
    back.rollout = Rollout::InProgress;
    back.rollout_reason = format!(
        "ECS deployment circuit breaker: rolling back to deploymentId {}.",
        back.id
    );
    back.updated_at = context.now;
    back.failed_tasks = 0;
    let text = format!("rolling back to deployment {}.", back.id);
    service.deployments.insert(0, back);
    service::tell(service, context, &text);
}

fn take_step(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let may_start = service.status == ServiceStatus::Active
        && primary.rollout != Rollout::Failed
        && primary.not_before.is_none_or(|at| at <= context.now);
    let bounds = Bounds {
        desired: service.desired_count,
        minimum_healthy_percent: service.settings.minimum_healthy_percent,
        maximum_percent: service.settings.maximum_percent,
        may_start,
    };
    let mut reasons = std::collections::BTreeMap::new();
    let step = {
        let tasks: Vec<&Task> = service::tasks(region, service)
            .filter(|task| task.wanted())
            .collect();
        let views: Vec<TaskView> = tasks
            .iter()
            .map(|task| {
                let checks = checks(region, context, service, task);
                if let Some(reason) = &checks.unhealthy {
                    reasons.insert(task.id.to_string(), reason.clone());
                }
                TaskView {
                    id: task.id.as_str(),
                    primary: task
                        .service
                        .as_ref()
                        .is_some_and(|(_, of)| *of == primary.id),
                    zone: &task.zone,
                    running: task.status == TaskState::Running,
                    healthy: checks.healthy,
                    unhealthy: checks.unhealthy.is_some(),
                    protected: task
                        .protected_until
                        .is_some_and(|until| until > context.now),
                }
            })
            .collect();
        scheduler::plan(bounds, &views)
    };
    let deployment = primary.id.clone();
    for id in &step.stop {
        let reason = reasons
            .get(id)
            .cloned()
            .unwrap_or_else(|| format!("Scaling activity initiated by (deployment {deployment})"));
        task::stop(region, context, id, "ServiceSchedulerInitiated", &reason);
        if let Some(service) = region.ecs.services.get_mut(key) {
            service::tell(
                service,
                context,
                &format!("has stopped 1 running tasks: (task {id})."),
            );
        }
    }
    start(region, context, key, step.start);
}

fn start(region: &mut Region, context: &Context, key: &(String, String), number: u32) {
    let mut started = Vec::new();
    for _ in 0..number {
        match start_one(region, context, key) {
            Ok(id) => started.push(format!("(task {id})")),
            Err(error) => {
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
                if let Some(primary) = service.deployments.first_mut() {
                    // It is tried again; until then nothing changes, so that this comes to rest.
                    primary.not_before =
                        context.now.checked_add(SignedDuration::from_secs(15)).ok();
                }
                break;
            }
        }
    }
    if !started.is_empty()
        && let Some(service) = region.ecs.services.get_mut(key)
    {
        service.steady_since = None;
        service::tell(
            service,
            context,
            &format!(
                "has started {} tasks: {}.",
                started.len(),
                started.join(" ")
            ),
        );
    }
}

fn start_one(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
) -> Result<String, Error> {
    let service = region
        .ecs
        .services
        .get(key)
        .cloned()
        .ok_or_else(error::service_not_found)?;
    let primary = service
        .deployments
        .first()
        .ok_or_else(error::service_not_found)?;
    let definition = task_definition::find(region, &primary.plan.task_definition)?.clone();
    let mut subnets: Vec<(String, String)> = Vec::new();
    for id in &primary.plan.network.subnets {
        subnets.push((ec2::subnet::get(region, id)?.zone.clone(), id.clone()));
    }
    let zones: Vec<&str> = subnets.iter().map(|(zone, _)| zone.as_str()).collect();
    let taken: Vec<String> = service::tasks(region, &service)
        .filter(|task| {
            task.wanted()
                && task
                    .service
                    .as_ref()
                    .is_some_and(|(_, of)| *of == primary.id)
        })
        .map(|task| task.zone.clone())
        .collect();
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let zone = scheduler::emptiest(&zones, &taken).unwrap_or_default();
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
            started_by: Some(primary.id.clone()),
            service: Some((service.name.clone(), primary.id.clone())),
            plan: &primary.plan,
            subnet,
            overrides: api::TaskOverride::default(),
            enable_execute_command: service.settings.enable_execute_command,
            tags,
        },
    )?;
    Ok(id.to_string())
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
            !tasks.iter().any(|task| {
                task.wanted() && task.service.as_ref().is_some_and(|(_, of)| *of == old.id)
            })
        })
        // The one to go back to is kept until the new one has proved itself.
        .filter(|old| primary.rollout == Rollout::Completed || old.rollout != Rollout::Completed)
        .map(|old| old.id.clone())
        .collect();
    let wanted: Vec<&&Task> = tasks.iter().filter(|task| task.wanted()).collect();
    let all_primary = wanted.iter().all(|task| {
        task.service
            .as_ref()
            .is_some_and(|(_, of)| *of == primary.id)
    });
    let healthy = wanted
        .iter()
        .filter(|task| checks(region, context, service, task).healthy)
        .count();
    let steady = all_primary
        && wanted.len() == healthy
        && u32::try_from(healthy).is_ok_and(|healthy| healthy == service.desired_count)
        && primary.rollout != Rollout::Failed;
    let completes = steady && primary.rollout == Rollout::InProgress;
    let says = steady && service.steady_since.is_none();
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
    }
    if says {
        service.steady_since = Some(context.now);
        service::tell(service, context, "has reached a steady state.");
    }
    if unsays {
        service.steady_since = None;
    }
}
