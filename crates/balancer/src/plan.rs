//! A configuration made ready to serve: checked, parsed and cross-referenced once, so that
//! nothing can be wrong with it when a request comes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, StatusCode, Uri};
use world::balancer as wb;
use world::balancer::node::{Node, NodeConfig};

use crate::cookies::{Sealer, Tag, tag};
use crate::health::{Matcher, Thresholds};
use crate::pattern::Pattern;
use crate::redirect::Redirect;
use crate::rules::Condition;

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct Invalid {
    pub field: String,
    pub reason: String,
}

fn invalid<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid {
        field: field.into(),
        reason: reason.into(),
    })
}

/// A configuration, ready to serve.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub version: u64,
    pub node: Node,
    pub dns_name: String,
    /// The ARN's tail, `app/<name>/<id>`.
    pub log_name: String,
    pub attributes: wb::Attributes,
    pub sealer: Sealer,
    pub listeners: Vec<Listener>,
    pub groups: Vec<Group>,
}

#[derive(Debug)]
pub(crate) struct Listener {
    pub arn: String,
    /// As configured: 0 stands for any.
    pub port: u16,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// By ascending priority.
    pub rules: Vec<Rule>,
    pub default: Action,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub priority: u32,
    pub conditions: Vec<Condition>,
    pub action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    Forward(Forward),
    Redirect(Redirect),
    Fixed(Fixed),
}

#[derive(Debug)]
pub(crate) struct Forward {
    /// Indices into [`Compiled::groups`], with weights.
    pub groups: Vec<(usize, u32)>,
    pub stickiness: Option<Duration>,
    /// Stands for the set of groups in stickiness cookies.
    pub tag: Tag,
}

#[derive(Debug)]
pub(crate) struct Fixed {
    pub status: StatusCode,
    pub content_type: Option<HeaderValue>,
    pub body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub arn: String,
    pub tag: Tag,
    pub https: bool,
    /// Whether any listener sends here.
    pub used: bool,
    pub check: Check,
    pub attributes: wb::TargetGroupAttributes,
    pub targets: BTreeMap<SocketAddr, Target>,
}

#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub zone: Option<String>,
    pub draining: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub https: bool,
    pub port: Option<u16>,
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub thresholds: Thresholds,
    pub matcher: Matcher,
}

/// What the cores serve: a configuration and where its requests may go at the moment.
#[derive(Debug)]
pub(crate) struct Plan {
    pub compiled: Arc<Compiled>,
    /// One for each of [`Compiled::groups`].
    pub routes: Vec<Route>,
    /// Group and address of every target that may still have requests in flight, also of groups
    /// that are no longer configured; whoever is missing is cut off.
    pub kept: BTreeSet<(String, SocketAddr)>,
}

#[derive(Debug)]
pub(crate) struct Route {
    /// Too few targets are healthy, so requests go to all.
    pub fail_open: bool,
    pub targets: Vec<RouteTarget>,
}

#[derive(Debug)]
pub(crate) struct RouteTarget {
    pub address: SocketAddr,
    pub zone: Option<String>,
    /// Whether it may get new requests.
    pub eligible: bool,
    pub draining: bool,
    /// Since when it starts slowly.
    pub slow_start: Option<Instant>,
    /// Over all cores, for groups that send to the least busy.
    pub outstanding: Arc<AtomicUsize>,
}

