//! What the world should make of the rows: each load balancer with what its nodes serve.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use wire::Stored;
use wire::elbv2 as api;
use world::World;
use world::balancer::{self as node, Balancer, Config};
use world::database::Secret;

use super::state::{Listener, LoadBalancer, Rule, TargetGroup};
use super::{action, attribute, certificate, load_balancer, rule, target_group};
use crate::Region;

pub(super) fn desire(region: &Region, world: &mut World) {
    for row in region.elbv2.load_balancers.values() {
        let addresses = load_balancer::addresses(region, row);
        world.internet.names.insert(row.dns_name.clone(), addresses);
        let public = row.scheme == api::LoadBalancerSchemeEnum::InternetFacing;
        let listeners = || listeners(region, row).into_iter();
        let publish = listeners().map(|listener| (listener.port, host_port(listener.port)));
        let balancer = Balancer {
            id: row.id.clone(),
            vpc: row.vpc.clone().into(),
            nodes: row
                .nodes
                .iter()
                .map(|node| (node.interface.clone(), node.zone.clone()))
                .collect(),
            internet_facing: public,
            name: row.name.clone(),
            config: config(region, row),
            publish: publish.filter(|_| public).collect(),
        };
        world.balancers.insert(row.id.clone(), balancer);
    }
}

/// The host port a listener is published at when it is free: one that an ordinary user may take.
fn host_port(port: u16) -> u16 {
    match port {
        80 => 8080,
        443 => 8443,
        1..1024 => port + 8000,
        other => other,
    }
}

/// A load balancer's listeners by port.
pub(super) fn listeners<'a>(region: &'a Region, row: &LoadBalancer) -> Vec<&'a Listener> {
    let all = region.elbv2.listeners.values();
    let mut own: Vec<&Listener> = all.filter(|one| one.load_balancer == row.arn).collect();
    own.sort_by_key(|listener| listener.port);
    own
}

/// The ARNs of the target groups that a load balancer sends to.
pub(super) fn groups<'a>(region: &'a Region, row: &LoadBalancer) -> BTreeSet<&'a str> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for listener in listeners(region, row) {
        used.extend(action::target_groups(&listener.default_actions));
        for rule in rule::of(region, &listener.arn) {
            used.extend(action::target_groups(&rule.actions));
        }
    }
    used
}

fn config(region: &Region, row: &LoadBalancer) -> Config {
    let own = listeners(region, row);
    let groups = groups(region, row)
        .into_iter()
        .filter_map(|arn| target_group::get(region, arn).ok());
    let mut config = Config {
        version: 0,
        name: row.name.clone(),
        arn: row.arn.clone(),
        dns_name: row.dns_name.clone(),
        cookie_secret: Secret::new(row.cookie_secret.clone()),
        attributes: attributes(&row.attributes),
        listeners: own
            .iter()
            .map(|listener| listener_of(region, listener))
            .collect(),
        target_groups: groups.map(|group| group_of(region, group)).collect(),
    };
    config.version = version(&config);
    config
}

/// A number that follows from the content, so that another content has another number. It fits
/// in what JSON's readers take for a number.
fn version(config: &Config) -> u64 {
    let text = serde_json::to_vec(config).unwrap_or_default();
    let digest = Sha256::digest(&text);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first) >> 11
}

