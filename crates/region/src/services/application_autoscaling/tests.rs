//! Application Auto Scaling as its callers see it, over a service whose tasks come and go.

use jiff::{SignedDuration, Timestamp};
use wire::application_autoscaling::{self as api, op};
use wire::cloudwatch::StateValue;

use super::policy::{Breach, invoke};
use crate::services::ecs::tests::stage::Stage;

const SERVICE: &str = "application_autoscaling";
const RESOURCE: &str = "service/main/web";
const DIMENSION: api::ScalableDimension = api::ScalableDimension::EcsServiceDesiredCount;

fn bounds(min: i64, max: i64) -> api::RegisterScalableTargetRequest {
    api::RegisterScalableTargetRequest {
        resource_id: RESOURCE.into(),
        scalable_dimension: DIMENSION,
        min_capacity: Some(min),
        max_capacity: Some(max),
        ..Default::default()
    }
}

fn register(stage: &mut Stage, input: api::RegisterScalableTargetRequest) -> String {
    stage
        .bench
        .call::<op::RegisterScalableTarget>(SERVICE, input)
        .expect("it is registered")
        .scalable_target_arn
        .expect("it has an ARN")
}

/// A service with so many tasks between bounds.
fn scaled(desired: i64, min: i64, max: i64) -> Stage {
    let mut stage = Stage::new();
    stage.steady(desired);
    register(&mut stage, bounds(min, max));
    stage
}

fn tracking(name: &str, metric: api::MetricType, target: f64) -> api::PutScalingPolicyRequest {
    api::PutScalingPolicyRequest {
        policy_name: name.into(),
        policy_type: Some(api::PolicyType::TargetTrackingScaling),
        resource_id: RESOURCE.into(),
        scalable_dimension: DIMENSION,
        target_tracking_scaling_policy_configuration: Some(
            api::TargetTrackingScalingPolicyConfiguration {
                predefined_metric_specification: Some(api::PredefinedMetricSpecification {
                    predefined_metric_type: metric,
                    resource_label: None,
                }),
                target_value: target,
                scale_in_cooldown: Some(300),
                scale_out_cooldown: Some(60),
                ..Default::default()
            },
        ),
        ..Default::default()
    }
}

fn cpu() -> api::PutScalingPolicyRequest {
    tracking(
        "cpu",
        api::MetricType::ECSServiceAverageCPUUtilization,
        60.0,
    )
}

/// Lower bound, upper bound, adjustment.
type Rung = (Option<f64>, Option<f64>, i64);

fn stepping(name: &str, steps: &[Rung]) -> api::PutScalingPolicyRequest {
    api::PutScalingPolicyRequest {
        policy_name: name.into(),
        policy_type: Some(api::PolicyType::StepScaling),
        resource_id: RESOURCE.into(),
        scalable_dimension: DIMENSION,
        step_scaling_policy_configuration: Some(api::StepScalingPolicyConfiguration {
            adjustment_type: Some(api::AdjustmentType::ChangeInCapacity),
            cooldown: Some(60),
            metric_aggregation_type: Some(api::MetricAggregationType::Maximum),
            min_adjustment_magnitude: None,
            step_adjustments: Some(
                steps
                    .iter()
                    .map(|(lower, upper, adjustment)| api::StepAdjustment {
                        metric_interval_lower_bound: *lower,
                        metric_interval_upper_bound: *upper,
                        scaling_adjustment: *adjustment,
                    })
                    .collect(),
            ),
        }),
        ..Default::default()
    }
}

fn put(stage: &mut Stage, input: api::PutScalingPolicyRequest) -> String {
    stage
        .bench
        .call::<op::PutScalingPolicy>(SERVICE, input)
        .expect("it is put")
        .policy_arn
        .expect("it has an ARN")
}

fn action(
    name: &str,
    schedule: &str,
    min: Option<i64>,
    max: Option<i64>,
) -> api::PutScheduledActionRequest {
    api::PutScheduledActionRequest {
        scheduled_action_name: name.into(),
        resource_id: RESOURCE.into(),
        scalable_dimension: DIMENSION,
        schedule: Some(schedule.into()),
        scalable_target_action: Some(api::ScalableTargetAction {
            min_capacity: min,
            max_capacity: max,
        }),
        ..Default::default()
    }
}

fn schedule(stage: &mut Stage, input: api::PutScheduledActionRequest) {
    stage
        .bench
        .call::<op::PutScheduledAction>(SERVICE, input)
        .expect("it is put");
}

