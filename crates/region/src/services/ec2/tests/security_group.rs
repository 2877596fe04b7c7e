use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{filters, interface, new_group, security_group, subnet, vpc};

fn tcp(port: i64, range: &str) -> api::IpPermission {
    api::IpPermission {
        ip_protocol: Some("tcp".into()),
        from_port: Some(port),
        to_port: Some(port),
        ip_ranges: Some(vec![api::IpRange {
            cidr_ip: Some(range.to_owned()),
            description: None,
        }]),
        ..Default::default()
    }
}

fn from_group(id: &str) -> api::IpPermission {
    api::IpPermission {
        ip_protocol: Some("-1".into()),
        user_id_group_pairs: Some(vec![api::UserIdGroupPair {
            group_id: Some(id.to_owned()),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

fn ingress(
    group: &str,
    permission: api::IpPermission,
) -> api::AuthorizeSecurityGroupIngressRequest {
    api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.to_owned()),
        ip_permissions: Some(vec![permission]),
        ..Default::default()
    }
}

fn revoke(group: &str, permission: api::IpPermission) -> api::RevokeSecurityGroupIngressRequest {
    api::RevokeSecurityGroupIngressRequest {
        group_id: Some(group.to_owned()),
        ip_permissions: Some(vec![permission]),
        ..Default::default()
    }
}

fn delete(id: &str) -> api::DeleteSecurityGroupRequest {
    api::DeleteSecurityGroupRequest {
        group_id: Some(id.to_owned()),
        ..Default::default()
    }
}

fn rules(lab: &mut Lab, group: &str) -> Vec<api::SecurityGroupRule> {
    let input = api::DescribeSecurityGroupRulesRequest {
        filters: filters(&[("group-id", group)]),
        ..Default::default()
    };
    lab.call(op::DescribeSecurityGroupRules, input)
        .security_group_rules
        .unwrap()
}

#[test]
fn names_and_descriptions_that_are_refused() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    security_group(&mut lab, &id, "web");
    let cases = [
        ("default", "InvalidGroup.Reserved"),
        ("sg-1", "InvalidParameterValue"),
        ("", "InvalidParameterValue"),
        ("naïve", "InvalidParameterValue"),
        ("web", "InvalidGroup.Duplicate"),
    ];
    for (name, code) in cases {
        assert_eq!(
            lab.refused(op::CreateSecurityGroup, new_group(&id, name)).0,
            code,
            "{name}"
        );
    }
    for description in [String::new(), "a".repeat(256), "§".into()] {
        let input = api::CreateSecurityGroupRequest {
            description,
            ..new_group(&id, "other")
        };
        assert_eq!(
            lab.refused(op::CreateSecurityGroup, input).0,
            "InvalidParameterValue"
        );
    }
    let unknown = lab.refused(op::CreateSecurityGroup, new_group("vpc-0", "other"));
    assert_eq!(unknown.0, "InvalidVpcID.NotFound");
}

#[test]
fn a_new_group_lets_everything_out_and_nothing_in() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &id, "web");
    let all = rules(&mut lab, &group);
    let [rule] = all.as_slice() else {
        panic!("one rule: {all:?}")
    };
    assert_eq!(rule.is_egress, Some(true));
    assert_eq!(rule.cidr_ipv4.as_deref(), Some("0.0.0.0/0"));
    assert_eq!(rule.ip_protocol.as_deref(), Some("-1"));
    assert_eq!((rule.from_port, rule.to_port), (Some(-1), Some(-1)));
    assert!(
        rule.security_group_rule_id
            .as_ref()
            .unwrap()
            .starts_with("sgr-")
    );
    // As the provider does to a group it manages: once for IPv4, once for IPv6 that is not there.
    let egress = |permission| api::RevokeSecurityGroupEgressRequest {
        group_id: group.clone(),
        ip_permissions: Some(vec![permission]),
        ..Default::default()
    };
    let any = api::IpPermission {
        ip_protocol: Some("-1".into()),
        ip_ranges: tcp(0, "0.0.0.0/0").ip_ranges,
        ..Default::default()
    };
    lab.call(op::RevokeSecurityGroupEgress, egress(any));
    let any6 = api::IpPermission {
        ip_protocol: Some("-1".into()),
        ipv6_ranges: Some(vec![api::Ipv6Range {
            cidr_ipv6: Some("::/0".into()),
            description: None,
        }]),
        ..Default::default()
    };
    let absent = lab.refused(op::RevokeSecurityGroupEgress, egress(any6));
    assert_eq!(
        absent,
        (
            "InvalidPermission.NotFound".into(),
            "The specified rule does not exist in this security group.".into()
        )
    );
    assert_eq!(rules(&mut lab, &group).len(), 0);
}