fn attributes(set: &BTreeMap<String, String>) -> node::Attributes {
    let known = attribute::LOAD_BALANCER;
    let on = |key| attribute::value(known, set, key) == "true";
    let milliseconds = |key| attribute::number(known, set, key) * 1000;
    node::Attributes {
        idle_timeout_ms: milliseconds("idle_timeout.timeout_seconds"),
        client_keep_alive_ms: milliseconds("client_keep_alive.seconds"),
        preserve_host_header: on("routing.http.preserve_host_header.enabled"),
        xff_header_processing_mode: match attribute::value(
            known,
            set,
            "routing.http.xff_header_processing.mode",
        ) {
            "preserve" => node::XffMode::Preserve,
            "remove" => node::XffMode::Remove,
            _ => node::XffMode::Append,
        },
        xff_client_port: on("routing.http.xff_client_port.enabled"),
        drop_invalid_header_fields: on("routing.http.drop_invalid_header_fields.enabled"),
        desync_mitigation_mode: match attribute::value(
            known,
            set,
            "routing.http.desync_mitigation_mode",
        ) {
            "monitor" => node::DesyncMode::Monitor,
            "strictest" => node::DesyncMode::Strictest,
            _ => node::DesyncMode::Defensive,
        },
        http2: on("routing.http2.enabled"),
        tls_version_and_cipher_suite: on(
            "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        ),
        ..Default::default()
    }
}

fn protocol(protocol: api::ProtocolEnum) -> node::Protocol {
    match protocol {
        api::ProtocolEnum::Https => node::Protocol::Https,
        _ => node::Protocol::Http,
    }
}

fn listener_of(region: &Region, row: &Listener) -> node::Listener {
    let rules = rule::of(region, &row.arn);
    node::Listener {
        arn: row.arn.clone(),
        port: row.port,
        protocol: protocol(row.protocol),
        certificates: certificate::served(region, row),
        ssl_policy: row.ssl_policy.clone(),
        default_actions: actions(&row.default_actions),
        rules: rules.into_iter().map(rule_of).collect(),
    }
}

fn rule_of(row: &Rule) -> node::Rule {
    node::Rule {
        arn: row.arn.clone(),
        priority: row.priority,
        conditions: row
            .conditions
            .iter()
            .filter_map(|one| condition(&one.0))
            .collect(),
        actions: actions(&row.actions),
    }
}

fn condition(row: &api::RuleCondition) -> Option<node::Condition> {
    if let Some(config) = &row.host_header_config {
        let values = config.values.clone()?;
        return Some(node::Condition::HostHeader { values });
    }
    if let Some(config) = &row.path_pattern_config {
        let values = config.values.clone()?;
        return Some(node::Condition::PathPattern { values });
    }
    if let Some(config) = &row.http_header_config {
        return Some(node::Condition::HttpHeader {
            name: config.http_header_name.clone()?,
            values: config.values.clone()?,
        });
    }
    if let Some(config) = &row.http_request_method_config {
        let values = config.values.clone()?;
        return Some(node::Condition::HttpRequestMethod { values });
    }
    if let Some(config) = &row.query_string_config {
        let pairs = config.values.iter().flatten();
        let values = pairs.map(|pair| node::QueryPattern {
            key: pair.key.clone(),
            value: pair.value.clone().unwrap_or_default(),
        });
        return Some(node::Condition::QueryString {
            values: values.collect(),
        });
    }
    let config = row.source_ip_config.as_ref()?;
    let texts = config.values.iter().flatten();
    let values = texts.filter_map(|text| text.parse().ok()).collect();
    Some(node::Condition::SourceIp { values })
}

fn actions(rows: &[Stored<api::Action>]) -> Vec<node::Action> {
    rows.iter().filter_map(|row| one_action(&row.0)).collect()
}

fn one_action(row: &api::Action) -> Option<node::Action> {
    if let Some(config) = &row.forward_config {
        let groups = config.target_groups.iter().flatten();
        let groups = groups.filter_map(|group| {
            Some(node::WeightedGroup {
                target_group: group.target_group_arn.clone()?,
                weight: u32::try_from(group.weight.unwrap_or(1)).ok()?,
            })
        });
        let stickiness = config
            .target_group_stickiness_config
            .as_ref()
            .filter(|one| one.enabled == Some(true));
        let seconds = stickiness.and_then(|one| u64::try_from(one.duration_seconds?).ok());
        return Some(node::Action::Forward(node::Forward {
            target_groups: groups.collect(),
            stickiness_ms: seconds.map(|seconds| seconds * 1000),
        }));
    }
    if let Some(config) = &row.redirect_config {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        return Some(node::Action::Redirect(node::Redirect {
            protocol: text(&config.protocol),
            host: text(&config.host),
            port: text(&config.port),
            path: text(&config.path),
            query: text(&config.query),
            status_code: match config.status_code {
                api::RedirectActionStatusCodeEnum::Http301 => 301,
                api::RedirectActionStatusCodeEnum::Http302 => 302,
            },
        }));
    }
    let config = row.fixed_response_config.as_ref()?;
    Some(node::Action::FixedResponse(node::FixedResponse {
        status_code: config.status_code.parse().ok()?,
        content_type: config.content_type.clone(),
        message_body: config.message_body.clone().unwrap_or_default(),
    }))
}

fn group_of(region: &Region, row: &TargetGroup) -> node::TargetGroup {
    let check = &row.health_check;
    let milliseconds = |seconds: i64| u64::try_from(seconds).unwrap_or(0) * 1000;
    let count = |value: i64| u32::try_from(value).unwrap_or(1);
    let all = region.elbv2.targets.iter();
    let own = all.filter(|((group, _), _)| *group == row.arn);
    let targets = own.map(|(_, target)| node::Target {
        address: IpAddr::V4(target.address),
        port: target.port,
        availability_zone: target.zone.clone(),
        draining: target.draining_until.is_some(),
    });
    node::TargetGroup {
        arn: row.arn.clone(),
        protocol: protocol(row.protocol),
        protocol_version: match row.protocol_version.as_str() {
            "HTTP2" => node::ProtocolVersion::Http2,
            "GRPC" => node::ProtocolVersion::Grpc,
            _ => node::ProtocolVersion::Http1,
        },
        health_check: node::HealthCheck {
            protocol: protocol(check.protocol),
            port: check.port.parse().ok(),
            path: check.path.clone(),
            interval_ms: milliseconds(check.interval),
            timeout_ms: milliseconds(check.timeout),
            healthy_threshold: count(check.healthy_threshold),
            unhealthy_threshold: count(check.unhealthy_threshold),
            matcher: check.matcher.clone(),
        },
        attributes: group_attributes(&row.attributes),
        targets: targets.collect(),
    }
}

fn group_attributes(set: &BTreeMap<String, String>) -> node::TargetGroupAttributes {
    let known = attribute::TARGET_GROUP;
    let value = |key| attribute::value(known, set, key);
    let milliseconds = |key| attribute::number(known, set, key) * 1000;
    let stickiness = match value("stickiness.type") {
        _ if value("stickiness.enabled") != "true" => None,
        "app_cookie" => Some(node::Stickiness::AppCookie {
            cookie_name: value("stickiness.app_cookie.cookie_name").to_owned(),
            duration_ms: milliseconds("stickiness.app_cookie.duration_seconds"),
        }),
        _ => Some(node::Stickiness::LbCookie {
            duration_ms: milliseconds("stickiness.lb_cookie.duration_seconds"),
        }),
    };
    let least = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
    node::TargetGroupAttributes {
        deregistration_delay_ms: milliseconds("deregistration_delay.timeout_seconds"),
        slow_start_ms: milliseconds("slow_start.duration_seconds"),
        algorithm: match value("load_balancing.algorithm.type") {
            "least_outstanding_requests" => node::Algorithm::LeastOutstandingRequests,
            "weighted_random" => node::Algorithm::WeightedRandom,
            _ => node::Algorithm::RoundRobin,
        },
        stickiness,
        unhealthy_state_routing_minimum_count: value(&format!("{least}.count"))
            .parse()
            .unwrap_or(1),
        unhealthy_state_routing_minimum_percentage: value(&format!("{least}.percentage"))
            .parse()
            .ok(),
        cross_zone: value("load_balancing.cross_zone.enabled") != "false",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_sets_is_what_the_nodes_take_for_it() {
        assert_eq!(attributes(&BTreeMap::new()), node::Attributes::default());
        assert_eq!(
            group_attributes(&BTreeMap::new()),
            node::TargetGroupAttributes::default()
        );
    }

    #[test]
    fn host_ports() {
        for (port, host) in [
            (80, 8080),
            (443, 8443),
            (81, 8081),
            (1023, 9023),
            (8080, 8080),
        ] {
            assert_eq!(host_port(port), host);
        }
    }
}
