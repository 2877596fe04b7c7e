//! Filter policies: which messages a subscriber wants.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html>

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::state::{Attribute, Message};

/// Leaf keys, and combinations of their values.
const MOST_KEYS: usize = 5;
const MOST_COMBINATIONS: usize = 150;
const OR: &str = "$or";

/// What a policy is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Attributes,
    Body,
}

impl Scope {
    pub(super) fn named(name: Option<&str>) -> Self {
        match name {
            Some("MessageBody") => Self::Body,
            _ => Self::Attributes,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It looks deeper than attributes go.
    Nested,
    Other(String),
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid::Other(why.into()))
}

/// Every term has to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter(Vec<Term>);

#[derive(Debug, Clone, PartialEq)]
enum Term {
    /// One of the rules holds for the field.
    Leaf(String, Vec<Rule>),
    Inside(String, Filter),
    /// One of the filters holds.
    Or(Vec<Filter>),
}

#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Is(Scalar),
    Prefix(String),
    Suffix(String),
    IgnoringCase(String),
    NoneOf(Vec<Scalar>),
    NoPrefixOf(Vec<String>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    Within(IpNet),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    fn named(name: &str) -> Option<Self> {
        match name {
            "=" => Some(Self::Equal),
            "<" => Some(Self::Less),
            "<=" => Some(Self::AtMost),
            ">" => Some(Self::Greater),
            ">=" => Some(Self::AtLeast),
            _ => None,
        }
    }

    #[expect(clippy::float_cmp, reason = "both sides were written by people")]
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Equal => value == bound,
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Greater => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

impl Filter {
    pub(super) fn parse(text: &str, scope: Scope) -> Result<Self, Invalid> {
        let json: Value = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => return invalid(format!("failed to parse JSON. {error}")),
        };
        let Value::Object(fields) = json else {
            return invalid("Filter is not an object");
        };
        let filter = Self::fields(&fields, scope)?;
        let (keys, combinations) = filter.size(1);
        if keys > MOST_KEYS {
            return invalid(format!(
                "Filter policy can not have more than {MOST_KEYS} keys"
            ));
        }
        if combinations > MOST_COMBINATIONS {
            return invalid("Filter policy is too complex");
        }
        Ok(filter)
    }

    fn fields(fields: &Map<String, Value>, scope: Scope) -> Result<Self, Invalid> {
        if fields.is_empty() {
            return invalid("Empty objects are not allowed");
        }
        let terms = fields.iter().map(|(name, value)| match value {
            Value::Array(all)
                if name == OR && all.len() > 1 && all.iter().all(Value::is_object) =>
            {
                let filters = all.iter().filter_map(Value::as_object);
                let filters = filters.map(|fields| Self::fields(fields, scope));
                Ok(Term::Or(filters.collect::<Result<_, _>>()?))
            }
            Value::Array(rules) if rules.is_empty() => invalid("Empty arrays are not allowed"),
            Value::Array(rules) => {
                let rules = rules.iter().map(Rule::parse);
                Ok(Term::Leaf(name.clone(), rules.collect::<Result<_, _>>()?))
            }
            Value::Object(inner) => {
                let inner = Self::fields(inner, scope)?;
                if scope == Scope::Attributes {
                    return Err(Invalid::Nested);
                }
                Ok(Term::Inside(name.clone(), inner))
            }
            _ => invalid(format!("\"{name}\" must be an object or an array")),
        });
        Ok(Self(terms.collect::<Result<_, _>>()?))
    }

    /// How many leaf keys it has, and how many combinations its values make: a value counts as
    /// often as it is deep.
    fn size(&self, depth: usize) -> (usize, usize) {
        self.0.iter().fold((0, 1), |(keys, combinations), term| {
            let (more_keys, factor) = match term {
                Term::Leaf(_, rules) => (1, rules.len().saturating_mul(depth)),
                Term::Inside(_, inner) => inner.size(depth + 1),
                Term::Or(filters) => filters.iter().fold((0, 0usize), |(keys, sum), one| {
                    let (more, size) = one.size(depth);
                    (keys + more, sum.saturating_add(size))
                }),
            };
            (keys + more_keys, combinations.saturating_mul(factor))
        })
    }

    /// Whether the subscriber wants the message, whose text for it is `body`.
    pub(super) fn wants(&self, scope: Scope, message: &Message, body: &str) -> bool {
        match scope {
            Scope::Attributes => self.fits_attributes(&message.attributes),
            Scope::Body => match serde_json::from_str(body) {
                Ok(Value::Object(fields)) => self.fits_fields(&fields),
                _ => false,
            },
        }
    }

    fn fits_attributes(&self, attributes: &BTreeMap<String, Attribute>) -> bool {
        self.0.iter().all(|term| match term {
            Term::Leaf(name, rules) => {
                let found = attributes.get(name).map(values);
                rules.iter().any(|rule| rule.fits(found.as_deref()))
            }
            Term::Inside(..) => false,
            Term::Or(filters) => filters.iter().any(|one| one.fits_attributes(attributes)),
        })
    }

    fn fits_fields(&self, fields: &Map<String, Value>) -> bool {
        self.0.iter().all(|term| match term {
            Term::Leaf(name, rules) => {
                let found = fields.get(name).filter(|value| !value.is_object());
                let mut scalars = Vec::new();
                if let Some(value) = found {
                    flatten(value, &mut scalars);
                }
                let found = found.map(|_| scalars.as_slice());
                rules.iter().any(|rule| rule.fits(found))
            }
            Term::Inside(name, inner) => match fields.get(name) {
                Some(Value::Object(fields)) => inner.fits_fields(fields),
                Some(Value::Array(all)) => all
                    .iter()
                    .filter_map(Value::as_object)
                    .any(|fields| inner.fits_fields(fields)),
                _ => inner.fits_fields(&Map::new()),
            },
            Term::Or(filters) => filters.iter().any(|one| one.fits_fields(fields)),
        })
    }
}

fn flatten(value: &Value, into: &mut Vec<Scalar>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| flatten(one, into)),
        Value::Object(_) => {}
        scalar => into.extend(Scalar::of(scalar)),
    }
}

