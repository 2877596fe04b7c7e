//! Metrics in CloudWatch's embedded metric format: a line of the log from which CloudWatch Logs makes metrics.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::proto::{Bucket, LabelPair, Metric, MetricFamily};
use serde_json::{Map, Value, json};

use super::metrics;

/// A metric has at most this many values in one document.
const MAX_VALUES: usize = 100;

/// Names and values.
type Labels = &'static [(&'static str, &'static str)];

/// What is told: its name, and the family and labels of which it is the sum. `5xx` stands for every such status.
const COUNTS: [(&str, &str, Labels); 11] = [
    ("Requests", "links_requests_total", &[]),
    ("Errors", "links_requests_total", &[("status", "5xx")]),
    (
        "Redirects",
        "links_requests_total",
        &[("route", "redirect")],
    ),
    ("Refused", "links_refused_total", &[]),
    ("CacheHits", "links_cache_total", &[("outcome", "hit")]),
    ("CacheMisses", "links_cache_total", &[("outcome", "miss")]),
    (
        "WriterReads",
        "links_database_reads_total",
        &[("server", "writer")],
    ),
    (
        "ReplicaReads",
        "links_database_reads_total",
        &[("server", "replica")],
    ),
    ("Writes", "links_database_writes_total", &[]),
    (
        "ClicksWritten",
        "links_clicks_total",
        &[("what", "written")],
    ),
    (
        "ClicksDropped",
        "links_clicks_total",
        &[("what", "dropped")],
    ),
];
const LATENCY: (&str, &str) = ("Latency", "links_request_seconds");

/// Tells what happened since it was asked last.
#[derive(Default)]
pub struct Emf {
    counts: HashMap<&'static str, u64>,
    /// Requests at most as slow as each bound, in the order of the bounds.
    buckets: Vec<u64>,
}

/// Writes a document each `interval`, for as long as the process runs.
pub async fn run(namespace: &str, interval: Duration) {
    let mut emf = Emf::default();
    let mut ticks = tokio::time::interval(interval);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        write(&emf.document(namespace, &metrics().gather(), Timestamp::now()));
    }
}

/// On a line of its own, as every line of the log. A log that cannot be written is nobody's to tell.
fn write(document: &Value) {
    let _ = writeln!(std::io::stdout().lock(), "{document}");
}

impl Emf {
    /// The document for what changed since the last call.
    pub fn document(
        &mut self,
        namespace: &str,
        families: &[MetricFamily],
        now: Timestamp,
    ) -> Value {
        let mut definitions = Vec::new();
        let mut values = Map::new();
        for (name, family, labels) in COUNTS {
            let total = sum(families, family, labels);
            let before = self.counts.insert(name, total).unwrap_or(0);
            definitions.push(json!({ "Name": name, "Unit": "Count" }));
            values.insert(name.to_owned(), json!(total.saturating_sub(before)));
        }
        let (name, family) = LATENCY;
        if let Some((bounds, counts)) = self.latency(families, family) {
            definitions.push(json!({ "Name": name, "Unit": "Milliseconds" }));
            values.insert(
                name.to_owned(),
                json!({ "Values": bounds, "Counts": counts }),
            );
        }
        values.insert("Service".to_owned(), json!("links"));
        values.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [["Service"]],
                    "Metrics": definitions,
                }],
            }),
        );
        Value::Object(values)
    }

    /// Each bucket that got requests, by its upper bound in milliseconds.
    fn latency(&mut self, families: &[MetricFamily], name: &str) -> Option<(Vec<f64>, Vec<u64>)> {
        let family = families.iter().find(|family| family.name() == name)?;
        let histograms: Vec<_> = family
            .get_metric()
            .iter()
            .map(Metric::get_histogram)
            .collect();
        let bounds: Vec<_> = histograms
            .first()?
            .get_bucket()
            .iter()
            .map(Bucket::upper_bound)
            .collect();
        let mut cumulative: Vec<u64> = (0..bounds.len())
            .map(|index| {
                let of = |histogram: &&prometheus::proto::Histogram| {
                    histogram.get_bucket()[index].cumulative_count()
                };
                histograms.iter().map(of).sum()
            })
            .collect();
        // What is slower than every bound counts with the last.
        if let Some(last) = cumulative.last_mut() {
            *last = histograms
                .iter()
                .map(|histogram| histogram.get_sample_count())
                .sum();
        }
        self.buckets.resize(cumulative.len(), 0);
        let mut below = 0;
        let mut values = Vec::new();
        let mut counts = Vec::new();
        for ((bound, total), before) in bounds.iter().zip(&cumulative).zip(&self.buckets) {
            let new = total.saturating_sub(*before);
            if new > below && values.len() < MAX_VALUES {
                values.push(bound * 1000.0);
                counts.push(new - below);
            }
            below = new.max(below);
        }
        self.buckets = cumulative;
        (!values.is_empty()).then_some((values, counts))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole, not negative, and far from 2^53"
)]
fn sum(families: &[MetricFamily], name: &str, labels: &[(&str, &str)]) -> u64 {
    let metrics = families
        .iter()
        .filter(|family| family.name() == name)
        .flat_map(MetricFamily::get_metric);
    metrics
        .filter(|metric| {
            labels
                .iter()
                .all(|wanted| matches(metric.get_label(), *wanted))
        })
        .map(|metric| metric.get_counter().get_value())
        .fold(0.0, |sum, value| sum + value)
        .round() as u64
}

fn matches(labels: &[LabelPair], (name, value): (&str, &str)) -> bool {
    labels.iter().any(|label| {
        label.name() == name
            && match value {
                "5xx" => label.value().starts_with('5'),
                value => label.value() == value,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_new() {
        let metrics = metrics();
        let mut emf = Emf::default();
        let now = Timestamp::UNIX_EPOCH;
        emf.document("test", &metrics.gather(), now);
        metrics.request("api", 503, Duration::from_millis(3));
        metrics.request("api", 200, Duration::from_mins(1));
        let document = emf.document("test", &metrics.gather(), now);
        // Other tests of this process may count too, so at least.
        assert!(document["Requests"].as_u64() >= Some(2), "{document}");
        assert!(document["Errors"].as_u64() >= Some(1), "{document}");
        let values = document["Latency"]["Values"].as_array().unwrap();
        assert!(
            values.contains(&json!(5.0)) && values.contains(&json!(10_000.0)),
            "{document}"
        );
        let told = &document["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(told["Namespace"], "test");
        for metric in told["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(!document[name].is_null(), "{name} is defined and not told");
        }
    }
}
