//! Where a slug leads, from the nearest place that knows: this process, the store that tasks share, the database.
//!
//! A link is kept in this process for `CACHE_TTL` and in the shared store for `REDIS_TTL`, both counted from the read
//! of the database. Whoever changes a link first tells the shared store, then marks it changed here (`fences`) and in
//! every other task (a message): what was read before the mark is not used any more. So a change is seen at once in
//! this task, and in others as soon as the message arrives. Without shared store or message the time limits hold: no
//! entry is used longer than the longer of the two after it stopped being true, plus the replica's greatest lag.

mod fences;
mod local;
mod route;
mod shared;

use std::sync::Arc;

use tokio::sync::Semaphore;

use self::fences::Fences;
use self::local::{Entry, Local};
pub use self::route::Route;
use self::shared::{Found, Shared};
use crate::config;
use crate::database::{Database, DatabaseError, Position};
use crate::links::{Link, Slug, Store};
use crate::telemetry::metrics;

/// How often a load is repeated because the link was changed meanwhile. Then what was read last is good enough: it is
/// newer than the request.
const ATTEMPTS: usize = 3;

/// Finds where slugs lead.
pub struct Routes {
    store: Store,
    database: Arc<Database>,
    local: Option<Local>,
    shared: Option<Shared>,
    fences: Arc<Fences>,
    config: config::Cache,
    /// One permit for each load from the database.
    slots: Arc<Semaphore>,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum RouteError {
    #[error("too many requests at once")]
    Overloaded,
    /// Shared by all who waited for the same load.
    #[error("load the link")]
    Database(#[source] Arc<DatabaseError>),
}

/// What is known about a slug: where it leads, or that it leads nowhere.
pub type Known = Option<Arc<Route>>;

impl Routes {
    pub fn new(
        store: Store,
        database: Arc<Database>,
        config: config::Cache,
        slots: Arc<Semaphore>,
    ) -> anyhow::Result<Self> {
        let shared = config.shared.as_ref().map(Shared::new).transpose()?;
        Ok(Self {
            store,
            database,
            local: (config.bytes > 0).then(|| Local::new(config.bytes)),
            shared,
            fences: Arc::default(),
            config,
            slots,
        })
    }

    /// Where this slug leads. Many who ask at once for a slug that is not here cause one load.
    pub async fn find(&self, slug: &Slug) -> Result<Known, RouteError> {
        let Some(local) = &self.local else {
            return Ok(self.load(slug).await?.route);
        };
        if let Some(entry) = local.get(slug).await {
            if entry.fence == self.fences.count(slug) {
                metrics().cache_hit();
                return Ok(entry.route);
            }
            local.forget(slug).await;
        }
        metrics().cache("process", "miss");
        for _ in 0..ATTEMPTS {
            let entry = local.get_or_load(slug, self.load(slug)).await?;
            if entry.fence == self.fences.count(slug) {
                return Ok(entry.route);
            }
            // Joined a load that began before the link was changed.
            local.forget(slug).await;
        }
        Ok(self.load(slug).await?.route)
    }

    /// A link was made or changed, as of this position.
    pub async fn changed(&self, link: &Link, position: Position) {
        let route = Route::of(link);
        self.tell(&link.slug, link.version, route.as_ref(), position)
            .await;
    }

    /// A link was deleted; the version stands for its absence.
    pub async fn removed(&self, slug: &Slug, version: i64, position: Position) {
        self.tell(slug, version, None, position).await;
    }

    /// Hears from other tasks what they changed, for as long as the process runs.
    pub async fn listen(&self) {
        let Some(shared) = &self.shared else {
            return std::future::pending().await;
        };
        shared.listen(&self.fences, &self.database).await;
    }

    /// Entries and bytes in this process.
    pub async fn size(&self) -> (u64, u64) {
        match &self.local {
            Some(local) => local.size().await,
            None => (0, 0),
        }
    }

    async fn tell(&self, slug: &Slug, version: i64, route: Option<&Route>, position: Position) {
        if let Some(shared) = &self.shared {
            let told = shared
                .put(slug, version, route, self.config.shared_ttl())
                .await;
            if !told {
                // What it holds about this slug may be old, until it forgets by itself.
                self.fences.distrust_shared(slug, self.config.shared_ttl());
            }
            self.fences.raise(slug.as_str(), position);
            shared.announce(slug, position).await;
        } else {
            self.fences.raise(slug.as_str(), position);
        }
    }

    async fn load(&self, slug: &Slug) -> Result<Entry, RouteError> {
        let fence = self.fences.count(slug);
        if let Some(shared) = &self.shared
            && self.fences.trusts_shared(slug)
            && let Found::Known(route, remaining) = shared.get(slug).await
        {
            let ttl = remaining.min(self.ttl(route.is_some()));
            return Ok(Entry {
                route: route.map(Arc::new),
                fence,
                ttl,
            });
        }
        let _slot = self.slots.try_acquire().map_err(|_| {
            metrics().refused("overload");
            RouteError::Overloaded
        })?;
        let link = self
            .store
            .get(slug, self.fences.position(slug))
            .await
            .map_err(|error| RouteError::Database(Arc::new(error)))?;
        let route = link.as_ref().and_then(Route::of);
        let ttl = self.ttl(route.is_some());
        if let Some(shared) = &self.shared {
            let version = link.as_ref().map_or(0, |link| link.version);
            let keep = if route.is_some() {
                self.config.shared_ttl()
            } else {
                ttl
            };
            shared.put(slug, version, route.as_ref(), keep).await;
        }
        Ok(Entry {
            route: route.map(Arc::new),
            fence,
            ttl,
        })
    }

    fn ttl(&self, found: bool) -> std::time::Duration {
        if found {
            self.config.ttl
        } else {
            self.config.negative_ttl
        }
    }
}
