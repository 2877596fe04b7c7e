//! Data as it ages.

use jiff::Timestamp;
use wire::cloudwatch as api;
use wire::cloudwatch::op;

use super::{SERVICE, put, put_data, seconds};
use crate::testing::Bench;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// How many datapoints there are, and their sum.
fn told(bench: &mut Bench, start: Timestamp, length: i64, period: i64) -> (usize, f64) {
    let input = api::GetMetricDataInput {
        start_time: start,
        end_time: start + seconds(length),
        metric_data_queries: vec![api::MetricDataQuery {
            id: "q".into(),
            metric_stat: Some(api::MetricStat {
                metric: api::Metric {
                    namespace: Some("N".into()),
                    metric_name: Some("m".into()),
                    dimensions: None,
                },
                period,
                stat: "Sum".into(),
                unit: None,
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = bench
        .call::<op::GetMetricData>(SERVICE, input)
        .expect("they are read");
    let values = answer
        .metric_data_results
        .expect("a list")
        .swap_remove(0)
        .values;
    let values = values.expect("values");
    (values.len(), values.iter().sum())
}

#[test]
fn old_data_is_told_coarser_and_nothing_is_lost_on_the_way() {
    let mut bench = Bench::new();
    let begun = bench.now;
    let data = (0..600).map(|second| api::MetricDatum {
        metric_name: "m".into(),
        timestamp: Some(begun + seconds(second)),
        value: Some(1.0),
        storage_resolution: Some(1),
        ..Default::default()
    });
    put_data(&mut bench, data.collect());
    bench.pass(seconds(600));
    assert_eq!(told(&mut bench, begun, 600, 1), (600, 600.0));
    assert_eq!(told(&mut bench, begun, 600, 10), (60, 600.0));
    let ages =
        |bench: &mut Bench| [1, 60, 300, 3600].map(|period| told(bench, begun, 3600, period));
    let none = (0, 0.0);
    bench.pass(seconds(4 * HOUR));
    assert_eq!(
        ages(&mut bench),
        [none, (10, 600.0), (2, 600.0), (1, 600.0)]
    );
    bench.pass(seconds(16 * DAY));
    bench.restart();
    assert_eq!(ages(&mut bench), [none, none, (2, 600.0), (1, 600.0)]);
    bench.pass(seconds(50 * DAY));
    assert_eq!(ages(&mut bench), [none, none, none, (1, 600.0)]);
    assert_eq!(bench.region.cloudwatch.chunks.len(), 1);
    bench.pass(seconds(400 * DAY));
    assert_eq!(ages(&mut bench), [none; 4]);
    assert_eq!(bench.region.cloudwatch.chunks.len(), 0);
    assert_eq!(bench.region.cloudwatch.metrics.len(), 0);
}

#[test]
fn data_that_comes_late_is_kept_as_fine_as_it_still_can_be() {
    let mut bench = Bench::new();
    let late = bench.now - seconds(13 * DAY);
    let datum = api::MetricDatum {
        metric_name: "m".into(),
        timestamp: Some(late + seconds(1)),
        value: Some(1.0),
        storage_resolution: Some(1),
        ..Default::default()
    };
    put_data(&mut bench, vec![datum]);
    assert_eq!(told(&mut bench, late, 60, 1), (0, 0.0));
    assert_eq!(told(&mut bench, late, 60, 60), (1, 1.0));
}

#[test]
fn a_measurement_writes_little() {
    let mut bench = Bench::new();
    let begun = bench.now;
    for minute in 0..3 * 60_i32 {
        bench.now = begun + seconds(60 * i64::from(minute));
        let at = bench.now;
        put(&mut bench, "m", at, 0.1 + f64::from(minute));
    }
    let at = bench.now;
    let written = bench.write(|region, context| {
        let sample = super::super::metric::Sample {
            namespace: "N".into(),
            name: "m".into(),
            dimensions: Vec::new(),
            unit: api::StandardUnit::None,
            at,
            high_resolution: false,
            measured: super::super::metric::Measured::Value(0.7),
        };
        super::super::metric::record(region, context, &sample);
        let changes = region.changes();
        Ok(changes
            .iter()
            .filter_map(|change| change.row.as_ref())
            .map(Vec::len)
            .sum::<usize>())
    });
    let written = written.expect("it is kept");
    assert!(written < 1200, "{written} bytes");
    // A day of a metric is a few kilobytes.
    let day: usize = bench
        .region
        .cloudwatch
        .chunks
        .values()
        .map(|chunk| serde_json::to_vec(chunk).expect("JSON").len())
        .sum();
    assert!(day * 8 < 24 * 1024, "{day} bytes in three hours");
}
