//! The last steps inside a container before its program runs, and the system calls it is denied.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, signal, sigprocmask};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{AccessFlags, ForkResult, Pid, access, execv, fork, write};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Runs a container's program. What goes wrong is told through a pipe that a program's start
/// closes.
#[derive(Clone)]
pub(crate) struct Execution {
    told: Arc<OwnedFd>,
    filters: Arc<Vec<BpfProgram>>,
    init: bool,
}

impl Execution {
    pub(crate) fn new(told: OwnedFd, filters: Arc<Vec<BpfProgram>>, init: bool) -> Self {
        Self {
            told: Arc::new(told),
            filters,
            init,
        }
    }

    fn tell(&self, text: &str) {
        // The shim hears less, but it hears that nothing was started.
        let _ = write(self.told.as_fd(), text.as_bytes());
    }

    fn start(&self, program: &Path, arguments: &[CString]) -> Result<(), String> {
        let name = program.display();
        let path = CString::new(program.as_os_str().as_encoded_bytes())
            .map_err(|_| format!("exec {name:?}: a NUL byte in the name"))?;
        if self.init {
            become_init(self.told.as_fd())?;
        }
        set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("exec {name}: {error}"))?;
        reset_signals().map_err(|error| format!("exec {name}: {error}"))?;
        for filter in self.filters.iter() {
            seccompiler::apply_filter(filter).map_err(|error| format!("seccomp: {error}"))?;
        }
        let Err(error) = execv(&path, arguments);
        Err(format!("exec {name}: {}", error.desc().to_lowercase()))
    }
}

impl Executor for Execution {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let (program, arguments) = command(spec).map_err(ExecutorError::Other)?;
        self.start(&program, &arguments).map_err(|error| {
            self.tell(&error);
            ExecutorError::Other(error)
        })
    }

    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        command(spec).map(|_| ()).map_err(|error| {
            self.tell(&error);
            ExecutorValidationError::ArgValidationError(error)
        })
    }
}

/// The program's file and its arguments; errors are worded as runc words them.
fn command(spec: &Spec) -> Result<(PathBuf, Vec<CString>), String> {
    let process = spec.process().as_ref().ok_or("no process")?;
    let words = process.args().as_deref().unwrap_or_default();
    let name = words.first().ok_or("no command specified")?;
    let path = process
        .env()
        .iter()
        .flatten()
        .find_map(|variable| variable.strip_prefix("PATH="))
        .unwrap_or_default();
    let arguments = words
        .iter()
        .map(|word| CString::new(word.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|_| format!("exec: {name:?}: a NUL byte in an argument"))?;
    Ok((find(name, path)?, arguments))
}

fn find(name: &str, path: &str) -> Result<PathBuf, String> {
    if name.contains('/') {
        return match usable(Path::new(name)) {
            Ok(()) => Ok(PathBuf::from(name)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Err(format!(
                "exec: {name:?}: stat {name}: no such file or directory"
            )),
            Err(error) => Err(format!("exec: {name:?}: {}", error.desc().to_lowercase())),
        };
    }
    path.split(':')
        .map(|folder| Path::new(if folder.is_empty() { "." } else { folder }).join(name))
        .find(|file| usable(file).is_ok())
        .ok_or_else(|| format!("exec: {name:?}: executable file not found in $PATH"))
}

fn usable(file: &Path) -> Result<(), Errno> {
    access(file, AccessFlags::X_OK)?;
    if file.is_dir() {
        return Err(Errno::EISDIR);
    }
    Ok(())
}

/// The shim blocks signals and Rust ignores one; a program expects neither.
fn reset_signals() -> Result<(), Errno> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    #[expect(
        unsafe_code,
        reason = "setting a signal back to its default runs no code of ours"
    )]
    unsafe {
        signal(Signal::SIGPIPE, SigHandler::SigDfl)?;
    }
    Ok(())
}

