//! VPC endpoints: ways to AWS's services that do not cross the internet.
//!
//! A gateway endpoint is a route to the service's prefix list. An interface endpoint has an
//! interface in each of its subnets and may take over the service's names in its VPC:
//!
//! ```text
//! pending ─▶ available ─▶ deleting ─▶ (gone)
//! ```

use jiff::Timestamp;
use wire::{Error, ec2 as api};
use world::InterfaceId;

use super::aws_service::{self, AwsService};
use super::filter::{Kind, Query, text};
use super::interface::{self, NewInterface};
use super::state::{Destination, Endpoint, Requester, Route, RouteTarget, Vpc};
use super::{
    error, nat_gateway, prefix_list, route_table, security_group, subnet, tags, vpc, zone,
};
use crate::{Context, Region};

const FULL_ACCESS: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Endpoint, Error> {
    region
        .ec2
        .endpoints
        .get(id)
        .ok_or_else(|| error::endpoint(id))
}

fn wrong(message: impl Into<String>) -> Error {
    error::refused("InvalidParameter", message)
}

impl Endpoint {
    pub(super) fn is_gateway(&self) -> bool {
        self.kind == api::VpcEndpointType::Gateway
    }

    /// The service's short name, such as `ecr.dkr`.
    pub(super) fn service_name(&self, region: &Region) -> &'static str {
        aws_service::by_full_name(&region.settings, &self.service).map_or("", |one| one.name)
    }
}

pub(super) fn create_vpc_endpoint(
    region: &mut Region,
    context: &Context,
    input: api::CreateVpcEndpointRequest,
) -> Result<api::CreateVpcEndpointResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "IPv6",
            input
                .ip_address_type
                .is_some_and(|kind| kind != api::IpAddressType::Ipv4),
        ),
        (
            "resource endpoints",
            input.resource_configuration_arn.is_some(),
        ),
        (
            "service network endpoints",
            input.service_network_arn.is_some(),
        ),
        (
            "endpoints to another region",
            input
                .service_region
                .as_ref()
                .is_some_and(|name| *name != region.settings.region),
        ),
        (
            "chosen addresses of endpoints",
            input.subnet_configurations.is_some(),
        ),
    ])?;
    if let Some(token) = &input.client_token {
        let mut all = region.ec2.endpoints.values();
        if let Some(same) = all.find(|row| row.client_token.as_ref() == Some(token)) {
            return Ok(api::CreateVpcEndpointResult {
                client_token: input.client_token.clone(),
                vpc_endpoint: Some(answer(region, same)),
            });
        }
    }
    let service_name = input
        .service_name
        .ok_or_else(|| error::missing("ServiceName"))?;
    let service = aws_service::by_full_name(&region.settings, &service_name)
        .ok_or_else(|| error::endpoint_service(&service_name))?;
    let kind = input
        .vpc_endpoint_type
        .unwrap_or(api::VpcEndpointType::Gateway);
    if !service.offers(kind) {
        let offered: Vec<&str> = [
            (service.gateway, "Gateway"),
            (service.interface, "Interface"),
        ]
        .iter()
        .filter_map(|(offered, name)| offered.then_some(*name))
        .collect();
        return Err(wrong(format!(
            "Endpoint type ({kind}) does not match available service types ([{}]).",
            offered.join(", ")
        )));
    }
    let vpc = vpc::get(region, &input.vpc_id)?.clone();
    let policy = match input.policy_document.filter(|text| !text.is_empty()) {
        Some(policy) => checked_policy(policy)?,
        None => FULL_ACCESS.to_owned(),
    };
    let tags = tags::specified(input.tag_specifications, "vpc-endpoint")?;
    let route_tables = input.route_table_ids.unwrap_or_default();
    let subnets = input.subnet_ids.unwrap_or_default();
    let groups = input.security_group_ids.unwrap_or_default();
    let gateway = kind == api::VpcEndpointType::Gateway;
    if gateway && (!subnets.is_empty() || !groups.is_empty()) {
        return Err(wrong(
            "Endpoint type (Gateway) cannot be used with subnets or security groups.",
        ));
    }
    if !gateway && !route_tables.is_empty() {
        return Err(wrong(
            "Endpoint type (Interface) cannot be used with route tables.",
        ));
    }
    let private_dns = !gateway && input.private_dns_enabled.unwrap_or(true);
    if gateway && input.private_dns_enabled == Some(true) {
        return Err(wrong("Private DNS can't be enabled for gateway endpoints."));
    }
    if private_dns {
        check_private_dns(region, &vpc, service, None)?;
    }
    let security_groups = if gateway {
        Vec::new()
    } else {
        interface::check_groups(region, &vpc.id, &vpc.id, groups)?
    };
    let id = context.ec2_id("vpce");
    let suffix = context.pick(8, b"abcdefghijklmnopqrstuvwxyz0123456789");
    let row = Endpoint {
        id: id.clone(),
        vpc: vpc.id,
        service: service_name,
        kind,
        state: if gateway {
            api::State::Available
        } else {
            api::State::Pending
        },
        policy,
        route_tables: Vec::new(),
        interfaces: Vec::new(),
        security_groups,
        private_dns,
        dns_suffix: suffix,
        changed_at: context.now,
        created_at: context.now,
        client_token: input.client_token.clone(),
    };
    region.ec2.endpoints.insert(id.clone(), row);
    tags::keep(region, &id, tags);
    for table in route_tables {
        add_route(region, &id, &table)?;
    }
    for subnet in subnets {
        add_interface(region, context, &id, &subnet)?;
    }
    Ok(api::CreateVpcEndpointResult {
        client_token: input.client_token,
        vpc_endpoint: Some(answer(region, get(region, &id)?)),
    })
}

