//! Drives the control plane: the one place that holds the region, the clock, the store and chance.
//!
//! Calls, what the world said, and time all come in here; what a call changed is on disk before
//! its answer goes out. It speaks no protocol and knows no AWS rule.

mod clock;
mod logs;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use region::{Caller, Context, Error, Handler, Region, Settings, Value};
use tokio::sync::{Notify, watch};
use world::event::LogBatch;
use world::{Action, Event, World};

pub use clock::Clock;
pub use logs::LogEvent;
pub use store::{Store, StoreError};

/// The running region. Shared by everything that serves it.
#[derive(Debug)]
pub struct Engine {
    region: RwLock<Region>,
    settings: Settings,
    store: Store,
    clock: Clock,
    /// Something was changed: what should exist may differ, and so may the next deadline.
    changed: Notify,
    /// Told once what should exist has changed; see [`Self::world_changed`].
    world_changed: Notify,
    /// Counts what was changed; see [`Self::changes`].
    commits: watch::Sender<u64>,
}

impl Engine {
    /// Opens the region kept in `data`, or makes a new one there.
    ///
    /// # Errors
    /// If the store cannot be opened or holds rows that this version cannot read.
    pub fn open(data: &Path, settings: Settings) -> Result<Arc<Self>, StoreError> {
        let store = Store::open(data)?;
        let mut region = Region::empty(settings.clone());
        let rows = store.load(&mut region)?;
        let engine = Self {
            region: RwLock::new(region),
            settings,
            store,
            clock: Clock::real(),
            changed: Notify::new(),
            world_changed: Notify::new(),
            commits: watch::Sender::new(0),
        };
        if rows == 0 {
            engine.change(Caller::Root, |region, context| {
                region.bootstrap(context);
            })?;
        }
        Ok(Arc::new(engine))
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Answers one API call.
    ///
    /// # Errors
    /// What the service answers when it refuses, or `InternalFailure` if the answer could not be
    /// made durable.
    pub fn call(
        &self,
        caller: Caller,
        request_id: &str,
        handler: Handler,
        input: Value,
    ) -> Result<Value, Error> {
        let mut context = self.context(caller);
        request_id.clone_into(&mut context.request_id);
        match handler {
            Handler::Read(read) => {
                let region = self.lock_read();
                guarded(|| read(&region, &context, input))
            }
            Handler::Write(write) => {
                self.write_in(&context, |region, context| write(region, context, input))
            }
        }
    }

    /// Looks at the region.
    pub fn read<T>(&self, look: impl FnOnce(&Region, &Context) -> T) -> T {
        let context = self.context(Caller::Root);
        look(&self.lock_read(), &context)
    }

    /// Changes the region as one call does: whole and durable, or not at all.
    ///
    /// # Errors
    /// Those of `change`, or `InternalFailure` if it could not be made durable.
    pub fn write<T>(
        &self,
        caller: Caller,
        change: impl FnOnce(&mut Region, &Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let context = self.context(caller);
        self.write_in(&context, change)
    }

    /// Takes note of what a world said.
    ///
    /// # Errors
    /// If it could not be made durable; the region is then as before.
    pub fn observe(&self, event: &Event) -> Result<(), StoreError> {
        self.change(Caller::Service { principal: "world" }, |region, context| {
            region.observe(context, event);
        })
    }

    /// Empties the region and begins anew.
    ///
    /// # Errors
    /// If it could not be made durable; the region is then as before.
    pub fn reset(&self) -> Result<(), StoreError> {
        self.change(Caller::Root, Region::reset)
    }

    /// Keeps what a container wrote; a batch that is told twice is kept once.
    ///
    /// # Errors
    /// If it could not be made durable.
    pub fn keep_log(&self, batch: &LogBatch) -> Result<(), StoreError> {
        logs::put_batch(self.store.database(), batch, self.clock.now()).map(|_| ())
    }

    /// Adds events to a stream, in the order given; they are on disk when this returns.
    ///
    /// # Errors
    /// If they could not be made durable.
    pub fn put_log_events(
        &self,
        group: &str,
        stream: &str,
        events: &[LogEvent],
    ) -> Result<(), StoreError> {
        logs::put(self.store.database(), group, stream, events)
    }

    /// A stream's events in the order in which they came, from the one numbered `from`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn log_events(
        &self,
        group: &str,
        stream: &str,
        from: u64,
        most: usize,
    ) -> Result<Vec<(u64, LogEvent)>, StoreError> {
        logs::read_stream(self.store.database(), group, stream, from, most)
    }

    /// Forgets every event of a stream.
    ///
    /// # Errors
    /// If it could not be made durable.
    pub fn forget_log_stream(&self, group: &str, stream: &str) -> Result<(), StoreError> {
        logs::forget_stream(self.store.database(), group, stream)
    }

    /// What should exist now, and the acts that wait for an answer.
    pub fn world(&self) -> (World, Vec<Action>) {
        let region = self.lock_read();
        (region.world(), region.actions())
    }

    /// Waits until what should exist may have changed. Each change wakes one waiter, also one
    /// that begins to wait afterwards.
    pub async fn world_changed(&self) {
        self.world_changed.notified().await;
    }

    /// Tells of every change from now on, to as many as want to know. Several changes may be
    /// told as one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Does what becomes due by time alone, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            let deadline = self.lock_read().deadline();
            let changed = self.changed.notified();
            let due = if let Some(deadline) = deadline {
                tokio::select! {
                    () = self.clock.sleep_until(deadline) => true,
                    () = changed => false,
                }
            } else {
                changed.await;
                false
            };
            if due {
                let engine = Arc::clone(&self);
                let settled = tokio::task::spawn_blocking(move || {
                    engine.change(Caller::Service { principal: "time" }, |region, context| {
                        region.settle(context);
                    })
                })
                .await;
                match settled {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(%error, "what was due could not be stored; trying again");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    }
                    Err(error) => tracing::error!(%error, "what was due could not be done"),
                }
            }
        }
    }

    fn context(&self, caller: Caller) -> Context<'_> {
        Context::new(&self.settings, self.clock.now(), caller, seed())
    }

    fn lock_read(&self) -> RwLockReadGuard<'_, Region> {
        // A panic inside is caught and rolled back before the lock is let go, so the rows are
        // whole even then.
        self.region.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_write(&self) -> RwLockWriteGuard<'_, Region> {
        self.region.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_in<T>(
        &self,
        context: &Context,
        change: impl FnOnce(&mut Region, &Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut region = self.lock_write();
        let answer = match guarded(|| region.write(context, change)) {
            Ok(answer) => answer,
            Err(error) => {
                region.rollback();
                return Err(error);
            }
        };
        self.keep(&mut region).map_err(|error| {
            tracing::error!(%error, "a call was refused because it could not be stored");
            Error::new(
                "InternalFailure",
                500,
                format!("The request could not be stored and was not carried out: {error}"),
            )
        })?;
        Ok(answer)
    }

    fn change(
        &self,
        caller: Caller,
        change: impl FnOnce(&mut Region, &Context),
    ) -> Result<(), StoreError> {
        let context = self.context(caller);
        let mut region = self.lock_write();
        let done = catch_unwind(AssertUnwindSafe(|| change(&mut region, &context)));
        if done.is_err() {
            region.rollback();
            return Err(StoreError::Panicked);
        }
        self.keep(&mut region)
    }

    /// Makes what was changed durable, or undoes it.
    fn keep(&self, region: &mut Region) -> Result<(), StoreError> {
        let changes = region.changes();
        if changes.is_empty() {
            region.commit();
            return Ok(());
        }
        match self.store.write(&changes) {
            Ok(()) => {
                region.commit();
                self.changed.notify_one();
                self.world_changed.notify_one();
                self.commits.send_modify(|count| *count += 1);
                Ok(())
            }
            Err(error) => {
                region.rollback();
                Err(error)
            }
        }
    }
}

/// Turns a panic, which is a defect of ours, into an answer.
fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(
            "InternalFailure",
            500,
            "The request met a defect in Terrella; please report it with the log's last lines.",
        ))
    })
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives random bytes");
    seed
}
