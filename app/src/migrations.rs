//! The database schema, embedded, and how it is brought up to date.
//!
//! To change the schema add a file to `migrations/` and a line to `STEPS`; never edit a step that has shipped. A step
//! must leave the version before it running: during a deployment both serve.

use std::borrow::Cow;

use sqlx::Connection;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqlStr};

use crate::database::{Database, DatabaseError};

const STEPS: [(i64, &str, &str); 2] = [
    (1, "links", include_str!("../migrations/0001_links.sql")),
    (2, "service", include_str!("../migrations/0002_service.sql")),
];

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("reach the database to migrate it")]
    Database(#[from] DatabaseError),
    #[error("migrate the database")]
    Migrate(#[from] MigrateError),
}

/// Applies what is missing. Any number of tasks may do so at once: an advisory lock lets one at a time through, and a
/// task that dies loses the lock and its open transaction together.
pub async fn run(database: &Database) -> Result<(), MigrationError> {
    let mut connection = database.dedicated().await?;
    migrator().run(&mut connection).await?;
    // The work is committed; a connection that does not close nicely is closed by being dropped.
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "migration connection did not close cleanly");
    }
    Ok(())
}

fn migrator() -> Migrator {
    let mut migrator = Migrator::with_migrations(STEPS.map(migration).to_vec());
    // A newer version may have migrated already; rolling back to this one must still start.
    migrator.set_ignore_missing(true);
    migrator
}

fn migration((version, description, sql): (i64, &'static str, &'static str)) -> Migration {
    let sql: SqlStr = sql.into_sql_str();
    Migration::new(
        version,
        Cow::Borrowed(description),
        MigrationType::Simple,
        sql,
        false,
    )
}
