//! PID 1 of the machine. It owns the mount namespace, reaps orphans, starts the executor again
//! when it dies, and takes everything with it when it ends.

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

use crate::error::{Failure, Step as _};
use crate::roles::{FATAL, command, leave_caller};

pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    set_pdeathsig(Signal::SIGKILL).step(|| "ask to die with the keeper")?;
    if keeper_is_gone() {
        return Ok(ExitCode::FAILURE);
    }
    make_namespaces()?;

    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.thread_block().step(|| "block signals")?;
    let executor = Arc::new(AtomicI32::new(0));
    let ending = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let (executor, ending) = (executor.clone(), ending.clone());
        move || {
            while signals.wait().is_ok() {
                ending.store(true, Ordering::SeqCst);
                let _ = kill(
                    Pid::from_raw(executor.load(Ordering::SeqCst)),
                    Signal::SIGTERM,
                );
            }
        }
    });

    let mut pause = Duration::from_millis(50);
    loop {
        let born = Instant::now();
        let mut child = command("executor");
        let child = child
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .spawn()
            .step(|| "start the executor")?;
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        executor.store(pid.as_raw(), Ordering::SeqCst);
        leave_caller();
        let status = reap_until(pid)?;
        if ending.load(Ordering::SeqCst) {
            return Ok(ExitCode::SUCCESS);
        }
        if matches!(status, WaitStatus::Exited(_, code) if code == i32::from(FATAL)) {
            return Ok(ExitCode::from(FATAL));
        }
        eprintln!("machine anchor: the executor ended ({status:?}) and is started again");
        if born.elapsed() > Duration::from_secs(10) {
            pause = Duration::from_millis(50);
        }
        // A delay against a fast loop of failures; nothing waits for it.
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn keeper_is_gone() -> bool {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let polled = poll(&mut fds, PollTimeout::ZERO);
    polled.is_err()
        || fds[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

/// A mount namespace whose mounts nobody else sees, with a `/proc` of this PID namespace.
fn make_namespaces() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC)
        .step(|| "make a mount namespace")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .step(|| "make mounts private")?;
    mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        None::<&str>,
    )
    .step(|| "mount /proc of the machine's PID namespace")?;
    nix::unistd::sethostname("terrella").step(|| "set the host name")
}

/// Reaps every orphan until the process `pid` itself ends.
fn reap_until(pid: Pid) -> Result<WaitStatus, Failure> {
    loop {
        match wait() {
            Ok(status) if status.pid() == Some(pid) => return Ok(status),
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error).step(|| "wait for the executor"),
        }
    }
}
