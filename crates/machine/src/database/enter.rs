//! The role that a database's programs begin in: it goes where the program is to run, becomes
//! somebody whom PostgreSQL agrees to serve, and turns into the program.
//!
//! PostgreSQL refuses to be root and has to reach its files, which may lie below directories
//! that only root can enter, and its sockets need short names. So the folders it uses are bound
//! into a `/tmp` of its own.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{Gid, Uid, User, execv, setgid, setgroups, setsid, setuid};

use crate::error::{Failure, Step as _, chain};
use crate::roles::Arguments;
use crate::task::cgroup::Group;

/// What is bound where: (below the data or run directory, inside).
pub(crate) const DATABASES: &str = "/tmp/databases";
pub(crate) const SNAPSHOTS: &str = "/tmp/snapshots";
pub(crate) const SOCKETS: &str = "/tmp/pg";

pub(crate) fn databases(data: &Path) -> PathBuf {
    data.join("databases")
}

pub(crate) fn snapshots(data: &Path) -> PathBuf {
    data.join("snapshots")
}

pub(crate) fn sockets(run: &Path) -> PathBuf {
    run.join("pg")
}

/// Whom servers run as: a user that exists, because PostgreSQL asks for its name.
pub(crate) fn server_user() -> Result<User, Failure> {
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).step(|| "look up the server's user")?
            && !user.uid.is_root()
        {
            return Ok(user);
        }
    }
    Err(Failure::new(
        "run PostgreSQL: this system has neither a user postgres nor a user nobody",
    ))
}

pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    match enter(arguments) {
        Ok(never) => match never {},
        Err(failure) => {
            eprintln!("database: {}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

fn enter(arguments: &[OsString]) -> Result<Infallible, Failure> {
    let at = arguments
        .iter()
        .position(|argument| argument == "--")
        .ok_or_else(|| Failure::new("no program to run"))?;
    let (ours, program) = (Arguments(&arguments[..at]), &arguments[at + 1..]);
    let user = server_user()?;
    setsid().step(|| "leave the session")?;
    if let Some(region) = ours.value("--region") {
        let name = ours.value("--group").unwrap_or_default();
        // Limits are set by whoever starts a server; where there are none there is no group.
        Group::find(&region.to_string_lossy(), &name.to_string_lossy()).enter();
    }
    if let Some(namespace) = ours.value("--namespace") {
        let step = || format!("enter {}", namespace.to_string_lossy());
        let file = fs::File::open(namespace).step(step)?;
        setns(file, CloneFlags::CLONE_NEWNET).step(step)?;
    }
    let rootless = ours.has("--rootless");
    if rootless {
        become_somebody(&user)?;
    }
    own_tmp(&ours.path("--data")?, &ours.path("--run")?)?;
    if !rootless {
        setgroups(&[user.gid]).step(|| "drop groups")?;
        setgid(user.gid).step(|| "change the group")?;
        setuid(user.uid).step(|| "change the user")?;
    }
    std::env::set_current_dir("/tmp").step(|| "enter /tmp")?;
    let words: Vec<CString> = program
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect::<Result<_, _>>()
        .step(|| "read the program's arguments")?;
    let name = words
        .first()
        .ok_or_else(|| Failure::new("no program to run"))?;
    execv(name, &words).step(|| format!("run {}", name.to_string_lossy()))
}

/// In a user namespace there may be nobody else to become; a namespace inside it gives the same
/// user another number.
fn become_somebody(user: &User) -> Result<(), Failure> {
    let step = || "make a user namespace for the server";
    unshare(CloneFlags::CLONE_NEWUSER).step(step)?;
    let write = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text).step(step);
    write("setgroups", "deny".into())?;
    write("uid_map", one_to_root(user.uid.as_raw()))?;
    write("gid_map", one_to_root(user.gid.as_raw()))
}

fn one_to_root(id: u32) -> String {
    format!("{id} 0 1")
}

fn own_tmp(data: &Path, run: &Path) -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS).step(|| "make a mount namespace")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .step(|| "make mounts private")?;
    // Bound first to where the new /tmp will not hide them, should they lie below the old one.
    let places = [
        (databases(data), DATABASES),
        (snapshots(data), SNAPSHOTS),
        (sockets(run), SOCKETS),
    ];
    let opened: Vec<_> = places
        .iter()
        .map(|(real, inside)| {
            let folder = nix::fcntl::open(
                real,
                nix::fcntl::OFlag::O_PATH
                    | nix::fcntl::OFlag::O_DIRECTORY
                    | nix::fcntl::OFlag::O_CLOEXEC,
                nix::sys::stat::Mode::empty(),
            )
            .step(|| format!("open {}", real.display()))?;
            Ok((folder, *inside))
        })
        .collect::<Result<_, Failure>>()?;
    let tmpfs = |place: &str, mode: &str| {
        mount(
            Some("none"),
            place,
            Some("tmpfs"),
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some(mode),
        )
        .step(|| format!("mount a new {place}"))
    };
    tmpfs("/tmp", "mode=1777")?;
    // Shared memory of a server that is killed goes with its namespace.
    if Path::new("/dev/shm").is_dir() {
        tmpfs("/dev/shm", "mode=1777")?;
    }
    for (folder, inside) in opened {
        use std::os::fd::AsRawFd as _;
        fs::create_dir(inside).step(|| format!("make {inside}"))?;
        mount(
            Some(format!("/proc/self/fd/{}", folder.as_raw_fd()).as_str()),
            inside,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .step(|| format!("bind {inside}"))?;
    }
    Ok(())
}

/// Gives a folder to the servers' user; in a user namespace it is theirs already.
pub(crate) fn give(path: &Path, user: &User, rootless: bool) -> Result<(), Failure> {
    if rootless {
        return Ok(());
    }
    let (uid, gid): (Uid, Gid) = (user.uid, user.gid);
    nix::unistd::chown(path, Some(uid), Some(gid)).step(|| format!("give away {}", path.display()))
}
