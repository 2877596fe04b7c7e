//! Files of procfs that are really procfs's: a container may have mounted something over
//! `/proc`, or over a file in it, to be written to or believed in its place.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags};

use crate::error::{Error, Step as _};
use crate::flags::OpenFlags;

/// The number that the kernel gives to the root directory of every procfs, and to nothing else in it.
const PROC_ROOT_INODE: u64 = 1;

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcfsBase {
    /// `/proc`
    ProcRoot,
    /// `/proc/self`: the process that opens the file.
    ProcSelf,
}

/// A procfs nothing is mounted over, or one whose own files only are opened.
#[derive(Debug)]
pub struct ProcfsHandle {
    root: OwnedFd,
}

/// Makes a [`ProcfsHandle`].
#[derive(Debug, Default)]
pub struct ProcfsHandleBuilder {
    unmasked: bool,
}

impl ProcfsHandleBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// With what is not about processes too, such as `sys`.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        self.unmasked = true;
        self
    }

    pub fn build(self) -> Result<ProcfsHandle, Error> {
        // A mount of our own stands nowhere in the tree, so nothing can be mounted over it. Making one needs more
        // rights than opening a file: without them the one at /proc is taken, without what covers parts of it, or as
        // it is. `open` passes no mount point, so the last is refused files, never given others'.
        let root = private(self.unmasked)
            .or_else(|_| uncovered())
            .or_else(|_| visible())
            .step(|| "open procfs".to_owned())?;
        Ok(ProcfsHandle { root })
    }
}

/// A new instance, for this process's PID namespace.
fn private(unmasked: bool) -> rustix::io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    if !unmasked {
        rustix::mount::fsconfig_set_string(&context, "subset", "pid")?;
    }
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC
            | MountAttrFlags::MOUNT_ATTR_NOSUID,
    )
}

/// The one at `/proc`, without the mounts below it.
fn uncovered() -> rustix::io::Result<OwnedFd> {
    let root = rustix::mount::open_tree(
        rustix::fs::CWD,
        "/proc",
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )?;
    genuine(root)
}

fn visible() -> rustix::io::Result<OwnedFd> {
    let root = rustix::fs::open(
        "/proc",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    genuine(root)
}

fn genuine(root: OwnedFd) -> rustix::io::Result<OwnedFd> {
    let is = rustix::fs::fstatfs(&root)?.f_type == PROC_SUPER_MAGIC
        && rustix::fs::fstat(&root)?.st_ino == PROC_ROOT_INODE;
    if is { Ok(root) } else { Err(Errno::XDEV) }
}

impl ProcfsHandle {
    pub fn new() -> Result<Self, Error> {
        ProcfsHandleBuilder::new().build()
    }

    /// Opens a file of procfs. A link at the path's end is not followed, and neither a mount nor a link that leads
    /// out of procfs (such as `root` or `fd/3`) is passed on the way.
    pub fn open(
        &self,
        base: ProcfsBase,
        path: impl AsRef<Path>,
        flags: OpenFlags,
    ) -> Result<File, Error> {
        let path = path.as_ref();
        let full = match base {
            ProcfsBase::ProcRoot => path.to_owned(),
            // Joining an absolute path would forget the base; the kernel refuses this one for going nowhere.
            ProcfsBase::ProcSelf if path.is_absolute() => path.to_owned(),
            ProcfsBase::ProcSelf => Path::new("self").join(path),
        };
        rustix::fs::openat2(
            &self.root,
            &full,
            flags.system() | OFlags::NOFOLLOW | OFlags::NOCTTY,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV,
        )
        .map(File::from)
        .step(|| format!("open {} of procfs", full.display()))
    }
}
