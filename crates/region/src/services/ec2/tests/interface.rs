use wire::ec2::{self as api, op};
use world::InterfaceId;

use super::lab::Lab;
use super::{filters, interface, security_group, subnet, vpc};
use crate::services::ec2::interface::{self as interfaces, NewInterface};
use crate::services::ec2::state::Requester;

fn managed(lab: &mut Lab, subnet: &str) -> InterfaceId {
    let new = NewInterface {
        description: "ELB app/web/0123456789abcdef".into(),
        requester: Some(Requester::service("amazon-elb")),
        ..NewInterface::new(subnet)
    };
    lab.with(|region, context| interfaces::create(region, context, new))
        .unwrap()
}

fn delete(id: &str) -> api::DeleteNetworkInterfaceRequest {
    api::DeleteNetworkInterfaceRequest {
        network_interface_id: id.to_owned(),
        ..Default::default()
    }
}

#[test]
fn a_service_s_interface_is_its_own() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eni = managed(&mut lab, &sn);
    let found = lab.call(
        op::DescribeNetworkInterfaces,
        api::DescribeNetworkInterfacesRequest {
            filters: filters(&[
                ("attachment.instance-owner-id", "amazon-elb"),
                ("description", "ELB app/web/0123456789abcdef"),
                ("requester-managed", "true"),
                ("status", "in-use"),
            ]),
            ..Default::default()
        },
    );
    let found = found.network_interfaces.unwrap();
    assert_eq!(found[0].network_interface_id.as_deref(), Some(eni.as_str()));
    assert_eq!(found[0].availability_zone.as_deref(), Some("eu-central-1a"));
    let busy = lab.refused(op::DeleteNetworkInterface, delete(eni.as_str()));
    assert_eq!(
        busy,
        (
            "InvalidNetworkInterface.InUse".into(),
            format!("Network interface '{eni}' is currently in use.")
        )
    );
    let change = api::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: eni.as_str().to_owned(),
        description: Some(api::AttributeValue {
            value: Some("mine".into()),
        }),
        ..Default::default()
    };
    let error = lab
        .try_call(op::ModifyNetworkInterfaceAttribute, change)
        .unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("AuthFailure", 403));
    lab.with(|region, _| {
        interfaces::delete(region, &eni);
        interfaces::delete(region, &eni);
        Ok(())
    })
    .unwrap();
    assert_eq!(
        lab.refused(op::DeleteNetworkInterface, delete(eni.as_str()))
            .0,
        "InvalidNetworkInterfaceID.NotFound"
    );
}

#[test]
fn addresses_and_groups_as_asked() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let ask = |address: &str| api::CreateNetworkInterfaceRequest {
        subnet_id: sn.clone(),
        private_ip_address: Some(address.to_owned()),
        ..Default::default()
    };
    let made = lab
        .call(op::CreateNetworkInterface, ask("10.0.0.77"))
        .network_interface
        .unwrap();
    assert_eq!(made.private_ip_address.as_deref(), Some("10.0.0.77"));
    assert_eq!(made.status, Some(api::NetworkInterfaceStatus::Available));
    assert_eq!(
        made.groups.unwrap()[0].group_name.as_deref(),
        Some("default")
    );
    let cases = [
        ("10.0.0.77", "InvalidIPAddress.InUse"),
        ("10.0.0.3", "InvalidParameterValue"),
        ("10.0.0.255", "InvalidParameterValue"),
        ("10.0.1.5", "InvalidParameterValue"),
        ("x", "InvalidParameterValue"),
    ];
    for (address, code) in cases {
        assert_eq!(
            lab.refused(op::CreateNetworkInterface, ask(address)).0,
            code,
            "{address}"
        );
    }
    let many: Vec<String> = (0..6)
        .map(|number| security_group(&mut lab, &id, &format!("g{number}")))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let input = api::CreateNetworkInterfaceRequest {
        subnet_id: sn.clone(),
        groups: Some(many.iter().map(|&group| group.to_owned()).collect()),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::CreateNetworkInterface, input).0,
        "SecurityGroupsPerInterfaceLimitExceeded"
    );
    let five = interface(&mut lab, &sn, &many[..5]);
    assert_eq!(five.groups.unwrap().len(), 5);
}

#[test]
fn attributes_change_and_are_told() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let group = security_group(&mut lab, &id, "web");
    let eni = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
    lab.call(
        op::ModifyNetworkInterfaceAttribute,
        api::ModifyNetworkInterfaceAttributeRequest {
            network_interface_id: eni.clone(),
            groups: Some(vec![group.clone()]),
            source_dest_check: Some(api::AttributeBooleanValue { value: Some(false) }),
            ..Default::default()
        },
    );
    let ask = |attribute| api::DescribeNetworkInterfaceAttributeRequest {
        network_interface_id: eni.clone(),
        attribute: Some(attribute),
        ..Default::default()
    };
    let groups = lab.call(
        op::DescribeNetworkInterfaceAttribute,
        ask(api::NetworkInterfaceAttribute::GroupSet),
    );
    assert_eq!(groups.groups.unwrap()[0].group_id.as_ref(), Some(&group));
    let check = lab.call(
        op::DescribeNetworkInterfaceAttribute,
        ask(api::NetworkInterfaceAttribute::SourceDestCheck),
    );
    assert_eq!(check.source_dest_check.unwrap().value, Some(false));
}

#[test]
fn more_private_addresses() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eni = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
    let given = lab.call(
        op::AssignPrivateIpAddresses,
        api::AssignPrivateIpAddressesRequest {
            network_interface_id: eni.clone(),
            secondary_private_ip_address_count: Some(3),
            ..Default::default()
        },
    );
    let given: Vec<String> = given
        .assigned_private_ip_addresses
        .unwrap()
        .into_iter()
        .filter_map(|one| one.private_ip_address)
        .collect();
    assert_eq!(given.len(), 3);
    let drop = || api::UnassignPrivateIpAddressesRequest {
        network_interface_id: eni.clone(),
        private_ip_addresses: Some(given.clone()),
        ..Default::default()
    };
    lab.call(op::UnassignPrivateIpAddresses, drop());
    assert_eq!(
        lab.refused(op::UnassignPrivateIpAddresses, drop()).0,
        "InvalidParameterValue"
    );
}
