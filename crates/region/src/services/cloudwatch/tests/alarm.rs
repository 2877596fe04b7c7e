//! Metric alarms: what is kept of them, and what becomes of them as data comes and time passes.

use wire::cloudwatch as api;
use wire::cloudwatch::op;

use super::{
    SERVICE, alarm, described, history, put, put_alarm, put_data, seconds, set_state, state,
};
use crate::testing::Bench;

const SCALING: &str = "arn:aws:autoscaling:eu-central-1:000000000000:scalingPolicy:0d0d:resource/ecs/service/c/s:policyName/p:createdBy/1";

#[test]
fn an_alarm_is_told_as_the_provider_needs_it() {
    let mut bench = Bench::new();
    let input = api::PutMetricAlarmInput {
        alarm_description: Some("d".into()),
        alarm_actions: Some(vec!["arn:aws:sns:eu-central-1:000000000000:ops".into()]),
        treat_missing_data: Some("missing".into()),
        dimensions: Some(vec![
            api::Dimension {
                name: "Z".into(),
                value: "1".into(),
            },
            api::Dimension {
                name: "A".into(),
                value: "2".into(),
            },
        ]),
        tags: Some(vec![api::Tag {
            key: "env".into(),
            value: "dev".into(),
        }]),
        ..alarm("hot", "m", 3, 3)
    };
    put_alarm(&mut bench, input.clone());
    bench.restart();
    bench.pass(seconds(1));
    let found = described(&mut bench, "hot");
    let arn = "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:hot";
    assert_eq!(found.alarm_arn.as_deref(), Some(arn));
    assert_eq!(found.actions_enabled, Some(true));
    assert_eq!(found.ok_actions, Some(vec![]));
    assert_eq!(found.alarm_actions, input.alarm_actions);
    assert_eq!(found.treat_missing_data.as_deref(), Some("missing"));
    assert_eq!(found.datapoints_to_alarm, None);
    assert_eq!(
        found.dimensions.map(|all| all[0].name.clone()),
        Some("Z".into())
    );
    assert_eq!(found.state_value, Some(api::StateValue::InsufficientData));
    assert_eq!(
        found.state_reason.as_deref(),
        Some("Unchecked: Initial alarm creation")
    );

    // An update changes all but the state and the tags.
    set_state(&mut bench, "hot", api::StateValue::Ok);
    let changed = api::PutMetricAlarmInput {
        threshold: Some(9.0),
        tags: None,
        alarm_actions: None,
        ..input
    };
    put_alarm(&mut bench, changed);
    let found = described(&mut bench, "hot");
    assert_eq!(found.threshold, Some(9.0));
    assert_eq!(found.alarm_actions, Some(vec![]));
    assert_eq!(found.state_value, Some(api::StateValue::Ok));
    let tags = api::ListTagsForResourceInput {
        resource_arn: arn.into(),
    };
    let tags = bench
        .call::<op::ListTagsForResource>(SERVICE, tags)
        .expect("they are listed");
    assert_eq!(tags.tags.map(|all| all.len()), Some(1));

    let gone = api::DeleteAlarmsInput {
        alarm_names: vec!["hot".into(), "never there".into()],
    };
    bench
        .call::<op::DeleteAlarms>(SERVICE, gone)
        .expect("it is deleted");
    assert!(super::super::alarm::get(&bench.region, "hot").is_none());
    assert_eq!(
        history(&mut bench, "hot", None),
        [
            "Alarm \"hot\" deleted",
            "Alarm \"hot\" updated",
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm \"hot\" created",
        ],
        "history outlives its alarm"
    );
    let unknown = api::ListTagsForResourceInput {
        resource_arn: arn.into(),
    };
    assert_eq!(
        bench.refused::<op::ListTagsForResource>(SERVICE, unknown).0,
        "ResourceNotFoundException"
    );
}

