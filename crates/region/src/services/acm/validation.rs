//! How a domain is shown to be the account's, and what follows: certificates are issued, renewed,
//! given up and run out.
//!
//! ```text
//! PENDING_VALIDATION ─▶ ISSUED ─▶ EXPIRED      (renewed before that while it is in use)
//!     │  └─▶ FAILED                            a CAA record forbids it
//!     └─▶ VALIDATION_TIMED_OUT                 after 72 hours
//! ```
//!
//! <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use wire::acm as api;
use wire::route53::RRType;
use world::database::Secret;

use super::key::KeyPair;
use super::state::{Certificate, Material, Renewal};
use super::{authority, certificate, x509};
use crate::services::route53;
use crate::{Context, Region, Settings};

/// From the last domain's validation until there is a certificate. AWS takes minutes.
const ISSUING: SignedDuration = SignedDuration::from_secs(2);
/// How long a request waits for its domains.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);
/// How long a certificate is good.
const LIFE_DAYS: i64 = 198;
/// How long before its end it is renewed.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(45 * 24);
/// By what CAA records name the authority that AWS's certificates come from.
const AUTHORITIES: [&str; 4] = [
    "amazon.com",
    "amazontrust.com",
    "awstrust.com",
    "amazonaws.com",
];

/// The record that shows a domain to be the account's: name and value. It follows from the account
/// and the domain, so that it stays good for every certificate; a wildcard has that of its domain.
pub(super) fn record(settings: &Settings, domain: &str) -> (String, String) {
    let base = domain.strip_prefix("*.").unwrap_or(domain);
    let digest = |what: &str| {
        let text = format!("{what} {} {base}", settings.account);
        Sha256::digest(text.as_bytes())
    };
    let hex = |what| hex::encode(&digest(what)[..16]);
    let letters: String = digest("zone")[..10]
        .iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect();
    (
        format!("_{}.{base}.", hex("name")),
        format!("_{}.{letters}.acm-validations.aws.", hex("value")),
    )
}

/// Whether everybody finds a domain's record.
fn is_there(region: &Region, domain: &str) -> bool {
    let (name, value) = record(&region.settings, domain);
    let value = value.trim_end_matches('.');
    let found = route53::record::lookup(region, &name, RRType::Cname);
    found
        .iter()
        .any(|found| found.trim_end_matches('.').eq_ignore_ascii_case(value))
}

/// Whether the CAA records of a domain, or of the closest one above it that has some, allow the
/// authority (RFC 8659).
fn allowed(region: &Region, domain: &str) -> bool {
    let (wildcard, mut name) = match domain.strip_prefix("*.") {
        Some(base) => (true, base),
        None => (false, domain),
    };
    loop {
        let records = route53::record::lookup(region, name, RRType::Caa);
        if !records.is_empty() {
            return permits(&records, wildcard);
        }
        match name.split_once('.') {
            Some((_, above)) => name = above,
            None => return true,
        }
    }
}

fn permits(records: &[String], wildcard: bool) -> bool {
    let with = |wanted: &str| -> Vec<String> {
        let records = records.iter().filter_map(|record| {
            let mut parts = record.splitn(3, ' ');
            let (_, tag, value) = (parts.next()?, parts.next()?, parts.next()?);
            let value = value.trim().trim_matches('"');
            let issuer = value.split(';').next().unwrap_or_default().trim();
            tag.eq_ignore_ascii_case(wanted)
                .then(|| issuer.to_ascii_lowercase())
        });
        records.collect()
    };
    let mut named = with("issuewild");
    if !wildcard || named.is_empty() {
        named = with("issue");
    }
    named.is_empty() || named.iter().any(|one| AUTHORITIES.contains(&one.as_str()))
}

pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let mut changed = Vec::new();
    for row in region.acm.certificates.values() {
        let next = match row.status {
            api::CertificateStatus::PendingValidation => pending(region, context, row),
            api::CertificateStatus::Issued => issued(region, context, row),
            _ => None,
        };
        changed.extend(next);
    }
    for row in changed {
        region.acm.certificates.insert(row.arn.clone(), row);
    }
}

/// What a certificate that waits becomes now, if it becomes anything.
fn pending(region: &Region, context: &Context, row: &Certificate) -> Option<Certificate> {
    let mut next = row.clone();
    for domain in next.domains.iter_mut().filter(|domain| !domain.validated) {
        domain.validated = is_there(region, &domain.name);
    }
    let whole = next.domains.iter().all(|domain| domain.validated);
    if whole && next.due_at.is_none() {
        next.due_at = Some(context.now + ISSUING);
    }
    if next.due_at.is_some_and(|due| due <= context.now) {
        next.due_at = None;
        if next
            .domains
            .iter()
            .all(|domain| allowed(region, &domain.name))
        {
            make(context, &mut next);
        } else {
            next.status = api::CertificateStatus::Failed;
            next.failure = Some(api::FailureReason::CaaError);
        }
    } else if !whole && row.created_at + PATIENCE <= context.now {
        next.status = api::CertificateStatus::ValidationTimedOut;
    }
    (next != *row).then_some(next)
}

