//! Web servers: one POST each.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html>

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use region::services::sns::delivery::Outcome;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::OnceCell;

use crate::mail::chain;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
const AGENT: &str = "Amazon Simple Notification Service Agent";

type Hyper = HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Debug)]
pub(crate) struct Client {
    authority: PathBuf,
    // Roots are read when a server is first called.
    hyper: OnceCell<Hyper>,
}

#[derive(Debug)]
pub(crate) struct Post<'a> {
    pub(crate) url: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) content_type: &'a str,
    pub(crate) raw: bool,
    pub(crate) message_id: &'a str,
    pub(crate) topic_arn: &'a str,
    pub(crate) subscription_arn: &'a str,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            authority: data.join("ca").join("ca.pem"),
            hyper: OnceCell::new(),
        }
    }

    pub(crate) async fn post(&self, post: Post<'_>) -> (Outcome, String) {
        let request = match request(post) {
            Ok(request) => request,
            Err(why) => return (Outcome::Refused, why),
        };
        let hyper = self
            .hyper
            .get_or_try_init(|| async { connector(&self.authority) })
            .await;
        let hyper = match hyper {
            Ok(hyper) => hyper,
            Err(error) => return (Outcome::Failed, error.to_string()),
        };
        match tokio::time::timeout(PATIENCE, hyper.request(request)).await {
            Ok(Ok(response)) => {
                let status = response.status();
                let outcome = match status.as_u16() {
                    200..=299 => Outcome::Delivered,
                    // Too many for now; all others of its kind do not change by waiting.
                    429 => Outcome::Failed,
                    300..=499 => Outcome::Refused,
                    _ => Outcome::Failed,
                };
                (outcome, format!("it answered {status}"))
            }
            Ok(Err(error)) => (Outcome::Failed, chain(&error)),
            Err(_) => (
                Outcome::Failed,
                format!("no answer in {} s", PATIENCE.as_secs()),
            ),
        }
    }
}

/// Trusts what the machine trusts, and the region's own authority.
fn connector(authority: &Path) -> Result<Hyper, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Ok(certificate) = CertificateDer::from_pem_file(authority) {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .build();
    Ok(HyperClient::builder(TokioExecutor::new()).build(connector))
}

/// A user and password in the URL become what servers want to see of them.
fn request(post: Post<'_>) -> Result<Request<Full<Bytes>>, String> {
    let uri: Uri = post
        .url
        .parse()
        .map_err(|error| format!("{}: {error}", post.url))?;
    let authority = uri.authority().map_or("", |one| one.as_str());
    let user = authority.rsplit_once('@').map(|(user, _)| user.to_owned());
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let mut parts = uri.clone().into_parts();
    parts.authority = host.parse().ok();
    let uri = Uri::from_parts(parts).map_err(|error| error.to_string())?;
    let mut request = Request::post(uri)
        .header(header::CONTENT_TYPE, post.content_type)
        .header(header::USER_AGENT, AGENT)
        .header("x-amz-sns-message-type", post.kind)
        .header("x-amz-sns-message-id", post.message_id)
        .header("x-amz-sns-topic-arn", post.topic_arn);
    if post.kind != "SubscriptionConfirmation" {
        request = request.header("x-amz-sns-subscription-arn", post.subscription_arn);
    }
    if post.raw {
        request = request.header("x-amz-sns-rawdelivery", "true");
    }
    if let Some(user) = user {
        let value = format!("Basic {}", STANDARD.encode(user));
        request = request.header(header::AUTHORIZATION, value);
    }
    request
        .body(Full::from(post.body))
        .map_err(|error| error.to_string())
}
