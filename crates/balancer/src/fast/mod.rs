//! The short way: plain requests of HTTP/1.1 to plain targets go from socket to socket as bytes,
//! with the changes a load balancer makes. All else takes the general path, through hyper; both
//! give the same answers. A request is read, judged and sent, and later its answer read and
//! passed on, each in one go, out of one buffer of the core and without allocating.

mod answer;
mod chunks;
mod line;
mod names;
mod pass;
mod request;

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use http::{StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::line::Lines;
use self::request::{Introduction, Plain, Seen};
use crate::choose::Choice;
use crate::core::View;
use crate::draft::Draft;
use crate::exchange::Exchange;
use crate::fields::Fields;
use crate::front::{Front, InService};
use crate::front_io::{AHEAD, FrontIo};
use crate::pages;
use crate::plan::{Action, Compiled};
use crate::rules::Subject;
use crate::watch::Fired;

/// What a connection keeps for its next message; what a large one took is given back.
const KEPT: usize = 16 * 1024;

/// Why the short way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The connection has ended.
    Over,
    /// Nothing came for too long.
    Idle,
    /// What was read ahead is for the general path; how long the request is, if that is known.
    General { length: Option<u64> },
}

/// The client is not there any more, or cannot be told how it went on.
struct Gone;

/// Serves requests until one comes that is not plain.
pub(crate) async fn speak<S>(front: &Rc<Front>, io: &mut FrontIo<S>) -> Turn
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let out = Vec::new();
    let mut talk = Talk { front, io, out };
    loop {
        let begun = match talk.ask().await {
            Ok(begun) => begun,
            Err(Turn::Over) => break,
            Err(turn) => return turn,
        };
        match talk.exchange(begun).await {
            Ok(()) if front.last.get() => break,
            Ok(()) => {}
            // Whatever was said is not complete, and the client must see that.
            Err(Gone) => return Turn::Over,
        }
    }
    talk.bid_farewell().await;
    Turn::Over
}

struct Talk<'a, S> {
    front: &'a Rc<Front>,
    io: &'a mut FrontIo<S>,
    /// What is being written: the request to the target, then the answer to the client.
    out: Vec<u8>,
}

/// A request that was read and decided on.
struct Begun {
    view: Rc<View>,
    in_service: InService,
    started: Instant,
    draft: Option<Box<Draft>>,
    /// Where it goes, or why nowhere.
    choice: Result<Choice, StatusCode>,
    to_head: bool,
}