impl Compiled {
    pub(crate) fn new(source: &NodeConfig) -> Result<Self, Invalid> {
        let config = &source.config;
        let mut index = BTreeMap::new();
        for (i, group) in config.target_groups.iter().enumerate() {
            if index.insert(group.arn.as_str(), i).is_some() {
                return invalid(format!("config.target_groups[{i}].arn"), "is there twice");
            }
        }
        attributes(&config.attributes)?;
        let mut used = BTreeSet::new();
        let mut listeners = Vec::new();
        let mut ports = BTreeSet::new();
        let mut arns = BTreeSet::new();
        for (i, listener) in config.listeners.iter().enumerate() {
            let at = format!("config.listeners[{i}]");
            if listener.port != 0 && !ports.insert(listener.port) {
                return invalid(format!("{at}.port"), "another listener has this port");
            }
            if !arns.insert(&listener.arn) {
                return invalid(format!("{at}.arn"), "another listener has this ARN");
            }
            listeners.push(compile_listener(
                listener,
                &at,
                &index,
                &mut used,
                &config.attributes,
            )?);
        }
        let mut groups = Vec::new();
        for (i, group) in config.target_groups.iter().enumerate() {
            let at = format!("config.target_groups[{i}]");
            groups.push(compile_group(group, &at, used.contains(&i))?);
        }
        Ok(Self {
            version: config.version,
            node: source.node.clone(),
            dns_name: config.dns_name.clone(),
            log_name: config
                .arn
                .split_once("loadbalancer/")
                .map_or(&config.arn[..], |(_, tail)| tail)
                .to_owned(),
            attributes: config.attributes.clone(),
            sealer: Sealer::new(config.cookie_secret.reveal()),
            listeners,
            groups,
        })
    }
}

fn attributes(attributes: &wb::Attributes) -> Result<(), Invalid> {
    for (name, value) in [
        ("idle_timeout_ms", attributes.idle_timeout_ms),
        ("client_keep_alive_ms", attributes.client_keep_alive_ms),
        ("connect_timeout_ms", attributes.connect_timeout_ms),
    ] {
        span(&format!("config.attributes.{name}"), value)?;
    }
    Ok(())
}

/// A time span must be positive, and short enough that adding it to a clock cannot overflow.
fn span(field: &str, milliseconds: u64) -> Result<Duration, Invalid> {
    const LONGEST: u64 = 10 * 366 * 24 * 3600 * 1000;
    if (1..=LONGEST).contains(&milliseconds) {
        Ok(Duration::from_millis(milliseconds))
    } else {
        invalid(field, "must be at least 1 ms and at most ten years")
    }
}

fn compile_listener(
    listener: &wb::Listener,
    at: &str,
    groups: &BTreeMap<&str, usize>,
    used: &mut BTreeSet<usize>,
    attributes: &wb::Attributes,
) -> Result<Listener, Invalid> {
    let tls = match listener.protocol {
        wb::Protocol::Http => None,
        wb::Protocol::Https => Some(crate::tls::server(listener, at, attributes.http2)?),
    };
    let default = compile_action(
        &listener.default_actions,
        &format!("{at}.default_actions"),
        groups,
        used,
    )?;
    let mut rules = Vec::new();
    let mut priorities = BTreeSet::new();
    for (i, rule) in listener.rules.iter().enumerate() {
        let at = format!("{at}.rules[{i}]");
        if !(1..=50_000).contains(&rule.priority) {
            return invalid(format!("{at}.priority"), "must be 1 to 50000");
        }
        if !priorities.insert(rule.priority) {
            return invalid(format!("{at}.priority"), "another rule has this priority");
        }
        if rule.conditions.is_empty() {
            return invalid(format!("{at}.conditions"), "must not be empty");
        }
        rules.push(Rule {
            priority: rule.priority,
            conditions: rule
                .conditions
                .iter()
                .enumerate()
                .map(|(i, condition)| {
                    compile_condition(condition, &format!("{at}.conditions[{i}]"))
                })
                .collect::<Result<_, _>>()?,
            action: compile_action(&rule.actions, &format!("{at}.actions"), groups, used)?,
        });
    }
    rules.sort_by_key(|rule| rule.priority);
    Ok(Listener {
        arn: listener.arn.clone(),
        port: listener.port,
        tls,
        rules,
        default,
    })
}

