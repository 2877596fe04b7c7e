//! Alarms as they are listed.

use wire::Error;
use wire::cloudwatch as api;

use super::super::dimension;
use super::super::error::{invalid_next_token, validation};
use super::super::state::{Alarm, AlarmStatistic, Kind, Watched};
use super::{composite, metric};
use crate::page::page;
use crate::{Context, Region};

const PAGE: usize = 50;

pub(in super::super) fn describe_alarms(
    region: &Region,
    _: &Context,
    input: api::DescribeAlarmsInput,
) -> Result<api::DescribeAlarmsOutput, Error> {
    let names = input.alarm_names.clone().filter(|names| !names.is_empty());
    if names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(validation(
            "AlarmNamePrefix and AlarmNames cannot both be specified.",
        ));
    }
    let family = input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some();
    if family
        && (names.is_some()
            || input.alarm_name_prefix.is_some()
            || input.alarm_types.is_some()
            || input.state_value.is_some()
            || input.action_prefix.is_some()
            || (input.children_of_alarm_name.is_some() && input.parents_of_alarm_name.is_some()))
    {
        return Err(validation(
            "ChildrenOfAlarmName and ParentsOfAlarmName can only be combined with MaxRecords and NextToken.",
        ));
    }
    let alarms: Vec<&Alarm> = if let Some(name) = &input.children_of_alarm_name {
        children(region, name)?
    } else if let Some(name) = &input.parents_of_alarm_name {
        composite::parents(region, name).collect()
    } else {
        let types = input
            .alarm_types
            .filter(|types| !types.is_empty())
            .unwrap_or_else(|| vec![api::AlarmType::MetricAlarm]);
        let wanted = |alarm: &&Alarm| {
            types.contains(&alarm.alarm_type())
                && input.state_value.is_none_or(|state| state == alarm.state)
                && input.action_prefix.as_ref().is_none_or(|prefix| {
                    [
                        &alarm.ok_actions,
                        &alarm.alarm_actions,
                        &alarm.insufficient_data_actions,
                    ]
                    .into_iter()
                    .flatten()
                    .any(|action| action.starts_with(prefix))
                })
        };
        if let Some(names) = names {
            let mut names = names;
            names.sort();
            names.dedup();
            let found = names
                .iter()
                .filter_map(|name| region.cloudwatch.alarms.get(name));
            found.filter(wanted).collect()
        } else {
            let prefix = input.alarm_name_prefix.unwrap_or_default();
            let from = region.cloudwatch.alarms.range(prefix.clone()..);
            let found = from
                .take_while(|(name, _)| name.starts_with(&prefix))
                .map(|(_, alarm)| alarm);
            found.filter(wanted).collect()
        }
    };
    let most = input
        .max_records
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(PAGE);
    let piece = page(
        alarms,
        |alarm| alarm.name.clone(),
        input.next_token.as_deref(),
        most,
    )
    .map_err(|_| invalid_next_token())?;
    let mut metric_alarms = Vec::new();
    let mut composite_alarms = Vec::new();
    let brief = input.parents_of_alarm_name.is_some();
    for alarm in piece.items {
        match &alarm.kind {
            Kind::Metric(rule) if family => {
                let full = metric::shown(alarm, rule);
                metric_alarms.push(api::MetricAlarm {
                    alarm_name: full.alarm_name,
                    alarm_arn: full.alarm_arn,
                    state_value: full.state_value,
                    state_updated_timestamp: full.state_updated_timestamp,
                    ..Default::default()
                });
            }
            Kind::Composite(rule) if family => {
                let full = composite::shown(alarm, rule);
                composite_alarms.push(api::CompositeAlarm {
                    alarm_name: full.alarm_name,
                    alarm_arn: full.alarm_arn,
                    state_value: full.state_value.filter(|_| !brief),
                    state_updated_timestamp: full.state_updated_timestamp.filter(|_| !brief),
                    ..Default::default()
                });
            }
            Kind::Metric(rule) => metric_alarms.push(metric::shown(alarm, rule)),
            Kind::Composite(rule) => composite_alarms.push(composite::shown(alarm, rule)),
        }
    }
    Ok(api::DescribeAlarmsOutput {
        composite_alarms: Some(composite_alarms),
        metric_alarms: Some(metric_alarms),
        next_token: piece.next,
    })
}

fn children<'a>(region: &'a Region, name: &str) -> Result<Vec<&'a Alarm>, Error> {
    let Some(Alarm {
        kind: Kind::Composite(rule),
        ..
    }) = super::get(region, name)
    else {
        return Err(validation(format!("{name} is not a composite alarm.")));
    };
    let mut names = composite::children(rule);
    names.sort();
    Ok(names
        .iter()
        .filter_map(|name| super::get(region, name))
        .collect())
}

pub(in super::super) fn describe_alarms_for_metric(
    region: &Region,
    _: &Context,
    input: api::DescribeAlarmsForMetricInput,
) -> Result<api::DescribeAlarmsForMetricOutput, Error> {
    if input.statistic.is_some() && input.extended_statistic.is_some() {
        return Err(validation(
            "Statistic and ExtendedStatistic cannot both be specified.",
        ));
    }
    let wanted: Vec<(String, String)> = input
        .dimensions
        .unwrap_or_default()
        .into_iter()
        .map(|one| (one.name, one.value))
        .collect();
    let shown = region.cloudwatch.alarms.values().filter_map(|alarm| {
        let Kind::Metric(rule) = &alarm.kind else {
            return None;
        };
        let Watched::Metric {
            namespace,
            name,
            dimensions,
            statistic,
            unit,
            period,
        } = &rule.watched
        else {
            return None;
        };
        let same_statistic = match (statistic, input.statistic, &input.extended_statistic) {
            (_, None, None) => true,
            (AlarmStatistic::Simple(one), Some(wanted), None) => *one == wanted,
            (AlarmStatistic::Extended(one), None, Some(wanted)) => one == wanted,
            _ => false,
        };
        let same = *namespace == input.namespace
            && *name == input.metric_name
            && dimension::same(dimensions, &wanted)
            && same_statistic
            && input.unit.is_none_or(|wanted| *unit == Some(wanted))
            && input
                .period
                .is_none_or(|wanted| i64::from(*period) == wanted);
        same.then(|| metric::shown(alarm, rule))
    });
    Ok(api::DescribeAlarmsForMetricOutput {
        metric_alarms: Some(shown.collect()),
    })
}
