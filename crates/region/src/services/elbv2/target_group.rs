//! Target groups: where requests may go, and how it is known to be well.

use std::collections::BTreeMap;

use wire::{Error, elbv2 as api};

use super::state::{HealthCheck, TargetGroup};
use super::{action, attribute, error, page, tags};
use crate::services::ec2;
use crate::{Context, Region};

/// Target groups of a region.
const MOST: usize = 3000;

/// A target group by its ARN.
pub fn get<'a>(region: &'a Region, arn: &str) -> Result<&'a TargetGroup, Error> {
    region
        .elbv2
        .target_groups
        .get(arn)
        .ok_or_else(|| error::target_group(arn))
}

/// Whether a listener or a rule of a load balancer sends to the group.
pub fn has_load_balancer(region: &Region, arn: &str) -> bool {
    load_balancer_of(region, arn).is_some()
}

/// The one load balancer that uses a group.
pub(super) fn load_balancer_of(region: &Region, arn: &str) -> Option<String> {
    let elb = &region.elbv2;
    let by_default = elb
        .listeners
        .values()
        .find(|row| action::target_groups(&row.default_actions).any(|one| one == arn));
    let listener = by_default.or_else(|| {
        let rule = elb
            .rules
            .values()
            .find(|row| action::target_groups(&row.actions).any(|one| one == arn))?;
        elb.listeners.get(&rule.listener)
    });
    listener.map(|row| row.load_balancer.clone())
}

fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |rule: &str| {
        Err(error::validation(format!(
            "Target group name '{name}' {rule}"
        )))
    };
    if name.chars().count() > 32 {
        return wrong("cannot be longer than '32' characters");
    }
    if name.is_empty()
        || !name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '-')
    {
        return wrong(
            "can only contain characters that are alphanumeric characters and hyphens(-)",
        );
    }
    if name.starts_with('-') || name.ends_with('-') {
        return wrong("cannot begin or end with a hyphen(-)");
    }
    Ok(())
}

fn check_protocol(protocol: api::ProtocolEnum, what: &str) -> Result<(), Error> {
    use api::ProtocolEnum::{Http, Https};
    if matches!(protocol, Http | Https) {
        return Ok(());
    }
    Err(error::absent(&format!(
        "the protocol {protocol} for {what}"
    )))
}

pub(super) fn create_target_group(
    region: &mut Region,
    context: &Context,
    input: api::CreateTargetGroupInput,
) -> Result<api::CreateTargetGroupOutput, Error> {
    check_name(&input.name)?;
    let target_type = input.target_type.unwrap_or(api::TargetTypeEnum::Instance);
    error::none_of(&[
        (
            "target groups of type lambda",
            target_type == api::TargetTypeEnum::Lambda,
        ),
        (
            "target groups of type alb",
            target_type == api::TargetTypeEnum::Alb,
        ),
        (
            "IPv6",
            input.ip_address_type == Some(api::TargetGroupIpAddressTypeEnum::Ipv6),
        ),
        ("target control ports", input.target_control_port.is_some()),
    ])?;
    let protocol = input
        .protocol
        .ok_or_else(|| error::validation("A protocol must be specified"))?;
    check_protocol(protocol, "target groups")?;
    let port = input
        .port
        .ok_or_else(|| error::validation("A port must be specified"))?;
    let port = u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| error::validation(format!("Port '{port}' is not from 1 to 65535")))?;
    let vpc = input
        .vpc_id
        .ok_or_else(|| error::validation("A VPC ID must be specified"))?;
    ec2::vpc::get(region, &vpc)
        .map_err(|_| error::validation(format!("The VPC ID '{vpc}' is not found")))?;
    let version = match input.protocol_version.as_deref() {
        None | Some("") => "HTTP1",
        Some(known @ ("HTTP1" | "HTTP2" | "GRPC")) => known,
        Some(other) => {
            return Err(error::validation(format!(
                "Protocol version '{other}' must be one of 'HTTP1', 'HTTP2', 'GRPC'"
            )));
        }
    };
    let grpc = version == "GRPC";
    let mut health_check = HealthCheck {
        enabled: true,
        protocol: api::ProtocolEnum::Http,
        port: "traffic-port".to_owned(),
        path: if grpc { "/AWS.ALB/healthcheck" } else { "/" }.to_owned(),
        interval: 30,
        timeout: 5,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: if grpc { "12" } else { "200" }.to_owned(),
    };
    let asked = Asked {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval: input.health_check_interval_seconds,
        timeout: input.health_check_timeout_seconds,
        healthy: input.healthy_threshold_count,
        unhealthy: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    change(&mut health_check, asked, grpc)?;
    let tags = tags::checked(input.tags)?;
    let id = context.hex(16);
    let row = TargetGroup {
        arn: region.settings.arn(
            "elasticloadbalancing",
            format_args!("targetgroup/{}/{id}", input.name),
        ),
        name: input.name,
        target_type: target_type.to_string(),
        protocol,
        protocol_version: version.to_owned(),
        port,
        vpc,
        health_check,
        attributes: BTreeMap::new(),
    };
    let named = |other: &&TargetGroup| other.name == row.name;
    if let Some(same) = region.elbv2.target_groups.values().find(named) {
        let equal = TargetGroup {
            arn: same.arn.clone(),
            attributes: same.attributes.clone(),
            ..row.clone()
        };
        if *same != equal {
            return Err(error::refused(
                "DuplicateTargetGroupName",
                format!(
                    "A target group with the same name '{}' exists, but with different settings",
                    row.name
                ),
            ));
        }
        return Ok(api::CreateTargetGroupOutput {
            target_groups: Some(vec![answer(region, same)]),
        });
    }
    if region.elbv2.target_groups.len() >= MOST {
        return Err(error::refused(
            "TooManyTargetGroups",
            "The maximum number of target groups has been reached",
        ));
    }
    let shown = answer(region, &row);
    tags::keep(region, &row.arn, tags);
    region.elbv2.target_groups.insert(row.arn.clone(), row);
    Ok(api::CreateTargetGroupOutput {
        target_groups: Some(vec![shown]),
    })
}

