//! Members in headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;

use super::{malformed, text_value};
use crate::error::Error;
use crate::scalar;
use crate::schema::{Kind, Location, Member, TimestampFormat};
use crate::value::Value;

pub(super) fn read(member: &Member, headers: &HeaderMap) -> Result<Option<Value>, Error> {
    let name = member.wire_name();
    if member.location == Location::Headers {
        return Ok(prefixed(member, name, headers));
    }
    let found: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    if found.is_empty() {
        return Ok(None);
    }
    if member.schema.kind == Kind::List {
        let element = member.schema.element();
        let mut list = Vec::new();
        for text in found.into_iter().filter(|text| !text.is_empty()) {
            for item in items(text, element) {
                list.push(text_value(element, &item, TimestampFormat::HttpDate)?);
            }
        }
        return Ok(Some(Value::List(list)));
    }
    let text = found.join(",");
    if member.json_value {
        let bytes = BASE64
            .decode(text.trim())
            .map_err(|_| malformed(member, &text))?;
        return String::from_utf8(bytes)
            .map(Value::String)
            .map(Some)
            .map_err(|_| malformed(member, &text));
    }
    text_value(member, &text, TimestampFormat::HttpDate).map(Some)
}

fn prefixed(member: &Member, prefix: &str, headers: &HeaderMap) -> Option<Value> {
    let mut map = Vec::new();
    let (_, element) = member.schema.entry();
    for (name, value) in headers {
        let rest = name.as_str().get(prefix.len()..);
        let matches = name
            .as_str()
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if let (true, Some(rest), Ok(text)) = (matches, rest, value.to_str())
            && let Some(value) = scalar::read(element.schema, text, TimestampFormat::HttpDate)
        {
            map.push((rest.to_owned(), value));
        }
    }
    map.sort_by(|(one, _): &(String, Value), (other, _)| one.cmp(other));
    (!map.is_empty()).then_some(Value::Map(map))
}

/// The items of a header that holds a list: between commas, save for quoted strings and for
/// HTTP dates, which hold a comma themselves.
fn items(text: &str, element: &Member) -> Vec<String> {
    let format = element
        .timestamp_format
        .or(element.schema.timestamp_format)
        .unwrap_or(TimestampFormat::HttpDate);
    let dates = element.schema.kind == Kind::Timestamp && format == TimestampFormat::HttpDate;
    let mut items = Vec::new();
    let mut item = String::new();
    let (mut quoted, mut escaped, mut commas) = (false, false, 0);
    for letter in text.chars() {
        match letter {
            _ if escaped => {
                item.push(letter);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' if element.schema.kind == Kind::String => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                if dates && commas % 2 == 1 {
                    item.push(letter);
                } else {
                    items.push(std::mem::take(&mut item).trim().to_owned());
                }
            }
            letter => item.push(letter),
        }
    }
    items.push(item.trim().to_owned());
    items
}

pub(super) fn write(member: &Member, value: &Value, headers: &mut Vec<(String, String)>) {
    let name = member.wire_name();
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                if let Some(text) = scalar::write(value, TimestampFormat::HttpDate) {
                    headers.push((format!("{name}{key}"), text));
                }
            }
        }
        Value::List(list) => {
            let element = member.schema.element();
            let items: Vec<String> = list
                .iter()
                .filter_map(|value| item(element, value))
                .collect();
            if !items.is_empty() {
                headers.push((name.to_owned(), items.join(", ")));
            }
        }
        Value::String(text) if member.json_value => {
            headers.push((name.to_owned(), BASE64.encode(text)));
        }
        value => {
            if let Some(text) = text(member, value).filter(|text| !text.is_empty()) {
                headers.push((name.to_owned(), text));
            }
        }
    }
}

fn text(member: &Member, value: &Value) -> Option<String> {
    let format = member
        .timestamp_format
        .or(member.schema.timestamp_format)
        .unwrap_or(TimestampFormat::HttpDate);
    scalar::write(value, format)
}

/// An item of a list; a string that would not survive the commas is quoted.
fn item(element: &Member, value: &Value) -> Option<String> {
    let text = text(element, value)?;
    let awkward = matches!(value, Value::String(_)) && text.contains([',', '"']);
    Some(if awkward {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text
    })
}
