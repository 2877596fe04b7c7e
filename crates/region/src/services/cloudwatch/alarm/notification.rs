//! What an alarm publishes to an SNS topic: a subject, and JSON from which SNS makes the text for
//! people too.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>

use wire::cloudwatch as api;

use super::super::state::{Alarm, AlarmStatistic, Kind, MetricRule, TreatMissing, Watched};
use super::super::text;
use super::history::{list, quoted};
use crate::Settings;

/// SNS takes no longer subjects.
const LONGEST_SUBJECT: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notification {
    pub(super) subject: String,
    pub(super) message: String,
}

impl Notification {
    pub(super) fn of(settings: &Settings, alarm: &Alarm, old: api::StateValue) -> Self {
        Self {
            subject: subject(settings, alarm),
            message: json(settings, alarm, old),
        }
    }
}

fn subject(settings: &Settings, alarm: &Alarm) -> String {
    let place = text::region_name(&settings.region);
    // A subject is ASCII.
    let name: String = alarm
        .name
        .chars()
        .map(|letter| if letter.is_ascii() { letter } else { '?' })
        .collect();
    let full = format!("{}: \"{name}\" in {place}", alarm.state);
    if full.len() <= LONGEST_SUBJECT {
        return full;
    }
    let around = full.len() - name.len() + "...".len();
    let kept = LONGEST_SUBJECT.saturating_sub(around);
    format!(
        "{}: \"{}...\" in {place}",
        alarm.state,
        &name[..kept.min(name.len())]
    )
}

/// Parts of an object, joined to JSON in the order they were added.
#[derive(Default)]
struct Object(Vec<String>);

