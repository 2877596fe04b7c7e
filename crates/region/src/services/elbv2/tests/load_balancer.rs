use wire::ec2 as network;
use wire::elbv2::{self as api, op};

use super::{balancer, fixed, listener, new_balancer, place};
use crate::services::ec2::tests::lab::Lab;

fn shown(lab: &mut Lab, arn: &str) -> api::LoadBalancer {
    let input = api::DescribeLoadBalancersInput {
        load_balancer_arns: Some(vec![arn.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeLoadBalancers, input)
        .load_balancers
        .unwrap()
        .remove(0)
}

fn interfaces(lab: &mut Lab, owner: &str) -> Vec<network::NetworkInterface> {
    let filter = |name: &str, value: &str| network::Filter {
        name: Some(name.to_owned()),
        values: Some(vec![value.to_owned()]),
    };
    let input = network::DescribeNetworkInterfacesRequest {
        filters: Some(vec![
            filter("attachment.instance-owner-id", owner),
            filter("description", "ELB app/web/*"),
        ]),
        ..Default::default()
    };
    let found = lab.call(network::op::DescribeNetworkInterfaces, input);
    found.network_interfaces.unwrap()
}

fn set(arn: &str, pairs: &[(&str, &str)]) -> api::ModifyLoadBalancerAttributesInput {
    let attribute = |(key, value): &(&str, &str)| api::LoadBalancerAttribute {
        key: Some((*key).to_owned()),
        value: Some((*value).to_owned()),
    };
    api::ModifyLoadBalancerAttributesInput {
        load_balancer_arn: arn.to_owned(),
        attributes: pairs.iter().map(attribute).collect(),
    }
}

#[test]
fn the_life_of_one() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let made = lab.call(
        op::CreateLoadBalancer,
        new_balancer("Web", &place.subnets[..2]),
    );
    let made = made.load_balancers.unwrap().remove(0);
    assert_eq!(
        made.state.unwrap().code,
        Some(api::LoadBalancerStateEnum::Provisioning)
    );
    let delete = |arn: &str| api::DeleteLoadBalancerInput {
        load_balancer_arn: arn.to_owned(),
    };
    lab.call(
        op::DeleteLoadBalancer,
        delete(&made.load_balancer_arn.unwrap()),
    );

    let arn = balancer(&mut lab, &place, "web");
    let there = shown(&mut lab, &arn);
    assert_eq!(
        there.state.unwrap().code,
        Some(api::LoadBalancerStateEnum::Active)
    );
    assert_eq!(
        there.canonical_hosted_zone_id.as_deref(),
        Some("Z215JYRZR1TBD5")
    );
    assert_eq!(there.r#type, Some(api::LoadBalancerTypeEnum::Application));
    let name = there.dns_name.unwrap();
    let digits = name
        .strip_prefix("web-")
        .unwrap()
        .strip_suffix(".eu-central-1.elb.amazonaws.com")
        .unwrap();
    assert!(
        digits.len() == 10 && digits.chars().all(|one| one.is_ascii_digit()),
        "{name}"
    );
    let zones: Vec<_> = there
        .availability_zones
        .unwrap()
        .into_iter()
        .filter_map(|one| one.zone_name)
        .collect();
    assert_eq!(zones, ["eu-central-1a", "eu-central-1b"]);
    assert!(arn.contains(":loadbalancer/app/web/"));

    let nodes = interfaces(&mut lab, "amazon-elb");
    assert_eq!(nodes.len(), 2);
    assert!(nodes.iter().all(|one| one.association.is_some()));
    assert_eq!(interfaces(&mut lab, "amazon-aws").len(), 0);

    lab.call(
        op::ModifyLoadBalancerAttributes,
        set(&arn, &[("deletion_protection.enabled", "true")]),
    );
    let protected = lab.refused(op::DeleteLoadBalancer, delete(&arn));
    assert_eq!(
        protected,
        (
            "OperationNotPermitted".into(),
            format!(
                "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            )
        )
    );
    lab.call(
        op::ModifyLoadBalancerAttributes,
        set(&arn, &[("deletion_protection.enabled", "false")]),
    );
    listener(&mut lab, &arn, 80, fixed("404"));
    lab.call(op::DeleteLoadBalancer, delete(&arn));
    assert_eq!(interfaces(&mut lab, "amazon-elb").len(), 0);
    assert_eq!(lab.region.elbv2.listeners.len(), 0);
    // Again is no error; looking for it is.
    lab.call(op::DeleteLoadBalancer, delete(&arn));
    let gone = api::DescribeLoadBalancersInput {
        names: Some(vec!["web".into()]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeLoadBalancers, gone).0,
        "LoadBalancerNotFound"
    );
    for subnet in place.subnets {
        let input = network::DeleteSubnetRequest {
            subnet_id: subnet,
            ..Default::default()
        };
        lab.call(network::op::DeleteSubnet, input);
    }
}

#[test]
fn an_internal_one_has_no_public_address() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let made = lab.call(
        op::CreateLoadBalancer,
        api::CreateLoadBalancerInput {
            scheme: Some(api::LoadBalancerSchemeEnum::Internal),
            ..new_balancer("web", &place.subnets[..2])
        },
    );
    let made = made.load_balancers.unwrap().remove(0);
    assert!(made.dns_name.unwrap().starts_with("internal-web-"));
    assert!(
        interfaces(&mut lab, "amazon-elb")
            .iter()
            .all(|one| one.association.is_none())
    );
}

#[test]
fn requests_that_are_refused() {
    let mut lab = Lab::new();
    let (here, there) = (place(&mut lab, "10.0"), place(&mut lab, "10.1"));
    let no_gateway = {
        let mut only = Vec::new();
        let vpc = lab.call(
            network::op::CreateVpc,
            network::CreateVpcRequest {
                cidr_block: Some("10.2.0.0/16".into()),
                ..Default::default()
            },
        );
        let vpc = vpc.vpc.unwrap().vpc_id.unwrap();
        for (range, zone) in [
            ("10.2.0.0/24", "eu-central-1a"),
            ("10.2.1.0/24", "eu-central-1b"),
            ("10.2.2.0/28", "eu-central-1c"),
        ] {
            let input = network::CreateSubnetRequest {
                vpc_id: vpc.clone(),
                cidr_block: Some(range.into()),
                availability_zone: Some(zone.into()),
                ..Default::default()
            };
            only.push(
                lab.call(network::op::CreateSubnet, input)
                    .subnet
                    .unwrap()
                    .subnet_id
                    .unwrap(),
            );
        }
        only
    };
    // Use up the small one: 11 addresses, 8 have to be free.
    for _ in 0..4 {
        let input = network::CreateNetworkInterfaceRequest {
            subnet_id: no_gateway[2].clone(),
            ..Default::default()
        };
        lab.call(network::op::CreateNetworkInterface, input);
    }
    let subnets = &here.subnets;
    let base = || new_balancer("web", &subnets[..2]);
    let with = |ids: &[&String]| api::CreateLoadBalancerInput {
        subnets: Some(ids.iter().map(|&id| id.clone()).collect()),
        ..base()
    };
    let named = |name: &str| api::CreateLoadBalancerInput {
        name: name.to_owned(),
        ..base()
    };
    let unknown = "subnet-0".to_owned();
    let cases = [
        (with(&[&subnets[0]]), "ValidationError", "At least two subnets in two different Availability Zones must be specified".to_owned()),
        (with(&[]), "ValidationError", "At least two subnets in two different Availability Zones must be specified".to_owned()),
        (
            with(&[&subnets[0], &subnets[2]]),
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone".to_owned(),
        ),
        (with(&[&subnets[0], &there.subnets[1]]), "InvalidConfigurationRequest", "All subnets must belong to the same VPC".to_owned()),
        (with(&[&subnets[0], &unknown]), "SubnetNotFound", "The subnet ID 'subnet-0' does not exist".to_owned()),
        (
            with(&[&no_gateway[0], &no_gateway[2]]),
            "InvalidSubnet",
            format!("Not enough IP space available in {}. ELB requires at least 8 free IP addresses in each subnet.", no_gateway[2]),
        ),
        (named("a_b"), "ValidationError", "The load balancer name 'a_b' can only contain characters that are alphanumeric characters and hyphens(-)".to_owned()),
        (named("-a"), "ValidationError", "The load balancer name '-a' cannot begin or end with a hyphen(-)".to_owned()),
        (named("internal-a"), "ValidationError", "The load balancer name 'internal-a' cannot begin with 'internal-'".to_owned()),
        (
            api::CreateLoadBalancerInput { r#type: Some(api::LoadBalancerTypeEnum::Network), ..base() },
            "UnsupportedOperation",
            "Terrella does not implement load balancers of type network.".to_owned(),
        ),
        (
            api::CreateLoadBalancerInput { security_groups: Some(vec!["sg-0".into()]), ..base() },
            "InvalidSecurityGroup",
            "Security group 'sg-0' does not exist".to_owned(),
        ),
    ];
    for (input, code, text) in cases {
        assert_eq!(
            lab.refused(op::CreateLoadBalancer, input),
            (code.to_owned(), text)
        );
    }
    let gateway = lab.refused(
        op::CreateLoadBalancer,
        with(&[&no_gateway[0], &no_gateway[1]]),
    );
    assert_eq!(gateway.0, "InvalidSubnet");
    assert!(gateway.1.ends_with("has no internet gateway"));
    let long = lab.refused(op::CreateLoadBalancer, named(&"a".repeat(33)));
    assert!(long.1.ends_with("cannot be longer than '32' characters"));
    assert_eq!(lab.region.elbv2.load_balancers.len(), 0);
}

#[test]
fn a_name_is_taken_once() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let arn = balancer(&mut lab, &place, "web");
    assert_eq!(balancer(&mut lab, &place, "web"), arn);
    let other = lab.refused(
        op::CreateLoadBalancer,
        new_balancer("web", &place.subnets[2..]),
    );
    assert_eq!(
        other,
        (
            "DuplicateLoadBalancerName".into(),
            "A load balancer with the same name 'web' exists, but with different settings".into()
        )
    );
}

#[test]
fn attributes() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let arn = balancer(&mut lab, &place, "web");
    // As the provider sends them after every creation.
    let defaults = [
        ("access_logs.s3.enabled", "false"),
        ("connection_logs.s3.enabled", "false"),
        ("idle_timeout.timeout_seconds", "60"),
        ("client_keep_alive.seconds", "3600"),
        ("deletion_protection.enabled", "false"),
        ("waf.fail_open.enabled", "false"),
        ("zonal_shift.config.enabled", "false"),
        ("routing.http2.enabled", "true"),
        ("routing.http.drop_invalid_header_fields.enabled", "false"),
        ("routing.http.desync_mitigation_mode", "defensive"),
        ("routing.http.preserve_host_header.enabled", "false"),
        ("routing.http.xff_client_port.enabled", "false"),
        ("routing.http.xff_header_processing.mode", "append"),
        (
            "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
            "false",
        ),
    ];
    lab.call(op::ModifyLoadBalancerAttributes, set(&arn, &defaults));
    lab.call(
        op::ModifyLoadBalancerAttributes,
        set(&arn, &[("idle_timeout.timeout_seconds", "90")]),
    );
    let ask = || api::DescribeLoadBalancerAttributesInput {
        load_balancer_arn: arn.clone(),
    };
    let all = lab
        .call(op::DescribeLoadBalancerAttributes, ask())
        .attributes
        .unwrap();
    let value = |key: &str| {
        let found = all.iter().find(|one| one.key.as_deref() == Some(key));
        found.and_then(|one| one.value.clone())
    };
    assert_eq!(value("idle_timeout.timeout_seconds").as_deref(), Some("90"));
    assert_eq!(value("access_logs.s3.bucket").as_deref(), Some(""));
    for (key, default) in defaults.iter().filter(|(key, _)| !key.starts_with("idle")) {
        assert_eq!(value(key).as_deref(), Some(*default), "{key}");
    }
    let logs = set(
        &arn,
        &[
            ("access_logs.s3.enabled", "true"),
            ("access_logs.s3.bucket", "nowhere"),
        ],
    );
    assert_eq!(
        lab.refused(op::ModifyLoadBalancerAttributes, logs),
        (
            "InvalidConfigurationRequest".into(),
            "Access Denied for bucket: nowhere. Please check S3bucket permission".into()
        )
    );
    let missing = lab.refused(op::ModifyLoadBalancerAttributes, set("arn", &[]));
    assert_eq!(missing.0, "LoadBalancerNotFound");
}

#[test]
fn subnets_and_groups_change() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let arn = balancer(&mut lab, &place, "web");
    let before = interfaces(&mut lab, "amazon-elb");
    let new = vec![place.subnets[0].clone(), place.subnets[3].clone()];
    let input = |subnets: Vec<String>| api::SetSubnetsInput {
        load_balancer_arn: arn.clone(),
        subnets: Some(subnets),
        ..Default::default()
    };
    lab.call(op::SetSubnets, input(new));
    let after = interfaces(&mut lab, "amazon-elb");
    let ids = |all: &[network::NetworkInterface]| -> Vec<String> {
        all.iter()
            .filter_map(|one| one.network_interface_id.clone())
            .collect()
    };
    let kept = ids(&after)
        .into_iter()
        .filter(|id| ids(&before).contains(id))
        .count();
    assert_eq!((after.len(), kept), (2, 1));
    assert_eq!(
        lab.refused(op::SetSubnets, input(vec![place.subnets[0].clone()]))
            .0,
        "ValidationError"
    );

    let made = lab.call(
        network::op::CreateSecurityGroup,
        network::CreateSecurityGroupRequest {
            group_name: "balancer".into(),
            description: "for a test".into(),
            vpc_id: Some(place.vpc.clone()),
            ..Default::default()
        },
    );
    let security_group = made.group_id.unwrap();
    let input = |groups: Vec<String>| api::SetSecurityGroupsInput {
        load_balancer_arn: arn.clone(),
        security_groups: groups,
        ..Default::default()
    };
    lab.call(op::SetSecurityGroups, input(vec![security_group.clone()]));
    for one in interfaces(&mut lab, "amazon-elb") {
        assert_eq!(
            one.groups.unwrap()[0].group_id.as_ref(),
            Some(&security_group)
        );
    }
    assert_eq!(
        lab.refused(op::SetSecurityGroups, input(vec!["sg-0".into()]))
            .0,
        "InvalidSecurityGroup"
    );
    let ipv6 = api::SetIpAddressTypeInput {
        load_balancer_arn: arn.clone(),
        ip_address_type: api::IpAddressType::Dualstack,
    };
    assert_eq!(
        lab.refused(op::SetIpAddressType, ipv6).0,
        "UnsupportedOperation"
    );
    let reservation = api::DescribeCapacityReservationInput {
        load_balancer_arn: arn,
    };
    lab.call(op::DescribeCapacityReservation, reservation);
}

