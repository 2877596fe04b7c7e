//! Connections to targets. Each is driven by whoever uses it: no task of its own, so a request
//! and its answer stay within the task of the client's connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::counters::Zone;
use crate::fast::Lines;
use crate::watch::{Clock, Cord, Fired, Watch};

/// Answers with larger headers are bad.
pub(crate) const RESPONSE_HEADER_LIMIT: usize = 32 * 1024;

/// A target as one core knows it.
#[derive(Debug)]
pub(crate) struct Target {
    pub address: SocketAddr,
    /// `None`: plain HTTP.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub counters: Rc<Zone>,
    /// Cut when what is still in flight must end.
    pub cord: Cord,
    #[expect(
        clippy::vec_box,
        reason = "they are large and move between here and requests"
    )]
    idle: RefCell<Vec<Box<Upstream>>>,
    /// Those for requests that are passed on as bytes.
    pub lines: Lines,
    /// Gets no new requests any more.
    retired: Cell<bool>,
}

/// A connection to a target.
pub(crate) struct Upstream {
    send: http1::SendRequest<RequestBody>,
    connection: http1::Connection<TokioIo<Io>, RequestBody>,
    socket: Shared,
    pub watch: Watch,
    /// Whether it has carried a request before.
    pub reused: bool,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectError {
    Refused,
    Timeout,
    Tls,
}

/// Why there is no answer.
pub(crate) enum SendError {
    /// Nothing was sent: another connection may be tried.
    Unsent(Box<Request<RequestBody>>),
    /// The connection broke, or what came was no HTTP.
    Broken,
    Fired(Fired),
}

impl Target {
    pub(crate) fn new(
        address: SocketAddr,
        tls: Option<Arc<rustls::ClientConfig>>,
        counters: Rc<Zone>,
    ) -> Self {
        Self {
            address,
            tls,
            counters,
            cord: Cord::default(),
            idle: RefCell::default(),
            lines: Lines::default(),
            retired: Cell::new(false),
        }
    }

    /// An open connection that is good for a request, if there is one.
    pub(crate) fn reuse(&self, limit: Duration) -> Option<Box<Upstream>> {
        loop {
            let mut upstream = self.idle.borrow_mut().pop()?;
            if !upstream.watch.is_over() && upstream.is_alive() {
                upstream.watch.limit(limit);
                return Some(upstream);
            }
        }
    }

    /// Keeps a connection for the next request, if it can take one.
    pub(crate) fn keep(&self, mut upstream: Box<Upstream>) {
        if self.cord.is_cut() || self.retired.get() || !upstream.send.is_ready() {
            return;
        }
        upstream.reused = true;
        upstream.watch.touch();
        self.idle.borrow_mut().push(upstream);
    }

    /// Closes connections that stood idle for too long or that the target closed.
    pub(crate) fn sweep(&self) {
        if self.cord.is_cut() {
            self.lines.clear();
        }
        self.lines.sweep();
        let mut idle = self.idle.take();
        idle.retain_mut(|upstream| {
            !self.cord.is_cut()
                && !upstream.watch.is_over()
                && upstream
                    .connection
                    .poll_without_shutdown(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
        });
        self.idle.borrow_mut().extend(idle);
    }

    /// Takes no new requests from now on; those in flight go on.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.idle.borrow_mut().clear();
        self.lines.clear();
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.get()
    }

    pub(crate) fn idle_connections(&self) -> usize {
        self.idle.borrow().len() + self.lines.count()
    }

    /// A new socket to it.
    pub(crate) async fn open(&self, limit: Duration) -> Result<TcpStream, ConnectError> {
        let socket = tokio::time::timeout(limit, TcpStream::connect(self.address))
            .await
            .map_err(|_| ConnectError::Timeout)?
            .map_err(|_| ConnectError::Refused)?;
        // Only a matter of latency; not all sockets have it.
        let _ = socket.set_nodelay(true);
        Ok(socket)
    }

