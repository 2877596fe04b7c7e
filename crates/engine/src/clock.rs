//! The region's time: the machine's, or a multiple of it, or moved ahead.
//!
//! It never goes back. What clients check with their own clocks (signatures, sessions, TLS) stays
//! on the machine's time: that is [`Clock::wall`].

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use world::Event;

/// The fastest that time may run: an hour in a second.
pub const MOST_RATE: u32 = 3_600;
/// The furthest that one jump goes.
pub const MOST_JUMP: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);
/// How many changes of the clock are remembered, to place what a machine says of the past.
const MOST_STRETCHES: usize = 1_000;

/// Why the clock was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    #[error("time runs at 1 to {MOST_RATE} times real time")]
    Rate,
    #[error("time only goes ahead, and at most ten years in one jump")]
    Jump,
}

/// From `wall` on, time runs at `rate` and began at `region`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    wall: Timestamp,
    region: Timestamp,
    rate: u32,
}

impl Stretch {
    fn at(self, wall: Timestamp) -> Timestamp {
        let passed = wall.duration_since(self.wall);
        passed
            .checked_mul(i32::try_from(self.rate).unwrap_or(1))
            .and_then(|passed| self.region.checked_add(passed).ok())
            .unwrap_or(self.region)
    }
}

/// What is kept of a clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// In the order in which they began; before the first, region time is the machine's.
    stretches: Vec<Stretch>,
    /// During a jump, the instant that it has come to.
    held: Option<Timestamp>,
}

impl Kept {
    fn rate(&self) -> u32 {
        self.stretches.last().map_or(1, |one| one.rate)
    }

    fn at(&self, wall: Timestamp) -> Timestamp {
        let begun = self.stretches.partition_point(|one| one.wall <= wall);
        match begun.checked_sub(1) {
            Some(at) => self.stretches[at].at(wall),
            None => wall,
        }
    }

    fn now(&self, wall: Timestamp) -> Timestamp {
        let newest = self.stretches.last().map_or(wall, |one| one.at(wall));
        self.held.map_or(newest, |held| held.max(newest))
    }

    fn begin(&mut self, stretch: Stretch) {
        // Where the machine's own clock was set back, the stretches after that never were.
        self.stretches.retain(|one| one.wall < stretch.wall);
        self.stretches.push(stretch);
        let surplus = self.stretches.len().saturating_sub(MOST_STRETCHES);
        self.stretches.drain(..surplus);
    }
}

/// Tells the region's time.
#[derive(Debug)]
pub struct Clock {
    kept: RwLock<Kept>,
    changed: Notify,
}

impl Clock {
    /// A clock as it was kept. One that was kept in the middle of a jump goes on from there.
    pub(crate) fn open(mut kept: Kept) -> Self {
        if let Some(held) = kept.held.take() {
            let wall = Timestamp::now();
            let region = held.max(kept.now(wall));
            let rate = kept.rate();
            kept.begin(Stretch { wall, region, rate });
        }
        Self {
            kept: RwLock::new(kept),
            changed: Notify::new(),
        }
    }

    pub(crate) fn kept(&self) -> Kept {
        self.read().clone()
    }

    /// The region's time.
    pub fn now(&self) -> Timestamp {
        self.read().now(Timestamp::now())
    }

    /// The machine's time, which clients go by.
    pub fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    /// How many region seconds pass in a real one.
    pub fn rate(&self) -> u32 {
        self.read().rate()
    }

    /// The region's time when the machine's was `wall`.
    pub fn at(&self, wall: Timestamp) -> Timestamp {
        self.read().at(wall)
    }

    /// What a world said, with its times as the region tells them.
    pub fn localized(&self, mut event: Event) -> Event {
        let kept = self.read();
        if kept.stretches.is_empty() {
            return event;
        }
        let place = |at: &mut Timestamp| *at = kept.at(*at);
        match &mut event {
            Event::Task(status) => {
                let own = [&mut status.pull_started_at, &mut status.pull_stopped_at];
                own.into_iter().flatten().for_each(place);
                for container in &mut status.containers {
                    let own = [&mut container.started_at, &mut container.finished_at];
                    own.into_iter().flatten().for_each(place);
                }
            }
            Event::Log(batch) => {
                for line in &mut batch.lines {
                    place(&mut line.at);
                }
            }
            _ => {}
        }
        event
    }

