use wire::acm::{self as api, op};
use wire::elbv2 as balancer;
use wire::route53::{ChangeAction, RRType};

use super::{asked, dns, issued, lab, prove, records, request, serve, shown, status};
use api::CertificateStatus::{Expired, Failed, Issued, PendingValidation, ValidationTimedOut};

const DAY: i64 = 24 * 3600;

#[test]
fn a_certificate_is_issued_once_its_domains_are_shown_to_be_the_account_s() {
    let mut lab = lab();
    let arn = request(
        &mut lab,
        &["example.com", "*.example.com", "www.example.org"],
    );
    // What to do is told a moment later.
    let first = shown(&mut lab, &arn);
    assert_eq!(first.status, Some(PendingValidation));
    let options = first.domain_validation_options.unwrap();
    assert!(options.iter().all(|one| one.resource_record.is_none()));
    // A domain and its wildcard share their record.
    let records = records(&mut lab, &arn);
    assert_eq!(records.len(), 2);
    let com = dns::zone(&mut lab, "example.com");
    let org = dns::zone(&mut lab, "example.org");
    for (name, value) in records {
        let zone = if name.ends_with(".com.") { &com } else { &org };
        // With a wrong value nothing happens.
        dns::create(
            &mut lab,
            zone,
            dns::set(&name, RRType::Cname, &["wrong.example.net."]),
        );
        lab.pass(10);
        assert_eq!(status(&mut lab, &arn), PendingValidation);
        let input = dns::batch(
            zone,
            vec![(
                ChangeAction::Upsert,
                dns::set(&name, RRType::Cname, &[&value]),
            )],
        );
        lab.call(wire::route53::op::ChangeResourceRecordSets, input);
    }
    let proven = shown(&mut lab, &arn);
    assert_eq!(proven.status, Some(PendingValidation));
    let statuses: Vec<_> = proven.domain_validation_options.unwrap();
    assert!(
        statuses
            .iter()
            .all(|one| one.validation_status == Some(api::DomainStatus::Success))
    );
    lab.pass(2);
    let made = shown(&mut lab, &arn);
    assert_eq!(made.status, Some(Issued));
    assert_eq!(made.not_before.unwrap().to_string(), "2026-01-05T00:00:00Z");
    assert_eq!(made.not_after.unwrap().to_string(), "2026-07-21T23:59:59Z");
    assert_eq!(made.subject.as_deref(), Some("CN=example.com"));
    assert_eq!(made.issuer.as_deref(), Some("Terrella region CA"));
    assert_eq!(
        made.renewal_eligibility,
        Some(api::RenewalEligibility::Ineligible)
    );
    assert_eq!(
        made.subject_alternative_names.unwrap(),
        ["example.com", "*.example.com", "www.example.org"]
    );
}

#[test]
fn a_zone_that_nobody_is_led_to_shows_nothing() {
    let mut lab = lab();
    let above = dns::zone(&mut lab, "example.com");
    let below = dns::zone(&mut lab, "dev.example.com");
    let arn = request(&mut lab, &["dev.example.com"]);
    prove(&mut lab, &below, &arn);
    lab.pass(60);
    assert_eq!(status(&mut lab, &arn), PendingValidation);
    let servers = lab
        .region
        .route53
        .zones
        .get(&below)
        .unwrap()
        .name_servers
        .clone();
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    dns::create(
        &mut lab,
        &above,
        dns::set("dev.example.com", RRType::Ns, &servers),
    );
    lab.pass(2);
    assert_eq!(status(&mut lab, &arn), Issued);
}

#[test]
fn a_request_is_given_up_after_three_days() {
    let mut lab = lab();
    let arn = request(&mut lab, &["example.com"]);
    lab.pass(3 * DAY - 1);
    assert_eq!(status(&mut lab, &arn), PendingValidation);
    lab.pass(1);
    let given_up = shown(&mut lab, &arn);
    assert_eq!(given_up.status, Some(ValidationTimedOut));
    let options = given_up.domain_validation_options.unwrap();
    assert_eq!(
        options[0].validation_status,
        Some(api::DomainStatus::Failed)
    );
    // It is too late for the record.
    let zone = dns::zone(&mut lab, "example.com");
    prove(&mut lab, &zone, &arn);
    lab.pass(60);
    assert_eq!(status(&mut lab, &arn), ValidationTimedOut);
    let input = api::GetCertificateRequest {
        certificate_arn: arn,
    };
    assert_eq!(
        lab.refused(op::GetCertificate, input).0,
        "ResourceNotFoundException"
    );
}

#[test]
fn a_caa_record_may_forbid_it() {
    let mut lab = lab();
    let zone = dns::zone(&mut lab, "example.com");
    dns::create(
        &mut lab,
        &zone,
        dns::set("example.com", RRType::Caa, &["0 issue \"letsencrypt.org\""]),
    );
    let arn = request(&mut lab, &["www.example.com"]);
    prove(&mut lab, &zone, &arn);
    lab.pass(2);
    let failed = shown(&mut lab, &arn);
    assert_eq!(failed.status, Some(Failed));
    assert_eq!(failed.failure_reason, Some(api::FailureReason::CaaError));
}

