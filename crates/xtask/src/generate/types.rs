//! The typed structures and enums.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::model::{Model, Shape};
use crate::names;

/// Enums with more values than this stay strings: they are catalogues (instance types,
/// resource types) that no code matches on.
const MOST_VARIANTS: usize = 60;

pub(super) fn write(out: &mut String, model: &Model) -> Result<()> {
    let inputs = input_shapes(model);
    let statics = names::statics(model.shapes.keys());
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (name, shape) in &model.shapes {
        if !(is_struct(shape) && !shape.exception || is_enum(shape)) {
            continue;
        }
        if let Some(other) = taken.insert(names::type_name(name), name) {
            bail!("the shapes {other} and {name} would have one type name");
        }
        if is_enum(shape) {
            string_enum(out, name, shape)?;
        } else {
            structure(
                out,
                model,
                (name, &statics[name.as_str()]),
                shape,
                inputs.contains(name.as_str()),
            )?;
        }
    }
    writeln!(out)?;
    Ok(())
}

/// The shapes that a request can hold.
pub(super) fn input_shapes(model: &Model) -> BTreeSet<&str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = model
        .operations
        .values()
        .filter_map(|operation| operation.input.as_ref())
        .map(|input| input.shape.as_str())
        .collect();
    while let Some(name) = next.pop() {
        if reached.insert(name)
            && let Some(shape) = model.shapes.get(name)
        {
            next.extend(shape.uses());
        }
    }
    reached
}

/// Whether the structure `from` contains itself by way of its member of shape `to`, with no list
/// or map between.
pub(super) fn is_recursive(model: &Model, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![to];
    while let Some(name) = next.pop() {
        if name == from {
            return true;
        }
        if let Some(shape) = model.shapes.get(name).filter(|shape| is_struct(shape))
            && seen.insert(name)
        {
            next.extend(shape.members.values().map(|member| member.shape.as_str()));
        }
    }
    false
}

pub(super) fn is_struct(shape: &Shape) -> bool {
    shape.kind == "structure" && !shape.document
}

fn is_enum(shape: &Shape) -> bool {
    shape.kind == "string" && !shape.values.is_empty() && shape.values.len() <= MOST_VARIANTS
}

fn string_enum(out: &mut String, name: &str, shape: &Shape) -> Result<()> {
    let mut taken = BTreeSet::new();
    writeln!(out, "crate::string_enum!({} {{", names::type_name(name))?;
    for value in &shape.values {
        let mut variant = names::variant(value);
        while !taken.insert(variant.clone()) {
            variant.push('_');
        }
        writeln!(out, "    {variant} = {value:?},")?;
    }
    writeln!(out, "}});\n")?;
    Ok(())
}

fn structure(
    out: &mut String,
    model: &Model,
    (name, constant): (&str, &str),
    shape: &Shape,
    input: bool,
) -> Result<()> {
    let type_name = names::type_name(name);
    let mut fields = Vec::new();
    for (member, reference) in &shape.members {
        let mut kind = rust_type(model, &reference.shape)?;
        let recursive = is_recursive(model, name, &reference.shape);
        if recursive {
            kind = format!("Box<{kind}>");
        }
        if recursive || !input || !shape.required.contains(member) {
            kind = format!("Option<{kind}>");
        }
        fields.push((
            names::field(member),
            kind,
            if recursive { "_box" } else { "" },
        ));
    }
    let distinct: BTreeSet<&str> = fields.iter().map(|(field, ..)| field.as_str()).collect();
    if distinct.len() != fields.len() {
        bail!("two members of {name} would have one field name");
    }

    writeln!(out, "#[derive(Clone, Default)]\npub struct {type_name} {{")?;
    for (field, kind, _) in &fields {
        writeln!(out, "    pub {field}: {kind},")?;
    }
    writeln!(out, "}}\n")?;

    writeln!(
        out,
        "impl rt::Shape for {type_name} {{\n    const SCHEMA: &'static rt::Schema = &s::{constant};\n"
    )?;
    writeln!(
        out,
        "    fn from_value(value: rt::Value) -> Result<Self, rt::ShapeError> {{"
    )?;
    let mutable = if fields.is_empty() { "" } else { "mut " };
    writeln!(out, "        let {mutable}it = Self::default();")?;
    if fields.is_empty() {
        writeln!(
            out,
            "        rt::fill(value, Self::SCHEMA, &mut |_, _| Ok(()))?;"
        )?;
    } else {
        writeln!(
            out,
            "        rt::fill(value, Self::SCHEMA, &mut |index, value| match index {{"
        )?;
        for (at, (field, _, boxed)) in fields.iter().enumerate() {
            writeln!(
                out,
                "            {at} => rt::set{boxed}(&mut it.{field}, value),"
            )?;
        }
        writeln!(out, "            _ => Ok(()),\n        }})?;")?;
    }
    writeln!(out, "        Ok(it)\n    }}\n")?;

    writeln!(out, "    fn into_value(self) -> rt::Value {{")?;
    writeln!(out, "        let {mutable}to = rt::Members::new();")?;
    for (at, (field, _, boxed)) in fields.iter().enumerate() {
        writeln!(out, "        rt::put{boxed}(&mut to, {at}, self.{field});")?;
    }
    writeln!(out, "        rt::Value::Struct(to)\n    }}\n}}\n")?;
    writeln!(
        out,
        "impl std::fmt::Debug for {type_name} {{\n    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n        rt::debug(self, out)\n    }}\n}}\n"
    )?;
    Ok(())
}

fn rust_type(model: &Model, name: &str) -> Result<String> {
    let shape = model
        .shapes
        .get(name)
        .with_context(|| format!("there is no shape {name}"))?;
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "rt::Document".to_owned(),
        "structure" => names::type_name(name),
        "string" | "character" if is_enum(shape) => names::type_name(name),
        "string" | "character" => "String".to_owned(),
        "boolean" => "bool".to_owned(),
        "integer" | "long" => "i64".to_owned(),
        "float" | "double" => "f64".to_owned(),
        "timestamp" => "rt::Timestamp".to_owned(),
        "blob" => "rt::Bytes".to_owned(),
        "list" => {
            let member = shape
                .member
                .as_ref()
                .with_context(|| format!("the list {name} has no member"))?;
            format!("Vec<{}>", rust_type(model, &member.shape)?)
        }
        "map" => {
            let value = shape
                .value
                .as_ref()
                .with_context(|| format!("the map {name} has no value"))?;
            format!("rt::Map<String, {}>", rust_type(model, &value.shape)?)
        }
        kind => bail!("the shape {name} is of unknown type {kind}"),
    })
}