#[test]
fn what_is_wrong_with_an_alarm_is_said() {
    let mut bench = Bench::new();
    let good = || alarm("a", "m", 1, 1);
    let query = |id: &str, expression: Option<&str>, returned: bool| api::MetricDataQuery {
        id: id.into(),
        expression: expression.map(Into::into),
        metric_stat: expression.is_none().then(|| api::MetricStat {
            metric: api::Metric {
                namespace: Some("N".into()),
                metric_name: Some("m".into()),
                dimensions: None,
            },
            period: 60,
            stat: "Average".into(),
            unit: None,
        }),
        return_data: Some(returned),
        ..Default::default()
    };
    let math = |metrics: Vec<api::MetricDataQuery>| api::PutMetricAlarmInput {
        metrics: Some(metrics),
        metric_name: None,
        namespace: None,
        statistic: None,
        period: None,
        ..good()
    };
    for (input, code, message) in [
        (
            api::PutMetricAlarmInput {
                comparison_operator: None,
                ..good()
            },
            "ValidationError",
            "PutMetricAlarm request should have a valid ComparisonOperator parameter",
        ),
        (
            api::PutMetricAlarmInput {
                period: Some(45),
                ..good()
            },
            "ValidationError",
            "Period must be 10, 20, 30 or a multiple of 60",
        ),
        (
            api::PutMetricAlarmInput {
                evaluation_periods: Some(1441),
                ..good()
            },
            "ValidationError",
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms using period < 3600",
        ),
        (
            api::PutMetricAlarmInput {
                period: Some(86_400),
                evaluation_periods: Some(8),
                ..good()
            },
            "ValidationError",
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms using period >= 3600",
        ),
        (
            api::PutMetricAlarmInput {
                datapoints_to_alarm: Some(2),
                ..good()
            },
            "ValidationError",
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
        ),
        (
            api::PutMetricAlarmInput {
                treat_missing_data: Some("maybe".into()),
                ..good()
            },
            "ValidationError",
            "Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing.",
        ),
        (
            api::PutMetricAlarmInput {
                extended_statistic: Some("p90".into()),
                ..good()
            },
            "ValidationError",
            "PutMetricAlarm request can not be made with both Statistic and ExtendedStatistic parameters. Only one of them should be present",
        ),
        (
            api::PutMetricAlarmInput {
                statistic: None,
                extended_statistic: Some("90".into()),
                ..good()
            },
            "InvalidParameterValue",
            "The value 90 for parameter ExtendedStatistic is not supported.",
        ),
        (
            api::PutMetricAlarmInput {
                evaluate_low_sample_count_percentile: Some("ignore".into()),
                ..good()
            },
            "ValidationError",
            "Option evaluateLowSampleCountPercentile can not be applied with statistic Average. This option is enabled only for percentile statistics.",
        ),
        (
            api::PutMetricAlarmInput {
                alarm_actions: Some(vec!["no".into()]),
                ..good()
            },
            "ValidationError",
            "Invalid arn syntax: no",
        ),
        (
            api::PutMetricAlarmInput {
                alarm_name: "a\u{7}".into(),
                ..good()
            },
            "ValidationError",
            "AlarmName must not contain ASCII Control characters",
        ),
        (
            api::PutMetricAlarmInput {
                threshold_metric_id: Some("ad1".into()),
                ..good()
            },
            "NotImplemented",
            "Terrella's CloudWatch does not have alarms on anomaly detection (ThresholdMetricId).",
        ),
        (
            math(vec![
                query("m1", None, true),
                query("e1", Some("m1 * 2"), true),
            ]),
            "ValidationError",
            "Exactly one element of the metrics list should return data.",
        ),
        (
            math(vec![
                query("m1", None, false),
                query("e1", Some("m2 * 2"), true),
            ]),
            "ValidationError",
            "Error in expression 'e1': Undeclared variable: m2",
        ),
        (
            math(vec![
                query("e1", Some("e2"), true),
                query("e2", Some("e1"), false),
            ]),
            "ValidationError",
            "Error in expression 'e1': Circular dependency",
        ),
        (
            math(vec![query("e1", Some("SEARCH('x', 'Average')"), true)]),
            "ValidationError",
            "Error in expression 'e1': SEARCH is not supported on Metric Alarms.",
        ),
    ] {
        let refused = bench.refused::<op::PutMetricAlarm>(SERVICE, input);
        assert_eq!(refused, (code.to_owned(), message.to_owned()));
    }
    let absent = api::SetAlarmStateInput {
        alarm_name: "absent".into(),
        state_value: api::StateValue::Ok,
        state_reason: String::new(),
        state_reason_data: None,
    };
    assert_eq!(
        bench.refused::<op::SetAlarmState>(SERVICE, absent),
        ("ResourceNotFound".into(), String::new())
    );
}

