//! The schema tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use super::types;
use crate::model::{Model, Namespace, Reference, Shape};
use crate::names;

type Statics<'a> = BTreeMap<&'a str, String>;

pub(super) fn write(out: &mut String, model: &Model) -> Result<()> {
    let inputs = types::input_shapes(model);
    let mut tables = String::new();
    let statics = names::statics(model.shapes.keys());
    for (name, shape) in &model.shapes {
        let constant = &statics[name.as_str()];
        let mut extra = extras(name, shape);
        if inputs.contains(name.as_str()) && shape.kind == "structure" {
            extra.push("input: true".to_owned());
        }
        let members = members(model, &statics, name, shape)?;
        let base = format!(
            "Schema::new({name:?}, Kind::{}, &[{members}])",
            kind(shape).with_context(|| name.clone())?
        );
        if extra.is_empty() {
            writeln!(tables, "    pub(super) static {constant}: Schema = {base};")?;
        } else {
            writeln!(
                tables,
                "    pub(super) static {constant}: Schema = Schema {{ {}, ..{base} }};",
                extra.join(", ")
            )?;
        }
    }
    let also = if tables.contains("rt::") {
        "self, "
    } else {
        ""
    };
    writeln!(
        out,
        "mod s {{\n    use crate::rt::{{{also}Kind, Member, Schema}};\n\n{tables}}}"
    )?;
    Ok(())
}

fn kind(shape: &Shape) -> Result<&'static str> {
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "Document",
        "structure" => "Struct",
        "string" | "character" => "String",
        "boolean" => "Bool",
        "integer" => "Integer",
        "long" => "Long",
        "float" => "Float",
        "double" => "Double",
        "timestamp" => "Timestamp",
        "blob" => "Blob",
        "list" => "List",
        "map" => "Map",
        kind => bail!("unknown type {kind}"),
    })
}

fn extras(name: &str, shape: &Shape) -> Vec<String> {
    let mut extra = Vec::new();
    if !shape.values.is_empty() {
        extra.push(format!("values: &{:?}", shape.values));
    }
    if let Some(pattern) = &shape.pattern {
        extra.push(format!("pattern: Some({pattern:?})"));
    }
    if let Some(min) = shape.min {
        extra.push(format!("min: Some({min:?})"));
    }
    if let Some(max) = shape.max {
        extra.push(format!("max: Some({max:?})"));
    }
    if let Some(format) = shape.timestamp_format.as_deref().and_then(timestamp_format) {
        extra.push(format!(
            "timestamp_format: Some(rt::TimestampFormat::{format})"
        ));
    }
    if let Some(name) = &shape.location_name {
        extra.push(format!("xml_name: Some({name:?})"));
    }
    if let Some(namespace) = &shape.xml_namespace {
        extra.push(format!("xml_namespace: {}", self::namespace(namespace)));
    }
    if let Some(payload) = &shape.payload {
        extra.push(format!("payload: Some({payload:?})"));
    }
    if shape.sensitive {
        extra.push("sensitive: true".to_owned());
    }
    if shape.union {
        extra.push("union: true".to_owned());
    }
    if shape.exception {
        let error = shape.error.as_ref();
        let code = error
            .and_then(|error| error.code.as_deref())
            .unwrap_or(name);
        let usual = if shape.fault { 500 } else { 400 };
        let status = error
            .and_then(|error| error.http_status_code)
            .unwrap_or(usual);
        let sender =
            !shape.fault && (status < 500 || error.is_some_and(|error| error.sender_fault));
        extra.push(format!(
            "error: Some(&rt::ErrorSchema {{ code: {code:?}, status: {status}, sender: {sender} }})"
        ));
    }
    extra
}

fn members(model: &Model, statics: &Statics<'_>, owner: &str, shape: &Shape) -> Result<String> {
    let mut all = Vec::new();
    for (name, reference) in &shape.members {
        let mut text = member(statics, name, reference)?;
        if shape.required.contains(name) {
            text.push_str(".required()");
        }
        let recursive =
            types::is_struct(shape) && types::is_recursive(model, owner, &reference.shape);
        all.push(with_extras(&text, model, reference, recursive));
    }
    let parts = [
        ("member", &shape.member),
        ("key", &shape.key),
        ("value", &shape.value),
    ];
    for (name, reference) in parts {
        if let Some(reference) = reference {
            let text = member(statics, name, reference)?;
            all.push(with_extras(&text, model, reference, false));
        }
    }
    Ok(all.join(", "))
}

fn member(statics: &Statics<'_>, name: &str, reference: &Reference) -> Result<String> {
    let shape = &reference.shape;
    let constant = statics
        .get(shape.as_str())
        .with_context(|| format!("there is no shape {shape}"))?;
    let mut text = format!("Member::new({name:?}, &{constant})");
    if let Some(name) = &reference.location_name {
        write!(text, ".named({name:?})")?;
    }
    if let Some(location) = &reference.location {
        let location = match location.as_str() {
            "uri" => "Uri",
            "querystring" => "Query",
            "header" => "Header",
            "headers" => "Headers",
            "statusCode" => "Status",
            _ => bail!("the member {name} is at an unknown place, {location}"),
        };
        write!(text, ".at(rt::Location::{location})")?;
    }
    Ok(text)
}

fn with_extras(text: &str, model: &Model, reference: &Reference, recursive: bool) -> String {
    let mut extra = Vec::new();
    let target = model.shapes.get(&reference.shape);
    if let Some(name) = &reference.query_name {
        extra.push(format!("query_name: Some({name:?})"));
    }
    if reference.flattened || target.is_some_and(|shape| shape.flattened) {
        extra.push("flattened: true".to_owned());
    }
    if reference.xml_attribute {
        extra.push("xml_attribute: true".to_owned());
    }
    if let Some(namespace) = &reference.xml_namespace {
        extra.push(format!("xml_namespace: {}", self::namespace(namespace)));
    }
    if let Some(format) = reference
        .timestamp_format
        .as_deref()
        .and_then(timestamp_format)
    {
        extra.push(format!(
            "timestamp_format: Some(rt::TimestampFormat::{format})"
        ));
    }
    if reference.idempotency_token {
        extra.push("idempotency_token: true".to_owned());
    }
    if reference.jsonvalue {
        extra.push("json_value: true".to_owned());
    }
    if recursive {
        extra.push("recursive: true".to_owned());
    }
    if extra.is_empty() {
        text.to_owned()
    } else {
        format!("Member {{ {}, ..{text} }}", extra.join(", "))
    }
}

fn timestamp_format(name: &str) -> Option<&'static str> {
    match name {
        "iso8601" => Some("Iso8601"),
        "rfc822" => Some("HttpDate"),
        "unixTimestamp" => Some("EpochSeconds"),
        _ => None,
    }
}

fn namespace(namespace: &Namespace) -> String {
    let uri = namespace.uri();
    let prefix = super::option(namespace.prefix());
    format!("Some(&rt::Namespace {{ uri: {uri:?}, prefix: {prefix} }})")
}