fn checked_policy(policy: String) -> Result<String, Error> {
    match serde_json::from_str::<serde_json::Value>(&policy) {
        Ok(document) if document.get("Statement").is_some() => Ok(policy),
        _ => Err(error::refused(
            "InvalidPolicyDocument",
            "The policy document is not valid JSON with statements.",
        )),
    }
}

/// Whether the endpoint may take over its service's names in the VPC.
fn check_private_dns(
    region: &Region,
    vpc: &Vpc,
    service: &AwsService,
    own: Option<&str>,
) -> Result<(), Error> {
    if !vpc.dns_support || !vpc.dns_hostnames {
        return Err(wrong(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
            vpc.id
        )));
    }
    let name = service.full_name(&region.settings);
    let taken = region.ec2.endpoints.values().any(|other| {
        own != Some(other.id.as_str())
            && other.vpc == vpc.id
            && other.private_dns
            && other.service == name
    });
    if taken {
        let names = service.private_names(&region.settings).join(", ");
        return Err(wrong(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {names} in the VPC {}",
            vpc.id
        )));
    }
    Ok(())
}

/// Adds the route to an endpoint's prefix list to a table.
fn add_route(region: &mut Region, id: &str, table: &str) -> Result<(), Error> {
    let endpoint = get(region, id)?;
    let list = prefix_list::id(&region.settings, endpoint.service_name(region));
    let row = route_table::get(region, table)?;
    if row.vpc != endpoint.vpc {
        return Err(wrong(format!(
            "Route table {table} does not belong to the VPC {}.",
            endpoint.vpc
        )));
    }
    let destination = Destination::PrefixList(list.clone());
    if row
        .routes
        .iter()
        .any(|route| route.destination == destination)
    {
        return Err(error::refused(
            "RouteAlreadyExists",
            format!(
                "route table {table} already has a route with destination-prefix-list-id {list}"
            ),
        ));
    }
    if let Some(row) = region.ec2.route_tables.get_mut(table) {
        row.routes.push(Route {
            destination,
            target: RouteTarget::Endpoint(id.to_owned()),
        });
    }
    if let Some(row) = region.ec2.endpoints.get_mut(id) {
        row.route_tables.push(table.to_owned());
    }
    Ok(())
}

