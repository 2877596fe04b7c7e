//! Requests through the load balancer at a rate, from users who do not wait for each other: when
//! the service is slow, they still come. They come from a thread of their own, and there is a
//! bound on how many wait at a time, as there is on what one machine can play.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::task::LocalSet;

use crate::entrance::{Entrance, Stream};

/// The longest that anybody waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is seen who is due.
const BEAT: Duration = Duration::from_millis(2);

/// A connection's own half that sends.
type Sender = SendRequest<Full<Bytes>>;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) entrance: Entrance,
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    /// JSON, or nothing.
    pub(crate) body: &'static str,
}

impl Ask {
    pub(crate) fn get(entrance: Entrance, path: &str) -> Self {
        Self {
            entrance,
            method: Method::GET,
            path: path.to_owned(),
            body: "",
        }
    }

    /// Asks once; the status and the body of the answer.
    ///
    /// # Errors
    /// If there is no answer.
    pub(crate) async fn send(&self) -> Result<(u16, Bytes)> {
        let exchange = async {
            let (mut sender, connection) = self.connect().await?;
            let answer = async { answer(sender.send_request(self.request()?).await?).await };
            tokio::select! {
                answer = answer => answer,
                ended = connection => {
                    ended?;
                    bail!("the connection ended without an answer")
                }
            }
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| bail!("there was no answer in {} s", PATIENCE.as_secs()))
            .with_context(|| format!("{} {}", self.method, self.path))
    }

    async fn connect(&self) -> Result<(Sender, Connection<TokioIo<Stream>, Full<Bytes>>)> {
        let stream = self.entrance.connect().await?;
        Ok(handshake(TokioIo::new(stream)).await?)
    }

    fn request(&self) -> Result<Request<Full<Bytes>>> {
        Ok(Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header(header::HOST, self.entrance.host())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(self.body))?)
    }
}

async fn answer(response: Response<Incoming>) -> Result<(u16, Bytes)> {
    let (head, body) = response.into_parts();
    Ok((head.status.as_u16(), body.collect().await?.to_bytes()))
}

/// What became of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many were answered, by status.
    pub(crate) answered: BTreeMap<u16, u64>,
    /// How many were not, by the reason.
    pub(crate) unanswered: BTreeMap<String, u64>,
    /// How long the answers took, in microseconds.
    latencies: Vec<u32>,
}

impl Seen {
    pub(crate) fn sent(&self) -> u64 {
        self.answered.values().chain(self.unanswered.values()).sum()
    }

    /// Without an answer, or with one of a server that could not give a better one.
    pub(crate) fn failed(&self) -> u64 {
        let errors = self.answered.range(500..).map(|(_, count)| count);
        errors.chain(self.unanswered.values()).sum()
    }

    pub(crate) fn served(&self) -> u64 {
        self.sent() - self.failed()
    }

    pub(crate) fn redirects(&self) -> u64 {
        self.answered.range(300..400).map(|(_, count)| count).sum()
    }

    pub(crate) fn add(&mut self, more: Self) {
        for (status, count) in more.answered {
            *self.answered.entry(status).or_default() += count;
        }
        for (reason, count) in more.unanswered {
            *self.unanswered.entry(reason).or_default() += count;
        }
        self.latencies.extend(more.latencies);
    }

    /// The latency that so many percent of the answers stayed below; zero without any.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        let Some(last) = sorted.len().checked_sub(1) else {
            return Duration::ZERO;
        };
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        let (_, found, _) = sorted.select_nth_unstable(at.min(last));
        Duration::from_micros(u64::from(*found))
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests", self.sent())?;
        for (status, count) in &self.answered {
            write!(f, ", {count} × {status}")?;
        }
        for (reason, count) in &self.unanswered {
            write!(f, ", {count} × {reason}")?;
        }
        if !self.latencies.is_empty() {
            let milliseconds = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
            write!(
                f,
                "; half within {:.1} ms, 99 % within {:.1} ms",
                milliseconds(50),
                milliseconds(99)
            )?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// Requests a second, as the bits of an `f64`.
    rate: AtomicU64,
    stop: AtomicBool,
    seen: Mutex<Seen>,
}

impl Shared {
    fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Ordering::Relaxed))
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Load that goes on until it is dropped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins with so many requests a second, of each kind in turn. At most so many users wait at
    /// a time: who comes then is counted as turned away.
    pub(crate) fn start(asks: Vec<Ask>, rate: f64, users: usize) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        shared.rate.store(rate.to_bits(), Ordering::Relaxed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no thread could be started")?;
        let sharing = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || LocalSet::new().block_on(&runtime, come(asks, users, sharing)))
            .context("no thread could be started")?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn set_rate(&self, rate: f64) {
        self.shared.rate.store(rate.to_bits(), Ordering::Relaxed);
    }

    /// What was seen since this was last asked.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *self.shared.seen())
    }
}

