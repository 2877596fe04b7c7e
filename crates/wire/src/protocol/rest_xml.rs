//! REST XML bodies and errors.

use bytes::Bytes;

use super::{Answer, query, rest};
use crate::error::Error;
use crate::schema::{Location, Member, OperationSchema, Schema, ServiceSchema};
use crate::value::{Members, Value};
use crate::xml::{self, Writer};

pub(super) struct Xml<'a> {
    pub(super) service: &'a ServiceSchema,
}

impl rest::Body for Xml<'_> {
    fn read_members(
        &self,
        schema: &'static Schema,
        body: &Bytes,
        members: &mut Members,
    ) -> Result<(), Error> {
        let root = xml::document(body)?;
        for (index, value) in root.members(schema)? {
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
        xml::document(body)?.value(member)
    }

    fn write_members(&self, operation: &OperationSchema, members: &Members) -> Bytes {
        let schema = operation.output;
        if !schema
            .members
            .iter()
            .any(|member| member.location == Location::Body)
        {
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
        let root = Member::new(schema.name, operation.output);
        let mut out = Writer::document();
        let name = schema.xml_name.unwrap_or(schema.name);
        xml::write_payload(
            &mut out,
            name,
            &root,
            &Value::Struct(body),
            self.service.xml_namespace,
        );
        out.finish().into()
    }

    fn write_payload(&self, member: &Member, value: &Value) -> Bytes {
        let mut out = Writer::document();
        let name = member
            .location_name
            .filter(|name| *name != member.name)
            .or(member.schema.xml_name)
            .unwrap_or(member.schema.name);
        xml::write_payload(&mut out, name, member, value, self.service.xml_namespace);
        out.finish().into()
    }

    fn empty_payload(&self, _: &Member) -> Bytes {
        Bytes::new()
    }

    fn content_type(&self) -> &'static str {
        "application/xml"
    }
}

pub(super) fn render_error(
    service: &ServiceSchema,
    operation: Option<&OperationSchema>,
    error: &Error,
    request_id: &str,
) -> Answer {
    let mut out = Writer::document();
    query::write_error(&mut out, service, operation, error, request_id);
    let mut answer = Answer::new(error.status, "application/xml", out.finish());
    if let Some(schema) = super::error_schema(operation, error) {
        let mut members = Members::new();
        for (name, value) in &error.fields {
            if let Some((index, _)) = schema.member(name) {
                members.set(index, value.clone());
            }
        }
        rest::write_bindings(&mut answer, schema, &members);
    }
    answer
}
