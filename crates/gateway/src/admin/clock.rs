//! `/_terrella/clock`: what time it is in the region, and moving it.
//!
//! `GET` tells it. `POST` takes one of `{"rate": 60}`, `{"jump_seconds": 36000}` and
//! `{"jump_to": "2026-01-05T18:00:00Z"}`, and tells it as it is then.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Engine, Jumped, TimeError};
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer;

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Rate(u32),
    JumpSeconds(i64),
    JumpTo(Timestamp),
}

/// The region's time. After a jump also `stops`, how many instants something was done at on its way,
/// and `unfinished`, what the world had not done by then.
pub(super) fn told(engine: &Engine, jumped: Option<Jumped>) -> Value {
    let clock = engine.clock();
    let (now, wall) = (clock.now(), clock.wall());
    let mut told = json!({
        "now": now.to_string(),
        "wall": wall.to_string(),
        "ahead_seconds": now.duration_since(wall).as_secs(),
        "rate": clock.rate(),
    });
    if let Some(Jumped { stops, unfinished }) = jumped {
        told["stops"] = json!(stops);
        told["unfinished"] = json!(unfinished);
    }
    told
}

pub(super) async fn change(engine: &Arc<Engine>, body: &[u8]) -> Response<Bytes> {
    let change: Change = match serde_json::from_slice(body) {
        Ok(change) => change,
        Err(error) => {
            return answer(
                StatusCode::BAD_REQUEST,
                &json!({"error": format!("one of rate, jump_seconds and jump_to is taken: {error}")}),
            );
        }
    };
    let acting = Arc::clone(engine);
    match tokio::task::spawn_blocking(move || apply(&acting, &change)).await {
        Ok(Ok(jumped)) => answer(StatusCode::OK, &told(engine, jumped)),
        Ok(Err(error @ TimeError::Clock(_))) => answer(
            StatusCode::BAD_REQUEST,
            &json!({"error": error.to_string()}),
        ),
        Ok(Err(error)) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": error.to_string()}),
        ),
        Err(error) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": error.to_string()}),
        ),
    }
}

fn apply(engine: &Engine, change: &Change) -> Result<Option<Jumped>, TimeError> {
    match change {
        Change::Rate(rate) => engine.set_rate(*rate).map(|()| None),
        Change::JumpSeconds(seconds) => {
            let to = engine
                .clock()
                .now()
                .checked_add(SignedDuration::from_secs(*seconds))
                .map_err(|_| engine::ClockError::Jump)?;
            engine.jump(to).map(Some)
        }
        Change::JumpTo(to) => engine.jump(*to).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_is_read_at_a_time() {
        let read = |text: &str| serde_json::from_str::<Change>(text).ok();
        assert_eq!(read(r#"{"rate": 60}"#), Some(Change::Rate(60)));
        assert_eq!(
            read(r#"{"jump_seconds": 36000}"#),
            Some(Change::JumpSeconds(36_000))
        );
        assert!(matches!(
            read(r#"{"jump_to": "2026-01-05T18:00:00Z"}"#),
            Some(Change::JumpTo(_))
        ));
        for bad in [
            "",
            "{}",
            r#"{"rate": -1}"#,
            r#"{"rate": 2, "jump_seconds": 1}"#,
            r#"{"jump_to": "monday"}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
