//! The processes that the machine is made of, each a role of one program.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use nix::sys::signal::SigSet;

use crate::error::{Failure, chain};
use crate::{anchor, balancers, database, exec, executor, keeper, probe, start, task};

/// Plays the role that `arguments` begins with. To be called before the program has started any
/// thread: most roles enter namespaces.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let Some((role, rest)) = arguments.split_first() else {
        eprintln!(
            "machine: which role? hold, launch, remove, keeper, anchor, executor, enter, probe, task"
        );
        return ExitCode::from(2);
    };
    // The process that started this one may have blocked some for itself.
    let _ = SigSet::all().thread_unblock();
    let result = match role.to_str() {
        Some("launch") => start::launch(rest),
        Some("hold") => start::hold(rest),
        Some("remove") => start::remove_inside(rest),
        Some("keeper") => keeper::run(rest),
        Some("anchor") => anchor::run(rest),
        Some("executor") => executor::run(rest),
        Some("balancer") => balancers::play(rest),
        Some("enter") => return exec::enter(rest),
        Some("database") => return database::enter::main(rest),
        Some("task") => return task::shim::main(rest),
        Some("probe") => return probe::run(rest),
        _ => Err(Failure::new(format!(
            "no role of the machine is called {}",
            role.to_string_lossy()
        ))),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            let text = chain(&failure);
            // Whoever started the machine reads this; the log keeps it as well.
            let _ = writeln!(std::io::stdout(), "{text}");
            let _ = writeln!(
                std::io::stderr(),
                "machine {}: {text}",
                role.to_string_lossy()
            );
            ExitCode::from(FATAL)
        }
    }
}

/// The program that this process runs, also when another was since put in its place: the processes
/// of a region that is up are not to change under it because somebody builds or installs anew.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// The exit status of a role that would fail the same way again.
pub(crate) const FATAL: u8 = 78;

/// The program that plays the roles, as a command that plays `role`.
pub(crate) fn command(role: &str) -> std::process::Command {
    let mut command = std::process::Command::new(OWN_PROGRAM);
    command.arg("machine").arg(role);
    command
}

/// `--name value` and `--flag` arguments.
pub(crate) struct Arguments<'a>(pub &'a [OsString]);

impl Arguments<'_> {
    pub(crate) fn value(&self, name: &str) -> Option<&OsStr> {
        let at = self.0.iter().position(|argument| argument == name)?;
        self.0.get(at + 1).map(OsString::as_os_str)
    }

    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        self.value(name)
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new(format!("{name} is missing")))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }
}

/// From here on standard output is the log too: whoever waited for the start has its answer.
pub(crate) fn leave_caller() {
    // Standard error was given by the launcher and stays open.
    let _ = nix::unistd::dup2_stdout(std::io::stderr());
}
