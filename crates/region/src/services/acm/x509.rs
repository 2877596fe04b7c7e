//! Certificates read: what they say, and who signed whom.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::acm::{ExtendedKeyUsageName, KeyUsageName};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName, KeyUsage};
use x509_parser::pem::Pem;
use x509_parser::x509::X509Name;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Such as `CN=www.example.com`.
    pub subject: String,
    pub issuer: String,
    /// Hexadecimal, byte by byte with colons.
    pub serial: String,
    /// Such as `SHA256WITHRSA`.
    pub signature_algorithm: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The names it is for.
    pub names: Vec<String>,
    pub key_usages: Vec<KeyUsageName>,
    /// With their object identifiers.
    pub extended_key_usages: Vec<(ExtendedKeyUsageName, String)>,
}

/// Why a text is no certificate or chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It holds no certificate, or one that is cut or bent.
    Invalid,
    Several,
}

/// The only certificate of a PEM text.
pub(super) fn single(text: &str) -> Result<Pem, Unreadable> {
    let mut all = many(text)?;
    match all.len() {
        1 => all.pop().ok_or(Unreadable::Invalid),
        0 => Err(Unreadable::Invalid),
        _ => Err(Unreadable::Several),
    }
}

/// All certificates of a PEM text.
pub(super) fn many(text: &str) -> Result<Vec<Pem>, Unreadable> {
    let mut all = Vec::new();
    for pem in Pem::iter_from_buffer(text.as_bytes()) {
        let pem = pem.map_err(|_| Unreadable::Invalid)?;
        if pem.label != "CERTIFICATE" || pem.parse_x509().is_err() {
            return Err(Unreadable::Invalid);
        }
        all.push(pem);
    }
    Ok(all)
}

/// What a certificate says; `None` if it is none.
pub(super) fn facts(pem: &Pem) -> Option<Facts> {
    let certificate = pem.parse_x509().ok()?;
    let at = |seconds| Timestamp::from_second(seconds).ok();
    Some(Facts {
        subject: text(certificate.subject()),
        issuer: text(certificate.issuer()),
        serial: certificate.raw_serial_as_string(),
        signature_algorithm: signature(&certificate).to_owned(),
        not_before: at(certificate.validity().not_before.timestamp())?,
        not_after: at(certificate.validity().not_after.timestamp())?,
        names: names(&certificate),
        key_usages: usages(&certificate),
        extended_key_usages: extended(&certificate),
    })
}

/// The public key with its algorithm, in DER.
pub(super) fn public_key_info(pem: &Pem) -> Option<Vec<u8>> {
    Some(pem.parse_x509().ok()?.public_key().raw.to_vec())
}

/// Whether each was signed by the next.
pub(super) fn is_chain(certificates: &[Pem]) -> bool {
    certificates.windows(2).all(|pair| {
        let (Ok(signed), Ok(signer)) = (pair[0].parse_x509(), pair[1].parse_x509()) else {
            return false;
        };
        signed.issuer() == signer.subject()
            && signed.verify_signature(Some(signer.public_key())).is_ok()
    })
}

/// A certificate again as PEM, in lines of 64.
pub(super) fn to_pem(pem: &Pem) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(&pem.contents);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

/// A name as AWS writes it: most specific last, parts apart by commas.
fn text(name: &X509Name) -> String {
    name.to_string().replace(", ", ",")
}

fn signature(certificate: &X509Certificate) -> &'static str {
    match certificate
        .signature_algorithm
        .algorithm
        .to_id_string()
        .as_str()
    {
        "1.2.840.113549.1.1.5" => "SHA1WITHRSA",
        "1.2.840.113549.1.1.11" => "SHA256WITHRSA",
        "1.2.840.113549.1.1.12" => "SHA384WITHRSA",
        "1.2.840.113549.1.1.13" => "SHA512WITHRSA",
        "1.2.840.10045.4.3.2" => "SHA256WITHECDSA",
        "1.2.840.10045.4.3.3" => "SHA384WITHECDSA",
        "1.2.840.10045.4.3.4" => "SHA512WITHECDSA",
        _ => "UNKNOWN",
    }
}

/// The alternative names, or the common name of a certificate without any.
fn names(certificate: &X509Certificate) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let mut names: Vec<String> = alternative
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        let common = certificate.subject().iter_common_name().next();
        names.extend(
            common
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
        );
    }
    names
}

fn usages(certificate: &X509Certificate) -> Vec<KeyUsageName> {
    let Some(usage) = certificate.key_usage().ok().flatten() else {
        return Vec::new();
    };
    let usage: &KeyUsage = usage.value;
    let all = [
        (usage.digital_signature(), KeyUsageName::DigitalSignature),
        (usage.non_repudiation(), KeyUsageName::NonRepudiation),
        (usage.key_encipherment(), KeyUsageName::KeyEncipherment),
        (usage.data_encipherment(), KeyUsageName::DataEncipherment),
        (usage.key_agreement(), KeyUsageName::KeyAgreement),
        (usage.key_cert_sign(), KeyUsageName::CertificateSigning),
        (usage.crl_sign(), KeyUsageName::CrlSigning),
        (usage.encipher_only(), KeyUsageName::EncipherOnly),
        (usage.decipher_only(), KeyUsageName::DecipherOnly),
    ];
    let set = all.into_iter().filter(|(on, _)| *on);
    set.map(|(_, name)| name).collect()
}

fn extended(certificate: &X509Certificate) -> Vec<(ExtendedKeyUsageName, String)> {
    let Some(usage) = certificate.extended_key_usage().ok().flatten() else {
        return Vec::new();
    };
    let usage: &ExtendedKeyUsage = usage.value;
    let all = [
        (usage.any, ExtendedKeyUsageName::Any, "2.5.29.37.0"),
        (
            usage.server_auth,
            ExtendedKeyUsageName::TlsWebServerAuthentication,
            "1.3.6.1.5.5.7.3.1",
        ),
        (
            usage.client_auth,
            ExtendedKeyUsageName::TlsWebClientAuthentication,
            "1.3.6.1.5.5.7.3.2",
        ),
        (
            usage.code_signing,
            ExtendedKeyUsageName::CodeSigning,
            "1.3.6.1.5.5.7.3.3",
        ),
        (
            usage.email_protection,
            ExtendedKeyUsageName::EmailProtection,
            "1.3.6.1.5.5.7.3.4",
        ),
        (
            usage.time_stamping,
            ExtendedKeyUsageName::TimeStamping,
            "1.3.6.1.5.5.7.3.8",
        ),
        (
            usage.ocsp_signing,
            ExtendedKeyUsageName::OcspSigning,
            "1.3.6.1.5.5.7.3.9",
        ),
    ];
    let set = all.into_iter().filter(|(on, ..)| *on);
    set.map(|(_, name, id)| (name, id.to_owned())).collect()
}
