//! Metrics put and read.

use jiff::Timestamp;
use wire::cloudwatch as api;
use wire::cloudwatch::op;

use super::super::metric::{self, Measured, Question, Sample};
use super::{SERVICE, put, put_data, seconds};
use crate::testing::Bench;

fn stat(id: &str, name: &str, stat: &str, period: i64) -> api::MetricDataQuery {
    api::MetricDataQuery {
        id: id.into(),
        metric_stat: Some(api::MetricStat {
            metric: api::Metric {
                namespace: Some("N".into()),
                metric_name: Some(name.into()),
                dimensions: None,
            },
            period,
            stat: stat.into(),
            unit: None,
        }),
        ..Default::default()
    }
}

fn math(id: &str, expression: &str) -> api::MetricDataQuery {
    api::MetricDataQuery {
        id: id.into(),
        expression: Some(expression.into()),
        ..Default::default()
    }
}

/// From the beginning of the bench for an hour.
fn asked(bench: &Bench, queries: Vec<api::MetricDataQuery>) -> api::GetMetricDataInput {
    api::GetMetricDataInput {
        start_time: begin(bench),
        end_time: begin(bench) + seconds(3600),
        metric_data_queries: queries,
        ..Default::default()
    }
}

fn begin(_: &Bench) -> Timestamp {
    "2026-01-05T08:00:00Z".parse().expect("it is a moment")
}

fn read(bench: &mut Bench, input: api::GetMetricDataInput) -> Vec<api::MetricDataResult> {
    let answer = bench
        .call::<op::GetMetricData>(SERVICE, input)
        .expect("they are read");
    answer.metric_data_results.expect("a list")
}

fn values(bench: &mut Bench, queries: Vec<api::MetricDataQuery>) -> Vec<Vec<f64>> {
    let mut input = asked(bench, queries);
    input.scan_by = Some(api::ScanBy::TimestampAscending);
    read(bench, input)
        .into_iter()
        .map(|one| one.values.expect("values"))
        .collect()
}

#[test]
fn what_is_put_is_read() {
    let mut bench = Bench::new();
    let begun = bench.now;
    let datum = |second: i64, value: f64| api::MetricDatum {
        metric_name: "m".into(),
        timestamp: Some(begun + seconds(second)),
        value: Some(value),
        ..Default::default()
    };
    put_data(
        &mut bench,
        vec![
            datum(0, 1.0),
            datum(59, 3.0),
            datum(60, 10.0),
            datum(180, 2.5),
        ],
    );
    put_data(
        &mut bench,
        vec![api::MetricDatum {
            timestamp: Some(begun + seconds(60)),
            value: None,
            statistic_values: Some(api::StatisticSet {
                sample_count: 3.0,
                sum: 6.0,
                minimum: 1.0,
                maximum: 3.0,
            }),
            ..datum(0, 0.0)
        }],
    );
    bench.restart();
    let all = |name: &str| vec![stat("q", "m", name, 60)];
    assert_eq!(values(&mut bench, all("Sum")), [[4.0, 16.0, 2.5]]);
    assert_eq!(values(&mut bench, all("SampleCount")), [[2.0, 4.0, 1.0]]);
    assert_eq!(values(&mut bench, all("Average")), [[2.0, 4.0, 2.5]]);
    assert_eq!(values(&mut bench, all("Minimum")), [[1.0, 1.0, 2.5]]);
    assert_eq!(values(&mut bench, all("Maximum")), [[3.0, 10.0, 2.5]]);
    // A set of statistics has no percentiles.
    assert_eq!(values(&mut bench, all("p50")), [[1.0, 2.5]]);
    assert_eq!(
        values(&mut bench, vec![stat("q", "m", "Sum", 120)]),
        [[20.0, 2.5]]
    );
    assert_eq!(
        values(&mut bench, vec![stat("q", "gone", "Sum", 60)]),
        [[0.0; 0]]
    );
    let sum = |end: i64| api::GetMetricDataInput {
        end_time: begun + seconds(end),
        ..asked(&bench, all("Sum"))
    };
    let (before, after) = (sum(60), sum(61));
    assert_eq!(
        read(&mut bench, before)[0].values,
        Some(vec![4.0]),
        "the end is not included"
    );
    let found = read(&mut bench, after);
    assert_eq!(found[0].values, Some(vec![16.0, 4.0]), "the newest first");
    assert_eq!(found[0].timestamps, Some(vec![begun + seconds(60), begun]));
    assert_eq!(found[0].status_code, Some(api::StatusCode::Complete));

    let statistics = api::GetMetricStatisticsInput {
        namespace: "N".into(),
        metric_name: "m".into(),
        start_time: begun,
        end_time: begun + seconds(60),
        period: 60,
        statistics: Some(vec![api::Statistic::Average, api::Statistic::Sum]),
        ..Default::default()
    };
    let found = bench
        .call::<op::GetMetricStatistics>(SERVICE, statistics)
        .expect("they are read");
    assert_eq!(found.label.as_deref(), Some("m"));
    let points = found.datapoints.expect("a list");
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].average, Some(2.0));
    assert_eq!(points[0].sum, Some(4.0));
    assert_eq!(points[0].minimum, None);
    assert_eq!(points[0].unit, Some(api::StandardUnit::None));
}

