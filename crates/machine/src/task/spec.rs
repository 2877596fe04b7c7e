//! A container as the OCI runtime specification describes it.

use std::collections::HashSet;
use std::path::PathBuf;

use libcontainer::oci_spec::runtime::{
    Capability, LinuxBuilder, LinuxCapabilitiesBuilder, LinuxNamespace, LinuxNamespaceBuilder,
    LinuxNamespaceType, Mount, MountBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType,
    ProcessBuilder, RootBuilder, Spec, SpecBuilder, UserBuilder,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use world::task::Container;

use crate::error::{Failure, Step as _};

use super::image::{Execute, User};

/// What Docker grants, without the making of device files: devices are made by the runtime.
const CAPABILITIES: [Capability; 13] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::NetBindService,
    Capability::NetRaw,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// What a process in a container should not see of the kernel, as Docker masks it.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Fargate's own default.
const OPEN_FILES: u64 = 65_535;

pub(crate) struct Parts<'a> {
    pub(crate) container: &'a Container,
    pub(crate) execute: &'a Execute,
    pub(crate) user: &'a User,
    pub(crate) hostname: &'a str,
    pub(crate) root: PathBuf,
    pub(crate) cgroup: PathBuf,
}

/// The specification, and what could not be given as asked.
pub(crate) fn build(parts: &Parts<'_>) -> Result<(Spec, Vec<String>), Failure> {
    let step = || format!("describe container {}", parts.container.name);
    let (limits, warnings) = limits(parts.container);
    let capabilities = capabilities(parts.container);
    // A process that is not root gets them only through a file that carries them.
    let effective = if parts.user.uid == 0 {
        capabilities.clone()
    } else {
        HashSet::new()
    };
    let mut environment: Vec<String> = parts
        .execute
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for (name, value) in [
        ("HOSTNAME", Some(parts.hostname)),
        ("HOME", parts.user.home.as_deref()),
    ] {
        if let Some(value) = value.filter(|_| !parts.execute.environment.contains_key(name)) {
            environment.push(format!("{name}={value}"));
        }
    }
    let process = ProcessBuilder::default()
        .terminal(false)
        .user(
            UserBuilder::default()
                .uid(parts.user.uid)
                .gid(parts.user.gid)
                .additional_gids(parts.user.groups.clone())
                .build()
                .step(step)?,
        )
        .args(parts.execute.arguments.clone())
        .env(environment)
        .cwd(PathBuf::from(&parts.execute.directory))
        .no_new_privileges(true)
        .capabilities(
            LinuxCapabilitiesBuilder::default()
                .bounding(capabilities)
                .effective(effective.clone())
                .permitted(effective)
                .inheritable(HashSet::new())
                .ambient(HashSet::new())
                .build()
                .step(step)?,
        )
        .rlimits(limits)
        .build()
        .step(step)?;
    let linux = LinuxBuilder::default()
        .namespaces(namespaces()?)
        .cgroups_path(parts.cgroup.clone())
        .masked_paths(MASKED.map(String::from).to_vec())
        .readonly_paths(READ_ONLY.map(String::from).to_vec())
        .build()
        .step(step)?;
    let mut linux = linux;
    // The builder would bring resources of its own; groups are limited before anything joins them.
    linux.set_resources(None);
    let spec = SpecBuilder::default()
        .version("1.0.2")
        .root(
            RootBuilder::default()
                .path(parts.root.clone())
                .readonly(parts.container.readonly_root_filesystem)
                .build()
                .step(step)?,
        )
        .hostname(parts.hostname)
        .mounts(mounts()?)
        .process(process)
        .linux(linux)
        .build()
        .step(step)?;
    Ok((spec, warnings))
}

/// The network namespace is the one that the shim itself is in.
fn namespaces() -> Result<Vec<LinuxNamespace>, Failure> {
    [
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Mount,
    ]
    .into_iter()
    .map(|kind| {
        LinuxNamespaceBuilder::default()
            .typ(kind)
            .build()
            .step(|| "name a namespace")
    })
    .collect()
}

