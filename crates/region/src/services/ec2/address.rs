//! Public addresses: elastic ones, and those that go with their interface.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, page, text};
use super::state::{Address, AddressAssociation, Interface};
use super::{cidr, error, interface, internet_gateway, tags};
use crate::{Context, Region};

/// Where public addresses come from: ranges that are set aside for documentation, so that none
/// is anybody's. First address and how many.
const POOL: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(203, 0, 113, 1), 254),
    (Ipv4Addr::new(198, 51, 100, 1), 254),
];

/// Addresses an account may allocate. AWS begins with 5 and raises it on request.
const MOST: usize = 100;

fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Address, Error> {
    region
        .ec2
        .addresses
        .get(id)
        .ok_or_else(|| error::allocation(id))
}

/// The elastic address on an interface.
pub(super) fn on_interface<'a>(region: &'a Region, interface: &str) -> Option<&'a Address> {
    region.ec2.addresses.values().find(|address| {
        address
            .association
            .as_ref()
            .is_some_and(|association| association.interface == interface)
    })
}

/// The public address of an interface.
pub fn public_of(region: &Region, interface: &Interface) -> Option<Ipv4Addr> {
    on_interface(region, &interface.id)
        .map(|address| address.address)
        .or(interface.public_address)
}

fn take(region: &Region, context: &Context) -> Option<Ipv4Addr> {
    let ec2 = &region.ec2;
    let elastic = ec2.addresses.values().map(|address| address.address);
    let assigned = ec2.interfaces.values().filter_map(|row| row.public_address);
    let used: BTreeSet<Ipv4Addr> = elastic.chain(assigned).collect();
    POOL.iter()
        .find_map(|(first, count)| cidr::probe(context, u32::from(*first), *count, &used))
}

/// Gives an interface a public address from the pool, which goes when the interface goes.
///
/// # Errors
/// If there is no such interface, or the pool is empty.
pub fn associate_public(
    region: &mut Region,
    context: &Context,
    interface: &str,
) -> Result<Ipv4Addr, Error> {
    let row = interface::row(region, interface)?;
    if let Some(address) = public_of(region, row) {
        return Ok(address);
    }
    let address = take(region, context).ok_or_else(|| {
        error::refused(
            "InsufficientAddressCapacity",
            "There are no public addresses left in the region's pool.",
        )
    })?;
    if let Some(row) = region.ec2.interfaces.get_mut(interface) {
        row.public_address = Some(address);
    }
    Ok(address)
}

/// Puts an elastic address on an interface.
pub(super) fn associate(
    region: &mut Region,
    context: &Context,
    allocation: &str,
    interface: &str,
) -> Result<AddressAssociation, Error> {
    let association = AddressAssociation {
        id: context.ec2_id("eipassoc"),
        interface: interface.to_owned(),
        private_address: interface::row(region, interface)?.address,
    };
    let Some(address) = region.ec2.addresses.get_mut(allocation) else {
        return Err(error::allocation(allocation));
    };
    address.association = Some(association.clone());
    Ok(association)
}

/// Takes the elastic addresses off an interface.
pub(super) fn release_from(region: &mut Region, interface: &str) {
    while let Some(id) = on_interface(region, interface).map(|address| address.id.clone()) {
        if let Some(address) = region.ec2.addresses.get_mut(&id) {
            address.association = None;
        }
    }
}

pub(super) fn allocate_address(
    region: &mut Region,
    context: &Context,
    input: api::AllocateAddressRequest,
) -> Result<api::AllocateAddressResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "EC2-Classic",
            input.domain == Some(api::DomainType::Standard),
        ),
        (
            "address pools of one's own",
            input.public_ipv4_pool.is_some(),
        ),
        ("IPAM pools", input.ipam_pool_id.is_some()),
        ("Outposts", input.customer_owned_ipv4_pool.is_some()),
        ("recovering an address", input.address.is_some()),
    ])?;
    let tags = tags::specified(input.tag_specifications, "elastic-ip")?;
    if region.ec2.addresses.len() >= MOST {
        return Err(error::refused(
            "AddressLimitExceeded",
            "The maximum number of addresses has been reached.",
        ));
    }
    let address = take(region, context).ok_or_else(|| {
        error::refused(
            "InsufficientAddressCapacity",
            "There are no public addresses left in the region's pool.",
        )
    })?;
    let id = context.ec2_id("eipalloc");
    let row = Address {
        id: id.clone(),
        address,
        association: None,
    };
    region.ec2.addresses.insert(id.clone(), row);
    tags::keep(region, &id, tags);
    Ok(api::AllocateAddressResult {
        allocation_id: Some(id),
        domain: Some(api::DomainType::Vpc),
        network_border_group: Some(region.settings.region.clone()),
        public_ip: Some(address.to_string()),
        public_ipv4_pool: Some("amazon".to_owned()),
        ..Default::default()
    })
}

