//! Why an alarm is in its state, in AWS's words and as data.

use jiff::Timestamp;
use wire::cloudwatch::{ComparisonOperator, StateValue};

use super::super::state::{AlarmStatistic, MetricRule, TreatMissing, Watched};
use super::super::text::{datapoints, moment, number, short_moment};
use super::decide::{Datum, Decision, Terms};
use super::history::quoted;
use super::watched;

/// From so many datapoints on, only the newest of them are listed.
const LISTED: usize = 5;

pub(super) fn text(
    rule: &MetricRule,
    terms: &Terms,
    decision: &Decision,
    state: StateValue,
) -> String {
    let filled = decision.filled();
    if state == StateValue::InsufficientData {
        let were = if filled == 1 { "was" } else { "were" };
        return format!(
            "Insufficient Data: {filled} {} {were} unknown.",
            datapoints(filled)
        );
    }
    let alarm = state == StateValue::Alarm;
    let crossed: Vec<(i64, Datum)> = decision
        .data()
        .filter(|(_, datum)| terms.breaches(datum.value) == alarm)
        .collect();
    let missing = match terms.missing {
        TreatMissing::Breaching if filled > 0 => Some("Breaching"),
        TreatMissing::NotBreaching if filled > 0 => Some("NonBreaching"),
        _ => None,
    };
    let missing = missing.map_or_else(String::new, |treated| {
        let were = if filled == 1 { "was" } else { "were" };
        format!(
            " and {filled} missing {} {were} treated as [{treated}]",
            datapoints(filled)
        )
    });
    let count = crossed.len();
    if count == 0 {
        let periods = if filled == 1 { "period" } else { "periods" };
        return format!(
            "Threshold Crossed: no datapoints were received for {filled} {periods}{missing}."
        );
    }
    let threshold = number(rule.threshold);
    let compared = comparison(rule.comparison);
    let not = if alarm { "" } else { "not " };
    let were = if count == 1 { "was" } else { "were" };
    let listed: Vec<String> = crossed
        .iter()
        .take(LISTED)
        .map(|(at, datum)| {
            let at = Timestamp::from_second(*at).unwrap_or_default();
            format!("{} ({})", number(datum.value), short_moment(at))
        })
        .collect();
    let listed = listed.join(", ");
    let (what, minimum) = match rule.datapoints_to_alarm {
        None => (format!("{count} {}", datapoints(count)), String::new()),
        Some(least) => {
            let of = rule.evaluation_periods;
            let (least, direction) = if alarm {
                (least, "OK -> ALARM")
            } else {
                (of + 1 - least, "ALARM -> OK")
            };
            (
                format!("{count} out of the last {of} datapoints"),
                format!(
                    " (minimum {least} {} for {direction} transition)",
                    datapoints(least as usize)
                ),
            )
        }
    };
    if count < LISTED {
        return format!(
            "Threshold Crossed: {what} [{listed}] {were} {not}{compared} the threshold ({threshold}){missing}{minimum}."
        );
    }
    let newest = if alarm {
        "The most recent datapoints which crossed the threshold"
    } else {
        "The most recent datapoints"
    };
    format!(
        "Threshold Crossed: {what} {were} {not}{compared} the threshold ({threshold}){missing}. {newest}: [{listed}]{minimum}."
    )
}

fn comparison(operator: ComparisonOperator) -> &'static str {
    match operator {
        ComparisonOperator::GreaterThanOrEqualToThreshold => "greater than or equal to",
        ComparisonOperator::GreaterThanThreshold => "greater than",
        ComparisonOperator::LessThanThreshold => "less than",
        ComparisonOperator::LessThanOrEqualToThreshold => "less than or equal to",
        _ => "outside of",
    }
}

