//! Services of AWS that this region does not have. Their models are not here, so a request's own
//! form tells which protocol its sender reads an error in.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use quick_xml::escape::escape;
use serde_json::json;

use crate::api::request_id;

const CODE: &str = "NotImplemented";

/// Refuses a call of `service`, given by its signing name, and names what was called.
pub(crate) fn refuse(service: &str, parts: &Parts, body: &[u8]) -> Response<Bytes> {
    let id = request_id();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let content = header("content-type");
    let asked = |operation: &str| {
        format!(
            "Terrella does not have the service {service}, so the operation {operation} is not there; see docs/differences.md."
        )
    };
    if content.starts_with("application/x-www-form-urlencoded") {
        let form = parts.uri.query().unwrap_or_default();
        let action = action(body)
            .or_else(|| action(form.as_bytes()))
            .unwrap_or_default();
        return answer("text/xml", &id, envelope(&asked(&action), &id));
    }
    if header("smithy-protocol") == "rpc-v2-cbor" {
        let operation = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let mut response = answer("application/cbor", &id, cbor(&asked(operation)));
        response.headers_mut().insert(
            HeaderName::from_static("smithy-protocol"),
            HeaderValue::from_static("rpc-v2-cbor"),
        );
        return response;
    }
    let target = header("x-amz-target");
    if target.is_empty() && matches!(service, "cloudfront" | "route53") {
        let operation = format!("{} {}", parts.method, parts.uri.path());
        return answer("text/xml", &id, envelope(&asked(&operation), &id));
    }
    let operation = match target.rsplit('.').next() {
        Some(operation) if !operation.is_empty() => operation.to_owned(),
        _ => format!("{} {}", parts.method, parts.uri.path()),
    };
    let body = json!({"__type": CODE, "message": asked(&operation)}).to_string();
    let content = if content.starts_with("application/x-amz-json") {
        content
    } else {
        "application/json"
    };
    let mut response = answer(content, &id, body.into_bytes());
    response.headers_mut().insert(
        HeaderName::from_static("x-amzn-errortype"),
        HeaderValue::from_static(CODE),
    );
    response
}

/// The action that a form names.
fn action(form: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(form).ok()?;
    let value = text
        .split('&')
        .find_map(|pair| pair.strip_prefix("Action="))?;
    Some(
        percent_encoding::percent_decode_str(value)
            .decode_utf8_lossy()
            .into_owned(),
    )
}

fn envelope(message: &str, id: &str) -> Vec<u8> {
    let message = escape(message);
    format!(
        "<ErrorResponse><Error><Type>Receiver</Type><Code>{CODE}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    )
    .into_bytes()
}

/// A map of two texts.
fn cbor(message: &str) -> Vec<u8> {
    let mut bytes = vec![0xa2];
    for text in ["__type", CODE, "message", message] {
        // Major type 3: a text, with its length in four bytes.
        bytes.push(0x7a);
        bytes.extend(u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn answer(content: &str, id: &str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    let headers = response.headers_mut();
    if let Ok(content) = HeaderValue::from_str(content) {
        headers.insert(CONTENT_TYPE, content);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}
