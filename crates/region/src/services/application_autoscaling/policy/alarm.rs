//! The alarms a tracking policy owns: one above its target, one well below.
//!
//! Their names, metrics, periods and words are those of alarms that AWS made for ECS services; AWS
//! documents only that the low threshold is usually more than a tenth below the target
//! (AAS/target-tracking-scaling-policy-overview.html).

use wire::Error;
use wire::application_autoscaling as api;
use wire::cloudwatch;

use super::super::resource::Resource;
use super::super::state::{Policy, PolicyKind};
use super::read::balancer_and_group;
use crate::services::cloudwatch::alarm;
use crate::{Context, Region};

const PERIOD: i64 = 60;
const HIGH_PERIODS: i64 = 3;
const LOW_PERIODS: i64 = 15;
/// Of the target, below which fewer tasks would do.
const LOW: f64 = 0.9;

/// Makes the alarms of a policy, or changes them to what it watches now.
pub(super) fn put(
    region: &mut Region,
    context: &Context,
    resource: &Resource,
    policy: &Policy,
) -> Result<(), Error> {
    let PolicyKind::Tracking {
        configuration,
        high,
        low,
        created_by,
    } = &policy.kind
    else {
        return Ok(());
    };
    let action = format!("{}:createdBy/{created_by}", policy.arn);
    let configuration = &configuration.0;
    let target = configuration.target_value;
    let mut wanted = vec![(
        high,
        cloudwatch::ComparisonOperator::GreaterThanThreshold,
        target,
        HIGH_PERIODS,
    )];
    if let Some(low) = low {
        wanted.push((
            low,
            cloudwatch::ComparisonOperator::LessThanThreshold,
            target * LOW,
            LOW_PERIODS,
        ));
    }
    for (name, comparison, threshold, periods) in wanted {
        let input = cloudwatch::PutMetricAlarmInput {
            alarm_name: name.clone(),
            alarm_description: Some(format!(
                "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}."
            )),
            actions_enabled: Some(true),
            alarm_actions: Some(vec![action.clone()]),
            comparison_operator: Some(comparison),
            threshold: Some(threshold),
            evaluation_periods: Some(periods),
            treat_missing_data: Some("missing".to_owned()),
            ..watched(resource, configuration)?
        };
        alarm::put(region, context, input).map_err(no_access)?;
    }
    Ok(())
}

/// Deletes the alarms that a policy owns and no longer needs.
pub(super) fn delete(
    region: &mut Region,
    context: &Context,
    old: &PolicyKind,
    new: Option<&PolicyKind>,
) -> Result<(), Error> {
    let kept = new.map(names).unwrap_or_default();
    let gone: Vec<String> = names(old)
        .into_iter()
        .filter(|name| !kept.contains(name))
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    alarm::delete(region, context, &gone).map_err(no_access)
}

fn names(kind: &PolicyKind) -> Vec<String> {
    match kind {
        PolicyKind::Step(_) => Vec::new(),
        PolicyKind::Tracking { high, low, .. } => {
            std::iter::once(high).chain(low).cloned().collect()
        }
    }
}

/// The alarms of a policy, as it is told: its own, or those that call it.
pub(super) fn told(region: &Region, policy: &Policy) -> Vec<api::Alarm> {
    let shown = |name: &str, arn: &str| api::Alarm {
        alarm_name: Some(name.to_owned()),
        alarm_arn: Some(arn.to_owned()),
    };
    match &policy.kind {
        PolicyKind::Step(_) => alarm::calling(region, &policy.arn)
            .map(|one| shown(&one.name, &one.arn))
            .collect(),
        kind @ PolicyKind::Tracking { .. } => names(kind)
            .iter()
            .filter_map(|name| alarm::get(region, name))
            .map(|one| shown(&one.name, &one.arn))
            .collect(),
    }
}

/// Alarms that cannot be made or deleted keep the policy from being put or deleted.
fn no_access(error: Error) -> Error {
    wire::application_autoscaling::error::failed_resource_access_exception(format!(
        "Application Auto Scaling could not change the alarms of the policy: {}",
        error.message
    ))
}

