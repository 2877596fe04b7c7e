//! Conditions of rules: checked when they come in, and made whole as answers show them.

use ipnet::IpNet;
use wire::elbv2 as api;
use wire::{Error, Stored};

use super::error;

/// Values of one condition, and of all conditions of a rule.
const MOST_OF_ONE: usize = 3;
const MOST_OF_ALL: usize = 5;
/// Wildcards of a rule.
const MOST_WILDCARDS: usize = 6;

const FIELDS: &[&str] = &[
    "http-header",
    "http-request-method",
    "host-header",
    "path-pattern",
    "query-string",
    "source-ip",
];

pub(super) fn checked(
    conditions: Vec<api::RuleCondition>,
) -> Result<Vec<Stored<api::RuleCondition>>, Error> {
    if conditions.is_empty() {
        return Err(error::validation("A condition must be specified"));
    }
    let mut whole: Vec<Stored<api::RuleCondition>> = Vec::new();
    for condition in conditions {
        let condition = one(condition)?;
        let field = condition.field.clone().unwrap_or_default();
        let again = !matches!(field.as_str(), "http-header" | "query-string")
            && whole.iter().any(|other| other.0.field == condition.field);
        if again {
            return Err(error::validation(format!(
                "The condition field '{field}' can be specified only once in a rule"
            )));
        }
        whole.push(Stored(condition));
    }
    let values: Vec<String> = whole.iter().flat_map(|one| texts(&one.0)).collect();
    if values.len() > MOST_OF_ALL {
        return Err(error::validation(format!(
            "Rules can have a maximum of '{MOST_OF_ALL}' condition values"
        )));
    }
    let wildcards = values
        .iter()
        .flat_map(|text| text.chars())
        .filter(|letter| matches!(letter, '*' | '?'))
        .count();
    if wildcards > MOST_WILDCARDS {
        return Err(error::validation(format!(
            "Rules can have a maximum of '{MOST_WILDCARDS}' wildcards in their condition values"
        )));
    }
    Ok(whole)
}

/// The values of a condition, for counting.
fn texts(condition: &api::RuleCondition) -> Vec<String> {
    if let Some(query) = &condition.query_string_config {
        return query
            .values
            .iter()
            .flatten()
            .map(|pair| {
                let (key, value) = (pair.key.as_deref(), pair.value.as_deref());
                format!("{}{}", key.unwrap_or(""), value.unwrap_or(""))
            })
            .collect();
    }
    let lists = [
        condition
            .host_header_config
            .as_ref()
            .and_then(|one| one.values.as_ref()),
        condition
            .path_pattern_config
            .as_ref()
            .and_then(|one| one.values.as_ref()),
        condition
            .http_header_config
            .as_ref()
            .and_then(|one| one.values.as_ref()),
        condition
            .http_request_method_config
            .as_ref()
            .and_then(|one| one.values.as_ref()),
        condition
            .source_ip_config
            .as_ref()
            .and_then(|one| one.values.as_ref()),
    ];
    lists.into_iter().flatten().flatten().cloned().collect()
}

