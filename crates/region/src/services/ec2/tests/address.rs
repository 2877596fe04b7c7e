use std::collections::BTreeSet;

use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{allocation, interface, internet_gateway, subnet, vpc};
use crate::services::ec2::{address, interface as interfaces};

fn associate(allocation: &str, interface: &str) -> api::AssociateAddressRequest {
    api::AssociateAddressRequest {
        allocation_id: Some(allocation.to_owned()),
        network_interface_id: Some(interface.to_owned()),
        ..Default::default()
    }
}

fn shown(lab: &mut Lab, id: &str) -> api::Address {
    let input = api::DescribeAddressesRequest {
        allocation_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeAddresses, input)
        .addresses
        .unwrap()
        .remove(0)
}

#[test]
fn the_life_of_one() {
    let mut lab = Lab::new();
    let eip = allocation(&mut lab);
    let one = shown(&mut lab, &eip);
    assert_eq!(one.domain, Some(api::DomainType::Vpc));
    assert_eq!(one.association_id, None);
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let eni = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
    let detached = lab.refused(op::AssociateAddress, associate(&eip, &eni));
    assert_eq!(detached.0, "Gateway.NotAttached");
    internet_gateway(&mut lab, &id);
    let association = lab
        .call(op::AssociateAddress, associate(&eip, &eni))
        .association_id;
    assert_eq!(shown(&mut lab, &eip).association_id, association);
    assert_eq!(
        shown(&mut lab, &eip).network_interface_id.as_ref(),
        Some(&eni)
    );
    let release = || api::ReleaseAddressRequest {
        allocation_id: Some(eip.clone()),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ReleaseAddress, release()).0,
        "InvalidIPAddress.InUse"
    );
    let other = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
    let strict = api::AssociateAddressRequest {
        allow_reassociation: Some(false),
        ..associate(&eip, &other)
    };
    assert_eq!(
        lab.refused(op::AssociateAddress, strict).0,
        "Resource.AlreadyAssociated"
    );
    let drop = || api::DisassociateAddressRequest {
        association_id: association.clone(),
        ..Default::default()
    };
    lab.call(op::DisassociateAddress, drop());
    assert_eq!(
        lab.refused(op::DisassociateAddress, drop()).0,
        "InvalidAssociationID.NotFound"
    );
    lab.call(op::ReleaseAddress, release());
    assert_eq!(
        lab.refused(op::ReleaseAddress, release()).0,
        "InvalidAllocationID.NotFound"
    );
    let unknown = api::ReleaseAddressRequest {
        public_ip: Some("192.0.2.1".into()),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ReleaseAddress, unknown).0,
        "InvalidAddress.NotFound"
    );
    let names = api::DescribeAddressesAttributeRequest {
        attribute: Some(api::AddressAttributeName::DomainName),
        ..Default::default()
    };
    assert_eq!(
        lab.call(op::DescribeAddressesAttribute, names)
            .addresses
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn no_public_address_is_given_twice() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/22", "eu-central-1a");
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let eip = allocation(&mut lab);
        assert!(seen.insert(shown(&mut lab, &eip).public_ip.unwrap()));
    }
    let full = lab.refused(op::AllocateAddress, api::AllocateAddressRequest::default());
    assert_eq!(full.0, "AddressLimitExceeded");
    for _ in 0..508 - 100 {
        let eni = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
        let given = lab.with(|region, context| address::associate_public(region, context, &eni));
        assert!(seen.insert(given.unwrap().to_string()));
    }
    let eni = interface(&mut lab, &sn, &[]).network_interface_id.unwrap();
    let none = lab.with(|region, context| address::associate_public(region, context, &eni));
    assert_eq!(none.unwrap_err().code, "InsufficientAddressCapacity");
    // An address given to an interface comes back with it.
    let holder = lab
        .region
        .ec2
        .interfaces
        .values()
        .find(|row| row.public_address.is_some());
    let holder = world::InterfaceId::new(holder.unwrap().id.clone());
    lab.with(|region, _| {
        interfaces::delete(region, &holder);
        Ok(())
    })
    .unwrap();
    lab.with(|region, context| address::associate_public(region, context, &eni))
        .unwrap();
}
