//! Moves tasks through their life.

use jiff::SignedDuration;
use world::event::{StopCause, TaskPhase, TaskStatus};

use super::super::state::{Stop, Task, TaskState};
use super::provision::provision;
use super::targets::{deregister_targets, drained, register_targets};
use crate::services::ec2;
use crate::{Context, Region};

/// How long a stopped task can still be described.
pub(super) const STOPPED_KEPT: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn observe_task(region: &mut Region, context: &Context, status: &TaskStatus) {
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

pub(super) fn move_task(region: &mut Region, context: &Context, id: &str) {
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
