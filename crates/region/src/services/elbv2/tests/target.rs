use std::net::Ipv4Addr;

use wire::elbv2::{self as api, op};
use world::Event;
use world::event::{BalancerStatus, TargetStatus};

use super::{balancer, forward, group, listener, place};
use crate::services::ec2::tests::lab::Lab;
use crate::services::elbv2::target;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

fn targets(group: &str, id: &str) -> api::RegisterTargetsInput {
    api::RegisterTargetsInput {
        target_group_arn: group.to_owned(),
        targets: vec![one(id)],
    }
}

fn one(id: &str) -> api::TargetDescription {
    api::TargetDescription {
        id: id.to_owned(),
        ..Default::default()
    }
}

fn out(group: &str, id: &str) -> api::DeregisterTargetsInput {
    api::DeregisterTargetsInput {
        target_group_arn: group.to_owned(),
        targets: vec![one(id)],
    }
}

/// Its state and reason, as the API tells them.
fn health(lab: &mut Lab, group: &str) -> (String, Option<String>) {
    let input = api::DescribeTargetHealthInput {
        target_group_arn: group.to_owned(),
        targets: Some(vec![one("10.0.0.10")]),
        ..Default::default()
    };
    let all = lab
        .call(op::DescribeTargetHealth, input)
        .target_health_descriptions
        .unwrap();
    let health = all.into_iter().next().unwrap().target_health.unwrap();
    (
        health.state.unwrap().to_string(),
        health.reason.map(|reason| reason.to_string()),
    )
}

fn is(state: &str, reason: &str) -> (String, Option<String>) {
    (state.to_owned(), Some(reason.to_owned()))
}

