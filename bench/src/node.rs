//! A load balancer's node with one listener and one target.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use world::balancer::node::{Node, NodeConfig, PROTOCOL, Request, ToNode};
use world::balancer::{
    Action, Attributes, Config, Forward, HealthCheck, Listener, Protocol, ProtocolVersion, Target,
    TargetGroup, TargetGroupAttributes, WeightedGroup,
};
use world::database::Secret;

const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/bench/0123456789abcdef";

pub(crate) fn forwarding(listen: u16, target: SocketAddr) -> ToNode {
    let zone = "eu-central-1a";
    let arn = |kind: &str| {
        format!(
            "arn:aws:elasticloadbalancing:eu-central-1:000000000000:{kind}/app/bench/0123456789abcdef"
        )
    };
    ToNode {
        protocol: PROTOCOL,
        id: 1,
        request: Request::Configure(Box::new(NodeConfig {
            node: Node {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                availability_zone: zone.to_owned(),
            },
            config: Config {
                version: 1,
                name: "bench".to_owned(),
                arn: arn("loadbalancer"),
                dns_name: "bench.localhost".to_owned(),
                cookie_secret: Secret::new("not used"),
                attributes: Attributes::default(),
                listeners: vec![Listener {
                    arn: arn("listener"),
                    port: listen,
                    protocol: Protocol::Http,
                    certificates: Vec::new(),
                    ssl_policy: None,
                    default_actions: vec![Action::Forward(Forward {
                        target_groups: vec![WeightedGroup {
                            target_group: GROUP.to_owned(),
                            weight: 1,
                        }],
                        stickiness_ms: None,
                    })],
                    rules: Vec::new(),
                }],
                target_groups: vec![TargetGroup {
                    arn: GROUP.to_owned(),
                    protocol: Protocol::Http,
                    protocol_version: ProtocolVersion::Http1,
                    health_check: HealthCheck {
                        interval_ms: 1_000,
                        timeout_ms: 500,
                        healthy_threshold: 2,
                        unhealthy_threshold: 2,
                        ..HealthCheck::default()
                    },
                    attributes: TargetGroupAttributes::default(),
                    targets: vec![Target {
                        address: target.ip(),
                        port: target.port(),
                        availability_zone: Some(zone.to_owned()),
                        draining: false,
                    }],
                }],
            },
        })),
    }
}
