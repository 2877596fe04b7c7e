//! The executor's side of tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use world::event::{LogBatch, StopCause, TaskPhase, TaskStatus};
use world::measure::Usage;
use world::task::Task;
use world::{Event, TaskId};

use crate::error::{Failure, Step as _, chain};
use crate::host::Host;

use super::cgroup::{Group, Meter};
use super::shim::waiting;
use super::status::{Folder, Order, Stop, all, storage};

/// The tasks of a machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    host: Host,
    /// Wakes the thread that waits for shims.
    wake: EventFd,
    inotify: Inotify,
    tasks: Mutex<BTreeMap<TaskId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    folder: Folder,
    status: TaskStatus,
    /// The living shim.
    shim: Option<Arc<OwnedFd>>,
    /// Only where this very process started it: to be reaped.
    child: Option<Child>,
    watch: Option<WatchDescriptor>,
    /// Log batches that were told, by file name, with what acknowledges them.
    told: BTreeMap<String, (String, String, u64)>,
    /// To be forgotten as soon as the shim has ended.
    removed: bool,
    meter: Meter,
}

impl Tasks {
    /// Finds the tasks that an earlier process left running.
    pub fn start(host: Host) -> Result<Self, Failure> {
        let folder = all(&host.run);
        fs::create_dir_all(&folder).step(|| format!("make {}", folder.display()))?;
        let tasks = Self(Arc::new(Shared {
            host,
            wake: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
                .step(|| "make an event counter")?,
            inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
                .step(|| "watch files")?,
            tasks: Mutex::default(),
        }));
        tasks.0.adopt(&folder)?;
        let shared = Arc::clone(&tasks.0);
        std::thread::Builder::new()
            .name("tasks".into())
            .spawn(move || shared.watch())
            .step(|| "start the thread that watches tasks")?;
        Ok(tasks)
    }

    /// Starts what is new, stops what is to stop; anything else is left alone.
    pub fn ensure(&self, task: Task) {
        let mut tasks = self.0.lock();
        match tasks.get(&task.id) {
            Some(entry) if task.stop => stop(entry, Stop::Gracefully),
            Some(_) => {}
            None => {
                let entry = self.0.launch(task);
                self.0.tell(&entry);
                tasks.insert(entry.status.task.clone(), entry);
            }
        }
        drop(tasks);
        self.0.wake();
    }

    /// Forgets a task; one that still runs is killed first.
    pub fn remove(&self, id: &TaskId) {
        let mut tasks = self.0.lock();
        if let Some(entry) = tasks.get_mut(id) {
            entry.removed = true;
            stop(entry, Stop::AtOnce);
        }
        drop(tasks);
        self.0.wake();
    }

    /// Removes every task that is not in `keep`.
    pub fn prune(&self, keep: &BTreeSet<TaskId>) {
        let gone: Vec<TaskId> = self
            .0
            .lock()
            .keys()
            .filter(|id| !keep.contains(*id))
            .cloned()
            .collect();
        for id in gone {
            self.remove(&id);
        }
    }

    pub fn statuses(&self) -> Vec<TaskStatus> {
        self.0
            .lock()
            .values()
            .filter(|entry| !entry.removed)
            .map(|entry| entry.status.clone())
            .collect()
    }

    /// What running tasks use, as far as they have control groups.
    pub fn measure(&self) -> BTreeMap<TaskId, Usage> {
        let region = self.0.host.region_name();
        let mut tasks = self.0.lock();
        let running = tasks
            .iter_mut()
            .filter(|(_, entry)| !entry.removed && entry.status.phase == TaskPhase::Running);
        running
            .filter_map(|(id, entry)| {
                let group = Group::find(&region, id.as_str());
                Some((id.clone(), entry.meter.read(&group)?))
            })
            .collect()
    }

    /// Tells everything again: to a control plane that has just connected.
    pub fn tell_again(&self) {
        let mut tasks = self.0.lock();
        for entry in tasks.values_mut().filter(|entry| !entry.removed) {
            self.0.tell(entry);
            entry.told.clear();
            self.0.tell_logs(entry);
        }
    }

