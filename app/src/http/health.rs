//! What the platform asks: is the process alive, should it get requests, and what has it counted.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use tokio::time::timeout;

use super::App;
use super::problem::Problem;
use crate::lifecycle::Phase;
use crate::logs::Chain;
use crate::telemetry::metrics;

/// Shorter than any balancer's own patience, so that the answer says what is wrong.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Says nothing about the database: restarting the process would not mend that.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// The database answers, a connection to it can be had, and nobody asked to stop. Caches and replica may be away.
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    match app.lifecycle.phase() {
        Phase::Starting => return Err(Problem::unavailable("starting")),
        Phase::Draining => return Err(Problem::unavailable("stopping")),
        Phase::Serving => {}
    }
    match timeout(READY_TIMEOUT, app.database.check()).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(error = %Chain(&error), "not ready");
            Err(Problem::unavailable("the database does not answer"))
        }
        Err(_) => {
            tracing::warn!(limit = ?READY_TIMEOUT, "not ready: the database is slow");
            Err(Problem::unavailable("the database does not answer in time"))
        }
    }
}

/// For Prometheus, which asks each task itself. What comes through a balancer comes from outside.
pub(super) async fn numbers(State(app): State<App>, headers: HeaderMap) -> Response {
    if headers.contains_key("x-forwarded-for") {
        return Problem::not_found("there is nothing at this path").into_response();
    }
    app.measure();
    match metrics().text() {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written down");
            Problem::unavailable("metrics cannot be written down").into_response()
        }
    }
}

impl App {
    /// Brings the gauges up to date.
    pub fn measure(&self) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (open, idle) = self.database.size();
        metrics().database_open.set(open.into());
        metrics().database_idle.set(number(idle as u64));
        metrics().cache_bytes.set(number(self.routes.bytes()));
    }
}