    /// A new connection.
    pub(crate) async fn connect(
        &self,
        clock: &Rc<Clock>,
        connect_limit: Duration,
        idle_limit: Duration,
    ) -> Result<Box<Upstream>, ConnectError> {
        let socket = Shared(Rc::new(RefCell::new(self.open(connect_limit).await?)));
        let io = match &self.tls {
            None => Io::Plain(socket.clone()),
            Some(config) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                let handshake =
                    TlsConnector::from(Arc::clone(config)).connect(name, socket.clone());
                let stream = tokio::time::timeout(connect_limit, handshake)
                    .await
                    .map_err(|_| ConnectError::Timeout)?
                    .map_err(|_| ConnectError::Tls)?;
                Io::Tls(Box::new(stream))
            }
        };
        let (send, connection) = http1::Builder::new()
            .max_header_size(RESPONSE_HEADER_LIMIT)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|_| ConnectError::Refused)?;
        Ok(Box::new(Upstream {
            send,
            connection,
            socket,
            watch: clock.watch(idle_limit, self.cord.clone()),
            reused: false,
        }))
    }
}

impl Upstream {
    /// Whether the target still listens at the other end, as far as one can tell.
    fn is_alive(&mut self) -> bool {
        if self
            .connection
            .poll_without_shutdown(&mut Context::from_waker(Waker::noop()))
            .is_ready()
        {
            return false;
        }
        // Readiness may be some ticks old; after a pause it is worth a system call to know.
        if self.watch.still_for() > 0 && !is_open(&self.socket.0.borrow()) {
            return false;
        }
        self.send.is_ready()
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let mut response = pin!(self.send.try_send_request(request));
        poll_fn(|cx| {
            let driven = self.connection.poll_without_shutdown(cx);
            if let Poll::Ready(answer) = response.as_mut().poll(cx) {
                self.watch.touch();
                return Poll::Ready(answer.map_err(|mut error| match error.take_message() {
                    Some(request) => SendError::Unsent(Box::new(request)),
                    None => SendError::Broken,
                }));
            }
            if driven.is_ready() {
                return Poll::Ready(Err(SendError::Broken));
            }
            match self.watch.poll(cx) {
                Some(fired) => Poll::Ready(Err(SendError::Fired(fired))),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Moves bytes; whatever it ends with is seen by the body that is being read.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        let _ = self.connection.poll_without_shutdown(cx);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.send.is_ready()
    }

    /// After a 101: the bare connection, and what was read of it already.
    pub(crate) async fn into_io(mut self) -> Option<(Io, Bytes)> {
        let done = poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await;
        done.ok()?;
        let parts = self.connection.into_parts();
        Some((parts.io.into_inner(), parts.read_buf))
    }
}

/// The body of a request on its way to the target.
pub(crate) struct RequestBody {
    incoming: Option<Incoming>,
    progress: Rc<Progress>,
}

/// How far a request's body has come, for whoever waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub complete: Cell<bool>,
    /// The client went away or sent what is no HTTP.
    pub failed: Cell<bool>,
    pub bytes: Cell<u64>,
    watch: RefCell<Option<Watch>>,
}

impl Progress {
    /// The watch to touch when something of the body comes.
    pub(crate) fn touch(&self, watch: &Watch) {
        *self.watch.borrow_mut() = Some(watch.clone());
    }
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, progress: &Rc<Progress>) -> Self {
        let empty = incoming.is_end_stream();
        progress.complete.set(empty);
        Self {
            incoming: (!empty).then_some(incoming),
            progress: Rc::clone(progress),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { incoming, progress } = &mut *self;
        let Some(incoming) = incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
        let ended = incoming.is_end_stream();
        if let Some(watch) = &*progress.watch.borrow() {
            watch.touch();
        }
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    progress.bytes.set(progress.bytes.get() + data.len() as u64);
                }
                if ended {
                    progress.complete.set(true);
                }
            }
            Some(Err(_)) => progress.failed.set(true),
            None => progress.complete.set(true),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// The bytes of a connection to a target.
#[derive(Debug)]
pub(crate) enum Io {
    Plain(Shared),
    Tls(Box<tokio_rustls::client::TlsStream<Shared>>),
}

/// Asks the system whether the other end neither closed nor sent anything.
pub(crate) fn is_open(socket: &TcpStream) -> bool {
    let peeked = socket2::SockRef::from(socket).peek(&mut [std::mem::MaybeUninit::uninit()]);
    matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// A socket that can be looked at while it is in use. Its reads are the stream's own, which know
/// from a short one that there is no more: that saves a system call a request.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Rc<RefCell<TcpStream>>);

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Io::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Io::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, buffer))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(cx, buffers))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}