/// What the beginning of the bytes read is.
enum Step {
    Partial,
    /// A request of so many bytes, which are done with.
    Begun(Begun, usize),
    General(Option<u64>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// Waits for a request. The head for its target is then in `out`.
    async fn ask(&mut self) -> Result<Begun, Turn> {
        let Self { front, io, out } = self;
        // What was read with the request before has not been looked at yet.
        let mut unseen = !io.ahead.is_empty();
        let unknown = Turn::General { length: None };
        poll_fn(|cx| {
            match front.watch.poll(cx) {
                None => {}
                Some(Fired::Idle) => return Poll::Ready(Err(Turn::Idle)),
                Some(Fired::Cut) => {
                    front.last.set(true);
                    // A connection that was taken may ask once.
                    let first = front.requests.get() == 0;
                    return Poll::Ready(Err(if first { unknown } else { Turn::Over }));
                }
            }
            let input = &mut front.core.input.borrow_mut()[..AHEAD];
            loop {
                if unseen {
                    unseen = false;
                    match begin(front, &io.ahead, out) {
                        Step::Partial => {}
                        Step::General(length) => {
                            return Poll::Ready(Err(Turn::General { length }));
                        }
                        Step::Begun(begun, used) => {
                            io.ahead.drain(..used);
                            return Poll::Ready(Ok(begun));
                        }
                    }
                }
                let read = match ready!(io.poll_fill(cx, input)) {
                    Ok(n) if n > 0 => &input[..n],
                    _ if io.ahead.is_empty() => return Poll::Ready(Err(Turn::Over)),
                    // A head that breaks off is the parser's to judge.
                    _ => return Poll::Ready(Err(unknown)),
                };
                if io.ahead.is_empty()
                    && let Step::Begun(begun, used) = begin(front, read, out)
                {
                    io.ahead.extend_from_slice(&read[used..]);
                    return Poll::Ready(Ok(begun));
                }
                io.ahead.extend_from_slice(read);
                unseen = true;
            }
        })
        .await
    }

    /// Gets a request answered.
    async fn exchange(&mut self, begun: Begun) -> Result<(), Gone> {
        let front = self.front;
        let Begun {
            view,
            in_service,
            started,
            mut draft,
            choice,
            to_head,
        } = begun;
        let answered = match &choice {
            Ok(choice) => {
                let errand = pass::Errand {
                    front,
                    view: &view,
                    choice,
                    started,
                    to_head,
                };
                self.pass_on(&errand, &mut draft).await?
            }
            Err(status) => Err(*status),
        };
        let streaming = match answered {
            Ok(answered) => answered.into_rest(),
            Err(status) => {
                front.core.counters.answered(status);
                if let Some(draft) = &mut draft {
                    draft.record.elb_status = status.as_u16();
                }
                self.out.clear();
                own(status, to_head, front.last.get(), &mut self.out);
                None
            }
        };
        in_service.finish();
        let written = self.write(streaming).await;
        front.answered();
        if let Some(draft) = draft {
            draft.write(front);
        }
        for buffer in [&mut self.out, &mut self.io.ahead] {
            if buffer.capacity() > KEPT && buffer.len() <= KEPT {
                buffer.shrink_to(KEPT);
            }
        }
        written?;
        poll_fn(|cx| match front.watch.poll(cx) {
            Some(Fired::Idle) => Poll::Ready(Err(Gone)),
            _ => Pin::new(&mut *self.io).poll_flush(cx).map_err(|_| Gone),
        })
        .await
    }

    /// Says that nothing more will come.
    async fn bid_farewell(&mut self) {
        poll_fn(|cx| match self.front.watch.poll(cx) {
            Some(_) => Poll::Ready(()),
            // It may be gone already.
            None => Pin::new(&mut *self.io).poll_shutdown(cx).map(|_| ()),
        })
        .await;
    }
}

/// Looks at bytes from the beginning of a request. If it is plain and goes to a plain target, it
/// is decided on, and what the target gets is written to `out`.
fn begin(front: &Rc<Front>, bytes: &[u8], out: &mut Vec<u8>) -> Step {
    let mut room = request::Room::default();
    let plain = match request::look(bytes, &mut room) {
        Seen::Plain(plain) => plain,
        Seen::Partial => return Step::Partial,
        Seen::Other(length) => return Step::General(length),
    };
    let general = Step::General(Some(plain.length as u64));
    let Some(view) = front.core.view.borrow().clone() else {
        return general;
    };
    let compiled = &view.plan.compiled;
    let attributes = &compiled.attributes;
    let Some(index) = view.listeners.get(&front.slot) else {
        return general;
    };
    let subject = Subject {
        method: plain.method,
        authority: None,
        path: plain.path,
        query: plain.query,
        headers: Fields::Read(plain.fields),
        peer: front.peer.ip(),
    };
    let (action, priority, evaluated) = compiled.listeners[*index].decide(&subject);
    let Action::Forward(forward) = action else {
        return general;
    };
    let is_https = |(group, _): &(usize, u32)| compiled.groups[*group].https;
    if forward.groups.iter().any(is_https)
        || (plain.odd_names && attributes.drop_invalid_header_fields)
    {
        return general;
    }
    // From here on the request is taken.
    let in_service = InService::enter(front);
    let started = Instant::now();
    let counters = &front.core.counters;
    counters.rule_evaluations.add(evaluated);
    if plain.odd_names {
        counters.forwarded_invalid_header_requests.one();
    }
    if started.duration_since(front.started)
        >= Duration::from_millis(attributes.client_keep_alive_ms)
    {
        front.last.set(true);
    }
    let draft = front.core.log.is_some().then(|| {
        let mut draft = Draft::new(front, &view, &subject, Version::HTTP_11, started);
        draft.record.rule_priority = Some(priority);
        draft.record.actions = "forward";
        Box::new(draft)
    });
    let mut exchange = Exchange {
        front,
        view: &view,
        started,
        draft,
    };
    let choice = exchange.choose(forward, subject.headers);
    let mut draft = exchange.draft;
    if choice.is_ok() {
        let trace = introduce(front, compiled, &plain, started, out);
        if let Some(draft) = &mut draft {
            draft.record.trace_id = trace;
        }
    }
    let to_head = plain.method == "HEAD";
    let used = plain.length;
    let begun = Begun {
        in_service,
        started,
        draft,
        choice: choice.map_err(|refusal| refusal.status),
        to_head,
        view,
    };
    Step::Begun(begun, used)
}

/// Writes the request for the target. Gives its trace id, if somebody wants to know.
fn introduce(
    front: &Front,
    compiled: &Compiled,
    plain: &Plain<'_>,
    started: Instant,
    out: &mut Vec<u8>,
) -> String {
    let attributes = &compiled.attributes;
    let fresh = front.core.fresh_trace(started);
    let trace = plain.trace(&fresh);
    let tls = front
        .tls
        .as_ref()
        .filter(|_| attributes.tls_version_and_cipher_suite);
    let by = Introduction {
        xff_mode: attributes.xff_header_processing_mode,
        client: front.address[usize::from(attributes.xff_client_port)].as_bytes(),
        scheme: if front.tls.is_some() { "https" } else { "http" },
        port: front.port_header.as_bytes(),
        listener_port: front.port,
        preserve_host: attributes.preserve_host_header,
        tls: tls.map(|tls| (tls.version, &tls.cipher[..])),
    };
    out.clear();
    plain.write(&by, &trace, out);
    if front.core.log.is_some() {
        trace.into_owned()
    } else {
        String::new()
    }
}

/// Writes an answer of the load balancer's own, as hyper would.
fn own(status: StatusCode, to_head: bool, close: bool, out: &mut Vec<u8>) {
    let reason = status.canonical_reason();
    let body = pages::html(status);
    answer::status_line(status, reason.unwrap_or_else(|| pages::reason(status)), out);
    names::write(out, "server", pages::SERVER.as_bytes());
    names::write(out, "content-type", b"text/html");
    names::write(out, "content-length", body.len().to_string().as_bytes());
    if close {
        names::write(out, "connection", b"close");
    }
    let date = httpdate::fmt_http_date(SystemTime::now());
    names::write(out, "date", date.as_bytes());
    out.extend_from_slice(b"\r\n");
    if !to_head {
        out.extend_from_slice(&body);
    }
}
