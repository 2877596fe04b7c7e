//! The health of a target as one node sees it: a state machine fed with the outcomes of checks.
//!
//! ```text
//! initial ──1 success──▶ healthy ──unhealthy_threshold failures──▶ unhealthy
//!    └──unhealthy_threshold failures──────────────────────────────▶   │
//!                        healthy ◀──healthy_threshold successes───────┘
//! ```

/// What one check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A status the matcher accepts.
    Success,
    /// A status it does not accept.
    Mismatch(u16),
    Timeout,
    /// No connection, or no HTTP.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Registered, nothing checked yet.
    Registering,
    /// Checked, without a success so far.
    Initial,
    Healthy,
    Unhealthy(Outcome),
    Draining,
    /// No listener uses the target's group.
    Unused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    pub healthy: u32,
    pub unhealthy: u32,
}

/// A target's state and how far it is on the way to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    state: State,
    /// Successes in a row while unhealthy, failures in a row otherwise.
    streak: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            state: State::Registering,
            streak: 0,
        }
    }
}

impl Health {
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Takes in one check's outcome; says whether the state changed.
    pub(crate) fn observe(&mut self, outcome: Outcome, thresholds: Thresholds) -> bool {
        let before = self.state;
        match (self.state, outcome) {
            (State::Draining | State::Unused, _) => {}
            (State::Registering | State::Initial, Outcome::Success) => self.enter(State::Healthy),
            (State::Healthy, Outcome::Success) => self.streak = 0,
            (State::Unhealthy(_), Outcome::Success) => {
                self.streak += 1;
                if self.streak >= thresholds.healthy {
                    self.enter(State::Healthy);
                }
            }
            (State::Unhealthy(_), failure) => self.enter(State::Unhealthy(failure)),
            (State::Registering | State::Initial | State::Healthy, failure) => {
                self.streak += 1;
                if self.streak >= thresholds.unhealthy {
                    self.enter(State::Unhealthy(failure));
                } else if self.state == State::Registering {
                    self.state = State::Initial;
                }
            }
        }
        before != self.state
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.streak = 0;
    }
}

impl State {
    /// State, reason and description in AWS's words.
    pub(crate) fn words(self) -> (&'static str, Option<&'static str>, Option<String>) {
        match self {
            Self::Registering => (
                "initial",
                Some("Elb.RegistrationInProgress"),
                Some("Target registration is in progress".into()),
            ),
            Self::Initial => (
                "initial",
                Some("Elb.InitialHealthChecking"),
                Some("Initial health checks in progress".into()),
            ),
            Self::Healthy => ("healthy", None, None),
            Self::Unhealthy(outcome) => {
                let (reason, description) = match outcome {
                    Outcome::Timeout => ("Target.Timeout", "Request timed out".into()),
                    Outcome::Mismatch(code) => (
                        "Target.ResponseCodeMismatch",
                        format!("Health checks failed with these codes: [{code}]"),
                    ),
                    Outcome::Failed | Outcome::Success => {
                        ("Target.FailedHealthChecks", "Health checks failed".into())
                    }
                };
                ("unhealthy", Some(reason), Some(description))
            }
            Self::Draining => (
                "draining",
                Some("Target.DeregistrationInProgress"),
                Some("Target deregistration is in progress".into()),
            ),
            Self::Unused => (
                "unused",
                Some("Target.NotInUse"),
                Some(
                    "Target group is not configured to receive traffic from the load balancer"
                        .into(),
                ),
            ),
        }
    }
}

/// Status codes that count as healthy: `200,202` or `200-299`, or both kinds mixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matcher(Vec<(u16, u16)>);

impl Matcher {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let code = |text: &str| text.trim().parse().ok().filter(|c| (100..=599).contains(c));
        text.split(',')
            .map(|part| match part.split_once('-') {
                Some((low, high)) => Some((code(low)?, code(high)?)).filter(|(l, h)| l <= h),
                None => code(part).map(|c| (c, c)),
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }

    pub(crate) fn accepts(&self, code: u16) -> bool {
        self.0
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&code))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T: Thresholds = Thresholds {
        healthy: 3,
        unhealthy: 2,
    };

