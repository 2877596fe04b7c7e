//! One node: its process is kept running in its interface's namespace and told what to serve.
//! The process outlives the executor; the next one finds it by its folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use world::InterfaceId;
use world::balancer::node::{Answer, FromNode, NodeConfig, PROTOCOL, Request, ToNode};

use super::Shared;
use crate::error::{Failure, Step as _, chain};
use crate::host::Host;

/// How long a node may take to open its control socket.
const START: Duration = Duration::from_secs(10);
/// How often a node is asked how it is; changes of health are told at once.
const ASK: Duration = Duration::from_secs(1);
/// A node that does not answer for so long is started anew.
const SILENCE: Duration = Duration::from_secs(15);
/// What a node that was asked to end may still finish.
const GRACE: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_millis(20);

/// A folder for each node. Its name and the socket's are short for [`crate::host::Paths::check`].
pub(crate) fn folder(host: &Host) -> PathBuf {
    host.run.join("lb")
}

struct Files {
    folder: PathBuf,
    socket: PathBuf,
    state: PathBuf,
    /// The process and the namespace it is in.
    process: PathBuf,
}

impl Files {
    fn of(host: &Host, interface: &InterfaceId) -> Self {
        let folder = folder(host).join(interface.as_str());
        Self {
            socket: folder.join("ctl"),
            state: folder.join("state.json"),
            process: folder.join("process"),
            folder,
        }
    }

    /// The living process and the namespace's inode.
    fn process(&self) -> Option<(Pid, u64)> {
        let text = fs::read_to_string(&self.process).ok()?;
        let (pid, inode) = text.trim().split_once(' ')?;
        let (pid, inode) = (pid.parse().ok()?, inode.parse().ok()?);
        // A number is given again: only a process that names this socket is the node.
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let socket = self.socket.as_os_str().as_encoded_bytes();
        line.split(|byte| *byte == 0)
            .any(|argument| argument == socket)
            .then_some((Pid::from_raw(pid), inode))
    }
}

/// The nodes that have a folder.
pub(crate) fn left(host: &Host) -> Vec<InterfaceId> {
    let entries = fs::read_dir(folder(host)).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(InterfaceId::from)
        .collect()
}

/// Ends a node in the background and removes its folder.
pub(crate) fn end(host: &Host, interface: &InterfaceId) {
    let files = Files::of(host, interface);
    tokio::spawn(async move {
        end_process(&files).await;
        let _ = fs::remove_dir_all(&files.folder);
    });
}

async fn end_process(files: &Files) {
    let Some((pid, _)) = files.process() else {
        return;
    };
    let _ = kill(pid, Signal::SIGTERM);
    let start = Instant::now();
    while files.process().is_some_and(|(now, _)| now == pid) {
        if start.elapsed() > GRACE {
            let _ = kill(pid, Signal::SIGKILL);
            return;
        }
        sleep(LOOK).await;
    }
}

