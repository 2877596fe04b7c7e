//! Scalars as text, which query parameters, XML, headers and paths share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::json::{float_name, float_value};
use crate::schema::{Kind, Schema, TimestampFormat};
use crate::time;
use crate::value::Value;

/// A scalar from text; `None` if the text is none, or the schema is no scalar.
pub(crate) fn read(schema: &Schema, text: &str, format: TimestampFormat) -> Option<Value> {
    Some(match schema.kind {
        Kind::String => Value::String(text.to_owned()),
        Kind::Bool => match text.trim() {
            "true" | "True" | "TRUE" | "1" => Value::Bool(true),
            "false" | "False" | "FALSE" | "0" => Value::Bool(false),
            _ => return None,
        },
        Kind::Integer | Kind::Long => Value::Integer(text.trim().parse().ok()?),
        Kind::Float | Kind::Double => Value::Float(float_value(text.trim())?),
        Kind::Blob => Value::Blob(BASE64.decode(text.trim()).ok()?.into()),
        Kind::Timestamp => Value::Timestamp(time::parse(text, format)?),
        Kind::Document => Value::Document(serde_json::from_str(text).ok()?),
        Kind::List | Kind::Map | Kind::Struct => return None,
    })
}

/// A scalar as text; `None` for what is no scalar.
pub(crate) fn write(value: &Value, format: TimestampFormat) -> Option<String> {
    Some(match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => number.to_string(),
        Value::Float(number) => float_name(*number).to_owned(),
        Value::String(text) => text.clone(),
        Value::Blob(bytes) => BASE64.encode(bytes),
        Value::Timestamp(at) => time::format(*at, format),
        Value::Document(json) => json.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Struct(_) => return None,
    })
}

pub(crate) fn is_scalar(schema: &Schema) -> bool {
    !matches!(schema.kind, Kind::List | Kind::Map | Kind::Struct)
}
