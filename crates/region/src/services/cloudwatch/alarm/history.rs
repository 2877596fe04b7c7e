//! What happened to alarms, kept for thirty days, also of alarms that are gone.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>

use jiff::{SignedDuration, Timestamp};
use wire::Error;
use wire::cloudwatch as api;

use super::super::error::invalid_next_token;
use super::super::state::{Alarm, AlarmStatistic, History, Kind, Watched};
use super::super::{dimension, text};
use crate::page::page;
use crate::{Context, Region};

pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Takes note of something that happened to an alarm.
pub(super) fn tell(
    region: &mut Region,
    context: &Context,
    alarm: &Alarm,
    kind: api::HistoryItemType,
    summary: String,
    data: String,
) {
    let moment = format!("{:020}", context.now.as_millisecond());
    let history = &mut region.cloudwatch.history;
    let last = history
        .range((moment.clone(), 0)..=(moment.clone(), u64::MAX))
        .next_back()
        .map(|((_, number), _)| *number);
    let row = History {
        alarm: alarm.name.clone(),
        alarm_type: alarm.alarm_type(),
        at: context.now,
        kind,
        summary,
        data,
    };
    history.insert((moment, last.map_or(0, |last| last + 1)), row);
}

/// Forgets what is too old. Says when the next one will be.
pub(super) fn forget(region: &mut Region, now: Timestamp) {
    let history = &mut region.cloudwatch.history;
    let before = (now - KEPT).as_millisecond();
    let before = (format!("{:020}", before.max(0)), u64::MAX);
    let old: Vec<(String, u64)> = history
        .range(..=before)
        .map(|(key, _)| key.clone())
        .collect();
    for key in old {
        history.remove(&key);
    }
}

pub(in super::super) fn describe_alarm_history(
    region: &Region,
    _: &Context,
    input: api::DescribeAlarmHistoryInput,
) -> Result<api::DescribeAlarmHistoryOutput, Error> {
    let types = input
        .alarm_types
        .filter(|types| !types.is_empty())
        .unwrap_or_else(|| vec![api::AlarmType::MetricAlarm]);
    // Of a contributor there is nothing: no alarm here has any.
    let contributor = input.alarm_contributor_id.is_some();
    let wanted = |row: &History| {
        !contributor
            && types.contains(&row.alarm_type)
            && input
                .alarm_name
                .as_ref()
                .is_none_or(|name| *name == row.alarm)
            && input.history_item_type.is_none_or(|kind| kind == row.kind)
            && input.start_date.is_none_or(|from| row.at >= from)
            && input.end_date.is_none_or(|to| row.at <= to)
    };
    let most = input
        .max_records
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100);
    let rows = region
        .cloudwatch
        .history
        .iter()
        .filter(|(_, row)| wanted(row));
    let key = |(moment, number): &(String, u64)| format!("{moment}{number:020}");
    let marker = input.next_token.as_deref();
    let piece = if input.scan_by == Some(api::ScanBy::TimestampAscending) {
        page(rows, |(at, _)| key(at), marker, most)
    } else {
        // A list is cut by ascending keys, so these are told backwards.
        page(rows.rev(), |(at, _)| descending(&key(at)), marker, most)
    }
    .map_err(|_| invalid_next_token())?;
    let shown = |row: &History| api::AlarmHistoryItem {
        alarm_name: Some(row.alarm.clone()),
        alarm_type: Some(row.alarm_type),
        history_data: Some(row.data.clone()),
        history_item_type: Some(row.kind),
        history_summary: Some(row.summary.clone()),
        timestamp: Some(row.at),
        ..Default::default()
    };
    Ok(api::DescribeAlarmHistoryOutput {
        alarm_history_items: Some(piece.items.into_iter().map(|(_, row)| shown(row)).collect()),
        next_token: piece.next,
    })
}

/// Digits that ascend where `digits` descend.
fn descending(digits: &str) -> String {
    digits
        .bytes()
        .map(|digit| char::from(b'9' - (digit - b'0').min(9)))
        .collect()
}

/// What a history item says of a change of configuration.
pub(super) fn created(alarm: &Alarm) -> String {
    configured("Create", "createdAlarm", alarm)
}

pub(super) fn updated(alarm: &Alarm) -> String {
    configured("Update", "updatedAlarm", alarm)
}

