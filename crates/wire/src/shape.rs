//! Typed shapes: to and from [`Value`] by the small functions that are generated per structure.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json;
use crate::schema::{OperationSchema, Schema, UNIT};
use crate::value::{Members, Value};

/// A structure of an API model.
pub trait Shape: Clone + Default + fmt::Debug {
    const SCHEMA: &'static Schema;
    fn from_value(value: Value) -> Result<Self, ShapeError>;
    fn into_value(self) -> Value;
}

/// An operation of an API model.
pub trait Operation {
    type Input: Shape;
    type Output: Shape;
    const SCHEMA: &'static OperationSchema;
}

/// A value that does not have its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// Where in the shape, outermost last.
    path: Vec<&'static str>,
    problem: String,
}

impl ShapeError {
    fn new(problem: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            problem: problem.into(),
        }
    }

    fn mismatch(expected: &str, found: &Value) -> Self {
        Self::new(format!("expected {expected}, found {}", found.kind()))
    }

    fn inside(mut self, member: &'static str) -> Self {
        self.path.push(member);
        self
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, member) in self.path.iter().rev().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(out, "{dot}{member}")?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(out, "{colon}{}", self.problem)
    }
}

impl std::error::Error for ShapeError {}

/// The input or output of an operation that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {}

impl Shape for Unit {
    const SCHEMA: &'static Schema = &UNIT;

    fn from_value(_: Value) -> Result<Self, ShapeError> {
        Ok(Self {})
    }

    fn into_value(self) -> Value {
        Value::Struct(Members::new())
    }
}

/// A shape kept as JSON, exactly as it was given, for state that is serialized with serde.
#[derive(Clone, Debug, Default)]
pub struct Stored<T: Shape>(pub T);

impl<T: Shape> Serialize for Stored<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::to_json(&self.0).serialize(serializer)
    }
}

impl<'de, T: Shape> Deserialize<'de> for Stored<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        json::from_json(json)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl<T: Shape> PartialEq for Stored<T> {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

/// Whether two shapes say the same.
pub fn same<T: Shape>(one: &T, other: &T) -> bool {
    one.clone().into_value() == other.clone().into_value()
}

/// What a member of a structure may be. Generated code uses it; nothing else needs to.
#[doc(hidden)]
pub trait Field: Sized {
    fn from_member(value: Value) -> Result<Self, ShapeError>;
    fn into_member(self) -> Option<Value>;
}

impl<T: Shape> Field for T {
    fn from_member(value: Value) -> Result<Self, ShapeError> {
        T::from_value(value)
    }

    fn into_member(self) -> Option<Value> {
        Some(self.into_value())
    }
}

macro_rules! scalar {
    ($($type:ty, $name:literal, $variant:ident;)*) => {$(
        impl Field for $type {
            fn from_member(value: Value) -> Result<Self, ShapeError> {
                match value {
                    Value::$variant(inner) => Ok(inner),
                    other => Err(ShapeError::mismatch($name, &other)),
                }
            }

            fn into_member(self) -> Option<Value> {
                Some(Value::$variant(self))
            }
        }
    )*};
}

scalar! {
    bool, "a boolean", Bool;
    i64, "an integer", Integer;
    String, "a string", String;
    Bytes, "a blob", Blob;
    Timestamp, "a timestamp", Timestamp;
    serde_json::Value, "a document", Document;
}

impl Field for f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a whole number where a float is expected means that float"
    )]
    fn from_member(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Float(number) => Ok(number),
            Value::Integer(number) => Ok(number as Self),
            other => Err(ShapeError::mismatch("a number", &other)),
        }
    }

    fn into_member(self) -> Option<Value> {
        Some(Value::Float(self))
    }
}

impl<T: Field> Field for Option<T> {
    fn from_member(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Null => Ok(None),
            value => T::from_member(value).map(Some),
        }
    }

    fn into_member(self) -> Option<Value> {
        self.and_then(T::into_member)
    }
}

impl<T: Field> Field for Vec<T> {
    fn from_member(value: Value) -> Result<Self, ShapeError> {
        let Value::List(list) = value else {
            return Err(ShapeError::mismatch("a list", &value));
        };
        list.into_iter()
            .filter(|value| *value != Value::Null)
            .map(T::from_member)
            .collect()
    }

