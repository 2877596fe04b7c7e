//! Values as XML elements.

use crate::scalar;
use crate::schema::{Member, Namespace, Schema, TimestampFormat};
use crate::value::{Members, Value};

/// Builds a document. Names come from the models; text is escaped.
#[derive(Default)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    pub(crate) fn document() -> Self {
        Self {
            out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        }
    }

    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escape(value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        self.escape(text);
        self.close(name);
    }

    pub(crate) fn escape(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\r' => self.out.push_str("&#xD;"),
                '\u{85}' => self.out.push_str("&#x85;"),
                '\u{2028}' => self.out.push_str("&#x2028;"),
                // XML has no way to say these at all.
                '\0'..='\u{8}'
                | '\u{b}'
                | '\u{c}'
                | '\u{e}'..='\u{1f}'
                | '\u{fffe}'
                | '\u{ffff}' => self.out.push('\u{fffd}'),
                letter => self.out.push(letter),
            }
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// A structure's members as elements, without one around them.
pub(crate) fn write_members(out: &mut Writer, schema: &Schema, members: &Members) {
    for (member, value) in schema.present(members) {
        if !member.xml_attribute && *value != Value::Null {
            write_member(out, member, value);
        }
    }
}

/// A structure that is the whole body.
pub(crate) fn write_payload(
    out: &mut Writer,
    name: &str,
    member: &Member,
    value: &Value,
    namespace: Option<&'static str>,
) {
    let stated = member.xml_namespace.or(member.schema.xml_namespace);
    let default = Namespace {
        uri: namespace.unwrap_or_default(),
        prefix: None,
    };
    let namespace = stated.or(namespace.is_some().then_some(&default));
    write_element(out, name, member, namespace, value);
}

fn write_member(out: &mut Writer, member: &Member, value: &Value) {
    let name = member.wire_name();
    match value {
        Value::List(list) if member.flattened => {
            let element = member.schema.element();
            for value in list {
                write_element(
                    out,
                    name,
                    element,
                    element.xml_namespace.or(member.xml_namespace),
                    value,
                );
            }
        }
        Value::Map(map) if member.flattened => {
            for (key, value) in map {
                write_entry(out, name, member.xml_namespace, member.schema, key, value);
            }
        }
        _ => write_element(out, name, member, member.xml_namespace, value),
    }
}

fn write_entry(
    out: &mut Writer,
    name: &str,
    namespace: Option<&Namespace>,
    map: &Schema,
    key: &str,
    value: &Value,
) {
    let (key_member, value_member) = map.entry();
    let key_value = Value::String(key.to_owned());
    open(out, name, namespace, Vec::new());
    write_element(
        out,
        key_member.location_name.unwrap_or("key"),
        key_member,
        key_member.xml_namespace,
        &key_value,
    );
    write_element(
        out,
        value_member.location_name.unwrap_or("value"),
        value_member,
        value_member.xml_namespace,
        value,
    );
    out.close(name);
}

fn write_element(
    out: &mut Writer,
    name: &str,
    member: &Member,
    namespace: Option<&Namespace>,
    value: &Value,
) {
    let schema = member.schema;
    let mut attributes = Vec::new();
    if let Value::Struct(members) = value {
        for (member, value) in schema
            .present(members)
            .filter(|(member, _)| member.xml_attribute)
        {
            if let Some(text) = scalar::write(value, TimestampFormat::Iso8601) {
                attributes.push((member.wire_name().to_owned(), text));
            }
        }
    }
    open(out, name, namespace, attributes);
    match value {
        Value::Struct(members) => write_members(out, schema, members),
        Value::List(list) => {
            let element = schema.element();
            for value in list {
                write_element(
                    out,
                    element.location_name.unwrap_or("member"),
                    element,
                    element.xml_namespace,
                    value,
                );
            }
        }
        Value::Map(map) => {
            for (key, value) in map {
                write_entry(out, "entry", None, schema, key, value);
            }
        }
        _ => {
            let format = member
                .timestamp_format
                .or(schema.timestamp_format)
                .unwrap_or(TimestampFormat::Iso8601);
            if let Some(text) = scalar::write(value, format) {
                out.escape(&text);
            }
        }
    }
    out.close(name);
}

fn open(
    out: &mut Writer,
    name: &str,
    namespace: Option<&Namespace>,
    mut attributes: Vec<(String, String)>,
) {
    if let Some(namespace) = namespace {
        let prefix = namespace
            .prefix
            .map_or_else(String::new, |prefix| format!(":{prefix}"));
        attributes.insert(0, (format!("xmlns{prefix}"), namespace.uri.to_owned()));
    }
    let attributes: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    out.open(name, &attributes);
}
