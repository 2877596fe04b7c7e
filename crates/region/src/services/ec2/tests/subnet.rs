use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{interface, new_subnet, subnet, vpc};

#[test]
fn ranges_zones_and_conflicts() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let cases = [
        (
            "10.0.0.128/25",
            "eu-central-1a",
            "InvalidSubnet.Conflict",
            "The CIDR '10.0.0.128/25' conflicts with another subnet",
        ),
        (
            "10.0.0.0/16",
            "eu-central-1a",
            "InvalidSubnet.Conflict",
            "The CIDR '10.0.0.0/16' conflicts with another subnet",
        ),
        (
            "10.1.0.0/24",
            "eu-central-1a",
            "InvalidSubnet.Range",
            "The CIDR '10.1.0.0/24' is invalid.",
        ),
        (
            "10.0.1.0/29",
            "eu-central-1a",
            "InvalidSubnet.Range",
            "The CIDR '10.0.1.0/29' is invalid.",
        ),
        (
            "10.0.0.0/15",
            "eu-central-1a",
            "InvalidSubnet.Range",
            "The CIDR '10.0.0.0/15' is invalid.",
        ),
        (
            "x",
            "eu-central-1a",
            "InvalidParameterValue",
            "Value (x) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        ),
        (
            "10.0.1.0/24",
            "eu-central-1z",
            "InvalidParameterValue",
            "Value (eu-central-1z) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: eu-central-1a, eu-central-1b, eu-central-1c.",
        ),
    ];
    for (range, zone, code, text) in cases {
        let got = lab.refused(op::CreateSubnet, new_subnet(&id, range, zone));
        assert_eq!(got, (code.to_owned(), text.to_owned()));
    }
    let unknown = lab.refused(
        op::CreateSubnet,
        new_subnet("vpc-0", "10.0.1.0/24", "eu-central-1a"),
    );
    assert_eq!(unknown.0, "InvalidVpcID.NotFound");
}

#[test]
fn host_bits_are_masked_and_zone_ids_resolve() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "100.68.0.0/16");
    let input = api::CreateSubnetRequest {
        vpc_id: id,
        cidr_block: Some("100.68.0.18/18".into()),
        availability_zone_id: Some("euc1-az2".into()),
        ..Default::default()
    };
    let made = lab.call(op::CreateSubnet, input).subnet.unwrap();
    assert_eq!(made.cidr_block.as_deref(), Some("100.68.0.0/18"));
    assert_eq!(made.availability_zone.as_deref(), Some("eu-central-1b"));
    assert_eq!(made.available_ip_address_count, Some(16_379));
}

#[test]
fn addresses_count_and_run_out() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let small = subnet(&mut lab, &id, "10.0.0.0/28", "eu-central-1a");
    let mut seen = std::collections::BTreeSet::new();
    for left in (0..11).rev() {
        let made = interface(&mut lab, &small, &[]);
        assert!(seen.insert(made.private_ip_address.unwrap()));
        let shown = lab
            .call(op::DescribeSubnets, by_id(&small))
            .subnets
            .unwrap();
        assert_eq!(shown[0].available_ip_address_count, Some(left));
    }
    let all: Vec<String> = (4..15).map(|last| format!("10.0.0.{last}")).collect();
    assert!(all.iter().all(|address| seen.contains(address)));
    let full = api::CreateNetworkInterfaceRequest {
        subnet_id: small.clone(),
        ..Default::default()
    };
    let full = lab.refused(op::CreateNetworkInterface, full);
    assert_eq!(full.0, "InsufficientFreeAddressesInSubnet");
    let delete = api::DeleteSubnetRequest {
        subnet_id: small.clone(),
        ..Default::default()
    };
    let busy = lab.refused(op::DeleteSubnet, delete);
    let text = format!("The subnet '{small}' has dependencies and cannot be deleted.");
    assert_eq!(busy, ("DependencyViolation".into(), text));
}

fn by_id(id: &str) -> api::DescribeSubnetsRequest {
    api::DescribeSubnetsRequest {
        subnet_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    }
}

#[test]
fn attributes() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let shown = lab.call(op::DescribeSubnets, by_id(&sn)).subnets.unwrap();
    assert_eq!(shown[0].map_public_ip_on_launch, Some(false));
    lab.call(
        op::ModifySubnetAttribute,
        api::ModifySubnetAttributeRequest {
            subnet_id: sn.clone(),
            map_public_ip_on_launch: Some(api::AttributeBooleanValue { value: Some(true) }),
            ..Default::default()
        },
    );
    let shown = lab.call(op::DescribeSubnets, by_id(&sn)).subnets.unwrap();
    assert_eq!(shown[0].map_public_ip_on_launch, Some(true));
    assert_eq!(shown[0].state, Some(api::SubnetState::Available));
    lab.call(
        op::DeleteSubnet,
        api::DeleteSubnetRequest {
            subnet_id: sn.clone(),
            ..Default::default()
        },
    );
    let gone = lab.refused(op::DescribeSubnets, by_id(&sn));
    assert_eq!(gone.0, "InvalidSubnetID.NotFound");
}

#[test]
fn a_default_subnet_can_be_made_again() {
    let mut lab = Lab::new();
    let ask = || api::CreateDefaultSubnetRequest {
        availability_zone: Some("eu-central-1b".into()),
        ..Default::default()
    };
    let there = lab.refused(op::CreateDefaultSubnet, ask());
    assert_eq!(there.0, "DefaultSubnetAlreadyExistsInAvailabilityZone");
    let old = lab
        .region
        .ec2
        .subnets
        .values()
        .find(|row| row.zone == "eu-central-1b")
        .unwrap()
        .id
        .clone();
    lab.call(
        op::DeleteSubnet,
        api::DeleteSubnetRequest {
            subnet_id: old,
            ..Default::default()
        },
    );
    let made = lab.call(op::CreateDefaultSubnet, ask()).subnet.unwrap();
    assert_eq!(made.cidr_block.as_deref(), Some("172.31.16.0/20"));
}