fn mounts() -> Result<Vec<Mount>, Failure> {
    let table: [(&str, &str, &[&str]); 6] = [
        ("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        (
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        (
            "/dev/pts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
            ],
        ),
        (
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
        ("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        ("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    table
        .iter()
        .map(|(place, kind, options)| {
            MountBuilder::default()
                .destination(*place)
                .typ(*kind)
                .source(*kind)
                .options(
                    options
                        .iter()
                        .map(|option| (*option).to_owned())
                        .collect::<Vec<_>>(),
                )
                .build()
                .step(|| format!("describe the mount of {place}"))
        })
        .collect()
}

fn capabilities(container: &Container) -> HashSet<Capability> {
    let named = |name: &String| {
        let name = name
            .strip_prefix("CAP_")
            .unwrap_or(name)
            .to_ascii_uppercase();
        name.parse::<Capability>().ok()
    };
    let mut set: HashSet<Capability> = CAPABILITIES.into_iter().collect();
    set.extend(container.add_capabilities.iter().filter_map(named));
    for dropped in &container.drop_capabilities {
        if dropped.eq_ignore_ascii_case("ALL") {
            set.clear();
        } else if let Some(capability) = named(dropped) {
            set.remove(&capability);
        }
    }
    set
}

fn limits(container: &Container) -> (Vec<PosixRlimit>, Vec<String>) {
    let mut wanted = vec![("nofile", OPEN_FILES, OPEN_FILES)];
    for limit in &container.ulimits {
        wanted.retain(|(name, ..)| *name != limit.name);
        wanted.push((&limit.name, limit.soft, limit.hard));
    }
    let mut limits = Vec::new();
    let mut warnings = Vec::new();
    for (name, soft, mut hard) in wanted {
        let Some((kind, resource)) = resource(name) else {
            warnings.push(format!(
                "container {}: unknown limit {name}",
                container.name
            ));
            continue;
        };
        // Raised here it can be raised for the container; where it cannot, so much is given.
        if let Ok((our_soft, ours)) = getrlimit(resource)
            && hard > ours
            && setrlimit(resource, our_soft, hard).is_err()
        {
            warnings.push(format!(
                "container {}: limit {name} is {ours}, not {hard}: this machine may not raise it",
                container.name
            ));
            hard = ours;
        }
        let built = PosixRlimitBuilder::default()
            .typ(kind)
            .soft(soft.min(hard))
            .hard(hard)
            .build();
        limits.extend(built.ok());
    }
    (limits, warnings)
}

fn resource(name: &str) -> Option<(PosixRlimitType, Resource)> {
    Some(match name {
        "core" => (PosixRlimitType::RlimitCore, Resource::RLIMIT_CORE),
        "cpu" => (PosixRlimitType::RlimitCpu, Resource::RLIMIT_CPU),
        "data" => (PosixRlimitType::RlimitData, Resource::RLIMIT_DATA),
        "fsize" => (PosixRlimitType::RlimitFsize, Resource::RLIMIT_FSIZE),
        "locks" => (PosixRlimitType::RlimitLocks, Resource::RLIMIT_LOCKS),
        "memlock" => (PosixRlimitType::RlimitMemlock, Resource::RLIMIT_MEMLOCK),
        "msgqueue" => (PosixRlimitType::RlimitMsgqueue, Resource::RLIMIT_MSGQUEUE),
        "nice" => (PosixRlimitType::RlimitNice, Resource::RLIMIT_NICE),
        "nofile" => (PosixRlimitType::RlimitNofile, Resource::RLIMIT_NOFILE),
        "nproc" => (PosixRlimitType::RlimitNproc, Resource::RLIMIT_NPROC),
        "rss" => (PosixRlimitType::RlimitRss, Resource::RLIMIT_RSS),
        "rtprio" => (PosixRlimitType::RlimitRtprio, Resource::RLIMIT_RTPRIO),
        "rttime" => (PosixRlimitType::RlimitRttime, Resource::RLIMIT_RTTIME),
        "sigpending" => (
            PosixRlimitType::RlimitSigpending,
            Resource::RLIMIT_SIGPENDING,
        ),
        "stack" => (PosixRlimitType::RlimitStack, Resource::RLIMIT_STACK),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use world::task::Ulimit;

    use super::super::testing::container;
    use super::*;

    #[test]
    fn capabilities_are_dockers_but_for_device_files() {
        let mut app = container("app");
        assert!(!capabilities(&app).contains(&Capability::Mknod));
        assert!(!capabilities(&app).contains(&Capability::SysAdmin));
        app.add_capabilities.push("SYS_PTRACE".into());
        app.drop_capabilities.push("CAP_NET_RAW".into());
        let set = capabilities(&app);
        assert!(set.contains(&Capability::SysPtrace) && !set.contains(&Capability::NetRaw));
        app.drop_capabilities.push("ALL".into());
        assert!(capabilities(&app).is_empty());
    }

    #[test]
    fn open_files_have_fargates_limit_unless_told() {
        let mut app = container("app");
        let (all, warnings) = limits(&app);
        assert_eq!(all.len(), 1);
        // Not every machine may raise it that far, and then it is said.
        assert_eq!(all[0].hard() == OPEN_FILES, warnings.is_empty());
        app.ulimits.push(Ulimit {
            name: "nofile".into(),
            soft: 10,
            hard: 20,
        });
        app.ulimits.push(Ulimit {
            name: "colour".into(),
            soft: 1,
            hard: 1,
        });
        let (all, warnings) = limits(&app);
        assert_eq!((all.len(), all[0].soft(), all[0].hard()), (1, 10, 20));
        assert_eq!(warnings, ["container app: unknown limit colour"]);
    }
}
