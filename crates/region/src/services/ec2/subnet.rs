//! Subnets and the addresses in them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, text};
use super::state::Subnet;
use super::{cidr, error, network_acl, tags, vpc, zone};
use crate::{Context, Region};

/// A subnet by its id.
pub fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Subnet, Error> {
    region.ec2.subnets.get(id).ok_or_else(|| error::subnet(id))
}

/// The addresses of a subnet that interfaces hold.
pub(super) fn used(region: &Region, id: &str) -> BTreeSet<Ipv4Addr> {
    region
        .ec2
        .interfaces
        .values()
        .filter(|interface| interface.subnet == id)
        .flat_map(|interface| {
            interface
                .secondary
                .iter()
                .copied()
                .chain([interface.address])
        })
        .collect()
}

/// How many addresses of a subnet are free.
pub fn free_addresses(region: &Region, subnet: &Subnet) -> i64 {
    let used = i64::try_from(used(region, &subnet.id).len()).unwrap_or(i64::MAX);
    i64::from(cidr::capacity(subnet.cidr)) - used
}

pub(super) fn create_subnet(
    region: &mut Region,
    context: &Context,
    input: api::CreateSubnetRequest,
) -> Result<api::CreateSubnetResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "IPv6",
            input.ipv6_cidr_block.is_some()
                || input.ipv6_native == Some(true)
                || input.ipv6_ipam_pool_id.is_some(),
        ),
        ("IPAM pools", input.ipv4_ipam_pool_id.is_some()),
        ("Outposts", input.outpost_arn.is_some()),
    ])?;
    let vpc = vpc::get(region, &input.vpc_id)?;
    let asked = input
        .cidr_block
        .ok_or_else(|| error::missing("cidrBlock"))?;
    let range = cidr::parse(&asked)?;
    if !(16..=28).contains(&range.prefix_len()) || !vpc.contains(&range) {
        return Err(error::refused(
            "InvalidSubnet.Range",
            format!("The CIDR '{asked}' is invalid."),
        ));
    }
    let others = region.ec2.subnets.values();
    let taken = |other: &Subnet| other.vpc == vpc.id && cidr::overlap(other.cidr, range);
    if others.into_iter().any(taken) {
        return Err(error::refused(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{asked}' conflicts with another subnet"),
        ));
    }
    let zone = zone::resolve(
        &region.settings,
        input.availability_zone.as_deref(),
        input.availability_zone_id.as_deref(),
    )?
    .or_else(|| region.settings.zone_names().next())
    .ok_or_else(|| error::missing("availabilityZone"))?;
    let tags = tags::specified(input.tag_specifications, "subnet")?;
    let id = make(region, context, &input.vpc_id, range, zone);
    tags::keep(region, &id, tags);
    let mut subnet = answer(region, get(region, &id)?);
    subnet.state = Some(api::SubnetState::Available);
    Ok(api::CreateSubnetResult {
        subnet: Some(subnet),
    })
}

fn make(region: &mut Region, context: &Context, vpc: &str, range: Ipv4Net, zone: String) -> String {
    let id = context.ec2_id("subnet");
    let subnet = Subnet {
        id: id.clone(),
        vpc: vpc.to_owned(),
        cidr: range,
        zone,
        default_for_az: false,
        map_public_ip_on_launch: false,
        hostname_type: api::HostnameType::IpName,
        resource_name_a_record: false,
        network_acl: network_acl::default_of(region, vpc),
        network_acl_association: context.ec2_id("aclassoc"),
    };
    region.ec2.subnets.insert(id.clone(), subnet);
    id
}

/// A zone's default subnet.
pub(super) fn make_default(
    region: &mut Region,
    context: &Context,
    vpc: &str,
    range: Ipv4Net,
    zone: String,
) -> String {
    let id = make(region, context, vpc, range, zone);
    if let Some(subnet) = region.ec2.subnets.get_mut(&id) {
        subnet.default_for_az = true;
        subnet.map_public_ip_on_launch = true;
    }
    id
}

