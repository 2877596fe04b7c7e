//! Targets and how they are.
//!
//! ```text
//! (registered) ─▶ initial ─▶ healthy ⇄ unhealthy        as the nodes say
//!       │            └── unused while no load balancer uses the group
//!       └─▶ draining ─▶ (gone)                           after the deregistration delay
//! ```

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use wire::{Error, elbv2 as api};
use world::event::TargetStatus;

use super::state::{Observed, Target, TargetGroup};
use super::{attribute, error, load_balancer, target_group};
use crate::services::ec2;
use crate::{Context, Region};

/// Targets of a load balancer.
const MOST: usize = 1000;

/// How a target is, as `DescribeTargetHealth` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `initial`, `healthy`, `unhealthy`, `draining` or `unused`.
    pub state: String,
    pub reason: Option<String>,
    pub description: Option<String>,
}

impl Health {
    fn new(state: &str, reason: &str, description: &str) -> Self {
        Self {
            state: state.to_owned(),
            reason: Some(reason.to_owned()),
            description: Some(description.to_owned()),
        }
    }
}

fn key(group: &str, address: Ipv4Addr, port: u16) -> (String, String) {
    (group.to_owned(), format!("{address}:{port}"))
}

/// Registers an address. One that drains is taken back.
///
/// # Errors
/// If there is no such group, or it is full.
pub fn register(
    region: &mut Region,
    _: &Context,
    group: &str,
    address: Ipv4Addr,
    port: u16,
    zone: &str,
) -> Result<(), Error> {
    target_group::get(region, group)?;
    put(region, group, address, port, Some(zone.to_owned()))
}

fn put(
    region: &mut Region,
    group: &str,
    address: Ipv4Addr,
    port: u16,
    zone: Option<String>,
) -> Result<(), Error> {
    let key = key(group, address, port);
    if let Some(row) = region.elbv2.targets.get(&key) {
        if row.draining_until.is_some()
            && let Some(row) = region.elbv2.targets.get_mut(&key)
        {
            row.draining_until = None;
            row.observed = None;
        }
        return Ok(());
    }
    let count = region
        .elbv2
        .targets
        .keys()
        .filter(|(of, _)| of == group)
        .count();
    if count >= MOST {
        return Err(error::refused(
            "TooManyTargets",
            "The maximum number of targets has been reached",
        ));
    }
    let row = Target {
        address,
        port,
        zone,
        draining_until: None,
        observed: None,
    };
    region.elbv2.targets.insert(key, row);
    Ok(())
}

/// Takes an address out: it drains for the group's delay if anything is sent to it, and is gone
/// at once otherwise. One that is not registered is out already.
///
/// # Errors
/// If there is no such group.
pub fn deregister(
    region: &mut Region,
    context: &Context,
    group: &str,
    address: Ipv4Addr,
    port: u16,
) -> Result<(), Error> {
    let row = target_group::get(region, group)?;
    let delay = attribute::number(
        attribute::TARGET_GROUP,
        &row.attributes,
        "deregistration_delay.timeout_seconds",
    );
    let delay = SignedDuration::from_secs(i64::try_from(delay).unwrap_or(i64::MAX));
    let until = context.now.checked_add(delay).unwrap_or(Timestamp::MAX);
    let used = target_group::has_load_balancer(region, group) && !delay.is_zero();
    let key = key(group, address, port);
    match region.elbv2.targets.get(&key) {
        None => {}
        Some(row) if row.draining_until.is_some() => {}
        Some(_) if used => {
            if let Some(row) = region.elbv2.targets.get_mut(&key) {
                row.draining_until = Some(until);
            }
        }
        Some(_) => {
            region.elbv2.targets.remove(&key);
        }
    }
    Ok(())
}

/// How a registered target is; `None` if it is not registered.
pub fn health(region: &Region, group: &str, address: Ipv4Addr, port: u16) -> Option<Health> {
    let row = region.elbv2.targets.get(&key(group, address, port))?;
    let group = target_group::get(region, group).ok()?;
    Some(of(region, group, row))
}

/// Whether a group has a healthy target; one without targets has none.
pub(super) fn any_healthy(region: &Region, group: &str) -> bool {
    let Ok(row) = target_group::get(region, group) else {
        return false;
    };
    let mut own = region
        .elbv2
        .targets
        .iter()
        .filter(|((of, _), _)| of == group);
    own.any(|(_, target)| of(region, row, target).state == "healthy")
}

