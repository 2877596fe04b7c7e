//! The rows of EC2 networking. Keys are the resource ids; tags of every kind of resource are in
//! one table, so that `CreateTags` works on any id.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::ec2 as api;

use crate::Tags;

crate::tables! { "ec2" {
    vpcs: String => Vpc,
    subnets: String => Subnet,
    internet_gateways: String => InternetGateway,
    addresses: String => Address,
    nat_gateways: String => NatGateway,
    route_tables: String => RouteTable,
    security_groups: String => SecurityGroup,
    network_acls: String => NetworkAcl,
    interfaces: String => Interface,
    endpoints: String => Endpoint,
    flow_logs: String => FlowLog,
    dhcp_options: String => DhcpOptions,
    prefix_lists: String => PrefixList,
    /// By resource id, security group rules included.
    tags: String => Tags,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: String,
    /// The primary range first.
    pub cidrs: Vec<CidrAssociation>,
    pub dhcp_options: String,
    pub tenancy: api::Tenancy,
    pub is_default: bool,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub network_address_usage_metrics: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CidrAssociation {
    pub id: String,
    pub cidr: Ipv4Net,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    pub id: String,
    pub vpc: String,
    pub cidr: Ipv4Net,
    /// `eu-central-1a`
    pub zone: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
    pub hostname_type: api::HostnameType,
    pub resource_name_a_record: bool,
    pub network_acl: String,
    /// `aclassoc-…`
    pub network_acl_association: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    pub id: String,
    pub vpc: Option<String>,
}

/// An elastic IP address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub id: String,
    pub address: Ipv4Addr,
    pub association: Option<AddressAssociation>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddressAssociation {
    pub id: String,
    pub interface: String,
    pub private_address: Ipv4Addr,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    pub id: String,
    pub vpc: String,
    pub subnet: String,
    pub connectivity: api::ConnectivityType,
    pub state: api::NatGatewayState,
    pub failure: Option<(String, String)>,
    pub interface: String,
    pub private_address: Ipv4Addr,
    /// The elastic address and its allocation, for a public one.
    pub allocation: Option<String>,
    pub association: Option<String>,
    pub public_address: Option<Ipv4Addr>,
    pub created_at: Timestamp,
    /// When its deletion was asked for.
    pub deleted_at: Option<Timestamp>,
    pub client_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    pub id: String,
    pub vpc: String,
    /// Without the local ones, which follow from the VPC's ranges.
    pub routes: Vec<Route>,
    pub associations: Vec<RouteTableAssociation>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    pub id: String,
    /// `None`: the VPC's main table.
    pub subnet: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub destination: Destination,
    pub target: RouteTarget,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    Cidr(Ipv4Net),
    PrefixList(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    InternetGateway(String),
    NatGateway(String),
    Interface(String),
    /// A gateway endpoint; such a route comes and goes with it.
    Endpoint(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub description: String,
    pub vpc: String,
    /// In the order in which they were made.
    pub rules: Vec<SecurityGroupRule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// `sgr-…`
    pub id: String,
    pub egress: bool,
    pub permission: Permission,
    pub description: Option<String>,
}

/// What a rule allows: two rules of one direction with the same permission are duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1` for all, or another protocol's number.
    pub protocol: String,
    /// -1 where ports mean nothing; for ICMP the type and the code.
    pub from: i64,
    pub to: i64,
    pub peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    Cidr(Ipv4Net),
    /// Kept as configured; no interface has such an address here.
    Ipv6(ipnet::Ipv6Net),
    Group(String),
    PrefixList(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkAcl {
    pub id: String,
    pub vpc: String,
    pub is_default: bool,
    /// Without the closing deny, which every list has.
    pub entries: Vec<AclEntry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AclEntry {
    pub number: u16,
    pub egress: bool,
    pub allow: bool,
    /// A protocol number, or `-1`.
    pub protocol: String,
    pub cidr: AclRange,
    /// For TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// For ICMP: type and code, -1 for all.
    pub icmp: Option<(i64, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AclRange {
    Ipv4(Ipv4Net),
    Ipv6(ipnet::Ipv6Net),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    pub id: String,
    pub vpc: String,
    pub subnet: String,
    pub address: Ipv4Addr,
    pub secondary: Vec<Ipv4Addr>,
    pub mac: String,
    pub security_groups: Vec<String>,
    pub description: String,
    pub interface_type: api::NetworkInterfaceType,
    /// The AWS service that made it for itself; nobody else may change it.
    pub requester: Option<Requester>,
    pub attachment: Option<Attachment>,
    /// A public address from the pool that goes when the interface goes.
    pub public_address: Option<Ipv4Addr>,
    pub source_dest_check: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Such as `amazon-elb`.
    pub id: String,
    /// Who owns what it is attached to.
    pub instance_owner: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// `eni-attach-…`
    pub id: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: String,
    pub vpc: String,
    /// `com.amazonaws.eu-central-1.s3`
    pub service: String,
    pub kind: api::VpcEndpointType,
    pub state: api::State,
    pub policy: String,
    pub route_tables: Vec<String>,
    /// Subnet and the interface in it.
    pub interfaces: Vec<(String, String)>,
    pub security_groups: Vec<String>,
    pub private_dns: bool,
    /// The zone in which its own names are.
    pub dns_suffix: String,
    pub changed_at: Timestamp,
    pub created_at: Timestamp,
    pub client_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    pub id: String,
    pub resource: String,
    pub traffic: Option<api::TrafficType>,
    pub destination_type: api::LogDestinationType,
    pub destination: Option<String>,
    pub group: Option<String>,
    pub role: Option<String>,
    pub format: String,
    pub interval: i64,
    pub file_format: Option<api::DestinationFileFormat>,
    pub hive_compatible: bool,
    pub per_hour: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DhcpOptions {
    pub id: String,
    pub configurations: Vec<(String, Vec<String>)>,
}

/// A prefix list of the account's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrefixList {
    pub id: String,
    pub name: String,
    pub ipv6: bool,
    pub max_entries: i64,
    /// What was done last, and how it ended.
    pub state: api::PrefixListState,
    /// The entries of every version, the first one's first. There is always one.
    pub versions: Vec<Vec<PrefixListEntry>>,
    pub client_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListEntry {
    pub cidr: ipnet::IpNet,
    pub description: Option<String>,
}

impl PrefixList {
    /// The entries that count now.
    pub fn entries(&self) -> &[PrefixListEntry] {
        self.versions.last().map_or(&[], Vec::as_slice)
    }

    pub fn version(&self) -> i64 {
        i64::try_from(self.versions.len()).unwrap_or(i64::MAX)
    }
}
