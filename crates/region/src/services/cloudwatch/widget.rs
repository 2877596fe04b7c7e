//! What CloudWatch checks in a dashboard's body before it keeps it.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use serde::Serialize;
use serde_json::{Map, Value};
use wire::cloudwatch as api;

/// Something said about one place of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    data_path: String,
    message: String,
}

impl Finding {
    pub(super) fn shown(&self) -> api::DashboardValidationMessage {
        api::DashboardValidationMessage {
            data_path: Some(self.data_path.clone()),
            message: Some(self.message.clone()),
        }
    }
}

/// All that was found: errors refuse the body, warnings come with it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
    pub(super) widgets: usize,
}

impl Findings {
    fn error(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push(Finding {
            data_path: path.to_owned(),
            message: message.into(),
        });
    }

    fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Finding {
            data_path: path.to_owned(),
            message: message.into(),
        });
    }
}

const KNOWN: &[&str] = &["widgets", "start", "end", "periodOverride", "variables"];
const WIDGET: &[&str] = &["type", "x", "y", "width", "height", "properties"];
const TYPES: &[&str] = &["metric", "text", "log", "alarm", "explorer", "custom"];

/// The body is no JSON object.
pub(super) fn check(body: &str) -> Result<Findings, ()> {
    let Ok(Value::Object(body)) = serde_json::from_str(body) else {
        return Err(());
    };
    let mut findings = Findings::default();
    for key in body.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        findings.warning(
            "",
            format!("The \"{key}\" property is not expected, will be ignored"),
        );
    }
    if let Some(over) = body.get("periodOverride")
        && !matches!(over.as_str(), Some("auto" | "inherit"))
    {
        findings.error(
            "/periodOverride",
            "Should be equal to one of the allowed values",
        );
    }
    match body.get("widgets") {
        None => findings.error("", "Should have required property 'widgets'"),
        Some(Value::Array(widgets)) => {
            findings.widgets = widgets.len();
            for (number, one) in widgets.iter().enumerate() {
                widget(one, &format!("/widgets/{number}"), &mut findings);
            }
        }
        Some(_) => findings.error("/widgets", "Should be array"),
    }
    Ok(findings)
}

fn widget(widget: &Value, path: &str, findings: &mut Findings) {
    let Value::Object(widget) = widget else {
        return findings.error(path, "Should be object");
    };
    for key in widget.keys().filter(|key| !WIDGET.contains(&key.as_str())) {
        findings.warning(
            path,
            format!("The \"{key}\" property is not expected to be part of a widget definition, will be ignored"),
        );
    }
    for (field, least, most) in [
        ("x", 0, 23),
        ("y", 0, i64::MAX),
        ("width", 1, 24),
        ("height", 1, 1000),
    ] {
        whole(widget, field, least, most, path, findings);
    }
    let kind = match widget.get("type") {
        None => return findings.error(path, "Should have required property 'type'"),
        Some(Value::String(kind)) if TYPES.contains(&kind.as_str()) => kind.as_str(),
        Some(_) => {
            let path = format!("{path}/type");
            return findings.error(&path, "Should be equal to one of the allowed values");
        }
    };
    let path = format!("{path}/properties");
    let properties = match widget.get("properties") {
        Some(Value::Object(properties)) => properties,
        Some(_) => return findings.error(&path, "Should be object"),
        None => {
            let widget = path.trim_end_matches("/properties");
            return findings.error(widget, "Should have required property 'properties'");
        }
    };
    match kind {
        "metric" => metric(properties, &path, findings),
        "text" => required(properties, "markdown", Value::is_string, &path, findings),
        "log" => {
            required(properties, "region", Value::is_string, &path, findings);
            required(properties, "query", Value::is_string, &path, findings);
        }
        "alarm" => required(properties, "alarms", Value::is_array, &path, findings),
        "custom" => required(properties, "endpoint", Value::is_string, &path, findings),
        _ => {}
    }
}

fn whole(
    of: &Map<String, Value>,
    field: &str,
    least: i64,
    most: i64,
    path: &str,
    findings: &mut Findings,
) {
    let Some(value) = of.get(field) else { return };
    let path = format!("{path}/{field}");
    match value.as_i64() {
        None => findings.error(&path, "Should be integer"),
        Some(number) if number < least => findings.error(&path, format!("Should be >= {least}")),
        Some(number) if number > most => findings.error(&path, format!("Should be <= {most}")),
        Some(_) => {}
    }
}

fn required(
    of: &Map<String, Value>,
    field: &str,
    is: fn(&Value) -> bool,
    path: &str,
    findings: &mut Findings,
) {
    match of.get(field) {
        None => findings.error(path, format!("Should have required property '{field}'")),
        Some(value) if !is(value) => {
            findings.error(&format!("{path}/{field}"), "Has a value of the wrong type");
        }
        Some(_) => {}
    }
}

