//! Metric alarms as they are put and shown.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use wire::cloudwatch as api;
use wire::{Error, Stored, Unit};

use super::super::error::{not_built, validation};
use super::super::state::{
    Alarm, AlarmStatistic, Kind, LowSamples, MetricRule, TreatMissing, Watched,
};
use super::super::{dimension, tags};
use super::{common, history};
use crate::{Context, Region};

const DAY: u64 = 86_400;
const WEEK: u64 = 604_800;

pub(in super::super) fn put_metric_alarm(
    region: &mut Region,
    context: &Context,
    input: api::PutMetricAlarmInput,
) -> Result<Unit, Error> {
    common::check_name(&input.alarm_name)?;
    common::check_description(input.alarm_description.as_deref())?;
    let rule = taken(&input)?;
    let name = input.alarm_name;
    let old = region.cloudwatch.alarms.get(&name);
    if old.is_some_and(|old| matches!(old.kind, Kind::Composite(_))) {
        return Err(validation(format!(
            "The alarm {name} is a composite alarm; a metric alarm cannot have its name."
        )));
    }
    let alarm = Alarm {
        arn: region
            .settings
            .arn("cloudwatch", format_args!("alarm:{name}")),
        description: input.alarm_description,
        actions_enabled: input.actions_enabled.unwrap_or(true),
        ok_actions: common::actions(input.ok_actions, false)?,
        alarm_actions: common::actions(input.alarm_actions, false)?,
        insufficient_data_actions: common::actions(input.insufficient_data_actions, false)?,
        kind: Kind::Metric(rule),
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
        invoked_at: old.and_then(|old| old.invoked_at),
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

fn taken(input: &api::PutMetricAlarmInput) -> Result<MetricRule, Error> {
    use api::ComparisonOperator as Operator;
    if input.evaluation_criteria.is_some() || input.evaluation_interval.is_some() {
        return Err(not_built("PromQL alarms (EvaluationCriteria)"));
    }
    let comparison = input.comparison_operator.ok_or_else(|| {
        validation("PutMetricAlarm request should have a valid ComparisonOperator parameter")
    })?;
    if input.threshold_metric_id.is_some()
        || matches!(
            comparison,
            Operator::LessThanLowerOrGreaterThanUpperThreshold
                | Operator::LessThanLowerThreshold
                | Operator::GreaterThanUpperThreshold
        )
    {
        return Err(not_built("alarms on anomaly detection (ThresholdMetricId)"));
    }
    let threshold = input
        .threshold
        .filter(|threshold| threshold.is_finite())
        .ok_or_else(|| {
            validation("PutMetricAlarm request should have valid Threshold parameter")
        })?;
    let evaluation_periods = whole(input.evaluation_periods).ok_or_else(|| {
        validation("PutMetricAlarm request should have an EvaluationPeriods parameter")
    })?;
    let datapoints_to_alarm = match input.datapoints_to_alarm {
        None => None,
        given => Some(whole(given).ok_or_else(|| {
            validation("DatapointsToAlarm must be a number from 1 to EvaluationPeriods")
        })?),
    };
    if datapoints_to_alarm.is_some_and(|least| least > evaluation_periods) {
        return Err(validation(
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
        ));
    }
    let missing = match input.treat_missing_data.as_deref() {
        None => None,
        Some("missing") => Some(TreatMissing::Missing),
        Some("ignore") => Some(TreatMissing::Ignore),
        Some("breaching") => Some(TreatMissing::Breaching),
        Some("notBreaching") => Some(TreatMissing::NotBreaching),
        Some(_) => {
            return Err(validation(
                "Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing.",
            ));
        }
    };
    let low_samples = match input.evaluate_low_sample_count_percentile.as_deref() {
        None => None,
        Some("evaluate") => Some(LowSamples::Evaluate),
        Some("ignore") => Some(LowSamples::Ignore),
        Some(_) => {
            return Err(validation(
                "Supported options for EvaluateLowSampleCountPercentile are evaluate and ignore.",
            ));
        }
    };
    let queries = input.metrics.as_deref().unwrap_or_default();
    let watched = if queries.is_empty() {
        single(input, low_samples)?
    } else {
        if input.metric_name.is_some()
            || input.namespace.is_some()
            || input.dimensions.as_ref().is_some_and(|all| !all.is_empty())
            || input.period.is_some()
            || input.unit.is_some()
            || input.statistic.is_some()
            || input.extended_statistic.is_some()
        {
            return Err(validation(
                "Metrics list and MetricName, Namespace, Dimensions, Period, Unit, Statistic or ExtendedStatistic cannot be specified together.",
            ));
        }
        if low_samples.is_some() {
            return Err(validation(
                "EvaluateLowSampleCountPercentile can not be applied to a list of metrics.",
            ));
        }
        Watched::Queries(queries.iter().cloned().map(Stored).collect())
    };
    let rule = MetricRule {
        watched,
        comparison,
        threshold,
        evaluation_periods,
        datapoints_to_alarm,
        missing,
        low_samples,
    };
    super::watched::check(&rule)?;
    Ok(rule)
}

fn whole(number: Option<i64>) -> Option<u32> {
    u32::try_from(number?).ok().filter(|number| *number > 0)
}

fn single(
    input: &api::PutMetricAlarmInput,
    low_samples: Option<LowSamples>,
) -> Result<Watched, Error> {
    let (Some(name), Some(namespace)) = (&input.metric_name, &input.namespace) else {
        return Err(validation(
            "PutMetricAlarm request should have MetricName and Namespace parameters, or a list of Metrics.",
        ));
    };
    let statistic = match (input.statistic, &input.extended_statistic) {
        (Some(_), Some(_)) => {
            return Err(validation(
                "PutMetricAlarm request can not be made with both Statistic and ExtendedStatistic parameters. Only one of them should be present",
            ));
        }
        (None, None) => {
            return Err(validation(
                "PutMetricAlarm request should have a Statistic parameter",
            ));
        }
        (Some(simple), None) => AlarmStatistic::Simple(simple),
        (None, Some(extended)) => AlarmStatistic::Extended(extended.clone()),
    };
    if low_samples.is_some() {
        let (name, percentile) = match &statistic {
            AlarmStatistic::Simple(simple) => (simple.as_str(), false),
            AlarmStatistic::Extended(text) => (text.as_str(), text.starts_with('p')),
        };
        if !percentile {
            return Err(validation(format!(
                "Option evaluateLowSampleCountPercentile can not be applied with statistic {name}. This option is enabled only for percentile statistics."
            )));
        }
    }
    let period = whole(input.period)
        .ok_or_else(|| validation("PutMetricAlarm request should have a Period parameter"))?;
    Ok(Watched::Metric {
        namespace: namespace.clone(),
        name: name.clone(),
        dimensions: dimension::taken(input.dimensions.clone(), "")
            .map_err(|error| validation(error.message))?,
        statistic,
        unit: input.unit,
        period,
    })
}

/// Checks the period of what an alarm watches against how far back it may look.
pub(super) fn check_period(period: u32, evaluation_periods: u32) -> Result<(), Error> {
    if !(matches!(period, 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60))) {
        return Err(validation("Period must be 10, 20, 30 or a multiple of 60"));
    }
    let window = u64::from(period) * u64::from(evaluation_periods);
    if period < 3600 && window > DAY {
        return Err(validation(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms using period < 3600",
        ));
    }
    if window > WEEK {
        return Err(validation(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms using period >= 3600",
        ));
    }
    Ok(())
}

pub(super) fn shown(alarm: &Alarm, rule: &MetricRule) -> api::MetricAlarm {
    let mut shown = api::MetricAlarm {
        actions_enabled: Some(alarm.actions_enabled),
        alarm_actions: Some(alarm.alarm_actions.clone()),
        alarm_arn: Some(alarm.arn.clone()),
        alarm_configuration_updated_timestamp: Some(alarm.configured_at),
        alarm_description: alarm.description.clone(),
        alarm_name: Some(alarm.name.clone()),
        comparison_operator: Some(rule.comparison),
        datapoints_to_alarm: rule.datapoints_to_alarm.map(i64::from),
        dimensions: Some(Vec::new()),
        evaluate_low_sample_count_percentile: rule.low_samples.map(|low| low.as_str().to_owned()),
        evaluation_periods: Some(i64::from(rule.evaluation_periods)),
        insufficient_data_actions: Some(alarm.insufficient_data_actions.clone()),
        ok_actions: Some(alarm.ok_actions.clone()),
        state_reason: Some(alarm.reason.clone()),
        state_reason_data: alarm.reason_data.clone(),
        state_transitioned_timestamp: Some(alarm.transitioned_at),
        state_updated_timestamp: Some(alarm.updated_at),
        state_value: Some(alarm.state),
        threshold: Some(rule.threshold),
        treat_missing_data: rule.missing.map(|missing| missing.as_str().to_owned()),
        ..Default::default()
    };
    match &rule.watched {
        Watched::Metric {
            namespace,
            name,
            dimensions,
            statistic,
            unit,
            period,
        } => {
            shown.namespace = Some(namespace.clone());
            shown.metric_name = Some(name.clone());
            shown.dimensions = Some(dimension::shown(dimensions));
            shown.period = Some(i64::from(*period));
            shown.unit = *unit;
            match statistic {
                AlarmStatistic::Simple(simple) => shown.statistic = Some(*simple),
                AlarmStatistic::Extended(text) => shown.extended_statistic = Some(text.clone()),
            }
        }
        Watched::Queries(queries) => {
            shown.metrics = Some(queries.iter().map(|query| query.0.clone()).collect());
        }
    }
    shown
}
