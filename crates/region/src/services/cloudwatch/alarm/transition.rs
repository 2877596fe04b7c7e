//! An alarm takes on a state: it is noted, and what it does in that state is done.

use wire::cloudwatch as api;

use super::super::state::{Alarm, Held, Kind};
use super::{action, history, suppression};
use crate::{Context, Region};

/// What an evaluation, or a caller, says an alarm's state is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) state: api::StateValue,
    pub(super) reason: String,
    /// JSON.
    pub(super) reason_data: Option<String>,
    /// The newest last, for scaling policies.
    pub(super) datapoints: Vec<f64>,
}

/// Sets a state. `by_hand`: a caller said so, whose reason is kept even if the state is the same.
pub(super) fn set(
    region: &mut Region,
    context: &Context,
    name: &str,
    verdict: Verdict,
    by_hand: bool,
) {
    let Some(old) = super::get(region, name).cloned() else {
        return;
    };
    if old.state == verdict.state {
        if by_hand && let Some(alarm) = region.cloudwatch.alarms.get_mut(name) {
            alarm.reason = verdict.reason;
            alarm.reason_data = verdict.reason_data;
        }
        return;
    }
    let mut new = old.clone();
    new.previous = old.state;
    new.state = verdict.state;
    new.reason = verdict.reason;
    new.reason_data = verdict.reason_data;
    new.transitioned_at = context.now;
    new.updated_at = context.now;
    new.invoked_at = Some(context.now);
    new.set_by_hand = by_hand;
    let acts = hold(region, context, &old, &mut new);
    region
        .cloudwatch
        .alarms
        .insert(name.to_owned(), new.clone());
    history::tell(
        region,
        context,
        &new,
        api::HistoryItemType::StateUpdate,
        format!("Alarm updated from {} to {}", old.state, new.state),
        history::change(&old, &new),
    );
    if acts {
        action::perform(region, context, &new, old.state, &verdict.datapoints);
    }
}

/// Decides whether the actions of a new state run now, and notes it if they wait.
fn hold(region: &Region, context: &Context, old: &Alarm, new: &mut Alarm) -> bool {
    let state = new.state;
    let Kind::Composite(rule) = &mut new.kind else {
        return true;
    };
    let Some(suppressor) = &rule.suppressor else {
        return true;
    };
    let acted = rule.held.as_ref().map_or(old.state, |held| held.acted);
    if rule.held.is_some() && acted == state {
        // Back where it was before anything was told: nothing is to be told.
        rule.held = None;
        return false;
    }
    match suppression::decide(region, suppressor, context.now, context.now) {
        None => {
            rule.held = None;
            true
        }
        Some(suppressed) => {
            rule.held = Some(Held {
                acted,
                since: context.now,
                by: suppressed.by,
            });
            false
        }
    }
}

/// Looks again at actions that wait: runs those that waited long enough.
pub(super) fn release(region: &mut Region, context: &Context) {
    let held: Vec<String> = region
        .cloudwatch
        .alarms
        .values()
        .filter(|alarm| matches!(&alarm.kind, Kind::Composite(rule) if rule.held.is_some()))
        .map(|alarm| alarm.name.clone())
        .collect();
    for name in held {
        let Some(alarm) = super::get(region, &name) else {
            continue;
        };
        let Kind::Composite(rule) = &alarm.kind else {
            continue;
        };
        let (Some(suppressor), Some(held)) = (&rule.suppressor, rule.held.clone()) else {
            continue;
        };
        let still = suppression::decide(region, suppressor, held.since, context.now);
        let by = still.map(|suppressed| suppressed.by);
        if by == Some(held.by) {
            continue;
        }
        let Some(alarm) = region.cloudwatch.alarms.get_mut(&name) else {
            continue;
        };
        if let Kind::Composite(rule) = &mut alarm.kind {
            rule.held = by.map(|by| Held { by, ..held.clone() });
        }
        let alarm = alarm.clone();
        if by.is_none() {
            action::perform(region, context, &alarm, held.acted, &[]);
        }
    }
}
