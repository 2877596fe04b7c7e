//! `/drill`: misbehaves on request, to see how alarms, scaling and balancers take it. Only with `LINKS_DRILLS=1`.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::problem::Problem;

/// So that no drill outlasts who began it by much.
const LONGEST: Duration = Duration::from_mins(10);

/// The failures that are wanted now.
#[derive(Default)]
pub(super) struct Drill {
    enabled: bool,
    failing: Mutex<Option<Failing>>,
}

#[derive(Clone, Copy)]
struct Failing {
    rate: f64,
    status: StatusCode,
    until: Instant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BurnQuery {
    /// How long.
    ms: u64,
    /// On how many threads.
    #[serde(default = "one")]
    threads: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailQuery {
    /// Of all requests, from 0 (none, which ends the drill) to 1.
    rate: f64,
    #[serde(default = "internal_server_error")]
    status: u16,
    #[serde(default = "minute")]
    seconds: u64,
}

fn one() -> usize {
    1
}

fn internal_server_error() -> u16 {
    500
}

fn minute() -> u64 {
    60
}

impl Drill {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            failing: Mutex::default(),
        }
    }

    /// Whether this request is to fail. Health checks and drills do not.
    pub(super) fn failure(&self, route: &str) -> Option<StatusCode> {
        if matches!(route, "health" | "drill") {
            return None;
        }
        let wanted = self.wanted()?;
        rand::random_bool(wanted.rate).then_some(wanted.status)
    }

    /// Whether some requests are to fail.
    pub(super) fn is_failing(&self) -> bool {
        self.wanted().is_some()
    }

    fn wanted(&self) -> Option<Failing> {
        if !self.enabled {
            return None;
        }
        let mut failing = self.failing.lock().expect("no holder panics");
        let now = Instant::now();
        failing.take_if(|failing| failing.until <= now);
        *failing
    }

    fn allowed(&self) -> Result<(), Problem> {
        if self.enabled {
            Ok(())
        } else {
            Err(Problem::forbidden(
                "drills are off: start the service with LINKS_DRILLS=1",
            ))
        }
    }
}

/// `POST /drill/burn?ms=…`: keeps processors busy, and answers when that is over.
pub(super) async fn burn(
    State(app): State<App>,
    query: Result<Query<BurnQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    const MOST_THREADS: usize = 64;
    app.drill.allowed()?;
    let Query(BurnQuery { ms, threads }) = query?;
    let span = Duration::from_millis(ms);
    if span > LONGEST || !(1..=MOST_THREADS).contains(&threads) {
        return Err(Problem::bad_request(format!(
            "ms must be at most {}, threads 1 to {MOST_THREADS}",
            LONGEST.as_millis()
        )));
    }
    tracing::warn!(ms, threads, "drill: burning");
    let burning: Vec<_> = (0..threads)
        .map(|_| {
            tokio::task::spawn_blocking(move || {
                let end = Instant::now() + span;
                let mut spins = 0_u64;
                while Instant::now() < end {
                    spins = black_box(spins.wrapping_add(1));
                }
            })
        })
        .collect();
    for thread in burning {
        thread
            .await
            .map_err(|_| Problem::unavailable("the process is stopping"))?;
    }
    Ok(Json(json!({ "ms": ms, "threads": threads })))
}

/// `POST /drill/fail?rate=…`: lets a part of all requests fail for a while.
pub(super) async fn fail(
    State(app): State<App>,
    query: Result<Query<FailQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    app.drill.allowed()?;
    let Query(FailQuery {
        rate,
        status,
        seconds,
    }) = query?;
    let code = StatusCode::from_u16(status)
        .ok()
        .filter(StatusCode::is_server_error);
    let (true, Some(code)) = (
        (0.0..=1.0).contains(&rate) && seconds <= LONGEST.as_secs(),
        code,
    ) else {
        return Err(Problem::bad_request(format!(
            "rate must be 0 to 1, status 500 to 599, seconds at most {}",
            LONGEST.as_secs()
        )));
    };
    tracing::warn!(rate, status, seconds, "drill: failing");
    let failing = Failing {
        rate,
        status: code,
        until: Instant::now() + Duration::from_secs(seconds),
    };
    *app.drill.failing.lock().expect("no holder panics") = (rate > 0.0).then_some(failing);
    Ok(Json(
        json!({ "rate": rate, "status": status, "seconds": seconds }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_only_while_it_is_wanted() {
        let set = |drill: &Drill, until| {
            *drill.failing.lock().unwrap() = Some(Failing {
                rate: 1.0,
                status: StatusCode::BAD_GATEWAY,
                until,
            });
        };
        let now = Instant::now();
        let later = now + Duration::from_mins(1);
        let drill = Drill::new(true);
        assert_eq!(drill.failure("redirect"), None);
        set(&drill, later);
        assert_eq!(drill.failure("redirect"), Some(StatusCode::BAD_GATEWAY));
        assert!(drill.is_failing());
        assert_eq!(drill.failure("health"), None);
        set(&drill, now);
        assert_eq!(drill.failure("redirect"), None);
        assert!(drill.failing.lock().unwrap().is_none());
        let off = Drill::new(false);
        set(&off, later);
        assert_eq!(off.failure("redirect"), None);
    }
}
