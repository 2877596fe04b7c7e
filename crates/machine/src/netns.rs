//! Network namespaces as files, and standing in one for a moment.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Failure, Step as _};

/// Makes a network namespace that `path` holds.
pub(crate) fn create(path: &Path) -> Result<(), Failure> {
    let made = on_own_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        File::create(path)?;
        mount(
            Some("/proc/thread-self/ns/net"),
            path,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )?;
        Ok(())
    });
    made.step(|| format!("make the network namespace {}", path.display()))
}

/// Lets go of a namespace: it ends with the last process and connection in it. One that is not
/// there is no failure.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    // Not mounted, or not there: then only the file may be left.
    let _ = umount2(path, MntFlags::MNT_DETACH);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).step(|| format!("remove the network namespace {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Runs `work` inside the namespace. What it opens stays there: a socket belongs to the
/// namespace it was made in, whoever uses it later.
pub(crate) fn within<T: Send>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_own_thread(|| {
        let namespace = File::open(path)?;
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

/// A thread that changes its namespace ends afterwards, so that no other work runs there.
fn on_own_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("netns".into())
            .spawn_scoped(scope, work)?
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    })
}