/// Returns in a child. The calling process stays behind as the container's PID 1: it passes
/// signals on, reaps orphans, and ends as its child ends.
fn become_init(told: BorrowedFd<'_>) -> Result<(), String> {
    let all = SigSet::all();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&all), None).map_err(|error| error.to_string())?;
    #[expect(
        unsafe_code,
        reason = "this process has one thread, so its child may do anything"
    )]
    let forked = unsafe { fork() }.map_err(|error| format!("init: {error}"))?;
    let ForkResult::Parent { child } = forked else {
        return Ok(());
    };
    // The start of the program closes the pipe; this end must not keep it open. What the number
    // stood for is not used again in this process.
    let null = nix::fcntl::open(
        "/dev/null",
        nix::fcntl::OFlag::O_WRONLY,
        nix::sys::stat::Mode::empty(),
    );
    if let Ok(null) = null {
        use std::os::fd::AsRawFd as _;
        #[expect(
            unsafe_code,
            reason = "both numbers are open and belong to this process"
        )]
        unsafe {
            libc::dup2(null.as_raw_fd(), told.as_raw_fd());
        }
    }
    loop {
        match all.wait() {
            Ok(Signal::SIGCHLD) => {
                while let Ok(status) = waitpid(
                    Pid::from_raw(-1),
                    Some(nix::sys::wait::WaitPidFlag::WNOHANG),
                ) {
                    match status {
                        WaitStatus::Exited(pid, code) if pid == child => std::process::exit(code),
                        WaitStatus::Signaled(pid, signal, _) if pid == child => {
                            std::process::exit(128 + signal as i32)
                        }
                        WaitStatus::StillAlive => break,
                        _ => {}
                    }
                }
            }
            Ok(signal) => {
                let _ = kill(child, signal);
            }
            Err(_) => {}
        }
    }
}

/// The programs that deny system calls: those that Docker's default profile denies to a process
/// without special capabilities.
pub(crate) fn filters() -> Result<Vec<BpfProgram>, String> {
    let denied = DENIED
        .iter()
        .chain(DENIED_HERE)
        .map(|number| (*number, Vec::new()))
        .chain([(libc::SYS_clone, new_namespaces()?)])
        .collect();
    // The C library falls back from clone3, whose flags cannot be looked at, to clone.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let errno = |errno: Errno| SeccompAction::Errno(errno as u32);
    [
        (denied, errno(Errno::EPERM)),
        (absent, errno(Errno::ENOSYS)),
    ]
    .into_iter()
    .map(|(rules, action)| {
        let arch = std::env::consts::ARCH
            .try_into()
            .map_err(|error| format!("seccomp: {error}"))?;
        SeccompFilter::new(rules, SeccompAction::Allow, action, arch)
            .and_then(TryInto::try_into)
            .map_err(|error| format!("seccomp: {error}"))
    })
    .collect()
}

fn new_namespaces() -> Result<Vec<SeccompRule>, String> {
    [
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWUTS,
    ]
    .into_iter()
    .map(|flag| {
        let flag = u64::from(flag.unsigned_abs());
        SeccompCondition::new(
            0,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        )
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| format!("seccomp: {error}"))
    })
    .collect()
}

const DENIED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[libc::c_long] = &[
    libc::SYS__sysctl,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_sysfs,
    libc::SYS_uselib,
    libc::SYS_ustat,
];

#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[libc::c_long] = &[];

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_cannot_be_run_is_said_as_runc_says_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, "").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("program", &format!("/nowhere:{place}")), Ok(program));
        assert_eq!(
            find("nope", place),
            Err("exec: \"nope\": executable file not found in $PATH".into())
        );
        assert_eq!(
            find("/no/pe", place),
            Err("exec: \"/no/pe\": stat /no/pe: no such file or directory".into())
        );
        assert_eq!(
            find(place, ""),
            Err(format!("exec: {place:?}: is a directory"))
        );
    }

    #[test]
    fn the_filters_compile() {
        let filters = filters().unwrap();
        assert_eq!(filters.len(), 2);
        assert!(filters.iter().all(|filter| !filter.is_empty()));
    }
}
