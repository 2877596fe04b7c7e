//! Clients that ask as fast as they are answered, herds, and a target that answers at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

pub(crate) const CLIENTS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(5);
/// Longer than anybody waits for a redirect.
const PATIENCE: Duration = Duration::from_mins(1);
const END: &[u8] = b"\r\n\r\n";
/// What browsers send, because what is sent is looked at.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/142.0.0.0 Safari/537.36";

/// Times of answers.
pub(crate) struct Load(Histogram<u64>);

impl Load {
    fn new() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn per_second(&self) -> f64 {
        self.0.len() as f64 / SPAN.as_secs_f64()
    }

    pub(crate) fn time(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(quantile))
    }
}

/// Each client asks for a link of its own, `/bench0` and so on.
pub(crate) async fn measure(address: SocketAddr) -> Load {
    let begin = Instant::now() + WARM_UP;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let request = request(&format!("/bench{number}"));
        clients.spawn(async move { client(address, &request, begin, begin + SPAN).await });
    }
    let mut all = Load::new();
    while let Some(one) = clients.join_next().await {
        all.0
            .add(one.expect("no client fails").0)
            .expect("the same bounds");
    }
    all
}

async fn client(address: SocketAddr, request: &[u8], begin: Instant, end: Instant) -> Load {
    let mut times = Load::new();
    let mut stream = connect(address).await.expect("connect");
    let mut buffer = vec![0; 8192];
    loop {
        let asked = Instant::now();
        if asked >= end {
            return times;
        }
        let status = ask(&mut stream, request, &mut buffer).await.expect("ask");
        let text = String::from_utf8_lossy(&buffer[..600]);
        assert_eq!(status, 302, "{}", text.trim_end_matches('\0'));
        if asked >= begin {
            let micros = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
            times.0.record(micros).expect("it grows as needed");
        }
    }
}

/// So many clients who come at the same moment, each by a connection of its own; gives what became of them: a status,
/// or why there is none.
pub(crate) async fn herd(
    address: SocketAddr,
    path: &str,
    clients: usize,
) -> BTreeMap<String, usize> {
    let mut coming = JoinSet::new();
    for _ in 0..clients {
        let request = request(path);
        coming.spawn(async move {
            let visit = async {
                let mut stream = connect(address).await?;
                ask(&mut stream, &request, &mut vec![0; 8192]).await
            };
            match timeout(PATIENCE, visit).await {
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer in {PATIENCE:?}"),
            }
        });
    }
    let mut outcomes = BTreeMap::new();
    while let Some(outcome) = coming.join_next().await {
        *outcomes
            .entry(outcome.expect("no client panics"))
            .or_default() += 1;
    }
    outcomes
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: sho.rt\r\nuser-agent: {AGENT}\r\n\r\n").into_bytes()
}

/// The status of an answer without a body.
async fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> std::io::Result<u16> {
    stream.write_all(request).await?;
    let mut length = 0;
    loop {
        let read = stream.read(&mut buffer[length..]).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
        // Redirects have no body; what else comes ends the measurement, so that its body is not waited for.
        if buffer[..length]
            .windows(END.len())
            .any(|window| window == END)
        {
            let status = std::str::from_utf8(&buffer[9..12]).expect("digits");
            return Ok(status.parse().expect("a status"));
        }
    }
}

/// Answers every request as the service would, and does nothing else.
pub(crate) async fn trivial() -> SocketAddr {
    const ANSWER: &[u8] =
        b"HTTP/1.1 302 Found\r\nlocation: https://example.org/\r\ncontent-length: 0\r\n\r\n";
    const HEALTHY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = listener.local_addr().expect("read the address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 8192];
                let mut length = 0;
                while let Ok(read @ 1..) = stream.read(&mut buffer[length..]).await {
                    length += read;
                    if !buffer[..length].ends_with(END) {
                        continue;
                    }
                    let healthy = buffer.starts_with(b"GET /health");
                    length = 0;
                    let answer = if healthy { HEALTHY } else { ANSWER };
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
