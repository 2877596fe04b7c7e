//! Routes: where packets to a destination go.

use ipnet::Ipv4Net;
use wire::{Error, Unit, ec2 as api};

use super::state::{Destination, NatGateway, Route, RouteTable, RouteTarget};
use super::{cidr, error, interface, nat_gateway, prefix_list, route_table, vpc};
use crate::{Context, Region};

/// Routes a table may have.
const MOST: usize = 500;

/// A request's destination.
fn destination(
    region: &Region,
    range: Option<String>,
    ipv6: Option<&String>,
    prefix_list: Option<String>,
) -> Result<Destination, Error> {
    error::none_of(&[("IPv6 routes", ipv6.is_some())])?;
    match (range, prefix_list) {
        (Some(range), None) => cidr::parse_rule(&range).map(Destination::Cidr),
        (None, Some(id)) => {
            prefix_list::get(region, &id)?;
            Ok(Destination::PrefixList(id))
        }
        (None, None) => Err(error::missing("destinationCidrBlock")),
        (Some(_), Some(_)) => Err(error::refused(
            "InvalidParameterCombination",
            "Exactly one of destinationCidrBlock and destinationPrefixListId must be specified.",
        )),
    }
}

struct Targets {
    gateway: Option<String>,
    nat_gateway: Option<String>,
    interface: Option<String>,
    endpoint: Option<String>,
}

/// A request's target, which must be there and in the table's VPC.
fn target(region: &Region, vpc: &str, targets: Targets) -> Result<RouteTarget, Error> {
    let elsewhere = |subject: &str| {
        error::invalid(format!(
            "route table and {subject} belong to different networks"
        ))
    };
    let given = [
        &targets.gateway,
        &targets.nat_gateway,
        &targets.interface,
        &targets.endpoint,
    ];
    if given.iter().filter(|one| one.is_some()).count() != 1 {
        return Err(error::refused(
            "InvalidParameterCombination",
            "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId, carrierGatewayId, vpcEndpointId",
        ));
    }
    if let Some(id) = targets.gateway {
        if id.starts_with("vpce-") {
            return Err(error::invalid(format!(
                "Cannot create or replace a route to the gateway endpoint {id}; add the route table to the endpoint instead."
            )));
        }
        if id == "local" || id.starts_with("vgw-") {
            return Err(error::vpn_gateway(&id));
        }
        let gateway = region
            .ec2
            .internet_gateways
            .get(&id)
            .ok_or_else(|| error::gateway(&id))?;
        if gateway.vpc.as_deref() != Some(vpc) {
            return Err(elsewhere(&format!("network gateway {id}")));
        }
        return Ok(RouteTarget::InternetGateway(id));
    }
    if let Some(id) = targets.nat_gateway {
        // A gateway that is gone counts as unknown here.
        let gateway = nat_gateway::get(region, &id)
            .ok()
            .filter(|row| row.is_live())
            .ok_or_else(|| {
                error::refused(
                    "InvalidNatGatewayID.NotFound",
                    format!("The natGateway ID '{id}' does not exist"),
                )
            })?;
        if gateway.vpc != vpc {
            return Err(elsewhere(&format!("NAT gateway {id}")));
        }
        return Ok(RouteTarget::NatGateway(id));
    }
    if let Some(id) = targets.interface {
        if interface::row(region, &id)?.vpc != vpc {
            return Err(elsewhere(&format!("interface {id}")));
        }
        return Ok(RouteTarget::Interface(id));
    }
    Err(error::absent("routes to Gateway Load Balancer endpoints"))
}

fn find(table: &RouteTable, destination: &Destination) -> Option<usize> {
    table
        .routes
        .iter()
        .position(|route| route.destination == *destination)
}

fn is_local(region: &Region, table: &RouteTable, destination: &Destination) -> bool {
    let Destination::Cidr(range) = destination else {
        return false;
    };
    vpc::get(region, &table.vpc).is_ok_and(|vpc| vpc.cidrs.iter().any(|one| one.cidr == *range))
}

