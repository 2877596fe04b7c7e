//! What REST XML and REST JSON share: members in the path, the query and the headers.

mod headers;
mod uri;

use bytes::Bytes;

use super::Answer;
use crate::error::Error;
use crate::request::RequestParts;
use crate::scalar;
use crate::schema::{
    Kind, Location, Member, OperationSchema, ProtocolKind, Schema, ServiceSchema, TimestampFormat,
};
use crate::value::{Members, Value};

/// How the body is written.
pub(super) trait Body {
    /// The members that travel in the body, into `members`.
    fn read_members(
        &self,
        schema: &'static Schema,
        body: &Bytes,
        members: &mut Members,
    ) -> Result<(), Error>;
    /// A structure, list, map or document that is the whole body.
    fn read_payload(&self, member: &'static Member, body: &Bytes) -> Result<Value, Error>;
    fn write_members(&self, operation: &OperationSchema, members: &Members) -> Bytes;
    fn write_payload(&self, member: &Member, value: &Value) -> Bytes;
    /// What stands for a structure payload that is not there.
    fn empty_payload(&self, member: &Member) -> Bytes;
    fn content_type(&self) -> &'static str;
}

/// The operation whose template a request's method and path fit, the most specific one.
pub(super) fn route(
    request: &RequestParts<'_>,
    service: &ServiceSchema,
) -> Result<&'static OperationSchema, Error> {
    let fits = |method: &str, template: &str| {
        let method = method == request.method.as_str();
        let fit = method.then(|| uri::fit(template, request.path, request.query));
        fit.flatten().map(|fit| fit.score)
    };
    let mut best: Option<(usize, &'static OperationSchema)> = None;
    for operation in service.operations.iter().copied() {
        if let Some(found) = fits(operation.method, operation.uri)
            && best.is_none_or(|(score, _)| found > score)
        {
            best = Some((found, operation));
        }
    }
    let unbuilt = service
        .unbuilt
        .iter()
        .filter_map(|(name, method, template)| Some((fits(method, template)?, *name)));
    let unbuilt = unbuilt.max_by_key(|(score, _)| *score);
    match (best, unbuilt) {
        (Some((score, operation)), Some((other, _))) if score >= other => Ok(operation),
        (Some((_, operation)), None) => Ok(operation),
        (_, Some((_, name))) => Err(Error::not_implemented(service.full_name, name)),
        (None, None) => {
            let message = format!("There is no operation {} {}.", request.method, request.path);
            let code = if service.speaks(ProtocolKind::RestXml) {
                "UnknownOperationException"
            } else {
                "UnknownOperation"
            };
            Err(Error::new(code, 404, message))
        }
    }
}

pub(super) fn parse(
    operation: &OperationSchema,
    request: &RequestParts<'_>,
    codec: &impl Body,
) -> Result<Value, Error> {
    let schema = operation.input;
    let mut members = Members::new();
    let fit = uri::fit(operation.uri, request.path, request.query);
    let labels = fit.map(|fit| fit.labels).unwrap_or_default();
    let query = uri::Query::read(request.query);
    for (index, member) in (0u16..).zip(schema.members) {
        let value = match member.location {
            Location::Uri => {
                let label = labels.iter().find(|(name, _)| *name == member.wire_name());
                label
                    .map(|(_, text)| text_value(member, text, TimestampFormat::Iso8601))
                    .transpose()?
            }
            Location::Query => query.value(member)?,
            Location::Header | Location::Headers => headers::read(member, request.headers)?,
            Location::Status | Location::Body => None,
        };
        if let Some(value) = value {
            members.set(index, value);
        }
    }
    match schema.payload.and_then(|name| schema.member(name)) {
        Some((index, member)) => {
            if let Some(value) = read_payload(member, request, codec)? {
                members.set(index, value);
            }
        }
        None if request.body.is_empty()
            || !schema
                .members
                .iter()
                .any(|member| member.location == Location::Body) => {}
        None => codec.read_members(schema, request.body, &mut members)?,
    }
    Ok(Value::Struct(members))
}

fn read_payload(
    member: &'static Member,
    request: &RequestParts<'_>,
    codec: &impl Body,
) -> Result<Option<Value>, Error> {
    if request.body.is_empty() {
        return Ok(None);
    }
    Ok(Some(match member.schema.kind {
        Kind::Blob => Value::Blob(request.body.clone()),
        Kind::String => {
            let text = std::str::from_utf8(request.body).map_err(|_| malformed(member, "text"))?;
            Value::String(text.to_owned())
        }
        _ => codec.read_payload(member, request.body)?,
    }))
}

/// A scalar from a path, a query parameter or a header.
fn text_value(member: &Member, text: &str, default: TimestampFormat) -> Result<Value, Error> {
    let format = member
        .timestamp_format
        .or(member.schema.timestamp_format)
        .unwrap_or(default);
    scalar::read(member.schema, text, format).ok_or_else(|| malformed(member, text))
}

fn malformed(member: &Member, text: &str) -> Error {
    let message = format!(
        "The value {text:?} of {} is not a valid {}.",
        member.wire_name(),
        member.schema.name
    );
    Error::new("SerializationException", 400, message)
}

pub(super) fn render(operation: &OperationSchema, output: &Value, codec: &impl Body) -> Answer {
    let schema = operation.output;
    let empty = Members::new();
    let members = output.as_struct().unwrap_or(&empty);
    let (content_type, body) = write_body(operation, members, codec);
    let mut answer = Answer {
        status: operation.status,
        headers: Vec::new(),
        body,
    };
    write_bindings(&mut answer, schema, members);
    let stated = answer
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    match content_type {
        Some(content_type) if !stated => answer.header("content-type", content_type),
        _ => answer,
    }
}

/// The status and the headers that members state.
pub(super) fn write_bindings(answer: &mut Answer, schema: &Schema, members: &Members) {
    for (member, value) in schema.present(members) {
        match (member.location, value) {
            (Location::Status, Value::Integer(status)) => {
                answer.status = u16::try_from(*status).unwrap_or(answer.status);
            }
            (Location::Header | Location::Headers, value) => {
                headers::write(member, value, &mut answer.headers);
            }
            _ => {}
        }
    }
}

fn write_body(
    operation: &OperationSchema,
    members: &Members,
    codec: &impl Body,
) -> (Option<&'static str>, Bytes) {
    let schema = operation.output;
    if let Some((index, member)) = schema.payload.and_then(|name| schema.member(name)) {
        return match (members.get(index), member.schema.kind) {
            (Some(Value::Blob(bytes)), _) => (Some("application/octet-stream"), bytes.clone()),
            (Some(Value::String(text)), _) => (Some("text/plain"), Bytes::from(text.clone())),
            (None | Some(Value::Null), Kind::Blob | Kind::String) => (None, Bytes::new()),
            (None | Some(Value::Null), _) => {
                let body = codec.empty_payload(member);
                ((!body.is_empty()).then(|| codec.content_type()), body)
            }
            (Some(value), _) => (
                Some(codec.content_type()),
                codec.write_payload(member, value),
            ),
        };
    }
    let body = codec.write_members(operation, members);
    ((!body.is_empty()).then(|| codec.content_type()), body)
}
