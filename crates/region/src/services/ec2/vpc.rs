//! VPCs, their address ranges and attributes, and the default VPC.

use ipnet::Ipv4Net;
use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, each, text};
use super::state::{CidrAssociation, Vpc};
use super::{
    cidr, error, internet_gateway, network_acl, route_table, security_group, subnet, tags,
};
use crate::{Context, Region, Tags};

/// The range of every default VPC.
const DEFAULT_RANGE: &str = "172.31.0.0/16";
/// Ranges a VPC may have: the first five without asking AWS for more.
const MOST_RANGES: usize = 5;

/// A VPC by its id.
pub fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Vpc, Error> {
    region.ec2.vpcs.get(id).ok_or_else(|| error::vpc(id))
}

/// The account's default VPC, if it still has one.
pub fn default(region: &Region) -> Option<&Vpc> {
    region.ec2.vpcs.values().find(|vpc| vpc.is_default)
}

/// The address of a VPC's resolver, when it answers.
pub fn resolver(region: &Region, id: &str) -> Option<std::net::Ipv4Addr> {
    let vpc = region.ec2.vpcs.get(id).filter(|vpc| vpc.dns_support)?;
    Some((u32::from(vpc.primary().network()) + 2).into())
}

/// Whether a VPC has a way to the internet at all.
pub fn has_internet_gateway(region: &Region, id: &str) -> bool {
    internet_gateway::of_vpc(region, id).is_some()
}

impl Vpc {
    pub fn primary(&self) -> Ipv4Net {
        self.cidrs.first().map(|one| one.cidr).unwrap_or_default()
    }

    pub fn contains(&self, range: &Ipv4Net) -> bool {
        self.cidrs.iter().any(|one| one.cidr.contains(range))
    }
}

pub(super) fn create_vpc(
    region: &mut Region,
    context: &Context,
    input: api::CreateVpcRequest,
) -> Result<api::CreateVpcResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "IPv6",
            input.amazon_provided_ipv6_cidr_block == Some(true)
                || input.ipv6_cidr_block.is_some()
                || input.ipv6_pool.is_some()
                || input.ipv6_ipam_pool_id.is_some(),
        ),
        ("IPAM pools", input.ipv4_ipam_pool_id.is_some()),
        (
            "VPC encryption controls",
            input.vpc_encryption_control.is_some(),
        ),
    ])?;
    let range = input
        .cidr_block
        .ok_or_else(|| error::missing("cidrBlock"))?;
    let range = vpc_range(&range)?;
    let tags = tags::specified(input.tag_specifications, "vpc")?;
    let tenancy = input.instance_tenancy.unwrap_or(api::Tenancy::Default);
    let id = make(region, context, range, tenancy, false, tags);
    let mut vpc = shown(region, &id)?;
    // A new VPC is told as pending; by the time anyone looks it is there.
    vpc.state = Some(api::VpcState::Pending);
    Ok(api::CreateVpcResult { vpc: Some(vpc) })
}

fn vpc_range(text: &str) -> Result<Ipv4Net, Error> {
    let range = cidr::parse(text)?;
    if !(16..=28).contains(&range.prefix_len()) {
        return Err(error::refused(
            "InvalidVpc.Range",
            format!("The CIDR '{text}' is invalid."),
        ));
    }
    Ok(range)
}

/// Makes a VPC with what AWS gives each: main route table, default network ACL and default
/// security group.
fn make(
    region: &mut Region,
    context: &Context,
    range: Ipv4Net,
    tenancy: api::Tenancy,
    is_default: bool,
    tags: Tags,
) -> String {
    let id = context.ec2_id("vpc");
    let dhcp_options = region
        .ec2
        .dhcp_options
        .keys()
        .next()
        .cloned()
        .unwrap_or_else(|| "default".to_owned());
    let vpc = Vpc {
        id: id.clone(),
        cidrs: vec![CidrAssociation {
            id: context.ec2_id("vpc-cidr-assoc"),
            cidr: range,
        }],
        dhcp_options,
        tenancy,
        is_default,
        dns_support: true,
        dns_hostnames: is_default,
        network_address_usage_metrics: false,
    };
    region.ec2.vpcs.insert(id.clone(), vpc);
    tags::keep(region, &id, tags);
    route_table::make_main(region, context, &id);
    network_acl::make_default(region, context, &id);
    security_group::make_default(region, context, &id);
    id
}

