//! Drives the control plane: the one place that holds the region, the clock, the store and chance.
//!
//! Calls, what the world said, and time all come in here; what a call changed is on disk before
//! its answer goes out. It speaks no protocol and knows no AWS rule.

mod clock;
mod logs;
mod store;
mod time;
#[cfg(test)]
mod time_tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::SignedDuration;
use region::services::logs::stream;
use region::{Caller, Context, Error, Handler, Region, Settings, Value};
use tokio::sync::{Notify, watch};
use world::event::LogBatch;
use world::{Action, Event, World};

pub use clock::{Clock, ClockError, MOST_JUMP, MOST_RATE};
pub use logs::LogEvent;
use store::{Store, Time};

pub use store::StoreError;
pub use time::{Attendance, Jumped, TimeError};

/// How often old log events are removed.
const LOGS_AGE: SignedDuration = SignedDuration::from_hours(1);

/// The running region. Shared by everything that serves it.
#[derive(Debug)]
pub struct Engine {
    region: RwLock<Region>,
    settings: Settings,
    store: Store,
    clock: Clock,
    /// Held while the clock is changed: one change at a time.
    changing_clock: Mutex<()>,
    /// Whether somebody makes what should exist; see [`Self::attend`].
    attended: AtomicBool,
    /// Something was changed: what should exist may differ, and so may the next deadline.
    changed: Notify,
    /// Told once what should exist has changed; see [`Self::world_changed`].
    world_changed: Notify,
    /// Counts what was changed; see [`Self::changes`].
    commits: watch::Sender<u64>,
    /// Wakes the thread that waits for the next change.
    committed: (Mutex<()>, Condvar),
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
        let time = store.load_time()?;
        let clock = Clock::open(
            time.as_ref()
                .map(|one| one.clock.clone())
                .unwrap_or_default(),
        );
        // What was due while nothing ran is still due: it is done at its own instants.
        region.settled_at = time.map_or_else(|| clock.now(), |one| one.settled_at);
        let engine = Self {
            region: RwLock::new(region),
            settings,
            store,
            clock,
            changing_clock: Mutex::new(()),
            attended: AtomicBool::new(false),
            changed: Notify::new(),
            world_changed: Notify::new(),
            commits: watch::Sender::new(0),
            committed: (Mutex::new(()), Condvar::new()),
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
        let event = self.clock.localized(event.clone());
        self.change(Caller::Service { principal: "world" }, |region, context| {
            region.observe(context, &event);
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
        let now = self.clock.now();
        match self.clock.localized(Event::Log(batch.clone())) {
            Event::Log(batch) => logs::put_batch(&self.store, &batch, now).map(|_| ()),
            _ => Ok(()),
        }
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
        logs::put(&self.store, group, stream, events)
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
        logs::read_stream(&self.store, group, stream, from, most)
    }

    /// Removes log events that are older than their group keeps them.
    fn age_logs(&self) -> Result<(), StoreError> {
        let outdated = self.read(|region, context| stream::outdated(region, context.now));
        for one in outdated {
            let rest = logs::remove_before(&self.store, &one.group, &one.stream, one.keeps_from)?;
            self.change(Caller::Service { principal: "time" }, |region, _| {
                stream::aged(region, &one, rest.oldest, rest.bytes);
            })?;
        }
        Ok(())
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
        let mut logs_due = self.clock.now();
        loop {
            let deadline = self.lock_read().deadline();
            let deadline = deadline.map_or(logs_due, |deadline| deadline.min(logs_due));
            let changed = self.changed.notified();
            tokio::select! {
                () = self.clock.sleep_until(deadline) => {}
                () = changed => continue,
            }
            let age = self.clock.now() >= logs_due;
            if age {
                logs_due = self.clock.now() + LOGS_AGE;
            }
            let engine = Arc::clone(&self);
            let done = tokio::task::spawn_blocking(move || {
                if age {
                    engine.age_logs()?;
                }
                // Read before the steps, which take time themselves.
                let now = engine.clock.now();
                engine.step_to(now, || {}, |_| {}).map(|_| ())
            })
            .await;
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "what was due could not be stored; trying again");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
                Err(error) => tracing::error!(%error, "what was due could not be done"),
            }
        }
    }