fn of(region: &Region, group: &TargetGroup, row: &Target) -> Health {
    if row.draining_until.is_some() {
        return Health::new(
            "draining",
            "Target.DeregistrationInProgress",
            "Target deregistration is in progress",
        );
    }
    let balancer = target_group::load_balancer_of(region, &group.arn)
        .and_then(|arn| load_balancer::get(region, &arn).ok());
    let Some(balancer) = balancer else {
        return Health::new(
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        );
    };
    let served = |zone: &String| balancer.nodes.iter().any(|node| node.zone == *zone);
    if !row.zone.as_ref().is_none_or(served) {
        return Health::new(
            "unused",
            "Target.NotInUse",
            "Target is in an Availability Zone that is not enabled for the load balancer",
        );
    }
    match &row.observed {
        Some(observed) => Health {
            state: observed.state.clone(),
            reason: observed.reason.clone(),
            description: observed.description.clone(),
        },
        None => Health::new(
            "initial",
            "Elb.RegistrationInProgress",
            "Target registration is in progress",
        ),
    }
}

/// Takes note of what the nodes of a load balancer say.
pub(super) fn observe(region: &mut Region, balancer: &str, targets: &[TargetStatus]) {
    for status in targets {
        let user = target_group::load_balancer_of(region, &status.target_group);
        let key = key(&status.target_group, status.address, status.port);
        let Some(row) = region.elbv2.targets.get(&key) else {
            continue;
        };
        // What is known of a target that was taken out no longer matters.
        if user.as_deref() != Some(balancer) || row.draining_until.is_some() {
            continue;
        }
        let observed = Some(Observed {
            state: status.state.clone(),
            reason: status.reason.clone(),
            description: status.description.clone(),
        });
        let known = matches!(status.state.as_str(), "initial" | "healthy" | "unhealthy");
        if known
            && row.observed != observed
            && let Some(row) = region.elbv2.targets.get_mut(&key)
        {
            row.observed = observed;
        }
    }
}

/// A target whose first health checks are under way.
pub(super) fn awaits(region: &Region) -> Option<String> {
    region.elbv2.targets.iter().find_map(|((group, _), row)| {
        let group = target_group::get(region, group).ok()?;
        (of(region, group, row).state == "initial").then(|| {
            format!(
                "target {}:{} of {} is checked",
                row.address, row.port, group.name
            )
        })
    })
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    let rows = region.elbv2.targets.values();
    rows.filter_map(|row| row.draining_until).min()
}

/// Drops the targets that have drained, and forgets what was seen of those nobody looks at.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let over = |row: &Target| row.draining_until.is_some_and(|until| until <= context.now);
    region.elbv2.targets.retain(|_, row| !over(row));
    let unseen: Vec<(String, String)> = region
        .elbv2
        .targets
        .iter()
        .filter(|((group, _), row)| {
            row.observed.is_some() && !target_group::has_load_balancer(region, group)
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in unseen {
        if let Some(row) = region.elbv2.targets.get_mut(&key) {
            row.observed = None;
        }
    }
}

fn checked_port(group: &TargetGroup, port: Option<i64>) -> Result<u16, Error> {
    let Some(port) = port else {
        return Ok(group.port);
    };
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| error::validation(format!("Target port '{port}' is not from 1 to 65535")))
}

/// A request's target: its address, its port and its zone.
fn checked(
    region: &Region,
    group: &TargetGroup,
    asked: &api::TargetDescription,
) -> Result<(Ipv4Addr, u16, Option<String>), Error> {
    let invalid = |text: String| error::refused("InvalidTarget", text);
    let port = checked_port(group, asked.port)?;
    if group.target_type != "ip" {
        return Err(invalid(format!(
            "The following targets are not in a running state and cannot be registered: '{}'",
            asked.id
        )));
    }
    let address: Ipv4Addr = asked.id.parse().map_err(|_| {
        error::validation(format!(
            "The IP address '{}' is not a valid IPv4 address",
            asked.id
        ))
    })?;
    let vpc = ec2::vpc::get(region, &group.vpc)?;
    if vpc.contains(&Ipv4Net::from(address)) {
        let subnets = region.ec2.subnets.values();
        let mut own = subnets.filter(|row| row.vpc == vpc.id && row.cidr.contains(&address));
        let zone = own.next().map(|row| row.zone.clone());
        let all = asked.availability_zone.as_deref() == Some("all");
        return Ok((address, port, zone.filter(|_| !all)));
    }
    let outside = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ];
    let private = outside
        .iter()
        .filter_map(|text| text.parse::<Ipv4Net>().ok())
        .any(|range| range.contains(&address));
    if !private || asked.availability_zone.as_deref() != Some("all") {
        return Err(invalid(format!(
            "The IP address '{address}' must be within the ranges of the VPC '{}', or a private address outside it with the Availability Zone 'all'",
            group.vpc
        )));
    }
    Ok((address, port, None))
}