/// The tables of <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>,
/// through the API: data is put, and one beat later the state is read.
#[test]
fn missing_data_is_treated_as_aws_says() {
    let all = ["missing", "ignore", "breaching", "notBreaching"];
    for (drawn, least, states) in [
        ("0 - X - X", 3, ["OK", "OK", "OK", "OK"]),
        ("0 - - - -", 3, ["OK", "OK", "OK", "OK"]),
        ("- - - - -", 3, ["INSUFFICIENT_DATA", "OK", "ALARM", "OK"]),
        ("0 X X - X", 3, ["ALARM", "ALARM", "ALARM", "ALARM"]),
        ("- - X - -", 3, ["ALARM", "OK", "ALARM", "OK"]),
        ("0 - X - X", 2, ["ALARM", "ALARM", "ALARM", "ALARM"]),
        ("0 0 X 0 X", 2, ["ALARM", "ALARM", "ALARM", "ALARM"]),
        ("0 - X - -", 2, ["OK", "OK", "ALARM", "OK"]),
        ("- - - - 0", 2, ["OK", "OK", "ALARM", "OK"]),
        ("- - - X -", 2, ["ALARM", "OK", "ALARM", "OK"]),
        ("- - - - X", 3, ["OK", "OK", "ALARM", "OK"]),
    ] {
        let mut bench = Bench::new();
        for treated in all {
            put_alarm(
                &mut bench,
                api::PutMetricAlarmInput {
                    treat_missing_data: Some(treated.into()),
                    ..alarm(treated, "m", least, 3)
                },
            );
            // What keeps its state keeps this one.
            set_state(&mut bench, treated, api::StateValue::Ok);
        }
        for (age, sign) in (1..).zip(drawn.split(' ').rev()) {
            if sign != "-" {
                let at = bench.now - seconds(60 * age);
                put(&mut bench, "m", at, f64::from(u8::from(sign == "X")));
            }
        }
        bench.pass(seconds(5));
        for (treated, wanted) in all.into_iter().zip(states) {
            assert_eq!(
                state(&mut bench, treated),
                wanted,
                "{drawn}, {least} of 3, {treated}"
            );
        }
    }
}

#[test]
fn an_alarm_goes_off_and_comes_back_and_says_why() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            datapoints_to_alarm: Some(2),
            unit: Some(api::StandardUnit::None),
            ..alarm("hot", "m", 2, 2)
        },
    );
    let begun = bench.now;
    for minute in 0..6 {
        let value = if (1..4).contains(&minute) { 21.5 } else { 0.0 };
        put(&mut bench, "m", begun + seconds(60 * minute), value);
        bench.pass(seconds(60));
    }
    bench.pass(seconds(10));
    assert_eq!(
        history(&mut bench, "hot", Some(api::HistoryItemType::StateUpdate)),
        [
            "Alarm updated from ALARM to OK",
            "Alarm updated from OK to ALARM",
            "Alarm updated from INSUFFICIENT_DATA to OK",
        ]
    );
    let input = api::DescribeAlarmHistoryInput {
        alarm_name: Some("hot".into()),
        history_item_type: Some(api::HistoryItemType::StateUpdate),
        max_records: Some(2),
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeAlarmHistory>(SERVICE, input.clone())
        .expect("it is told");
    let items = answer.alarm_history_items.expect("a list");
    let item = &items[1];
    assert_eq!(item.timestamp, Some(begun + seconds(185)));
    let data: serde_json::Value =
        serde_json::from_str(item.history_data.as_deref().expect("data")).expect("JSON");
    assert_eq!(data["oldState"]["stateValue"], "OK");
    assert_eq!(
        data["newState"]["stateReason"],
        "Threshold Crossed: 2 out of the last 2 datapoints [21.5 (05/01/26 08:02:00), 21.5 (05/01/26 08:01:00)] were greater than the threshold (0.5) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    assert_eq!(
        data["newState"]["stateReasonData"],
        serde_json::json!({
            "version": "1.0",
            "queryDate": "2026-01-05T08:03:05.000+0000",
            "startDate": "2026-01-05T08:01:00.000+0000",
            "unit": "None",
            "statistic": "Average",
            "period": 60,
            "recentDatapoints": [21.5, 21.5],
            "threshold": 0.5,
            "evaluatedDatapoints": [
                { "timestamp": "2026-01-05T08:02:00.000+0000", "sampleCount": 1.0, "value": 21.5 },
                { "timestamp": "2026-01-05T08:01:00.000+0000", "sampleCount": 1.0, "value": 21.5 },
            ],
        })
    );
    // The rest of the list, the newest first.
    let rest = api::DescribeAlarmHistoryInput {
        next_token: answer.next_token,
        ..input
    };
    let rest = bench
        .call::<op::DescribeAlarmHistory>(SERVICE, rest)
        .expect("it is told");
    assert_eq!(rest.alarm_history_items.map(|items| items.len()), Some(1));
    assert_eq!(rest.next_token, None);

    let found = described(&mut bench, "hot");
    assert_eq!(
        found.state_reason.as_deref(),
        Some(
            "Threshold Crossed: 1 out of the last 2 datapoints [0.0 (05/01/26 08:04:00)] was not greater than the threshold (0.5) (minimum 1 datapoint for ALARM -> OK transition)."
        )
    );
    // Thirty days later nothing of it is told.
    let gone = api::DeleteAlarmsInput {
        alarm_names: vec!["hot".into()],
    };
    bench
        .call::<op::DeleteAlarms>(SERVICE, gone)
        .expect("it is deleted");
    bench.pass(seconds(31 * 86_400));
    assert_eq!(
        history(
            &mut bench,
            "hot",
            Some(api::HistoryItemType::ConfigurationUpdate)
        ),
        [""; 0]
    );
}

