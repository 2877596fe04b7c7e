//! What a running server is still told: roles, passwords, parameters, whom to wait for.

use std::fs;
use std::time::{Duration, Instant};

use world::database::{Database, Role};
use world::event::DatabasePhase;

use crate::database::decide::Place;
use crate::database::files::{Refusal, slot_name};
use crate::database::settings;
use crate::error::Failure;

use super::followers::Source;
use super::{LOOK, SOON, aims};

use super::Worker;

impl Worker {
    pub(super) fn settle(&mut self, wanted: &Database) -> Result<Duration, Failure> {
        let standby = self.servers[self.state.active.other().index()].alive();
        if self.synchronous && !standby {
            self.wait_for_standby(false, wanted)?;
        }
        let multi = aims(wanted).standby && aims(wanted).writer;
        if multi && standby && !self.synchronous && self.standby_streams() {
            self.wait_for_standby(true, wanted)?;
        }
        if let Role::Replica { .. } = wanted.role {
            self.keep_following(wanted)?;
        }
        if self.settled.as_ref() == Some(wanted) {
            self.tell(DatabasePhase::Available);
            return Ok(LOOK);
        }
        if let Role::Writer = wanted.role {
            self.prepare_roles(wanted)?;
        }
        for place in [Place::First, Place::Second] {
            if self.servers[place.index()].alive() {
                self.configure(place, wanted)?;
            }
        }
        self.state.born = true;
        self.folder.save(&self.state)?;
        self.settled = Some(wanted.clone());
        self.tell(DatabasePhase::Available);
        // A standby that is to be there may come next.
        Ok(if multi && !self.synchronous {
            SOON
        } else {
            LOOK
        })
    }

    pub(super) fn standby_streams(&self) -> bool {
        let question = "SELECT count(*) FROM pg_stat_replication \
                        WHERE application_name = 'standby' AND state = 'streaming';\n";
        let server = &self.servers[self.state.active.index()];
        server
            .sql(self.state.port, "postgres", question)
            .is_ok_and(|answer| answer == ["1"])
    }

    /// The source may have moved to its other place.
    pub(super) fn keep_following(&mut self, wanted: &Database) -> Result<(), Failure> {
        let place = self.state.active;
        let Role::Replica { of } = &wanted.role else {
            return Ok(());
        };
        let Ok(source) = Source::find(&self.host, of) else {
            return Ok(());
        };
        let file = self.folder.place(place).join("replication.conf");
        let following = fs::read_to_string(&file).unwrap_or_default();
        if !following.contains(&format!("host={} ", source.server.socket())) {
            source.make_slot(&slot_name(&self.id, place))?;
            self.write_replication(place, wanted)?;
            self.active().reload();
        }
        Ok(())
    }

    pub(super) fn prepare_roles(&mut self, wanted: &Database) -> Result<(), Failure> {
        let port = self.state.port;
        let active = self.state.active.index();
        if !self.state.prepared {
            let have = "SELECT 1 FROM pg_roles WHERE rolname = 'rds_superuser';\n";
            if self.servers[active].sql(port, "postgres", have)?.is_empty() {
                let text = format!("BEGIN;\n{}COMMIT;\n", settings::first_words(wanted));
                self.servers[active].sql(port, "postgres", &text)?;
            }
            if let Some(name) = wanted
                .database_name
                .as_deref()
                .filter(|name| *name != "postgres")
            {
                let question = format!(
                    "SELECT 1 FROM pg_database WHERE datname = {};\n",
                    settings::literal(name)
                );
                if self.servers[active]
                    .sql(port, "postgres", &question)?
                    .is_empty()
                {
                    let text = format!(
                        "CREATE DATABASE {} OWNER {};\n",
                        settings::identifier(name),
                        settings::identifier(&wanted.master_username)
                    );
                    self.servers[active].sql(port, "postgres", &text)?;
                }
            }
            self.state.prepared = true;
            self.folder.save(&self.state)?;
        }
        let known = self.settled.as_ref().is_some_and(|settled| {
            settled.master_password == wanted.master_password
                && settled.master_username == wanted.master_username
        });
        if !known {
            self.servers[active].sql(port, "postgres", &settings::set_password(wanted))?;
        }
        Ok(())
    }

