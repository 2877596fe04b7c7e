//! How far to scale when an alarm asks for it: pure, from the alarm's datapoints and what the
//! target is now.
//!
//! Sources: AAS/target-tracking-scaling-policy-overview.html, AAS/step-scaling-policy-overview.html
//! (under <https://docs.aws.amazon.com/autoscaling/application/userguide/>), and, for what is
//! particular to ECS,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html>.
//!
//! What AWS does not publish is chosen so that it can only err on the side of more tasks: demand
//! is `running × metric ÷ target` rounded up; scaling out follows the newest datapoint, scaling
//! in the highest of those that made the alarm.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What a scaling asks to wait for, from the moment it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cooldown {
    /// Until then only a larger step out counts: `added` tasks were added to `base`.
    Out {
        until: Timestamp,
        base: u32,
        added: u32,
    },
    /// Until then nothing scales in. Scaling out ends it.
    In { until: Timestamp },
}

/// A target as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Situation {
    pub(super) now: Timestamp,
    pub(super) desired: u32,
    pub(super) running: u32,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) cooldown: Option<Cooldown>,
    /// A deployment is under way, during which nothing scales in.
    pub(super) deploying: bool,
    pub(super) in_suspended: bool,
    pub(super) out_suspended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Set {
        desired: u32,
        cooldown: Option<Cooldown>,
    },
    /// Nothing, and AWS writes down why.
    Not(Reason),
    /// Nothing, and nothing to say about it: a cooldown, a suspension.
    Quiet,
}

/// Why nothing was scaled, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    AnticipatedFlapping,
    Unscalable,
    AtMax,
    AtMin,
    AtDesired,
}

impl Reason {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::AnticipatedFlapping => "AutoScalingAnticipatedFlapping",
            Self::Unscalable => "TargetServicePutResourceAsUnscalable",
            Self::AtMax => "AlreadyAtMaxCapacity",
            Self::AtMin => "AlreadyAtMinCapacity",
            Self::AtDesired => "AlreadyAtDesiredCapacity",
        }
    }
}

/// As many tasks as bring the metric to its target, if each takes an equal share of the load:
/// `running × metric ÷ target`, rounded up.
pub(super) fn proportional(running: u32, metric: f64, target: f64) -> u32 {
    let exact = f64::from(running) * metric / target;
    if !exact.is_finite() {
        return running;
    }
    // What is whole but for the arithmetic's last digits is not rounded up.
    let needed = (exact - 1e-9).ceil().clamp(0.0, f64::from(i32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, not negative and fits"
    )]
    let needed = needed as u32;
    needed
}

/// A tracking policy's high alarm.
pub(super) fn track_out(
    now: &Situation,
    metric: f64,
    target: f64,
    cooldown: SignedDuration,
) -> Verdict {
    if now.desired == 0 && now.running == 0 && now.min == 0 {
        // Nothing runs that a share could be reckoned from: the smallest step.
        return outward(now, 0, u32::from(metric > 0.0), cooldown);
    }
    // Below the minimum it is raised to that first, then scaled.
    let base = if now.desired < now.min {
        now.min
    } else if let Some(Cooldown::Out { until, base, .. }) = now.cooldown
        && now.now < until
    {
        // The metric may still be that of the tasks there were before the last step.
        now.running.min(base)
    } else {
        now.running
    };
    let demand =
        proportional(base, metric, target).max(if now.desired < now.min { now.min } else { 0 });
    outward(now, base, demand, cooldown)
}

/// A tracking policy's low alarm. `others`: what each other tracking policy of the target that may
/// scale in has a use for; `None` where one has no use for fewer.
pub(super) fn track_in(
    now: &Situation,
    metric: f64,
    target: f64,
    others: &[Option<(f64, f64)>],
    cooldown: SignedDuration,
) -> Verdict {
    let base = now.running.min(now.max);
    let mut demand = proportional(base, metric, target);
    for other in others {
        let Some((metric, target)) = other else {
            return Verdict::Quiet;
        };
        demand = demand.max(proportional(base, *metric, *target));
    }
    inward(now, demand, cooldown, Reason::AnticipatedFlapping)
}

