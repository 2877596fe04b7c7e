//! Certificates from the request to their end, and ones made elsewhere.

mod certificate;
mod import;
mod validation;

use wire::acm::{self as api, op};
use wire::route53::RRType;
use world::database::Secret;

use super::authority;
use super::key::KeyPair;
use crate::services::ec2::tests::lab::Lab;
use crate::services::elbv2::tests as balancing;
use crate::services::route53::tests as dns;
use crate::{Caller, Context, Settings};

/// A key from a number.
pub(crate) fn key(seed: u8, algorithm: api::KeyAlgorithm) -> KeyPair {
    let settings = Settings::default();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let context = Context::new(&settings, now, Caller::Root, [seed; 32]);
    KeyPair::generate(&context, algorithm).expect("it is made here")
}

/// An authority that signs itself, as the region's does.
fn own_authority(seed: u8) -> (String, KeyPair) {
    let key = key(seed, api::KeyAlgorithm::EcPrime256v1);
    let mut params = rcgen::CertificateParams::default();
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, authority::NAME);
    params.distinguished_name = name;
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("it signs").pem();
    (certificate, key)
}

/// A region with a certificate authority.
pub(crate) fn lab() -> Lab {
    let (certificate, key) = own_authority(1);
    Lab::of(Settings {
        certificate_authority: certificate,
        certificate_authority_key: Secret::new(key.to_pem().expect("it is a key")),
        ..Settings::default()
    })
}

fn asked(names: &[&str]) -> api::RequestCertificateRequest {
    let others = names[1..].iter().map(|name| (*name).to_owned());
    api::RequestCertificateRequest {
        domain_name: names[0].to_owned(),
        subject_alternative_names: Some(others.collect()).filter(|all: &Vec<_>| !all.is_empty()),
        validation_method: Some(api::ValidationMethod::Dns),
        // Its keys are made in no time.
        key_algorithm: Some(api::KeyAlgorithm::EcPrime256v1),
        ..Default::default()
    }
}

fn request(lab: &mut Lab, names: &[&str]) -> String {
    let made = lab.call(op::RequestCertificate, asked(names));
    made.certificate_arn.unwrap()
}

fn shown(lab: &mut Lab, arn: &str) -> api::CertificateDetail {
    let input = api::DescribeCertificateRequest {
        certificate_arn: arn.to_owned(),
    };
    lab.call(op::DescribeCertificate, input)
        .certificate
        .unwrap()
}

fn status(lab: &mut Lab, arn: &str) -> api::CertificateStatus {
    shown(lab, arn).status.unwrap()
}

/// The records that a certificate asks for, each once.
fn records(lab: &mut Lab, arn: &str) -> Vec<(String, String)> {
    lab.pass(1);
    let options = shown(lab, arn).domain_validation_options.unwrap();
    let mut all: Vec<(String, String)> = options
        .into_iter()
        .map(|one| one.resource_record.unwrap())
        .map(|record| (record.name.unwrap(), record.value.unwrap()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Puts the records of a certificate into a zone.
fn prove(lab: &mut Lab, zone: &str, arn: &str) {
    for (name, value) in records(lab, arn) {
        dns::create(lab, zone, dns::set(&name, RRType::Cname, &[&value]));
    }
}

/// An issued certificate, and the zone that shows its domains to be the account's.
pub(crate) fn issued(lab: &mut Lab, names: &[&str]) -> (String, String) {
    let zone = dns::zone(lab, names[0].trim_start_matches("*."));
    let arn = request(lab, names);
    prove(lab, &zone, &arn);
    lab.pass(2);
    assert_eq!(status(lab, &arn), api::CertificateStatus::Issued);
    (arn, zone)
}

/// A listener on a new load balancer that serves a certificate.
fn serve(lab: &mut Lab, arn: &str) -> String {
    let place = balancing::place(lab, "10.0");
    let balancer = balancing::balancer(lab, &place, "web");
    balancing::secure_listener(lab, &balancer, 443, arn)
}
