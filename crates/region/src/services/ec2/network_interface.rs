//! Network interfaces as clients see, make and change them.

use std::net::Ipv4Addr;

use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, each, text};
use super::interface::{self, NewInterface};
use super::state::Interface;
use super::{address, cidr, error, subnet, tags, zone};
use crate::{Context, Region};

fn parse_address(text: &str) -> Result<Ipv4Addr, Error> {
    text.parse().map_err(|_| {
        error::invalid(format!(
            "Value ({text}) for parameter privateIpAddress is invalid. Invalid IPv4 address."
        ))
    })
}

pub(super) fn create_network_interface(
    region: &mut Region,
    context: &Context,
    input: api::CreateNetworkInterfaceRequest,
) -> Result<api::CreateNetworkInterfaceResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "IPv6",
            input.ipv6_address_count.unwrap_or(0) > 0
                || input
                    .ipv6_addresses
                    .as_ref()
                    .is_some_and(|list| !list.is_empty())
                || input.ipv6_prefix_count.unwrap_or(0) > 0,
        ),
        (
            "address prefixes on interfaces",
            input.ipv4_prefix_count.unwrap_or(0) > 0
                || input
                    .ipv4_prefixes
                    .as_ref()
                    .is_some_and(|list| !list.is_empty()),
        ),
        ("interfaces of this type", input.interface_type.is_some()),
        ("interfaces for operators", input.operator.is_some()),
    ])?;
    let mut secondary = Vec::new();
    let mut primary = input
        .private_ip_address
        .as_deref()
        .map(parse_address)
        .transpose()?;
    for specification in input.private_ip_addresses.unwrap_or_default() {
        let text = specification.private_ip_address.unwrap_or_default();
        let address = parse_address(&text)?;
        if specification.primary == Some(true) {
            primary = Some(address);
        } else {
            secondary.push(address);
        }
    }
    let new = NewInterface {
        security_groups: input.groups.unwrap_or_default(),
        description: input.description.unwrap_or_default(),
        address: primary,
        tags: tags::specified(input.tag_specifications, "network-interface")?,
        ..NewInterface::new(input.subnet_id)
    };
    let id = interface::create(region, context, new)?;
    let count = input.secondary_private_ip_address_count.unwrap_or(0);
    assign(region, context, id.as_str(), secondary, count)?;
    Ok(api::CreateNetworkInterfaceResult {
        network_interface: Some(answer(region, interface::get(region, &id)?)),
        client_token: input.client_token,
    })
}

/// Gives an interface more private addresses: those asked for and as many more.
fn assign(
    region: &mut Region,
    context: &Context,
    id: &str,
    asked: Vec<Ipv4Addr>,
    count: i64,
) -> Result<Vec<Ipv4Addr>, Error> {
    let interface = interface::row(region, id)?;
    let subnet = subnet::get(region, &interface.subnet)?;
    let mut used = subnet::used(region, &interface.subnet);
    let mut given = Vec::new();
    for address in asked {
        if !subnet.cidr.contains(&address) || cidr::reserved(subnet.cidr, address) {
            return Err(error::invalid(format!(
                "Address {address} does not fall within the subnet's address range"
            )));
        }
        if !used.insert(address) {
            return Err(error::refused(
                "InvalidIPAddress.InUse",
                format!("Address {address} is in use."),
            ));
        }
        given.push(address);
    }
    for _ in 0..count.clamp(0, 1 << 16) {
        let address = cidr::free_address(context, subnet.cidr, &used)
            .ok_or_else(|| interface::no_address(&subnet.id))?;
        used.insert(address);
        given.push(address);
    }
    if !given.is_empty()
        && let Some(row) = region.ec2.interfaces.get_mut(id)
    {
        row.secondary.extend(&given);
    }
    Ok(given)
}

pub(super) fn assign_private_ip_addresses(
    region: &mut Region,
    context: &Context,
    input: api::AssignPrivateIpAddressesRequest,
) -> Result<api::AssignPrivateIpAddressesResult, Error> {
    error::none_of(&[(
        "address prefixes on interfaces",
        input.ipv4_prefix_count.unwrap_or(0) > 0 || input.ipv4_prefixes.is_some(),
    )])?;
    let id = input.network_interface_id;
    interface::check_unmanaged(interface::row(region, &id)?)?;
    let asked: Result<Vec<_>, Error> = input
        .private_ip_addresses
        .iter()
        .flatten()
        .map(|text| parse_address(text))
        .collect();
    let count = input.secondary_private_ip_address_count.unwrap_or(0);
    let given = assign(region, context, &id, asked?, count)?;
    let given = given.iter().map(|address| api::AssignedPrivateIpAddress {
        private_ip_address: Some(address.to_string()),
    });
    Ok(api::AssignPrivateIpAddressesResult {
        assigned_private_ip_addresses: Some(given.collect()),
        network_interface_id: Some(id),
        ..Default::default()
    })
}

