//! Each noun's tests drive operations with typed inputs through the region.

mod listener;
mod load_balancer;
mod metrics;
mod rule;
mod target;
mod target_group;
mod world_document;

use wire::ec2 as network;
use wire::elbv2::{self as api, op};

use crate::services::ec2::tests::lab::Lab;

/// A VPC with an internet gateway and two subnets in each of two zones.
pub(crate) struct Place {
    pub(crate) vpc: String,
    pub(crate) subnets: Vec<String>,
}

pub(crate) fn place(lab: &mut Lab, range: &str) -> Place {
    use network::op;
    let input = network::CreateVpcRequest {
        cidr_block: Some(format!("{range}.0.0/16")),
        ..Default::default()
    };
    let vpc = lab.call(op::CreateVpc, input).vpc.unwrap().vpc_id.unwrap();
    let gateway = lab.call(
        op::CreateInternetGateway,
        network::CreateInternetGatewayRequest::default(),
    );
    lab.call(
        op::AttachInternetGateway,
        network::AttachInternetGatewayRequest {
            internet_gateway_id: gateway
                .internet_gateway
                .unwrap()
                .internet_gateway_id
                .unwrap(),
            vpc_id: vpc.clone(),
            ..Default::default()
        },
    );
    let mut subnets = Vec::new();
    for (number, letter) in ["a", "b", "a", "b"].into_iter().enumerate() {
        let input = network::CreateSubnetRequest {
            vpc_id: vpc.clone(),
            cidr_block: Some(format!("{range}.{number}.0/24")),
            availability_zone: Some(format!("eu-central-1{letter}")),
            ..Default::default()
        };
        let made = lab.call(op::CreateSubnet, input).subnet.unwrap();
        subnets.push(made.subnet_id.unwrap());
    }
    Place { vpc, subnets }
}

fn new_balancer(name: &str, subnets: &[String]) -> api::CreateLoadBalancerInput {
    api::CreateLoadBalancerInput {
        name: name.to_owned(),
        subnets: Some(subnets.to_vec()),
        ..Default::default()
    }
}

pub(crate) fn balancer(lab: &mut Lab, place: &Place, name: &str) -> String {
    let made = lab.call(
        op::CreateLoadBalancer,
        new_balancer(name, &place.subnets[..2]),
    );
    made.load_balancers
        .unwrap()
        .remove(0)
        .load_balancer_arn
        .unwrap()
}

fn new_group(vpc: &str, name: &str) -> api::CreateTargetGroupInput {
    api::CreateTargetGroupInput {
        name: name.to_owned(),
        protocol: Some(api::ProtocolEnum::Http),
        port: Some(8080),
        vpc_id: Some(vpc.to_owned()),
        target_type: Some(api::TargetTypeEnum::Ip),
        ..Default::default()
    }
}

pub(crate) fn group(lab: &mut Lab, vpc: &str, name: &str) -> String {
    let made = lab.call(op::CreateTargetGroup, new_group(vpc, name));
    made.target_groups
        .unwrap()
        .remove(0)
        .target_group_arn
        .unwrap()
}

pub(crate) fn forward(group: &str) -> api::Action {
    api::Action {
        r#type: api::ActionTypeEnum::Forward,
        target_group_arn: Some(group.to_owned()),
        ..Default::default()
    }
}

pub(crate) fn fixed(code: &str) -> api::Action {
    api::Action {
        r#type: api::ActionTypeEnum::FixedResponse,
        fixed_response_config: Some(api::FixedResponseActionConfig {
            status_code: code.to_owned(),
            content_type: Some("text/plain".into()),
            message_body: Some("no".into()),
        }),
        ..Default::default()
    }
}

pub(crate) fn new_listener(
    balancer: &str,
    port: i64,
    action: api::Action,
) -> api::CreateListenerInput {
    api::CreateListenerInput {
        load_balancer_arn: balancer.to_owned(),
        port: Some(port),
        protocol: Some(api::ProtocolEnum::Http),
        default_actions: vec![action],
        ..Default::default()
    }
}

pub(crate) fn listener(lab: &mut Lab, balancer: &str, port: i64, action: api::Action) -> String {
    let made = lab.call(op::CreateListener, new_listener(balancer, port, action));
    made.listeners.unwrap().remove(0).listener_arn.unwrap()
}

pub(crate) fn named(arns: &[&str]) -> Vec<api::Certificate> {
    let all = arns.iter().map(|arn| api::Certificate {
        certificate_arn: Some((*arn).to_owned()),
        is_default: None,
    });
    all.collect()
}

pub(crate) fn new_secure_listener(
    balancer: &str,
    port: i64,
    certificate: &str,
) -> api::CreateListenerInput {
    api::CreateListenerInput {
        protocol: Some(api::ProtocolEnum::Https),
        certificates: Some(named(&[certificate])),
        ..new_listener(balancer, port, fixed("404"))
    }
}

pub(crate) fn secure_listener(
    lab: &mut Lab,
    balancer: &str,
    port: i64,
    certificate: &str,
) -> String {
    let input = new_secure_listener(balancer, port, certificate);
    let made = lab.call(op::CreateListener, input);
    made.listeners.unwrap().remove(0).listener_arn.unwrap()
}