#[test]
fn others_of_the_region_put_and_read() {
    let mut bench = Bench::new();
    let at = bench.now;
    let dimensions = vec![
        ("B".to_owned(), "2".to_owned()),
        ("A".to_owned(), "1".to_owned()),
    ];
    bench
        .write(|region, context| {
            metric::record(
                region,
                context,
                &Sample {
                    namespace: "AWS/ECS".into(),
                    name: "CPUUtilization".into(),
                    dimensions: dimensions.clone(),
                    unit: api::StandardUnit::Percent,
                    at,
                    high_resolution: false,
                    measured: Measured::Values(vec![(10.0, 2.0), (40.0, 1.0)]),
                },
            );
            let other = [dimensions[1].clone(), dimensions[0].clone()];
            let question = Question {
                namespace: "AWS/ECS",
                name: "CPUUtilization",
                dimensions: &other,
                statistic: "Average",
                unit: Some(api::StandardUnit::Percent),
                start: at,
                end: at + seconds(60),
                period: 60,
            };
            assert_eq!(metric::statistic(region, context, &question), [(at, 20.0)]);
            Ok(())
        })
        .expect("it is kept");
}

#[test]
fn a_metric_is_its_name_and_all_its_dimensions() {
    let mut bench = Bench::new();
    let datum = |dimensions: &[(&str, &str)], value: f64| api::MetricDatum {
        metric_name: "m".into(),
        dimensions: Some(
            dimensions
                .iter()
                .map(|(name, value)| api::Dimension {
                    name: (*name).into(),
                    value: (*value).into(),
                })
                .collect(),
        ),
        value: Some(value),
        ..Default::default()
    };
    put_data(
        &mut bench,
        vec![
            datum(&[("a", "1"), ("b", "2")], 1.0),
            datum(&[("b", "2"), ("a", "1")], 2.0),
            datum(&[("a", "1")], 4.0),
            datum(&[], 8.0),
        ],
    );
    assert_eq!(values(&mut bench, vec![stat("q", "m", "Sum", 60)]), [[8.0]]);
    let listed =
        |bench: &mut Bench, dimensions: Option<Vec<api::DimensionFilter>>, active: bool| {
            let input = api::ListMetricsInput {
                namespace: Some("N".into()),
                dimensions,
                recently_active: active.then_some(api::RecentlyActive::Pt3h),
                ..Default::default()
            };
            let answer = bench
                .call::<op::ListMetrics>(SERVICE, input)
                .expect("they are listed");
            answer.metrics.expect("a list").len()
        };
    let filter = |value: Option<&str>| {
        Some(vec![api::DimensionFilter {
            name: "a".into(),
            value: value.map(Into::into),
        }])
    };
    assert_eq!(listed(&mut bench, None, false), 3);
    assert_eq!(listed(&mut bench, filter(None), false), 2);
    assert_eq!(listed(&mut bench, filter(Some("1")), true), 2);
    assert_eq!(listed(&mut bench, filter(Some("2")), false), 0);
    bench.pass(seconds(4 * 3600));
    assert_eq!(listed(&mut bench, None, true), 0);
    assert_eq!(listed(&mut bench, None, false), 3);
    bench.pass(seconds(15 * 86_400));
    assert_eq!(listed(&mut bench, None, false), 0, "idle for two weeks");
}

