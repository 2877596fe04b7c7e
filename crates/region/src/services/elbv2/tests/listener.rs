use wire::elbv2::{self as api, op};

use super::{balancer, fixed, forward, group, listener, new_listener, place};
use crate::services::ec2::tests::lab::Lab;

fn shown(lab: &mut Lab, arn: &str) -> api::Listener {
    let input = api::DescribeListenersInput {
        listener_arns: Some(vec![arn.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeListeners, input)
        .listeners
        .unwrap()
        .remove(0)
}

fn redirect(config: api::RedirectActionConfig) -> api::Action {
    api::Action {
        r#type: api::ActionTypeEnum::Redirect,
        redirect_config: Some(config),
        ..Default::default()
    }
}

fn weighted(groups: &[(&str, i64)]) -> api::Action {
    let tuple = |(arn, weight): &(&str, i64)| api::TargetGroupTuple {
        target_group_arn: Some((*arn).to_owned()),
        weight: Some(*weight),
    };
    api::Action {
        r#type: api::ActionTypeEnum::Forward,
        forward_config: Some(api::ForwardActionConfig {
            target_groups: Some(groups.iter().map(tuple).collect()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn actions_are_shown_whole() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let lb = balancer(&mut lab, &place, "web");
    let (one, two) = (
        group(&mut lab, &place.vpc, "one"),
        group(&mut lab, &place.vpc, "two"),
    );

    let arn = listener(&mut lab, &lb, 80, forward(&one));
    assert!(arn.contains(":listener/app/web/"));
    let there = shown(&mut lab, &arn);
    assert_eq!(
        (there.port, there.protocol),
        (Some(80), Some(api::ProtocolEnum::Http))
    );
    let action = there.default_actions.unwrap().remove(0);
    assert_eq!(action.target_group_arn.as_ref(), Some(&one));
    let config = action.forward_config.unwrap();
    assert_eq!(config.target_groups.unwrap()[0].weight, Some(1));
    assert_eq!(
        config.target_group_stickiness_config.unwrap().enabled,
        Some(false)
    );

    let arn = listener(&mut lab, &lb, 81, weighted(&[(&one, 1), (&two, 3)]));
    let action = shown(&mut lab, &arn).default_actions.unwrap().remove(0);
    assert_eq!(action.target_group_arn, None);
    assert_eq!(
        action.forward_config.unwrap().target_groups.unwrap().len(),
        2
    );

    let to_https = api::RedirectActionConfig {
        protocol: Some("HTTPS".into()),
        port: Some("443".into()),
        status_code: api::RedirectActionStatusCodeEnum::Http301,
        ..Default::default()
    };
    let arn = listener(&mut lab, &lb, 82, redirect(to_https));
    let config = shown(&mut lab, &arn)
        .default_actions
        .unwrap()
        .remove(0)
        .redirect_config
        .unwrap();
    assert_eq!(config.host.as_deref(), Some("#{host}"));
    assert_eq!(config.path.as_deref(), Some("/#{path}"));
    assert_eq!(config.query.as_deref(), Some("#{query}"));
}

#[test]
fn requests_that_are_refused() {
    let mut lab = Lab::new();
    let (here, there) = (place(&mut lab, "10.0"), place(&mut lab, "10.1"));
    let (lb, other) = (
        balancer(&mut lab, &here, "web"),
        balancer(&mut lab, &here, "other"),
    );
    let (tg, foreign) = (
        group(&mut lab, &here.vpc, "one"),
        group(&mut lab, &there.vpc, "two"),
    );
    listener(&mut lab, &lb, 80, forward(&tg));
    let loops = api::RedirectActionConfig {
        status_code: api::RedirectActionStatusCodeEnum::Http302,
        ..Default::default()
    };
    let port = api::RedirectActionConfig {
        port: Some("0".into()),
        ..loops.clone()
    };
    let path = api::RedirectActionConfig {
        path: Some("x".into()),
        ..loops.clone()
    };
    let base = |action| new_listener(&lb, 81, action);
    let twice = api::CreateListenerInput {
        default_actions: vec![fixed("404"), fixed("404")],
        ..base(fixed("404"))
    };
    let cases = [
        (
            new_listener("arn", 81, fixed("404")),
            "LoadBalancerNotFound",
        ),
        (new_listener(&lb, 80, fixed("404")), "DuplicateListener"),
        (new_listener(&lb, 0, fixed("404")), "ValidationError"),
        (
            api::CreateListenerInput {
                port: None,
                ..base(fixed("404"))
            },
            "ValidationError",
        ),
        (
            api::CreateListenerInput {
                protocol: None,
                ..base(fixed("404"))
            },
            "ValidationError",
        ),
        (
            api::CreateListenerInput {
                protocol: Some(api::ProtocolEnum::Tcp),
                ..base(fixed("404"))
            },
            "ValidationError",
        ),
        // A listener with TLS needs a certificate.
        (
            api::CreateListenerInput {
                protocol: Some(api::ProtocolEnum::Https),
                ..base(fixed("404"))
            },
            "ValidationError",
        ),
        (base(forward("arn")), "TargetGroupNotFound"),
        (base(forward(&foreign)), "InvalidConfigurationRequest"),
        (
            new_listener(&other, 80, forward(&tg)),
            "TargetGroupAssociationLimit",
        ),
        (base(weighted(&[(&tg, 1000)])), "ValidationError"),
        (base(weighted(&[(&tg, 1), (&tg, 1)])), "ValidationError"),
        (base(fixed("301")), "ValidationError"),
        (base(redirect(loops)), "InvalidLoadBalancerAction"),
        (base(redirect(port)), "ValidationError"),
        (base(redirect(path)), "ValidationError"),
        (twice, "ValidationError"),
        (
            base(api::Action {
                r#type: api::ActionTypeEnum::AuthenticateOidc,
                ..Default::default()
            }),
            "UnsupportedOperation",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(
            lab.refused(op::CreateListener, input.clone()).0,
            code,
            "{input:?}"
        );
    }
    let policy = api::CreateListenerInput {
        protocol: Some(api::ProtocolEnum::Https),
        certificates: Some(vec![api::Certificate {
            certificate_arn: Some("arn".into()),
            is_default: None,
        }]),
        ssl_policy: Some("none".into()),
        ..base(fixed("404"))
    };
    assert_eq!(
        lab.refused(op::CreateListener, policy).0,
        "SSLPolicyNotFound"
    );
    let none = lab.refused(
        op::DescribeListeners,
        api::DescribeListenersInput::default(),
    );
    assert_eq!(
        none.1,
        "You must specify either listener ARNs or a load balancer ARN"
    );
}

#[test]
fn it_changes_and_goes() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let lb = balancer(&mut lab, &place, "web");
    let (arn, other) = (
        listener(&mut lab, &lb, 80, fixed("404")),
        listener(&mut lab, &lb, 81, fixed("404")),
    );
    let modify = |port| api::ModifyListenerInput {
        listener_arn: arn.clone(),
        port: Some(port),
        default_actions: Some(vec![fixed("503")]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::ModifyListener, modify(81)).0,
        "DuplicateListener"
    );
    lab.call(op::ModifyListener, modify(8080));
    let changed = shown(&mut lab, &arn);
    assert_eq!(changed.port, Some(8080));
    let action = changed.default_actions.unwrap().remove(0);
    assert_eq!(action.fixed_response_config.unwrap().status_code, "503");
    let attributes = api::DescribeListenerAttributesInput {
        listener_arn: arn.clone(),
    };
    assert_eq!(
        lab.call(op::DescribeListenerAttributes, attributes)
            .attributes
            .unwrap()
            .len(),
        1
    );
    let change = api::ModifyListenerAttributesInput {
        listener_arn: arn.clone(),
        attributes: vec![api::ListenerAttribute {
            key: Some("routing.http.response.server.enabled".into()),
            value: Some("false".into()),
        }],
    };
    assert_eq!(
        lab.refused(op::ModifyListenerAttributes, change).0,
        "UnsupportedOperation"
    );
    let certificates = api::DescribeListenerCertificatesInput {
        listener_arn: arn.clone(),
        ..Default::default()
    };
    assert_eq!(
        lab.call(op::DescribeListenerCertificates, certificates)
            .certificates
            .unwrap()
            .len(),
        0
    );
    let delete = |arn: &str| api::DeleteListenerInput {
        listener_arn: arn.to_owned(),
    };
    lab.call(op::DeleteListener, delete(&arn));
    assert_eq!(
        lab.refused(op::DeleteListener, delete(&arn)).0,
        "ListenerNotFound"
    );
    let left = api::DescribeListenersInput {
        load_balancer_arn: Some(lb),
        ..Default::default()
    };
    let left = lab.call(op::DescribeListeners, left).listeners.unwrap();
    assert_eq!(left[0].listener_arn, Some(other));
}

#[test]
fn policies_and_limits() {
    let mut lab = Lab::new();
    let ask = |name: &str| api::DescribeSSLPoliciesInput {
        names: Some(vec![name.to_owned()]),
        ..Default::default()
    };
    let found = lab.call(
        op::DescribeSSLPolicies,
        ask("ELBSecurityPolicy-TLS13-1-2-2021-06"),
    );
    let found = found.ssl_policies.unwrap().remove(0);
    assert_eq!(found.ssl_protocols.unwrap(), ["TLSv1.2", "TLSv1.3"]);
    let ciphers: Vec<_> = found
        .ciphers
        .unwrap()
        .into_iter()
        .filter_map(|one| one.name)
        .collect();
    assert_eq!(ciphers.len(), 11);
    assert_eq!(ciphers[5], "ECDHE-ECDSA-AES128-SHA256");
    let current = lab.call(
        op::DescribeSSLPolicies,
        ask("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"),
    );
    assert_eq!(
        current.ssl_policies.unwrap()[0]
            .ciphers
            .as_ref()
            .unwrap()
            .len(),
        7
    );
    assert_eq!(
        lab.refused(op::DescribeSSLPolicies, ask("x")).0,
        "SSLPolicyNotFound"
    );
    let limits = lab.call(
        op::DescribeAccountLimits,
        api::DescribeAccountLimitsInput::default(),
    );
    assert!(
        limits
            .limits
            .unwrap()
            .iter()
            .any(|one| one.name.as_deref() == Some("application-load-balancers"))
    );
}
