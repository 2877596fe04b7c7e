//! An alarm's message as a mail says it: text for people instead of the JSON others get.

use std::fmt::Write as _;

use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::mail::IN_LINKS;

/// The ARN of the alarm that the message is about.
pub(super) fn source(message: &str) -> Option<String> {
    let alarm: Value = serde_json::from_str(message).ok()?;
    alarm["AlarmArn"].as_str().map(str::to_owned)
}

/// The text; `None` if the message is not an alarm's.
pub(super) fn text(message: &str) -> Option<String> {
    let alarm: Value = serde_json::from_str(message).ok()?;
    let word = |name: &str| alarm[name].as_str();
    let name = word("AlarmName")?;
    let state = word("NewStateValue")?;
    let arn = word("AlarmArn")?;
    let reason = word("NewStateReason").unwrap_or_default();
    let place = word("Region").unwrap_or_default();
    let region = arn.split(':').nth(3).unwrap_or_default();
    let at = moment(word("StateChangeTime").unwrap_or_default());
    let mut out = String::new();
    let _ = write!(
        out,
        "You are receiving this email because your Amazon CloudWatch Alarm \"{name}\" in the {place} region has entered the {state} state, because \"{reason}\" at \"{at}\".\n\n\
         View this alarm in the AWS Management Console:\n\
         https://{region}.console.aws.amazon.com/cloudwatch/deeplink.js?region={region}#alarmsV2:alarm/{}\n\n\
         Alarm Details:\n",
        utf8_percent_encode(name, IN_LINKS)
    );
    let change = format!("{} -> {state}", word("OldStateValue").unwrap_or_default());
    lines(
        &mut out,
        28,
        &[
            ("Name", name),
            ("Description", word("AlarmDescription").unwrap_or_default()),
            ("State Change", &change),
            ("Reason for State Change", reason),
            ("Timestamp", &at),
            ("AWS Account", word("AWSAccountId").unwrap_or_default()),
            ("Alarm Arn", arn),
        ],
    );
    if let Some(rule) = word("AlarmRule") {
        let _ = write!(out, "\nAlarm Rule:\n- {rule}\n");
    }
    if alarm["Trigger"].is_object() {
        trigger(&mut out, &alarm["Trigger"]);
    }
    out.push_str("\n\nState Change Actions:\n");
    for (state, actions) in [
        ("OK", "OKActions"),
        ("ALARM", "AlarmActions"),
        ("INSUFFICIENT_DATA", "InsufficientDataActions"),
    ] {
        let all = alarm[actions].as_array().into_iter().flatten();
        let all: Vec<String> = all
            .filter_map(Value::as_str)
            .map(|arn| format!("[{arn}]"))
            .collect();
        let _ = writeln!(
            out,
            "{}",
            format!("- {state}: {}", all.join(" ")).trim_end()
        );
    }
    Some(out)
}

/// `- Name:` and, in a column of its own, the value.
fn lines(out: &mut String, column: usize, all: &[(&str, &str)]) {
    for (name, value) in all {
        let line = format!("- {:column$}{value}", format!("{name}:"));
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn trigger(out: &mut String, trigger: &Value) {
    let number = |name: &str| trigger[name].as_f64();
    let word = |name: &str| trigger[name].as_str().unwrap_or_default();
    let periods = number("EvaluationPeriods").unwrap_or(1.0);
    let needed = number("DatapointsToAlarm").unwrap_or(periods);
    // An alarm on an expression has its period in each of its metrics.
    let inner = trigger["Metrics"].as_array().map_or(&[][..], Vec::as_slice);
    let period = number("Period").unwrap_or_else(|| {
        let all = inner.iter();
        all.filter_map(|one| {
            one["MetricStat"]["Period"]
                .as_f64()
                .or(one["Period"].as_f64())
        })
        .fold(0.0, f64::max)
    });
    let threshold = number("Threshold").map_or(String::new(), |number| format!(" {number:?}"));
    let _ = write!(
        out,
        "\nThreshold:\n- The alarm is in the ALARM state when the metric is {}{threshold} for at least {needed} of the last {periods} period(s) of {period} seconds.\n",
        word("ComparisonOperator"),
    );
    let missing = match word("TreatMissingData") {
        "" => "missing",
        other => other.trim_start_matches("- TreatMissingData:").trim(),
    };
    if inner.is_empty() {
        out.push_str("\nMonitored Metric:\n");
        let unit = match word("Unit") {
            "" => "not specified",
            unit => unit,
        };
        let statistic = match (word("Statistic"), word("ExtendedStatistic")) {
            ("", extended) => extended.to_owned(),
            (statistic, _) => capitalised(statistic),
        };
        lines(
            out,
            37,
            &[
                ("MetricNamespace", word("Namespace")),
                ("MetricName", word("MetricName")),
                ("Dimensions", &dimensions(&trigger["Dimensions"])),
                ("Period", &format!("{period} seconds")),
                ("Statistic", &statistic),
                ("Unit", unit),
                ("TreatMissingData", missing),
            ],
        );
        return;
    }
    out.push_str("\nMonitored Metrics:\n");
    for one in inner {
        let text = |name: &str| one[name].as_str().unwrap_or_default();
        if let Some(expression) = one["Expression"].as_str() {
            lines(
                out,
                37,
                &[
                    ("MetricExpression", expression),
                    ("MetricLabel", text("Label")),
                ],
            );
            continue;
        }
        let stat = &one["MetricStat"];
        let metric = &stat["Metric"];
        let of = |name: &str| metric[name].as_str().unwrap_or_default();
        let seconds = format!("{} seconds", stat["Period"].as_f64().unwrap_or(period));
        lines(
            out,
            37,
            &[
                ("MetricNamespace", of("Namespace")),
                ("MetricName", of("MetricName")),
                ("Dimensions", &dimensions(&metric["Dimensions"])),
                ("Period", &seconds),
                ("Statistic", stat["Stat"].as_str().unwrap_or_default()),
                ("Unit", stat["Unit"].as_str().unwrap_or("not specified")),
            ],
        );
    }
    lines(out, 37, &[("TreatMissingData", missing)]);
}

/// `[A = b] [C = d]`
fn dimensions(all: &Value) -> String {
    let all = all.as_array().into_iter().flatten();
    let texts: Vec<String> = all
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            format!("[{} = {}]", text("name"), text("value"))
        })
        .collect();
    texts.join(" ")
}

