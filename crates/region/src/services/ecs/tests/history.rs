//! What is kept of deployments that are over.

use wire::ecs as api;
use wire::ecs::op;

use super::stage::{Behaviour, CLUSTER, SERVICE, Stage};

/// The newest first: the statuses of the service's deployments, with their ARNs.
fn history(stage: &mut Stage) -> Vec<(String, String)> {
    let input = api::ListServiceDeploymentsRequest {
        cluster: Some(CLUSTER.into()),
        service: "web".into(),
        ..Default::default()
    };
    stage
        .bench
        .call::<op::ListServiceDeployments>(SERVICE, input)
        .expect("an answer")
        .service_deployments
        .expect("a list")
        .into_iter()
        .map(|one| {
            let status = one.status.expect("it has one").to_string();
            (status, one.service_deployment_arn.expect("it has an ARN"))
        })
        .collect()
}

fn statuses(stage: &mut Stage) -> Vec<String> {
    history(stage)
        .into_iter()
        .map(|(status, _)| status)
        .collect()
}

fn describe(stage: &mut Stage, arn: &str) -> api::ServiceDeployment {
    let input = api::DescribeServiceDeploymentsRequest {
        service_deployment_arns: vec![arn.to_owned()],
    };
    stage
        .bench
        .call::<op::DescribeServiceDeployments>(SERVICE, input)
        .expect("an answer")
        .service_deployments
        .expect("a list")
        .remove(0)
}

fn deploy(stage: &mut Stage, behaviour: Behaviour) -> String {
    let definition = stage.definition(behaviour);
    stage.update(|input| {
        input.task_definition = Some(definition.clone());
        input.deployment_configuration = Some(api::DeploymentConfiguration {
            deployment_circuit_breaker: Some(api::DeploymentCircuitBreaker {
                enable: true,
                rollback: true,
            }),
            ..Default::default()
        });
    });
    definition
}

#[test]
fn every_deployment_is_told_with_what_it_came_to() {
    let mut stage = Stage::new();
    let first = stage.steady(2);
    assert_eq!(statuses(&mut stage), ["SUCCESSFUL"]);
    let second = deploy(&mut stage, Behaviour::Well);
    assert_eq!(statuses(&mut stage), ["IN_PROGRESS", "SUCCESSFUL"]);
    let (_, arn) = history(&mut stage).remove(0);
    assert_eq!(
        stage.service("web").current_service_deployment.as_ref(),
        Some(&arn)
    );
    stage.pass(120);
    let row = describe(&mut stage, &arn);
    assert_eq!(row.status, Some(api::ServiceDeploymentStatus::Successful));
    assert!(row.finished_at.is_some());
    let target = row.target_service_revision.expect("it has a target");
    assert_eq!(
        (target.requested_task_count, target.running_task_count),
        (Some(2), Some(2))
    );
    let source = row.source_service_revisions.expect("a list").remove(0);
    let input = api::DescribeServiceRevisionsRequest {
        service_revision_arns: vec![
            target.arn.expect("its ARN"),
            source.arn.expect("its ARN"),
            "arn:absent".into(),
        ],
    };
    let answer = stage
        .bench
        .call::<op::DescribeServiceRevisions>(SERVICE, input)
        .expect("an answer");
    let revisions = answer.service_revisions.expect("a list");
    let definitions: Vec<_> = revisions
        .iter()
        .map(|one| one.task_definition.clone())
        .collect();
    assert_eq!(definitions, [Some(second), Some(first)]);
    let images = revisions[0].container_images.as_ref().expect("a list");
    assert!(
        images[0]
            .image_digest
            .as_ref()
            .is_some_and(|one| one.starts_with("sha256:"))
    );
    assert_eq!(
        answer.failures.expect("a list")[0].reason.as_deref(),
        Some("MISSING")
    );
}

#[test]
fn a_rollback_is_part_of_the_deployment_that_failed() {
    let mut stage = Stage::new();
    stage.steady(2);
    deploy(&mut stage, Behaviour::FailsToStart);
    stage.pass(900);
    assert_eq!(statuses(&mut stage), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
    let (_, arn) = history(&mut stage).remove(0);
    let rollback = describe(&mut stage, &arn)
        .rollback
        .expect("it was rolled back");
    let (_, first) = history(&mut stage).remove(1);
    let first = describe(&mut stage, &first);
    assert_eq!(
        rollback.service_revision_arn,
        first.target_service_revision.and_then(|one| one.arn)
    );
    deploy(&mut stage, Behaviour::Well);
    deploy(&mut stage, Behaviour::Well);
    stage.pass(120);
    assert_eq!(
        statuses(&mut stage),
        ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    );
}

#[test]
fn a_deployment_is_stopped_by_hand() {
    let mut stage = Stage::new();
    let good = stage.steady(2);
    deploy(&mut stage, Behaviour::Well);
    let (_, arn) = history(&mut stage).remove(0);
    let stop = api::StopServiceDeploymentRequest {
        service_deployment_arn: arn.clone(),
        stop_type: Some(api::StopServiceDeploymentStopType::Rollback),
    };
    stage
        .bench
        .call::<op::StopServiceDeployment>(SERVICE, stop.clone())
        .expect("it is stopped");
    stage.pass(180);
    assert_eq!(statuses(&mut stage), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
    let service = stage.service("web");
    assert_eq!(service.task_definition, Some(good));
    assert_eq!(service.running_count, Some(2));
    let (code, _) = stage
        .bench
        .refused::<op::StopServiceDeployment>(SERVICE, stop);
    assert_eq!(code, "ConflictException");
}
