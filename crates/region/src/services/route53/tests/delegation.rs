use wire::route53::{self as api, op};

use super::{create, id_of, set, zone};
use crate::services::ec2::tests::lab::Lab;
use crate::services::route53::record::lookup;

#[test]
fn a_zone_below_another_answers_where_that_one_says_so() {
    let mut lab = Lab::new();
    let above = zone(&mut lab, "example.com");
    let below = zone(&mut lab, "dev.example.com");
    create(
        &mut lab,
        &below,
        set("www.dev.example.com", api::RRType::A, &["192.0.2.1"]),
    );
    let look = |lab: &Lab| lookup(&lab.region, "www.dev.example.com.", api::RRType::A);
    assert_eq!(look(&lab), [""; 0]);
    assert!(
        !lab.region
            .world()
            .internet
            .zones
            .contains_key("dev.example.com")
    );
    let servers = lab
        .region
        .route53
        .zones
        .get(&below)
        .unwrap()
        .name_servers
        .clone();
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    create(
        &mut lab,
        &above,
        set("dev.example.com", api::RRType::Ns, &servers),
    );
    assert_eq!(look(&lab), ["192.0.2.1"]);
    assert!(
        lab.region
            .world()
            .internet
            .zones
            .contains_key("dev.example.com")
    );
}

#[test]
fn of_two_zones_of_one_name_the_older_answers() {
    let mut lab = Lab::new();
    let first = zone(&mut lab, "example.com");
    lab.pass(1);
    let second = zone(&mut lab, "example.com");
    for (zone, address) in [(&first, "192.0.2.1"), (&second, "192.0.2.2")] {
        create(
            &mut lab,
            zone,
            set("www.example.com", api::RRType::A, &[address]),
        );
    }
    let look = |lab: &Lab| lookup(&lab.region, "www.example.com", api::RRType::A);
    assert_eq!(look(&lab), ["192.0.2.1"]);
}

#[test]
fn zones_may_share_their_name_servers() {
    let mut lab = Lab::new();
    let reusable = api::CreateReusableDelegationSetRequest {
        caller_reference: "one".into(),
        hosted_zone_id: None,
    };
    let made = lab.call(op::CreateReusableDelegationSet, reusable.clone());
    let made = made.delegation_set.unwrap();
    let (id, servers) = (made.id.unwrap(), made.name_servers.unwrap());
    assert!(id.starts_with("/delegationset/N"));
    assert_eq!(
        lab.refused(op::CreateReusableDelegationSet, reusable).0,
        "DelegationSetAlreadyCreated"
    );
    let with = |reference: &str| api::CreateHostedZoneRequest {
        name: "example.com".into(),
        caller_reference: reference.to_owned(),
        delegation_set_id: Some(id.clone()),
        ..Default::default()
    };
    let zone = lab.call(op::CreateHostedZone, with("a"));
    let set = zone.delegation_set.unwrap();
    assert_eq!(
        (set.id, set.name_servers),
        (Some(id.clone()), Some(servers))
    );
    let zone = id_of(zone.hosted_zone);
    // The same servers cannot answer differently for the same name.
    assert_eq!(
        lab.refused(op::CreateHostedZone, with("b")).0,
        "ConflictingDomainExists"
    );
    let delete = || api::DeleteReusableDelegationSetRequest { id: id.clone() };
    assert_eq!(
        lab.refused(op::DeleteReusableDelegationSet, delete()).0,
        "DelegationSetInUse"
    );
    let limit = api::GetReusableDelegationSetLimitRequest {
        delegation_set_id: id.clone(),
        r#type: api::ReusableDelegationSetLimitType::MaxZonesByReusableDelegationSet,
    };
    assert_eq!(
        lab.call(op::GetReusableDelegationSetLimit, limit).count,
        Some(1)
    );
    lab.call(
        op::DeleteHostedZone,
        api::DeleteHostedZoneRequest { id: zone },
    );
    lab.call(op::DeleteReusableDelegationSet, delete());
    let gone = api::GetReusableDelegationSetRequest { id: id.clone() };
    assert_eq!(
        lab.refused(op::GetReusableDelegationSet, gone).0,
        "NoSuchDelegationSet"
    );
}

#[test]
fn a_zone_s_own_name_servers_can_be_made_reusable() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let from = |reference: &str, zone: &str| api::CreateReusableDelegationSetRequest {
        caller_reference: reference.to_owned(),
        hosted_zone_id: Some(zone.to_owned()),
    };
    let made = lab.call(op::CreateReusableDelegationSet, from("a", &id));
    let set = made.delegation_set.unwrap();
    let shown = lab.call(
        op::GetHostedZone,
        api::GetHostedZoneRequest { id: id.clone() },
    );
    assert_eq!(shown.delegation_set.unwrap().id, set.id);
    for (zone, code) in [
        (id.as_str(), "DelegationSetAlreadyReusable"),
        ("Z1", "HostedZoneNotFound"),
    ] {
        let input = from("b", zone);
        assert_eq!(lab.refused(op::CreateReusableDelegationSet, input).0, code);
    }
    let listed = lab.call(
        op::ListReusableDelegationSets,
        api::ListReusableDelegationSetsRequest::default(),
    );
    assert_eq!(listed.delegation_sets.unwrap().len(), 1);
}
