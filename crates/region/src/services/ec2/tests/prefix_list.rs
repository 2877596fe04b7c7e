use wire::ec2::{self as api, op};
use world::VpcId;
use world::id::SecurityGroupId;
use world::network::Peer;

use super::lab::Lab;
use super::{interface, security_group, subnet, vpc};

fn entries(ranges: &[&str]) -> Option<Vec<api::AddPrefixListEntry>> {
    let one = |range: &&str| api::AddPrefixListEntry {
        cidr: (*range).to_owned(),
        description: None,
    };
    Some(ranges.iter().map(one).collect())
}

fn named(name: &str, most: i64, ranges: &[&str]) -> api::CreateManagedPrefixListRequest {
    api::CreateManagedPrefixListRequest {
        prefix_list_name: name.to_owned(),
        address_family: "IPv4".to_owned(),
        max_entries: most,
        entries: entries(ranges),
        ..Default::default()
    }
}

fn make(lab: &mut Lab, ranges: &[&str]) -> String {
    let made = lab.call(op::CreateManagedPrefixList, named("offices", 3, ranges));
    let made = made.prefix_list.unwrap();
    assert_eq!(made.state, Some(api::PrefixListState::CreateInProgress));
    made.prefix_list_id.unwrap()
}

fn shown(lab: &mut Lab, id: &str) -> api::ManagedPrefixList {
    let input = api::DescribeManagedPrefixListsRequest {
        prefix_list_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    lab.call(op::DescribeManagedPrefixLists, input)
        .prefix_lists
        .unwrap()
        .remove(0)
}

fn ranges(lab: &mut Lab, id: &str, version: Option<i64>) -> Vec<String> {
    let input = api::GetManagedPrefixListEntriesRequest {
        prefix_list_id: id.to_owned(),
        target_version: version,
        ..Default::default()
    };
    let got = lab.call(op::GetManagedPrefixListEntries, input);
    let all = got.entries.unwrap().into_iter();
    all.filter_map(|entry| entry.cidr).collect()
}

fn change(
    id: &str,
    version: i64,
    add: &[&str],
    remove: &[&str],
) -> api::ModifyManagedPrefixListRequest {
    let gone = |range: &&str| api::RemovePrefixListEntry {
        cidr: (*range).to_owned(),
    };
    api::ModifyManagedPrefixListRequest {
        prefix_list_id: id.to_owned(),
        current_version: Some(version),
        add_entries: entries(add),
        remove_entries: Some(remove.iter().map(gone).collect()),
        ..Default::default()
    }
}

fn delete(id: &str) -> api::DeleteManagedPrefixListRequest {
    api::DeleteManagedPrefixListRequest {
        prefix_list_id: id.to_owned(),
        ..Default::default()
    }
}

fn from_list(group: &str, id: &str) -> api::AuthorizeSecurityGroupIngressRequest {
    api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.to_owned()),
        ip_permissions: Some(vec![api::IpPermission {
            ip_protocol: Some("tcp".into()),
            from_port: Some(443),
            to_port: Some(443),
            prefix_list_ids: Some(vec![api::PrefixListId {
                prefix_list_id: Some(id.to_owned()),
                description: None,
            }]),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

#[test]
fn a_list_has_versions() {
    let mut lab = Lab::new();
    let id = make(&mut lab, &["192.0.2.9/24", "198.51.100.0/24"]);
    let list = shown(&mut lab, &id);
    assert_eq!(list.state, Some(api::PrefixListState::CreateComplete));
    assert_eq!((list.version, list.max_entries), (Some(1), Some(3)));
    assert_eq!(list.owner_id.as_deref(), Some("000000000000"));

    let changed = change(&id, 1, &["203.0.113.0/24"], &["192.0.2.0/24"]);
    let told = lab.call(op::ModifyManagedPrefixList, changed.clone());
    let told = told.prefix_list.unwrap().state;
    assert_eq!(told, Some(api::PrefixListState::ModifyInProgress));
    assert_eq!(shown(&mut lab, &id).version, Some(2));
    let now = ["198.51.100.0/24", "203.0.113.0/24"];
    assert_eq!(ranges(&mut lab, &id, None), now);
    let before = ["192.0.2.0/24", "198.51.100.0/24"];
    assert_eq!(ranges(&mut lab, &id, Some(1)), before);

    // A name is not of a version.
    let named = api::ModifyManagedPrefixListRequest {
        prefix_list_id: id.clone(),
        prefix_list_name: Some("homes".into()),
        ..Default::default()
    };
    lab.call(op::ModifyManagedPrefixList, named);
    let list = shown(&mut lab, &id);
    assert_eq!(
        (list.version, list.prefix_list_name),
        (Some(2), Some("homes".into()))
    );

    let told = lab.call(op::DeleteManagedPrefixList, delete(&id));
    let told = told.prefix_list.unwrap().state;
    assert_eq!(told, Some(api::PrefixListState::DeleteInProgress));
    let (code, _) = lab.refused(op::DeleteManagedPrefixList, delete(&id));
    assert_eq!(code, "InvalidPrefixListID.NotFound");
}

#[test]
fn what_a_list_does_not_take_is_refused() {
    let mut lab = Lab::new();
    let id = make(&mut lab, &["192.0.2.0/24", "198.51.100.0/24"]);
    let sized = |most, add: &[&str]| api::ModifyManagedPrefixListRequest {
        max_entries: Some(most),
        ..change(&id, 1, add, &[])
    };
    let nowhere = api::ModifyManagedPrefixListRequest {
        current_version: None,
        ..change(&id, 1, &["203.0.113.0/24"], &[])
    };
    for (input, code) in [
        (
            change(&id, 2, &["203.0.113.0/24"], &[]),
            "PrefixListVersionMismatch",
        ),
        (
            change(&id, 1, &["192.0.2.7/24"], &[]),
            "InvalidPrefixListModification",
        ),
        (
            change(&id, 1, &[], &["203.0.113.0/24"]),
            "InvalidPrefixListModification",
        ),
        (
            change(&id, 1, &["203.0.113.0/25", "203.0.113.128/25"], &[]),
            "PrefixListMaxEntriesExceeded",
        ),
        (
            change(&id, 1, &["203.0.113.0/33"], &[]),
            "InvalidParameterValue",
        ),
        (sized(1, &[]), "PrefixListMaxEntriesExceeded"),
        (sized(4, &["203.0.113.0/24"]), "InvalidParameterValue"),
        (nowhere, "MissingParameter"),
        (
            change("pl-6ea54007", 1, &["203.0.113.0/24"], &[]),
            "OperationNotPermitted",
        ),
    ] {
        let (refused, text) = lab.refused(op::ModifyManagedPrefixList, input);
        assert_eq!(refused, code, "{text}");
    }
    for input in [
        named("com.amazonaws.mine", 1, &[]),
        named("", 1, &[]),
        named("none", 0, &[]),
        api::CreateManagedPrefixListRequest {
            address_family: "IPv5".into(),
            ..named("odd", 1, &[])
        },
    ] {
        let (code, text) = lab.refused(op::CreateManagedPrefixList, input);
        assert_eq!(code, "InvalidParameterValue", "{text}");
    }
}

#[test]
fn rules_that_name_a_list_follow_it() {
    let mut lab = Lab::new();
    let vpc = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &vpc, "web");
    let subnet = subnet(&mut lab, &vpc, "10.0.0.0/24", "eu-central-1a");
    interface(&mut lab, &subnet, &[&group]);
    let id = make(&mut lab, &["192.0.2.0/24"]);
    lab.call(op::AuthorizeSecurityGroupIngress, from_list(&group, &id));
    let peers = |lab: &Lab| {
        let world = lab.region.world();
        let of_vpc = &world.vpcs[&VpcId::from(vpc.as_str())];
        let rules = &of_vpc.security_groups[&SecurityGroupId::from(group.as_str())].ingress;
        rules
            .iter()
            .map(|rule| rule.peer.clone())
            .collect::<Vec<_>>()
    };
    let range = |text: &str| text.parse().unwrap();
    assert_eq!(peers(&lab), [Peer::Cidrs(vec![range("192.0.2.0/24")])]);
    lab.call(
        op::ModifyManagedPrefixList,
        change(&id, 1, &["203.0.113.0/24"], &[]),
    );
    let both = vec![range("192.0.2.0/24"), range("203.0.113.0/24")];
    assert_eq!(peers(&lab), [Peer::Cidrs(both)]);

    let (code, text) = lab.refused(op::DeleteManagedPrefixList, delete(&id));
    assert_eq!(code, "DependencyViolation");
    assert!(text.contains(&group), "{text}");
    // A rule that names it counts for as many as it may have; a group has sixty.
    let larger = api::ModifyManagedPrefixListRequest {
        prefix_list_id: id.clone(),
        max_entries: Some(61),
        ..Default::default()
    };
    let (code, text) = lab.refused(op::ModifyManagedPrefixList, larger);
    assert_eq!(code, "RulesPerSecurityGroupLimitExceeded");
    assert!(text.contains(&group), "{text}");
}
