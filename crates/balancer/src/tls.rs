//! TLS on both sides: certificates by name for clients, anything goes for targets, as on AWS.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, ServerConfig, SignatureAlgorithm, SignatureScheme,
    SupportedProtocolVersion,
};
use world::balancer::{Certificate, Listener};

use crate::plan::Invalid;

/// The TLS side of an HTTPS listener.
pub(crate) fn server(
    listener: &Listener,
    at: &str,
    http2: bool,
) -> Result<Arc<ServerConfig>, Invalid> {
    let invalid = |field: &str, reason: &str| Invalid {
        field: format!("{at}.{field}"),
        reason: reason.to_owned(),
    };
    let versions = versions(listener.ssl_policy.as_deref()).ok_or_else(|| {
        invalid(
            "ssl_policy",
            "is not a security policy of Elastic Load Balancing",
        )
    })?;
    if listener.certificates.is_empty() {
        return Err(invalid(
            "certificates",
            "an HTTPS listener needs at least one",
        ));
    }
    let provider = Arc::new(ring::default_provider());
    let mut certificates = Vec::new();
    for (i, certificate) in listener.certificates.iter().enumerate() {
        certificates.push(
            load(certificate, &provider).map_err(|(field, reason)| {
                invalid(&format!("certificates[{i}].{field}"), &reason)
            })?,
        );
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| invalid("ssl_policy", &error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(certificates)));
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    if let Ok(ticketer) = ring::Ticketer::new() {
        config.ticketer = ticketer;
    }
    Ok(Arc::new(config))
}

/// The protocol versions of a security policy. TLS 1.0 and 1.1 are not offered to anyone.
fn versions(policy: Option<&str>) -> Option<&'static [&'static SupportedProtocolVersion]> {
    use rustls::version::{TLS12, TLS13};
    static NEW: [&SupportedProtocolVersion; 1] = [&TLS13];
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    static OLD: [&SupportedProtocolVersion; 1] = [&TLS12];
    let name = policy
        .unwrap_or("ELBSecurityPolicy-2016-08")
        .strip_prefix("ELBSecurityPolicy-")?;
    if name.starts_with("TLS13-1-3") {
        Some(&NEW)
    } else if name.starts_with("TLS13-") {
        Some(&BOTH)
    } else if name.starts_with("TLS-1-") || name.starts_with("FS-") || name.starts_with("201") {
        Some(&OLD)
    } else {
        None
    }
}

#[derive(Debug)]
struct Named {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
    ecdsa: bool,
}

fn load(
    certificate: &Certificate,
    provider: &CryptoProvider,
) -> Result<Named, (&'static str, String)> {
    let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ("chain", error.to_string()))?;
    if chain.is_empty() {
        return Err(("chain", "holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(certificate.private_key.reveal().as_bytes())
        .map_err(|error| ("private_key", error.to_string()))?;
    let key = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| ("private_key", error.to_string()))?;
    Ok(Named {
        names: certificate
            .names
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect(),
        ecdsa: key.key.algorithm() == SignatureAlgorithm::ECDSA,
        key: Arc::new(key),
    })
}

/// Chooses a certificate by the name the client asks for; the first is the default.
#[derive(Debug)]
struct ByName(Vec<Named>);

impl ByName {
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Named> {
        let usable = |named: &&Named| named.key.key.choose_scheme(schemes).is_some();
        let name = name.map(str::to_ascii_lowercase);
        let mut fitting = self
            .0
            .iter()
            .filter(|named| {
                name.as_deref()
                    .is_some_and(|name| named.names.iter().any(|n| covers(n, name)))
            })
            .filter(usable)
            .peekable();
        let first = fitting.peek().copied();
        fitting
            .find(|named| named.ecdsa)
            .or(first)
            .or(self.0.first())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
            .map(|named| Arc::clone(&named.key))
    }
}

/// Whether a certificate's name is good for a host: `*` stands for one label.
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

/// The TLS side of connections to targets: their certificates are not checked.
pub(crate) fn client() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Targets are known by address, and many refuse a name they do not know.
    config.enable_sni = false;
    Arc::new(config)
}

#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        for (name, host, covered) in [
            ("www.example.com", "www.example.com", true),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", ".example.com", false),
        ] {
            assert_eq!(covers(name, host), covered, "{name} {host}");
        }
    }

    #[test]
    fn policies_name_versions() {
        for (policy, count) in [
            (None, Some(1)),
            (Some("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"), Some(2)),
            (Some("ELBSecurityPolicy-TLS13-1-3-2021-06"), Some(1)),
            (Some("ELBSecurityPolicy-FS-1-2-2019-08"), Some(1)),
            (Some("modern"), None),
            (Some("ELBSecurityPolicy-x"), None),
        ] {
            assert_eq!(versions(policy).map(<[_]>::len), count, "{policy:?}");
        }
    }
}
