//! A VPC document as links and routes, decided without looking at the machine.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use world::InterfaceId;
use world::network::{Endpoint, Interface, RouteTarget, Subnet, Vpc};

use super::names::{device, subnet_numbers};
use super::rules::is_nat;
use crate::error::Failure;

/// The router's end of its link to the internet.
pub(crate) const ROUTER_TO_INTERNET: &str = "inet0";
/// Link addresses that exist on no interface: every neighbour is known beforehand.
pub(crate) const INTERNET: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 1);
pub(crate) const INTERNET_MAC: &str = "02:ff:00:00:00:01";
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 2);
pub(crate) const ROUTER_MAC: &str = "02:ff:00:00:00:02";
/// The resolver's address in every VPC.
const LINK_RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// What EC2 gives its interfaces.
pub(crate) const MTU: u32 = 9001;
/// The kernel's main table: what is local to the VPC.
const MAIN: u32 = 254;
/// Routing rules are looked up after the main table's, at 32766.
const SUBNET_RULES: u32 = 33_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub links: BTreeMap<InterfaceId, Link>,
    /// By table and destination, all of `ip route …` after the verb.
    pub routes: BTreeMap<(u32, Ipv4Net), String>,
    /// All of `ip rule …` after the verb, by priority and table.
    pub rules: BTreeMap<u32, String>,
}

/// A routed pair of devices: one end in the router, one in the interface's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub device: String,
    pub address: Ipv4Addr,
    pub prefix_len: u8,
    pub gateway: Ipv4Addr,
    pub mac: String,
    /// What a NAT gateway translates.
    pub nat_for: Vec<Ipv4Net>,
}

impl Link {
    /// Everything that was put into the link when it was made, to know it again.
    pub(crate) fn fingerprint(&self) -> String {
        let nat: Vec<_> = self.nat_for.iter().map(ToString::to_string).collect();
        format!(
            "{}/{},{},{}",
            self.address,
            self.prefix_len,
            self.mac,
            nat.join("+")
        )
    }
}

/// The addresses at which the VPC's resolver answers.
pub(crate) fn resolvers(vpc: &Vpc) -> Vec<Ipv4Addr> {
    let primary = vpc.cidrs.first().map(|cidr| offset(*cidr, 2));
    primary.into_iter().chain([LINK_RESOLVER]).collect()
}

pub(crate) fn plan(vpc: &Vpc) -> Result<Plan, Failure> {
    // Ids become names of files and words of commands.
    for id in vpc
        .interfaces
        .keys()
        .map(AsRef::as_ref)
        .chain([vpc.id.as_str()])
    {
        if !is_plain(id) {
            return Err(Failure::new(format!("{id:?} is no usable id")));
        }
    }
    let mut links: BTreeMap<InterfaceId, Link> = BTreeMap::new();
    for (id, interface) in &vpc.interfaces {
        let subnet = vpc.subnets.get(&interface.subnet).ok_or_else(|| {
            Failure::new(format!(
                "{id} is in {}, which is not there",
                interface.subnet
            ))
        })?;
        if !subnet.cidr.contains(&interface.address) {
            return Err(Failure::new(format!(
                "the address {} of {id} is not in {}",
                interface.address, subnet.cidr
            )));
        }
        if !is_mac(&interface.mac) {
            return Err(Failure::new(format!(
                "{:?} of {id} is not a MAC address",
                interface.mac
            )));
        }
        let link = link(vpc, id, interface, subnet);
        if let Some((other, _)) = links
            .iter()
            .find(|(_, other)| other.device == link.device || other.address == link.address)
        {
            return Err(Failure::new(format!(
                "{id} and {other} have the same address, or ids too alike"
            )));
        }
        links.insert(id.clone(), link);
    }

    let mut routes = BTreeMap::new();
    for cidr in &vpc.cidrs {
        let cidr = cidr.trunc();
        routes.insert((MAIN, cidr), format!("blackhole {cidr} table {MAIN}"));
    }
    for link in links.values() {
        let address = Ipv4Net::from(link.address);
        routes.insert(
            (MAIN, address),
            format!("{address} dev {} scope link table {MAIN}", link.device),
        );
    }
    let mut rules = BTreeMap::new();
    for (id, number) in subnet_numbers(vpc.subnets.keys()) {
        rules.insert(
            number,
            format!("fwmark {number} lookup {number} pref {SUBNET_RULES}"),
        );
        for route in &vpc.subnets[id].routes {
            let destination = route.destination.trunc();
            let text = target(vpc, &links, &route.target).map_or_else(
                || format!("blackhole {destination} table {number}"),
                |target| match target {
                    Target::Here => format!("local {destination} dev lo table {number}"),
                    Target::Via { gateway, device } => {
                        format!("{destination} via {gateway} dev {device} onlink table {number}")
                    }
                },
            );
            routes.insert((number, destination), text);
        }
    }
    Ok(Plan {
        links,
        routes,
        rules,
    })
}

fn link(vpc: &Vpc, id: &InterfaceId, interface: &Interface, subnet: &Subnet) -> Link {
    Link {
        device: device(id),
        address: interface.address,
        prefix_len: subnet.cidr.prefix_len(),
        gateway: offset(subnet.cidr, 1),
        mac: interface.mac.to_ascii_lowercase(),
        nat_for: if is_nat(vpc, id) {
            vpc.cidrs.clone()
        } else {
            Vec::new()
        },
    }
}

enum Target {
    /// The router answers itself.
    Here,
    Via {
        gateway: Ipv4Addr,
        device: String,
    },
}

/// `None`: packets are dropped.
fn target(vpc: &Vpc, links: &BTreeMap<InterfaceId, Link>, target: &RouteTarget) -> Option<Target> {
    let interface = match target {
        RouteTarget::InternetGateway => {
            return vpc.internet_gateway.then(|| Target::Via {
                gateway: INTERNET,
                device: ROUTER_TO_INTERNET.into(),
            });
        }
        RouteTarget::Endpoint(id) => {
            return matches!(vpc.endpoints.get(id), Some(Endpoint::Gateway))
                .then_some(Target::Here);
        }
        RouteTarget::NatGateway(id) => &vpc.nat_gateways.get(id)?.interface,
        RouteTarget::Interface(id) => id,
        RouteTarget::Blackhole => return None,
    };
    links.get(interface).map(|link| Target::Via {
        gateway: link.address,
        device: link.device.clone(),
    })
}

fn offset(cidr: Ipv4Net, by: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(cidr.network().to_bits().wrapping_add(by))
}

fn is_plain(id: &str) -> bool {
    !id.starts_with(['.', '-'])
        && (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_mac(text: &str) -> bool {
    let mut bytes = text.split(':');
    bytes.clone().count() == 6
        && bytes.all(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
