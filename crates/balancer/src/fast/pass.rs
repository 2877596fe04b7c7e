//! A plain request's way to its target, and the answer's way back: what moves the bytes.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::{self, Bad, Body, Head};
use super::line::Line;
use super::{Gone, Talk};
use crate::body::Claim;
use crate::choose::Choice;
use crate::core::View;
use crate::draft::Draft;
use crate::exchange::Exchange;
use crate::forward::{failed, no_connection};
use crate::front::Front;
use crate::upstream::RESPONSE_HEADER_LIMIT;
use crate::watch::Fired;

/// A request on its way, and what its answer depends on.
pub(super) struct Errand<'a> {
    pub front: &'a Rc<Front>,
    pub view: &'a Rc<View>,
    pub choice: &'a Choice,
    pub started: Instant,
    pub to_head: bool,
}

/// An answer of which the head is read and written to `out`.
pub(super) struct Answered {
    line: Line,
    claim: Claim,
    body: Body,
    /// Whether the target will take another request after the body.
    reusable: bool,
    idle_limit: Duration,
    front: Rc<Front>,
}

/// Why a connection to a target gave no answer.
enum Failure {
    /// Nothing was sent: another connection may be tried.
    Unsent,
    /// It broke, or what came cannot be passed on.
    Broken,
    Fired(Fired),
}

impl From<Bad> for Failure {
    fn from(Bad: Bad) -> Self {
        Self::Broken
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// Sends the request in `out` to its target and waits for the answer's head.
    pub(super) async fn pass_on(
        &mut self,
        errand: &Errand<'_>,
        draft: &mut Option<Box<Draft>>,
    ) -> Result<Result<Answered, StatusCode>, Gone> {
        let core = &errand.front.core;
        let target = &errand.choice.target;
        let attributes = &errand.view.plan.compiled.attributes;
        core.counters.requests.one();
        target.counters.requests.one();
        let idle_limit = Duration::from_millis(attributes.idle_timeout_ms);
        let connect_limit = Duration::from_millis(attributes.connect_timeout_ms);
        let outstanding = errand.choice.outstanding.clone();
        let claim = Claim::new(Rc::clone(target), errand.front, outstanding);
        let mut out = std::mem::take(&mut self.out);
        let mut pooled = target.lines.reuse(idle_limit);
        loop {
            let mut line = if let Some(line) = pooled.take() {
                line
            } else {
                let connecting = Line::connect(target, &core.clock, connect_limit, idle_limit);
                let mut connecting = pin!(connecting);
                match self.attended(|cx| connecting.as_mut().poll(cx)).await? {
                    Ok(line) => line,
                    Err(error) => return Ok(Err(no_connection(target, error).status)),
                }
            };
            line.watch.touch();
            // Nobody had to wait for a connection that was there.
            let sent = if line.reused {
                errand.started
            } else {
                Instant::now()
            };
            if let Some(draft) = draft {
                draft.sent = Some(sent);
            }
            let answer = self.attended(|cx| errand.poll(cx, &mut line, &mut out, sent, draft));
            let status = match answer.await? {
                Ok((body, reusable)) => {
                    self.out = out;
                    return Ok(Ok(Answered {
                        line,
                        claim,
                        body,
                        reusable,
                        idle_limit,
                        front: Rc::clone(errand.front),
                    }));
                }
                // It was closed while it stood idle.
                Err(Failure::Unsent) if line.reused => continue,
                Err(Failure::Fired(Fired::Idle)) => StatusCode::GATEWAY_TIMEOUT,
                Err(_) => StatusCode::BAD_GATEWAY,
            };
            return Ok(Err(failed(target, status).status));
        }
    }

    /// Does something for the client for as long as it is there. What it sends meanwhile waits.
    async fn attended<T>(
        &mut self,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Gone> {
        poll_fn(|cx| match work(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll_gone(cx).map(Err),
        })
        .await
    }

    /// Ready when the client has gone or has let too much time pass.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        while let Some(fired) = self.front.watch.poll(cx) {
            match fired {
                Fired::Idle => return Poll::Ready(Gone),
                // This exchange is the last.
                Fired::Cut => self.front.last.set(true),
            }
        }
        self.io.poll_gone(cx).map(|()| Gone)
    }

    /// Writes what is in `out` to the client, and the rest of an answer as it comes.
    pub(super) async fn write(&mut self, mut rest: Option<Answered>) -> Result<(), Gone> {
        let mut written = 0;
        poll_fn(|cx| {
            loop {
                let pending = if written < self.out.len() {
                    let io = Pin::new(&mut *self.io);
                    match io.poll_write(cx, &self.out[written..]) {
                        Poll::Ready(Ok(n)) if n > 0 => {
                            written += n;
                            continue;
                        }
                        Poll::Ready(_) => return Poll::Ready(Err(Gone)),
                        Poll::Pending => {
                            // The target need not wait for a slow client.
                            if let Some(rest) = &rest {
                                rest.line.watch.rest();
                            }
                            self.poll_gone(cx)
                        }
                    }
                } else {
                    self.out.clear();
                    written = 0;
                    let Some(coming) = &mut rest else {
                        return Poll::Ready(Ok(()));
                    };
                    match coming.poll(cx, &mut self.out) {
                        Poll::Ready(Ok(())) => {
                            rest = rest.take().and_then(Answered::into_rest);
                            continue;
                        }
                        // The client must see that it is not complete.
                        Poll::Ready(Err(Bad)) => return Poll::Ready(Err(Gone)),
                        Poll::Pending => {
                            // TLS may still hold some of what was written.
                            match Pin::new(&mut *self.io).poll_flush(cx) {
                                Poll::Ready(Err(_)) => return Poll::Ready(Err(Gone)),
                                _ => self.poll_gone(cx),
                            }
                        }
                    }
                };
                return pending.map(Err);
            }
        })
        .await
    }
}

