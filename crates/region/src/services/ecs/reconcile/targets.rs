//! Puts tasks behind their target groups and takes them out.

use super::super::state::{Service, Task};
use super::super::{service, task};
use crate::services::{ec2, elbv2};
use crate::{Context, Region};

pub(super) fn register_targets(region: &mut Region, context: &Context, id: &str) {
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

pub(super) fn deregister_targets(region: &mut Region, context: &Context, id: &str) {
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
            if let Some(row) = row_of(region, &task) {
                let text = "has begun draining connections on 1 tasks.";
                service::tell_of_set(row, context, &deployment, text);
            }
        }
    }
}

/// Whether no balancer sends a task anything any more.
pub(super) fn drained(region: &Region, task: &Task) -> bool {
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

fn row_of<'a>(region: &'a mut Region, task: &Task) -> Option<&'a mut Service> {
    let (name, _) = task.service.as_ref()?;
    region
        .ecs
        .services
        .get_mut(&(task.cluster.clone(), name.clone()))
}

fn tell(region: &mut Region, context: &Context, task: &Task, text: &str) {
    if let Some(row) = row_of(region, task) {
        service::tell(row, context, text);
    }
}