#[test]
fn a_state_set_by_hand_is_overwritten() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm("a", "m", 1, 1));
    let at = bench.now - seconds(60);
    put(&mut bench, "m", at, 0.0);
    bench.pass(seconds(5));
    assert_eq!(state(&mut bench, "a"), "OK");
    set_state(&mut bench, "a", api::StateValue::Alarm);
    assert_eq!(state(&mut bench, "a"), "ALARM");
    assert_eq!(
        described(&mut bench, "a").state_reason.as_deref(),
        Some("by hand")
    );
    bench.pass(seconds(60));
    assert_eq!(state(&mut bench, "a"), "OK");
}

#[test]
fn actions_are_done_once_and_told() {
    let mut bench = Bench::new();
    let with = |name: &str, enabled: bool| api::PutMetricAlarmInput {
        actions_enabled: Some(enabled),
        alarm_actions: Some(vec!["arn:aws:automate:eu-central-1:ec2:stop".into()]),
        ..alarm(name, "m", 1, 1)
    };
    put_alarm(&mut bench, with("on", true));
    put_alarm(&mut bench, with("off", false));
    for _ in 0..3 {
        let at = bench.now;
        put(&mut bench, "m", at, 1.0);
        bench.pass(seconds(60));
    }
    let told = "Failed to execute action arn:aws:automate:eu-central-1:ec2:stop. Received error: \"Terrella does not perform actions of the service automate.\"";
    assert_eq!(
        history(&mut bench, "on", Some(api::HistoryItemType::Action)),
        [told]
    );
    assert_eq!(
        history(&mut bench, "off", Some(api::HistoryItemType::Action)),
        [""; 0]
    );
    let names = || vec!["off".into(), "absent".into()];
    let on = api::EnableAlarmActionsInput {
        alarm_names: names(),
    };
    bench
        .call::<op::EnableAlarmActions>(SERVICE, on)
        .expect("they are enabled");
    assert_eq!(described(&mut bench, "off").actions_enabled, Some(true));
    let off = api::DisableAlarmActionsInput {
        alarm_names: names(),
    };
    bench
        .call::<op::DisableAlarmActions>(SERVICE, off)
        .expect("they are disabled");
    assert_eq!(described(&mut bench, "off").actions_enabled, Some(false));
}

