use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{subnet, vpc};

fn entry(acl: &str, number: i64, protocol: &str) -> api::CreateNetworkAclEntryRequest {
    api::CreateNetworkAclEntryRequest {
        network_acl_id: acl.to_owned(),
        rule_number: number,
        egress: false,
        protocol: protocol.to_owned(),
        rule_action: api::RuleAction::Allow,
        cidr_block: Some("0.0.0.0/0".into()),
        port_range: Some(api::PortRange {
            from: Some(443),
            to: Some(443),
        }),
        ..Default::default()
    }
}

#[test]
fn entries_and_associations() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let sn = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let made = lab.call(
        op::CreateNetworkAcl,
        api::CreateNetworkAclRequest {
            vpc_id: id.clone(),
            ..Default::default()
        },
    );
    let acl = made.network_acl.unwrap().network_acl_id.unwrap();
    lab.call(op::CreateNetworkAclEntry, entry(&acl, 100, "tcp"));
    let again = lab.refused(op::CreateNetworkAclEntry, entry(&acl, 100, "tcp"));
    assert_eq!(again.0, "NetworkAclEntryAlreadyExists");
    let cases = [
        (entry(&acl, 0, "tcp"), "InvalidParameterValue"),
        (entry(&acl, 32_767, "tcp"), "InvalidParameterValue"),
        (entry(&acl, 101, "bogus"), "InvalidParameterValue"),
        (entry("acl-0", 101, "tcp"), "InvalidNetworkAclID.NotFound"),
        (
            api::CreateNetworkAclEntryRequest {
                cidr_block: None,
                ..entry(&acl, 101, "tcp")
            },
            "InvalidParameterCombination",
        ),
        (
            api::CreateNetworkAclEntryRequest {
                port_range: None,
                ..entry(&acl, 101, "tcp")
            },
            "InvalidParameterValue",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::CreateNetworkAclEntry, input).0, code);
    }
    lab.call(
        op::ReplaceNetworkAclEntry,
        api::ReplaceNetworkAclEntryRequest {
            network_acl_id: acl.clone(),
            rule_number: 100,
            egress: false,
            protocol: "-1".into(),
            rule_action: api::RuleAction::Deny,
            cidr_block: Some("10.0.0.0/8".into()),
            ..Default::default()
        },
    );
    let shown = lab.call(
        op::DescribeNetworkAcls,
        api::DescribeNetworkAclsRequest {
            network_acl_ids: Some(vec![acl.clone()]),
            ..Default::default()
        },
    );
    let entries = shown.network_acls.unwrap().remove(0).entries.unwrap();
    let inbound: Vec<_> = entries
        .iter()
        .filter(|one| one.egress == Some(false))
        .map(|one| {
            (
                one.rule_number.unwrap(),
                one.rule_action.unwrap(),
                one.protocol.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        inbound,
        [
            (100, api::RuleAction::Deny, "-1"),
            (32_767, api::RuleAction::Deny, "-1")
        ]
    );

    let association = lab
        .region
        .ec2
        .subnets
        .get(&sn)
        .unwrap()
        .network_acl_association
        .clone();
    let default = lab.region.ec2.subnets.get(&sn).unwrap().network_acl.clone();
    let replace = |association: &str, to: &str| api::ReplaceNetworkAclAssociationRequest {
        association_id: association.to_owned(),
        network_acl_id: to.to_owned(),
        ..Default::default()
    };
    let new = lab.call(
        op::ReplaceNetworkAclAssociation,
        replace(&association, &acl),
    );
    let new = new.new_association_id.unwrap();
    let old = lab.refused(
        op::ReplaceNetworkAclAssociation,
        replace(&association, &acl),
    );
    assert_eq!(old.0, "InvalidAssociationID.NotFound");
    let delete = |id: &str| api::DeleteNetworkAclRequest {
        network_acl_id: id.to_owned(),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DeleteNetworkAcl, delete(&acl)).0,
        "DependencyViolation"
    );
    lab.call(op::ReplaceNetworkAclAssociation, replace(&new, &default));
    lab.call(op::DeleteNetworkAcl, delete(&acl));
    assert_eq!(
        lab.refused(op::DeleteNetworkAcl, delete(&default)).0,
        "InvalidParameterValue"
    );
}

#[test]
fn entries_go() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let acl = lab
        .region
        .ec2
        .network_acls
        .values()
        .find(|row| row.vpc == id)
        .unwrap()
        .id
        .clone();
    let drop = || api::DeleteNetworkAclEntryRequest {
        network_acl_id: acl.clone(),
        rule_number: 100,
        egress: true,
        ..Default::default()
    };
    lab.call(op::DeleteNetworkAclEntry, drop());
    assert_eq!(
        lab.refused(op::DeleteNetworkAclEntry, drop()).0,
        "InvalidNetworkAclEntry.NotFound"
    );
    assert_eq!(
        lab.region.ec2.network_acls.get(&acl).unwrap().entries.len(),
        1
    );
}
