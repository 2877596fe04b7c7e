use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{filters, interface, internet_gateway, route_table, security_group, subnet, vpc};

fn delete(id: &str) -> api::DeleteVpcRequest {
    api::DeleteVpcRequest {
        vpc_id: id.to_owned(),
        ..Default::default()
    }
}

#[test]
fn a_fresh_account_has_a_default_vpc_as_aws_makes_it() {
    let mut lab = Lab::new();
    let all = lab.call(op::DescribeVpcs, api::DescribeVpcsRequest::default());
    let [vpc] = all.vpcs.as_deref().unwrap() else {
        panic!("one VPC")
    };
    assert_eq!(vpc.cidr_block.as_deref(), Some("172.31.0.0/16"));
    assert_eq!(vpc.is_default, Some(true));
    let state = vpc.cidr_block_association_set.as_ref().unwrap()[0]
        .cidr_block_state
        .as_ref();
    assert_eq!(
        state.unwrap().state,
        Some(api::VpcCidrBlockStateCode::Associated)
    );
    let id = vpc.vpc_id.clone().unwrap();
    let subnets = lab.call(op::DescribeSubnets, api::DescribeSubnetsRequest::default());
    let mut shown: Vec<_> = subnets
        .subnets
        .unwrap()
        .into_iter()
        .map(|one| {
            assert_eq!(one.default_for_az, Some(true));
            assert_eq!(one.map_public_ip_on_launch, Some(true));
            assert_eq!(one.available_ip_address_count, Some(4091));
            (one.availability_zone_id.unwrap(), one.cidr_block.unwrap())
        })
        .collect();
    shown.sort();
    let expected = [
        ("euc1-az1", "172.31.0.0/20"),
        ("euc1-az2", "172.31.16.0/20"),
        ("euc1-az3", "172.31.32.0/20"),
    ];
    assert_eq!(
        shown,
        expected.map(|(zone, range)| (zone.to_owned(), range.to_owned()))
    );
    let groups = lab.call(
        op::DescribeSecurityGroups,
        api::DescribeSecurityGroupsRequest {
            filters: filters(&[("group-name", "default"), ("vpc-id", &id)]),
            ..Default::default()
        },
    );
    let [group] = groups.security_groups.as_deref().unwrap() else {
        panic!("one group")
    };
    let ingress = &group.ip_permissions.as_ref().unwrap()[0];
    assert_eq!(
        ingress.user_id_group_pairs.as_ref().unwrap()[0].group_id,
        group.group_id
    );
    assert_eq!((ingress.from_port, ingress.to_port), (None, None));
    let acls = lab.call(
        op::DescribeNetworkAcls,
        api::DescribeNetworkAclsRequest {
            filters: filters(&[("default", "true"), ("vpc-id", &id)]),
            ..Default::default()
        },
    );
    let acl = &acls.network_acls.unwrap()[0];
    assert_eq!(acl.associations.as_ref().unwrap().len(), 3);
    assert_eq!(acl.entries.as_ref().unwrap().len(), 4);
    let tables = lab.call(
        op::DescribeRouteTables,
        api::DescribeRouteTablesRequest {
            filters: filters(&[("association.main", "true"), ("vpc-id", &id)]),
            ..Default::default()
        },
    );
    let routes = tables.route_tables.unwrap()[0].routes.clone().unwrap();
    let to: Vec<_> = routes
        .iter()
        .map(|one| one.destination_cidr_block.as_deref().unwrap())
        .collect();
    assert_eq!(to, ["172.31.0.0/16", "0.0.0.0/0"]);
    assert!(
        routes
            .iter()
            .all(|one| one.state == Some(api::RouteState::Active))
    );
}

#[test]
fn ranges_that_are_refused() {
    let mut lab = Lab::new();
    for (range, code) in [
        ("10.0.0.0/8", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("10.0.0.0", "InvalidParameterValue"),
        ("", "InvalidParameterValue"),
    ] {
        let input = api::CreateVpcRequest {
            cidr_block: Some(range.to_owned()),
            ..Default::default()
        };
        assert_eq!(lab.refused(op::CreateVpc, input).0, code, "{range}");
    }
    let missing = lab.refused(op::CreateVpc, api::CreateVpcRequest::default());
    assert_eq!(missing.0, "MissingParameter");
    let ipv6 = api::CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".into()),
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    assert_eq!(lab.refused(op::CreateVpc, ipv6).0, "UnsupportedOperation");
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut lab = Lab::new();
    let input = api::CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".into()),
        dry_run: Some(true),
        ..Default::default()
    };
    let error = lab.try_call(op::CreateVpc, input).unwrap_err();
    assert_eq!(
        (error.code.as_ref(), error.status),
        ("DryRunOperation", 412)
    );
}

