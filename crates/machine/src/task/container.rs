//! Starting one container, and a health check inside it, with the runtime library.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::Arc;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::container::init_builder::InitContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, pipe2};
use world::task::Container;

use crate::error::{Failure, Step as _, chain};

use super::cgroup::Group;
use super::execute::{self, Execution};
use super::image::{self, Execute, User};
use super::layers::Privileges;
use super::rootfs::Rootfs;
use super::spec;
use super::status::{Folder, Order, storage};

/// A container whose image is on disk.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) layers: Vec<String>,
    pub(crate) execute: Execute,
    pub(crate) privileges: Privileges,
    /// Known once the root file system is mounted.
    pub(crate) user: Option<User>,
}

#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: Pid,
    /// What it writes: standard output, standard error.
    pub(crate) streams: Vec<OwnedFd>,
    pub(crate) warnings: Vec<String>,
}

/// What all containers of a task share.
pub(crate) struct Starter<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) order: &'a Order,
    pub(crate) group: &'a Group,
}

/// The reason a task stops with when a container cannot be made or started, in Fargate's words.
pub(crate) fn cannot_start(why: &str) -> String {
    format!(
        "CannotStartContainerError: ResourceInitializationError: failed to create new container \
         runtime task: failed to create shim task: OCI runtime create failed: runc create failed: \
         unable to start container process: {why}: unknown"
    )
}

/// `None` for a signal that cannot be told apart; the caller has a default.
pub(crate) fn stop_signal(name: &str) -> Option<Signal> {
    if let Ok(number) = name.parse::<i32>() {
        return Signal::try_from(number).ok();
    }
    let name = name.to_ascii_uppercase();
    if name.starts_with("SIG") {
        name.parse().ok()
    } else {
        format!("SIG{name}").parse().ok()
    }
}

impl Starter<'_> {
    /// The error is the reason the task stops with.
    pub(crate) fn start(
        &self,
        container: &Container,
        prepared: &mut Prepared,
    ) -> Result<Started, String> {
        self.try_start(container, prepared)
            .map_err(|failure| cannot_start(&chain(&failure)))
    }

    fn try_start(
        &self,
        container: &Container,
        prepared: &mut Prepared,
    ) -> Result<Started, Failure> {
        let bundle = self.folder.bundle(&container.name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&bundle)
            .step(|| format!("make {}", bundle.display()))?;
        let disk = storage(&self.order.data, &self.order.task.id).join(&container.name);
        let rootfs = Rootfs::new(disk, &bundle);
        let mut warnings = Vec::new();
        warnings.extend(rootfs.mount(
            &prepared.layers,
            &self.order.task,
            container,
            prepared.privileges,
        )?);
        let user = user(&rootfs, prepared)?;
        rootfs.make_directory(&prepared.execute.directory)?;
        let (spec, limits) = spec::build(&spec::Parts {
            container,
            execute: &prepared.execute,
            user: &user,
            hostname: &self.order.task.hostname,
            root: rootfs.root.clone(),
            cgroup: self.group.of(&container.name),
        })?;
        warnings.extend(limits);
        prepared.user = Some(user);
        // It holds secrets, as the environment of a process does.
        let config = bundle.join("config.json");
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&config)
            .step(|| format!("open {}", config.display()))?;
        serde_json::to_writer(std::io::BufWriter::new(file), &spec)
            .step(|| format!("write {}", config.display()))?;
        self.group.limit_container(container)?;

        let null = stdin()?;
        let (stdout, stdout_end) = output()?;
        let (stderr, stderr_end) = output()?;
        let (told, execution) = execution(container.init_process)?;
        let state = self.folder.path().join("state");
        let made = ContainerBuilder::new(container.name.clone(), SyscallType::default())
            .with_root_path(state)
            .map(|builder| {
                builder
                    .with_executor(execution)
                    .with_stdin(null)
                    .with_stdout(stdout_end)
                    .with_stderr(stderr_end)
                    .as_init(&bundle)
                    .with_systemd(false)
                    .with_detach(true)
            })
            .and_then(InitContainerBuilder::build)
            .and_then(|mut runtime| runtime.start().map(|()| runtime));
        let said = heard(told)?;
        if !said.is_empty() {
            return Err(Failure::new(said));
        }
        let pid = made
            .step(|| format!("container {}", container.name))?
            .pid()
            .ok_or_else(|| Failure::new("the container has no process"))?;
        Ok(Started {
            pid: Pid::from_raw(pid.as_raw()),
            streams: vec![stdout, stderr],
            warnings,
        })
    }

    /// Runs a health check's command in the container; its exit status is the answer.
    pub(crate) fn probe(
        &self,
        container: &Container,
        command: &[String],
        prepared: &Prepared,
    ) -> Result<Pid, String> {
        let arguments = probe_arguments(command)?;
        let user = prepared.user.clone().ok_or("it has not started")?;
        let (told, execution) = execution(false).map_err(|failure| chain(&failure))?;
        let environment = prepared
            .execute
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let null = || {
            File::options()
                .write(true)
                .open("/dev/null")
                .map(OwnedFd::from)
                .map_err(|error| error.to_string())
        };
        let made = ContainerBuilder::new(container.name.clone(), SyscallType::default())
            .with_root_path(self.folder.path().join("state"))
            .map_err(|error| error.to_string())?
            .with_executor(execution)
            .with_stdin(stdin().map_err(|failure| chain(&failure))?)
            .with_stdout(null()?)
            .with_stderr(null()?)
            .as_tenant()
            .with_container_args(arguments)
            .with_env(environment)
            .with_cwd(Some(prepared.execute.directory.clone()))
            .with_user(Some(user.uid))
            .with_group(Some(user.gid))
            .with_additional_gids(user.groups)
            .with_no_new_privs(true)
            .with_detach(true)
            .build();
        let said = heard(told).map_err(|failure| chain(&failure))?;
        match made {
            Ok(pid) => Ok(Pid::from_raw(pid.as_raw())),
            Err(_) if !said.is_empty() => Err(said),
            Err(error) => Err(chain(&error)),
        }
    }
}

