//! What the account may have, and the kinds of things that it can have none of: there is no way
//! to make one here, so a list of them is truly empty.

use wire::{Error, ec2 as api};

use super::{error, vpc};
use crate::{Context, Region};

pub(super) fn describe_account_attributes(
    region: &Region,
    _: &Context,
    input: api::DescribeAccountAttributesRequest,
) -> Result<api::DescribeAccountAttributesResult, Error> {
    error::dry_run(input.dry_run)?;
    let default_vpc = vpc::default(region).map_or("none", |vpc| vpc.id.as_str());
    let all = [
        ("supported-platforms", "VPC"),
        ("default-vpc", default_vpc),
        ("vpc-max-security-groups-per-interface", "5"),
        ("max-elastic-ips", "100"),
        ("vpc-max-elastic-ips", "100"),
    ];
    let asked = input.attribute_names.filter(|names| !names.is_empty());
    let attributes = all
        .iter()
        .filter(|(name, _)| {
            asked
                .as_ref()
                .is_none_or(|names| names.iter().any(|one| one.as_str() == *name))
        })
        .map(|(name, value)| api::AccountAttribute {
            attribute_name: Some((*name).to_owned()),
            attribute_values: Some(vec![api::AccountAttributeValue {
                attribute_value: Some((*value).to_owned()),
            }]),
        });
    Ok(api::DescribeAccountAttributesResult {
        account_attributes: Some(attributes.collect()),
    })
}

/// An answer with none of them, unless one is asked for by its id.
macro_rules! none_here {
    ($($name:ident($input:ident, $ids:ident) -> $output:ident { $list:ident }, $missing:path;)*) => {$(
        pub(super) fn $name(
            _: &Region,
            _: &Context,
            input: api::$input,
        ) -> Result<api::$output, Error> {
            error::dry_run(input.dry_run)?;
            if let Some(id) = input.$ids.iter().flatten().next() {
                return Err($missing(id));
            }
            Ok(api::$output {
                $list: Some(Vec::new()),
                ..Default::default()
            })
        }
    )*};
}

none_here! {
    describe_instances(DescribeInstancesRequest, instance_ids)
        -> DescribeInstancesResult { reservations }, error::instance;
    describe_vpc_peering_connections(DescribeVpcPeeringConnectionsRequest, vpc_peering_connection_ids)
        -> DescribeVpcPeeringConnectionsResult { vpc_peering_connections }, error::peering;
    describe_transit_gateways(DescribeTransitGatewaysRequest, transit_gateway_ids)
        -> DescribeTransitGatewaysResult { transit_gateways }, error::transit_gateway;
    describe_egress_only_internet_gateways(DescribeEgressOnlyInternetGatewaysRequest, egress_only_internet_gateway_ids)
        -> DescribeEgressOnlyInternetGatewaysResult { egress_only_internet_gateways }, error::egress_only_gateway;
}

pub(super) fn describe_vpn_gateways(
    _: &Region,
    _: &Context,
    input: api::DescribeVpnGatewaysRequest,
) -> Result<api::DescribeVpnGatewaysResult, Error> {
    error::dry_run(input.dry_run)?;
    if let Some(id) = input.vpn_gateway_ids.iter().flatten().next() {
        return Err(error::vpn_gateway(id));
    }
    Ok(api::DescribeVpnGatewaysResult {
        vpn_gateways: Some(Vec::new()),
    })
}

/// EC2-Classic is gone, so no VPC is linked to it.
pub(super) fn describe_vpc_classic_link(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcClassicLinkRequest,
) -> Result<api::DescribeVpcClassicLinkResult, Error> {
    error::dry_run(input.dry_run)?;
    for id in input.vpc_ids.iter().flatten() {
        vpc::get(region, id)?;
    }
    Ok(api::DescribeVpcClassicLinkResult {
        vpcs: Some(Vec::new()),
    })
}

pub(super) fn describe_vpc_classic_link_dns_support(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcClassicLinkDnsSupportRequest,
) -> Result<api::DescribeVpcClassicLinkDnsSupportResult, Error> {
    for id in input.vpc_ids.iter().flatten() {
        vpc::get(region, id)?;
    }
    Ok(api::DescribeVpcClassicLinkDnsSupportResult {
        vpcs: Some(Vec::new()),
        next_token: None,
    })
}

pub(super) fn describe_vpc_block_public_access_options(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcBlockPublicAccessOptionsRequest,
) -> Result<api::DescribeVpcBlockPublicAccessOptionsResult, Error> {
    error::dry_run(input.dry_run)?;
    let settings = &region.settings;
    Ok(api::DescribeVpcBlockPublicAccessOptionsResult {
        vpc_block_public_access_options: Some(api::VpcBlockPublicAccessOptions {
            aws_account_id: Some(settings.account.clone()),
            aws_region: Some(settings.region.clone()),
            exclusions_allowed: Some(api::VpcBlockPublicAccessExclusionsAllowed::Allowed),
            internet_gateway_block_mode: Some(api::InternetGatewayBlockMode::Off),
            managed_by: Some(api::ManagedBy::Account),
            state: Some(api::VpcBlockPublicAccessState::DefaultState),
            ..Default::default()
        }),
    })
}