fn already(destination: &Destination) -> Error {
    error::refused(
        "RouteAlreadyExists",
        format!(
            "The route identified by {} already exists.",
            shown(destination)
        ),
    )
}

fn shown(destination: &Destination) -> String {
    match destination {
        Destination::Cidr(range) => range.to_string(),
        Destination::PrefixList(id) => id.clone(),
    }
}

pub(super) fn create_route(
    region: &mut Region,
    _: &Context,
    input: api::CreateRouteRequest,
) -> Result<api::CreateRouteResult, Error> {
    error::dry_run(input.dry_run)?;
    if let Some(id) = &input.instance_id {
        return Err(error::instance(id));
    }
    if let Some(id) = &input.vpc_peering_connection_id {
        return Err(error::peering(id));
    }
    if let Some(id) = &input.transit_gateway_id {
        return Err(error::transit_gateway(id));
    }
    if let Some(id) = &input.egress_only_internet_gateway_id {
        return Err(error::egress_only_gateway(id));
    }
    error::none_of(&[
        ("carrier gateways", input.carrier_gateway_id.is_some()),
        ("local gateways", input.local_gateway_id.is_some()),
        ("core networks", input.core_network_arn.is_some()),
        ("ODB networks", input.odb_network_arn.is_some()),
    ])?;
    let table = route_table::get(region, &input.route_table_id)?;
    let destination = destination(
        region,
        input.destination_cidr_block,
        input.destination_ipv6_cidr_block.as_ref(),
        input.destination_prefix_list_id,
    )?;
    let targets = Targets {
        gateway: input.gateway_id,
        nat_gateway: input.nat_gateway_id,
        interface: input.network_interface_id,
        endpoint: input.vpc_endpoint_id,
    };
    let target = target(region, &table.vpc, targets)?;
    if is_local(region, table, &destination) {
        return Err(already(&destination));
    }
    if let Some(at) = find(table, &destination) {
        // Asking again for what is there already is no error.
        if table.routes[at].target == target {
            return Ok(api::CreateRouteResult {
                r#return: Some(true),
            });
        }
        return Err(already(&destination));
    }
    if table.routes.len() >= MOST {
        return Err(error::refused(
            "RouteLimitExceeded",
            "The maximum number of routes has been reached.",
        ));
    }
    if let Some(table) = region.ec2.route_tables.get_mut(&input.route_table_id) {
        table.routes.push(Route {
            destination,
            target,
        });
    }
    Ok(api::CreateRouteResult {
        r#return: Some(true),
    })
}

fn unknown(table: &str, destination: &Destination) -> Error {
    match destination {
        Destination::Cidr(range) => error::refused(
            "InvalidRoute.NotFound",
            format!("no route with destination-cidr-block {range} in route table {table}"),
        ),
        Destination::PrefixList(id) => error::refused(
            "InvalidRoute.NotFound",
            format!("no route with destination-prefix-list-id {id} in route table {table}"),
        ),
    }
}

pub(super) fn replace_route(
    region: &mut Region,
    _: &Context,
    input: api::ReplaceRouteRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    if let Some(id) = &input.instance_id {
        return Err(error::instance(id));
    }
    if let Some(id) = &input.vpc_peering_connection_id {
        return Err(error::peering(id));
    }
    if let Some(id) = &input.transit_gateway_id {
        return Err(error::transit_gateway(id));
    }
    if let Some(id) = &input.egress_only_internet_gateway_id {
        return Err(error::egress_only_gateway(id));
    }
    error::none_of(&[
        ("carrier gateways", input.carrier_gateway_id.is_some()),
        ("local gateways", input.local_gateway_id.is_some()),
        ("core networks", input.core_network_arn.is_some()),
        ("ODB networks", input.odb_network_arn.is_some()),
        (
            "replacing the local route",
            input.local_target == Some(true),
        ),
    ])?;
    let table = route_table::get(region, &input.route_table_id)?;
    let destination = destination(
        region,
        input.destination_cidr_block,
        input.destination_ipv6_cidr_block.as_ref(),
        input.destination_prefix_list_id,
    )?;
    let at = find(table, &destination).ok_or_else(|| unknown(&table.id, &destination))?;
    let targets = Targets {
        gateway: input.gateway_id,
        nat_gateway: input.nat_gateway_id,
        interface: input.network_interface_id,
        endpoint: input.vpc_endpoint_id,
    };
    let target = target(region, &table.vpc, targets)?;
    if let Some(table) = region.ec2.route_tables.get_mut(&input.route_table_id) {
        table.routes[at].target = target;
    }
    Ok(Unit {})
}

