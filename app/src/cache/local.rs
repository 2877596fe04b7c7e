//! Links kept in this process: those that are asked for often (TinyLFU decides), in so many bytes.

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::Known;
use crate::links::Slug;

/// What an entry costs beside its texts: the cache's own books, rounded up.
const OVERHEAD: usize = 256;

/// What is known about a slug, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub route: Known,
    /// The mark under which it was read.
    pub fence: u64,
    pub ttl: Duration,
}

pub(super) struct Local {
    cache: Cache<Slug, Entry>,
}

struct ByEntry;

impl Expiry<Slug, Entry> for ByEntry {
    fn expire_after_create(&self, _: &Slug, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Slug,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Local {
    pub(super) fn new(bytes: u64) -> Self {
        let weigh = |slug: &Slug, entry: &Entry| {
            let target = entry.route.as_ref().map_or(0, |route| route.location.len());
            u32::try_from(OVERHEAD + slug.as_str().len() + target).unwrap_or(u32::MAX)
        };
        Self {
            cache: Cache::builder()
                .max_capacity(bytes)
                .weigher(weigh)
                .expire_after(ByEntry)
                .build(),
        }
    }

    pub(super) fn get(&self, slug: &Slug) -> Option<Entry> {
        self.cache.get(slug)
    }

    pub(super) fn put(&self, slug: &Slug, entry: &Entry) {
        self.cache.insert(slug.clone(), entry.clone());
    }

    /// Bytes held, after what is due was thrown out.
    pub(super) fn bytes(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.weighted_size()
    }
}
