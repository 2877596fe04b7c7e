use wire::route53::{self as api, op};

use super::{alias, batch, create, listed, set, zone};
use crate::services::ec2::tests::lab::Lab;
use crate::services::elbv2::tests::{balancer, place};
use api::ChangeAction::{Create, Delete, Upsert};
use api::RRType::{A, Aaaa, Cname, Mx, Ns, Soa, Txt};

fn refused(
    lab: &mut Lab,
    zone: &str,
    changes: Vec<(api::ChangeAction, api::ResourceRecordSet)>,
) -> (String, String) {
    lab.refused(op::ChangeResourceRecordSets, batch(zone, changes))
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let before = listed(&mut lab, &id);
    let (code, text) = refused(
        &mut lab,
        &id,
        vec![
            (Create, set("a.example.com", A, &["192.0.2.1"])),
            (Create, set("b.example.com", A, &["192.0.2"])),
            (Create, set("c.example.org", A, &["192.0.2.1"])),
        ],
    );
    assert_eq!(code, "InvalidChangeBatch");
    assert_eq!(
        text,
        "[Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '192.0.2', RRSet with DNS name c.example.org. is not permitted in zone example.com.]"
    );
    assert_eq!(listed(&mut lab, &id), before);
    // In order, so that what goes makes room for what comes.
    create(&mut lab, &id, set("www.example.com", A, &["192.0.2.1"]));
    lab.call(
        op::ChangeResourceRecordSets,
        batch(
            &id,
            vec![
                (Delete, set("WWW.example.com.", A, &["192.0.2.1"])),
                (Create, set("www.example.com", Cname, &["example.net"])),
                (Upsert, set("example.com", Mx, &["10 mail.example.com."])),
                (Upsert, set("*.example.com", Txt, &["\"x\""])),
            ],
        ),
    );
    assert_eq!(
        listed(&mut lab, &id),
        [
            "example.com. MX",
            "example.com. NS",
            "example.com. SOA",
            "\\052.example.com. TXT",
            "www.example.com. CNAME",
        ]
    );
}

#[test]
fn what_a_record_set_may_not_be_beside() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    create(&mut lab, &id, set("a.example.com", A, &["192.0.2.1"]));
    create(&mut lab, &id, set("c.example.com", Cname, &["example.net"]));
    for (set, problem) in [
        (
            set("a.example.com", A, &["192.0.2.2"]),
            "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists",
        ),
        (
            set("example.com", Cname, &["example.net"]),
            "RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com.",
        ),
        (
            set("a.example.com", Cname, &["example.net"]),
            "RRSet of type CNAME with DNS name a.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com.",
        ),
        (
            set("c.example.com", Txt, &["\"x\""]),
            "RRSet of type TXT with DNS name c.example.com. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com.",
        ),
        (
            set("d.example.com", A, &["192.0.2.1", "192.0.2.1"]),
            "Duplicate Resource Record: '192.0.2.1'",
        ),
        (
            set("d.example.com", Cname, &["a.example.net", "b.example.net"]),
            "RRSet of type CNAME with DNS name d.example.com. must have exactly one value",
        ),
        (
            set("d..example.com", A, &["192.0.2.1"]),
            "FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with 'd..example.com'",
        ),
    ] {
        let (code, text) = refused(&mut lab, &id, vec![(Create, set)]);
        assert_eq!(
            (code.as_str(), text),
            ("InvalidChangeBatch", format!("[{problem}]"))
        );
    }
    let twice = vec![
        (Upsert, set("t.example.com", A, &["192.0.2.1"])),
        (Upsert, set("t.example.com", A, &["192.0.2.2"])),
    ];
    assert_eq!(
        refused(&mut lab, &id, twice).1,
        "[The request contains an invalid set of changes for a resource record set 'A t.example.com.']"
    );
}

#[test]
fn what_goes_has_to_be_named_as_it_is() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    create(
        &mut lab,
        &id,
        set("a.example.com", A, &["192.0.2.1", "192.0.2.2"]),
    );
    let (_, text) = refused(
        &mut lab,
        &id,
        vec![(Delete, set("b.example.com", A, &["192.0.2.1"]))],
    );
    assert_eq!(
        text,
        "[Tried to delete resource record set [name='b.example.com.', type='A'] but it was not found]"
    );
    let mut other = set("a.example.com", A, &["192.0.2.1", "192.0.2.2"]);
    other.ttl = Some(60);
    for set in [other, set("a.example.com", A, &["192.0.2.1"])] {
        let (_, text) = refused(&mut lab, &id, vec![(Delete, set)]);
        assert_eq!(
            text,
            "[Tried to delete resource record set [name='a.example.com.', type='A'] but the values provided do not match the current values]"
        );
    }
    // In whatever order.
    let input = batch(
        &id,
        vec![(Delete, set("a.example.com", A, &["192.0.2.2", "192.0.2.1"]))],
    );
    lab.call(op::ChangeResourceRecordSets, input);
}

