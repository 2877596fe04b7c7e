//! Where tasks are put: over all zones, and evenly again after it was not so.

use wire::ecs as api;
use wire::ecs::op;

use super::stage::{CLUSTER, SERVICE, Stage};

fn zones(stage: &Stage) -> Vec<String> {
    let mut zones: Vec<String> = stage
        .tasks()
        .into_iter()
        .filter_map(|(_, zone)| zone.strip_prefix("eu-central-1").map(str::to_owned))
        .collect();
    zones.sort();
    zones
}

fn scale(stage: &mut Stage, desired: i64) {
    stage.update(|input| input.desired_count = Some(desired));
    stage.pass(180);
    assert_eq!(stage.service("web").running_count, Some(desired));
}

#[test]
fn tasks_spread_as_the_service_scales() {
    let mut stage = Stage::new();
    stage.steady(3);
    assert_eq!(zones(&stage), ["a", "b", "c"]);
    scale(&mut stage, 7);
    assert_eq!(zones(&stage), ["a", "a", "a", "b", "b", "c", "c"]);
    scale(&mut stage, 4);
    let left = zones(&stage);
    for zone in ["a", "b", "c"] {
        assert!(left.iter().any(|one| one == zone), "{left:?}");
    }
    scale(&mut stage, 0);
    assert!(zones(&stage).is_empty());
    scale(&mut stage, 2);
    assert_eq!(zones(&stage), ["a", "b"]);
}

/// A service whose two tasks are both in one zone: the others were not protected when it was
/// scaled in.
fn lopsided(rebalancing: api::AvailabilityZoneRebalancing) -> Stage {
    let mut stage = Stage::new();
    stage.steady(6);
    stage.update(|input| input.availability_zone_rebalancing = Some(rebalancing));
    let held: Vec<String> = stage
        .tasks()
        .into_iter()
        .filter(|(_, zone)| zone == "eu-central-1a")
        .map(|(id, _)| id)
        .collect();
    let input = api::UpdateTaskProtectionRequest {
        cluster: CLUSTER.into(),
        tasks: held,
        protection_enabled: true,
        expires_in_minutes: Some(1),
    };
    stage
        .bench
        .call::<op::UpdateTaskProtection>(SERVICE, input)
        .expect("they are protected");
    stage.update(|input| input.desired_count = Some(2));
    stage
}

#[test]
fn zones_are_evened_out_one_task_at_a_time() {
    let mut stage = lopsided(api::AvailabilityZoneRebalancing::Enabled);
    stage.watch = Some(Box::new(|region| {
        let wanted = region
            .ecs
            .tasks
            .values()
            .filter(|task| task.wanted())
            .count();
        assert!(wanted >= 2, "it never has fewer than it should");
    }));
    stage.pass(300);
    assert_eq!(zones(&stage), ["a", "b"]);
    let events = stage.events();
    for text in [
        "(service web) is not AZ balanced with 2 tasks in eu-central-1a, 0 tasks in eu-central-1b, 0 tasks in eu-central-1c. AZ Rebalancing in progress.",
        "(service web) has started 1 tasks in eu-central-1b to AZ Rebalance: (task T).",
        "(service web) has stopped 1 running tasks in eu-central-1a due to AZ Rebalance: (task T).",
        "(service web) is AZ balanced with 1 tasks in eu-central-1a, 1 tasks in eu-central-1b, 0 tasks in eu-central-1c.",
    ] {
        assert_eq!(
            events.iter().filter(|one| *one == text).count(),
            1,
            "{text}: {events:#?}"
        );
    }
}

#[test]
fn zones_stay_uneven_where_that_is_not_wanted() {
    let mut stage = lopsided(api::AvailabilityZoneRebalancing::Disabled);
    stage.pass(600);
    assert_eq!(zones(&stage), ["a", "a"]);
}
