//! Clients' connections: accepting them, TLS, HTTP/1.1 and HTTP/2, and when they end.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::core::{Core, Slot};
use crate::exchange;
use crate::front_io::FrontIo;
use crate::headers::client_address;
use crate::http1;
use crate::upstream::Io;
use crate::watch::{Cord, Fired, TICK, Watch};

/// All request headers together; the request line comes on top.
pub(crate) const HEADERS_LIMIT: usize = 64 * 1024;
pub(crate) const LINE_LIMIT: usize = 16 * 1024;
const TLS_HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const HTTP2_STREAMS: u32 = 128;
const HTTP2_REQUESTS: u32 = 10_000;

/// A client's connection.
pub(crate) struct Front {
    pub core: Rc<Core>,
    pub slot: Slot,
    /// The port the client came to.
    pub port: u16,
    pub peer: SocketAddr,
    pub tls: Option<TlsFacts>,
    pub http2: bool,
    pub started: Instant,
    pub watch: Watch,
    /// The client for X-Forwarded-For, without and with its port.
    pub address: [HeaderValue; 2],
    pub port_header: HeaderValue,
    pub bytes_in: Cell<u64>,
    pub bytes_out: Cell<u64>,
    pub requests: Cell<u32>,
    /// No request is taken after the present ones.
    pub last: Cell<bool>,
    /// A target to speak with directly once the 101 is out.
    pub upgrade: RefCell<Option<(Io, Bytes)>>,
    /// How much more of what the client sends is for the general path, where that is known.
    pub share: Cell<Option<u64>>,
    phase: Cell<Phase>,
    in_service: Cell<u32>,
    /// Something of a request came, but not yet all of its head.
    partial: Cell<bool>,
}

/// What was agreed on in the TLS handshake.
#[derive(Debug, Clone)]
pub(crate) struct TlsFacts {
    pub version: &'static str,
    pub cipher: String,
    pub server_name: Option<String>,
}

/// Where an HTTP/1 connection is in its one exchange at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Quiet,
    Answering,
    /// The answer is complete but may not be written yet.
    Flushing,
}

impl Front {
    pub(crate) fn idle_limit(&self) -> Duration {
        let view = self.core.view.borrow();
        let ms = view
            .as_ref()
            .map_or(60_000, |view| view.plan.compiled.attributes.idle_timeout_ms);
        Duration::from_millis(ms)
    }

    pub(crate) fn received(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.bytes_in.set(self.bytes_in.get() + bytes as u64);
        self.core.counters.processed_bytes.add(bytes as u64);
        if self.in_service.get() == 0 && self.phase.get() == Phase::Quiet {
            // A head has one idle timeout to arrive in, however it trickles; and an HTTP/2 PING
            // is no sign of life.
            if self.partial.replace(true) {
                return;
            }
        }
        self.watch.touch();
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.set(self.bytes_out.get() + bytes as u64);
        self.core.counters.processed_bytes.add(bytes as u64);
        self.watch.touch();
    }

    /// Whether an HTTP/1 answer that begins now is nobody's but the parser's.
    pub(crate) fn nobody_answers(&self) -> bool {
        !self.http2 && self.phase.get() == Phase::Quiet
    }

    pub(crate) fn flushed(&self) {
        if self.phase.get() == Phase::Flushing {
            self.phase.set(Phase::Quiet);
        }
    }

    /// Whether a client that sends nothing more owes the rest of a request.
    pub(crate) fn waits_for_a_request(&self) -> bool {
        self.partial.get() && self.phase.get() == Phase::Quiet
    }

    /// From here on all bytes are the clients', none the parser's.
    pub(crate) fn hand_over(&self) {
        self.phase.set(Phase::Answering);
    }

    /// Whether the general path has answered all that was its share, and more may come.
    pub(crate) fn has_answered_its_share(&self, requests_before: u32) -> bool {
        self.share.get() == Some(0)
            && self.requests.get() > requests_before
            && self.phase.get() == Phase::Quiet
            && self.in_service.get() == 0
            && !self.last.get()
    }

    /// The answer's body is at its end, or given up.
    pub(crate) fn answered(&self) {
        self.phase.set(Phase::Flushing);
    }
}

/// Held while a request is worked on. Dropped unfinished, the client has gone away.
pub(crate) struct InService {
    front: Rc<Front>,
    finished: bool,
}

