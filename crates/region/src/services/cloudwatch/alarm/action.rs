//! What alarms do when their state changes: each action by its ARN.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html>

use wire::cloudwatch as api;

use super::super::state::{Alarm, Kind};
use super::history::{self, quoted};
use super::notification::Notification;
use crate::services::application_autoscaling::policy::{Breach, invoke};
use crate::services::sns::publish::publish;
use crate::{Context, Region};

/// Does all that the alarm does on entering its state.
pub(super) fn perform(
    region: &mut Region,
    context: &Context,
    alarm: &Alarm,
    old: api::StateValue,
    datapoints: &[f64],
) {
    if !alarm.actions_enabled {
        return;
    }
    for action in alarm.actions(alarm.state) {
        let done = one(region, context, alarm, old, action, datapoints);
        tell(region, context, alarm, action, done);
    }
}

/// Whether the alarm does something in its state that is repeated while it stays.
pub(super) fn repeats(alarm: &Alarm) -> bool {
    alarm.actions_enabled
        && alarm
            .actions(alarm.state)
            .iter()
            .any(|action| service(action) == "autoscaling")
}

/// Does again what is repeated while an alarm stays in its state.
pub(super) fn repeat(region: &mut Region, context: &Context, alarm: &Alarm, datapoints: &[f64]) {
    for action in alarm.actions(alarm.state) {
        if service(action) == "autoscaling" {
            // The first time was told; AWS does not tell the others.
            let _ = one(region, context, alarm, alarm.state, action, datapoints);
        }
    }
}

fn service(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
}

/// What was published, if it was something to be published; or why it could not be done.
fn one(
    region: &mut Region,
    context: &Context,
    alarm: &Alarm,
    old: api::StateValue,
    action: &str,
    datapoints: &[f64],
) -> Result<Option<String>, String> {
    match service(action) {
        "sns" => {
            let told = Notification::of(context.settings, alarm, old);
            publish(region, context, action, Some(&told.subject), &told.message)
                .map(|_| Some(told.message))
                .map_err(|error| error.message)
        }
        "autoscaling" => {
            let threshold = match &alarm.kind {
                Kind::Metric(rule) => rule.threshold,
                Kind::Composite(_) => {
                    return Err("A composite alarm cannot scale: it has no metric.".to_owned());
                }
            };
            let breach = Breach {
                alarm_name: alarm.name.clone(),
                state: alarm.state,
                datapoints: datapoints.to_vec(),
                threshold,
            };
            invoke(region, context, action, &breach);
            Ok(None)
        }
        other => Err(format!(
            "Terrella does not perform actions of the service {other}."
        )),
    }
}

fn tell(
    region: &mut Region,
    context: &Context,
    alarm: &Alarm,
    action: &str,
    done: Result<Option<String>, String>,
) {
    let moment = alarm.updated_at.as_millisecond();
    let head = format!(
        "\"stateUpdateTimestamp\":{moment},\"notificationResource\":{}",
        quoted(action)
    );
    let (summary, data) = match done {
        Ok(published) => {
            let published = published
                .map(|message| {
                    // As it went to each protocol: to all the same.
                    let by_protocol = format!("{{\"default\":{}}}", quoted(&message));
                    format!(",\"publishedMessage\":{}", quoted(&by_protocol))
                })
                .unwrap_or_default();
            (
                format!("Successfully executed action {action}"),
                format!("{{\"actionState\":\"Succeeded\",{head}{published}}}"),
            )
        }
        Err(error) => (
            format!("Failed to execute action {action}. Received error: \"{error}\""),
            format!(
                "{{\"actionState\":\"Failed\",{head},\"error\":{}}}",
                quoted(&error)
            ),
        ),
    };
    history::tell(
        region,
        context,
        alarm,
        api::HistoryItemType::Action,
        summary,
        data,
    );
}
