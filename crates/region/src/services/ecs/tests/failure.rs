//! Tasks that fail: replaced, throttled, and a deployment of them ended.

use jiff::SignedDuration;
use wire::ecs as api;
use world::event::StopCause;

use super::stage::{Behaviour, Stage};

fn breaker(rollback: bool) -> Option<api::DeploymentConfiguration> {
    Some(api::DeploymentConfiguration {
        deployment_circuit_breaker: Some(api::DeploymentCircuitBreaker {
            enable: true,
            rollback,
        }),
        ..Default::default()
    })
}

fn deploy(stage: &mut Stage, behaviour: Behaviour, rollback: Option<bool>) -> String {
    let definition = stage.definition(behaviour);
    stage.update(|input| {
        input.task_definition = Some(definition.clone());
        input.deployment_configuration = rollback.and_then(breaker);
    });
    definition
}

#[test]
fn the_breaker_rolls_back_whatever_is_wrong() {
    for behaviour in [
        Behaviour::FailsToStart,
        Behaviour::Unhealthy,
        Behaviour::Crashes(3),
    ] {
        let mut stage = Stage::new();
        let good = stage.steady(3);
        let before = stage.tasks();
        stage.watch = Some(Box::new(move |region| {
            for (id, _) in &before {
                let task = region.ecs.tasks.get(id);
                assert!(
                    task.is_some_and(super::super::state::Task::wanted),
                    "a good task was stopped"
                );
            }
        }));
        deploy(&mut stage, behaviour, Some(true));
        stage.pass(900);
        let service = stage.service("web");
        let deployments = service.deployments.expect("a list");
        assert_eq!(deployments.len(), 1, "{behaviour:?}: {deployments:?}");
        assert_eq!(deployments[0].task_definition.as_ref(), Some(&good));
        assert_eq!(
            deployments[0].rollout_state,
            Some(api::DeploymentRolloutState::Completed)
        );
        assert_eq!(service.running_count, Some(3));
        let events = stage.events();
        let at = |text: &str| {
            events
                .iter()
                .position(|one| one == text)
                .unwrap_or_else(|| panic!("{behaviour:?}: {text} was not told: {events:#?}"))
        };
        let failed = at("(service web) (deployment D) deployment failed: tasks failed to start.");
        let back = at("(service web) rolling back to deployment D.");
        assert!(failed < back);
        assert_eq!(
            events.last().map(String::as_str),
            Some("(service web) has reached a steady state.")
        );
    }
}

#[test]
fn without_rollback_a_failed_deployment_stays_and_starts_nothing() {
    let mut stage = Stage::new();
    let good = stage.steady(2);
    let bad = deploy(&mut stage, Behaviour::FailsToStart, Some(false));
    stage.pass(900);
    let service = stage.service("web");
    let deployments = service.deployments.expect("a list");
    assert_eq!(deployments[0].task_definition, Some(bad));
    assert_eq!(
        deployments[0].rollout_state,
        Some(api::DeploymentRolloutState::Failed)
    );
    assert!(deployments[0].failed_tasks >= Some(3));
    assert_eq!(
        deployments[0].rollout_state_reason.as_deref(),
        Some("ECS deployment circuit breaker: tasks failed to start.")
    );
    assert_eq!(
        (deployments[0].running_count, deployments[0].pending_count),
        (Some(0), Some(0))
    );
    assert_eq!(deployments[1].task_definition, Some(good));
    assert_eq!(deployments[1].running_count, Some(2));
    // The next version is a new chance.
    let next = deploy(&mut stage, Behaviour::Well, None);
    stage.pass(180);
    let deployments = stage.service("web").deployments.expect("a list");
    assert_eq!(deployments.len(), 1, "{deployments:?}");
    assert_eq!(deployments[0].task_definition, Some(next));
}

#[test]
fn a_first_deployment_that_fails_stalls() {
    let mut stage = Stage::new();
    let definition = stage.definition(Behaviour::FailsToStart);
    let mut input = stage.new_service(&definition, 1);
    input.deployment_configuration = breaker(true);
    stage.create(input);
    stage.pass(3_600);
    let service = stage.service("web");
    let deployments = service.deployments.expect("a list");
    assert_eq!(deployments.len(), 1);
    assert_eq!(
        deployments[0].rollout_state,
        Some(api::DeploymentRolloutState::Failed)
    );
    assert_eq!(
        (service.running_count, service.pending_count),
        (Some(0), Some(0))
    );
}

#[test]
fn tasks_that_never_start_are_tried_ever_more_slowly() {
    let mut stage = Stage::new();
    let definition = stage.definition(Behaviour::FailsToStart);
    let input = stage.new_service(&definition, 1);
    stage.create(input);
    stage.pass(4 * 3_600);
    let made: Vec<jiff::Timestamp> = {
        let mut all: Vec<_> = stage
            .bench
            .region
            .ecs
            .services
            .values()
            .next()
            .expect("the service")
            .events
            .iter()
            .filter(|event| event.message.contains("has started"))
            .map(|event| event.at)
            .collect();
        all.sort();
        all
    };
    let gaps: Vec<SignedDuration> = made
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]))
        .collect();
    assert!(gaps.is_sorted(), "{gaps:?}");
    let longest = gaps.last().expect("several were tried");
    let most = SignedDuration::from_mins(27);
    assert!(
        *longest >= most && *longest < most + SignedDuration::from_mins(1),
        "{longest}"
    );
    let text = "(service web) is unable to consistently start tasks successfully.";
    assert_eq!(stage.events().iter().filter(|one| *one == text).count(), 1);
    // A new version is tried at once.
    deploy(&mut stage, Behaviour::Well, None);
    stage.pass(60);
    assert_eq!(stage.service("web").running_count, Some(1));
}

#[test]
fn a_task_that_ends_is_replaced_at_once() {
    let mut stage = Stage::new();
    stage.steady(3);
    for cause in [StopCause::EssentialContainerExited, StopCause::Lost] {
        let (id, zone) = stage.tasks().remove(1);
        stage.end(&id, cause);
        stage.pass(60);
        let service = stage.service("web");
        assert_eq!(service.running_count, Some(3));
        let zones: Vec<String> = stage.tasks().into_iter().map(|(_, zone)| zone).collect();
        assert!(zones.contains(&zone), "{zones:?}");
    }
    // Good tasks that end are no failures of the deployment.
    let deployments = stage.service("web").deployments.expect("a list");
    assert_eq!(deployments[0].failed_tasks, Some(0));
}

#[test]
fn an_unhealthy_task_is_replaced_before_it_goes_and_not_within_its_grace() {
    let mut stage = Stage::new();
    let definition = stage.definition(Behaviour::Unhealthy);
    let mut input = stage.new_service(&definition, 1);
    input.health_check_grace_period_seconds = Some(120);
    stage.create(input);
    stage.pass(110);
    let [(first, _)] = stage.tasks().try_into().expect("one task");
    assert!(!stage.events().iter().any(|one| one.contains("unhealthy")));
    stage.pass(30);
    let tasks = stage.tasks();
    assert!(
        tasks.iter().any(|(id, _)| *id == first),
        "it is replaced first"
    );
    assert_eq!(tasks.len(), 2);
    let events = stage.events();
    let told = "(service web) (task T) (port 8080) is unhealthy in (target-group G) due to (reason Health checks failed with these codes: [500]).";
    assert!(events.iter().any(|one| one == told), "{events:#?}");
    let replaced = "(service web) has started 1 tasks: (task T). Amazon ECS replaced 1 tasks due to an unhealthy status.";
    assert!(events.iter().any(|one| one == replaced), "{events:#?}");
}
