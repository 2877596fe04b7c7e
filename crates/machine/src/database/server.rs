//! One PostgreSQL server: starting, finding, asking and stopping it.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use world::DatabaseId;

use crate::error::{Failure, Step as _};
use crate::host::Host;

use super::decide::{Answers, Place};
use super::enter::{self, server_user};
use super::files::{Folder, socket_name};
use super::settings::ADMIN;
use super::versions::Installed;

/// How long a server may take to say that it is there; recovery goes on in the background.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long a server may take to shut down before its sessions are cut off.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A place of a database, and the server in it, if one runs.
#[derive(Debug)]
pub(crate) struct Server {
    host: Host,
    id: DatabaseId,
    folder: Folder,
    place: Place,
    process: Option<OwnedFd>,
    /// Only where this very process started it: to be reaped.
    child: Option<Child>,
    pub(crate) failures: u32,
}

/// In a server's folder.
const LOG: &str = "server.log";

/// What servers write, of every database here.
pub(crate) fn logs(data: &Path) -> Vec<PathBuf> {
    let databases = fs::read_dir(enter::databases(data)).into_iter().flatten();
    let servers = databases.flatten().flat_map(|database| {
        fs::read_dir(database.path())
            .into_iter()
            .flatten()
            .flatten()
    });
    servers
        .map(|server| server.path().join(LOG))
        .filter(|log| log.is_file())
        .collect()
}

impl Server {
    /// Finds the server that an earlier process may have left running.
    pub(crate) fn new(host: &Host, id: &DatabaseId, place: Place) -> Self {
        let folder = Folder::new(&host.data, id);
        let mut server = Self {
            process: None,
            child: None,
            failures: 0,
            host: host.clone(),
            id: id.clone(),
            folder,
            place,
        };
        server.process = server.find();
        server
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.folder.cluster(self.place)
    }

    pub(crate) fn made(&self) -> bool {
        self.cluster().join("PG_VERSION").exists()
    }

    pub(crate) fn follows(&self) -> bool {
        self.cluster().join("standby.signal").exists()
    }

    pub(crate) fn alive(&mut self) -> bool {
        let ended = self.process.as_ref().is_none_or(has_ended);
        if ended {
            self.process = None;
            if let Some(mut child) = self.child.take() {
                let _ = child.wait();
            }
        }
        !ended
    }

    /// From what the server writes into its lock file.
    pub(crate) fn answers(&self) -> Answers {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap_or_default();
        match text.lines().nth(7).map(str::trim) {
            Some("ready") if self.follows() => Answers::Reads,
            Some("ready") => Answers::Writes,
            _ => Answers::Nobody,
        }
    }

    /// The socket's folder as other servers and programs see it.
    pub(crate) fn socket(&self) -> String {
        format!("{}/{}", enter::SOCKETS, socket_name(&self.id, self.place))
    }

    /// The same outside.
    pub(crate) fn socket_outside(&self) -> PathBuf {
        enter::sockets(&self.host.run).join(socket_name(&self.id, self.place))
    }

    /// A process whose working directory is the data directory: the postmaster by its number,
    /// or what is left of one.
    fn find(&self) -> Option<OwnedFd> {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        let pid: i32 = text.lines().next()?.trim().parse().ok()?;
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        // Looked at after it was opened: it is the same process.
        self.works_here(pid).then_some(handle)
    }

    fn works_here(&self, pid: i32) -> bool {
        let theirs = fs::metadata(format!("/proc/{pid}/cwd"));
        let ours = fs::metadata(self.cluster());
        matches!((theirs, ours), (Ok(theirs), Ok(ours))
            if theirs.dev() == ours.dev() && theirs.ino() == ours.ino())
    }

