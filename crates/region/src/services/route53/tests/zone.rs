use wire::route53::{self as api, op};

use super::{create, set, zone};
use crate::services::ec2::tests::lab::Lab;

fn shown(lab: &mut Lab, id: &str) -> api::GetHostedZoneResponse {
    lab.call(
        op::GetHostedZone,
        api::GetHostedZoneRequest { id: id.to_owned() },
    )
}

#[test]
fn a_zone_begins_with_its_name_servers_and_authority() {
    let mut lab = Lab::new();
    let made = lab.call(
        op::CreateHostedZone,
        api::CreateHostedZoneRequest {
            name: "Example.com".into(),
            caller_reference: "one".into(),
            hosted_zone_config: Some(api::HostedZoneConfig {
                comment: Some("mine".into()),
                private_zone: Some(false),
            }),
            ..Default::default()
        },
    );
    let zone = made.hosted_zone.unwrap();
    assert_eq!(zone.name.as_deref(), Some("example.com."));
    assert_eq!(zone.resource_record_set_count, Some(2));
    let id = zone.id.unwrap();
    assert!(id.starts_with("/hostedzone/Z0") && id.len() == 33, "{id}");
    assert!(made.location.unwrap().ends_with(&id));
    let change = made.change_info.unwrap();
    assert_eq!(change.status, Some(api::ChangeStatus::Pending));
    let servers = made.delegation_set.unwrap().name_servers.unwrap();
    assert_eq!(servers.len(), 4);
    for (server, end) in servers.iter().zip([".com", ".net", ".org", ".co.uk"]) {
        assert!(
            server.starts_with("ns-") && server.ends_with(end),
            "{server}"
        );
    }
    // The prefix may be given back, as SDKs that do not cut it off do.
    let again = shown(&mut lab, &id);
    assert_eq!(again.delegation_set.unwrap().name_servers.unwrap(), servers);
    assert!(again.vpcs.is_none());
    let bare = id.strip_prefix("/hostedzone/").unwrap();
    let input = api::ListResourceRecordSetsRequest {
        hosted_zone_id: bare.to_owned(),
        ..Default::default()
    };
    let sets = lab.call(op::ListResourceRecordSets, input);
    let [ns, soa] = &sets.resource_record_sets.unwrap()[..] else {
        panic!("two record sets");
    };
    assert_eq!((ns.r#type, ns.ttl), (api::RRType::Ns, Some(172_800)));
    assert_eq!(
        ns.resource_records.as_ref().unwrap()[0].value,
        format!("{}.", servers[0])
    );
    assert_eq!((soa.r#type, soa.ttl), (api::RRType::Soa, Some(900)));
    let authority = &soa.resource_records.as_ref().unwrap()[0].value;
    assert!(
        authority.ends_with(" awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"),
        "{authority}"
    );
}

#[test]
fn a_change_is_pending_and_then_everywhere() {
    let mut lab = Lab::new();
    let made = lab.call(
        op::CreateHostedZone,
        api::CreateHostedZoneRequest {
            name: "example.com".into(),
            caller_reference: "one".into(),
            ..Default::default()
        },
    );
    let id = made.change_info.unwrap().id.unwrap();
    let input = || api::GetChangeRequest { id: id.clone() };
    let status = |lab: &mut Lab| lab.call(op::GetChange, input()).change_info.unwrap().status;
    lab.pass(9);
    assert_eq!(status(&mut lab), Some(api::ChangeStatus::Pending));
    lab.pass(1);
    assert_eq!(status(&mut lab), Some(api::ChangeStatus::Insync));
    let (code, _) = lab.refused(op::GetChange, api::GetChangeRequest { id: "C1".into() });
    assert_eq!(code, "NoSuchChange");
    // After a week a change is forgotten when the next one is made.
    lab.pass(8 * 24 * 3600);
    zone(&mut lab, "example.org");
    assert_eq!(lab.refused(op::GetChange, input()).0, "NoSuchChange");
}

#[test]
fn zones_that_are_refused() {
    let mut lab = Lab::new();
    zone(&mut lab, "example.com");
    let base = api::CreateHostedZoneRequest {
        name: "example.com".into(),
        caller_reference: "another".into(),
        ..Default::default()
    };
    let vpc = |id: &str, region| api::VPC {
        vpc_id: Some(id.to_owned()),
        vpc_region: Some(region),
    };
    for (input, code) in [
        (
            api::CreateHostedZoneRequest {
                name: "example..com".into(),
                ..base.clone()
            },
            "InvalidDomainName",
        ),
        (
            api::CreateHostedZoneRequest {
                caller_reference: "test 0".into(),
                ..base.clone()
            },
            "HostedZoneAlreadyExists",
        ),
        (
            api::CreateHostedZoneRequest {
                hosted_zone_config: Some(api::HostedZoneConfig {
                    comment: None,
                    private_zone: Some(true),
                }),
                ..base.clone()
            },
            "InvalidInput",
        ),
        (
            api::CreateHostedZoneRequest {
                hosted_zone_config: Some(api::HostedZoneConfig {
                    comment: Some("x".repeat(257)),
                    private_zone: None,
                }),
                ..base.clone()
            },
            "InvalidInput",
        ),
        (
            api::CreateHostedZoneRequest {
                vpc: Some(vpc("vpc-0", api::VPCRegion::EuCentral1)),
                ..base.clone()
            },
            "InvalidVPCId",
        ),
        (
            api::CreateHostedZoneRequest {
                vpc: Some(api::VPC::default()),
                ..base.clone()
            },
            "InvalidInput",
        ),
        (
            api::CreateHostedZoneRequest {
                delegation_set_id: Some("N1".into()),
                ..base.clone()
            },
            "NoSuchDelegationSet",
        ),
    ] {
        assert_eq!(
            lab.refused(op::CreateHostedZone, input.clone()).0,
            code,
            "{input:?}"
        );
    }
    // Two public zones of one name are not refused: the registrar decides which answers.
    lab.call(op::CreateHostedZone, base);
    let (code, text) = lab.refused(
        op::GetHostedZone,
        api::GetHostedZoneRequest { id: "Z1".into() },
    );
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("NoSuchHostedZone", "No hosted zone found with ID: Z1")
    );
}

#[test]
fn a_zone_goes_when_only_its_own_records_are_left() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    create(
        &mut lab,
        &id,
        set("www.example.com", api::RRType::A, &["192.0.2.1"]),
    );
    let delete = || api::DeleteHostedZoneRequest { id: id.clone() };
    let (code, text) = lab.refused(op::DeleteHostedZone, delete());
    assert_eq!(code, "HostedZoneNotEmpty");
    assert_eq!(
        text,
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted."
    );
    let input = super::batch(
        &id,
        vec![(
            api::ChangeAction::Delete,
            set("www.example.com", api::RRType::A, &["192.0.2.1"]),
        )],
    );
    lab.call(op::ChangeResourceRecordSets, input);
    let gone = lab.call(op::DeleteHostedZone, delete());
    assert_eq!(
        gone.change_info.unwrap().status,
        Some(api::ChangeStatus::Pending)
    );
    assert_eq!(
        lab.refused(op::DeleteHostedZone, delete()).0,
        "NoSuchHostedZone"
    );
    assert!(lab.region.route53.records.is_empty());
}

#[test]
fn comments_tags_and_limits() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let comment = |text: Option<&str>| api::UpdateHostedZoneCommentRequest {
        id: id.clone(),
        comment: text.map(str::to_owned),
    };
    let changed = lab.call(op::UpdateHostedZoneComment, comment(Some("ours")));
    let config = changed.hosted_zone.unwrap().config.unwrap();
    assert_eq!(config.comment.as_deref(), Some("ours"));
    let emptied = lab.call(op::UpdateHostedZoneComment, comment(None));
    assert_eq!(emptied.hosted_zone.unwrap().config.unwrap().comment, None);

    let tag = |key: &str| api::Tag {
        key: Some(key.to_owned()),
        value: Some("x".into()),
    };
    let change = |add: &[&str], remove: &[&str]| api::ChangeTagsForResourceRequest {
        resource_type: api::TagResourceType::Hostedzone,
        resource_id: id.clone(),
        add_tags: Some(add.iter().map(|key| tag(key)).collect()),
        remove_tag_keys: Some(remove.iter().map(|key| (*key).to_owned()).collect()),
    };
    lab.call(op::ChangeTagsForResource, change(&["a", "b"], &[]));
    lab.call(op::ChangeTagsForResource, change(&["c"], &["a"]));
    let listed = lab.call(
        op::ListTagsForResource,
        api::ListTagsForResourceRequest {
            resource_type: api::TagResourceType::Hostedzone,
            resource_id: id.clone(),
        },
    );
    let tags = listed.resource_tag_set.unwrap().tags.unwrap();
    let keys: Vec<_> = tags.iter().filter_map(|tag| tag.key.as_deref()).collect();
    assert_eq!(keys, ["b", "c"]);
    let reserved = lab.refused(op::ChangeTagsForResource, change(&["aws:x"], &[]));
    assert_eq!(reserved.0, "InvalidInput");
    let unknown = api::ListTagsForResourceRequest {
        resource_type: api::TagResourceType::Healthcheck,
        resource_id: "x".into(),
    };
    assert_eq!(
        lab.refused(op::ListTagsForResource, unknown).0,
        "NoSuchHealthCheck"
    );
    let several = api::ListTagsForResourcesRequest {
        resource_type: api::TagResourceType::Hostedzone,
        resource_ids: vec![id.clone()],
    };
    let several = lab.call(op::ListTagsForResources, several);
    assert_eq!(several.resource_tag_sets.unwrap().len(), 1);

    let limit = api::GetHostedZoneLimitRequest {
        hosted_zone_id: id.clone(),
        r#type: api::HostedZoneLimitType::MaxRrsetsByZone,
    };
    let limit = lab.call(op::GetHostedZoneLimit, limit);
    assert_eq!(
        (limit.count, limit.limit.unwrap().value),
        (Some(2), Some(10_000))
    );
    let limit = api::GetHostedZoneLimitRequest {
        hosted_zone_id: id.clone(),
        r#type: api::HostedZoneLimitType::MaxVpcsAssociatedByZone,
    };
    assert_eq!(
        lab.refused(op::GetHostedZoneLimit, limit).0,
        "HostedZoneNotPrivate"
    );
    let limit = api::GetAccountLimitRequest {
        r#type: api::AccountLimitType::MaxHostedZonesByOwner,
    };
    assert_eq!(lab.call(op::GetAccountLimit, limit).count, Some(1));
    let signed = api::GetDNSSECRequest { hosted_zone_id: id };
    let signed = lab.call(op::GetDNSSEC, signed);
    assert_eq!(
        signed.status.unwrap().serve_signature.as_deref(),
        Some("NOT_SIGNING")
    );
}

#[test]
fn lists_come_in_pieces() {
    let mut lab = Lab::new();
    for name in ["b.com", "a.org", "www.a.org", "a.com"] {
        zone(&mut lab, name);
    }
    let mut seen = Vec::new();
    let mut marker = None;
    loop {
        let input = api::ListHostedZonesRequest {
            marker: marker.clone(),
            max_items: Some("3".into()),
            ..Default::default()
        };
        let piece = lab.call(op::ListHostedZones, input);
        assert_eq!(piece.is_truncated, Some(piece.next_marker.is_some()));
        seen.extend(
            piece
                .hosted_zones
                .unwrap()
                .into_iter()
                .filter_map(|zone| zone.id),
        );
        marker = piece.next_marker;
        if marker.is_none() {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 4);

    let by_name =
        |name: Option<&str>, id: Option<String>, most: &str| api::ListHostedZonesByNameRequest {
            dns_name: name.map(str::to_owned),
            hosted_zone_id: id,
            max_items: Some(most.to_owned()),
        };
    let names = |answer: api::ListHostedZonesByNameResponse| -> Vec<String> {
        let zones = answer.hosted_zones.unwrap().into_iter();
        zones.filter_map(|zone| zone.name).collect()
    };
    let all = lab.call(op::ListHostedZonesByName, by_name(None, None, "100"));
    assert_eq!(names(all), ["a.com.", "b.com.", "a.org.", "www.a.org."]);
    let piece = lab.call(op::ListHostedZonesByName, by_name(Some("b.com"), None, "1"));
    let (next, id) = (
        piece.next_dns_name.clone(),
        piece.next_hosted_zone_id.clone(),
    );
    assert_eq!(names(piece), ["b.com."]);
    assert_eq!(next.as_deref(), Some("a.org."));
    let rest = lab.call(op::ListHostedZonesByName, by_name(next.as_deref(), id, "9"));
    assert_eq!(names(rest), ["a.org.", "www.a.org."]);
    let alone = by_name(None, Some("Z1".into()), "9");
    assert_eq!(
        lab.refused(op::ListHostedZonesByName, alone).0,
        "InvalidInput"
    );
    let none = by_name(None, None, "none");
    assert_eq!(
        lab.refused(op::ListHostedZonesByName, none).0,
        "InvalidInput"
    );
    let count = lab.call(op::GetHostedZoneCount, api::GetHostedZoneCountRequest {});
    assert_eq!(count.hosted_zone_count, Some(4));
}