#[test]
fn a_topic_is_told_and_so_are_its_readers() {
    use crate::services::sns::delivery::{self, Body, Lane, To};
    let mut bench = Bench::new();
    let topic = "arn:aws:sns:eu-central-1:000000000000:ops";
    let made = wire::sns::CreateTopicInput {
        name: "ops".into(),
        ..Default::default()
    };
    bench
        .call::<wire::sns::op::CreateTopic>("sns", made)
        .expect("it is made");
    let reader = wire::sns::SubscribeInput {
        topic_arn: topic.into(),
        protocol: "email".into(),
        endpoint: Some("ops@example.com".into()),
        return_subscription_arn: Some(true),
        ..Default::default()
    };
    let reader = bench
        .call::<wire::sns::op::Subscribe>("sns", reader)
        .expect("it is subscribed")
        .subscription_arn
        .expect("it was asked for");
    let token = bench
        .region
        .sns
        .subscriptions
        .get(&reader)
        .expect("it is there")
        .token
        .clone();
    let confirmed = wire::sns::ConfirmSubscriptionInput {
        token,
        topic_arn: topic.into(),
        ..Default::default()
    };
    bench
        .call::<wire::sns::op::ConfirmSubscription>("sns", confirmed)
        .expect("it is confirmed");

    let gone = "arn:aws:sns:eu-central-1:000000000000:gone";
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            alarm_actions: Some(vec![gone.into(), topic.into()]),
            ok_actions: Some(vec![topic.into()]),
            ..alarm("hot", "m", 1, 1)
        },
    );
    let begun = bench.now;
    put(&mut bench, "m", begun, 1.0);
    put(&mut bench, "m", begun + seconds(60), 0.0);
    bench.pass(seconds(125));
    let told = history(&mut bench, "hot", Some(api::HistoryItemType::Action));
    assert_eq!(told.len(), 3, "the newest first: {told:?}");
    let done = format!("Successfully executed action {topic}");
    assert_eq!(
        (told[0].as_str(), told[1].as_str()),
        (done.as_str(), done.as_str())
    );
    assert!(
        told[2].starts_with(&format!(
            "Failed to execute action {gone}. Received error: \""
        )),
        "{}",
        told[2]
    );

    let input = api::DescribeAlarmHistoryInput {
        alarm_name: Some("hot".into()),
        history_item_type: Some(api::HistoryItemType::Action),
        ..Default::default()
    };
    let items = bench
        .call::<op::DescribeAlarmHistory>(SERVICE, input)
        .expect("it is told")
        .alarm_history_items
        .expect("a list");
    let data: serde_json::Value =
        serde_json::from_str(items[1].history_data.as_deref().expect("data")).expect("JSON");
    assert_eq!(data["actionState"], "Succeeded");
    assert_eq!(data["notificationResource"], topic);
    assert_eq!(
        data["stateUpdateTimestamp"],
        (begun + seconds(65)).as_millisecond()
    );
    let published: serde_json::Value =
        serde_json::from_str(data["publishedMessage"].as_str().expect("a text")).expect("JSON");
    let message: serde_json::Value =
        serde_json::from_str(published["default"].as_str().expect("a text")).expect("JSON");
    assert_eq!(message["NewStateValue"], "ALARM");
    assert_eq!(message["OldStateValue"], "INSUFFICIENT_DATA");
    assert_eq!(message["StateChangeTime"], "2026-01-05T08:01:05.000+0000");

    let mails: Vec<(String, Body)> =
        delivery::due(&bench.region, bench.now, Lane::Mail, 10, |_| false)
            .into_iter()
            .filter_map(|parcel| match parcel.to {
                To::Mailbox { subject, body, .. } => Some((subject, body)),
                To::Server { .. } => None,
            })
            .filter(|(subject, _)| subject.contains("hot"))
            .collect();
    let subjects: Vec<&str> = mails.iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "ALARM: \"hot\" in EU (Frankfurt)",
            "OK: \"hot\" in EU (Frankfurt)"
        ]
    );
    let Body::Text(text) = &mails[0].1 else {
        panic!("an alarm's mail is text");
    };
    assert!(text.contains("has entered the ALARM state, because \"Threshold Crossed: 1 datapoint [1.0 (05/01/26 08:00:00)]"), "{text}");
    assert!(text.contains("2026 08:01:05 UTC"), "{text}");
}

#[test]
fn scaling_policies_are_invoked_each_minute() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            alarm_actions: Some(vec![SCALING.into()]),
            ..alarm("high", "m", 1, 1)
        },
    );
    let mut invoked = Vec::new();
    let begun = bench.now;
    for minute in 0..4 {
        put(&mut bench, "m", begun + seconds(60 * minute), 1.0);
        bench.pass(seconds(60));
        let at = super::super::alarm::get(&bench.region, "high")
            .expect("it is there")
            .invoked_at;
        invoked.push(at.map(|at| at.duration_since(begun).as_secs()));
    }
    assert_eq!(invoked, [None, Some(65), Some(125), Some(185)]);
    // Not while it is disabled, and not because a call came in between.
    put(&mut bench, "other", begun, 1.0);
    let off = api::DisableAlarmActionsInput {
        alarm_names: vec!["high".into()],
    };
    bench
        .call::<op::DisableAlarmActions>(SERVICE, off)
        .expect("they are disabled");
    bench.pass(seconds(60));
    let at = super::super::alarm::get(&bench.region, "high")
        .expect("it is there")
        .invoked_at;
    assert_eq!(at.map(|at| at.duration_since(begun).as_secs()), Some(185));
}

