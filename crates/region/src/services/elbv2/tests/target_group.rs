use wire::elbv2::{self as api, op};

use super::{balancer, forward, group, listener, new_group, place};
use crate::services::ec2::tests::lab::Lab;

#[test]
fn defaults_are_aws_s() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let input = api::CreateTargetGroupInput {
        // As the provider sends a member it has no value for.
        protocol_version: Some(String::new()),
        ..new_group(&place.vpc, "web")
    };
    let made = lab
        .call(op::CreateTargetGroup, input)
        .target_groups
        .unwrap()
        .remove(0);
    assert_eq!(made.protocol_version.as_deref(), Some("HTTP1"));
    assert_eq!(made.health_check_path.as_deref(), Some("/"));
    assert_eq!(made.health_check_port.as_deref(), Some("traffic-port"));
    assert_eq!(made.health_check_interval_seconds, Some(30));
    assert_eq!(made.health_check_timeout_seconds, Some(5));
    assert_eq!(made.healthy_threshold_count, Some(5));
    assert_eq!(made.unhealthy_threshold_count, Some(2));
    assert_eq!(made.matcher.unwrap().http_code.as_deref(), Some("200"));
    assert_eq!(made.target_type, Some(api::TargetTypeEnum::Ip));
    let arn = made.target_group_arn.unwrap();
    assert!(arn.contains(":targetgroup/web/"));
    let ask = api::DescribeTargetGroupAttributesInput {
        target_group_arn: arn,
    };
    let all = lab
        .call(op::DescribeTargetGroupAttributes, ask)
        .attributes
        .unwrap();
    let pairs: Vec<_> = all
        .iter()
        .map(|one| (one.key.as_deref().unwrap(), one.value.as_deref().unwrap()))
        .collect();
    for pair in [
        ("deregistration_delay.timeout_seconds", "300"),
        ("stickiness.enabled", "false"),
        ("stickiness.type", "lb_cookie"),
        ("stickiness.lb_cookie.duration_seconds", "86400"),
        ("slow_start.duration_seconds", "0"),
        ("load_balancing.algorithm.type", "round_robin"),
        ("load_balancing.algorithm.anomaly_mitigation", "off"),
        (
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
        ),
        (
            "target_group_health.dns_failover.minimum_healthy_targets.count",
            "1",
        ),
        (
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "off",
        ),
    ] {
        assert!(pairs.contains(&pair), "{pair:?}");
    }
}

#[test]
fn requests_that_are_refused() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let base = || new_group(&place.vpc, "web");
    let cases = [
        (
            api::CreateTargetGroupInput {
                name: "a_b".into(),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                name: "a".repeat(33),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                port: None,
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                port: Some(0),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                protocol: None,
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                vpc_id: None,
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                vpc_id: Some("vpc-0".into()),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                protocol: Some(api::ProtocolEnum::Tcp),
                ..base()
            },
            "UnsupportedOperation",
        ),
        (
            api::CreateTargetGroupInput {
                target_type: Some(api::TargetTypeEnum::Lambda),
                ..base()
            },
            "UnsupportedOperation",
        ),
        (
            api::CreateTargetGroupInput {
                health_check_path: Some("x".into()),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                health_check_port: Some("x".into()),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                health_check_interval_seconds: Some(4),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                health_check_timeout_seconds: Some(30),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                healthy_threshold_count: Some(1),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                unhealthy_threshold_count: Some(11),
                ..base()
            },
            "ValidationError",
        ),
        (
            api::CreateTargetGroupInput {
                matcher: Some(api::Matcher {
                    http_code: Some("500".into()),
                    grpc_code: None,
                }),
                ..base()
            },
            "ValidationError",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(
            lab.refused(op::CreateTargetGroup, input.clone()).0,
            code,
            "{input:?}"
        );
    }
    let arn = group(&mut lab, &place.vpc, "web");
    assert_eq!(group(&mut lab, &place.vpc, "web"), arn);
    let other = api::CreateTargetGroupInput {
        port: Some(81),
        ..base()
    };
    assert_eq!(
        lab.refused(op::CreateTargetGroup, other).0,
        "DuplicateTargetGroupName"
    );
    let missing = api::DescribeTargetGroupsInput {
        names: Some(vec!["none".into()]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeTargetGroups, missing).0,
        "TargetGroupNotFound"
    );
}

#[test]
fn it_changes_and_goes_when_nothing_uses_it() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let (lb, tg) = (
        balancer(&mut lab, &place, "web"),
        group(&mut lab, &place.vpc, "web"),
    );
    let changed = lab.call(
        op::ModifyTargetGroup,
        api::ModifyTargetGroupInput {
            target_group_arn: tg.clone(),
            health_check_path: Some("/health".into()),
            health_check_interval_seconds: Some(10),
            ..Default::default()
        },
    );
    let changed = changed.target_groups.unwrap().remove(0);
    assert_eq!(changed.health_check_path.as_deref(), Some("/health"));
    assert_eq!(changed.load_balancer_arns, Some(vec![]));
    let web = listener(&mut lab, &lb, 80, forward(&tg));
    let of_balancer = api::DescribeTargetGroupsInput {
        load_balancer_arn: Some(lb.clone()),
        ..Default::default()
    };
    let found = lab
        .call(op::DescribeTargetGroups, of_balancer)
        .target_groups
        .unwrap();
    assert_eq!(found[0].load_balancer_arns, Some(vec![lb]));
    let delete = || api::DeleteTargetGroupInput {
        target_group_arn: tg.clone(),
    };
    assert_eq!(
        lab.refused(op::DeleteTargetGroup, delete()),
        (
            "ResourceInUse".into(),
            format!("Target group '{tg}' is currently in use by a listener or a rule")
        )
    );
    lab.call(
        op::DeleteListener,
        api::DeleteListenerInput { listener_arn: web },
    );
    lab.call(op::DeleteTargetGroup, delete());
    lab.call(op::DeleteTargetGroup, delete());
}

#[test]
fn attributes_that_do_not_go_together() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let tg = group(&mut lab, &place.vpc, "web");
    let set = |pairs: &[(&str, &str)]| api::ModifyTargetGroupAttributesInput {
        target_group_arn: tg.clone(),
        attributes: pairs
            .iter()
            .map(|(key, value)| api::TargetGroupAttribute {
                key: Some((*key).to_owned()),
                value: Some((*value).to_owned()),
            })
            .collect(),
    };
    let slow = [
        ("slow_start.duration_seconds", "30"),
        (
            "load_balancing.algorithm.type",
            "least_outstanding_requests",
        ),
    ];
    let sticky = [
        ("stickiness.enabled", "true"),
        ("load_balancing.cross_zone.enabled", "false"),
    ];
    let cookie = [
        ("stickiness.enabled", "true"),
        ("stickiness.type", "app_cookie"),
    ];
    for pairs in [slow, sticky, cookie] {
        let error = lab.refused(op::ModifyTargetGroupAttributes, set(&pairs));
        assert_eq!(error.0, "InvalidConfigurationRequest", "{pairs:?}");
    }
    let unknown = lab.refused(op::ModifyTargetGroupAttributes, set(&[("colour", "red")]));
    assert_eq!(
        unknown.1,
        "Target group attribute key 'colour' is not recognized"
    );
    lab.call(
        op::ModifyTargetGroupAttributes,
        set(&[("deregistration_delay.timeout_seconds", "5")]),
    );
}
