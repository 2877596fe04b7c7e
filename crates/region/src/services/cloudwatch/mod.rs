//! CloudWatch: metrics, alarms and dashboards.

pub mod alarm;
mod bucket;
mod chunk;
mod dashboard;
mod data;
mod dimension;
mod error;
mod math;
mod memory;
pub mod metric;
mod query;
mod read;
mod retention;
mod search;
mod state;
mod statistic;
mod tags;
#[cfg(test)]
mod tests;
mod text;
mod widget;

use jiff::Timestamp;

pub use dimension::Dimensions;
pub use state::{Alarm, CompositeRule, Kind, MetricRule, State};

use crate::{Context, Region, Service};

crate::operations! { wire::cloudwatch::op;
    write DeleteAlarms => alarm::delete_alarms,
    write DeleteDashboards => dashboard::delete_dashboards,
    read DescribeAlarmHistory => alarm::describe_alarm_history,
    read DescribeAlarms => alarm::describe_alarms,
    read DescribeAlarmsForMetric => alarm::describe_alarms_for_metric,
    write DisableAlarmActions => alarm::disable_alarm_actions,
    write EnableAlarmActions => alarm::enable_alarm_actions,
    read GetDashboard => dashboard::get_dashboard,
    read GetMetricData => data::get_metric_data,
    read GetMetricStatistics => data::get_metric_statistics,
    read ListDashboards => dashboard::list_dashboards,
    read ListMetrics => metric::list_metrics,
    read ListTagsForResource => tags::list_tags_for_resource,
    write PutCompositeAlarm => alarm::put_composite_alarm,
    write PutDashboard => dashboard::put_dashboard,
    write PutMetricAlarm => alarm::put_metric_alarm,
    write PutMetricData => metric::put_metric_data,
    write SetAlarmState => alarm::set_alarm_state,
    write TagResource => tags::tag_resource,
    write UntagResource => tags::untag_resource,
}

pub(crate) const SERVICE: Service = Service {
    reconcile,
    deadline,
    ..Service::new("cloudwatch", handler)
};

fn reconcile(region: &mut Region, context: &Context) {
    alarm::reconcile(region, context);
    retention::reconcile(region, context.now);
}

fn deadline(region: &Region) -> Option<Timestamp> {
    [alarm::deadline(region), retention::deadline(region)]
        .into_iter()
        .flatten()
        .min()
}
