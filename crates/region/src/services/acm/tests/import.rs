use bytes::Bytes;
use wire::acm::{self as api, op};

use super::{KeyPair, authority, key, lab, own_authority, request, shown};
use crate::services::ec2::tests::lab::Lab;
use crate::{Caller, Context, Settings};

/// A certificate made outside, its key, and the one who signed it.
fn outside(days: i64) -> (String, KeyPair, String) {
    let (signer, signer_key) = own_authority(7);
    let settings = Settings {
        certificate_authority: signer.clone(),
        certificate_authority_key: world::database::Secret::new(signer_key.to_pem().unwrap()),
        ..Settings::default()
    };
    let now: jiff::Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
    let context = Context::new(&settings, now, Caller::Root, [8; 32]);
    let own = key(9, api::KeyAlgorithm::EcSecp384r1);
    let names = [
        "shop.example.com".to_owned(),
        "*.shop.example.com".to_owned(),
    ];
    let day = jiff::SignedDuration::from_hours(24);
    let (from, until) = if days < 0 {
        (now - day * 30, now - day)
    } else {
        (now, now + day * i32::try_from(days).unwrap())
    };
    let made = authority::issue(&context, &names, &own, from, until).unwrap();
    (made, own, signer)
}

fn input(certificate: &str, key: &KeyPair, chain: Option<&str>) -> api::ImportCertificateRequest {
    let bytes = |text: &str| Bytes::from(text.to_owned());
    api::ImportCertificateRequest {
        certificate: bytes(certificate),
        private_key: bytes(&key.to_pem().unwrap()),
        certificate_chain: chain.map(bytes),
        ..Default::default()
    }
}

fn import(lab: &mut Lab, input: api::ImportCertificateRequest) -> String {
    let made = lab.call(op::ImportCertificate, input);
    made.certificate_arn.unwrap()
}

#[test]
fn what_fits_together_is_taken() {
    let mut lab = lab();
    let (certificate, own, signer) = outside(90);
    let arn = import(&mut lab, input(&certificate, &own, Some(&signer)));
    let taken = shown(&mut lab, &arn);
    assert_eq!(taken.r#type, Some(api::CertificateType::Imported));
    assert_eq!(taken.status, Some(api::CertificateStatus::Issued));
    assert_eq!(taken.key_algorithm, Some(api::KeyAlgorithm::EcSecp384r1));
    assert_eq!(taken.domain_name.as_deref(), Some("shop.example.com"));
    assert_eq!(
        taken.subject_alternative_names.unwrap(),
        ["shop.example.com", "*.shop.example.com"]
    );
    assert_eq!(taken.imported_at, Some(lab.now));
    assert!(taken.domain_validation_options.is_none() && taken.issued_at.is_none());
    let given = api::GetCertificateRequest {
        certificate_arn: arn.clone(),
    };
    let given = lab.call(op::GetCertificate, given);
    assert_eq!(
        given.certificate.unwrap().trim(),
        certificate.trim().replace("\r\n", "\n")
    );
    assert_eq!(
        given.certificate_chain.unwrap().trim(),
        signer.trim().replace("\r\n", "\n")
    );
    // It runs out when it says so.
    lab.pass(91 * 24 * 3600);
    assert_eq!(
        shown(&mut lab, &arn).status,
        Some(api::CertificateStatus::Expired)
    );
    // A newer one takes its place.
    let (newer, own, _) = outside(300);
    let again = api::ImportCertificateRequest {
        certificate_arn: Some(arn.clone()),
        ..input(&newer, &own, None)
    };
    assert_eq!(import(&mut lab, again), arn);
    assert_eq!(
        shown(&mut lab, &arn).status,
        Some(api::CertificateStatus::Issued)
    );
}

#[test]
fn a_certificate_that_signed_itself_is_taken() {
    let mut lab = lab();
    let (certificate, own) = own_authority(4);
    let arn = import(&mut lab, input(&certificate, &own, None));
    assert_eq!(
        shown(&mut lab, &arn).domain_name.as_deref(),
        Some(authority::NAME)
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let mut lab = lab();
    let (certificate, own, signer) = outside(90);
    let (expired, ..) = outside(-1);
    let stranger = own_authority(5).0;
    let good = || input(&certificate, &own, None);
    for (input, text) in [
        (
            input(&format!("{certificate}{signer}"), &own, None),
            "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
        ),
        (
            input("no certificate", &own, None),
            "The certificate is not a valid certificate in PEM.",
        ),
        (
            input(&expired, &own, None),
            "The certificate has expired, is not valid.",
        ),
        (
            input(&certificate, &key(10, api::KeyAlgorithm::EcSecp384r1), None),
            "The private key does not belong to the certificate.",
        ),
        (
            api::ImportCertificateRequest {
                private_key: Bytes::from_static(b"no key"),
                ..good()
            },
            "The private key is not supported.",
        ),
        (
            input(&certificate, &own, Some(&stranger)),
            "Could not validate the certificate with the certificate chain.",
        ),
        (
            input(&certificate, &own, Some("no chain")),
            "The certificate chain is not a list of certificates in PEM.",
        ),
    ] {
        assert_eq!(
            lab.refused(op::ImportCertificate, input),
            ("ValidationException".to_owned(), text.to_owned())
        );
    }
    let own_request = request(&mut lab, &["example.com"]);
    for (input, code) in [
        (
            api::ImportCertificateRequest {
                certificate_arn: Some(own_request),
                ..good()
            },
            "ValidationException",
        ),
        (
            api::ImportCertificateRequest {
                certificate_arn: Some("arn:aws:acm:eu-central-1:000000000000:certificate/x".into()),
                ..good()
            },
            "ResourceNotFoundException",
        ),
        (
            api::ImportCertificateRequest {
                certificate_arn: Some("arn:aws:acm:eu-central-1:000000000000:certificate/x".into()),
                tags: Some(vec![api::Tag::default()]),
                ..good()
            },
            "InvalidParameterException",
        ),
    ] {
        assert_eq!(lab.refused(op::ImportCertificate, input).0, code);
    }
}
