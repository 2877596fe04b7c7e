//! REST JSON bodies and errors.

use bytes::Bytes;
use serde_json::Value as Json;

use super::{Answer, aws_json, error_schema, rest};
use crate::error::Error;
use crate::json;
use crate::schema::{Location, Member, OperationSchema, Schema};
use crate::value::{Members, Value};

pub(super) struct JsonBody;

impl rest::Body for JsonBody {
    fn read_members(
        &self,
        schema: &'static Schema,
        body: &Bytes,
        members: &mut Members,
    ) -> Result<(), Error> {
        let Value::Struct(found) = json::read(schema, parse(body)?)? else {
            return Ok(());
        };
        for (index, value) in found {
            let place = schema
                .members
                .get(usize::from(index))
                .map(|member| member.location);
            if place == Some(Location::Body) {
                members.set(index, value);
            }
        }
        Ok(())
    }

    fn read_payload(&self, member: &'static Member, body: &Bytes) -> Result<Value, Error> {
        json::read(member.schema, parse(body)?)
    }

    fn write_members(&self, operation: &OperationSchema, members: &Members) -> Bytes {
        let schema = operation.output;
        let elsewhere = |member: &Member| member.location != Location::Body;
        let unit = std::ptr::eq(schema, &raw const crate::schema::UNIT);
        if unit || !schema.members.is_empty() && schema.members.iter().all(elsewhere) {
            return Bytes::new();
        }
        let mut body = Members::new();
        for (index, value) in members.iter() {
            if schema
                .members
                .get(usize::from(index))
                .is_some_and(|member| member.location == Location::Body)
            {
                body.set(index, value.clone());
            }
        }
        json::write(schema, &Value::Struct(body)).to_string().into()
    }

    fn write_payload(&self, member: &Member, value: &Value) -> Bytes {
        json::write(member.schema, value).to_string().into()
    }

    fn empty_payload(&self, member: &Member) -> Bytes {
        let structure = member.schema.kind == crate::Kind::Struct && !member.schema.union;
        if structure {
            Bytes::from_static(b"{}")
        } else {
            Bytes::new()
        }
    }

    fn content_type(&self) -> &'static str {
        "application/json"
    }
}

fn parse(body: &Bytes) -> Result<Json, Error> {
    serde_json::from_slice(body)
        .map_err(|error| json::serialization(format!("The body is not valid JSON: {error}")))
}

pub(super) fn render_error(operation: Option<&OperationSchema>, error: &Error) -> Answer {
    let schema = error_schema(operation, error);
    let mut body = aws_json::error_members(operation, error);
    let mut bound = Members::new();
    for (name, value) in &error.fields {
        if let Some((index, member)) = schema.and_then(|schema| schema.member(name))
            && member.location != Location::Body
        {
            bound.set(index, value.clone());
            body.remove(member.wire_name());
        }
    }
    let mut answer = Answer::new(
        error.status,
        "application/json",
        Json::Object(body).to_string(),
    );
    if let Some(schema) = schema {
        rest::write_bindings(&mut answer, schema, &bound);
    }
    answer.header("x-amzn-errortype", error.type_name())
}
