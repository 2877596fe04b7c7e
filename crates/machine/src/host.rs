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
    /// The program to start again as a shim, a balancer node and so on.
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
