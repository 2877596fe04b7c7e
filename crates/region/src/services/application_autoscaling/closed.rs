//! Services that a schedule keeps without tasks, as a person is told of them.

use jiff::Timestamp;

use crate::Region;

/// A service that may have no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When a scheduled action lets tasks come again; `None`: none will.
    pub until: Option<Timestamp>,
}

/// Whether the bounds that a service is scaled between leave it no task; `None` where they do, or
/// nothing scales it.
pub fn closed(region: &Region, cluster: &str, service: &str) -> Option<Closed> {
    let id = format!("service/{cluster}/{service}");
    let state = &region.application_autoscaling;
    let target = state.targets.get(&id).filter(|target| target.max == 0)?;
    let until = state
        .scheduled_actions
        .values()
        .filter(|one| one.resource_id == id && !target.suspended.scheduled)
        .filter(|one| one.max.is_some_and(|max| max > 0))
        .filter_map(|one| one.due)
        .min();
    Some(Closed { until })
}

#[cfg(test)]
mod tests {
    use wire::application_autoscaling::{self as api, op};

    use super::*;
    use crate::services::ecs::tests::stage::{CLUSTER, Stage};

    const SERVICE: &str = "application_autoscaling";

    fn register(stage: &mut Stage, max: i64, suspended: bool) {
        let input = api::RegisterScalableTargetRequest {
            service_namespace: api::ServiceNamespace::Ecs,
            resource_id: format!("service/{CLUSTER}/web"),
            scalable_dimension: api::ScalableDimension::EcsServiceDesiredCount,
            min_capacity: Some(0),
            max_capacity: Some(max),
            suspended_state: Some(api::SuspendedState {
                scheduled_scaling_suspended: Some(suspended),
                ..Default::default()
            }),
            ..Default::default()
        };
        let done = stage
            .bench
            .call::<op::RegisterScalableTarget>(SERVICE, input);
        done.expect("it is registered");
    }

    #[test]
    fn a_service_is_closed_until_something_lets_tasks_come() {
        let mut stage = Stage::new();
        stage.steady(1);
        let look = |stage: &Stage| closed(&stage.bench.region, CLUSTER, "web");
        assert_eq!(look(&stage), None, "nothing scales it");
        register(&mut stage, 4, false);
        assert_eq!(look(&stage), None);
        register(&mut stage, 0, false);
        assert_eq!(look(&stage), Some(Closed { until: None }));
        for (name, schedule, max) in [
            ("close", "cron(0 18 ? * MON-FRI *)", 0),
            ("open", "cron(0 8 ? * MON-FRI *)", 4),
        ] {
            let input = api::PutScheduledActionRequest {
                service_namespace: api::ServiceNamespace::Ecs,
                scheduled_action_name: name.into(),
                resource_id: format!("service/{CLUSTER}/web"),
                scalable_dimension: api::ScalableDimension::EcsServiceDesiredCount,
                schedule: Some(schedule.into()),
                scalable_target_action: Some(api::ScalableTargetAction {
                    min_capacity: Some(0),
                    max_capacity: Some(max),
                }),
                ..Default::default()
            };
            let done = stage.bench.call::<op::PutScheduledAction>(SERVICE, input);
            done.expect("it is put");
        }
        // The bench begins on a Monday after eight.
        let tuesday = "2026-01-06T08:00:00Z".parse().expect("a moment");
        assert_eq!(
            look(&stage),
            Some(Closed {
                until: Some(tuesday)
            })
        );
        register(&mut stage, 0, true);
        assert_eq!(look(&stage), Some(Closed { until: None }));
    }
}
