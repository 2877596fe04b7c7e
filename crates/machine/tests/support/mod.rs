//! A machine for one test, and bounded waiting.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses some of it"
)]

pub mod world;

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use ::world::{Command, Event};
use machine::client::{self, Connection, Place, Program};
use machine::host::Paths;
use machine::{Machine, Options};
use tempfile::TempDir;

/// A machine on a data directory of its own. It dies with the test, however that ends.
pub struct Region {
    pub paths: Paths,
    // Dropped before the directory.
    _life: Life,
    pub runtime: tokio::runtime::Runtime,
    pub connection: Connection,
    // Last: the directory goes when the machine has gone.
    pub data: TempDir,
}

/// What ends the machine when it is dropped.
enum Life {
    Ours { _machine: Machine },
    Users(Child),
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Self::Users(child) = self {
            // It ends its machine when its standard input ends, and then itself.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

impl Region {
    pub fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let machine = start(data.path());
        Self::with(
            data,
            machine.paths.clone(),
            Life::Ours { _machine: machine },
        )
    }

    /// The machine of an ordinary user, in a user namespace.
    pub fn start_rootless() -> Self {
        use std::os::unix::process::CommandExt as _;
        if !nix::unistd::geteuid().is_root() {
            return Self::start();
        }
        let nobody = 65534;
        let data = tempfile::tempdir().expect("a temporary directory");
        std::os::unix::fs::chown(data.path(), Some(nobody), Some(nobody)).expect("root's right");
        let mut child = std::process::Command::new(MACHINE)
            .args(["machine", "hold", "--data"])
            .arg(data.path())
            .uid(nobody)
            .gid(nobody)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut answer = String::new();
        std::io::BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut answer)
            .expect("an answer");
        assert_eq!(answer, "ready\n");
        let paths = Paths::new(data.path());
        Self::with(data, paths, Life::Users(child))
    }

    fn with(data: TempDir, paths: Paths, life: Life) -> Self {
        for program in ["ip", "nft"] {
            assert!(
                ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
                    .iter()
                    .any(|directory| Path::new(directory).join(program).exists()),
                "these tests need the program {program}"
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let connection = runtime
            .block_on(Connection::open(&paths))
            .expect("a connection");
        Self {
            paths,
            _life: life,
            runtime,
            connection,
            data,
        }
    }

    pub fn send(&mut self, command: &Command) {
        self.runtime
            .block_on(self.connection.commands.send(command))
            .expect("the machine takes commands");
    }

    /// Reads events until `wanted` takes one.
    pub fn await_event<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let events = &mut self.connection.events;
        let mut seen = Vec::new();
        let found = self.runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), async {
                loop {
                    let event = events.next().await.expect("events").expect("more events");
                    if let Some(found) = wanted(&event) {
                        return found;
                    }
                    seen.push(event);
                }
            })
            .await
        });
        found.unwrap_or_else(|_| panic!("no event of {what}; seen: {seen:?}\n{}", self.log()))
    }

    pub fn run(&self, place: Place, command: &[&str]) -> Output {
        client::output(&self.paths, &Program::new(place, command.iter().copied()))
            .unwrap_or_else(|failure| panic!("{}\n{}", machine::chain(&failure), self.log()))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.paths.log()).unwrap_or_default()
    }
}

pub fn start(data: &Path) -> Machine {
    machine::start(&Options {
        data: data.to_owned(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_machine")),
        die_with_parent: true,
    })
    .unwrap_or_else(|failure| panic!("{}", machine::chain(&failure)))
}

/// Waits until `condition` gives something, at most ten seconds.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it did not happen in time: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes whose command line names this directory.
pub fn processes_of(data: &Path) -> Vec<(i32, String)> {
    let marker = data.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&marker) {
            found.push((pid, line));
        }
    }
    found
}

/// Runs tests of the calling binary once more, as a user who is not root. For a user who is not
/// root already they have just been run.
pub fn as_ordinary_user(tests: &[&str]) {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--bounding-set=-all", "--inh-caps=-all", "--pdeathsig=KILL"])
        .arg(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "--test-threads=1"])
        .args(tests)
        .env("HOME", "/nonexistent")
        .output()
        .expect("these tests need the program setpriv (package util-linux)");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let all = format!("test result: ok. {} passed", tests.len());
    assert!(output.status.success() && text.contains(&all), "{text}");
}

pub const MACHINE: &str = env!("CARGO_BIN_EXE_machine");

/// A program in the world that has said it is ready.
pub struct Probe {
    // Dropped first: that kills the program.
    pub running: client::Running,
    pub input: std::io::PipeWriter,
    pub output: std::io::BufReader<std::io::PipeReader>,
}

impl Probe {
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    pub fn say(&mut self, text: &str) -> String {
        use std::io::Write as _;
        writeln!(self.input, "{text}").expect("the program reads");
        self.line()
    }
}

impl Region {
    /// Starts a probe somewhere and waits for its first line.
    pub fn probe(&self, place: Place, arguments: &[&str]) -> Probe {
        use std::os::fd::AsFd as _;
        let (theirs_in, input) = std::io::pipe().expect("a pipe");
        let (output, theirs_out) = std::io::pipe().expect("a pipe");
        let command = [MACHINE, "probe"].iter().chain(arguments).copied();
        let program = Program::new(place, command);
        let running = client::spawn(
            &self.paths,
            &program,
            [theirs_in.as_fd(), theirs_out.as_fd(), theirs_out.as_fd()],
        )
        .unwrap_or_else(|failure| panic!("{}", machine::chain(&failure)));
        drop((theirs_in, theirs_out));
        Probe {
            running,
            input,
            output: std::io::BufReader::new(output),
        }
    }

    /// A TCP server that greets with this text.
    pub fn server(&self, place: Place, address: &str, text: &str) -> Probe {
        let mut probe = self.probe(place, &["listen", address, text]);
        assert_eq!(probe.line(), "listening");
        probe
    }

    /// What a probe prints, or why it failed.
    pub fn try_probe(&self, place: Place, arguments: &[&str]) -> Result<String, String> {
        let command: Vec<&str> = [MACHINE, "probe"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let output = client::output(&self.paths, &Program::new(place, command))
            .map_err(|failure| machine::chain(&failure))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned())
        }
    }

    /// Makes a VPC what this document says.
    pub fn ensure(&mut self, vpc: &::world::network::Vpc) {
        self.send(&Command::EnsureVpc(Box::new(vpc.clone())));
        let ready = Event::VpcReady(vpc.id.clone());
        self.await_event("VpcReady", |event| match event {
            Event::VpcFailed { reason, .. } => panic!("{reason}"),
            event => (*event == ready).then_some(()),
        });
    }
}
