use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{
    allocation, associate, default_route, filters, internet_gateway, nat_gateway, route_table,
    subnet, vpc,
};

fn shown(lab: &mut Lab, table: &str) -> api::RouteTable {
    let input = api::DescribeRouteTablesRequest {
        route_table_ids: Some(vec![table.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeRouteTables, input)
        .route_tables
        .unwrap()
        .remove(0)
}

fn delete_route(table: &str, range: &str) -> api::DeleteRouteRequest {
    api::DeleteRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: Some(range.to_owned()),
        ..Default::default()
    }
}

#[test]
fn routes_come_once_are_replaced_and_go() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let table = route_table(&mut lab, &id);
    let gateway = internet_gateway(&mut lab, &id);
    lab.call(op::CreateRoute, default_route(&table, &gateway));
    // The very same again is no error; another target for the destination is.
    lab.call(op::CreateRoute, default_route(&table, &gateway));
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eip = allocation(&mut lab);
    let nat = nat_gateway(&mut lab, &sn, &eip);
    let again = lab.refused(op::CreateRoute, default_route(&table, &nat));
    assert_eq!(
        again,
        (
            "RouteAlreadyExists".into(),
            "The route identified by 0.0.0.0/0 already exists.".into()
        )
    );
    lab.call(
        op::ReplaceRoute,
        api::ReplaceRouteRequest {
            route_table_id: table.clone(),
            destination_cidr_block: Some("0.0.0.0/0".into()),
            nat_gateway_id: Some(nat.clone()),
            ..Default::default()
        },
    );
    let routes = shown(&mut lab, &table).routes.unwrap();
    assert_eq!(routes[0].gateway_id.as_deref(), Some("local"));
    assert_eq!(routes[0].origin, Some(api::RouteOrigin::CreateRouteTable));
    assert_eq!(routes[1].nat_gateway_id, Some(nat));
    assert_eq!(routes[1].origin, Some(api::RouteOrigin::CreateRoute));
    lab.call(op::DeleteRoute, delete_route(&table, "0.0.0.0/0"));
    let gone = lab.refused(op::DeleteRoute, delete_route(&table, "0.0.0.0/0"));
    assert_eq!(gone.0, "InvalidRoute.NotFound");
    let local = lab.refused(op::DeleteRoute, delete_route(&table, "10.0.0.0/16"));
    assert_eq!(local.0, "InvalidParameterValue");
    let over_local = api::CreateRouteRequest {
        destination_cidr_block: Some("10.0.0.0/16".into()),
        ..default_route(&table, &gateway)
    };
    assert_eq!(
        lab.refused(op::CreateRoute, over_local).0,
        "RouteAlreadyExists"
    );
}

#[test]
fn targets_that_are_refused() {
    let mut lab = Lab::new();
    let (id, other) = (vpc(&mut lab, "10.0.0.0/16"), vpc(&mut lab, "10.1.0.0/16"));
    let table = route_table(&mut lab, &id);
    let foreign = internet_gateway(&mut lab, &other);
    let base = || api::CreateRouteRequest {
        route_table_id: table.clone(),
        destination_cidr_block: Some("0.0.0.0/0".into()),
        ..Default::default()
    };
    let cases = [
        (
            default_route("rtb-0", &foreign),
            "InvalidRouteTableID.NotFound",
        ),
        (default_route(&table, "igw-0"), "InvalidGatewayID.NotFound"),
        (
            default_route(&table, "nat-0"),
            "InvalidNatGatewayID.NotFound",
        ),
        (default_route(&table, &foreign), "InvalidParameterValue"),
        (base(), "InvalidParameterCombination"),
        (
            api::CreateRouteRequest {
                instance_id: Some("i-0".into()),
                ..base()
            },
            "InvalidInstanceID.NotFound",
        ),
        (
            api::CreateRouteRequest {
                vpc_peering_connection_id: Some("pcx-0".into()),
                ..base()
            },
            "InvalidVpcPeeringConnectionID.NotFound",
        ),
        (
            api::CreateRouteRequest {
                network_interface_id: Some("eni-0".into()),
                ..base()
            },
            "InvalidNetworkInterfaceID.NotFound",
        ),
        (
            api::CreateRouteRequest {
                destination_cidr_block: Some("bad".into()),
                gateway_id: Some(foreign.clone()),
                ..base()
            },
            "InvalidParameterValue",
        ),
        (
            api::CreateRouteRequest {
                destination_cidr_block: None,
                gateway_id: Some(foreign.clone()),
                ..base()
            },
            "MissingParameter",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::CreateRoute, input).0, code);
    }
}

