//! What checks say of a task: its containers' own, the load balancer's, or only time.

use jiff::SignedDuration;

use super::super::state::{Service, Task, TaskState};
use super::super::{service, task};
use crate::services::{ec2, elbv2};
use crate::{Context, Region};

/// How long a task without any check has to run before it counts as healthy. (botocore
/// `DeploymentConfiguration.minimumHealthyPercent`)
pub(super) const UNCHECKED_HEALTHY_AFTER: SignedDuration = SignedDuration::from_secs(40);

/// Whether nothing checks a task, so that only time says it is well.
pub(super) fn unchecked(task: &Task) -> bool {
    task.targets.is_empty()
        && !task
            .containers
            .iter()
            .any(|one| one.essential && one.has_health_check)
}

/// What checks say of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checks {
    pub(super) healthy: bool,
    /// Why it is not, as the reason to stop it.
    pub(super) unhealthy: Option<String>,
    /// As the service tells it, where a load balancer found it.
    pub(super) told: Option<String>,
}

pub(super) fn checks(region: &Region, context: &Context, service: &Service, task: &Task) -> Checks {
    let mut checks = Checks {
        healthy: false,
        unhealthy: None,
        told: None,
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
                    checks.told.get_or_insert(format!(
                        "(task {}) (port {}) is unhealthy in (target-group {}) due to (reason {}).",
                        task.id,
                        binding.port,
                        binding.target_group,
                        health
                            .description
                            .as_deref()
                            .unwrap_or("Health checks failed")
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
        checks.told = None;
    }
    checks
}
