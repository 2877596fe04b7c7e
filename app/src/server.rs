//! `links serve`: takes connections at once, gets the database ready meanwhile, and ends without dropping a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use rand::Rng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use crate::clicks;
use crate::config::{self, Config};
use crate::database::Database;
use crate::http::{App, Front};
use crate::lifecycle::{Lifecycle, Phase};
use crate::links::purge;
use crate::logs::{self, Chain};
use crate::migrations::{self, MigrationError};
use crate::telemetry::emf;
use crate::telemetry::traces::Traces;

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// No file descriptor is free: wait for one instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that may wait to be accepted: as many as the kernel allows (`net.core.somaxconn`). Of a herd that is
/// larger, those who find no room knock again a second later.
const BACKLOG: u32 = 65_535;
/// Of the time between stop signal and kill, the part kept for closing the pool and writing the last log lines.
const RESERVE: u32 = 10;

/// How often what is kept for a day is looked through.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);

pub async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = config.telemetry.clone();
    let traces = telemetry
        .traces
        .as_ref()
        .map(|endpoint| Traces::start(endpoint, &telemetry.service_name))
        .transpose()?;
    logs::start(traces.as_ref());
    // Before anything is said to listen, so that no stop signal is missed.
    let mut stop = StopSignals::listen()?;
    raise_file_limit();
    let listener = listen(config.server.listen)
        .with_context(|| format!("listen on {}", config.server.listen))?;
    let address = listener.local_addr().context("read the listen address")?;
    let lifecycle = Lifecycle::new();
    let server = config.server.clone();
    let clicks_interval = config.clicks.interval;
    let app = App::new(
        Arc::new(Database::new(config.database.clone())),
        lifecycle.clone(),
        &config,
    )?;
    tracing::info!(%address, "listening");
    if config.drills {
        tracing::warn!("drills are on: whoever reaches /drill can make this process misbehave");
    }
    let connections = Connections::new(Front::new(app.clone()), &server);
    let (stop_clicks, clicks_stopped) = oneshot::channel();
    let writer = {
        let app = app.clone();
        let lifecycle = lifecycle.clone();
        tokio::spawn(async move {
            // Clicks wait for their tables as requests do.
            lifecycle.reached(Phase::Serving).await;
            clicks::run(&app.clicks, app.database(), clicks_interval, clicks_stopped).await
        })
    };
    let work = {
        let (app, lifecycle) = (app.clone(), lifecycle.clone());
        tokio::spawn(async move { background(&app, &lifecycle, &telemetry).await })
    };
    let serving = async {
        tokio::join!(
            connections.accept(&listener),
            prepare(app.database(), &lifecycle)
        )
    };
    let drain_delay = tokio::select! {
        _ = serving => unreachable!("accepting does not end"),
        how = stop.next() => match how {
            Stop::Terminate => server.drain_delay,
            Stop::Interrupt => Duration::ZERO,
        },
    };
    let kill = Instant::now() + server.stop_timeout;
    let last_request = kill - server.stop_timeout / RESERVE;
    tracing::info!(?drain_delay, "stopping");
    lifecycle.advance(Phase::Draining);
    tokio::select! {
        () = connections.accept(&listener) => unreachable!("accepting does not end"),
        () = sleep(drain_delay) => {}
        _ = stop.next() => {}
    }
    drop(listener);
    let drained = connections.drain(last_request).await;
    // Nobody clicks any more: what is left is written.
    let last_write = kill - server.stop_timeout / (2 * RESERVE);
    if stop_clicks.send(last_write).is_ok()
        && let Ok(lost @ 1..) = writer.await
    {
        tracing::error!(
            clicks = lost,
            "clicks were lost: the database did not take them in time"
        );
    }
    work.abort();
    if timeout_at(kill, app.database().close()).await.is_err() {
        tracing::warn!("database connections did not close in time");
    }
    if let Some(traces) = traces
        && timeout_at(kill, traces.finish()).await.is_err()
    {
        tracing::warn!("the last traces were not sent in time");
    }
    drained?;
    tracing::info!("stopped");
    Ok(())
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Whoever listened here before may have left connections that are not quite over.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Every connection is an open file, and of those the usual soft limit allows 1024: fewer than come with a herd.
fn raise_file_limit() {
    let most = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: most,
        maximum: most,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// All that goes on beside the requests. Does not end.
async fn background(app: &App, lifecycle: &Lifecycle, telemetry: &config::Telemetry) {
    let database = app.database();
    let purging = async {
        lifecycle.reached(Phase::Serving).await;
        loop {
            if let Err(error) = purge(database).await {
                tracing::debug!(error = %Chain(&error), "nothing was purged");
            }
            let jitter = rand::rng().random_range(0.5..1.0);
            sleep(PURGE_INTERVAL.mul_f64(jitter)).await;
        }
    };
    let metrics = async {
        if let Some(namespace) = &telemetry.emf_namespace {
            emf::run(namespace, telemetry.emf_interval).await;
        }
    };
    let watching = async {
        lifecycle.reached(Phase::Serving).await;
        database.watch_replica().await;
    };
    tokio::join!(watching, app.routes.listen(), purging, metrics);
}

/// Migrates the database, however long it takes until there is one.
async fn prepare(database: &Database, lifecycle: &Lifecycle) {
    let mut pause = FIRST_RETRY;
    loop {
        match migrations::run(database).await {
            Ok(()) => break,
            Err(error @ MigrationError::Database(_)) => {
                tracing::warn!(error = %Chain(&error), retry_in = ?pause, "not ready yet");
            }
            Err(error @ MigrationError::Migrate(_)) => {
                tracing::error!(error = %Chain(&error), retry_in = ?pause, "not ready yet");
            }
        }
        // Many tasks that wait for one database must not all come back at the same moment.
        let jitter = rand::rng().random_range(0.5..1.0);
        sleep(pause.mul_f64(jitter)).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
    lifecycle.advance(Phase::Serving);
    tracing::info!("ready");
}

/// The open connections.
struct Connections {
    front: Front,
    http: auto::Builder<TokioExecutor>,
    open: GracefulShutdown,
}

impl Connections {
    fn new(front: Front, config: &config::Server) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // hyper counts the time an idle connection waits for its next request as time to read that request's head.
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(config.keep_alive_timeout);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(config.keep_alive_timeout);
        Self {
            front,
            http,
            open: GracefulShutdown::new(),
        }
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.take(stream),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream) {
        // Answers are small and written at once; waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection lost before its first request");
            return;
        }
        let connection = self
            .http
            .serve_connection(TokioIo::new(stream), self.front.clone())
            .into_owned();
        let connection = self.open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "connection ended early");
            }
        });
    }

    /// Lets every connection finish the request it is in, and closes idle ones.
    async fn drain(self, deadline: Instant) -> anyhow::Result<()> {
        let open = self.open.count();
        timeout_at(deadline, self.open.shutdown())
            .await
            .with_context(|| {
                format!("of {open} connections some were still busy when the time to stop was over")
            })
    }
}

/// Errors of a connection that came and went, not of the listener.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

enum Stop {
    /// The platform's stop; a balancer may still have to notice.
    Terminate,
    /// A person at the keyboard.
    Interrupt,
}

struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
        })
    }

    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.interrupt.recv() => Stop::Interrupt,
        }
    }
}