pub(super) fn unassign_private_ip_addresses(
    region: &mut Region,
    _: &Context,
    input: api::UnassignPrivateIpAddressesRequest,
) -> Result<Unit, Error> {
    let id = input.network_interface_id;
    let row = interface::row(region, &id)?;
    interface::check_unmanaged(row)?;
    let asked: Result<Vec<_>, Error> = input
        .private_ip_addresses
        .iter()
        .flatten()
        .map(|text| parse_address(text))
        .collect();
    let asked = asked?;
    if let Some(other) = asked.iter().find(|one| !row.secondary.contains(one)) {
        return Err(error::invalid(format!(
            "Some of the specified addresses are not assigned to interface {id}: {other}"
        )));
    }
    if let Some(row) = region.ec2.interfaces.get_mut(&id) {
        row.secondary.retain(|one| !asked.contains(one));
    }
    Ok(Unit {})
}

pub(super) fn delete_network_interface(
    region: &mut Region,
    _: &Context,
    input: api::DeleteNetworkInterfaceRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.network_interface_id;
    let row = interface::row(region, &id)?;
    if row.attachment.is_some() {
        return Err(error::refused(
            "InvalidNetworkInterface.InUse",
            format!("Network interface '{id}' is currently in use."),
        ));
    }
    interface::delete(region, &id.into());
    Ok(Unit {})
}

/// Nothing can be attached to: there are no instances.
pub(super) fn attach_network_interface(
    region: &mut Region,
    _: &Context,
    input: api::AttachNetworkInterfaceRequest,
) -> Result<api::AttachNetworkInterfaceResult, Error> {
    error::dry_run(input.dry_run)?;
    interface::row(region, &input.network_interface_id)?;
    Err(error::instance(&input.instance_id))
}

/// Only services attach interfaces here, and those a client may not detach.
pub(super) fn detach_network_interface(
    region: &mut Region,
    _: &Context,
    input: api::DetachNetworkInterfaceRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let attached = region.ec2.interfaces.values().any(|row| {
        row.attachment
            .as_ref()
            .is_some_and(|one| one.id == input.attachment_id)
    });
    if !attached {
        return Err(error::attachment(&input.attachment_id));
    }
    Err(error::refused(
        "OperationNotPermitted",
        "You are not allowed to manage 'ela-attach' attachments.",
    ))
}

pub(super) fn modify_network_interface_attribute(
    region: &mut Region,
    _: &Context,
    input: api::ModifyNetworkInterfaceAttributeRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        ("ENA Express", input.ena_srd_specification.is_some()),
        ("IPv6", input.enable_primary_ipv6 == Some(true)),
        (
            "connection tracking settings",
            input.connection_tracking_specification.is_some(),
        ),
        ("changes of attachments", input.attachment.is_some()),
        (
            "changes of associated subnets",
            input.associated_subnet_ids.is_some(),
        ),
        (
            "changing the public address of an interface",
            input.associate_public_ip_address.is_some(),
        ),
    ])?;
    let id = input.network_interface_id;
    let row = interface::row(region, &id)?;
    interface::check_unmanaged(row)?;
    let groups = match input.groups.filter(|groups| !groups.is_empty()) {
        Some(groups) => Some(interface::check_groups(
            region,
            &row.vpc,
            &row.subnet,
            groups,
        )?),
        None => None,
    };
    if let Some(row) = region.ec2.interfaces.get_mut(&id) {
        if let Some(groups) = groups {
            row.security_groups = groups;
        }
        if let Some(description) = input.description {
            row.description = description.value.unwrap_or_default();
        }
        if let Some(on) = input.source_dest_check.and_then(|asked| asked.value) {
            row.source_dest_check = on;
        }
    }
    Ok(Unit {})
}

pub(super) fn describe_network_interface_attribute(
    region: &Region,
    _: &Context,
    input: api::DescribeNetworkInterfaceAttributeRequest,
) -> Result<api::DescribeNetworkInterfaceAttributeResult, Error> {
    error::dry_run(input.dry_run)?;
    let row = interface::row(region, &input.network_interface_id)?;
    let shown = answer(region, row);
    let mut result = api::DescribeNetworkInterfaceAttributeResult {
        network_interface_id: Some(row.id.clone()),
        ..Default::default()
    };
    match input.attribute.ok_or_else(|| error::missing("attribute"))? {
        api::NetworkInterfaceAttribute::Description => {
            result.description = Some(api::AttributeValue {
                value: shown.description,
            });
        }
        api::NetworkInterfaceAttribute::GroupSet => result.groups = shown.groups,
        api::NetworkInterfaceAttribute::SourceDestCheck => {
            result.source_dest_check = Some(api::AttributeBooleanValue {
                value: shown.source_dest_check,
            });
        }
        api::NetworkInterfaceAttribute::Attachment => result.attachment = shown.attachment,
        api::NetworkInterfaceAttribute::AssociatePublicIpAddress => {
            result.associate_public_ip_address = Some(row.public_address.is_some());
        }
    }
    Ok(result)
}

