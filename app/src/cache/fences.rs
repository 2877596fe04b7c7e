//! Marks that links were changed, so that what was read before is not used after.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::database::Position;
use crate::links::Slug;

/// Slugs share marks; a slug whose neighbour was changed is read once more for nothing.
const FENCES: usize = 4096;

pub(super) struct Fences {
    hasher: RandomState,
    fences: Vec<Fence>,
    /// Counts with every fence.
    all: AtomicU64,
    begin: Instant,
}

#[derive(Default)]
struct Fence {
    /// Grows with every change.
    count: AtomicU64,
    /// Where in the database's log the last change is.
    position: AtomicU64,
    /// Milliseconds from `begin` until which the shared store may be wrong.
    distrust_until: AtomicU64,
}

impl Default for Fences {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            fences: (0..FENCES).map(|_| Fence::default()).collect(),
            all: AtomicU64::new(0),
            begin: Instant::now(),
        }
    }
}

impl Fences {
    /// A read that began at another count is of no use.
    pub(super) fn count(&self, slug: &Slug) -> u64 {
        self.of(slug.as_str()).count.load(Ordering::Acquire) + self.all.load(Ordering::Acquire)
    }

    /// What a read of the database must see.
    pub(super) fn position(&self, slug: &Slug) -> Position {
        Position(self.of(slug.as_str()).position.load(Ordering::Acquire))
    }

    pub(super) fn raise(&self, slug: &str, position: Position) {
        let fence = self.of(slug);
        fence.position.fetch_max(position.0, Ordering::AcqRel);
        fence.count.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn raise_all(&self) {
        self.all.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn distrust_shared(&self, slug: &Slug, for_: Duration) {
        let until = self.now() + u64::try_from(for_.as_millis()).unwrap_or(u64::MAX / 2);
        self.of(slug.as_str())
            .distrust_until
            .fetch_max(until, Ordering::AcqRel);
    }

    pub(super) fn trusts_shared(&self, slug: &Slug) -> bool {
        let until = self
            .of(slug.as_str())
            .distrust_until
            .load(Ordering::Acquire);
        until == 0 || self.now() > until
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "only the low bits are wanted"
    )]
    fn of(&self, slug: &str) -> &Fence {
        let index = self.hasher.hash_one(slug) as usize % FENCES;
        &self.fences[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_from_none() {
        let fences = Fences::default();
        let slug = Slug::parse("one").unwrap();
        let before = fences.count(&slug);
        fences.raise("one", Position(7));
        fences.raise("one", Position(5));
        assert_eq!(fences.count(&slug), before + 2);
        assert_eq!(fences.position(&slug), Position(7));
        fences.raise_all();
        assert_eq!(fences.count(&slug), before + 3);
        assert!(fences.trusts_shared(&slug));
        fences.distrust_shared(&slug, Duration::from_mins(1));
        assert!(!fences.trusts_shared(&slug));
    }
}
