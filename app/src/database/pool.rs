//! A connection pool, and the one place that knows the database's password may change while we run.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{ConnectOptions, Connection, Executor, FromRow, Postgres};
use tokio::sync::Mutex;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::DatabaseError;
use crate::config;
use crate::credentials::{Credentials, CredentialsError, Login};

/// A connection that rested longer than this is tried before it is used; a younger one is taken as it is, which saves
/// a round trip on a busy service.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// While the database refuses the login and the source still gives the same one: how often both are asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Long enough for the first fetch of the credentials on a busy machine.
const DEDICATED_TIMEOUT: Duration = Duration::from_secs(15);
/// The server cancels a slow query first; we give up only when it does not even do that.
const CANCEL_GRACE: Duration = Duration::from_millis(500);
const QUERY_CANCELED: &str = "57014";

/// Connections to one server.
pub struct Pool {
    pool: PgPool,
    /// Host, name and TLS; the login is added from `logins`.
    options: PgConnectOptions,
    credentials: Arc<dyn Credentials>,
    logins: Mutex<Logins>,
    acquire_timeout: Duration,
    query_timeout: Duration,
}

/// The newest login, and how many there were before it.
#[derive(Default)]
struct Logins {
    generation: u64,
    current: Option<Login>,
    checked: Option<Instant>,
}

impl Pool {
    /// Opens nothing yet: the first use connects.
    pub fn new(config: &config::Pool, credentials: Arc<dyn Credentials>) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(config.connections)
            .acquire_timeout(config.acquire_timeout)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_mins(30))
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            // Replaced as soon as there is a login, before anything connects.
            .connect_lazy_with(config.options.clone());
        Self {
            pool,
            options: config.options.clone(),
            credentials,
            logins: Mutex::default(),
            acquire_timeout: config.acquire_timeout,
            query_timeout: config.query_timeout,
        }
    }

    /// Reads rows. Reading again does no harm, so that connections that were lost (a restart, a failover) are not seen as
    /// long as new ones can be made.
    pub async fn read<'q, T>(
        &self,
        query: impl Fn() -> QueryAs<'q, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, DatabaseError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let deadline = self.deadline();
        loop {
            let mut lease = self.lease().await?;
            let answer = timeout(lease.limit, query().fetch_all(&mut *lease.connection)).await;
            match lease.settle(answer) {
                Err(DatabaseError::Lost(_)) if Instant::now() < deadline => {}
                answer => return answer,
            }
        }
    }

    /// Begins a transaction. A connection that turns out to be lost before anything was done is replaced.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        let deadline = self.deadline();
        loop {
            let mut lease = self.lease().await?;
            let answer = timeout(lease.limit, lease.connection.execute("begin")).await;
            match judge(lease.limit, answer) {
                Ok(_) => return Ok(Transaction { lease }),
                Err((DatabaseError::Lost(_), _)) if Instant::now() < deadline => {}
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Until when lost connections are replaced. Each turn uses up one of the pool.
    fn deadline(&self) -> Instant {
        Instant::now() + self.acquire_timeout
    }

    /// Whether the database answers now.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        let mut lease = self.lease().await?;
        let answer = timeout(lease.limit, lease.connection.ping()).await;
        lease.settle(answer)
    }

    /// A connection outside the pool that may take its time, for migrations.
    pub async fn dedicated(&self) -> Result<PgConnection, DatabaseError> {
        self.retrying(DEDICATED_TIMEOUT, |login| {
            let options = self.with_login(login);
            async move { options.connect().await }
        })
        .await
    }

    /// Connections that are open, and those of them that are idle.
    pub fn size(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Waits for connections in use, then closes all.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn lease(&self) -> Result<Lease, DatabaseError> {
        let connection = self
            .retrying(self.acquire_timeout, |_| self.pool.acquire())
            .await?;
        Ok(Lease {
            connection,
            limit: self.query_timeout + CANCEL_GRACE,
            finished: false,
        })
    }

    /// Connects; when the database refuses the login, asks for the newest one and tries again until the time is up.
    /// So a rotation is seen as a slower request, also in the moment when server and secret do not agree.
    async fn retrying<T, F>(
        &self,
        limit: Duration,
        connect: impl Fn(&Login) -> F,
    ) -> Result<T, DatabaseError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let deadline = Instant::now() + limit;
        let mut stale = None;
        let mut failure = None;
        loop {
            let (generation, login) = match timeout_at(deadline, self.login(stale)).await {
                Ok(Ok(known)) => known,
                Ok(Err(error)) if stale.is_none() => return Err(error.into()),
                Ok(Err(error)) => {
                    failure = Some(error.into());
                    continue;
                }
                Err(_) => return Err(failure.unwrap_or(DatabaseError::Exhausted(limit))),
            };
            match timeout_at(deadline, connect(&login)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if is_login_refused(&error) => {
                    stale = Some(generation);
                    failure = Some(DatabaseError::Connect(error));
                }
                Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => {
                    return Err(DatabaseError::Exhausted(limit));
                }
                Ok(Err(error)) => return Err(DatabaseError::Connect(error)),
            }
        }
    }

    /// The newest login known; fetched when there is none yet or when `stale` is the newest. Callers queue on the
    /// lock, so that a thousand refused connections make one fetch.
    async fn login(&self, stale: Option<u64>) -> Result<(u64, Login), CredentialsError> {
        let mut logins = self.logins.lock().await;
        if let Some(current) = &logins.current
            && stale != Some(logins.generation)
        {
            return Ok((logins.generation, current.clone()));
        }
        if let Some(checked) = logins.checked {
            tokio::time::sleep_until(checked + REFUSED_PAUSE).await;
        }
        logins.checked = Some(Instant::now());
        let login = self.credentials.fetch().await?;
        if logins.current.as_ref() != Some(&login) {
            if logins.current.is_some() {
                tracing::info!(username = login.username, "database credentials changed");
            }
            let options = self.with_login(&login).options([(
                "statement_timeout",
                self.query_timeout.as_millis().to_string(),
            )]);
            self.pool.set_connect_options(options);
            logins.generation += 1;
            logins.current = Some(login.clone());
        }
        Ok((logins.generation, login))
    }

    fn with_login(&self, login: &Login) -> PgConnectOptions {
        let options = self.options.clone().username(&login.username);
        match &login.password {
            Some(password) => options.password(password.reveal()),
            None => options,
        }
    }
}

