//! Values as JSON, by awsJson's conventions: timestamps in seconds, blobs in base64,
//! absent members left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value as Json};

use crate::error::Error;
use crate::schema::{Kind, Member, Schema, TimestampFormat};
use crate::shape::{Shape, ShapeError};
use crate::time;
use crate::value::{Members, Value};

/// A shape as JSON, for keeping it.
pub fn to_json<T: Shape>(shape: &T) -> Json {
    write(T::SCHEMA, &shape.clone().into_value())
}

/// A shape from JSON that was kept.
pub fn from_json<T: Shape>(json: Json) -> Result<T, JsonError> {
    let value = read(T::SCHEMA, json).map_err(|error| JsonError(error.message))?;
    T::from_value(value).map_err(|error: ShapeError| JsonError(error.to_string()))
}

/// JSON that does not have the shape it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

impl std::fmt::Display for JsonError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for JsonError {}

/// How the protocols that carry JSON differ.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// The format of timestamps that state none.
    pub(crate) timestamps: TimestampFormat,
    /// Whether sensitive text is shown.
    pub(crate) secrets: bool,
}

pub(crate) const AWS_JSON: Style = Style {
    timestamps: TimestampFormat::EpochSeconds,
    secrets: true,
};

/// A value as JSON.
pub fn write(schema: &Schema, value: &Value) -> Json {
    write_styled(schema, value, None, AWS_JSON)
}

/// A value as JSON for people: secrets are not shown.
pub fn shown(schema: &Schema, value: &Value) -> Json {
    write_styled(
        schema,
        value,
        None,
        Style {
            secrets: false,
            ..AWS_JSON
        },
    )
}

fn write_styled(
    schema: &Schema,
    value: &Value,
    format: Option<TimestampFormat>,
    style: Style,
) -> Json {
    if schema.sensitive && !style.secrets {
        return Json::String("(sensitive)".to_owned());
    }
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Integer(number) => Json::Number((*number).into()),
        Value::Float(number) => float(*number),
        Value::String(text) => Json::String(text.clone()),
        Value::Blob(bytes) => Json::String(BASE64.encode(bytes)),
        Value::Timestamp(time) => match format
            .or(schema.timestamp_format)
            .unwrap_or(style.timestamps)
        {
            TimestampFormat::EpochSeconds => Json::Number(time::epoch(*time)),
            format => Json::String(time::format(*time, format)),
        },
        Value::Document(json) => json.clone(),
        Value::List(list) => {
            let element = schema.element();
            Json::Array(
                list.iter()
                    .map(|value| write_member(element, value, style))
                    .collect(),
            )
        }
        Value::Map(map) => {
            let (_, element) = schema.entry();
            Json::Object(
                map.iter()
                    .map(|(key, value)| (key.clone(), write_member(element, value, style)))
                    .collect(),
            )
        }
        Value::Struct(members) => {
            let members = schema
                .present(members)
                .filter(|(_, value)| **value != Value::Null);
            Json::Object(
                members
                    .map(|(member, value)| {
                        (
                            member.wire_name().to_owned(),
                            write_member(member, value, style),
                        )
                    })
                    .collect(),
            )
        }
    }
}

fn write_member(member: &Member, value: &Value, style: Style) -> Json {
    write_styled(member.schema, value, member.timestamp_format, style)
}

fn float(number: f64) -> Json {
    serde_json::Number::from_f64(number)
        .map_or_else(|| Json::String(float_name(number).to_owned()), Json::Number)
}

