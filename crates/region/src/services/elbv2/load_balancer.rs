//! Application load balancers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use wire::{Error, elbv2 as api};
use world::{BalancerId, InterfaceId};

use super::state::{LoadBalancer, Node};
use super::{attribute, error, listener, page, tags};
use crate::services::ec2::{self, Requester, interface::NewInterface};
use crate::{Context, Region};

/// Load balancers of a region.
const MOST: usize = 50;
/// Free addresses that a node's subnet must have.
const FREE_ADDRESSES: i64 = 8;

/// A load balancer by its ARN.
pub(super) fn get<'a>(region: &'a Region, arn: &str) -> Result<&'a LoadBalancer, Error> {
    region
        .elbv2
        .load_balancers
        .get(arn)
        .ok_or_else(|| error::load_balancer(arn))
}

/// The hosted zone that a region's application load balancers have their names in.
pub fn hosted_zone(region: &str) -> Option<&'static str> {
    Some(match region {
        "eu-central-1" => "Z215JYRZR1TBD5",
        "eu-west-1" => "Z32O12XQLNTSW2",
        "eu-west-2" => "ZHURV8PSTC4K8",
        "eu-west-3" => "Z3Q77PNBQS71R4",
        "eu-north-1" => "Z23TAZ6LKFMNIO",
        "us-east-1" => "Z35SXDOTRQ7X7K",
        "us-east-2" => "Z3AADJGX6KTTL2",
        "us-west-1" => "Z368ELLRRE2KJ0",
        "us-west-2" => "Z1H1FL5HABSF5",
        _ => return None,
    })
}

fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |rule: &str| {
        Err(error::validation(format!(
            "The load balancer name '{name}' {rule}"
        )))
    };
    if name.chars().count() > 32 {
        return wrong("cannot be longer than '32' characters");
    }
    if name.is_empty()
        || !name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '-')
    {
        return wrong(
            "can only contain characters that are alphanumeric characters and hyphens(-)",
        );
    }
    if name.starts_with('-') || name.ends_with('-') {
        return wrong("cannot begin or end with a hyphen(-)");
    }
    if name.starts_with("internal-") {
        return wrong("cannot begin with 'internal-'");
    }
    Ok(())
}