fn targets(stage: &mut Stage) -> Vec<api::ScalableTarget> {
    stage
        .bench
        .call::<op::DescribeScalableTargets>(
            SERVICE,
            api::DescribeScalableTargetsRequest::default(),
        )
        .expect("an answer")
        .scalable_targets
        .expect("a list")
}

fn policies(stage: &mut Stage) -> Vec<api::ScalingPolicy> {
    stage
        .bench
        .call::<op::DescribeScalingPolicies>(
            SERVICE,
            api::DescribeScalingPoliciesRequest::default(),
        )
        .expect("an answer")
        .scaling_policies
        .expect("a list")
}

fn actions(stage: &mut Stage) -> Vec<api::ScheduledAction> {
    stage
        .bench
        .call::<op::DescribeScheduledActions>(
            SERVICE,
            api::DescribeScheduledActionsRequest::default(),
        )
        .expect("an answer")
        .scheduled_actions
        .expect("a list")
}

/// The newest first: description, cause, status.
fn activities(stage: &mut Stage, all: bool) -> Vec<[String; 3]> {
    let input = api::DescribeScalingActivitiesRequest {
        resource_id: Some(RESOURCE.into()),
        include_not_scaled_activities: Some(all),
        ..Default::default()
    };
    stage
        .bench
        .call::<op::DescribeScalingActivities>(SERVICE, input)
        .expect("an answer")
        .scaling_activities
        .expect("a list")
        .into_iter()
        .map(|one| {
            let reason = one
                .not_scaled_reasons
                .and_then(|mut all| all.remove(0).code);
            [
                one.description.unwrap_or_default(),
                one.cause.unwrap_or_default(),
                reason.unwrap_or_else(|| {
                    one.status_code
                        .map(|code| code.to_string())
                        .unwrap_or_default()
                }),
            ]
        })
        .collect()
}

fn desired(stage: &mut Stage) -> i64 {
    stage.service("web").desired_count.expect("it has one")
}

/// The name of a tracking policy's alarm.
fn alarm(stage: &Stage, policy: &str, high: bool) -> String {
    let key = (RESOURCE.to_owned(), policy.to_owned());
    match &stage
        .bench
        .region
        .application_autoscaling
        .policies
        .get(&key)
        .expect("it is there")
        .kind
    {
        super::state::PolicyKind::Tracking {
            high: name, low, ..
        } => {
            if high {
                name.clone()
            } else {
                low.clone().expect("it scales in")
            }
        }
        super::state::PolicyKind::Step(_) => panic!("{policy} has no alarms of its own"),
    }
}

fn breach(stage: &mut Stage, arn: &str, alarm_name: &str, threshold: f64, datapoints: &[f64]) {
    let breach = Breach {
        alarm_name: alarm_name.to_owned(),
        state: StateValue::Alarm,
        datapoints: datapoints.to_vec(),
        threshold,
    };
    stage
        .bench
        .write(|region, context| {
            invoke(region, context, arn, &breach);
            Ok(())
        })
        .expect("nothing is refused");
}

#[test]
fn a_target_is_told_as_the_provider_needs_it() {
    let mut stage = Stage::new();
    stage.steady(2);
    let mut input = bounds(1, 4);
    input.tags = Some([("team".to_owned(), "web".to_owned())].into());
    let arn = register(&mut stage, input);
    assert!(
        arn.starts_with(
            "arn:aws:application-autoscaling:eu-central-1:000000000000:scalable-target/"
        )
    );
    stage.bench.restart();
    let shown = targets(&mut stage).remove(0);
    assert_eq!(shown.resource_id.as_deref(), Some(RESOURCE));
    assert_eq!((shown.min_capacity, shown.max_capacity), (Some(1), Some(4)));
    assert_eq!(
        shown.role_arn.as_deref(),
        Some(
            "arn:aws:iam::000000000000:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
        )
    );
    assert_eq!(shown.scalable_target_arn.as_deref(), Some(arn.as_str()));
    let input = api::ListTagsForResourceRequest {
        resource_arn: arn.clone(),
    };
    let tags = stage.bench.call::<op::ListTagsForResource>(SERVICE, input);
    assert_eq!(
        tags.expect("tags").tags,
        Some([("team".to_owned(), "web".to_owned())].into())
    );
    // Only what is given is changed, and nobody is scaled who is within the bounds.
    let mut input = bounds(0, 0);
    input.min_capacity = None;
    input.max_capacity = Some(6);
    assert_eq!(register(&mut stage, input), arn);
    let shown = targets(&mut stage).remove(0);
    assert_eq!((shown.min_capacity, shown.max_capacity), (Some(1), Some(6)));
    assert_eq!(desired(&mut stage), 2);
    assert!(activities(&mut stage, true).is_empty());
}

