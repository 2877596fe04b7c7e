//! The constraints of the API models, checked the way AWS checks them and in its words.

mod pattern;
mod words;

pub use pattern::unchecked as unchecked_pattern;

use crate::error::Error;
use crate::scalar;
use crate::schema::{Kind, OperationSchema, Schema, ServiceSchema, TimestampFormat};
use crate::value::{Members, Value};

/// A constraint that a value does not meet.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    Required,
    Enum(&'static [&'static str]),
    MinLength(f64),
    MaxLength(f64),
    Min(f64),
    Max(f64),
    Pattern(&'static str),
    /// Of the elements of a list or a map; all that the element's schema states.
    Elements(Vec<Constraint>),
}

/// One value and the constraint that it does not meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The members that lead to the value, as the model names them, and places in lists.
    pub path: Vec<Step>,
    /// The value as text; `None` where it is missing.
    pub value: Option<String>,
    pub constraint: Constraint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Member(&'static str),
    /// An element's place, from one.
    Element(usize),
    Key(String),
}

/// All that is wrong with an input.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationFailure {
    pub failures: Vec<Failure>,
}

/// Checks a value against its schema.
pub fn validate(schema: &Schema, value: &Value) -> Result<(), ValidationFailure> {
    let mut check = Check {
        path: Vec::new(),
        failures: Vec::new(),
    };
    check.value(schema, value);
    if check.failures.is_empty() {
        Ok(())
    } else {
        Err(ValidationFailure {
            failures: check.failures,
        })
    }
}

/// Checks an operation's input, with the error that the service gives.
pub fn validate_input(
    service: &ServiceSchema,
    operation: &OperationSchema,
    input: &Value,
) -> Result<(), Error> {
    validate(operation.input, input).map_err(|failure| failure.error(service))
}

struct Check {
    path: Vec<Step>,
    failures: Vec<Failure>,
}

impl Check {
    fn fail(&mut self, value: Option<String>, constraint: Constraint) {
        self.failures.push(Failure {
            path: self.path.clone(),
            value,
            constraint,
        });
    }

    fn value(&mut self, schema: &Schema, value: &Value) {
        for constraint in broken(schema, value) {
            self.fail(Some(shown(schema, value)), constraint);
        }
        match value {
            Value::Struct(members) => self.members(schema, members),
            Value::List(list) => {
                let element = schema.element().schema;
                if scalar::is_scalar(element) {
                    self.scalars(schema, element, value, list.iter());
                    return;
                }
                for (at, value) in (1..).zip(list) {
                    self.path.push(Step::Element(at));
                    self.value(element, value);
                    self.path.pop();
                }
            }
            Value::Map(map) => {
                let (key_member, element) = schema.entry();
                let keys: Vec<Value> = map
                    .iter()
                    .map(|(key, _)| Value::String(key.clone()))
                    .collect();
                self.scalars(schema, key_member.schema, value, keys.iter());
                if scalar::is_scalar(element.schema) {
                    self.scalars(
                        schema,
                        element.schema,
                        value,
                        map.iter().map(|(_, value)| value),
                    );
                    return;
                }
                for (key, value) in map {
                    self.path.push(Step::Key(key.clone()));
                    self.value(element.schema, value);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    fn members(&mut self, schema: &Schema, members: &Members) {
        for (index, member) in (0u16..).zip(schema.members) {
            self.path.push(Step::Member(member.name));
            match members.get(index) {
                Some(value) if *value != Value::Null => self.value(member.schema, value),
                _ if member.required => self.fail(None, Constraint::Required),
                _ => {}
            }
            self.path.pop();
        }
    }

    /// A list's plain elements are reported as one, by the list's name.
    fn scalars<'a>(
        &mut self,
        owner: &Schema,
        element: &Schema,
        whole: &Value,
        mut all: impl Iterator<Item = &'a Value>,
    ) {
        if all.any(|value| !broken(element, value).is_empty()) {
            self.fail(
                Some(shown(owner, whole)),
                Constraint::Elements(stated(element)),
            );
        }
    }
}

/// The constraints that a schema states.
fn stated(schema: &Schema) -> Vec<Constraint> {
    let sized = !matches!(
        schema.kind,
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double
    );
    let max = schema.max.map(|max| {
        if sized {
            Constraint::MaxLength(max)
        } else {
            Constraint::Max(max)
        }
    });
    let min = schema.min.map(|min| {
        if sized {
            Constraint::MinLength(min)
        } else {
            Constraint::Min(min)
        }
    });
    let pattern = schema.pattern.map(Constraint::Pattern);
    let values = (!schema.values.is_empty()).then_some(Constraint::Enum(schema.values));
    [values, max, min, pattern].into_iter().flatten().collect()
}

/// The constraints that a value does not meet, its parts aside.
fn broken(schema: &Schema, value: &Value) -> Vec<Constraint> {
    let mut broken = stated(schema);
    broken.retain(|constraint| !meets(constraint, value));
    broken
}

fn meets(constraint: &Constraint, value: &Value) -> bool {
    match constraint {
        Constraint::Required | Constraint::Elements(_) => true,
        Constraint::Enum(values) => value.as_str().is_none_or(|text| values.contains(&text)),
        Constraint::MinLength(min) => size(value).is_none_or(|size| size >= *min),
        Constraint::MaxLength(max) => size(value).is_none_or(|size| size <= *max),
        Constraint::Min(min) => number(value).is_none_or(|number| number >= *min),
        Constraint::Max(max) => number(value).is_none_or(|number| number <= *max),
        Constraint::Pattern(pattern) => value
            .as_str()
            .is_none_or(|text| pattern::matches(pattern, text)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no request is as long as that")]
fn size(value: &Value) -> Option<f64> {
    let size = match value {
        // AWS counts as Java does.
        Value::String(text) => text.encode_utf16().count(),
        Value::Blob(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return None,
    };
    Some(size as f64)
}

#[expect(clippy::cast_precision_loss, reason = "limits are small numbers")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// A value as AWS's messages quote it.
fn shown(schema: &Schema, value: &Value) -> String {
    if schema.sensitive {
        return "*** Sensitive Data Redacted ***".to_owned();
    }
    match value {
        Value::List(list) => {
            let element = schema.element().schema;
            let list: Vec<String> = list.iter().map(|value| shown(element, value)).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Map(map) => {
            let element = schema.entry().1.schema;
            let map: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}={}", shown(element, value)))
                .collect();
            format!("{{{}}}", map.join(", "))
        }
        Value::Struct(members) => {
            let members = schema.present(members);
            let members: Vec<String> = members
                .map(|(member, value)| format!("{}={}", member.name, shown(member.schema, value)))
                .collect();
            format!("{}({})", schema.name, members.join(", "))
        }
        Value::Blob(bytes) => format!(
            "java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]",
            bytes.len()
        ),
        value => scalar::write(value, TimestampFormat::Iso8601).unwrap_or_default(),
    }
}