#[test]
fn percentiles_of_few_samples_may_be_ignored() {
    let mut bench = Bench::new();
    for (name, low) in [("evaluated", "evaluate"), ("ignored", "ignore")] {
        put_alarm(
            &mut bench,
            api::PutMetricAlarmInput {
                statistic: None,
                extended_statistic: Some("p90".into()),
                evaluate_low_sample_count_percentile: Some(low.into()),
                ..alarm(name, "m", 1, 1)
            },
        );
    }
    let samples = |bench: &mut Bench, count: f64| {
        let datum = api::MetricDatum {
            metric_name: "m".into(),
            timestamp: Some(bench.now),
            values: Some(vec![1.0]),
            counts: Some(vec![count]),
            ..Default::default()
        };
        put_data(bench, vec![datum]);
        bench.pass(seconds(65));
    };
    // p90 needs a hundred.
    samples(&mut bench, 99.0);
    assert_eq!(state(&mut bench, "evaluated"), "ALARM");
    assert_eq!(state(&mut bench, "ignored"), "INSUFFICIENT_DATA");
    samples(&mut bench, 100.0);
    assert_eq!(state(&mut bench, "ignored"), "ALARM");
}

#[test]
fn an_alarm_may_watch_an_expression() {
    let mut bench = Bench::new();
    let metric = |id: &str, name: &str| api::MetricDataQuery {
        id: id.into(),
        metric_stat: Some(api::MetricStat {
            metric: api::Metric {
                namespace: Some("N".into()),
                metric_name: Some(name.into()),
                dimensions: None,
            },
            period: 60,
            stat: "Sum".into(),
            unit: None,
        }),
        return_data: Some(false),
        ..Default::default()
    };
    let rate = api::MetricDataQuery {
        id: "rate".into(),
        expression: Some("100 * errors / requests".into()),
        label: Some("Error rate".into()),
        return_data: Some(true),
        ..Default::default()
    };
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            metrics: Some(vec![
                rate,
                metric("errors", "5xx"),
                metric("requests", "all"),
            ]),
            metric_name: None,
            namespace: None,
            statistic: None,
            period: None,
            threshold: Some(10.0),
            ..alarm("errors", "", 1, 1)
        },
    );
    bench.restart();
    let begun = bench.now;
    put(&mut bench, "5xx", begun, 3.0);
    put(&mut bench, "all", begun, 20.0);
    bench.pass(seconds(65));
    let found = described(&mut bench, "errors");
    assert_eq!(found.state_value, Some(api::StateValue::Alarm));
    assert_eq!(
        found.state_reason.as_deref(),
        Some(
            "Threshold Crossed: 1 datapoint [15.0 (05/01/26 08:00:00)] was greater than the threshold (10.0)."
        )
    );
    assert_eq!(
        found.state_reason_data.as_deref(),
        Some(
            r#"{"version":"1.0","queryDate":"2026-01-05T08:01:05.000+0000","startDate":"2026-01-05T08:00:00.000+0000","period":60,"recentDatapoints":[15.0],"threshold":10.0,"evaluatedDatapoints":[{"timestamp":"2026-01-05T08:00:00.000+0000","value":15.0}]}"#
        )
    );
    assert_eq!(found.metrics.map(|all| all.len()), Some(3));
    assert_eq!(found.period, None);
    // Without requests there is no rate; the newest three minutes are looked at.
    for minute in 1..5 {
        put(&mut bench, "5xx", begun + seconds(60 * minute), 0.0);
        bench.pass(seconds(60));
    }
    assert_eq!(state(&mut bench, "errors"), "INSUFFICIENT_DATA");
}

