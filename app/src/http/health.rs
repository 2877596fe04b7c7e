//! What the platform asks: is the process alive, and should it get requests.

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use tokio::time::timeout;

use super::App;
use super::problem::Problem;
use crate::lifecycle::Phase;
use crate::logs::Chain;

/// Shorter than any balancer's own patience, so that the answer says what is wrong.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Says nothing about the database: restarting the process would not mend that.
pub(super) async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

pub(super) async fn ready(State(app): State<App>) -> Result<StatusCode, Problem> {
    match app.lifecycle.phase() {
        Phase::Starting => return Err(Problem::unavailable("starting")),
        Phase::Draining => return Err(Problem::unavailable("stopping")),
        Phase::Serving => {}
    }
    match timeout(READY_TIMEOUT, app.database.check()).await {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT),
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