    /// Everything a running server takes without a restart; what it does not take is said.
    pub(super) fn configure(&mut self, place: Place, wanted: &Database) -> Result<(), Failure> {
        let mut changed = self.write_tls(wanted)?;
        changed |= self.write_access(place, wanted)?;
        changed |= self.write_base(place, wanted)?;
        let main = place == self.state.active;
        if main {
            // What was refused may be right for another value.
            self.state
                .refused
                .retain(|name, refusal| wanted.parameters.get(name) == Some(&refusal.value));
        }
        let given = self.given(wanted);
        if !self.write_parameters(place, &given)? && !changed {
            if main {
                self.pending_restart = self.ask_pending(place)?;
            }
            return Ok(());
        }
        if !main {
            self.servers[place.index()].reload();
            return Ok(());
        }
        let file = format!("{}/parameters.conf", self.folder.inside(place));
        let errors = format!(
            "SELECT name || chr(9) || error FROM pg_file_settings \
             WHERE error IS NOT NULL AND sourcefile = {} AND name IS NOT NULL;\n",
            settings::literal(&file)
        );
        // Names it does not know would keep it from taking anything.
        let port = self.state.port;
        let before = self.servers[place.index()].sql(port, "postgres", &errors)?;
        self.refuse_lines(
            wanted,
            before
                .iter()
                .filter(|line| !line.contains("could not be applied")),
        );
        self.write_parameters(place, &self.given(wanted))?;
        self.reload_and_wait(place)?;
        self.pending_restart = self.ask_pending(place)?;
        // What could not be applied and does not wait for a restart has a value it does not take.
        let after = self.servers[place.index()].sql(port, "postgres", &errors)?;
        let pending = self.pending_restart.clone();
        self.refuse_lines(
            wanted,
            after.iter().filter(|line| {
                let name = line.split('\t').next().unwrap_or_default();
                !pending.iter().any(|other| other == name)
            }),
        );
        self.write_parameters(place, &self.given(wanted))?;
        let given = self.given(wanted);
        self.state.good.retain(|name, _| given.contains_key(name));
        for (name, value) in given {
            if !self.pending_restart.contains(&name) {
                self.state.good.insert(name, value);
            }
        }
        Ok(())
    }

    pub(super) fn refuse_lines<'a>(
        &mut self,
        wanted: &Database,
        lines: impl Iterator<Item = &'a String>,
    ) {
        for line in lines {
            let (name, why) = line.split_once('\t').unwrap_or((line, "not taken"));
            if let Some(value) = wanted.parameters.get(name) {
                let refusal = Refusal {
                    value: value.clone(),
                    why: why.to_owned(),
                };
                self.state.refused.insert(name.to_owned(), refusal);
            }
        }
    }

    pub(super) fn reload_and_wait(&self, place: Place) -> Result<(), Failure> {
        let server = &self.servers[place.index()];
        let question = "SELECT extract(epoch FROM pg_conf_load_time());\n";
        let before = server.sql(self.state.port, "postgres", question)?;
        server.reload();
        let began = Instant::now();
        // A new session sees what the server has by then; asking is a session.
        while began.elapsed() < Duration::from_secs(5) {
            if server.sql(self.state.port, "postgres", question)? != before {
                return Ok(());
            }
        }
        Err(Failure::new("the server does not read its configuration"))
    }

    pub(super) fn ask_pending(&self, place: Place) -> Result<Vec<String>, Failure> {
        self.servers[place.index()].sql(
            self.state.port,
            "postgres",
            "SELECT name FROM pg_settings WHERE pending_restart ORDER BY name;\n",
        )
    }
}