/// An allocation by its id or its address.
fn resolve(
    region: &Region,
    allocation: Option<&str>,
    public_ip: Option<&str>,
) -> Result<String, Error> {
    match (allocation, public_ip) {
        (Some(_), Some(_)) => Err(error::refused(
            "InvalidParameterCombination",
            "You may specify public IP or allocation id, but not both in the same call",
        )),
        (Some(id), None) => get(region, id).map(|address| address.id.clone()),
        (None, Some(public)) => region
            .ec2
            .addresses
            .values()
            .find(|address| address.address.to_string() == public)
            .map(|address| address.id.clone())
            .ok_or_else(|| error::public_address(public)),
        (None, None) => Err(error::missing("AllocationId")),
    }
}

pub(super) fn associate_address(
    region: &mut Region,
    context: &Context,
    input: api::AssociateAddressRequest,
) -> Result<api::AssociateAddressResult, Error> {
    error::dry_run(input.dry_run)?;
    let id = resolve(
        region,
        input.allocation_id.as_deref(),
        input.public_ip.as_deref(),
    )?;
    if let Some(instance) = input
        .instance_id
        .filter(|_| input.network_interface_id.is_none())
    {
        return Err(error::instance(&instance));
    }
    let Some(interface_id) = input.network_interface_id else {
        return Err(error::missing("NetworkInterfaceId"));
    };
    let row = interface::row(region, &interface_id)?;
    interface::check_unmanaged(row)?;
    if let Some(private) = input.private_ip_address
        && private != row.address.to_string()
    {
        return Err(error::invalid(format!(
            "Value ({private}) for parameter privateIpAddress is invalid. Only the interface's primary address {} can have a public one here.",
            row.address
        )));
    }
    if internet_gateway::of_vpc(region, &row.vpc).is_none() {
        return Err(error::refused(
            "Gateway.NotAttached",
            format!(
                "Network {} is not attached to any internet gateway",
                row.vpc
            ),
        ));
    }
    let address = get(region, &id)?;
    let busy = address
        .association
        .as_ref()
        .is_some_and(|association| association.interface != interface_id)
        || on_interface(region, &interface_id).is_some_and(|other| other.id != id);
    if busy && input.allow_reassociation == Some(false) {
        return Err(error::refused(
            "Resource.AlreadyAssociated",
            format!("resource {id} is already associated"),
        ));
    }
    release_from(region, &interface_id);
    let association = associate(region, context, &id, &interface_id)?;
    Ok(api::AssociateAddressResult {
        association_id: Some(association.id),
    })
}

pub(super) fn disassociate_address(
    region: &mut Region,
    _: &Context,
    input: api::DisassociateAddressRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let found = region.ec2.addresses.values().find(|address| {
        match (&input.association_id, &input.public_ip) {
            (Some(id), _) => address
                .association
                .as_ref()
                .is_some_and(|one| one.id == *id),
            (None, Some(public)) => {
                address.address.to_string() == *public && address.association.is_some()
            }
            (None, None) => false,
        }
    });
    let Some(address) = found else {
        return Err(match (input.association_id, input.public_ip) {
            (Some(id), _) => error::association(&id),
            (None, Some(public)) => error::public_address(&public),
            (None, None) => error::missing("AssociationId"),
        });
    };
    if let Some(association) = &address.association {
        interface::check_unmanaged(interface::row(region, &association.interface)?)?;
    }
    let id = address.id.clone();
    if let Some(address) = region.ec2.addresses.get_mut(&id) {
        address.association = None;
    }
    Ok(Unit {})
}

