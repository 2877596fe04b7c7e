//! The configuration a node served last, on disk: it serves it again after a restart without
//! waiting for anyone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use world::balancer::node::NodeConfig;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot read the state file {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the state file {path} holds no configuration")]
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("cannot write the state file {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// What was kept, or `None` when nothing ever was.
pub(crate) fn load(path: &Path) -> Result<Option<NodeConfig>, StateError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StateError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| StateError::Parse {
            path: path.to_owned(),
            source,
        })
}

/// Keeps a configuration; when this returns it is on disk, and at no moment is there half of one.
pub(crate) fn save(path: &Path, config: &NodeConfig) -> Result<(), StateError> {
    let write = || -> io::Result<()> {
        let temporary = path.with_extension("new");
        // It holds private keys.
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&serde_json::to_vec(config)?)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    };
    write().map_err(|source| StateError::Write {
        path: path.to_owned(),
        source,
    })
}
