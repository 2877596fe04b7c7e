use wire::acm::CertificateTransparencyLoggingPreference::{Disabled, Enabled};
use wire::acm::{self as api, op};
use wire::elbv2 as balancer;

use super::{asked, balancing, issued, key, lab, request, serve, shown};

fn get(arn: &str) -> api::GetCertificateRequest {
    api::GetCertificateRequest {
        certificate_arn: arn.to_owned(),
    }
}

fn delete(arn: &str) -> api::DeleteCertificateRequest {
    api::DeleteCertificateRequest {
        certificate_arn: arn.to_owned(),
    }
}

#[test]
fn it_is_given_with_those_who_signed_it_and_without_its_key() {
    let mut lab = lab();
    let arn = request(&mut lab, &["waiting.example.com"]);
    assert_eq!(
        lab.refused(op::GetCertificate, get(&arn)).0,
        "RequestInProgressException"
    );
    let (arn, _) = issued(&mut lab, &["example.com"]);
    let given = lab.call(op::GetCertificate, get(&arn));
    let chain = given.certificate_chain.unwrap();
    assert_eq!(chain, lab.region.settings.certificate_authority);
    let all = format!("{}{chain}", given.certificate.unwrap());
    let all = super::super::x509::many(&all).unwrap();
    assert!(super::super::x509::is_chain(&all));
    let other = super::own_authority(2).0;
    let foreign = super::super::x509::single(&other).unwrap();
    assert!(!super::super::x509::is_chain(&[all[0].clone(), foreign]));
    // What is remembered shows no key in a log.
    let row = format!("{:?}", lab.region.acm.certificates.get(&arn).unwrap());
    assert!(!row.contains("PRIVATE KEY"));
}

#[test]
fn an_rsa_key_is_what_is_made_when_nothing_is_said() {
    let mut lab = lab();
    let zone = super::dns::zone(&mut lab, "example.com");
    let made = lab.call(
        op::RequestCertificate,
        api::RequestCertificateRequest {
            key_algorithm: None,
            ..asked(&["example.com"])
        },
    );
    let arn = made.certificate_arn.unwrap();
    super::prove(&mut lab, &zone, &arn);
    lab.pass(2);
    let shown = shown(&mut lab, &arn);
    assert_eq!(shown.status, Some(api::CertificateStatus::Issued));
    assert_eq!(shown.key_algorithm, Some(api::KeyAlgorithm::Rsa2048));
    assert_eq!(
        shown.signature_algorithm.as_deref(),
        Some("SHA256WITHECDSA")
    );
    let serial = shown.serial.unwrap();
    assert_eq!(serial.split(':').count(), 16, "{serial}");
    let usages: Vec<_> = shown
        .key_usages
        .unwrap()
        .into_iter()
        .filter_map(|one| one.name)
        .collect();
    assert_eq!(
        usages,
        [
            api::KeyUsageName::DigitalSignature,
            api::KeyUsageName::KeyEncipherment
        ]
    );
}

#[test]
fn it_stays_while_it_is_served() {
    let mut lab = lab();
    let (arn, _) = issued(&mut lab, &["example.com"]);
    let listener = serve(&mut lab, &arn);
    let used = shown(&mut lab, &arn).in_use_by.unwrap();
    assert!(used[0].contains(":loadbalancer/app/web/"), "{used:?}");
    let (code, text) = lab.refused(op::DeleteCertificate, delete(&arn));
    assert_eq!(
        (code.as_str(), text),
        (
            "ResourceInUseException",
            format!("Certificate {arn} in account 000000000000 is in use.")
        )
    );
    lab.call(
        balancer::op::DeleteListener,
        balancer::DeleteListenerInput {
            listener_arn: listener,
        },
    );
    assert_eq!(shown(&mut lab, &arn).in_use_by.unwrap(), [""; 0]);
    lab.call(op::DeleteCertificate, delete(&arn));
    assert_eq!(
        lab.refused(op::DeleteCertificate, delete(&arn)),
        (
            "ResourceNotFoundException".to_owned(),
            format!("Could not find certificate {arn}.")
        )
    );
    assert_eq!(
        lab.refused(
            op::DeleteCertificate,
            delete("arn:aws:s3:::bucket-of-some-kind")
        )
        .0,
        "InvalidArnException"
    );
}

