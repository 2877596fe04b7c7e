//! The number of tasks follows the load: out while their CPU is above the target, in with care.

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::load::{Ask, Load};
use crate::site::{Activity, Tasks};
use crate::watch::{Watch, clock, minutes};
use crate::{Drill, Evidence, Site};

/// Region time to real time. A minute is three seconds: enough for a task to start and to be found
/// healthy, and for the three samples that CPU is measured by.
const RATE: u32 = 20;
/// Each request's work, in milliseconds of a processor. Short, so that several fit into what a
/// task of a quarter of a processor may use of a tenth of a second.
const WORK: f64 = 10.0;
/// How many tasks beyond the minimum the load is meant for, at the policy's target; between two
/// whole numbers, so that it is certain which is the next.
const BUSY: f64 = 1.6;
/// And when it has fallen: one more than the minimum, with room to both sides.
const CALMER: f64 = 0.6;

/// More than ever wait where requests take a tenth of a second.
const USERS: usize = 128;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// How long what is claimed is waited for, in the region's time.
const UNTIL_BUSY: SignedDuration = SignedDuration::from_mins(4);
const UNTIL_OUT: SignedDuration = SignedDuration::from_mins(8);
/// As many tasks as are needed, also where there was one too many at first: a minute in which a task
/// was only starting still counts as a high one. AWS's low alarm takes that task away again.
const UNTIL_HELD: SignedDuration = SignedDuration::from_mins(40);
const UNTIL_IN: SignedDuration = SignedDuration::from_mins(24);
/// Beyond a cooldown.
const UNTIL_IN_AGAIN: SignedDuration = SignedDuration::from_mins(6);
/// How many minutes in a row have to hold.
const HELD: usize = 3;
/// AWS's low alarms look at so many minutes, and want each below so much of the target.
const LOW_FOR: usize = 15;
const LOW: f64 = 0.9;

pub(crate) struct TargetTracking;

#[async_trait(?Send)]
impl Drill for TargetTracking {
    fn name(&self) -> &'static str {
        "target-tracking"
    }

    fn claim(&self) -> &'static str {
        "Under load tasks are added until their average CPU is back at its target, and no more are kept \
         than are needed; when the load goes, tasks go one cooldown after the other, down to the minimum."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R7", "R34"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        let scaling = site.scaling_beside().await?;
        site.with_settings(&[("LINKS_DRILLS", "1")], scaling)
            .await?;
        let policy = policy(site).await?;
        let mut watch = Watch::begin(site).await?;
        watch.at_the_minimum().await?;
        let tasks = site.tasks().await?;
        let processors = processors(tasks.first().context("no task of the service runs")?)?;
        let ask = Ask {
            entrance: site.entrance().await?,
            method: Method::POST,
            path: format!("/drill/burn?ms={WORK}"),
            body: "",
        };
        site.set_rate(RATE).await?;
        // Requests a second that keep one task's CPU at the target.
        let one = policy.target / 100.0 * processors * 1000.0 / WORK;
        let load = Load::start(vec![ask], 0.0, USERS)?;
        watch.follow(evidence, &policy, &load, one).await?;
        let told = watch.told().await?;
        evidence.saw(
            format!(
                "there are never fewer than {} tasks nor more than {}",
                watch.bounds().0,
                watch.bounds().1
            ),
            told,
            watch.kept_bounds(),
        );
        Ok(())
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        site.restore_service().await
    }
}

/// A tracking policy on the service's CPU.
struct Policy {
    name: String,
    /// Percent.
    target: f64,
    cooldown: SignedDuration,
}

async fn policy(site: &Site) -> Result<Policy> {
    let told = site.scaling("DescribeScalingPolicies", json!({})).await?;
    for one in told["ScalingPolicies"].as_array().into_iter().flatten() {
        let of = &one["TargetTrackingScalingPolicyConfiguration"];
        let metric = &of["PredefinedMetricSpecification"]["PredefinedMetricType"];
        if metric == "ECSServiceAverageCPUUtilization" {
            return Ok(Policy {
                name: one["PolicyName"].as_str().unwrap_or_default().to_owned(),
                target: of["TargetValue"]
                    .as_f64()
                    .context("a policy has no target")?,
                // AWS's own where none is given.
                cooldown: SignedDuration::from_secs(of["ScaleInCooldown"].as_i64().unwrap_or(300)),
            });
        }
    }
    bail!("no scaling policy of the service tracks its CPU")
}

