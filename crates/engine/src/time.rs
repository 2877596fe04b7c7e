//! Moving time: faster, or ahead in one leap.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use region::Caller;

use crate::clock::{ClockError, MOST_JUMP};
use crate::{Engine, StoreError};

/// The most instants that are stopped at on the way to a later time. What is due beyond them is
/// done at the end, all at once, so that no leap takes for ever.
const MOST_STOPS: usize = 10_000;
/// How long a leap waits, in all and in real time, for what the world does on its way. A service
/// that closes and opens takes some fifteen seconds.
const PATIENCE: Duration = Duration::from_mins(3);

/// Why time was not moved.
#[derive(Debug, thiserror::Error)]
pub enum TimeError {
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error("the time could not be kept")]
    Store(#[from] StoreError),
}

/// How a leap went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jumped {
    /// How many instants were stopped at.
    pub stops: usize,
    /// What the world had not finished when the leap waited for it no longer, in words.
    pub unfinished: Option<String>,
}

/// Held by whoever makes what should exist.
#[derive(Debug)]
pub struct Attendance(Arc<Engine>);

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.attended.store(false, Ordering::SeqCst);
        self.0.wake();
    }
}

/// What is left of the time that a leap waits for the world.
struct Patience {
    left: Duration,
    /// What the world was doing when it ran out.
    unfinished: Option<String>,
}

impl Engine {
    /// Says that somebody makes what should exist for as long as the answer is held: leaps of time
    /// wait for it.
    pub fn attend(self: &Arc<Self>) -> Attendance {
        self.attended.store(true, Ordering::SeqCst);
        Attendance(Arc::clone(self))
    }

    /// Lets time run at a multiple of real time.
    ///
    /// # Errors
    /// If the rate is out of bounds, or could not be made durable.
    pub fn set_rate(&self, rate: u32) -> Result<(), TimeError> {
        let _alone = self.clock_alone();
        self.clock.set_rate(rate)?;
        let region = self.lock_write();
        self.keep_time(&region)?;
        Ok(())
    }

    /// Moves the region's time ahead. Everything that becomes due on the way is done in its order,
    /// each at its own instant, as if the time had passed. What follows from it in the world is
    /// waited for before the leap goes on, and time runs as usual meanwhile: tasks that are to stop
    /// at night are gone before the morning comes. Calls go on being answered.
    ///
    /// # Errors
    /// If it is no way ahead or too far, or could not be made durable: then time stands at the last
    /// instant that was.
    pub fn jump(&self, to: Timestamp) -> Result<Jumped, TimeError> {
        self.jump_within(to, PATIENCE)
    }

    pub(crate) fn jump_within(
        &self,
        to: Timestamp,
        patience: Duration,
    ) -> Result<Jumped, TimeError> {
        let _alone = self.clock_alone();
        let ahead = to.duration_since(self.clock.now());
        if ahead <= SignedDuration::ZERO || ahead > MOST_JUMP {
            return Err(ClockError::Jump.into());
        }
        let mut patience = Patience {
            left: patience,
            unfinished: None,
        };
        let stepped = self.step_to(
            to,
            || self.wait_for_the_world(&mut patience),
            |instant| self.clock.hold(instant),
        );
        match stepped {
            Ok(stops) => {
                self.clock.land(to);
                let region = self.lock_write();
                self.keep_time(&region)?;
                self.changed.notify_one();
                Ok(Jumped {
                    stops,
                    unfinished: patience.unfinished,
                })
            }
            Err(error) => {
                self.clock.land(self.clock.now());
                Err(error.into())
            }
        }
    }

    fn clock_alone(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing_clock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due until `to`, each at its own instant, and then all that is due at `to`. Says
    /// how many instants were stopped at. `leave` is called before time goes on from where it is,
    /// `arrive` is told each instant before anything is done at it.
    pub(crate) fn step_to(
        &self,
        to: Timestamp,
        mut leave: impl FnMut(),
        arrive: impl Fn(Timestamp),
    ) -> Result<usize, StoreError> {
        let mut stops = 0;
        while stops < MOST_STOPS {
            leave();
            let next = self.lock_read().deadline().filter(|at| *at < to);
            let Some(at) = next else { break };
            arrive(at);
            self.settle_at(at)?;
            stops += 1;
        }
        if stops == MOST_STOPS {
            tracing::warn!(%to, "so much is due until then that the rest is done at once");
        }
        arrive(to);
        self.settle_at(to)?;
        Ok(stops + 1)
    }

    /// Does what is due at an instant, unless somebody came to a later one meanwhile.
    fn settle_at(&self, at: Timestamp) -> Result<(), StoreError> {
        let mut context = self.context(Caller::Service { principal: "time" });
        context.now = at;
        self.change_in(&context, |region, context| {
            if region.settled_at < context.now {
                region.settle(context);
            }
        })
    }

    /// Waits, as long as there is patience, until the world has done what AWS would have done by
    /// then. Time runs on from where it stands.
    fn wait_for_the_world(&self, patience: &mut Patience) {
        if patience.left.is_zero() || self.awaited().is_none() {
            return;
        }
        self.clock.land(self.clock.now());
        let begun = Instant::now();
        loop {
            let seen = *self.commits.borrow();
            let Some(doing) = self.awaited() else {
                patience.left = patience.left.saturating_sub(begun.elapsed());
                return;
            };
            let left = patience.left.saturating_sub(begun.elapsed());
            if left.is_zero() {
                tracing::warn!(doing, "time leaps on although the world has not finished");
                patience.left = Duration::ZERO;
                patience.unfinished = Some(doing);
                return;
            }
            self.wait_for_a_commit(seen, left);
        }
    }

    /// What the world is doing that a leap waits for; nothing where nobody does it.
    fn awaited(&self) -> Option<String> {
        if self.attended.load(Ordering::SeqCst) {
            self.lock_read().awaits()
        } else {
            None
        }
    }

    /// Waits until something was changed since the count was `seen`, or somebody calls
    /// [`Self::wake`].
    fn wait_for_a_commit(&self, seen: u64, limit: Duration) {
        let (lock, woken) = &self.committed;
        let held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever changes something takes the lock afterwards, so nothing is missed in between.
        if *self.commits.borrow() == seen {
            drop(woken.wait_timeout(held, limit));
        }
    }

    /// Wakes the thread that waits for a change.
    pub(crate) fn wake(&self) {
        let (lock, woken) = &self.committed;
        drop(lock.lock().unwrap_or_else(PoisonError::into_inner));
        woken.notify_all();
    }
}
