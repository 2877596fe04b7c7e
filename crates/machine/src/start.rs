//! Starting, stopping and sweeping up after a machine.
//!
//! `start` runs *launch*, which leaves the caller's session and starts the *keeper*; the keeper
//! makes the user namespace (when it is not root) and the PID namespace and starts the *anchor*
//! in it as PID 1; the anchor makes the mount namespace, reaps orphans and starts the *executor*
//! again whenever it dies. When the anchor ends, the kernel ends everything else: processes,
//! mounts, network namespaces. What the kernel keeps (files, cgroups) the keeper removes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Failure, Step as _};
use crate::host::{Paths, region_name};
use crate::roles::{Arguments, OWN_PROGRAM, command};

#[derive(Debug, Clone)]
pub struct Options {
    /// The region's data directory; made when it is not there.
    pub data: PathBuf,
    /// The program whose `machine` subcommand is [`crate::main`].
    pub program: PathBuf,
    /// End the machine when this process ends, however it ends: for tests.
    pub die_with_parent: bool,
}

/// A machine that runs. Dropping it leaves the machine running, unless it was to die with its
/// parent.
#[derive(Debug)]
pub struct Machine {
    pub paths: Paths,
    /// The keeper reads the other end; it ends the machine when this end is closed.
    lifeline: Option<OwnedFd>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.lifeline.take().is_some() {
            let _ = wait_until_gone(&self.paths, Duration::from_secs(20));
        }
    }
}

/// What the executor writes to its standard output when the machine takes commands.
pub(crate) const READY: &str = "ready";

/// Starts the machine of a region, or finds it running. Blocks until it takes commands.
pub fn start(options: &Options) -> Result<Machine, Failure> {
    let data = std::path::absolute(&options.data).step(|| "find the data directory")?;
    let paths = Paths::new(data);
    paths.check()?;
    make_private_dir(&paths.run())?;
    if keeper_of(&paths)?.is_some() {
        return Ok(Machine {
            paths,
            lifeline: None,
        });
    }
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(paths.log())
        .step(|| format!("open {}", paths.log().display()))?;
    let (mut answer, stdout) = std::io::pipe().step(|| "make a pipe")?;
    let mut launch = std::process::Command::new(&options.program);
    launch
        .args(["machine", "launch", "--data"])
        .arg(&paths.data);
    let mut lifeline = None;
    if options.die_with_parent {
        let (keepers_end, our_end) = std::io::pipe().step(|| "make a pipe")?;
        launch.arg("--lifeline").stdin(keepers_end);
        lifeline = Some(OwnedFd::from(our_end));
    } else {
        launch.stdin(Stdio::null());
    }
    let status = launch
        .stdout(stdout)
        .stderr(log)
        .current_dir("/")
        .status()
        .step(|| format!("run {}", options.program.display()))?;
    // The command holds the writing end, and the answer ends when nobody does.
    drop(launch);
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = answer
            .read(&mut buffer)
            .step(|| "hear from the machine that is starting")?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if text.lines().any(|line| line == READY) {
            return Ok(Machine { paths, lifeline });
        }
        if read == 0 {
            let reason = text.trim();
            return Err(Failure::because(
                "start the machine",
                if reason.is_empty() {
                    format!("it ended ({status}); see {}", paths.log().display())
                } else {
                    reason.to_owned()
                },
            ));
        }
    }
}

/// Ends the machine of a region, if one runs: databases are shut down properly, then everything
/// goes.
pub fn stop(data: &Path) -> Result<(), Failure> {
    let paths = Paths::new(std::path::absolute(data).step(|| "find the data directory")?);
    if let Some(keeper) = keeper_of(&paths)? {
        // It may have ended since: then there is nothing to do.
        let _ = kill(keeper, Signal::SIGTERM);
        if !wait_until_gone(&paths, Duration::from_secs(40))? {
            return Err(Failure::new(format!(
                "the machine (process {keeper}) does not end"
            )));
        }
    }
    sweep(data)
}

/// Removes what a machine that was killed could not remove. Does nothing to one that runs.
pub fn sweep(data: &Path) -> Result<(), Failure> {
    let paths = Paths::new(std::path::absolute(data).step(|| "find the data directory")?);
    if keeper_of(&paths)?.is_some() {
        return Ok(());
    }
    remove_leftovers(&paths)
}

