use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{route_table, security_group, subnet, vpc};

fn gateway(vpc: &str, tables: &[&str]) -> api::CreateVpcEndpointRequest {
    api::CreateVpcEndpointRequest {
        vpc_id: vpc.to_owned(),
        service_name: Some("com.amazonaws.eu-central-1.s3".into()),
        route_table_ids: Some(tables.iter().map(|&id| id.to_owned()).collect()),
        ..Default::default()
    }
}

fn interface(vpc: &str, service: &str, subnets: &[&str]) -> api::CreateVpcEndpointRequest {
    api::CreateVpcEndpointRequest {
        vpc_id: vpc.to_owned(),
        vpc_endpoint_type: Some(api::VpcEndpointType::Interface),
        service_name: Some(format!("com.amazonaws.eu-central-1.{service}")),
        subnet_ids: Some(subnets.iter().map(|&id| id.to_owned()).collect()),
        private_dns_enabled: Some(true),
        ..Default::default()
    }
}

fn make(lab: &mut Lab, input: api::CreateVpcEndpointRequest) -> String {
    let made = lab.call(op::CreateVpcEndpoint, input).vpc_endpoint.unwrap();
    made.vpc_endpoint_id.unwrap()
}

fn shown(lab: &mut Lab, id: &str) -> api::VpcEndpoint {
    let input = api::DescribeVpcEndpointsRequest {
        vpc_endpoint_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeVpcEndpoints, input)
        .vpc_endpoints
        .unwrap()
        .remove(0)
}

fn delete(id: &str) -> api::DeleteVpcEndpointsRequest {
    api::DeleteVpcEndpointsRequest {
        vpc_endpoint_ids: vec![id.to_owned()],
        ..Default::default()
    }
}

fn hostnames(lab: &mut Lab, vpc: &str) {
    lab.call(
        op::ModifyVpcAttribute,
        api::ModifyVpcAttributeRequest {
            vpc_id: vpc.to_owned(),
            enable_dns_hostnames: Some(api::AttributeBooleanValue { value: Some(true) }),
            ..Default::default()
        },
    );
}

#[test]
fn a_gateway_endpoint_is_a_route() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let (one, two) = (route_table(&mut lab, &id), route_table(&mut lab, &id));
    let endpoint = make(&mut lab, gateway(&id, &[&one]));
    let there = shown(&mut lab, &endpoint);
    assert_eq!(there.state.unwrap().as_str(), "available");
    assert_eq!(there.vpc_endpoint_type.unwrap().as_str(), "Gateway");
    assert_eq!(there.route_table_ids, Some(vec![one.clone()]));
    let again = lab.refused(op::CreateVpcEndpoint, gateway(&id, &[&one]));
    assert_eq!(again.0, "RouteAlreadyExists");
    let change = api::ModifyVpcEndpointRequest {
        vpc_endpoint_id: endpoint.clone(),
        add_route_table_ids: Some(vec![two.clone()]),
        remove_route_table_ids: Some(vec![one.clone()]),
        ..Default::default()
    };
    lab.call(op::ModifyVpcEndpoint, change);
    let routes =
        |lab: &Lab, table: &str| lab.region.ec2.route_tables.get(table).unwrap().routes.len();
    assert_eq!((routes(&lab, &one), routes(&lab, &two)), (0, 1));
    let list = lab.call(
        op::DescribeRouteTables,
        api::DescribeRouteTablesRequest {
            route_table_ids: Some(vec![two.clone()]),
            ..Default::default()
        },
    );
    let route = list
        .route_tables
        .unwrap()
        .remove(0)
        .routes
        .unwrap()
        .remove(1);
    assert_eq!(
        route.destination_prefix_list_id.as_deref(),
        Some("pl-6ea54007")
    );
    assert_eq!(route.gateway_id.as_ref(), Some(&endpoint));
    let by_hand = api::DeleteRouteRequest {
        route_table_id: two.clone(),
        destination_prefix_list_id: Some("pl-6ea54007".into()),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DeleteRoute, by_hand).0,
        "InvalidParameterValue"
    );
    lab.call(op::DeleteVpcEndpoints, delete(&endpoint));
    assert_eq!(routes(&lab, &two), 0);
    let input = api::DescribeVpcEndpointsRequest {
        vpc_endpoint_ids: Some(vec![endpoint.clone()]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeVpcEndpoints, input).0,
        "InvalidVpcEndpointId.NotFound"
    );
    let gone = lab
        .call(op::DeleteVpcEndpoints, delete(&endpoint))
        .unsuccessful
        .unwrap();
    assert_eq!(
        gone[0].error.as_ref().unwrap().code.as_deref(),
        Some("InvalidVpcEndpointId.NotFound")
    );
}