    /// Ends what a dead server left behind, and the lock file that would stop the next one: its
    /// number may by now be another process's.
    fn clear_the_way(&self) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let left: Vec<i32> = fs::read_dir("/proc")
                .step(|| "read /proc")?
                .flatten()
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .filter(|pid| self.works_here(*pid))
                .collect();
            if left.is_empty() {
                break;
            }
            if began.elapsed() > STOP_PATIENCE {
                return Err(Failure::new(format!(
                    "processes {left:?} of the last server do not end"
                )));
            }
            for pid in left {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(pid),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        match fs::remove_file(self.cluster().join("postmaster.pid")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).step(|| "remove the last server's lock file")
            }
            _ => Ok(()),
        }
    }

    /// Starts it and waits until it answers or ends. `namespace` holds its interface.
    pub(crate) fn start(&mut self, installed: &Installed, namespace: &Path) -> Result<(), Failure> {
        self.clear_the_way()?;
        let socket = self.socket_outside();
        make_folder(&socket, 0o755)?;
        enter::give(&socket, &server_user()?, self.host.rootless)?;
        let log_path = self.folder.place(self.place).join(LOG);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .step(|| format!("open {}", log_path.display()))?;
        let began_at = log.metadata().map_or(0, |log| log.len());
        let inside = self.folder.inside(self.place);
        let mut command = self.enter(&installed.programs.join("postgres"), Some(namespace));
        command
            .args(["-D", &format!("{inside}/data")])
            .arg(format!("--config_file={inside}/server.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().step(|| "open the server's log")?)
            .stderr(log);
        let child = command.spawn().step(|| "start the server")?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        self.process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        self.child = Some(child);
        let began = Instant::now();
        while began.elapsed() < START_PATIENCE {
            if !self.alive() {
                return Err(Failure::new(said(&log_path, began_at)));
            }
            if self.answers() != Answers::Nobody {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Everything it acknowledged is on disk; sessions are ended.
    pub(crate) fn stop(&mut self) {
        for (signal, patience) in [
            (Signal::INT, STOP_PATIENCE),
            (Signal::QUIT, Duration::from_secs(5)),
            (Signal::KILL, Duration::from_secs(5)),
        ] {
            if !self.alive() {
                return;
            }
            let Some(process) = &self.process else {
                return;
            };
            let _ = pidfd_send_signal(process, signal);
            let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            let limit = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut fds, limit);
        }
        let _ = self.alive();
    }

    pub(crate) fn kill(&mut self) {
        if self.alive()
            && let Some(process) = &self.process
        {
            // Its children notice and end; what remains is cleared away.
            let _ = pidfd_send_signal(process, Signal::KILL);
            let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(5000_u16));
        }
        let _ = self.alive();
        let _ = self.clear_the_way();
    }

    pub(crate) fn reload(&self) {
        if let Some(process) = &self.process {
            let _ = pidfd_send_signal(process, Signal::HUP);
        }
    }

    /// Says it to the server as the administrator; the answer's lines.
    pub(crate) fn sql(
        &self,
        port: u16,
        database: &str,
        text: &str,
    ) -> Result<Vec<String>, Failure> {
        let mut command = self.enter(Path::new(&psql()?), None);
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "VERBOSITY=terse",
        ]);
        command.args([
            "-h",
            &self.socket(),
            "-p",
            &port.to_string(),
            "-U",
            ADMIN,
            "-d",
            database,
            "-f",
            "-",
        ]);
        let output = run(command, text).step(|| "ask the server")?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// Runs one of PostgreSQL's programs as the servers' user.
    pub(crate) fn tool(&self, program: &Path, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = self.enter(program, None);
        command.args(arguments);
        run(command, "")
            .step(|| format!("run {}", program.display()))
            .map(drop)
    }

    fn enter(&self, program: &Path, namespace: Option<&Path>) -> Command {
        let mut arguments: Vec<OsString> = vec!["machine".into(), "database".into()];
        let mut pair = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        pair("--data", self.host.data.clone().into());
        pair("--run", self.host.run.clone().into());
        if let Some(namespace) = namespace {
            pair("--namespace", namespace.into());
            pair("--region", self.host.region_name().into());
            pair("--group", group_name(&self.id, self.place).into());
        }
        if self.host.rootless {
            arguments.push("--rootless".into());
        }
        arguments.push("--".into());
        arguments.push(program.into());
        let mut command = Command::new(&self.host.program);
        command
            .args(arguments)
            .current_dir("/")
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        command
    }
}

/// The control group of a server.
pub(crate) fn group_name(id: &DatabaseId, place: Place) -> String {
    format!("{id}-{}", socket_name(id, place))
}

fn psql() -> Result<String, Failure> {
    ["/usr/bin/psql", "/usr/local/bin/psql", "/bin/psql"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("psql is not installed (package postgresql-client)"))
}

fn has_ended(process: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1))
}

fn run(mut command: Command, input: &str) -> Result<String, Failure> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .step(|| "start the program")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().step(|| "wait for the program")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(Failure::new(format!(
        "{} ({})",
        last.join("; "),
        output.status
    )))
}

/// Why a server ended, from what it wrote since it began.
fn said(log: &Path, from: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[from..]);
    let worst: Vec<&str> = text
        .lines()
        .filter(|line| {
            ["FATAL:", "PANIC:", "database:"]
                .iter()
                .any(|word| line.contains(word))
        })
        .collect();
    match (worst.last().copied(), text.lines().last()) {
        (Some(line), _) | (None, Some(line)) => format!("the server does not start: {line}"),
        (None, None) => "the server does not start and does not say why".into(),
    }
}

pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .step(|| format!("make {}", path.display()))
}
