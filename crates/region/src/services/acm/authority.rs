//! The region's certificate authority: it issues certificates for names that were validated. Its key
//! is among the settings, since it signs what the region's own endpoints show as well.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType, SerialNumber,
};
use wire::Error;

use super::key::KeyPair;
use crate::{Context, Settings};

/// What the authority calls itself.
pub const NAME: &str = "Terrella region CA";
/// Bytes that a subject's common name may have (RFC 5280, appendix A).
const MOST_OF_COMMON_NAME: usize = 64;

/// A certificate for `names`, in PEM, that is good from one moment to another.
///
/// # Errors
/// If the region has no authority, or a name is none.
pub(crate) fn issue(
    context: &Context,
    names: &[String],
    key: &KeyPair,
    from: Timestamp,
    until: Timestamp,
) -> Result<String, Error> {
    let defect = |why: String| Error::internal(format!("no certificate could be made: {why}"));
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    if let Some(first) = names.iter().find(|name| name.len() <= MOST_OF_COMMON_NAME) {
        subject.push(DnType::CommonName, first.as_str());
    }
    params.distinguished_name = subject;
    for name in names {
        let name = name.as_str().try_into();
        let name = name.map_err(|error: rcgen::Error| defect(error.to_string()))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    let moment = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = moment(from);
    params.not_after = moment(until);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // Positive, and of its full length.
    let mut serial = context.bytes::<16>();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let issuer = issuer(context.settings)?;
    let made = params.signed_by(key, &issuer);
    Ok(made.map_err(|error| defect(error.to_string()))?.pem())
}

/// Whether there is an authority to issue anything.
pub(crate) fn exists(settings: &Settings) -> bool {
    issuer(settings).is_ok()
}

fn issuer(settings: &Settings) -> Result<Issuer<'static, KeyPair>, Error> {
    let key = KeyPair::read(settings.certificate_authority_key.reveal()).ok_or_else(|| {
        Error::new(
            "ServiceUnavailable",
            503,
            "The region has no certificate authority; it was started without one.",
        )
    })?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, NAME);
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(Issuer::new(params, key))
}
