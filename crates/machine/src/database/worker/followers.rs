//! Servers that follow another: standbys and replicas, and what becomes of them.

use std::time::{Duration, Instant};

use world::DatabaseId;
use world::database::{Database, Origin, Role};
use world::event::DatabasePhase;

use crate::database::decide::{Answers, Place};
use crate::database::files::{Folder, slot_name};
use crate::database::server::Server;
use crate::database::settings;
use crate::database::versions;
use crate::error::Failure;
use crate::host::Host;

use super::storage::remove_folder;

use super::Worker;

impl Worker {
    /// Whether there is nothing to wait for before the storage can be made.
    pub(super) fn source_answers(&self, wanted: &Database) -> bool {
        match (&wanted.origin, &wanted.role) {
            (Origin::Source | Origin::Empty, Role::Replica { of }) => Source::find(&self.host, of)
                .is_ok_and(|source| source.prepared && source.server.answers() != Answers::Nobody),
            _ => true,
        }
    }

    pub(super) fn own_source(&self) -> Source {
        Source {
            server: Server::new(&self.host, &self.id, self.state.active),
            port: self.state.port,
            prepared: true,
        }
    }

    pub(super) fn make_standby(&mut self, wanted: &Database) -> Result<(), Failure> {
        // The writer is there for everybody while its copy is made.
        self.settle(wanted)?;
        let installed = versions::find(wanted.major_version)?;
        let place = self.state.active.other();
        self.prepare_place(place)?;
        let source = self.own_source();
        self.follow(place, &source, &installed)?;
        self.start(place, wanted)
    }

    pub(super) fn remove_standby(&mut self, wanted: &Database) -> Result<(), Failure> {
        let place = self.state.active.other();
        self.wait_for_standby(false, wanted)?;
        self.servers[place.index()].kill();
        let _ = self.own_source().drop_slot(&slot_name(&self.id, place));
        remove_folder(&self.folder.place(place))
    }

    pub(super) fn wait_for_standby(
        &mut self,
        wait: bool,
        wanted: &Database,
    ) -> Result<(), Failure> {
        self.synchronous = wait;
        if self.write_replication(self.state.active, wanted)? {
            self.active().reload();
        }
        Ok(())
    }

    pub(super) fn promote(&mut self, wanted: &Database) -> Result<(), Failure> {
        self.tell(DatabasePhase::Restarting);
        let place = self.state.active;
        self.promote_place(place)?;
        self.write_replication(place, wanted)?;
        self.active().reload();
        self.settled = None;
        Ok(())
    }

    pub(super) fn promote_place(&self, place: Place) -> Result<(), Failure> {
        let server = &self.servers[place.index()];
        let answer = server.sql(
            self.state.port,
            "postgres",
            "SELECT pg_promote(true, 60);\n",
        )?;
        if answer != ["t"] {
            return Err(Failure::new("the follower does not become a writer"));
        }
        let began = Instant::now();
        // It answers as a writer a moment later.
        while server.answers() != Answers::Writes && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The other server becomes the writer; the old one is made again, as its standby.
    pub(super) fn fail_over(&mut self, wanted: &Database) -> Result<(), Failure> {
        self.tell(DatabasePhase::FailingOver);
        let (old, new) = (self.state.active, self.state.active.other());
        // Shut down, not killed, where that can be: everything then reaches the standby.
        self.servers[old.index()].stop();
        if self.servers[new.index()].answers() != Answers::Writes {
            self.promote_place(new)?;
        }
        self.state.active = new;
        self.synchronous = false;
        self.folder.save(&self.state)?;
        self.write_access(new, wanted)?;
        self.write_replication(new, wanted)?;
        self.servers[new.index()].reload();
        self.servers[new.index()].failures = 0;
        self.servers[old.index()].kill();
        self.servers[old.index()].failures = 0;
        remove_folder(&self.folder.place(old))?;
        self.settled = None;
        Ok(())
    }
}

/// A database that another server copies and follows.
pub(super) struct Source {
    pub(super) server: Server,
    pub(super) port: u16,
    /// Its roles are there.
    prepared: bool,
}

impl Source {
    pub(super) fn find(host: &Host, id: &DatabaseId) -> Result<Self, Failure> {
        let state = Folder::new(&host.data, id)
            .load()
            .ok_or_else(|| Failure::new(format!("the source database {id} is not there")))?;
        Ok(Self {
            server: Server::new(host, id, state.active),
            port: state.port,
            prepared: state.prepared,
        })
    }

    /// The settings of which a follower must have as much.
    pub(super) fn room(&self) -> Result<Vec<(String, u64)>, Failure> {
        let question = "SELECT name || ' ' || setting FROM pg_settings WHERE name IN \
                        ('max_connections', 'max_worker_processes', 'max_wal_senders', \
                         'max_prepared_transactions', 'max_locks_per_transaction');\n";
        let lines = self.server.sql(self.port, "postgres", question)?;
        Ok(lines
            .iter()
            .filter_map(|line| {
                let (name, value) = line.split_once(' ')?;
                Some((name.to_owned(), value.parse().ok()?))
            })
            .collect())
    }

    pub(super) fn make_slot(&self, slot: &str) -> Result<(), Failure> {
        let slot = settings::literal(slot);
        let text = format!(
            "SELECT pg_create_physical_replication_slot({slot}, true) \
             WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = {slot});\n"
        );
        self.server.sql(self.port, "postgres", &text).map(drop)
    }

    pub(super) fn drop_slot(&self, slot: &str) -> Result<(), Failure> {
        let slot = settings::literal(slot);
        let text = format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
             WHERE slot_name = {slot} AND NOT active;\n"
        );
        self.server.sql(self.port, "postgres", &text).map(drop)
    }
}
