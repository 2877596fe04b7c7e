//! What the world should make of the rows: one document for each VPC that has an interface, and
//! the addresses of AWS's services.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use world::network::{self, Peer as WorldPeer, Protocol};
use world::{VpcId, World};

use super::state::{
    AclEntry, AclRange, Destination, Peer, Permission, RouteTarget, SecurityGroup, Subnet, Vpc,
};
use super::{
    address, aws_service, endpoint, internet_gateway, network_interface, prefix_list, route,
    route_table,
};
use crate::Region;

pub(super) fn desire(region: &Region, world: &mut World) {
    let services = aws_service::addresses(&region.settings);
    world.internet.services.extend(services);
    for vpc in region.ec2.vpcs.values() {
        let used = region.ec2.interfaces.values().any(|row| row.vpc == vpc.id);
        if used {
            let document = document(region, vpc);
            for interface in document.interfaces.values() {
                if let Some(public) = interface.public_address.filter(|_| vpc.dns_hostnames) {
                    let name = address::public_name(region, public);
                    world.internet.names.insert(name, vec![public]);
                }
            }
            world.vpcs.insert(VpcId::new(vpc.id.clone()), document);
        }
    }
}

fn document(region: &Region, vpc: &Vpc) -> network::Vpc {
    let ec2 = &region.ec2;
    let mut document = network::Vpc::new(VpcId::new(vpc.id.clone()));
    document.cidrs = vpc.cidrs.iter().map(|one| one.cidr).collect();
    document.dns_support = vpc.dns_support;
    document.internet_gateway = internet_gateway::of_vpc(region, &vpc.id).is_some();
    document.names = names(region, vpc);
    for subnet in ec2.subnets.values().filter(|row| row.vpc == vpc.id) {
        let shown = network::Subnet {
            cidr: subnet.cidr,
            availability_zone: subnet.zone.clone(),
            routes: routes(region, subnet),
            acl: acl(region, subnet),
        };
        document.subnets.insert(subnet.id.clone().into(), shown);
    }
    for row in ec2.interfaces.values().filter(|row| row.vpc == vpc.id) {
        let shown = network::Interface {
            subnet: row.subnet.clone().into(),
            address: row.address,
            mac: row.mac.clone(),
            security_groups: row
                .security_groups
                .iter()
                .cloned()
                .map(Into::into)
                .collect(),
            public_address: address::public_of(region, row),
            source_dest_check: row.source_dest_check,
        };
        document.interfaces.insert(row.id.clone().into(), shown);
    }
    for group in ec2.security_groups.values().filter(|row| row.vpc == vpc.id) {
        let shown = network::SecurityGroup {
            ingress: rules(region, group, false),
            egress: rules(region, group, true),
        };
        document
            .security_groups
            .insert(group.id.clone().into(), shown);
    }
    for row in ec2
        .nat_gateways
        .values()
        .filter(|row| row.vpc == vpc.id && row.is_live())
    {
        // A private gateway sends from its private address, which this world cannot do; its
        // routes then lead to a gateway that has no public address.
        let shown = network::NatGateway {
            interface: row.interface.clone().into(),
        };
        document.nat_gateways.insert(row.id.clone().into(), shown);
    }
    for row in ec2.endpoints.values().filter(|row| row.vpc == vpc.id) {
        let shown = if row.is_gateway() {
            network::Endpoint::Gateway
        } else {
            network::Endpoint::Interface {
                service: row.service_name(region).to_owned(),
                interfaces: row
                    .interfaces
                    .iter()
                    .map(|(_, id)| id.clone().into())
                    .collect(),
            }
        };
        document.endpoints.insert(row.id.clone().into(), shown);
    }
    document
}

/// The names only this VPC sees: those of its interfaces, and those that endpoints take over.
fn names(region: &Region, vpc: &Vpc) -> BTreeMap<String, Vec<Ipv4Addr>> {
    let ec2 = &region.ec2;
    let mut names = BTreeMap::new();
    if !vpc.dns_support {
        return names;
    }
    if vpc.dns_hostnames {
        for row in ec2.interfaces.values().filter(|row| row.vpc == vpc.id) {
            let own = network_interface::private_name(region, row.address);
            names.insert(own, vec![row.address]);
            // From inside, a public name leads to the private address.
            if let Some(public) = address::public_of(region, row) {
                names.insert(address::public_name(region, public), vec![row.address]);
            }
        }
    }
    let endpoints = ec2
        .endpoints
        .values()
        .filter(|row| row.vpc == vpc.id && !row.is_gateway());
    for row in endpoints {
        let addresses = |interfaces: &[String]| -> Vec<Ipv4Addr> {
            let rows = interfaces.iter().filter_map(|id| ec2.interfaces.get(id));
            rows.map(|row| row.address).collect()
        };
        for (name, interfaces) in endpoint::own_names(region, row) {
            names.insert(name, addresses(&interfaces));
        }
        if row.private_dns
            && let Some(service) = aws_service::by_full_name(&region.settings, &row.service)
        {
            let all: Vec<String> = row.interfaces.iter().map(|(_, id)| id.clone()).collect();
            for name in service.private_names(&region.settings) {
                names.insert(name, addresses(&all));
            }
        }
    }
    names.retain(|_, addresses: &mut Vec<Ipv4Addr>| !addresses.is_empty());
    names
}