/// Makes the default VPC: a subnet in each zone, and a way to the internet.
pub(super) fn make_default(region: &mut Region, context: &Context) -> String {
    let range: Ipv4Net = DEFAULT_RANGE.parse().expect("the constant is a range");
    let id = make(
        region,
        context,
        range,
        api::Tenancy::Default,
        true,
        Tags::new(),
    );
    let zones: Vec<String> = region.settings.zone_names().collect();
    for (zone, range) in zones
        .into_iter()
        .zip(range.subnets(20).into_iter().flatten())
    {
        subnet::make_default(region, context, &id, range, zone);
    }
    internet_gateway::make_default(region, context, &id);
    id
}

pub(super) fn create_default_vpc(
    region: &mut Region,
    context: &Context,
    input: api::CreateDefaultVpcRequest,
) -> Result<api::CreateDefaultVpcResult, Error> {
    error::dry_run(input.dry_run)?;
    if let Some(vpc) = default(region) {
        return Err(error::refused(
            "DefaultVpcAlreadyExists",
            format!(
                "A Default VPC already exists for this account in this region ({}).",
                vpc.id
            ),
        ));
    }
    let id = make_default(region, context);
    Ok(api::CreateDefaultVpcResult {
        vpc: Some(shown(region, &id)?),
    })
}

pub(super) fn delete_vpc(
    region: &mut Region,
    _: &Context,
    input: api::DeleteVpcRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.vpc_id;
    get(region, &id)?;
    let ec2 = &region.ec2;
    let busy = ec2.subnets.values().any(|row| row.vpc == id)
        || ec2
            .internet_gateways
            .values()
            .any(|row| row.vpc.as_ref() == Some(&id))
        || ec2.interfaces.values().any(|row| row.vpc == id)
        || ec2.endpoints.values().any(|row| row.vpc == id)
        || ec2
            .security_groups
            .values()
            .any(|row| row.vpc == id && row.name != security_group::DEFAULT)
        || ec2
            .network_acls
            .values()
            .any(|row| row.vpc == id && !row.is_default)
        || ec2
            .route_tables
            .values()
            .any(|row| row.vpc == id && !row.is_main());
    if busy {
        return Err(error::dependency(format!(
            "The vpc '{id}' has dependencies and cannot be deleted."
        )));
    }
    let gone: Vec<String> = ec2
        .security_groups
        .values()
        .filter(|row| row.vpc == id)
        .flat_map(|row| {
            let rules = row.rules.iter().map(|rule| rule.id.clone());
            rules.chain([row.id.clone()])
        })
        .chain(
            ec2.network_acls
                .values()
                .filter(|row| row.vpc == id)
                .map(|row| row.id.clone()),
        )
        .chain(
            ec2.route_tables
                .values()
                .filter(|row| row.vpc == id)
                .map(|row| row.id.clone()),
        )
        .collect();
    region.ec2.security_groups.retain(|_, row| row.vpc != id);
    region.ec2.network_acls.retain(|_, row| row.vpc != id);
    region.ec2.route_tables.retain(|_, row| row.vpc != id);
    region.ec2.vpcs.remove(&id);
    for one in gone {
        tags::forget(region, &one);
    }
    tags::forget(region, &id);
    Ok(Unit {})
}

pub(super) fn modify_vpc_attribute(
    region: &mut Region,
    _: &Context,
    input: api::ModifyVpcAttributeRequest,
) -> Result<Unit, Error> {
    get(region, &input.vpc_id)?;
    let asked = [
        &input.enable_dns_hostnames,
        &input.enable_dns_support,
        &input.enable_network_address_usage_metrics,
    ];
    if asked.iter().filter(|value| value.is_some()).count() != 1 {
        return Err(error::refused(
            "InvalidParameterCombination",
            "Exactly one attribute must be specified to modify.",
        ));
    }
    let Some(vpc) = region.ec2.vpcs.get_mut(&input.vpc_id) else {
        return Err(error::vpc(&input.vpc_id));
    };
    let value = |asked: Option<api::AttributeBooleanValue>| asked.and_then(|asked| asked.value);
    if let Some(on) = value(input.enable_dns_hostnames) {
        if on && !vpc.dns_support {
            return Err(error::invalid(format!(
                "Cannot enable DNS hostnames: VPC {} has DNS support disabled.",
                vpc.id
            )));
        }
        vpc.dns_hostnames = on;
    }
    if let Some(on) = value(input.enable_dns_support) {
        vpc.dns_support = on;
    }
    if let Some(on) = value(input.enable_network_address_usage_metrics) {
        vpc.network_address_usage_metrics = on;
    }
    Ok(Unit {})
}