#[test]
fn tags() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let arn = balancer(&mut lab, &place, "web");
    let tag = |key: &str, value: &str| api::Tag {
        key: key.to_owned(),
        value: Some(value.to_owned()),
    };
    let add = |arn: &str, tags| api::AddTagsInput {
        resource_arns: vec![arn.to_owned()],
        tags,
    };
    lab.call(op::AddTags, add(&arn, vec![tag("a", "1"), tag("b", "2")]));
    lab.call(
        op::RemoveTags,
        api::RemoveTagsInput {
            resource_arns: vec![arn.clone()],
            tag_keys: vec!["a".into()],
        },
    );
    let shown = lab.call(
        op::DescribeTags,
        api::DescribeTagsInput {
            resource_arns: vec![arn.clone()],
        },
    );
    let shown = shown.tag_descriptions.unwrap().remove(0).tags.unwrap();
    assert_eq!((shown.len(), shown[0].key.as_str()), (1, "b"));
    let cases = [
        (
            add(
                "arn:aws:elasticloadbalancing:eu-central-1:0:loadbalancer/app/x/1",
                vec![],
            ),
            "LoadBalancerNotFound",
        ),
        (
            add(
                "arn:aws:elasticloadbalancing:eu-central-1:0:targetgroup/x/1",
                vec![],
            ),
            "TargetGroupNotFound",
        ),
        (
            add(
                "arn:aws:elasticloadbalancing:eu-central-1:0:listener/app/x/1/2",
                vec![],
            ),
            "ListenerNotFound",
        ),
        (
            add(
                "arn:aws:elasticloadbalancing:eu-central-1:0:listener-rule/app/x/1/2/3",
                vec![],
            ),
            "RuleNotFound",
        ),
        (add("x", vec![]), "ValidationError"),
        (
            add(&arn, vec![tag("a", "1"), tag("a", "2")]),
            "DuplicateTagKeys",
        ),
        (add(&arn, vec![tag("aws:a", "1")]), "ValidationError"),
        (
            add(
                &arn,
                (0..51).map(|number| tag(&number.to_string(), "")).collect(),
            ),
            "TooManyTags",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::AddTags, input).0, code);
    }
}