/// Invalid password, or a role that is gone.
fn is_login_refused(error: &sqlx::Error) -> bool {
    matches!(code_of(error).as_deref(), Some("28P01" | "28000"))
}

/// The connection is of no more use: it broke, the server is going down, or it is not the writer any more.
fn is_lost(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_))
        || matches!(
            code_of(error).as_deref(),
            Some("57P01" | "57P02" | "57P03" | "25006")
        )
}

fn code_of(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// A connection in use. If it broke, or its queries were given up half way (timeout, client gone), it is closed instead of
/// going back, because giving it back would wait for an answer that may never come.
struct Lease {
    connection: PoolConnection<Postgres>,
    limit: Duration,
    finished: bool,
}

impl Lease {
    fn settle<T>(
        mut self,
        answer: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Result<T, DatabaseError> {
        let (answer, usable) = match judge(self.limit, answer) {
            Ok(answer) => (Ok(answer), true),
            Err((error, usable)) => (Err(error), usable),
        };
        self.finished = usable;
        answer
    }
}

/// What an answer means, and whether its connection may be used again.
fn judge<T>(
    limit: Duration,
    answer: Result<Result<T, sqlx::Error>, Elapsed>,
) -> Result<T, (DatabaseError, bool)> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if is_lost(&error) => Err((DatabaseError::Lost(error), false)),
        Ok(Err(error)) => Err(match code_of(&error).as_deref() {
            Some(QUERY_CANCELED) => (DatabaseError::Slow(limit), true),
            _ => (DatabaseError::Query(error), true),
        }),
        Err(_) => Err((DatabaseError::Slow(limit), false)),
    }
}

/// Work that is done as a whole or not at all. Dropped before its commit, its connection is closed, which undoes it.
pub struct Transaction {
    lease: Lease,
}

impl Transaction {
    pub async fn fetch_optional<T>(
        &mut self,
        query: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Option<T>, DatabaseError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let limit = self.lease.limit;
        let answer = timeout(limit, query.fetch_optional(&mut *self.lease.connection)).await;
        judge(limit, answer).map_err(|(error, _)| error)
    }

    pub async fn fetch_all<T>(
        &mut self,
        query: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, DatabaseError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let limit = self.lease.limit;
        let answer = timeout(limit, query.fetch_all(&mut *self.lease.connection)).await;
        judge(limit, answer).map_err(|(error, _)| error)
    }

    /// Runs a statement; gives the number of rows it touched.
    pub async fn execute(
        &mut self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<u64, DatabaseError> {
        let limit = self.lease.limit;
        let answer = timeout(limit, query.execute(&mut *self.lease.connection)).await;
        Ok(judge(limit, answer)
            .map_err(|(error, _)| error)?
            .rows_affected())
    }

    /// Undoes all of it, and keeps the connection if that works.
    pub async fn rollback(mut self) {
        let limit = self.lease.limit;
        let answer = timeout(limit, self.lease.connection.execute("rollback")).await;
        self.lease.finished = matches!(answer, Ok(Ok(_)));
    }

    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        let limit = self.lease.limit;
        let answer = timeout(limit, self.lease.connection.execute("commit")).await;
        judge(limit, answer).map_err(|(error, _)| error)?;
        self.lease.finished = true;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.finished {
            self.connection.close_on_drop();
        }
    }
}