/// `StateReasonData`.
pub(super) fn data(rule: &MetricRule, decision: &Decision, now: Timestamp) -> String {
    let at = |second: i64| moment(Timestamp::from_second(second).unwrap_or_default());
    let mut parts = vec![
        "\"version\":\"1.0\"".to_owned(),
        format!("\"queryDate\":\"{}\"", moment(now)),
    ];
    if let Some((oldest, _)) = decision.data().next_back() {
        parts.push(format!("\"startDate\":\"{}\"", at(oldest)));
    }
    if let Watched::Metric {
        statistic, unit, ..
    } = &rule.watched
    {
        if let Some(unit) = unit {
            parts.push(format!("\"unit\":\"{unit}\""));
        }
        let name = match statistic {
            AlarmStatistic::Simple(simple) => simple.as_str(),
            AlarmStatistic::Extended(name) => name,
        };
        parts.push(format!("\"statistic\":{}", quoted(name)));
    }
    if let Some(period) = watched::period(rule) {
        parts.push(format!("\"period\":{period}"));
    }
    let recent: Vec<String> = decision
        .data()
        .rev()
        .map(|(_, datum)| number(datum.value))
        .collect();
    parts.push(format!("\"recentDatapoints\":[{}]", recent.join(",")));
    parts.push(format!("\"threshold\":{}", number(rule.threshold)));
    let evaluated: Vec<String> = decision
        .evaluated
        .iter()
        .map(|period| {
            let mut text = format!("{{\"timestamp\":\"{}\"", at(period.at));
            if let Some(datum) = period.datum {
                if let Some(samples) = datum.samples {
                    text = format!("{text},\"sampleCount\":{}", number(samples));
                }
                text = format!("{text},\"value\":{}", number(datum.value));
            }
            text.push('}');
            text
        })
        .collect();
    parts.push(format!("\"evaluatedDatapoints\":[{}]", evaluated.join(",")));
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::decide::{Period, decide};
    use super::*;
    use wire::cloudwatch as api;

    /// The newest last, one minute apart until 16:44.
    fn told(
        values: &[Option<f64>],
        least: Option<u32>,
        missing: Option<TreatMissing>,
    ) -> (String, String) {
        let rule = MetricRule {
            watched: Watched::Metric {
                namespace: "N".to_owned(),
                name: "m".to_owned(),
                dimensions: Vec::new(),
                statistic: AlarmStatistic::Simple(api::Statistic::Average),
                unit: Some(api::StandardUnit::Seconds),
                period: 60,
            },
            comparison: ComparisonOperator::GreaterThanThreshold,
            threshold: 2.0,
            evaluation_periods: u32::try_from(values.len()).expect("few"),
            datapoints_to_alarm: least,
            missing,
            low_samples: None,
        };
        let now: Timestamp = "2023-10-26T16:45:05.123Z".parse().expect("it is a moment");
        let newest: Timestamp = "2023-10-26T16:44:00Z".parse().expect("it is a moment");
        let range: Vec<Period> = (0..)
            .zip(values.iter().rev())
            .map(|(age, value)| Period {
                at: newest.as_second() - 60 * age,
                datum: value.map(|value| Datum {
                    value,
                    samples: Some(2.0),
                }),
            })
            .collect();
        let terms = watched::terms(&rule);
        let decision = decide(&terms, &range);
        let state = decision.state.expect("it is decided");
        (
            text(&rule, &terms, &decision, state),
            data(&rule, &decision, now),
        )
    }

    #[test]
    fn reasons_are_in_awss_words() {
        let two = Some(3.0);
        for (values, least, missing, wanted) in [
            (
                vec![Some(21.5)],
                None,
                None,
                "Threshold Crossed: 1 datapoint [21.5 (26/10/23 16:44:00)] was greater than the threshold (2.0).",
            ),
            (
                vec![two, Some(4.0)],
                Some(2),
                None,
                "Threshold Crossed: 2 out of the last 2 datapoints [4.0 (26/10/23 16:44:00), 3.0 (26/10/23 16:43:00)] were greater than the threshold (2.0) (minimum 2 datapoints for OK -> ALARM transition).",
            ),
            (
                vec![two, Some(1.0)],
                Some(2),
                None,
                "Threshold Crossed: 1 out of the last 2 datapoints [1.0 (26/10/23 16:44:00)] was not greater than the threshold (2.0) (minimum 1 datapoint for ALARM -> OK transition).",
            ),
            (
                vec![None, None],
                None,
                Some(TreatMissing::Breaching),
                "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
            ),
            (
                vec![None],
                None,
                Some(TreatMissing::NotBreaching),
                "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
            ),
            (
                vec![None, Some(1.0)],
                None,
                Some(TreatMissing::Breaching),
                "Threshold Crossed: 1 datapoint [1.0 (26/10/23 16:44:00)] was not greater than the threshold (2.0) and 1 missing datapoint was treated as [Breaching].",
            ),
            (
                vec![None, None],
                None,
                None,
                "Insufficient Data: 2 datapoints were unknown.",
            ),
            (
                vec![two, None, None],
                Some(3),
                None,
                "Threshold Crossed: 1 out of the last 3 datapoints [3.0 (26/10/23 16:42:00)] was greater than the threshold (2.0) (minimum 3 datapoints for OK -> ALARM transition).",
            ),
            (
                vec![two; 6],
                None,
                None,
                "Threshold Crossed: 6 datapoints were greater than the threshold (2.0). The most recent datapoints which crossed the threshold: [3.0 (26/10/23 16:44:00), 3.0 (26/10/23 16:43:00), 3.0 (26/10/23 16:42:00), 3.0 (26/10/23 16:41:00), 3.0 (26/10/23 16:40:00)].",
            ),
        ] {
            assert_eq!(told(&values, least, missing).0, wanted);
        }
    }

    #[test]
    fn the_data_of_a_reason_has_awss_form() {
        assert_eq!(
            told(&[Some(1.0), Some(21.5)], None, None).1,
            concat!(
                r#"{"version":"1.0","queryDate":"2023-10-26T16:45:05.123+0000","startDate":"2023-10-26T16:43:00.000+0000","#,
                r#""unit":"Seconds","statistic":"Average","period":60,"recentDatapoints":[1.0,21.5],"threshold":2.0,"#,
                r#""evaluatedDatapoints":[{"timestamp":"2023-10-26T16:44:00.000+0000","sampleCount":2.0,"value":21.5},"#,
                r#"{"timestamp":"2023-10-26T16:43:00.000+0000","sampleCount":2.0,"value":1.0}]}"#,
            )
        );
        assert!(
            told(&[None], None, Some(TreatMissing::NotBreaching))
                .1
                .contains(r#""recentDatapoints":[],"threshold":2.0,"evaluatedDatapoints":[{"timestamp":"2023-10-26T16:44:00.000+0000"}]"#)
        );
    }
}
