//! Loads that are under way: who asks for what is being loaded waits for it, instead of loading it again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tracing::Instrument;

use super::{RouteError, local};
use crate::links::Slug;
use crate::telemetry::metrics;

/// What is loaded: a slug under a mark of its changes. So who comes after a change never joins a load from before it.
type Key = (Slug, u64);
type Load = Shared<BoxFuture<'static, Result<local::Entry, RouteError>>>;

#[derive(Default)]
pub(super) struct Loads {
    running: Arc<Running>,
}

type Running = Mutex<HashMap<Key, Load>>;

impl Loads {
    /// What `known` gives, or else the load of this key that runs, or else a new one. A load keeps what it found where
    /// `known` looks for it, and goes on when those who wait go away: a query that is given up half way costs its
    /// connection, and a herd that loses patience would cost them all.
    pub(super) async fn join<L>(
        &self,
        slug: &Slug,
        fence: u64,
        known: impl FnOnce() -> Option<local::Entry>,
        load: impl FnOnce() -> L,
    ) -> Result<local::Entry, RouteError>
    where
        L: Future<Output = Result<local::Entry, RouteError>> + Send + 'static,
    {
        let joined = {
            let mut running = lock(&self.running);
            // A load may have ended since the caller looked.
            if let Some(entry) = known() {
                return Ok(entry);
            }
            match running.entry((slug.clone(), fence)) {
                Entry::Occupied(load) => {
                    metrics().loads_joined.inc();
                    load.get().clone()
                }
                Entry::Vacant(place) => {
                    let load = begin(place.key().clone(), Arc::clone(&self.running), load());
                    place.insert(load).clone()
                }
            }
        };
        joined.await
    }
}

fn begin<L>(key: Key, running: Arc<Running>, load: L) -> Load
where
    L: Future<Output = Result<local::Entry, RouteError>> + Send + 'static,
{
    let end = End { key, running };
    let work = async move {
        let _end = end;
        load.await
    };
    // The trace of whoever came first has it.
    tokio::spawn(work.in_current_span())
        .map(|ended| ended.unwrap_or(Err(RouteError::Interrupted)))
        .boxed()
        .shared()
}

/// Takes a load off the list when it is over, however it ends.
struct End {
    key: Key,
    running: Arc<Running>,
}

impl Drop for End {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<Key, Load>> {
    running.lock().expect("no holder panics")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    fn entry(fence: u64) -> local::Entry {
        local::Entry {
            route: None,
            fence,
            ttl: Duration::from_secs(1),
        }
    }

    struct Counted {
        loads: Loads,
        begun: Arc<AtomicUsize>,
        go: Arc<Notify>,
    }

    impl Counted {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                loads: Loads::default(),
                begun: Arc::default(),
                go: Arc::default(),
            })
        }

        async fn join(&self, fence: u64) -> Result<local::Entry, RouteError> {
            let slug = Slug::parse("one").unwrap();
            let (begun, go) = (Arc::clone(&self.begun), Arc::clone(&self.go));
            let load = || async move {
                begun.fetch_add(1, Ordering::AcqRel);
                go.notified().await;
                Ok(entry(fence))
            };
            self.loads.join(&slug, fence, || None, load).await
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::Acquire)
        }
    }

    #[tokio::test]
    async fn a_load_is_shared_until_a_change_and_outlives_who_began_it() {
        let counted = Counted::new();
        let ask = |fence| {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move { counted.join(fence).await })
        };
        let first = ask(1);
        while counted.begun() < 1 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (0..100).map(|_| ask(1)).collect();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        // After a change: not the load from before it.
        let later = ask(2);
        while counted.begun() < 2 {
            tokio::task::yield_now().await;
        }
        counted.go.notify_waiters();
        for other in others {
            assert_eq!(other.await.unwrap().unwrap().fence, 1);
        }
        assert_eq!(later.await.unwrap().unwrap().fence, 2);
        assert_eq!(counted.begun(), 2);
        assert!(lock(&counted.loads.running).is_empty());
    }

    #[tokio::test]
    async fn what_is_known_by_then_is_not_loaded() {
        let loads = Loads::default();
        let slug = Slug::parse("one").unwrap();
        let load = || async { Err(RouteError::Overloaded) };
        let known = loads.join(&slug, 1, || Some(entry(7)), load).await;
        assert_eq!(known.unwrap().fence, 7);
    }

    #[tokio::test]
    async fn a_load_that_panics_fails_and_is_forgotten() {
        let loads = Loads::default();
        let slug = Slug::parse("one").unwrap();
        let broken = loads
            .join(&slug, 1, || None, || async { panic!("on purpose") })
            .await;
        assert!(matches!(broken, Err(RouteError::Interrupted)));
        let next = loads.join(&slug, 1, || None, || async { Ok(entry(1)) });
        assert_eq!(next.await.unwrap().fence, 1);
    }
}