#[test]
fn beats_follow_the_period() {
    let mut bench = Bench::new();
    bench.pass(seconds(60));
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            period: Some(10),
            ..alarm("fine", "m", 1, 1)
        },
    );
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            period: Some(3600),
            evaluation_periods: Some(48),
            datapoints_to_alarm: Some(1),
            treat_missing_data: Some("breaching".into()),
            ..alarm("coarse", "m", 1, 1)
        },
    );
    let datum = api::MetricDatum {
        metric_name: "m".into(),
        timestamp: Some(bench.now + seconds(11)),
        value: Some(1.0),
        storage_resolution: Some(1),
        ..Default::default()
    };
    put_data(&mut bench, vec![datum]);
    bench.pass(seconds(24));
    assert_eq!(state(&mut bench, "fine"), "INSUFFICIENT_DATA");
    bench.pass(seconds(1));
    assert_eq!(state(&mut bench, "fine"), "ALARM");
    assert_eq!(state(&mut bench, "coarse"), "INSUFFICIENT_DATA");
    bench.pass(seconds(3520));
    assert_eq!(state(&mut bench, "coarse"), "ALARM");
}

#[test]
fn a_long_period_slides_by_the_minute() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        api::PutMetricAlarmInput {
            period: Some(300),
            statistic: Some(api::Statistic::Sum),
            threshold: Some(1.5),
            ..alarm("five", "m", 1, 1)
        },
    );
    let begun = bench.now;
    put(&mut bench, "m", begun + seconds(240), 1.0);
    put(&mut bench, "m", begun + seconds(300), 1.0);
    bench.pass(seconds(6 * 60 + 5));
    let found = described(&mut bench, "five");
    assert_eq!(found.state_value, Some(api::StateValue::Alarm));
    assert!(
        found
            .state_reason
            .is_some_and(|reason| reason.contains("[2.0 (05/01/26 08:01:00)]")),
        "08:01 to 08:06"
    );
}

#[test]
fn alarms_are_found_by_what_they_are() {
    let mut bench = Bench::new();
    for name in ["b", "a", "c"] {
        put_alarm(&mut bench, alarm(name, name, 1, 1));
    }
    set_state(&mut bench, "c", api::StateValue::Ok);
    let names = |bench: &mut Bench, input: api::DescribeAlarmsInput| {
        let answer = bench
            .call::<op::DescribeAlarms>(SERVICE, input)
            .expect("they are described");
        let names: Vec<String> = answer
            .metric_alarms
            .expect("a list")
            .into_iter()
            .filter_map(|alarm| alarm.alarm_name)
            .collect();
        (names.join(""), answer.next_token)
    };
    let all = api::DescribeAlarmsInput::default;
    assert_eq!(names(&mut bench, all()), ("abc".into(), None));
    let two = api::DescribeAlarmsInput {
        max_records: Some(2),
        ..all()
    };
    let (first, token) = names(&mut bench, two.clone());
    assert_eq!(first, "ab");
    let rest = api::DescribeAlarmsInput {
        next_token: token,
        ..two
    };
    assert_eq!(names(&mut bench, rest), ("c".into(), None));
    let ok = api::DescribeAlarmsInput {
        state_value: Some(api::StateValue::Ok),
        ..all()
    };
    assert_eq!(names(&mut bench, ok).0, "c");
    let prefix = api::DescribeAlarmsInput {
        alarm_name_prefix: Some("b".into()),
        ..all()
    };
    assert_eq!(names(&mut bench, prefix).0, "b");
    let composite = api::DescribeAlarmsInput {
        alarm_types: Some(vec![api::AlarmType::CompositeAlarm]),
        ..all()
    };
    assert_eq!(names(&mut bench, composite).0, "");

    let of_metric = api::DescribeAlarmsForMetricInput {
        namespace: "N".into(),
        metric_name: "b".into(),
        period: Some(60),
        ..Default::default()
    };
    let found = bench
        .call::<op::DescribeAlarmsForMetric>(SERVICE, of_metric)
        .expect("they are described");
    assert_eq!(found.metric_alarms.map(|all| all.len()), Some(1));
}

#[test]
fn a_beat_that_changes_no_state_writes_nothing() {
    let mut bench = Bench::new();
    for number in 0..300 {
        put_alarm(
            &mut bench,
            alarm(&format!("a{number}"), &format!("m{}", number % 20), 1, 1),
        );
    }
    let begun = bench.now;
    for number in 0..20 {
        for minute in 0..3 {
            put(
                &mut bench,
                &format!("m{number}"),
                begun + seconds(60 * minute),
                0.0,
            );
        }
    }
    bench.pass(seconds(65));
    assert_eq!(state(&mut bench, "a299"), "OK");
    bench.now = begun + seconds(125);
    let changes = bench.write(|region, context| {
        region.settle(context);
        Ok(region.changes().len())
    });
    assert_eq!(changes, Ok(0));
}
