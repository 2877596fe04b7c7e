use jiff::{SignedDuration, Timestamp};
use wire::elbv2::{self as api, op};
use world::Event;
use world::balancer::node::{
    Counters, GroupCounters, Histogram, LoadBalancerCounters, ZoneCounters,
};
use world::event::{BalancerStatus, TargetStatus};
use world::measure::{Measured, NodeTraffic};

use super::{balancer, forward, group, listener, place};
use crate::services::cloudwatch::metric::{self, Question};
use crate::services::ec2::tests::lab::Lab;

const MINUTE: &str = "2026-01-05T08:10:00Z";

fn minute() -> Timestamp {
    MINUTE.parse().expect("a moment")
}

/// A metric, a statistic, dimensions, and what is wanted.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<f64>);

/// One statistic of the minute.
fn statistic(
    lab: &mut Lab,
    name: &str,
    statistic: &str,
    dimensions: &[(&str, &str)],
) -> Option<f64> {
    let dimensions: Vec<(String, String)> = dimensions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    lab.with(|region, context| {
        let question = Question {
            namespace: "AWS/ApplicationELB",
            name,
            dimensions: &dimensions,
            statistic,
            unit: None,
            start: minute(),
            end: minute() + SignedDuration::from_mins(1),
            period: 60,
        };
        let points = metric::statistic(region, context, &question);
        Ok(points.first().map(|(_, value)| *value))
    })
    .unwrap()
}

fn observe(lab: &mut Lab, event: &Event) {
    lab.with(|region, context| {
        region.observe(context, event);
        Ok(())
    })
    .unwrap();
}

/// What a node in a zone counted for a group whose targets are all in zone `a`.
fn traffic(id: &str, zone: &str, group: &str, requests: u64) -> NodeTraffic {
    let counted = ZoneCounters {
        requests,
        target_status: [(2, requests - 1), (5, 1)].into(),
        target_response_time: Histogram {
            count: requests,
            sum: requests * 1000,
            buckets: [(1000, requests - 1), (2_000_000, 1)].into(),
        },
        ..ZoneCounters::default()
    };
    let groups = GroupCounters {
        zones: [("eu-central-1a".to_owned(), counted)].into(),
        ..GroupCounters::default()
    };
    NodeTraffic {
        balancer: id.into(),
        zone: zone.to_owned(),
        counters: Counters {
            since: None,
            load_balancer: LoadBalancerCounters {
                requests,
                new_connections: 3,
                processed_bytes: 5000,
                elb_status: [(502, 2), (404, 1)].into(),
                ..LoadBalancerCounters::default()
            },
            target_groups: [(group.to_owned(), groups)].into(),
        },
    }
}

#[test]
fn what_went_through_is_told_by_load_balancer_zone_and_group() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let balancer = balancer(&mut lab, &place, "web");
    let group = group(&mut lab, &place.vpc, "app");
    listener(&mut lab, &balancer, 80, forward(&group));
    let id = balancer.split_once(":loadbalancer/").unwrap().1.to_owned();
    let tail = group.rsplit(':').next().unwrap().to_owned();
    let input = api::RegisterTargetsInput {
        target_group_arn: group.clone(),
        targets: ["10.0.0.10", "10.0.0.11"]
            .map(|id| api::TargetDescription {
                id: id.into(),
                ..Default::default()
            })
            .to_vec(),
    };
    lab.call(op::RegisterTargets, input);
    let seen = |last: u8, state: &str| TargetStatus {
        target_group: group.clone(),
        address: [10, 0, 0, last].into(),
        port: 8080,
        state: state.to_owned(),
        reason: None,
        description: None,
    };
    let status = BalancerStatus {
        balancer: id.as_str().into(),
        ready_nodes: vec![],
        targets: vec![seen(10, "healthy"), seen(11, "unhealthy")],
        listeners: vec![],
    };
    observe(&mut lab, &Event::Balancer(status));
    lab.now = minute() + SignedDuration::from_secs(58);
    let mut measured = Measured::new(minute() + SignedDuration::from_secs(40));
    measured.nodes = Some(vec![
        traffic(&id, "eu-central-1a", &group, 10),
        traffic(&id, "eu-central-1b", &group, 20),
    ]);
    observe(&mut lab, &Event::Measured(Box::new(measured)));

    let of_balancer = [("LoadBalancer", id.as_str())];
    let of_group = [("TargetGroup", tail.as_str()), ("LoadBalancer", &id)];
    let zone = ("AvailabilityZone", "eu-central-1b");
    let cases: &[Case] = &[
        ("RequestCount", "Sum", &of_balancer, Some(30.0)),
        ("RequestCount", "Average", &of_balancer, Some(1.0)),
        ("RequestCount", "Sum", &[of_balancer[0], zone], Some(20.0)),
        ("RequestCount", "Sum", &of_group, Some(30.0)),
        ("RequestCountPerTarget", "Sum", &of_group, Some(30.0)),
        ("RequestCountPerTarget", "Sum", &of_group[..1], Some(30.0)),
        ("HTTPCode_Target_2XX_Count", "Sum", &of_group, Some(28.0)),
        ("HTTPCode_Target_4XX_Count", "Sum", &of_group, Some(0.0)),
        ("HTTPCode_Target_5XX_Count", "Sum", &of_balancer, Some(2.0)),
        ("HTTPCode_ELB_5XX_Count", "Sum", &of_balancer, Some(4.0)),
        ("HTTPCode_ELB_502_Count", "Sum", &of_balancer, Some(4.0)),
        ("HTTPCode_ELB_3XX_Count", "Sum", &of_balancer, None),
        ("HealthyHostCount", "Minimum", &of_group, Some(1.0)),
        ("UnHealthyHostCount", "Maximum", &of_group, Some(1.0)),
        ("NewConnectionCount", "Sum", &of_balancer, Some(6.0)),
        ("ProcessedBytes", "Sum", &of_balancer, Some(10_000.0)),
        ("RejectedConnectionCount", "Sum", &of_balancer, None),
    ];
    for (name, how, dimensions, wanted) in cases {
        let found = statistic(&mut lab, name, how, dimensions);
        assert_eq!(found, *wanted, "{how} of {name} by {dimensions:?}");
    }
    let half = statistic(&mut lab, "TargetResponseTime", "p50", &of_group).expect("a time");
    assert!((0.0009..0.0012).contains(&half), "{half}");
    let most = statistic(&mut lab, "TargetResponseTime", "Maximum", &of_group).expect("a time");
    assert!((1.9..2.2).contains(&most), "{most}");

    // A minute without requests: zeros where scaling in needs them.
    let mut quiet = Measured::new(minute());
    quiet.nodes = Some(vec![NodeTraffic {
        balancer: id.as_str().into(),
        zone: "eu-central-1a".into(),
        counters: Counters::default(),
    }]);
    lab.now = minute() + SignedDuration::from_secs(118);
    quiet.at = minute() + SignedDuration::from_secs(100);
    observe(&mut lab, &Event::Measured(Box::new(quiet)));
    let dimensions: Vec<(String, String)> = of_group
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let points = lab
        .with(|region, context| {
            let question = Question {
                namespace: "AWS/ApplicationELB",
                name: "RequestCountPerTarget",
                dimensions: &dimensions,
                statistic: "Sum",
                unit: None,
                start: minute(),
                end: minute() + SignedDuration::from_mins(2),
                period: 60,
            };
            Ok(metric::statistic(region, context, &question))
        })
        .unwrap();
    let values: Vec<f64> = points.into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [30.0, 0.0]);
}
