//! The region's own certificate authority: AWS's endpoints speak TLS inside its networks.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Names a client asked for that are kept at most; then all are forgotten.
const MOST_NAMES: usize = 512;

/// Issues a certificate for whatever name of AWS a client asks for.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    issued: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// Where the authority's certificate is, for clients that are to trust it.
pub(crate) fn certificate_path(data: &Path) -> PathBuf {
    data.join("ca").join("ca.pem")
}

/// Where its private key is, for the region alone.
pub(crate) fn key_path(data: &Path) -> PathBuf {
    data.join("ca").join("ca.key")
}

impl Authority {
    /// Takes the authority kept in `<data>/ca`, or makes one there.
    pub(crate) fn open(data: &Path) -> io::Result<Arc<Self>> {
        let key_path = key_path(data);
        std::fs::create_dir_all(data.join("ca"))?;
        let key = match std::fs::read_to_string(&key_path) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(io::Error::other)?;
                write_private(&key_path, &key.serialize_pem())?;
                key
            }
            Err(error) => return Err(error),
        };
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, region::services::acm::authority::NAME);
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let path = certificate_path(data);
        if !path.exists() {
            std::fs::write(path, issuer.pem())?;
        }
        Ok(Arc::new(Self {
            issuer,
            issued: Mutex::default(),
        }))
    }

    pub(crate) fn server_config(self: &Arc<Self>) -> io::Result<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn issue(&self, name: &str) -> Result<Arc<CertifiedKey>, Box<dyn std::error::Error>> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name);
        params.distinguished_name = subject;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain: Vec<CertificateDer<'static>> =
            vec![certificate.into(), self.issuer.der().clone()];
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = rustls::crypto::ring::sign::any_supported_type(&private)?;
        Ok(Arc::new(CertifiedKey::new(chain, signing)))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = issued.get(&name) {
            return Some(Arc::clone(key));
        }
        let key = match self.issue(&name) {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(%error, name, "no certificate could be issued");
                return None;
            }
        };
        if issued.len() >= MOST_NAMES {
            issued.clear();
        }
        issued.insert(name, Arc::clone(&key));
        Some(key)
    }
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
