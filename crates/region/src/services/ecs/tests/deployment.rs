//! Deployments: what is told on the way, and the bounds they keep.

use wire::ecs as api;
use wire::ecs::op;

use super::stage::{Behaviour, CLUSTER, SERVICE, Stage};
use crate::Region;
use crate::services::ec2;
use crate::services::ecs::state::TaskState;
use crate::services::elbv2;

fn deploy(stage: &mut Stage, behaviour: Behaviour) -> String {
    let definition = stage.definition(behaviour);
    stage.update(|input| input.task_definition = Some(definition.clone()));
    definition
}

/// Tasks meant to run, and those of them that a client would find well.
fn counts(region: &Region) -> (u32, u32) {
    let tasks = region.ecs.tasks.values().filter(|task| task.wanted());
    let mut all = 0;
    let mut well = 0;
    for task in tasks {
        all += 1;
        let address = ec2::interface::get(region, &task.interface).map(|one| one.address);
        let healthy = task.targets.iter().all(|target| {
            address.as_ref().is_ok_and(|address| {
                elbv2::target::health(region, &target.target_group, *address, target.port)
                    .is_some_and(|health| health.state == "healthy")
            })
        });
        well += u32::from(task.status == TaskState::Running && healthy);
    }
    (all, well)
}

#[test]
fn a_deployment_tells_what_it_does() {
    let mut stage = Stage::new();
    stage.steady(1);
    assert_eq!(
        stage.events(),
        [
            "(service web) has started 1 tasks: (task T).",
            "(service web) registered 1 targets in (target-group G)",
            "(service web) (deployment D) deployment completed.",
            "(service web) has reached a steady state.",
        ]
    );
    let before = stage.events().len();
    let definition = deploy(&mut stage, Behaviour::Well);
    let service = stage.service("web");
    let deployments = service.deployments.expect("a list");
    let shown: Vec<(Option<&str>, Option<i64>)> = deployments
        .iter()
        .map(|one| (one.status.as_deref(), one.desired_count))
        .collect();
    assert_eq!(
        shown,
        [(Some("PRIMARY"), Some(1)), (Some("ACTIVE"), Some(1))]
    );
    stage.pass(120);
    assert_eq!(
        stage.events()[before..],
        [
            "(service web) has started 1 tasks: (task T).",
            "(service web) registered 1 targets in (target-group G)",
            "(service web) has stopped 1 running tasks: (task T).",
            "(service web) deregistered 1 targets in (target-group G)",
            "(service web, taskSet D) has begun draining connections on 1 tasks.",
            "(service web) (deployment D) deployment completed.",
            "(service web) has reached a steady state.",
        ]
    );
    let service = stage.service("web");
    let [deployment] = service
        .deployments
        .expect("a list")
        .try_into()
        .expect("one is left");
    let deployment: api::Deployment = deployment;
    assert_eq!(deployment.task_definition, Some(definition));
    assert_eq!(
        deployment.rollout_state,
        Some(api::DeploymentRolloutState::Completed)
    );
    assert_eq!(
        (deployment.running_count, deployment.failed_tasks),
        (Some(1), Some(0))
    );
}

#[test]
fn every_deployment_keeps_its_bounds_from_moment_to_moment() {
    for (minimum, maximum) in [
        (100, 200),
        (100, 125),
        (50, 100),
        (0, 100),
        (75, 150),
        (50, 200),
    ] {
        let mut stage = Stage::new();
        stage.steady(4);
        stage.update(|input| {
            input.deployment_configuration = Some(api::DeploymentConfiguration {
                minimum_healthy_percent: Some(minimum),
                maximum_percent: Some(maximum),
                ..Default::default()
            });
        });
        let floor = (4 * u32::try_from(minimum).expect("it fits")).div_ceil(100);
        let ceiling = 4 * u32::try_from(maximum).expect("it fits") / 100;
        stage.watch = Some(Box::new(move |region| {
            let (all, well) = counts(region);
            assert!(well >= floor, "{well} are well, {floor} have to be");
            assert!(all <= ceiling, "{all} are there, {ceiling} may be");
        }));
        let definition = deploy(&mut stage, Behaviour::Well);
        stage.pass(600);
        let service = stage.service("web");
        let deployments = service.deployments.expect("a list");
        assert_eq!(deployments.len(), 1, "{minimum} to {maximum}");
        assert_eq!(deployments[0].task_definition, Some(definition));
        assert_eq!(service.running_count, Some(4));
    }
}