impl InService {
    pub(crate) fn enter(front: &Rc<Front>) -> Self {
        front.in_service.set(front.in_service.get() + 1);
        front.requests.set(front.requests.get().saturating_add(1));
        front.partial.set(false);
        front.phase.set(Phase::Answering);
        // While the target has the word, its own watch counts.
        front.watch.rest();
        Self {
            front: Rc::clone(front),
            finished: false,
        }
    }

    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for InService {
    fn drop(&mut self) {
        let front = &self.front;
        front
            .in_service
            .set(front.in_service.get().saturating_sub(1));
        if front.in_service.get() == 0 {
            front.watch.limit(front.idle_limit());
        }
        if !self.finished {
            front.core.counters.client_gone.one();
            front
                .core
                .counters
                .answered(StatusCode::from_u16(460).expect("460 is in range"));
        }
    }
}

/// Takes connections of a socket until it is stopped.
pub(crate) async fn accept(core: Rc<Core>, slot: Slot, listener: TcpListener, cord: Cord) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                core.counters.new_connections.one();
                core.counters.active_connections.one();
                let (core, cord) = (Rc::clone(&core), cord.clone());
                spawn_local(async move {
                    connection(&core, slot, port, stream, peer, cord).await;
                    core.counters.active_connections.less();
                });
            }
            Err(error) => {
                // Most likely no file descriptor is left; some will come free.
                tracing::warn!(%error, "cannot accept a connection");
                core.counters.rejected_connections.one();
                tokio::time::sleep(TICK).await;
            }
        }
    }
}

async fn connection(
    core: &Rc<Core>,
    slot: Slot,
    port: u16,
    stream: TcpStream,
    peer: SocketAddr,
    cord: Cord,
) {
    // Only a matter of latency.
    let _ = stream.set_nodelay(true);
    let Some(view) = core.view.borrow().clone() else {
        return;
    };
    let Some(index) = view.listeners.get(&slot) else {
        return;
    };
    let tls = view.plan.compiled.listeners[*index].tls.clone();
    drop(view);
    let front = |tls: Option<TlsFacts>, http2| {
        let front = Front {
            core: Rc::clone(core),
            slot,
            port,
            peer,
            tls,
            http2,
            started: Instant::now(),
            watch: core.clock.watch(Duration::from_mins(1), cord.clone()),
            address: [
                client_address(peer.ip(), None),
                client_address(peer.ip(), Some(peer.port())),
            ],
            port_header: crate::core::port_value(port),
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            requests: Cell::new(0),
            last: Cell::new(false),
            upgrade: RefCell::new(None),
            share: Cell::new(None),
            phase: Cell::new(Phase::Quiet),
            in_service: Cell::new(0),
            partial: Cell::new(false),
        };
        front.watch.limit(front.idle_limit());
        Rc::new(front)
    };
    match tls {
        None => http1::speak(front(None, false), stream).await,
        Some(config) => {
            let handshake = TlsAcceptor::from(config).accept(stream);
            let Ok(Ok(stream)) = tokio::time::timeout(TLS_HANDSHAKE_LIMIT, handshake).await else {
                core.counters.client_tls_negotiation_errors.one();
                return;
            };
            let session = stream.get_ref().1;
            let http2 = session.alpn_protocol() == Some(b"h2");
            let facts = facts(session);
            let front = front(Some(facts), http2);
            if http2 {
                speak_http2(front, stream).await;
            } else {
                http1::speak(front, stream).await;
            }
        }
    }
}

fn facts(session: &rustls::ServerConnection) -> TlsFacts {
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let cipher = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("-");
    TlsFacts {
        version,
        cipher: openssl_name(cipher),
        server_name: session.server_name().map(str::to_owned),
    }
}

/// AWS tells cipher suites of TLS 1.2 by OpenSSL's names.
fn openssl_name(iana: &str) -> String {
    if iana.starts_with("TLS13_") {
        return iana.replacen("TLS13_", "TLS_", 1);
    }
    iana.trim_start_matches("TLS_")
        .replace("_WITH_", "_")
        .replace("AES_128", "AES128")
        .replace("AES_256", "AES256")
        .replace("_POLY1305_SHA256", "_POLY1305")
        .replace('_', "-")
}

async fn speak_http2<S>(front: Rc<Front>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let io = FrontIo::new(stream, Rc::clone(&front));
    let service = {
        let front = Rc::clone(&front);
        service_fn(move |request| exchange::serve(Rc::clone(&front), request))
    };
    let mut connection = http2::Builder::new(LocalExecutor)
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(HEADERS_LIMIT + LINE_LIMIT).expect("fits"))
        .serve_connection(TokioIo::new(io), service);
    let mut leaving = false;
    poll_fn(|cx| {
        let fired = front.watch.poll(cx);
        if fired == Some(Fired::Idle) && leaving {
            return Poll::Ready(());
        }
        let leave = fired.is_some() || front.last.get() || front.requests.get() >= HTTP2_REQUESTS;
        if leave && !leaving {
            leaving = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if fired.is_some() {
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut connection).poll(cx).map(|_| ())
    })
    .await;
}

/// Runs HTTP/2 streams as tasks of their own on the same core.
#[derive(Clone)]
struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        spawn_local(async move {
            future.await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::openssl_name;

    #[test]
    fn cipher_suites_have_the_names_aws_uses() {
        for (iana, name) in [
            ("TLS13_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            (
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "ECDHE-RSA-AES128-GCM-SHA256",
            ),
            (
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
            ),
            (
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                "ECDHE-RSA-CHACHA20-POLY1305",
            ),
        ] {
            assert_eq!(openssl_name(iana), name);
        }
    }
}
