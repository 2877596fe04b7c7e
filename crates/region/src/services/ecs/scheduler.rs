//! What a service does next: pure, from the tasks it has and the bounds it keeps.
//!
//! Bounds: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>.
//! Circuit breaker: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>.

/// A task as the scheduler sees it; only those that are not meant to stop are shown to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskView<'a> {
    pub(super) id: &'a str,
    /// Whether it belongs to the primary deployment.
    pub(super) primary: bool,
    pub(super) zone: &'a str,
    pub(super) running: bool,
    /// Counts for the floor: running, and healthy by every check it has.
    pub(super) healthy: bool,
    /// A check says it is not.
    pub(super) unhealthy: bool,
    pub(super) protected: bool,
}

/// What a service keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) desired: u32,
    pub(super) minimum_healthy_percent: u32,
    pub(super) maximum_percent: u32,
    /// Whether the primary deployment may start tasks now.
    pub(super) may_start: bool,
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// So many tasks of the primary deployment.
    pub(super) start: u32,
    /// Tasks by id, in this order.
    pub(super) stop: Vec<String>,
}

impl Bounds {
    /// Healthy tasks that must be left: `ceil(desired × minimum)`.
    pub(super) fn floor(&self) -> u32 {
        (self.desired * self.minimum_healthy_percent).div_ceil(100)
    }

    /// Tasks that may be there at once: `floor(desired × maximum)`.
    pub(super) fn ceiling(&self) -> u32 {
        self.desired * self.maximum_percent / 100
    }
}

/// The next step towards `desired` tasks of the primary deployment and none of any other. Doing it
/// again before anything has changed does nothing more than the same once.
pub(super) fn plan(bounds: Bounds, tasks: &[TaskView]) -> Step {
    let mut step = Step::default();
    let count = |wanted: &dyn Fn(&TaskView) -> bool| {
        u32::try_from(tasks.iter().filter(|task| wanted(task)).count()).unwrap_or(u32::MAX)
    };
    let live = count(&|_| true);
    let healthy = count(&|task| task.healthy);
    // An unhealthy task is replaced before it is stopped, so it does not count as one we have.
    let sound = count(&|task| task.primary && !task.unhealthy);

    if bounds.may_start && sound < bounds.desired {
        step.start = (bounds.desired - sound).min(bounds.ceiling().saturating_sub(live));
    }

    // Stopping keeps the floor; a task that is not healthy costs it nothing.
    let mut spare = healthy.saturating_sub(bounds.floor());
    let mut olds: Vec<&TaskView> = tasks
        .iter()
        .filter(|task| !task.primary && !task.protected)
        .collect();
    olds.sort_by_key(|task| (task.healthy, task.running));
    for task in olds {
        if take(task, &mut spare) {
            step.stop.push(task.id.to_owned());
        }
    }

    // An unhealthy one goes once it is replaced, or, where the ceiling forbids a replacement
    // beside it, to make room: one at a time.
    let replaced = count(&|task| task.primary && task.healthy) >= bounds.desired;
    let blocked = sound < bounds.desired && live >= bounds.ceiling();
    for task in tasks
        .iter()
        .filter(|task| task.primary && task.unhealthy && !task.protected)
    {
        if replaced || (blocked && step.stop.is_empty()) {
            step.stop.push(task.id.to_owned());
        }
    }

    for _ in bounds.desired..sound {
        let Some(task) = next_to_scale_in(tasks, &step.stop) else {
            break;
        };
        step.stop.push(task.id.to_owned());
    }
    step
}

fn take(task: &TaskView, spare: &mut u32) -> bool {
    if !task.healthy {
        return true;
    }
    if *spare == 0 {
        return false;
    }
    *spare -= 1;
    true
}

/// The next of the primary deployment to go when there are too many: one that does not run yet,
/// else one in the zone that has most.
fn next_to_scale_in<'a>(tasks: &'a [TaskView<'a>], gone: &[String]) -> Option<&'a TaskView<'a>> {
    let candidates = || {
        tasks.iter().filter(|task| {
            task.primary
                && !task.unhealthy
                && !task.protected
                && !gone.iter().any(|id| id == task.id)
        })
    };
    let crowd = |zone: &str| {
        tasks
            .iter()
            .filter(|task| task.zone == zone && !gone.iter().any(|id| id == task.id))
            .count()
    };
    candidates().max_by_key(|task| {
        (
            !task.running,
            !task.healthy,
            crowd(task.zone),
            std::cmp::Reverse(task.id),
        )
    })
}

/// The zone that gets the next task: the one with fewest, the first of them as given.
pub(super) fn emptiest<'a>(zones: &[&'a str], taken: &[&str]) -> Option<&'a str> {
    zones
        .iter()
        .enumerate()
        .min_by_key(|(index, zone)| (taken.iter().filter(|one| one == zone).count(), *index))
        .map(|(_, zone)| *zone)
}

/// Failures in a row after which the circuit breaker opens.
pub(super) fn breaker_threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

