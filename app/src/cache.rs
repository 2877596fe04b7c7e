//! Where a slug leads, from the nearest place that knows: this process, the store that tasks share, the database.
//!
//! A link is kept in this process for `CACHE_TTL` and in the shared store for `REDIS_TTL`, both counted from the read
//! of the database. Whoever changes a link first tells the shared store, then marks it changed here (`fences`) and in
//! every other task (a message): what was read before the mark is not used any more. So a change is seen at once in
//! this task, and in others as soon as the message arrives. Without shared store or message the time limits hold: no
//! entry is used longer than the longer of the two after it stopped being true, plus the replica's greatest lag.

mod fences;
mod loads;
mod local;
mod route;
mod shared;

use std::sync::Arc;

use tokio::sync::Semaphore;

use self::fences::Fences;
use self::loads::Loads;
use self::local::{Entry, Local};
pub use self::route::Route;
use self::shared::{Found, Shared};
use crate::config;
use crate::database::{Database, DatabaseError, Position};
use crate::links::{Link, Slug, Store};
use crate::telemetry::metrics;

/// Finds where slugs lead.
pub struct Routes {
    places: Arc<Places>,
    loads: Loads,
}

/// Where it is looked for.
struct Places {
    store: Store,
    database: Arc<Database>,
    local: Option<Local>,
    shared: Option<Shared>,
    fences: Fences,
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
    /// It panicked, or the process is about to end.
    #[error("the load did not end")]
    Interrupted,
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
        let places = Places {
            store,
            database,
            local: (config.bytes > 0).then(|| Local::new(config.bytes)),
            shared,
            fences: Fences::default(),
            config,
            slots,
        };
        Ok(Self {
            places: Arc::new(places),
            loads: Loads::default(),
        })
    }

    /// Where this slug leads. Many who ask at once for a slug that is not here cause one load, which began after the
    /// last change that this task knew of when they asked.
    pub async fn find(&self, slug: &Slug) -> Result<Known, RouteError> {
        let fence = self.places.fences.count(slug);
        if let Some(entry) = self.places.kept(slug, fence) {
            metrics().cache_hit();
            return Ok(entry.route);
        }
        if self.places.local.is_some() {
            metrics().cache("process", "miss");
        }
        let known = || self.places.kept(slug, fence);
        let load = || {
            let (places, slug) = (Arc::clone(&self.places), slug.clone());
            async move { places.load(&slug, fence).await }
        };
        let entry = self.loads.join(slug, fence, known, load).await?;
        Ok(entry.route)
    }

    /// Where this slug leads, if this process has that at hand.
    pub fn at_hand(&self, slug: &Slug) -> Option<Arc<Route>> {
        let fence = self.places.fences.count(slug);
        self.places.kept(slug, fence)?.route
    }

    /// A link was made or changed, as of this position.
    pub async fn changed(&self, link: &Link, position: Position) {
        let route = Route::of(link);
        self.places
            .tell(&link.slug, link.version, route.as_ref(), position)
            .await;
    }

    /// A link was deleted; the version stands for its absence.
    pub async fn removed(&self, slug: &Slug, version: i64, position: Position) {
        self.places.tell(slug, version, None, position).await;
    }

    /// Hears from other tasks what they changed, for as long as the process runs.
    pub async fn listen(&self) {
        let places = &self.places;
        let Some(shared) = &places.shared else {
            return std::future::pending().await;
        };
        shared.listen(&places.fences, &places.database).await;
    }

    /// Memory that links take in this process.
    pub fn bytes(&self) -> u64 {
        self.places.local.as_ref().map_or(0, Local::bytes)
    }
}

impl Places {
    /// What this process keeps about the slug, unless it was changed since.
    fn kept(&self, slug: &Slug, fence: u64) -> Option<Entry> {
        let entry = self.local.as_ref()?.get(slug)?;
        (entry.fence == fence).then_some(entry)
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

    async fn load(&self, slug: &Slug, fence: u64) -> Result<Entry, RouteError> {
        let entry = match self.look_in_shared(slug, fence).await {
            Some(entry) => entry,
            None => self.read_database(slug, fence).await?,
        };
        if let Some(local) = &self.local
            && self.fences.count(slug) == fence
        {
            local.put(slug, &entry);
        }
        Ok(entry)
    }

    async fn look_in_shared(&self, slug: &Slug, fence: u64) -> Option<Entry> {
        let shared = self.shared.as_ref()?;
        if !self.fences.trusts_shared(slug) {
            return None;
        }
        let Found::Known(route, remaining) = shared.get(slug).await else {
            return None;
        };
        let ttl = remaining.min(self.ttl(route.is_some()));
        Some(Entry {
            route: route.map(Arc::new),
            fence,
            ttl,
        })
    }

    async fn read_database(&self, slug: &Slug, fence: u64) -> Result<Entry, RouteError> {
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