#[test]
fn rules_are_authorised_once() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &id, "web");
    let tagged = api::AuthorizeSecurityGroupIngressRequest {
        tag_specifications: Some(vec![api::TagSpecification {
            resource_type: Some("security-group-rule".into()),
            tags: Some(vec![api::Tag {
                key: Some("Name".into()),
                value: Some("http".into()),
            }]),
        }]),
        ..ingress(&group, tcp(80, "10.0.0.1/8"))
    };
    let made = lab
        .call(op::AuthorizeSecurityGroupIngress, tagged)
        .security_group_rules
        .unwrap();
    assert_eq!(made[0].cidr_ipv4.as_deref(), Some("10.0.0.0/8"));
    assert_eq!(
        made[0].tags.as_ref().unwrap()[0].value.as_deref(),
        Some("http")
    );
    let again = lab.refused(
        op::AuthorizeSecurityGroupIngress,
        ingress(&group, tcp(80, "10.0.0.0/8")),
    );
    assert_eq!(
        again,
        (
            "InvalidPermission.Duplicate".into(),
            "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW\" already exists".into()
        )
    );
    let twice = api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        ip_permissions: Some(vec![tcp(81, "10.0.0.0/8"), tcp(81, "10.0.0.0/8")]),
        ..Default::default()
    };
    let twice = lab.refused(op::AuthorizeSecurityGroupIngress, twice);
    assert_eq!(
        twice.1,
        "The same permission must not appear multiple times"
    );
    let flat = api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        ip_protocol: Some("udp".into()),
        from_port: Some(53),
        to_port: Some(53),
        cidr_ip: Some("0.0.0.0/0".into()),
        ..Default::default()
    };
    lab.call(op::AuthorizeSecurityGroupIngress, flat);
    let bad = [
        tcp(70_000, "0.0.0.0/0"),
        tcp(1, "0.0.0.0"),
        api::IpPermission {
            ip_protocol: Some("tcp".into()),
            ..tcp(1, "nonsense")
        },
    ];
    for permission in bad {
        let error = lab.refused(
            op::AuthorizeSecurityGroupIngress,
            ingress(&group, permission),
        );
        assert_eq!(error.0, "InvalidParameterValue");
    }
    let unknown = lab.refused(
        op::AuthorizeSecurityGroupIngress,
        ingress("sg-0", tcp(1, "0.0.0.0/0")),
    );
    assert_eq!(
        unknown,
        (
            "InvalidGroup.NotFound".into(),
            "The security group 'sg-0' does not exist".into()
        )
    );
}