impl Drop for Load {
    /// Those who wait are not waited for.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Who waits, and connections on which nobody does.
#[derive(Default)]
struct Users {
    waiting: Cell<usize>,
    idle: RefCell<Vec<Sender>>,
}

/// Lets users come as they are due.
async fn come(asks: Vec<Ask>, most: usize, shared: Arc<Shared>) {
    let asks: Vec<Rc<Ask>> = asks.into_iter().map(Rc::new).collect();
    let mut turns = asks.iter().cycle();
    let users = Rc::<Users>::default();
    let mut due = 0.0;
    let mut looked = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        tokio::time::sleep(BEAT).await;
        let now = Instant::now();
        due += shared.rate() * now.duration_since(looked).as_secs_f64();
        looked = now;
        while due >= 1.0 && users.waiting.get() < most {
            let Some(ask) = turns.next() else { return };
            due -= 1.0;
            users.waiting.set(users.waiting.get() + 1);
            let (ask, users, shared) = (Rc::clone(ask), Rc::clone(&users), Arc::clone(&shared));
            tokio::task::spawn_local(async move {
                let outcome = tokio::time::timeout(PATIENCE, one(&ask, &users)).await;
                users.waiting.set(users.waiting.get() - 1);
                let took = u32::try_from(now.elapsed().as_micros()).unwrap_or(u32::MAX);
                let mut seen = shared.seen();
                let reason = match outcome {
                    Ok(Ok(status)) => {
                        *seen.answered.entry(status).or_default() += 1;
                        seen.latencies.push(took);
                        return;
                    }
                    Ok(Err(error)) => format!("{error:#}"),
                    Err(_) => format!("no answer in {} s", PATIENCE.as_secs()),
                };
                *seen.unanswered.entry(reason).or_default() += 1;
            });
        }
        if due >= 1.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and not negative"
            )]
            let away = due.trunc() as u64;
            due = due.fract();
            let mut seen = shared.seen();
            *seen.unanswered.entry("turned away".to_owned()).or_default() += away;
        }
    }
}

/// One request, on a connection that is there or a new one; its status.
async fn one(ask: &Ask, users: &Users) -> Result<u16> {
    let mut sender = loop {
        let Some(mut idle) = users.idle.borrow_mut().pop() else {
            let (sender, connection) = ask.connect().await?;
            tokio::task::spawn_local(connection);
            break sender;
        };
        // The other side may have closed it meanwhile.
        if idle.ready().await.is_ok() {
            break idle;
        }
    };
    let (status, _) = answer(sender.send_request(ask.request()?).await?).await?;
    users.idle.borrow_mut().push(sender);
    Ok(status)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};

    use super::*;

    fn seen(answers: &[(u16, u64)], latencies: &[u32]) -> Seen {
        Seen {
            answered: answers.iter().copied().collect(),
            unanswered: BTreeMap::new(),
            latencies: latencies.to_vec(),
        }
    }

    #[test]
    fn what_failed_is_told_from_what_was_served() {
        let mut all = seen(&[(302, 7), (404, 1), (503, 2)], &[1_000, 2_000]);
        let mut more = seen(&[(302, 1)], &[3_000]);
        more.unanswered.insert("turned away".to_owned(), 4);
        all.add(more);
        assert_eq!((all.sent(), all.failed(), all.served()), (15, 6, 9));
        assert_eq!(all.redirects(), 8);
        assert_eq!(
            all.to_string(),
            "15 requests, 8 × 302, 1 × 404, 2 × 503, 4 × turned away; half within 2.0 ms, 99 % within 3.0 ms"
        );
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let hundred: Vec<u32> = (1..=100).rev().map(|number| number * 1_000).collect();
        let all = seen(&[(200, 100)], &hundred);
        for (percent, milliseconds) in [(1, 1), (50, 50), (99, 99), (100, 100)] {
            assert_eq!(all.percentile(percent), Duration::from_millis(milliseconds));
        }
        assert_eq!(Seen::default().percentile(99), Duration::ZERO);
        assert_eq!(Seen::default().to_string(), "0 requests");
    }

    /// Answers every other request 200, the others 503; ends with the test.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let turn = Arc::new(AtomicU64::new(0));
            for mut stream in listener.incoming().flatten() {
                let turn = Arc::clone(&turn);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone()?);
                    let mut line = String::new();
                    while lines.read_line(&mut line)? > 0 {
                        if line.trim_end().is_empty() {
                            let even = turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
                            let status = if even { "200 OK" } else { "503 Busy" };
                            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok")?;
                        }
                        line.clear();
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        address
    }

    #[test]
    fn users_come_at_the_rate_and_not_after_the_end() {
        let ask = Ask::get(Entrance::plain(server()), "/");
        let load = Load::start(vec![ask], 500.0, 64).expect("it starts");
        let begun = Instant::now();
        let mut all = Seen::default();
        while all.sent() < 200 && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
            all.add(load.take());
        }
        let took = begun.elapsed().as_secs_f64();
        assert!(all.unanswered.is_empty(), "{all}");
        assert!(all.failed().abs_diff(all.served()) <= 2, "{all}");
        // Never faster than asked for; how much slower is the machine's affair.
        let sent = u32::try_from(all.sent()).expect("few");
        assert!(f64::from(sent) <= 500.0 * took + 10.0, "{all} in {took} s");
        load.set_rate(0.0);
        drop(load);
    }

    #[test]
    fn who_finds_nobody_says_so() {
        let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
        let ask = Ask {
            entrance: Entrance::plain(nobody.local_addr().expect("an address")),
            method: Method::POST,
            path: "/".to_owned(),
            body: "",
        };
        drop(nobody);
        let load = Load::start(vec![ask], 100.0, 64).expect("it starts");
        let begun = Instant::now();
        let mut all = Seen::default();
        while all.sent() == 0 && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
            all.add(load.take());
        }
        assert!(all.failed() > 0 && all.served() == 0, "{all}");
    }
}
