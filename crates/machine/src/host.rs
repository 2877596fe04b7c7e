//! Where the machine keeps things, and how its parts tell what they saw.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use world::{Event, InterfaceId};

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

/// The files of a region's machine that others than the machine itself use.
#[derive(Debug, Clone)]
pub struct Paths {
    pub data: PathBuf,
}

impl Paths {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_keeps_its_name_and_shares_it_with_no_other() {
        let one = region_name(Path::new("/nowhere/a"));
        assert_eq!(one, region_name(Path::new("/nowhere/a")));
        assert_ne!(one, region_name(Path::new("/nowhere/b")));
        assert_eq!(one.len(), "terrella-".len() + 16);
    }
}
