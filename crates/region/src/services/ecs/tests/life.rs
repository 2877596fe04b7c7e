//! From making a service to its end, and tasks of nobody's service.

use wire::ecs as api;
use wire::ecs::op;
use world::event::StopCause;

use super::stage::{Behaviour, CLUSTER, SERVICE, Stage};

#[test]
fn a_steady_service_says_so_every_six_hours() {
    let mut stage = Stage::new();
    stage.steady(1);
    stage.pass(25 * 3_600);
    let text = "(service web) has reached a steady state.";
    assert_eq!(stage.events().iter().filter(|one| *one == text).count(), 5);
    assert_eq!(stage.events().len(), 8);
}

#[test]
fn a_service_drains_before_it_is_gone() {
    let mut stage = Stage::new();
    stage.steady(2);
    let delete = |force| api::DeleteServiceRequest {
        cluster: Some(CLUSTER.into()),
        service: "web".into(),
        force: Some(force),
    };
    let (_, message) = stage
        .bench
        .refused::<op::DeleteService>(SERVICE, delete(false));
    assert_eq!(
        message,
        "The service cannot be stopped while it is scaled above 0."
    );
    stage
        .bench
        .call::<op::DeleteService>(SERVICE, delete(true))
        .expect("it is deleted");
    assert_eq!(stage.service("web").status.as_deref(), Some("DRAINING"));
    let definition = stage.definition(Behaviour::Well);
    let input = stage.new_service(&definition, 1);
    let (code, _) = stage
        .bench
        .refused::<op::CreateService>(SERVICE, input.clone());
    assert_eq!(code, "InvalidParameterException");
    stage.pass(120);
    assert_eq!(stage.service("web").status.as_deref(), Some("INACTIVE"));
    assert!(stage.tasks().is_empty());
    // Its name is free again.
    stage.create(input);
    stage.pass(120);
    assert_eq!(stage.service("web").running_count, Some(1));
}

#[test]
fn what_a_service_was_doing_it_does_after_a_restart() {
    let mut stage = Stage::new();
    stage.steady(2);
    let definition = stage.definition(Behaviour::Well);
    stage.update(|input| input.task_definition = Some(definition.clone()));
    stage.pass(7);
    stage.bench.restart();
    stage.pass(180);
    let deployments = stage.service("web").deployments.expect("a list");
    assert_eq!(deployments.len(), 1);
    assert_eq!(deployments[0].task_definition, Some(definition));
}

#[test]
fn time_that_is_moved_waits_for_the_machine_and_not_for_time() {
    let mut stage = Stage::new();
    let doing = |stage: &Stage| {
        let text = stage.bench.region.awaits()?;
        text.split(' ').next_back().map(str::to_owned)
    };
    let definition = stage.definition(Behaviour::Well);
    let input = stage.new_service(&definition, 1);
    stage.create(input);
    assert_eq!(doing(&stage).as_deref(), Some("starts"));
    stage.pass(6);
    assert_eq!(doing(&stage).as_deref(), Some("checked"));
    stage.pass(60);
    assert_eq!(doing(&stage), None);
    stage.update(|input| input.desired_count = Some(0));
    stage.pass(19);
    assert_eq!(stage.service("web").running_count, Some(0));
    assert_eq!(doing(&stage), None, "it drains");
    stage.pass(2);
    assert_eq!(doing(&stage).as_deref(), Some("stops"));
    stage.pass(2);
    assert_eq!(doing(&stage), None);
}

fn run(stage: &mut Stage, definition: &str) -> String {
    let input = api::RunTaskRequest {
        cluster: Some(CLUSTER.into()),
        task_definition: definition.to_owned(),
        launch_type: Some(api::LaunchType::Fargate),
        network_configuration: Some(stage.network_configuration()),
        ..Default::default()
    };
    let answer = stage
        .bench
        .call::<op::RunTask>(SERVICE, input)
        .expect("an answer");
    assert_eq!(answer.failures.map(|all| all.len()), Some(0));
    let task = answer.tasks.expect("a list").remove(0);
    task.task_arn.expect("it has an ARN")
}

fn describe(stage: &mut Stage, arn: &str) -> api::Task {
    let input = api::DescribeTasksRequest {
        cluster: Some(CLUSTER.into()),
        tasks: vec![arn.to_owned()],
        include: None,
    };
    stage
        .bench
        .call::<op::DescribeTasks>(SERVICE, input)
        .expect("an answer")
        .tasks
        .expect("a list")
        .remove(0)
}

#[test]
fn a_task_of_its_own_is_started_once_and_stopped_when_asked() {
    let mut stage = Stage::new();
    let definition = stage.definition(Behaviour::Well);
    let arn = run(&mut stage, &definition);
    stage.pass(30);
    assert_eq!(
        describe(&mut stage, &arn).last_status.as_deref(),
        Some("RUNNING")
    );
    let input = api::StopTaskRequest {
        cluster: Some(CLUSTER.into()),
        task: arn.clone(),
        reason: Some("enough".into()),
    };
    stage
        .bench
        .call::<op::StopTask>(SERVICE, input)
        .expect("it is stopped");
    stage.pass(30);
    let task = describe(&mut stage, &arn);
    assert_eq!(task.last_status.as_deref(), Some("STOPPED"));
    assert_eq!(task.stop_code, Some(api::TaskStopCode::UserInitiated));
    assert_eq!(task.stopped_reason.as_deref(), Some("enough"));

    let arn = run(&mut stage, &definition);
    stage.pass(30);
    let id = arn.rsplit('/').next().expect("its id").to_owned();
    stage.end(&id, StopCause::EssentialContainerExited);
    stage.pass(120);
    let task = describe(&mut stage, &arn);
    assert_eq!(
        task.stop_code,
        Some(api::TaskStopCode::EssentialContainerExited)
    );
    assert_eq!(
        task.stopped_reason.as_deref(),
        Some("Essential container in task exited")
    );
    assert!(stage.tasks().is_empty(), "nobody starts it again");
    let input = api::GetTaskProtectionRequest {
        cluster: CLUSTER.into(),
        tasks: Some(vec![arn, "absent".into()]),
    };
    let answer = stage
        .bench
        .call::<op::GetTaskProtection>(SERVICE, input)
        .expect("an answer");
    let reasons: Vec<Option<String>> = answer
        .failures
        .expect("a list")
        .into_iter()
        .map(|one| one.reason)
        .collect();
    assert_eq!(
        reasons,
        [
            Some("TASK_NOT_VALID".to_owned()),
            Some("MISSING".to_owned())
        ]
    );
}
