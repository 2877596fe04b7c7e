//! What a policy does when one of its alarms asks it to scale.

use jiff::SignedDuration;
use wire::application_autoscaling as api;
use wire::cloudwatch::StateValue;

use super::super::decide::{self, Adjustment, Step, Verdict};
use super::super::resource::Resource;
use super::super::scale;
use super::super::state::{Low, Policy, PolicyKind};
use crate::services::cloudwatch;
use crate::{Context, Region};

/// Cooldown where none is given, for ECS. (AASAPI/API_TargetTrackingScalingPolicyConfiguration.html)
const COOLDOWN: i64 = 300;
/// While an alarm stays, its policy is asked every minute: what was said longer ago is stale, and
/// so is what was said before the alarm left its state.
const ASKED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// What an alarm tells the policy it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    pub alarm_name: String,
    /// The state it is in; policies act on `ALARM` alone.
    pub state: StateValue,
    /// The datapoints that were evaluated, the newest last.
    pub datapoints: Vec<f64>,
    pub threshold: f64,
}

/// Asks a policy to scale. `policy_arn` is the alarm's action, which for a tracking policy's own
/// alarms goes on after the policy's ARN. A policy that is gone does nothing.
pub fn invoke(region: &mut Region, context: &Context, policy_arn: &str, breach: &Breach) {
    if breach.state != StateValue::Alarm {
        return;
    }
    let Some(key) = find(region, policy_arn) else {
        return;
    };
    let Some(policy) = region.application_autoscaling.policies.get(&key).cloned() else {
        return;
    };
    let Some(resource) = Resource::of(&policy.resource_id) else {
        return;
    };
    if let PolicyKind::Tracking { low: Some(low), .. } = &policy.kind
        && *low == breach.alarm_name
        && let Some(metric) = highest(&breach.datapoints)
        && let Some(row) = region.application_autoscaling.policies.get_mut(&key)
    {
        row.low = Some(Low {
            at: context.now,
            metric,
        });
    }
    let Some(target) = region.application_autoscaling.targets.get(&resource.id) else {
        return;
    };
    let Some(now) = scale::situation(region, context, &resource, target) else {
        return;
    };
    let verdict = match &policy.kind {
        PolicyKind::Step(configuration) => step(&now, &configuration.0, breach),
        PolicyKind::Tracking {
            configuration,
            high,
            low,
            ..
        } => {
            let configuration = &configuration.0;
            let target = configuration.target_value;
            if *high == breach.alarm_name {
                breach.datapoints.last().map(|metric| {
                    decide::track_out(
                        &now,
                        *metric,
                        target,
                        cooldown(configuration.scale_out_cooldown),
                    )
                })
            } else if low.as_deref() == Some(&breach.alarm_name) {
                highest(&breach.datapoints).map(|metric| {
                    decide::track_in(
                        &now,
                        metric,
                        target,
                        &others(region, context, &policy),
                        cooldown(configuration.scale_in_cooldown),
                    )
                })
            } else {
                None
            }
        }
    };
    if let Some(verdict) = verdict {
        let cause = format!(
            "monitor alarm {} in state ALARM triggered policy {}",
            breach.alarm_name, policy.name
        );
        scale::carry_out(region, context, &resource, &now, verdict, cause);
    }
}

/// Starts the first task of services that rest at zero and are asked for something: a single
/// datapoint of demand is enough, no alarm has to go off.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html>
pub(in super::super) fn wake(region: &mut Region, context: &Context) {
    let resting: Vec<Resource> = region
        .application_autoscaling
        .targets
        .values()
        .filter(|target| target.min == 0 && target.max > 0)
        .filter_map(|target| Resource::of(&target.resource_id))
        .collect();
    for resource in resting {
        let Some(target) = region.application_autoscaling.targets.get(&resource.id) else {
            continue;
        };
        let Some(now) = scale::situation(region, context, &resource, target) else {
            continue;
        };
        if now.desired > 0 || now.running > 0 {
            continue;
        }
        let asked = region
            .application_autoscaling
            .policies
            .values()
            .filter(|policy| policy.resource_id == resource.id)
            .find_map(|policy| demand(region, context, policy));
        if let Some((verdict, cause)) = asked.map(|demand| demand.at(&now)) {
            scale::carry_out(region, context, &resource, &now, verdict, cause);
        }
    }
}

/// What a tracking policy's metric asks for.
struct Demand {
    policy: String,
    metric: f64,
    target: f64,
    cooldown: SignedDuration,
}

