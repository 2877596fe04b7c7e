//! What to do next for a task's containers, as a pure function of what happened so far.

use std::time::Duration;

use world::event::{Health, StopCause, TaskPhase};
use world::task::{Condition, Container};

/// One thing to do. Containers are named by their place in the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Start(usize),
    /// Send the stop signal.
    Signal(usize),
    Kill(usize),
    /// Run the health check's command.
    Probe(usize),
}

/// The containers of one task. Times are since the task began.
#[derive(Debug)]
pub(crate) struct Supervisor {
    containers: Vec<Container>,
    states: Vec<State>,
    stop: Option<StopCause>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running(Running),
    Exited {
        code: i32,
    },
    /// Ended before it was started.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    since: Duration,
    signalled: Option<Duration>,
    killed: bool,
    health: Health,
    /// Failures in a row.
    failures: u32,
    /// When the next probe is due; `None` while one runs.
    probe_at: Option<Duration>,
}

impl Supervisor {
    pub(crate) fn new(containers: Vec<Container>) -> Self {
        let states = containers.iter().map(|_| State::Waiting).collect();
        Self {
            containers,
            states,
            stop: None,
        }
    }

    /// What is to be done now.
    pub(crate) fn steps(&mut self, now: Duration) -> Vec<Step> {
        if self.stop.is_none() {
            self.give_up_impossible();
        }
        let mut steps = Vec::new();
        for at in 0..self.containers.len() {
            match self.states[at] {
                State::Waiting if self.stop.is_some() => self.states[at] = State::Never,
                State::Waiting if self.may_start(at) => steps.push(Step::Start(at)),
                State::Running(running) if self.stop.is_some() => {
                    if let Some(step) = self.stop_step(at, running, now) {
                        steps.push(step);
                    }
                }
                State::Running(running) if running.probe_at.is_some_and(|due| due <= now) => {
                    steps.push(Step::Probe(at));
                }
                _ => {}
            }
        }
        steps
    }

