//! What a task may use: a control group a task, one inside it a container, on cgroup v1 and v2.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use world::measure::Usage;
use world::task::{Container, Task};

use crate::error::{Failure, Step as _};

const ROOT: &str = "/sys/fs/cgroup";
/// The length of a scheduling period, in microseconds, of which a quota is a share.
const PERIOD: u64 = 100_000;

/// Where the limits of one task are set.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    version: Version,
    /// `<region>/<task>`, below the root of every hierarchy.
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
    /// This system, or this user, has none to give.
    None,
}

/// One write into a control file.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    /// The v1 hierarchy; not used on v2, where there is one.
    controller: &'static str,
    file: &'static str,
    value: String,
    /// Files that not every kernel has.
    optional: bool,
}

impl Group {
    /// The group of a task of a region. Says whether limits can be had at all.
    pub(crate) fn find(region: &str, task: &str) -> Self {
        let version = if Path::new(ROOT).join("cgroup.controllers").exists() {
            Version::V2
        } else if Path::new(ROOT).join("memory").exists() && Path::new(ROOT).join("cpu").exists() {
            Version::V1
        } else {
            Version::None
        };
        Self {
            version,
            path: Path::new(region).join(task),
        }
    }

    /// The same place, where nothing can be limited.
    pub(crate) fn none(like: &Self) -> Self {
        Self {
            version: Version::None,
            path: like.path.clone(),
        }
    }

    /// Below the root of every hierarchy, as a runtime specification wants it.
    pub(crate) fn of(&self, container: &str) -> PathBuf {
        Path::new("/").join(&self.path).join(container)
    }

    /// Sets what the whole task may use.
    pub(crate) fn limit_task(&self, task: &Task) -> Result<(), Failure> {
        self.limit(task.cpu_units, task.memory_mib)
    }

    /// Sets what all of the group may use together: 1024 units are one processor.
    pub(crate) fn limit(&self, cpu_units: u32, memory_mib: u32) -> Result<(), Failure> {
        let settings = match self.version {
            Version::V1 => v1(cpu_units, memory_mib),
            Version::V2 => v2(cpu_units, memory_mib),
            Version::None => {
                return Err(Failure::new(
                    "set limits: there is no cgroup hierarchy for cpu and memory",
                ));
            }
        };
        self.make(&self.path, &settings)
    }

    /// Sets what one container may use of it.
    pub(crate) fn limit_container(&self, container: &Container) -> Result<(), Failure> {
        let settings = match self.version {
            Version::V1 => v1_container(container),
            Version::V2 => v2_container(container),
            Version::None => return Ok(()),
        };
        self.make(&self.path.join(&container.name), &settings)
    }

    fn make(&self, path: &Path, settings: &[Setting]) -> Result<(), Failure> {
        for controller in self.controllers() {
            let directory = controller.join(path);
            fs::create_dir_all(&directory)
                .step(|| format!("make the control group {}", directory.display()))?;
        }
        if self.version == Version::V2 {
            delegate(path)?;
        }
        for setting in settings {
            let file = self.directory(setting.controller, path).join(setting.file);
            if setting.optional && !file.exists() {
                continue;
            }
            fs::write(&file, &setting.value)
                .step(|| format!("write {} to {}", setting.value, file.display()))?;
        }
        Ok(())
    }

    /// Puts the calling process into the group, as far as there is one.
    pub(crate) fn enter(&self) {
        for controller in self.controllers() {
            // Zero is whoever writes it. Without a group there is nothing to enter.
            let _ = fs::write(controller.join(&self.path).join("cgroup.procs"), "0");
        }
    }

    fn controllers(&self) -> Vec<PathBuf> {
        match self.version {
            // What is used is counted in a hierarchy of its own, or in `cpu`'s.
            Version::V1 => ["cpu", "memory", "cpuacct"]
                .iter()
                .map(|name| Path::new(ROOT).join(name))
                .filter(|path| path.exists())
                .collect(),
            Version::V2 => vec![PathBuf::from(ROOT)],
            Version::None => Vec::new(),
        }
    }

    fn directory(&self, controller: &str, path: &Path) -> PathBuf {
        match self.version {
            Version::V1 => Path::new(ROOT).join(controller).join(path),
            Version::V2 | Version::None => Path::new(ROOT).join(path),
        }
    }