#[test]
fn an_interface_endpoint_has_interfaces() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    hostnames(&mut lab, &id);
    let a = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let b = subnet(&mut lab, &id, "10.0.1.0/24", "eu-central-1b");
    let also_a = subnet(&mut lab, &id, "10.0.2.0/24", "eu-central-1a");
    let endpoint = make(&mut lab, interface(&id, "secretsmanager", &[&a, &b]));
    assert_eq!(
        shown(&mut lab, &endpoint).state.unwrap().as_str(),
        "pending"
    );
    lab.pass(1);
    let there = shown(&mut lab, &endpoint);
    assert_eq!(there.state.unwrap().as_str(), "available");
    assert_eq!(there.subnet_ids, Some(vec![a.clone(), b.clone()]));
    assert_eq!(
        there.groups.unwrap()[0].group_name.as_deref(),
        Some("default")
    );
    let names = there.dns_entries.unwrap();
    assert!(names.iter().any(|one| one.dns_name.as_deref() == Some("secretsmanager.eu-central-1.amazonaws.com")));
    let enis = there.network_interface_ids.unwrap();
    let found = lab.call(
        op::DescribeNetworkInterfaces,
        api::DescribeNetworkInterfacesRequest {
            network_interface_ids: Some(enis.clone()),
            ..Default::default()
        },
    );
    assert_eq!(found.network_interfaces.unwrap().len(), 2);
    let zone = api::ModifyVpcEndpointRequest {
        vpc_endpoint_id: endpoint.clone(),
        add_subnet_ids: Some(vec![also_a]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ModifyVpcEndpoint, zone).0,
        "DuplicateSubnetsInSameZone"
    );
    let conflict = lab.refused(op::CreateVpcEndpoint, interface(&id, "secretsmanager", &[]));
    assert_eq!(conflict.0, "InvalidParameter");
    assert!(
        conflict
            .1
            .starts_with("private-dns-enabled cannot be set because")
    );
    let group = security_group(&mut lab, &id, "endpoints");
    let default = crate::services::ec2::security_group::default_of(&lab.region, &id).unwrap();
    lab.call(
        op::ModifyVpcEndpoint,
        api::ModifyVpcEndpointRequest {
            vpc_endpoint_id: endpoint.clone(),
            add_security_group_ids: Some(vec![group.clone()]),
            remove_security_group_ids: Some(vec![default]),
            remove_subnet_ids: Some(vec![b.clone()]),
            ..Default::default()
        },
    );
    assert_eq!(lab.region.ec2.interfaces.len(), 1);
    assert_eq!(
        lab.region
            .ec2
            .interfaces
            .values()
            .next()
            .unwrap()
            .security_groups,
        [group]
    );
    lab.call(op::DeleteVpcEndpoints, delete(&endpoint));
    assert_eq!(
        shown(&mut lab, &endpoint).state.unwrap().as_str(),
        "deleting"
    );
    lab.pass(1);
    assert_eq!(
        (
            lab.region.ec2.endpoints.len(),
            lab.region.ec2.interfaces.len()
        ),
        (0, 0)
    );
}

#[test]
fn requests_that_are_refused() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let table = route_table(&mut lab, &id);
    let cases = [
        (interface(&id, "nonsense", &[]), "InvalidServiceName"),
        (interface("vpc-0", "logs", &[]), "InvalidVpcID.NotFound"),
        // Private names need both DNS attributes.
        (interface(&id, "logs", &[]), "InvalidParameter"),
        (gateway(&id, &["rtb-0"]), "InvalidRouteTableID.NotFound"),
        (
            api::CreateVpcEndpointRequest {
                policy_document: Some("{".into()),
                ..gateway(&id, &[&table])
            },
            "InvalidPolicyDocument",
        ),
        (
            api::CreateVpcEndpointRequest {
                service_name: Some("com.amazonaws.eu-central-1.logs".into()),
                ..gateway(&id, &[])
            },
            "InvalidParameter",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::CreateVpcEndpoint, input).0, code);
    }
}

#[test]
fn services_and_prefix_lists() {
    let mut lab = Lab::new();
    let services = lab.call(
        op::DescribeVpcEndpointServices,
        api::DescribeVpcEndpointServicesRequest::default(),
    );
    assert!(
        services
            .service_names
            .unwrap()
            .contains(&"com.amazonaws.eu-central-1.ecr.dkr".to_owned())
    );
    for (service, id) in [("s3", "pl-6ea54007"), ("dynamodb", "pl-66a5400f")] {
        let name = format!("com.amazonaws.eu-central-1.{service}");
        let filters = super::filters(&[("prefix-list-name", &name)]);
        let plain = lab.call(
            op::DescribePrefixLists,
            api::DescribePrefixListsRequest {
                filters: filters.clone(),
                ..Default::default()
            },
        );
        let plain = plain.prefix_lists.unwrap().remove(0);
        assert_eq!(plain.prefix_list_id.as_deref(), Some(id));
        let managed = lab.call(
            op::DescribeManagedPrefixLists,
            api::DescribeManagedPrefixListsRequest {
                filters,
                ..Default::default()
            },
        );
        assert_eq!(
            managed.prefix_lists.unwrap()[0].prefix_list_id.as_deref(),
            Some(id)
        );
        let entries = lab.call(
            op::GetManagedPrefixListEntries,
            api::GetManagedPrefixListEntriesRequest {
                prefix_list_id: id.into(),
                ..Default::default()
            },
        );
        let ranges: Vec<_> = entries
            .entries
            .unwrap()
            .into_iter()
            .filter_map(|one| one.cidr)
            .collect();
        assert_eq!(Some(ranges), plain.cidrs);
    }
}
