//! Evens out the zones of a service that is steady: one task more where there are fewest, and once
//! that is healthy one less where there are most.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>

use super::super::scheduler;
use super::super::service::{self, belongs};
use super::super::state::{Rebalancing, Service, Task};
use super::health::checks;
use super::step::start;
use crate::services::ec2;
use crate::{Context, Region};

pub(super) fn rebalance(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let replacement = service
        .rebalancing
        .as_ref()
        .and_then(|one| one.replacement.as_ref());
    if let Some(id) = replacement {
        let task = region.ecs.tasks.get(id).filter(|task| task.wanted());
        let settled = task.is_none_or(|task| {
            let checks = checks(region, context, service, task);
            checks.healthy || checks.unhealthy.is_some()
        });
        if settled && let Some(service) = region.ecs.services.get_mut(key) {
            service.rebalancing = Some(Rebalancing::default());
        }
        return;
    }
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let room = service.desired_count * service.settings.maximum_percent / 100;
    let may = service.settings.rebalancing
        && service.steady_since.is_some()
        && service.deployments.len() == 1
        && room > service.desired_count;
    if !may {
        return;
    }
    let mut zones: Vec<&str> = Vec::new();
    for id in &primary.plan.network.subnets {
        if let Ok(subnet) = ec2::subnet::get(region, id)
            && !zones.contains(&subnet.zone.as_str())
        {
            zones.push(&subnet.zone);
        }
    }
    let counts = counts(region, service, &zones, &primary.id);
    if held(region, context, service, &counts) {
        return;
    }
    let deployment = primary.id.clone();
    match (scheduler::uneven(&counts), service.rebalancing.is_some()) {
        (None, false) => {}
        (None, true) => {
            let text = format!("is AZ balanced with {}.", said(&counts));
            if let Some(service) = region.ecs.services.get_mut(key) {
                service.rebalancing = None;
                service::tell(service, context, &text);
            }
        }
        (Some(zone), told) => {
            let zone = zone.to_owned();
            let text = format!(
                "is not AZ balanced with {}. AZ Rebalancing in progress.",
                said(&counts)
            );
            if !told && let Some(service) = region.ecs.services.get_mut(key) {
                service::tell(service, context, &text);
            }
            let mut made = start(region, context, key, &deployment, 1, 0, Some(&zone));
            if let Some(service) = region.ecs.services.get_mut(key) {
                service.rebalancing = Some(Rebalancing {
                    replacement: made.pop(),
                });
                // One that could not be placed waits until the service is steady once more.
                service.steady_since = None;
            }
        }
    }
}

/// Whether all tasks of the fullest zones are protected, so that none of them could go.
fn held(region: &Region, context: &Context, service: &Service, counts: &[(String, usize)]) -> bool {
    let most = counts.iter().map(|(_, number)| *number).max();
    let fullest = |zone: &String| {
        counts
            .iter()
            .any(|(of, number)| of == zone && Some(*number) == most)
    };
    most > Some(0)
        && service::tasks(region, service)
            .filter(|task| task.wanted() && fullest(&task.zone))
            .all(|task| {
                task.protected_until
                    .is_some_and(|until| until > context.now)
            })
}

fn counts(
    region: &Region,
    service: &Service,
    zones: &[&str],
    deployment: &str,
) -> Vec<(String, usize)> {
    let tasks: Vec<&Task> = service::tasks(region, service)
        .filter(|task| task.wanted() && belongs(task, deployment))
        .collect();
    zones
        .iter()
        .map(|zone| {
            let number = tasks.iter().filter(|task| task.zone == **zone).count();
            ((*zone).to_owned(), number)
        })
        .collect()
}

fn said(counts: &[(String, usize)]) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(zone, number)| format!("{number} tasks in {zone}"))
        .collect();
    parts.join(", ")
}