#[test]
fn bounds_pull_the_desired_count_in() {
    let mut stage = scaled(2, 3, 5);
    assert_eq!(desired(&mut stage), 3);
    assert_eq!(
        activities(&mut stage, false),
        [[
            "Setting desired count to 3.".to_owned(),
            "minimum capacity was set to 3".to_owned(),
            "InProgress".to_owned()
        ]]
    );
    stage.pass(60);
    assert_eq!(activities(&mut stage, false)[0][2], "Successful");
    register(&mut stage, bounds(4, 6));
    register(&mut stage, bounds(5, 6));
    assert_eq!(desired(&mut stage), 5);
    register(&mut stage, bounds(0, 0));
    assert_eq!(desired(&mut stage), 0);
    let all = activities(&mut stage, false);
    assert_eq!(
        all[0],
        [
            "Setting desired count to 0.",
            "maximum capacity was set to 0",
            "Successful"
        ]
        .map(str::to_owned)
    );
    // Those before had not come to their end.
    assert_eq!(
        (all[1][2].as_str(), all[2][2].as_str()),
        ("Overridden", "Overridden")
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let mut stage = scaled(1, 1, 4);
    let code = |(code, _): (String, String)| code;
    let cases = [
        ("service/main/other", Some(1), Some(2)),
        ("service/main", Some(1), Some(2)),
        (RESOURCE, Some(5), None),
        (RESOURCE, Some(-1), Some(2)),
    ];
    for (id, min, max) in cases {
        let mut input = bounds(0, 0);
        input.resource_id = id.into();
        (input.min_capacity, input.max_capacity) = (min, max);
        let refused = stage
            .bench
            .refused::<op::RegisterScalableTarget>(SERVICE, input);
        assert_eq!(code(refused), "ValidationException", "{id}");
    }
    let mut input = bounds(1, 2);
    input.resource_id = "service/main/gone".into();
    let (_, message) = stage
        .bench
        .refused::<op::RegisterScalableTarget>(SERVICE, input);
    assert_eq!(message, "ECS service doesn't exist: service/main/gone");

    let mut input = cpu();
    input.resource_id = "service/main/gone".into();
    let (code, message) = stage.bench.refused::<op::PutScalingPolicy>(SERVICE, input);
    assert_eq!(code, "ObjectNotFoundException");
    assert_eq!(
        message,
        "No scalable target registered for service namespace: ecs, resource ID: service/main/gone, scalable dimension: ecs:service:DesiredCount"
    );
    put(&mut stage, cpu());
    let mut twin = cpu();
    twin.policy_name = "twin".into();
    let ladders: [&[Rung]; 7] = [
        &[],
        &[(None, None, 1)],
        &[(Some(0.0), Some(10.0), 1)],
        &[(Some(-5.0), None, 1)],
        &[(Some(0.0), Some(10.0), 1), (Some(12.0), None, 2)],
        &[(Some(0.0), Some(10.0), 1), (Some(8.0), None, 2)],
        &[(Some(0.0), None, 1), (Some(10.0), None, 2)],
    ];
    let mut bad: Vec<api::PutScalingPolicyRequest> = ladders
        .iter()
        .map(|steps| stepping("steps", steps))
        .collect();
    bad.push(twin);
    bad.push(tracking(
        "rds",
        api::MetricType::RDSReaderAverageCPUUtilization,
        60.0,
    ));
    bad.push(tracking(
        "requests",
        api::MetricType::ALBRequestCountPerTarget,
        60.0,
    ));
    bad.push(tracking(
        "memory",
        api::MetricType::ECSServiceAverageMemoryUtilization,
        0.0,
    ));
    for input in bad {
        let name = format!("{input:?}");
        let (code, _) = stage.bench.refused::<op::PutScalingPolicy>(SERVICE, input);
        assert_eq!(code, "ValidationException", "{name}");
    }
    let mut bad = vec![
        action("night", "cron(0 18 * * * *)", Some(0), Some(0)),
        action("night", "rate(5 fortnights)", Some(0), Some(0)),
        action("night", "rate(5 minutes)", None, None),
        action("night", "rate(5 minutes)", Some(3), Some(2)),
    ];
    bad.push(api::PutScheduledActionRequest {
        timezone: Some("Mars/Base".into()),
        ..action("night", "rate(5 minutes)", Some(1), None)
    });
    for input in bad {
        let (code, message) = stage
            .bench
            .refused::<op::PutScheduledAction>(SERVICE, input);
        assert_eq!(code, "ValidationException", "{message}");
    }
}

#[test]
fn policies_and_actions_are_told_as_they_were_put() {
    let mut stage = scaled(1, 1, 4);
    let arn = put(&mut stage, cpu());
    let tail = arn
        .strip_prefix("arn:aws:autoscaling:eu-central-1:000000000000:scalingPolicy:")
        .expect(&arn);
    assert!(
        tail.ends_with(":resource/ecs/service/main/web:policyName/cpu"),
        "{arn}"
    );
    let steps = stepping(
        "steps",
        &[(Some(0.0), Some(10.0), 1), (Some(10.0), None, 3)],
    );
    put(&mut stage, steps.clone());
    schedule(
        &mut stage,
        action("night", "cron(0 18 ? * MON-FRI *)", Some(0), Some(0)),
    );
    stage.bench.restart();
    let shown = policies(&mut stage);
    assert_eq!(shown.len(), 2);
    let configuration = shown[0]
        .target_tracking_scaling_policy_configuration
        .clone()
        .expect("it tracks");
    assert_eq!(configuration.scale_in_cooldown, Some(300));
    assert_eq!(configuration.disable_scale_in, Some(false));
    assert!(wire::shape::same(
        &shown[1]
            .step_scaling_policy_configuration
            .clone()
            .expect("it steps"),
        &steps
            .step_scaling_policy_configuration
            .expect("it was given"),
    ));
    let night = actions(&mut stage).remove(0);
    assert_eq!(night.timezone.as_deref(), Some("UTC"));
    assert_eq!(night.schedule.as_deref(), Some("cron(0 18 ? * MON-FRI *)"));
    // Put again, it keeps its ARN; start and end go where they are not given again.
    assert_eq!(put(&mut stage, cpu()), arn);
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a moment");
    let mut bounded = action("night", "cron(0 18 ? * MON-FRI *)", Some(0), Some(0));
    bounded.start_time = Some(start);
    schedule(&mut stage, bounded);
    assert_eq!(actions(&mut stage)[0].start_time, Some(start));
    schedule(
        &mut stage,
        action("night", "cron(0 19 ? * MON-FRI *)", Some(0), None),
    );
    let again = actions(&mut stage).remove(0);
    assert_eq!(
        (again.start_time, again.scheduled_action_arn),
        (None, night.scheduled_action_arn)
    );
    // All of it goes with the target.
    let input = api::DeregisterScalableTargetRequest {
        resource_id: RESOURCE.into(),
        scalable_dimension: DIMENSION,
        ..Default::default()
    };
    stage
        .bench
        .call::<op::DeregisterScalableTarget>(SERVICE, input.clone())
        .expect("it goes");
    assert!(
        policies(&mut stage).is_empty()
            && actions(&mut stage).is_empty()
            && targets(&mut stage).is_empty()
    );
    let (code, _) = stage
        .bench
        .refused::<op::DeregisterScalableTarget>(SERVICE, input);
    assert_eq!(code, "ObjectNotFoundException");
}

#[test]
fn office_hours_are_kept_every_day_also_over_a_leap() {
    // It is Monday, 08:00.
    let mut stage = scaled(2, 2, 4);
    schedule(
        &mut stage,
        action("evening", "cron(0 18 ? * MON-FRI *)", Some(0), Some(0)),
    );
    schedule(
        &mut stage,
        action("morning", "cron(0 8 ? * MON-FRI *)", Some(2), Some(4)),
    );
    stage.pass(10 * 3_600);
    assert_eq!(desired(&mut stage), 0);
    stage.pass(600);
    assert_eq!(stage.service("web").running_count, Some(0));
    let [zero, bounds] = [0, 1].map(|at| activities(&mut stage, false)[at].clone());
    assert_eq!(
        zero,
        [
            "Setting desired count to 0.",
            "maximum capacity was set to 0",
            "Successful"
        ]
        .map(str::to_owned)
    );
    assert_eq!(
        bounds,
        [
            "Setting min capacity to 0 and max capacity to 0",
            "scheduled action name evening was triggered",
            "Successful"
        ]
        .map(str::to_owned)
    );
    stage.pass(14 * 3_600);
    assert_eq!(stage.service("web").running_count, Some(2));
    // From Tuesday to Saturday noon in one leap: the evenings and mornings come in their order.
    stage.bench.pass(SignedDuration::from_hours(4 * 24 + 4));
    assert_eq!(desired(&mut stage), 0);
    let triggered: Vec<String> = activities(&mut stage, false)
        .into_iter()
        .filter_map(|[_, cause, _]| {
            let name = cause
                .strip_prefix("scheduled action name ")?
                .strip_suffix(" was triggered")?;
            Some(name.to_owned())
        })
        .collect();
    assert_eq!(
        triggered,
        [
            "evening", "morning", "evening", "morning", "evening", "morning", "evening", "morning",
            "evening"
        ]
    );
}

#[test]
fn missed_runs_are_made_up_for_in_order() {
    let mut stage = scaled(2, 1, 9);
    schedule(&mut stage, action("up", "cron(0 9 * * ? *)", Some(5), None));
    schedule(
        &mut stage,
        action("down", "cron(30 9 * * ? *)", Some(2), Some(3)),
    );
    schedule(
        &mut stage,
        action("late", "at(2026-01-05T10:00:00)", None, Some(2)),
    );
    // Nothing looks until all are past.
    stage.bench.now += SignedDuration::from_hours(3);
    stage.bench.write(|_, _| Ok(())).expect("it settles");
    assert_eq!(desired(&mut stage), 2);
    let described: Vec<String> = activities(&mut stage, false)
        .into_iter()
        .map(|[text, ..]| text)
        .collect();
    assert_eq!(
        described,
        [
            "Setting desired count to 2.",
            "Setting max capacity to 2",
            "Setting desired count to 3.",
            "Setting min capacity to 2 and max capacity to 3",
            "Setting desired count to 5.",
            "Setting min capacity to 5",
        ]
    );
}

#[test]
fn suspended_schedules_are_left_out_for_good() {
    let mut stage = scaled(2, 1, 4);
    schedule(
        &mut stage,
        action("up", "at(2026-01-05T09:00:00)", Some(3), None),
    );
    let suspend = |scheduled| {
        let mut input = bounds(1, 4);
        input.suspended_state = Some(api::SuspendedState {
            scheduled_scaling_suspended: Some(scheduled),
            ..Default::default()
        });
        input
    };
    register(&mut stage, suspend(true));
    stage.pass(2 * 3_600);
    register(&mut stage, suspend(false));
    stage.pass(3_600);
    assert_eq!(desired(&mut stage), 2);
    assert!(activities(&mut stage, true).is_empty());
}

#[test]
fn tracking_scales_out_at_once_and_in_with_care() {
    let mut stage = scaled(2, 1, 10);
    let arn = put(&mut stage, cpu());
    let (high, low) = (alarm(&stage, "cpu", true), alarm(&stage, "cpu", false));
    let action = format!("{arn}:createdBy/1234");
    breach(&mut stage, &action, &high, 60.0, &[70.0, 80.0, 90.0]);
    assert_eq!(desired(&mut stage), 3);
    assert_eq!(
        activities(&mut stage, true)[0],
        [
            "Setting desired count to 3.".to_owned(),
            format!("monitor alarm {high} in state ALARM triggered policy cpu"),
            "InProgress".to_owned()
        ]
    );
    // A minute later the new task runs, and the load with it.
    stage.pass(60);
    assert_eq!(activities(&mut stage, true)[0][2], "Successful");
    breach(&mut stage, &action, &high, 60.0, &[90.0, 90.0, 100.0]);
    assert_eq!(desired(&mut stage), 5);
    stage.pass(60);
    // In: by the highest of the quarter of an hour; once within the cooldown; never to flap.
    breach(&mut stage, &action, &low, 54.0, &[34.0, 10.0, 10.0]);
    assert_eq!(desired(&mut stage), 3);
    stage.pass(60);
    breach(&mut stage, &action, &low, 54.0, &[10.0]);
    assert_eq!(desired(&mut stage), 3);
    stage.pass(300);
    breach(&mut stage, &action, &low, 54.0, &[45.0]);
    assert_eq!(desired(&mut stage), 3);
    assert_eq!(
        activities(&mut stage, true)[0][2],
        "AutoScalingAnticipatedFlapping"
    );
    let before = activities(&mut stage, true).len();
    stage.pass(60);
    breach(&mut stage, &action, &low, 54.0, &[45.0]);
    assert_eq!(
        activities(&mut stage, true).len(),
        before,
        "the same is not said twice"
    );
    assert_eq!(activities(&mut stage, false).len(), 3);
}

#[test]
fn tracking_scales_in_only_where_every_policy_agrees() {
    let mut stage = scaled(4, 1, 10);
    let cpu = put(&mut stage, cpu());
    let memory = put(
        &mut stage,
        tracking(
            "memory",
            api::MetricType::ECSServiceAverageMemoryUtilization,
            50.0,
        ),
    );
    let (cpu_low, memory_low) = (alarm(&stage, "cpu", false), alarm(&stage, "memory", false));
    breach(&mut stage, &cpu, &cpu_low, 54.0, &[10.0]);
    assert_eq!(desired(&mut stage), 4, "memory has not asked");
    breach(&mut stage, &memory, &memory_low, 45.0, &[30.0]);
    assert_eq!(desired(&mut stage), 3, "the larger of one and three");
    // One that never scales in is not asked.
    stage.pass(600);
    let mut never = tracking(
        "memory",
        api::MetricType::ECSServiceAverageMemoryUtilization,
        50.0,
    );
    if let Some(configuration) = &mut never.target_tracking_scaling_policy_configuration {
        configuration.disable_scale_in = Some(true);
    }
    put(&mut stage, never);
    breach(&mut stage, &memory, &memory_low, 45.0, &[1.0]);
    assert_eq!(desired(&mut stage), 3);
    breach(&mut stage, &cpu, &cpu_low, 54.0, &[10.0]);
    assert_eq!(desired(&mut stage), 1);
}

#[test]
fn steps_add_up_and_suspension_holds_them() {
    let mut stage = scaled(2, 1, 6);
    let arn = put(
        &mut stage,
        stepping("up", &[(Some(0.0), Some(20.0), 1), (Some(20.0), None, 3)]),
    );
    breach(&mut stage, &arn, "busy", 70.0, &[75.0]);
    assert_eq!(desired(&mut stage), 3);
    breach(&mut stage, &arn, "busy", 70.0, &[80.0]);
    assert_eq!(desired(&mut stage), 3);
    breach(&mut stage, &arn, "busy", 70.0, &[95.0]);
    assert_eq!(desired(&mut stage), 5, "three instead of one");
    stage.pass(120);
    let suspend = |out| {
        let mut input = bounds(1, 6);
        input.suspended_state = Some(api::SuspendedState {
            dynamic_scaling_out_suspended: Some(out),
            ..Default::default()
        });
        input
    };
    register(&mut stage, suspend(true));
    breach(&mut stage, &arn, "busy", 70.0, &[95.0]);
    assert_eq!(desired(&mut stage), 5);
    register(&mut stage, suspend(false));
    breach(&mut stage, &arn, "busy", 70.0, &[95.0]);
    assert_eq!(desired(&mut stage), 6);
    stage.pass(120);
    breach(&mut stage, &arn, "busy", 70.0, &[95.0]);
    assert_eq!(activities(&mut stage, true)[0][2], "AlreadyAtMaxCapacity");
    // An alarm that is over, or a policy that is gone, does nothing.
    breach(
        &mut stage,
        "arn:aws:autoscaling:eu-central-1:000000000000:scalingPolicy:none",
        "busy",
        70.0,
        &[95.0],
    );
    assert_eq!(desired(&mut stage), 6);
}

#[test]
fn nothing_scales_in_during_a_deployment() {
    let mut stage = scaled(4, 1, 10);
    let arn = put(&mut stage, cpu());
    let low = alarm(&stage, "cpu", false);
    stage.update(|input| input.force_new_deployment = Some(true));
    breach(&mut stage, &arn, &low, 54.0, &[10.0]);
    assert_eq!(desired(&mut stage), 4);
    assert_eq!(
        activities(&mut stage, true)[0][2],
        "TargetServicePutResourceAsUnscalable"
    );
    stage.pass(180);
    breach(&mut stage, &arn, &low, 54.0, &[10.0]);
    assert_eq!(desired(&mut stage), 1);
}

#[test]
fn activities_come_in_pages_and_are_kept_six_weeks() {
    let mut stage = scaled(2, 1, 9);
    for min in [3, 4, 5] {
        register(&mut stage, bounds(min, 9));
        stage.pass(120);
    }
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let input = api::DescribeScalingActivitiesRequest {
            max_results: Some(2),
            next_token: token,
            ..Default::default()
        };
        let page = stage
            .bench
            .call::<op::DescribeScalingActivities>(SERVICE, input)
            .expect("a page");
        seen.extend(
            page.scaling_activities
                .expect("a list")
                .into_iter()
                .map(|one| one.cause.unwrap_or_default()),
        );
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(
        seen,
        [5, 4, 3].map(|min| format!("minimum capacity was set to {min}"))
    );
    let input = api::DescribeScalingActivitiesRequest {
        next_token: Some("!".into()),
        ..Default::default()
    };
    let (code, _) = stage
        .bench
        .refused::<op::DescribeScalingActivities>(SERVICE, input);
    assert_eq!(code, "InvalidNextTokenException");
    stage.bench.pass(SignedDuration::from_hours(6 * 7 * 24));
    assert!(activities(&mut stage, true).is_empty());
}

/// Measures the service's CPU for so many minutes, one datapoint each.
fn busy(stage: &mut Stage, minutes: i64, percent: impl Fn(i64) -> f64) {
    use crate::services::cloudwatch::metric::{Measured, Sample, record};
    for _ in 0..minutes {
        let running = stage.service("web").running_count.unwrap_or_default();
        let sample = Sample {
            namespace: "AWS/ECS".into(),
            name: "CPUUtilization".into(),
            dimensions: vec![
                ("ClusterName".into(), "main".into()),
                ("ServiceName".into(), "web".into()),
            ],
            unit: wire::cloudwatch::StandardUnit::Percent,
            at: stage.bench.now,
            high_resolution: false,
            measured: Measured::Value(percent(running)),
        };
        stage
            .bench
            .write(|region, context| {
                record(region, context, &sample);
                Ok(())
            })
            .expect("it is kept");
        stage.pass(60);
    }
}

#[test]
fn a_policy_owns_its_two_alarms() {
    let mut stage = scaled(2, 1, 8);
    let arn = put(&mut stage, cpu());
    let names = [alarm(&stage, "cpu", true), alarm(&stage, "cpu", false)];
    assert!(
        names[0].starts_with("TargetTracking-service/main/web-AlarmHigh-"),
        "{}",
        names[0]
    );
    assert!(
        names[1].starts_with("TargetTracking-service/main/web-AlarmLow-"),
        "{}",
        names[1]
    );
    let input = wire::cloudwatch::DescribeAlarmsInput {
        alarm_names: Some(names.to_vec()),
        ..Default::default()
    };
    let describe = |stage: &mut Stage| {
        stage
            .bench
            .call::<wire::cloudwatch::op::DescribeAlarms>("cloudwatch", input.clone())
            .expect("an answer")
            .metric_alarms
            .expect("a list")
    };
    let found = describe(&mut stage);
    let shown: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one.threshold,
                one.evaluation_periods,
                one.period,
                one.metric_name.clone(),
            )
        })
        .collect();
    let metric = Some("CPUUtilization".to_owned());
    assert_eq!(
        shown,
        [
            (Some(60.0), Some(3), Some(60), metric.clone()),
            (Some(54.0), Some(15), Some(60), metric)
        ]
    );
    let action = &found[0].alarm_actions.as_ref().expect("it has one")[0];
    assert!(action.starts_with(&format!("{arn}:createdBy/")), "{action}");
    assert_eq!(
        found[0].alarm_description,
        Some(format!(
            "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}."
        ))
    );
    assert_eq!(
        policies(&mut stage)[0].alarms.as_ref().map(Vec::len),
        Some(2)
    );
    // Without scaling in there is no low one; without the policy there is none.
    let mut never = cpu();
    if let Some(configuration) = &mut never.target_tracking_scaling_policy_configuration {
        configuration.disable_scale_in = Some(true);
    }
    put(&mut stage, never);
    assert_eq!(describe(&mut stage).len(), 1);
    let input = api::DeleteScalingPolicyRequest {
        policy_name: "cpu".into(),
        resource_id: RESOURCE.into(),
        scalable_dimension: DIMENSION,
        ..Default::default()
    };
    stage
        .bench
        .call::<op::DeleteScalingPolicy>(SERVICE, input)
        .expect("it is deleted");
    assert!(describe(&mut stage).is_empty());
}