/// The subnets of a request, by either way to name them.
fn asked_subnets(
    subnets: Option<Vec<String>>,
    mappings: Option<Vec<api::SubnetMapping>>,
) -> Result<Vec<String>, Error> {
    let mut all = subnets.unwrap_or_default();
    let mappings = mappings.unwrap_or_default();
    if !all.is_empty() && !mappings.is_empty() {
        return Err(error::configuration(
            "You can specify either subnets or subnet mappings, but not both",
        ));
    }
    for mapping in mappings {
        if mapping.allocation_id.is_some() || mapping.private_ipv4_address.is_some() {
            return Err(error::configuration(
                "You cannot specify addresses for the subnets of an application load balancer",
            ));
        }
        error::none_of(&[("IPv6", mapping.ipv6_address.is_some())])?;
        all.extend(mapping.subnet_id);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// The zone of each subnet, ordered by zone, and the VPC, if nodes can be there.
fn placed(
    region: &Region,
    subnets: &[String],
    scheme: api::LoadBalancerSchemeEnum,
    held: &[Node],
) -> Result<(String, BTreeMap<String, String>), Error> {
    let mut zones: BTreeMap<String, String> = BTreeMap::new();
    let mut vpc: Option<String> = None;
    for id in subnets {
        let subnet = ec2::subnet::get(region, id).map_err(|_| {
            error::refused(
                "SubnetNotFound",
                format!("The subnet ID '{id}' does not exist"),
            )
        })?;
        if vpc.as_ref().is_some_and(|vpc| *vpc != subnet.vpc) {
            return Err(error::configuration(
                "All subnets must belong to the same VPC",
            ));
        }
        vpc = Some(subnet.vpc.clone());
        if zones.insert(subnet.zone.clone(), id.clone()).is_some() {
            return Err(error::configuration(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            ));
        }
        let free = ec2::subnet::free_addresses(region, subnet);
        if free < FREE_ADDRESSES && !held.iter().any(|node| node.subnet == *id) {
            return Err(error::refused(
                "InvalidSubnet",
                format!(
                    "Not enough IP space available in {id}. ELB requires at least {FREE_ADDRESSES} free IP addresses in each subnet."
                ),
            ));
        }
    }
    if zones.len() < 2 {
        return Err(error::validation(
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    let vpc = vpc.unwrap_or_default();
    let public = scheme == api::LoadBalancerSchemeEnum::InternetFacing;
    if public && !ec2::vpc::has_internet_gateway(region, &vpc) {
        return Err(error::refused(
            "InvalidSubnet",
            format!("VPC {vpc} has no internet gateway"),
        ));
    }
    Ok((vpc, zones))
}

fn checked_groups(
    region: &Region,
    vpc: &str,
    groups: Option<Vec<String>>,
) -> Result<Vec<String>, Error> {
    let groups = groups.unwrap_or_default();
    if groups.is_empty() {
        return Ok(ec2::security_group::default_of(region, vpc)
            .into_iter()
            .collect());
    }
    for id in &groups {
        let group = ec2::security_group::get(region, id).map_err(|_| {
            error::refused(
                "InvalidSecurityGroup",
                format!("Security group '{id}' does not exist"),
            )
        })?;
        if group.vpc != vpc {
            return Err(error::configuration(
                "One or more security groups are invalid: they must belong to the VPC of the load balancer",
            ));
        }
    }
    if groups.len() > 5 {
        return Err(error::configuration(
            "A load balancer can have at most 5 security groups",
        ));
    }
    Ok(groups)
}

pub(super) fn create_load_balancer(
    region: &mut Region,
    context: &Context,
    input: api::CreateLoadBalancerInput,
) -> Result<api::CreateLoadBalancerOutput, Error> {
    use api::{LoadBalancerSchemeEnum, LoadBalancerTypeEnum};
    check_name(&input.name)?;
    let kind = input.r#type.unwrap_or(LoadBalancerTypeEnum::Application);
    error::none_of(&[
        (
            "load balancers of type network",
            kind == LoadBalancerTypeEnum::Network,
        ),
        (
            "load balancers of type gateway",
            kind == LoadBalancerTypeEnum::Gateway,
        ),
        (
            "IPv6",
            input
                .ip_address_type
                .is_some_and(|kind| kind != api::IpAddressType::Ipv4),
        ),
        ("Outposts", input.customer_owned_ipv4_pool.is_some()),
        ("IPAM pools", input.ipam_pools.is_some()),
    ])?;
    let scheme = input
        .scheme
        .unwrap_or(LoadBalancerSchemeEnum::InternetFacing);
    let subnets = asked_subnets(input.subnets, input.subnet_mappings)?;
    let tags = tags::checked(input.tags)?;
    let named = |row: &&LoadBalancer| row.name == input.name;
    if let Some(same) = region.elbv2.load_balancers.values().find(named) {
        let mut own: Vec<&String> = same.nodes.iter().map(|node| &node.subnet).collect();
        own.sort();
        let groups = input.security_groups.unwrap_or_default();
        let equal = same.scheme == scheme
            && own.iter().copied().eq(&subnets)
            && (groups.is_empty() || same.security_groups == groups);
        if !equal {
            return Err(error::refused(
                "DuplicateLoadBalancerName",
                format!(
                    "A load balancer with the same name '{}' exists, but with different settings",
                    input.name
                ),
            ));
        }
        return Ok(api::CreateLoadBalancerOutput {
            load_balancers: Some(vec![answer(region, same)]),
        });
    }
    if region.elbv2.load_balancers.len() >= MOST {
        return Err(error::refused(
            "TooManyLoadBalancers",
            "The maximum number of load balancers has been reached",
        ));
    }
    let (vpc, zones) = placed(region, &subnets, scheme, &[])?;
    let security_groups = checked_groups(region, &vpc, input.security_groups)?;
    let id = BalancerId::new(format!("app/{}/{}", input.name, context.hex(16)));
    let arn = region
        .settings
        .arn("elasticloadbalancing", format_args!("loadbalancer/{id}"));
    let internal = scheme == LoadBalancerSchemeEnum::Internal;
    let dns_name = format!(
        "{}{}-{}.{}.elb.amazonaws.com",
        if internal { "internal-" } else { "" },
        input.name.to_ascii_lowercase(),
        context.pick(1, b"123456789") + &context.pick(9, b"0123456789"),
        region.settings.region
    );
    let mut row = LoadBalancer {
        arn: arn.clone(),
        id,
        name: input.name,
        scheme,
        vpc,
        nodes: Vec::new(),
        security_groups,
        dns_name,
        state: api::LoadBalancerStateEnum::Provisioning,
        created_at: context.now,
        attributes: BTreeMap::new(),
        cookie_secret: context.hex(64),
        ready: Vec::new(),
        published: Vec::new(),
    };
    for (zone, subnet) in zones {
        let node = add_node(region, context, &row, zone, subnet)?;
        row.nodes.push(node);
    }
    let shown = answer(region, &row);
    region.elbv2.load_balancers.insert(arn.clone(), row);
    tags::keep(region, &arn, tags);
    Ok(api::CreateLoadBalancerOutput {
        load_balancers: Some(vec![shown]),
    })
}

fn add_node(
    region: &mut Region,
    context: &Context,
    row: &LoadBalancer,
    zone: String,
    subnet: String,
) -> Result<Node, Error> {
    let mut new = NewInterface::new(subnet.clone());
    new.security_groups.clone_from(&row.security_groups);
    new.description = format!("ELB {}", row.id);
    new.requester = Some(Requester::service("amazon-elb"));
    let interface = ec2::interface::create(region, context, new)?;
    if row.scheme == api::LoadBalancerSchemeEnum::InternetFacing {
        ec2::address::associate_public(region, context, interface.as_str())?;
    }
    Ok(Node {
        zone,
        subnet,
        interface,
    })
}

/// The addresses under which a load balancer's name is known.
pub(super) fn addresses(region: &Region, row: &LoadBalancer) -> Vec<Ipv4Addr> {
    let nodes = row.nodes.iter();
    nodes
        .filter_map(|node| {
            let interface = ec2::interface::get(region, &node.interface).ok()?;
            if row.scheme == api::LoadBalancerSchemeEnum::InternetFacing {
                ec2::address::public_of(region, interface)
            } else {
                Some(interface.address)
            }
        })
        .collect()
}

/// Takes it away with all its listeners. One that is not there is gone already.
pub(super) fn delete_load_balancer(
    region: &mut Region,
    _: &Context,
    input: api::DeleteLoadBalancerInput,
) -> Result<api::DeleteLoadBalancerOutput, Error> {
    let arn = input.load_balancer_arn;
    let Some(row) = region.elbv2.load_balancers.get(&arn).cloned() else {
        return Ok(api::DeleteLoadBalancerOutput {});
    };
    let protected = attribute::value(
        attribute::LOAD_BALANCER,
        &row.attributes,
        "deletion_protection.enabled",
    );
    if protected == "true" {
        return Err(error::not_permitted(format!(
            "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        )));
    }
    for listener in listener::of(region, &arn) {
        listener::remove(region, &listener);
    }
    for node in &row.nodes {
        ec2::interface::delete(region, &node.interface);
    }
    region.elbv2.load_balancers.remove(&arn);
    tags::forget(region, &arn);
    Ok(api::DeleteLoadBalancerOutput {})
}

pub(super) fn set_security_groups(
    region: &mut Region,
    _: &Context,
    input: api::SetSecurityGroupsInput,
) -> Result<api::SetSecurityGroupsOutput, Error> {
    let row = get(region, &input.load_balancer_arn)?;
    if input.security_groups.is_empty() {
        return Err(error::validation("A security group must be specified"));
    }
    let groups = checked_groups(region, &row.vpc, Some(input.security_groups))?;
    let interfaces: Vec<InterfaceId> = row.nodes.iter().map(|one| one.interface.clone()).collect();
    for interface in &interfaces {
        ec2::interface::set_security_groups(region, interface, groups.clone())?;
    }
    if let Some(row) = region
        .elbv2
        .load_balancers
        .get_mut(&input.load_balancer_arn)
    {
        row.security_groups.clone_from(&groups);
    }
    Ok(api::SetSecurityGroupsOutput {
        security_group_ids: Some(groups),
        ..Default::default()
    })
}

pub(super) fn set_subnets(
    region: &mut Region,
    context: &Context,
    input: api::SetSubnetsInput,
) -> Result<api::SetSubnetsOutput, Error> {
    error::none_of(&[(
        "IPv6",
        input
            .ip_address_type
            .is_some_and(|kind| kind != api::IpAddressType::Ipv4),
    )])?;
    let mut row = get(region, &input.load_balancer_arn)?.clone();
    let subnets = asked_subnets(input.subnets, input.subnet_mappings)?;
    let (vpc, zones) = placed(region, &subnets, row.scheme, &row.nodes)?;
    if vpc != row.vpc {
        return Err(error::configuration(
            "All subnets must belong to the VPC of the load balancer",
        ));
    }
    for node in std::mem::take(&mut row.nodes) {
        if subnets.contains(&node.subnet) {
            row.nodes.push(node);
        } else {
            ec2::interface::delete(region, &node.interface);
        }
    }
    for (zone, subnet) in zones {
        if !row.nodes.iter().any(|node| node.subnet == subnet) {
            let node = add_node(region, context, &row, zone, subnet)?;
            row.nodes.push(node);
        }
    }
    row.nodes.sort_by(|one, other| one.zone.cmp(&other.zone));
    let shown = answer(region, &row);
    region.elbv2.load_balancers.insert(row.arn.clone(), row);
    Ok(api::SetSubnetsOutput {
        availability_zones: shown.availability_zones,
        ip_address_type: shown.ip_address_type,
        ..Default::default()
    })
}

pub(super) fn set_ip_address_type(
    region: &mut Region,
    _: &Context,
    input: api::SetIpAddressTypeInput,
) -> Result<api::SetIpAddressTypeOutput, Error> {
    get(region, &input.load_balancer_arn)?;
    error::none_of(&[("IPv6", input.ip_address_type != api::IpAddressType::Ipv4)])?;
    Ok(api::SetIpAddressTypeOutput {
        ip_address_type: Some(input.ip_address_type),
    })
}

pub(super) fn describe_load_balancers(
    region: &Region,
    _: &Context,
    input: api::DescribeLoadBalancersInput,
) -> Result<api::DescribeLoadBalancersOutput, Error> {
    let arns = input.load_balancer_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    if !arns.is_empty() && !names.is_empty() {
        return Err(error::validation(
            "Load balancer names and load balancer ARNs cannot be specified at the same time",
        ));
    }
    let all = || region.elbv2.load_balancers.values();
    let missing_arn = arns.iter().any(|arn| !all().any(|row| row.arn == *arn));
    let missing_name = names.iter().any(|name| !all().any(|row| row.name == *name));
    if missing_arn || missing_name {
        let what = [arns, names].concat().join(", ");
        return Err(error::refused(
            "LoadBalancerNotFound",
            format!("Load balancers '[{what}]' not found"),
        ));
    }
    let wanted = all().filter(|row| {
        (arns.is_empty() || arns.contains(&row.arn))
            && (names.is_empty() || names.contains(&row.name))
    });
    let (rows, next_marker) = page::page(
        wanted.collect(),
        |row: &&LoadBalancer| &row.arn,
        input.marker,
        input.page_size,
    )?;
    Ok(api::DescribeLoadBalancersOutput {
        load_balancers: Some(rows.into_iter().map(|row| answer(region, row)).collect()),
        next_marker,
    })
}

fn answer(region: &Region, row: &LoadBalancer) -> api::LoadBalancer {
    let zones = row.nodes.iter().map(|node| api::AvailabilityZone {
        load_balancer_addresses: Some(Vec::new()),
        subnet_id: Some(node.subnet.clone()),
        zone_name: Some(node.zone.clone()),
        ..Default::default()
    });
    api::LoadBalancer {
        availability_zones: Some(zones.collect()),
        canonical_hosted_zone_id: hosted_zone(&region.settings.region).map(str::to_owned),
        created_time: Some(row.created_at),
        dns_name: Some(row.dns_name.clone()),
        ip_address_type: Some(api::IpAddressType::Ipv4),
        load_balancer_arn: Some(row.arn.clone()),
        load_balancer_name: Some(row.name.clone()),
        scheme: Some(row.scheme),
        security_groups: Some(row.security_groups.clone()),
        state: Some(api::LoadBalancerState {
            code: Some(row.state),
            reason: None,
        }),
        r#type: Some(api::LoadBalancerTypeEnum::Application),
        vpc_id: Some(row.vpc.clone()),
        ..Default::default()
    }
}

fn attributes(row: &LoadBalancer) -> Vec<api::LoadBalancerAttribute> {
    let all = attribute::all(attribute::LOAD_BALANCER, &row.attributes);
    all.into_iter()
        .map(|(key, value)| api::LoadBalancerAttribute {
            key: Some(key),
            value: Some(value),
        })
        .collect()
}

pub(super) fn describe_load_balancer_attributes(
    region: &Region,
    _: &Context,
    input: api::DescribeLoadBalancerAttributesInput,
) -> Result<api::DescribeLoadBalancerAttributesOutput, Error> {
    let row = get(region, &input.load_balancer_arn)?;
    Ok(api::DescribeLoadBalancerAttributesOutput {
        attributes: Some(attributes(row)),
    })
}

pub(super) fn modify_load_balancer_attributes(
    region: &mut Region,
    _: &Context,
    input: api::ModifyLoadBalancerAttributesInput,
) -> Result<api::ModifyLoadBalancerAttributesOutput, Error> {
    let mut row = get(region, &input.load_balancer_arn)?.clone();
    let asked = input.attributes.into_iter().map(|one| (one.key, one.value));
    attribute::change(
        attribute::LOAD_BALANCER,
        "Load balancer",
        &mut row.attributes,
        asked,
    )?;
    for kind in ["access_logs", "connection_logs"] {
        let value = |name: &str| {
            let key = format!("{kind}.s3.{name}");
            attribute::value(attribute::LOAD_BALANCER, &row.attributes, &key)
        };
        if value("enabled") == "true" && !region.s3.buckets.contains(value("bucket")) {
            return Err(error::configuration(format!(
                "Access Denied for bucket: {}. Please check S3bucket permission",
                value("bucket")
            )));
        }
    }
    let attributes = attributes(&row);
    region.elbv2.load_balancers.insert(row.arn.clone(), row);
    Ok(api::ModifyLoadBalancerAttributesOutput {
        attributes: Some(attributes),
    })
}

/// Nothing can be reserved: capacity is the machine's.
pub(super) fn describe_capacity_reservation(
    region: &Region,
    _: &Context,
    input: api::DescribeCapacityReservationInput,
) -> Result<api::DescribeCapacityReservationOutput, Error> {
    get(region, &input.load_balancer_arn)?;
    Ok(api::DescribeCapacityReservationOutput {
        capacity_reservation_state: Some(Vec::new()),
        ..Default::default()
    })
}