    fn context(&self, caller: Caller) -> Context<'_> {
        let mut context = Context::new(&self.settings, self.clock.now(), caller, seed());
        context.wall = self.clock.wall();
        context
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
        self.change_in(&context, change)
    }

    fn change_in(
        &self,
        context: &Context,
        change: impl FnOnce(&mut Region, &Context),
    ) -> Result<(), StoreError> {
        let mut region = self.lock_write();
        let done = catch_unwind(AssertUnwindSafe(|| change(&mut region, context)));
        if done.is_err() {
            region.rollback();
            return Err(StoreError::Panicked);
        }
        self.keep(&mut region)
    }

    fn time(&self, region: &Region) -> Time {
        Time {
            clock: self.clock.kept(),
            settled_at: region.settled_at,
        }
    }

    /// Makes durable how the clock was changed.
    fn keep_time(&self, region: &Region) -> Result<(), StoreError> {
        self.store.write(&[], &self.time(region))
    }

    /// Makes what was changed durable, or undoes it.
    fn keep(&self, region: &mut Region) -> Result<(), StoreError> {
        let changes = region.changes();
        if changes.is_empty() {
            region.commit();
            return Ok(());
        }
        match self.store.write(&changes, &self.time(region)) {
            Ok(()) => {
                region.commit();
                self.changed.notify_one();
                self.world_changed.notify_one();
                self.commits.send_modify(|count| *count += 1);
                self.wake();
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use wire::logs as api;
    use wire::{Operation, Shape};

    fn call<O: Operation>(engine: &Engine, input: O::Input) -> O::Output {
        let handler = Region::handler("logs", O::SCHEMA.name).expect("it is there");
        let answer = engine
            .call(Caller::Root, "test", handler, input.into_value())
            .expect("it is done");
        O::Output::from_value(answer).expect("it has its shape")
    }

    fn put(engine: &Engine, group: &str, age: SignedDuration) {
        let event = LogEvent {
            timestamp: engine.clock.now() - age,
            ingested_at: engine.clock.now(),
            message: format!("{age:#}"),
        };
        let addition = stream::Addition {
            first: event.timestamp,
            last: event.timestamp,
            bytes: event.message.len() as u64 + 26,
        };
        engine.put_log_events(group, "s", &[event]).expect("kept");
        engine
            .write(Caller::Root, |region, context| {
                stream::touch(region, context, group, "s", addition, true)
            })
            .expect("told");
    }

    fn described(engine: &Engine, group: &str) -> (Option<i64>, Vec<String>) {
        let answer = call::<api::op::DescribeLogStreams>(
            engine,
            api::DescribeLogStreamsRequest {
                log_group_name: Some(group.to_owned()),
                ..Default::default()
            },
        );
        let events = engine.log_events(group, "s", 0, 10).expect("read");
        (
            answer.log_streams.expect("streams")[0].first_event_timestamp,
            events.into_iter().map(|(_, event)| event.message).collect(),
        )
    }

    #[test]
    fn old_log_events_go_where_the_group_does_not_keep_them() {
        let data = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(data.path(), Settings::default()).expect("a region");
        for group in ["kept", "aged"] {
            call::<api::op::CreateLogGroup>(
                &engine,
                api::CreateLogGroupRequest {
                    log_group_name: group.to_owned(),
                    ..Default::default()
                },
            );
            for hours in [49, 47, 1] {
                put(&engine, group, SignedDuration::from_hours(hours));
            }
        }
        let age = |days| {
            call::<api::op::PutRetentionPolicy>(
                &engine,
                api::PutRetentionPolicyRequest {
                    log_group_name: "aged".to_owned(),
                    retention_in_days: days,
                },
            );
            engine.age_logs().expect("aged");
        };
        age(3);
        assert_eq!(described(&engine, "aged").1, ["49h", "47h", "1h"]);
        age(1);
        let (first, events) = described(&engine, "aged");
        assert_eq!(events, ["1h"]);
        let hour = Timestamp::now() - SignedDuration::from_mins(61);
        assert!(first.expect("an event") > hour.as_millisecond());
        assert_eq!(described(&engine, "kept").1, ["49h", "47h", "1h"]);
    }

    #[test]
    fn a_deleted_group_takes_its_events_along() {
        let data = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(data.path(), Settings::default()).expect("a region");
        let group = || api::CreateLogGroupRequest {
            log_group_name: "g".to_owned(),
            ..Default::default()
        };
        call::<api::op::CreateLogGroup>(&engine, group());
        put(&engine, "g", SignedDuration::from_hours(1));
        let name = api::DeleteLogGroupRequest {
            log_group_name: "g".to_owned(),
        };
        call::<api::op::DeleteLogGroup>(&engine, name);
        call::<api::op::CreateLogGroup>(&engine, group());
        put(&engine, "g", SignedDuration::from_hours(2));
        assert_eq!(described(&engine, "g").1, ["2h"]);
    }
}
