//! Where the service is reached from this machine, by HTTP or HTTPS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use http::Uri;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// A connection, encrypted or not.
pub(crate) type Stream = Box<dyn Io>;

#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    address: SocketAddr,
    /// As requests name it.
    host: String,
    tls: Option<Tls>,
}

#[derive(Debug, Clone)]
struct Tls {
    config: Arc<ClientConfig>,
    /// Whose certificate is expected.
    name: ServerName<'static>,
}

impl Entrance {
    /// The load balancer's listener at this address speaks HTTP.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            tls: None,
        }
    }

    /// It speaks HTTPS, and is known by the host of this URL; its certificate is signed by the
    /// authority in this file.
    ///
    /// # Errors
    /// If the URL names no host, or the file is no certificate.
    pub(crate) fn secure(address: SocketAddr, url: &Uri, authority: &Path) -> Result<Self> {
        let host = url.host().with_context(|| format!("{url} names no host"))?;
        let mut roots = RootCertStore::empty();
        roots.add(
            CertificateDer::from_pem_file(authority)
                .with_context(|| format!("{} is no certificate", authority.display()))?,
        )?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            address,
            host: host.to_owned(),
            tls: Some(Tls {
                config: Arc::new(config),
                name: ServerName::try_from(host.to_owned())?,
            }),
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// # Errors
    /// If nobody listens, or who does is not whom its certificate should show.
    pub(crate) async fn connect(&self) -> Result<Stream> {
        let stream = TcpStream::connect(self.address).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(Tls { config, name }) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name.clone(), stream).await?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Greets who comes, as whoever this certificate is of. Ends with the test.
    async fn server(of: &str) -> Result<(SocketAddr, tempfile::NamedTempFile)> {
        let made = rcgen::generate_simple_self_signed(vec![of.to_owned()])?;
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), made.cert.pem())?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One that does not like the certificate hangs up.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    stream.write_all(b"welcome").await?;
                    stream.shutdown().await?;
                }
            }
            std::io::Result::Ok(())
        });
        Ok((address, file))
    }

    #[tokio::test]
    async fn who_shows_the_names_certificate_is_talked_to_and_nobody_else() -> Result<()> {
        let (address, authority) = server("links.example.com").await?;
        let enter = async |url: &'static str| {
            let url = Uri::from_static(url);
            let entrance = Entrance::secure(address, &url, authority.path())?;
            let mut said = String::new();
            entrance.connect().await?.read_to_string(&mut said).await?;
            anyhow::Ok(said)
        };
        assert_eq!(enter("https://links.example.com/").await?, "welcome");
        let refused = enter("https://others.example.com/").await;
        let refused = format!("{:#}", refused.expect_err("it is another's"));
        assert!(refused.contains("not valid for name"), "{refused}");
        Ok(())
    }
}
