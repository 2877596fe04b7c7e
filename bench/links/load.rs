//! Clients that ask as fast as they are answered, and a target that answers at once.

use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const CLIENTS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(5);
const END: &[u8] = b"\r\n\r\n";

/// Prints and gives answers per second.
pub(crate) async fn measure(name: &str, address: SocketAddr, path: &str) -> f64 {
    let begin = Instant::now() + WARM_UP;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let request = request(path);
        clients.spawn(async move { client(address, &request, begin, begin + SPAN).await });
    }
    let mut all = Histogram::<u64>::new(3).expect("three digits are allowed");
    while let Some(one) = clients.join_next().await {
        all.add(one.expect("no client fails"))
            .expect("the same bounds");
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = all.len() as f64 / SPAN.as_secs_f64();
    let at = |quantile| Duration::from_micros(all.value_at_quantile(quantile));
    println!(
        "{name:<44} {rate:>12.0} {:>10.2?} {:>10.2?}",
        at(0.5),
        at(0.99)
    );
    rate
}

async fn client(
    address: SocketAddr,
    request: &[u8],
    begin: Instant,
    end: Instant,
) -> Histogram<u64> {
    let mut times = Histogram::new(3).expect("three digits are allowed");
    let mut stream = connect(address).await;
    let mut buffer = vec![0; 8192];
    loop {
        let asked = Instant::now();
        if asked >= end {
            return times;
        }
        let status = ask(&mut stream, request, &mut buffer).await;
        let text = String::from_utf8_lossy(&buffer[..600]);
        assert_eq!(status, 302, "{}", text.trim_end_matches('\0'));
        if asked >= begin {
            let micros = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
            times.record(micros).expect("it grows as needed");
        }
    }
}

/// So many clients, each connected before any asks; gives how many were sent on.
pub(crate) async fn herd(
    address: SocketAddr,
    path: &str,
    clients: usize,
    limit: Duration,
) -> usize {
    let mut streams = Vec::new();
    for _ in 0..clients {
        streams.push(connect(address).await);
    }
    let mut asking = JoinSet::new();
    for mut stream in streams {
        let request = request(path);
        asking.spawn(async move {
            let mut buffer = vec![0; 8192];
            timeout(limit, ask(&mut stream, &request, &mut buffer)).await
        });
    }
    let mut sent_on = 0;
    while let Some(answer) = asking.join_next().await {
        sent_on += usize::from(matches!(answer, Ok(Ok(302))));
    }
    sent_on
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("connect");
    stream.set_nodelay(true).expect("set an option");
    stream
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: sho.rt\r\nuser-agent: bench\r\n\r\n").into_bytes()
}

/// The status of an answer without a body.
async fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> u16 {
    stream.write_all(request).await.expect("ask");
    let mut length = 0;
    loop {
        let read = stream
            .read(&mut buffer[length..])
            .await
            .expect("read the answer");
        assert!(read > 0, "the connection ended");
        length += read;
        // Redirects have no body; what else comes ends the measurement, so that its body is not waited for.
        if buffer[..length]
            .windows(END.len())
            .any(|window| window == END)
        {
            let status = std::str::from_utf8(&buffer[9..12]).expect("digits");
            return status.parse().expect("a status");
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
