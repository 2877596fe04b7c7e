//! Smithy RPC v2 CBOR: the operation in the path, CBOR in and out.

use super::{Answer, aws_json, error_schema};
use crate::cbor::{self, Writer};
use crate::error::Error;
use crate::request::RequestParts;
use crate::scalar;
use crate::schema::{OperationSchema, STRING, Schema, ServiceSchema, TimestampFormat};
use crate::value::{Members, Value};

const CONTENT: &str = "application/cbor";

pub(super) fn route(
    request: &RequestParts<'_>,
    service: &ServiceSchema,
) -> Result<&'static OperationSchema, Error> {
    let mut parts = request.path.rsplit('/');
    let (name, word) = (parts.next().unwrap_or_default(), parts.next());
    let (target, service_word) = (parts.next(), parts.next());
    let unknown = || {
        Error::new(
            "UnknownOperationException",
            404,
            format!("There is no operation {}.", request.path),
        )
    };
    if word != Some("operation")
        || service_word != Some("service")
        || target != service.target_prefix
    {
        return Err(unknown());
    }
    super::operation(service, name, unknown)
}

pub(super) fn parse(
    operation: &OperationSchema,
    request: &RequestParts<'_>,
) -> Result<Value, Error> {
    if request.body.is_empty() {
        return Ok(Value::Struct(Members::new()));
    }
    match cbor::read(operation.input, request.body)? {
        Value::Null => Ok(Value::Struct(Members::new())),
        value => Ok(value),
    }
}

pub(super) fn render(operation: &OperationSchema, output: &Value) -> Answer {
    let answer = if std::ptr::eq(operation.output, &raw const crate::schema::UNIT) {
        Answer {
            status: operation.status,
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        }
    } else {
        Answer::new(
            operation.status,
            CONTENT,
            cbor::write(operation.output, output),
        )
    };
    answer.header("smithy-protocol", "rpc-v2-cbor")
}

pub(super) fn render_error(
    service: &ServiceSchema,
    operation: Option<&OperationSchema>,
    error: &Error,
) -> Answer {
    let schema = error_schema(operation, error);
    let message = Value::String(error.message.clone());
    let message_name = aws_json::message_name(schema);
    let mut fields: Vec<(&str, &Schema, &Value)> = Vec::new();
    if !error.message.is_empty() {
        fields.push((message_name, &STRING, &message));
    }
    let texts: Vec<(&str, Value)> = unmodelled(schema, error);
    for (name, value) in &error.fields {
        if let Some((_, member)) = schema.and_then(|schema| schema.member(name)) {
            fields.push((member.name, member.schema, value));
        }
    }
    fields.extend(texts.iter().map(|(name, text)| (*name, &STRING, text)));
    let mut out = Writer::new();
    out.map(fields.len() + 1);
    out.text("__type");
    out.text(error.type_name());
    for (name, schema, value) in fields {
        out.text(name);
        cbor::write_value(&mut out, schema, value);
    }
    let answer =
        Answer::new(error.status, CONTENT, out.finish()).header("smithy-protocol", "rpc-v2-cbor");
    aws_json::with_query_error(answer, service, error)
}

/// The fields that the model does not know, as text.
fn unmodelled<'a>(schema: Option<&Schema>, error: &'a Error) -> Vec<(&'a str, Value)> {
    let fields = error
        .fields
        .iter()
        .filter(|(name, _)| schema.is_none_or(|schema| schema.member(name).is_none()));
    fields
        .filter_map(|(name, value)| {
            Some((
                name.as_ref(),
                Value::String(scalar::write(value, TimestampFormat::Iso8601)?),
            ))
        })
        .collect()
}
