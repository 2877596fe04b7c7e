//! Certificates asked for: they are issued once every domain is shown to be the account's.

use jiff::SignedDuration;
use wire::{Error, acm as api};

use super::state::{Certificate, Domain};
use super::{authority, error, tags};
use crate::{Context, Region, Tags};

/// Domains of one certificate.
const MOST_DOMAINS: usize = 10;
/// Certificates of an account.
pub(super) const MOST: usize = 2500;
/// How long a token says that a request is the same.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn request_certificate(
    region: &mut Region,
    context: &Context,
    input: api::RequestCertificateRequest,
) -> Result<api::RequestCertificateResponse, Error> {
    refuse_what_is_not_there(&input)?;
    let algorithm = input.key_algorithm.unwrap_or(api::KeyAlgorithm::Rsa2048);
    let domains = domains(&input)?;
    check_validation_options(&input, &domains)?;
    let tags = tags::added(Tags::new(), input.tags.unwrap_or_default())?;
    if !authority::exists(context.settings) {
        return Err(error::validation(
            "The region was started without a certificate authority and can issue no certificate.",
        ));
    }
    if let Some(token) = &input.idempotency_token {
        let same = region.acm.certificates.values().find(|row| {
            row.idempotency_token.as_ref() == Some(token)
                && context.now.duration_since(row.created_at) < TOKEN_LIFE
                && row.key_algorithm == algorithm
                && row.domains.iter().map(|domain| &domain.name).eq(&domains)
        });
        if let Some(row) = same {
            return Ok(api::RequestCertificateResponse {
                certificate_arn: Some(row.arn.clone()),
            });
        }
    }
    check_room(region)?;
    let arn = context
        .settings
        .arn("acm", format_args!("certificate/{}", context.uuid()));
    let logging = input
        .options
        .and_then(|options| options.certificate_transparency_logging_preference);
    let forbidden = domains.iter().any(|name| is_of_amazon(name));
    let row = Certificate {
        arn: arn.clone(),
        domains: domains
            .into_iter()
            .map(|name| Domain {
                name,
                validated: false,
            })
            .collect(),
        imported: false,
        key_algorithm: algorithm,
        status: if forbidden {
            api::CertificateStatus::Failed
        } else {
            api::CertificateStatus::PendingValidation
        },
        failure: forbidden.then_some(api::FailureReason::DomainNotAllowed),
        transparency_logging: logging
            != Some(api::CertificateTransparencyLoggingPreference::Disabled),
        created_at: context.now,
        idempotency_token: input.idempotency_token,
        due_at: None,
        material: None,
        renewal: None,
        tags,
    };
    region.acm.certificates.insert(arn.clone(), row);
    Ok(api::RequestCertificateResponse {
        certificate_arn: Some(arn),
    })
}

pub(super) fn check_room(region: &Region) -> Result<(), Error> {
    if region.acm.certificates.len() >= MOST {
        return Err(error::limit_exceeded(format!(
            "The account has reached its limit of {MOST} certificates."
        )));
    }
    Ok(())
}

fn refuse_what_is_not_there(input: &api::RequestCertificateRequest) -> Result<(), Error> {
    use api::{KeyAlgorithm, ValidationMethod};
    if input.certificate_authority_arn.is_some() {
        return Err(error::absent("certificates of a private authority"));
    }
    match input.validation_method {
        Some(ValidationMethod::Dns) => {}
        Some(ValidationMethod::Http) => {
            return Err(error::absent("validation by HTTP, which CloudFront uses"));
        }
        // AWS takes a request that names no method for one by mail.
        Some(ValidationMethod::Email) | None => {
            return Err(error::absent(
                "validation by e-mail; ask for ValidationMethod DNS",
            ));
        }
    }
    if input.managed_by.is_some() {
        return Err(error::absent("certificates managed by another service"));
    }
    let export = input.options.as_ref().and_then(|options| options.export);
    if export == Some(api::CertificateExport::Enabled) {
        return Err(error::absent("certificates that can be exported"));
    }
    match input.key_algorithm {
        None
        | Some(KeyAlgorithm::Rsa2048 | KeyAlgorithm::EcPrime256v1 | KeyAlgorithm::EcSecp384r1) => {
            Ok(())
        }
        Some(other) => Err(error::validation(format!(
            "The key algorithm {other} cannot be requested for a public certificate; RSA_2048, EC_prime256v1 and EC_secp384r1 can."
        ))),
    }
}

/// All names of a request, the domain name first, each once.
fn domains(input: &api::RequestCertificateRequest) -> Result<Vec<String>, Error> {
    let mut names = vec![input.domain_name.to_ascii_lowercase()];
    for name in input.subject_alternative_names.iter().flatten() {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > MOST_DOMAINS {
        return Err(error::limit_exceeded(format!(
            "A certificate can be for at most {MOST_DOMAINS} domain names."
        )));
    }
    // Whatever is kept for a name has another label before it.
    if let Some(name) = names.iter().find(|name| name.len() > 253 - 34) {
        return Err(error::validation(format!(
            "The domain name {name} is too long to be validated by DNS."
        )));
    }
    Ok(names)
}

fn check_validation_options(
    input: &api::RequestCertificateRequest,
    domains: &[String],
) -> Result<(), Error> {
    for option in input.domain_validation_options.iter().flatten() {
        let name = option.domain_name.to_ascii_lowercase();
        let base = name.strip_prefix("*.").unwrap_or(&name);
        let above = option.validation_domain.to_ascii_lowercase();
        let within = base == above || base.ends_with(&format!(".{above}"));
        if !domains.contains(&name) || !within {
            return Err(error::invalid_validation_options(format!(
                "The domain {name} cannot be validated by the domain {above}."
            )));
        }
    }
    Ok(())
}

/// AWS issues nobody a certificate for its own names.
fn is_of_amazon(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    ["amazonaws.com", "cloudfront.net", "elasticbeanstalk.com"]
        .iter()
        .any(|own| name == *own || name.ends_with(&format!(".{own}")))
}
