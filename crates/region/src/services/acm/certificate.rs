//! Certificates as they are shown and taken away.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use wire::{Error, acm as api};

use super::state::{Certificate, Domain};
use super::{error, validation};
use crate::services::elbv2;
use crate::{Context, Region, Settings};

/// How long after a request its domains' records are told.
const PREPARING: SignedDuration = SignedDuration::from_secs(1);
/// Certificates in one piece of a list.
const PAGE: usize = 1000;

/// A certificate by its ARN.
pub(super) fn get<'a>(region: &'a Region, arn: &str) -> Result<&'a Certificate, Error> {
    let settings = &region.settings;
    let mut parts = arn.splitn(6, ':');
    let head: Vec<&str> = parts.by_ref().take(3).collect();
    if head != ["arn", "aws", "acm"] || !arn.contains(":certificate/") {
        return Err(error::invalid_arn(format!("Invalid arn {arn}.")));
    }
    let own = settings.arn("acm", "certificate/");
    let row = region.acm.certificates.get(arn);
    row.filter(|_| arn.starts_with(&own))
        .ok_or_else(|| error::no_certificate(arn))
}

/// What a listener that serves a certificate needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// PEM: the certificate, then those who signed it.
    pub chain: String,
    /// PEM, PKCS #8.
    pub private_key: world::database::Secret,
    /// The names it is for.
    pub names: Vec<String>,
}

/// What a listener needs of a certificate; `None` until it is issued. One that ran out is served on.
pub fn material(region: &Region, arn: &str) -> Option<Served> {
    let material = region.acm.certificates.get(arn)?.material.as_ref()?;
    Some(Served {
        chain: format!("{}{}", material.certificate, material.chain),
        private_key: material.private_key.clone(),
        names: material.facts.names.clone(),
    })
}

/// How a certificate that a listener names is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Absent,
    /// It is there, and is not issued or is no longer good.
    Unusable,
    Usable,
}

/// Whether a listener may be given a certificate.
pub fn standing(region: &Region, arn: &str) -> Standing {
    match region.acm.certificates.get(arn).map(|row| row.status) {
        None => Standing::Absent,
        Some(api::CertificateStatus::Issued) => Standing::Usable,
        Some(_) => Standing::Unusable,
    }
}

/// Whether anything serves it.
pub(super) fn in_use(region: &Region, arn: &str) -> bool {
    !elbv2::using_certificate(region, arn).is_empty()
}

fn names(row: &Certificate) -> Vec<String> {
    row.domains
        .iter()
        .map(|domain| domain.name.clone())
        .collect()
}

fn first_name(row: &Certificate) -> Option<String> {
    row.domains.first().map(|domain| domain.name.clone())
}

fn kind(row: &Certificate) -> api::CertificateType {
    if row.imported {
        api::CertificateType::Imported
    } else {
        api::CertificateType::AmazonIssued
    }
}

fn eligibility(region: &Region, row: &Certificate) -> api::RenewalEligibility {
    let issued = row.status == api::CertificateStatus::Issued;
    if issued && !row.imported && in_use(region, &row.arn) {
        api::RenewalEligibility::Eligible
    } else {
        api::RenewalEligibility::Ineligible
    }
}

fn domain_status(row: &Certificate, domain: &Domain) -> api::DomainStatus {
    use api::CertificateStatus::{Failed, ValidationTimedOut};
    if domain.validated {
        api::DomainStatus::Success
    } else if matches!(row.status, Failed | ValidationTimedOut) {
        api::DomainStatus::Failed
    } else {
        api::DomainStatus::PendingValidation
    }
}

fn domain_validations(
    settings: &Settings,
    row: &Certificate,
    with_records: bool,
) -> Vec<api::DomainValidation> {
    let all = row.domains.iter().map(|domain| {
        let (name, value) = validation::record(settings, &domain.name);
        api::DomainValidation {
            domain_name: Some(domain.name.clone()),
            resource_record: with_records.then_some(api::ResourceRecord {
                name: Some(name),
                r#type: Some(api::RecordType::Cname),
                value: Some(value),
            }),
            validation_domain: Some(domain.name.clone()),
            validation_method: Some(api::ValidationMethod::Dns),
            validation_status: Some(domain_status(row, domain)),
            ..Default::default()
        }
    });
    all.collect()
}