#[test]
fn what_is_in_use_is_renewed_while_its_record_is_there() {
    let mut lab = lab();
    let (arn, zone) = issued(&mut lab, &["example.com"]);
    let first = shown(&mut lab, &arn);
    serve(&mut lab, &arn);
    assert_eq!(
        shown(&mut lab, &arn).renewal_eligibility,
        Some(api::RenewalEligibility::Eligible)
    );
    lab.pass(154 * DAY);
    let renewed = shown(&mut lab, &arn);
    assert_ne!(renewed.serial, first.serial);
    assert!(renewed.not_after > first.not_after);
    let summary = renewed.renewal_summary.unwrap();
    assert_eq!(summary.renewal_status, Some(api::RenewalStatus::Success));
    // The next time the record is gone: it is waited for, and then it is too late.
    let (name, value) = records(&mut lab, &arn).remove(0);
    let gone = dns::batch(
        &zone,
        vec![(
            ChangeAction::Delete,
            dns::set(&name, RRType::Cname, &[&value]),
        )],
    );
    lab.call(wire::route53::op::ChangeResourceRecordSets, gone);
    lab.pass(154 * DAY);
    let waits = shown(&mut lab, &arn);
    assert_eq!(waits.status, Some(Issued));
    let summary = waits.renewal_summary.unwrap();
    assert_eq!(
        summary.renewal_status,
        Some(api::RenewalStatus::PendingValidation)
    );
    lab.pass(45 * DAY);
    assert_eq!(status(&mut lab, &arn), Expired);
}

#[test]
fn what_is_not_in_use_runs_out() {
    let mut lab = lab();
    let (arn, _) = issued(&mut lab, &["example.com"]);
    lab.pass(197 * DAY);
    assert_eq!(status(&mut lab, &arn), Issued);
    lab.pass(DAY);
    assert_eq!(status(&mut lab, &arn), Expired);
    let place = super::balancing::place(&mut lab, "10.0");
    let lb = super::balancing::balancer(&mut lab, &place, "web");
    let input = super::balancing::new_secure_listener(&lb, 443, &arn);
    assert_eq!(
        lab.refused(balancer::op::CreateListener, input).0,
        "UnsupportedCertificate"
    );
}

#[test]
fn requests_that_are_refused() {
    let mut lab = lab();
    let base = asked(&["example.com"]);
    let many: Vec<String> = (0..10).map(|n| format!("n{n}.example.com")).collect();
    let tag = |key: String| api::Tag { key, value: None };
    for (input, code) in [
        (
            api::RequestCertificateRequest {
                validation_method: Some(api::ValidationMethod::Email),
                ..base.clone()
            },
            "ValidationException",
        ),
        (
            api::RequestCertificateRequest {
                validation_method: None,
                ..base.clone()
            },
            "ValidationException",
        ),
        (
            api::RequestCertificateRequest {
                key_algorithm: Some(api::KeyAlgorithm::Rsa4096),
                ..base.clone()
            },
            "ValidationException",
        ),
        (
            api::RequestCertificateRequest {
                certificate_authority_arn: Some("arn".into()),
                ..base.clone()
            },
            "ValidationException",
        ),
        (
            api::RequestCertificateRequest {
                options: Some(api::CertificateOptions {
                    export: Some(api::CertificateExport::Enabled),
                    ..Default::default()
                }),
                ..base.clone()
            },
            "ValidationException",
        ),
        (
            api::RequestCertificateRequest {
                subject_alternative_names: Some(many),
                ..base.clone()
            },
            "LimitExceededException",
        ),
        (
            api::RequestCertificateRequest {
                domain_validation_options: Some(vec![api::DomainValidationOption {
                    domain_name: "example.com".into(),
                    validation_domain: "example.org".into(),
                }]),
                ..base.clone()
            },
            "InvalidDomainValidationOptionsException",
        ),
        (
            api::RequestCertificateRequest {
                tags: Some(vec![tag("aws:x".into())]),
                ..base.clone()
            },
            "InvalidTagException",
        ),
        (
            api::RequestCertificateRequest {
                tags: Some((0..51).map(|n| tag(n.to_string())).collect()),
                ..base.clone()
            },
            "TooManyTagsException",
        ),
    ] {
        assert_eq!(
            lab.refused(op::RequestCertificate, input.clone()).0,
            code,
            "{input:?}"
        );
    }
    let own = request(&mut lab, &["web.eu-central-1.elb.amazonaws.com"]);
    let own = shown(&mut lab, &own);
    assert_eq!(
        (own.status, own.failure_reason),
        (Some(Failed), Some(api::FailureReason::DomainNotAllowed))
    );
    // Without an authority nothing is promised.
    let mut without = crate::services::ec2::tests::lab::Lab::new();
    assert_eq!(
        without.refused(op::RequestCertificate, base).0,
        "ValidationException"
    );
}

#[test]
fn a_token_says_that_a_request_is_the_same() {
    let mut lab = lab();
    let with = |names: &[&str]| api::RequestCertificateRequest {
        idempotency_token: Some("once".into()),
        ..asked(names)
    };
    let mut ask = |seconds: i64, names: &[&str]| {
        lab.pass(seconds);
        let made = lab.call(op::RequestCertificate, with(names));
        made.certificate_arn.unwrap()
    };
    let first = ask(0, &["example.com"]);
    assert_eq!(ask(3599, &["EXAMPLE.com"]), first);
    assert_ne!(ask(0, &["example.org"]), first);
    assert_ne!(ask(2, &["example.com"]), first);
}
