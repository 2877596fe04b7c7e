//! awsJson 1.0 and 1.1: the operation in a header, JSON in and out.

use serde_json::{Map, Value as Json};

use super::{Answer, error_schema};
use crate::error::{Error, Fault};
use crate::json;
use crate::request::RequestParts;
use crate::scalar;
use crate::schema::{
    Member, OperationSchema, ProtocolKind, Schema, ServiceSchema, TimestampFormat,
};
use crate::value::Value;

pub(super) fn route(
    request: &RequestParts<'_>,
    service: &ServiceSchema,
) -> Result<&'static OperationSchema, Error> {
    let target = request.header("x-amz-target").unwrap_or_default();
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let unknown = || {
        let message = if target.is_empty() {
            "The request has no X-Amz-Target header.".to_owned()
        } else {
            format!("There is no operation {target}.")
        };
        Error::new("UnknownOperationException", 400, message)
    };
    if service.target_prefix.is_some_and(|known| known != prefix) {
        return Err(unknown());
    }
    super::operation(service, name, unknown)
}

pub(super) fn parse(
    operation: &OperationSchema,
    request: &RequestParts<'_>,
) -> Result<Value, Error> {
    if request.body.iter().all(u8::is_ascii_whitespace) {
        return json::read(operation.input, Json::Object(Map::new()));
    }
    let body = serde_json::from_slice(request.body)
        .map_err(|error| json::serialization(format!("The body is not valid JSON: {error}")))?;
    match json::read(operation.input, body)? {
        Value::Null => json::read(operation.input, Json::Object(Map::new())),
        value => Ok(value),
    }
}

pub(super) fn render(kind: ProtocolKind, operation: &OperationSchema, output: &Value) -> Answer {
    let body = json::write(operation.output, output).to_string();
    Answer::new(operation.status, content(kind), body)
}

fn content(kind: ProtocolKind) -> &'static str {
    match kind {
        ProtocolKind::AwsJson10 => "application/x-amz-json-1.0",
        ProtocolKind::AwsJson11 => "application/x-amz-json-1.1",
        _ => "application/json",
    }
}

pub(super) fn render_error(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: Option<&OperationSchema>,
    error: &Error,
) -> Answer {
    let mut body = error_members(operation, error);
    body.insert(
        "__type".to_owned(),
        Json::String(error.type_name().to_owned()),
    );
    let answer = Answer::new(error.status, content(kind), Json::Object(body).to_string());
    with_query_error(answer, service, error)
}

/// The header by which a service that once spoke query still gives its old codes.
pub(super) fn with_query_error(answer: Answer, service: &ServiceSchema, error: &Error) -> Answer {
    if !service.query_compatible {
        return answer;
    }
    let fault = if error.fault == Fault::Sender {
        "Sender"
    } else {
        "Receiver"
    };
    answer.header("x-amzn-query-error", format!("{};{fault}", error.code))
}

/// The message under the name that the model gives it, and the further members.
pub(super) fn error_members(
    operation: Option<&OperationSchema>,
    error: &Error,
) -> Map<String, Json> {
    let schema = error_schema(operation, error);
    let mut body = Map::new();
    if !error.message.is_empty() {
        let message = Json::String(error.message.clone());
        body.insert(message_name(schema).to_owned(), message);
    }
    for (name, value) in &error.fields {
        let member = schema.and_then(|schema| schema.member(name));
        let (name, json) = match member {
            Some((_, member)) => (
                member.wire_name().to_owned(),
                json::write(member.schema, value),
            ),
            None => (name.clone().into_owned(), plain(value)),
        };
        body.insert(name, json);
    }
    body
}

/// What an error's message is called: AWS has `message` and `Message`.
pub(super) fn message_name(schema: Option<&Schema>) -> &'static str {
    let members = schema.map_or(&[][..], |schema| schema.members);
    let mut names = members.iter().map(Member::wire_name);
    names
        .find(|name| name.eq_ignore_ascii_case("message"))
        .unwrap_or("message")
}

/// A field that the model does not know.
fn plain(value: &Value) -> Json {
    match value {
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Integer(number) => Json::Number((*number).into()),
        Value::List(list) => Json::Array(list.iter().map(plain).collect()),
        other => {
            scalar::write(other, TimestampFormat::EpochSeconds).map_or(Json::Null, Json::String)
        }
    }
}