fn remove_route(region: &mut Region, id: &str, table: &str) {
    if let Some(row) = region.ec2.route_tables.get_mut(table) {
        row.routes
            .retain(|route| route.target != RouteTarget::Endpoint(id.to_owned()));
    }
    if let Some(row) = region.ec2.endpoints.get_mut(id) {
        row.route_tables.retain(|one| one != table);
    }
}

/// Gives an endpoint an interface in a subnet.
fn add_interface(
    region: &mut Region,
    context: &Context,
    id: &str,
    subnet_id: &str,
) -> Result<(), Error> {
    let endpoint = get(region, id)?.clone();
    let subnet = subnet::get(region, subnet_id)?;
    if subnet.vpc != endpoint.vpc {
        return Err(wrong(format!(
            "Subnet {subnet_id} does not belong to the VPC {}.",
            endpoint.vpc
        )));
    }
    let same_zone = endpoint
        .interfaces
        .iter()
        .any(|(other, _)| subnet::get(region, other).is_ok_and(|other| other.zone == subnet.zone));
    if same_zone {
        return Err(error::refused(
            "DuplicateSubnetsInSameZone",
            format!(
                "Found another VPC endpoint subnet in the availability zone of {subnet_id}. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service."
            ),
        ));
    }
    let new = NewInterface {
        security_groups: endpoint.security_groups,
        description: format!("VPC Endpoint Interface {id}"),
        requester: Some(Requester::owned_by("amazon-vpce", "amazon-aws")),
        interface_type: api::NetworkInterfaceType::VpcEndpoint,
        ..NewInterface::new(subnet_id)
    };
    let made = interface::create(region, context, new)?;
    if let Some(row) = region.ec2.endpoints.get_mut(id) {
        row.interfaces
            .push((subnet_id.to_owned(), made.as_str().to_owned()));
    }
    Ok(())
}

fn remove_interface(region: &mut Region, id: &str, subnet: &str) {
    let found = region.ec2.endpoints.get(id).and_then(|row| {
        let own = row.interfaces.iter().find(|(other, _)| other == subnet)?;
        Some(own.1.clone())
    });
    if let Some(interface) = found {
        interface::delete(region, &InterfaceId::new(interface));
    }
    if let Some(row) = region.ec2.endpoints.get_mut(id) {
        row.interfaces.retain(|(other, _)| other != subnet);
    }
}

