//! Where the process stands between its start and its end.

use tokio::sync::watch;

/// Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Listening, but the database was not reached or not migrated yet.
    Starting,
    Serving,
    /// Told to stop: finishes what it has.
    Draining,
}

#[derive(Clone)]
pub struct Lifecycle {
    phase: watch::Sender<Phase>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    pub fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Starting),
        }
    }

    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until this phase, or a later one.
    pub async fn reached(&self, phase: Phase) {
        let mut now = self.phase.subscribe();
        // The sender is ours, so it cannot be gone.
        let _ = now.wait_for(|now| *now >= phase).await;
    }

    pub fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_moves_back() {
        let lifecycle = Lifecycle::new();
        assert_eq!(lifecycle.phase(), Phase::Starting);
        lifecycle.advance(Phase::Draining);
        lifecycle.advance(Phase::Serving);
        assert_eq!(lifecycle.phase(), Phase::Draining);
    }
}