/// Of a task, such as 0.25.
fn processors(task: &serde_json::Value) -> Result<f64> {
    task["cpu"]
        .as_str()
        .and_then(|units| units.parse::<f64>().ok())
        .map(|units| units / 1024.0)
        .context("a task has no CPU")
}

impl Watch<'_> {
    async fn follow(
        &mut self,
        evidence: &mut Evidence<'_>,
        policy: &Policy,
        load: &Load,
        one: f64,
    ) -> Result<()> {
        let (min, _) = self.bounds();
        let wanted = |more: f64| one * (f64::from(min) + more);
        load.set_rate(wanted(BUSY));
        let Some(held) = self.out(evidence, policy, load).await? else {
            return Ok(());
        };
        let calmer = self.site.now().await?;
        load.set_rate(wanted(CALMER));
        // Long enough for two whole minutes of it.
        self.until(MINUTE * 3, |_| false).await?;
        load.set_rate(0.0);
        self.back(evidence, policy, held, calmer).await
    }

    /// The load is there. Gives how many tasks hold it, if they do.
    async fn out(
        &mut self,
        evidence: &mut Evidence<'_>,
        policy: &Policy,
        load: &Load,
    ) -> Result<Option<u32>> {
        let (site, begun, target) = (self.site, self.begun, policy.target);
        let before = self.look().await?.desired;
        let cpu = self.cpu.clone();
        let busy = site
            .within(UNTIL_BUSY, async || {
                let points = site.minutes(&cpu, begun).await?;
                Ok(points.last().copied().filter(|(_, value)| *value > target))
            })
            .await?;
        let sent = load.take();
        if sent.served() == 0 {
            bail!("the load does not reach the service: {sent}");
        }
        evidence.saw(
            format!("under load the service's CPU passes {target:.0} %"),
            match busy {
                Some((at, value)) => format!("{value:.0} % in the minute of {}", clock(at)),
                None => "it stays below".to_owned(),
            },
            busy.is_some(),
        );
        let Some((busy_at, _)) = busy else {
            return Ok(None);
        };
        let more = self.until(UNTIL_OUT, |now| now.desired > before).await?;
        let asked = site.activities(begun).await?;
        let first = asked.first();
        evidence.saw(
            "three minutes above it make the policy's alarm ask for more tasks",
            match first {
                Some(first) => format!(
                    "{} {} {}, {} after the first such minute began",
                    clock(first.at),
                    first.description,
                    first.cause,
                    minutes(first.at.duration_since(busy_at)),
                ),
                None => format!(
                    "{before} tasks are still wanted after {}",
                    minutes(UNTIL_OUT)
                ),
            },
            more.is_some()
                && first.is_some_and(|first| {
                    first.cause.contains("-AlarmHigh-")
                        && first
                            .cause
                            .ends_with(&format!("triggered policy {}", policy.name))
                        && first.at.duration_since(busy_at) >= MINUTE * 3
                }),
        );
        if more.is_none() {
            return Ok(None);
        }
        self.hold(evidence, target).await
    }

    async fn hold(&mut self, evidence: &mut Evidence<'_>, target: f64) -> Result<Option<u32>> {
        let site = self.site;
        let held = site
            .within(UNTIL_HELD, async || {
                let now = self.look().await?;
                let changed = self.seen.last().map_or(now.at, |last| last.at);
                let points = values(&self.minutes(changed + MINUTE).await?);
                let needed = holds(&points, now, target)
                    .filter(|average| without_one(*average, now.running) > target);
                Ok(needed.map(|average| (now.running, average)))
            })
            .await?;
        evidence.saw(
            format!(
                "the CPU comes back to {target:.0} %, and one task fewer would not hold it there"
            ),
            match held {
                Some((tasks, average)) => format!(
                    "{tasks} tasks at {average:.0} % for {HELD} minutes; with one fewer {:.0} %",
                    without_one(average, tasks)
                ),
                None => self.told().await?,
            },
            held.is_some(),
        );
        Ok(held.map(|(tasks, _)| tasks))
    }

    /// The CPU of the minutes that a low alarm looked at before a moment: those that had ended.
    async fn minutes_before(&self, at: Timestamp) -> Result<Vec<f64>> {
        let mut points = self.minutes(self.begun).await?;
        points.retain(|(begin, _)| *begin + MINUTE <= at);
        points.drain(..points.len().saturating_sub(LOW_FOR));
        Ok(values(&points))
    }

    /// The load goes in two steps, at `calmer` and soon after.
    async fn back(
        &mut self,
        evidence: &mut Evidence<'_>,
        policy: &Policy,
        held: u32,
        calmer: Timestamp,
    ) -> Result<()> {
        let (min, _) = self.bounds();
        let fewer = self.until(UNTIL_IN, |now| now.desired < held).await?;
        let first = self.site.activities(calmer).await?.into_iter().next();
        let low = policy.target * LOW;
        let before = match &first {
            Some(first) => self.minutes_before(first.at).await?,
            None => Vec::new(),
        };
        evidence.saw(
            format!("no task goes before the CPU was below {low:.0} % for a quarter of an hour"),
            match &first {
                Some(first) => format!(
                    "{} {} {}; the {} minutes before were at most at {:.0} %",
                    clock(first.at),
                    first.description,
                    first.cause,
                    before.len(),
                    before.iter().copied().fold(0.0, f64::max),
                ),
                None => format!("{held} tasks are still wanted after {}", minutes(UNTIL_IN)),
            },
            fewer.is_some()
                && first.is_some_and(|first| first.cause.contains("-AlarmLow-"))
                && before.len() == LOW_FOR
                && before.iter().all(|value| *value < low),
        );
        if fewer.is_none() {
            return Ok(());
        }
        let limit = policy.cooldown + UNTIL_IN_AGAIN;
        let rest = self
            .until(limit, |now| now.desired == min && now.running == min)
            .await?;
        let steps = self.site.activities(calmer).await?;
        let told: Vec<String> = steps
            .iter()
            .map(|step| format!("{} {}", clock(step.at), step.description))
            .collect();
        // On a busy machine the load weighs less, and there may be but one task to take away.
        let several = held > min + 1;
        let what = if several {
            let cooldown = minutes(policy.cooldown);
            format!("the next go a cooldown of {cooldown} later, until {min} is left")
        } else {
            format!("tasks go until {min} is left")
        };
        evidence.saw(
            what,
            told.join(" "),
            rest.is_some() && (steps.len() > 1 || !several) && apart(&steps, policy.cooldown),
        );
        Ok(())
    }
}

