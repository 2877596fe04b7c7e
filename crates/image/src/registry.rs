//! Requests to a registry: one connection pool, basic authentication, and its errors as ours.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use crate::error::PushError;
use crate::reference::Reference;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For one request with its body; layers of some megabytes over a slow line must fit.
const TIMEOUT: Duration = Duration::from_mins(2);
/// No answer of a registry that we read is longer.
const MAX_ANSWER: usize = 1024 * 1024;

/// Name and password for a registry; what ECR gives as its token is `AWS` and a long text.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Registry<'a> {
    reference: &'a Reference,
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// One request; `step` says in errors what it was for.
pub(crate) struct Ask<'a> {
    pub(crate) step: &'a str,
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl<'a> Registry<'a> {
    pub(crate) fn new(
        reference: &'a Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Self, PushError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = tls(reference).map_err(|source| PushError::Connect {
            registry: reference.registry().to_owned(),
            source,
        })?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self {
            reference,
            authorization: credentials.map(basic),
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Gives the answer when its status is one of `expected`, else says what the registry said.
    pub(crate) async fn ask(
        &self,
        ask: Ask<'_>,
        expected: &[StatusCode],
    ) -> Result<Answer, PushError> {
        let step = ask.step;
        let head = ask.method == Method::HEAD;
        let answer = timeout(TIMEOUT, self.send(ask))
            .await
            .map_err(|_| PushError::Timeout {
                step: step.to_owned(),
                seconds: TIMEOUT.as_secs(),
            })??;
        if expected.contains(&answer.status) {
            return Ok(answer);
        }
        if matches!(answer.status, StatusCode::UNAUTHORIZED)
            || (head && answer.status == StatusCode::FORBIDDEN)
        {
            return Err(PushError::Credentials {
                registry: self.reference.registry().to_owned(),
                status: answer.status.as_u16(),
            });
        }
        Err(PushError::Refused {
            step: step.to_owned(),
            status: answer.status.as_u16(),
            message: message_of(&answer.body),
        })
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Answer, PushError> {
        let protocol = |reason: String| PushError::Protocol {
            step: ask.step.to_owned(),
            reason,
        };
        let connect = |source: Box<dyn Error + Send + Sync>| PushError::Connect {
            registry: self.reference.registry().to_owned(),
            source,
        };
        let mut request = Request::builder().method(ask.method).uri(ask.url);
        if let Some(content_type) = ask.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        // A registry may send uploads elsewhere; the credentials are for the registry alone.
        if let Some(authorization) = &self.authorization
            && same_origin(&self.reference.url(""), ask.url)
        {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(ask.body))
            .map_err(|error| protocol(error.to_string()))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| connect(error.into()))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER)
            .collect()
            .await
            .map_err(connect)?
            .to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where to go on, resolved against the address that was asked.
    pub(crate) fn location(&self, step: &str, asked: &str) -> Result<Url, PushError> {
        let missing = || PushError::Protocol {
            step: step.to_owned(),
            reason: "it does not say where to go on (no valid Location)".to_owned(),
        };
        let location = self.header(LOCATION.as_str()).ok_or_else(missing)?;
        Url::parse(asked)
            .and_then(|base| base.join(location))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(missing)
    }
}

/// The machine's certificate authorities; without TLS they are not even looked for.
fn tls(reference: &Reference) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    if reference.is_encrypted() {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            return Err("no certificate authorities were found; install `ca-certificates` or set SSL_CERT_FILE".into());
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn basic(credentials: &Credentials) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
    let mut value =
        HeaderValue::try_from(format!("Basic {encoded}")).expect("base64 is valid in a header");
    value.set_sensitive(true);
    value
}

fn same_origin(a: &str, b: &str) -> bool {
    match (Url::parse(a), Url::parse(b)) {
        (Ok(a), Ok(b)) => a.origin() == b.origin(),
        _ => false,
    }
}

/// `: message (CODE)` of the first error in the registry's answer, if it has that form.
fn message_of(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<RegistryError>,
    }
    #[derive(Deserialize)]
    struct RegistryError {
        code: String,
        #[serde(default)]
        message: String,
    }
    match serde_json::from_slice::<Errors>(body) {
        Ok(Errors { errors }) => errors
            .first()
            .map(|error| format!(": {} ({})", error.message, error.code))
            .unwrap_or_default(),
        Err(_) => String::new(),
    }
}
