//! One failed step, with what made it fail.

use std::error::Error;
use std::fmt::Write as _;

/// A step that failed, named with its subject; the cause is its source.
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct Failure {
    step: String,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that has no deeper cause.
    pub fn new(step: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            source: None,
        }
    }

    pub fn because(
        step: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            step: step.into(),
            source: Some(cause.into()),
        }
    }
}

/// Names the step that a result belongs to.
pub(crate) trait Step<T> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Step<T> for Result<T, E> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|cause| Failure::because(step(), cause))
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reads_from_the_step_to_its_cause() {
        let result: Result<(), _> = Err(std::io::Error::other("disk full"));
        let failure = result.step(|| "write the ledger").unwrap_err();
        assert_eq!(chain(&failure), "write the ledger: disk full");
    }
}