/// What the two calls that set health checks say.
struct Asked {
    enabled: Option<bool>,
    protocol: Option<api::ProtocolEnum>,
    port: Option<String>,
    path: Option<String>,
    interval: Option<i64>,
    timeout: Option<i64>,
    healthy: Option<i64>,
    unhealthy: Option<i64>,
    matcher: Option<api::Matcher>,
}

fn change(to: &mut HealthCheck, asked: Asked, grpc: bool) -> Result<(), Error> {
    let range = |name: &str, value: i64, from: i64, most: i64| {
        if (from..=most).contains(&value) {
            return Ok(value);
        }
        Err(error::validation(format!(
            "Health check {name} '{value}' must be from {from} to {most}"
        )))
    };
    if asked.enabled == Some(false) {
        return Err(error::validation(
            "Health check enabled must be true for target groups with target type 'instance' or 'ip'",
        ));
    }
    if let Some(protocol) = asked.protocol {
        check_protocol(protocol, "health checks")?;
        to.protocol = protocol;
    }
    if let Some(port) = asked.port.filter(|port| !port.is_empty()) {
        let valid = port == "traffic-port" || port.parse::<u16>().is_ok_and(|port| port > 0);
        if !valid {
            return Err(error::validation(format!(
                "Health check port '{port}' must be 'traffic-port' or from 1 to 65535"
            )));
        }
        to.port = port;
    }
    if let Some(path) = asked.path.filter(|path| !path.is_empty()) {
        if !path.starts_with('/') || path.len() > 1024 {
            return Err(error::validation(format!(
                "Health check path '{path}' must begin with a '/' character and have at most 1024 characters"
            )));
        }
        to.path = path;
    }
    if let Some(seconds) = asked.interval {
        to.interval = range("interval", seconds, 5, 300)?;
    }
    if let Some(seconds) = asked.timeout {
        to.timeout = range("timeout", seconds, 2, 120)?;
    }
    if let Some(count) = asked.healthy {
        to.healthy_threshold = range("healthy threshold count", count, 2, 10)?;
    }
    if let Some(count) = asked.unhealthy {
        to.unhealthy_threshold = range("unhealthy threshold count", count, 2, 10)?;
    }
    if to.timeout >= to.interval {
        return Err(error::validation(format!(
            "Health check timeout '{}' must be smaller than the interval '{}'",
            to.timeout, to.interval
        )));
    }
    if let Some(matcher) = asked.matcher {
        let (codes, from, most) = if grpc {
            (matcher.grpc_code, 0, 99)
        } else {
            (matcher.http_code, 200, 499)
        };
        if let Some(codes) = codes.filter(|codes| !codes.is_empty()) {
            if !valid_codes(&codes, from, most) {
                return Err(error::validation(format!(
                    "Health check matcher HTTP code '{codes}' must be within '{from}-{most}' inclusive"
                )));
            }
            to.matcher = codes;
        }
    }
    Ok(())
}

