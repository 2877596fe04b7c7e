//! Making a database's storage: fresh, from a snapshot, or as a copy of a running server.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use world::database::{Database, Origin, Role};

use crate::database::decide::Place;
use crate::database::enter::{self, server_user};
use crate::database::files::{self, State, slot_name};
use crate::database::server::make_folder;
use crate::database::settings::{self, REPLICATION};
use crate::database::versions::{self, Installed};
use crate::error::{Failure, Step as _};

use super::followers::Source;

use super::Worker;

impl Worker {
    pub(super) fn prepare_place(&self, place: Place) -> Result<(), Failure> {
        let user = server_user()?;
        let folder = self.folder.place(place);
        make_folder(&folder, 0o755)?;
        enter::give(&folder, &user, self.host.rootless)
    }

    pub(super) fn make(&mut self, wanted: &Database) -> Result<(), Failure> {
        let installed = versions::find(wanted.major_version)?;
        self.state = State {
            interfaces: self.state.interfaces.clone(),
            done: self.state.done.clone(),
            ..State::new(wanted.port)
        };
        make_folder(self.folder.root(), 0o755)?;
        self.folder.save(&self.state)?;
        let place = self.state.active;
        self.prepare_place(place)?;
        match (&wanted.origin, &wanted.role) {
            (Origin::Source | Origin::Empty, Role::Replica { of }) => {
                let source = Source::find(&self.host, of)?;
                self.follow(place, &source, &installed)?;
                self.state.prepared = true;
            }
            (Origin::Source, Role::Writer) => {
                return Err(Failure::new(
                    "make the storage: a writer has no source to copy",
                ));
            }
            (Origin::Snapshot(snapshot), _) => {
                let folder = files::snapshot(&self.host.data, snapshot)?;
                if !folder.join("data/PG_VERSION").exists() {
                    return Err(Failure::new(format!("snapshot {snapshot} is not there")));
                }
                let from = format!("{}/{snapshot}/data", enter::SNAPSHOTS);
                self.copy(place, &from, |new| {
                    for name in ["standby.signal", "recovery.signal", "postmaster.pid"] {
                        let _ = fs::remove_file(new.join(name));
                    }
                    Ok(())
                })?;
                self.state.prepared = true;
            }
            (Origin::Empty, Role::Writer) => {
                let template = self.template(&installed)?;
                self.copy(place, &template, |_| Ok(()))?;
            }
        }
        self.folder.save(&self.state)
    }

    /// A fresh cluster, made once a version and copied: that takes a tenth of the time.
    pub(super) fn template(&self, installed: &Installed) -> Result<String, Failure> {
        // Two databases of one version that are made at once make one template.
        static MAKING: Mutex<()> = Mutex::new(());
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!(".template-{}", installed.full);
        let folder = enter::databases(&self.host.data).join(&name);
        let inside = format!("{}/{name}", enter::DATABASES);
        if folder.join("data").exists() {
            return Ok(format!("{inside}/data"));
        }
        make_folder(&folder, 0o755)?;
        enter::give(&folder, &server_user()?, self.host.rootless)?;
        let _ = fs::remove_dir_all(folder.join("new"));
        self.servers[0].tool(
            &installed.programs.join("initdb"),
            &[
                "-D",
                &format!("{inside}/new"),
                &format!("--username={}", settings::ADMIN),
                "--auth-local=peer",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
                "--no-sync",
                "--no-instructions",
            ],
        )?;
        keep(&folder.join("new"), &folder.join("data"))?;
        Ok(format!("{inside}/data"))
    }

    /// Copies a cluster, as its servers see it, to a place; `finish` gets the copy as it is
    /// outside, before it counts.
    pub(super) fn copy(
        &self,
        place: Place,
        from: &str,
        finish: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let new = self.folder.place(place).join("new");
        let _ = fs::remove_dir_all(&new);
        let to = format!("{}/new", self.folder.inside(place));
        self.servers[place.index()].tool(
            Path::new("/bin/cp"),
            &["-a", "--reflink=auto", "--no-target-directory", from, &to],
        )?;
        finish(&new)?;
        keep(&new, &self.folder.cluster(place))
    }

    /// A copy of a running server that goes on following it.
    pub(super) fn follow(
        &mut self,
        place: Place,
        source: &Source,
        installed: &Installed,
    ) -> Result<(), Failure> {
        let new = self.folder.place(place).join("new");
        let _ = fs::remove_dir_all(&new);
        let slot = slot_name(&self.id, place);
        source.make_slot(&slot)?;
        source.server.tool(
            &installed.programs.join("pg_basebackup"),
            &[
                "-D",
                &format!("{}/new", self.folder.inside(place)),
                "-h",
                &source.server.socket(),
                "-p",
                &source.port.to_string(),
                "-U",
                REPLICATION,
                "-X",
                "stream",
                "-c",
                "fast",
                "-S",
                &slot,
                "--no-password",
                "--no-sync",
            ],
        )?;
        fs::write(new.join("standby.signal"), "").step(|| "mark the copy as a follower")?;
        keep(&new, &self.folder.cluster(place))
    }
}

/// Everything on disk first, then the name.
pub(super) fn keep(new: &Path, target: &Path) -> Result<(), Failure> {
    let step = || format!("keep {}", target.display());
    let folder = fs::File::open(new).step(step)?;
    nix::unistd::syncfs(&folder).step(step)?;
    remove_folder(target)?;
    fs::rename(new, target).step(step)?;
    let parent = target.parent().unwrap_or(target);
    fs::File::open(parent)
        .and_then(|parent| parent.sync_all())
        .step(step)
}

pub(super) fn remove_folder(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).step(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
