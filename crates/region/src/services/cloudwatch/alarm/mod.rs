//! Alarms: what they are, what they are told, what they tell.

mod action;
mod common;
mod composite;
mod decide;
mod describe;
mod evaluate;
mod history;
mod metric;
mod notification;
mod reason;
mod rule;
mod suppression;
mod transition;
mod watched;

use wire::cloudwatch as api;
use wire::{Error, Unit};

use super::error::{not_found, validation};
use super::state::{Alarm, Kind};
use crate::{Context, Region};

pub(super) use composite::put_composite_alarm;
pub(super) use describe::{describe_alarms, describe_alarms_for_metric};
pub use evaluate::newest;
pub(super) use evaluate::{deadline, reconcile};
pub(super) use history::describe_alarm_history;
pub(super) use metric::put_metric_alarm;

const MOST_DELETED: usize = 100;

/// Makes a metric alarm or changes what it watches; its state stays.
pub fn put(
    region: &mut Region,
    context: &Context,
    input: api::PutMetricAlarmInput,
) -> Result<(), Error> {
    put_metric_alarm(region, context, input).map(|_| ())
}

pub fn get<'a>(region: &'a Region, name: &str) -> Option<&'a Alarm> {
    region.cloudwatch.alarms.get(name)
}

/// The alarms that do something by an ARN when they go off, such as asking a scaling policy.
pub fn calling<'a>(region: &'a Region, action: &'a str) -> impl Iterator<Item = &'a Alarm> {
    region
        .cloudwatch
        .alarms
        .values()
        .filter(move |alarm| alarm.alarm_actions.iter().any(|one| one == action))
}

/// Deletes alarms; those that are not there already need no deleting.
///
/// # Errors
/// If a composite alarm that stays depends on one of them.
pub fn delete(region: &mut Region, context: &Context, names: &[String]) -> Result<(), Error> {
    let going: Vec<String> = names
        .iter()
        .map(|name| rule::name_of(name).to_owned())
        .collect();
    let composites = going
        .iter()
        .filter_map(|name| get(region, name))
        .filter(|alarm| matches!(alarm.kind, Kind::Composite(_)))
        .count();
    if composites > 1 {
        return Err(validation(
            "DeleteAlarms can delete at most one composite alarm in one call.",
        ));
    }
    let needed: Vec<&str> = going
        .iter()
        .filter(|name| composite::parents(region, name).any(|parent| !going.contains(&parent.name)))
        .map(String::as_str)
        .collect();
    if !needed.is_empty() {
        let them = if needed.len() == 1 { "it" } else { "them" };
        return Err(validation(format!(
            "Cannot delete {} as there are composite alarm(s) depending on {them}.",
            needed.join(",")
        )));
    }
    for name in going {
        let Some(alarm) = region.cloudwatch.alarms.remove(&name) else {
            continue;
        };
        history::tell(
            region,
            context,
            &alarm,
            api::HistoryItemType::ConfigurationUpdate,
            format!("Alarm \"{name}\" deleted"),
            history::deleted(&alarm),
        );
    }
    Ok(())
}

pub(super) fn delete_alarms(
    region: &mut Region,
    context: &Context,
    input: api::DeleteAlarmsInput,
) -> Result<Unit, Error> {
    if input.alarm_names.len() > MOST_DELETED {
        return Err(validation(format!(
            "DeleteAlarms can delete at most {MOST_DELETED} alarms in one call."
        )));
    }
    delete(region, context, &input.alarm_names)?;
    Ok(Unit {})
}

pub(super) fn enable_alarm_actions(
    region: &mut Region,
    context: &Context,
    input: api::EnableAlarmActionsInput,
) -> Result<Unit, Error> {
    set_actions(region, context, &input.alarm_names, true);
    Ok(Unit {})
}

pub(super) fn disable_alarm_actions(
    region: &mut Region,
    context: &Context,
    input: api::DisableAlarmActionsInput,
) -> Result<Unit, Error> {
    set_actions(region, context, &input.alarm_names, false);
    Ok(Unit {})
}

/// Alarms that are not there are passed over, as by AWS.
fn set_actions(region: &mut Region, context: &Context, names: &[String], enabled: bool) {
    for name in names {
        let changes = get(region, name).is_some_and(|alarm| alarm.actions_enabled != enabled);
        let Some(alarm) = region.cloudwatch.alarms.get_mut(name).filter(|_| changes) else {
            continue;
        };
        alarm.actions_enabled = enabled;
        alarm.configured_at = context.now;
        let alarm = alarm.clone();
        history::tell(
            region,
            context,
            &alarm,
            api::HistoryItemType::ConfigurationUpdate,
            format!("Alarm \"{name}\" updated"),
            history::updated(&alarm),
        );
    }
}

/// Sets a state by hand. The next evaluation of a metric alarm overwrites it.
pub(super) fn set_alarm_state(
    region: &mut Region,
    context: &Context,
    input: api::SetAlarmStateInput,
) -> Result<Unit, Error> {
    if get(region, &input.alarm_name).is_none() {
        return Err(not_found(""));
    }
    if let Some(data) = &input.state_reason_data
        && serde_json::from_str::<serde_json::Value>(data).is_err()
    {
        return Err(super::error::invalid_format(
            "StateReasonData must be valid JSON.",
        ));
    }
    let verdict = transition::Verdict {
        state: input.state_value,
        reason: input.state_reason,
        reason_data: input.state_reason_data.clone(),
        datapoints: recent_datapoints(input.state_reason_data.as_deref()),
    };
    transition::set(region, context, &input.alarm_name, verdict, true);
    Ok(Unit {})
}

/// The datapoints that a scaling policy is to look at, which the caller has to say.
fn recent_datapoints(data: Option<&str>) -> Vec<f64> {
    let data: serde_json::Value = data
        .and_then(|data| serde_json::from_str(data).ok())
        .unwrap_or_default();
    let recent = data["recentDatapoints"].as_array();
    recent
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_f64)
        .collect()
}