pub(super) fn modify_vpc_endpoint(
    region: &mut Region,
    context: &Context,
    input: api::ModifyVpcEndpointRequest,
) -> Result<api::ModifyVpcEndpointResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[
        (
            "IPv6",
            input
                .ip_address_type
                .is_some_and(|kind| kind != api::IpAddressType::Ipv4),
        ),
        (
            "chosen addresses of endpoints",
            input.subnet_configurations.is_some(),
        ),
    ])?;
    let id = input.vpc_endpoint_id;
    let mut row = get(region, &id)?.clone();
    if row.state == api::State::Deleting {
        return Err(error::endpoint(&id));
    }
    let gateway = row.is_gateway();
    let for_interfaces = input.add_subnet_ids.is_some()
        || input.remove_subnet_ids.is_some()
        || input.add_security_group_ids.is_some()
        || input.remove_security_group_ids.is_some()
        || input.private_dns_enabled == Some(true);
    let for_gateways =
        input.add_route_table_ids.is_some() || input.remove_route_table_ids.is_some();
    if (gateway && for_interfaces) || (!gateway && for_gateways) {
        return Err(wrong(format!(
            "The attributes cannot be changed for an endpoint of type {}.",
            row.kind
        )));
    }
    if input.reset_policy == Some(true) {
        FULL_ACCESS.clone_into(&mut row.policy);
    } else if let Some(policy) = input.policy_document.filter(|text| !text.is_empty()) {
        row.policy = checked_policy(policy)?;
    }
    if let Some(on) = input.private_dns_enabled.filter(|_| !gateway) {
        if on && !row.private_dns {
            let vpc = vpc::get(region, &row.vpc)?;
            let service = aws_service::by_full_name(&region.settings, &row.service)
                .ok_or_else(|| error::endpoint_service(&row.service))?;
            check_private_dns(region, vpc, service, Some(&id))?;
        }
        row.private_dns = on;
    }
    let before = row.security_groups.clone();
    for group in input.remove_security_group_ids.into_iter().flatten() {
        row.security_groups.retain(|one| *one != group);
    }
    for group in input.add_security_group_ids.into_iter().flatten() {
        security_group::get(region, &group)?;
        if !row.security_groups.contains(&group) {
            row.security_groups.push(group);
        }
    }
    if row.security_groups != before {
        if row.security_groups.is_empty() {
            return Err(wrong(
                "An interface endpoint needs at least one security group.",
            ));
        }
        for (_, interface) in &row.interfaces {
            let interface = InterfaceId::new(interface.clone());
            interface::set_security_groups(region, &interface, row.security_groups.clone())?;
        }
    }
    region.ec2.endpoints.insert(id.clone(), row);
    for table in input.remove_route_table_ids.into_iter().flatten() {
        remove_route(region, &id, &table);
    }
    for table in input.add_route_table_ids.into_iter().flatten() {
        add_route(region, &id, &table)?;
    }
    for subnet in input.remove_subnet_ids.into_iter().flatten() {
        remove_interface(region, &id, &subnet);
    }
    for subnet in input.add_subnet_ids.into_iter().flatten() {
        add_interface(region, context, &id, &subnet)?;
    }
    Ok(api::ModifyVpcEndpointResult {
        r#return: Some(true),
    })
}

/// Takes away as many as it can, and tells of the others.
pub(super) fn delete_vpc_endpoints(
    region: &mut Region,
    context: &Context,
    input: api::DeleteVpcEndpointsRequest,
) -> Result<api::DeleteVpcEndpointsResult, Error> {
    error::dry_run(input.dry_run)?;
    let mut unsuccessful = Vec::new();
    for id in input.vpc_endpoint_ids {
        let Some(row) = region.ec2.endpoints.get(&id).cloned() else {
            let error = error::endpoint(&id);
            unsuccessful.push(api::UnsuccessfulItem {
                error: Some(api::UnsuccessfulItemError {
                    code: Some(error.code.into_owned()),
                    message: Some(error.message),
                }),
                resource_id: Some(id),
            });
            continue;
        };
        if row.is_gateway() {
            for table in &row.route_tables {
                remove_route(region, &id, table);
            }
            region.ec2.endpoints.remove(&id);
            tags::forget(region, &id);
        } else if row.state != api::State::Deleting
            && let Some(row) = region.ec2.endpoints.get_mut(&id)
        {
            row.state = api::State::Deleting;
            row.private_dns = false;
            row.changed_at = context.now;
        }
    }
    Ok(api::DeleteVpcEndpointsResult {
        unsuccessful: Some(unsuccessful),
    })
}

fn due(row: &Endpoint) -> Option<Timestamp> {
    match row.state {
        api::State::Pending | api::State::Deleting => {
            row.changed_at.checked_add(nat_gateway::WORK).ok()
        }
        _ => None,
    }
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    region.ec2.endpoints.values().filter_map(due).min()
}

pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let ready: Vec<Endpoint> = region
        .ec2
        .endpoints
        .values()
        .filter(|row| due(row).is_some_and(|at| at <= context.now))
        .cloned()
        .collect();
    for row in ready {
        if row.state == api::State::Pending {
            if let Some(row) = region.ec2.endpoints.get_mut(&row.id) {
                row.state = api::State::Available;
                row.changed_at = context.now;
            }
        } else {
            for (_, interface) in &row.interfaces {
                interface::delete(region, &InterfaceId::new(interface.clone()));
            }
            region.ec2.endpoints.remove(&row.id);
            tags::forget(region, &row.id);
        }
    }
}

const ENDPOINTS: Kind<api::VpcEndpoint> = Kind {
    id: |endpoint| endpoint.vpc_endpoint_id.clone().unwrap_or_default(),
    tags: |endpoint| &endpoint.tags,
    filters: &[
        ("ip-address-type", |one| text(one.ip_address_type.as_ref())),
        ("service-name", |one| text(one.service_name.as_ref())),
        ("service-region", |one| text(one.service_region.as_ref())),
        ("vpc-id", |one| text(one.vpc_id.as_ref())),
        ("vpc-endpoint-id", |one| text(one.vpc_endpoint_id.as_ref())),
        ("vpc-endpoint-state", |one| text(one.state.as_ref())),
        ("vpc-endpoint-type", |one| {
            text(one.vpc_endpoint_type.as_ref())
        }),
    ],
    missing: error::endpoint,
};

pub(super) fn describe_vpc_endpoints(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcEndpointsRequest,
) -> Result<api::DescribeVpcEndpointsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region.ec2.endpoints.values().map(|row| answer(region, row));
    let query = Query {
        ids: input.vpc_endpoint_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (endpoints, next_token) = ENDPOINTS.select(query, all)?;
    Ok(api::DescribeVpcEndpointsResult {
        vpc_endpoints: Some(endpoints),
        next_token,
    })
}

/// The endpoint's own names: one for all its zones, and one for each.
pub(super) fn own_names(region: &Region, row: &Endpoint) -> Vec<(String, Vec<String>)> {
    let service = row.service_name(region);
    let name = &region.settings.region;
    // S3's names are for buckets and access points below this one.
    let domain = format!("{service}.{name}.vpce.amazonaws.com");
    let star = if service == "s3" { "*." } else { "" };
    let all = row.interfaces.iter().map(|(_, id)| id.clone()).collect();
    let mut names = vec![(format!("{star}{}-{}.{domain}", row.id, row.dns_suffix), all)];
    for (subnet, interface) in &row.interfaces {
        let zone = subnet::get(region, subnet).map_or("", |subnet| subnet.zone.as_str());
        names.push((
            format!("{star}{}-{}-{zone}.{domain}", row.id, row.dns_suffix),
            vec![interface.clone()],
        ));
    }
    names
}

fn answer(region: &Region, row: &Endpoint) -> api::VpcEndpoint {
    let interface = !row.is_gateway();
    let groups = row
        .security_groups
        .iter()
        .map(|id| api::SecurityGroupIdentifier {
            group_id: Some(id.clone()),
            group_name: region
                .ec2
                .security_groups
                .get(id)
                .map(|group| group.name.clone()),
        });
    let mut names: Vec<String> = Vec::new();
    if interface {
        names.extend(own_names(region, row).into_iter().map(|(name, _)| name));
        if row.private_dns
            && let Some(service) = aws_service::by_full_name(&region.settings, &row.service)
        {
            names.extend(service.private_names(&region.settings));
        }
    }
    let entries = names.into_iter().map(|dns_name| api::DnsEntry {
        dns_name: Some(dns_name),
        hosted_zone_id: Some("Z273ZU8SZ5RJPC".to_owned()),
    });
    api::VpcEndpoint {
        creation_timestamp: Some(row.created_at),
        dns_entries: Some(entries.collect()),
        dns_options: interface.then(|| api::DnsOptions {
            dns_record_ip_type: Some(api::DnsRecordIpType::Ipv4),
            ..Default::default()
        }),
        groups: Some(groups.collect()),
        ip_address_type: Some(api::IpAddressType::Ipv4),
        network_interface_ids: Some(row.interfaces.iter().map(|(_, id)| id.clone()).collect()),
        owner_id: Some(region.settings.account.clone()),
        policy_document: Some(row.policy.clone()),
        private_dns_enabled: Some(row.private_dns),
        requester_managed: Some(false),
        route_table_ids: Some(row.route_tables.clone()),
        service_name: Some(row.service.clone()),
        service_region: Some(region.settings.region.clone()),
        state: Some(row.state),
        subnet_ids: Some(row.interfaces.iter().map(|(id, _)| id.clone()).collect()),
        tags: tags::of(region, &row.id),
        vpc_endpoint_id: Some(row.id.clone()),
        vpc_endpoint_type: Some(row.kind),
        vpc_id: Some(row.vpc.clone()),
        ..Default::default()
    }
}