/// `200`, `200,202` or `200-299`.
fn valid_codes(text: &str, from: u16, most: u16) -> bool {
    let code = |text: &str| {
        text.parse()
            .ok()
            .filter(|code| (from..=most).contains(code))
    };
    text.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => matches!((code(first), code(last)), (Some(a), Some(b)) if a <= b),
        None => code(part).is_some(),
    })
}

pub(super) fn modify_target_group(
    region: &mut Region,
    _: &Context,
    input: api::ModifyTargetGroupInput,
) -> Result<api::ModifyTargetGroupOutput, Error> {
    let mut row = get(region, &input.target_group_arn)?.clone();
    let asked = Asked {
        enabled: input.health_check_enabled,
        protocol: input.health_check_protocol,
        port: input.health_check_port,
        path: input.health_check_path,
        interval: input.health_check_interval_seconds,
        timeout: input.health_check_timeout_seconds,
        healthy: input.healthy_threshold_count,
        unhealthy: input.unhealthy_threshold_count,
        matcher: input.matcher,
    };
    let grpc = row.protocol_version == "GRPC";
    change(&mut row.health_check, asked, grpc)?;
    let shown = answer(region, &row);
    region.elbv2.target_groups.insert(row.arn.clone(), row);
    Ok(api::ModifyTargetGroupOutput {
        target_groups: Some(vec![shown]),
    })
}

/// One that is not there is gone already.
pub(super) fn delete_target_group(
    region: &mut Region,
    _: &Context,
    input: api::DeleteTargetGroupInput,
) -> Result<api::DeleteTargetGroupOutput, Error> {
    let arn = input.target_group_arn;
    if has_load_balancer(region, &arn) {
        return Err(error::refused(
            "ResourceInUse",
            format!("Target group '{arn}' is currently in use by a listener or a rule"),
        ));
    }
    region.elbv2.targets.retain(|(group, _), _| *group != arn);
    region.elbv2.target_groups.remove(&arn);
    tags::forget(region, &arn);
    Ok(api::DeleteTargetGroupOutput {})
}

pub(super) fn describe_target_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeTargetGroupsInput,
) -> Result<api::DescribeTargetGroupsOutput, Error> {
    let arns = input.target_group_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    let all = || region.elbv2.target_groups.values();
    let missing = arns.iter().any(|arn| !all().any(|row| row.arn == *arn))
        || names.iter().any(|name| !all().any(|row| row.name == *name));
    if missing {
        return Err(error::refused(
            "TargetGroupNotFound",
            "One or more target groups not found",
        ));
    }
    if let Some(arn) = &input.load_balancer_arn {
        super::load_balancer::get(region, arn)?;
    }
    let wanted = all().filter(|row| {
        (arns.is_empty() || arns.contains(&row.arn))
            && (names.is_empty() || names.contains(&row.name))
            && (input.load_balancer_arn.is_none()
                || load_balancer_of(region, &row.arn) == input.load_balancer_arn)
    });
    let (rows, next_marker) = page::page(
        wanted.collect(),
        |row: &&TargetGroup| &row.arn,
        input.marker,
        input.page_size,
    )?;
    Ok(api::DescribeTargetGroupsOutput {
        target_groups: Some(rows.into_iter().map(|row| answer(region, row)).collect()),
        next_marker,
    })
}

