//! Writes batches of clicks, one after the other.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Clicks;
use super::pending::{OTHER_REFERRERS, Rows};
use crate::database::{Database, DatabaseError};
use crate::logs::Chain;
use crate::telemetry::metrics;

/// Links in one batch.
const BATCH: usize = 5000;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// No row: this batch is already there.
const CLAIM: &str = "insert into click_batches (writer, batch) values ($1, $2) \
    on conflict (writer) do update set batch = excluded.batch, written_at = now() \
    where click_batches.batch < excluded.batch returning batch";
/// Clicks of links that were deleted meanwhile go with them.
const HOURS: &str = "insert into clicks_hourly (slug, hour, clicks) \
    select new.slug, to_timestamp(new.hour), new.clicks \
    from unnest($1::text[], $2::bigint[], $3::bigint[]) as new (slug, hour, clicks) \
    where exists (select from links where links.slug = new.slug) order by 1, 2 \
    on conflict (slug, hour) do update set clicks = clicks_hourly.clicks + excluded.clicks";
/// A link that has very many referrers on a day gets no new ones.
const REFERRERS: &str = "insert into clicks_referrers (slug, day, referrer, clicks) \
    select new.slug, date '1970-01-01' + new.day, \
        case when known.many and not exists (select from clicks_referrers old where old.slug = new.slug \
            and old.day = date '1970-01-01' + new.day and old.referrer = new.referrer) \
        then $5 else new.referrer end, sum(new.clicks)::bigint \
    from unnest($1::text[], $2::int[], $3::text[], $4::bigint[]) as new (slug, day, referrer, clicks), \
        lateral (select count(*) >= 500 as many from clicks_referrers old where old.slug = new.slug \
            and old.day = date '1970-01-01' + new.day) known \
    where exists (select from links where links.slug = new.slug) group by 1, 2, 3 order by 1, 2, 3 \
    on conflict (slug, day, referrer) do update set clicks = clicks_referrers.clicks + excluded.clicks";
const AGENTS: &str = "insert into clicks_agents (slug, day, agent, clicks) \
    select new.slug, date '1970-01-01' + new.day, new.agent, new.clicks \
    from unnest($1::text[], $2::int[], $3::text[], $4::bigint[]) as new (slug, day, agent, clicks) \
    where exists (select from links where links.slug = new.slug) order by 1, 2, 3 \
    on conflict (slug, day, agent) do update set clicks = clicks_agents.clicks + excluded.clicks";

/// This process's batches.
struct Writer<'a> {
    database: &'a Database,
    name: String,
    batch: i64,
}

/// Writes clicks until `stop` says until when the last of them may be written; gives how many were not.
pub async fn run(
    clicks: &Clicks,
    database: &Database,
    every: Duration,
    mut stop: oneshot::Receiver<Instant>,
) -> u64 {
    let mut writer = Writer {
        database,
        name: format!("{:032x}", rand::random::<u128>()),
        batch: 0,
    };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unwritten = Vec::new();
    let deadline = loop {
        tokio::select! {
            deadline = &mut stop => break deadline,
            _ = ticks.tick() => {}
        }
        let pending = clicks.take();
        metrics()
            .clicks_pending
            .set(i64::try_from(pending.len()).unwrap_or(i64::MAX));
        unwritten.extend(
            pending
                .into_batches(BATCH)
                .into_iter()
                .map(|rows| writer.number(rows)),
        );
        let deadline = tokio::select! {
            deadline = &mut stop => Some(deadline),
            () = writer.write_all(&mut unwritten) => None,
        };
        if let Some(deadline) = deadline {
            break deadline;
        }
    };
    // Whoever dropped the other end has no time to give.
    let deadline = deadline.unwrap_or_else(|_| Instant::now());
    let rest = clicks.take().into_batches(BATCH);
    unwritten.extend(rest.into_iter().map(|rows| writer.number(rows)));
    tokio::select! {
        () = writer.write_all(&mut unwritten) => {}
        () = tokio::time::sleep_until(deadline) => {}
    }
    unwritten.iter().map(|(_, rows)| rows.clicks).sum()
}

impl Writer<'_> {
    fn number(&mut self, rows: Rows) -> (i64, Rows) {
        self.batch += 1;
        (self.batch, rows)
    }

    /// Writes them in order, each until it is written. Stopped at any moment, those that are not known to be written
    /// are still in the list.
    async fn write_all(&self, batches: &mut Vec<(i64, Rows)>) {
        let mut pause = FIRST_RETRY;
        while let Some((number, rows)) = batches.first() {
            match self.write(*number, rows).await {
                Ok(()) => {
                    metrics().clicks("written", rows.clicks);
                    batches.remove(0);
                    pause = FIRST_RETRY;
                }
                Err(error) => {
                    tracing::warn!(
                        error = %Chain(&error), clicks = rows.clicks, retry_in = ?pause, "clicks not written yet"
                    );
                    sleep(pause).await;
                    pause = (pause * 2).min(LAST_RETRY);
                }
            }
        }
    }

    async fn write(&self, number: i64, rows: &Rows) -> Result<(), DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let claim = sqlx::query_as(CLAIM).bind(self.name.as_str()).bind(number);
        let claimed: Option<(i64,)> = transaction.fetch_optional(claim).await?;
        if claimed.is_none() {
            transaction.rollback().await;
            return Ok(());
        }
        let hours = &rows.hours;
        let query = sqlx::query(HOURS)
            .bind(hours.iter().map(|row| row.0.clone()).collect::<Vec<_>>())
            .bind(hours.iter().map(|row| row.1).collect::<Vec<_>>())
            .bind(hours.iter().map(|row| row.2).collect::<Vec<_>>());
        transaction.execute(query).await?;
        let referrers = &rows.referrers;
        let query = sqlx::query(REFERRERS)
            .bind(
                referrers
                    .iter()
                    .map(|row| row.0.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(referrers.iter().map(|row| row.1).collect::<Vec<_>>())
            .bind(
                referrers
                    .iter()
                    .map(|row| row.2.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(referrers.iter().map(|row| row.3).collect::<Vec<_>>())
            .bind(OTHER_REFERRERS);
        transaction.execute(query).await?;
        let agents = &rows.agents;
        let query = sqlx::query(AGENTS)
            .bind(agents.iter().map(|row| row.0.clone()).collect::<Vec<_>>())
            .bind(agents.iter().map(|row| row.1).collect::<Vec<_>>())
            .bind(
                agents
                    .iter()
                    .map(|row| row.2.to_owned())
                    .collect::<Vec<_>>(),
            )
            .bind(agents.iter().map(|row| row.3).collect::<Vec<_>>());
        transaction.execute(query).await?;
        self.database.commit_quietly(transaction).await
    }
}