    /// The batches up to this one are kept by the control plane.
    pub fn log_kept(&self, group: &str, stream: &str, sequence: u64) {
        for entry in self.0.lock().values_mut() {
            let out = entry.folder.out();
            entry.told.retain(|name, (of_group, of_stream, number)| {
                let kept = of_group == group && of_stream == stream && *number <= sequence;
                if kept {
                    // What stays is told once more, and known by its number.
                    let _ = fs::remove_file(out.join(name));
                }
                !kept
            });
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TaskId, Entry>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A counter that is full wakes as well.
        let _ = self.wake.write(1);
    }

    fn tell(&self, entry: &Entry) {
        self.host.tell(Event::Task(entry.status.clone()));
    }

    fn adopt(&self, folder: &Path) -> Result<(), Failure> {
        let entries = fs::read_dir(folder).step(|| format!("read {}", folder.display()))?;
        let mut tasks = self.lock();
        for path in entries.flatten().map(|entry| entry.path()) {
            let folder = Folder::new(path);
            let Ok(order) = folder.order() else {
                // It was made, but nothing was started in it.
                let _ = fs::remove_dir_all(folder.path());
                continue;
            };
            let status = folder.status().unwrap_or_else(|_| waiting(&order));
            let mut entry = Entry {
                watch: None,
                shim: find_shim(&folder),
                child: None,
                status,
                told: BTreeMap::new(),
                removed: false,
                meter: Meter::default(),
                folder,
            };
            self.follow(&mut entry);
            self.refresh(&mut entry);
            tasks.insert(order.task.id, entry);
        }
        Ok(())
    }

    /// Never fails: a task that cannot even get a shim has failed to start.
    fn launch(&self, task: Task) -> Entry {
        let folder = Folder::of(&self.host.run, &task.id);
        let order = Order {
            namespace: self.host.namespace(&task.interface),
            data: self.host.data.clone(),
            region: self.host.region_name(),
            rootless: self.host.rootless,
            task,
        };
        let mut entry = Entry {
            status: waiting(&order),
            shim: None,
            child: None,
            watch: None,
            told: BTreeMap::new(),
            removed: false,
            meter: Meter::default(),
            folder,
        };
        if let Err(failure) = self.try_launch(&mut entry, &order) {
            let reason = format!("ResourceInitializationError: {}", chain(&failure));
            entry.status.phase = TaskPhase::Stopped {
                cause: StopCause::FailedToStart { reason },
            };
        }
        entry
    }

    fn try_launch(&self, entry: &mut Entry, order: &Order) -> Result<(), Failure> {
        let folder = &entry.folder;
        folder.create(order)?;
        if order.task.stop {
            folder.set_stop(Stop::Gracefully)?;
        }
        let open = |path: &Path| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(path)
                .step(|| format!("open {}", path.display()))
        };
        let lock = Flock::lock(open(&folder.lock())?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| error)
            .step(|| "lock the task's folder")?;
        let log = open(&folder.log())?;
        let copy = lock.try_clone().step(|| "hand the lock on")?;
        let child = Command::new(&self.host.program)
            .args(["machine", "task"])
            .arg(folder.path())
            .stdin(copy)
            .stdout(log.try_clone().step(|| "hand the log on")?)
            .stderr(log)
            .current_dir("/")
            .env_clear()
            .spawn()
            .step(|| format!("start {}", self.host.program.display()))?;
        // Unlocking would unlock the shim's as well: the lock is the open file's.
        forget_lock(lock);
        entry.shim = shim_handle(child.id());
        entry.child = Some(child);
        self.follow(entry);
        Ok(())
    }

    fn follow(&self, entry: &mut Entry) {
        let watched = self
            .inotify
            .add_watch(&entry.folder.out(), AddWatchFlags::IN_MOVED_TO);
        match watched {
            Ok(watch) => entry.watch = Some(watch),
            Err(error) => {
                tracing::warn!(task = %entry.status.task, %error, "cannot watch the task's folder");
            }
        }
    }

    // What the thread does.

