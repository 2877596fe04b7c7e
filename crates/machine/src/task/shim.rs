//! The process that runs one task. It outlives the executor that started it, so it is small, has
//! one thread, and says all it knows in files.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setgroups};
use world::event::{ContainerStatus, StopCause, TaskPhase, TaskStatus};

use crate::error::{Failure, Step as _, chain};

use super::cgroup::{self, Group};
use super::container::{Prepared, Started, Starter};
use super::layers::{self, Privileges};
use super::logs::{Log, Partial};
use super::status::{Folder, Order, Stop, storage};
use super::supervise::{Step, Supervisor};
use super::{image, requirement};

/// How long the network part may take to make the task's interface.
const INTERFACE_PATIENCE: Duration = Duration::from_mins(2);

/// The hidden subcommand: runs the task of the folder that is its only argument.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [folder] = arguments else {
        eprintln!("task shim: one argument is needed, the task's folder");
        return ExitCode::from(2);
    };
    let folder = Folder::new(PathBuf::from(folder));
    let result = hold_lock(&folder).and_then(|lock| {
        let shim = Shim::new(folder.clone())?;
        shim.run();
        drop(lock);
        Ok(())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("task shim: {}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

/// Standard input is the lock file, locked by the executor; the lock is this process's from here
/// on. No child may keep it.
fn hold_lock(folder: &Folder) -> Result<File, Failure> {
    let step = || format!("hold {}", folder.lock().display());
    let mut lock = File::from(std::io::stdin().as_fd().try_clone_to_owned().step(step)?);
    let null = File::open("/dev/null").step(|| "open /dev/null")?;
    nix::unistd::dup2_stdin(null).step(step)?;
    lock.set_len(0).step(step)?;
    lock.rewind().step(step)?;
    write!(lock, "{}", std::process::id()).step(step)?;
    Ok(lock)
}

struct Shim {
    folder: Folder,
    order: Order,
    born: Instant,
    signals: SignalFd,
    group: Group,
    supervisor: Supervisor,
    status: TaskStatus,
    /// Whether the newest status is not on disk yet.
    untold: bool,
    live: Vec<Live>,
}

/// What belongs to one container while the task lasts.
#[derive(Default)]
struct Live {
    pid: Option<Pid>,
    stop_signal: Option<Signal>,
    streams: Vec<(OwnedFd, Partial)>,
    log: Option<Log>,
    prepared: Option<Prepared>,
    probe: Option<(Pid, Duration)>,
}

/// Why nothing more is started.
enum Halt {
    Asked,
    Failed(String),
}

impl Shim {
    fn new(folder: Folder) -> Result<Self, Failure> {
        let order = folder.order()?;
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        signals.add(Signal::SIGTERM);
        signals.thread_block().step(|| "block signals")?;
        let signals =
            SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
                .step(|| "wait for signals")?;
        if !order.rootless {
            // What a container gets beyond its own groups would be root's.
            setgroups(&[]).step(|| "leave the groups of root")?;
        }
        let containers = order.task.containers.clone();
        Ok(Self {
            group: Group::find(&order.region, order.task.id.as_str()),
            status: waiting(&order),
            live: containers
                .iter()
                .enumerate()
                .map(|(at, container)| Live {
                    log: container
                        .log
                        .clone()
                        .map(|to| Log::new(to, folder.out(), at)),
                    ..Live::default()
                })
                .collect(),
            supervisor: Supervisor::new(containers),
            born: Instant::now(),
            untold: true,
            folder,
            order,
            signals,
        })
    }

    fn now(&self) -> Duration {
        self.born.elapsed()
    }

    fn run(mut self) {
        self.tell(TaskPhase::Preparing);
        match self.prepare() {
            Ok(()) => {}
            Err(Halt::Asked) => self.supervisor.stop(StopCause::Requested),
            Err(Halt::Failed(reason)) => self.supervisor.stop(StopCause::FailedToStart { reason }),
        }
        self.supervise();
        self.clean_up();
    }

    // Before anything runs.

    fn prepare(&mut self) -> Result<(), Halt> {
        self.enter_interface()?;
        for wanted in &self.order.task.requirements {
            self.asked_to_stop()?;
            requirement::check(wanted, self.order.task.nameserver).map_err(Halt::Failed)?;
        }
        self.asked_to_stop()?;
        self.tell(TaskPhase::Starting);
        let privileges = Privileges::find(self.order.rootless);
        own_mounts().map_err(|failure| start_error(&failure))?;
        self.status.pull_started_at = Some(Timestamp::now());
        self.tell(TaskPhase::Starting);
        for at in 0..self.live.len() {
            self.live[at].prepared = Some(self.pull(at, privileges)?);
        }
        self.status.pull_stopped_at = Some(Timestamp::now());
        if let Err(failure) = self.group.limit_task(&self.order.task) {
            let why = chain(&failure);
            if !self.order.rootless {
                return Err(start_error(&failure));
            }
            self.status
                .warnings
                .push(format!("no limits on CPU and memory: {why}"));
            self.group.remove();
            cgroup::stand_in(&self.group, &self.order.task.containers)
                .map_err(|failure| start_error(&failure))?;
            self.group = Group::none(&self.group);
        }
        // Layers are named relative to their folder.
        std::env::set_current_dir(self.order.data.join("layers"))
            .step(|| "enter the layers' folder")
            .map_err(|failure| start_error(&failure))
    }

    /// The folder's file says so; the signal only wakes.
    fn asked_to_stop(&self) -> Result<(), Halt> {
        match self.folder.stop() {
            Some(_) => Err(Halt::Asked),
            None => Ok(()),
        }
    }

    fn enter_interface(&mut self) -> Result<(), Halt> {
        let path = self.order.namespace.clone();
        let interface = self.order.task.interface.clone();
        loop {
            self.asked_to_stop()?;
            let entered = File::open(&path)
                .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
                .and_then(|file| setns(file, CloneFlags::CLONE_NEWNET));
            match entered {
                Ok(()) => return Ok(()),
                // Not there yet, or a file that the namespace is not yet mounted on.
                Err(Errno::ENOENT | Errno::EINVAL) if self.now() < INTERFACE_PATIENCE => {
                    self.wait(Duration::from_millis(10));
                }
                Err(error) => {
                    return Err(Halt::Failed(format!(
                        "ResourceInitializationError: unable to use network interface {interface}: {}",
                        error.desc()
                    )));
                }
            }
        }
    }

    fn pull(&self, at: usize, privileges: Privileges) -> Result<Prepared, Halt> {
        let container = &self.order.task.containers[at];
        let config = image::read(&self.order.data, &container.image).map_err(Halt::Failed)?;
        let mut names = Vec::new();
        for layer in &container.image.layers {
            self.asked_to_stop()?;
            let name = layers::ensure(&self.order.data, layer, privileges).map_err(|failure| {
                Halt::Failed(format!(
                    "CannotPullContainerError: failed to unpack image {}: {}",
                    container.image.reference,
                    chain(&failure)
                ))
            })?;
            names.push(name);
        }
        let execute = image::merge(&config, container)
            .map_err(|why| Halt::Failed(super::container::cannot_start(&why)))?;
        Ok(Prepared {
            layers: names,
            execute,
            privileges,
            user: None,
        })
    }

    // While it runs.

    fn supervise(&mut self) {
        loop {
            self.reap();
            self.drain();
            self.obey();
            let mut again = false;
            for step in self.supervisor.steps(self.now()) {
                again = true;
                self.take(step);
            }
            let phase = self.supervisor.phase();
            if let TaskPhase::Stopped { .. } = phase {
                let now = self.now();
                for live in &mut self.live {
                    if let Some(log) = &mut live.log {
                        log.flush(now);
                    }
                }
                self.tell(phase);
                if !self.untold {
                    return;
                }
            } else {
                self.tell(phase);
            }
            if !again {
                self.wait(self.next_wake());
            }
        }
    }

    fn obey(&mut self) {
        match self.folder.stop() {
            Some(Stop::Gracefully) => self.supervisor.stop(StopCause::Requested),
            Some(Stop::AtOnce) => {
                self.supervisor.stop(StopCause::Requested);
                for at in self.supervisor.running() {
                    self.signal(at, Signal::SIGKILL);
                    self.supervisor.signalled(at, self.born.elapsed());
                    self.supervisor.killed(at);
                }
            }
            None => {}
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Start(at) => self.start(at),
            Step::Signal(at) => {
                let signal = self.live[at].stop_signal.unwrap_or(Signal::SIGTERM);
                self.signal(at, signal);
                self.supervisor.signalled(at, self.now());
            }
            Step::Kill(at) => {
                self.signal(at, Signal::SIGKILL);
                self.supervisor.killed(at);
            }
            Step::Probe(at) => self.probe(at),
        }
    }

    fn signal(&self, at: usize, signal: Signal) {
        if let Some(pid) = self.live[at].pid {
            // It may have ended by itself: then it is about to be reaped.
            let _ = nix::sys::signal::kill(pid, signal);
        }
    }

    fn starter(&self) -> Starter<'_> {
        Starter {
            folder: &self.folder,
            order: &self.order,
            group: &self.group,
        }
    }

    fn start(&mut self, at: usize) {
        let container = self.order.task.containers[at].clone();
        let Some(mut prepared) = self.live[at].prepared.take() else {
            return;
        };
        let result = self.starter().start(&container, &mut prepared);
        let live = &mut self.live[at];
        live.stop_signal = super::container::stop_signal(&prepared.execute.stop_signal);
        live.prepared = Some(prepared);
        match result {
            Ok(Started {
                pid,
                streams,
                warnings,
            }) => {
                live.pid = Some(pid);
                live.streams = streams
                    .into_iter()
                    .map(|fd| (fd, Partial::default()))
                    .collect();
                self.status.containers[at].started_at = Some(Timestamp::now());
                self.status.warnings.extend(warnings);
                self.supervisor.started(at, self.now());
                self.note_processes();
            }
            Err(reason) => {
                self.status.containers[at].reason = Some(reason.clone());
                self.supervisor.stop(StopCause::FailedToStart { reason });
            }
        }
    }

    /// For whoever has to clean up after this process.
    fn note_processes(&self) {
        let mut text = String::new();
        for pid in self.live.iter().filter_map(|live| live.pid) {
            let _ = writeln!(text, "{pid}");
        }
        if let Err(failure) = self.folder.write("processes", text.as_bytes()) {
            eprintln!("task shim: {}", chain(&failure));
        }
    }

    fn probe(&mut self, at: usize) {
        self.supervisor.probing(at);
        let container = &self.order.task.containers[at];
        let (Some(check), Some(prepared)) = (&container.health_check, &self.live[at].prepared)
        else {
            return;
        };
        let timeout = Duration::from_secs(u64::from(check.timeout));
        match self.starter().probe(container, &check.command, prepared) {
            Ok(pid) => self.live[at].probe = Some((pid, self.now() + timeout)),
            Err(why) => {
                eprintln!("task shim: health check of {}: {why}", container.name);
                self.supervisor.probed(at, false, self.now());
            }
        }
    }

    fn reap(&mut self) {
        let now = self.now();
        for at in 0..self.live.len() {
            if let Some((pid, deadline)) = self.live[at].probe
                && deadline <= now
            {
                // Its end is reaped, and counts as a failure.
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            }
        }
        loop {
            let (pid, code) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, code),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            self.ended(pid, code);
        }
    }

    fn ended(&mut self, pid: Pid, code: i32) {
        let now = self.now();
        for at in 0..self.live.len() {
            if self.live[at].probe.is_some_and(|(probe, _)| probe == pid) {
                self.live[at].probe = None;
                self.supervisor.probed(at, code == 0, now);
            } else if self.live[at].pid == Some(pid) {
                self.live[at].pid = None;
                let name = &self.order.task.containers[at].name;
                let status = &mut self.status.containers[at];
                status.finished_at = Some(Timestamp::now());
                status.exit_code = Some(code);
                if self.group.memory_kills(name) > 0 {
                    status.reason =
                        Some("OutOfMemoryError: Container killed due to memory usage".into());
                }
                self.supervisor.exited(at, code);
            }
        }
    }

    /// Takes what containers wrote. All of a container's processes have ended when its first
    /// one is reaped, so that a read then finds everything there will ever be.
    fn drain(&mut self) {
        let now = self.now();
        let at = Timestamp::now();
        let mut buffer = vec![0; 1 << 16];
        for live in &mut self.live {
            let mut streams = std::mem::take(&mut live.streams);
            streams.retain_mut(|(stream, partial)| {
                loop {
                    match nix::unistd::read(stream.as_fd(), &mut buffer) {
                        Ok(0) => {
                            if let Some(log) = &mut live.log {
                                log.end(partial, at, now);
                            }
                            return false;
                        }
                        Ok(length) => {
                            if let Some(log) = &mut live.log {
                                log.take(partial, &buffer[..length], at, now);
                            }
                        }
                        Err(Errno::EINTR) => {}
                        Err(Errno::EAGAIN) => return true,
                        Err(_) => return false,
                    }
                }
            });
            live.streams = streams;
            if let Some(log) = &mut live.log {
                log.flush_if_due(now);
            }
        }
    }

    fn next_wake(&self) -> Duration {
        let now = self.now();
        let logs = self
            .live
            .iter()
            .filter_map(|live| live.log.as_ref()?.deadline());
        let probes = self.live.iter().filter_map(|live| Some(live.probe?.1));
        let retry = self.untold.then_some(now + Duration::from_secs(1));
        logs.chain(probes)
            .chain(self.supervisor.next_deadline())
            .chain(retry)
            .min()
            .map_or(Duration::from_hours(1), |due| due.saturating_sub(now))
    }

    /// Until a signal, output, or this long.
    fn wait(&mut self, limit: Duration) {
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        for live in &self.live {
            for (stream, _) in &live.streams {
                fds.push(PollFd::new(stream.as_fd(), PollFlags::POLLIN));
            }
        }
        // Rounded up, so that what is due is due when this returns.
        let limit = limit + Duration::from_micros(999);
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let _ = poll(&mut fds, timeout);
        drop(fds);
        while let Ok(Some(_)) = self.signals.read_signal() {}
    }

    // What it says.

    fn tell(&mut self, phase: TaskPhase) {
        let mut status = self.status.clone();
        status.phase = phase;
        for (at, container) in status.containers.iter_mut().enumerate() {
            container.health = self.supervisor.health(at);
        }
        if status == self.status && !self.untold {
            return;
        }
        self.untold = false;
        self.status = status;
        if let Err(failure) = self.folder.set_status(&self.status) {
            eprintln!("task shim: {}", chain(&failure));
            self.untold = true;
        }
    }

    /// The status is told; what is left takes up room.
    fn clean_up(&self) {
        for container in &self.order.task.containers {
            let root = self.folder.bundle(&container.name).join("rootfs");
            let _ = umount2(&root, MntFlags::MNT_DETACH);
        }
        self.group.remove();
        let _ = fs::remove_dir_all(storage(&self.order.data, &self.order.task.id));
    }
}

/// Whatever is mounted from here on goes when this process and its containers do.
fn own_mounts() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS).step(|| "make a mount namespace")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .step(|| "make mounts private")
}

fn start_error(failure: &Failure) -> Halt {
    Halt::Failed(super::container::cannot_start(&chain(failure)))
}

/// The status of a task of which nothing is done yet.
pub(crate) fn waiting(order: &Order) -> TaskStatus {
    TaskStatus {
        task: order.task.id.clone(),
        phase: TaskPhase::Preparing,
        pull_started_at: None,
        pull_stopped_at: None,
        containers: order
            .task
            .containers
            .iter()
            .map(|container| ContainerStatus {
                name: container.name.clone(),
                started_at: None,
                finished_at: None,
                exit_code: None,
                reason: None,
                health: None,
            })
            .collect(),
        warnings: Vec::new(),
    }
}