#[test]
fn attributes() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let ask = |attribute| api::DescribeVpcAttributeRequest {
        attribute,
        vpc_id: id.clone(),
        ..Default::default()
    };
    let hostnames = lab.call(
        op::DescribeVpcAttribute,
        ask(api::VpcAttributeName::EnableDnsHostnames),
    );
    assert_eq!(hostnames.enable_dns_hostnames.unwrap().value, Some(false));
    assert!(hostnames.enable_dns_support.is_none());
    let support = lab.call(
        op::DescribeVpcAttribute,
        ask(api::VpcAttributeName::EnableDnsSupport),
    );
    assert_eq!(support.enable_dns_support.unwrap().value, Some(true));
    let metrics = lab.call(
        op::DescribeVpcAttribute,
        ask(api::VpcAttributeName::EnableNetworkAddressUsageMetrics),
    );
    assert_eq!(
        metrics.enable_network_address_usage_metrics.unwrap().value,
        Some(false)
    );
    let on = Some(api::AttributeBooleanValue { value: Some(true) });
    let change = api::ModifyVpcAttributeRequest {
        vpc_id: id.clone(),
        enable_dns_hostnames: on.clone(),
        ..Default::default()
    };
    lab.call(op::ModifyVpcAttribute, change);
    let hostnames = lab.call(
        op::DescribeVpcAttribute,
        ask(api::VpcAttributeName::EnableDnsHostnames),
    );
    assert_eq!(hostnames.enable_dns_hostnames.unwrap().value, Some(true));
    let two = api::ModifyVpcAttributeRequest {
        vpc_id: id,
        enable_dns_hostnames: on.clone(),
        enable_dns_support: on,
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ModifyVpcAttribute, two).0,
        "InvalidParameterCombination"
    );
}

#[test]
fn a_vpc_goes_only_when_it_is_empty() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let text = format!("The vpc '{id}' has dependencies and cannot be deleted.");
    let busy = ("DependencyViolation".to_owned(), text);

    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eni = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
    let group = security_group(&mut lab, &id, "web");
    let table = route_table(&mut lab, &id);
    let gateway = internet_gateway(&mut lab, &id);
    let acl = lab.call(
        op::CreateNetworkAcl,
        api::CreateNetworkAclRequest {
            vpc_id: id.clone(),
            ..Default::default()
        },
    );
    let acl = acl.network_acl.unwrap().network_acl_id.unwrap();

    assert_eq!(lab.refused(op::DeleteVpc, delete(&id)), busy);
    lab.call(
        op::DeleteNetworkInterface,
        api::DeleteNetworkInterfaceRequest {
            network_interface_id: eni,
            ..Default::default()
        },
    );
    lab.call(
        op::DeleteSubnet,
        api::DeleteSubnetRequest {
            subnet_id: sn,
            ..Default::default()
        },
    );
    assert_eq!(lab.refused(op::DeleteVpc, delete(&id)), busy);
    lab.call(
        op::DeleteSecurityGroup,
        api::DeleteSecurityGroupRequest {
            group_id: Some(group),
            ..Default::default()
        },
    );
    assert_eq!(lab.refused(op::DeleteVpc, delete(&id)), busy);
    lab.call(
        op::DeleteRouteTable,
        api::DeleteRouteTableRequest {
            route_table_id: table,
            ..Default::default()
        },
    );
    assert_eq!(lab.refused(op::DeleteVpc, delete(&id)), busy);
    lab.call(
        op::DeleteNetworkAcl,
        api::DeleteNetworkAclRequest {
            network_acl_id: acl,
            ..Default::default()
        },
    );
    assert_eq!(lab.refused(op::DeleteVpc, delete(&id)), busy);
    lab.call(
        op::DetachInternetGateway,
        api::DetachInternetGatewayRequest {
            internet_gateway_id: gateway,
            vpc_id: id.clone(),
            ..Default::default()
        },
    );
    lab.call(op::DeleteVpc, delete(&id));
    let gone = lab.refused(op::DeleteVpc, delete(&id));
    assert_eq!(
        gone,
        (
            "InvalidVpcID.NotFound".to_owned(),
            format!("The vpc ID '{id}' does not exist")
        )
    );
    let left = |one: &String| *one == id;
    assert!(
        !lab.region
            .ec2
            .security_groups
            .values()
            .any(|row| left(&row.vpc))
    );
    assert!(
        !lab.region
            .ec2
            .route_tables
            .values()
            .any(|row| left(&row.vpc))
    );
    assert!(
        !lab.region
            .ec2
            .network_acls
            .values()
            .any(|row| left(&row.vpc))
    );
}