    /// What the whole group has used of processors until now, and of memory it uses; `None`
    /// where there is no group.
    pub(crate) fn usage(&self) -> Option<(Duration, u64)> {
        let read = |controller: &'static str, file: &str| {
            fs::read_to_string(self.directory(controller, &self.path).join(file)).ok()
        };
        let number = |text: String| text.trim().parse::<u64>().ok();
        match self.version {
            Version::V1 => {
                // Mostly the same directory as `cpu`'s.
                let spent =
                    read("cpuacct", "cpuacct.usage").or_else(|| read("cpu", "cpuacct.usage"));
                let spent = Duration::from_nanos(spent.and_then(number)?);
                let used = read("memory", "memory.usage_in_bytes").and_then(number)?;
                let idle = read("memory", "memory.stat")
                    .and_then(|text| field(&text, "total_inactive_file"));
                Some((spent, used.saturating_sub(idle.unwrap_or(0))))
            }
            Version::V2 => {
                let spent = field(&read("", "cpu.stat")?, "usage_usec")?;
                let used = read("", "memory.current").and_then(number)?;
                let idle = read("", "memory.stat").and_then(|text| field(&text, "inactive_file"));
                Some((
                    Duration::from_micros(spent),
                    used.saturating_sub(idle.unwrap_or(0)),
                ))
            }
            Version::None => None,
        }
    }

    /// How often the kernel killed something in a container because memory ran out.
    pub(crate) fn memory_kills(&self, container: &str) -> u64 {
        let directory = self.directory("memory", &self.path.join(container));
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
            Version::None => return 0,
        };
        fs::read_to_string(directory.join(file))
            .ok()
            .and_then(|text| field(&text, "oom_kill"))
            .unwrap_or(0)
    }

    /// Ends whatever is still in the group, for when its shim cannot.
    pub(crate) fn kill_and_remove(&self) {
        let directory = self.directory("memory", &self.path);
        // Several times: a process may be starting another one. The kernel needs a moment to
        // take what was killed out of the group.
        for _ in 0..50 {
            let processes = processes_below(&directory);
            for process in &processes {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(*process),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
            if processes.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.remove();
    }

    /// Removes the group, which has no processes any more, from every hierarchy.
    pub(crate) fn remove(&self) {
        let Ok(hierarchies) = hierarchies() else {
            return;
        };
        for hierarchy in hierarchies {
            remove_tree(&hierarchy.join(&self.path));
        }
    }
}

/// Over a shorter time, what a group used says nothing: one health check would make it busy.
const SHORTEST: Duration = Duration::from_millis(250);

/// Measures a group again and again.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// When it was measured, and what it had spent by then.
    since: Option<(Instant, Duration)>,
    cpu_units: Option<f64>,
}

impl Meter {
    /// What the group used since the last time, and uses now. Where that was only just, as when
    /// time leaps, it is what it was then.
    pub(crate) fn read(&mut self, group: &Group) -> Option<Usage> {
        let (spent, memory_bytes) = group.usage()?;
        Some(Usage {
            cpu_units: self.units(spent, Instant::now()),
            memory_bytes,
        })
    }

    fn units(&mut self, spent: Duration, now: Instant) -> Option<f64> {
        match self.since {
            Some((then, _)) if now - then < SHORTEST => {}
            Some((then, before)) => {
                self.cpu_units = units(spent.saturating_sub(before), now - then);
                self.since = Some((now, spent));
            }
            None => self.since = Some((now, spent)),
        }
        self.cpu_units
    }
}

/// Processor time over a time as units, 1024 a processor; `None` if no time has passed.
fn units(spent: Duration, over: Duration) -> Option<f64> {
    (!over.is_zero()).then(|| spent.as_secs_f64() / over.as_secs_f64() * 1024.0)
}

/// The value of `name` in a control file of `name value` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .and_then(|value| value.trim().parse().ok())
}

fn v1(cpu_units: u32, memory_mib: u32) -> Vec<Setting> {
    let bytes = mebibytes(memory_mib);
    vec![
        set("cpu", "cpu.cfs_period_us", PERIOD.to_string()),
        set("cpu", "cpu.cfs_quota_us", quota(cpu_units).to_string()),
        set("memory", "memory.limit_in_bytes", bytes.clone()),
        // Fargate gives no swap. Only kernels that account for swap have the file.
        maybe("memory", "memory.memsw.limit_in_bytes", bytes),
    ]
}

fn v2(cpu_units: u32, memory_mib: u32) -> Vec<Setting> {
    vec![
        set("", "cpu.max", format!("{} {PERIOD}", quota(cpu_units))),
        set("", "memory.max", mebibytes(memory_mib)),
        maybe("", "memory.swap.max", "0".into()),
    ]
}

fn v1_container(container: &Container) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(units) = container.cpu_units {
        settings.push(set("cpu", "cpu.shares", units.max(2).to_string()));
    }
    if let Some(memory) = container.memory_mib {
        settings.push(set("memory", "memory.limit_in_bytes", mebibytes(memory)));
        settings.push(maybe(
            "memory",
            "memory.memsw.limit_in_bytes",
            mebibytes(memory),
        ));
    }
    settings
}

fn v2_container(container: &Container) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(units) = container.cpu_units {
        settings.push(set("", "cpu.weight", weight(units).to_string()));
    }
    if let Some(memory) = container.memory_mib {
        settings.push(set("", "memory.max", mebibytes(memory)));
        settings.push(maybe("", "memory.swap.max", "0".into()));
    }
    settings
}

fn set(controller: &'static str, file: &'static str, value: String) -> Setting {
    Setting {
        controller,
        file,
        value,
        optional: false,
    }
}

fn maybe(controller: &'static str, file: &'static str, value: String) -> Setting {
    Setting {
        optional: true,
        ..set(controller, file, value)
    }
}