const SERVICES: Kind<api::ServiceDetail> = Kind {
    id: |service| service.service_name.clone().unwrap_or_default(),
    tags: |service| &service.tags,
    filters: &[
        ("owner", |one| text(one.owner.as_ref())),
        ("service-name", |one| text(one.service_name.as_ref())),
        ("service-region", |one| text(one.service_region.as_ref())),
        ("service-type", |one| {
            let kinds = one.service_type.iter().flatten();
            kinds
                .filter_map(|kind| Some(kind.service_type?.to_string()))
                .collect()
        }),
        ("supported-ip-address-types", |_| vec!["ipv4".to_owned()]),
    ],
    missing: error::endpoint_service,
};

pub(super) fn describe_vpc_endpoint_services(
    region: &Region,
    _: &Context,
    input: api::DescribeVpcEndpointServicesRequest,
) -> Result<api::DescribeVpcEndpointServicesResult, Error> {
    error::dry_run(input.dry_run)?;
    let settings = &region.settings;
    let mut all: Vec<api::ServiceDetail> = Vec::new();
    for service in aws_service::SERVICES {
        for (offered, kind) in [
            (service.gateway, api::ServiceType::Gateway),
            (service.interface, api::ServiceType::Interface),
        ] {
            if !offered {
                continue;
            }
            let interface = kind == api::ServiceType::Interface;
            let names = service.private_names(settings);
            all.push(api::ServiceDetail {
                acceptance_required: Some(false),
                availability_zones: Some(settings.zone_names().collect()),
                availability_zone_ids: Some(
                    settings
                        .zone_names()
                        .filter_map(|name| zone::id(settings, &name))
                        .collect(),
                ),
                base_endpoint_dns_names: Some(names.iter().take(1).cloned().collect()),
                manages_vpc_endpoints: Some(false),
                owner: Some("amazon".to_owned()),
                private_dns_name: names.first().filter(|_| interface).cloned(),
                private_dns_names: interface.then(|| {
                    names
                        .iter()
                        .map(|name| api::PrivateDnsDetails {
                            private_dns_name: Some(name.clone()),
                        })
                        .collect()
                }),
                service_name: Some(service.full_name(settings)),
                service_region: Some(settings.region.clone()),
                service_type: Some(vec![api::ServiceTypeDetail {
                    service_type: Some(kind),
                }]),
                supported_ip_address_types: Some(vec![api::ServiceConnectivityType::Ipv4]),
                vpc_endpoint_policy_supported: Some(true),
                ..Default::default()
            });
        }
    }
    all.sort_by(|one, other| one.service_name.cmp(&other.service_name));
    let query = Query {
        ids: input.service_names,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (details, next_token) = SERVICES.select(query, all.into_iter())?;
    let mut names: Vec<String> = details
        .iter()
        .filter_map(|one| one.service_name.clone())
        .collect();
    names.dedup();
    Ok(api::DescribeVpcEndpointServicesResult {
        service_details: Some(details),
        service_names: Some(names),
        next_token,
    })
}
