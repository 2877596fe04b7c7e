//! Credentials from AWS Secrets Manager, fetched with the role of the task we run in.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use tokio::sync::OnceCell;

use super::{Credentials, CredentialsError, Fetch, Login};

/// One attempt is short and there are three: a request that waits for a changed password waits for this.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(8);

pub struct SecretsManagerCredentials {
    secret_id: String,
    region: Option<String>,
    client: OnceCell<Client>,
}

impl SecretsManagerCredentials {
    pub fn new(secret_id: String, region: Option<String>) -> Self {
        Self {
            secret_id,
            region,
            client: OnceCell::new(),
        }
    }

    async fn get(&self) -> Result<Login, CredentialsError> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let answer = client
            .get_secret_value()
            .secret_id(&self.secret_id)
            .send()
            .await
            .map_err(|error| self.failed(error))?;
        let text = answer
            .secret_string()
            .ok_or_else(|| CredentialsError::NotText {
                secret_id: self.secret_id.clone(),
            })?;
        Login::from_json(text, &format!("secret {}", self.secret_id))
    }

    async fn connect(&self) -> Result<Client, CredentialsError> {
        let tls = TlsContext::builder()
            .with_trust_store(trust_store())
            .build()
            .map_err(|error| self.failed(error))?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(TIMEOUT)
                    .build(),
            );
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        Ok(Client::new(&loader.load().await))
    }

    fn failed(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> CredentialsError {
        CredentialsError::Fetch {
            secret_id: self.secret_id.clone(),
            source: source.into(),
        }
    }
}

impl Credentials for SecretsManagerCredentials {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(self.get())
    }
}

/// The machine's certificate authorities (`SSL_CERT_FILE` is honoured). An image may have none, which is fine as long
/// as the endpoint is plain HTTP.
fn trust_store() -> TrustStore {
    let found = !rustls_native_certs::load_native_certs().certs.is_empty();
    if !found {
        tracing::info!(
            "no certificate authorities found: AWS is reached by plain HTTP only; SSL_CERT_FILE can name some"
        );
    }
    TrustStore::empty().with_native_roots(found)
}
