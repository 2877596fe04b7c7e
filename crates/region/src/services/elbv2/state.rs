//! The rows of load balancing. Keys are ARNs. Actions and conditions are kept in the API's own
//! shape, made whole when they come in: they are only ever given back, or turned into a node's
//! configuration.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Stored;
use wire::elbv2 as api;
use world::database::Secret;
use world::event::Published;
use world::{BalancerId, InterfaceId};

use crate::Tags;

crate::tables! { "elbv2" {
    load_balancers: String => LoadBalancer,
    target_groups: String => TargetGroup,
    listeners: String => Listener,
    /// Without the default rules, which are part of their listener.
    rules: String => Rule,
    /// By target group and `address:port`.
    targets: (String, String) => Target,
    tags: String => Tags,
    /// By load balancer.
    host_certificates: String => HostCertificate,
} }

/// What a load balancer shows under its name on the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostCertificate {
    /// Such as `web.localhost`.
    pub name: String,
    /// PEM.
    pub certificate: String,
    pub private_key: Secret,
    pub not_after: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    pub arn: String,
    /// The ARN's tail, `app/<name>/<16 hex>`.
    pub id: BalancerId,
    pub name: String,
    pub scheme: api::LoadBalancerSchemeEnum,
    pub vpc: String,
    /// One for each zone, ordered by zone.
    pub nodes: Vec<Node>,
    pub security_groups: Vec<String>,
    pub dns_name: String,
    pub state: api::LoadBalancerStateEnum,
    pub created_at: Timestamp,
    /// Those that are not as AWS sets them.
    pub attributes: BTreeMap<String, String>,
    /// Seals stickiness cookies.
    pub cookie_secret: String,
    /// The nodes that serve the newest configuration, as last told.
    pub ready: Vec<Ipv4Addr>,
    /// Where the machine's user reaches the listeners, as last told.
    pub published: Vec<Published>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub zone: String,
    pub subnet: String,
    pub interface: InterfaceId,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    /// `ip` or `instance`.
    pub target_type: String,
    pub protocol: api::ProtocolEnum,
    /// `HTTP1`, `HTTP2` or `GRPC`.
    pub protocol_version: String,
    pub port: u16,
    pub vpc: String,
    pub health_check: HealthCheck,
    /// Those that are not as AWS sets them.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    pub enabled: bool,
    pub protocol: api::ProtocolEnum,
    /// `traffic-port` or a number.
    pub port: String,
    pub path: String,
    pub interval: i64,
    pub timeout: i64,
    pub healthy_threshold: i64,
    pub unhealthy_threshold: i64,
    /// HTTP codes, or gRPC ones for a group that speaks it.
    pub matcher: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    pub arn: String,
    pub load_balancer: String,
    pub port: u16,
    pub protocol: api::ProtocolEnum,
    pub ssl_policy: Option<String>,
    /// ARNs, the default one first.
    pub certificates: Vec<String>,
    pub default_rule: String,
    pub default_actions: Vec<Stored<api::Action>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub arn: String,
    pub listener: String,
    pub priority: u32,
    pub conditions: Vec<Stored<api::RuleCondition>>,
    pub actions: Vec<Stored<api::Action>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub address: Ipv4Addr,
    pub port: u16,
    /// `None`: `all`, for an address outside the VPC.
    pub zone: Option<String>,
    /// Until when it drains, once it was deregistered.
    pub draining_until: Option<Timestamp>,
    /// What the nodes said of it last.
    pub observed: Option<Observed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub state: String,
    pub reason: Option<String>,
    pub description: Option<String>,
}
