//! Alarms as time passes: metric alarms on their beat, composite alarms when another changed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use wire::cloudwatch as api;

use super::super::memory::Known;
use super::super::state::{Alarm, Kind, MetricRule};
use super::super::text::{long_moment, moment};
use super::decide::decide;
use super::rule::{Least, Rule};
use super::transition::Verdict;
use super::{action, history, reason, rule, suppression, transition, watched};
use crate::table::AnyTable;
use crate::{Context, Region};

/// Evaluations come so long after the end of a period: what was measured in it has time to come in.
const DELAY: i64 = 5;
/// The finest beat.
const FINEST: i64 = 10;

/// The end of the last period of `step` seconds that is to be looked at now.
fn beat(now: Timestamp, step: i64) -> i64 {
    (now.as_second() - DELAY).div_euclid(step) * step
}

/// When the next period of `step` seconds after `after` is to be looked at.
fn next_beat(after: Timestamp, step: i64) -> Option<Timestamp> {
    Timestamp::from_second(beat(after, step) + step + DELAY).ok()
}

pub(in super::super) fn reconcile(region: &mut Region, context: &Context) {
    let known = region.cloudwatch.memory.get();
    let now = beat(context.now, FINEST);
    let before = known.evaluated.map(Timestamp::as_second);
    if before.is_none_or(|before| before < now) {
        evaluate_metric_alarms(region, context, before);
        history::forget(region, context.now);
        let known = Known {
            evaluated: Timestamp::from_second(now).ok(),
            ..region.cloudwatch.memory.get()
        };
        region.cloudwatch.memory.set(known);
    }
    let version = region.cloudwatch.alarms.version();
    if known.composites != Some(version) {
        evaluate_composite_alarms(region, context);
        transition::release(region, context);
        let known = Known {
            composites: Some(version),
            release_at: suppression::deadline(region, context.now),
            ..region.cloudwatch.memory.get()
        };
        region.cloudwatch.memory.set(known);
    } else if known.release_at.is_some_and(|at| at <= context.now) {
        transition::release(region, context);
    }
}

pub(in super::super) fn deadline(region: &Region) -> Option<Timestamp> {
    let mut step: Option<i64> = None;
    for alarm in region.cloudwatch.alarms.values() {
        if let Kind::Metric(rule) = &alarm.kind {
            let own = watched::cadence(rule);
            step = Some(step.map_or(own, |step| step.min(own)));
            if step == Some(FINEST) {
                break;
            }
        }
    }
    let beat = step.and_then(|step| next_beat(region.settled_at, step));
    let forgotten = region
        .cloudwatch
        .history
        .values()
        .next()
        .and_then(|row| next_beat(row.at + history::KEPT, 3600));
    [
        beat,
        suppression::deadline(region, region.settled_at),
        forgotten,
    ]
    .into_iter()
    .flatten()
    .filter(|at| *at > region.settled_at)
    .min()
}

/// Evaluates those whose beat came since `before`, in the order of their names.
fn evaluate_metric_alarms(region: &mut Region, context: &Context, before: Option<i64>) {
    let due: Vec<(String, i64)> = region
        .cloudwatch
        .alarms
        .values()
        .filter_map(|alarm| {
            let Kind::Metric(rule) = &alarm.kind else {
                return None;
            };
            let end = beat(context.now, watched::cadence(rule));
            before
                .is_none_or(|before| before < end)
                .then(|| (alarm.name.clone(), end))
        })
        .collect();
    for (name, end) in due {
        let Some(alarm) = super::get(region, &name) else {
            continue;
        };
        let Kind::Metric(rule) = &alarm.kind else {
            continue;
        };
        let Some(verdict) = judge(region, context, rule, alarm.state, end) else {
            continue;
        };
        if verdict.state == alarm.state {
            repeat(region, context, &name, &verdict.datapoints, end);
        } else {
            transition::set(region, context, &name, verdict, false);
        }
    }
}

/// What a metric alarm looks at in the newest period that is over, if there is anything.
pub fn newest(region: &Region, context: &Context, name: &str) -> Option<f64> {
    let Kind::Metric(rule) = &super::get(region, name)?.kind else {
        return None;
    };
    let end = beat(context.now, watched::cadence(rule));
    let range = watched::read(region, rule, end, context.now.as_second())?;
    Some(range.first()?.datum?.value)
}

/// `None`: the alarm keeps its state.
fn judge(
    region: &Region,
    context: &Context,
    rule: &MetricRule,
    state: api::StateValue,
    end: i64,
) -> Option<Verdict> {
    let range = watched::read(region, rule, end, context.now.as_second())?;
    let terms = watched::terms(rule);
    let decision = decide(&terms, &range);
    let new = decision.state?;
    let samples = decision.data().filter_map(|(_, datum)| datum.samples).sum();
    if watched::too_few_samples(rule, samples) {
        return None;
    }
    let datapoints = decision
        .data()
        .rev()
        .map(|(_, datum)| datum.value)
        .collect();
    // Words cost, and are only wanted where something changed.
    let (reason, reason_data) = if new == state {
        (String::new(), None)
    } else {
        (
            reason::text(rule, &terms, &decision, new),
            Some(reason::data(rule, &decision, context.now)),
        )
    };
    Some(Verdict {
        state: new,
        reason,
        reason_data,
        datapoints,
    })
}