    fn run(outcomes: &[Outcome]) -> Vec<&'static str> {
        let mut health = Health::default();
        outcomes
            .iter()
            .map(|outcome| {
                health.observe(*outcome, T);
                health.state().words().0
            })
            .collect()
    }

    #[test]
    fn one_success_makes_a_new_target_healthy_but_not_one_that_failed() {
        use Outcome::{Failed, Success, Timeout};
        assert_eq!(run(&[Success]), ["healthy"]);
        assert_eq!(run(&[Failed, Success]), ["initial", "healthy"]);
        assert_eq!(
            run(&[Failed, Timeout, Success, Success, Success]),
            ["initial", "unhealthy", "unhealthy", "unhealthy", "healthy"]
        );
        assert_eq!(
            run(&[Success, Failed, Success, Failed, Failed]),
            ["healthy", "healthy", "healthy", "healthy", "unhealthy"]
        );
    }

    #[test]
    fn a_failure_among_successes_starts_the_count_again() {
        use Outcome::{Failed, Success};
        assert_eq!(
            run(&[
                Failed, Failed, Success, Success, Failed, Success, Success, Success
            ])
            .last(),
            Some(&"healthy")
        );
        assert_eq!(
            run(&[Failed, Failed, Success, Success, Failed, Success, Success]).last(),
            Some(&"unhealthy")
        );
    }

    #[test]
    fn reasons_in_the_words_of_aws() {
        let mut health = Health::default();
        assert_eq!(health.state().words().1, Some("Elb.RegistrationInProgress"));
        health.observe(Outcome::Mismatch(404), T);
        assert_eq!(health.state().words().1, Some("Elb.InitialHealthChecking"));
        health.observe(Outcome::Mismatch(404), T);
        let (state, reason, description) = health.state().words();
        assert_eq!(
            (state, reason),
            ("unhealthy", Some("Target.ResponseCodeMismatch"))
        );
        assert_eq!(
            description.as_deref(),
            Some("Health checks failed with these codes: [404]")
        );
        assert!(health.observe(Outcome::Timeout, T));
        assert_eq!(health.state().words().1, Some("Target.Timeout"));
        assert!(!health.observe(Outcome::Timeout, T));
    }

    #[test]
    fn matchers() {
        let matcher = Matcher::parse("200, 202,300-301").unwrap();
        for (code, accepted) in [
            (200, true),
            (201, false),
            (202, true),
            (301, true),
            (302, false),
        ] {
            assert_eq!(matcher.accepts(code), accepted);
        }
        for bad in ["", "2xx", "299-200", "200-", "99", "600", "200,,201"] {
            assert_eq!(Matcher::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_unhealthy_before_the_threshold_nor_healthy_without_a_success(
            outcomes in prop::collection::vec(
                prop_oneof![Just(Outcome::Success), Just(Outcome::Failed), Just(Outcome::Timeout)],
                0..40,
            ),
        ) {
            let mut health = Health::default();
            for (i, outcome) in outcomes.iter().enumerate() {
                let before = health.state();
                health.observe(*outcome, T);
                let tail = |n: usize, good: bool| {
                    i + 1 >= n && outcomes[i + 1 - n..=i].iter().all(|o| (*o == Outcome::Success) == good)
                };
                match (before, health.state()) {
                    (State::Unhealthy(_), State::Healthy) => prop_assert!(tail(3, true)),
                    (State::Registering | State::Initial, State::Healthy) => prop_assert!(tail(1, true)),
                    (State::Healthy | State::Initial | State::Registering, State::Unhealthy(_)) => {
                        prop_assert!(tail(2, false));
                    }
                    (State::Healthy, State::Healthy) => prop_assert!(!tail(2, false)),
                    _ => {}
                }
            }
        }
    }
}
