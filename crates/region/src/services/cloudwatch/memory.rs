//! What is worked out from rows and from the time, and never stored. It is a table to the region
//! only so that it is told when a call is kept or put back.

use jiff::Timestamp;

use crate::table::{AnyTable, Change, LoadError};

#[derive(Debug, Default)]
pub(super) struct Memory {
    now: Known,
    /// As it was when the last call was kept.
    kept: Known,
}

/// All of it may be forgotten at any time: it is found again, at the price of doing work twice.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// The last moment for which metric alarms were evaluated.
    pub(super) evaluated: Option<Timestamp>,
    /// The version of the alarms for which composite alarms were evaluated.
    pub(super) composites: Option<u64>,
    /// When actions that wait are to be looked at again.
    pub(super) release_at: Option<Timestamp>,
    /// The last hour in which old data was rolled up.
    pub(super) rolled_up: Option<Timestamp>,
}

impl Memory {
    pub(super) fn get(&self) -> Known {
        self.now
    }

    pub(super) fn set(&mut self, known: Known) {
        self.now = known;
    }
}

impl AnyTable for Memory {
    fn name(&self) -> &'static str {
        "cloudwatch.memory"
    }

    fn changed(&self) -> bool {
        false
    }

    fn version(&self) -> u64 {
        0
    }

    fn changes(&self, _: &mut Vec<Change>) {}

    fn commit(&mut self) {
        self.kept = self.now;
    }

    fn rollback(&mut self) {
        self.now = self.kept;
    }

    fn load(&mut self, _: &str, _: &[u8]) -> Result<(), LoadError> {
        Err(LoadError::Table {
            table: self.name().to_owned(),
        })
    }

    fn clear(&mut self) {
        self.now = Known::default();
    }
}