fn metric(properties: &Map<String, Value>, path: &str, findings: &mut Findings) {
    required(properties, "region", Value::is_string, path, findings);
    if let Some(period) = properties.get("period")
        && !period.as_i64().is_some_and(|period| {
            matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0)
        })
    {
        findings.error(&format!("{path}/period"), "Should be a valid period");
    }
    let alarms = properties
        .get("annotations")
        .and_then(|annotations| annotations.get("alarms"));
    match properties.get("metrics") {
        None if alarms.is_some() => {}
        None => findings.error(path, "Should have required property 'metrics'"),
        Some(Value::Array(rows)) => {
            for (number, row) in rows.iter().enumerate() {
                metric_row(row, &format!("{path}/metrics/{number}"), findings);
            }
        }
        Some(_) => findings.error(&format!("{path}/metrics"), "Should be array"),
    }
}

/// `[namespace, name, dimension, value, …, {how it is drawn}]`, or one object alone: an expression.
fn metric_row(row: &Value, path: &str, findings: &mut Findings) {
    let Value::Array(row) = row else {
        return findings.error(path, "Should be array");
    };
    let texts = match row.last() {
        Some(Value::Object(_)) => &row[..row.len() - 1],
        _ => row,
    };
    if texts.is_empty() {
        let expression = row
            .last()
            .is_some_and(|drawn| drawn.get("expression").is_some());
        if !expression {
            findings.error(path, "Should NOT have fewer than 2 items");
        }
        return;
    }
    for (number, text) in texts.iter().enumerate() {
        if text.is_object() {
            findings.error(
                &format!("{path}/{number}"),
                "Metric rendering properties must be the last element of the metric row",
            );
        } else if !text.is_string() {
            findings.error(
                &format!("{path}/{number}"),
                "Invalid metric field type, only \"String\" type is allowed",
            );
        }
    }
    // `...` stands for what the row before has.
    if texts.iter().any(|text| text == "...") {
        return;
    }
    if texts.len() == 1 {
        findings.error(path, "Should NOT have fewer than 2 items");
    } else if texts.len() % 2 == 1 {
        findings.error(
            path,
            format!("Should NOT have more than {} items", texts.len() - 1),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: &str) -> Vec<(String, String)> {
        let findings = check(body).expect("it is an object");
        findings
            .errors
            .into_iter()
            .map(|one| (one.data_path, one.message))
            .collect()
    }

    #[test]
    fn what_is_right_is_let_be() {
        let body = r#"{"start":"-PT3H","widgets":[
            {"type":"metric","x":0,"y":0,"width":6,"height":6,"properties":{"region":"eu-central-1","period":60,
              "metrics":[["AWS/EC2","CPUUtilization","InstanceId","i-1",{"stat":"p99"}],[{"expression":"m1/2"}],["...","x"]]}},
            {"type":"text","properties":{"markdown":"m"}},
            {"type":"alarm","properties":{"alarms":[]}},
            {"type":"log","properties":{"region":"eu-central-1","query":"SOURCE x"}}]}"#;
        assert_eq!(errors(body), []);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert!(check("[]").is_err());
        assert!(check("{").is_err());
        for (body, path, message) in [
            ("{}", "", "Should have required property 'widgets'"),
            (r#"{"widgets":{}}"#, "/widgets", "Should be array"),
            (
                r#"{"widgets":[{"type":"pie","properties":{}}]}"#,
                "/widgets/0/type",
                "Should be equal to one of the allowed values",
            ),
            (
                r#"{"widgets":[{"type":"text","x":24,"properties":{"markdown":""}}]}"#,
                "/widgets/0/x",
                "Should be <= 23",
            ),
            (
                r#"{"widgets":[{"type":"text","properties":{}}]}"#,
                "/widgets/0/properties",
                "Should have required property 'markdown'",
            ),
            (
                r#"{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[["A","b",{"c":1},"d"]]}}]}"#,
                "/widgets/0/properties/metrics/0/2",
                "Metric rendering properties must be the last element of the metric row",
            ),
            (
                r#"{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[["A","b","c"]]}}]}"#,
                "/widgets/0/properties/metrics/0",
                "Should NOT have more than 2 items",
            ),
            (
                r#"{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[["A","b","c",1]]}}]}"#,
                "/widgets/0/properties/metrics/0/3",
                "Invalid metric field type, only \"String\" type is allowed",
            ),
        ] {
            assert_eq!(
                errors(body),
                [(path.to_owned(), message.to_owned())],
                "{body}"
            );
        }
    }
}