/// Once a minute, does again what is repeated while an alarm stays in its state.
fn repeat(region: &mut Region, context: &Context, name: &str, datapoints: &[f64], end: i64) {
    let Some(alarm) = super::get(region, name) else {
        return;
    };
    let minute = end.div_euclid(60) * 60;
    let done = alarm.invoked_at.is_some_and(|at| beat(at, 60) >= minute);
    if done || !action::repeats(alarm) {
        return;
    }
    let alarm = alarm.clone();
    if let Some(row) = region.cloudwatch.alarms.get_mut(name) {
        row.invoked_at = Some(context.now);
    }
    action::repeat(region, context, &alarm, datapoints);
}

/// Evaluates every composite alarm, children before parents. Those on a cycle are not evaluated.
fn evaluate_composite_alarms(region: &mut Region, context: &Context) {
    let rules: BTreeMap<String, Rule> = region
        .cloudwatch
        .alarms
        .values()
        .filter_map(|alarm| {
            let Kind::Composite(composite) = &alarm.kind else {
                return None;
            };
            Some((alarm.name.clone(), rule::parse(&composite.rule).ok()?))
        })
        .collect();
    for name in ordered(&rules) {
        let (Some(alarm), Some(rule)) = (super::get(region, &name), rules.get(&name)) else {
            continue;
        };
        let state_of = |name: &str| super::get(region, name).map(|alarm| alarm.state);
        let holds = rule.holds(&state_of);
        let state = if holds {
            api::StateValue::Alarm
        } else {
            api::StateValue::Ok
        };
        if state == alarm.state || by_hand(region, alarm, rule) {
            continue;
        }
        let verdict = composite_verdict(region, alarm, rule, state);
        transition::set(region, context, &name, verdict, false);
    }
}

/// Whether its state was set by hand and nothing it depends on changed since: then it stays.
fn by_hand(region: &Region, alarm: &Alarm, rule: &Rule) -> bool {
    alarm.set_by_hand
        && alarm.configured_at <= alarm.transitioned_at
        && rule
            .alarms()
            .into_iter()
            .filter_map(|child| super::get(region, child))
            .all(|child| child.transitioned_at <= alarm.transitioned_at)
}

fn composite_verdict(
    region: &Region,
    alarm: &Alarm,
    rule: &Rule,
    state: api::StateValue,
) -> Verdict {
    let state_of = |name: &str| super::get(region, name).map(|alarm| alarm.state);
    let mut names = Vec::new();
    deciding(rule, state == api::StateValue::Alarm, &state_of, &mut names);
    let mut children: Vec<&Alarm> = names
        .iter()
        .filter_map(|name| super::get(region, name))
        .collect();
    let latest = rule
        .alarms()
        .into_iter()
        .filter_map(|name| super::get(region, name))
        .max_by_key(|child| child.transitioned_at);
    // The one that changed last first.
    children.sort_by_key(|child| std::cmp::Reverse(child.transitioned_at));
    let reason = match latest {
        Some(child) if child.transitioned_at > alarm.configured_at => format!(
            "{} transitioned to {} at {}",
            child.arn,
            child.state,
            long_moment(child.transitioned_at)
        ),
        _ => {
            let verb = if alarm.state == api::StateValue::InsufficientData {
                "created"
            } else {
                "updated"
            };
            format!(
                "{} was {verb} and its alarm rule evaluates to {state}",
                alarm.arn
            )
        }
    };
    let shown: Vec<String> = children
        .iter()
        .map(|child| {
            format!(
                "{{\"arn\":{},\"state\":{{\"value\":\"{}\",\"timestamp\":\"{}\"}}}}",
                history::quoted(&child.arn),
                child.state,
                moment(child.transitioned_at)
            )
        })
        .collect();
    Verdict {
        state,
        reason,
        reason_data: Some(format!("{{\"triggeringAlarms\":[{}]}}", shown.join(","))),
        datapoints: Vec::new(),
    }
}

/// The alarms that make a rule come to what it comes to.
fn deciding<'a>(
    rule: &'a Rule,
    holds: bool,
    state: &impl Fn(&str) -> Option<api::StateValue>,
    into: &mut Vec<&'a str>,
) {
    let mut add = |name: &'a str| {
        if !into.contains(&name) {
            into.push(name);
        }
    };
    match rule {
        Rule::Always(_) => {}
        Rule::Is(_, alarm) => add(alarm),
        Rule::Not(inner) => deciding(inner, !holds, state, into),
        Rule::And(one, other) | Rule::Or(one, other) => {
            for part in [one, other] {
                if part.holds(state) == holds {
                    deciding(part, holds, state, into);
                }
            }
        }
        Rule::AtLeast {
            negated,
            state: wanted,
            alarms,
            least: Least::Count(_) | Least::Percent(_),
        } => {
            for alarm in alarms {
                if ((state(alarm) == Some(*wanted)) != *negated) == holds {
                    add(alarm);
                }
            }
        }
    }
}

/// The names, each after those its rule speaks of; without those that depend on themselves and
/// those that depend on such.
fn ordered(rules: &BTreeMap<String, Rule>) -> Vec<String> {
    let mut order = Vec::new();
    let mut done = BTreeSet::new();
    let mut left: Vec<&String> = rules.keys().collect();
    loop {
        let (ready, waiting): (Vec<&String>, Vec<&String>) = left.iter().partition(|name| {
            rules[**name]
                .alarms()
                .into_iter()
                .all(|child| !rules.contains_key(child) || done.contains(child))
        });
        if ready.is_empty() {
            return order;
        }
        for name in ready {
            done.insert(name.as_str());
            order.push(name.clone());
        }
        left = waiting;
    }
}
