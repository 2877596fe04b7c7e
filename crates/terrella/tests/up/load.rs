//! Requests through the load balancer, one after the other on a few connections, for as long as
//! something else goes on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;

const CLIENTS: usize = 4;
/// Between two requests of a client: enough load to notice, little enough for two cores.
const PAUSE: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// One request on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &'static str,
) -> Result<Response<Bytes>, String> {
    let request: Request<Full<Bytes>> = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, address.to_string())
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::from(body))
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let stream = tokio::net::TcpStream::connect(address)
            .await
            .map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        }
        .await;
        connection.abort();
        answer.map_err(|error: hyper::Error| error.to_string())
    };
    tokio::time::timeout(LIMIT, exchange)
        .await
        .unwrap_or_else(|_| Err(format!("no answer in {LIMIT:?}")))
}

#[derive(Default)]
struct Seen {
    served: AtomicU64,
    failures: Mutex<Vec<String>>,
    stop: AtomicBool,
}

pub(crate) struct Load {
    seen: Arc<Seen>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let seen = Arc::<Seen>::default();
        let clients = (0..CLIENTS)
            .map(|_| {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || runtime().block_on(client(address, &seen)))
            })
            .collect();
        Self { seen, clients }
    }

    /// Waits until as many more requests were served.
    pub(crate) fn served(&self, more: u64) {
        let (begun, from) = (Instant::now(), self.seen.served.load(Ordering::SeqCst));
        while self.seen.served.load(Ordering::SeqCst) < from + more {
            let failures = self.seen.failures.lock().expect("nobody panicked").len();
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "requests are not served; {failures} failed"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn end(self) -> Ended {
        self.seen.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("a client ended");
        }
        Ended {
            served: self.seen.served.load(Ordering::SeqCst),
            failures: self.seen.failures.lock().expect("nobody panicked").clone(),
        }
    }
}

pub(crate) struct Ended {
    served: u64,
    failures: Vec<String>,
}

impl Ended {
    pub(crate) fn assert_all_served(&self) {
        assert!(self.served > 0, "nothing was served");
        let first = &self.failures[..self.failures.len().min(5)];
        assert!(
            first.is_empty(),
            "{} failed beside {} served, such as {first:?}",
            self.failures.len(),
            self.served
        );
        eprintln!("{} requests, all served", self.served);
    }
}

/// The page, which needs no database, and readiness, which does.
async fn client(address: SocketAddr, seen: &Seen) {
    let mut paths = ["/", "/health/ready"].iter().cycle();
    while !seen.stop.load(Ordering::SeqCst) {
        let path = paths.next().expect("it goes round");
        match send(address, "GET", path, "").await {
            Ok(answer) if answer.status().is_success() => {
                seen.served.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => seen.fail(format!("{path}: {}", answer.status())),
            Err(error) => seen.fail(format!("{path}: {error}")),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Seen {
    fn fail(&self, failure: String) {
        self.failures.lock().expect("nobody panicked").push(failure);
    }
}