fn user(rootfs: &Rootfs, prepared: &Prepared) -> Result<User, Failure> {
    let passwd = rootfs.read("/etc/passwd")?;
    let group = rootfs.read("/etc/group")?;
    let user = image::user(&prepared.execute.user, &passwd, &group).map_err(Failure::new)?;
    if !prepared.privileges.many_users && (user.uid, user.gid) != (0, 0) {
        return Err(Failure::new(format!(
            "user {:?} of image: an ordinary user's machine has only root in it, unless \
             /etc/subuid and /etc/subgid give it a range of ids (install uidmap)",
            prepared.execute.user
        )));
    }
    Ok(user)
}

/// A pipe that says what goes wrong on the way to the program, and what writes to it.
fn execution(init: bool) -> Result<(OwnedFd, Execution), Failure> {
    let (told, tell) = pipe2(OFlag::O_CLOEXEC).step(|| "make a pipe")?;
    let filters = execute::filters().map_err(Failure::new)?;
    Ok((told, Execution::new(tell, Arc::new(filters), init)))
}

fn probe_arguments(command: &[String]) -> Result<Vec<String>, String> {
    match command.split_first() {
        Some((kind, rest)) if kind == "CMD" && !rest.is_empty() => Ok(rest.to_vec()),
        Some((kind, rest)) if kind == "CMD-SHELL" && !rest.is_empty() => {
            Ok(vec!["/bin/sh".into(), "-c".into(), rest.join(" ")])
        }
        _ => Err(format!("unknown form of health check: {command:?}")),
    }
}

/// A program's output: our end does not block, its end does.
fn output() -> Result<(OwnedFd, OwnedFd), Failure> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).step(|| "make a pipe")?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).step(|| "make a pipe")?;
    Ok((ours, theirs))
}

/// The shim's own is /dev/null.
fn stdin() -> Result<OwnedFd, Failure> {
    use std::os::fd::AsFd as _;
    std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .step(|| "open /dev/null")
}

/// Everything that was written until the last writer ended or became another program.
fn heard(told: OwnedFd) -> Result<String, Failure> {
    let mut text = Vec::new();
    File::from(told)
        .read_to_end(&mut text)
        .step(|| "hear from the container")?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_signals_have_three_spellings() {
        assert_eq!(stop_signal("SIGQUIT"), Some(Signal::SIGQUIT));
        assert_eq!(stop_signal("quit"), Some(Signal::SIGQUIT));
        assert_eq!(stop_signal("3"), Some(Signal::SIGQUIT));
        assert_eq!(stop_signal("SIGRTMIN+3"), None);
    }

    #[test]
    fn health_checks_have_two_forms() {
        let words = |list: &[&str]| {
            list.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            probe_arguments(&words(&["CMD", "/a", "b"])),
            Ok(words(&["/a", "b"]))
        );
        assert_eq!(
            probe_arguments(&words(&["CMD-SHELL", "true && false"])),
            Ok(words(&["/bin/sh", "-c", "true && false"]))
        );
        assert!(probe_arguments(&words(&["CMD"])).is_err());
        assert!(probe_arguments(&[]).is_err());
    }
}
