//! The protocols: which one a request speaks, what it asks for, and how the answer is written.

mod aws_json;
mod query;
mod rest;
mod rest_json;
mod rest_xml;
mod rpc_v2;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::error::Error;
use crate::request::RequestParts;
use crate::schema::{OperationSchema, ProtocolKind, ServiceSchema};
use crate::value::Value;

/// The protocol of a request to a service. Every request has one, so that even an error
/// about the request itself can be given in words that its sender understands.
pub fn protocol_of(service: &ServiceSchema, request: &RequestParts<'_>) -> ProtocolKind {
    let content = request.header("content-type").unwrap_or_default();
    if service.speaks(ProtocolKind::RpcV2Cbor)
        && (request.header("smithy-protocol") == Some("rpc-v2-cbor")
            || content.starts_with("application/cbor"))
    {
        return ProtocolKind::RpcV2Cbor;
    }
    let targeted = request.headers.contains_key("x-amz-target")
        || content.starts_with("application/x-amz-json");
    let json =
        |kind: &ProtocolKind| matches!(kind, ProtocolKind::AwsJson10 | ProtocolKind::AwsJson11);
    let mut kinds = service.protocols.iter().copied();
    let wanted = kinds.find(|kind| *kind != ProtocolKind::RpcV2Cbor && json(kind) == targeted);
    // A service that speaks only one protocol is spoken to in that one.
    wanted
        .or(service.protocols.last().copied())
        .unwrap_or(ProtocolKind::AwsJson11)
}

/// The protocol and the operation of a request to a service.
///
/// # Errors
/// The request names no operation, one that AWS does not have, or one that is not built here.
pub fn route(
    request: &RequestParts<'_>,
    service: &ServiceSchema,
) -> Result<(ProtocolKind, &'static OperationSchema), Error> {
    let kind = protocol_of(service, request);
    let operation = match kind {
        ProtocolKind::Ec2Query | ProtocolKind::AwsQuery => query::route(request, service)?,
        ProtocolKind::AwsJson10 | ProtocolKind::AwsJson11 => aws_json::route(request, service)?,
        ProtocolKind::RestXml | ProtocolKind::RestJson1 => rest::route(request, service)?,
        ProtocolKind::RpcV2Cbor => rpc_v2::route(request, service)?,
    };
    Ok((kind, operation))
}

/// An operation by its name, or the error that says why it is not here.
fn operation(
    service: &ServiceSchema,
    name: &str,
    unknown: impl FnOnce() -> Error,
) -> Result<&'static OperationSchema, Error> {
    match service.operation(name) {
        Some(operation) => Ok(operation),
        None if service.knows(name) => Err(Error::not_implemented(service.full_name, name)),
        None => Err(unknown()),
    }
}

/// The input that a request carries. It has the schema's types; its constraints are
/// [`validate`](crate::validate)'s business.
pub fn parse(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: &OperationSchema,
    request: &RequestParts<'_>,
) -> Result<Value, Error> {
    match kind {
        ProtocolKind::Ec2Query | ProtocolKind::AwsQuery => {
            query::parse(kind, service, operation, request)
        }
        ProtocolKind::AwsJson10 | ProtocolKind::AwsJson11 => aws_json::parse(operation, request),
        ProtocolKind::RestXml => rest::parse(operation, request, &rest_xml::Xml { service }),
        ProtocolKind::RestJson1 => rest::parse(operation, request, &rest_json::JsonBody),
        ProtocolKind::RpcV2Cbor => rpc_v2::parse(operation, request),
    }
}

/// A success.
pub fn render(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: &OperationSchema,
    output: Value,
    request_id: &str,
) -> Response<Bytes> {
    let answer = match kind {
        ProtocolKind::Ec2Query | ProtocolKind::AwsQuery => {
            query::render(kind, service, operation, &output, request_id)
        }
        ProtocolKind::AwsJson10 | ProtocolKind::AwsJson11 => {
            aws_json::render(kind, operation, &output)
        }
        ProtocolKind::RestXml => rest::render(operation, &output, &rest_xml::Xml { service }),
        ProtocolKind::RestJson1 => rest::render(operation, &output, &rest_json::JsonBody),
        ProtocolKind::RpcV2Cbor => rpc_v2::render(operation, &output),
    };
    answer.finish(request_id)
}

/// A failure, of an operation if the request came that far.
pub fn render_error(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: Option<&OperationSchema>,
    error: &Error,
    request_id: &str,
) -> Response<Bytes> {
    let answer = match kind {
        ProtocolKind::Ec2Query | ProtocolKind::AwsQuery => {
            query::render_error(kind, service, operation, error, request_id)
        }
        ProtocolKind::RestXml => rest_xml::render_error(service, operation, error, request_id),
        ProtocolKind::RestJson1 => rest_json::render_error(operation, error),
        ProtocolKind::RpcV2Cbor => rpc_v2::render_error(service, operation, error),
        ProtocolKind::AwsJson10 | ProtocolKind::AwsJson11 => {
            aws_json::render_error(kind, service, operation, error)
        }
    };
    answer.finish(request_id)
}

/// An answer on its way to becoming a response.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Answer {
    fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn finish(self, request_id: &str) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let id = ("x-amzn-requestid".to_owned(), request_id.to_owned());
        for (name, value) in self.headers.into_iter().chain([id]) {
            // Values come from users; one that no header can hold is left out.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// What the model says about an error that an operation gives.
fn error_schema<'a>(
    operation: Option<&'a OperationSchema>,
    error: &Error,
) -> Option<&'a crate::Schema> {
    let errors = operation?.errors;
    errors.iter().copied().find(|schema| {
        error.shape == Some(schema.name)
            || schema.name == error.code
            || schema.error.is_some_and(|how| how.code == error.code)
    })
}
