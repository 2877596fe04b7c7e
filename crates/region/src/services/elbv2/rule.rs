//! Rules of listeners. Each listener has a default rule besides, which is part of it.

use wire::{Error, elbv2 as api};

use super::state::{Listener, Rule};
use super::{action, condition, error, listener, load_balancer, page, tags};
use crate::{Context, Region};

/// Rules of a load balancer, default ones not counted.
const MOST: usize = 100;

fn get<'a>(region: &'a Region, arn: &str) -> Result<&'a Rule, Error> {
    region.elbv2.rules.get(arn).ok_or_else(|| error::rule(arn))
}

fn checked_priority(priority: i64) -> Result<u32, Error> {
    u32::try_from(priority)
        .ok()
        .filter(|priority| (1..=50_000).contains(priority))
        .ok_or_else(|| error::validation("Rule priority must be from 1 to 50000"))
}

fn in_use(priority: u32) -> Error {
    error::refused(
        "PriorityInUse",
        format!("Priority '{priority}' is currently in use"),
    )
}

pub(super) fn create_rule(
    region: &mut Region,
    context: &Context,
    input: api::CreateRuleInput,
) -> Result<api::CreateRuleOutput, Error> {
    let listener = listener::get(region, &input.listener_arn)?.clone();
    let balancer = load_balancer::get(region, &listener.load_balancer)?.clone();
    error::none_of(&[(
        "transforms of rules",
        input.transforms.is_some_and(|list| !list.is_empty()),
    )])?;
    let priority = checked_priority(input.priority)?;
    let rules = || region.elbv2.rules.values();
    if rules().any(|rule| rule.listener == listener.arn && rule.priority == priority) {
        return Err(in_use(priority));
    }
    let of_balancer = rules().filter(|rule| {
        listener::get(region, &rule.listener)
            .is_ok_and(|listener| listener.load_balancer == balancer.arn)
    });
    if of_balancer.count() >= MOST {
        return Err(error::refused(
            "TooManyRules",
            "The maximum number of rules has been reached",
        ));
    }
    let conditions = condition::checked(input.conditions)?;
    let actions = action::checked(region, &balancer, listener.protocol, input.actions)?;
    let tags = tags::checked(input.tags)?;
    let tail = listener
        .arn
        .split_once(":listener/")
        .map_or("", |(_, tail)| tail);
    let row = Rule {
        arn: region.settings.arn(
            "elasticloadbalancing",
            format_args!("listener-rule/{tail}/{}", context.hex(16)),
        ),
        listener: listener.arn,
        priority,
        conditions,
        actions,
    };
    let shown = answer(&row);
    tags::keep(region, &row.arn, tags);
    region.elbv2.rules.insert(row.arn.clone(), row);
    Ok(api::CreateRuleOutput {
        rules: Some(vec![shown]),
    })
}

pub(super) fn modify_rule(
    region: &mut Region,
    _: &Context,
    input: api::ModifyRuleInput,
) -> Result<api::ModifyRuleOutput, Error> {
    let arn = input.rule_arn;
    if listener::by_default_rule(region, &arn).is_some() {
        return Err(error::not_permitted(format!(
            "Default rule '{arn}' cannot be modified"
        )));
    }
    error::none_of(&[(
        "transforms of rules",
        input.transforms.is_some_and(|list| !list.is_empty()),
    )])?;
    let mut row = get(region, &arn)?.clone();
    let listener = listener::get(region, &row.listener)?.clone();
    let balancer = load_balancer::get(region, &listener.load_balancer)?.clone();
    if let Some(conditions) = input.conditions {
        row.conditions = condition::checked(conditions)?;
    }
    if let Some(actions) = input.actions {
        row.actions = action::checked(region, &balancer, listener.protocol, actions)?;
    }
    let shown = answer(&row);
    region.elbv2.rules.insert(arn, row);
    Ok(api::ModifyRuleOutput {
        rules: Some(vec![shown]),
    })
}

pub(super) fn delete_rule(
    region: &mut Region,
    _: &Context,
    input: api::DeleteRuleInput,
) -> Result<api::DeleteRuleOutput, Error> {
    let arn = input.rule_arn;
    if listener::by_default_rule(region, &arn).is_some() {
        return Err(error::not_permitted(format!(
            "Default rule '{arn}' cannot be deleted"
        )));
    }
    get(region, &arn)?;
    region.elbv2.rules.remove(&arn);
    tags::forget(region, &arn);
    Ok(api::DeleteRuleOutput {})
}

