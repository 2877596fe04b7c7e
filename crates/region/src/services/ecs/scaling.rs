//! What moves a service's desired count from outside: Application Auto Scaling.

use wire::Error;

use super::state::{Rollout, ServiceStatus, TaskState};
use super::{error, service};
use crate::{Context, Region};

/// A service as its scaling sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub desired: u32,
    pub running: u32,
    pub pending: u32,
    /// A deployment is under way.
    pub deploying: bool,
}

/// The capacity of an active service; `None` where there is none of that name.
pub fn capacity(region: &Region, cluster: &str, service: &str) -> Option<Capacity> {
    let service = region
        .ecs
        .services
        .get(&(cluster.to_owned(), service.to_owned()))
        .filter(|one| one.status == ServiceStatus::Active)?;
    let count = |wanted: fn(TaskState) -> bool| {
        let tasks = service::tasks(region, service)
            .filter(|task| task.wanted() && wanted(task.status))
            .count();
        u32::try_from(tasks).unwrap_or(u32::MAX)
    };
    Some(Capacity {
        desired: service.desired_count,
        running: count(|status| status == TaskState::Running),
        pending: count(|status| status < TaskState::Running),
        deploying: service.deployments.len() > 1
            || service
                .deployments
                .first()
                .is_some_and(|one| one.rollout == Rollout::InProgress),
    })
}

/// Sets how many tasks a service should have.
///
/// # Errors
/// `ServiceNotFoundException` or `ServiceNotActiveException`.
pub fn set_desired_count(
    region: &mut Region,
    _: &Context,
    cluster: &str,
    service: &str,
    desired: u32,
) -> Result<(), Error> {
    let service = region
        .ecs
        .services
        .get_mut(&(cluster.to_owned(), service.to_owned()))
        .ok_or_else(error::service_not_found)?;
    if service.status != ServiceStatus::Active {
        return Err(error::service_not_active());
    }
    service.desired_count = desired;
    service.steady_since = None;
    Ok(())
}