    fn watch(&self) {
        loop {
            let shims: Vec<Arc<OwnedFd>> = self
                .lock()
                .values()
                .filter_map(|entry| entry.shim.clone())
                .collect();
            let mut fds = vec![
                PollFd::new(self.wake.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
            ];
            fds.extend(
                shims
                    .iter()
                    .map(|shim| PollFd::new(shim.as_fd(), PollFlags::POLLIN)),
            );
            let _ = poll(&mut fds, PollTimeout::NONE);
            let _ = self.wake.read();
            let mut changed = BTreeSet::new();
            while let Ok(events) = self.inotify.read_events() {
                changed.extend(events.into_iter().map(|event| event.wd));
            }
            self.look(&changed);
        }
    }

    fn look(&self, changed: &BTreeSet<WatchDescriptor>) {
        let mut tasks = self.lock();
        tasks.retain(|_, entry| {
            let ended = entry.shim.as_ref().is_some_and(|shim| has_ended(shim));
            if ended {
                entry.shim = None;
                if let Some(mut child) = entry.child.take() {
                    let _ = child.wait();
                }
            }
            if ended || entry.watch.is_some_and(|watch| changed.contains(&watch)) {
                self.refresh(entry);
            }
            if entry.removed && entry.shim.is_none() {
                self.forget(entry);
                return false;
            }
            true
        });
    }

    /// Reads what the shim said and passes it on. A shim that is gone without having said how
    /// its task ended has lost it.
    fn refresh(&self, entry: &mut Entry) {
        // Read before the lines are and told after them: whoever hears of an end has heard all.
        let status = entry.folder.status();
        self.tell_logs(entry);
        if let Ok(status) = status
            && status != entry.status
        {
            entry.status = status;
            self.tell(entry);
        }
        if entry.shim.is_none() && !matches!(entry.status.phase, TaskPhase::Stopped { .. }) {
            self.lost(entry);
        }
    }

    fn lost(&self, entry: &mut Entry) {
        let text = fs::read_to_string(entry.folder.processes()).unwrap_or_default();
        for pid in text
            .lines()
            .filter_map(|line| Pid::from_raw(line.parse().ok()?))
        {
            // Only the first process of another PID namespace can be one of ours.
            if is_container(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let requested = entry.folder.stop().is_some();
        entry.status.phase = TaskPhase::Stopped {
            cause: if requested {
                StopCause::Requested
            } else {
                StopCause::Lost
            },
        };
        for container in &mut entry.status.containers {
            if container.started_at.is_some() && container.finished_at.is_none() {
                container.finished_at = Some(Timestamp::now());
                container.exit_code = Some(137);
            }
        }
        if let Err(failure) = entry.folder.set_status(&entry.status) {
            tracing::warn!(task = %entry.status.task, error = chain(&failure), "cannot keep status");
        }
        self.clear(&entry.status.task);
        self.tell(entry);
    }

    fn tell_logs(&self, entry: &mut Entry) {
        let Ok(files) = fs::read_dir(entry.folder.out()) else {
            return;
        };
        let mut names: Vec<String> = files
            .flatten()
            .filter_map(|file| file.file_name().into_string().ok())
            .filter(|name| name.starts_with("log-") && !entry.told.contains_key(name))
            .collect();
        // Their numbers are of one length, so that they come in order.
        names.sort();
        for name in names {
            let batch: LogBatch = match fs::read(entry.folder.out().join(&name))
                .map_err(|error| error.to_string())
                .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()))
            {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::warn!(name, error, "cannot read log lines");
                    continue;
                }
            };
            let key = (batch.group.clone(), batch.stream.clone(), batch.sequence);
            self.host.tell(Event::Log(batch));
            entry.told.insert(name, key);
        }
    }

    fn forget(&self, entry: &mut Entry) {
        if let Some(watch) = entry.watch.take() {
            let _ = self.inotify.rm_watch(watch);
        }
        self.clear(&entry.status.task);
        if let Err(error) = fs::remove_dir_all(entry.folder.path()) {
            tracing::warn!(task = %entry.status.task, %error, "the task's folder is not removed");
        }
    }

    fn clear(&self, task: &TaskId) {
        Group::find(&self.host.region_name(), task.as_str()).kill_and_remove();
        let _ = fs::remove_dir_all(storage(&self.host.data, task));
    }
}

fn stop(entry: &Entry, how: Stop) {
    let Some(shim) = &entry.shim else {
        return;
    };
    if entry.folder.stop() == Some(how) {
        return;
    }
    if let Err(failure) = entry.folder.set_stop(how) {
        tracing::warn!(task = %entry.status.task, error = chain(&failure), "cannot ask to stop");
    }
    // Wakes it; it may have ended by itself.
    let _ = pidfd_send_signal(shim, Signal::TERM);
}

/// Closes this process's copy and leaves the lock to whom it was handed.
fn forget_lock(lock: Flock<File>) {
    // `Flock` unlocks when it is dropped; a duplicate that is only closed does not.
    std::mem::forget(lock);
}

fn shim_handle(id: u32) -> Option<Arc<OwnedFd>> {
    let pid = Pid::from_raw(i32::try_from(id).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok().map(Arc::new)
}

fn has_ended(shim: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(shim.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1))
}

/// The shim of a folder, if one lives: it holds the lock.
fn find_shim(folder: &Folder) -> Option<Arc<OwnedFd>> {
    let file = File::open(folder.lock()).ok()?;
    if Flock::lock(file, FlockArg::LockSharedNonblock).is_ok() {
        return None;
    }
    for _ in 0..200 {
        let pid = fs::read_to_string(folder.lock()).ok()?.trim().parse().ok();
        if let Some(pid) = pid {
            return shim_handle(pid);
        }
        // It was started a moment ago and has yet to write its number.
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    None
}

fn is_container(pid: Pid) -> bool {
    let namespace = |id: &str| fs::read_link(format!("/proc/{id}/ns/pid")).ok();
    let theirs = namespace(&pid.as_raw_nonzero().to_string());
    theirs.is_some() && theirs != namespace("self")
}
