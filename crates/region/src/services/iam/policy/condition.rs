//! The `Condition` element: operators, their modifiers, and what they make of a request's keys.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use super::Malformed;
use super::glob::{Glob, Variables};

/// One operator on one key. Conditions of a statement must all hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As written, for messages.
    pub operator: String,
    /// In lower case: keys are compared so.
    pub key: String,
    pub values: Vec<String>,
    set: Option<Set>,
    test: Test,
    negated: bool,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    All,
    Any,
}

/// The positive form of each operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Compare),
    Date(Compare),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    fn holds<T: PartialOrd>(self, have: &T, want: &T) -> bool {
        match self {
            Self::Equal => have == want,
            Self::Less => have < want,
            Self::LessOrEqual => have <= want,
            Self::Greater => have > want,
            Self::GreaterOrEqual => have >= want,
        }
    }
}

pub(super) fn parse(value: &Value) -> Result<Vec<Condition>, Malformed> {
    const FORM: Malformed = Malformed::Form("Condition");
    let operators = value.as_object().ok_or(FORM)?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        for (key, values) in keys.as_object().ok_or(FORM)? {
            conditions.push(condition(operator, key, scalars(values).ok_or(FORM)?).ok_or(FORM)?);
        }
    }
    Ok(conditions)
}