/// Makes a key and has the authority issue a certificate for it.
fn make(context: &Context, row: &mut Certificate) {
    let names: Vec<String> = row.domains.iter().map(|one| one.name.clone()).collect();
    let (from, until) = life(context.now);
    let made = KeyPair::generate(context, row.key_algorithm).and_then(|key| {
        let certificate = authority::issue(context, &names, &key, from, until).ok()?;
        let facts = x509::facts(&x509::single(&certificate).ok()?)?;
        Some(Material {
            certificate,
            chain: context.settings.certificate_authority.clone(),
            private_key: Secret::new(key.to_pem()?),
            at: context.now,
            facts,
        })
    });
    if let Some(material) = made {
        row.status = api::CertificateStatus::Issued;
        row.material = Some(material);
    } else {
        row.status = api::CertificateStatus::Failed;
        row.failure = Some(api::FailureReason::Other);
    }
}

/// From the beginning of this day, for whole days.
fn life(now: Timestamp) -> (Timestamp, Timestamp) {
    let day = 24 * 3600;
    let from = now.as_second().div_euclid(day) * day;
    let until = from + LIFE_DAYS * day - 1;
    (
        Timestamp::from_second(from).unwrap_or(now),
        Timestamp::from_second(until).unwrap_or(Timestamp::MAX),
    )
}

/// What an issued or imported certificate becomes now, if it becomes anything.
fn issued(region: &Region, context: &Context, row: &Certificate) -> Option<Certificate> {
    let not_after = row.material.as_ref()?.facts.not_after;
    let mut next = row.clone();
    if not_after < context.now {
        next.status = api::CertificateStatus::Expired;
        return Some(next);
    }
    let soon = not_after - RENEWED_BEFORE <= context.now;
    if row.imported || !soon || !certificate::in_use(region, &row.arn) {
        return None;
    }
    let status = if row.domains.iter().all(|one| is_there(region, &one.name)) {
        make(context, &mut next);
        if next.status != api::CertificateStatus::Issued {
            return None;
        }
        api::RenewalStatus::Success
    } else {
        api::RenewalStatus::PendingValidation
    };
    let same = row.renewal.as_ref().is_some_and(|one| one.status == status);
    if same && status == api::RenewalStatus::PendingValidation {
        return None;
    }
    next.renewal = Some(Renewal {
        status,
        updated_at: context.now,
    });
    Some(next)
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    let all = region.acm.certificates.values().flat_map(|row| {
        let end = row
            .material
            .as_ref()
            .map(|material| material.facts.not_after);
        match row.status {
            api::CertificateStatus::PendingValidation => {
                vec![row.due_at.unwrap_or(row.created_at + PATIENCE)]
            }
            api::CertificateStatus::Issued => end
                .into_iter()
                .flat_map(|end| [end - RENEWED_BEFORE, end + SignedDuration::from_secs(1)])
                .collect(),
            _ => Vec::new(),
        }
    });
    all.filter(|at| *at > region.settled_at).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_allowed_where_it_is_named_or_nobody_is() {
        for (records, wildcard, allowed) in [
            (&[][..], false, true),
            (&["0 issue \"amazon.com\""], false, true),
            (&["0 issue \"letsencrypt.org\""], false, false),
            (
                &[
                    "0 issue \"letsencrypt.org\"",
                    "0 issue \"amazontrust.com; a=b\"",
                ],
                false,
                true,
            ),
            (&["0 issue \";\""], false, false),
            (&["0 iodef \"mailto:a@b.com\""], false, true),
            (
                &["0 issue \"amazon.com\"", "0 issuewild \";\""],
                true,
                false,
            ),
            (
                &["0 issue \"amazon.com\"", "0 issuewild \";\""],
                false,
                true,
            ),
            (&["0 issuewild \"amazon.com\"", "0 issue \";\""], true, true),
        ] {
            let records: Vec<String> = records.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(
                permits(&records, wildcard),
                allowed,
                "{records:?} {wildcard}"
            );
        }
    }

    #[test]
    fn a_domain_and_its_wildcard_have_one_record() {
        let settings = Settings::default();
        let (name, value) = record(&settings, "example.com");
        assert_eq!(
            record(&settings, "*.example.com"),
            (name.clone(), value.clone())
        );
        assert_ne!(record(&settings, "www.example.com").1, value);
        assert_eq!(name.len(), "_".len() + 32 + ".example.com.".len());
        assert!(value.ends_with(".acm-validations.aws."), "{value}");
    }

    #[test]
    fn a_life_is_whole_days() {
        let (from, until) = life("2026-01-05T08:30:00Z".parse().unwrap());
        assert_eq!(from.to_string(), "2026-01-05T00:00:00Z");
        assert_eq!(until.to_string(), "2026-07-21T23:59:59Z");
    }
}