pub(super) fn create_default_subnet(
    region: &mut Region,
    context: &Context,
    input: api::CreateDefaultSubnetRequest,
) -> Result<api::CreateDefaultSubnetResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[("IPv6", input.ipv6_native == Some(true))])?;
    let zone = zone::resolve(
        &region.settings,
        input.availability_zone.as_deref(),
        input.availability_zone_id.as_deref(),
    )?
    .ok_or_else(|| error::missing("availabilityZone"))?;
    let Some(vpc) = vpc::default(region) else {
        return Err(error::refused(
            "DefaultVpcDoesNotExist",
            "No default VPC exists for this account in this region.",
        ));
    };
    let (vpc_id, range) = (vpc.id.clone(), vpc.primary());
    let own: Vec<&Subnet> = region
        .ec2
        .subnets
        .values()
        .filter(|row| row.vpc == vpc_id)
        .collect();
    if let Some(there) = own
        .iter()
        .find(|row| row.default_for_az && row.zone == zone)
    {
        return Err(error::refused(
            "DefaultSubnetAlreadyExistsInAvailabilityZone",
            format!("'{}' is already the default subnet in {zone}.", there.id),
        ));
    }
    let free = range
        .subnets(20)
        .into_iter()
        .flatten()
        .find(|candidate| !own.iter().any(|row| cidr::overlap(row.cidr, *candidate)));
    let Some(free) = free else {
        return Err(error::refused(
            "InsufficientDefaultSubnetCapacity",
            "There is no free /20 range left in the default VPC.",
        ));
    };
    let id = make_default(region, context, &vpc_id, free, zone);
    Ok(api::CreateDefaultSubnetResult {
        subnet: Some(answer(region, get(region, &id)?)),
    })
}

pub(super) fn delete_subnet(
    region: &mut Region,
    _: &Context,
    input: api::DeleteSubnetRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.subnet_id;
    get(region, &id)?;
    if region.ec2.interfaces.values().any(|row| row.subnet == id) {
        return Err(error::dependency(format!(
            "The subnet '{id}' has dependencies and cannot be deleted."
        )));
    }
    let tables: Vec<String> = region
        .ec2
        .route_tables
        .values()
        .filter(|table| {
            table
                .associations
                .iter()
                .any(|one| one.subnet.as_ref() == Some(&id))
        })
        .map(|table| table.id.clone())
        .collect();
    for table in tables {
        if let Some(table) = region.ec2.route_tables.get_mut(&table) {
            table
                .associations
                .retain(|one| one.subnet.as_ref() != Some(&id));
        }
    }
    region.ec2.subnets.remove(&id);
    tags::forget(region, &id);
    Ok(Unit {})
}

pub(super) fn modify_subnet_attribute(
    region: &mut Region,
    _: &Context,
    input: api::ModifySubnetAttributeRequest,
) -> Result<Unit, Error> {
    let on =
        |asked: &Option<api::AttributeBooleanValue>| asked.as_ref().and_then(|asked| asked.value);
    error::none_of(&[
        (
            "IPv6",
            on(&input.assign_ipv6_address_on_creation) == Some(true)
                || on(&input.enable_dns64) == Some(true)
                || on(&input.enable_resource_name_dns_aaaa_record_on_launch) == Some(true),
        ),
        (
            "Outposts",
            input.customer_owned_ipv4_pool.is_some()
                || on(&input.map_customer_owned_ip_on_launch) == Some(true)
                || input.enable_lni_at_device_index.is_some(),
        ),
    ])?;
    get(region, &input.subnet_id)?;
    if let Some(subnet) = region.ec2.subnets.get_mut(&input.subnet_id) {
        if let Some(on) = on(&input.map_public_ip_on_launch) {
            subnet.map_public_ip_on_launch = on;
        }
        if let Some(on) = on(&input.enable_resource_name_dns_a_record_on_launch) {
            subnet.resource_name_a_record = on;
        }
        if let Some(hostname_type) = input.private_dns_hostname_type_on_launch {
            subnet.hostname_type = hostname_type;
        }
    }
    Ok(Unit {})
}

