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
    /// Whether it belongs to the deployment before, which had been completed.
    pub(super) proven: bool,
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
    /// How many tasks the deployment before may have again, if the floor asks for them.
    pub(super) old: u32,
    /// One task more than desired is on its way to another zone, and not healthy yet.
    pub(super) moving: bool,
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// So many tasks of the primary deployment.
    pub(super) start: u32,
    /// So many of the deployment before, in place of some that failed while the primary one is
    /// not ready.
    pub(super) start_old: u32,
    /// Tasks by id, in this order.
    pub(super) stop: Vec<String>,
    /// The bounds allow neither to start nor to stop anything, and nothing will change by itself.
    pub(super) stuck: bool,
    /// So many tasks too many are protected.
    pub(super) held_by_protection: u32,
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
    let ready = count(&|task| task.primary && task.healthy);

    if bounds.may_start && sound < bounds.desired {
        step.start = (bounds.desired - sound).min(bounds.ceiling().saturating_sub(live));
    }
    let needed = bounds.floor().saturating_sub(ready);
    let sound_old = count(&|task| task.proven && !task.unhealthy);
    step.start_old = needed
        .min(bounds.old)
        .saturating_sub(sound_old)
        .min(bounds.ceiling().saturating_sub(live + step.start));

    let blocked = sound < bounds.desired && live >= bounds.ceiling();
    stop_olds(bounds, tasks, (healthy, needed, sound_old), &mut step);

    // An unhealthy one goes once it is replaced, or, where the ceiling forbids a replacement
    // beside it, to make room: one at a time.
    let replaced = ready >= bounds.desired;
    let enough = healthy >= bounds.floor();
    for task in tasks
        .iter()
        .filter(|task| (task.primary || task.proven) && task.unhealthy && !task.protected)
    {
        let done = if task.primary { replaced } else { enough };
        if done || (blocked && step.stop.is_empty()) {
            step.stop.push(task.id.to_owned());
        }
    }

    let most = bounds.desired + u32::from(bounds.moving);
    let mut surplus = sound.saturating_sub(most);
    while surplus > 0 {
        let Some(task) = next_to_scale_in(tasks, &step.stop) else {
            break;
        };
        step.stop.push(task.id.to_owned());
        surplus -= 1;
    }
    let protected_olds = count(&|task| !task.primary && task.protected);
    step.held_by_protection = surplus.min(count(&|task| task.primary && task.protected))
        + if ready >= bounds.desired {
            protected_olds
        } else {
            0
        };
    step.stuck = bounds.may_start
        && step.start + step.start_old == 0
        && step.stop.is_empty()
        && sound < bounds.desired
        && healthy == live
        && count(&|task| task.protected) == 0;
    step
}