pub(super) fn describe_certificate(
    region: &Region,
    context: &Context,
    input: api::DescribeCertificateRequest,
) -> Result<api::DescribeCertificateResponse, Error> {
    let row = get(region, &input.certificate_arn)?;
    let told = context.now.duration_since(row.created_at) >= PREPARING;
    let validations = domain_validations(&region.settings, row, told);
    let material = row.material.as_ref();
    let facts = material.map(|material| &material.facts);
    let at = material.map(|material| material.at);
    let logging = if row.transparency_logging {
        api::CertificateTransparencyLoggingPreference::Enabled
    } else {
        api::CertificateTransparencyLoggingPreference::Disabled
    };
    let renewal = row.renewal.as_ref().map(|renewal| {
        let mut validations = validations.clone();
        for one in &mut validations {
            one.validation_status = Some(match renewal.status {
                api::RenewalStatus::Success => api::DomainStatus::Success,
                _ => api::DomainStatus::PendingValidation,
            });
        }
        api::RenewalSummary {
            domain_validation_options: Some(validations),
            renewal_status: Some(renewal.status),
            renewal_status_reason: None,
            updated_at: Some(renewal.updated_at),
        }
    });
    let detail = api::CertificateDetail {
        certificate_arn: Some(row.arn.clone()),
        created_at: Some(row.created_at),
        domain_name: first_name(row),
        domain_validation_options: (!row.imported).then_some(validations),
        extended_key_usages: facts.map(|facts| {
            let all = facts.extended_key_usages.iter();
            all.map(|(name, id)| api::ExtendedKeyUsage {
                name: Some(*name),
                oid: Some(id.clone()),
            })
            .collect()
        }),
        failure_reason: row.failure,
        imported_at: at.filter(|_| row.imported),
        in_use_by: Some(elbv2::using_certificate(region, &row.arn)),
        issued_at: at.filter(|_| !row.imported),
        issuer: facts.map(|facts| common_name(&facts.issuer)),
        key_algorithm: Some(row.key_algorithm),
        key_usages: facts.map(|facts| {
            let all = facts.key_usages.iter();
            all.map(|name| api::KeyUsage { name: Some(*name) })
                .collect()
        }),
        not_after: facts.map(|facts| facts.not_after),
        not_before: facts.map(|facts| facts.not_before),
        options: Some(api::CertificateOptions {
            certificate_transparency_logging_preference: Some(logging),
            export: Some(api::CertificateExport::Disabled),
        }),
        renewal_eligibility: Some(eligibility(region, row)),
        renewal_summary: renewal,
        serial: facts.map(|facts| facts.serial.clone()),
        signature_algorithm: Some(facts.map_or_else(
            || "SHA256WITHECDSA".to_owned(),
            |facts| facts.signature_algorithm.clone(),
        )),
        status: Some(row.status),
        subject: Some(facts.map_or_else(
            || format!("CN={}", first_name(row).unwrap_or_default()),
            |facts| facts.subject.clone(),
        )),
        subject_alternative_names: Some(names(row)),
        r#type: Some(kind(row)),
        ..Default::default()
    };
    Ok(api::DescribeCertificateResponse {
        certificate: Some(detail),
    })
}

/// The common name of a distinguished name, or all of it where it has none.
fn common_name(name: &str) -> String {
    let mut parts = name.split(',').map(str::trim);
    let common = parts.find_map(|part| part.strip_prefix("CN="));
    common.unwrap_or(name).to_owned()
}

pub(super) fn get_certificate(
    region: &Region,
    _: &Context,
    input: api::GetCertificateRequest,
) -> Result<api::GetCertificateResponse, Error> {
    let row = get(region, &input.certificate_arn)?;
    let Some(material) = &row.material else {
        return Err(match row.status {
            api::CertificateStatus::PendingValidation => {
                error::in_progress(format!("Certificate {} has not been issued yet.", row.arn))
            }
            _ => error::not_found(format!("Certificate {} was never issued.", row.arn)),
        });
    };
    Ok(api::GetCertificateResponse {
        certificate: Some(material.certificate.clone()),
        certificate_chain: Some(material.chain.clone()).filter(|chain| !chain.is_empty()),
    })
}

pub(super) fn delete_certificate(
    region: &mut Region,
    _: &Context,
    input: api::DeleteCertificateRequest,
) -> Result<wire::Unit, Error> {
    let arn = get(region, &input.certificate_arn)?.arn.clone();
    if in_use(region, &arn) {
        return Err(error::in_use(format!(
            "Certificate {arn} in account {} is in use.",
            region.settings.account
        )));
    }
    region.acm.certificates.remove(&arn);
    Ok(wire::Unit {})
}

