//! Starting a server with the settings it is to have.

use std::collections::BTreeMap;

use world::database::{Database, Role};

use crate::database::certificate;
use crate::database::decide::Place;
use crate::database::enter::{self, server_user};
use crate::database::files::{Refusal, slot_name, write_if_new};
use crate::database::server::{group_name, make_folder};
use crate::database::settings::{self, Inside, REPLICATION};
use crate::database::versions;
use crate::error::{Failure, chain};
use crate::task::cgroup::Group;

use super::followers::Source;

use super::Worker;

impl Worker {
    pub(super) fn start(&mut self, place: Place, wanted: &Database) -> Result<(), Failure> {
        let installed = versions::find(wanted.major_version)?;
        let namespace = self
            .namespace(place)
            .ok_or_else(|| Failure::new("the server has no interface"))?;
        self.limit(place, wanted);
        self.prepare_place(place)?;
        self.write_tls(wanted)?;
        self.write_access(place, wanted)?;
        self.write_base(place, wanted)?;
        self.write_replication(place, wanted)?;
        let given = self.given(wanted);
        self.write_parameters(place, &given)?;
        let result = self.servers[place.index()].start(&installed, &namespace);
        match result {
            Ok(()) => {
                self.servers[place.index()].failures = 0;
                self.settled = None;
                self.state.good = given;
                self.folder.save(&self.state)
            }
            Err(failure) => {
                self.servers[place.index()].failures += 1;
                if given != self.state.good {
                    // Not the database's users, but its parameter group is to blame.
                    self.refuse(&given, &chain(&failure));
                    self.folder.save(&self.state)?;
                }
                Err(failure)
            }
        }
    }

    /// What is new in parameters with which a server does not start.
    pub(super) fn refuse(&mut self, given: &BTreeMap<String, String>, why: &str) {
        let new: Vec<_> = given
            .iter()
            .filter(|(name, value)| self.state.good.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // Those that the server names are to blame; if it names none, all.
        let named: Vec<_> = new
            .iter()
            .filter(|(name, _)| why.contains(name.as_str()))
            .cloned()
            .collect();
        for (name, value) in if named.is_empty() { new } else { named } {
            let why = why.to_owned();
            self.state.refused.insert(name, Refusal { value, why });
        }
    }

    pub(super) fn limit(&self, place: Place, wanted: &Database) {
        let group = Group::find(&self.host.region_name(), &group_name(&self.id, place));
        if let Err(failure) = group.limit(wanted.cpu_units, wanted.memory_mib) {
            tracing::warn!(
                database = %self.id,
                reason = chain(&failure),
                "the server has no limits on CPU and memory"
            );
        }
    }

    /// The parameters without those that were refused as they are.
    pub(super) fn given(&self, wanted: &Database) -> BTreeMap<String, String> {
        let refused: Vec<String> = self
            .state
            .refused
            .iter()
            .filter(|(name, refusal)| wanted.parameters.get(*name) == Some(&refusal.value))
            .map(|(name, _)| name.clone())
            .collect();
        settings::parameters(wanted, &refused)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    pub(super) fn write_parameters(
        &self,
        place: Place,
        given: &BTreeMap<String, String>,
    ) -> Result<bool, Failure> {
        let view = given
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        write_if_new(
            &self.folder.place(place).join("parameters.conf"),
            &settings::file(&view),
        )
    }

    pub(super) fn write_tls(&self, wanted: &Database) -> Result<bool, Failure> {
        let tls = self.folder.tls();
        make_folder(&tls, 0o755)?;
        let new = certificate::ensure(&self.host.data, &tls, &wanted.names)?;
        if new {
            enter::give(&tls.join("server.key"), &server_user()?, self.host.rootless)?;
        }
        Ok(new)
    }

    pub(super) fn write_access(&self, place: Place, wanted: &Database) -> Result<bool, Failure> {
        let folder = self.folder.place(place);
        let user = server_user()?.name;
        let standby = place != self.state.active;
        let access = write_if_new(&folder.join("hba.conf"), &settings::access(wanted, standby))?;
        let identities = write_if_new(
            &folder.join("ident.conf"),
            &settings::identities(wanted, &user),
        )?;
        Ok(access || identities)
    }

    pub(super) fn write_base(&self, place: Place, wanted: &Database) -> Result<bool, Failure> {
        let inside = self.folder.inside(place);
        let base = settings::base(
            wanted,
            &Inside {
                sockets: self.servers[place.index()].socket(),
                tls: self.folder.tls_inside(),
            },
        );
        let text = format!(
            "{base}hba_file = '{inside}/hba.conf'\n\
             ident_file = '{inside}/ident.conf'\n\
             include_if_exists '{inside}/parameters.conf'\n\
             include_if_exists '{inside}/replication.conf'\n"
        );
        write_if_new(&self.folder.place(place).join("server.conf"), &text)
    }

    /// Whom a server follows, and whom it waits for.
    pub(super) fn write_replication(
        &self,
        place: Place,
        wanted: &Database,
    ) -> Result<bool, Failure> {
        let mut text = String::new();
        let follows = if place != self.state.active {
            Some(self.own_source())
        } else if let Role::Replica { of } = &wanted.role {
            Source::find(&self.host, of).ok()
        } else {
            None
        };
        if let Some(source) = follows {
            let name = if place == self.state.active {
                "replica"
            } else {
                "standby"
            };
            let (socket, port) = (source.server.socket(), source.port);
            let connection =
                format!("host={socket} port={port} user={REPLICATION} application_name={name}");
            text = format!(
                "primary_conninfo = {}\nprimary_slot_name = {}\n",
                settings::quote(&connection),
                settings::quote(&slot_name(&self.id, place)),
            );
            // A follower needs room for all that its source may do; the source may be away.
            let room = source.room().unwrap_or_default();
            text.push_str(&settings::at_least(wanted, &room));
        } else if self.synchronous {
            text.push_str("synchronous_standby_names = 'standby'\n");
        }
        write_if_new(&self.folder.place(place).join("replication.conf"), &text)
    }
}