fn one(asked: api::RuleCondition) -> Result<api::RuleCondition, Error> {
    let field = asked.field.unwrap_or_default();
    if !FIELDS.contains(&field.as_str()) {
        return Err(error::validation(format!(
            "Condition field '{field}' must be one of '[{}]'",
            FIELDS.join(", ")
        )));
    }
    let regex = asked.regex_values.is_some()
        || asked
            .host_header_config
            .as_ref()
            .is_some_and(|one| one.regex_values.is_some())
        || asked
            .path_pattern_config
            .as_ref()
            .is_some_and(|one| one.regex_values.is_some())
        || asked
            .http_header_config
            .as_ref()
            .is_some_and(|one| one.regex_values.is_some());
    error::none_of(&[("regular expressions in conditions", regex)])?;
    let plain = asked.values.filter(|values| !values.is_empty());
    let given = |typed: Option<Vec<String>>| match (typed, plain.clone()) {
        (Some(_), Some(_)) => Err(error::validation(format!(
            "The condition field '{field}' has values in two places"
        ))),
        (typed, plain) => values(&field, typed.or(plain)),
    };
    let mut whole = api::RuleCondition {
        field: Some(field.clone()),
        ..Default::default()
    };
    match field.as_str() {
        "host-header" => {
            let values = given(asked.host_header_config.and_then(|one| one.values))?;
            lengths(&field, &values, 128)?;
            whole.values = Some(values.clone());
            whole.host_header_config = Some(api::HostHeaderConditionConfig {
                values: Some(values),
                ..Default::default()
            });
        }
        "path-pattern" => {
            let values = given(asked.path_pattern_config.and_then(|one| one.values))?;
            lengths(&field, &values, 128)?;
            whole.values = Some(values.clone());
            whole.path_pattern_config = Some(api::PathPatternConditionConfig {
                values: Some(values),
                ..Default::default()
            });
        }
        "http-header" => {
            let config = asked.http_header_config.unwrap_or_default();
            let name = config.http_header_name.unwrap_or_default();
            let valid = |one: char| one.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(one);
            if name.is_empty() || name.len() > 40 || !name.chars().all(valid) {
                return Err(error::validation(format!(
                    "HTTP header name '{name}' is not valid"
                )));
            }
            let values = values(&field, config.values)?;
            lengths(&field, &values, 128)?;
            whole.http_header_config = Some(api::HttpHeaderConditionConfig {
                http_header_name: Some(name),
                values: Some(values),
                ..Default::default()
            });
        }
        "http-request-method" => {
            let values = given(asked.http_request_method_config.and_then(|one| one.values))?;
            let valid = |one: char| one.is_ascii_uppercase() || matches!(one, '-' | '_');
            let fits = |text: &String| text.len() <= 40 && text.chars().all(valid);
            if let Some(other) = values.iter().find(|text| !fits(text)) {
                return Err(error::validation(format!(
                    "HTTP request method '{other}' is not valid"
                )));
            }
            whole.http_request_method_config = Some(api::HttpRequestMethodConditionConfig {
                values: Some(values),
            });
        }
        "query-string" => {
            let pairs = asked
                .query_string_config
                .and_then(|one| one.values)
                .unwrap_or_default();
            if pairs.is_empty() || pairs.len() > MOST_OF_ONE {
                return Err(count(&field));
            }
            if pairs.iter().any(|pair| pair.value.is_none()) {
                return Err(error::validation(
                    "A value must be specified for every query string condition",
                ));
            }
            whole.query_string_config = Some(api::QueryStringConditionConfig {
                values: Some(pairs),
            });
        }
        _ => {
            let values = given(asked.source_ip_config.and_then(|one| one.values))?;
            for text in &values {
                if text.parse::<IpNet>().is_err() || text == "255.255.255.255/32" {
                    return Err(error::validation(format!(
                        "Condition value '{text}' must be a valid CIDR block"
                    )));
                }
            }
            whole.source_ip_config = Some(api::SourceIpConditionConfig {
                values: Some(values),
            });
        }
    }
    Ok(whole)
}

fn count(field: &str) -> Error {
    error::validation(format!(
        "The condition field '{field}' must have from 1 to {MOST_OF_ONE} values"
    ))
}

fn values(field: &str, values: Option<Vec<String>>) -> Result<Vec<String>, Error> {
    let values = values.unwrap_or_default();
    if values.is_empty() || values.len() > MOST_OF_ONE {
        return Err(count(field));
    }
    if values.iter().any(String::is_empty) {
        return Err(error::validation("Condition value cannot be empty"));
    }
    Ok(values)
}

fn lengths(field: &str, values: &[String], most: usize) -> Result<(), Error> {
    match values.iter().find(|text| text.chars().count() > most) {
        Some(_) => Err(error::validation(format!(
            "Condition value of '{field}' cannot be longer than '{most}' characters"
        ))),
        None => Ok(()),
    }
}
