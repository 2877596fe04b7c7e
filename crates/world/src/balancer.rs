//! Load balancers as they should be, and the configuration their nodes take.
//!
//! Names and values are those of the Elastic Load Balancing API. Time spans are milliseconds, so
//! that a world may run them faster than AWS does.

pub mod node;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::database::Secret;
use crate::id::{BalancerId, InterfaceId, VpcId};

/// A load balancer: one node, a process of its own, behind each of its interfaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Balancer {
    pub id: BalancerId,
    pub vpc: VpcId,
    /// By interface, the zone it serves.
    pub nodes: BTreeMap<InterfaceId, String>,
    /// Whether it faces the internet, and so is published to the machine's user.
    pub internet_facing: bool,
    /// The load balancer's name, for the host name under `.localhost`.
    pub name: String,
    /// What every node serves.
    pub config: Config,
    /// Ports its listeners listen on, with the host port its user would like best.
    pub publish: BTreeMap<u16, u16>,
}

/// Everything a node needs to serve, the same for all nodes of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Chosen by the sender, told again in every status; the newest accepted one is served.
    pub version: u64,
    pub name: String,
    /// The load balancer's ARN.
    pub arn: String,
    pub dns_name: String,
    /// Seals stickiness cookies; all nodes share it so that any may open them. Any text that
    /// nobody can guess, stable over the load balancer's life.
    pub cookie_secret: Secret,
    #[serde(default)]
    pub attributes: Attributes,
    pub listeners: Vec<Listener>,
    pub target_groups: Vec<TargetGroup>,
}

/// `LoadBalancerAttribute`s that the nodes act on. The default is AWS's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attributes {
    pub idle_timeout_ms: u64,
    pub client_keep_alive_ms: u64,
    /// How long a connection to a target may take to be made; AWS has no setting for it.
    pub connect_timeout_ms: u64,
    pub preserve_host_header: bool,
    pub xff_header_processing_mode: XffMode,
    pub xff_client_port: bool,
    pub drop_invalid_header_fields: bool,
    pub desync_mitigation_mode: DesyncMode,
    pub http2: bool,
    /// Adds `x-amzn-tls-version` and `x-amzn-tls-cipher-suite`.
    pub tls_version_and_cipher_suite: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            idle_timeout_ms: 60_000,
            client_keep_alive_ms: 3_600_000,
            connect_timeout_ms: 10_000,
            preserve_host_header: false,
            xff_header_processing_mode: XffMode::Append,
            xff_client_port: false,
            drop_invalid_header_fields: false,
            desync_mitigation_mode: DesyncMode::Defensive,
            http2: true,
            tls_version_and_cipher_suite: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XffMode {
    Append,
    Preserve,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesyncMode {
    Monitor,
    Defensive,
    Strictest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    pub arn: String,
    /// Port 0 takes any free one and is for tests; the status says which.
    pub port: u16,
    pub protocol: Protocol,
    /// HTTPS only: the default certificate first.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// HTTPS only.
    #[serde(default)]
    pub ssl_policy: Option<String>,
    pub default_actions: Vec<Action>,
    /// Without the default one, in any order.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub arn: String,
    /// PEM, the leaf first.
    pub chain: String,
    /// PEM, PKCS #8, PKCS #1 or SEC 1.
    pub private_key: Secret,
    /// The names it is offered for, such as `www.example.com` and `*.example.com`.
    pub names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub arn: String,
    /// 1 to 50000; the lowest that matches wins.
    pub priority: u32,
    pub conditions: Vec<Condition>,
    pub actions: Vec<Action>,
}

/// All conditions of a rule must hold; of one condition's values, any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    HostHeader { values: Vec<String> },
    PathPattern { values: Vec<String> },
    HttpHeader { name: String, values: Vec<String> },
    HttpRequestMethod { values: Vec<String> },
    QueryString { values: Vec<QueryPattern> },
    SourceIp { values: Vec<IpNet> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryPattern {
    #[serde(default)]
    pub key: Option<String>,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Forward(Forward),
    Redirect(Redirect),
    FixedResponse(FixedResponse),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    pub target_groups: Vec<WeightedGroup>,
    /// Target group stickiness: for how long, when it is on.
    #[serde(default)]
    pub stickiness_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedGroup {
    /// ARN of one of [`Config::target_groups`].
    pub target_group: String,
    /// 0 to 999.
    pub weight: u32,
}

/// Each part may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redirect {
    pub protocol: String,
    pub host: String,
    pub port: String,
    pub path: String,
    pub query: String,
    /// 301 or 302.
    pub status_code: u16,
}

impl Default for Redirect {
    fn default() -> Self {
        Self {
            protocol: "#{protocol}".into(),
            host: "#{host}".into(),
            port: "#{port}".into(),
            path: "/#{path}".into(),
            query: "#{query}".into(),
            status_code: 301,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedResponse {
    pub status_code: u16,
    #[serde(default)]
    pub content_type: Option<String>,
    #[serde(default)]
    pub message_body: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    pub arn: String,
    pub protocol: Protocol,
    #[serde(default)]
    pub protocol_version: ProtocolVersion,
    #[serde(default)]
    pub health_check: HealthCheck,
    #[serde(default)]
    pub attributes: TargetGroupAttributes,
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProtocolVersion {
    #[default]
    #[serde(rename = "HTTP1")]
    Http1,
    #[serde(rename = "HTTP2")]
    Http2,
    #[serde(rename = "GRPC")]
    Grpc,
}

/// The default is AWS's for HTTP targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    pub protocol: Protocol,
    /// `None`: the port of the target.
    pub port: Option<u16>,
    pub path: String,
    pub interval_ms: u64,
    pub timeout_ms: u64,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    /// Codes and ranges that count as healthy, such as `200,202` or `200-299`.
    pub matcher: String,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            protocol: Protocol::Http,
            port: None,
            path: "/".into(),
            interval_ms: 30_000,
            timeout_ms: 5_000,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        }
    }
}

/// `TargetGroupAttribute`s that the nodes act on. The default is AWS's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetGroupAttributes {
    pub deregistration_delay_ms: u64,
    /// 0 is off.
    pub slow_start_ms: u64,
    pub algorithm: Algorithm,
    pub stickiness: Option<Stickiness>,
    /// Below so many healthy targets, requests go to all of them.
    pub unhealthy_state_routing_minimum_count: u32,
    /// Below so many percent healthy targets, requests go to all of them; `None` is off.
    pub unhealthy_state_routing_minimum_percentage: Option<u32>,
    /// `false`: a node sends only to targets in its own zone.
    pub cross_zone: bool,
}

impl Default for TargetGroupAttributes {
    fn default() -> Self {
        Self {
            deregistration_delay_ms: 300_000,
            slow_start_ms: 0,
            algorithm: Algorithm::RoundRobin,
            stickiness: None,
            unhealthy_state_routing_minimum_count: 1,
            unhealthy_state_routing_minimum_percentage: None,
            cross_zone: true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    RoundRobin,
    LeastOutstandingRequests,
    WeightedRandom,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stickiness {
    LbCookie {
        duration_ms: u64,
    },
    AppCookie {
        cookie_name: String,
        duration_ms: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub address: IpAddr,
    pub port: u16,
    /// The zone it is in; `None` for `all`.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// Being deregistered: it gets no new request, and what is in flight goes on for as long as
    /// it stays listed. A target that leaves the list without having been listed so drains by
    /// the node's own clock, for the group's deregistration delay.
    #[serde(default)]
    pub draining: bool,
}
