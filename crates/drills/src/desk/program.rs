//! A program that a drill runs, and that it never leaves running.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// Nothing that a drill runs takes as long.
const LIMIT: Duration = Duration::from_mins(6);
/// Lines that are shown of what went wrong.
const SHOWN: usize = 25;

/// Dropped before its end, it is told to end as by Ctrl-C and waited for: Terraform gives up its
/// lock on the way out, and nobody can put anything back before.
pub(crate) struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

/// How a program ended.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) code: i32,
    /// Its output and its errors, as they came.
    pub(crate) said: String,
}

impl Running {
    /// Starts it; what it says goes to a file in `logs`.
    pub(super) fn start(mut command: Command, logs: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let count = fs::read_dir(logs).map_or(0, Iterator::count);
        let log = logs.join(format!("{count:03}.log"));
        let failed = || format!("{} could not be written", log.display());
        let file = File::create(&log).with_context(failed)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().with_context(failed)?)
            .stderr(file)
            // Ctrl-C reaches it once, from here.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} could not be run"))?;
        Ok(Self { child, name, log })
    }

    pub(crate) async fn end(mut self) -> Result<Done> {
        let begun = Instant::now();
        loop {
            let ended = self
                .child
                .try_wait()
                .with_context(|| format!("the end of {} is not to be seen", self.name))?;
            if let Some(status) = ended {
                let said = fs::read(&self.log)
                    .with_context(|| format!("{} could not be read", self.log.display()))?;
                return Ok(Done {
                    // Ended by a signal, it has none.
                    code: status.code().unwrap_or(-1),
                    said: plain(&String::from_utf8_lossy(&said)),
                });
            }
            if begun.elapsed() > LIMIT {
                bail!("{} did not end in {} s", self.name, LIMIT.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
            let _ = self.child.wait();
        }
    }
}

impl Done {
    pub(crate) fn well(&self) -> bool {
        self.code == 0
    }

    /// The last lines that say something.
    pub(crate) fn end_of_it(&self) -> String {
        let lines: Vec<&str> = self
            .said
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    /// The line that says something, from there to its end; nothing where none does.
    pub(crate) fn line_with(&self, words: &str) -> Option<String> {
        self.said
            .lines()
            .find(|line| line.contains(words))
            .map(|line| line.trim().to_owned())
    }
}

/// Without the colours that Terraform gives its errors, also to a file.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

/// Says which of these programs are missing, and what to do about it.
pub(super) fn needed(programs: &[(&str, &str)]) -> Result<()> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let missing: Vec<String> = programs
        .iter()
        .filter(|(name, _)| !folders.iter().any(|folder| folder.join(name).is_file()))
        .map(|(name, what)| format!("`{name}` is not on the PATH: {what}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "this drill runs the pipeline as it is:\n{}",
        missing.join("\n")
    )
}

/// What the caller has in the environment for a pipeline, Terraform or a repository of theirs.
pub(super) fn forget_callers(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let begins = ["GITHUB_", "GIT_", "TF_CLI_ARGS"];
        let is = ["IMAGE", "SEAL", "LOCK_TIMEOUT"];
        if begins.iter().any(|one| text.starts_with(one)) || is.contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.envs([
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("AWS_PAGER", ""),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_what_to_do() {
        needed(&[("sh", "it is there")]).expect("it is there");
        let error = needed(&[("sh", ""), ("no-such-program", "install it")]).expect_err("missing");
        let said = error.to_string();
        assert!(
            said.contains("`no-such-program` is not on the PATH: install it"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn what_it_says_and_how_it_ends_are_told() {
        let logs = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo said; echo wrong >&2; exit 3"]);
        let done = Running::start(command, logs.path())
            .expect("it starts")
            .end()
            .await
            .expect("it ends");
        assert_eq!((done.code, &*done.said), (3, "said\nwrong\n"));
        assert!(!done.well());
    }

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(
            plain("\x1b[31m│\x1b[0m \x1b[1mError: stale\x1b[0m\n"),
            "│ Error: stale\n"
        );
        assert_eq!(plain("plain [m]"), "plain [m]");
    }

    /// Its own way out is waited for, so what it does there is done.
    #[tokio::test]
    async fn one_that_is_dropped_ends_in_good_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let (begun, ended) = (folder.path().join("begun"), folder.path().join("ended"));
        let mut command = Command::new("python3");
        command
            .arg("-c")
            .arg(
                "import signal, sys\n\
                 try: open(sys.argv[1], 'w'); signal.pause()\n\
                 except KeyboardInterrupt: open(sys.argv[2], 'w')",
            )
            .args([&begun, &ended]);
        let running = Running::start(command, folder.path()).expect("it starts");
        let since = Instant::now();
        while !begun.exists() {
            assert!(
                since.elapsed() < Duration::from_secs(20),
                "it does not begin"
            );
            tokio::time::sleep(PAUSE).await;
        }
        drop(running);
        assert!(ended.exists(), "it was not waited for");
    }
}