/// What an attribute offers to a policy; a binary one offers nothing but that it is there.
fn values(attribute: &Attribute) -> Vec<Scalar> {
    let kind = attribute.data_type.as_str();
    if kind == "String.Array" {
        let mut all = Vec::new();
        if let Ok(array @ Value::Array(_)) = serde_json::from_str(&attribute.value) {
            flatten(&array, &mut all);
        }
        return all;
    }
    match kind.split('.').next() {
        Some("Number") => attribute
            .value
            .parse()
            .map(Scalar::Number)
            .into_iter()
            .collect(),
        Some("String") => vec![Scalar::Text(attribute.value.clone())],
        _ => Vec::new(),
    }
}

impl Scalar {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Rule {
    fn parse(value: &Value) -> Result<Self, Invalid> {
        if let Some(scalar) = Scalar::of(value) {
            return Ok(Self::Is(scalar));
        }
        let Value::Object(match_) = value else {
            return invalid("Match value must be String, number, true, false, or null");
        };
        let mut entries = match_.iter();
        let (Some((name, pattern)), None) = (entries.next(), entries.next()) else {
            return invalid("Only one key allowed in match expression");
        };
        let text = |of: &str| match pattern {
            Value::String(text) => Ok(text.clone()),
            _ => invalid(format!("{of} match pattern must be a string")),
        };
        match name.as_str() {
            "prefix" => Ok(Self::Prefix(text("prefix")?)),
            "suffix" => Ok(Self::Suffix(text("suffix")?)),
            "equals-ignore-case" => Ok(Self::IgnoringCase(text("equals-ignore-case")?)),
            // AWS's text names the wrong operator.
            "cidr" => network(&text("prefix")?).map(Self::Within),
            "exists" => match pattern {
                Value::Bool(flag) => Ok(Self::Exists(*flag)),
                _ => invalid("exists match pattern must be either true or false."),
            },
            "numeric" => numeric(pattern).map(Self::Numeric),
            "anything-but" => anything_but(pattern),
            other => invalid(format!("Unrecognized match type {other}")),
        }
    }

    /// Whether one of the field's values fits; `None`: there is no such field.
    fn fits(&self, found: Option<&[Scalar]>) -> bool {
        if let Self::Exists(wanted) = self {
            return found.is_some() == *wanted;
        }
        found.is_some_and(|values| values.iter().any(|value| self.fits_one(value)))
    }