const INTERFACES: Kind<api::NetworkInterface> = Kind {
    id: |interface| interface.network_interface_id.clone().unwrap_or_default(),
    tags: |interface| &interface.tag_set,
    filters: &[
        ("addresses.private-ip-address", |one| {
            each(one.private_ip_addresses.as_ref(), |address| {
                address.private_ip_address.clone()
            })
        }),
        ("addresses.primary", |one| {
            each(one.private_ip_addresses.as_ref(), |address| {
                Some(address.primary?.to_string())
            })
        }),
        ("addresses.association.public-ip", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.public_ip.as_ref()))
        }),
        ("addresses.association.owner-id", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.ip_owner_id.as_ref()))
        }),
        ("association.association-id", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.association_id.as_ref()))
        }),
        ("association.allocation-id", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.allocation_id.as_ref()))
        }),
        ("association.ip-owner-id", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.ip_owner_id.as_ref()))
        }),
        ("association.public-ip", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.public_ip.as_ref()))
        }),
        ("association.public-dns-name", |one| {
            let association = one.association.as_ref();
            text(association.and_then(|association| association.public_dns_name.as_ref()))
        }),
        ("attachment.attachment-id", |one| {
            let attachment = one.attachment.as_ref();
            text(attachment.and_then(|attachment| attachment.attachment_id.as_ref()))
        }),
        ("attachment.attach-time", |one| {
            let attachment = one.attachment.as_ref();
            text(attachment.and_then(|attachment| attachment.attach_time.as_ref()))
        }),
        ("attachment.delete-on-termination", |one| {
            let attachment = one.attachment.as_ref();
            text(attachment.and_then(|attachment| attachment.delete_on_termination.as_ref()))
        }),
        ("attachment.device-index", |one| {
            let attachment = one.attachment.as_ref();
            text(attachment.and_then(|attachment| attachment.device_index.as_ref()))
        }),
        ("attachment.instance-id", |_| Vec::new()),
        ("attachment.instance-owner-id", |one| {
            let attachment = one.attachment.as_ref();
            text(attachment.and_then(|attachment| attachment.instance_owner_id.as_ref()))
        }),
        ("attachment.status", |one| {
            let attachment = one.attachment.as_ref();
            text(attachment.and_then(|attachment| attachment.status.as_ref()))
        }),
        ("availability-zone", |one| {
            text(one.availability_zone.as_ref())
        }),
        ("availability-zone-id", |one| {
            text(one.availability_zone_id.as_ref())
        }),
        ("description", |one| text(one.description.as_ref())),
        ("group-id", |one| {
            each(one.groups.as_ref(), |group| group.group_id.clone())
        }),
        ("group-name", |one| {
            each(one.groups.as_ref(), |group| group.group_name.clone())
        }),
        ("interface-type", |one| text(one.interface_type.as_ref())),
        ("ipv6-addresses.ipv6-address", |_| Vec::new()),
        ("mac-address", |one| text(one.mac_address.as_ref())),
        ("network-interface-id", |one| {
            text(one.network_interface_id.as_ref())
        }),
        ("operator.managed", |_| vec!["false".to_owned()]),
        ("operator.principal", |_| Vec::new()),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("private-dns-name", |one| {
            text(one.private_dns_name.as_ref())
        }),
        ("private-ip-address", |one| {
            text(one.private_ip_address.as_ref())
        }),
        ("requester-id", |one| text(one.requester_id.as_ref())),
        ("requester-managed", |one| {
            text(one.requester_managed.as_ref())
        }),
        ("source-dest-check", |one| {
            text(one.source_dest_check.as_ref())
        }),
        ("status", |one| text(one.status.as_ref())),
        ("subnet-id", |one| text(one.subnet_id.as_ref())),
        ("vpc-id", |one| text(one.vpc_id.as_ref())),
    ],
    missing: error::interface,
};