    /// Waits until the region's time reaches `instant`, however the clock is changed meanwhile.
    pub async fn sleep_until(&self, instant: Timestamp) {
        loop {
            // Made before the clock is read, so that no change is missed between the two.
            let changed = self.changed.notified();
            let (now, rate) = {
                let kept = self.read();
                (kept.now(Timestamp::now()), kept.rate())
            };
            let Ok(left) = Duration::try_from(instant.duration_since(now)) else {
                return;
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left / rate) => {}
                () = changed => {}
            }
        }
    }

    /// Lets time run at a multiple of real time from now on.
    pub(crate) fn set_rate(&self, rate: u32) -> Result<(), ClockError> {
        if !(1..=MOST_RATE).contains(&rate) {
            return Err(ClockError::Rate);
        }
        let wall = Timestamp::now();
        let mut kept = self.write();
        let region = kept.now(wall);
        kept.begin(Stretch { wall, region, rate });
        drop(kept);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Stops time at an instant on the way of a jump. An instant that is past changes nothing.
    pub(crate) fn hold(&self, instant: Timestamp) {
        let mut kept = self.write();
        let now = kept.now(Timestamp::now());
        kept.held = Some(instant.max(now));
        drop(kept);
        self.changed.notify_waiters();
    }

    /// Lets time run on from `instant`, the end of a jump.
    pub(crate) fn land(&self, instant: Timestamp) {
        let wall = Timestamp::now();
        let mut kept = self.write();
        let region = kept.now(wall).max(instant);
        let rate = kept.rate();
        kept.held = None;
        kept.begin(Stretch { wall, region, rate });
        drop(kept);
        self.changed.notify_waiters();
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("it is a moment")
    }

    fn stretch(wall: &str, region: &str, rate: u32) -> Stretch {
        Stretch {
            wall: moment(wall),
            region: moment(region),
            rate,
        }
    }

    #[test]
    fn each_moment_has_the_time_of_its_stretch() {
        let mut kept = Kept::default();
        let at = |kept: &Kept, wall: &str| kept.at(moment(wall)).to_string();
        assert_eq!(at(&kept, "2026-01-05T08:00:00Z"), "2026-01-05T08:00:00Z");
        // From nine on an hour a minute; at two past nine ten hours ahead, as fast as before.
        kept.begin(stretch("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z", 60));
        kept.begin(stretch("2026-01-05T09:02:00Z", "2026-01-05T21:00:00Z", 60));
        let cases = [
            ("2026-01-05T08:59:59Z", "2026-01-05T08:59:59Z"),
            ("2026-01-05T09:01:00Z", "2026-01-05T10:00:00Z"),
            ("2026-01-05T09:02:00Z", "2026-01-05T21:00:00Z"),
            ("2026-01-05T09:02:01Z", "2026-01-05T21:01:00Z"),
        ];
        for (wall, region) in cases {
            assert_eq!(at(&kept, wall), region, "{wall}");
        }
        let json = serde_json::to_string(&kept).expect("it can be written");
        assert_eq!(serde_json::from_str::<Kept>(&json).expect("and read"), kept);
    }

    #[test]
    fn a_jump_broken_off_goes_on_from_where_it_was() {
        let held = Timestamp::now() + SignedDuration::from_hours(5);
        let kept = Kept {
            stretches: Vec::new(),
            held: Some(held),
        };
        let clock = Clock::open(kept);
        assert!(clock.now() >= held);
        assert_eq!(clock.kept().held, None);
    }

    #[test]
    fn time_goes_ahead_only() {
        let clock = Clock::open(Kept::default());
        let before = clock.now();
        clock.hold(before - SignedDuration::from_hours(1));
        assert!(clock.now() >= before);
        let ahead = before + SignedDuration::from_hours(2);
        clock.hold(ahead);
        assert_eq!(clock.now(), ahead);
        assert_eq!(clock.now(), ahead, "it stands still");
        clock.land(ahead);
        assert!(clock.now() >= ahead);
        assert!(clock.wall() < ahead);
        for rate in [0, MOST_RATE + 1] {
            assert_eq!(clock.set_rate(rate), Err(ClockError::Rate));
        }
        clock.set_rate(60).expect("it is allowed");
        assert_eq!(clock.rate(), 60);
        assert!(clock.now() >= ahead);
    }

    #[test]
    fn what_a_machine_says_is_placed_in_region_time() {
        use world::event::{ContainerStatus, TaskPhase, TaskStatus};
        let mut kept = Kept::default();
        kept.begin(stretch("2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z", 1));
        let clock = Clock::open(kept);
        let status = TaskStatus {
            task: "t".into(),
            phase: TaskPhase::Running,
            pull_started_at: Some(moment("2026-01-05T08:59:00Z")),
            pull_stopped_at: Some(moment("2026-01-05T09:00:10Z")),
            containers: vec![ContainerStatus {
                name: "app".into(),
                started_at: Some(moment("2026-01-05T09:00:11Z")),
                finished_at: None,
                exit_code: None,
                reason: None,
                health: None,
            }],
            warnings: vec![],
        };
        let Event::Task(status) = clock.localized(Event::Task(status)) else {
            panic!("it is still a task's status");
        };
        assert_eq!(status.pull_started_at, Some(moment("2026-01-05T08:59:00Z")));
        assert_eq!(status.pull_stopped_at, Some(moment("2026-01-06T09:00:10Z")));
        assert_eq!(
            status.containers[0].started_at,
            Some(moment("2026-01-06T09:00:11Z"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_woken_by_a_jump() {
        let clock = Clock::open(Kept::default());
        let instant = clock.now() + SignedDuration::from_hours(10);
        let wait = clock.sleep_until(instant);
        tokio::pin!(wait);
        assert!(futures_now(wait.as_mut()).await);
        clock.land(instant);
        wait.await;
    }

    /// Whether a future is not done yet, after it was asked once.
    async fn futures_now(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut future = future;
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
        })
        .await
    }
}
