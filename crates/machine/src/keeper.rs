//! The one process of the machine that stands outside its PID namespace: it makes the
//! namespaces, waits for the anchor's end and removes what the kernel does not.

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, getegid, geteuid};

use crate::error::{Failure, Step as _};
use crate::host::Paths;
use crate::roles::{Arguments, command, leave_caller};
use crate::start::{make_private_dir, remove_leftovers, take_lock};

/// How long an anchor may take to shut databases down.
const GRACE: Duration = Duration::from_secs(30);

pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let arguments = Arguments(arguments);
    let paths = Paths::new(arguments.path("--data")?);
    let lock = take_lock(&paths)?;
    remove_leftovers(&paths)?;
    make_private_dir(&paths.machine_run())?;

    let rootless = !geteuid().is_root();
    if rootless {
        enter_user_namespace()?;
    }
    // Children are born in it; this process stays outside.
    unshare(CloneFlags::CLONE_NEWPID).step(|| "make a PID namespace (is this root?)")?;

    // No thread can be made from here on: it would be in another PID namespace than its process.
    let mut signals = SigSet::empty();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGCHLD,
    ] {
        signals.add(signal);
    }
    signals.thread_block().step(|| "block signals")?;
    let signals = SignalFd::new(&signals).step(|| "wait for signals")?;

    let mut anchor = command("anchor");
    anchor.arg("--data").arg(&paths.data);
    if rootless {
        anchor.arg("--rootless");
    }
    // The anchor holds the reading end: it sees the keeper's end even if it is too late to be
    // told by a signal.
    let mut anchor = anchor
        .stdin(Stdio::piped())
        .spawn()
        .step(|| "start the anchor")?;
    leave_caller();
    let status = watch(&mut anchor, &signals, arguments.has("--lifeline"))?;
    eprintln!("machine keeper: the anchor ended ({status})");
    let removed = remove_leftovers(&paths);
    drop(lock);
    removed.map(|()| ExitCode::SUCCESS)
}

/// Waits for the anchor's end, and brings it about when asked to by a signal or when the process
/// at the other end of standard input ends.
fn watch(
    anchor: &mut Child,
    signals: &SignalFd,
    mut lifeline: bool,
) -> Result<ExitStatus, Failure> {
    let pid = Pid::from_raw(i32::try_from(anchor.id()).unwrap_or(i32::MAX));
    let stdin = std::io::stdin();
    let mut kill_at = None;
    loop {
        if let Some(status) = anchor.try_wait().step(|| "wait for the anchor")? {
            return Ok(status);
        }
        let timeout = kill_at.map_or(PollTimeout::NONE, |at: Instant| {
            let left = at.saturating_duration_since(Instant::now());
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let mut files = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if lifeline {
            files.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut files, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error).step(|| "wait for the anchor"),
        }
        let happened = |file: &PollFd| file.revents().is_some_and(|events| !events.is_empty());
        if files.get(1).is_some_and(happened) {
            // Nobody writes: the other end was closed.
            let _ = kill(pid, Signal::SIGKILL);
            lifeline = false;
        }
        if happened(&files[0]) {
            let signal = signals.read_signal().step(|| "read a signal")?;
            let child = Signal::SIGCHLD as u32;
            if signal.is_some_and(|signal| signal.ssi_signo != child) && kill_at.is_none() {
                let _ = kill(pid, Signal::SIGTERM);
                kill_at = Some(Instant::now() + GRACE);
            }
        }
        if kill_at.is_some_and(|at| at <= Instant::now()) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

/// Becomes root of a user namespace. A range of subordinate ids is mapped when the system gives
/// this user one and has the programs for it; else only the user itself is, as root.
pub(crate) fn enter_user_namespace() -> Result<(), Failure> {
    let (uid, gid) = (geteuid(), getegid());
    let mapper = IdMapper::start();
    unshare(CloneFlags::CLONE_NEWUSER).step(|| {
        "make a user namespace (this system does not let ordinary users do so: run as root, or \
         allow it with sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces or \
         kernel.apparmor_restrict_unprivileged_userns=0)"
    })?;
    if mapper.is_some_and(IdMapper::map) {
        return Ok(());
    }
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).step(|| format!("write {file}"))
    };
    write("uid_map", format!("0 {uid} 1"))?;
    write("setgroups", "deny".into())?;
    write("gid_map", format!("0 {gid} 1"))
}

/// A shell that was started outside the user namespace, because `newuidmap` has to run there.
struct IdMapper(Child);

impl IdMapper {
    fn start() -> Option<Self> {
        let user = nix::unistd::User::from_uid(geteuid()).ok()??.name;
        let id = std::process::id();
        let range = |file: &str| {
            let text = std::fs::read_to_string(file).ok()?;
            text.lines().find_map(|line| {
                let mut fields = line.split(':');
                let owner = fields.next()?;
                (owner == user || owner == geteuid().to_string()).then_some(())?;
                let start: u32 = fields.next()?.parse().ok()?;
                let count: u32 = fields.next()?.parse().ok()?;
                Some(format!("1 {start} {count}"))
            })
        };
        let (uids, gids) = (range("/etc/subuid")?, range("/etc/subgid")?);
        let script = format!(
            "read go && newuidmap {id} 0 {} 1 {uids} && newgidmap {id} 0 {} 1 {gids}",
            geteuid(),
            getegid()
        );
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .ok()
            .map(Self)
    }

    fn map(mut self) -> bool {
        use std::io::Write as _;
        let told = self
            .0
            .stdin
            .take()
            .is_some_and(|mut stdin| stdin.write_all(b"go\n").is_ok());
        let done = self.0.wait().is_ok_and(|status| status.success());
        told && done
    }
}