impl Demand {
    fn at(self, now: &decide::Situation) -> (Verdict, String) {
        let verdict = decide::track_out(now, self.metric, self.target, self.cooldown);
        let cause = format!(
            "a datapoint of {} showed demand at zero capacity to policy {}",
            self.metric, self.policy
        );
        (verdict, cause)
    }
}

/// The newest datapoint of a tracking policy, where it is there and above zero. What tasks use is
/// no demand: without tasks there is none of it, and the last of it was theirs.
fn demand(region: &Region, context: &Context, policy: &Policy) -> Option<Demand> {
    let PolicyKind::Tracking {
        configuration,
        high,
        ..
    } = &policy.kind
    else {
        return None;
    };
    let configuration = &configuration.0;
    let of_tasks = configuration
        .predefined_metric_specification
        .as_ref()
        .is_some_and(|metric| {
            metric.predefined_metric_type != api::MetricType::ALBRequestCountPerTarget
        });
    if of_tasks {
        return None;
    }
    let metric = cloudwatch::alarm::newest(region, context, high).filter(|metric| *metric > 0.0)?;
    Some(Demand {
        policy: policy.name.clone(),
        metric,
        target: configuration.target_value,
        cooldown: cooldown(configuration.scale_out_cooldown),
    })
}

/// The policy of an alarm's action.
fn find(region: &Region, action: &str) -> Option<(String, String)> {
    region
        .application_autoscaling
        .policies
        .iter()
        .find(|(_, one)| {
            action
                .strip_prefix(one.arn.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(":createdBy/"))
        })
        .map(|(key, _)| key.clone())
}

/// What every other tracking policy of the target that may scale in says: `None` for one that
/// does not ask for it now.
fn others(region: &Region, context: &Context, policy: &Policy) -> Vec<Option<(f64, f64)>> {
    region
        .application_autoscaling
        .policies
        .values()
        .filter(|one| one.resource_id == policy.resource_id && one.name != policy.name)
        .filter_map(|one| match &one.kind {
            PolicyKind::Tracking {
                configuration,
                low: Some(name),
                ..
            } => Some((one.low, configuration.0.target_value, name)),
            _ => None,
        })
        .map(|(low, target, name)| {
            let low = low?;
            let left = cloudwatch::alarm::get(region, name).is_some_and(|alarm| {
                alarm.state != StateValue::Alarm && alarm.transitioned_at > low.at
            });
            let fresh = context.now.duration_since(low.at) <= ASKED_EVERY && !left;
            fresh.then_some((low.metric, target))
        })
        .collect()
}

fn highest(datapoints: &[f64]) -> Option<f64> {
    datapoints.iter().copied().reduce(f64::max)
}

fn cooldown(given: Option<i64>) -> SignedDuration {
    SignedDuration::from_secs(given.unwrap_or(COOLDOWN))
}

fn step(
    now: &decide::Situation,
    configuration: &api::StepScalingPolicyConfiguration,
    breach: &Breach,
) -> Option<Verdict> {
    let metric = aggregate(configuration.metric_aggregation_type, &breach.datapoints)?;
    let steps: Vec<Step> = configuration
        .step_adjustments
        .iter()
        .flatten()
        .map(|one| Step {
            lower: one.metric_interval_lower_bound,
            upper: one.metric_interval_upper_bound,
            adjustment: one.scaling_adjustment,
        })
        .collect();
    let found = decide::step_for(&steps, metric - breach.threshold)?;
    let kind = match configuration.adjustment_type? {
        api::AdjustmentType::ChangeInCapacity => Adjustment::Change,
        api::AdjustmentType::PercentChangeInCapacity => Adjustment::Percent,
        api::AdjustmentType::ExactCapacity => Adjustment::Exact,
    };
    let magnitude = configuration
        .min_adjustment_magnitude
        .and_then(|one| u32::try_from(one).ok())
        .unwrap_or(0);
    let base = decide::step_base(now);
    let demand = decide::adjusted(base, kind, found.adjustment, magnitude);
    Some(decide::step(
        now,
        base,
        demand,
        cooldown(configuration.cooldown),
    ))
}

/// One value of the alarm's datapoints, as the policy says; the average where it says nothing.
fn aggregate(kind: Option<api::MetricAggregationType>, datapoints: &[f64]) -> Option<f64> {
    use api::MetricAggregationType as By;
    match kind.unwrap_or(By::Average) {
        By::Minimum => datapoints.iter().copied().reduce(f64::min),
        By::Maximum => highest(datapoints),
        By::Average => {
            let number = u32::try_from(datapoints.len())
                .ok()
                .filter(|one| *one > 0)?;
            Some(datapoints.iter().sum::<f64>() / f64::from(number))
        }
    }
}