fn values(minutes: &[(Timestamp, f64)]) -> Vec<f64> {
    minutes.iter().map(|(_, value)| *value).collect()
}

/// The average of the last minutes, where there are enough of them, none is above the target, and
/// nothing is on its way.
fn holds(points: &[f64], now: Tasks, target: f64) -> Option<f64> {
    let last = &points[points.len().checked_sub(HELD)?..];
    let rests = now.desired == now.running && last.iter().all(|value| *value <= target);
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    rests.then(|| last.iter().sum::<f64>() / HELD as f64)
}

/// What the CPU would be if one task fewer did the same work.
fn without_one(average: f64, tasks: u32) -> f64 {
    average * f64::from(tasks) / f64::from(tasks.saturating_sub(1))
}

/// Whether each step is a cooldown after the one before.
fn apart(steps: &[Activity], cooldown: SignedDuration) -> bool {
    steps
        .windows(2)
        .all(|pair| pair[1].at.duration_since(pair[0].at) >= cooldown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tests::{at, tasks};

    #[test]
    fn what_holds_is_calm_and_below_the_target() {
        let rests = tasks(0, 3, 3);
        for (points, now, expected) in [
            (&[90.0, 50.0, 52.0, 54.0][..], rests, Some(52.0)),
            (&[50.0, 52.0], rests, None),
            (&[50.0, 52.0, 61.0], rests, None),
            (&[50.0, 52.0, 54.0], tasks(0, 4, 3), None),
        ] {
            assert_eq!(holds(points, now, 60.0), expected, "{points:?} {now:?}");
        }
        assert!((without_one(52.0, 3) - 78.0).abs() < 1e-9);
        assert!(
            without_one(52.0, 1).is_infinite(),
            "none can do without one"
        );
    }

    #[test]
    fn steps_within_a_cooldown_are_told_from_those_after_it() {
        let steps = |seconds: &[i64]| -> Vec<Activity> {
            seconds
                .iter()
                .map(|second| Activity {
                    at: at(*second),
                    description: String::new(),
                    cause: String::new(),
                    status: String::new(),
                })
                .collect()
        };
        let cooldown = SignedDuration::from_mins(5);
        assert!(apart(&steps(&[0, 300, 700]), cooldown));
        assert!(!apart(&steps(&[0, 300, 599]), cooldown));
    }
}
