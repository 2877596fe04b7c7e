//! The body of an answer on its way to the client.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::draft::Draft;
use crate::front::Front;
use crate::upstream::{Target, Upstream};
use crate::watch::Fired;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct AnswerBody {
    kind: Kind,
    front: Rc<Front>,
    /// Becomes an access log line when the answer is complete.
    draft: Option<Box<Draft>>,
}

enum Kind {
    Empty,
    Full(Bytes),
    /// What a target sends, and the connection it comes on until that is complete.
    Streaming {
        incoming: Incoming,
        lease: Option<Lease>,
    },
}

/// The use of a connection by one request.
pub(crate) struct Lease {
    pub upstream: Box<Upstream>,
    pub claim: Claim,
}

/// A request's claim on a target: counted while it lasts.
pub(crate) struct Claim {
    pub target: Rc<Target>,
    front: Rc<Front>,
    outstanding: Option<Arc<AtomicUsize>>,
}

impl Claim {
    pub(crate) fn new(
        target: Rc<Target>,
        front: &Rc<Front>,
        outstanding: Option<Arc<AtomicUsize>>,
    ) -> Self {
        if let Some(outstanding) = &outstanding {
            outstanding.fetch_add(1, Ordering::Relaxed);
        }
        front.core.counters.active_connections.one();
        Self {
            target,
            front: Rc::clone(front),
            outstanding,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(outstanding) = &self.outstanding {
            outstanding.fetch_sub(1, Ordering::Relaxed);
        }
        self.front.core.counters.active_connections.less();
    }
}

impl Lease {
    /// The answer is complete: the connection may serve another request.
    fn end(self) {
        self.claim.target.keep(self.upstream);
    }
}

impl AnswerBody {
    pub(crate) fn full(front: &Rc<Front>, bytes: Bytes, draft: Option<Box<Draft>>) -> Self {
        let kind = if bytes.is_empty() {
            Kind::Empty
        } else {
            Kind::Full(bytes)
        };
        Self {
            kind,
            front: Rc::clone(front),
            draft,
        }
    }

    pub(crate) fn streaming(
        front: &Rc<Front>,
        incoming: Incoming,
        lease: Lease,
        draft: Option<Box<Draft>>,
    ) -> Self {
        let kind = if incoming.is_end_stream() && lease.upstream.is_ready() {
            lease.end();
            Kind::Empty
        } else {
            Kind::Streaming {
                incoming,
                lease: Some(lease),
            }
        };
        Self {
            kind,
            front: Rc::clone(front),
            draft,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Streaming { incoming, lease } => {
                let mut polled = Pin::new(&mut *incoming).poll_frame(cx);
                if polled.is_pending()
                    && let Some(lease) = lease.as_mut()
                {
                    lease.upstream.drive(cx);
                    polled = Pin::new(&mut *incoming).poll_frame(cx);
                    if polled.is_pending() {
                        return match lease.upstream.watch.poll(cx) {
                            None => Poll::Pending,
                            Some(Fired::Idle) => {
                                Poll::Ready(Some(Err("the target stopped sending".into())))
                            }
                            Some(Fired::Cut) => {
                                Poll::Ready(Some(Err("the target was deregistered".into())))
                            }
                        };
                    }
                }
                let Poll::Ready(frame) = polled else {
                    return Poll::Pending;
                };
                if let Some(lease) = lease.as_ref() {
                    lease.upstream.watch.touch();
                }
                let ended = frame.is_none() || incoming.is_end_stream();
                if matches!(frame, Some(Err(_))) {
                    *lease = None;
                } else if ended && let Some(mut lease) = lease.take() {
                    if !lease.upstream.is_ready() {
                        lease.upstream.drive(cx);
                    }
                    lease.end();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Streaming { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streaming { incoming, .. } => incoming.size_hint(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.front.answered();
        if let Some(draft) = self.draft.take() {
            draft.write(&self.front);
        }
    }
}