#[test]
fn load_scales_a_service_out_and_its_end_scales_it_in() {
    let mut stage = scaled(2, 1, 8);
    let mut policy = cpu();
    if let Some(configuration) = &mut policy.target_tracking_scaling_policy_configuration {
        configuration.scale_out_cooldown = Some(180);
    }
    put(&mut stage, policy);
    // As much work as keeps four tasks at 60 %, shared by those that run.
    let work =
        |running: i64| (240.0 / f64::from(i32::try_from(running.max(1)).expect("few"))).min(100.0);
    busy(&mut stage, 20, work);
    assert_eq!(desired(&mut stage), 4);
    busy(&mut stage, 45, |_| 10.0);
    assert_eq!(desired(&mut stage), 1);
    // Each step was a scaling of its own, and none is left open.
    let all = activities(&mut stage, false);
    assert!(
        all.iter()
            .all(|[_, cause, _]| cause.contains("triggered policy cpu")),
        "{all:#?}"
    );
    assert!(
        all.iter().all(|[_, _, status]| status != "InProgress"),
        "{all:#?}"
    );
}

#[test]
fn an_alarm_of_ones_own_calls_a_step_policy() {
    let mut stage = scaled(1, 1, 6);
    let arn = put(
        &mut stage,
        stepping("up", &[(Some(0.0), Some(20.0), 1), (Some(20.0), None, 3)]),
    );
    let input = wire::cloudwatch::PutMetricAlarmInput {
        alarm_name: "busy".into(),
        namespace: Some("AWS/ECS".into()),
        metric_name: Some("CPUUtilization".into()),
        dimensions: Some(vec![
            wire::cloudwatch::Dimension {
                name: "ClusterName".into(),
                value: "main".into(),
            },
            wire::cloudwatch::Dimension {
                name: "ServiceName".into(),
                value: "web".into(),
            },
        ]),
        statistic: Some(wire::cloudwatch::Statistic::Average),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(70.0),
        comparison_operator: Some(
            wire::cloudwatch::ComparisonOperator::GreaterThanOrEqualToThreshold,
        ),
        alarm_actions: Some(vec![arn]),
        ..Default::default()
    };
    stage
        .bench
        .call::<wire::cloudwatch::op::PutMetricAlarm>("cloudwatch", input)
        .expect("it is put");
    let told = policies(&mut stage)[0].alarms.clone().expect("a list");
    assert_eq!(told[0].alarm_name.as_deref(), Some("busy"));
    busy(&mut stage, 3, |_| 95.0);
    assert!(desired(&mut stage) >= 4);
}