/// Condition values may be strings, booleans and numbers; they all mean their text.
fn scalars(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(flag) => Some(vec![flag.to_string()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::Array(all) => all
            .iter()
            .map(|one| (!one.is_array()).then(|| scalars(one)?.pop()).flatten())
            .collect(),
        _ => None,
    }
}

fn condition(operator: &str, key: &str, values: Vec<String>) -> Option<Condition> {
    use Compare::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let (set, rest) = match operator.split_once(':') {
        Some(("ForAllValues", rest)) => (Some(Set::All), rest),
        Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
        Some(_) => return None,
        None => (None, operator),
    };
    let (name, if_exists) = match rest.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (rest, false),
    };
    let (test, negated) = match name {
        "StringEquals" => (Test::StringEquals, false),
        "StringNotEquals" => (Test::StringEquals, true),
        "StringEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, true),
        "StringLike" => (Test::StringLike, false),
        "StringNotLike" => (Test::StringLike, true),
        "NumericEquals" => (Test::Numeric(Equal), false),
        "NumericNotEquals" => (Test::Numeric(Equal), true),
        "NumericLessThan" => (Test::Numeric(Less), false),
        "NumericLessThanEquals" => (Test::Numeric(LessOrEqual), false),
        "NumericGreaterThan" => (Test::Numeric(Greater), false),
        "NumericGreaterThanEquals" => (Test::Numeric(GreaterOrEqual), false),
        "DateEquals" => (Test::Date(Equal), false),
        "DateNotEquals" => (Test::Date(Equal), true),
        "DateLessThan" => (Test::Date(Less), false),
        "DateLessThanEquals" => (Test::Date(LessOrEqual), false),
        "DateGreaterThan" => (Test::Date(Greater), false),
        "DateGreaterThanEquals" => (Test::Date(GreaterOrEqual), false),
        "Bool" => (Test::Bool, false),
        "BinaryEquals" => (Test::Binary, false),
        "IpAddress" => (Test::IpAddress, false),
        "NotIpAddress" => (Test::IpAddress, true),
        "ArnEquals" | "ArnLike" => (Test::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
        "Null" if set.is_none() && !if_exists => (Test::Null, false),
        _ => return None,
    };
    Some(Condition {
        operator: operator.to_owned(),
        key: key.to_ascii_lowercase(),
        values,
        set,
        test,
        negated,
        if_exists,
    })
}

impl Condition {
    /// Whether the condition holds for a request with these keys.
    pub(super) fn holds(&self, keys: &BTreeMap<String, Vec<String>>, variables: Variables) -> bool {
        let have = keys.get(&self.key).filter(|values| !values.is_empty());
        if self.test == Test::Null {
            let absent = have.is_none().to_string();
            return self
                .values
                .iter()
                .any(|want| want.eq_ignore_ascii_case(&absent));
        }
        let Some(have) = have else {
            return match self.set {
                Some(Set::All) => true,
                Some(Set::Any) => self.if_exists,
                None => self.if_exists || self.negated,
            };
        };
        let fits = |value: &String| {
            self.values
                .iter()
                .any(|want| self.test.fits(value, want, variables))
        };
        match (self.set, self.negated) {
            (Some(Set::All), false) => have.iter().all(fits),
            (Some(Set::Any) | None, false) => have.iter().any(fits),
            (Some(Set::Any), true) => have.iter().any(|value| !fits(value)),
            (Some(Set::All) | None, true) => !have.iter().any(fits),
        }
    }
}

impl Test {
    /// Whether a value of the request is what one value of the policy asks for.
    fn fits(self, have: &str, want: &str, variables: Variables) -> bool {
        match self {
            Self::StringEquals => filled(want, variables).is_some_and(|want| want == have),
            Self::StringEqualsIgnoreCase => {
                filled(want, variables).is_some_and(|want| want.eq_ignore_ascii_case(have))
            }
            Self::StringLike => Glob::new(want, variables).is_some_and(|glob| glob.matches(have)),
            Self::Numeric(compare) => match (have.parse::<f64>(), want.parse::<f64>()) {
                (Ok(have), Ok(want)) => compare.holds(&have, &want),
                _ => false,
            },
            Self::Date(compare) => match (date(have), date(want)) {
                (Some(have), Some(want)) => compare.holds(&have, &want),
                _ => false,
            },
            Self::Bool => have.eq_ignore_ascii_case(want),
            Self::Binary => have == want,
            Self::IpAddress => match (have.parse::<IpAddr>(), range(want)) {
                (Ok(have), Some(want)) => want.contains(&have),
                _ => false,
            },
            Self::Arn => arn_fits(have, want, variables),
            Self::Null => false,
        }
    }
}

/// The text a value means once its variables are filled in.
fn filled(text: &str, variables: Variables) -> Option<String> {
    let Some(lookup) = variables else {
        return Some(text.to_owned());
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        match name {
            "*" | "?" | "$" => out.push_str(name),
            _ => match name.split_once(',') {
                None => out.push_str(&lookup(name.trim())?),
                Some((name, default)) => match lookup(name.trim()) {
                    Some(value) => out.push_str(&value),
                    None => out.push_str(default.trim().trim_matches('\'')),
                },
            },
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn date(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    let day = || {
        let midnight = text
            .parse::<jiff::civil::Date>()
            .ok()?
            .to_datetime(jiff::civil::Time::midnight());
        jiff::tz::Offset::UTC.to_timestamp(midnight).ok()
    };
    text.parse::<Timestamp>().ok().or_else(day)
}

fn range(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The six parts of an ARN are compared one by one, so a `*` never reaches into the next. Parts
/// that a pattern leaves out match anything.
pub(super) fn arn_fits(have: &str, want: &str, variables: Variables) -> bool {
    if want == "*" {
        return true;
    }
    let have: Vec<&str> = have.splitn(6, ':').collect();
    let want = parts(want);
    have.len() == 6
        && have
            .iter()
            .enumerate()
            .all(|(at, have)| match want.get(at) {
                None => true,
                Some(want) => Glob::new(want, variables).is_some_and(|glob| glob.matches(have)),
            })
}

/// Like `splitn(6, ':')`, but a colon inside `${…}` does not part.
fn parts(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::with_capacity(6);
    let mut start = 0;
    let mut inside = false;
    for (at, character) in pattern.char_indices() {
        match character {
            '{' if pattern[..at].ends_with('$') => inside = true,
            '}' => inside = false,
            ':' if !inside && parts.len() < 5 => {
                parts.push(&pattern[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&pattern[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(json: &str, keys: &[(&str, &[&str])]) -> bool {
        let conditions = parse(&serde_json::from_str(json).expect("it is JSON")).expect(json);
        let keys: BTreeMap<String, Vec<String>> = keys
            .iter()
            .map(|(key, values)| {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                ((*key).to_ascii_lowercase(), values)
            })
            .collect();
        let lookup = |name: &str| keys.get(&name.to_ascii_lowercase())?.first().cloned();
        conditions.iter().all(|one| one.holds(&keys, Some(&lookup)))
    }

    #[test]
    fn operators() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a [&'a str])], bool);
        let cases: &[Case] = &[
            (
                r#"{"StringEquals":{"aws:a":"x"}}"#,
                &[("AWS:A", &["x"])],
                true,
            ),
            (
                r#"{"StringEquals":{"aws:a":["y","x"]}}"#,
                &[("aws:a", &["x"])],
                true,
            ),
            (r#"{"StringEquals":{"aws:a":"x"}}"#, &[], false),
            (r#"{"StringNotEquals":{"aws:a":"x"}}"#, &[], true),
            (
                r#"{"StringNotEquals":{"aws:a":["x","y"]}}"#,
                &[("aws:a", &["y"])],
                false,
            ),
            (r#"{"StringEqualsIfExists":{"aws:a":"x"}}"#, &[], true),
            (
                r#"{"StringEqualsIfExists":{"aws:a":"x"}}"#,
                &[("aws:a", &["y"])],
                false,
            ),
            (
                r#"{"StringEqualsIgnoreCase":{"a":"X"}}"#,
                &[("a", &["x"])],
                true,
            ),
            (
                r#"{"StringLike":{"a":"repo:o/*:ref"}}"#,
                &[("a", &["repo:o/r:ref"])],
                true,
            ),
            (r#"{"StringNotLike":{"a":"x*"}}"#, &[("a", &["xy"])], false),
            (
                r#"{"StringEquals":{"a":"${b}"}}"#,
                &[("a", &["1"]), ("b", &["1"])],
                true,
            ),
            (r#"{"StringEquals":{"a":"${c}"}}"#, &[("a", &["1"])], false),
            (r#"{"NumericLessThan":{"n":"10"}}"#, &[("n", &["9"])], true),
            (
                r#"{"NumericGreaterThanEquals":{"n":10}}"#,
                &[("n", &["9"])],
                false,
            ),
            (
                r#"{"DateGreaterThan":{"t":"2020-01-01T00:00:00Z"}}"#,
                &[("t", &["2021-01-01T00:00:00Z"])],
                true,
            ),
            (
                r#"{"DateLessThan":{"t":"2020-01-01"}}"#,
                &[("t", &["1577836799"])],
                true,
            ),
            (
                r#"{"Bool":{"aws:SecureTransport":false}}"#,
                &[("aws:SecureTransport", &["false"])],
                true,
            ),
            (r#"{"Bool":{"aws:SecureTransport":"true"}}"#, &[], false),
            (
                r#"{"IpAddress":{"ip":["10.0.0.0/8","192.0.2.1"]}}"#,
                &[("ip", &["192.0.2.1"])],
                true,
            ),
            (
                r#"{"NotIpAddress":{"ip":"10.0.0.0/8"}}"#,
                &[("ip", &["10.1.2.3"])],
                false,
            ),
            (
                r#"{"ArnLike":{"r":"arn:aws:sns:*:1:t*"}}"#,
                &[("r", &["arn:aws:sns:eu:1:topic"])],
                true,
            ),
            (
                r#"{"ArnLike":{"r":"arn:aws:*:topic"}}"#,
                &[("r", &["arn:aws:sns:eu:1:topic"])],
                false,
            ),
            (
                r#"{"ArnNotEquals":{"r":"arn:aws:sns:eu:1:t"}}"#,
                &[("r", &["arn:aws:sns:eu:1:t"])],
                false,
            ),
            (r#"{"Null":{"a":"true"}}"#, &[], true),
            (r#"{"Null":{"a":"false"}}"#, &[], false),
            (
                r#"{"ForAllValues:StringEquals":{"k":["a","b"]}}"#,
                &[("k", &["a", "b"])],
                true,
            ),
            (
                r#"{"ForAllValues:StringEquals":{"k":["a","b"]}}"#,
                &[("k", &["a", "c"])],
                false,
            ),
            (r#"{"ForAllValues:StringEquals":{"k":["a"]}}"#, &[], true),
            (
                r#"{"ForAnyValue:StringEquals":{"k":["a"]}}"#,
                &[("k", &["c", "a"])],
                true,
            ),
            (r#"{"ForAnyValue:StringEquals":{"k":["a"]}}"#, &[], false),
            (
                r#"{"ForAnyValue:StringNotEquals":{"k":["a"]}}"#,
                &[("k", &["a", "c"])],
                true,
            ),
            (
                r#"{"StringEquals":{"a":"x"},"Bool":{"b":"true"}}"#,
                &[("a", &["x"]), ("b", &["false"])],
                false,
            ),
        ];
        for (json, keys, expected) in cases {
            assert_eq!(holds(json, keys), *expected, "{json} on {keys:?}");
        }
    }

    #[test]
    fn an_unknown_operator_is_refused() {
        for json in [
            r#"{"StringMatches":{"a":"b"}}"#,
            r#"{"ForEach:StringLike":{"a":"b"}}"#,
            r#"{"NullIfExists":{"a":"true"}}"#,
            r#"{"StringLike":"a"}"#,
            r#"{"StringLike":{"a":{}}}"#,
        ] {
            let value = serde_json::from_str(json).expect("it is JSON");
            assert_eq!(parse(&value), Err(Malformed::Form("Condition")), "{json}");
        }
    }
}
