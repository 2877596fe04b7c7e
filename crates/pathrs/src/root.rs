//! The root directory of a container: paths in it mean what they would mean to a process that
//! has it as its root, whatever links the image brought.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Error, Step as _};
use crate::flags::OpenFlags;

/// The kernel gives up on a path when something was renamed while it looked; who keeps renaming cannot keep us here.
const TRIES: u32 = 128;

#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
}

/// A file or directory that was found. It is opened for nothing but being named.
#[derive(Debug)]
pub struct Handle(OwnedFd);

impl From<Handle> for OwnedFd {
    fn from(handle: Handle) -> Self {
        handle.0
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Root {
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        rustix::fs::open(
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(|directory| Self { directory })
        .step(|| format!("open the root {}", path.display()))
    }

    /// Finds what is there. Links are followed, also the last, and never out of the root.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Result<Handle, Error> {
        let path = path.as_ref();
        self.find(path, OFlags::empty())
            .map(Handle)
            .step(|| format!("find {} in the root", path.display()))
    }

    /// Makes a directory and those above it, where they are missing, with these permissions (less the process's
    /// mask). A link that leads nowhere is not replaced and nothing is made at its end: that is an error, and so is
    /// `..` below a directory that is missing.
    pub fn mkdir_all(
        &self,
        path: impl AsRef<Path>,
        permissions: &Permissions,
    ) -> Result<Handle, Error> {
        let path = path.as_ref();
        self.make_directories(path, mode(permissions))
            .map(Handle)
            .step(|| format!("make the directory {} in the root", path.display()))
    }

    /// Opens a file, making it when it is missing. The directory it is in has to be there; a link at the path's end
    /// is not followed.
    pub fn create_file(
        &self,
        path: impl AsRef<Path>,
        flags: OpenFlags,
        permissions: &Permissions,
    ) -> Result<File, Error> {
        let path = path.as_ref();
        self.create(path, flags.system(), mode(permissions))
            .map(File::from)
            .step(|| format!("make the file {} in the root", path.display()))
    }

    fn find(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        open_in(
            self.directory.as_fd(),
            if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            },
            OFlags::PATH | flags,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
    }

    fn make_directories(&self, path: &Path, mode: Mode) -> rustix::io::Result<OwnedFd> {
        // From the whole path upwards, until a directory is there.
        let mut missing: Vec<&OsStr> = Vec::new();
        let mut prefix = path;
        let mut directory = loop {
            match self.find(prefix, OFlags::DIRECTORY) {
                Ok(found) => break found,
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
            let (Some(Component::Normal(name)), Some(parent)) =
                (prefix.components().next_back(), prefix.parent())
            else {
                return Err(Errno::NOENT);
            };
            missing.push(name);
            prefix = parent;
        };
        while let Some(name) = missing.pop() {
            match rustix::fs::mkdirat(&directory, name, mode) {
                // Somebody else's, or a link that leads nowhere: the next step tells.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            directory = open_in(
                directory.as_fd(),
                Path::new(name),
                OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW,
                Mode::empty(),
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
            )?;
        }
        Ok(directory)
    }

    fn create(&self, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        // `a/` and `a/.` name directories, which `Path` does not show.
        let bytes = path.as_os_str().as_bytes();
        if bytes.ends_with(b"/") || bytes.ends_with(b"/.") {
            return Err(Errno::ISDIR);
        }
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Err(Errno::INVAL);
        };
        let directory = self.find(parent, OFlags::DIRECTORY)?;
        open_in(
            directory.as_fd(),
            Path::new(name),
            flags | OFlags::CREATE | OFlags::NOFOLLOW,
            mode,
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )
    }
}

fn mode(permissions: &Permissions) -> Mode {
    // Permissions that were read from a file carry its kind too.
    Mode::from_raw_mode(permissions.mode() & 0o7777)
}

fn open_in(
    directory: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    resolve: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let mut tries = TRIES;
    loop {
        match rustix::fs::openat2(directory, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries > 0 => tries -= 1,
            result => return result,
        }
    }
}