/// Tells how much waits to be done, in one datapoint.
fn waiting(stage: &mut Stage, value: f64) {
    let datum = wire::cloudwatch::MetricDatum {
        metric_name: "Waiting".into(),
        value: Some(value),
        ..Default::default()
    };
    let input = wire::cloudwatch::PutMetricDataInput {
        namespace: "Shop".into(),
        metric_data: Some(vec![datum]),
        ..Default::default()
    };
    stage
        .bench
        .call::<wire::cloudwatch::op::PutMetricData>("cloudwatch", input)
        .expect("it is kept");
}

#[test]
fn one_datapoint_of_demand_starts_the_first_task() {
    let mut stage = scaled(1, 0, 4);
    let mut policy = cpu();
    policy.policy_name = "waiting".into();
    if let Some(configuration) = &mut policy.target_tracking_scaling_policy_configuration {
        configuration.predefined_metric_specification = None;
        configuration.customized_metric_specification = Some(api::CustomizedMetricSpecification {
            namespace: Some("Shop".into()),
            metric_name: Some("Waiting".into()),
            statistic: Some(api::MetricStatistic::Average),
            ..Default::default()
        });
    }
    put(&mut stage, policy);
    put(&mut stage, cpu());
    // What the last task used is no demand.
    busy(&mut stage, 1, |_| 50.0);
    stage.update(|input| input.desired_count = Some(0));
    stage.pass(120);
    assert_eq!(desired(&mut stage), 0);
    waiting(&mut stage, 0.0);
    stage.pass(120);
    assert_eq!(desired(&mut stage), 0);
    assert!(activities(&mut stage, true).is_empty());
    // Closed is closed.
    register(&mut stage, bounds(0, 0));
    waiting(&mut stage, 500.0);
    stage.pass(120);
    assert_eq!(desired(&mut stage), 0);
    register(&mut stage, bounds(0, 4));
    waiting(&mut stage, 500.0);
    stage.pass(70);
    assert_eq!(desired(&mut stage), 1, "the smallest step, whatever waits");
    assert_eq!(
        activities(&mut stage, true)[0][1],
        "a datapoint of 500 showed demand at zero capacity to policy waiting"
    );
}
