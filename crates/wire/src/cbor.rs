//! Values as CBOR, by the rules of Smithy RPC v2.

use bytes::Bytes;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error as CborError;
use minicbor::{Decoder, Encoder};

use crate::error::Error;
use crate::json::serialization;
use crate::schema::{Kind, Schema};
use crate::time;
use crate::value::{Members, Value};

/// Deeper than any model; a guard for the stack.
const MOST_LEVELS: usize = 64;
/// The tag of seconds since 1970.
const EPOCH: Tag = Tag::new(1);

/// A value from the bytes of one CBOR item.
pub(crate) fn read(schema: &'static Schema, body: &[u8]) -> Result<Value, Error> {
    let mut from = Decoder::new(body);
    let value = item(schema, &mut from, 0).map_err(|error| malformed(&error))?;
    if from.position() != body.len() {
        return Err(serialization("The body has more than one CBOR item"));
    }
    Ok(value)
}

fn malformed(error: &CborError) -> Error {
    serialization(format!("The body is not the expected CBOR: {error}"))
}

fn item(schema: &'static Schema, from: &mut Decoder<'_>, level: usize) -> Result<Value, CborError> {
    if level > MOST_LEVELS {
        return Err(CborError::message("nested too deeply"));
    }
    let kind = from.datatype()?;
    if matches!(kind, Type::Null | Type::Undefined) {
        from.skip()?;
        return Ok(Value::Null);
    }
    Ok(match schema.kind {
        Kind::Bool => Value::Bool(from.bool()?),
        Kind::Integer | Kind::Long => Value::Integer(integer(from)?),
        Kind::Float | Kind::Double => Value::Float(float(from)?),
        Kind::String => Value::String(text(from)?),
        Kind::Blob => Value::Blob(blob(from)?),
        Kind::Timestamp => {
            if kind == Type::Tag && from.tag()? != EPOCH {
                return Err(CborError::message("a timestamp has the wrong tag"));
            }
            let seconds = float(from)?;
            Value::Timestamp(
                time::from_seconds(seconds)
                    .ok_or_else(|| CborError::message("a timestamp is out of range"))?,
            )
        }
        Kind::Document => return Err(CborError::message("a document cannot travel in CBOR")),
        Kind::List => {
            let element = schema.element().schema;
            let mut list = Vec::new();
            let size = from.array()?;
            while more(from, size, list.len())? {
                list.push(item(element, from, level + 1)?);
            }
            Value::List(list)
        }
        Kind::Map => {
            let element = schema.entry().1.schema;
            let mut map = Vec::new();
            let size = from.map()?;
            while more(from, size, map.len())? {
                let key = text(from)?;
                map.push((key, item(element, from, level + 1)?));
            }
            Value::Map(map)
        }
        Kind::Struct => Value::Struct(structure(schema, from, level)?),
    })
}

/// Passes over members that the schema does not know.
fn structure(
    schema: &'static Schema,
    from: &mut Decoder<'_>,
    level: usize,
) -> Result<Members, CborError> {
    let mut members = Members::new();
    let mut seen = 0;
    let size = from.map()?;
    while more(from, size, seen)? {
        seen += 1;
        let key = text(from)?;
        let Some((index, member)) = schema.member(&key) else {
            from.skip()?;
            continue;
        };
        match item(member.schema, from, level + 1)? {
            Value::Null => {}
            value => members.set(index, value),
        }
    }
    Ok(members)
}

/// Whether a list or map goes on, be its length stated or not.
fn more(from: &mut Decoder<'_>, size: Option<u64>, seen: usize) -> Result<bool, CborError> {
    match size {
        Some(size) => Ok((seen as u64) < size),
        None if from.datatype()? == Type::Break => {
            from.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

fn text(from: &mut Decoder<'_>) -> Result<String, CborError> {
    if from.datatype()? == Type::StringIndef {
        return from.str_iter()?.collect();
    }
    from.str().map(str::to_owned)
}

fn blob(from: &mut Decoder<'_>) -> Result<Bytes, CborError> {
    if from.datatype()? == Type::BytesIndef {
        let chunks: Result<Vec<&[u8]>, CborError> = from.bytes_iter()?.collect();
        return Ok(chunks?.concat().into());
    }
    from.bytes().map(Bytes::copy_from_slice)
}

fn is_float(kind: Type) -> bool {
    matches!(kind, Type::F16 | Type::F32 | Type::F64)
}

fn integer(from: &mut Decoder<'_>) -> Result<i64, CborError> {
    if is_float(from.datatype()?) {
        let number = from.f64()?;
        if number.fract() == 0.0 && number.abs() < 9e15 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number within range"
            )]
            return Ok(number as i64);
        }
        return Err(CborError::message("expected an integer"));
    }
    from.i64()
}

fn float(from: &mut Decoder<'_>) -> Result<f64, CborError> {
    if is_float(from.datatype()?) {
        return from.f64();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "an integer where a float is expected means that float"
    )]
    from.i64().map(|number| number as f64)
}

/// A value as CBOR.
pub(crate) fn write(schema: &Schema, value: &Value) -> Vec<u8> {
    let mut out = Writer::new();
    write_value(&mut out, schema, value);
    out.finish()
}

/// An encoder into memory, which cannot fail.
pub(crate) struct Writer(Encoder<Vec<u8>>);

impl Writer {
    pub(crate) fn new() -> Self {
        Self(Encoder::new(Vec::new()))
    }

    fn put(
        &mut self,
        write: impl FnOnce(
            &mut Encoder<Vec<u8>>,
        ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
    ) {
        // Only a writer can fail here, and a vector does not.
        let _ = write(&mut self.0);
    }

    pub(crate) fn map(&mut self, size: usize) {
        self.put(|out| out.map(size as u64).map(drop));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.put(|out| out.str(text).map(drop));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

pub(crate) fn write_value(out: &mut Writer, schema: &Schema, value: &Value) {
    match value {
        Value::Null => out.put(|out| out.null().map(drop)),
        Value::Bool(flag) => out.put(|out| out.bool(*flag).map(drop)),
        Value::Integer(number) => out.put(|out| out.i64(*number).map(drop)),
        Value::Float(number) => out.put(|out| out.f64(*number).map(drop)),
        Value::String(text) => out.text(text),
        Value::Blob(bytes) => out.put(|out| out.bytes(bytes).map(drop)),
        Value::Timestamp(time) => {
            out.put(|out| out.tag(EPOCH).map(drop));
            let whole = time.subsec_nanosecond() == 0;
            out.put(|out| {
                if whole {
                    out.i64(time.as_second())
                } else {
                    out.f64(time::seconds(*time))
                }
                .map(drop)
            });
        }
        Value::Document(json) => out.text(&json.to_string()),
        Value::List(list) => {
            let element = schema.element().schema;
            out.put(|out| out.array(list.len() as u64).map(drop));
            for value in list {
                write_value(out, element, value);
            }
        }
        Value::Map(map) => {
            let element = schema.entry().1.schema;
            out.map(map.len());
            for (key, value) in map {
                out.text(key);
                write_value(out, element, value);
            }
        }
        Value::Struct(members) => {
            let present = || {
                schema
                    .present(members)
                    .filter(|(_, value)| **value != Value::Null)
            };
            out.map(present().count());
            for (member, value) in present() {
                out.text(member.name);
                write_value(out, member.schema, value);
            }
        }
    }
}
