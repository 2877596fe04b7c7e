//! Health checks on the wire: one request on a connection of its own, and what came of it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, Version};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::health::Outcome;
use crate::plan::Check;

type Empty = http_body_util::Empty<bytes::Bytes>;

/// Checks a target once.
pub(crate) async fn probe(
    check: &Check,
    target: SocketAddr,
    tls: &Arc<rustls::ClientConfig>,
) -> Outcome {
    let target = SocketAddr::new(target.ip(), check.port.unwrap_or(target.port()));
    match tokio::time::timeout(check.timeout, status(check, target, tls)).await {
        Err(_) => Outcome::Timeout,
        Ok(None) => Outcome::Failed,
        Ok(Some(code)) if check.matcher.accepts(code) => Outcome::Success,
        Ok(Some(code)) => Outcome::Mismatch(code),
    }
}

async fn status(check: &Check, target: SocketAddr, tls: &Arc<rustls::ClientConfig>) -> Option<u16> {
    let stream = TcpStream::connect(target).await.ok()?;
    if check.https {
        let name = ServerName::IpAddress(target.ip().into());
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await
            .ok()?;
        ask(check, target, stream).await
    } else {
        ask(check, target, stream).await
    }
}

async fn ask<S>(check: &Check, target: SocketAddr, stream: S) -> Option<u16>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut send, mut connection) = http1::handshake::<_, Empty>(TokioIo::new(stream))
        .await
        .ok()?;
    let scheme_port = if check.https { 443 } else { 80 };
    let host = if target.port() == scheme_port {
        match target {
            SocketAddr::V4(target) => target.ip().to_string(),
            SocketAddr::V6(target) => format!("[{}]", target.ip()),
        }
    } else {
        target.to_string()
    };
    let request = Request::get(&check.path)
        .version(Version::HTTP_11)
        .header(HOST, host)
        .header(CONNECTION, "close")
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .body(Empty::new())
        .ok()?;
    let mut answer = std::pin::pin!(send.send_request(request));
    // The head is enough; dropping the connection closes it.
    let answer = std::future::poll_fn(|cx| {
        let driven = connection.poll_without_shutdown(cx);
        match answer.as_mut().poll(cx) {
            std::task::Poll::Ready(answer) => std::task::Poll::Ready(answer.ok()),
            std::task::Poll::Pending if driven.is_ready() => std::task::Poll::Ready(None),
            std::task::Poll::Pending => std::task::Poll::Pending,
        }
    })
    .await;
    answer.map(|answer| answer.status().as_u16())
}
