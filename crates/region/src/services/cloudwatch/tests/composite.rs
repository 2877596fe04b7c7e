//! Composite alarms.

use wire::cloudwatch as api;
use wire::cloudwatch::op;

use super::{SERVICE, alarm, history, put_alarm, seconds, set_state, state};
use crate::testing::Bench;

fn composite(name: &str, rule: &str) -> api::PutCompositeAlarmInput {
    api::PutCompositeAlarmInput {
        alarm_name: name.into(),
        alarm_rule: rule.into(),
        ..Default::default()
    }
}

fn put(bench: &mut Bench, input: api::PutCompositeAlarmInput) {
    bench
        .call::<op::PutCompositeAlarm>(SERVICE, input)
        .expect("it is put");
}

fn described(bench: &mut Bench, name: &str) -> api::CompositeAlarm {
    let input = api::DescribeAlarmsInput {
        alarm_names: Some(vec![name.into()]),
        alarm_types: Some(vec![api::AlarmType::CompositeAlarm]),
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeAlarms>(SERVICE, input)
        .expect("they are described");
    answer.composite_alarms.expect("a list").swap_remove(0)
}

/// Children without data, which time does not move: their states are only set by hand.
fn children(bench: &mut Bench, names: &[&str]) {
    for name in names {
        put_alarm(
            bench,
            api::PutMetricAlarmInput {
                treat_missing_data: Some("ignore".into()),
                ..alarm(name, name, 1, 1)
            },
        );
        set_state(bench, name, api::StateValue::Ok);
    }
}

#[test]
fn a_composite_follows_its_children() {
    let mut bench = Bench::new();
    children(&mut bench, &["a", "b"]);
    bench.pass(seconds(1));
    put(&mut bench, composite("either", "ALARM(a) OR ALARM(b)"));
    put(
        &mut bench,
        composite("outer", "ALARM(either) AND NOT OK(\"either\")"),
    );
    let found = described(&mut bench, "either");
    let arn = |name: &str| format!("arn:aws:cloudwatch:eu-central-1:000000000000:alarm:{name}");
    assert_eq!(found.alarm_arn, Some(arn("either")));
    assert_eq!(found.alarm_rule.as_deref(), Some("ALARM(a) OR ALARM(b)"));
    assert_eq!(found.state_value, Some(api::StateValue::Ok));
    assert_eq!(
        found.state_reason,
        Some(format!(
            "{} was created and its alarm rule evaluates to OK",
            arn("either")
        ))
    );
    bench.pass(seconds(5));
    set_state(&mut bench, "b", api::StateValue::Alarm);
    let found = described(&mut bench, "either");
    assert_eq!(found.state_value, Some(api::StateValue::Alarm));
    assert_eq!(
        found.state_reason,
        Some(format!(
            "{} transitioned to ALARM at Monday 05 January, 2026 08:00:06 UTC",
            arn("b")
        ))
    );
    assert_eq!(
        found.state_reason_data,
        Some(format!(
            r#"{{"triggeringAlarms":[{{"arn":"{}","state":{{"value":"ALARM","timestamp":"2026-01-05T08:00:06.000+0000"}}}}]}}"#,
            arn("b")
        ))
    );
    assert_eq!(state(&mut bench, "outer"), "ALARM", "in the same moment");
    assert_eq!(
        history(&mut bench, "outer", Some(api::HistoryItemType::StateUpdate)),
        [
            "Alarm updated from OK to ALARM",
            "Alarm updated from INSUFFICIENT_DATA to OK"
        ]
    );
    bench.restart();
    set_state(&mut bench, "b", api::StateValue::Ok);
    assert_eq!(state(&mut bench, "outer"), "OK");
    let data = described(&mut bench, "either")
        .state_reason_data
        .expect("data");
    let told: serde_json::Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(told["triggeringAlarms"][0]["arn"], arn("b").as_str());
    assert_eq!(told["triggeringAlarms"][1]["arn"], arn("a").as_str());
}

#[test]
fn a_state_set_by_hand_stays_until_a_child_changes() {
    let mut bench = Bench::new();
    children(&mut bench, &["a"]);
    put(&mut bench, composite("c", "ALARM(a)"));
    bench.pass(seconds(1));
    set_state(&mut bench, "c", api::StateValue::Alarm);
    bench.pass(seconds(300));
    assert_eq!(state(&mut bench, "c"), "ALARM");
    set_state(&mut bench, "a", api::StateValue::InsufficientData);
    assert_eq!(state(&mut bench, "c"), "OK");
}

#[test]
fn a_cycle_is_not_evaluated() {
    let mut bench = Bench::new();
    children(&mut bench, &["a"]);
    put(&mut bench, composite("one", "ALARM(a)"));
    put(&mut bench, composite("two", "NOT ALARM(one)"));
    put(&mut bench, composite("one", "ALARM(two)"));
    bench.pass(seconds(60));
    let before = (state(&mut bench, "one"), state(&mut bench, "two"));
    set_state(&mut bench, "a", api::StateValue::Alarm);
    bench.pass(seconds(60));
    assert_eq!((state(&mut bench, "one"), state(&mut bench, "two")), before);
    // Broken, it is evaluated again.
    put(&mut bench, composite("one", "TRUE"));
    assert_eq!(state(&mut bench, "one"), "ALARM");
    assert_eq!(state(&mut bench, "two"), "OK");
}

#[test]
fn what_depends_on_an_alarm_keeps_it() {
    let mut bench = Bench::new();
    children(&mut bench, &["a", "b", "s"]);
    let refused =
        bench.refused::<op::PutCompositeAlarm>(SERVICE, composite("c", "ALARM(a) OR OK(gone)"));
    assert_eq!(
        refused,
        (
            "ValidationError".into(),
            "Could not save the composite alarm as alarms [gone] in the alarm rule do not exist"
                .into()
        )
    );
    for rule in [" ALARM(a)", "ALARM(a) AND", ""] {
        let refused = bench.refused::<op::PutCompositeAlarm>(SERVICE, composite("c", rule));
        assert_eq!(refused.0, "ValidationError", "{rule}");
    }
    let scaling = api::PutCompositeAlarmInput {
        alarm_actions: Some(vec![
            "arn:aws:autoscaling:eu-central-1:1:scalingPolicy:x:y".into(),
        ]),
        ..composite("c", "ALARM(a)")
    };
    assert_eq!(
        bench.refused::<op::PutCompositeAlarm>(SERVICE, scaling).0,
        "ValidationError"
    );
    let periods = api::PutCompositeAlarmInput {
        actions_suppressor: Some("s".into()),
        ..composite("c", "ALARM(a)")
    };
    assert_eq!(
        bench
            .refused::<op::PutCompositeAlarm>(SERVICE, periods.clone())
            .0,
        "ValidationError"
    );
    put(
        &mut bench,
        api::PutCompositeAlarmInput {
            actions_suppressor_wait_period: Some(1),
            actions_suppressor_extension_period: Some(1),
            ..periods
        },
    );
    put(&mut bench, composite("d", "ALARM(c) OR ALARM(b)"));
    let delete = |bench: &mut Bench, names: &[&str]| {
        let input = api::DeleteAlarmsInput {
            alarm_names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        bench
            .call::<op::DeleteAlarms>(SERVICE, input)
            .map(|_| ())
            .map_err(|error| error.message)
    };
    let depends = |name: &str| {
        Err(format!(
            "Cannot delete {name} as there are composite alarm(s) depending on it."
        ))
    };
    assert_eq!(delete(&mut bench, &["a"]), depends("a"));
    assert_eq!(delete(&mut bench, &["s"]), depends("s"));
    assert_eq!(delete(&mut bench, &["c"]), depends("c"));
    assert!(
        delete(&mut bench, &["c", "d"]).is_err(),
        "one composite in a call"
    );
    let family = |bench: &mut Bench, input: api::DescribeAlarmsInput| {
        let answer = bench
            .call::<op::DescribeAlarms>(SERVICE, input)
            .expect("they are described");
        let metric = answer
            .metric_alarms
            .into_iter()
            .flatten()
            .filter_map(|one| one.alarm_name);
        let composite = answer
            .composite_alarms
            .into_iter()
            .flatten()
            .filter_map(|one| one.alarm_name);
        metric.chain(composite).collect::<Vec<_>>().join(" ")
    };
    let of = |name: &str| api::DescribeAlarmsInput {
        children_of_alarm_name: Some(name.into()),
        ..Default::default()
    };
    assert_eq!(family(&mut bench, of("d")), "b c");
    let of = |name: &str| api::DescribeAlarmsInput {
        parents_of_alarm_name: Some(name.into()),
        ..Default::default()
    };
    assert_eq!(family(&mut bench, of("b")), "d");
    assert_eq!(delete(&mut bench, &["d"]), Ok(()));
    assert_eq!(delete(&mut bench, &["c", "a"]), Ok(()));
}

/// The actions of the composite alarm `c` so far, by the seconds after the beginning.
fn acted(bench: &mut Bench, begun: jiff::Timestamp) -> Vec<i64> {
    let input = api::DescribeAlarmHistoryInput {
        alarm_name: Some("c".into()),
        alarm_types: Some(vec![api::AlarmType::CompositeAlarm]),
        history_item_type: Some(api::HistoryItemType::Action),
        scan_by: Some(api::ScanBy::TimestampAscending),
        ..Default::default()
    };
    let answer = bench
        .call::<op::DescribeAlarmHistory>(SERVICE, input)
        .expect("it is told");
    answer
        .alarm_history_items
        .into_iter()
        .flatten()
        .filter_map(|item| Some(item.timestamp?.duration_since(begun).as_secs()))
        .collect()
}

#[test]
fn a_suppressor_keeps_actions_back() {
    use api::StateValue::{Alarm, Ok as Fine};
    // At which second which alarm goes into which state, and when `c` acts.
    type Step = (i64, &'static str, api::StateValue);
    let cases: [(&[Step], &[i64]); 7] = [
        // No suppression: after the wait.
        (&[(10, "a", Alarm)], &[70]),
        // Suppressed within the wait, then the extension passes.
        (
            &[(10, "a", Alarm), (40, "s", Alarm), (200, "s", Fine)],
            &[230],
        ),
        // Suppressed from before.
        (
            &[(5, "s", Alarm), (10, "a", Alarm), (100, "s", Fine)],
            &[130],
        ),
        // Suppressed for good.
        (&[(5, "s", Alarm), (10, "a", Alarm)], &[]),
        // Over before the wait was: nothing to tell.
        (&[(10, "a", Alarm), (50, "a", Fine)], &[]),
        // Over while it was suppressed.
        (
            &[
                (5, "s", Alarm),
                (10, "a", Alarm),
                (60, "a", Fine),
                (80, "s", Fine),
            ],
            &[],
        ),
        // In the extension.
        (&[(5, "s", Alarm), (8, "s", Fine), (10, "a", Alarm)], &[70]),
    ];
    for (steps, wanted) in cases {
        let mut bench = Bench::new();
        children(&mut bench, &["a", "s"]);
        let action = Some(vec![
            "arn:aws:ssm:eu-central-1:000000000000:opsitem:1".into(),
        ]);
        put(
            &mut bench,
            api::PutCompositeAlarmInput {
                alarm_actions: action.clone(),
                ok_actions: action,
                actions_suppressor: Some("s".into()),
                actions_suppressor_wait_period: Some(60),
                actions_suppressor_extension_period: Some(30),
                ..composite("c", "ALARM(a)")
            },
        );
        // Its creation ends in OK, after the wait.
        bench.pass(seconds(600));
        let begun = bench.now;
        assert_eq!(acted(&mut bench, begun), [-540]);
        for (second, name, state) in steps {
            let left = begun + seconds(*second) - bench.now;
            bench.pass(left);
            set_state(&mut bench, name, *state);
            bench.restart();
        }
        bench.pass(seconds(1000));
        assert_eq!(acted(&mut bench, begun)[1..], *wanted, "{steps:?}");
    }
}

#[test]
fn why_actions_wait_is_told() {
    let mut bench = Bench::new();
    children(&mut bench, &["a", "s"]);
    put(
        &mut bench,
        api::PutCompositeAlarmInput {
            actions_suppressor: Some("arn:aws:cloudwatch:eu-central-1:000000000000:alarm:s".into()),
            actions_suppressor_wait_period: Some(60),
            actions_suppressor_extension_period: Some(30),
            ..composite("c", "ALARM(a)")
        },
    );
    bench.pass(seconds(100));
    let by = |bench: &mut Bench| {
        let found = described(bench, "c");
        (found.actions_suppressed_by, found.actions_suppressed_reason)
    };
    assert_eq!(by(&mut bench), (None, None));
    set_state(&mut bench, "a", api::StateValue::Alarm);
    assert_eq!(
        by(&mut bench),
        (
            Some(api::ActionsSuppressedBy::WaitPeriod),
            Some("Actions suppressed by WaitPeriod".into())
        )
    );
    set_state(&mut bench, "s", api::StateValue::Alarm);
    assert_eq!(by(&mut bench).0, Some(api::ActionsSuppressedBy::Alarm));
    bench.pass(seconds(100));
    set_state(&mut bench, "s", api::StateValue::Ok);
    assert_eq!(
        by(&mut bench).0,
        Some(api::ActionsSuppressedBy::ExtensionPeriod)
    );
    bench.pass(seconds(30));
    assert_eq!(by(&mut bench), (None, None));
}