    fn fits_one(&self, value: &Scalar) -> bool {
        let text = value.text();
        let is_text = |test: &dyn Fn(&str) -> bool| text.is_some_and(test);
        match self {
            Self::Is(wanted) => value == wanted,
            Self::Prefix(start) => is_text(&|text| text.starts_with(start)),
            Self::Suffix(end) => is_text(&|text| text.ends_with(end)),
            Self::IgnoringCase(wanted) => {
                is_text(&|text| text.to_lowercase() == wanted.to_lowercase())
            }
            Self::NoneOf(all) => !all.contains(value),
            Self::NoPrefixOf(all) => {
                is_text(&|text| !all.iter().any(|start| text.starts_with(start)))
            }
            Self::Numeric(bounds) => match value {
                Scalar::Number(number) => {
                    bounds.iter().all(|(how, bound)| how.holds(*number, *bound))
                }
                _ => false,
            },
            Self::Within(network) => is_text(&|text| {
                text.parse::<IpAddr>()
                    .is_ok_and(|address| network.contains(&address))
            }),
            Self::Exists(wanted) => *wanted,
        }
    }
}

fn anything_but(pattern: &Value) -> Result<Rule, Invalid> {
    match pattern {
        Value::Object(inner) => match inner.iter().next() {
            Some((name, Value::String(text))) if name == "prefix" => {
                Ok(Rule::NoPrefixOf(vec![text.clone()]))
            }
            Some((name, _)) if name == "prefix" => invalid("prefix match pattern must be a string"),
            Some((name, _)) => invalid(format!("Unsupported anything-but pattern: {name}")),
            None => invalid("Empty objects are not allowed"),
        },
        Value::Array(all) if all.is_empty() => invalid("Empty arrays are not allowed"),
        Value::Array(all) => {
            let scalars: Option<Vec<Scalar>> = all.iter().map(Scalar::of).collect();
            let plain = |one: &Scalar| matches!(one, Scalar::Text(_) | Scalar::Number(_));
            match scalars.filter(|all| all.iter().all(plain)) {
                Some(all) => Ok(Rule::NoneOf(all)),
                None => invalid("Inside anything but list, must be a string or a number"),
            }
        }
        Value::String(text) => Ok(Rule::NoneOf(vec![Scalar::Text(text.clone())])),
        Value::Number(number) => {
            let scalar = number.as_f64().map(Scalar::Number);
            Ok(Rule::NoneOf(scalar.into_iter().collect()))
        }
        Value::Bool(_) | Value::Null => {
            invalid("Value of anything-but must be an array or single string/number value.")
        }
    }
}

/// `["=", 1]`, `["<", 1]`, or a range from a lower to an upper bound.
fn numeric(pattern: &Value) -> Result<Vec<(Comparison, f64)>, Invalid> {
    let Value::Array(all) = pattern else {
        return invalid("Value of numeric must be an array.");
    };
    let mut rest = all.iter();
    let operator = match rest.next() {
        None => return invalid("Invalid member in numeric match: ]"),
        Some(Value::String(name)) => name,
        Some(other) => return invalid(format!("Invalid member in numeric match: {other}")),
    };
    let Some(first) = Comparison::named(operator) else {
        return invalid(format!("Unrecognized numeric range operator: {operator}"));
    };
    let number = |value: Option<&Value>, operator: &str| {
        let name = if operator == "=" { "equals" } else { operator };
        let number = value.and_then(Value::as_f64);
        number.ok_or_else(|| Invalid::Other(format!("Value of {name} must be numeric")))
    };
    let bound = number(rest.next(), operator)?;
    let mut bounds = vec![(first, bound)];
    let Some(second) = rest.next() else {
        return Ok(bounds);
    };
    if !matches!(first, Comparison::Greater | Comparison::AtLeast) {
        return invalid("Too many elements in numeric expression");
    }
    let Value::String(operator) = second else {
        return invalid(format!("Bad value in numeric range: {second}"));
    };
    let upper = Comparison::named(operator)
        .filter(|one| matches!(one, Comparison::Less | Comparison::AtMost));
    let Some(upper) = upper else {
        return invalid(format!("Bad numeric range operator: {operator}"));
    };
    let top = number(rest.next(), operator)?;
    if rest.next().is_some() {
        return invalid("Too many terms in numeric range expression");
    }
    if bound >= top {
        return invalid("Bottom must be less than top");
    }
    bounds.push((upper, top));
    Ok(bounds)
}

fn network(text: &str) -> Result<IpNet, Invalid> {
    let Some((address, bits)) = text.split_once('/') else {
        return invalid("Malformed CIDR, one '/' required");
    };
    let Ok(bits) = bits.parse::<u8>() else {
        return invalid("Malformed CIDR, mask bits must be an integer");
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return invalid(format!("Nonstandard IP address: {address}"));
    };
    match IpNet::new(address, bits) {
        Ok(network) => Ok(network),
        Err(_) => invalid("Malformed CIDR, mask bits are out of range"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(policy: &str, body: &str) -> bool {
        let filter = Filter::parse(policy, Scope::Body).expect("it is a policy");
        let Ok(Value::Object(fields)) = serde_json::from_str(body) else {
            panic!("it is an object")
        };
        filter.fits_fields(&fields)
    }

    #[test]
    fn bodies_fit_or_do_not() {
        let cases = [
            (r#"{"a": ["x"]}"#, r#"{"a": "x"}"#, true),
            (r#"{"a": ["x"]}"#, r#"{"a": ["y", "x"]}"#, true),
            (r#"{"a": ["x"]}"#, r#"{"a": "y"}"#, false),
            (r#"{"a": ["x"], "b": [1]}"#, r#"{"a": "x", "b": 1.0}"#, true),
            (r#"{"a": ["x"], "b": [1]}"#, r#"{"a": "x"}"#, false),
            (r#"{"a": [null]}"#, r#"{"a": null}"#, true),
            (r#"{"a": [true]}"#, r#"{"a": "true"}"#, false),
            (r#"{"a": [{"prefix": "ab"}]}"#, r#"{"a": "abc"}"#, true),
            (r#"{"a": [{"suffix": "bc"}]}"#, r#"{"a": "abc"}"#, true),
            (r#"{"a": [{"suffix": "ab"}]}"#, r#"{"a": "abc"}"#, false),
            (
                r#"{"a": [{"equals-ignore-case": "ABC"}]}"#,
                r#"{"a": "abc"}"#,
                true,
            ),
            (
                r#"{"a": [{"anything-but": ["x", 1]}]}"#,
                r#"{"a": "y"}"#,
                true,
            ),
            (
                r#"{"a": [{"anything-but": ["x", 1]}]}"#,
                r#"{"a": 1}"#,
                false,
            ),
            (
                r#"{"a": [{"anything-but": "x"}]}"#,
                r#"{"a": ["x", "y"]}"#,
                true,
            ),
            (r#"{"a": [{"anything-but": "x"}]}"#, r"{}", false),
            (
                r#"{"a": [{"anything-but": {"prefix": "x"}}]}"#,
                r#"{"a": "xy"}"#,
                false,
            ),
            (
                r#"{"a": [{"numeric": [">", 1, "<=", 3]}]}"#,
                r#"{"a": 3}"#,
                true,
            ),
            (
                r#"{"a": [{"numeric": [">", 1, "<=", 3]}]}"#,
                r#"{"a": 1}"#,
                false,
            ),
            (r#"{"a": [{"numeric": ["=", 2.5]}]}"#, r#"{"a": 2.5}"#, true),
            (
                r#"{"a": [{"numeric": ["=", 2.5]}]}"#,
                r#"{"a": "2.5"}"#,
                false,
            ),
            (r#"{"a": [{"exists": true}]}"#, r#"{"a": 0}"#, true),
            (r#"{"a": [{"exists": false}]}"#, r#"{"a": 0}"#, false),
            (r#"{"a": [{"exists": false}]}"#, r"{}", true),
            (
                r#"{"a": [{"cidr": "10.0.0.0/24"}]}"#,
                r#"{"a": "10.0.0.9"}"#,
                true,
            ),
            (
                r#"{"a": [{"cidr": "10.0.0.0/24"}]}"#,
                r#"{"a": "10.0.1.9"}"#,
                false,
            ),
            (r#"{"a": {"b": ["x"]}}"#, r#"{"a": {"b": "x"}}"#, true),
            (
                r#"{"a": {"b": ["x"]}}"#,
                r#"{"a": [{"b": "y"}, {"b": "x"}]}"#,
                true,
            ),
            (r#"{"a": {"b": ["x"]}}"#, r#"{"a": "x"}"#, false),
            (r#"{"a": {"b": [{"exists": false}]}}"#, r"{}", true),
            (
                r#"{"$or": [{"a": ["x"]}, {"b": ["y"]}]}"#,
                r#"{"b": "y"}"#,
                true,
            ),
            (
                r#"{"$or": [{"a": ["x"]}, {"b": ["y"]}], "c": [1]}"#,
                r#"{"b": "y"}"#,
                false,
            ),
        ];
        for (policy, body, wanted) in cases {
            assert_eq!(wants(policy, body), wanted, "{policy} {body}");
        }
    }

    #[test]
    fn attributes_offer_their_values_by_their_types() {
        let attribute = |data_type: &str, value: &str| Attribute {
            data_type: data_type.to_owned(),
            value: value.to_owned(),
        };
        let cases = [
            (r#"{"a": ["100"]}"#, attribute("String", "100"), true),
            (r#"{"a": [100]}"#, attribute("String", "100"), false),
            (r#"{"a": [100]}"#, attribute("Number", "100.0"), true),
            (
                r#"{"a": [{"numeric": ["<", 5]}]}"#,
                attribute("Number", "4"),
                true,
            ),
            (
                r#"{"a": ["x"]}"#,
                attribute("String.Array", r#"["y","x"]"#),
                true,
            ),
            (
                r#"{"a": [true]}"#,
                attribute("String.Array", "[true]"),
                true,
            ),
            (r#"{"a": ["x"]}"#, attribute("String.Array", "x"), false),
            (
                r#"{"a": [{"exists": true}]}"#,
                attribute("Binary", "AA=="),
                true,
            ),
            (r#"{"a": ["AA=="]}"#, attribute("Binary", "AA=="), false),
        ];
        for (policy, attribute, wanted) in cases {
            let filter = Filter::parse(policy, Scope::Attributes).expect("it is a policy");
            let all = BTreeMap::from([("a".to_owned(), attribute)]);
            assert_eq!(filter.fits_attributes(&all), wanted, "{policy} {all:?}");
        }
    }

    #[test]
    fn wrong_policies_are_answered_as_aws_does() {
        let many: Vec<String> = (0..151).map(|at| format!("\"v{at}\"")).collect();
        let many = format!(r#"{{"a": [{}]}}"#, many.join(","));
        let cases = [
            (
                r#"{"key":[["value"]]}"#,
                "Match value must be String, number, true, false, or null",
            ),
            (
                r#"{"key":[{"wrong":true}]}"#,
                "Unrecognized match type wrong",
            ),
            (
                r#"{"key":[{"suffix":"a","prefix":"b"}]}"#,
                "Only one key allowed in match expression",
            ),
            (r#"{"key":[]}"#, "Empty arrays are not allowed"),
            (
                r#"{"key":[{"suffix":100}]}"#,
                "suffix match pattern must be a string",
            ),
            (
                r#"{"key":{"suffix":"value"}}"#,
                "\"suffix\" must be an object or an array",
            ),
            (
                r#"{"key":[{"cidr":["x"]}]}"#,
                "prefix match pattern must be a string",
            ),
            (
                r#"{"key":[{"cidr":"x"}]}"#,
                "Malformed CIDR, one '/' required",
            ),
            (r#"{"key":[{"cidr":"x/64"}]}"#, "Nonstandard IP address: x"),
            (
                r#"{"key":[{"cidr":"x/y"}]}"#,
                "Malformed CIDR, mask bits must be an integer",
            ),
            (
                r#"{"key":[{"numeric":[]}]}"#,
                "Invalid member in numeric match: ]",
            ),
            (
                r#"{"key":[{"numeric":["op"]}]}"#,
                "Unrecognized numeric range operator: op",
            ),
            (
                r#"{"key":[{"numeric":[1,"<="]}]}"#,
                "Invalid member in numeric match: 1",
            ),
            (
                r#"{"key":[{"numeric":["=","000"]}]}"#,
                "Value of equals must be numeric",
            ),
            (
                r#"{"key":[{"numeric":[">="]}]}"#,
                "Value of >= must be numeric",
            ),
            (
                r#"{"key":[{"numeric":["<",100,">",10]}]}"#,
                "Too many elements in numeric expression",
            ),
            (
                r#"{"key":[{"numeric":[">=",1,">",2]}]}"#,
                "Bad numeric range operator: >",
            ),
            (
                r#"{"key":[{"numeric":[">",3,"<",1]}]}"#,
                "Bottom must be less than top",
            ),
            (
                r#"{"key":[{"numeric":[">",20,30]}]}"#,
                "Bad value in numeric range: 30",
            ),
            (
                r#"{"key":[{"numeric":[">",20,"<",30,"<",50]}]}"#,
                "Too many terms in numeric range expression",
            ),
            (
                r#"{"key":[{"exists":"no"}]}"#,
                "exists match pattern must be either true or false.",
            ),
            (
                r#"{"key":[{"anything-but":{"suffix":"x"}}]}"#,
                "Unsupported anything-but pattern: suffix",
            ),
            (
                r#"{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}"#,
                "Filter policy can not have more than 5 keys",
            ),
            (&many, "Filter policy is too complex"),
            (
                r#"{"key":"value"}"#,
                "\"key\" must be an object or an array",
            ),
        ];
        for (policy, why) in cases {
            let refused = Filter::parse(policy, Scope::Attributes);
            assert_eq!(refused, Err(Invalid::Other(why.to_owned())), "{policy}");
        }
        let nested = Filter::parse(r#"{"a":{"b":["c"]}}"#, Scope::Attributes);
        assert_eq!(nested, Err(Invalid::Nested));
    }
}
