//! A read replica, and how far behind the writer it is known to be.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{DatabaseError, Pool, Position};
use crate::logs::Chain;

/// How often writer and replica are compared.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

const WRITER_POSITION: &str = "select (pg_current_wal_insert_lsn() - '0/0')::bigint";
/// A server that is no replica (any more) is behind nobody.
const REPLICA_POSITION: &str = "select case when pg_is_in_recovery() \
    then (pg_last_wal_replay_lsn() - '0/0')::bigint else 9223372036854775807 end";

pub(super) struct Replica {
    pub(super) pool: Pool,
    max_lag: Duration,
    lag: Mutex<Lag>,
    /// What the replica is known to have; zero while it must not be used.
    has: AtomicU64,
}

/// The writer's position at past moments, oldest first: the newest that the replica has reached says how far behind it
/// is, in time. Its own clock and the time of its last transaction do not: both say little while nothing is written.
#[derive(Debug, Default)]
struct Lag {
    samples: VecDeque<(Instant, Position)>,
}

impl Replica {
    pub(super) fn new(pool: Pool, max_lag: Duration) -> Self {
        Self {
            pool,
            max_lag,
            lag: Mutex::default(),
            has: AtomicU64::new(0),
        }
    }

    /// Whether it may be read by someone who must see all up to `after`.
    pub(super) fn has(&self, after: Position) -> bool {
        let has = self.has.load(Ordering::Acquire);
        has > 0 && has >= after.0
    }

    /// Nobody reads it until it has been looked at again.
    pub(super) fn distrust(&self) {
        self.has.store(0, Ordering::Release);
    }

    /// Compares the two servers once.
    pub(super) async fn compare(&self, writer: &Pool) {
        match self.measure(writer).await {
            Ok((has, lag)) if lag <= self.max_lag => {
                let before = self.has.swap(has.0, Ordering::AcqRel);
                if before == 0 {
                    tracing::info!(?lag, "the replica is read");
                }
            }
            Ok((_, lag)) => self.leave(&format_args!("it is {lag:?} behind or more")),
            Err(error) => self.leave(&format_args!("{}", Chain(&error))),
        }
    }

    fn leave(&self, why: &dyn std::fmt::Display) {
        if self.has.swap(0, Ordering::AcqRel) > 0 {
            tracing::warn!(%why, "the replica is not read; the writer answers instead");
        }
    }

    async fn measure(&self, writer: &Pool) -> Result<(Position, Duration), DatabaseError> {
        let asked = Instant::now();
        let written = position(writer, WRITER_POSITION).await?;
        let has = position(&self.pool, REPLICA_POSITION).await?;
        let mut lag = self.lag.lock().expect("no holder panics");
        lag.samples.push_back((asked, written));
        Ok((has, lag.behind(has, self.max_lag, Instant::now())))
    }
}

impl Lag {
    /// How far behind a replica is that has replayed up to `has`, at most.
    fn behind(&mut self, has: Position, max_lag: Duration, now: Instant) -> Duration {
        let reached = self
            .samples
            .iter()
            .rev()
            .find(|(_, written)| *written <= has)
            .map(|(when, _)| *when);
        // A replica that has reached only what is older than all these is too far behind, by however much.
        let oldest = max_lag + INTERVAL * 4;
        while self
            .samples
            .front()
            .is_some_and(|(when, _)| now - *when > oldest)
        {
            self.samples.pop_front();
        }
        reached.map_or(Duration::MAX, |reached| now - reached)
    }
}

async fn position(pool: &Pool, sql: &'static str) -> Result<Position, DatabaseError> {
    let rows: Vec<(i64,)> = pool.read(|| sqlx::query_as(sql)).await?;
    Ok(Position(rows.first().map_or(0, |(at,)| at.cast_unsigned())))
}

/// Where the writer's log ends now: all that is committed comes before.
pub(super) async fn written(writer: &Pool) -> Result<Position, DatabaseError> {
    position(writer, WRITER_POSITION).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_the_age_of_the_newest_sample_that_was_reached() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let mut lag = Lag::default();
        for (ms, written) in [(0, 100), (250, 200), (500, 200), (750, 300)] {
            lag.samples.push_back((at(ms), Position(written)));
        }
        let max = Duration::from_secs(1);
        let mut behind = |has| lag.behind(Position(has), max, at(800));
        assert_eq!(behind(300), Duration::from_millis(50));
        assert_eq!(behind(250), Duration::from_millis(300));
        assert_eq!(behind(100), Duration::from_millis(800));
        assert_eq!(behind(99), Duration::MAX);
    }

    #[test]
    fn a_replica_that_stands_still_falls_behind_and_samples_stay_few() {
        let begin = Instant::now();
        let mut lag = Lag::default();
        let max = Duration::from_secs(1);
        let mut last = Duration::ZERO;
        for tick in 0..1000_u64 {
            let now = begin + INTERVAL * u32::try_from(tick).unwrap();
            lag.samples.push_back((now, Position(100 + tick)));
            last = lag.behind(Position(100), max, now);
        }
        assert!(last > max, "{last:?}");
        assert!(lag.samples.len() < 20, "{}", lag.samples.len());
    }
}