pub(super) fn describe_vpc_attribute(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcAttributeRequest,
) -> Result<api::DescribeVpcAttributeResult, Error> {
    error::dry_run(input.dry_run)?;
    let vpc = get(region, &input.vpc_id)?;
    let mut result = api::DescribeVpcAttributeResult {
        vpc_id: Some(vpc.id.clone()),
        ..Default::default()
    };
    let value = |on| Some(api::AttributeBooleanValue { value: Some(on) });
    match input.attribute {
        api::VpcAttributeName::EnableDnsSupport => {
            result.enable_dns_support = value(vpc.dns_support);
        }
        api::VpcAttributeName::EnableDnsHostnames => {
            result.enable_dns_hostnames = value(vpc.dns_hostnames);
        }
        api::VpcAttributeName::EnableNetworkAddressUsageMetrics => {
            result.enable_network_address_usage_metrics = value(vpc.network_address_usage_metrics);
        }
    }
    Ok(result)
}

pub(super) fn associate_vpc_cidr_block(
    region: &mut Region,
    context: &Context,
    input: api::AssociateVpcCidrBlockRequest,
) -> Result<api::AssociateVpcCidrBlockResult, Error> {
    error::none_of(&[
        (
            "IPv6",
            input.amazon_provided_ipv6_cidr_block == Some(true) || input.ipv6_cidr_block.is_some(),
        ),
        (
            "IPAM pools",
            input.ipv4_ipam_pool_id.is_some() || input.ipv6_ipam_pool_id.is_some(),
        ),
    ])?;
    let vpc = get(region, &input.vpc_id)?;
    let range = input
        .cidr_block
        .ok_or_else(|| error::missing("cidrBlock"))?;
    let range = vpc_range(&range)?;
    if vpc.cidrs.len() >= MOST_RANGES {
        return Err(error::refused(
            "VpcCidrLimitExceeded",
            format!(
                "This network '{}' has met its maximum number of allowed CIDRs: {MOST_RANGES}",
                vpc.id
            ),
        ));
    }
    if vpc.cidrs.iter().any(|one| cidr::overlap(one.cidr, range)) {
        return Err(error::refused(
            "InvalidVpc.Range",
            format!("The CIDR '{range}' conflicts with another CIDR of the VPC."),
        ));
    }
    let association = CidrAssociation {
        id: context.ec2_id("vpc-cidr-assoc"),
        cidr: range,
    };
    let mut shown = shown_range(&association);
    shown.cidr_block_state = Some(api::VpcCidrBlockState {
        state: Some(api::VpcCidrBlockStateCode::Associating),
        status_message: None,
    });
    if let Some(vpc) = region.ec2.vpcs.get_mut(&input.vpc_id) {
        vpc.cidrs.push(association);
    }
    Ok(api::AssociateVpcCidrBlockResult {
        cidr_block_association: Some(shown),
        vpc_id: Some(input.vpc_id),
        ..Default::default()
    })
}

pub(super) fn disassociate_vpc_cidr_block(
    region: &mut Region,
    _: &Context,
    input: api::DisassociateVpcCidrBlockRequest,
) -> Result<api::DisassociateVpcCidrBlockResult, Error> {
    let found = region.ec2.vpcs.values().find_map(|vpc| {
        let at = vpc
            .cidrs
            .iter()
            .position(|one| one.id == input.association_id)?;
        Some((vpc.id.clone(), at, vpc.cidrs[at].clone()))
    });
    let Some((vpc_id, at, association)) = found else {
        return Err(error::refused(
            "InvalidVpcCidrBlockAssociationID.NotFound",
            format!(
                "The vpc CIDR block with association ID {} does not exist",
                input.association_id
            ),
        ));
    };
    if at == 0 {
        return Err(error::refused(
            "OperationNotPermitted",
            format!(
                "The vpc CIDR block with association ID {} may not be disassociated. It is the primary IPv4 CIDR block of the VPC",
                association.id
            ),
        ));
    }
    let used = region
        .ec2
        .subnets
        .values()
        .any(|subnet| subnet.vpc == vpc_id && association.cidr.contains(&subnet.cidr));
    if used {
        return Err(error::refused(
            "InvalidCidrBlock.InUse",
            format!(
                "The vpc {vpc_id} currently has a subnet within CIDR block {}",
                association.cidr
            ),
        ));
    }
    if let Some(vpc) = region.ec2.vpcs.get_mut(&vpc_id) {
        vpc.cidrs.remove(at);
    }
    Ok(api::DisassociateVpcCidrBlockResult {
        cidr_block_association: Some(api::VpcCidrBlockAssociation {
            cidr_block_state: Some(api::VpcCidrBlockState {
                state: Some(api::VpcCidrBlockStateCode::Disassociating),
                status_message: None,
            }),
            ..shown_range(&association)
        }),
        vpc_id: Some(vpc_id),
        ..Default::default()
    })
}