#[test]
fn a_zone_keeps_what_it_needs() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let own = |lab: &Lab, kind| {
        let mut all = lab.region.route53.records.values();
        all.find(|set| set.0.r#type == kind).unwrap().0.clone()
    };
    let (ns, soa) = (own(&lab, Ns), own(&lab, Soa));
    let (_, text) = refused(&mut lab, &id, vec![(Delete, ns), (Delete, soa.clone())]);
    assert_eq!(
        text,
        "[A HostedZone must contain at least one NS record for the zone itself., A HostedZone must contain exactly one SOA record.]"
    );
    // They may be changed.
    let mut changed = soa.clone();
    changed.ttl = Some(60);
    let input = batch(&id, vec![(Delete, soa), (Create, changed)]);
    lab.call(op::ChangeResourceRecordSets, input);
    let below = set("a.example.com", Soa, &["ns. host. 1 2 3 4 5"]);
    assert_eq!(
        refused(&mut lab, &id, vec![(Create, below)]).0,
        "InvalidChangeBatch"
    );
}

#[test]
fn members_that_do_not_go_together() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let base = set("a.example.com", A, &["192.0.2.1"]);
    let found = |what: &str| {
        format!(
            "Invalid request: {what} in Change with [Action=CREATE, Name=a.example.com, Type=A, SetIdentifier=null]"
        )
    };
    let data = "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found";
    for (set, text) in [
        (
            api::ResourceRecordSet {
                ttl: None,
                ..base.clone()
            },
            found(&format!("{data} none")),
        ),
        (
            api::ResourceRecordSet {
                alias_target: alias("a", "Z1", "b").alias_target,
                ..base.clone()
            },
            found(&format!("{data} more than one")),
        ),
        (
            api::ResourceRecordSet {
                weight: Some(1),
                ..base.clone()
            },
            found("Missing field 'SetIdentifier'"),
        ),
    ] {
        assert_eq!(
            refused(&mut lab, &id, vec![(Create, set)]),
            ("InvalidInput".to_owned(), text)
        );
    }
    for (set, code) in [
        (
            api::ResourceRecordSet {
                set_identifier: Some("a".into()),
                ..base.clone()
            },
            "InvalidInput",
        ),
        (
            api::ResourceRecordSet {
                set_identifier: Some("a".into()),
                weight: Some(1),
                failover: Some(api::ResourceRecordSetFailover::Primary),
                ..base.clone()
            },
            "InvalidInput",
        ),
        (
            api::ResourceRecordSet {
                health_check_id: Some("x".into()),
                ..base.clone()
            },
            "NoSuchHealthCheck",
        ),
        (
            api::ResourceRecordSet {
                set_identifier: Some("a".into()),
                cidr_routing_config: Some(api::CidrRoutingConfig::default()),
                ..base.clone()
            },
            "InvalidInput",
        ),
    ] {
        assert_eq!(refused(&mut lab, &id, vec![(Create, set)]).0, code);
    }
    assert_eq!(
        refused(&mut lab, "Z1", vec![(Create, base)]).0,
        "NoSuchHostedZone"
    );
    assert_eq!(refused(&mut lab, &id, vec![]).0, "InvalidInput");
}

#[test]
fn a_batch_has_limits() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let addresses = |count: u32| -> Vec<(api::ChangeAction, api::ResourceRecordSet)> {
        (0..count)
            .map(|n| (Upsert, set(&format!("n{n}.example.com"), A, &["192.0.2.1"])))
            .collect()
    };
    let (code, text) = refused(&mut lab, &id, addresses(501));
    assert_eq!(
        (code.as_str(), text.as_str()),
        (
            "InvalidChangeBatch",
            "[Number of records limit of 1000 exceeded.]"
        )
    );
    let input = batch(&id, addresses(500));
    lab.call(op::ChangeResourceRecordSets, input);
    let long = format!("\"{}\"", vec!["a".repeat(240); 16].join("\" \""));
    let texts: Vec<_> = (0..5)
        .map(|n| (Upsert, set(&format!("t{n}.example.com"), Txt, &[&long])))
        .collect();
    assert_eq!(
        refused(&mut lab, &id, texts).1,
        "[Number of characters limit of 32000 exceeded.]"
    );
}

