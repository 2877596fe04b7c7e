//! Whether two values, headers or bodies say the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use minicbor::Decoder;
use minicbor::data::Type;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value as Json;
use wire::{ProtocolKind, Value};

pub(crate) fn values(found: &Value, expected: &Value) -> Result<(), String> {
    if same(found, expected) {
        Ok(())
    } else {
        Err(format!("found {found:?} instead of {expected:?}"))
    }
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Float(found), Value::Float(expected)) => {
            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
        }
        (Value::List(found), Value::List(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, expected)| same(found, expected))
        }
        (Value::Map(found), Value::Map(expected)) => {
            let found: BTreeMap<_, _> = found.iter().map(|(key, value)| (key, value)).collect();
            let expected: BTreeMap<_, _> =
                expected.iter().map(|(key, value)| (key, value)).collect();
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(&expected)
                    .all(|((one, found), (other, expected))| one == other && same(found, expected))
        }
        (Value::Struct(found), Value::Struct(expected)) => {
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected.iter())
                    .all(|((one, found), (other, expected))| one == other && same(found, expected))
        }
        _ => found == expected,
    }
}

/// Every expected header must be there.
pub(crate) fn headers(found: &HeaderMap, expected: &HeaderMap) -> Result<(), String> {
    for (name, value) in expected {
        let expected = plain(&String::from_utf8_lossy(value.as_bytes()));
        let found: Vec<String> = found
            .get_all(name)
            .iter()
            .map(|value| plain(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let length = name == "content-length";
        if !length && found.join(",") != expected {
            return Err(format!(
                "header {name} is {found:?} instead of {expected:?}"
            ));
        }
    }
    Ok(())
}

/// Spaces after the commas of a list make no difference, nor does a character set.
fn plain(value: &str) -> String {
    let value = value.split(";charset").next().unwrap_or_default();
    value
        .split(',')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(",")
}

pub(crate) fn bodies(
    kind: ProtocolKind,
    content: &str,
    found: &Bytes,
    expected: &Bytes,
) -> Result<(), String> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let (found, expected) = if kind == ProtocolKind::RpcV2Cbor {
        (cbor(found)?, cbor(expected)?)
    } else if content.contains("xml") {
        (xml(&text(found))?, xml(&text(expected))?)
    } else if content.contains("json") {
        (json(&text(found))?, json(&text(expected))?)
    } else {
        (text(found), text(expected))
    };
    if found == expected {
        Ok(())
    } else {
        Err(format!("wrote {found} instead of {expected}"))
    }
}

fn json(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let mut json: Json =
        serde_json::from_str(text).map_err(|error| format!("{error} in {text}"))?;
    plain_type(&mut json);
    Ok(json.to_string())
}

/// A namespace before an error's type makes no difference.
fn plain_type(json: &mut Json) {
    if let Some(Json::String(name)) = json.get_mut("__type") {
        *name = name.rsplit('#').next().unwrap_or_default().to_owned();
    }
}

/// An XML document in one spelling: children are sorted by name, and elements that hold others
/// by what they hold, since maps have no order. That of texts in a list still counts.
fn xml(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let mut reader = Reader::from_str(text);
    let mut open = vec![Node::default()];
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("{error} in {text}"))?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                let mut attributes: Vec<String> = start
                    .attributes()
                    .map(|attribute| {
                        let attribute = attribute.map_err(|error| error.to_string())?;
                        let name = String::from_utf8_lossy(attribute.key.into_inner()).into_owned();
                        Ok(format!(
                            "{name}={:?}",
                            String::from_utf8_lossy(&attribute.value)
                        ))
                    })
                    .collect::<Result<_, String>>()?;
                attributes.sort();
                let name = String::from_utf8_lossy(start.name().into_inner()).into_owned();
                let node = Node {
                    name,
                    attributes,
                    ..Node::default()
                };
                if matches!(event, Event::Empty(_)) {
                    top(&mut open)?.children.push(node);
                } else {
                    open.push(node);
                }
            }
            Event::End(_) => {
                let node = open.pop().ok_or("unbalanced")?;
                top(&mut open)?.children.push(node);
            }
            Event::Text(part) => top(&mut open)?
                .text
                .push_str(&String::from_utf8_lossy(&part)),
            Event::CData(part) => top(&mut open)?
                .text
                .push_str(&String::from_utf8_lossy(&part)),
            Event::GeneralRef(name) => {
                let letter = name
                    .resolve_char_ref()
                    .map_err(|error| error.to_string())?
                    .map(String::from);
                let name = String::from_utf8_lossy(&name).into_owned();
                let known = quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                top(&mut open)?
                    .text
                    .push_str(&letter.or(known).ok_or("an unknown entity")?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(top(&mut open)?.spelled())
}

#[derive(Default)]
struct Node {
    name: String,
    attributes: Vec<String>,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn spelled(&self) -> String {
        let children: Vec<(&str, String)> = self
            .children
            .iter()
            .map(|child| (child.name.as_str(), child.spelled()))
            .collect();
        let leaf = |at: usize| self.children[at].children.is_empty();
        let mut order: Vec<usize> = (0..children.len()).collect();
        order.sort_by(|one, other| {
            let text = |at: usize| {
                if leaf(at) {
                    ""
                } else {
                    children[at].1.as_str()
                }
            };
            (children[*one].0, text(*one)).cmp(&(children[*other].0, text(*other)))
        });
        let children: String = order
            .into_iter()
            .map(|at| children[at].1.as_str())
            .collect();
        let text = if self.children.is_empty() && !self.text.trim().is_empty() {
            self.text.as_str()
        } else {
            self.text.trim()
        };
        format!("<{} {:?}>{text}{children}</>", self.name, self.attributes)
    }
}

fn top(open: &mut [Node]) -> Result<&mut Node, String> {
    open.last_mut().ok_or_else(|| "unbalanced".to_owned())
}

fn cbor(bytes: &Bytes) -> Result<String, String> {
    if bytes.is_empty() {
        return Ok(String::new());
    }
    let mut from = Decoder::new(bytes);
    item(&mut from).map_err(|error| error.to_string())
}

/// A CBOR item in one spelling: lengths stated, maps sorted, nulls in maps left out.
fn item(from: &mut Decoder<'_>) -> Result<String, minicbor::decode::Error> {
    Ok(match from.datatype()? {
        Type::Map | Type::MapIndef => {
            let size = from.map()?;
            let mut map = BTreeMap::new();
            let mut seen = 0;
            while more(from, size, seen)? {
                seen += 1;
                let (key, value) = (item(from)?, item(from)?);
                // A namespace before an error's type makes no difference.
                let value = match value.rsplit_once('#') {
                    Some((_, name)) if key == "\"__type\"" => format!("\"{name}"),
                    _ => value,
                };
                if value != "null" {
                    map.insert(key, value);
                }
            }
            format!("{map:?}")
        }
        Type::Array | Type::ArrayIndef => {
            let size = from.array()?;
            let mut list = Vec::new();
            while more(from, size, list.len())? {
                list.push(item(from)?);
            }
            format!("{list:?}")
        }
        Type::String => format!("{:?}", from.str()?),
        Type::StringIndef => format!("{:?}", from.str_iter()?.collect::<Result<String, _>>()?),
        Type::Bytes => format!("bytes {:?}", from.bytes()?),
        Type::BytesIndef => format!(
            "bytes {:?}",
            from.bytes_iter()?.collect::<Result<Vec<_>, _>>()?.concat()
        ),
        Type::Bool => from.bool()?.to_string(),
        Type::F16 | Type::F32 | Type::F64 => number(from.f64()?),
        Type::Tag => format!("tag {} {}", from.tag()?.as_u64(), item(from)?),
        Type::Null | Type::Undefined => {
            from.skip()?;
            "null".to_owned()
        }
        #[expect(clippy::cast_precision_loss, reason = "the vectors hold small numbers")]
        _ => number(from.i64()? as f64),
    })
}

fn number(number: f64) -> String {
    format!("{number:?}")
}

fn more(
    from: &mut Decoder<'_>,
    size: Option<u64>,
    seen: usize,
) -> Result<bool, minicbor::decode::Error> {
    match size {
        Some(size) => Ok((seen as u64) < size),
        None if from.datatype()? == Type::Break => from.skip().map(|()| false),
        None => Ok(true),
    }
}
