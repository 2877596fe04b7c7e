use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{
    allocation, default_route, filters, internet_gateway, nat_gateway, route_table, subnet, vpc,
};

fn shown(lab: &mut Lab, id: &str) -> api::NatGateway {
    let input = api::DescribeNatGatewaysRequest {
        nat_gateway_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeNatGateways, input)
        .nat_gateways
        .unwrap()
        .remove(0)
}

fn delete(id: &str) -> api::DeleteNatGatewayRequest {
    api::DeleteNatGatewayRequest {
        nat_gateway_id: id.to_owned(),
        ..Default::default()
    }
}

#[test]
fn the_life_of_one() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let gateway = internet_gateway(&mut lab, &id);
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eip = allocation(&mut lab);
    let nat = nat_gateway(&mut lab, &sn, &eip);
    assert_eq!(
        shown(&mut lab, &nat).state,
        Some(api::NatGatewayState::Pending)
    );
    lab.pass(1);
    let there = shown(&mut lab, &nat);
    assert_eq!(there.state, Some(api::NatGatewayState::Available));
    let address = there.nat_gateway_addresses.unwrap().remove(0);
    assert_eq!(address.allocation_id.as_ref(), Some(&eip));
    assert_eq!(address.is_primary, Some(true));

    let interface = lab.call(
        op::DescribeNetworkInterfaces,
        api::DescribeNetworkInterfacesRequest {
            network_interface_ids: Some(vec![address.network_interface_id.unwrap()]),
            ..Default::default()
        },
    );
    let interface = interface.network_interfaces.unwrap().remove(0);
    assert_eq!(interface.requester_managed, Some(true));
    assert_eq!(interface.interface_type.unwrap().as_str(), "nat_gateway");
    assert_eq!(
        interface.description,
        Some(format!("Interface for NAT Gateway {nat}"))
    );
    assert_eq!(interface.private_ip_address, address.private_ip);
    let attachment = interface.attachment.unwrap().attachment_id.unwrap();
    let detach = api::DetachNetworkInterfaceRequest {
        attachment_id: attachment,
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DetachNetworkInterface, detach).0,
        "OperationNotPermitted"
    );

    // What it holds cannot go before it.
    let release = || api::ReleaseAddressRequest {
        allocation_id: Some(eip.clone()),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ReleaseAddress, release()).0,
        "InvalidIPAddress.InUse"
    );
    let detach = || api::DetachInternetGatewayRequest {
        internet_gateway_id: gateway.clone(),
        vpc_id: id.clone(),
        ..Default::default()
    };
    let busy = lab.refused(op::DetachInternetGateway, detach());
    assert_eq!(
        busy,
        (
            "DependencyViolation".into(),
            format!(
                "Network {id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
            )
        )
    );

    let table = route_table(&mut lab, &id);
    lab.call(op::CreateRoute, default_route(&table, &nat));
    lab.call(op::DeleteNatGateway, delete(&nat));
    assert_eq!(
        shown(&mut lab, &nat).state,
        Some(api::NatGatewayState::Deleting)
    );
    lab.pass(1);
    assert_eq!(
        shown(&mut lab, &nat).state,
        Some(api::NatGatewayState::Deleted)
    );
    let routes = lab.call(
        op::DescribeRouteTables,
        api::DescribeRouteTablesRequest {
            route_table_ids: Some(vec![table]),
            filters: filters(&[("route.state", "blackhole")]),
            ..Default::default()
        },
    );
    assert_eq!(routes.route_tables.unwrap().len(), 1);
    let addresses = lab.call(
        op::DescribeAddresses,
        api::DescribeAddressesRequest::default(),
    );
    assert_eq!(addresses.addresses.unwrap()[0].association_id, None);
    lab.call(op::ReleaseAddress, release());
    lab.call(op::DetachInternetGateway, detach());
    lab.call(
        op::DeleteSubnet,
        api::DeleteSubnetRequest {
            subnet_id: sn,
            ..Default::default()
        },
    );
    assert_eq!(
        lab.refused(op::DeleteNatGateway, delete(&nat)).0,
        "NatGatewayNotFound"
    );
    lab.pass(3600);
    let input = api::DescribeNatGatewaysRequest {
        nat_gateway_ids: Some(vec![nat]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeNatGateways, input).0,
        "NatGatewayNotFound"
    );
    assert_eq!(lab.region.deadline(), None);
}

#[test]
fn without_an_internet_gateway_it_fails() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eip = allocation(&mut lab);
    let nat = nat_gateway(&mut lab, &sn, &eip);
    lab.pass(1);
    let failed = shown(&mut lab, &nat);
    assert_eq!(failed.state, Some(api::NatGatewayState::Failed));
    assert_eq!(failed.failure_code.as_deref(), Some("Gateway.NotAttached"));
    assert_eq!(
        failed.failure_message,
        Some(format!("Network {id} has no Internet gateway attached"))
    );
    assert_eq!(lab.region.ec2.interfaces.len(), 0);
}

#[test]
fn an_address_in_use_fails_it_too() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    internet_gateway(&mut lab, &id);
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eip = allocation(&mut lab);
    nat_gateway(&mut lab, &sn, &eip);
    let second = nat_gateway(&mut lab, &sn, &eip);
    let failed = shown(&mut lab, &second);
    assert_eq!(
        failed.failure_code.as_deref(),
        Some("Resource.AlreadyAssociated")
    );
}

#[test]
fn requests_that_are_refused() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eip = allocation(&mut lab);
    let base = || api::CreateNatGatewayRequest {
        subnet_id: Some(sn.clone()),
        allocation_id: Some(eip.clone()),
        ..Default::default()
    };
    let cases = [
        (
            api::CreateNatGatewayRequest {
                subnet_id: Some("subnet-0".into()),
                ..base()
            },
            "InvalidSubnetID.NotFound",
        ),
        (
            api::CreateNatGatewayRequest {
                subnet_id: None,
                ..base()
            },
            "MissingParameter",
        ),
        (
            api::CreateNatGatewayRequest {
                allocation_id: None,
                ..base()
            },
            "MissingParameter",
        ),
        (
            api::CreateNatGatewayRequest {
                allocation_id: Some("eipalloc-0".into()),
                ..base()
            },
            "InvalidAllocationID.NotFound",
        ),
        (
            api::CreateNatGatewayRequest {
                connectivity_type: Some(api::ConnectivityType::Private),
                ..base()
            },
            "InvalidParameter",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::CreateNatGateway, input).0, code);
    }
    assert_eq!(
        lab.refused(op::DeleteNatGateway, delete("nat-0")).0,
        "NatGatewayNotFound"
    );
    internet_gateway(&mut lab, &id);
    for _ in 0..5 {
        let eip = allocation(&mut lab);
        nat_gateway(&mut lab, &sn, &eip);
    }
    assert_eq!(
        lab.refused(op::CreateNatGateway, base()).0,
        "NatGatewayLimitExceeded"
    );
}

#[test]
fn a_repeated_request_makes_one() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eip = allocation(&mut lab);
    let ask = || api::CreateNatGatewayRequest {
        subnet_id: Some(sn.clone()),
        allocation_id: Some(eip.clone()),
        client_token: Some("one".into()),
        ..Default::default()
    };
    let first = lab
        .call(op::CreateNatGateway, ask())
        .nat_gateway
        .unwrap()
        .nat_gateway_id;
    let second = lab
        .call(op::CreateNatGateway, ask())
        .nat_gateway
        .unwrap()
        .nat_gateway_id;
    assert_eq!(first, second);
}
