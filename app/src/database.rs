//! The database: one writer and, if there is one, a replica that takes reads while it is close enough behind.

mod pool;
mod position;
mod replica;
pub mod time;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};

pub use self::pool::{Pool, Transaction};
pub use self::position::Position;
use self::replica::Replica;
use crate::config;
use crate::credentials::{self, CredentialsError};
use crate::logs::Chain;
use crate::telemetry::metrics;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("get the database credentials")]
    Credentials(#[from] CredentialsError),
    #[error("connect to the database")]
    Connect(#[source] sqlx::Error),
    #[error("no database connection to be had in {0:?}")]
    Exhausted(std::time::Duration),
    #[error("the database did not answer in {0:?}")]
    Slow(std::time::Duration),
    #[error("the connection to the database was lost")]
    Lost(#[source] sqlx::Error),
    #[error("run a query")]
    Query(#[source] sqlx::Error),
}

pub struct Database {
    writer: Pool,
    replica: Option<Replica>,
    /// The last write of this process, as far as readers of a replica must care.
    written: AtomicU64,
}

impl Database {
    /// Opens nothing yet: the first use connects.
    pub fn new(config: config::Database) -> Self {
        let credentials = credentials::open(config.login).into();
        let replica = config.replica.map(|replica| {
            Replica::new(
                Pool::new(&replica.pool, Arc::clone(&credentials)),
                replica.max_lag,
            )
        });
        Self {
            writer: Pool::new(&config.writer, credentials),
            replica,
            written: AtomicU64::new(0),
        }
    }

    /// Reads rows, with all that was written up to `after`: from the replica when it has it, else from the writer. A
    /// replica that fails is not seen by the caller.
    pub async fn read<'q, T>(
        &self,
        after: Position,
        query: impl Fn() -> QueryAs<'q, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, DatabaseError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        if let Some(replica) = self.replica_with(after) {
            match replica.pool.read(&query).await {
                Ok(rows) => return Ok(rows),
                Err(error) => Self::give_up(replica, &error),
            }
        }
        self.read_current(query).await
    }

    /// Reads the one row that there may be, under the same terms.
    pub async fn read_one<'q, T>(
        &self,
        after: Position,
        query: impl Fn() -> QueryAs<'q, Postgres, T, PgArguments>,
    ) -> Result<Option<T>, DatabaseError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        Ok(self.read(after, query).await?.into_iter().next())
    }

    /// Reads rows from the writer.
    pub async fn read_current<'q, T>(
        &self,
        query: impl Fn() -> QueryAs<'q, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, DatabaseError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        metrics().database_reads("writer");
        self.writer.read(query).await
    }

    /// Begins to write.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        metrics().database_writes();
        self.writer.begin().await
    }

    /// Makes what was written last, and says from which position on it can be read. Whoever reads at or after that
    /// position reads it.
    pub async fn commit(&self, transaction: Transaction) -> Result<Position, DatabaseError> {
        transaction.commit().await?;
        let Some(replica) = &self.replica else {
            return Ok(Position::default());
        };
        let position = match replica::written(&self.writer).await {
            Ok(position) => position,
            Err(error) => {
                // It is written, so the caller must not be told that it failed.
                tracing::warn!(error = %Chain(&error), "where the log ends is not known");
                replica.distrust();
                return Ok(Position::default());
            }
        };
        self.must_see(position);
        Ok(position)
    }

    /// Writes what no reader waits for.
    pub async fn commit_quietly(&self, transaction: Transaction) -> Result<(), DatabaseError> {
        transaction.commit().await
    }

    /// From now on every reader of this process sees at least this.
    pub fn must_see(&self, position: Position) {
        self.written.fetch_max(position.0, Ordering::AcqRel);
    }

    /// What every reader of this process must see.
    pub fn seen(&self) -> Position {
        Position(self.written.load(Ordering::Acquire))
    }

    /// Whether the writer answers now.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        self.writer.check().await
    }

    /// A connection outside the pool that may take its time, for migrations.
    pub async fn dedicated(&self) -> Result<PgConnection, DatabaseError> {
        self.writer.dedicated().await
    }

    /// Connections to the writer that are open, and those of them that are idle.
    pub fn size(&self) -> (u32, usize) {
        self.writer.size()
    }

    /// Compares writer and replica for as long as the process runs.
    pub async fn watch_replica(&self) {
        let Some(replica) = &self.replica else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(replica::INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            replica.compare(&self.writer).await;
        }
    }

    /// Waits for connections in use, then closes all.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            tokio::join!(replica.pool.close(), self.writer.close());
        } else {
            self.writer.close().await;
        }
    }

    fn replica_with(&self, after: Position) -> Option<&Replica> {
        let replica = self.replica.as_ref()?;
        let found = replica.has(after).then_some(replica);
        if found.is_some() {
            metrics().database_reads("replica");
        }
        found
    }

    fn give_up(replica: &Replica, error: &DatabaseError) {
        replica.distrust();
        tracing::warn!(error = %Chain(error), "the replica failed; the writer answers instead");
    }
}