/// Keeps the node running until this is aborted.
pub(crate) async fn run(
    host: Host,
    interface: InterfaceId,
    mut wanted: watch::Receiver<NodeConfig>,
    shared: Arc<Shared>,
) {
    let files = Files::of(&host, &interface);
    let mut pause = LOOK;
    loop {
        let since = Instant::now();
        let result = serve(&host, &interface, &files, &mut wanted, &shared).await;
        shared.update(|known| {
            if let Some(view) = known.views.get_mut(&interface) {
                view.version = None;
            }
        });
        if let Err(failure) = result {
            tracing::warn!(%interface, reason = chain(&failure), "a load balancer node is started again");
        }
        if since.elapsed() > Duration::from_secs(30) {
            pause = LOOK;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Talks to the node for as long as it answers.
async fn serve(
    host: &Host,
    interface: &InterfaceId,
    files: &Files,
    wanted: &mut watch::Receiver<NodeConfig>,
    shared: &Shared,
) -> Result<(), Failure> {
    let namespace = host.namespace(interface);
    while !namespace.exists() {
        sleep(LOOK).await;
    }
    let stream = match adopt(files, &namespace).await {
        Some(stream) => stream,
        None => start(host, files, &namespace).await?,
    };
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).split(b'\n');
    let mut ask = interval(ASK);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut id = 0;
    let mut heard = Instant::now();
    wanted.mark_changed();
    loop {
        let request = tokio::select! {
            changed = wanted.changed() => {
                changed.step(|| "hear what the node should serve")?;
                Request::Configure(Box::new(wanted.borrow_and_update().clone()))
            }
            _ = ask.tick() => {
                if heard.elapsed() > SILENCE {
                    end_process(files).await;
                    return Err(Failure::new("the node does not answer"));
                }
                Request::Status
            }
            line = lines.next_segment() => {
                let line = line
                    .step(|| "hear from the node")?
                    .ok_or_else(|| Failure::new("the node has ended"))?;
                heard = Instant::now();
                let message: FromNode =
                    serde_json::from_slice(&line).step(|| "understand the node")?;
                hear(interface, message, shared);
                continue;
            }
        };
        id += 1;
        let message = ToNode {
            protocol: PROTOCOL,
            id,
            request,
        };
        let mut line = serde_json::to_vec(&message).step(|| "write to the node")?;
        line.push(b'\n');
        writer.write_all(&line).await.step(|| "write to the node")?;
        if matches!(message.request, Request::Configure(_)) {
            ask.reset_immediately();
        }
    }
}

fn hear(interface: &InterfaceId, message: FromNode, shared: &Shared) {
    match message.answer {
        Answer::Accepted { .. } => {}
        Answer::Refused { field, reason } => {
            tracing::error!(%interface, ?field, %reason, "a load balancer node refuses its configuration");
        }
        Answer::Status(status) => shared.update(|known| {
            known
                .views
                .entry(interface.clone())
                .or_default()
                .renew(*status);
        }),
        Answer::TargetHealth(health) => shared.update(|known| {
            known
                .views
                .entry(interface.clone())
                .or_default()
                .hear(health);
        }),
    }
}

/// The node that an executor before this one started, when it is still in the right place.
async fn adopt(files: &Files, namespace: &Path) -> Option<UnixStream> {
    let (_, inode) = files.process()?;
    let here = fs::metadata(namespace).ok()?.ino();
    if inode != here {
        end_process(files).await;
        return None;
    }
    if let Ok(stream) = UnixStream::connect(&files.socket).await {
        return Some(stream);
    }
    end_process(files).await;
    None
}

async fn start(host: &Host, files: &Files, namespace: &Path) -> Result<UnixStream, Failure> {
    fs::create_dir_all(&files.folder).step(|| format!("make {}", files.folder.display()))?;
    let _ = fs::remove_file(&files.socket);
    let inode = fs::metadata(namespace)
        .step(|| format!("look at {}", namespace.display()))?
        .ino();
    let mut child = tokio::process::Command::new(&host.program)
        .args(["machine", "enter", "--netns"])
        .arg(namespace)
        .arg("--")
        .arg(&host.program)
        .args(["machine", "balancer", "--control"])
        .arg(&files.socket)
        .arg("--state")
        .arg(&files.state)
        .stdin(Stdio::null())
        .current_dir("/")
        .spawn()
        .step(|| "start a load balancer node")?;
    let pid = child
        .id()
        .ok_or_else(|| Failure::new("the load balancer node ended at once"))?;
    fs::write(&files.process, format!("{pid} {inode}\n"))
        .step(|| format!("write {}", files.process.display()))?;
    let connected = timeout(START, async {
        loop {
            tokio::select! {
                status = child.wait() => return Err(io::Error::other(match status {
                    Ok(status) => format!("it ended ({status})"),
                    Err(error) => error.to_string(),
                })),
                () = sleep(LOOK) => if let Ok(stream) = UnixStream::connect(&files.socket).await {
                    return Ok(stream);
                },
            }
        }
    })
    .await;
    let stream = connected
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .step(|| "reach the load balancer node that was started")?;
    // Whoever drops a child that still runs leaves it to be waited for in the background.
    drop(child);
    Ok(stream)
}
