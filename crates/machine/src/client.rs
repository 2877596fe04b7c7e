//! Talking to a machine: the control plane's connection, and running programs in its world.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::process::Output;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use world::{Command, Event, InterfaceId};

use crate::error::{Failure, Step as _};
use crate::host::Paths;

/// The control plane's connection. A machine serves one at a time: the newest.
#[derive(Debug)]
pub struct Connection {
    pub commands: Commands,
    pub events: Events,
}

#[derive(Debug)]
pub struct Commands(OwnedWriteHalf);

#[derive(Debug)]
pub struct Events(BufReader<OwnedReadHalf>);

impl Connection {
    pub async fn open(paths: &Paths) -> Result<Self, Failure> {
        let socket = paths.control_socket();
        let stream = UnixStream::connect(&socket)
            .await
            .step(|| format!("connect to the machine at {}", socket.display()))?;
        let (reader, writer) = stream.into_split();
        Ok(Self {
            commands: Commands(writer),
            events: Events(BufReader::new(reader)),
        })
    }
}

impl Commands {
    pub async fn send(&mut self, command: &Command) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(command).step(|| "write a command")?;
        line.push(b'\n');
        self.0
            .write_all(&line)
            .await
            .step(|| "send a command to the machine")
    }
}

impl Events {
    /// The next event; `None` when the machine has closed the connection.
    pub async fn next(&mut self) -> Result<Option<Event>, Failure> {
        let mut line = String::new();
        let read = self
            .0
            .read_line(&mut line)
            .await
            .step(|| "hear from the machine")?;
        if read == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line)
            .map(Some)
            .step(|| "read an event of the machine")
    }
}

/// Where in the world a program can stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Internet,
    Interface(InterfaceId),
}

/// A program to run somewhere in the world. It sees the machine's files, the name server of its
/// place and no other network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub place: Place,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Added to the machine's own environment.
    pub environment: std::collections::BTreeMap<String, String>,
    /// Where it runs; `/` when not given.
    pub directory: Option<String>,
}

impl Program {
    pub fn new<S: Into<String>>(place: Place, command: impl IntoIterator<Item = S>) -> Self {
        Self {
            place,
            command: command.into_iter().map(Into::into).collect(),
            environment: std::collections::BTreeMap::new(),
            directory: None,
        }
    }
}

/// What the machine answers to a [`Program`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its exit status; 128 plus the signal's number when a signal ended it.
    Status(i32),
    /// It could not be run.
    Failed(String),
}

/// A program that runs in the world. Dropping it kills the program.
#[derive(Debug)]
pub struct Running {
    socket: std::os::unix::net::UnixStream,
    command: String,
}

/// Starts a program somewhere in the world with these standard streams. It is killed when this
/// process ends first.
pub fn spawn(
    paths: &Paths,
    program: &Program,
    streams: [BorrowedFd<'_>; 3],
) -> Result<Running, Failure> {
    let path = paths.exec_socket();
    let mut socket = std::os::unix::net::UnixStream::connect(&path).map_err(|error| {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        if matches!(error.kind(), NotFound | ConnectionRefused) {
            return Failure::new(
                "the region has no networks now: they come with the first network interface (a task, a database, a \
                 load balancer), where the region is served with its machine",
            );
        }
        Failure::because(
            format!("connect to the machine at {}", path.display()),
            error,
        )
    })?;
    let mut request = serde_json::to_vec(program).step(|| "write a request to run a program")?;
    request.push(b'\n');
    let files = streams.map(|stream| stream.as_raw_fd());
    // One byte carries the descriptors; the request follows.
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(b"\n")],
        &[ControlMessage::ScmRights(&files)],
        MsgFlags::empty(),
        None,
    )
    .step(|| "pass the standard streams to the machine")?;
    socket
        .write_all(&request)
        .step(|| "ask the machine to run a program")?;
    Ok(Running {
        socket,
        command: program.command.join(" "),
    })
}

impl Running {
    /// Waits for its end and gives its exit status. Blocks.
    pub fn wait(mut self) -> Result<i32, Failure> {
        let mut answer = String::new();
        self.socket
            .read_to_string(&mut answer)
            .step(|| "hear how the program ended")?;
        match serde_json::from_str(&answer) {
            Ok(Ended::Status(status)) => Ok(status),
            Ok(Ended::Failed(reason)) => {
                Err(Failure::because(format!("run {}", self.command), reason))
            }
            Err(error) => Err(Failure::because("hear how the program ended", error)),
        }
    }
}

/// Runs a program somewhere in the world with these standard streams, and waits for its end.
/// Blocks.
pub fn exec(
    paths: &Paths,
    program: &Program,
    streams: [BorrowedFd<'_>; 3],
) -> Result<i32, Failure> {
    spawn(paths, program, streams)?.wait()
}

/// [`exec`] with its output collected. Blocks.
pub fn output(paths: &Paths, program: &Program) -> Result<Output, Failure> {
    use std::os::unix::process::ExitStatusExt as _;
    let null = std::fs::File::open("/dev/null").step(|| "open /dev/null")?;
    let (mut stdout, stdout_end) = io::pipe().step(|| "make a pipe")?;
    let (mut stderr, stderr_end) = io::pipe().step(|| "make a pipe")?;
    std::thread::scope(|scope| {
        let out = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let err = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let status = exec(
            paths,
            program,
            [null.as_fd(), stdout_end.as_fd(), stderr_end.as_fd()],
        );
        // The readers end when nobody holds the other ends.
        drop((stdout_end, stderr_end));
        let collect = |thread: std::thread::ScopedJoinHandle<'_, io::Result<Vec<u8>>>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
                .step(|| "read a program's output")
        };
        let (stdout, stderr) = (collect(out), collect(err));
        Ok(Output {
            status: std::process::ExitStatus::from_raw(status? << 8),
            stdout: stdout?,
            stderr: stderr?,
        })
    })
}
