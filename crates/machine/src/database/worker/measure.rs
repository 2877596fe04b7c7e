//! What a database uses: of its control group, and by what its server counts.

use std::time::Instant;

use jiff::Timestamp;
use world::Event;
use world::database::Role;
use world::event::DatabasePhase;
use world::measure::{DatabaseRates, DatabaseUsage, Measured};

use super::Worker;
use crate::database::server::group_name;
use crate::error::chain;
use crate::task::cgroup::{self, Group};

/// PostgreSQL's page.
const PAGE: f64 = 8192.0;
/// Whatever stands for itself: connections of clients, bytes of databases and log, pages
/// read and bytes of log written since the server began, the oldest transaction id's age, and how
/// far a replica is behind. A replica that has played all it got is not behind.
const QUESTION: &str = "select
  (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and usename <> current_user),
  (select coalesce(sum(pg_database_size(oid)), 0)::bigint from pg_database),
  (select coalesce(sum(size), 0)::bigint from pg_ls_waldir()),
  (select coalesce(sum(blks_read), 0)::bigint from pg_stat_database),
  (select coalesce(sum(wal_bytes), 0)::bigint from pg_stat_wal),
  (select coalesce(max(age(datfrozenxid)), 0)::bigint from pg_database),
  case when not pg_is_in_recovery() or pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
       else coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0) end;";

#[derive(Debug, Default)]
pub(super) struct Meter {
    group: cgroup::Meter,
    counted: Option<(Instant, Counted)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Counted {
    reads: f64,
    log_bytes: f64,
}

/// What the server answers to [`QUESTION`].
#[derive(Debug, Clone, Copy, PartialEq)]
struct Answer {
    connections: u64,
    database_bytes: u64,
    log_bytes: u64,
    transaction_ids: u64,
    lag: f64,
    counted: Counted,
}

impl Answer {
    fn read(line: &str) -> Option<Self> {
        let numbers: Vec<f64> = line
            .split('|')
            .map(|text| text.trim().parse().ok())
            .collect::<Option<_>>()?;
        let [connections, databases, log, reads, log_bytes, age, lag] = numbers[..] else {
            return None;
        };
        Some(Self {
            connections: whole(connections),
            database_bytes: whole(databases),
            log_bytes: whole(log),
            transaction_ids: whole(age),
            lag: lag.max(0.0),
            counted: Counted { reads, log_bytes },
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and bytes, far below where a float is not exact"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

/// What was counted in a time as rates; `None` if the server counts anew.
fn rates(then: Counted, now: Counted, seconds: f64) -> Option<DatabaseRates> {
    let rate = |now: f64, then: f64| (seconds > 0.0 && now >= then).then(|| (now - then) / seconds);
    let reads = rate(now.reads, then.reads)?;
    let write_bytes = rate(now.log_bytes, then.log_bytes)?;
    Some(DatabaseRates {
        reads,
        writes: write_bytes / PAGE,
        read_bytes: reads * PAGE,
        write_bytes,
    })
}

impl Worker {
    /// Says what the database uses, if it answers.
    pub(super) fn measure(&mut self, at: Timestamp) {
        if self.phase != DatabasePhase::Available {
            return;
        }
        let place = self.state.active;
        let group = Group::find(&self.host.region_name(), &group_name(&self.id, place));
        let Some(usage) = self.meter.group.read(&group) else {
            return;
        };
        let port = self.state.port;
        let answer = match self.active().sql(port, "postgres", QUESTION) {
            Ok(lines) => lines.first().and_then(|line| Answer::read(line)),
            Err(failure) => {
                tracing::debug!(database = %self.id, error = chain(&failure), "it cannot be measured");
                None
            }
        };
        let Some(answer) = answer else { return };
        let now = Instant::now();
        let rates = self
            .meter
            .counted
            .and_then(|(then, before)| rates(before, answer.counted, (now - then).as_secs_f64()));
        self.meter.counted = Some((now, answer.counted));
        let replica = self
            .wanted
            .as_ref()
            .is_some_and(|wanted| matches!(wanted.role, Role::Replica { .. }));
        let mut measured = Measured::new(at);
        measured.databases.insert(
            self.id.clone(),
            DatabaseUsage {
                usage,
                connections: answer.connections,
                storage_bytes: answer.database_bytes + answer.log_bytes,
                transaction_log_bytes: answer.log_bytes,
                rates,
                replica_lag: replica.then_some(answer.lag),
                transaction_ids: answer.transaction_ids,
            },
        );
        self.host.tell(Event::Measured(Box::new(measured)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_rates_follow() {
        let answer = Answer::read("3|8000000|16777216|120|4096|731|0.25").expect("an answer");
        assert_eq!((answer.connections, answer.transaction_ids), (3, 731));
        assert_eq!(answer.lag.to_string(), "0.25");
        let later = Counted {
            reads: 180.0,
            log_bytes: 4096.0 + 60.0 * 16_384.0,
        };
        let rates = rates(answer.counted, later, 60.0).expect("it counted on");
        assert_eq!(
            (
                rates.reads,
                rates.writes,
                rates.read_bytes,
                rates.write_bytes
            ),
            (1.0, 2.0, 8192.0, 16_384.0)
        );
        assert_eq!(super::rates(later, answer.counted, 60.0), None);
        assert_eq!(Answer::read("3|x"), None);
    }
}