/// Towards more. `base`: the capacity from which `demand` was reckoned.
fn outward(now: &Situation, base: u32, demand: u32, cooldown: SignedDuration) -> Verdict {
    if now.out_suspended || now.desired > now.max {
        return Verdict::Quiet;
    }
    let mut from = now.desired;
    let mut wanted = demand;
    if let Some(Cooldown::Out { until, base: before, added }) = now.cooldown
        && now.now < until
        // Somebody else may have lowered it meanwhile; then nothing of that step is left.
        && now.desired >= before.saturating_add(added)
    {
        let step = demand.saturating_sub(base);
        if step <= added {
            return Verdict::Quiet;
        }
        from = before;
        wanted = before.saturating_add(step);
    }
    let desired = wanted.clamp(now.min, now.max);
    if desired <= now.desired {
        return Verdict::Not(if now.desired >= now.max {
            Reason::AtMax
        } else {
            Reason::AtDesired
        });
    }
    Verdict::Set {
        desired,
        cooldown: later(now.now, cooldown).map(|until| Cooldown::Out {
            until,
            base: from,
            added: desired.saturating_sub(from),
        }),
    }
}

/// Towards fewer.
fn inward(now: &Situation, demand: u32, cooldown: SignedDuration, enough: Reason) -> Verdict {
    if now.in_suspended || now.desired < now.min {
        return Verdict::Quiet;
    }
    if now.deploying {
        return Verdict::Not(Reason::Unscalable);
    }
    if let Some(Cooldown::In { until }) = now.cooldown
        && now.now < until
    {
        return Verdict::Quiet;
    }
    let desired = demand.clamp(now.min, now.max);
    if desired >= now.desired {
        return Verdict::Not(if now.desired <= now.min {
            Reason::AtMin
        } else {
            enough
        });
    }
    Verdict::Set {
        desired,
        cooldown: later(now.now, cooldown).map(|until| Cooldown::In { until }),
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Option<Timestamp> {
    if by.is_zero() {
        return None;
    }
    now.checked_add(by).ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adjustment {
    Change,
    Percent,
    Exact,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Relative to the alarm's threshold; `None`: without end.
    pub(super) lower: Option<f64>,
    pub(super) upper: Option<f64>,
    pub(super) adjustment: i64,
}

/// The step for a metric that is so far past the alarm's threshold. Above it a step holds its
/// lower bound and not its upper, below it the other way round.
pub(super) fn step_for(steps: &[Step], past: f64) -> Option<&Step> {
    let above = |step: &&Step| {
        step.lower.is_none_or(|lower| past >= lower) && step.upper.is_none_or(|upper| past < upper)
    };
    let below = |step: &&Step| {
        step.lower.is_none_or(|lower| past > lower) && step.upper.is_none_or(|upper| past <= upper)
    };
    if past > 0.0 {
        steps.iter().find(above)
    } else if past < 0.0 {
        steps.iter().find(below)
    } else {
        steps
            .iter()
            .find(above)
            .or_else(|| steps.iter().find(below))
    }
}

/// The capacity after an adjustment.
pub(super) fn adjusted(base: u32, kind: Adjustment, by: i64, minimum_magnitude: u32) -> u32 {
    let base = i64::from(base);
    let wanted = match kind {
        Adjustment::Exact => by,
        Adjustment::Change => base.saturating_add(by),
        Adjustment::Percent => {
            // A whole number of tasks: toward zero, but at least one.
            let exact = i128::from(base) * i128::from(by);
            let whole =
                i64::try_from(exact / 100).unwrap_or(if by > 0 { i64::MAX } else { i64::MIN });
            let least = i64::from(minimum_magnitude.max(1));
            let change = match exact {
                0 => 0,
                1.. => whole.max(least),
                _ => whole.min(-least),
            };
            base.saturating_add(change)
        }
    };
    u32::try_from(wanted.clamp(0, i64::from(i32::MAX))).unwrap_or(0)
}

/// A step policy that asks for `demand` tasks, reckoned from `base`.
pub(super) fn step(now: &Situation, base: u32, demand: u32, cooldown: SignedDuration) -> Verdict {
    match demand.cmp(&base) {
        std::cmp::Ordering::Greater => outward(now, base, demand, cooldown),
        std::cmp::Ordering::Less => inward(now, demand, cooldown, Reason::AtDesired),
        std::cmp::Ordering::Equal => Verdict::Not(Reason::AtDesired),
    }
}

/// The capacity from which a step policy reckons: that which runs, within the bounds where the
/// desired count is outside them.
pub(super) fn step_base(now: &Situation) -> u32 {
    if now.desired < now.min {
        now.min
    } else if now.desired > now.max {
        now.max
    } else {
        now.running
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("it is a moment")
    }

    /// Desired, running, minimum, maximum.
    fn situation(desired: u32, running: u32, min: u32, max: u32) -> Situation {
        Situation {
            now: at(1_000),
            desired,
            running,
            min,
            max,
            cooldown: None,
            deploying: false,
            in_suspended: false,
            out_suspended: false,
        }
    }

    type Others = &'static [Option<(f64, f64)>];

    /// A new count, or why there is none.
    type Expected = Result<u32, Option<Reason>>;

    fn desired(verdict: Verdict) -> Expected {
        match verdict {
            Verdict::Set { desired, .. } => Ok(desired),
            Verdict::Not(reason) => Err(Some(reason)),
            Verdict::Quiet => Err(None),
        }
    }

    #[test]
    fn tracking_scales_out_in_proportion() {
        let cases = [
            // Half a task more is a whole one.
            (situation(3, 3, 1, 10), 90.0, Ok(5)),
            (situation(4, 4, 1, 10), 75.0, Ok(5)),
            (situation(4, 4, 1, 10), 60.0, Err(Some(Reason::AtDesired))),
            (situation(4, 4, 1, 6), 600.0, Ok(6)),
            (situation(6, 6, 1, 6), 90.0, Err(Some(Reason::AtMax))),
            // What starts already counts: reckoned from what runs.
            (situation(4, 2, 1, 10), 90.0, Err(Some(Reason::AtDesired))),
            (situation(4, 2, 1, 10), 150.0, Ok(5)),
            // Below the minimum: raised to it, then scaled from there.
            (situation(1, 1, 4, 10), 30.0, Ok(4)),
            (situation(1, 1, 4, 10), 75.0, Ok(5)),
            // Above the maximum nothing is added.
            (situation(12, 12, 1, 10), 90.0, Err(None)),
            // From nothing, the smallest step.
            (situation(0, 0, 0, 10), 500.0, Ok(1)),
            (situation(0, 0, 0, 10), 0.0, Err(Some(Reason::AtDesired))),
        ];
        for (now, metric, expected) in cases {
            assert_eq!(
                desired(track_out(&now, metric, 60.0, MINUTE)),
                expected,
                "{now:?} at {metric}"
            );
        }
    }

    #[test]
    fn tracking_scales_in_without_flapping_and_by_agreement() {
        let none: Others = &[];
        let cases: [(Situation, f64, Others, Expected); 8] = [
            (situation(4, 4, 1, 10), 30.0, none, Ok(2)),
            // Half a task fewer is none.
            (
                situation(3, 3, 1, 10),
                50.0,
                none,
                Err(Some(Reason::AnticipatedFlapping)),
            ),
            (
                situation(2, 2, 1, 10),
                53.0,
                none,
                Err(Some(Reason::AnticipatedFlapping)),
            ),
            (situation(4, 4, 3, 10), 1.0, none, Ok(3)),
            (situation(3, 3, 3, 10), 1.0, none, Err(Some(Reason::AtMin))),
            // Above the maximum: reckoned from that.
            (situation(12, 12, 1, 10), 59.0, none, Ok(10)),
            // Another policy has a use for three, a third for all.
            (situation(4, 4, 1, 10), 15.0, &[Some((45.0, 60.0))], Ok(3)),
            (
                situation(4, 4, 1, 10),
                15.0,
                &[Some((45.0, 60.0)), None],
                Err(None),
            ),
        ];
        for (now, metric, others, expected) in cases {
            assert_eq!(
                desired(track_in(&now, metric, 60.0, others, MINUTE)),
                expected,
                "{now:?} at {metric}"
            );
        }
        let mut deploying = situation(4, 4, 1, 10);
        deploying.deploying = true;
        assert_eq!(
            desired(track_in(&deploying, 1.0, 60.0, none, MINUTE)),
            Err(Some(Reason::Unscalable))
        );
        assert_eq!(desired(track_out(&deploying, 90.0, 60.0, MINUTE)), Ok(6));
    }

    #[test]
    fn a_cooldown_lets_only_a_larger_step_out() {
        let mut now = situation(6, 4, 1, 20);
        now.cooldown = Some(Cooldown::Out {
            until: at(1_060),
            base: 4,
            added: 2,
        });
        // The same step again adds nothing; three instead of two adds one.
        assert_eq!(desired(step(&now, 4, 6, MINUTE)), Err(None));
        assert_eq!(desired(step(&now, 4, 7, MINUTE)), Ok(7));
        // Also when what was added runs already.
        now.running = 6;
        assert_eq!(desired(step(&now, 6, 8, MINUTE)), Err(None));
        assert_eq!(desired(step(&now, 6, 9, MINUTE)), Ok(7));
        now.now = at(1_060);
        assert_eq!(desired(step(&now, 6, 8, MINUTE)), Ok(8));
        // Scaling out ends a wait for scaling in.
        now.cooldown = Some(Cooldown::In { until: at(2_000) });
        assert_eq!(desired(step(&now, 6, 5, MINUTE)), Err(None));
        assert!(matches!(
            step(&now, 6, 8, MINUTE),
            Verdict::Set {
                desired: 8,
                cooldown: Some(Cooldown::Out { .. })
            }
        ));
    }

    #[test]
    fn percentages_round_as_documented() {
        let cases = [
            // Above one down, below one to one.
            (10, 25, 0, 12),
            (10, 5, 0, 11),
            (10, -5, 0, 9),
            (10, -25, 0, 8),
            (4, 25, 2, 6),
            (10, -100, 0, 0),
            (0, 50, 0, 0),
            (10, 0, 3, 10),
        ];
        for (base, percent, magnitude, expected) in cases {
            assert_eq!(
                adjusted(base, Adjustment::Percent, percent, magnitude),
                expected,
                "{base} by {percent} %"
            );
        }
        assert_eq!(adjusted(3, Adjustment::Change, -5, 0), 0);
        assert_eq!(adjusted(3, Adjustment::Exact, 7, 0), 7);
        assert_eq!(adjusted(3, Adjustment::Change, i64::MAX, 0), 2_147_483_647);
    }

    #[test]
    fn a_bound_belongs_to_the_step_further_from_the_threshold() {
        let ladder = |bounds: &[(Option<f64>, Option<f64>)]| -> Vec<Step> {
            let mut adjustment = 0;
            bounds
                .iter()
                .map(|(lower, upper)| {
                    adjustment += 1;
                    Step {
                        lower: *lower,
                        upper: *upper,
                        adjustment,
                    }
                })
                .collect()
        };
        let up = ladder(&[(Some(0.0), Some(10.0)), (Some(10.0), None)]);
        let down = ladder(&[(None, Some(-10.0)), (Some(-10.0), Some(0.0))]);
        let cases = [
            (&up, 0.0, Some(1)),
            (&up, 9.9, Some(1)),
            (&up, 10.0, Some(2)),
            (&up, -0.1, None),
            (&down, 0.0, Some(2)),
            (&down, -9.9, Some(2)),
            (&down, -10.0, Some(1)),
            (&down, 0.1, None),
        ];
        for (steps, past, expected) in cases {
            assert_eq!(
                step_for(steps, past).map(|one| one.adjustment),
                expected,
                "{past}"
            );
        }
    }

    proptest! {
        /// Whatever an alarm says: the desired count stays within the bounds, moves only the way
        /// the alarm points, never in during a scale-in cooldown or a deployment, and a scale-in
        /// leaves enough for the metric to stay at its target.
        #[test]
        fn a_verdict_keeps_the_rules(
            desired in 0u32..30, running in 0u32..30, min in 0u32..12, above in 0u32..20,
            metric in 0.0f64..300.0, target in 1.0f64..200.0, out in any::<bool>(), stepping in any::<bool>(),
            adjustment in -20i64..20, waits in 0u8..3, left in -100i64..100, deploying in any::<bool>(),
            before in 0u32..20, added in 0u32..20,
        ) {
            let mut now = situation(desired, running, min, min + above);
            now.deploying = deploying;
            now.cooldown = match waits {
                0 => None,
                1 => Some(Cooldown::In { until: at(1_000 + left) }),
                _ => Some(Cooldown::Out { until: at(1_000 + left), base: before, added }),
            };
            let verdict = if stepping {
                let base = step_base(&now);
                step(&now, base, adjusted(base, Adjustment::Change, adjustment, 0), MINUTE)
            } else if out {
                track_out(&now, metric, target, MINUTE)
            } else {
                track_in(&now, metric, target, &[], MINUTE)
            };
            if let Verdict::Set { desired: new, cooldown } = verdict {
                prop_assert!((now.min..=now.max).contains(&new));
                prop_assert_ne!(new, now.desired);
                if new < now.desired {
                    let waiting = matches!(now.cooldown, Some(Cooldown::In { until }) if now.now < until);
                    prop_assert!(!waiting && !deploying);
                    let one_in = matches!(cooldown, Some(Cooldown::In { .. }));
                    prop_assert!(one_in);
                    if !stepping {
                        prop_assert!(!out);
                        let fits = f64::from(running.min(now.max)) * metric <= f64::from(new) * target + 1e-6;
                        prop_assert!(fits || new == now.max);
                    }
                } else {
                    let one_out = matches!(cooldown, Some(Cooldown::Out { .. }));
                    prop_assert!(one_out && (stepping || out));
                }
            }
        }
    }
}