fn say(lab: &mut Lab, balancer: &str, group: &str, state: &str, reason: Option<&str>) {
    let id = balancer.split_once(":loadbalancer/").unwrap().1.into();
    let event = Event::Balancer(BalancerStatus {
        balancer: id,
        ready_nodes: vec![],
        targets: vec![TargetStatus {
            target_group: group.to_owned(),
            address: ADDRESS,
            port: 8080,
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
            description: None,
        }],
        listeners: vec![],
    });
    lab.with(|region, context| {
        region.observe(context, &event);
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_life_of_one() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let (lb, tg) = (
        balancer(&mut lab, &place, "web"),
        group(&mut lab, &place.vpc, "web"),
    );
    assert_eq!(health(&mut lab, &tg), is("unused", "Target.NotRegistered"));
    lab.call(op::RegisterTargets, targets(&tg, "10.0.0.10"));
    assert_eq!(health(&mut lab, &tg), is("unused", "Target.NotInUse"));
    let web = listener(&mut lab, &lb, 80, forward(&tg));
    assert_eq!(
        health(&mut lab, &tg),
        is("initial", "Elb.RegistrationInProgress")
    );
    say(
        &mut lab,
        &lb,
        &tg,
        "initial",
        Some("Elb.InitialHealthChecking"),
    );
    assert_eq!(
        health(&mut lab, &tg),
        is("initial", "Elb.InitialHealthChecking")
    );
    say(&mut lab, &lb, &tg, "healthy", None);
    assert_eq!(health(&mut lab, &tg), ("healthy".to_owned(), None));
    say(&mut lab, &lb, &tg, "unhealthy", Some("Target.Timeout"));
    assert_eq!(health(&mut lab, &tg), is("unhealthy", "Target.Timeout"));

    lab.call(op::DeregisterTargets, out(&tg, "10.0.0.10"));
    assert_eq!(
        health(&mut lab, &tg),
        is("draining", "Target.DeregistrationInProgress")
    );
    say(&mut lab, &lb, &tg, "healthy", None);
    lab.pass(299);
    assert_eq!(
        health(&mut lab, &tg),
        is("draining", "Target.DeregistrationInProgress")
    );
    lab.pass(1);
    assert_eq!(health(&mut lab, &tg), is("unused", "Target.NotRegistered"));
    assert_eq!(lab.region.deadline(), None);
    // Out already is no error.
    lab.call(op::DeregisterTargets, out(&tg, "10.0.0.10"));

    // One that drains is taken back, and begins anew.
    lab.call(op::RegisterTargets, targets(&tg, "10.0.0.10"));
    say(&mut lab, &lb, &tg, "healthy", None);
    lab.call(op::DeregisterTargets, out(&tg, "10.0.0.10"));
    lab.call(op::RegisterTargets, targets(&tg, "10.0.0.10"));
    assert_eq!(
        health(&mut lab, &tg),
        is("initial", "Elb.RegistrationInProgress")
    );

    // What was seen does not outlive its listener, and then nothing has to drain.
    say(&mut lab, &lb, &tg, "healthy", None);
    lab.call(
        op::DeleteListener,
        api::DeleteListenerInput { listener_arn: web },
    );
    assert_eq!(health(&mut lab, &tg), is("unused", "Target.NotInUse"));
    lab.call(op::DeregisterTargets, out(&tg, "10.0.0.10"));
    assert_eq!(lab.region.elbv2.targets.len(), 0);
}

#[test]
fn a_zone_that_is_not_served() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let (lb, tg) = (
        balancer(&mut lab, &place, "web"),
        group(&mut lab, &place.vpc, "web"),
    );
    listener(&mut lab, &lb, 80, forward(&tg));
    lab.with(|region, context| {
        target::register(region, context, &tg, ADDRESS, 8080, "eu-central-1c")
    })
    .unwrap();
    let seen = target::health(&lab.region, &tg, ADDRESS, 8080).unwrap();
    assert_eq!(seen.state, "unused");
    assert_eq!(
        seen.description.as_deref(),
        Some("Target is in an Availability Zone that is not enabled for the load balancer")
    );
    assert_eq!(target::health(&lab.region, &tg, ADDRESS, 81), None);
    let gone =
        lab.with(|region, context| target::deregister(region, context, "arn", ADDRESS, 8080));
    assert_eq!(gone.unwrap_err().code, "TargetGroupNotFound");
}

#[test]
fn targets_that_are_refused() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let tg = group(&mut lab, &place.vpc, "web");
    let with = |id: &str, port: Option<i64>, zone: Option<&str>| api::RegisterTargetsInput {
        target_group_arn: tg.clone(),
        targets: vec![api::TargetDescription {
            id: id.to_owned(),
            port,
            availability_zone: zone.map(str::to_owned),
            quic_server_id: None,
        }],
    };
    let cases = [
        (targets("arn", "10.0.0.10"), "TargetGroupNotFound"),
        (with("x", None, None), "ValidationError"),
        (with("10.0.0.10", Some(0), None), "ValidationError"),
        (with("192.168.1.1", None, None), "InvalidTarget"),
        (with("8.8.8.8", None, Some("all")), "InvalidTarget"),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::RegisterTargets, input).0, code);
    }
    lab.call(
        op::RegisterTargets,
        with("192.168.1.1", Some(81), Some("all")),
    );
    let all = api::DescribeTargetHealthInput {
        target_group_arn: tg.clone(),
        ..Default::default()
    };
    let all = lab
        .call(op::DescribeTargetHealth, all)
        .target_health_descriptions
        .unwrap();
    let shown = all[0].target.as_ref().unwrap();
    assert_eq!(
        (shown.port, shown.availability_zone.as_deref()),
        (Some(81), Some("all"))
    );
    assert_eq!(all[0].health_check_port.as_deref(), Some("81"));

    let instances = api::CreateTargetGroupInput {
        target_type: None,
        ..super::new_group(&place.vpc, "instances")
    };
    let made = lab
        .call(op::CreateTargetGroup, instances)
        .target_groups
        .unwrap()
        .remove(0);
    let instance = targets(&made.target_group_arn.unwrap(), "i-0");
    assert_eq!(
        lab.refused(op::RegisterTargets, instance).0,
        "InvalidTarget"
    );
}
