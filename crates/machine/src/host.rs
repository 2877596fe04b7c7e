//! Where the machine keeps things, and how its parts tell what they saw.

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use world::{Event, InterfaceId};

use crate::error::Failure;

/// What every part of the machine shares. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Host {
    /// Storage that outlives the machine: databases, snapshots, unpacked layers, image blobs.
    pub data: PathBuf,
    /// State of this run: sockets, namespaces, pid files, task bundles, unread log lines.
    pub run: PathBuf,
    /// The program to start again as a shim, a balancer node and so on: `<program> machine
    /// <role> …`, see [`crate::main`].
    pub program: PathBuf,
    /// Whether the machine runs in a user namespace instead of as root.
    pub rootless: bool,
    pub events: mpsc::UnboundedSender<Event>,
}

impl Host {
    /// The namespace that holds an interface, as a file that `setns` takes. It exists exactly
    /// while the interface works.
    pub fn namespace(&self, interface: &InterfaceId) -> PathBuf {
        self.run.join("netns").join(interface.as_str())
    }

    /// The blob with this digest (`sha256:…`); the registry writes it, the machine only reads.
    pub fn blob(&self, digest: &str) -> PathBuf {
        blob_path(&self.data, digest)
    }

    /// The name under which everything of this region is kept where a whole host shares one
    /// place, such as the cgroup tree.
    pub fn region_name(&self) -> String {
        region_name(&self.data)
    }

    /// Tells the control plane; what is said while none listens is kept by the sender's queue.
    pub fn tell(&self, event: Event) {
        // The receiver lives as long as the machine; when it is gone there is nobody to tell.
        let _ = self.events.send(event);
    }
}

/// `sha256:abc…` is kept in `<data>/blobs/sha256/abc…`.
pub fn blob_path(data: &Path, digest: &str) -> PathBuf {
    let (algorithm, hash) = digest.split_once(':').unwrap_or(("sha256", digest));
    data.join("blobs").join(algorithm).join(hash)
}

/// `terrella-` and a digest of the data directory's path: the same on every start.
pub fn region_name(data: &Path) -> String {
    let path = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    format!(
        "terrella-{:016x}",
        digest(path.as_os_str().as_encoded_bytes())
    )
}

/// 64-bit FNV-1a: short, stable names, no secrecy.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The longest name that a socket gets below a data folder: a balancer node's, see
/// `balancers::node`. Those of databases (`run/machine/pg/01234567/.s.PGSQL.65535`) are shorter.
const LONGEST_SOCKET: &str = "/run/machine/lb/eni-0123456789abcdef0/ctl";
/// `sun_path` has 108 bytes and ends with a zero. (unix(7))
pub const LONGEST_DATA: usize = 107 - LONGEST_SOCKET.len();

/// The files of a region's machine that others than the machine itself use.
#[derive(Debug, Clone)]
pub struct Paths {
    pub data: PathBuf,
}

impl Paths {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into() }
    }

    /// Whether every socket of a region here can have its name.
    ///
    /// # Errors
    /// If not, in words for whoever chose the folder.
    pub fn check(&self) -> Result<(), Failure> {
        let length = self.data.as_os_str().len();
        if length <= LONGEST_DATA {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the data folder's path may have {LONGEST_DATA} bytes, because Linux bounds the names of sockets in it, \
             and {} has {length}: choose another with --data-dir",
            self.data.display()
        )))
    }

    /// What lives as long as a running region.
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }

    /// [`Host::run`]: gone when the machine is.
    pub fn machine_run(&self) -> PathBuf {
        self.run().join("machine")
    }

    /// Where the machine takes [`world::Command`]s and gives [`world::Event`]s, a line each.
    pub fn control_socket(&self) -> PathBuf {
        self.run().join("machine.sock")
    }

    /// Where the machine runs a program somewhere in the world, see [`crate::client::exec`].
    pub fn exec_socket(&self) -> PathBuf {
        self.run().join("exec.sock")
    }

    /// Where the control plane takes connections that were made to AWS inside the world.
    pub fn gateway_socket(&self) -> PathBuf {
        self.run().join("gateway.sock")
    }

    pub fn log(&self) -> PathBuf {
        self.run().join("machine.log")
    }

    /// Locked while a keeper lives.
    pub fn lock(&self) -> PathBuf {
        self.run().join("machine.lock")
    }
}

/// What a log of the region's own may hold before its older half is put aside.
pub const LOG_BYTES: u64 = 16 << 20;

/// Puts a log's content aside (as `<name>.1`, instead of what was put aside before) and begins it
/// anew, once it holds [`LOG_BYTES`]. Whoever writes it goes on as before: all of them append, and
/// what is written between the copy and the new beginning is lost.
pub fn bound_log(path: &Path) -> io::Result<()> {
    bound(path, LOG_BYTES)
}

fn bound(path: &Path, most: u64) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(log) if log.len() > most => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => return Ok(()),
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    // First, for the room.
    let _ = std::fs::remove_file(&aside);
    if std::fs::copy(path, &aside).is_err() {
        // A disk that is full is better served by no old log than by a growing one.
        let _ = std::fs::remove_file(&aside);
    }
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)?
        .set_len(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_log_is_bounded_while_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        bound(&path, 10).expect("there is none");
        let mut log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a log");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
        log.write_all(b"0123456789").expect("written");
        bound(&path, 10).expect("it is small");
        assert_eq!(read("a.log.1"), None);
        log.write_all(b"x").expect("written");
        bound(&path, 10).expect("put aside");
        assert_eq!(read("a.log.1").as_deref(), Some("0123456789x"));
        log.write_all(b"new").expect("written");
        assert_eq!(read("a.log").as_deref(), Some("new"));
        log.write_all(b" and more").expect("written");
        bound(&path, 10).expect("put aside");
        assert_eq!(read("a.log.1").as_deref(), Some("new and more"));
        assert_eq!(read("a.log").as_deref(), Some(""));
    }

    #[test]
    fn a_region_keeps_its_name_and_shares_it_with_no_other() {
        let one = region_name(Path::new("/nowhere/a"));
        assert_eq!(one, region_name(Path::new("/nowhere/a")));
        assert_ne!(one, region_name(Path::new("/nowhere/b")));
        assert_eq!(one.len(), "terrella-".len() + 16);
    }
}