const SUBNETS: Kind<api::Subnet> = Kind {
    id: |subnet| subnet.subnet_id.clone().unwrap_or_default(),
    tags: |subnet| &subnet.tags,
    filters: &[
        ("availability-zone", |one| {
            text(one.availability_zone.as_ref())
        }),
        ("availabilityZone", |one| {
            text(one.availability_zone.as_ref())
        }),
        ("availability-zone-id", |one| {
            text(one.availability_zone_id.as_ref())
        }),
        ("availabilityZoneId", |one| {
            text(one.availability_zone_id.as_ref())
        }),
        ("available-ip-address-count", |one| {
            text(one.available_ip_address_count.as_ref())
        }),
        ("cidr", |one| text(one.cidr_block.as_ref())),
        ("cidr-block", |one| text(one.cidr_block.as_ref())),
        ("cidrBlock", |one| text(one.cidr_block.as_ref())),
        ("customer-owned-ipv4-pool", |_| Vec::new()),
        ("default-for-az", |one| text(one.default_for_az.as_ref())),
        ("defaultForAz", |one| text(one.default_for_az.as_ref())),
        ("enable-dns64", |one| text(one.enable_dns64.as_ref())),
        ("ipv6-cidr-block-association.ipv6-cidr-block", |_| {
            Vec::new()
        }),
        ("ipv6-cidr-block-association.association-id", |_| Vec::new()),
        ("ipv6-cidr-block-association.state", |_| Vec::new()),
        ("ipv6-native", |one| text(one.ipv6_native.as_ref())),
        ("map-public-ip-on-launch", |one| {
            text(one.map_public_ip_on_launch.as_ref())
        }),
        ("outpost-arn", |_| Vec::new()),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("state", |one| text(one.state.as_ref())),
        ("subnet-arn", |one| text(one.subnet_arn.as_ref())),
        ("subnet-id", |one| text(one.subnet_id.as_ref())),
        ("vpc-id", |one| text(one.vpc_id.as_ref())),
        ("private-dns-name-options-on-launch.hostname-type", |one| {
            let options = one.private_dns_name_options_on_launch.as_ref();
            text(options.and_then(|options| options.hostname_type.as_ref()))
        }),
    ],
    missing: error::subnet,
};

pub(super) fn describe_subnets(
    region: &Region,
    _: &Context,
    input: api::DescribeSubnetsRequest,
) -> Result<api::DescribeSubnetsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region.ec2.subnets.values().map(|row| answer(region, row));
    let query = Query {
        ids: input.subnet_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (subnets, next_token) = SUBNETS.select(query, all)?;
    Ok(api::DescribeSubnetsResult {
        subnets: Some(subnets),
        next_token,
    })
}

fn answer(region: &Region, subnet: &Subnet) -> api::Subnet {
    let settings = &region.settings;
    api::Subnet {
        assign_ipv6_address_on_creation: Some(false),
        availability_zone: Some(subnet.zone.clone()),
        availability_zone_id: zone::id(settings, &subnet.zone),
        available_ip_address_count: Some(free_addresses(region, subnet)),
        block_public_access_states: Some(api::BlockPublicAccessStates {
            internet_gateway_block_mode: Some(api::BlockPublicAccessMode::Off),
        }),
        cidr_block: Some(subnet.cidr.to_string()),
        default_for_az: Some(subnet.default_for_az),
        enable_dns64: Some(false),
        ipv6_cidr_block_association_set: Some(Vec::new()),
        ipv6_native: Some(false),
        map_customer_owned_ip_on_launch: Some(false),
        map_public_ip_on_launch: Some(subnet.map_public_ip_on_launch),
        owner_id: Some(settings.account.clone()),
        private_dns_name_options_on_launch: Some(api::PrivateDnsNameOptionsOnLaunch {
            enable_resource_name_dns_aaaa_record: Some(false),
            enable_resource_name_dns_a_record: Some(subnet.resource_name_a_record),
            hostname_type: Some(subnet.hostname_type),
        }),
        state: Some(api::SubnetState::Available),
        subnet_arn: Some(settings.arn("ec2", format_args!("subnet/{}", subnet.id))),
        subnet_id: Some(subnet.id.clone()),
        tags: tags::of(region, &subnet.id),
        vpc_id: Some(subnet.vpc.clone()),
        ..Default::default()
    }
}
