//! The region's time.

use std::time::Duration;

use jiff::Timestamp;

/// Tells the region's time, which for now is the machine's.
#[derive(Debug, Clone)]
pub struct Clock(());

impl Clock {
    pub fn real() -> Self {
        Self(())
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Waits until the region's time reaches `instant`.
    pub async fn sleep_until(&self, instant: Timestamp) {
        let left = instant.duration_since(self.now());
        if let Ok(left) = Duration::try_from(left) {
            tokio::time::sleep(left).await;
        }
    }
}
