//! The data plane of an Application Load Balancer: one process for each node.
//!
//! A node takes whole configurations over a Unix socket, keeps the last one on disk, and serves
//! it whether anybody talks to it or not. It knows no AWS API and no control plane; it may use
//! only the network it was started in. What is decided (rules, targets, health, headers) is
//! decided in pure code; sockets and tasks only carry it out.

mod access_log;
mod body;
mod check;
mod choose;
mod control;
mod cookies;
mod core;
mod counters;
mod draft;
mod exchange;
mod fast;
mod fields;
mod forward;
mod front;
mod front_io;
mod headers;
mod health;
mod http1;
mod listen;
mod manager;
mod pages;
mod pattern;
mod plan;
mod redirect;
mod rules;
mod select;
mod state;
mod tls;
mod upstream;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};

pub use access_log::{AccessLog, DirectoryLog};
pub use state::StateError;

/// What is in flight when a node is asked to stop gets so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a node is started with; everything else comes over its socket.
#[derive(Debug, Clone)]
pub struct Options {
    /// The Unix socket to listen on.
    pub control_socket: PathBuf,
    /// Where the last accepted configuration is kept.
    pub state_file: PathBuf,
    /// Where access logs are written; `None`: nowhere.
    pub access_log_directory: Option<PathBuf>,
    /// How many cores serve; `None`: all there are.
    pub cores: Option<usize>,
}

/// Why a node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot listen on the control socket {path}")]
    Control { path: PathBuf, source: io::Error },
    #[error("cannot start a thread to serve")]
    Thread { source: io::Error },
    #[error("cannot write access logs to {path}")]
    AccessLog { path: PathBuf, source: io::Error },
    #[error("cannot wait for signals")]
    Signal { source: io::Error },
}

/// Runs a node until the process is told to end by SIGTERM or SIGINT.
pub fn run(options: &Options) -> Result<(), RunError> {
    use tokio::signal::unix::{SignalKind, signal};
    raise_file_limit();
    let runtime = runtime().map_err(|source| RunError::Thread { source })?;
    runtime.block_on(async {
        let listen = |kind| signal(kind).map_err(|source| RunError::Signal { source });
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        serve(options, async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
    })
}

/// Runs a node until `stop` is there. Wants a Tokio runtime with I/O and time.
pub async fn serve(options: &Options, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    let log: Option<Arc<dyn AccessLog>> = match &options.access_log_directory {
        None => None,
        Some(path) => match DirectoryLog::open(path) {
            Ok(log) => Some(Arc::new(log)),
            Err(source) => {
                return Err(RunError::AccessLog {
                    path: path.clone(),
                    source,
                });
            }
        },
    };
    let listener = control::bind(&options.control_socket).map_err(|source| RunError::Control {
        path: options.control_socket.clone(),
        source,
    })?;
    let tls = tls::client();
    let count = options
        .cores
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
        .max(1);
    let mut cores = Vec::new();
    let mut threads = Vec::new();
    for index in 0..count {
        let (orders, received) = mpsc::unbounded_channel();
        let (tls, log) = (Arc::clone(&tls), log.clone());
        let runtime = runtime().map_err(|source| RunError::Thread { source })?;
        let thread = std::thread::Builder::new()
            .name(format!("core-{index}"))
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, core::run(received, seed(), tls, log));
            })
            .map_err(|source| RunError::Thread { source })?;
        cores.push(orders);
        threads.push(thread);
    }
    let (news, _) = broadcast::channel(1024);
    let mut manager = manager::Manager::new(options.state_file.clone(), cores, tls, news.clone());
    manager.resume();
    let (asks, mut asked) = mpsc::channel(16);
    let accepting = tokio::spawn(control::accept(listener, asks, news));
    tokio::select! {
        () = manager.run(&mut asked) => {}
        () = stop => {}
    }
    accepting.abort();
    manager.stop(PATIENCE).await;
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a serving thread panicked");
        }
    }
    // It may be gone with its directory.
    let _ = std::fs::remove_file(&options.control_socket);
    Ok(())
}

/// Each request in flight takes two file descriptors; the usual soft limit is soon reached.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A number nobody can guess.
fn seed() -> u64 {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 8];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(ring::error::Unspecified) => u64::from(std::process::id()),
    }
}
