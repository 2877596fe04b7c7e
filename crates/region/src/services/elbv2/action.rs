//! Actions: checked when they come in, and made whole as answers show them.

use wire::elbv2 as api;
use wire::{Error, Stored};

use super::state::LoadBalancer;
use super::{error, target_group};
use crate::Region;

/// Target groups of one action.
const MOST_GROUPS: usize = 5;
/// Target groups of one load balancer.
const MOST_GROUPS_OF_BALANCER: usize = 100;

/// The target groups that actions send to.
pub(super) fn target_groups(actions: &[Stored<api::Action>]) -> impl Iterator<Item = &str> {
    actions.iter().flat_map(|action| {
        let forward = action.0.forward_config.as_ref();
        let groups = forward.and_then(|forward| forward.target_groups.as_ref());
        let groups = groups.into_iter().flatten();
        groups.filter_map(|group| group.target_group_arn.as_deref())
    })
}

/// The actions of a request: in order, whole, with one routing action at the end.
pub(super) fn checked(
    region: &Region,
    balancer: &LoadBalancer,
    protocol: api::ProtocolEnum,
    actions: Vec<api::Action>,
) -> Result<Vec<Stored<api::Action>>, Error> {
    if actions.is_empty() {
        return Err(error::validation("An action must be specified"));
    }
    let mut actions = actions;
    let ordered = actions.iter().filter(|one| one.order.is_some()).count();
    if actions.len() > 1 && ordered != actions.len() {
        return Err(error::validation(
            "An order must be specified for every action when there is more than one",
        ));
    }
    actions.sort_by_key(|one| one.order);
    let routing = |one: &api::Action| {
        use api::ActionTypeEnum::{FixedResponse, Forward, Redirect};
        matches!(one.r#type, FixedResponse | Forward | Redirect)
    };
    if let Some(other) = actions.iter().find(|one| !routing(one)) {
        return Err(error::absent(&format!("actions of type {}", other.r#type)));
    }
    if actions.len() != 1 {
        return Err(error::refused(
            "InvalidLoadBalancerAction",
            "Exactly one of the actions 'forward', 'redirect' and 'fixed-response' must be specified, as the last one",
        ));
    }
    let action = actions.remove(0);
    if action
        .order
        .is_some_and(|order| !(1..=50_000).contains(&order))
    {
        return Err(error::validation("Action order must be from 1 to 50000"));
    }
    let action = match action.r#type {
        api::ActionTypeEnum::Forward => forward(region, balancer, action)?,
        api::ActionTypeEnum::Redirect => redirect(protocol, action)?,
        _ => fixed_response(action)?,
    };
    Ok(vec![Stored(action)])
}

fn forward(
    region: &Region,
    balancer: &LoadBalancer,
    action: api::Action,
) -> Result<api::Action, Error> {
    let config = action.forward_config.unwrap_or_default();
    let mut groups = config.target_groups.unwrap_or_default();
    match (action.target_group_arn, groups.as_slice()) {
        (Some(arn), []) => groups.push(api::TargetGroupTuple {
            target_group_arn: Some(arn),
            weight: None,
        }),
        (Some(arn), [one]) if one.target_group_arn.as_ref() == Some(&arn) => {}
        (Some(_), _) => {
            return Err(error::refused(
                "InvalidLoadBalancerAction",
                "A target group ARN can be specified beside a forward configuration only if that has one target group, the same",
            ));
        }
        (None, []) => {
            return Err(error::validation(
                "A target group ARN must be specified for a forward action",
            ));
        }
        (None, _) => {}
    }
    if groups.len() > MOST_GROUPS {
        return Err(error::refused(
            "TooManyTargetGroups",
            format!("An action can have at most {MOST_GROUPS} target groups"),
        ));
    }
    let single = groups.len() == 1;
    let mut seen: Vec<String> = Vec::new();
    for group in &mut groups {
        let arn = group.target_group_arn.clone().unwrap_or_default();
        let weight = group.weight.unwrap_or(1);
        if !(0..=999).contains(&weight) {
            return Err(error::validation(format!(
                "Target group weight '{weight}' must be from 0 to 999"
            )));
        }
        group.weight = Some(weight);
        check_group(region, balancer, &arn)?;
        if seen.contains(&arn) {
            return Err(error::validation(format!(
                "Target group '{arn}' was specified more than once"
            )));
        }
        seen.push(arn);
    }
    let stickiness = config.target_group_stickiness_config.unwrap_or_default();
    let enabled = stickiness.enabled.unwrap_or(false);
    let duration = stickiness.duration_seconds;
    if enabled && !duration.is_some_and(|seconds| (1..=604_800).contains(&seconds)) {
        return Err(error::validation(
            "Target group stickiness duration must be from 1 to 604800 seconds",
        ));
    }
    Ok(api::Action {
        r#type: api::ActionTypeEnum::Forward,
        order: action.order,
        target_group_arn: seen.first().filter(|_| single).cloned(),
        forward_config: Some(api::ForwardActionConfig {
            target_groups: Some(groups),
            target_group_stickiness_config: Some(api::TargetGroupStickinessConfig {
                enabled: Some(enabled),
                duration_seconds: duration,
            }),
        }),
        ..Default::default()
    })
}

fn check_group(region: &Region, balancer: &LoadBalancer, arn: &str) -> Result<(), Error> {
    let group = target_group::get(region, arn)?;
    if group.vpc != balancer.vpc {
        return Err(error::configuration(format!(
            "The target group '{arn}' is in VPC '{}', the load balancer in VPC '{}'",
            group.vpc, balancer.vpc
        )));
    }
    let user = target_group::load_balancer_of(region, arn);
    if user.is_some_and(|user| user != balancer.arn) {
        return Err(error::refused(
            "TargetGroupAssociationLimit",
            format!(
                "The following target groups cannot be associated with more than one load balancer: {arn}"
            ),
        ));
    }
    let groups = region.elbv2.target_groups.keys().filter(|other| {
        other.as_str() != arn
            && target_group::load_balancer_of(region, other).as_deref() == Some(&balancer.arn)
    });
    if groups.count() >= MOST_GROUPS_OF_BALANCER {
        return Err(error::refused(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "The maximum number of target groups of a load balancer has been reached",
        ));
    }
    Ok(())
}

fn redirect(protocol: api::ProtocolEnum, action: api::Action) -> Result<api::Action, Error> {
    let config = action
        .redirect_config
        .ok_or_else(|| error::validation("A redirect configuration must be specified"))?;
    let or = |value: Option<String>, default: &str| {
        value
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| default.to_owned())
    };
    let whole = api::RedirectActionConfig {
        protocol: Some(or(config.protocol, "#{protocol}")),
        host: Some(or(config.host, "#{host}")),
        port: Some(or(config.port, "#{port}")),
        path: Some(or(config.path, "/#{path}")),
        // An empty query is one: it takes the query away.
        query: Some(config.query.unwrap_or_else(|| "#{query}".to_owned())),
        status_code: config.status_code,
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (to, port) = (text(&whole.protocol), text(&whole.port));
    if !matches!(to.as_str(), "HTTP" | "HTTPS" | "#{protocol}") {
        return Err(error::validation(format!(
            "Redirect protocol '{to}' must be one of 'HTTP', 'HTTPS', '#{{protocol}}'"
        )));
    }
    if protocol == api::ProtocolEnum::Https && to == "HTTP" {
        return Err(error::refused(
            "InvalidLoadBalancerAction",
            "A redirect from HTTPS to HTTP is not allowed",
        ));
    }
    if port != "#{port}" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(error::validation(format!(
            "Redirect port '{port}' must be '#{{port}}' or from 1 to 65535"
        )));
    }
    for (name, value) in [
        ("host", &whole.host),
        ("path", &whole.path),
        ("query", &whole.query),
    ] {
        if text(value).chars().count() > 128 {
            return Err(error::validation(format!(
                "Redirect {name} cannot be longer than '128' characters"
            )));
        }
    }
    if !text(&whole.path).starts_with('/') {
        return Err(error::validation(
            "Redirect path must begin with a '/' character",
        ));
    }
    let same_protocol = to == "#{protocol}" || to == protocol.as_str();
    let same = same_protocol
        && text(&whole.host) == "#{host}"
        && port == "#{port}"
        && text(&whole.path) == "/#{path}";
    if same {
        return Err(error::refused(
            "InvalidLoadBalancerAction",
            "The RedirectConfig is not valid because it creates a loop",
        ));
    }
    Ok(api::Action {
        r#type: api::ActionTypeEnum::Redirect,
        order: action.order,
        redirect_config: Some(whole),
        ..Default::default()
    })
}

fn fixed_response(action: api::Action) -> Result<api::Action, Error> {
    const TYPES: &[&str] = &[
        "text/plain",
        "text/css",
        "text/html",
        "application/javascript",
        "application/json",
    ];
    let config = action
        .fixed_response_config
        .ok_or_else(|| error::validation("A fixed response configuration must be specified"))?;
    let code = &config.status_code;
    let valid = code.len() == 3
        && code.starts_with(['2', '4', '5'])
        && code.chars().all(|one| one.is_ascii_digit());
    if !valid {
        return Err(error::validation(format!(
            "Fixed response status code '{code}' must be a 2XX, 4XX or 5XX code"
        )));
    }
    if let Some(kind) = &config.content_type
        && !TYPES.contains(&kind.as_str())
    {
        return Err(error::validation(format!(
            "Fixed response content type '{kind}' must be one of '{}'",
            TYPES.join("', '")
        )));
    }
    if config
        .message_body
        .as_ref()
        .is_some_and(|body| body.len() > 1024)
    {
        return Err(error::validation(
            "Fixed response message body cannot be longer than '1024' characters",
        ));
    }
    Ok(api::Action {
        r#type: api::ActionTypeEnum::FixedResponse,
        order: action.order,
        fixed_response_config: Some(config),
        ..Default::default()
    })
}

/// Actions as answers show them.
pub(super) fn answers(actions: &[Stored<api::Action>]) -> Vec<api::Action> {
    actions.iter().map(|action| action.0.clone()).collect()
}