#[test]
fn bounds_without_room_are_told_once() {
    let mut stage = Stage::new();
    stage.steady(1);
    stage.update(|input| {
        input.deployment_configuration = Some(api::DeploymentConfiguration {
            minimum_healthy_percent: Some(50),
            maximum_percent: Some(150),
            ..Default::default()
        });
    });
    deploy(&mut stage, Behaviour::Well);
    stage.pass(3_600);
    let told = stage
        .events()
        .into_iter()
        .filter(|one| one.contains("was unable to stop or start tasks during a deployment because of the service deployment configuration."))
        .count();
    assert_eq!(told, 1);
    // More room sets it free.
    stage.update(|input| {
        input.deployment_configuration = Some(api::DeploymentConfiguration {
            minimum_healthy_percent: Some(50),
            maximum_percent: Some(200),
            ..Default::default()
        });
    });
    stage.pass(120);
    assert_eq!(stage.service("web").deployments.expect("a list").len(), 1);
}

#[test]
fn an_old_task_that_fails_is_replaced_by_its_own_kind_until_the_new_are_ready() {
    let mut stage = Stage::new();
    let old = stage.steady(2);
    // The new version never starts, and nothing ends the trying.
    deploy(&mut stage, Behaviour::FailsToStart);
    stage.pass(30);
    let (victim, _) = stage
        .tasks()
        .into_iter()
        .find(|(id, _)| {
            let row = stage.bench.region.ecs.tasks.get(id).expect("it is there");
            row.task_definition == old && row.status == TaskState::Running
        })
        .expect("an old one runs");
    stage.end(&victim, world::event::StopCause::Lost);
    stage.pass(120);
    let running = stage
        .bench
        .region
        .ecs
        .tasks
        .values()
        .filter(|task| {
            task.wanted() && task.status == TaskState::Running && task.task_definition == old
        })
        .count();
    assert_eq!(running, 2);
}

#[test]
fn all_tasks_of_a_deployment_run_what_the_first_found() {
    let mut stage = Stage::new();
    stage.steady(1);
    let digests = |stage: &Stage| -> std::collections::BTreeSet<String> {
        stage
            .bench
            .region
            .ecs
            .tasks
            .values()
            .filter(|task| task.wanted())
            .filter_map(|task| {
                Some(
                    task.containers[0]
                        .resolved
                        .as_ref()?
                        .manifest_digest
                        .clone(),
                )
            })
            .collect()
    };
    let first = digests(&stage);
    stage.push("2");
    stage.update(|input| input.desired_count = Some(3));
    stage.pass(60);
    assert_eq!(digests(&stage), first);
    stage.update(|input| input.force_new_deployment = Some(true));
    stage.pass(180);
    let second = digests(&stage);
    assert_eq!(second.len(), 1);
    assert!(second.is_disjoint(&first));
    assert_eq!(stage.service("web").running_count, Some(3));
}

#[test]
fn a_protected_task_outlasts_a_deployment() {
    let mut stage = Stage::new();
    stage.steady(2);
    let (id, _) = stage.tasks().remove(0);
    let protect = |stage: &mut Stage, id: &str, enabled| {
        let input = api::UpdateTaskProtectionRequest {
            cluster: CLUSTER.into(),
            tasks: vec![id.to_owned()],
            protection_enabled: enabled,
            expires_in_minutes: enabled.then_some(10),
        };
        stage
            .bench
            .call::<op::UpdateTaskProtection>(SERVICE, input)
            .expect("an answer")
    };
    let answer = protect(&mut stage, &id, true);
    assert_eq!(answer.failures.map(|all| all.len()), Some(0));
    assert_eq!(
        answer.protected_tasks.expect("a list")[0].protection_enabled,
        Some(true)
    );
    deploy(&mut stage, Behaviour::Well);
    stage.pass(300);
    assert!(stage.tasks().iter().any(|(one, _)| *one == id));
    let told = "(service web) was unable to reach steady state because (taskSet D) was unable to scale in due to (reason 1 tasks under protection)";
    assert_eq!(stage.events().iter().filter(|one| *one == told).count(), 1);
    // Its time over, it goes like the others.
    stage.pass(600);
    assert!(stage.tasks().iter().all(|(one, _)| *one != id));
    assert_eq!(stage.service("web").deployments.expect("a list").len(), 1);
    let answer = protect(&mut stage, &id, true);
    assert_eq!(
        answer.failures.expect("a list")[0].reason.as_deref(),
        Some("TASK_NOT_VALID")
    );
}
