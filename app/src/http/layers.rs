//! What happens to every request around its handler.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::time::timeout;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::App;
use super::page;
use super::problem::Problem;
use crate::lifecycle::Phase;
use crate::telemetry::{metrics, traces};

const MAX_TRACE_ID: usize = 256;

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
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

/// Outermost: counts, logs and traces each request under the balancer's trace id, and finishes its answer.
pub(super) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let span = span(&app, &request);
    let begun = Instant::now();
    let method = request.method().clone();
    // Without the query, where people put secrets.
    let path = request.uri().path().to_owned();
    let route = route_of(&path);
    let https = is_https(request.headers());
    let as_page = wants_page(request.headers(), route);
    async move {
        let mut response = match app.drill.failure(route) {
            Some(status) => {
                metrics().refused("drill");
                Problem::drill(status).into_response()
            }
            None => next.run(request).await,
        };
        if as_page && let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response = page::problem(&problem, response);
        }
        finish(&app, https, &mut response);
        let status = response.status();
        let took = begun.elapsed();
        metrics().request(route, status.as_u16(), took);
        if app.tracing {
            let status = i64::from(status.as_u16());
            Span::current().set_attribute("http.response.status_code", status);
        }
        let ms = took.as_secs_f64() * 1000.0;
        let status = status.as_u16();
        // The balancer's access log has every redirect; ours would only repeat it, and cost more than the redirect.
        if status < 400 && matches!(route, "redirect" | "health") {
            tracing::debug!(%method, path, status, ms, "answered");
        } else {
            tracing::info!(%method, path, status, ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

fn span(app: &App, request: &Request) -> Span {
    let trace_id = trace_id(request.headers());
    let span = tracing::info_span!("request", trace_id);
    if app.tracing {
        if let Some(parent) = traces::parent(request.headers()) {
            // Only a span that was begun already refuses its parent, and this one was not.
            let _ = span.set_parent(parent);
        }
        span.set_attribute("otel.kind", "server");
        span.set_attribute("http.request.method", request.method().to_string());
        span.set_attribute("url.path", request.uri().path().to_owned());
    }
    span
}

/// Headers that every answer carries.
pub(super) fn finish(app: &App, https: bool, response: &mut Response) {
    let headers = response.headers_mut();
    headers.reserve(SECURITY_HEADERS.len() + 1);
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
    }
    if app.lifecycle.phase() == Phase::Draining {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Whether the balancer was asked by TLS.
pub(super) fn is_https(headers: &HeaderMap) -> bool {
    headers
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto == "https")
}

/// Bounds how many requests are worked on and for how long. One too many is told so at once: a queue would only make
/// everyone late.
pub(super) async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_slot) = app.slots.try_acquire() else {
        metrics().refused("overload");
        return Problem::overloaded().into_response();
    };
    match timeout(app.config.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the request took too long; try again").into_response(),
    }
}

/// Before there is a database with our tables, and when it is about to go, nothing that needs it is begun.
pub(super) async fn ready(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.lifecycle.phase() == Phase::Starting {
        return Problem::unavailable("starting").into_response();
    }
    next.run(request).await
}

/// By what a request is counted.
fn route_of(path: &str) -> &'static str {
    let mut segments = path.split('/').skip(1);
    match (segments.next().unwrap_or_default(), segments.next()) {
        ("", None) | ("links" | "sign-in" | "sign-out" | "docs", _) => "page",
        ("api" | "openapi.json", _) => "api",
        ("assets", _) => "asset",
        ("health" | "metrics", _) => "health",
        ("drill", _) => "drill",
        (_, None) => "redirect",
        _ => "other",
    }
}

/// Whether a problem is better told to a person.
fn wants_page(headers: &HeaderMap, route: &str) -> bool {
    matches!(route, "page" | "redirect" | "other")
        && headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
}

/// What the balancer wrote, or nothing when there is none in front.
fn trace_id(headers: &HeaderMap) -> &str {
    headers
        .get("x-amzn-trace-id")
        .and_then(|value| value.to_str().ok())
        .filter(|value| value.len() <= MAX_TRACE_ID)
        .unwrap_or_default()
}
