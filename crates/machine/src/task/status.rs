//! The files through which a task's shim and the executor understand each other.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use world::TaskId;
use world::event::TaskStatus;
use world::task::Task;

use crate::error::{Failure, Step as _};

/// All that a shim is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) task: Task,
    pub(crate) data: PathBuf,
    /// The file of the interface's network namespace.
    pub(crate) namespace: PathBuf,
    /// The region's directory in the cgroup hierarchies.
    pub(crate) region: String,
    pub(crate) rootless: bool,
}

/// A task's folder in the state of this run.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

/// How a task should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Gracefully,
    AtOnce,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn of(run: &Path, task: &TaskId) -> Self {
        Self(all(run).join(task.as_str()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What the shim says appears here, each file whole.
    pub(crate) fn out(&self) -> PathBuf {
        self.0.join("out")
    }

    /// Locked by the shim for as long as it lives; holds its process id.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("shim.log")
    }

    /// Process ids of the containers' first processes.
    pub(crate) fn processes(&self) -> PathBuf {
        self.0.join("processes")
    }

    /// The folder of one container.
    pub(crate) fn bundle(&self, container: &str) -> PathBuf {
        self.0.join("bundles").join(container)
    }

    pub(crate) fn create(&self, order: &Order) -> Result<(), Failure> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.out())
            .step(|| format!("make {}", self.out().display()))?;
        // It holds secrets, as the environment of a process does.
        self.write("order.json", &to_json(order)?)
    }

    pub(crate) fn order(&self) -> Result<Order, Failure> {
        read(&self.0.join("order.json"))
    }

    pub(crate) fn status(&self) -> Result<TaskStatus, Failure> {
        read(&self.out().join("status.json"))
    }

    pub(crate) fn set_status(&self, status: &TaskStatus) -> Result<(), Failure> {
        self.write("out/status.json", &to_json(status)?)
    }

    pub(crate) fn stop(&self) -> Option<Stop> {
        match fs::read(self.0.join("stop")).ok()?.as_slice() {
            b"now" => Some(Stop::AtOnce),
            _ => Some(Stop::Gracefully),
        }
    }

    pub(crate) fn set_stop(&self, stop: Stop) -> Result<(), Failure> {
        self.write(
            "stop",
            match stop {
                Stop::Gracefully => b"",
                Stop::AtOnce => b"now",
            },
        )
    }

    /// All of it or none.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let step = || format!("write {}", self.0.join(name).display());
        let unfinished = self.0.join(format!("{}.new", name.replace('/', "-")));
        OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&unfinished, self.0.join(name)))
            .step(step)
    }
}

/// Where the folders of all tasks are.
pub(crate) fn all(run: &Path) -> PathBuf {
    run.join("tasks")
}

/// What the containers of a task write into their root file systems: on a real disk.
pub(crate) fn storage(data: &Path, task: &TaskId) -> PathBuf {
    data.join("tasks").join(task.as_str())
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).step(|| "write JSON")
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Failure> {
    let bytes = fs::read(path).step(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).step(|| format!("understand {}", path.display()))
}
