//! Traces, sent by OTLP over HTTP when an endpoint is set, under the trace id that the balancer gave.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use url::Url;

const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends traces until it is finished.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Must be called inside the runtime, which also does the sending.
    pub fn start(endpoint: &Url, service_name: &str) -> anyhow::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("read the certificate authorities for the traces' endpoint")?
            .https_or_http()
            .enable_http1()
            .build();
        let sender = Sender {
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime: Handle::current(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_endpoint(endpoint.as_str())
            .with_timeout(SEND_TIMEOUT)
            .build()
            .context("set up the sending of traces")?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", service_name.to_owned()),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(provider))
    }

    pub fn tracer(&self) -> SdkTracer {
        self.0.tracer("links")
    }

    /// Sends what is left.
    pub async fn finish(self) {
        // It blocks, and needs the runtime meanwhile.
        let finished = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if let Ok(Err(error)) = finished {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The trace that a request belongs to: W3C's `traceparent`, or what an AWS balancer writes. A balancer names no span,
/// so the trace id's own end stands for its.
pub fn parent(headers: &HeaderMap) -> Option<Context> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (trace, span) = text("traceparent")
        .and_then(w3c)
        .or_else(|| text("x-amzn-trace-id").and_then(amazon))?;
    let span = SpanContext::new(
        trace,
        span,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    span.is_valid()
        .then(|| Context::new().with_remote_span_context(span))
}

/// `00-<trace>-<span>-<flags>` (W3C Trace Context, section 3.2).
fn w3c(value: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = value.split('-');
    let version = parts
        .next()
        .filter(|version| version.len() == 2 && *version != "ff")?;
    let trace = parts.next().filter(|trace| trace.len() == 32)?;
    let span = parts.next().filter(|span| span.len() == 16)?;
    let rest = parts.next().is_some() && (version != "00" || parts.next().is_none());
    rest.then_some((TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?))
}

/// `Root=1-<8 digits>-<24 digits>[;Parent=<16 digits>]`, in any order, among other fields.
fn amazon(value: &str) -> Option<(TraceId, SpanId)> {
    let field = |name: &str| {
        value
            .split(';')
            .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let (time, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
    (time.len() == 8 && rest.len() == 24).then_some(())?;
    let trace = TraceId::from_hex(&format!("{time}{rest}")).ok()?;
    let span = field("Parent").or_else(|| rest.get(8..))?;
    Some((trace, SpanId::from_hex(span).ok()?))
}

/// The SDK exports from a thread of its own; the requests run in our runtime.
#[derive(Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let answer = client.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        });
        sending.await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace_of(name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let context = parent(&headers)?;
        Some(context.span().span_context().trace_id().to_string())
    }

    #[test]
    fn a_request_says_which_trace_it_belongs_to() {
        let id = "67891233abcdef012345678912345678";
        let amazon =
            "Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678";
        assert_eq!(trace_of("x-amzn-trace-id", amazon).as_deref(), Some(id));
        let w3c = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(trace_of("traceparent", &w3c).as_deref(), Some(id));
        for bad in [
            "",
            "Root=1-67891233",
            "Root=2-67891233-abcdef012345678912345678",
            "Root=1-é-x",
        ] {
            assert_eq!(trace_of("x-amzn-trace-id", bad), None, "{bad:?}");
        }
        let zero = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        for bad in ["", "00-1-2-3", zero.as_str(), "zz"] {
            assert_eq!(trace_of("traceparent", bad), None, "{bad:?}");
        }
    }
}