/// How the protocols write the floats that are no numbers.
pub(crate) fn float_name(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A float from text, with those names.
pub(crate) fn float_value(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// A value from JSON. Members that the schema does not know are passed over, as AWS does.
pub fn read(schema: &'static Schema, json: Json) -> Result<Value, Error> {
    read_as(schema, json, None)
}

fn read_as(
    schema: &'static Schema,
    json: Json,
    format: Option<TimestampFormat>,
) -> Result<Value, Error> {
    if schema.kind == Kind::Document {
        return Ok(Value::Document(json));
    }
    Ok(match (schema.kind, json) {
        (_, Json::Null) => Value::Null,
        (Kind::Bool, Json::Bool(flag)) => Value::Bool(flag),
        (Kind::Integer | Kind::Long, Json::Number(number)) => {
            Value::Integer(integer(schema, &number)?)
        }
        (Kind::Float | Kind::Double, Json::Number(number)) => Value::Float(
            number
                .as_f64()
                .ok_or_else(|| mismatch(schema, &Json::Number(number)))?,
        ),
        (Kind::Float | Kind::Double, Json::String(text)) => match text.as_str() {
            "NaN" | "Infinity" | "-Infinity" => {
                Value::Float(float_value(&text).unwrap_or(f64::NAN))
            }
            _ => return Err(mismatch(schema, &Json::String(text))),
        },
        (Kind::String, Json::String(text)) => Value::String(text),
        (Kind::Blob, Json::String(text)) => {
            let bytes = BASE64
                .decode(&text)
                .map_err(|_| serialization("Invalid base64 in a blob"))?;
            Value::Blob(bytes.into())
        }
        (Kind::Timestamp, json) => Value::Timestamp(timestamp(schema, &json, format)?),
        (Kind::List, Json::Array(list)) => {
            let element = schema.element();
            let list = list.into_iter().map(|json| read_member(element, json));
            Value::List(list.collect::<Result<_, _>>()?)
        }
        (Kind::Map, Json::Object(map)) => {
            let (_, element) = schema.entry();
            let map = map
                .into_iter()
                .map(|(key, json)| Ok((key, read_member(element, json)?)));
            Value::Map(map.collect::<Result<_, Error>>()?)
        }
        (Kind::Struct, Json::Object(map)) => Value::Struct(structure(schema, map)?),
        (_, json) => return Err(mismatch(schema, &json)),
    })
}

fn structure(schema: &'static Schema, mut map: Map<String, Json>) -> Result<Members, Error> {
    let mut members = Members::new();
    for (index, member) in (0u16..).zip(schema.members) {
        match map.remove(member.wire_name()) {
            None | Some(Json::Null) => {}
            Some(json) => members.set(index, read_member(member, json)?),
        }
    }
    Ok(members)
}

fn read_member(member: &'static Member, json: Json) -> Result<Value, Error> {
    read_as(member.schema, json, member.timestamp_format)
}

fn integer(schema: &Schema, number: &serde_json::Number) -> Result<i64, Error> {
    if let Some(number) = number.as_i64() {
        return Ok(number);
    }
    // `1.0` and `1e3` are whole numbers too.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only whole numbers within range pass"
    )]
    number
        .as_f64()
        .filter(|number| number.fract() == 0.0 && number.abs() < 9e15)
        .map(|number| number as i64)
        .ok_or_else(|| mismatch(schema, &Json::Number(number.clone())))
}

fn timestamp(
    schema: &Schema,
    json: &Json,
    format: Option<TimestampFormat>,
) -> Result<jiff::Timestamp, Error> {
    let format = format
        .or(schema.timestamp_format)
        .unwrap_or(TimestampFormat::EpochSeconds);
    let time = match json {
        Json::Number(number) => number.as_f64().and_then(time::from_seconds),
        Json::String(text) => time::parse(text, format),
        _ => None,
    };
    time.ok_or_else(|| mismatch(schema, json))
}

pub(crate) fn serialization(message: impl Into<String>) -> Error {
    Error::new("SerializationException", 400, message)
}

/// AWS's words for a JSON value of the wrong type.
fn mismatch(schema: &Schema, json: &Json) -> Error {
    let found = match json {
        Json::Null => "NULL_VALUE",
        Json::Bool(true) => "TRUE_VALUE",
        Json::Bool(false) => "FALSE_VALUE",
        Json::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Json::Number(_) => "NUMBER_VALUE",
        Json::String(_) => "STRING_VALUE",
        Json::Array(_) => "START_ARRAY",
        Json::Object(_) => "START_OBJECT",
    };
    let wanted = match schema.kind {
        Kind::Bool => "Boolean",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Float => "Float",
        Kind::Double => "Double",
        Kind::String => "String",
        Kind::Blob => "ByteBuffer",
        Kind::Timestamp => "Date",
        Kind::Document => "Document",
        Kind::List => {
            return serialization(format!("Expected a list of {}, found {found}", schema.name));
        }
        Kind::Map => {
            return serialization(format!("Expected a map of {}, found {found}", schema.name));
        }
        Kind::Struct => {
            return serialization(format!(
                "Expected a structure {}, found {found}",
                schema.name
            ));
        }
    };
    serialization(format!("{found} can not be converted to a {wanted}"))
}
