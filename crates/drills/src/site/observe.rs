//! What AWS's API tells of a running system as its time goes by: the time, metrics, scaling.

use anyhow::{Context as _, Result, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{PAUSE, Site};

const CLOCK: &str = "/_terrella/clock";
const NAMESPACE: &str = "ecs";
const DIMENSION: &str = "ecs:service:DesiredCount";
/// What drills of scaling apply where an environment scales nothing.
const SCALING: &[(&str, &str)] = &[("scaling", r#"{"min_tasks": 1, "max_tasks": 4}"#)];

/// A metric and the statistic of it that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    /// Such as `Average`.
    pub(crate) statistic: &'static str,
    pub(crate) dimensions: Vec<(&'static str, String)>,
}

/// The service's tasks and the bounds of their number, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tasks {
    pub(crate) at: Timestamp,
    pub(crate) desired: u32,
    pub(crate) running: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

/// A scaling activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) at: Timestamp,
    pub(crate) description: String,
    pub(crate) cause: String,
    pub(crate) status: String,
}

impl Site {
    /// What time it is in the region.
    pub(crate) async fn now(&self) -> Result<Timestamp> {
        self.region.get(CLOCK).await?["now"]
            .as_str()
            .and_then(|now| now.parse().ok())
            .context("the region does not tell its time")
    }

    /// How fast the region's time runs, as [`Self::set_rate`] takes it.
    pub(crate) async fn rate(&self) -> Result<u32> {
        self.region.get(CLOCK).await?["rate"]
            .as_u64()
            .and_then(|rate| u32::try_from(rate).ok())
            .context("the region does not tell how fast its time runs")
    }

    /// Lets the region's time run at a multiple of real time; 1 is as usual.
    pub(crate) async fn set_rate(&self, rate: u32) -> Result<()> {
        self.region.post(CLOCK, &json!({ "rate": rate })).await?;
        Ok(())
    }

    /// Looks again and again until there is something, or so much of the region's time has passed.
    pub(crate) async fn within<T>(
        &self,
        limit: SignedDuration,
        mut look: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let begun = self.now().await?;
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if self.now().await?.duration_since(begun) > limit {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The settings of the application that are applied now.
    async fn settings(&self) -> Result<serde_json::Map<String, Value>> {
        let applied = self.outputs("service").await?;
        applied
            .get("settings")?
            .as_object()
            .cloned()
            .context("the settings of the service are no map")
    }

    /// Applies the service with these settings of the application beside those it has, and these
    /// values instead of its environment's; waits until it is steady.
    ///
    /// # Errors
    /// If Terraform refuses them, or the service does not become steady.
    pub async fn with_settings(
        &self,
        settings: &[(&str, &str)],
        beside: &[(&str, &str)],
    ) -> Result<()> {
        let mut all = self.settings().await?;
        for (name, value) in settings {
            all.insert((*name).to_owned(), json!(value));
        }
        let all = Value::Object(all).to_string();
        let mut values = vec![("settings", all.as_str())];
        values.extend_from_slice(beside);
        self.apply("service", &values).await?;
        self.steady().await
    }

    /// What has to be applied beside an environment's values for the service to scale: nothing
    /// where it does already.
    pub(crate) async fn scaling_beside(&self) -> Result<&'static [(&'static str, &'static str)]> {
        // A state keeps no outputs that are null.
        let scales = self.outputs("service").await?.get("scaling").is_ok();
        Ok(if scales { &[] } else { SCALING })
    }

    /// Puts the service back as its environment has it.
    pub(crate) async fn restore_service(&self) -> Result<()> {
        self.apply("service", &[]).await?;
        self.steady().await
    }

    async fn scaled_service(&self) -> Result<(String, String)> {
        let service = self.outputs("service").await?;
        Ok((service.text("cluster_name")?, service.text("service_name")?))
    }

    /// Calls Application Auto Scaling about the service.
    pub async fn scaling(&self, operation: &str, mut input: Value) -> Result<Value> {
        let (cluster, service) = self.scaled_service().await?;
        let id = format!("service/{cluster}/{service}");
        input["ServiceNamespace"] = json!(NAMESPACE);
        if operation == "DescribeScalableTargets" {
            input["ResourceIds"] = json!([id]);
        } else {
            input["ResourceId"] = json!(id);
            input["ScalableDimension"] = json!(DIMENSION);
        }
        let target = format!("AnyScaleFrontendService.{operation}");
        Ok(self
            .region
            .json("application-autoscaling", &target, &input)
            .await?)
    }

    /// How many tasks the service wants and has. Where nothing scales it, its bounds are what it
    /// wants.
    pub(crate) async fn tasks_now(&self) -> Result<Tasks> {
        let (cluster, service) = self.scaled_service().await?;
        let input = json!({"cluster": cluster, "services": [service]});
        let described = self.ecs("DescribeServices", input).await?;
        let targets = self.scaling("DescribeScalableTargets", json!({})).await?;
        let of = &described["services"][0];
        let desired = count(&of["desiredCount"])?;
        let target = &targets["ScalableTargets"][0];
        let (min, max) = if target.is_null() {
            (desired, desired)
        } else {
            (
                count(&target["MinCapacity"])?,
                count(&target["MaxCapacity"])?,
            )
        };
        Ok(Tasks {
            at: self.now().await?,
            desired,
            running: count(&of["runningCount"])?,
            min,
            max,
        })
    }

    /// The same, of a service that is open.
    ///
    /// # Errors
    /// If its office hours have closed it.
    pub(crate) async fn open_tasks(&self) -> Result<Tasks> {
        let now = self.tasks_now().await?;
        if now.max == 0 {
            bail!(
                "the service is closed by its office hours: move the clock into them first, such as \
                 by `terrella clock jump-to 'mon 09:00'`"
            );
        }
        Ok(now)
    }

    /// Brings the service to the fewest tasks that it may have, as a person would.
    pub(crate) async fn fewest_tasks(&self) -> Result<Tasks> {
        let now = self.open_tasks().await?;
        if now.desired > now.min {
            let (cluster, service) = self.scaled_service().await?;
            let input = json!({"cluster": cluster, "service": service, "desiredCount": now.min});
            self.ecs("UpdateService", input).await?;
        }
        self.steady().await?;
        self.open_tasks().await
    }

    /// What was scaled since a moment, the oldest first.
    pub(crate) async fn activities(&self, since: Timestamp) -> Result<Vec<Activity>> {
        let told = self.scaling("DescribeScalingActivities", json!({})).await?;
        let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let mut found = Vec::new();
        for one in told["ScalingActivities"].as_array().into_iter().flatten() {
            let at = seconds(&one["StartTime"]).context("a scaling activity has no time")?;
            if at >= since {
                found.push(Activity {
                    at,
                    description: text(one, "Description"),
                    cause: text(one, "Cause"),
                    status: text(one, "StatusCode"),
                });
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The metric's datapoints of one minute each that began since then, the oldest first.
    pub(crate) async fn minutes(
        &self,
        metric: &Metric,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, f64)>> {
        // Periods begin at full minutes; the one that is under way is left out.
        let minute = |at: Timestamp| at.as_second().div_euclid(60) * 60;
        let (from, to) = (minute(since), minute(self.now().await?));
        if to <= from {
            return Ok(Vec::new());
        }
        let moment = |second| Timestamp::from_second(second).map(|at| at.to_string());
        let (from, to) = (moment(from)?, moment(to)?);
        let mut parameters = vec![
            ("Namespace".to_owned(), metric.namespace.to_owned()),
            ("MetricName".to_owned(), metric.name.to_owned()),
            (
                "Statistics.member.1".to_owned(),
                metric.statistic.to_owned(),
            ),
            ("Period".to_owned(), "60".to_owned()),
            ("StartTime".to_owned(), from),
            ("EndTime".to_owned(), to),
        ];
        for (number, (name, value)) in (1..).zip(&metric.dimensions) {
            let of = format!("Dimensions.member.{number}");
            parameters.push((format!("{of}.Name"), (*name).to_owned()));
            parameters.push((format!("{of}.Value"), value.clone()));
        }
        let parameters: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let told = self
            .region
            .query(
                "monitoring",
                "2010-08-01",
                "GetMetricStatistics",
                &parameters,
            )
            .await?;
        let mut found = Vec::new();
        for point in told.all("GetMetricStatisticsResult/Datapoints/member") {
            let at = point
                .text("Timestamp")
                .parse()
                .context("a datapoint has no time")?;
            let value = point
                .text(metric.statistic)
                .parse()
                .context("a datapoint has no value")?;
            found.push((at, value));
        }
        found.sort_by_key(|(at, _)| *at);
        Ok(found)
    }

    /// The service's average CPU, which its tasks share.
    pub(crate) async fn cpu(&self) -> Result<Metric> {
        let (cluster, service) = self.scaled_service().await?;
        Ok(Metric {
            namespace: "AWS/ECS",
            name: "CPUUtilization",
            statistic: "Average",
            dimensions: vec![("ClusterName", cluster), ("ServiceName", service)],
        })
    }
}

fn count(value: &Value) -> Result<u32> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .with_context(|| format!("{value} is no number of tasks"))
}

/// A time as JSON protocols tell it: seconds, with a fraction.
fn seconds(value: &Value) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_are_read_as_json_tells_them() {
        let at = seconds(&json!(1_767_600_000.25)).expect("a moment");
        assert_eq!(at.to_string(), "2026-01-05T08:00:00.25Z");
        assert_eq!(seconds(&json!("today")), None);
        assert_eq!(count(&json!(3)).expect("a count"), 3);
        assert!(count(&json!(-1)).is_err());
        assert!(count(&Value::Null).is_err());
    }
}