impl Errand<'_> {
    /// Sends `out`, and when the answer's head is there, puts into it what the client gets. Says
    /// where the body ends and whether the connection will be good for another request.
    fn poll(
        &self,
        cx: &mut Context<'_>,
        line: &mut Line,
        out: &mut Vec<u8>,
        sent: Instant,
        draft: &mut Option<Box<Draft>>,
    ) -> Poll<Result<(Body, bool), Failure>> {
        while line.written < out.len() {
            match Pin::new(&mut line.stream).poll_write(cx, &out[line.written..]) {
                Poll::Ready(Ok(n)) => line.written += n,
                Poll::Ready(Err(_)) if line.written == 0 => {
                    return Poll::Ready(Err(Failure::Unsent));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Failure::Broken)),
                Poll::Pending => break,
            }
        }
        let input = &mut *self.front.core.input.borrow_mut();
        loop {
            let Poll::Ready(read) = line.poll_fill(cx, input) else {
                return match line.watch.poll(cx) {
                    None => Poll::Pending,
                    Some(fired) => Poll::Ready(Err(Failure::Fired(fired))),
                };
            };
            let Ok(n @ 1..) = read else {
                return Poll::Ready(Err(Failure::Broken));
            };
            let read = &input[..n];
            let seen = if line.early.is_empty() {
                read
            } else {
                line.early.extend_from_slice(read);
                &line.early
            };
            let mut room = answer::Room::default();
            if let Some(head) = answer::look(seen, self.to_head, &mut room)? {
                let whole = line.written == out.len();
                out.clear();
                let (body, reusable) = self.receive(head, seen, sent, draft, out)?;
                return Poll::Ready(Ok((body, reusable && whole)));
            }
            if seen.len() >= RESPONSE_HEADER_LIMIT {
                return Poll::Ready(Err(Failure::Broken));
            }
            if line.early.is_empty() {
                line.early.extend_from_slice(read);
            }
        }
    }

    /// Makes the target's answer the client's.
    fn receive(
        &self,
        head: Head<'_>,
        seen: &[u8],
        sent: Instant,
        draft: &mut Option<Box<Draft>>,
        out: &mut Vec<u8>,
    ) -> Result<(Body, bool), Failure> {
        if head.length > RESPONSE_HEADER_LIMIT {
            return Err(Failure::Broken);
        }
        let answered = Instant::now();
        let counters = &self.choice.target.counters;
        counters.target_answered(head.status, answered.duration_since(sent));
        if let Some(draft) = draft {
            draft.answered = Some(answered);
            draft.record.elb_status = head.status.as_u16();
            draft.record.target_status = Some(head.status.as_u16());
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            // Nobody asked for that.
            return Err(Failure::Broken);
        }
        let exchange = Exchange {
            front: self.front,
            view: self.view,
            started: self.started,
            draft: None,
        };
        let cookies = exchange.stick(self.choice, head.fields());
        head.write(&cookies, self.front.last.get(), SystemTime::now, out);
        let rest = &seen[head.length..];
        let mut body = head.body;
        match body.pass(rest, out) {
            Ok(used) => Ok((body, head.keep_alive && used == rest.len())),
            // The client gets what is good, and then sees that it is not complete.
            Err(Bad) => Ok((Body::Broken, false)),
        }
    }
}

impl Answered {
    /// What is still to come of the answer. If that is nothing, the connection is done with.
    pub(super) fn into_rest(self) -> Option<Self> {
        if !self.body.ended() {
            return Some(self);
        }
        if self.reusable {
            self.line.keep(&self.claim.target);
        }
        None
    }

    /// Reads more of the body and writes to `out` what the client gets.
    fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Bad>> {
        if matches!(self.body, Body::Broken) {
            return Poll::Ready(Err(Bad));
        }
        let input = &mut *self.front.core.input.borrow_mut();
        let Poll::Ready(read) = self.line.poll_fill(cx, input) else {
            return match self.line.watch.poll(cx) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(Err(Bad)),
            };
        };
        self.line.watch.limit(self.idle_limit);
        let read = &input[..read.map_err(|_| Bad)?];
        if read.is_empty() {
            self.reusable = false;
            return Poll::Ready(self.body.close(out));
        }
        let used = self.body.pass(read, out)?;
        self.reusable &= used == read.len();
        Poll::Ready(Ok(()))
    }
}
