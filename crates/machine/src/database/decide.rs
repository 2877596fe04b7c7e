//! The next step for a database, as a pure function of what is seen and what is wanted.

use serde::{Deserialize, Serialize};

/// One of the two places a database's server can be: each behind its own interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    First,
    Second,
}

impl Place {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Nobody: it is starting, recovering or stopping.
    Nobody,
    /// Everybody, as a writer.
    Writes,
    /// Readers only, as something that follows another server.
    Reads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its storage is complete.
    pub(crate) made: bool,
    pub(crate) alive: bool,
    pub(crate) answers: Answers,
    /// Its interface exists.
    pub(crate) reachable: bool,
    /// Starts in a row that failed.
    pub(crate) failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) stopped: bool,
    pub(crate) writer: bool,
    pub(crate) standby: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make the storage of the active server.
    Make,
    /// Copy the active server into the other place.
    MakeStandby,
    Start(Place),
    Stop(Place),
    /// The active server is to become a writer.
    Promote,
    /// The other server is to become the active one.
    FailOver,
    RemoveStandby,
    /// Something is under way, or missing: look again later.
    Wait,
    /// Settings and passwords are all that could be left.
    Settled,
}

/// `active` is where the writer (or the replica itself) is.
pub(crate) fn next(active: Place, seen: [Seen; 2], wanted: Wanted) -> Step {
    let other = active.other();
    let (main, standby) = (seen[active.index()], seen[other.index()]);
    if wanted.stopped {
        return match (standby.alive, main.alive) {
            (true, _) => Step::Stop(other),
            (false, true) => Step::Stop(active),
            (false, false) => Step::Settled,
        };
    }
    if !main.made {
        return Step::Make;
    }
    if !main.alive {
        let can_take_over = wanted.standby
            && standby.alive
            && standby.answers == Answers::Reads
            && standby.reachable;
        // A server that merely crashed is started again once; then the other zone takes over.
        return if can_take_over && (!main.reachable || main.failures > 0) {
            Step::FailOver
        } else if main.reachable {
            Step::Start(active)
        } else {
            Step::Wait
        };
    }
    match (main.answers, wanted.writer) {
        (Answers::Nobody, _) => return Step::Wait,
        (Answers::Reads, true) => return Step::Promote,
        _ => {}
    }
    match (wanted.standby && wanted.writer, standby.made) {
        (true, false) if standby.reachable => Step::MakeStandby,
        (true, true) if !standby.alive && standby.reachable => Step::Start(other),
        (false, true) => Step::RemoveStandby,
        _ => Step::Settled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Seen = Seen {
        made: false,
        alive: false,
        answers: Answers::Nobody,
        reachable: true,
        failures: 0,
    };
    const DEAD: Seen = Seen {
        made: true,
        ..NOTHING
    };
    const WRITES: Seen = Seen {
        alive: true,
        answers: Answers::Writes,
        ..DEAD
    };
    const READS: Seen = Seen {
        alive: true,
        answers: Answers::Reads,
        ..DEAD
    };
    const SINGLE: Wanted = Wanted {
        stopped: false,
        writer: true,
        standby: false,
    };
    const MULTI: Wanted = Wanted {
        standby: true,
        ..SINGLE
    };

    fn first(seen: [Seen; 2], wanted: Wanted) -> Step {
        next(Place::First, seen, wanted)
    }

    #[test]
    fn a_new_database_is_made_started_and_then_settled() {
        assert_eq!(first([NOTHING, NOTHING], SINGLE), Step::Make);
        assert_eq!(first([DEAD, NOTHING], SINGLE), Step::Start(Place::First));
        let starting = Seen {
            alive: true,
            ..DEAD
        };
        assert_eq!(first([starting, NOTHING], SINGLE), Step::Wait);
        assert_eq!(first([WRITES, NOTHING], SINGLE), Step::Settled);
    }

    #[test]
    fn a_standby_is_made_kept_and_removed() {
        assert_eq!(first([WRITES, NOTHING], MULTI), Step::MakeStandby);
        assert_eq!(first([WRITES, DEAD], MULTI), Step::Start(Place::Second));
        assert_eq!(first([WRITES, READS], MULTI), Step::Settled);
        assert_eq!(first([WRITES, READS], SINGLE), Step::RemoveStandby);
        let away = Seen {
            reachable: false,
            ..NOTHING
        };
        assert_eq!(first([WRITES, away], MULTI), Step::Settled);
    }

    #[test]
    fn a_crash_is_a_restart_and_a_lost_zone_a_failover() {
        assert_eq!(first([DEAD, READS], MULTI), Step::Start(Place::First));
        let failed = Seen {
            failures: 1,
            ..DEAD
        };
        assert_eq!(first([failed, READS], MULTI), Step::FailOver);
        let lost = Seen {
            reachable: false,
            ..DEAD
        };
        assert_eq!(first([lost, READS], MULTI), Step::FailOver);
        assert_eq!(first([lost, READS], SINGLE), Step::Wait);
        assert_eq!(first([lost, DEAD], MULTI), Step::Wait);
        // Afterwards the standby is where the writer was.
        assert_eq!(
            next(Place::Second, [NOTHING, WRITES], MULTI),
            Step::MakeStandby
        );
    }

    #[test]
    fn a_replica_becomes_a_writer_when_it_is_wanted_to() {
        let replica = Wanted {
            writer: false,
            ..SINGLE
        };
        assert_eq!(first([READS, NOTHING], replica), Step::Settled);
        assert_eq!(first([READS, NOTHING], SINGLE), Step::Promote);
    }

    #[test]
    fn a_stop_ends_the_standby_before_the_writer() {
        let stopped = Wanted {
            stopped: true,
            ..MULTI
        };
        assert_eq!(first([WRITES, READS], stopped), Step::Stop(Place::Second));
        assert_eq!(first([WRITES, DEAD], stopped), Step::Stop(Place::First));
        assert_eq!(first([DEAD, DEAD], stopped), Step::Settled);
        assert_eq!(first([NOTHING, NOTHING], stopped), Step::Settled);
    }
}
