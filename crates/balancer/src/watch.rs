//! Coarse timeouts for many connections: one sweep a tick instead of one timer a request.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

/// How exact timeouts are.
pub(crate) const TICK: Duration = Duration::from_millis(TICK_MS);
const TICK_MS: u64 = 50;

const OFF: u32 = u32::MAX;

/// The watches of one core and its time in ticks.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    now: Cell<u32>,
    watches: RefCell<Vec<Rc<Inner>>>,
    first: tokio::sync::Notify,
}

/// Something that must not stand still for long. Fires when it was not touched for its limit, or
/// when its cord is cut; then whoever polled it last is woken.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    inner: Rc<Inner>,
    clock: Rc<Clock>,
}

#[derive(Debug)]
struct Inner {
    touched: Cell<u32>,
    limit: Cell<u32>,
    fired: Cell<Option<Fired>>,
    cord: Cord,
    cord_seen: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// Shared by watches that end together when it is cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cord(Rc<Cell<bool>>);

impl Cord {
    pub(crate) fn cut(&self) {
        self.0.set(true);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.0.get()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fired {
    /// Nothing happened for too long.
    Idle,
    /// The cord was cut.
    Cut,
}

impl Clock {
    pub(crate) fn watch(self: &Rc<Self>, limit: Duration, cord: Cord) -> Watch {
        let inner = Rc::new(Inner {
            touched: Cell::new(self.now.get()),
            limit: Cell::new(ticks(limit)),
            fired: Cell::new(None),
            cord,
            cord_seen: Cell::new(false),
            waker: RefCell::new(None),
        });
        let mut watches = self.watches.borrow_mut();
        if watches.is_empty() {
            self.first.notify_one();
        }
        watches.push(Rc::clone(&inner));
        drop(watches);
        Watch {
            inner,
            clock: Rc::clone(self),
        }
    }

    /// Moves time on by one tick and fires what is due.
    pub(crate) fn tick(&self) {
        let now = self.now.get().wrapping_add(1);
        self.now.set(now);
        // Wakers only put tasks in a queue, so none can come back here.
        self.watches.borrow_mut().retain(|watch| {
            if Rc::strong_count(watch) == 1 {
                return false;
            }
            watch.check(now);
            true
        });
    }

    /// Waits until there is something to watch: an idle core need not wake up.
    pub(crate) async fn something(&self) {
        while self.watches.borrow().is_empty() {
            self.first.notified().await;
        }
    }

    pub(crate) fn now(&self) -> u32 {
        self.now.get()
    }
}

/// Ticks that take at least so long, counted from anywhere within a tick.
fn ticks(limit: Duration) -> u32 {
    let milliseconds = limit.as_secs().saturating_mul(1000) + u64::from(limit.subsec_millis());
    let ticks = milliseconds.div_ceil(TICK_MS) + 1;
    u32::try_from(ticks).unwrap_or(OFF).min(OFF - 1)
}

impl Inner {
    fn check(&self, now: u32) {
        if self.cord.is_cut() && !self.cord_seen.replace(true) {
            self.fire(Fired::Cut);
        } else if self.limit.get() != OFF
            && now.wrapping_sub(self.touched.get()) >= self.limit.get()
        {
            self.fire(Fired::Idle);
        }
    }

    fn fire(&self, fired: Fired) {
        if self.fired.get().is_none() {
            self.fired.set(Some(fired));
            if let Some(waker) = self.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }
}

impl Watch {
    /// Something happened: the time starts again.
    pub(crate) fn touch(&self) {
        self.inner.touched.set(self.clock.now());
    }

    /// Starts anew with this limit; that it was over before is forgotten.
    pub(crate) fn limit(&self, limit: Duration) {
        self.inner.limit.set(ticks(limit));
        self.touch();
        self.forget();
    }

    fn forget(&self) {
        if self.inner.fired.get() == Some(Fired::Idle) {
            self.inner.fired.set(None);
        }
    }

    /// Stands still as long as it likes from now on.
    pub(crate) fn rest(&self) {
        self.inner.limit.set(OFF);
        self.forget();
    }

    /// Whether it has fired; if not, the task is woken when it does. Firing is told once.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Option<Fired> {
        if let Some(fired) = self.inner.fired.take() {
            return Some(fired);
        }
        let mut waker = self.inner.waker.borrow_mut();
        match &*waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
        None
    }

    /// Ticks since it was last touched.
    pub(crate) fn still_for(&self) -> u32 {
        self.clock.now().wrapping_sub(self.inner.touched.get())
    }

    /// Whether it stood still past its limit, without waiting for it to fire.
    pub(crate) fn is_over(&self) -> bool {
        self.inner.limit.get() != OFF && self.still_for() >= self.inner.limit.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(watch: &Watch) -> Option<Fired> {
        watch.poll(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn fires_once_when_untouched_for_the_limit() {
        let clock = Rc::new(Clock::default());
        let watch = clock.watch(TICK * 2, Cord::default());
        clock.tick();
        clock.tick();
        watch.touch();
        clock.tick();
        clock.tick();
        assert_eq!(fired(&watch), None);
        clock.tick();
        assert_eq!(fired(&watch), Some(Fired::Idle));
        assert_eq!(fired(&watch), None);
        watch.rest();
        for _ in 0..9 {
            clock.tick();
        }
        assert_eq!(fired(&watch), None);
    }

    #[test]
    fn what_was_over_starts_anew_with_a_new_limit() {
        let clock = Rc::new(Clock::default());
        let watch = clock.watch(TICK, Cord::default());
        for _ in 0..5 {
            clock.tick();
        }
        assert!(watch.is_over());
        watch.limit(TICK);
        assert!(!watch.is_over());
        assert_eq!(fired(&watch), None);
    }

    #[test]
    fn a_cut_cord_fires_even_while_resting_and_the_dropped_are_forgotten() {
        let clock = Rc::new(Clock::default());
        let cord = Cord::default();
        let watch = clock.watch(TICK, cord.clone());
        watch.rest();
        cord.cut();
        clock.tick();
        assert_eq!(fired(&watch), Some(Fired::Cut));
        clock.tick();
        assert_eq!(fired(&watch), None);
        drop(watch);
        clock.tick();
        assert!(clock.watches.borrow().is_empty());
    }
}