impl Object {
    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &quoted(value));
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        self.raw(name, &value.map_or_else(|| "null".to_owned(), quoted));
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.0.push(format!("\"{name}\":{value}"));
    }

    fn json(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

fn json(settings: &Settings, alarm: &Alarm, old: api::StateValue) -> String {
    let mut body = Object::default();
    body.text("AlarmName", &alarm.name);
    body.maybe("AlarmDescription", alarm.description.as_deref());
    body.text("AWSAccountId", &settings.account);
    let metric = match &alarm.kind {
        Kind::Metric(rule) => Some(rule),
        Kind::Composite(_) => None,
    };
    if metric.is_some() {
        body.text(
            "AlarmConfigurationUpdatedTimestamp",
            &text::moment(alarm.configured_at),
        );
    }
    body.text("NewStateValue", alarm.state.as_str());
    body.text("NewStateReason", &alarm.reason);
    body.text("StateChangeTime", &text::moment(alarm.transitioned_at));
    body.text("Region", text::region_name(&settings.region));
    body.text("AlarmArn", &alarm.arn);
    if metric.is_some() {
        body.text("OldStateValue", old.as_str());
    }
    body.raw("OKActions", &list(&alarm.ok_actions));
    body.raw("AlarmActions", &list(&alarm.alarm_actions));
    body.raw(
        "InsufficientDataActions",
        &list(&alarm.insufficient_data_actions),
    );
    match &alarm.kind {
        Kind::Metric(rule) => body.raw("Trigger", &trigger(rule)),
        Kind::Composite(rule) => {
            body.text("OldStateValue", old.as_str());
            body.text("AlarmRule", &rule.rule);
            body.raw("TriggeringChildren", &triggering_children(alarm));
        }
    }
    body.json()
}

fn trigger(rule: &MetricRule) -> String {
    let mut trigger = Object::default();
    match &rule.watched {
        Watched::Metric {
            namespace,
            name,
            dimensions,
            statistic,
            unit,
            period,
        } => {
            trigger.text("MetricName", name);
            trigger.text("Namespace", namespace);
            match statistic {
                AlarmStatistic::Simple(simple) => {
                    let name = match simple {
                        api::Statistic::SampleCount => "SAMPLE_COUNT".to_owned(),
                        other => other.as_str().to_ascii_uppercase(),
                    };
                    trigger.text("StatisticType", "Statistic");
                    trigger.text("Statistic", &name);
                }
                AlarmStatistic::Extended(name) => {
                    trigger.text("StatisticType", "ExtendedStatistic");
                    trigger.text("ExtendedStatistic", name);
                }
            }
            trigger.maybe("Unit", unit.map(api::StandardUnit::as_str));
            trigger.raw("Dimensions", &pairs(dimensions));
            trigger.raw("Period", &period.to_string());
        }
        Watched::Queries(queries) => {
            if let Some(period) = super::watched::period(rule) {
                trigger.raw("Period", &period.to_string());
            }
            let _ = queries;
        }
    }
    trigger.raw("EvaluationPeriods", &rule.evaluation_periods.to_string());
    if let Some(least) = rule.datapoints_to_alarm {
        trigger.raw("DatapointsToAlarm", &least.to_string());
    }
    trigger.text("ComparisonOperator", rule.comparison.as_str());
    trigger.raw("Threshold", &text::number(rule.threshold));
    trigger.text(
        "TreatMissingData",
        rule.missing.map_or("", TreatMissing::as_str),
    );
    trigger.text(
        "EvaluateLowSampleCountPercentile",
        rule.low_samples.map_or("", |low| low.as_str()),
    );
    if let Watched::Queries(queries) = &rule.watched {
        let queries: Vec<String> = queries.iter().map(|query| query_json(&query.0)).collect();
        trigger.raw("Metrics", &format!("[{}]", queries.join(",")));
    }
    trigger.json()
}

fn query_json(query: &api::MetricDataQuery) -> String {
    let mut body = Object::default();
    if let Some(expression) = &query.expression {
        body.text("Expression", expression);
    }
    body.text("Id", &query.id);
    if let Some(label) = &query.label {
        body.text("Label", label);
    }
    if let Some(stat) = &query.metric_stat {
        let mut metric = Object::default();
        let dimensions: Vec<(String, String)> = stat
            .metric
            .dimensions
            .iter()
            .flatten()
            .map(|one| (one.name.clone(), one.value.clone()))
            .collect();
        metric.raw("Dimensions", &pairs(&dimensions));
        metric.maybe("MetricName", stat.metric.metric_name.as_deref());
        metric.maybe("Namespace", stat.metric.namespace.as_deref());
        let mut shown = Object::default();
        shown.raw("Metric", &metric.json());
        shown.raw("Period", &stat.period.to_string());
        shown.text("Stat", &stat.stat);
        if let Some(unit) = stat.unit {
            shown.text("Unit", unit.as_str());
        }
        body.raw("MetricStat", &shown.json());
    }
    if let Some(period) = query.period {
        body.raw("Period", &period.to_string());
    }
    body.raw("ReturnData", &query.return_data.unwrap_or(true).to_string());
    body.json()
}

/// Dimensions, with names in lower case as AWS has them here.
fn pairs(dimensions: &[(String, String)]) -> String {
    let shown: Vec<String> = dimensions
        .iter()
        .map(|(name, value)| format!("{{\"value\":{},\"name\":{}}}", quoted(value), quoted(name)))
        .collect();
    format!("[{}]", shown.join(","))
}

/// The alarms that decided, from the reason's data.
fn triggering_children(alarm: &Alarm) -> String {
    let data: serde_json::Value = alarm
        .reason_data
        .as_deref()
        .and_then(|data| serde_json::from_str(data).ok())
        .unwrap_or_default();
    let children = data["triggeringAlarms"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let shown: Vec<String> = children
        .iter()
        .map(|child| {
            format!(
                "{{\"Arn\":{},\"State\":{{\"Value\":{},\"Timestamp\":{}}}}}",
                child["arn"], child["state"]["value"], child["state"]["timestamp"]
            )
        })
        .collect();
    format!("[{}]", shown.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tags;
    use jiff::Timestamp;

    fn alarm(name: &str) -> Alarm {
        let at: Timestamp = "2026-01-05T08:03:05Z".parse().expect("it is a moment");
        Alarm {
            name: name.to_owned(),
            arn: format!("arn:aws:cloudwatch:eu-central-1:000000000000:alarm:{name}"),
            description: None,
            actions_enabled: true,
            ok_actions: Vec::new(),
            alarm_actions: vec!["arn:aws:sns:eu-central-1:000000000000:ops".to_owned()],
            insufficient_data_actions: Vec::new(),
            kind: Kind::Metric(MetricRule {
                watched: Watched::Metric {
                    namespace: "AWS/ECS".to_owned(),
                    name: "CPUUtilization".to_owned(),
                    dimensions: vec![("ClusterName".to_owned(), "c".to_owned())],
                    statistic: AlarmStatistic::Simple(api::Statistic::Average),
                    unit: None,
                    period: 60,
                },
                comparison: api::ComparisonOperator::GreaterThanThreshold,
                threshold: 80.0,
                evaluation_periods: 3,
                datapoints_to_alarm: Some(2),
                missing: None,
                low_samples: None,
            }),
            configured_at: at,
            state: api::StateValue::Alarm,
            reason: "because".to_owned(),
            reason_data: None,
            previous: api::StateValue::Ok,
            transitioned_at: at,
            updated_at: at,
            invoked_at: None,
            set_by_hand: false,
            tags: Tags::new(),
        }
    }

    #[test]
    fn programs_are_told_in_awss_form() {
        let told = Notification::of(&Settings::default(), &alarm("hot"), api::StateValue::Ok);
        assert_eq!(told.subject, "ALARM: \"hot\" in EU (Frankfurt)");
        assert_eq!(
            told.message,
            concat!(
                r#"{"AlarmName":"hot","AlarmDescription":null,"AWSAccountId":"000000000000","#,
                r#""AlarmConfigurationUpdatedTimestamp":"2026-01-05T08:03:05.000+0000","#,
                r#""NewStateValue":"ALARM","NewStateReason":"because","#,
                r#""StateChangeTime":"2026-01-05T08:03:05.000+0000","Region":"EU (Frankfurt)","#,
                r#""AlarmArn":"arn:aws:cloudwatch:eu-central-1:000000000000:alarm:hot","OldStateValue":"OK","#,
                r#""OKActions":[],"AlarmActions":["arn:aws:sns:eu-central-1:000000000000:ops"],"InsufficientDataActions":[],"#,
                r#""Trigger":{"MetricName":"CPUUtilization","Namespace":"AWS/ECS","StatisticType":"Statistic","Statistic":"AVERAGE","Unit":null,"#,
                r#""Dimensions":[{"value":"c","name":"ClusterName"}],"Period":60,"EvaluationPeriods":3,"DatapointsToAlarm":2,"#,
                r#""ComparisonOperator":"GreaterThanThreshold","Threshold":80.0,"TreatMissingData":"","EvaluateLowSampleCountPercentile":""}}"#,
            )
        );
    }

    #[test]
    fn a_subject_is_short_and_ascii() {
        let told = Notification::of(
            &Settings::default(),
            &alarm(&"é".repeat(200)),
            api::StateValue::Ok,
        );
        assert!(told.subject.len() <= LONGEST_SUBJECT && told.subject.is_ascii());
        assert!(told.subject.ends_with("...\" in EU (Frankfurt)"));
    }
}