fn mebibytes(count: u32) -> String {
    (u64::from(count) << 20).to_string()
}

/// Microseconds of processor time in a period; the kernel takes no less than a millisecond.
fn quota(units: u32) -> u64 {
    (u64::from(units) * PERIOD / 1024).max(1000)
}

/// v1 shares (2..262144, 1024 by default) as a v2 weight (1..10000), as runtimes convert them.
fn weight(shares: u32) -> u64 {
    let shares = u64::from(shares.clamp(2, 262_144));
    1 + (shares - 2) * 9999 / 262_142
}

/// On v2 a directory's children have the controllers that it hands on.
fn delegate(path: &Path) -> Result<(), Failure> {
    let mut directory = PathBuf::from(ROOT);
    let mut handing = vec![directory.clone()];
    for part in path {
        directory.push(part);
        handing.push(directory.clone());
    }
    // The last one holds processes, and such a one cannot hand anything on.
    handing.pop();
    for directory in handing {
        let file = directory.join("cgroup.subtree_control");
        fs::write(&file, "+cpu +memory")
            .step(|| format!("hand cpu and memory on in {}", file.display()))?;
    }
    Ok(())
}

fn processes_below(directory: &Path) -> Vec<i32> {
    let mut found: Vec<i32> = fs::read_to_string(directory.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        // Zero stands for a process that this PID namespace does not see.
        .filter(|process| *process > 0)
        .collect();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(processes_below(&entry.path()));
        }
    }
    found
}

fn hierarchies() -> io::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(mounts
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            (right.starts_with("cgroup ") || right.starts_with("cgroup2 ")).then_some(())?;
            left.split(' ').nth(4).map(PathBuf::from)
        })
        .collect())
}

fn remove_tree(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    if let Err(error) = fs::remove_dir(directory) {
        tracing::warn!(directory = %directory.display(), %error, "control group not removed yet");
    }
}

/// Puts an empty tree over the cgroup hierarchies of this mount namespace.
///
/// The runtime library insists on putting a container into a group in every v1 hierarchy, which
/// an ordinary user may not. Where limits cannot be set anyway it gets files of the same names
/// that do nothing, seen by the calling process and its children alone.
pub(crate) fn stand_in(group: &Group, containers: &[Container]) -> Result<(), Failure> {
    let names: Vec<PathBuf> = hierarchies()
        .step(|| "read the mounts")?
        .into_iter()
        .filter_map(|path| path.file_name().map(PathBuf::from))
        .collect();
    mount(
        Some("none"),
        ROOT,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        Some("mode=0755"),
    )
    .step(|| format!("cover {ROOT}"))?;
    for name in names {
        let root = Path::new(ROOT).join(name);
        for container in containers {
            let mut directory = root.clone();
            for part in &group.path.join(&container.name) {
                fs::create_dir_all(&directory).step(|| "fill the covered cgroup tree")?;
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    fs::write(directory.join(file), "0").step(|| "fill the covered cgroup tree")?;
                }
                directory.push(part);
            }
            fs::create_dir_all(&directory).step(|| "fill the covered cgroup tree")?;
            for file in ["cgroup.procs", "cpuset.cpus", "cpuset.mems"] {
                fs::write(directory.join(file), "0").step(|| "fill the covered cgroup tree")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_a_processor_is_a_quarter_of_a_period() {
        let settings = v1(256, 512);
        assert_eq!(settings[1].value, "25000");
        assert_eq!(settings[2].value, "536870912");
        assert_eq!(v2(256, 512)[0].value, "25000 100000");
    }

    #[test]
    fn a_quarter_of_a_processor_is_256_units() {
        let second = Duration::from_secs(1);
        assert_eq!(units(second / 4, second), Some(256.0));
        assert_eq!(units(second, Duration::ZERO), None);
    }

    #[test]
    fn what_was_measured_only_just_is_told_again() {
        let (mut meter, begun) = (Meter::default(), Instant::now());
        let mut at = |milliseconds, spent| {
            let now = begun + Duration::from_millis(milliseconds);
            meter.units(Duration::from_millis(spent), now)
        };
        assert_eq!(at(0, 10), None);
        // A leap: busy for all of a moment.
        assert_eq!(at(3, 13), None);
        assert_eq!(at(1000, 260), Some(256.0));
        assert_eq!(at(1002, 262), Some(256.0));
        assert_eq!(at(2000, 260), Some(0.0));
    }

    #[test]
    fn weights_span_what_shares_span() {
        assert_eq!(weight(0), 1);
        assert_eq!(weight(262_144), 10_000);
        assert_eq!(weight(1024), 39);
    }

    #[test]
    fn kills_are_read_from_both_versions() {
        assert_eq!(
            field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"),
            Some(3)
        );
        assert_eq!(
            field("oom 1\noom_kill 2\noom_group_kill 0\n", "oom_kill"),
            Some(2)
        );
        assert_eq!(field("under_oom 0\n", "oom_kill"), None);
    }
}