/// Gives all the rules their new places at once, so that two may change places.
pub(super) fn set_rule_priorities(
    region: &mut Region,
    _: &Context,
    input: api::SetRulePrioritiesInput,
) -> Result<api::SetRulePrioritiesOutput, Error> {
    let mut changed: Vec<Rule> = Vec::new();
    for pair in input.rule_priorities {
        let arn = pair.rule_arn.unwrap_or_default();
        if listener::by_default_rule(region, &arn).is_some() {
            return Err(error::not_permitted(format!(
                "The priority of the default rule '{arn}' cannot be changed"
            )));
        }
        let mut row = get(region, &arn)?.clone();
        row.priority = checked_priority(pair.priority.unwrap_or(0))?;
        if changed.iter().any(|other| other.arn == arn) {
            return Err(error::validation(format!(
                "Rule '{arn}' was specified more than once"
            )));
        }
        changed.push(row);
    }
    for row in &changed {
        let stays = |other: &&Rule| !changed.iter().any(|new| new.arn == other.arn);
        let others = region.elbv2.rules.values().filter(stays);
        let others = others.chain(changed.iter().filter(|other| other.arn != row.arn));
        for other in others {
            if other.listener == row.listener && other.priority == row.priority {
                return Err(in_use(row.priority));
            }
        }
    }
    let shown = changed.iter().map(answer).collect();
    for row in changed {
        region.elbv2.rules.insert(row.arn.clone(), row);
    }
    Ok(api::SetRulePrioritiesOutput { rules: Some(shown) })
}

/// A listener's rules by priority; the last is the default one.
pub(super) fn of<'a>(region: &'a Region, listener: &str) -> Vec<&'a Rule> {
    let all = region.elbv2.rules.values();
    let mut own: Vec<&Rule> = all.filter(|rule| rule.listener == listener).collect();
    own.sort_by_key(|rule| rule.priority);
    own
}

pub(super) fn describe_rules(
    region: &Region,
    _: &Context,
    input: api::DescribeRulesInput,
) -> Result<api::DescribeRulesOutput, Error> {
    let arns = input.rule_arns.unwrap_or_default();
    let all: Vec<api::Rule> = match (&input.listener_arn, arns.is_empty()) {
        (Some(arn), true) => {
            let listener = listener::get(region, arn)?;
            let own = of(region, arn).into_iter().map(answer);
            own.chain([default_answer(listener)]).collect()
        }
        (None, false) => {
            let found: Option<Vec<api::Rule>> = arns
                .iter()
                .map(|arn| {
                    let own = region.elbv2.rules.get(arn).map(answer);
                    own.or_else(|| listener::by_default_rule(region, arn).map(default_answer))
                })
                .collect();
            found.ok_or_else(|| error::refused("RuleNotFound", "One or more rules not found"))?
        }
        _ => {
            return Err(error::validation(
                "You must specify either listener rule ARNs or a listener ARN",
            ));
        }
    };
    let (rules, next_marker) = page::page(
        all,
        |rule| rule.rule_arn.as_deref().unwrap_or(""),
        input.marker,
        input.page_size,
    )?;
    Ok(api::DescribeRulesOutput {
        rules: Some(rules),
        next_marker,
    })
}

fn answer(row: &Rule) -> api::Rule {
    let conditions = row.conditions.iter().map(|one| one.0.clone());
    api::Rule {
        actions: Some(action::answers(&row.actions)),
        conditions: Some(conditions.collect()),
        is_default: Some(false),
        priority: Some(row.priority.to_string()),
        rule_arn: Some(row.arn.clone()),
        transforms: None,
    }
}

fn default_answer(listener: &Listener) -> api::Rule {
    api::Rule {
        actions: Some(action::answers(&listener.default_actions)),
        conditions: Some(Vec::new()),
        is_default: Some(true),
        priority: Some("default".to_owned()),
        rule_arn: Some(listener.default_rule.clone()),
        transforms: None,
    }
}
