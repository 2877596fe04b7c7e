//! Certificates of HTTPS listeners: those of the certificate manager, and one more for each load
//! balancer that the machine's user reaches, whose name under `.localhost` nobody else certifies.

use jiff::{SignedDuration, Timestamp};
use wire::acm::KeyAlgorithm;
use wire::{Error, elbv2 as api};
use world::balancer as node;
use world::database::Secret;

use super::state::{HostCertificate, Listener, LoadBalancer};
use super::{desire, error};
use crate::services::acm::certificate::{Standing, material, standing};
use crate::services::acm::{authority, key::KeyPair};
use crate::{Context, Region};

/// How long a load balancer's own certificate is good, and how long before its end it is made anew.
const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The ARNs of a request's certificates, each of which must be there and good.
pub(super) fn checked(
    region: &Region,
    certificates: Option<Vec<api::Certificate>>,
) -> Result<Vec<String>, Error> {
    let mut arns = Vec::new();
    for certificate in certificates.unwrap_or_default() {
        if certificate.is_default.is_some() {
            return Err(error::validation(
                "You cannot set the isDefault parameter for a certificate",
            ));
        }
        let arn = certificate.certificate_arn.unwrap_or_default();
        match standing(region, &arn) {
            Standing::Usable => arns.push(arn),
            Standing::Absent => {
                return Err(error::refused(
                    "CertificateNotFound",
                    format!("Certificate '{arn}' not found"),
                ));
            }
            Standing::Unusable => {
                return Err(error::refused(
                    "UnsupportedCertificate",
                    format!(
                        "The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size."
                    ),
                ));
            }
        }
    }
    Ok(arns)
}

/// The ARNs of the load balancers that serve a certificate.
pub fn using_certificate(region: &Region, arn: &str) -> Vec<String> {
    let all = region.elbv2.listeners.values();
    let mut using: Vec<String> = all
        .filter(|listener| listener.certificates.iter().any(|one| one == arn))
        .map(|listener| listener.load_balancer.clone())
        .collect();
    using.sort();
    using.dedup();
    using
}

/// What a listener's nodes show, the default first.
pub(super) fn served(region: &Region, listener: &Listener) -> Vec<node::Certificate> {
    if listener.protocol != api::ProtocolEnum::Https {
        return Vec::new();
    }
    let named = listener.certificates.iter().filter_map(|arn| {
        let material = material(region, arn)?;
        Some(node::Certificate {
            arn: arn.clone(),
            chain: material.chain,
            private_key: material.private_key,
            names: material.names,
        })
    });
    let mut all: Vec<node::Certificate> = named.collect();
    // Alone it would be the default, which it never is.
    if let Some(own) = region.elbv2.host_certificates.get(&listener.load_balancer)
        && !all.is_empty()
    {
        all.push(node::Certificate {
            arn: listener.load_balancer.clone(),
            chain: own.certificate.clone(),
            private_key: own.private_key.clone(),
            names: vec![own.name.clone()],
        });
    }
    all
}

/// The name under which the machine's user reaches a load balancer.
pub(super) fn host_name(balancer: &LoadBalancer) -> String {
    format!("{}.localhost", balancer.name.to_ascii_lowercase())
}

/// Makes what is missing, and takes away what belongs to nothing.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let wanted: Vec<(String, String)> = region
        .elbv2
        .load_balancers
        .values()
        .filter(|row| {
            let mut listeners = desire::listeners(region, row).into_iter();
            row.scheme == api::LoadBalancerSchemeEnum::InternetFacing
                && listeners.any(|one| one.protocol == api::ProtocolEnum::Https)
        })
        .map(|row| (row.arn.clone(), host_name(row)))
        .collect();
    let gone: Vec<String> = region
        .elbv2
        .host_certificates
        .keys()
        .filter(|arn| !wanted.iter().any(|(wanted, _)| wanted == *arn))
        .cloned()
        .collect();
    for arn in gone {
        region.elbv2.host_certificates.remove(&arn);
    }
    for (arn, name) in wanted {
        let fresh = |row: &HostCertificate| row.not_after - RENEWED_BEFORE > context.now;
        if region.elbv2.host_certificates.get(&arn).is_some_and(fresh) {
            continue;
        }
        if let Some(made) = make(context, name) {
            region.elbv2.host_certificates.insert(arn, made);
        }
    }
}

fn make(context: &Context, name: String) -> Option<HostCertificate> {
    let key = KeyPair::generate(context, KeyAlgorithm::EcPrime256v1)?;
    // Clients on the machine look at its own clock, which may be behind the region's.
    let (from, until) = (context.now - LIFE, context.now + LIFE);
    let names = [name.clone()];
    Some(HostCertificate {
        certificate: authority::issue(context, &names, &key, from, until).ok()?,
        private_key: Secret::new(key.to_pem()?),
        name,
        not_after: until,
    })
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    let all = region.elbv2.host_certificates.values();
    all.map(|row| row.not_after - RENEWED_BEFORE).min()
}