fn compile_condition(condition: &wb::Condition, at: &str) -> Result<Condition, Invalid> {
    let filled = |values: usize| {
        if values == 0 {
            invalid(at, "has no values")
        } else {
            Ok(())
        }
    };
    Ok(match condition {
        wb::Condition::HostHeader { values } => {
            filled(values.len())?;
            Condition::Host(values.iter().map(|v| Pattern::folded(v)).collect())
        }
        wb::Condition::PathPattern { values } => {
            filled(values.len())?;
            Condition::Path(values.iter().map(|v| Pattern::exact(v)).collect())
        }
        wb::Condition::HttpHeader { name, values } => {
            filled(values.len())?;
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                return invalid(format!("{at}.http_header.name"), "is not a header name");
            };
            Condition::Header(name, values.iter().map(|v| Pattern::folded(v)).collect())
        }
        wb::Condition::HttpRequestMethod { values } => {
            filled(values.len())?;
            Condition::Method(values.clone())
        }
        wb::Condition::QueryString { values } => {
            filled(values.len())?;
            Condition::Query(
                values
                    .iter()
                    .map(|v| {
                        (
                            v.key.as_deref().map(Pattern::folded),
                            Pattern::folded(&v.value),
                        )
                    })
                    .collect(),
            )
        }
        wb::Condition::SourceIp { values } => {
            filled(values.len())?;
            Condition::SourceIp(values.clone())
        }
    })
}

fn compile_action(
    actions: &[wb::Action],
    at: &str,
    groups: &BTreeMap<&str, usize>,
    used: &mut BTreeSet<usize>,
) -> Result<Action, Invalid> {
    let [action] = actions else {
        return invalid(at, "must hold exactly one action that answers");
    };
    let at = format!("{at}[0]");
    Ok(match action {
        wb::Action::Forward(forward) => {
            let at = format!("{at}.forward");
            if forward.target_groups.is_empty() {
                return invalid(format!("{at}.target_groups"), "must not be empty");
            }
            let mut weighted = Vec::new();
            for (i, group) in forward.target_groups.iter().enumerate() {
                let at = format!("{at}.target_groups[{i}]");
                let Some(index) = groups.get(group.target_group.as_str()) else {
                    return invalid(
                        format!("{at}.target_group"),
                        "is not one of config.target_groups",
                    );
                };
                if group.weight > 999 {
                    return invalid(format!("{at}.weight"), "must be 0 to 999");
                }
                used.insert(*index);
                weighted.push((*index, group.weight));
            }
            let mut arns: Vec<&str> = forward
                .target_groups
                .iter()
                .map(|g| g.target_group.as_str())
                .collect();
            arns.sort_unstable();
            Action::Forward(Forward {
                groups: weighted,
                stickiness: forward
                    .stickiness_ms
                    .map(|ms| span(&format!("{at}.stickiness_ms"), ms))
                    .transpose()?,
                tag: tag(&arns.join(" ")),
            })
        }
        wb::Action::Redirect(redirect) => {
            let status = match redirect.status_code {
                301 => StatusCode::MOVED_PERMANENTLY,
                302 => StatusCode::FOUND,
                _ => return invalid(format!("{at}.redirect.status_code"), "must be 301 or 302"),
            };
            Action::Redirect(Redirect {
                status,
                protocol: redirect.protocol.clone(),
                host: redirect.host.clone(),
                port: redirect.port.clone(),
                path: redirect.path.clone(),
                query: redirect.query.clone(),
            })
        }
        wb::Action::FixedResponse(fixed) => {
            let at = format!("{at}.fixed_response");
            let status = StatusCode::from_u16(fixed.status_code)
                .ok()
                .filter(|s| s.is_success() || s.is_client_error() || s.is_server_error());
            let Some(status) = status else {
                return invalid(format!("{at}.status_code"), "must be 2XX, 4XX or 5XX");
            };
            let content_type = match &fixed.content_type {
                None => None,
                Some(text) => match HeaderValue::from_str(text) {
                    Ok(value) => Some(value),
                    Err(_) => {
                        return invalid(format!("{at}.content_type"), "is not a header value");
                    }
                },
            };
            Action::Fixed(Fixed {
                status,
                content_type,
                body: Bytes::from(fixed.message_body.clone()),
            })
        }
    })
}