    /// When [`Self::steps`] may have something new by time alone.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        (0..self.containers.len())
            .filter_map(|at| match self.states[at] {
                State::Running(running) if self.stop.is_some() => running
                    .signalled
                    .filter(|_| !running.killed)
                    .map(|when| when + self.grace(at)),
                State::Running(running) => running.probe_at,
                _ => None,
            })
            .min()
    }

    fn grace(&self, at: usize) -> Duration {
        Duration::from_secs(u64::from(self.containers[at].stop_timeout))
    }

    fn stop_step(&self, at: usize, running: Running, now: Duration) -> Option<Step> {
        match running.signalled {
            None => self.dependents_ended(at).then_some(Step::Signal(at)),
            Some(when) if !running.killed && now >= when + self.grace(at) => Some(Step::Kill(at)),
            Some(_) => None,
        }
    }

    /// Containers stop in the reverse order of their dependencies.
    fn dependents_ended(&self, at: usize) -> bool {
        let name = &self.containers[at].name;
        self.containers
            .iter()
            .zip(&self.states)
            .all(|(other, state)| {
                !matches!(state, State::Running(_))
                    || !other
                        .depends_on
                        .iter()
                        .any(|dependency| &dependency.container == name)
            })
    }

    fn may_start(&self, at: usize) -> bool {
        self.containers[at].depends_on.iter().all(|dependency| {
            let Some(state) = self.state_of(&dependency.container) else {
                return false;
            };
            match dependency.condition {
                Condition::Start => matches!(state, State::Running(_) | State::Exited { .. }),
                Condition::Complete => matches!(state, State::Exited { .. }),
                Condition::Success => state == State::Exited { code: 0 },
                Condition::Healthy => {
                    matches!(state, State::Running(running) if running.health == Health::Healthy)
                }
            }
        })
    }

    fn state_of(&self, name: &str) -> Option<State> {
        let at = self
            .containers
            .iter()
            .position(|other| other.name == name)?;
        Some(self.states[at])
    }

    /// A container whose condition can never come true never starts; if it is essential, the
    /// task cannot run.
    fn give_up_impossible(&mut self) {
        for at in 0..self.containers.len() {
            if self.states[at] != State::Waiting {
                continue;
            }
            let Some(reason) = self.impossible(at) else {
                continue;
            };
            self.states[at] = State::Never;
            if self.containers[at].essential {
                self.stop = Some(StopCause::FailedToStart { reason });
                return;
            }
        }
    }

    fn impossible(&self, at: usize) -> Option<String> {
        let container = &self.containers[at];
        container.depends_on.iter().find_map(|dependency| {
            let other = &dependency.container;
            let why = match (dependency.condition, self.state_of(other)) {
                (_, None) => "is not in the task".to_owned(),
                (_, Some(State::Never)) => "never started".to_owned(),
                (Condition::Success, Some(State::Exited { code })) if code != 0 => {
                    format!("ended with exit code {code}")
                }
                (Condition::Healthy, Some(State::Exited { .. })) => {
                    "ended before it was healthy".to_owned()
                }
                _ => return None,
            };
            Some(format!(
                "CannotStartContainerError: {} depends on {other}, which {why}",
                container.name
            ))
        })
    }

    pub(crate) fn started(&mut self, at: usize, now: Duration) {
        let probe_at = self.containers[at]
            .health_check
            .as_ref()
            .map(|check| now + Duration::from_secs(u64::from(check.interval)));
        self.states[at] = State::Running(Running {
            since: now,
            signalled: None,
            killed: false,
            health: Health::Unknown,
            failures: 0,
            probe_at,
        });
    }

    pub(crate) fn exited(&mut self, at: usize, code: i32) {
        self.states[at] = State::Exited { code };
        if self.containers[at].essential && self.stop.is_none() {
            self.stop = Some(StopCause::EssentialContainerExited);
        }
    }

    pub(crate) fn signalled(&mut self, at: usize, now: Duration) {
        if let State::Running(running) = &mut self.states[at] {
            running.signalled.get_or_insert(now);
        }
    }

    pub(crate) fn killed(&mut self, at: usize) {
        if let State::Running(running) = &mut self.states[at] {
            running.killed = true;
        }
    }

    pub(crate) fn probing(&mut self, at: usize) {
        if let State::Running(running) = &mut self.states[at] {
            running.probe_at = None;
        }
    }

    /// A probe ended. Failures in the start period do not count, but a success in it ends it.
    pub(crate) fn probed(&mut self, at: usize, healthy: bool, now: Duration) {
        let Some(check) = &self.containers[at].health_check else {
            return;
        };
        let State::Running(running) = &mut self.states[at] else {
            return;
        };
        running.probe_at = Some(now + Duration::from_secs(u64::from(check.interval)));
        if healthy {
            running.health = Health::Healthy;
            running.failures = 0;
            return;
        }
        let starting = running.health == Health::Unknown
            && now < running.since + Duration::from_secs(u64::from(check.start_period));
        if !starting {
            running.failures += 1;
            if running.failures >= check.retries {
                running.health = Health::Unhealthy;
            }
        }
    }

    /// The task is to end. The first reason stays.
    pub(crate) fn stop(&mut self, cause: StopCause) {
        self.stop.get_or_insert(cause);
    }

    /// Nobody waits for a graceful end any more.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..self.states.len())
            .filter(|at| matches!(self.states[*at], State::Running(_)))
            .collect()
    }

    pub(crate) fn health(&self, at: usize) -> Option<Health> {
        self.containers[at].health_check.as_ref()?;
        match self.states[at] {
            State::Running(running) => Some(running.health),
            _ => Some(Health::Unknown),
        }
    }

    pub(crate) fn phase(&self) -> TaskPhase {
        let ended = self
            .states
            .iter()
            .all(|state| matches!(state, State::Exited { .. } | State::Never));
        match &self.stop {
            Some(cause) if ended => TaskPhase::Stopped {
                cause: cause.clone(),
            },
            Some(_) => TaskPhase::Stopping,
            // Nothing essential is left to end the task: ECS ends it when all have ended.
            None if ended => TaskPhase::Stopped {
                cause: StopCause::EssentialContainerExited,
            },
            None if self.states.contains(&State::Waiting) => TaskPhase::Starting,
            None => TaskPhase::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use world::task::{Dependency, HealthCheck};

    use super::super::testing::container;
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn depends(mut on: Container, other: &str, condition: Condition) -> Container {
        on.depends_on.push(Dependency {
            container: other.into(),
            condition,
        });
        on
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_container_waits_for_the_success_of_another() {
        let mut migrate = container("migrate");
        migrate.essential = false;
        let app = depends(container("app"), "migrate", Condition::Success);
        let mut tasks = Supervisor::new(vec![migrate, app]);
        assert_eq!(tasks.steps(ZERO), [Step::Start(0)]);
        tasks.started(0, ZERO);
        assert_eq!(tasks.steps(ZERO), []);
        assert_eq!(tasks.phase(), TaskPhase::Starting);
        tasks.exited(0, 0);
        assert_eq!(tasks.steps(ZERO), [Step::Start(1)]);
        tasks.started(1, ZERO);
        assert_eq!(tasks.phase(), TaskPhase::Running);
    }

    #[test]
    fn a_failed_dependency_ends_the_task_before_it_runs() {
        let mut migrate = container("migrate");
        migrate.essential = false;
        let app = depends(container("app"), "migrate", Condition::Success);
        let mut tasks = Supervisor::new(vec![migrate, app]);
        tasks.started(0, ZERO);
        tasks.exited(0, 2);
        assert_eq!(tasks.steps(ZERO), []);
        let TaskPhase::Stopped {
            cause: StopCause::FailedToStart { reason },
        } = tasks.phase()
        else {
            panic!("{:?}", tasks.phase());
        };
        assert_eq!(
            reason,
            "CannotStartContainerError: app depends on migrate, which ended with exit code 2"
        );
    }

    #[test]
    fn the_end_of_an_essential_container_stops_the_rest_in_reverse_order() {
        let base = container("base");
        let side = depends(container("side"), "base", Condition::Start);
        let app = depends(container("app"), "side", Condition::Start);
        let mut tasks = Supervisor::new(vec![base, side, app]);
        for at in 0..3 {
            tasks.started(at, ZERO);
        }
        tasks.exited(2, 1);
        assert_eq!(tasks.steps(seconds(1)), [Step::Signal(1)]);
        tasks.signalled(1, seconds(1));
        assert_eq!(tasks.steps(seconds(2)), []);
        assert_eq!(tasks.next_deadline(), Some(seconds(31)));
        assert_eq!(tasks.steps(seconds(31)), [Step::Kill(1)]);
        tasks.killed(1);
        assert_eq!(tasks.steps(seconds(32)), []);
        tasks.exited(1, 137);
        assert_eq!(tasks.steps(seconds(32)), [Step::Signal(0)]);
        tasks.exited(0, 143);
        assert_eq!(
            tasks.phase(),
            TaskPhase::Stopped {
                cause: StopCause::EssentialContainerExited
            }
        );
    }

    #[test]
    fn health_counts_failures_in_a_row_outside_the_start_period() {
        let mut app = container("app");
        app.health_check = Some(HealthCheck {
            command: vec!["CMD".into(), "/check".into()],
            interval: 5,
            timeout: 2,
            retries: 2,
            start_period: 12,
        });
        let mut tasks = Supervisor::new(vec![app]);
        assert_eq!(tasks.health(0), Some(Health::Unknown));
        tasks.started(0, ZERO);
        assert_eq!(tasks.steps(seconds(4)), []);
        assert_eq!(tasks.steps(seconds(5)), [Step::Probe(0)]);
        tasks.probing(0);
        assert_eq!(tasks.steps(seconds(6)), []);
        tasks.probed(0, false, seconds(6));
        tasks.probed(0, false, seconds(11));
        tasks.probed(0, false, seconds(16));
        assert_eq!(tasks.health(0), Some(Health::Unknown));
        tasks.probed(0, false, seconds(21));
        assert_eq!(tasks.health(0), Some(Health::Unhealthy));
        tasks.probed(0, true, seconds(26));
        assert_eq!(tasks.health(0), Some(Health::Healthy));
        tasks.probed(0, false, seconds(27));
        assert_eq!(tasks.health(0), Some(Health::Healthy));
    }

    #[test]
    fn a_stop_before_the_start_starts_nothing() {
        let mut tasks = Supervisor::new(vec![container("app")]);
        tasks.stop(StopCause::Requested);
        assert_eq!(tasks.steps(ZERO), []);
        assert_eq!(
            tasks.phase(),
            TaskPhase::Stopped {
                cause: StopCause::Requested
            }
        );
    }
}
