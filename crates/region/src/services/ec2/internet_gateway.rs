//! Internet gateways.

use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, each, text};
use super::state::{Destination, InternetGateway, Route, RouteTarget};
use super::{address, error, tags, vpc};
use crate::{Context, Region};

fn get<'a>(region: &'a Region, id: &str) -> Result<&'a InternetGateway, Error> {
    region
        .ec2
        .internet_gateways
        .get(id)
        .ok_or_else(|| error::internet_gateway(id))
}

/// The gateway attached to a VPC.
pub(super) fn of_vpc<'a>(region: &'a Region, vpc: &str) -> Option<&'a InternetGateway> {
    region
        .ec2
        .internet_gateways
        .values()
        .find(|gateway| gateway.vpc.as_deref() == Some(vpc))
}

/// The default VPC's gateway, with the route to it.
pub(super) fn make_default(region: &mut Region, context: &Context, vpc: &str) {
    let id = context.ec2_id("igw");
    let gateway = InternetGateway {
        id: id.clone(),
        vpc: Some(vpc.to_owned()),
    };
    region.ec2.internet_gateways.insert(id.clone(), gateway);
    let main = region
        .ec2
        .route_tables
        .values()
        .find(|table| table.vpc == vpc && table.is_main())
        .map(|table| table.id.clone());
    if let Some(table) = main.and_then(|main| region.ec2.route_tables.get_mut(&main)) {
        table.routes.push(Route {
            destination: Destination::Cidr(ipnet::Ipv4Net::default()),
            target: RouteTarget::InternetGateway(id),
        });
    }
}

pub(super) fn create_internet_gateway(
    region: &mut Region,
    context: &Context,
    input: api::CreateInternetGatewayRequest,
) -> Result<api::CreateInternetGatewayResult, Error> {
    error::dry_run(input.dry_run)?;
    let tags = tags::specified(input.tag_specifications, "internet-gateway")?;
    let id = context.ec2_id("igw");
    let gateway = InternetGateway {
        id: id.clone(),
        vpc: None,
    };
    region.ec2.internet_gateways.insert(id.clone(), gateway);
    tags::keep(region, &id, tags);
    Ok(api::CreateInternetGatewayResult {
        internet_gateway: Some(answer(region, get(region, &id)?)),
    })
}

pub(super) fn attach_internet_gateway(
    region: &mut Region,
    _: &Context,
    input: api::AttachInternetGatewayRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let (id, vpc_id) = (input.internet_gateway_id, input.vpc_id);
    let gateway = get(region, &id)?;
    vpc::get(region, &vpc_id)?;
    if let Some(attached) = &gateway.vpc {
        return Err(error::refused(
            "Resource.AlreadyAssociated",
            format!("resource {id} is already attached to network {attached}"),
        ));
    }
    if of_vpc(region, &vpc_id).is_some() {
        return Err(error::invalid(format!(
            "Network {vpc_id} already has an internet gateway attached"
        )));
    }
    if let Some(gateway) = region.ec2.internet_gateways.get_mut(&id) {
        gateway.vpc = Some(vpc_id);
    }
    Ok(Unit {})
}

pub(super) fn detach_internet_gateway(
    region: &mut Region,
    _: &Context,
    input: api::DetachInternetGatewayRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let (id, vpc_id) = (input.internet_gateway_id, input.vpc_id);
    let gateway = get(region, &id)?;
    vpc::get(region, &vpc_id)?;
    if gateway.vpc.as_ref() != Some(&vpc_id) {
        return Err(error::refused(
            "Gateway.NotAttached",
            format!("resource {id} is not attached to network {vpc_id}"),
        ));
    }
    let mapped = region
        .ec2
        .interfaces
        .values()
        .any(|row| row.vpc == vpc_id && address::public_of(region, row).is_some());
    if mapped {
        return Err(error::dependency(format!(
            "Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        )));
    }
    if let Some(gateway) = region.ec2.internet_gateways.get_mut(&id) {
        gateway.vpc = None;
    }
    Ok(Unit {})
}

pub(super) fn delete_internet_gateway(
    region: &mut Region,
    _: &Context,
    input: api::DeleteInternetGatewayRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.internet_gateway_id;
    if get(region, &id)?.vpc.is_some() {
        return Err(error::dependency(format!(
            "The internetGateway '{id}' has dependencies and cannot be deleted."
        )));
    }
    region.ec2.internet_gateways.remove(&id);
    tags::forget(region, &id);
    Ok(Unit {})
}

const GATEWAYS: Kind<api::InternetGateway> = Kind {
    id: |gateway| gateway.internet_gateway_id.clone().unwrap_or_default(),
    tags: |gateway| &gateway.tags,
    filters: &[
        ("internet-gateway-id", |one| {
            text(one.internet_gateway_id.as_ref())
        }),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("attachment.vpc-id", |one| {
            each(one.attachments.as_ref(), |to| to.vpc_id.clone())
        }),
        ("attachment.state", |one| {
            each(one.attachments.as_ref(), |to| Some(to.state?.to_string()))
        }),
    ],
    missing: error::internet_gateway,
};

pub(super) fn describe_internet_gateways(
    region: &Region,
    _: &Context,
    input: api::DescribeInternetGatewaysRequest,
) -> Result<api::DescribeInternetGatewaysResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region.ec2.internet_gateways.values();
    let query = Query {
        ids: input.internet_gateway_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (gateways, next_token) = GATEWAYS.select(query, all.map(|row| answer(region, row)))?;
    Ok(api::DescribeInternetGatewaysResult {
        internet_gateways: Some(gateways),
        next_token,
    })
}

fn answer(region: &Region, gateway: &InternetGateway) -> api::InternetGateway {
    let attachments = gateway
        .vpc
        .iter()
        .map(|vpc| api::InternetGatewayAttachment {
            state: Some(api::AttachmentStatus::Available),
            vpc_id: Some(vpc.clone()),
        });
    api::InternetGateway {
        attachments: Some(attachments.collect()),
        internet_gateway_id: Some(gateway.id.clone()),
        owner_id: Some(region.settings.account.clone()),
        tags: tags::of(region, &gateway.id),
    }
}