pub(super) fn delete_route(
    region: &mut Region,
    _: &Context,
    input: api::DeleteRouteRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let table = route_table::get(region, &input.route_table_id)?;
    let destination = destination(
        region,
        input.destination_cidr_block,
        input.destination_ipv6_cidr_block.as_ref(),
        input.destination_prefix_list_id,
    )?;
    if is_local(region, table, &destination) {
        return Err(error::invalid(format!(
            "cannot remove local route {} in route table {}",
            shown(&destination),
            table.id
        )));
    }
    let at = find(table, &destination).ok_or_else(|| unknown(&table.id, &destination))?;
    if matches!(table.routes[at].target, RouteTarget::Endpoint(_)) {
        return Err(error::invalid(format!(
            "cannot remove VPC endpoint route {} in route table {}",
            shown(&destination),
            table.id
        )));
    }
    if let Some(table) = region.ec2.route_tables.get_mut(&input.route_table_id) {
        table.routes.remove(at);
    }
    Ok(Unit {})
}

/// Whether what a route leads to is there.
pub(super) fn is_active(region: &Region, vpc: &str, target: &RouteTarget) -> bool {
    let ec2 = &region.ec2;
    match target {
        RouteTarget::InternetGateway(id) => ec2
            .internet_gateways
            .get(id)
            .is_some_and(|gateway| gateway.vpc.as_deref() == Some(vpc)),
        RouteTarget::NatGateway(id) => ec2.nat_gateways.get(id).is_some_and(NatGateway::is_live),
        RouteTarget::Interface(id) => ec2.interfaces.contains(id),
        RouteTarget::Endpoint(id) => ec2.endpoints.contains(id),
    }
}

/// A table's routes as answers show them, the local ones first.
pub(super) fn answers(region: &Region, table: &RouteTable) -> Vec<api::Route> {
    let ranges: Vec<Ipv4Net> = vpc::get(region, &table.vpc)
        .map(|vpc| vpc.cidrs.iter().map(|one| one.cidr).collect())
        .unwrap_or_default();
    let local = ranges.into_iter().map(|range| api::Route {
        destination_cidr_block: Some(range.to_string()),
        gateway_id: Some("local".to_owned()),
        origin: Some(api::RouteOrigin::CreateRouteTable),
        state: Some(api::RouteState::Active),
        ..Default::default()
    });
    let own = table.routes.iter().map(|route| {
        let state = if is_active(region, &table.vpc, &route.target) {
            api::RouteState::Active
        } else {
            api::RouteState::Blackhole
        };
        let mut shown = api::Route {
            origin: Some(api::RouteOrigin::CreateRoute),
            state: Some(state),
            ..Default::default()
        };
        match &route.destination {
            Destination::Cidr(range) => shown.destination_cidr_block = Some(range.to_string()),
            Destination::PrefixList(id) => shown.destination_prefix_list_id = Some(id.clone()),
        }
        match &route.target {
            RouteTarget::InternetGateway(id) | RouteTarget::Endpoint(id) => {
                shown.gateway_id = Some(id.clone());
            }
            RouteTarget::NatGateway(id) => shown.nat_gateway_id = Some(id.clone()),
            RouteTarget::Interface(id) => shown.network_interface_id = Some(id.clone()),
        }
        shown
    });
    local.chain(own).collect()
}