#[test]
fn filters_and_pages() {
    let mut lab = Lab::new();
    for number in 0..7 {
        vpc(&mut lab, &format!("10.{number}.0.0/16"));
    }
    let like = |name: &str, value: &str| api::DescribeVpcsRequest {
        filters: filters(&[(name, value)]),
        ..Default::default()
    };
    let count = |lab: &mut Lab, input| lab.call(op::DescribeVpcs, input).vpcs.unwrap().len();
    assert_eq!(count(&mut lab, like("cidr", "10.?.0.0/16")), 7);
    assert_eq!(
        count(
            &mut lab,
            like("cidr-block-association.cidr-block", "10.3.*")
        ),
        1
    );
    assert_eq!(count(&mut lab, like("is-default", "true")), 1);
    let unknown = lab.refused(op::DescribeVpcs, like("colour", "red"));
    assert_eq!(
        unknown,
        (
            "InvalidParameterValue".into(),
            "The filter 'colour' is invalid".into()
        )
    );
    let (mut token, mut seen) = (None, Vec::new());
    loop {
        let page = lab.call(
            op::DescribeVpcs,
            api::DescribeVpcsRequest {
                max_results: Some(5),
                next_token: token,
                ..Default::default()
            },
        );
        seen.extend(
            page.vpcs
                .unwrap()
                .into_iter()
                .map(|one| one.vpc_id.unwrap()),
        );
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let all: Vec<String> = lab.region.ec2.vpcs.keys().cloned().collect();
    assert_eq!(seen, all);
}

#[test]
fn the_default_vpc_can_be_made_again() {
    let mut lab = Lab::new();
    let again = lab.refused(
        op::CreateDefaultVpc,
        api::CreateDefaultVpcRequest::default(),
    );
    assert_eq!(again.0, "DefaultVpcAlreadyExists");
}

#[test]
fn more_ranges() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let ask = |range: &str| api::AssociateVpcCidrBlockRequest {
        vpc_id: id.clone(),
        cidr_block: Some(range.to_owned()),
        ..Default::default()
    };
    let overlap = lab.refused(op::AssociateVpcCidrBlock, ask("10.0.128.0/17"));
    assert_eq!(overlap.0, "InvalidVpc.Range");
    let made = lab.call(op::AssociateVpcCidrBlock, ask("10.1.0.0/16"));
    let association = made.cidr_block_association.unwrap().association_id.unwrap();
    let sn = subnet(&mut lab, &id, "10.1.0.0/24", "eu-central-1b");
    let drop = || api::DisassociateVpcCidrBlockRequest {
        association_id: association.clone(),
    };
    assert_eq!(
        lab.refused(op::DisassociateVpcCidrBlock, drop()).0,
        "InvalidCidrBlock.InUse"
    );
    lab.call(
        op::DeleteSubnet,
        api::DeleteSubnetRequest {
            subnet_id: sn,
            ..Default::default()
        },
    );
    lab.call(op::DisassociateVpcCidrBlock, drop());
    let primary = lab.region.ec2.vpcs.get(&id).unwrap().cidrs[0].id.clone();
    let primary = api::DisassociateVpcCidrBlockRequest {
        association_id: primary,
    };
    assert_eq!(
        lab.refused(op::DisassociateVpcCidrBlock, primary).0,
        "OperationNotPermitted"
    );
}
