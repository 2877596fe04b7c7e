use std::collections::BTreeSet;

use wire::ec2::{self as api, op};
use world::network::{Peer, RouteTarget};
use world::{VpcId, World};

use super::lab::Lab;
use super::{
    allocation, associate, default_route, interface, internet_gateway, nat_gateway, route_table,
    security_group, subnet, vpc,
};

/// Three zones, a public and a private subnet in each, one NAT gateway, both kinds of endpoint,
/// and a task's interface that a balancer's may reach.
fn three_zones(lab: &mut Lab) -> String {
    let id = vpc(lab, "10.0.0.0/16");
    lab.call(
        op::ModifyVpcAttribute,
        api::ModifyVpcAttributeRequest {
            vpc_id: id.clone(),
            enable_dns_hostnames: Some(api::AttributeBooleanValue { value: Some(true) }),
            ..Default::default()
        },
    );
    let gateway = internet_gateway(lab, &id);
    let (public, private) = (route_table(lab, &id), route_table(lab, &id));
    let mut subnets = Vec::new();
    for (number, letter) in ['a', 'b', 'c'].into_iter().enumerate() {
        let zone = format!("eu-central-1{letter}");
        let open = subnet(lab, &id, &format!("10.0.{number}.0/24"), &zone);
        let closed = subnet(lab, &id, &format!("10.0.1{number}.0/24"), &zone);
        associate(lab, &public, &open);
        associate(lab, &private, &closed);
        subnets.push((open, closed));
    }
    lab.call(op::CreateRoute, default_route(&public, &gateway));
    let eip = allocation(lab);
    let nat = nat_gateway(lab, &subnets[0].0, &eip);
    lab.pass(1);
    lab.call(op::CreateRoute, default_route(&private, &nat));
    let (balancer, task) = (
        security_group(lab, &id, "balancer"),
        security_group(lab, &id, "task"),
    );
    lab.call(
        op::AuthorizeSecurityGroupIngress,
        api::AuthorizeSecurityGroupIngressRequest {
            group_id: Some(task.clone()),
            ip_permissions: Some(vec![api::IpPermission {
                ip_protocol: Some("tcp".into()),
                from_port: Some(8080),
                to_port: Some(8080),
                user_id_group_pairs: Some(vec![api::UserIdGroupPair {
                    group_id: Some(balancer.clone()),
                    ..Default::default()
                }]),
                ..Default::default()
            }]),
            ..Default::default()
        },
    );
    lab.call(
        op::CreateVpcEndpoint,
        api::CreateVpcEndpointRequest {
            vpc_id: id.clone(),
            service_name: Some("com.amazonaws.eu-central-1.s3".into()),
            route_table_ids: Some(vec![private]),
            ..Default::default()
        },
    );
    lab.call(
        op::CreateVpcEndpoint,
        api::CreateVpcEndpointRequest {
            vpc_id: id.clone(),
            vpc_endpoint_type: Some(api::VpcEndpointType::Interface),
            service_name: Some("com.amazonaws.eu-central-1.ecr.dkr".into()),
            subnet_ids: Some(vec![subnets[1].1.clone()]),
            security_group_ids: Some(vec![task.clone()]),
            private_dns_enabled: Some(true),
            ..Default::default()
        },
    );
    interface(lab, &subnets[0].0, &[&balancer]);
    interface(lab, &subnets[2].1, &[&task]);
    id
}

#[test]
fn a_vpc_of_three_zones() {
    let mut lab = Lab::new();
    let id = three_zones(&mut lab);
    let world = lab.region.world();
    insta::assert_json_snapshot!(world.vpcs[&VpcId::new(id)]);
}

#[test]
fn all_that_a_document_names_is_in_it() {
    let mut lab = Lab::new();
    three_zones(&mut lab);
    let world = lab.region.world();
    assert!(!world.vpcs.is_empty());
    check(&world);
}

fn check(world: &World) {
    for vpc in world.vpcs.values() {
        let mut addresses = BTreeSet::new();
        for interface in vpc.interfaces.values() {
            assert!(
                addresses.insert(interface.address),
                "an address is given twice"
            );
            let subnet = &vpc.subnets[&interface.subnet];
            assert!(subnet.cidr.contains(&interface.address));
            for group in &interface.security_groups {
                assert!(vpc.security_groups.contains_key(group));
            }
        }
        for group in vpc.security_groups.values() {
            for rule in group.ingress.iter().chain(&group.egress) {
                if let Peer::SecurityGroup(id) = &rule.peer {
                    assert!(vpc.security_groups.contains_key(id));
                }
            }
        }
        for route in vpc.subnets.values().flat_map(|subnet| &subnet.routes) {
            match &route.target {
                RouteTarget::NatGateway(id) => assert!(vpc.nat_gateways.contains_key(id)),
                RouteTarget::Endpoint(id) => assert!(vpc.endpoints.contains_key(id)),
                RouteTarget::Interface(id) => assert!(vpc.interfaces.contains_key(id)),
                RouteTarget::InternetGateway => assert!(vpc.internet_gateway),
                RouteTarget::Blackhole => {}
            }
        }
        for gateway in vpc.nat_gateways.values() {
            assert!(vpc.interfaces[&gateway.interface].public_address.is_some());
        }
    }
}

#[test]
fn a_vpc_without_an_interface_is_not_in_the_world() {
    let mut lab = Lab::new();
    vpc(&mut lab, "10.0.0.0/16");
    let world = lab.region.world();
    assert_eq!(world.vpcs.len(), 0);
    let names: Vec<&String> = world.internet.services.values().flatten().collect();
    for name in [
        "s3.eu-central-1.amazonaws.com",
        "*.s3.eu-central-1.amazonaws.com",
        "*.dkr.ecr.eu-central-1.amazonaws.com",
        "api.ecr.eu-central-1.amazonaws.com",
        "iam.amazonaws.com",
        "sts.amazonaws.com",
    ] {
        assert!(names.iter().any(|known| *known == name), "{name}");
    }
}

#[test]
fn a_lost_target_is_a_black_hole() {
    let mut lab = Lab::new();
    let id = three_zones(&mut lab);
    let nat = lab
        .region
        .ec2
        .nat_gateways
        .values()
        .next()
        .unwrap()
        .id
        .clone();
    lab.call(
        op::DeleteNatGateway,
        api::DeleteNatGatewayRequest {
            nat_gateway_id: nat,
            ..Default::default()
        },
    );
    let world = lab.region.world();
    check(&world);
    let document = &world.vpcs[&VpcId::new(id)];
    let holes = document.subnets.values().flat_map(|subnet| &subnet.routes);
    assert_eq!(
        holes
            .filter(|route| route.target == RouteTarget::Blackhole)
            .count(),
        3
    );
}