/// `SAMPLE_COUNT` to `SampleCount`.
fn capitalised(statistic: &str) -> String {
    let words = statistic.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        format!("{}{}", first.to_uppercase(), rest.to_lowercase())
    });
    words.collect()
}

/// `2025-06-15T12:07:17.123+0000` to `Sunday 15 June, 2025 12:07:17 UTC`.
fn moment(text: &str) -> String {
    let parsed = text
        .parse::<Timestamp>()
        .or_else(|_| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text));
    match parsed {
        Ok(at) => at.strftime("%A %d %B, %Y %H:%M:%S UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alarm() -> Value {
        json!({
            "AlarmName": "links-dev-5xx",
            "AlarmDescription": "Too many errors",
            "AWSAccountId": "000000000000",
            "NewStateValue": "ALARM",
            "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [12.0 (05/01/26 08:00:00)] was greater than the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition).",
            "StateChangeTime": "2026-01-05T08:01:02.345+0000",
            "Region": "EU (Frankfurt)",
            "AlarmArn": "arn:aws:cloudwatch:eu-central-1:000000000000:alarm:links-dev-5xx",
            "OldStateValue": "OK",
            "OKActions": [],
            "AlarmActions": ["arn:aws:sns:eu-central-1:000000000000:alarms"],
            "InsufficientDataActions": [],
            "Trigger": {
                "MetricName": "HTTPCode_Target_5XX_Count",
                "Namespace": "AWS/ApplicationELB",
                "StatisticType": "Statistic",
                "Statistic": "SUM",
                "Unit": null,
                "Dimensions": [{"value": "app/links/1", "name": "LoadBalancer"}],
                "Period": 60,
                "EvaluationPeriods": 3,
                "DatapointsToAlarm": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 10.0,
                "TreatMissingData": "notBreaching",
                "EvaluateLowSampleCountPercentile": ""
            }
        })
    }

    #[test]
    fn an_alarm_reads_as_aws_writes_it() {
        insta::assert_snapshot!(text(&alarm().to_string()).expect("it is an alarm"));
    }

    #[test]
    fn expressions_and_rules_are_told() {
        let mut expression = alarm();
        expression["Trigger"] = json!({
            "Period": 60, "EvaluationPeriods": 2, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0,
            "Metrics": [
                {"Id": "e1", "Expression": "100 * m1 / m2", "Label": "Errors", "ReturnData": true},
                {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount",
                    "Dimensions": [{"value": "app/links/1", "name": "LoadBalancer"}]}, "Period": 60, "Stat": "Sum"}}
            ]
        });
        insta::assert_snapshot!(text(&expression.to_string()).expect("it is an alarm"));
        let mut composite = alarm();
        composite["Trigger"] = Value::Null;
        composite["AlarmRule"] = json!("ALARM(a) OR ALARM(b)");
        let told = text(&composite.to_string()).expect("it is an alarm");
        assert!(
            told.contains("\nAlarm Rule:\n- ALARM(a) OR ALARM(b)\n"),
            "{told}"
        );
        assert!(!told.contains("Threshold:\n"), "{told}");
        assert_eq!(text("{\"AlarmName\": \"x\"}"), None);
        assert_eq!(text("a text"), None);
    }
}