#[test]
fn options_and_tags() {
    let mut lab = lab();
    let arn = request(&mut lab, &["example.com"]);
    let logging = |lab: &mut crate::services::ec2::tests::lab::Lab| {
        let options = shown(lab, &arn).options.unwrap();
        options.certificate_transparency_logging_preference.unwrap()
    };
    assert_eq!(logging(&mut lab), Enabled);
    let update = |options| api::UpdateCertificateOptionsRequest {
        certificate_arn: arn.clone(),
        options,
    };
    lab.call(
        op::UpdateCertificateOptions,
        update(api::CertificateOptions {
            certificate_transparency_logging_preference: Some(Disabled),
            export: None,
        }),
    );
    assert_eq!(logging(&mut lab), Disabled);
    let export = update(api::CertificateOptions {
        certificate_transparency_logging_preference: None,
        export: Some(api::CertificateExport::Enabled),
    });
    assert_eq!(
        lab.refused(op::UpdateCertificateOptions, export).0,
        "ValidationException"
    );
    let tag = |key: &str, value: Option<&str>| api::Tag {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    };
    lab.call(
        op::AddTagsToCertificate,
        api::AddTagsToCertificateRequest {
            certificate_arn: arn.clone(),
            tags: vec![tag("a", Some("1")), tag("b", Some("2")), tag("c", None)],
        },
    );
    // A value that is not its own protects a tag.
    lab.call(
        op::RemoveTagsFromCertificate,
        api::RemoveTagsFromCertificateRequest {
            certificate_arn: arn.clone(),
            tags: vec![tag("a", Some("other")), tag("b", Some("2")), tag("c", None)],
        },
    );
    let listed = api::ListTagsForCertificateRequest {
        certificate_arn: arn.clone(),
    };
    let listed = lab.call(op::ListTagsForCertificate, listed).tags.unwrap();
    assert_eq!((listed.len(), listed[0].key.as_str()), (1, "a"));
}

