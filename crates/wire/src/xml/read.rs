//! XML text to a tree of elements, and elements to values.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::error::Error;
use crate::scalar;
use crate::schema::{Kind, Member, Schema, TimestampFormat};
use crate::value::{Members, Value};

/// Deeper than any model; a guard for the stack.
const MOST_LEVELS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Without its prefix.
    pub(crate) name: String,
    /// With their prefixes.
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

fn malformed(problem: impl std::fmt::Display) -> Error {
    Error::new(
        "MalformedXML",
        400,
        format!("The XML you provided was not well-formed: {problem}"),
    )
}

/// The root element of a document.
pub(crate) fn document(text: &[u8]) -> Result<Element, Error> {
    let text = std::str::from_utf8(text).map_err(|_| malformed("it is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let done = match reader.read_event().map_err(malformed)? {
            Event::Start(start) => {
                if open.len() >= MOST_LEVELS {
                    return Err(malformed("it is nested too deeply"));
                }
                open.push(element(&start)?);
                None
            }
            Event::Empty(start) => Some(element(&start)?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                if let Some(current) = open.last_mut() {
                    current
                        .text
                        .push_str(&text.xml10_content().map_err(malformed)?);
                }
                None
            }
            Event::CData(text) => {
                if let Some(current) = open.last_mut() {
                    current.text.push_str(&text.decode().map_err(malformed)?);
                }
                None
            }
            Event::GeneralRef(reference) => {
                let letter = reference.resolve_char_ref().map_err(malformed)?;
                let name = reference.decode().map_err(malformed)?;
                let named =
                    || quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned);
                let text = letter.map(String::from).or_else(named);
                let text = text.ok_or_else(|| malformed(format_args!("unknown entity {name}")))?;
                if let Some(current) = open.last_mut() {
                    current.text.push_str(&text);
                }
                None
            }
            Event::DocType(_) => return Err(malformed("a document type is not allowed")),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => None,
        };
        if let Some(done) = done {
            match open.last_mut() {
                Some(parent) => parent.children.push(done),
                None if root.is_none() => root = Some(done),
                None => return Err(malformed("it has more than one root")),
            }
        }
    }
    if !open.is_empty() {
        return Err(malformed("an element is not closed"));
    }
    root.ok_or_else(|| malformed("it is empty"))
}

fn element(start: &BytesStart<'_>) -> Result<Element, Error> {
    let name = std::str::from_utf8(start.local_name().into_inner())
        .map_err(malformed)?
        .to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let name = std::str::from_utf8(attribute.key.into_inner())
            .map_err(malformed)?
            .to_owned();
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(malformed)?;
        attributes.push((name, value.into_owned()));
    }
    Ok(Element {
        name,
        attributes,
        ..Element::default()
    })
}

impl Element {
    fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Self> {
        // Models name some attributes with a prefix, elements never.
        let name = name.rsplit(':').next().unwrap_or(name).to_owned();
        self.children.iter().filter(move |child| child.name == name)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The element as a value.
    pub(crate) fn value(&self, member: &Member) -> Result<Value, Error> {
        let schema = member.schema;
        match schema.kind {
            Kind::Struct => Ok(Value::Struct(self.members(schema)?)),
            Kind::List => {
                let element = schema.element();
                let entries = self.named(element.location_name.unwrap_or("member"));
                Ok(Value::List(
                    entries
                        .map(|entry| entry.value(element))
                        .collect::<Result<_, _>>()?,
                ))
            }
            Kind::Map => self
                .named("entry")
                .map(|entry| entry.entry(schema))
                .collect::<Result<_, _>>()
                .map(Value::Map),
            Kind::String => Ok(Value::String(self.text.clone())),
            _ => {
                let format = member
                    .timestamp_format
                    .or(schema.timestamp_format)
                    .unwrap_or(TimestampFormat::Iso8601);
                scalar::read(schema, &self.text, format).ok_or_else(|| {
                    malformed(format_args!("{} is not a valid {}", self.name, schema.name))
                })
            }
        }
    }

    /// The element's attributes and children as a structure's members.
    pub(crate) fn members(&self, schema: &Schema) -> Result<Members, Error> {
        let mut members = Members::new();
        for (index, member) in (0u16..).zip(schema.members) {
            if let Some(value) = self.member(member)? {
                members.set(index, value);
            }
        }
        Ok(members)
    }

    fn member(&self, member: &Member) -> Result<Option<Value>, Error> {
        let name = member.wire_name();
        if member.xml_attribute {
            let text = self.attribute(name);
            return Ok(
                text.and_then(|text| scalar::read(member.schema, text, TimestampFormat::Iso8601))
            );
        }
        if member.flattened {
            let list = member.schema.kind == Kind::List;
            let element = member.schema.element();
            let mut found = self.named(name).peekable();
            if found.peek().is_none() {
                return Ok(None);
            }
            return if list {
                found
                    .map(|entry| entry.value(element))
                    .collect::<Result<_, _>>()
                    .map(Value::List)
                    .map(Some)
            } else {
                found
                    .map(|entry| entry.entry(member.schema))
                    .collect::<Result<_, _>>()
                    .map(Value::Map)
                    .map(Some)
            };
        }
        self.named(name)
            .next()
            .map(|child| child.value(member))
            .transpose()
    }

    fn entry(&self, map: &Schema) -> Result<(String, Value), Error> {
        let (key, value) = map.entry();
        let key_element = self.named(key.location_name.unwrap_or("key")).next();
        let key = key_element
            .ok_or_else(|| malformed("a map entry has no key"))?
            .text
            .clone();
        let value_element = self.named(value.location_name.unwrap_or("value")).next();
        let value = value_element
            .ok_or_else(|| malformed("a map entry has no value"))?
            .value(value)?;
        Ok((key, value))
    }
}