#[test]
fn units_are_apart() {
    let mut bench = Bench::new();
    let datum = |unit: api::StandardUnit, value: f64| api::MetricDatum {
        metric_name: "m".into(),
        value: Some(value),
        unit: Some(unit),
        ..Default::default()
    };
    put_data(
        &mut bench,
        vec![
            datum(api::StandardUnit::Seconds, 60.0),
            datum(api::StandardUnit::Milliseconds, 60_000.0),
        ],
    );
    let input = asked(&bench, vec![stat("q", "m", "Sum", 60)]);
    let found = read(&mut bench, input);
    assert_eq!(found[0].values, Some(vec![60_000.0]));
    let message = &found[0].messages.as_ref().expect("a message")[0];
    assert_eq!(message.code.as_deref(), Some("MultipleUnits"));
    assert_eq!(
        message.value.as_deref(),
        Some("Multiple units returned: '[Milliseconds, Seconds]'")
    );
    let mut query = stat("q", "m", "Sum", 60);
    if let Some(stat) = &mut query.metric_stat {
        stat.unit = Some(api::StandardUnit::Seconds);
    }
    assert_eq!(values(&mut bench, vec![query]), [[60.0]]);
    let statistics = api::GetMetricStatisticsInput {
        namespace: "N".into(),
        metric_name: "m".into(),
        start_time: bench.now,
        end_time: bench.now + seconds(60),
        period: 60,
        statistics: Some(vec![api::Statistic::Average]),
        ..Default::default()
    };
    let found = bench
        .call::<op::GetMetricStatistics>(SERVICE, statistics)
        .expect("they are read");
    assert_eq!(found.datapoints.map(|all| all.len()), Some(2));
}

#[test]
fn labels_say_where_queries_differ() {
    let mut bench = Bench::new();
    for (one, other, labels) in [
        (("Sum", 60), ("Minimum", 30), ["m Sum 60", "m Minimum 30"]),
        (("Sum", 60), ("Minimum", 60), ["m Sum", "m Minimum"]),
        (("Sum", 60), ("Sum", 30), ["m 60", "m 30"]),
        (("Sum", 60), ("Sum", 60), ["m", "m"]),
    ] {
        let queries = vec![
            stat("a", "m", one.0, one.1),
            stat("b", "m", other.0, other.1),
        ];
        let input = asked(&bench, queries);
        let found = read(&mut bench, input);
        let told: Vec<Option<&str>> = found.iter().map(|one| one.label.as_deref()).collect();
        assert_eq!(told, labels.map(Some));
    }
}

#[test]
fn expressions_are_computed_from_what_was_asked() {
    let mut bench = Bench::new();
    let begun = bench.now;
    for (minute, errors, requests) in [(0, 1.0, 10.0), (1, 0.0, 0.0), (2, 3.0, 30.0)] {
        put(&mut bench, "errors", begun + seconds(60 * minute), errors);
        put(
            &mut bench,
            "requests",
            begun + seconds(60 * minute),
            requests,
        );
    }
    let hidden = |mut query: api::MetricDataQuery| {
        query.return_data = Some(false);
        query
    };
    let queries = || {
        vec![
            math("rate", "100 * e / r"),
            hidden(stat("e", "errors", "Sum", 60)),
            hidden(stat("r", "requests", "Sum", 60)),
            math("twice", "rate * 2"),
        ]
    };
    let found = values(&mut bench, queries());
    assert_eq!(found, [[10.0, 10.0], [20.0, 20.0]]);
    let array = vec![
        math("all", "METRICS()"),
        stat("e", "errors", "Sum", 60),
        stat("r", "requests", "Sum", 60),
    ];
    assert_eq!(
        values(&mut bench, array).len(),
        4,
        "two series of one id, and each of the others"
    );
    let searched = vec![math(
        "s",
        "SUM(SEARCH('{N} MetricName=(errors OR requests)', 'Sum', 60))",
    )];
    assert_eq!(values(&mut bench, searched), [[11.0, 0.0, 33.0]]);
    let filled = vec![
        math("f", "FILL(x, 0)"),
        hidden(stat("x", "gone", "Sum", 600)),
    ];
    assert_eq!(values(&mut bench, filled), [[0.0; 6]]);
    for (query, code, message) in [
        (
            math("s", "1 + 1"),
            "ValidationError",
            "Error in expression 's': The expression does not come to a time series",
        ),
        (
            math("s", "nope"),
            "ValidationError",
            "Error in expression 's': Undeclared variable: nope",
        ),
        (
            math("S", "e"),
            "ValidationError",
            "The value S for parameter MetricDataQueries.member.3.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
        ),
        (
            math("e", "r"),
            "ValidationError",
            "The values for parameter id in MetricDataQueries must be unique.",
        ),
        (
            math("s", "SELECT AVG(x) FROM y"),
            "NotImplemented",
            "Terrella's CloudWatch does not have Metrics Insights queries (SELECT).",
        ),
        (
            stat("s", "m", "p101", 60),
            "ValidationError",
            "The value p101 for parameter MetricDataQueries.member.3.MetricStat.Stat is not supported.",
        ),
        (
            stat("s", "m", "Sum", 61),
            "ValidationError",
            "The parameter MetricDataQueries.member.3.MetricStat.Period must be a value in the set [1, 5, 10, 20, 30], or a multiple of 60.",
        ),
    ] {
        let input = asked(
            &bench,
            vec![stat("e", "m", "Sum", 60), stat("r", "m", "Sum", 60), query],
        );
        let refused = bench.refused::<op::GetMetricData>(SERVICE, input);
        assert_eq!(refused, (code.to_owned(), message.to_owned()));
    }
}

