//! What services use, told to CloudWatch.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_utilization.html>

use std::collections::BTreeMap;

use wire::cloudwatch::StandardUnit;
use world::measure::Measured;

use super::state::TaskState;
use crate::services::cloudwatch::metric::{self, Sample};
use crate::{Context, Region};

const MEBIBYTE: f64 = 1_048_576.0;

/// What the running tasks of one service use of what they were given.
#[derive(Debug, Default, Clone, PartialEq)]
struct Use {
    tasks: f64,
    used: f64,
    given: f64,
    /// Of single tasks, in percent.
    least: f64,
    most: f64,
}

impl Use {
    fn add(&mut self, used: f64, given: f64) {
        let percent = (used / given * 100.0).clamp(0.0, 100.0);
        if self.tasks == 0.0 {
            (self.least, self.most) = (percent, percent);
        }
        self.tasks += 1.0;
        self.used += used;
        self.given += given;
        self.least = self.least.min(percent);
        self.most = self.most.max(percent);
    }

    /// One sample: the average is that of all tasks together, the least and the most are those
    /// of single tasks.
    fn measured(&self) -> metric::Measured {
        let average = (self.used / self.given * 100.0).clamp(self.least, self.most);
        metric::Measured::Set {
            count: self.tasks,
            sum: average * self.tasks,
            minimum: self.least,
            maximum: self.most,
        }
    }
}

/// Three samples come a minute; a service without running tasks has none.
pub(super) fn observe(region: &mut Region, context: &Context, measured: &Measured) {
    let mut services: BTreeMap<(String, String), [Use; 2]> = BTreeMap::new();
    for (id, usage) in &measured.tasks {
        let task = region.ecs.tasks.get(id.as_str());
        let Some(task) = task.filter(|task| task.status == TaskState::Running) else {
            continue;
        };
        let Some((service, _)) = &task.service else {
            continue;
        };
        let key = (task.cluster.clone(), service.clone());
        let [cpu, memory] = services.entry(key).or_default();
        if let Some(units) = usage.cpu_units
            && task.cpu > 0
        {
            cpu.add(units, f64::from(task.cpu));
        }
        if task.memory > 0 {
            #[expect(clippy::cast_precision_loss, reason = "bytes of a task's memory")]
            let used = usage.memory_bytes as f64 / MEBIBYTE;
            memory.add(used, f64::from(task.memory));
        }
    }
    for ((cluster, service), uses) in services {
        for (name, one) in ["CPUUtilization", "MemoryUtilization"]
            .into_iter()
            .zip(&uses)
        {
            if one.tasks == 0.0 {
                continue;
            }
            let sample = Sample {
                namespace: "AWS/ECS".to_owned(),
                name: name.to_owned(),
                dimensions: vec![
                    ("ClusterName".to_owned(), cluster.clone()),
                    ("ServiceName".to_owned(), service.clone()),
                ],
                unit: StandardUnit::Percent,
                at: measured.at,
                high_resolution: false,
                measured: one.measured(),
            };
            metric::record(region, context, &sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_as_busy_as_its_tasks_together() {
        let mut cpu = Use::default();
        cpu.add(128.0, 256.0);
        cpu.add(64.0, 256.0);
        cpu.add(300.0, 256.0);
        let average = (128.0 + 64.0 + 300.0) / 768.0 * 100.0;
        assert_eq!(
            cpu.measured(),
            metric::Measured::Set {
                count: 3.0,
                sum: average * 3.0,
                minimum: 25.0,
                maximum: 100.0,
            }
        );
    }

    /// A row of a task, as far as it matters here.
    fn task(id: &str, status: &str) -> super::super::state::Task {
        let moment = "2026-01-05T08:00:00Z";
        serde_json::from_value(serde_json::json!({
            "id": id, "arn": id, "cluster": "main", "task_definition": "links:1",
            "group": "service:links", "service": ["links", "ecs-svc/1"], "platform_version": "1.4.0",
            "cpu": 256, "memory": 512, "overrides": {}, "enable_execute_command": false, "tags": {},
            "vpc": "vpc-1", "subnet": "subnet-1", "zone": "eu-central-1a", "interface": "eni-1",
            "attachment": "a", "targets": [], "containers": [], "status": status, "version": 1,
            "created_at": moment, "credentials_id": "c",
            "noted": {"running": false, "healthy": false, "unhealthy": false, "ended": false},
        }))
        .expect("it is a row")
    }

    #[test]
    fn three_samples_make_a_minute() {
        use crate::services::cloudwatch::metric::Question;
        use world::measure::Usage;

        let mut bench = crate::testing::Bench::new();
        let begin = bench.now;
        let usage = |cpu_units| Usage {
            cpu_units,
            memory_bytes: 128 << 20,
        };
        bench.now = begin + jiff::SignedDuration::from_secs(58);
        let found = bench.write(|region, context| {
            for (id, status) in [("t1", "Running"), ("t2", "Running"), ("t3", "Stopping")] {
                region.ecs.tasks.insert(id.to_owned(), task(id, status));
            }
            for (second, units) in [(0, None), (20, Some(64.0)), (40, Some(128.0))] {
                let mut measured = Measured::new(begin + jiff::SignedDuration::from_secs(second));
                measured.tasks = [("t1", units), ("t2", units), ("t3", Some(256.0))]
                    .into_iter()
                    .map(|(id, units)| (id.into(), usage(units)))
                    .collect();
                observe(region, context, &measured);
            }
            let dimensions = [
                ("ClusterName".to_owned(), "main".to_owned()),
                ("ServiceName".to_owned(), "links".to_owned()),
            ];
            let told = |name, statistic| {
                let question = Question {
                    namespace: "AWS/ECS",
                    name,
                    dimensions: &dimensions,
                    statistic,
                    unit: None,
                    start: begin,
                    end: begin + jiff::SignedDuration::from_mins(1),
                    period: 60,
                };
                let points = metric::statistic(region, context, &question);
                points.first().map(|(_, value)| *value)
            };
            let found = [
                ("CPUUtilization", "Average"),
                ("CPUUtilization", "Maximum"),
                ("CPUUtilization", "SampleCount"),
                ("MemoryUtilization", "Average"),
                ("MemoryUtilization", "SampleCount"),
            ]
            .map(|(name, statistic)| told(name, statistic));
            region.ecs.tasks.retain(|_, _| false);
            Ok(found)
        });
        let wanted = [37.5, 50.0, 4.0, 25.0, 6.0].map(Some);
        assert_eq!(found.expect("it is told"), wanted);
    }
}
