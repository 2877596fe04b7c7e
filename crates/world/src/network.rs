//! Networks as they should be: one [`Vpc`] document holds all that decides where a packet goes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::id::{EndpointId, InterfaceId, NatGatewayId, SecurityGroupId, SubnetId, VpcId};

/// What a hosted zone answers. Names are in lower case and end without a dot; one whose leftmost
/// label is `*` stands for the names below that are not there. A name within the zone that is not
/// there does not exist, whatever other zones say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// By name, then by type, such as `A`.
    pub records: BTreeMap<String, BTreeMap<String, Answers>>,
}

/// What one question of a zone is answered with: one of these, by chance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Seconds that an answer may be kept.
    pub ttl: u32,
    pub choices: Vec<Choice>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// How often it is given, against the sum of all; where all are 0, all are given as often.
    pub weight: u32,
    /// As a zone file writes them (RFC 1035, 5.1), such as `10 mail.example.com.`
    pub values: Vec<String>,
}

/// What lies outside every VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Internet {
    /// Public names, resolvable from everywhere: balancers, databases (which resolve to their
    /// private addresses), hosted zones.
    pub names: BTreeMap<String, Vec<Ipv4Addr>>,
    /// Public hosted zones that a resolver finds, by name (see [`Zone`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, Zone>,
    /// The addresses at which AWS's own services answer, with the names they have there.
    pub services: BTreeMap<Ipv4Addr, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: VpcId,
    pub cidrs: Vec<Ipv4Net>,
    /// Whether the resolver at the primary range's base plus two answers.
    pub dns_support: bool,
    /// Names that only this VPC sees: private hosted zones, interface endpoints' private names.
    /// They win over [`Internet::names`].
    pub names: BTreeMap<String, Vec<Ipv4Addr>>,
    /// Private hosted zones of this VPC, by name. They win over all that is public.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, Zone>,
    /// Whether an internet gateway is attached.
    pub internet_gateway: bool,
    pub subnets: BTreeMap<SubnetId, Subnet>,
    pub interfaces: BTreeMap<InterfaceId, Interface>,
    pub security_groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    pub nat_gateways: BTreeMap<NatGatewayId, NatGateway>,
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
}

impl Vpc {
    /// A VPC with nothing in it.
    pub fn new(id: VpcId) -> Self {
        Self {
            id,
            cidrs: Vec::new(),
            dns_support: true,
            names: BTreeMap::new(),
            zones: BTreeMap::new(),
            internet_gateway: false,
            subnets: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            security_groups: BTreeMap::new(),
            nat_gateways: BTreeMap::new(),
            endpoints: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    pub cidr: Ipv4Net,
    pub availability_zone: String,
    /// The routes of the table in force here, without the local one. Longest prefix wins.
    pub routes: Vec<Route>,
    /// The network ACL in force here, by ascending number; what none matches is denied.
    pub acl: Vec<AclEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub destination: Ipv4Net,
    pub target: RouteTarget,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    InternetGateway,
    NatGateway(NatGatewayId),
    /// A gateway endpoint; `destination` is one range of its prefix list.
    Endpoint(EndpointId),
    Interface(InterfaceId),
    /// The target is gone: packets are dropped.
    Blackhole,
}

/// One line of a network ACL. Stateless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry {
    pub number: u16,
    pub egress: bool,
    pub allow: bool,
    pub protocol: Protocol,
    pub cidr: Ipv4Net,
}

/// A network interface: one primary private address, reached only through its VPC's router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    pub subnet: SubnetId,
    pub address: Ipv4Addr,
    /// Six bytes, written `02:…`.
    pub mac: String,
    pub security_groups: Vec<SecurityGroupId>,
    /// A public address that the internet gateway maps one to one onto this interface.
    pub public_address: Option<Ipv4Addr>,
    /// Whether packets that are neither from nor to `address` are dropped.
    pub source_dest_check: bool,
}

/// Allow rules only; an interface allows what any of its groups allows. Stateful.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub protocol: Protocol,
    pub peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    All,
    Tcp {
        from: u16,
        to: u16,
    },
    Udp {
        from: u16,
        to: u16,
    },
    /// `None`: every type, or every code of the type.
    Icmp {
        r#type: Option<u8>,
        code: Option<u8>,
    },
    /// Any other IP protocol by number, all of it.
    Number(u8),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    Cidr(Ipv4Net),
    /// The private addresses of the interfaces that carry the group.
    SecurityGroup(SecurityGroupId),
    /// The ranges of a prefix list.
    Cidrs(Vec<Ipv4Net>),
}

/// A public NAT gateway: it sends from its interface's public address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatGateway {
    pub interface: InterfaceId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Reached by a route to the service's prefix list; leads to [`Internet::services`].
    Gateway,
    /// Answers for one service at its own interfaces, one a subnet.
    Interface {
        /// What the endpoint serves, such as `secretsmanager`.
        service: String,
        interfaces: Vec<InterfaceId>,
    },
}
