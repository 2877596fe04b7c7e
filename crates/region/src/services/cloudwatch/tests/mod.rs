//! CloudWatch as its callers see it, in virtual time.

mod alarm;
mod composite;
mod dashboard;
mod metric;
mod retention;

use jiff::{SignedDuration, Timestamp};
use wire::cloudwatch as api;
use wire::cloudwatch::op;

use crate::testing::Bench;

const SERVICE: &str = "cloudwatch";

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// A metric of the namespace `N`.
fn put(bench: &mut Bench, name: &str, at: Timestamp, value: f64) {
    put_data(
        bench,
        vec![api::MetricDatum {
            metric_name: name.into(),
            timestamp: Some(at),
            value: Some(value),
            ..Default::default()
        }],
    );
}

fn put_data(bench: &mut Bench, data: Vec<api::MetricDatum>) {
    let input = api::PutMetricDataInput {
        namespace: "N".into(),
        metric_data: Some(data),
        ..Default::default()
    };
    bench
        .call::<op::PutMetricData>(SERVICE, input)
        .expect("it is put");
}

/// An alarm on the average of a metric of `N` above 0.5, M of N minutes.
fn alarm(name: &str, metric: &str, least: i64, periods: i64) -> api::PutMetricAlarmInput {
    api::PutMetricAlarmInput {
        alarm_name: name.into(),
        namespace: Some("N".into()),
        metric_name: Some(metric.into()),
        statistic: Some(api::Statistic::Average),
        period: Some(60),
        evaluation_periods: Some(periods),
        datapoints_to_alarm: (least != periods).then_some(least),
        threshold: Some(0.5),
        comparison_operator: Some(api::ComparisonOperator::GreaterThanThreshold),
        ..Default::default()
    }
}

fn put_alarm(bench: &mut Bench, input: api::PutMetricAlarmInput) {
    bench
        .call::<op::PutMetricAlarm>(SERVICE, input)
        .expect("it is put");
}

fn set_state(bench: &mut Bench, name: &str, state: api::StateValue) {
    let input = api::SetAlarmStateInput {
        alarm_name: name.into(),
        state_value: state,
        state_reason: "by hand".into(),
        state_reason_data: None,
    };
    bench
        .call::<op::SetAlarmState>(SERVICE, input)
        .expect("it is set");
}

fn described(bench: &mut Bench, name: &str) -> api::MetricAlarm {
    let input = api::DescribeAlarmsInput {
        alarm_names: Some(vec![name.into()]),
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeAlarms>(SERVICE, input)
        .expect("they are described");
    answer.metric_alarms.expect("a list").swap_remove(0)
}

fn state(bench: &mut Bench, name: &str) -> &'static str {
    super::alarm::get(&bench.region, name)
        .expect("it is there")
        .state
        .as_str()
}

/// Summaries, the newest first.
fn history(bench: &mut Bench, name: &str, kind: Option<api::HistoryItemType>) -> Vec<String> {
    let input = api::DescribeAlarmHistoryInput {
        alarm_name: Some(name.into()),
        alarm_types: Some(vec![
            api::AlarmType::MetricAlarm,
            api::AlarmType::CompositeAlarm,
        ]),
        history_item_type: kind,
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeAlarmHistory>(SERVICE, input)
        .expect("it is told");
    let items = answer.alarm_history_items.expect("a list");
    items
        .into_iter()
        .map(|item| item.history_summary.expect("a summary"))
        .collect()
}