#[test]
fn rules_are_shown_one_by_one_and_grouped() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let (group, other) = (
        security_group(&mut lab, &id, "web"),
        security_group(&mut lab, &id, "db"),
    );
    for permission in [
        tcp(80, "10.0.0.0/8"),
        tcp(80, "192.168.0.0/16"),
        from_group(&other),
    ] {
        lab.call(
            op::AuthorizeSecurityGroupIngress,
            ingress(&group, permission),
        );
    }
    let shown = lab.call(
        op::DescribeSecurityGroups,
        api::DescribeSecurityGroupsRequest {
            group_ids: Some(vec![group.clone()]),
            filters: filters(&[
                ("ip-permission.cidr", "192.168.*"),
                ("egress.ip-permission.protocol", "-1"),
            ]),
            ..Default::default()
        },
    );
    let permissions = shown.security_groups.unwrap()[0]
        .ip_permissions
        .clone()
        .unwrap();
    assert_eq!(permissions.len(), 2);
    assert_eq!(permissions[0].ip_ranges.as_ref().unwrap().len(), 2);
    assert_eq!(permissions[1].from_port, None);
    let referring: Vec<_> = rules(&mut lab, &group)
        .into_iter()
        .filter_map(|rule| rule.referenced_group_info?.group_id)
        .collect();
    assert_eq!(referring, std::slice::from_ref(&other));
    // A group that another names stays until that rule goes.
    let busy = lab.refused(op::DeleteSecurityGroup, delete(&other));
    assert_eq!(
        busy,
        (
            "DependencyViolation".into(),
            format!("resource {other} has a dependent object")
        )
    );
    lab.call(
        op::RevokeSecurityGroupIngress,
        revoke(&group, from_group(&other)),
    );
    lab.call(op::DeleteSecurityGroup, delete(&other));
    let gone = lab.refused(op::DeleteSecurityGroup, delete(&other));
    assert_eq!(gone.0, "InvalidGroup.NotFound");
}

#[test]
fn rules_are_revoked_by_id_and_changed() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &id, "web");
    let made = lab.call(
        op::AuthorizeSecurityGroupIngress,
        ingress(&group, tcp(80, "10.0.0.0/8")),
    );
    let rule = made.security_group_rules.unwrap()[0]
        .security_group_rule_id
        .clone()
        .unwrap();
    let modify = |id: &str, request| api::ModifySecurityGroupRulesRequest {
        group_id: group.clone(),
        security_group_rules: vec![api::SecurityGroupRuleUpdate {
            security_group_rule_id: id.to_owned(),
            security_group_rule: Some(request),
        }],
        ..Default::default()
    };
    let wanted = || api::SecurityGroupRuleRequest {
        ip_protocol: Some("tcp".into()),
        from_port: Some(443),
        to_port: Some(443),
        cidr_ipv4: Some("10.1.0.0/16".into()),
        description: Some("tls".into()),
        ..Default::default()
    };
    lab.call(op::ModifySecurityGroupRules, modify(&rule, wanted()));
    let shown = lab.call(
        op::DescribeSecurityGroupRules,
        api::DescribeSecurityGroupRulesRequest {
            security_group_rule_ids: Some(vec![rule.clone()]),
            ..Default::default()
        },
    );
    let shown = shown.security_group_rules.unwrap().remove(0);
    assert_eq!((shown.from_port, shown.is_egress), (Some(443), Some(false)));
    assert_eq!(shown.cidr_ipv4.as_deref(), Some("10.1.0.0/16"));
    assert_eq!(shown.description.as_deref(), Some("tls"));
    let unknown = lab.refused(op::ModifySecurityGroupRules, modify("sgr-0", wanted()));
    assert_eq!(unknown.0, "InvalidSecurityGroupRuleId.NotFound");
    let other_kind = api::SecurityGroupRuleRequest {
        cidr_ipv4: None,
        referenced_group_id: Some(group.clone()),
        ..wanted()
    };
    let other_kind = lab.refused(op::ModifySecurityGroupRules, modify(&rule, other_kind));
    assert_eq!(other_kind.0, "InvalidParameterValue");

    let by_id = || api::RevokeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        security_group_rule_ids: Some(vec![rule.clone()]),
        ..Default::default()
    };
    let revoked = lab.call(op::RevokeSecurityGroupIngress, by_id());
    assert_eq!(revoked.revoked_security_group_rules.unwrap().len(), 1);
    assert_eq!(
        lab.refused(op::RevokeSecurityGroupIngress, by_id()).0,
        "InvalidSecurityGroupRuleId.NotFound"
    );
    let input = api::DescribeSecurityGroupRulesRequest {
        security_group_rule_ids: Some(vec![rule]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeSecurityGroupRules, input).0,
        "InvalidSecurityGroupRuleId.NotFound"
    );
}