/// What the alarms look at.
fn watched(
    resource: &Resource,
    configuration: &api::TargetTrackingScalingPolicyConfiguration,
) -> Result<cloudwatch::PutMetricAlarmInput, Error> {
    if let Some(metric) = &configuration.predefined_metric_specification {
        return Ok(predefined(resource, metric));
    }
    match &configuration.customized_metric_specification {
        Some(metric) => customized(metric),
        None => Ok(cloudwatch::PutMetricAlarmInput::default()),
    }
}

fn dimension(name: &str, value: &str) -> cloudwatch::Dimension {
    cloudwatch::Dimension {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn predefined(
    resource: &Resource,
    metric: &api::PredefinedMetricSpecification,
) -> cloudwatch::PutMetricAlarmInput {
    let label = metric
        .resource_label
        .as_deref()
        .and_then(balancer_and_group);
    let (namespace, name, statistic, unit, dimensions) =
        match (metric.predefined_metric_type, label) {
            (api::MetricType::ALBRequestCountPerTarget, Some((balancer, group))) => (
                "AWS/ApplicationELB",
                "RequestCountPerTarget",
                cloudwatch::Statistic::Sum,
                None,
                vec![
                    dimension("TargetGroup", group),
                    dimension("LoadBalancer", balancer),
                ],
            ),
            (kind, _) => (
                "AWS/ECS",
                if kind == api::MetricType::ECSServiceAverageMemoryUtilization {
                    "MemoryUtilization"
                } else {
                    "CPUUtilization"
                },
                cloudwatch::Statistic::Average,
                Some(cloudwatch::StandardUnit::Percent),
                vec![
                    dimension("ClusterName", &resource.cluster),
                    dimension("ServiceName", &resource.service),
                ],
            ),
        };
    cloudwatch::PutMetricAlarmInput {
        namespace: Some(namespace.to_owned()),
        metric_name: Some(name.to_owned()),
        statistic: Some(statistic),
        unit,
        dimensions: Some(dimensions),
        period: Some(PERIOD),
        ..Default::default()
    }
}

fn customized(
    metric: &api::CustomizedMetricSpecification,
) -> Result<cloudwatch::PutMetricAlarmInput, Error> {
    let unit = |unit: &Option<String>| {
        unit.as_deref()
            .map(|unit| {
                unit.parse::<cloudwatch::StandardUnit>()
                    .map_err(|_| super::super::error::invalid(format!("Unknown unit: {unit}")))
            })
            .transpose()
    };
    if let Some(queries) = metric.metrics.as_ref().filter(|all| !all.is_empty()) {
        let metrics = queries
            .iter()
            .map(|query| {
                let stat = query.metric_stat.as_ref().map(|one| {
                    Ok::<_, Error>(cloudwatch::MetricStat {
                        metric: cloudwatch::Metric {
                            namespace: one.metric.namespace.clone(),
                            metric_name: one.metric.metric_name.clone(),
                            dimensions: one.metric.dimensions.as_ref().map(|all| {
                                all.iter()
                                    .map(|one| dimension(&one.name, &one.value))
                                    .collect()
                            }),
                        },
                        period: PERIOD,
                        stat: one.stat.clone(),
                        unit: unit(&one.unit)?,
                    })
                });
                Ok(cloudwatch::MetricDataQuery {
                    id: query.id.clone(),
                    expression: query.expression.clone(),
                    label: query.label.clone(),
                    period: query.expression.is_some().then_some(PERIOD),
                    return_data: Some(query.return_data.unwrap_or(true)),
                    metric_stat: stat.transpose()?,
                    ..Default::default()
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        return Ok(cloudwatch::PutMetricAlarmInput {
            metrics: Some(metrics),
            ..Default::default()
        });
    }
    Ok(cloudwatch::PutMetricAlarmInput {
        namespace: metric.namespace.clone(),
        metric_name: metric.metric_name.clone(),
        statistic: metric.statistic.and_then(|one| one.as_str().parse().ok()),
        unit: unit(&metric.unit)?,
        dimensions: Some(
            metric
                .dimensions
                .iter()
                .flatten()
                .map(|one| dimension(&one.name, &one.value))
                .collect(),
        ),
        period: Some(PERIOD),
        ..Default::default()
    })
}
