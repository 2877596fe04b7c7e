use std::net::Ipv4Addr;

use wire::elbv2::{self as api, op};
use world::event::{BalancerStatus, Published};
use world::{BalancerId, Event};

use super::{balancer, fixed, forward, group, listener, place};
use crate::services::ec2::tests::lab::Lab;
use crate::services::elbv2::{self, target};

fn wanted(lab: &Lab) -> world::balancer::Balancer {
    lab.region
        .world()
        .balancers
        .into_values()
        .next()
        .expect("there is one")
}

#[test]
fn the_nodes_serve_what_was_configured() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let (lb, tg) = (
        balancer(&mut lab, &place, "web"),
        group(&mut lab, &place.vpc, "web"),
    );
    let web = listener(&mut lab, &lb, 80, forward(&tg));
    lab.call(
        op::CreateRule,
        api::CreateRuleInput {
            listener_arn: web,
            priority: 10,
            conditions: vec![api::RuleCondition {
                field: Some("path-pattern".into()),
                values: Some(vec!["/private/*".into()]),
                ..Default::default()
            }],
            actions: vec![fixed("404")],
            ..Default::default()
        },
    );
    let address = Ipv4Addr::new(10, 0, 1, 20);
    lab.with(|region, context| {
        target::register(region, context, &tg, address, 8080, "eu-central-1b")
    })
    .unwrap();
    let one = wanted(&lab);
    insta::assert_json_snapshot!(one);
    // The name leads to the nodes' public addresses.
    let world = lab.region.world();
    assert_eq!(world.internet.names[&one.config.dns_name].len(), 2);
    for interface in one.nodes.keys() {
        assert!(world.vpcs[&one.vpc].interfaces.contains_key(interface));
    }
    // Another content has another version, the same content the same.
    let before = one.config.version;
    assert_eq!(wanted(&lab).config.version, before);
    lab.with(|region, context| target::deregister(region, context, &tg, address, 8080))
        .unwrap();
    let after = wanted(&lab).config;
    assert_ne!(after.version, before);
    assert!(after.target_groups[0].targets[0].draining);
}

#[test]
fn one_with_a_listener_is_active_when_its_nodes_are_ready() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let lb = balancer(&mut lab, &place, "web");
    listener(&mut lab, &lb, 80, fixed("404"));
    let row = lab.region.elbv2.load_balancers.get_mut(&lb).unwrap();
    row.state = api::LoadBalancerStateEnum::Provisioning;
    lab.pass(1);
    let state = |lab: &Lab| lab.region.elbv2.load_balancers.get(&lb).unwrap().state;
    assert_eq!(state(&lab), api::LoadBalancerStateEnum::Provisioning);
    let one = wanted(&lab);
    let addresses = lab.region.world();
    let addresses = &addresses.vpcs[&one.vpc].interfaces;
    let ready = one.nodes.keys().map(|id| addresses[id].address).collect();
    let event = Event::Balancer(BalancerStatus {
        balancer: one.id,
        ready_nodes: ready,
        targets: vec![],
        listeners: vec![Published {
            port: 80,
            address: Some("127.0.0.1:8080".into()),
            failure: None,
        }],
    });
    // Told twice is as told once.
    for _ in 0..2 {
        lab.with(|region, context| {
            region.observe(context, &event);
            Ok(())
        })
        .unwrap();
    }
    assert_eq!(state(&lab), api::LoadBalancerStateEnum::Active);
    let endpoints = elbv2::endpoints(&lab.region);
    let [endpoint] = endpoints.as_slice() else {
        panic!("one endpoint")
    };
    assert_eq!(
        (endpoint.port, endpoint.host.as_str()),
        (80, "web.localhost")
    );
    assert_eq!(endpoint.address.as_deref(), Some("127.0.0.1:8080"));
}

#[test]
fn a_stranger_s_status_is_ignored() {
    let mut lab = Lab::new();
    let event = Event::Balancer(BalancerStatus {
        balancer: BalancerId::new("app/none/0"),
        ready_nodes: vec![],
        targets: vec![],
        listeners: vec![],
    });
    lab.with(|region, context| {
        region.observe(context, &event);
        Ok(())
    })
    .unwrap();
    assert!(elbv2::endpoints(&lab.region).is_empty());
}
