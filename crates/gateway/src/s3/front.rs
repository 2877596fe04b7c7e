//! What surrounds `s3s`: the rules of temporary keys before it, and after it what AWS adds to each
//! answer.

use bytes::Bytes;
use engine::Engine;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use quick_xml::escape::escape;
use wire::Error;

use crate::keys;
use crate::patience::Watched;
use crate::server::{Body, Gateway, whole};
use crate::sigv4::{Claim, Signed};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

impl Gateway {
    /// Answers one request to S3.
    pub(crate) async fn store(&self, parts: Parts, body: Watched) -> Response<Body> {
        let told = Told::of(&parts);
        let response = match check(self.engine(), &parts) {
            Err(error) => whole(page(&error)),
            Ok(()) => match self.s3().call(streamed(parts, body)).await {
                Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                Err(error) => {
                    tracing::warn!(error = ?error, "an S3 request failed");
                    whole(page(&Error::internal(
                        "We encountered an internal error. Please try again.",
                    )))
                }
            },
        };
        told.add_to(response).await
    }
}

fn streamed(parts: Parts, body: Watched) -> Request<s3s::Body> {
    Request::from_parts(parts, s3s::Body::http_body_unsync(body))
}

/// What `s3s` does not look at: whether a key's session is the one it was given for, and for how
/// long a signed address may be good. All else that is wrong with a signature is left to it.
fn check(engine: &Engine, parts: &Parts) -> Result<(), Error> {
    let signed = Signed {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: b"",
    };
    let claim = match Claim::of(&signed) {
        Some(Ok(claim)) => claim,
        Some(Err(error)) if error.code == "AuthorizationQueryParametersError" => return Err(error),
        _ => return Ok(()),
    };
    let Some(key) = keys::find(engine, &claim.access_key) else {
        return Ok(());
    };
    if key.expired {
        return Err(Error::new(
            "ExpiredToken",
            400,
            "The provided token has expired.",
        ));
    }
    if key.session_token.is_some() && key.session_token != claim.session_token {
        return Err(Error::new(
            "InvalidToken",
            400,
            "The provided token is malformed or otherwise invalid.",
        ));
    }
    Ok(())
}

/// What an answer says of its request.
struct Told {
    request_id: String,
    host_id: String,
    resource: String,
    /// The header whose condition a 412 is about.
    condition: Option<&'static str>,
}

impl Told {
    fn of(parts: &Parts) -> Self {
        let read = matches!(parts.method, Method::GET | Method::HEAD);
        // In the order in which they are looked at.
        let conditions: &[&str] = if read {
            &["If-Match", "If-Unmodified-Since"]
        } else {
            &[
                "x-amz-copy-source-If-Match",
                "x-amz-copy-source-If-None-Match",
                "x-amz-copy-source-If-Unmodified-Since",
                "x-amz-copy-source-If-Modified-Since",
                "If-None-Match",
                "If-Match",
            ]
        };
        Self {
            request_id: format!("{:016X}", rand::random::<u64>()),
            host_id: crate::s3::bytes::base64(&rand::random::<[u8; 32]>()),
            resource: parts.uri.path().to_owned(),
            condition: conditions
                .iter()
                .find(|name| parts.headers.contains_key(**name))
                .copied(),
        }
    }

    async fn add_to(self, response: Response<Body>) -> Response<Body> {
        let failed = response.status().is_client_error() || response.status().is_server_error();
        let mut response = if failed && is_xml(&response) {
            self.explain(response).await
        } else {
            response
        };
        let ids = [(REQUEST_ID, self.request_id), (HOST_ID, self.host_id)];
        for (name, id) in ids {
            if let Ok(id) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(name, id);
            }
        }
        response
    }

    /// Adds to an error's page what it is about.
    async fn explain(&self, response: Response<Body>) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        // It was made here, so it is short.
        let Ok(body) = body.collect().await else {
            return whole(page(&Error::internal(
                "We encountered an internal error. Please try again.",
            )));
        };
        let body = body.to_bytes();
        let mut text = String::from_utf8_lossy(&body).into_owned();
        if let Some(end) = text.rfind("</Error>") {
            let condition = self
                .condition
                .filter(|_| head.status == StatusCode::PRECONDITION_FAILED)
                .map(|name| format!("<Condition>{name}</Condition>"))
                .unwrap_or_default();
            let more = format!(
                "{condition}<Resource>{}</Resource><RequestId>{}</RequestId><HostId>{}</HostId>",
                escape(self.resource.as_str()),
                self.request_id,
                self.host_id
            );
            text.insert_str(end, &more);
        }
        head.headers.remove(CONTENT_LENGTH);
        whole(Response::from_parts(head, Bytes::from(text)))
    }
}

fn is_xml(response: &Response<Body>) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|content| content == "application/xml")
}

/// An error as S3 writes it.
fn page(error: &Error) -> Response<Bytes> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
        escape(error.code.as_ref()),
        escape(error.message.as_str())
    );
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
