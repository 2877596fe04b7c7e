//! How long a client may keep a connection waiting.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// The bounds of one gateway's connections.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the connection, or the answer before, to the end of a request's head.
    pub head: Duration,
    /// Between two pieces of a request's body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            // S3 closes a connection on which nothing came for this long.
            body: Duration::from_secs(20),
        }
    }
}

/// Why a body ended before it was whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("nothing came for too long")]
    Stalled,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl BodyError {
    /// What AWS tells a client that sent nothing for too long.
    pub(crate) const STALLED: &'static str = "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.";

    /// Whether `error` came about because the client stalled.
    pub(crate) fn stalled(error: &(dyn Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            if matches!(error.downcast_ref(), Some(Self::Stalled)) {
                return true;
            }
            next = error.source();
        }
        false
    }
}

/// A request's body that ends with [`BodyError::Stalled`] when nothing more of it comes.
pub(crate) struct Watched {
    body: Incoming,
    idle: Duration,
    /// Set only while there is something to wait for.
    until: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    pub(crate) fn new(body: Incoming, idle: Duration) -> Self {
        Self {
            body,
            idle,
            until: None,
        }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.until = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let idle = this.idle;
        let until = this
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + idle)));
        ready!(until.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyError::Stalled)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