fn answer(region: &Region, row: &TargetGroup) -> api::TargetGroup {
    let check = &row.health_check;
    let codes = Some(check.matcher.clone());
    let grpc = row.protocol_version == "GRPC";
    let users = load_balancer_of(region, &row.arn);
    api::TargetGroup {
        health_check_enabled: Some(check.enabled),
        health_check_interval_seconds: Some(check.interval),
        health_check_path: Some(check.path.clone()),
        health_check_port: Some(check.port.clone()),
        health_check_protocol: Some(check.protocol),
        health_check_timeout_seconds: Some(check.timeout),
        healthy_threshold_count: Some(check.healthy_threshold),
        unhealthy_threshold_count: Some(check.unhealthy_threshold),
        ip_address_type: Some(api::TargetGroupIpAddressTypeEnum::Ipv4),
        load_balancer_arns: Some(users.into_iter().collect()),
        matcher: Some(api::Matcher {
            grpc_code: codes.clone().filter(|_| grpc),
            http_code: codes.filter(|_| !grpc),
        }),
        port: Some(i64::from(row.port)),
        protocol: Some(row.protocol),
        protocol_version: Some(row.protocol_version.clone()),
        target_group_arn: Some(row.arn.clone()),
        target_group_name: Some(row.name.clone()),
        target_type: row.target_type.parse().ok(),
        vpc_id: Some(row.vpc.clone()),
        ..Default::default()
    }
}

fn attributes(row: &TargetGroup) -> Vec<api::TargetGroupAttribute> {
    let all = attribute::all(attribute::TARGET_GROUP, &row.attributes);
    all.into_iter()
        .map(|(key, value)| api::TargetGroupAttribute {
            key: Some(key),
            value: Some(value),
        })
        .collect()
}

pub(super) fn describe_target_group_attributes(
    region: &Region,
    _: &Context,
    input: api::DescribeTargetGroupAttributesInput,
) -> Result<api::DescribeTargetGroupAttributesOutput, Error> {
    let row = get(region, &input.target_group_arn)?;
    Ok(api::DescribeTargetGroupAttributesOutput {
        attributes: Some(attributes(row)),
    })
}

pub(super) fn modify_target_group_attributes(
    region: &mut Region,
    _: &Context,
    input: api::ModifyTargetGroupAttributesInput,
) -> Result<api::ModifyTargetGroupAttributesOutput, Error> {
    let mut row = get(region, &input.target_group_arn)?.clone();
    let asked = input.attributes.into_iter().map(|one| (one.key, one.value));
    attribute::change(
        attribute::TARGET_GROUP,
        "Target group",
        &mut row.attributes,
        asked,
    )?;
    check_together(&row)?;
    let attributes = attributes(&row);
    region.elbv2.target_groups.insert(row.arn.clone(), row);
    Ok(api::ModifyTargetGroupAttributesOutput {
        attributes: Some(attributes),
    })
}

/// Attributes that do not go together.
fn check_together(row: &TargetGroup) -> Result<(), Error> {
    let value = |key| attribute::value(attribute::TARGET_GROUP, &row.attributes, key);
    let algorithm = value("load_balancing.algorithm.type");
    let sticky = value("stickiness.enabled") == "true";
    if algorithm != "round_robin" && value("slow_start.duration_seconds") != "0" {
        return Err(error::configuration(format!(
            "Slow start cannot be used with the load balancing algorithm '{algorithm}'"
        )));
    }
    if algorithm != "weighted_random"
        && value("load_balancing.algorithm.anomaly_mitigation") == "on"
    {
        return Err(error::configuration(
            "Anomaly mitigation can only be used with the load balancing algorithm 'weighted_random'",
        ));
    }
    if sticky && value("load_balancing.cross_zone.enabled") == "false" {
        return Err(error::configuration(
            "Stickiness cannot be enabled while cross-zone load balancing is turned off",
        ));
    }
    let name = value("stickiness.app_cookie.cookie_name");
    if sticky && value("stickiness.type") == "app_cookie" && name.is_empty() {
        return Err(error::configuration(
            "Application cookie name must be specified for app_cookie stickiness",
        ));
    }
    if ["AWSALB", "AWSALBAPP", "AWSALBTG"].contains(&name) {
        return Err(error::configuration(format!(
            "Application cookie name '{name}' is reserved"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers() {
        for (text, valid) in [
            ("200", true),
            ("200,202", true),
            ("200-299", true),
            ("200-299,401", true),
            ("", false),
            ("199", false),
            ("500", false),
            ("299-200", false),
            ("200,", false),
            ("2xx", false),
        ] {
            assert_eq!(valid_codes(text, 200, 499), valid, "{text}");
        }
    }
}