fn routes(region: &Region, subnet: &Subnet) -> Vec<network::Route> {
    let Some(table) = route_table::in_force(region, &subnet.vpc, &subnet.id) else {
        return Vec::new();
    };
    let mut routes = Vec::new();
    for one in &table.routes {
        let target = if route::is_active(region, &subnet.vpc, &one.target) {
            match &one.target {
                RouteTarget::InternetGateway(_) => network::RouteTarget::InternetGateway,
                RouteTarget::NatGateway(id) => network::RouteTarget::NatGateway(id.clone().into()),
                RouteTarget::Endpoint(id) => network::RouteTarget::Endpoint(id.clone().into()),
                RouteTarget::Interface(id) => network::RouteTarget::Interface(id.clone().into()),
            }
        } else {
            network::RouteTarget::Blackhole
        };
        let destinations = match &one.destination {
            Destination::Cidr(range) => vec![*range],
            Destination::PrefixList(id) => prefix_list::get(region, id)
                .map(|list| list.ranges())
                .unwrap_or_default(),
        };
        routes.extend(destinations.into_iter().map(|destination| network::Route {
            destination,
            target: target.clone(),
        }));
    }
    routes
}

fn acl(region: &Region, subnet: &Subnet) -> Vec<network::AclEntry> {
    let Some(acl) = region.ec2.network_acls.get(&subnet.network_acl) else {
        return Vec::new();
    };
    let mut entries: Vec<network::AclEntry> = acl.entries.iter().filter_map(acl_entry).collect();
    entries.sort_by_key(|entry| (entry.number, entry.egress));
    entries
}

fn acl_entry(entry: &AclEntry) -> Option<network::AclEntry> {
    // No packet here is of IPv6.
    let AclRange::Ipv4(cidr) = &entry.cidr else {
        return None;
    };
    let (from, to) = entry.ports.unwrap_or((0, u16::MAX));
    let protocol = match entry.protocol.as_str() {
        "-1" => Protocol::All,
        "6" => Protocol::Tcp { from, to },
        "17" => Protocol::Udp { from, to },
        "1" => {
            let (kind, code) = entry.icmp.unwrap_or((-1, -1));
            icmp(kind, code)
        }
        other => Protocol::Number(other.parse().ok()?),
    };
    Some(network::AclEntry {
        number: entry.number,
        egress: entry.egress,
        allow: entry.allow,
        protocol,
        cidr: *cidr,
    })
}

fn icmp(kind: i64, code: i64) -> Protocol {
    Protocol::Icmp {
        r#type: u8::try_from(kind).ok(),
        code: u8::try_from(code).ok(),
    }
}

fn rules(region: &Region, group: &SecurityGroup, egress: bool) -> Vec<network::Rule> {
    let own = group.rules.iter().filter(|rule| rule.egress == egress);
    own.filter_map(|rule| world_rule(region, &rule.permission))
        .collect()
}

fn world_rule(region: &Region, permission: &Permission) -> Option<network::Rule> {
    let port = |value: i64| u16::try_from(value).unwrap_or(u16::MAX);
    let (from, to) = (port(permission.from), port(permission.to));
    let protocol = match permission.protocol.as_str() {
        "-1" => Protocol::All,
        "tcp" => Protocol::Tcp { from, to },
        "udp" => Protocol::Udp { from, to },
        "icmp" => icmp(permission.from, permission.to),
        "icmpv6" => return None,
        other => Protocol::Number(other.parse().ok()?),
    };
    let peer = match &permission.peer {
        Peer::Cidr(range) => WorldPeer::Cidr(*range),
        // No packet here is of IPv6.
        Peer::Ipv6(_) => return None,
        Peer::Group(id) => WorldPeer::SecurityGroup(id.clone().into()),
        Peer::PrefixList(id) => WorldPeer::Cidrs(prefix_list::get(region, id).ok()?.ranges()),
    };
    Some(network::Rule { protocol, peer })
}
