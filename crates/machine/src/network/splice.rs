//! Connections that leave the world of packets: accepted inside a namespace, carried on to the
//! control plane's socket outside.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{Failure, Step as _};
use crate::netns;

/// How long a connection waits for a control plane that is starting again.
const PATIENCE: Duration = Duration::from_secs(20);
/// As AWS's balancers and NAT gateways: a connection that carries nothing for so long is cut.
pub(crate) const IDLE: Duration = Duration::from_secs(350);
/// More connections than this wait to be accepted.
const AT_ONCE: usize = 1024;

/// How a connection came to AWS's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    pub via: Via,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    Internet,
    VpcEndpoint,
    /// The addresses that only a task itself can reach.
    Task,
}

/// The line that the control plane reads before the bytes of the connection.
#[derive(Serialize)]
struct Preface<'a> {
    #[serde(flatten)]
    origin: &'a Origin,
    peer: SocketAddr,
    local: SocketAddr,
}

/// Tasks that end when this is dropped.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "its drop is what counts")] JoinSet<()>);

impl Guard {
    pub(crate) fn new(tasks: JoinSet<()>) -> Self {
        Self(tasks)
    }
}

/// A listener inside a namespace. A transparent one takes connections to addresses that are
/// routed to the namespace without being its own.
pub(crate) fn in_namespace(
    namespace: &Path,
    at: SocketAddrV4,
    transparent: bool,
) -> Result<TcpListener, Failure> {
    let listen = || {
        let socket = netns::within(namespace, TcpSocket::new_v4)?;
        socket.set_reuseaddr(true)?;
        if transparent {
            setsockopt(&socket, sockopt::IpTransparent, &true)?;
        }
        socket.bind(at.into())?;
        socket.listen(1024)
    };
    listen().step(|| format!("listen at {at} in {}", namespace.display()))
}

/// Carries what connects at these addresses to the control plane until the guard is dropped.
pub(crate) fn serve(
    namespace: &Path,
    at: &[SocketAddrV4],
    transparent: bool,
    gateway: &Path,
    origin: &Origin,
) -> Result<Guard, Failure> {
    let mut servers = JoinSet::new();
    for address in at {
        let listener = in_namespace(namespace, *address, transparent)?;
        servers.spawn(accept(listener, gateway.to_owned(), origin.clone()));
    }
    Ok(Guard::new(servers))
}

async fn accept(listener: TcpListener, gateway: PathBuf, origin: Origin) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut connections = JoinSet::new();
    loop {
        // Never closed, so there is always a permit to wait for.
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                stream
            } else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            },
            Some(_) = connections.join_next() => continue,
        };
        let (gateway, origin) = (gateway.clone(), origin.clone());
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = carry(stream, &gateway, &origin).await {
                tracing::debug!(%error, ?origin, "a connection to AWS ended early");
            }
        });
    }
}

async fn carry(stream: TcpStream, gateway: &Path, origin: &Origin) -> std::io::Result<()> {
    let preface = Preface {
        origin,
        peer: stream.peer_addr()?,
        local: stream.local_addr()?,
    };
    let mut line = serde_json::to_vec(&preface)?;
    line.push(b'\n');
    let mut outside = connect(gateway).await?;
    outside.write_all(&line).await?;
    stream.set_nodelay(true)?;
    join(stream, outside, IDLE).await
}

/// The control plane may be starting again.
async fn connect(gateway: &Path) -> std::io::Result<UnixStream> {
    let start = Instant::now();
    loop {
        match UnixStream::connect(gateway).await {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Copies both ways until both sides have ended, or nothing has moved for `idle`.
pub(crate) async fn join<A, B>(a: A, b: B, idle: Duration) -> std::io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let start = Instant::now();
    // Milliseconds from the start to the last byte either way.
    let last = AtomicU64::new(0);
    let (a_read, a_write) = tokio::io::split(a);
    let (b_read, b_write) = tokio::io::split(b);
    let both = async {
        tokio::try_join!(
            copy(a_read, b_write, start, &last),
            copy(b_read, a_write, start, &last)
        )
    };
    tokio::pin!(both);
    loop {
        tokio::select! {
            ended = &mut both => return ended.map(|_| ()),
            () = tokio::time::sleep_until(start + Duration::from_millis(last.load(Ordering::Relaxed)) + idle) => {
                if start.elapsed() >= Duration::from_millis(last.load(Ordering::Relaxed)) + idle {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
            }
        }
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    start: Instant,
    last: &AtomicU64,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 32 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        let now = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        last.store(now, Ordering::Relaxed);
        if read == 0 {
            // The other side may have closed wholly, and then needs no telling.
            let _ = to.shutdown().await;
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_side_may_end_before_the_other_answers() {
        let (mut client, ours) = tokio::io::duplex(8);
        let (server, mut theirs) = tokio::io::duplex(8);
        let joined = tokio::spawn(join(ours, server, IDLE));
        let answering = tokio::spawn(async move {
            let mut request = String::new();
            theirs
                .read_to_string(&mut request)
                .await
                .expect("a request");
            theirs
                .write_all(request.to_uppercase().as_bytes())
                .await
                .expect("an answer");
        });
        client
            .write_all(b"a request of some length")
            .await
            .expect("room");
        client.shutdown().await.expect("an end");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert_eq!(answer, "A REQUEST OF SOME LENGTH");
        answering.await.expect("no panic");
        joined.await.expect("no panic").expect("a good end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_cut() {
        let (_client, ours) = tokio::io::duplex(8);
        let (server, _theirs) = tokio::io::duplex(8);
        let error = join(ours, server, IDLE).await.expect_err("an end");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_preface_is_one_flat_object() {
        let preface = Preface {
            origin: &Origin {
                via: Via::VpcEndpoint,
                endpoint: Some("vpce-1".into()),
                vpc: None,
                interface: None,
            },
            peer: "10.0.0.1:5".parse().expect("an address"),
            local: "10.0.0.2:443".parse().expect("an address"),
        };
        assert_eq!(
            serde_json::to_string(&preface).expect("JSON"),
            r#"{"via":"vpc-endpoint","endpoint":"vpce-1","peer":"10.0.0.1:5","local":"10.0.0.2:443"}"#
        );
    }
}
