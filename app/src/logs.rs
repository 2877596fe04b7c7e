//! Logs as JSON lines on standard output, where the platform collects them.

use std::error::Error;
use std::fmt;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::telemetry::traces::Traces;

/// The driver repeats the server's notices, such as that a table is already there.
const DEFAULT_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// `LOG` chooses what is written, in `tracing`'s filter syntax. Requests' spans also become traces, if any are sent.
pub fn start(traces: Option<&Traces>) {
    let filter = EnvFilter::try_from_env("LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_filter(filter);
    let spans = traces.map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer())
            .with_filter(EnvFilter::new("off,links=info"))
    });
    tracing_subscriber::registry().with(log).with(spans).init();
}

/// An error and its causes on one line.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut shown = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat the cause in their own message.
            if !shown.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            shown = text;
            cause = error.source();
        }
        Ok(())
    }
}
