//! Certificates made elsewhere, which are looked at before they are taken.
//!
//! <https://docs.aws.amazon.com/acm/latest/userguide/import-certificate-prerequisites.html>

use wire::{Error, acm as api};
use world::database::Secret;
use x509_parser::pem::Pem;

use super::key::KeyPair;
use super::state::{Certificate, Domain, Material};
use super::x509::Unreadable;
use super::{certificate, error, request, tags, x509};
use crate::{Context, Region, Tags};

pub(super) fn import_certificate(
    region: &mut Region,
    context: &Context,
    input: api::ImportCertificateRequest,
) -> Result<api::ImportCertificateResponse, Error> {
    let (material, algorithm) = checked(context, &input)?;
    let domains: Vec<Domain> = material
        .facts
        .names
        .iter()
        .map(|name| Domain {
            name: name.clone(),
            validated: true,
        })
        .collect();
    if let Some(arn) = &input.certificate_arn {
        return again(region, arn, material, algorithm, domains, input.tags);
    }
    request::check_room(region)?;
    let tags = tags::added(Tags::new(), input.tags.unwrap_or_default())?;
    let arn = context
        .settings
        .arn("acm", format_args!("certificate/{}", context.uuid()));
    let row = Certificate {
        arn: arn.clone(),
        domains,
        imported: true,
        key_algorithm: algorithm,
        status: api::CertificateStatus::Issued,
        failure: None,
        transparency_logging: false,
        created_at: context.now,
        idempotency_token: None,
        due_at: None,
        material: Some(material),
        renewal: None,
        tags,
    };
    region.acm.certificates.insert(arn.clone(), row);
    Ok(api::ImportCertificateResponse {
        certificate_arn: Some(arn),
    })
}

/// Puts a newer certificate in the place of one that was imported before.
fn again(
    region: &mut Region,
    arn: &str,
    material: Material,
    algorithm: api::KeyAlgorithm,
    domains: Vec<Domain>,
    asked_tags: Option<Vec<api::Tag>>,
) -> Result<api::ImportCertificateResponse, Error> {
    if asked_tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(error::invalid_parameter(
            "Tagging is not permitted on re-import.",
        ));
    }
    let row = certificate::get(region, arn)?;
    if !row.imported {
        return Err(error::validation(format!(
            "Certificate {arn} was not imported, so another one cannot be imported in its place."
        )));
    }
    // A listener that serves it goes on with the new one, so it has to be of the same kind.
    if certificate::in_use(region, arn) && row.key_algorithm != algorithm {
        return Err(error::validation(format!(
            "Certificate {arn} is in use with a key of type {}; one of type {algorithm} cannot take its place.",
            row.key_algorithm
        )));
    }
    if let Some(row) = region.acm.certificates.get_mut(arn) {
        row.material = Some(material);
        row.key_algorithm = algorithm;
        row.domains = domains;
        row.status = api::CertificateStatus::Issued;
    }
    Ok(api::ImportCertificateResponse {
        certificate_arn: Some(arn.to_owned()),
    })
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What a request brings, if it fits together.
fn checked(
    context: &Context,
    input: &api::ImportCertificateRequest,
) -> Result<(Material, api::KeyAlgorithm), Error> {
    let own = x509::single(text(&input.certificate)).map_err(|why| {
        error::validation(match why {
            Unreadable::Several => {
                "The certificate field contains more than one certificate. You can specify only one certificate in this field."
            }
            Unreadable::Invalid => "The certificate is not a valid certificate in PEM.",
        })
    })?;
    let facts = x509::facts(&own)
        .ok_or_else(|| error::validation("The certificate is not a valid certificate in PEM."))?;
    if facts.not_after < context.now {
        return Err(error::validation(
            "The certificate has expired, is not valid.",
        ));
    }
    if facts.not_before > context.now {
        return Err(error::validation(
            "The certificate is not in effect yet, is not valid.",
        ));
    }
    let key = KeyPair::read(text(&input.private_key))
        .ok_or_else(|| error::validation("The private key is not supported."))?;
    let algorithm = key
        .algorithm()
        .ok_or_else(|| error::validation("The private key is not supported."))?;
    if key.public_key_info() != x509::public_key_info(&own) {
        return Err(error::validation(
            "The private key does not belong to the certificate.",
        ));
    }
    let chain = match input.certificate_chain.as_deref().map(text) {
        None | Some("") => Vec::new(),
        Some(chain) => x509::many(chain)
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| {
                error::validation("The certificate chain is not a list of certificates in PEM.")
            })?,
    };
    let certificate = x509::to_pem(&own);
    let all: Vec<Pem> = std::iter::once(own).chain(chain).collect();
    if !x509::is_chain(&all) {
        return Err(error::validation(
            "Could not validate the certificate with the certificate chain.",
        ));
    }
    let private_key = key
        .to_pem()
        .ok_or_else(|| error::validation("The private key is not supported."))?;
    let material = Material {
        certificate,
        chain: all[1..].iter().map(x509::to_pem).collect(),
        private_key: Secret::new(private_key),
        at: context.now,
        facts,
    };
    Ok((material, algorithm))
}
