//! What happens to every request around its handler.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::time::timeout;
use tracing::Instrument;

use super::App;
use super::problem::Problem;
use crate::lifecycle::Phase;

const MAX_TRACE_ID: usize = 256;

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Outermost: one line per request, and the balancer's trace id on every line written for it.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let trace_id = trace_id(request.headers()).to_owned();
    let span = tracing::info_span!("request", trace_id);
    let method = request.method().clone();
    // Without the query, where people put secrets.
    let path = request.uri().path().to_owned();
    let begun = Instant::now();
    async move {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let ms = begun.elapsed().as_secs_f64() * 1000.0;
        if path.starts_with("/health/") && status < 500 {
            tracing::debug!(%method, path, status, ms, "answered");
        } else {
            tracing::info!(%method, path, status, ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// Headers that every answer carries.
pub(super) async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let https = request
        .headers()
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto == "https");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
    }
    if app.lifecycle.phase() == Phase::Draining {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Bounds how many requests are worked on and for how long. One too many is told so at once: a queue would only make
/// everyone late.
pub(super) async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_slot) = app.slots.try_acquire() else {
        return Problem::unavailable("too many requests at once; try again").into_response();
    };
    match timeout(app.config.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the request took too long; try again").into_response(),
    }
}

/// What the balancer wrote, or nothing when there is none in front.
fn trace_id(headers: &HeaderMap) -> &str {
    headers
        .get("x-amzn-trace-id")
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.len() <= MAX_TRACE_ID)
        .unwrap_or_default()
}