#[test]
fn many_datapoints_come_in_pieces() {
    let mut bench = Bench::new();
    let begun = bench.now;
    for minute in 0..5 {
        put(&mut bench, "a", begun + seconds(60 * minute), 1.0);
        put(&mut bench, "b", begun + seconds(60 * minute), 2.0);
    }
    let mut input = api::GetMetricDataInput {
        max_datapoints: Some(3),
        ..asked(
            &bench,
            vec![stat("a", "a", "Sum", 60), stat("b", "b", "Sum", 60)],
        )
    };
    let mut seen = Vec::new();
    loop {
        let answer = bench
            .call::<op::GetMetricData>(SERVICE, input.clone())
            .expect("they are read");
        let results = answer.metric_data_results.expect("a list");
        seen.push(
            results
                .iter()
                .map(|one| one.values.as_ref().map_or(0, Vec::len))
                .collect::<Vec<_>>(),
        );
        input.next_token = answer.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen, [[3, 0], [2, 1], [0, 3], [0, 1]]);
    input.next_token = Some("!".into());
    assert_eq!(
        bench.refused::<op::GetMetricData>(SERVICE, input).0,
        "InvalidNextToken"
    );
}

#[test]
fn what_is_wrong_is_said_in_awss_words() {
    let mut bench = Bench::new();
    let datum = || api::MetricDatum {
        metric_name: "m".into(),
        ..Default::default()
    };
    let value = || api::MetricDatum {
        value: Some(1.0),
        ..datum()
    };
    let old = bench.now - seconds(15 * 86_400);
    for (datum, code, message) in [
        (
            api::MetricDatum {
                values: Some(vec![1.0]),
                ..value()
            },
            "InvalidParameterCombination",
            "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.",
        ),
        (
            api::MetricDatum {
                values: Some(vec![1.0]),
                counts: Some(vec![1.0, 2.0]),
                ..datum()
            },
            "InvalidParameterValue",
            "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
        ),
        (
            api::MetricDatum {
                value: Some(f64::NAN),
                ..datum()
            },
            "InvalidParameterValue",
            "The value NaN for parameter MetricData.member.1.Value is invalid.",
        ),
        (
            api::MetricDatum {
                timestamp: Some(old),
                ..value()
            },
            "InvalidParameterValue",
            "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.",
        ),
    ] {
        let input = api::PutMetricDataInput {
            namespace: "N".into(),
            metric_data: Some(vec![datum]),
            ..Default::default()
        };
        let refused = bench.refused::<op::PutMetricData>(SERVICE, input);
        assert_eq!(refused, (code.to_owned(), message.to_owned()));
    }
    for (value_, least) in [(2.0f64.powi(361), false), (2.0f64.powi(360), true)] {
        let input = api::PutMetricDataInput {
            namespace: "N".into(),
            metric_data: Some(vec![api::MetricDatum {
                value: Some(value_),
                ..datum()
            }]),
            ..Default::default()
        };
        assert_eq!(
            bench.call::<op::PutMetricData>(SERVICE, input).is_ok(),
            least
        );
    }
    let aws = api::PutMetricDataInput {
        namespace: "AWS/ECS".into(),
        metric_data: Some(vec![value()]),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::PutMetricData>(SERVICE, aws),
        (
            "InvalidParameterValue".into(),
            "The value AWS/ for parameter Namespace is invalid.".into()
        )
    );
    let statistics = |start: i64, end: i64, period: i64| api::GetMetricStatisticsInput {
        namespace: "N".into(),
        metric_name: "m".into(),
        start_time: begin(&Bench::new()) + seconds(start),
        end_time: begin(&Bench::new()) + seconds(end),
        period,
        statistics: Some(vec![api::Statistic::Average]),
        ..Default::default()
    };
    for (input, code, message) in [
        (
            statistics(0, 86_401, 60),
            "InvalidParameterCombination",
            "You have requested up to 1441 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        ),
        (
            statistics(60, 60, 60),
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            api::GetMetricStatisticsInput {
                statistics: None,
                ..statistics(0, 60, 60)
            },
            "InvalidParameterCombination",
            "Must specify either Statistics or ExtendedStatistics",
        ),
    ] {
        let refused = bench.refused::<op::GetMetricStatistics>(SERVICE, input);
        assert_eq!(refused, (code.to_owned(), message.to_owned()));
    }
}