pub(super) fn associate_dhcp_options(
    region: &mut Region,
    _: &Context,
    input: api::AssociateDhcpOptionsRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    get(region, &input.vpc_id)?;
    let id = input.dhcp_options_id;
    if id != "default" && !region.ec2.dhcp_options.contains(&id) {
        return Err(error::dhcp_options(&id));
    }
    if let Some(vpc) = region.ec2.vpcs.get_mut(&input.vpc_id) {
        vpc.dhcp_options = id;
    }
    Ok(Unit {})
}

const VPCS: Kind<api::Vpc> = Kind {
    id: |vpc| vpc.vpc_id.clone().unwrap_or_default(),
    tags: |vpc| &vpc.tags,
    filters: &[
        ("vpc-id", |vpc| text(vpc.vpc_id.as_ref())),
        ("cidr", |vpc| text(vpc.cidr_block.as_ref())),
        ("cidr-block", |vpc| text(vpc.cidr_block.as_ref())),
        ("cidr-block-association.cidr-block", |vpc| {
            each(vpc.cidr_block_association_set.as_ref(), |one| {
                one.cidr_block.clone()
            })
        }),
        ("cidr-block-association.association-id", |vpc| {
            each(vpc.cidr_block_association_set.as_ref(), |one| {
                one.association_id.clone()
            })
        }),
        ("cidr-block-association.state", |vpc| {
            each(vpc.cidr_block_association_set.as_ref(), |one| {
                Some(one.cidr_block_state.as_ref()?.state?.to_string())
            })
        }),
        ("dhcp-options-id", |vpc| text(vpc.dhcp_options_id.as_ref())),
        ("is-default", |vpc| text(vpc.is_default.as_ref())),
        ("isDefault", |vpc| text(vpc.is_default.as_ref())),
        ("owner-id", |vpc| text(vpc.owner_id.as_ref())),
        ("state", |vpc| text(vpc.state.as_ref())),
        ("ipv6-cidr-block-association.ipv6-cidr-block", |_| {
            Vec::new()
        }),
        ("ipv6-cidr-block-association.association-id", |_| Vec::new()),
        ("ipv6-cidr-block-association.state", |_| Vec::new()),
    ],
    missing: error::vpc,
};

pub(super) fn describe_vpcs(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcsRequest,
) -> Result<api::DescribeVpcsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region.ec2.vpcs.values().map(|vpc| answer(region, vpc));
    let query = Query {
        ids: input.vpc_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (vpcs, next_token) = VPCS.select(query, all)?;
    Ok(api::DescribeVpcsResult {
        vpcs: Some(vpcs),
        next_token,
    })
}

fn shown(region: &Region, id: &str) -> Result<api::Vpc, Error> {
    get(region, id).map(|vpc| answer(region, vpc))
}

fn answer(region: &Region, vpc: &Vpc) -> api::Vpc {
    api::Vpc {
        vpc_id: Some(vpc.id.clone()),
        cidr_block: Some(vpc.primary().to_string()),
        cidr_block_association_set: Some(vpc.cidrs.iter().map(shown_range).collect()),
        dhcp_options_id: Some(vpc.dhcp_options.clone()),
        instance_tenancy: Some(vpc.tenancy),
        is_default: Some(vpc.is_default),
        owner_id: Some(region.settings.account.clone()),
        state: Some(api::VpcState::Available),
        block_public_access_states: Some(api::BlockPublicAccessStates {
            internet_gateway_block_mode: Some(api::BlockPublicAccessMode::Off),
        }),
        tags: tags::of(region, &vpc.id),
        ..Default::default()
    }
}

fn shown_range(association: &CidrAssociation) -> api::VpcCidrBlockAssociation {
    api::VpcCidrBlockAssociation {
        association_id: Some(association.id.clone()),
        cidr_block: Some(association.cidr.to_string()),
        cidr_block_state: Some(api::VpcCidrBlockState {
            state: Some(api::VpcCidrBlockStateCode::Associated),
            status_message: None,
        }),
    }
}
