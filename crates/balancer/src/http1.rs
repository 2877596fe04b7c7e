//! HTTP/1.1 with a client: which way each request takes, and how a connection ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::exchange;
use crate::fast::{self, Turn};
use crate::front::{Front, HEADERS_LIMIT, LINE_LIMIT};
use crate::front_io::FrontIo;
use crate::pages;
use crate::upstream::Io;
use crate::watch::Fired;

/// Serves a connection: plain requests the short way, others one by one the general way.
pub(crate) async fn speak<S>(front: Rc<Front>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut io = FrontIo::new(stream, Rc::clone(&front));
    loop {
        match fast::speak(&front, &mut io).await {
            Turn::Over => return,
            Turn::Idle => return give_up(&front, io).await,
            Turn::General { length } => front.share.set(length),
        }
        io = match speak_generally(&front, io).await {
            End::Answered(io) => io,
            End::Idle(io) => return give_up(&front, io).await,
            End::Closed => return,
        };
    }
}

/// How the general way ends.
enum End<S> {
    /// With an answer to the one request that was its share.
    Answered(FrontIo<S>),
    /// Nothing happened for too long.
    Idle(FrontIo<S>),
    Closed,
}

async fn speak_generally<S>(front: &Rc<Front>, io: FrontIo<S>) -> End<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(|request| exchange::serve(Rc::clone(front), request));
    let mut connection = http1::Builder::new()
        .max_header_size(HEADERS_LIMIT + 2 * LINE_LIMIT)
        .serve_connection(TokioIo::new(io), service);
    if front.last.get() {
        Pin::new(&mut connection).graceful_shutdown();
    }
    let before = front.requests.get();
    let idle = poll_fn(|cx| {
        match front.watch.poll(cx) {
            Some(Fired::Idle) => return Poll::Ready(Some(true)),
            Some(Fired::Cut) => {
                front.last.set(true);
                Pin::new(&mut connection).graceful_shutdown();
                // What was taken must be asked for again.
                cx.waker().wake_by_ref();
            }
            None => {}
        }
        match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(ended) => {
                if ended.is_err() {
                    front.upgrade.take();
                }
                Poll::Ready(None)
            }
            Poll::Pending if front.has_answered_its_share(before) => Poll::Ready(Some(false)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    let parts = connection.into_parts();
    let io = parts.io.into_inner();
    match idle {
        Some(true) => End::Idle(io),
        Some(false) => End::Answered(io),
        None => {
            let target = front.upgrade.take();
            if let Some((target, from_target)) = target {
                splice(front, io, parts.read_buf, target, from_target).await;
            }
            End::Closed
        }
    }
}

/// Ends a connection on which nothing happened for too long.
async fn give_up<S>(front: &Rc<Front>, mut io: FrontIo<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !front.waits_for_a_request() {
        return;
    }
    front.core.counters.answered(StatusCode::REQUEST_TIMEOUT);
    let page = pages::raw(StatusCode::REQUEST_TIMEOUT, SystemTime::now());
    let farewell = async {
        io.write_raw(&page).await?;
        io.shutdown().await
    };
    // Whoever was slow to ask may be slow to listen.
    let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
}

/// Passes bytes both ways until either side is done or nothing happens for too long.
async fn splice<S>(
    front: &Rc<Front>,
    mut client: FrontIo<S>,
    from_client: Bytes,
    mut target: Io,
    from_target: Bytes,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    front.core.counters.active_connections.one();
    front.watch.limit(front.idle_limit());
    front.hand_over();
    let passing = async {
        target.write_all(&from_client).await?;
        client.write_all(&from_target).await?;
        tokio::io::copy_bidirectional(&mut client, &mut target).await
    };
    let mut passing = std::pin::pin!(passing);
    poll_fn(|cx| {
        if front.watch.poll(cx).is_some() {
            return Poll::Ready(());
        }
        passing.as_mut().poll(cx).map(|_| ())
    })
    .await;
    front.core.counters.active_connections.less();
}