#[test]
fn lists_have_rsa_keys_unless_others_are_asked_for() {
    let mut lab = lab();
    let rsa = api::RequestCertificateRequest {
        key_algorithm: None,
        ..asked(&["rsa.example.com"])
    };
    lab.call(op::RequestCertificate, rsa);
    lab.pass(1);
    for n in 0..3 {
        request(&mut lab, &[&format!("n{n}.example.com")]);
        lab.pass(1);
    }
    let mut names = |input: api::ListCertificatesRequest| -> Vec<String> {
        let all = lab.call(op::ListCertificates, input);
        let all = all.certificate_summary_list.unwrap().into_iter();
        all.filter_map(|one| one.domain_name).collect()
    };
    assert_eq!(
        names(api::ListCertificatesRequest::default()),
        ["rsa.example.com"]
    );
    let curves = || api::ListCertificatesRequest {
        includes: Some(api::Filters {
            key_types: Some(vec![api::KeyAlgorithm::EcPrime256v1]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let reversed = api::ListCertificatesRequest {
        sort_by: Some(api::SortBy::CreatedAt),
        sort_order: Some(api::SortOrder::Descending),
        ..curves()
    };
    assert_eq!(
        names(reversed),
        ["n2.example.com", "n1.example.com", "n0.example.com"]
    );
    let none = api::ListCertificatesRequest {
        certificate_statuses: Some(vec![api::CertificateStatus::Issued]),
        ..curves()
    };
    assert_eq!(names(none), [""; 0]);
    let alone = api::ListCertificatesRequest {
        sort_by: Some(api::SortBy::CreatedAt),
        ..curves()
    };
    assert_eq!(
        lab.refused(op::ListCertificates, alone).0,
        "ValidationException"
    );
    let mut seen = Vec::new();
    let mut next_token = None;
    loop {
        let input = api::ListCertificatesRequest {
            max_items: Some(2),
            next_token,
            ..curves()
        };
        let piece = lab.call(op::ListCertificates, input);
        seen.extend(
            piece
                .certificate_summary_list
                .unwrap()
                .into_iter()
                .filter_map(|one| one.domain_name),
        );
        next_token = piece.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["n0.example.com", "n1.example.com", "n2.example.com"]);
}

#[test]
fn a_listener_shows_its_certificates_by_name() {
    let mut lab = lab();
    let (default, _) = issued(&mut lab, &["example.com"]);
    let (other, _) = issued(&mut lab, &["example.org", "*.example.org"]);
    let waiting = request(&mut lab, &["example.net"]);
    let listener = serve(&mut lab, &default);
    let add = |arns: &[&str]| balancer::AddListenerCertificatesInput {
        listener_arn: listener.clone(),
        certificates: balancing::named(arns),
    };
    for (arn, code) in [
        (waiting.as_str(), "UnsupportedCertificate"),
        (
            "arn:aws:acm:eu-central-1:000000000000:certificate/x",
            "CertificateNotFound",
        ),
    ] {
        let refused = lab.refused(balancer::op::AddListenerCertificates, add(&[arn]));
        assert_eq!(refused.0, code);
    }
    lab.call(balancer::op::AddListenerCertificates, add(&[&other]));
    let listed = balancer::DescribeListenerCertificatesInput {
        listener_arn: listener.clone(),
        ..Default::default()
    };
    let listed = lab.call(balancer::op::DescribeListenerCertificates, listed);
    let listed: Vec<_> = listed
        .certificates
        .unwrap()
        .into_iter()
        .map(|one| (one.certificate_arn.unwrap(), one.is_default.unwrap()))
        .collect();
    assert_eq!(listed, [(default.clone(), true), (other.clone(), false)]);
    // The nodes get them with their keys, and one more for the name on the machine.
    let world = lab.region.world();
    let config = &world.balancers.values().next().unwrap().config;
    let served = &config.listeners[0].certificates;
    let names: Vec<_> = served.iter().map(|one| one.names.join(" ")).collect();
    assert_eq!(
        names,
        ["example.com", "example.org *.example.org", "web.localhost"]
    );
    for certificate in served {
        let own = super::super::x509::many(&certificate.chain).unwrap();
        let key = super::KeyPair::read(certificate.private_key.reveal()).unwrap();
        assert_eq!(
            key.public_key_info(),
            super::super::x509::public_key_info(&own[0])
        );
    }
    let remove = |arn: &str| balancer::RemoveListenerCertificatesInput {
        listener_arn: listener.clone(),
        certificates: balancing::named(&[arn]),
    };
    assert_eq!(
        lab.refused(balancer::op::RemoveListenerCertificates, remove(&default))
            .0,
        "OperationNotPermitted"
    );
    lab.call(balancer::op::RemoveListenerCertificates, remove(&other));
    assert_eq!(shown(&mut lab, &other).in_use_by.unwrap(), [""; 0]);
    // Another default one takes the place of the first.
    let modify = balancer::ModifyListenerInput {
        listener_arn: listener.clone(),
        certificates: Some(balancing::named(&[&other])),
        ..Default::default()
    };
    lab.call(balancer::op::ModifyListener, modify);
    assert_eq!(shown(&mut lab, &default).in_use_by.unwrap(), [""; 0]);
}

#[test]
fn the_name_on_the_machine_goes_with_the_listener_and_is_made_anew_in_time() {
    let mut lab = lab();
    let (arn, _) = issued(&mut lab, &["example.com"]);
    let listener = serve(&mut lab, &arn);
    let own = |lab: &crate::services::ec2::tests::lab::Lab| {
        let mut all = lab.region.elbv2.host_certificates.values();
        all.next().map(|row| row.certificate.clone())
    };
    let first = own(&lab).expect("it is made");
    lab.pass(300 * 24 * 3600);
    assert_eq!(own(&lab), Some(first.clone()));
    lab.pass(60 * 24 * 3600);
    assert_ne!(own(&lab), Some(first));
    lab.call(
        balancer::op::DeleteListener,
        balancer::DeleteListenerInput {
            listener_arn: listener,
        },
    );
    assert_eq!(own(&lab), None);
}

#[test]
fn the_authority_signs_what_its_key_is_for() {
    // A key on another curve is none that it signs with.
    let mut settings = lab().region.settings.clone();
    let pem = key(3, api::KeyAlgorithm::EcSecp384r1).to_pem().unwrap();
    settings.certificate_authority_key = world::database::Secret::new(pem);
    let mut lab = crate::services::ec2::tests::lab::Lab::of(settings);
    let zone = super::dns::zone(&mut lab, "example.com");
    let arn = request(&mut lab, &["example.com"]);
    super::prove(&mut lab, &zone, &arn);
    lab.pass(2);
    let failed = shown(&mut lab, &arn);
    assert_eq!(failed.failure_reason, Some(api::FailureReason::Other));
}
