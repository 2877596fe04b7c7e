//! Composite alarms as they are put and shown, and who depends on whom.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>

use wire::cloudwatch as api;
use wire::{Error, Unit};

use super::super::error::validation;
use super::super::state::{Alarm, CompositeRule, Kind, Suppressor};
use super::super::tags;
use super::{common, history, rule};
use crate::{Context, Region};

const MOST_CHILDREN: usize = 100;
const MOST_PARENTS: usize = 150;
const LONGEST_RULE: usize = 10_240;

pub(in super::super) fn put_composite_alarm(
    region: &mut Region,
    context: &Context,
    input: api::PutCompositeAlarmInput,
) -> Result<Unit, Error> {
    common::check_name(&input.alarm_name)?;
    common::check_description(input.alarm_description.as_deref())?;
    let name = input.alarm_name;
    let rule = taken(region, &name, &input.alarm_rule)?;
    let suppressor = match input.actions_suppressor {
        None => {
            if input.actions_suppressor_wait_period.is_some()
                || input.actions_suppressor_extension_period.is_some()
            {
                return Err(validation(
                    "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor.",
                ));
            }
            None
        }
        Some(alarm) => {
            let seconds = |given: Option<i64>| given.and_then(|given| u32::try_from(given).ok());
            let (Some(wait), Some(extension)) = (
                seconds(input.actions_suppressor_wait_period),
                seconds(input.actions_suppressor_extension_period),
            ) else {
                return Err(validation(
                    "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required when ActionsSuppressor is specified.",
                ));
            };
            let suppressor = rule::name_of(&alarm);
            if super::get(region, suppressor).is_none() || suppressor == name {
                return Err(validation(format!(
                    "Could not save the composite alarm as alarm {suppressor} in the actions suppressor does not exist"
                )));
            }
            Some(Suppressor {
                alarm,
                wait,
                extension,
            })
        }
    };
    let old = region.cloudwatch.alarms.get(&name);
    let held = match old.map(|old| &old.kind) {
        Some(Kind::Metric(_)) => {
            return Err(validation(format!(
                "The alarm {name} is a metric alarm; a composite alarm cannot have its name."
            )));
        }
        Some(Kind::Composite(old)) if suppressor.is_some() => old.held.clone(),
        _ => None,
    };
    debug_assert!(rule::parse(&rule).is_ok());
    let alarm = Alarm {
        arn: region
            .settings
            .arn("cloudwatch", format_args!("alarm:{name}")),
        description: input.alarm_description,
        actions_enabled: input.actions_enabled.unwrap_or(true),
        ok_actions: common::actions(input.ok_actions, true)?,
        alarm_actions: common::actions(input.alarm_actions, true)?,
        insufficient_data_actions: common::actions(input.insufficient_data_actions, true)?,
        kind: Kind::Composite(CompositeRule {
            rule,
            suppressor,
            held,
        }),
        configured_at: context.now,
        state: old.map_or(api::StateValue::InsufficientData, |old| old.state),
        reason: old.map_or_else(
            || "Unchecked: Initial alarm creation".to_owned(),
            |old| old.reason.clone(),
        ),
        reason_data: old.and_then(|old| old.reason_data.clone()),
        previous: old.map_or(api::StateValue::InsufficientData, |old| old.previous),
        transitioned_at: old.map_or(context.now, |old| old.transitioned_at),
        updated_at: old.map_or(context.now, |old| old.updated_at),
        invoked_at: None,
        set_by_hand: old.is_some_and(|old| old.set_by_hand),
        tags: match old {
            Some(old) => old.tags.clone(),
            None => tags::taken(input.tags)?,
        },
        name,
    };
    let (verb, data) = match old {
        None => ("created", history::created(&alarm)),
        Some(_) => ("updated", history::updated(&alarm)),
    };
    history::tell(
        region,
        context,
        &alarm,
        api::HistoryItemType::ConfigurationUpdate,
        format!("Alarm \"{}\" {verb}", alarm.name),
        data,
    );
    region.cloudwatch.alarms.insert(alarm.name.clone(), alarm);
    Ok(Unit {})
}

/// Checks a rule and what it speaks of.
fn taken(region: &Region, name: &str, text: &str) -> Result<String, Error> {
    if text.is_empty() || text.trim() != text {
        return Err(validation(
            "AlarmRule must not contain leading or trailing whitespace or be null",
        ));
    }
    if text.len() > LONGEST_RULE {
        return Err(validation(format!(
            "AlarmRule must have at most {LONGEST_RULE} characters."
        )));
    }
    let rule = rule::parse(text)
        .map_err(|problem| validation(format!("AlarmRule is not valid: {problem}")))?;
    let children = rule.alarms();
    if children.len() > MOST_CHILDREN {
        return Err(validation(format!(
            "AlarmRule can refer to at most {MOST_CHILDREN} alarms."
        )));
    }
    let absent: Vec<&str> = children
        .iter()
        .copied()
        .filter(|child| *child != name && super::get(region, child).is_none())
        .collect();
    if !absent.is_empty() {
        return Err(validation(format!(
            "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
            absent.join(", ")
        )));
    }
    for child in children {
        let others = parents(region, child).filter(|parent| parent.name != name);
        if others.count() >= MOST_PARENTS {
            return Err(validation(format!(
                "The alarm {child} is already part of {MOST_PARENTS} composite alarms."
            )));
        }
    }
    Ok(text.to_owned())
}

/// The composite alarms that need the alarm: by their rule or as their suppressor.
pub(super) fn parents<'a>(region: &'a Region, name: &'a str) -> impl Iterator<Item = &'a Alarm> {
    region.cloudwatch.alarms.values().filter(move |alarm| {
        let Kind::Composite(composite) = &alarm.kind else {
            return false;
        };
        composite
            .suppressor
            .as_ref()
            .is_some_and(|suppressor| rule::name_of(&suppressor.alarm) == name)
            || children(composite).iter().any(|child| child == name)
    })
}

/// The names of the alarms in its rule.
pub(super) fn children(composite: &CompositeRule) -> Vec<String> {
    match rule::parse(&composite.rule) {
        Ok(rule) => rule.alarms().into_iter().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

pub(super) fn shown(alarm: &Alarm, composite: &CompositeRule) -> api::CompositeAlarm {
    let suppressor = composite.suppressor.as_ref();
    let held = composite.held.as_ref();
    api::CompositeAlarm {
        actions_enabled: Some(alarm.actions_enabled),
        actions_suppressed_by: held.map(|held| held.by),
        actions_suppressed_reason: held.map(|held| format!("Actions suppressed by {}", held.by)),
        actions_suppressor: suppressor.map(|one| one.alarm.clone()),
        actions_suppressor_extension_period: suppressor.map(|one| i64::from(one.extension)),
        actions_suppressor_wait_period: suppressor.map(|one| i64::from(one.wait)),
        alarm_actions: Some(alarm.alarm_actions.clone()),
        alarm_arn: Some(alarm.arn.clone()),
        alarm_configuration_updated_timestamp: Some(alarm.configured_at),
        alarm_description: alarm.description.clone(),
        alarm_name: Some(alarm.name.clone()),
        alarm_rule: Some(composite.rule.clone()),
        insufficient_data_actions: Some(alarm.insufficient_data_actions.clone()),
        ok_actions: Some(alarm.ok_actions.clone()),
        state_reason: Some(alarm.reason.clone()),
        state_reason_data: alarm.reason_data.clone(),
        state_transitioned_timestamp: Some(alarm.transitioned_at),
        state_updated_timestamp: Some(alarm.updated_at),
        state_value: Some(alarm.state),
    }
}
