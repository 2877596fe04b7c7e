//! Acts: what is done once, and answered.

use std::fs;
use std::path::Path;

use world::database::Database;
use world::event::{DatabasePhase, SnapshotFacts};
use world::{Action, ActionKind, Event, SnapshotId};

use crate::database::decide::Answers;
use crate::database::enter::{self, server_user};
use crate::database::files::{self, Done};
use crate::database::server::make_folder;
use crate::database::settings::REPLICATION;
use crate::database::versions;
use crate::error::{Failure, chain};

use super::storage::keep;

use super::Worker;

impl Worker {
    pub(super) fn act(&mut self, action: Action) {
        let before = self.state.done.iter().find(|done| done.id == action.id);
        let done = before.cloned().unwrap_or_else(|| {
            let result = self.do_act(&action.kind);
            let (failure, snapshot) = match result {
                Ok(snapshot) => (None, snapshot),
                Err(failure) => (Some(chain(&failure)), None),
            };
            let done = Done {
                id: action.id,
                failure,
                snapshot,
            };
            self.state.remember(done.clone());
            if let Err(failure) = self.folder.save(&self.state) {
                tracing::error!(
                    database = %self.id,
                    error = chain(&failure),
                    "an act is not remembered"
                );
            }
            done
        });
        self.host.tell(Event::ActionDone {
            id: done.id,
            failure: done.failure,
            snapshot: done.snapshot,
        });
    }

    pub(super) fn do_act(&mut self, kind: &ActionKind) -> Result<Option<SnapshotFacts>, Failure> {
        let wanted = self
            .wanted
            .clone()
            .ok_or_else(|| Failure::new("the database is not known yet"))?;
        match kind {
            ActionKind::RestartDatabase(_) => {
                self.tell(DatabasePhase::Restarting);
                self.active().stop();
                let place = self.state.active;
                if let Err(failure) = self.start(place, &wanted) {
                    // Once more, without what kept it from starting.
                    tracing::warn!(database = %self.id, reason = chain(&failure), "restart");
                    self.start(place, &wanted)?;
                }
                // The standby takes its new settings when it is started again.
                self.servers[place.other().index()].stop();
                self.settle(&wanted)?;
                Ok(None)
            }
            ActionKind::FailOverDatabase(_) => {
                let standby = self.state.active.other();
                if self.servers[standby.index()].answers() != Answers::Reads {
                    return Err(Failure::new("there is no standby that could take over"));
                }
                self.fail_over(&wanted)?;
                self.settle(&wanted)?;
                Ok(None)
            }
            ActionKind::TakeSnapshot { snapshot, .. } => {
                self.take_snapshot(snapshot, &wanted).map(Some)
            }
            ActionKind::DeleteSnapshot(_) => Err(Failure::new("a snapshot is not a database's")),
        }
    }

    pub(super) fn take_snapshot(
        &mut self,
        id: &SnapshotId,
        wanted: &Database,
    ) -> Result<SnapshotFacts, Failure> {
        let installed = versions::find(wanted.major_version)?;
        let folder = files::snapshot(&self.host.data, id)?;
        let facts = |folder: &Path| SnapshotFacts {
            snapshot: id.clone(),
            bytes: files::size(folder),
            engine_version: installed.full.clone(),
        };
        if folder.exists() {
            return Ok(facts(&folder));
        }
        let new = folder.with_file_name(format!(".new-{id}"));
        let _ = fs::remove_dir_all(&new);
        let inside = format!("{}/.new-{id}", enter::SNAPSHOTS);
        make_folder(&new, 0o755)?;
        enter::give(&new, &server_user()?, self.host.rootless)?;
        let place = self.state.active;
        let to = format!("{inside}/data");
        let result = if self.active().alive() {
            let (socket, port) = (self.active().socket(), self.state.port.to_string());
            let arguments = [
                "-D",
                &to,
                "-h",
                &socket,
                "-p",
                &port,
                "-U",
                REPLICATION,
                "-X",
                "stream",
                "-c",
                "fast",
                "--no-password",
                "--no-sync",
            ];
            self.servers[place.index()].tool(&installed.programs.join("pg_basebackup"), &arguments)
        } else {
            let from = format!("{}/data", self.folder.inside(place));
            let arguments = ["-a", "--reflink=auto", "--no-target-directory", &from, &to];
            self.servers[place.index()].tool(Path::new("/bin/cp"), &arguments)
        };
        if let Err(failure) = result.and_then(|()| keep(&new, &folder)) {
            let _ = fs::remove_dir_all(&new);
            return Err(failure);
        }
        Ok(facts(&folder))
    }
}