#[test]
fn descriptions_change_alone() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &id, "web");
    lab.call(
        op::AuthorizeSecurityGroupIngress,
        ingress(&group, tcp(80, "10.0.0.0/8")),
    );
    let mut named = tcp(80, "10.0.0.0/8");
    named.ip_ranges.as_mut().unwrap()[0].description = Some("from inside".into());
    let change = |permission| api::UpdateSecurityGroupRuleDescriptionsIngressRequest {
        group_id: Some(group.clone()),
        ip_permissions: Some(vec![permission]),
        ..Default::default()
    };
    lab.call(
        op::UpdateSecurityGroupRuleDescriptionsIngress,
        change(named.clone()),
    );
    let all = rules(&mut lab, &group);
    assert!(
        all.iter()
            .any(|rule| rule.description.as_deref() == Some("from inside"))
    );
    named.ip_ranges.as_mut().unwrap()[0].description = Some("a\u{e9}".into());
    let bad = lab.refused(
        op::UpdateSecurityGroupRuleDescriptionsIngress,
        change(named),
    );
    assert!(bad.1.starts_with("Invalid rule description."));
}

#[test]
fn sixty_rules_and_no_more() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &id, "web");
    let many = api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        ip_permissions: Some((1..=60).map(|port| tcp(port, "0.0.0.0/0")).collect()),
        ..Default::default()
    };
    lab.call(op::AuthorizeSecurityGroupIngress, many);
    let one = lab.refused(
        op::AuthorizeSecurityGroupIngress,
        ingress(&group, tcp(61, "0.0.0.0/0")),
    );
    assert_eq!(one.0, "RulesPerSecurityGroupLimitExceeded");
}

#[test]
fn groups_of_another_vpc_are_not_seen() {
    let mut lab = Lab::new();
    let (one, two) = (vpc(&mut lab, "10.0.0.0/16"), vpc(&mut lab, "10.1.0.0/16"));
    let (group, foreign) = (
        security_group(&mut lab, &one, "a"),
        security_group(&mut lab, &two, "a"),
    );
    let error = lab.refused(
        op::AuthorizeSecurityGroupIngress,
        ingress(&group, from_group(&foreign)),
    );
    assert_eq!(error.0, "InvalidGroup.NotFound");
    let sn = subnet(&mut lab, &one, "10.0.0.0/24", "eu-central-1a");
    let input = api::CreateNetworkInterfaceRequest {
        subnet_id: sn.clone(),
        groups: Some(vec![foreign]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::CreateNetworkInterface, input).0,
        "InvalidParameter"
    );
    interface(&mut lab, &sn, &[&group]);
    let busy = lab.refused(op::DeleteSecurityGroup, delete(&group));
    assert_eq!(
        busy,
        (
            "DependencyViolation".into(),
            format!("resource {group} has a dependent object")
        )
    );
}

#[test]
fn the_default_group() {
    let mut lab = Lab::new();
    let default = lab.region.ec2.vpcs.values().next().unwrap().id.clone();
    let group = crate::services::ec2::security_group::default_of(&lab.region, &default).unwrap();
    let error = lab.refused(op::DeleteSecurityGroup, delete(&group));
    assert_eq!(
        error,
        (
            "CannotDelete".into(),
            format!(
                "the specified group: \"{group}\" name: \"default\" cannot be deleted by a user"
            )
        )
    );
    // In a default VPC a rule that is not there is told, not refused.
    let answer = lab.call(
        op::RevokeSecurityGroupIngress,
        revoke(&group, tcp(1, "0.0.0.0/0")),
    );
    assert_eq!(answer.unknown_ip_permissions.unwrap().len(), 1);
    // There a group may be named without its VPC.
    let by_name = api::DescribeSecurityGroupsRequest {
        group_names: Some(vec!["default".into()]),
        ..Default::default()
    };
    assert_eq!(
        lab.call(op::DescribeSecurityGroups, by_name)
            .security_groups
            .unwrap()
            .len(),
        1
    );
}
