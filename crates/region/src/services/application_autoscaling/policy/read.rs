//! Reads a policy's configuration from the API and refuses what AWS refuses.

use wire::application_autoscaling as api;
use wire::{Error, Stored};

use super::super::error::{absent, invalid};
use super::super::resource::Resource;
use super::super::state::PolicyKind;
use crate::{Context, Region};

/// The most steps of a policy. (AAS/application-auto-scaling-quotas.html)
const MOST_STEPS: usize = 20;
/// What a target may be. (AASAPI/API_TargetTrackingScalingPolicyConfiguration.html)
const TARGETS: std::ops::RangeInclusive<f64> = 8.515_920e-109..=1.174_271e+108;

pub(super) fn kind(
    region: &Region,
    context: &Context,
    resource: &Resource,
    input: &api::PutScalingPolicyRequest,
) -> Result<PolicyKind, Error> {
    match input.policy_type.unwrap_or(api::PolicyType::StepScaling) {
        api::PolicyType::StepScaling => {
            let given = input
                .step_scaling_policy_configuration
                .clone()
                .ok_or_else(|| {
                    invalid("StepScalingPolicyConfiguration is required for a step scaling policy.")
                })?;
            if input.target_tracking_scaling_policy_configuration.is_some() {
                return Err(invalid(
                    "A step scaling policy takes no TargetTrackingScalingPolicyConfiguration.",
                ));
            }
            check_steps(&given)?;
            Ok(PolicyKind::Step(Stored(given)))
        }
        api::PolicyType::TargetTrackingScaling => {
            let mut given = input
                .target_tracking_scaling_policy_configuration
                .clone()
                .ok_or_else(|| {
                    invalid(
                        "TargetTrackingScalingPolicyConfiguration is required for a target tracking policy.",
                    )
                })?;
            if input.step_scaling_policy_configuration.is_some() {
                return Err(invalid(
                    "A target tracking policy takes no StepScalingPolicyConfiguration.",
                ));
            }
            check_tracking(&given)?;
            check_metric_is_free(region, resource, &input.policy_name, &given)?;
            given.disable_scale_in.get_or_insert(false);
            let alarm = |side: &str| {
                format!(
                    "TargetTracking-{}-Alarm{side}-{}",
                    resource.id,
                    context.uuid()
                )
            };
            Ok(PolicyKind::Tracking {
                high: alarm("High"),
                low: (given.disable_scale_in != Some(true)).then(|| alarm("Low")),
                configuration: Box::new(Stored(given)),
                created_by: context.uuid(),
            })
        }
        api::PolicyType::PredictiveScaling => Err(absent("predictive scaling")),
    }
}

impl PolicyKind {
    /// The same, with the alarms' names of the policy it takes the place of.
    pub(super) fn keeping(mut self, old: &Self) -> Self {
        if let (
            Self::Tracking {
                high,
                low,
                created_by,
                ..
            },
            Self::Tracking {
                high: old_high,
                low: old_low,
                created_by: old_created_by,
                ..
            },
        ) = (&mut self, old)
        {
            high.clone_from(old_high);
            created_by.clone_from(old_created_by);
            if let (Some(low), Some(old)) = (low, old_low) {
                low.clone_from(old);
            }
        }
        self
    }
}

fn check_tracking(given: &api::TargetTrackingScalingPolicyConfiguration) -> Result<(), Error> {
    if !TARGETS.contains(&given.target_value) {
        return Err(invalid("TargetValue must be a positive number."));
    }
    for (name, cooldown) in [
        ("ScaleInCooldown", given.scale_in_cooldown),
        ("ScaleOutCooldown", given.scale_out_cooldown),
    ] {
        check_cooldown(name, cooldown)?;
    }
    match (
        &given.predefined_metric_specification,
        &given.customized_metric_specification,
    ) {
        (Some(metric), None) => check_predefined(metric),
        (None, Some(metric)) => check_customized(metric),
        _ => Err(invalid(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given.",
        )),
    }
}

fn check_cooldown(name: &str, cooldown: Option<i64>) -> Result<(), Error> {
    match cooldown {
        Some(cooldown) if !(0..=i64::from(i32::MAX)).contains(&cooldown) => {
            Err(invalid(format!("{name} must not be negative.")))
        }
        _ => Ok(()),
    }
}

fn check_predefined(metric: &api::PredefinedMetricSpecification) -> Result<(), Error> {
    use api::MetricType;
    let label = metric.resource_label.as_deref();
    match metric.predefined_metric_type {
        MetricType::ECSServiceAverageCPUUtilization
        | MetricType::ECSServiceAverageMemoryUtilization => match label {
            None => Ok(()),
            Some(_) => Err(invalid(
                "ResourceLabel can be given only for the metric type ALBRequestCountPerTarget.",
            )),
        },
        MetricType::ALBRequestCountPerTarget => {
            let label = label.ok_or_else(|| {
                invalid("ResourceLabel is required for the metric type ALBRequestCountPerTarget.")
            })?;
            balancer_and_group(label).map(|_| ()).ok_or_else(|| {
                invalid(format!(
                    "Invalid ResourceLabel: {label}. It has to be app/<load balancer name>/<id>/targetgroup/<target group name>/<id>."
                ))
            })
        }
        other => Err(invalid(format!(
            "Unsupported metric type for the service namespace ecs: {other}"
        ))),
    }
}