#[test]
fn several_record_sets_of_a_name_are_of_one_kind() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let weighted = |identifier: &str, weight, ttl| api::ResourceRecordSet {
        set_identifier: Some(identifier.to_owned()),
        weight: Some(weight),
        ttl: Some(ttl),
        ..set("a.example.com", A, &["192.0.2.1"])
    };
    create(&mut lab, &id, weighted("one", 1, 60));
    create(&mut lab, &id, weighted("two", 3, 60));
    for (set, problem) in [
        (
            weighted("one", 1, 60),
            "Tried to create resource record set [name='a.example.com.', type='A', set-identifier='one'] but it already exists",
        ),
        (
            weighted("three", 1, 90),
            "RRSet with DNS name a.example.com. and type A, SetIdentifier three cannot be created as weighted sets must contain the same TTL.",
        ),
        (
            set("a.example.com", A, &["192.0.2.1"]),
            "RRSet with DNS name a.example.com., type A cannot be created as other RRSets exist with the same name and type.",
        ),
        (
            api::ResourceRecordSet {
                set_identifier: Some("three".into()),
                failover: Some(api::ResourceRecordSetFailover::Primary),
                ..set("a.example.com", A, &["192.0.2.1"])
            },
            "RRSet with DNS name a.example.com., type A, SetIdentifier three cannot be created as other RRSets exist with the same name and type.",
        ),
    ] {
        let (_, text) = refused(&mut lab, &id, vec![(Create, set)]);
        assert_eq!(text, format!("[{problem}]"));
    }
    let primary = |identifier: &str| api::ResourceRecordSet {
        set_identifier: Some(identifier.to_owned()),
        failover: Some(api::ResourceRecordSetFailover::Primary),
        ..set("b.example.com", A, &["192.0.2.1"])
    };
    create(&mut lab, &id, primary("one"));
    let second = refused(&mut lab, &id, vec![(Create, primary("two"))]);
    assert_eq!(second.0, "InvalidChangeBatch");
}

#[test]
fn an_alias_leads_to_something_that_is_there() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let other = zone(&mut lab, "example.org");
    let place = place(&mut lab, "10.0");
    let arn = balancer(&mut lab, &place, "web");
    let name = lab
        .region
        .elbv2
        .load_balancers
        .get(&arn)
        .unwrap()
        .dns_name
        .clone();
    let balancers = "Z215JYRZR1TBD5";
    create(
        &mut lab,
        &id,
        alias("example.com", balancers, &format!("dualstack.{name}")),
    );
    create(&mut lab, &id, alias("www.example.com", &id, "example.com"));
    let tried = |target: &str, zone: &str| {
        format!("Tried to create an alias that targets {target}, type A in zone {zone}, but")
    };
    for (set, text) in [
        (
            alias(
                "x.example.com",
                balancers,
                "none.eu-central-1.elb.amazonaws.com",
            ),
            format!(
                "[{} that target was not found]",
                tried("none.eu-central-1.elb.amazonaws.com.", balancers)
            ),
        ),
        (
            alias("x.example.com", &id, "none.example.com"),
            format!(
                "[{} that target was not found]",
                tried("none.example.com.", &id)
            ),
        ),
        (
            alias("x.example.com", &id, &name),
            format!(
                "[{0} the alias target name does not lie within the target zone, {0} that target was not found]",
                tried(&format!("{name}."), &id)
            ),
        ),
        (
            alias("x.example.com", &other, "example.org"),
            format!(
                "[{0} the alias target name does not lie within the target zone, {0} that target was not found]",
                tried("example.org.", &other)
            ),
        ),
    ] {
        assert_eq!(refused(&mut lab, &id, vec![(Create, set)]).1, text);
    }
    // A balancer has no IPv6 address, and an alias of that type may still be made.
    let six = api::ResourceRecordSet {
        r#type: Aaaa,
        ..alias("example.com", balancers, &name)
    };
    create(&mut lab, &id, six);
    assert_eq!(
        listed(&mut lab, &id)[..2],
        ["example.com. A".to_owned(), "example.com. AAAA".to_owned()]
    );
}