/// Takes away what belongs to no primary deployment, keeping the floor. `counts`: healthy tasks,
/// how many of the deployment before are still needed, and how many of it are sound.
fn stop_olds(bounds: Bounds, tasks: &[TaskView], counts: (u32, u32, u32), step: &mut Step) {
    let (healthy, needed, mut sound_old) = counts;
    let mut spare = healthy.saturating_sub(bounds.floor());
    let mut olds: Vec<&TaskView> = tasks
        .iter()
        .filter(|task| !task.primary && !task.protected)
        // Those of the deployment before that a check finds unhealthy are replaced first.
        .filter(|task| !(task.proven && task.unhealthy))
        .collect();
    olds.sort_by_key(|task| (task.proven, task.healthy, task.running));
    for task in olds {
        let goes = if task.healthy {
            spare > 0
        } else {
            !task.proven || sound_old > needed
        };
        if goes {
            step.stop.push(task.id.to_owned());
            spare -= u32::from(task.healthy);
            sound_old -= u32::from(task.proven);
        }
    }
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

/// The zone to which a task should move, from the numbers of tasks that zones have; `None` where
/// no two differ by more than one.
pub(super) fn uneven(counts: &[(String, usize)]) -> Option<&str> {
    let most = counts.iter().map(|(_, number)| *number).max()?;
    let (zone, least) = counts.iter().min_by_key(|(_, number)| *number)?;
    (most > least + 1).then_some(zone.as_str())
}

/// Failures in a row after which the circuit breaker opens.
pub(super) fn breaker_threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

/// So many tasks in a row that never ran slow the start of others down.
pub(super) const THROTTLED_FROM: u32 = 3;

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
            old: desired,
            moving: false,
        }
    }

    /// `P` primary, `o` of the completed deployment before, `x` of another; `+` healthy, `-`
    /// unhealthy, `.` starting, `!` protected.
    fn view(text: &str) -> Vec<TaskView<'_>> {
        text.split_whitespace()
            .enumerate()
            .map(|(index, word)| TaskView {
                id: word,
                primary: word.starts_with('P'),
                proven: word.starts_with('o'),
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
        let cases: [(Bounds, &str, (u32, u32), &str); 25] = [
            (bounds(3, 100, 200), "", (3, 0), ""),
            (bounds(3, 100, 200), "P1. P2.", (1, 0), ""),
            (bounds(3, 100, 200), "P1+ P2+ P3+", (0, 0), ""),
            // A deployment doubles, then takes the old ones away as new ones become healthy.
            (bounds(3, 100, 200), "o1+ o2+ o3+", (3, 0), ""),
            (bounds(3, 100, 200), "o1+ o2+ o3+ P1. P2. P3.", (0, 0), ""),
            (
                bounds(3, 100, 200),
                "o1+ o2+ o3+ P1+ P2. P3.",
                (0, 0),
                "o1+",
            ),
            (
                bounds(3, 100, 200),
                "P1+ P2+ P3+ o1+ o2-",
                (0, 0),
                "o1+ o2-",
            ),
            // No room above: make room below the desired count, within the floor.
            (bounds(2, 50, 100), "o1+ o2+", (0, 0), "o1+"),
            (bounds(2, 50, 100), "o2+", (1, 0), ""),
            // An unhealthy task is replaced first, then stopped.
            (bounds(2, 100, 200), "P1+ P2-", (1, 0), ""),
            (bounds(2, 100, 200), "P1+ P2- P3.", (0, 0), ""),
            (bounds(2, 100, 200), "P1+ P2- P3+", (0, 0), "P2-"),
            (bounds(1, 0, 100), "P1-", (0, 0), "P1-"),
            // Also one of the version before, by its own kind, while the new one is not ready.
            (bounds(3, 100, 200), "o1+ o2+ P1. P2. P3.", (0, 1), ""),
            (bounds(3, 100, 200), "o1+ o2+ o3. P1. P2. P3.", (0, 0), ""),
            (bounds(3, 100, 200), "o1+ o2+ o3- P1. P2.", (1, 0), ""),
            (
                bounds(3, 100, 200),
                "o1+ o2+ o3. P1+ P2. P3.",
                (0, 0),
                "o3.",
            ),
            (bounds(2, 100, 150), "o1- o2- P1+", (0, 0), "o1-"),
            // A version that never was good is not kept up.
            (
                bounds(3, 100, 200),
                "x1. x2- P1. P2. P3.",
                (0, 0),
                "x1. x2-",
            ),
            // Scaling in takes what is not there yet first; protected tasks stay.
            (bounds(1, 100, 200), "P1+ P2+ P3.", (0, 0), "P3. P1+"),
            (bounds(0, 100, 200), "P1+! P2+", (0, 0), "P2+"),
            (bounds(2, 100, 200), "P1+ P2+ o1+!", (0, 0), ""),
            // Nothing of the old version was wanted: nothing of it comes back.
            (
                Bounds {
                    old: 0,
                    ..bounds(3, 100, 200)
                },
                "P1.",
                (2, 0),
                "",
            ),
            // One more is on its way to another zone: it is left until it is healthy.
            (
                Bounds {
                    moving: true,
                    ..bounds(2, 100, 200)
                },
                "P1+ P2+ P3.",
                (0, 0),
                "",
            ),
            (bounds(2, 100, 200), "P1+ P2+ P3+", (0, 0), "P1+"),
        ];
        for (mut bounds, tasks, starts, stop) in cases {
            if !tasks.contains('o') {
                bounds.old = 0;
            }
            let step = plan(bounds, &view(tasks));
            assert_eq!(
                ((step.start, step.start_old), step.stop.join(" ").as_str()),
                (starts, stop),
                "{bounds:?} {tasks}"
            );
        }
    }

    #[test]
    fn bounds_that_leave_no_room_are_told() {
        let cases = [
            (bounds(1, 50, 150), "o1+", true),
            (bounds(1, 50, 200), "o1+", false),
            (bounds(2, 50, 100), "o1+ P1.", false),
            (bounds(1, 50, 150), "o1.", false),
        ];
        for (bounds, tasks, stuck) in cases {
            assert_eq!(
                plan(bounds, &view(tasks)).stuck,
                stuck,
                "{bounds:?} {tasks}"
            );
        }
        let held =
            |desired, tasks| plan(bounds(desired, 100, 200), &view(tasks)).held_by_protection;
        assert_eq!(held(1, "P1+! P2+! P3+"), 1);
        assert_eq!(held(2, "P1+ P2+ o1+!"), 1);
        assert_eq!(held(2, "P1+ P2."), 0);
    }

    #[test]
    fn zones_differ_by_one_at_most() {
        let counts = |all: [usize; 3]| -> Vec<(String, usize)> {
            ["a", "b", "c"]
                .iter()
                .map(|one| (*one).to_owned())
                .zip(all)
                .collect()
        };
        for (all, zone) in [
            ([1, 1, 1], None),
            ([2, 1, 1], None),
            ([3, 1, 1], Some("b")),
            ([2, 2, 0], Some("c")),
            ([0, 0, 0], None),
        ] {
            assert_eq!(uneven(&counts(all)), zone, "{all:?}");
        }
        assert_eq!(uneven(&[]), None);
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
            kinds in proptest::collection::vec((0u8..3, 0u8..3), 0..14),
        ) {
            let names: Vec<String> = kinds.iter().enumerate().map(|(index, (kind, state))| {
                format!("{}{index}{}", ["P", "o", "x"][usize::from(*kind)], ["+", "-", "."][usize::from(*state)])
            }).collect();
            let text = names.join(" ");
            let tasks = view(&text);
            let bounds = bounds(desired, minimum, maximum);
            let step = plan(bounds, &tasks);
            let live = u32::try_from(tasks.len()).expect("few");
            prop_assert!(step.start + step.start_old == 0 || live + step.start + step.start_old <= bounds.ceiling());
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

        /// A whole deployment, with tasks that become healthy in any order: the healthy ones are
        /// never fewer than the floor nor all together more than the ceiling, and unless the
        /// bounds leave no room it is through in the end.
        #[test]
        fn a_deployment_keeps_the_bounds_until_it_is_through(
            desired in 1u32..9, minimum in 0u32..=100, maximum in 100u32..=250,
            order in proptest::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            let bounds = bounds(desired, minimum, maximum);
            let mut tasks: Vec<String> = (0..desired).map(|number| format!("o{number}+")).collect();
            let mut next = 0;
            for pick in &order {
                let text = tasks.join(" ");
                let step = plan(bounds, &view(&text));
                let nothing = Step { stuck: step.stuck, ..Step::default() };
                tasks.retain(|one| !step.stop.contains(one));
                for _ in 0..step.start {
                    tasks.push(format!("P{next}."));
                    next += 1;
                }
                prop_assert_eq!(step.start_old, 0, "no old one failed");
                let healthy = tasks.iter().filter(|one| one.ends_with('+')).count();
                prop_assert!(healthy >= usize::try_from(bounds.floor()).expect("few"), "{text}: {step:?}");
                prop_assert!(tasks.len() <= usize::try_from(bounds.ceiling().max(desired)).expect("few"), "{text}: {step:?}");
                let starting: Vec<usize> = (0..tasks.len()).filter(|at| tasks[*at].ends_with('.')).collect();
                if starting.is_empty() && step == nothing {
                    break;
                }
                if !starting.is_empty() {
                    let at = starting[pick.index(starting.len())];
                    tasks[at] = tasks[at].replace('.', "+");
                }
            }
            let through = tasks.iter().all(|one| one.starts_with('P')) && tasks.len() == usize::try_from(desired).expect("few");
            let no_room = bounds.floor() == desired && bounds.ceiling() == desired;
            prop_assert!(through != no_room, "{tasks:?} by {bounds:?}");
            prop_assert_eq!(plan(bounds, &view(&tasks.join(" "))).stuck, no_room);
        }
    }
}