pub(super) fn describe_network_interfaces(
    region: &Region,
    _: &Context,
    input: api::DescribeNetworkInterfacesRequest,
) -> Result<api::DescribeNetworkInterfacesResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region
        .ec2
        .interfaces
        .values()
        .map(|row| answer(region, row));
    let query = Query {
        ids: input.network_interface_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (interfaces, next_token) = INTERFACES.select(query, all)?;
    Ok(api::DescribeNetworkInterfacesResult {
        network_interfaces: Some(interfaces),
        next_token,
    })
}

/// The name of a private address in its VPC's DNS.
pub(super) fn private_name(region: &Region, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    let zone = match region.settings.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        other => format!("{other}.compute.internal"),
    };
    format!("ip-{a}-{b}-{c}-{d}.{zone}")
}

fn answer(region: &Region, row: &Interface) -> api::NetworkInterface {
    let names = region
        .ec2
        .vpcs
        .get(&row.vpc)
        .is_some_and(|vpc| vpc.dns_support && vpc.dns_hostnames);
    let zone_name = region
        .ec2
        .subnets
        .get(&row.subnet)
        .map(|one| one.zone.clone());
    let association = association(region, row, names);
    let private_name = |address| names.then(|| private_name(region, address));
    let addresses = [row.address]
        .into_iter()
        .chain(row.secondary.iter().copied());
    let addresses =
        addresses
            .enumerate()
            .map(|(at, address)| api::NetworkInterfacePrivateIpAddress {
                association: association.clone().filter(|_| at == 0),
                primary: Some(at == 0),
                private_dns_name: private_name(address),
                private_ip_address: Some(address.to_string()),
            });
    let addresses = addresses.collect();
    let groups = row.security_groups.iter().map(|id| api::GroupIdentifier {
        group_id: Some(id.clone()),
        group_name: region
            .ec2
            .security_groups
            .get(id)
            .map(|group| group.name.clone()),
    });
    let attachment = row
        .attachment
        .as_ref()
        .map(|attachment| api::NetworkInterfaceAttachment {
            attach_time: Some(attachment.at),
            attachment_id: Some(attachment.id.clone()),
            delete_on_termination: Some(false),
            device_index: Some(1),
            instance_owner_id: Some(interface::owner_of_attachment(region, row)),
            status: Some(api::AttachmentStatus::Attached),
            ..Default::default()
        });
    let status = if attachment.is_some() {
        api::NetworkInterfaceStatus::InUse
    } else {
        api::NetworkInterfaceStatus::Available
    };
    api::NetworkInterface {
        public_dns_name: association
            .as_ref()
            .and_then(|one| one.public_dns_name.clone()),
        association,
        attachment,
        availability_zone_id: zone_name
            .as_deref()
            .and_then(|name| zone::id(&region.settings, name)),
        availability_zone: zone_name,
        description: Some(row.description.clone()),
        groups: Some(groups.collect()),
        interface_type: Some(row.interface_type),
        ipv6_addresses: Some(Vec::new()),
        mac_address: Some(row.mac.clone()),
        network_interface_id: Some(row.id.clone()),
        operator: Some(api::OperatorResponse {
            managed: Some(false),
            ..Default::default()
        }),
        owner_id: Some(region.settings.account.clone()),
        private_dns_name: private_name(row.address),
        private_ip_address: Some(row.address.to_string()),
        private_ip_addresses: Some(addresses),
        requester_id: row.requester.as_ref().map(|requester| requester.id.clone()),
        requester_managed: Some(row.requester.is_some()),
        source_dest_check: Some(row.source_dest_check),
        status: Some(status),
        subnet_id: Some(row.subnet.clone()),
        tag_set: Some(tags::of(region, &row.id).unwrap_or_default()),
        vpc_id: Some(row.vpc.clone()),
        ..Default::default()
    }
}

fn association(
    region: &Region,
    row: &Interface,
    names: bool,
) -> Option<api::NetworkInterfaceAssociation> {
    let name = |address| names.then(|| address::public_name(region, address));
    if let Some(elastic) = address::on_interface(region, &row.id) {
        return Some(api::NetworkInterfaceAssociation {
            allocation_id: Some(elastic.id.clone()),
            association_id: elastic.association.as_ref().map(|one| one.id.clone()),
            ip_owner_id: Some(region.settings.account.clone()),
            public_dns_name: name(elastic.address),
            public_ip: Some(elastic.address.to_string()),
            ..Default::default()
        });
    }
    let address = row.public_address?;
    Some(api::NetworkInterfaceAssociation {
        ip_owner_id: Some(
            row.requester
                .as_ref()
                .map_or_else(|| "amazon".to_owned(), |requester| requester.id.clone()),
        ),
        public_dns_name: name(address),
        public_ip: Some(address.to_string()),
        ..Default::default()
    })
}
