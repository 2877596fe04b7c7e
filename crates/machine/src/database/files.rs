//! Where a database's files are, outside and as its servers see them, and what is remembered.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use world::event::SnapshotFacts;
use world::{DatabaseId, InterfaceId, SnapshotId};

use crate::error::{Failure, Step as _};
use crate::host::digest;

use super::decide::Place;
use super::enter;

/// What has to be known of a database after a restart of everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) active: Place,
    pub(crate) port: u16,
    /// The interface of each place.
    pub(crate) interfaces: [Option<InterfaceId>; 2],
    /// Its roles were made.
    pub(crate) prepared: bool,
    /// It answered once.
    pub(crate) born: bool,
    /// Parameters with which a server has started, or which it took while running.
    pub(crate) good: BTreeMap<String, String>,
    /// Parameters it did not take, with what it said.
    pub(crate) refused: BTreeMap<String, Refusal>,
    /// The acts that were done last, with what came of them.
    pub(crate) done: VecDeque<Done>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) value: String,
    pub(crate) why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) id: String,
    pub(crate) failure: Option<String>,
    pub(crate) snapshot: Option<SnapshotFacts>,
}

/// The acts that are remembered: a control plane asks again only for its newest.
const REMEMBERED: usize = 32;

impl State {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            active: Place::First,
            port,
            interfaces: [None, None],
            prepared: false,
            born: false,
            good: BTreeMap::new(),
            refused: BTreeMap::new(),
            done: VecDeque::new(),
        }
    }

    pub(crate) fn remember(&mut self, done: Done) {
        self.done.push_back(done);
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
    }
}

/// The folder of one database, outside.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    id: DatabaseId,
}

impl Folder {
    pub(crate) fn new(data: &Path, id: &DatabaseId) -> Self {
        Self {
            root: enter::databases(data).join(id.as_str()),
            id: id.clone(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    pub(crate) fn place(&self, place: Place) -> PathBuf {
        self.root.join(name(place))
    }

    /// PostgreSQL's own data directory.
    pub(crate) fn cluster(&self, place: Place) -> PathBuf {
        self.place(place).join("data")
    }

    /// The same as the server sees it.
    pub(crate) fn inside(&self, place: Place) -> String {
        format!("{}/{}/{}", enter::DATABASES, self.id, name(place))
    }

    pub(crate) fn tls_inside(&self) -> String {
        format!("{}/{}/tls", enter::DATABASES, self.id)
    }

    pub(crate) fn load(&self) -> Option<State> {
        serde_json::from_slice(&fs::read(self.root.join("state.json")).ok()?).ok()
    }

    pub(crate) fn save(&self, state: &State) -> Result<(), Failure> {
        let path = self.root.join("state.json");
        let bytes = serde_json::to_vec(state).step(|| "write JSON")?;
        write_whole(&path, &bytes)
    }
}

fn name(place: Place) -> &'static str {
    match place {
        Place::First => "first",
        Place::Second => "second",
    }
}

/// The name of a server's socket folder: short, because sockets' names have to be.
pub(crate) fn socket_name(id: &DatabaseId, place: Place) -> String {
    let key = format!("{id} {}", name(place));
    format!("{:08x}", digest(key.as_bytes()) & 0xffff_ffff)
}

/// The name of the slot that keeps the log for whoever follows.
pub(crate) fn slot_name(id: &DatabaseId, place: Place) -> String {
    format!("follower_{}", socket_name(id, place))
}

/// The folder of a snapshot. Ids are the control plane's; one that is no plain name is refused.
pub(crate) fn snapshot(data: &Path, id: &SnapshotId) -> Result<PathBuf, Failure> {
    let name = id.as_str();
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(Failure::new(format!(
            "snapshot {name:?}: not a name for a folder"
        )));
    }
    Ok(enter::snapshots(data).join(name))
}

/// All of it or none, and on disk.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let step = || format!("write {}", path.display());
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new).step(step)?;
    file.write_all(bytes).step(step)?;
    file.sync_all().step(step)?;
    fs::rename(&new, path).step(step)
}

/// Writes only what differs; says whether it did.
pub(crate) fn write_if_new(path: &Path, text: &str) -> Result<bool, Failure> {
    if fs::read_to_string(path).is_ok_and(|have| have == text) {
        return Ok(false);
    }
    write_whole(path, text.as_bytes())?;
    Ok(true)
}

/// The bytes of all files below a folder.
pub(crate) fn size(folder: &Path) -> u64 {
    let mut sum = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Ok(metadata) = entry.metadata() {
            sum += if metadata.is_dir() {
                size(&entry.path())
            } else {
                metadata.len()
            };
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_stay_in_their_folder() {
        let data = Path::new("/data");
        assert_eq!(
            snapshot(data, &"rds:links-2026".into()).unwrap(),
            Path::new("/data/snapshots/rds:links-2026")
        );
        for bad in ["", "..", ".hidden", "a/b"] {
            assert!(snapshot(data, &bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn servers_of_one_database_have_sockets_of_their_own() {
        let id = DatabaseId::from("db-1");
        assert_ne!(
            socket_name(&id, Place::First),
            socket_name(&id, Place::Second)
        );
        assert_eq!(socket_name(&id, Place::First).len(), 8);
    }

    #[test]
    fn only_the_newest_acts_are_remembered() {
        let mut state = State::new(5432);
        for number in 0..100 {
            state.remember(Done {
                id: number.to_string(),
                failure: None,
                snapshot: None,
            });
        }
        assert_eq!(state.done.len(), REMEMBERED);
        assert_eq!(state.done.back().map(|done| done.id.as_str()), Some("99"));
    }
}