pub(super) fn deleted(alarm: &Alarm) -> String {
    configured("Delete", "deletedAlarm", alarm)
}

fn configured(kind: &str, member: &str, alarm: &Alarm) -> String {
    let alarm = configuration(alarm);
    format!("{{\"version\":\"1.0\",\"type\":\"{kind}\",\"{member}\":{alarm}}}")
}

/// An alarm as history tells it, with the names in AWS's order.
fn configuration(alarm: &Alarm) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |name: &str, value: String| parts.push(format!("\"{name}\":{value}"));
    add("alarmName", quoted(&alarm.name));
    if let Some(description) = &alarm.description {
        add("alarmDescription", quoted(description));
    }
    add("alarmArn", quoted(&alarm.arn));
    add(
        "alarmConfigurationUpdatedTimestamp",
        quoted(&text::moment(alarm.configured_at)),
    );
    match &alarm.kind {
        Kind::Metric(rule) => {
            match &rule.watched {
                Watched::Metric {
                    namespace,
                    name,
                    dimensions,
                    statistic,
                    unit,
                    period,
                } => {
                    add("namespace", quoted(namespace));
                    add("metricName", quoted(name));
                    match statistic {
                        AlarmStatistic::Simple(one) => add("statistic", quoted(one.as_str())),
                        AlarmStatistic::Extended(one) => add("extendedStatistic", quoted(one)),
                    }
                    add("period", period.to_string());
                    if let Some(unit) = unit {
                        add("unit", quoted(unit.as_str()));
                    }
                    let shown: Vec<String> = dimension::shown(dimensions)
                        .iter()
                        .map(|one| {
                            format!(
                                "{{\"value\":{},\"name\":{}}}",
                                quoted(&one.value),
                                quoted(&one.name)
                            )
                        })
                        .collect();
                    add("dimensions", format!("[{}]", shown.join(",")));
                }
                Watched::Queries(queries) => {
                    let shown: Vec<String> = queries
                        .iter()
                        .map(|query| wire::json::to_json(&query.0).to_string())
                        .collect();
                    add("metrics", format!("[{}]", shown.join(",")));
                }
            }
            add("threshold", text::number(rule.threshold));
            add("comparisonOperator", quoted(rule.comparison.as_str()));
            add("evaluationPeriods", rule.evaluation_periods.to_string());
            if let Some(least) = rule.datapoints_to_alarm {
                add("datapointsToAlarm", least.to_string());
            }
            if let Some(missing) = rule.missing {
                add("treatMissingData", quoted(missing.as_str()));
            }
            if let Some(low) = rule.low_samples {
                add("evaluateLowSampleCountPercentile", quoted(low.as_str()));
            }
        }
        Kind::Composite(rule) => {
            add("alarmRule", quoted(&rule.rule));
            if let Some(suppressor) = &rule.suppressor {
                add("actionsSuppressor", quoted(&suppressor.alarm));
                add("actionsSuppressorWaitPeriod", suppressor.wait.to_string());
                add(
                    "actionsSuppressorExtensionPeriod",
                    suppressor.extension.to_string(),
                );
            }
        }
    }
    add("stateValue", quoted(alarm.state.as_str()));
    add(
        "stateUpdatedTimestamp",
        quoted(&text::moment(alarm.updated_at)),
    );
    add("actionsEnabled", alarm.actions_enabled.to_string());
    add("alarmActions", list(&alarm.alarm_actions));
    add(
        "insufficientDataActions",
        list(&alarm.insufficient_data_actions),
    );
    add("okactions", list(&alarm.ok_actions));
    format!("{{{}}}", parts.join(","))
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(","))
}

/// What a history item says of a change of state.
pub(super) fn change(old: &Alarm, new: &Alarm) -> String {
    format!(
        "{{\"version\":\"1.0\",\"oldState\":{},\"newState\":{}}}",
        state_of(old),
        state_of(new)
    )
}

fn state_of(alarm: &Alarm) -> String {
    let mut text = format!(
        "{{\"stateValue\":\"{}\",\"stateReason\":{}",
        alarm.state,
        quoted(&alarm.reason)
    );
    if let Some(data) = &alarm.reason_data {
        // What a caller of SetAlarmState gave need not be JSON.
        let json = serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok();
        text.push_str(",\"stateReasonData\":");
        text.push_str(&if json { data.clone() } else { quoted(data) });
    }
    text.push('}');
    text
}