pub(super) fn register_targets(
    region: &mut Region,
    _: &Context,
    input: api::RegisterTargetsInput,
) -> Result<api::RegisterTargetsOutput, Error> {
    let group = target_group::get(region, &input.target_group_arn)?.clone();
    for asked in &input.targets {
        let (address, port, zone) = checked(region, &group, asked)?;
        put(region, &group.arn, address, port, zone)?;
    }
    Ok(api::RegisterTargetsOutput {})
}

pub(super) fn deregister_targets(
    region: &mut Region,
    context: &Context,
    input: api::DeregisterTargetsInput,
) -> Result<api::DeregisterTargetsOutput, Error> {
    let group = target_group::get(region, &input.target_group_arn)?.clone();
    for asked in &input.targets {
        let Ok(address) = asked.id.parse::<Ipv4Addr>() else {
            continue;
        };
        // Without a port, every registration of the address goes.
        let ports: Vec<u16> = match asked.port {
            Some(_) => vec![checked_port(&group, asked.port)?],
            None => region
                .elbv2
                .targets
                .iter()
                .filter(|((of, _), row)| *of == group.arn && row.address == address)
                .map(|(_, row)| row.port)
                .collect(),
        };
        for port in ports {
            deregister(region, context, &group.arn, address, port)?;
        }
    }
    Ok(api::DeregisterTargetsOutput {})
}

pub(super) fn describe_target_health(
    region: &Region,
    _: &Context,
    input: api::DescribeTargetHealthInput,
) -> Result<api::DescribeTargetHealthOutput, Error> {
    let group = target_group::get(region, &input.target_group_arn)?;
    let own = || {
        let all = region.elbv2.targets.iter();
        all.filter(|((of, _), _)| *of == group.arn)
            .map(|(_, row)| row)
    };
    let mut shown = Vec::new();
    match input.targets.filter(|targets| !targets.is_empty()) {
        None => {
            for row in own() {
                shown.push(described(group, row, of(region, group, row)));
            }
        }
        Some(asked) => {
            for one in asked {
                let found = own().find(|row| {
                    row.address.to_string() == one.id
                        && one.port.is_none_or(|port| port == i64::from(row.port))
                });
                shown.push(match found {
                    Some(row) => described(group, row, of(region, group, row)),
                    None => api::TargetHealthDescription {
                        target: Some(api::TargetDescription {
                            port: one.port.or(Some(i64::from(group.port))),
                            ..one
                        }),
                        target_health: Some(health_answer(Health::new(
                            "unused",
                            "Target.NotRegistered",
                            "Target is not registered to the target group",
                        ))),
                        ..Default::default()
                    },
                });
            }
        }
    }
    Ok(api::DescribeTargetHealthOutput {
        target_health_descriptions: Some(shown),
    })
}

fn described(group: &TargetGroup, row: &Target, health: Health) -> api::TargetHealthDescription {
    let port = match group.health_check.port.as_str() {
        "traffic-port" => row.port.to_string(),
        other => other.to_owned(),
    };
    api::TargetHealthDescription {
        health_check_port: Some(port),
        target: Some(api::TargetDescription {
            id: row.address.to_string(),
            port: Some(i64::from(row.port)),
            availability_zone: Some(row.zone.clone().unwrap_or_else(|| "all".to_owned())),
            quic_server_id: None,
        }),
        target_health: Some(health_answer(health)),
        ..Default::default()
    }
}

fn health_answer(health: Health) -> api::TargetHealth {
    api::TargetHealth {
        state: health.state.parse().ok(),
        reason: health.reason.and_then(|reason| reason.parse().ok()),
        description: health.description,
    }
}