pub(super) fn update_certificate_options(
    region: &mut Region,
    _: &Context,
    input: api::UpdateCertificateOptionsRequest,
) -> Result<wire::Unit, Error> {
    let row = get(region, &input.certificate_arn)?;
    if row.imported || row.status == api::CertificateStatus::Failed {
        return Err(error::invalid_state(format!(
            "The options of certificate {} cannot be changed.",
            row.arn
        )));
    }
    if input.options.export == Some(api::CertificateExport::Enabled) {
        return Err(error::validation(
            "Whether a certificate can be exported cannot be changed after it was requested.",
        ));
    }
    let arn = row.arn.clone();
    let asked = input.options.certificate_transparency_logging_preference;
    if let Some(asked) = asked
        && let Some(row) = region.acm.certificates.get_mut(&arn)
    {
        row.transparency_logging = asked == api::CertificateTransparencyLoggingPreference::Enabled;
    }
    Ok(wire::Unit {})
}

/// Without a filter by key, only the RSA keys that everything can use are listed, as on AWS.
pub(super) fn list_certificates(
    region: &Region,
    _: &Context,
    input: api::ListCertificatesRequest,
) -> Result<api::ListCertificatesResponse, Error> {
    use api::KeyAlgorithm::{Rsa1024, Rsa2048};
    let includes = input.includes.unwrap_or_default();
    let keys = includes.key_types.filter(|keys| !keys.is_empty());
    let keys: BTreeSet<_> = keys
        .unwrap_or_else(|| vec![Rsa1024, Rsa2048])
        .into_iter()
        .collect();
    let statuses = input.certificate_statuses.unwrap_or_default();
    let uses = includes.key_usage.unwrap_or_default();
    let extended = includes.extended_key_usage.unwrap_or_default();
    if input.sort_by.is_some() != input.sort_order.is_some() {
        return Err(error::validation(
            "SortBy and SortOrder have to be given together.",
        ));
    }
    let mut rows: Vec<&Certificate> = region
        .acm
        .certificates
        .values()
        .filter(|row| {
            let facts = row.material.as_ref().map(|material| &material.facts);
            let has = |usage| facts.is_some_and(|facts| facts.key_usages.contains(usage));
            let serves = |usage| {
                facts.is_some_and(|facts| {
                    facts
                        .extended_key_usages
                        .iter()
                        .any(|(name, _)| name == usage)
                })
            };
            keys.contains(&row.key_algorithm)
                && (statuses.is_empty() || statuses.contains(&row.status))
                && uses.iter().all(has)
                && extended.iter().all(serves)
                && includes.managed_by.is_none()
                && includes.export_option != Some(api::CertificateExport::Enabled)
        })
        .collect();
    let order = |row: &&Certificate| (row.created_at, row.arn.clone());
    rows.sort_by_key(order);
    if input.sort_order == Some(api::SortOrder::Descending) {
        rows.reverse();
    }
    let most = input.max_items.and_then(|most| usize::try_from(most).ok());
    // The piece begins after the one that was shown last, wherever that is now.
    let rows = rows
        .into_iter()
        .enumerate()
        .map(|(at, row)| (format!("{at:08}"), row));
    let piece = crate::page::page(
        rows,
        |(at, _)| at.clone(),
        input.next_token.as_deref(),
        most.unwrap_or(PAGE).min(PAGE),
    )
    .map_err(|_| error::validation("The next token is not valid."))?;
    let shown = piece.items.into_iter().map(|(_, row)| summary(region, row));
    Ok(api::ListCertificatesResponse {
        certificate_summary_list: Some(shown.collect()),
        next_token: piece.next,
    })
}

fn summary(region: &Region, row: &Certificate) -> api::CertificateSummary {
    let material = row.material.as_ref();
    let facts = material.map(|material| &material.facts);
    let at = material.map(|material| material.at);
    api::CertificateSummary {
        certificate_arn: Some(row.arn.clone()),
        created_at: Some(row.created_at),
        domain_name: first_name(row),
        export_option: Some(api::CertificateExport::Disabled),
        exported: Some(false),
        extended_key_usages: facts.map(|facts| {
            let all = facts.extended_key_usages.iter();
            all.map(|(name, _)| *name).collect()
        }),
        has_additional_subject_alternative_names: Some(false),
        imported_at: at.filter(|_| row.imported),
        in_use: Some(in_use(region, &row.arn)),
        issued_at: at.filter(|_| !row.imported),
        key_algorithm: Some(row.key_algorithm),
        key_usages: facts.map(|facts| facts.key_usages.clone()),
        not_after: facts.map(|facts| facts.not_after),
        not_before: facts.map(|facts| facts.not_before),
        renewal_eligibility: Some(eligibility(region, row)),
        status: Some(row.status),
        subject_alternative_name_summaries: Some(names(row)),
        r#type: Some(kind(row)),
        ..Default::default()
    }
}