/// `app/<name>/<id>` and `targetgroup/<name>/<id>`, as the metrics' dimensions have them.
pub(super) fn balancer_and_group(label: &str) -> Option<(&str, &str)> {
    let at = label.find("/targetgroup/")?;
    let (balancer, group) = (&label[..at], &label[at + 1..]);
    let whole =
        |part: &str| part.split('/').count() == 3 && part.split('/').all(|one| !one.is_empty());
    (balancer.starts_with("app/") && whole(balancer) && whole(group)).then_some((balancer, group))
}

fn check_customized(metric: &api::CustomizedMetricSpecification) -> Result<(), Error> {
    if metric.metrics.as_ref().is_some_and(|all| !all.is_empty()) {
        let plain = metric.metric_name.is_some()
            || metric.namespace.is_some()
            || metric.statistic.is_some()
            || metric.dimensions.is_some();
        if plain {
            return Err(invalid(
                "A customized metric is given either by Metrics or by MetricName, Namespace and Statistic.",
            ));
        }
        return Ok(());
    }
    if metric.metric_name.is_none() || metric.namespace.is_none() || metric.statistic.is_none() {
        return Err(invalid(
            "MetricName, Namespace and Statistic are required for a customized metric.",
        ));
    }
    Ok(())
}

/// Each tracking policy of a target needs a metric of its own.
fn check_metric_is_free(
    region: &Region,
    resource: &Resource,
    name: &str,
    given: &api::TargetTrackingScalingPolicyConfiguration,
) -> Result<(), Error> {
    let metric = |one: &api::TargetTrackingScalingPolicyConfiguration| {
        (
            one.predefined_metric_specification.clone().map(Stored),
            one.customized_metric_specification.clone().map(Stored),
        )
    };
    let taken = region
        .application_autoscaling
        .policies
        .values()
        .filter(|one| one.resource_id == resource.id && one.name != name)
        .any(|one| match &one.kind {
            PolicyKind::Tracking { configuration, .. } => metric(&configuration.0) == metric(given),
            PolicyKind::Step(_) => false,
        });
    if taken {
        return Err(invalid(
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
        ));
    }
    Ok(())
}

fn check_steps(given: &api::StepScalingPolicyConfiguration) -> Result<(), Error> {
    let kind = given
        .adjustment_type
        .ok_or_else(|| invalid("AdjustmentType is required for a step scaling policy."))?;
    check_cooldown("Cooldown", given.cooldown)?;
    if let Some(least) = given.min_adjustment_magnitude {
        if kind != api::AdjustmentType::PercentChangeInCapacity {
            return Err(invalid(
                "MinAdjustmentMagnitude can be given only for PercentChangeInCapacity.",
            ));
        }
        if !(1..=i64::from(i32::MAX)).contains(&least) {
            return Err(invalid("MinAdjustmentMagnitude must be at least 1."));
        }
    }
    let steps = given.step_adjustments.as_deref().unwrap_or_default();
    if steps.is_empty() || steps.len() > MOST_STEPS {
        return Err(invalid(format!(
            "StepAdjustments must hold one to {MOST_STEPS} steps."
        )));
    }
    if kind == api::AdjustmentType::ExactCapacity
        && steps.iter().any(|one| one.scaling_adjustment < 0)
    {
        return Err(invalid(
            "ScalingAdjustment must not be negative for ExactCapacity.",
        ));
    }
    check_ladder(steps)
}

/// Steps cover a stretch without gaps and overlaps; one that begins below the threshold has one
/// without a beginning before it, one that ends above it one without an end after it.
fn check_ladder(steps: &[api::StepAdjustment]) -> Result<(), Error> {
    let mut bounds: Vec<(f64, f64)> = Vec::new();
    for step in steps {
        let (lower, upper) = (
            step.metric_interval_lower_bound,
            step.metric_interval_upper_bound,
        );
        if lower.is_none() && upper.is_none() {
            return Err(invalid(
                "A step needs MetricIntervalLowerBound, MetricIntervalUpperBound or both.",
            ));
        }
        let (lower, upper) = (
            lower.unwrap_or(f64::NEG_INFINITY),
            upper.unwrap_or(f64::INFINITY),
        );
        if lower.is_nan() || upper.is_nan() || lower >= upper {
            return Err(invalid(
                "MetricIntervalLowerBound must be below MetricIntervalUpperBound.",
            ));
        }
        bounds.push((lower, upper));
    }
    bounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    #[expect(
        clippy::float_cmp,
        reason = "neighbouring steps meet in the very number that was given"
    )]
    let meets = bounds.windows(2).all(|pair| pair[0].1 == pair[1].0);
    if !meets {
        return Err(invalid(
            "StepAdjustments must not leave gaps or overlap each other.",
        ));
    }
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return Ok(());
    };
    if first.0.is_finite() && first.0 < 0.0 {
        return Err(invalid(
            "If there is a step with a negative lower bound, there must be one without a lower bound.",
        ));
    }
    if last.1.is_finite() && last.1 > 0.0 {
        return Err(invalid(
            "If there is a step with a positive upper bound, there must be one without an upper bound.",
        ));
    }
    Ok(())
}