fn compile_group(group: &wb::TargetGroup, at: &str, used: bool) -> Result<Group, Invalid> {
    if group.protocol_version != wb::ProtocolVersion::Http1 {
        return invalid(
            format!("{at}.protocol_version"),
            "only HTTP1 is built: HTTP2 and GRPC to targets are not",
        );
    }
    let check = &group.health_check;
    let at_check = format!("{at}.health_check");
    let Some(matcher) = Matcher::parse(&check.matcher) else {
        return invalid(
            format!("{at_check}.matcher"),
            "must be codes and ranges of codes, such as 200,300-399",
        );
    };
    let path_fine = check.path.starts_with('/') && check.path.parse::<Uri>().is_ok();
    if !path_fine {
        return invalid(
            format!("{at_check}.path"),
            "must be a path, such as /health",
        );
    }
    for (name, threshold) in [
        ("healthy_threshold", check.healthy_threshold),
        ("unhealthy_threshold", check.unhealthy_threshold),
    ] {
        if threshold == 0 {
            return invalid(format!("{at_check}.{name}"), "must be at least 1");
        }
    }
    let attributes = &group.attributes;
    let at_attributes = format!("{at}.attributes");
    if attributes.deregistration_delay_ms > 0 {
        span(
            &format!("{at_attributes}.deregistration_delay_ms"),
            attributes.deregistration_delay_ms,
        )?;
    }
    match &attributes.stickiness {
        None => {}
        Some(wb::Stickiness::LbCookie { duration_ms }) => {
            span(
                &format!("{at_attributes}.stickiness.lb_cookie.duration_ms"),
                *duration_ms,
            )?;
        }
        Some(wb::Stickiness::AppCookie {
            cookie_name,
            duration_ms,
        }) => {
            let at = format!("{at_attributes}.stickiness.app_cookie");
            span(&format!("{at}.duration_ms"), *duration_ms)?;
            if cookie_name.is_empty() {
                return invalid(format!("{at}.cookie_name"), "must not be empty");
            }
        }
    }
    let mut targets = BTreeMap::new();
    for (i, target) in group.targets.iter().enumerate() {
        if target.port == 0 {
            return invalid(format!("{at}.targets[{i}].port"), "must be 1 to 65535");
        }
        let entry = Target {
            zone: target.availability_zone.clone(),
            draining: target.draining,
        };
        if targets
            .insert(SocketAddr::new(target.address, target.port), entry)
            .is_some()
        {
            return invalid(format!("{at}.targets[{i}]"), "is there twice");
        }
    }
    Ok(Group {
        arn: group.arn.clone(),
        tag: tag(&group.arn),
        https: group.protocol == wb::Protocol::Https,
        used,
        check: Check {
            https: check.protocol == wb::Protocol::Https,
            port: check.port,
            path: check.path.clone(),
            interval: span(&format!("{at_check}.interval_ms"), check.interval_ms)?,
            timeout: span(&format!("{at_check}.timeout_ms"), check.timeout_ms)?,
            thresholds: Thresholds {
                healthy: check.healthy_threshold,
                unhealthy: check.unhealthy_threshold,
            },
            matcher,
        },
        attributes: attributes.clone(),
        targets,
    })
}

impl Listener {
    /// The action for a request, the priority of its rule (0 for the default), and how many
    /// rules were looked at.
    pub(crate) fn decide(&self, subject: &crate::rules::Subject<'_>) -> (&Action, u32, u64) {
        let mut evaluated = 0;
        for rule in &self.rules {
            evaluated += 1;
            if rule
                .conditions
                .iter()
                .all(|condition| condition.holds(subject))
            {
                return (&rule.action, rule.priority, evaluated);
            }
        }
        (&self.default, 0, evaluated)
    }
}
