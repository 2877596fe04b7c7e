//! The store that tasks share: Redis or Valkey. It is never waited for long, and nothing depends on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult, Script};
use tokio::time::{sleep, timeout};

use super::Route;
use super::fences::Fences;
use crate::config;
use crate::database::{Database, Position};
use crate::links::Slug;
use crate::telemetry::metrics;

const KEY_PREFIX: &str = "links:route:";
const CHANNEL: &str = "links:changed";
/// After a failure, how long nobody tries.
const PAUSE: Duration = Duration::from_secs(1);
/// The subscription alone may take its time.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps the newest version: who read the database before a change and comes after it changes nothing.
const PUT: &str = r"
local kept = redis.call('GET', KEYS[1])
if kept then
  local version = tonumber(string.match(kept, '^(%d+) '))
  if version and version > tonumber(ARGV[1]) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1";

pub(super) struct Shared {
    client: Client,
    connection: ConnectionManager,
    put: Script,
    timeout: Duration,
    begin: Instant,
    /// Milliseconds from `begin` until which it is left alone.
    paused_until: AtomicU64,
}

/// What it knows.
pub(super) enum Found {
    /// And for how much longer.
    Known(Option<Route>, Duration),
    Nothing,
}

impl Shared {
    /// Connects when it is first needed.
    pub(super) fn new(config: &config::SharedCache) -> anyhow::Result<Self> {
        // The URL is not repeated: it may hold a password.
        let client = Client::open(config.url.as_str())
            .ok()
            .context("REDIS_URL is not an address of a Redis server")?;
        let settings = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.timeout))
            .set_response_timeout(Some(config.timeout))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(1))
            .set_max_delay(config.timeout);
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), settings)
            .context("set up the connection to the shared cache")?;
        Ok(Self {
            client,
            connection,
            put: Script::new(PUT),
            timeout: config.timeout,
            begin: Instant::now(),
            paused_until: AtomicU64::new(0),
        })
    }

    pub(super) async fn get(&self, slug: &Slug) -> Found {
        let key = key(slug);
        let mut connection = self.connection.clone();
        let answer = self
            .attempt(async {
                redis::pipe()
                    .get(&key)
                    .pttl(&key)
                    .query_async::<(Option<String>, i64)>(&mut connection)
                    .await
            })
            .await;
        let Some((text, remaining)) = answer else {
            return Found::Nothing;
        };
        // Negative: no such key, or one that expired between the two commands.
        let remaining = u64::try_from(remaining).ok().map(Duration::from_millis);
        let found = text.as_deref().and_then(parse).zip(remaining);
        metrics().cache("shared", if found.is_some() { "hit" } else { "miss" });
        found.map_or(Found::Nothing, |(route, remaining)| {
            Found::Known(route, remaining)
        })
    }

    /// Whether it now holds this version or a newer one.
    pub(super) async fn put(
        &self,
        slug: &Slug,
        version: i64,
        route: Option<&Route>,
        ttl: Duration,
    ) -> bool {
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut connection = self.connection.clone();
        let mut call = self.put.key(key(slug));
        call.arg(version)
            .arg(route.map(Route::to_text).unwrap_or_default())
            .arg(millis);
        self.attempt(async { call.invoke_async::<i64>(&mut connection).await })
            .await
            .is_some()
    }

    /// Tells every task that a link was changed.
    pub(super) async fn announce(&self, slug: &Slug, position: Position) {
        let mut connection = self.connection.clone();
        self.attempt(async {
            redis::cmd("PUBLISH")
                .arg(CHANNEL)
                .arg(format!("{slug} {position}"))
                .query_async::<i64>(&mut connection)
                .await
        })
        .await;
    }

    /// Hears what tasks announce and marks it as changed; when something may have been missed, marks everything. Does
    /// not end.
    pub(super) async fn listen(&self, fences: &Fences, database: &Database) {
        loop {
            if let Err(error) = self.subscribe(fences, database).await {
                tracing::debug!(%error, "the shared cache's messages stopped");
            }
            fences.raise_all();
            sleep(PAUSE).await;
        }
    }

    async fn subscribe(&self, fences: &Fences, database: &Database) -> anyhow::Result<()> {
        let mut messages = timeout(SUBSCRIBE_TIMEOUT, async {
            let mut messages = self.client.get_async_pubsub().await?;
            messages.subscribe(CHANNEL).await?;
            RedisResult::Ok(messages)
        })
        .await??;
        tracing::info!("hears what other tasks change");
        fences.raise_all();
        let mut messages = messages.on_message();
        while let Some(message) = messages.next().await {
            let text = message.get_payload::<String>()?;
            if let Some((slug, position)) = text.split_once(' ')
                && let Some(position) = Position::parse(position)
            {
                database.must_see(position);
                fences.raise(slug, position);
            }
        }
        anyhow::bail!("the connection ended")
    }

    /// The answer, if there is one in time. After a failure it is left alone for a moment, so that requests do not
    /// each wait for it in vain.
    async fn attempt<T>(&self, work: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        if self.now() < self.paused_until.load(Ordering::Acquire) {
            return None;
        }
        let error = match timeout(self.timeout, work).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {:?}", self.timeout),
        };
        metrics().cache("shared", "error");
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(1000);
        self.paused_until
            .store(self.now() + pause, Ordering::Release);
        tracing::warn!(error, pause = ?PAUSE, "the shared cache failed; going on without it");
        None
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn key(slug: &Slug) -> String {
    format!("{KEY_PREFIX}{slug}")
}

/// `<version> <route>`; no route: no such link.
#[expect(
    clippy::option_option,
    reason = "what cannot be read is told from what says that there is nothing"
)]
fn parse(text: &str) -> Option<Option<Route>> {
    let (_version, route) = text.split_once(' ')?;
    if route.is_empty() {
        return Some(None);
    }
    Route::from_text(route).map(Some)
}