    fn into_member(self) -> Option<Value> {
        Some(Value::List(
            self.into_iter().filter_map(T::into_member).collect(),
        ))
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn from_member(value: Value) -> Result<Self, ShapeError> {
        let Value::Map(map) = value else {
            return Err(ShapeError::mismatch("a map", &value));
        };
        let map = map.into_iter().filter(|(_, value)| *value != Value::Null);
        map.map(|(key, value)| Ok((key, T::from_member(value)?)))
            .collect()
    }

    fn into_member(self) -> Option<Value> {
        let map = self
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.into_member()?)));
        Some(Value::Map(map.collect()))
    }
}

/// Takes a structure apart, handing each member to the code that knows its field.
#[doc(hidden)]
pub fn fill(
    value: Value,
    schema: &'static Schema,
    member: &mut dyn FnMut(u16, Value) -> Result<(), ShapeError>,
) -> Result<(), ShapeError> {
    let Value::Struct(members) = value else {
        return Err(ShapeError::mismatch("a structure", &value).inside(schema.name));
    };
    if schema.input {
        for (at, known) in schema.members.iter().enumerate() {
            let present = u16::try_from(at).is_ok_and(|at| members.get(at).is_some());
            if known.required && !known.recursive && !present {
                return Err(ShapeError::new("is missing").inside(known.name));
            }
        }
    }
    for (index, value) in members {
        let name = schema
            .members
            .get(usize::from(index))
            .map_or(schema.name, |member| member.name);
        member(index, value).map_err(|error| error.inside(name))?;
    }
    Ok(())
}

#[doc(hidden)]
pub fn set<T: Field>(slot: &mut T, value: Value) -> Result<(), ShapeError> {
    *slot = T::from_member(value)?;
    Ok(())
}

#[doc(hidden)]
pub fn put<T: Field>(members: &mut Members, index: u16, field: T) {
    if let Some(value) = field.into_member() {
        members.set(index, value);
    }
}

#[doc(hidden)]
pub fn set_box<T: Shape>(slot: &mut Option<Box<T>>, value: Value) -> Result<(), ShapeError> {
    *slot = Some(Box::new(T::from_value(value)?));
    Ok(())
}

#[doc(hidden)]
pub fn put_box<T: Shape>(members: &mut Members, index: u16, field: Option<Box<T>>) {
    if let Some(shape) = field {
        members.set(index, (*shape).into_value());
    }
}

#[doc(hidden)]
pub fn debug<T: Shape>(shape: &T, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    debug_value(T::SCHEMA, shape.clone().into_value(), out)
}

fn debug_value(schema: &'static Schema, value: Value, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(out, "{} {}", schema.name, json::shown(schema, &value))
}

#[doc(hidden)]
pub fn unknown_value(shape: &str, value: &str) -> ShapeError {
    ShapeError::new(format!("{value:?} is no {shape}"))
}

#[doc(hidden)]
pub fn no_string(value: &Value) -> ShapeError {
    ShapeError::mismatch("a string", value)
}

/// Defines an enum of strings.
#[doc(hidden)]
#[macro_export]
macro_rules! string_enum {
    ($name:ident { $($variant:ident = $value:literal,)+ }) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($variant,)+ }

        impl $name {
            pub const VALUES: &'static [&'static str] = &[$($value,)+];
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub const fn as_str(self) -> &'static str {
                Self::VALUES[self as usize]
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ShapeError;

            fn from_str(text: &str) -> std::result::Result<Self, $crate::ShapeError> {
                match Self::VALUES.iter().position(|value| *value == text) {
                    Some(at) => Ok(Self::ALL[at]),
                    None => Err($crate::shape::unknown_value(stringify!($name), text)),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl $crate::shape::Field for $name {
            fn from_member(value: $crate::Value) -> std::result::Result<Self, $crate::ShapeError> {
                match value {
                    $crate::Value::String(text) => text.parse(),
                    other => Err($crate::shape::no_string(&other)),
                }
            }

            fn into_member(self) -> std::option::Option<$crate::Value> {
                Some($crate::Value::String(self.as_str().to_owned()))
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as $crate::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::serde::de::Error::custom)
            }
        }
    };
}