#[test]
fn a_route_whose_target_is_gone_is_a_black_hole() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let table = route_table(&mut lab, &id);
    let gateway = internet_gateway(&mut lab, &id);
    lab.call(op::CreateRoute, default_route(&table, &gateway));
    let state = |lab: &mut Lab| shown(lab, &table).routes.unwrap()[1].state;
    assert_eq!(state(&mut lab), Some(api::RouteState::Active));
    lab.call(
        op::DetachInternetGateway,
        api::DetachInternetGatewayRequest {
            internet_gateway_id: gateway,
            vpc_id: id,
            ..Default::default()
        },
    );
    assert_eq!(state(&mut lab), Some(api::RouteState::Blackhole));
}

#[test]
fn associations() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let (one, two) = (route_table(&mut lab, &id), route_table(&mut lab, &id));
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let association = associate(&mut lab, &one, &sn);
    let found = lab.call(
        op::DescribeRouteTables,
        api::DescribeRouteTablesRequest {
            filters: filters(&[("association.route-table-association-id", &association)]),
            ..Default::default()
        },
    );
    let own = found.route_tables.unwrap()[0].associations.clone().unwrap();
    assert_eq!(own[0].subnet_id.as_ref(), Some(&sn));
    assert_eq!(
        own[0].association_state.as_ref().unwrap().state,
        Some(api::RouteTableAssociationStateCode::Associated)
    );
    let taken = api::AssociateRouteTableRequest {
        route_table_id: two.clone(),
        subnet_id: Some(sn.clone()),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::AssociateRouteTable, taken).0,
        "Resource.AlreadyAssociated"
    );
    let busy = |table: &str| api::DeleteRouteTableRequest {
        route_table_id: table.to_owned(),
        ..Default::default()
    };
    let refused = lab.refused(op::DeleteRouteTable, busy(&one));
    let text = format!("The routeTable '{one}' has dependencies and cannot be deleted.");
    assert_eq!(refused, ("DependencyViolation".into(), text));
    let replaced = lab.call(
        op::ReplaceRouteTableAssociation,
        api::ReplaceRouteTableAssociationRequest {
            association_id: association.clone(),
            route_table_id: two.clone(),
            ..Default::default()
        },
    );
    let new = replaced.new_association_id.unwrap();
    assert_ne!(new, association);
    lab.call(op::DeleteRouteTable, busy(&one));
    assert_eq!(
        lab.refused(op::DeleteRouteTable, busy(&one)).0,
        "InvalidRouteTableID.NotFound"
    );
    let drop = |id: &str| api::DisassociateRouteTableRequest {
        association_id: id.to_owned(),
        ..Default::default()
    };
    lab.call(op::DisassociateRouteTable, drop(&new));
    assert_eq!(
        lab.refused(op::DisassociateRouteTable, drop(&new)).0,
        "InvalidAssociationID.NotFound"
    );
    let main = lab
        .region
        .ec2
        .route_tables
        .values()
        .find(|row| row.vpc == id && row.is_main());
    let main = main.unwrap().associations[0].id.clone();
    assert_eq!(
        lab.refused(op::DisassociateRouteTable, drop(&main)).0,
        "InvalidParameterValue"
    );
}
