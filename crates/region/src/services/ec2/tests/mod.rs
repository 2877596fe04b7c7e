//! Each noun's tests drive operations with typed inputs through the region.

pub(crate) mod lab;

mod address;
mod endpoint;
mod interface;
mod nat_gateway;
mod network_acl;
mod others;
mod prefix_list;
mod route;
mod security_group;
mod subnet;
mod tags;
mod vpc;
mod world_document;

use wire::ec2::{self as api, op};

use lab::Lab;

/// The id of a new VPC.
fn vpc(lab: &mut Lab, range: &str) -> String {
    let input = api::CreateVpcRequest {
        cidr_block: Some(range.to_owned()),
        ..Default::default()
    };
    let vpc = lab.call(op::CreateVpc, input).vpc.unwrap();
    vpc.vpc_id.unwrap()
}

/// The id of a new subnet.
fn subnet(lab: &mut Lab, vpc: &str, range: &str, zone: &str) -> String {
    let subnet = lab.call(op::CreateSubnet, new_subnet(vpc, range, zone));
    subnet.subnet.unwrap().subnet_id.unwrap()
}

fn new_subnet(vpc: &str, range: &str, zone: &str) -> api::CreateSubnetRequest {
    api::CreateSubnetRequest {
        vpc_id: vpc.to_owned(),
        cidr_block: Some(range.to_owned()),
        availability_zone: Some(zone.to_owned()),
        ..Default::default()
    }
}

/// The id of a new internet gateway, attached.
fn internet_gateway(lab: &mut Lab, vpc: &str) -> String {
    let made = lab.call(
        op::CreateInternetGateway,
        api::CreateInternetGatewayRequest::default(),
    );
    let id = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let input = api::AttachInternetGatewayRequest {
        internet_gateway_id: id.clone(),
        vpc_id: vpc.to_owned(),
        ..Default::default()
    };
    lab.call(op::AttachInternetGateway, input);
    id
}

fn route_table(lab: &mut Lab, vpc: &str) -> String {
    let input = api::CreateRouteTableRequest {
        vpc_id: vpc.to_owned(),
        ..Default::default()
    };
    let made = lab.call(op::CreateRouteTable, input);
    made.route_table.unwrap().route_table_id.unwrap()
}

fn associate(lab: &mut Lab, table: &str, subnet: &str) -> String {
    let input = api::AssociateRouteTableRequest {
        route_table_id: table.to_owned(),
        subnet_id: Some(subnet.to_owned()),
        ..Default::default()
    };
    lab.call(op::AssociateRouteTable, input)
        .association_id
        .unwrap()
}

/// A route to the internet by a gateway (`igw-…`) or a NAT gateway (`nat-…`).
fn default_route(table: &str, target: &str) -> api::CreateRouteRequest {
    let nat = target.starts_with("nat-");
    api::CreateRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: Some("0.0.0.0/0".to_owned()),
        gateway_id: (!nat).then(|| target.to_owned()),
        nat_gateway_id: nat.then(|| target.to_owned()),
        ..Default::default()
    }
}

fn allocation(lab: &mut Lab) -> String {
    let made = lab.call(op::AllocateAddress, api::AllocateAddressRequest::default());
    made.allocation_id.unwrap()
}

fn nat_gateway(lab: &mut Lab, subnet: &str, allocation: &str) -> String {
    let input = api::CreateNatGatewayRequest {
        subnet_id: Some(subnet.to_owned()),
        allocation_id: Some(allocation.to_owned()),
        ..Default::default()
    };
    let made = lab.call(op::CreateNatGateway, input).nat_gateway.unwrap();
    made.nat_gateway_id.unwrap()
}

fn new_group(vpc: &str, name: &str) -> api::CreateSecurityGroupRequest {
    api::CreateSecurityGroupRequest {
        vpc_id: Some(vpc.to_owned()),
        group_name: name.to_owned(),
        description: "for a test".to_owned(),
        ..Default::default()
    }
}

fn security_group(lab: &mut Lab, vpc: &str, name: &str) -> String {
    let made = lab.call(op::CreateSecurityGroup, new_group(vpc, name));
    made.group_id.unwrap()
}

fn interface(lab: &mut Lab, subnet: &str, groups: &[&str]) -> api::NetworkInterface {
    let input = api::CreateNetworkInterfaceRequest {
        subnet_id: subnet.to_owned(),
        groups: Some(groups.iter().map(|&id| id.to_owned()).collect()),
        ..Default::default()
    };
    let made = lab.call(op::CreateNetworkInterface, input);
    made.network_interface.unwrap()
}

fn filters(pairs: &[(&str, &str)]) -> Option<Vec<api::Filter>> {
    let filter = |(name, value): &(&str, &str)| api::Filter {
        name: Some((*name).to_owned()),
        values: Some(vec![(*value).to_owned()]),
    };
    Some(pairs.iter().map(filter).collect())
}