/// Removes a region's data folder, in which nothing may run any more. `program` is that of
/// [`Options`].
///
/// An ordinary user's tasks and databases ran as users of its own range of ids, and only in a
/// user namespace may it remove what is theirs.
pub fn remove(data: &Path, program: &Path) -> Result<(), Failure> {
    let step = || format!("remove {}", data.display());
    match fs::remove_dir_all(data) {
        Err(error)
            if error.kind() == std::io::ErrorKind::PermissionDenied
                && !nix::unistd::geteuid().is_root() => {}
        removed => return removed.step(step),
    }
    let output = std::process::Command::new(program)
        .args(["machine", "remove", "--data"])
        .arg(data)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .step(|| format!("run {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        return Err(Failure::because(step(), said));
    }
    // What is left is the folder itself, which may stand where only its owner may remove it.
    match fs::remove_dir_all(data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).step(step),
        _ => Ok(()),
    }
}

/// The role in which [`remove`] empties the folder.
pub(crate) fn remove_inside(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let data = Arguments(arguments).path("--data")?;
    crate::keeper::enter_user_namespace()?;
    let entries = fs::read_dir(&data).step(|| format!("read {}", data.display()))?;
    for entry in entries {
        let path = entry.step(|| format!("read {}", data.display()))?.path();
        let removed = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.step(|| format!("remove {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Only for a keeper, or when there is none.
pub(crate) fn remove_leftovers(paths: &Paths) -> Result<(), Failure> {
    remove_cgroups(&region_name(&paths.data));
    for socket in [paths.control_socket(), paths.exec_socket()] {
        let _ = fs::remove_file(socket);
    }
    let run = paths.machine_run();
    match fs::remove_dir_all(&run) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).step(|| format!("remove {}", run.display()))
        }
        _ => Ok(()),
    }
}

/// Removes the region's directories from every cgroup hierarchy, deepest first. They are empty
/// of processes by now; one that is not stays, and the next sweep tries again.
fn remove_cgroups(name: &str) {
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else {
        return;
    };
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        if (right.starts_with("cgroup ") || right.starts_with("cgroup2 "))
            && let Some(mount) = left.split(' ').nth(4)
        {
            remove_cgroups_below(Path::new(mount), name, 0);
        }
    }
}

/// The region's own directories stand near the top, or near the one this process is in.
fn remove_cgroups_below(directory: &Path, name: &str, depth: usize) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name() == name {
            remove_cgroup_tree(&path);
        } else if depth < 6 {
            remove_cgroups_below(&path, name, depth + 1);
        }
    }
}

fn remove_cgroup_tree(directory: &Path) {
    if let Ok(entries) = fs::read_dir(directory) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_cgroup_tree(&entry.path());
            }
        }
    }
    if let Err(error) = fs::remove_dir(directory) {
        tracing::warn!(directory = %directory.display(), %error, "cgroup not removed");
    }
}

/// The keeper that holds the region's lock.
pub(crate) fn keeper_of(paths: &Paths) -> Result<Option<Pid>, Failure> {
    let file = match OpenOptions::new().read(true).write(true).open(paths.lock()) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).step(|| format!("open {}", paths.lock().display())),
    };
    let mut lock = whole_file(libc::F_WRLCK);
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).step(|| "ask who holds the machine's lock")?;
    Ok((i32::from(lock.l_type) != libc::F_UNLCK).then(|| Pid::from_raw(lock.l_pid)))
}

/// Takes the region's lock for as long as the file stays open in this process.
pub(crate) fn take_lock(paths: &Paths) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(paths.lock())
        .step(|| format!("open {}", paths.lock().display()))?;
    fcntl(&file, FcntlArg::F_SETLK(&whole_file(libc::F_WRLCK)))
        .step(|| "take the machine's lock: another machine runs on this data directory")?;
    Ok(file)
}

fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn wait_until_gone(paths: &Paths, limit: Duration) -> Result<bool, Failure> {
    let start = Instant::now();
    while keeper_of(paths)?.is_some() {
        if start.elapsed() > limit {
            return Ok(false);
        }
        // There is no handle on a process of another session to wait for.
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}

pub(crate) fn make_private_dir(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .step(|| format!("make {}", path.display()))
}

/// Leaves the caller's session and terminal, starts the keeper and ends, so that the keeper is
/// nobody's child.
pub(crate) fn launch(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    nix::unistd::setsid().step(|| "leave the session")?;
    let arguments = Arguments(arguments);
    let mut keeper = command("keeper");
    keeper.arg("--data").arg(arguments.path("--data")?);
    if arguments.has("--lifeline") {
        keeper.arg("--lifeline");
    }
    keeper.spawn().step(|| "start the keeper")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a machine for as long as somebody holds the other end of standard input.
pub(crate) fn hold(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let arguments = Arguments(arguments);
    let machine = start(&Options {
        data: arguments.path("--data")?,
        program: OWN_PROGRAM.into(),
        die_with_parent: true,
    })?;
    println!("{READY}");
    // Nobody writes: this returns when the other end is closed.
    let _ = std::io::stdin().read(&mut [0]);
    drop(machine);
    Ok(ExitCode::SUCCESS)
}