/// How long a deployment waits after so many tasks in a row that never ran. AWS documents only
/// that the delay grows up to 27 minutes.
pub(super) fn restart_delay(failed: u32) -> jiff::SignedDuration {
    match failed {
        0..=2 => jiff::SignedDuration::ZERO,
        failed => {
            let seconds = 10_i64 << (failed - 3).min(12);
            jiff::SignedDuration::from_secs(seconds.min(27 * 60))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(desired: u32, minimum: u32, maximum: u32) -> Bounds {
        Bounds {
            desired,
            minimum_healthy_percent: minimum,
            maximum_percent: maximum,
            may_start: true,
        }
    }

    /// `P` primary, `o` old; `+` healthy, `-` unhealthy, `.` starting.
    fn view(text: &str) -> Vec<TaskView<'_>> {
        text.split_whitespace()
            .enumerate()
            .map(|(index, word)| TaskView {
                id: word,
                primary: word.starts_with('P'),
                zone: ["a", "b", "c"][index % 3],
                running: !word.contains('.'),
                healthy: word.contains('+'),
                unhealthy: word.contains('-'),
                protected: word.contains('!'),
            })
            .collect()
    }

    #[test]
    fn steps() {
        let cases: [(Bounds, &str, u32, &str); 15] = [
            (bounds(3, 100, 200), "", 3, ""),
            (bounds(3, 100, 200), "P1. P2.", 1, ""),
            (bounds(3, 100, 200), "P1+ P2+ P3+", 0, ""),
            // A deployment doubles, then takes the old ones away as new ones become healthy.
            (bounds(3, 100, 200), "o1+ o2+ o3+", 3, ""),
            (bounds(3, 100, 200), "o1+ o2+ o3+ P1. P2. P3.", 0, ""),
            (bounds(3, 100, 200), "o1+ o2+ o3+ P1+ P2. P3.", 0, "o1+"),
            (bounds(3, 100, 200), "P1+ P2+ P3+ o1+ o2-", 0, "o2- o1+"),
            // No room above: make room below the desired count, within the floor.
            (bounds(2, 50, 100), "o1+ o2+", 0, "o1+"),
            (bounds(2, 50, 100), "o2+", 1, ""),
            // An unhealthy task is replaced first, then stopped.
            (bounds(2, 100, 200), "P1+ P2-", 1, ""),
            (bounds(2, 100, 200), "P1+ P2- P3.", 0, ""),
            (bounds(2, 100, 200), "P1+ P2- P3+", 0, "P2-"),
            (bounds(1, 0, 100), "P1-", 0, "P1-"),
            // Scaling in takes what is not there yet first; protected tasks stay.
            (bounds(1, 100, 200), "P1+ P2+ P3.", 0, "P3. P1+"),
            (bounds(0, 100, 200), "P1+! P2+", 0, "P2+"),
        ];
        for (bounds, tasks, start, stop) in cases {
            let step = plan(bounds, &view(tasks));
            assert_eq!(
                (step.start, step.stop.join(" ").as_str()),
                (start, stop),
                "{bounds:?} {tasks}"
            );
        }
    }

    #[test]
    fn zones_fill_evenly() {
        let zones = ["a", "b", "c"];
        assert_eq!(emptiest(&zones, &[]), Some("a"));
        assert_eq!(emptiest(&zones, &["a"]), Some("b"));
        assert_eq!(emptiest(&zones, &["a", "b", "c", "a", "c"]), Some("b"));
        assert_eq!(emptiest(&[], &[]), None);
    }

    #[test]
    fn the_breaker_has_documented_thresholds() {
        for (desired, threshold) in [(1, 3), (25, 13), (400, 200), (6, 3), (7, 4)] {
            assert_eq!(breaker_threshold(desired), threshold, "{desired}");
        }
        assert_eq!(restart_delay(2), jiff::SignedDuration::ZERO);
        assert_eq!(restart_delay(u32::MAX), jiff::SignedDuration::from_mins(27));
    }

    proptest! {
        /// Whatever the tasks are, a step keeps the ceiling and never takes healthy tasks below
        /// the floor, unless fewer are wanted.
        #[test]
        fn a_step_keeps_the_bounds(
            desired in 0u32..8, minimum in 0u32..=100, maximum in 100u32..=300,
            kinds in proptest::collection::vec((any::<bool>(), 0u8..3), 0..14),
        ) {
            let names: Vec<String> = kinds.iter().enumerate().map(|(index, (primary, state))| {
                format!("{}{index}{}", if *primary { "P" } else { "o" }, ["+", "-", "."][usize::from(*state)])
            }).collect();
            let text = names.join(" ");
            let tasks = view(&text);
            let bounds = bounds(desired, minimum, maximum);
            let step = plan(bounds, &tasks);
            let live = u32::try_from(tasks.len()).expect("few");
            prop_assert!(step.start == 0 || live + step.start <= bounds.ceiling());
            let healthy = |skip: &[String]| tasks.iter().filter(|task| task.healthy && !skip.iter().any(|id| id == task.id)).count();
            let before = healthy(&[]);
            let after = healthy(&step.stop);
            let floor = usize::try_from(bounds.floor()).expect("few");
            let primaries = tasks.iter().filter(|task| task.primary).count();
            let scaling_in = primaries > usize::try_from(desired).expect("few");
            prop_assert!(after >= floor.min(before) || scaling_in, "{text}: {step:?}");
            let mut seen = std::collections::BTreeSet::new();
            prop_assert!(step.stop.iter().all(|id| seen.insert(id)), "named twice: {step:?}");
        }
    }
}
