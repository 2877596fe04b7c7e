//! Connections: each is served until it closes, whichever way it came.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use engine::{Engine, StoreError};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use s3s::service::S3Service;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::api::{MOST_BODY, announced_too_large, request_id};
use crate::inside::Given;
use crate::patience::{BodyError, Patience, Watched};
use crate::registry::Registry;
use crate::route::{Target, scope_service, target};
use crate::s3::Files;
use crate::sigv4::Verifier;
use crate::tls::Authority;
use crate::via::{Via, Way};

/// The longest first line of a forwarded connection.
const MOST_VIA: u64 = 4096;

pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("{what} could not be made in {path}")]
    Folder {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// Everything that answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    data: PathBuf,
    verifier: Verifier,
    s3: S3Service,
    objects: Files,
    registry: Registry,
    tls: TlsAcceptor,
    given: Given,
    patience: Patience,
}

impl Gateway {
    /// Serves `engine`, keeping bulk bytes and its certificate authority under `data`.
    ///
    /// # Errors
    /// If a folder cannot be made there.
    pub fn new(engine: Arc<Engine>, data: &Path) -> Result<Self, GatewayError> {
        Self::with_patience(engine, data, Patience::default())
    }

    /// [`Self::new`], with bounds of one's own for slow clients.
    ///
    /// # Errors
    /// If a folder cannot be made there.
    pub fn with_patience(
        engine: Arc<Engine>,
        data: &Path,
        patience: Patience,
    ) -> Result<Self, GatewayError> {
        let folder = |what| {
            move |source| GatewayError::Folder {
                what,
                path: data.to_owned(),
                source,
            }
        };
        let (s3, objects) =
            crate::s3::service(&engine, data).map_err(folder("the store of objects"))?;
        let registry = Registry::open(&engine, data).map_err(folder("the registry of images"))?;
        let tls = Authority::open(data)
            .and_then(|authority| authority.server_config())
            .map_err(folder("the certificate authority"))?;
        Ok(Self(Arc::new(Inner {
            engine,
            data: data.to_owned(),
            verifier: Verifier::default(),
            s3,
            objects,
            registry,
            tls: TlsAcceptor::from(Arc::new(tls)),
            given: Given::default(),
            patience,
        })))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// Where bulk bytes and certificates are.
    pub(crate) fn data(&self) -> &Path {
        &self.0.data
    }

    pub(crate) fn s3(&self) -> &S3Service {
        &self.0.s3
    }

    /// Empties the region, and removes the bytes of its objects.
    pub(crate) async fn reset(&self) -> Result<(), StoreError> {
        let engine = Arc::clone(&self.0.engine);
        let blobs = engine.read(|region, _| crate::s3::blobs(region));
        tokio::task::spawn_blocking(move || engine.reset())
            .await
            .unwrap_or(Err(StoreError::Panicked))?;
        self.0.objects.forget(blobs.into_iter().collect()).await;
        Ok(())
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// Serves clients on this machine, for ever.
    pub async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection could not be tuned");
                    }
                    let gateway = self.clone();
                    tokio::spawn(async move {
                        gateway
                            .connection(stream, Via::host(peer.to_string()))
                            .await;
                    });
                }
                Err(error) => rest_after(&error).await,
            }
        }
    }

    /// Serves connections that come from inside the region's networks, for ever.
    pub async fn serve_inside(self, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let gateway = self.clone();
                    tokio::spawn(async move {
                        if let Err(error) = gateway.forwarded(stream).await {
                            tracing::debug!(%error, "a forwarded connection ended");
                        }
                    });
                }
                Err(error) => rest_after(&error).await,
            }
        }
    }

    async fn forwarded(self, stream: UnixStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        {
            use tokio::io::AsyncReadExt;
            let mut head = (&mut stream).take(MOST_VIA);
            head.read_until(b'\n', &mut line).await?;
        }
        let via: Via = serde_json::from_slice(&line).map_err(io::Error::other)?;
        // A TLS handshake begins with this byte; HTTP never does.
        let tls = stream.fill_buf().await?.first() == Some(&0x16);
        if tls {
            let handshake = self.0.tls.accept(stream);
            let stream = tokio::time::timeout(self.0.patience.head, handshake).await??;
            self.connection(stream, via).await;
        } else {
            self.connection(stream, via).await;
        }
        Ok(())
    }

    async fn connection<S>(self, stream: S, via: Via)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let via = Arc::new(via);
        let head = self.0.patience.head;
        // Which protocol is spoken is seen from the first bytes, and nothing else waits for those.
        let begun = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&begun);
        let service = hyper::service::service_fn(move |request| {
            noted.store(true, Ordering::Relaxed);
            let gateway = self.clone();
            let via = Arc::clone(&via);
            async move { Ok::<_, Infallible>(gateway.handle(request, &via).await) }
        });
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(head);
        let served = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(served);
        let ended = match tokio::time::timeout(head, &mut served).await {
            Ok(ended) => ended,
            Err(_) if !begun.load(Ordering::Relaxed) => return,
            Err(_) => served.await,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke off");
        }
    }

    async fn handle(&self, request: Request<Incoming>, via: &Via) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        // HTTP/2 has the host in `:authority`; signatures and S3 want it as a header.
        if !parts.headers.contains_key(http::header::HOST)
            && let Some(authority) = parts.uri.authority()
            && let Ok(host) = authority.as_str().parse()
        {
            parts.headers.insert(http::header::HOST, host);
        }
        if via.via == Way::Task {
            return whole(self.answer_task(&parts, via, &self.0.given).await);
        }
        match target(&parts) {
            Target::Admin => match self.collect(&parts, body).await {
                Ok(bytes) => whole(self.administer(&parts, &bytes, via).await),
                Err(error) => whole(crate::admin::refusal(&error)),
            },
            Target::Notifications => whole(self.notify(&parts).await),
            Target::S3 => {
                let body = Watched::new(body, self.0.patience.body);
                self.store(parts, body).await
            }
            Target::Service(service) => {
                let bytes = match self.collect(&parts, body).await {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        let nothing = Bytes::new();
                        let request = wire::RequestParts::new(&parts, &nothing);
                        let kind = wire::protocol_of(service, &request);
                        return whole(wire::render_error(
                            kind,
                            service,
                            None,
                            &error,
                            &request_id(),
                        ));
                    }
                };
                whole(self.call(service, &parts, bytes).await)
            }
            Target::Registry => {
                self.0
                    .registry
                    .answer(Request::from_parts(parts, body))
                    .await
            }
            Target::Absent => {
                let service = scope_service(&parts).unwrap_or_default();
                // The form of the refusal depends on the body, if there is one to be had.
                let bytes = self.collect(&parts, body).await.unwrap_or_default();
                whole(crate::absent::refuse(&service, &parts, &bytes))
            }
        }
    }

    /// Reads a body whole, within bounds.
    async fn collect(
        &self,
        parts: &http::request::Parts,
        body: Incoming,
    ) -> Result<Bytes, wire::Error> {
        let too_large = || {
            wire::Error::new(
                "RequestEntityTooLarge",
                413,
                format!("A request's body may have {MOST_BODY} bytes at most."),
            )
        };
        if announced_too_large(&parts.headers) {
            return Err(too_large());
        }
        let body = Watched::new(body, self.0.patience.body);
        match Limited::new(body, MOST_BODY).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
            Err(error) if BodyError::stalled(error.as_ref()) => {
                Err(wire::Error::new("RequestTimeout", 408, BodyError::STALLED))
            }
            Err(error) => Err(wire::Error::new(
                "RequestAborted",
                400,
                format!("The request's body broke off: {error}"),
            )),
        }
    }
}

pub(crate) fn whole(response: Response<Bytes>) -> Response<Body> {
    response.map(|bytes| {
        Full::new(bytes)
            .map_err(|never: Infallible| match never {})
            .boxed_unsync()
    })
}

/// Waits a little after a refused accept, which is how a process meets a lack of descriptors.
async fn rest_after(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}
