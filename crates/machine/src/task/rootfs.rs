//! A container's root file system: the image's layers with a writable one on top.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, mkdirat};
use world::task::{Container, Task};

use crate::error::{Failure, Step as _};

use super::layers::Privileges;

/// Where one container's own files are.
#[derive(Debug)]
pub(crate) struct Rootfs {
    /// Holds `upper` and `work`: what the container writes.
    writable: PathBuf,
    pub(crate) root: PathBuf,
}

impl Rootfs {
    /// `storage` is on a real disk, `bundle` among the state of this run.
    pub(crate) fn new(storage: PathBuf, bundle: &Path) -> Self {
        Self {
            writable: storage,
            root: bundle.join("rootfs"),
        }
    }

    /// Mounts the layers (names in the layers folder, lowest first). Says what could only be
    /// done differently.
    pub(crate) fn mount(
        &self,
        layers: &[String],
        task: &Task,
        container: &Container,
        privileges: Privileges,
    ) -> Result<Option<String>, Failure> {
        self.prepare(task, container)?;
        match self.overlay(layers, privileges) {
            // The storage is itself an overlay (a machine inside a container, say).
            Err(Errno::EINVAL) => {
                mount(
                    Some("none"),
                    &self.writable,
                    Some("tmpfs"),
                    MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
                    Some("mode=0700"),
                )
                .step(|| "mount a tmpfs for what the container writes")?;
                self.prepare(task, container)?;
                self.overlay(layers, privileges)
                    .step(|| "mount the root file system")?;
                Ok(Some(
                    "what containers write is kept in memory: the data directory's file system \
                     cannot hold the upper layer of an overlay"
                        .into(),
                ))
            }
            result => result.step(|| "mount the root file system").map(|()| None),
        }
    }

    fn overlay(&self, layers: &[String], privileges: Privileges) -> Result<(), Errno> {
        // Relative to the layers folder, which is where this process is: see `Shim::run`.
        let lower: Vec<_> = layers.iter().rev().map(String::as_str).collect();
        let mut options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            escape(&self.writable.join("upper")),
            escape(&self.writable.join("work")),
        );
        if privileges.user_attributes {
            options.push_str(",userxattr");
        }
        mount(
            Some("overlay"),
            &self.root,
            Some("overlay"),
            // No device file of an image can be used.
            MsFlags::MS_NODEV,
            Some(options.as_str()),
        )
    }

    /// The upper layer begins with the files that are the task's and not the image's.
    fn prepare(&self, task: &Task, container: &Container) -> Result<(), Failure> {
        for directory in [
            &self.root,
            &self.writable.join("upper/etc"),
            &self.writable.join("work"),
        ] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(directory)
                .step(|| format!("make {}", directory.display()))?;
        }
        let upper = self.writable.join("upper");
        let write = |name: &Path, text: &str| {
            // Only plain names: nothing may lead out of the layer.
            let plain: PathBuf = name
                .components()
                .filter(|part| matches!(part, Component::Normal(_)))
                .collect();
            let path = upper.join(plain);
            let directory = path.parent().unwrap_or(&upper);
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(directory)
                .and_then(|()| fs::write(&path, text))
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o644)))
                .step(|| format!("write {}", path.display()))
        };
        for (name, text) in &container.files {
            write(Path::new(name), text)?;
        }
        write(Path::new("etc/hostname"), &format!("{}\n", task.hostname))?;
        write(Path::new("etc/hosts"), &hosts(task))?;
        let resolver = task
            .nameserver
            .map(|address| format!("nameserver {address}\noptions timeout:2 attempts:5\n"))
            .unwrap_or_default();
        write(Path::new("etc/resolv.conf"), &resolver)
    }

    /// A file of the container, never one outside it; empty when there is none.
    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        let step = || format!("read the image's {path}");
        let root = self.open()?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        match openat2(root.as_fd(), path, how) {
            Ok(file) => {
                let mut text = Vec::new();
                // Nobody's user list is longer.
                File::from(file)
                    .take(1 << 24)
                    .read_to_end(&mut text)
                    .step(step)?;
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(String::new()),
            Err(error) => Err(error).step(step),
        }
    }

    /// Makes a folder and those above it inside the container, as Docker does for a working
    /// directory that the image lacks.
    pub(crate) fn make_directory(&self, path: &str) -> Result<(), Failure> {
        let step = || format!("make the working directory {path}");
        let how = || {
            OpenHow::new()
                .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
                .resolve(ResolveFlag::RESOLVE_IN_ROOT)
        };
        let root = self.open()?;
        let mut so_far = PathBuf::from("/");
        for part in Path::new(path).components() {
            let Component::Normal(name) = part else {
                continue;
            };
            let parent = openat2(root.as_fd(), &so_far, how()).step(step)?;
            so_far.push(name);
            match openat2(root.as_fd(), &so_far, how()) {
                Ok(_) => {}
                Err(Errno::ENOENT) => {
                    match mkdirat(parent.as_fd(), name, Mode::from_bits_truncate(0o755)) {
                        Ok(()) | Err(Errno::EEXIST) => {}
                        Err(error) => return Err(error).step(step),
                    }
                }
                Err(error) => return Err(error).step(step),
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<OwnedFd, Failure> {
        File::open(&self.root)
            .map(OwnedFd::from)
            .step(|| format!("open {}", self.root.display()))
    }
}

/// Commas and backslashes have a meaning among mount options, and colons among layers.
fn escape(path: &Path) -> String {
    let mut escaped = String::new();
    for letter in path.to_string_lossy().chars() {
        if matches!(letter, '\\' | ',' | ':') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn hosts(task: &Task) -> String {
    let mut text = String::from("127.0.0.1 localhost\n");
    if let Some(address) = task.address.filter(|_| !task.hostname.is_empty()) {
        let _ = writeln!(text, "{address} {}", task.hostname);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_paths_are_escaped() {
        assert_eq!(escape(Path::new("/a,b:c\\d")), "/a\\,b\\:c\\\\d");
    }

    #[test]
    fn a_task_knows_its_own_name() {
        let mut task = Task::new("t".into(), "vpc-1".into(), "eni-1".into());
        task.hostname = "ip-10-0-1-2.eu-central-1.compute.internal".into();
        task.address = Some([10, 0, 1, 2].into());
        assert_eq!(
            hosts(&task),
            "127.0.0.1 localhost\n10.0.1.2 ip-10-0-1-2.eu-central-1.compute.internal\n"
        );
    }
}