pub(super) fn release_address(
    region: &mut Region,
    _: &Context,
    input: api::ReleaseAddressRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = resolve(
        region,
        input.allocation_id.as_deref(),
        input.public_ip.as_deref(),
    )?;
    let address = get(region, &id)?;
    if address.association.is_some() {
        return Err(error::refused(
            "InvalidIPAddress.InUse",
            format!("Address {} is in use.", address.address),
        ));
    }
    region.ec2.addresses.remove(&id);
    tags::forget(region, &id);
    Ok(Unit {})
}

const ADDRESSES: Kind<api::Address> = Kind {
    id: |address| address.allocation_id.clone().unwrap_or_default(),
    tags: |address| &address.tags,
    filters: &[
        ("allocation-id", |one| text(one.allocation_id.as_ref())),
        ("association-id", |one| text(one.association_id.as_ref())),
        ("domain", |one| text(one.domain.as_ref())),
        ("instance-id", |one| text(one.instance_id.as_ref())),
        ("network-border-group", |one| {
            text(one.network_border_group.as_ref())
        }),
        ("network-interface-id", |one| {
            text(one.network_interface_id.as_ref())
        }),
        ("network-interface-owner-id", |one| {
            text(one.network_interface_owner_id.as_ref())
        }),
        ("private-ip-address", |one| {
            text(one.private_ip_address.as_ref())
        }),
        ("public-ip", |one| text(one.public_ip.as_ref())),
    ],
    missing: error::allocation,
};

pub(super) fn describe_addresses(
    region: &Region,
    _: &Context,
    input: api::DescribeAddressesRequest,
) -> Result<api::DescribeAddressesResult, Error> {
    error::dry_run(input.dry_run)?;
    for public in input.public_ips.iter().flatten() {
        resolve(region, None, Some(public))?;
    }
    let publics = input.public_ips.filter(|list| !list.is_empty());
    let all = region.ec2.addresses.values().filter(|address| {
        publics
            .as_ref()
            .is_none_or(|list| list.contains(&address.address.to_string()))
    });
    let query = Query {
        ids: input.allocation_ids,
        filters: input.filters,
        max_results: None,
        next_token: None,
    };
    let (addresses, _) = ADDRESSES.select(query, all.map(|row| answer(region, row)))?;
    Ok(api::DescribeAddressesResult {
        addresses: Some(addresses),
    })
}

/// No address has a name of its own here, so there is nothing to tell but which exist.
pub(super) fn describe_addresses_attribute(
    region: &Region,
    _: &Context,
    input: api::DescribeAddressesAttributeRequest,
) -> Result<api::DescribeAddressesAttributeResult, Error> {
    error::dry_run(input.dry_run)?;
    for id in input.allocation_ids.iter().flatten() {
        get(region, id)?;
    }
    let (addresses, next_token) = page(
        Vec::<api::AddressAttribute>::new(),
        |one| one.allocation_id.clone().unwrap_or_default(),
        input.max_results,
        input.next_token,
    )?;
    Ok(api::DescribeAddressesAttributeResult {
        addresses: Some(addresses),
        next_token,
    })
}

fn answer(region: &Region, address: &Address) -> api::Address {
    let association = address.association.as_ref();
    let owner = association
        .and_then(|one| region.ec2.interfaces.get(&one.interface))
        .map(|row| interface::owner_of_attachment(region, row));
    api::Address {
        allocation_id: Some(address.id.clone()),
        association_id: association.map(|one| one.id.clone()),
        domain: Some(api::DomainType::Vpc),
        network_border_group: Some(region.settings.region.clone()),
        network_interface_id: association.map(|one| one.interface.clone()),
        network_interface_owner_id: owner,
        private_ip_address: association.map(|one| one.private_address.to_string()),
        public_ip: Some(address.address.to_string()),
        public_ipv4_pool: Some("amazon".to_owned()),
        tags: tags::of(region, &address.id),
        ..Default::default()
    }
}

/// The name of a public address in the public DNS.
pub(super) fn public_name(region: &Region, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    let zone = match region.settings.region.as_str() {
        "us-east-1" => "compute-1".to_owned(),
        other => format!("{other}.compute"),
    };
    format!("ec2-{a}-{b}-{c}-{d}.{zone}.amazonaws.com")
}
