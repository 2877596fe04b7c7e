use wire::route53::{self as api, op};

use super::{alias, create, line, set, zone};
use crate::services::ec2::tests::lab::Lab;
use crate::services::elbv2::tests::{balancer, fixed, forward, group, listener, place};
use crate::services::elbv2::{self, target};
use crate::services::route53::record::lookup;
use api::RRType::{A, Cname, Txt};
use api::ResourceRecordSetFailover::{Primary, Secondary};

fn look(lab: &Lab, name: &str) -> Vec<String> {
    lookup(&lab.region, name, A)
}

#[test]
fn lists_are_ordered_by_name_from_the_right_and_come_in_pieces() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    for name in ["b.a.example.com", "a.example.com", "z.example.com"] {
        create(&mut lab, &id, set(name, A, &["192.0.2.1"]));
    }
    create(&mut lab, &id, set("z.example.com", Txt, &["\"x\""]));
    let ask = |name: Option<&str>, kind, most: &str| api::ListResourceRecordSetsRequest {
        hosted_zone_id: id.clone(),
        start_record_name: name.map(str::to_owned),
        start_record_type: kind,
        max_items: Some(most.to_owned()),
        ..Default::default()
    };
    let mut seen = Vec::new();
    let (mut name, mut kind) = (None, None);
    loop {
        let piece = lab.call(op::ListResourceRecordSets, ask(name.as_deref(), kind, "2"));
        seen.extend(piece.resource_record_sets.unwrap().iter().map(line));
        (name, kind) = (piece.next_record_name, piece.next_record_type);
        assert_eq!(piece.is_truncated, Some(name.is_some()));
        if name.is_none() {
            break;
        }
    }
    assert_eq!(
        seen,
        [
            "example.com. NS",
            "example.com. SOA",
            "a.example.com. A",
            "b.a.example.com. A",
            "z.example.com. A",
            "z.example.com. TXT",
        ]
    );
    // As Terraform looks for one.
    let one = lab.call(
        op::ListResourceRecordSets,
        ask(Some("Z.example.com"), Some(Txt), "1"),
    );
    assert_eq!(
        line(&one.resource_record_sets.unwrap()[0]),
        "z.example.com. TXT"
    );
    for (input, code) in [
        (ask(None, Some(A), "1"), "InvalidInput"),
        (ask(None, None, "0"), "InvalidInput"),
        (ask(Some("a..b"), None, "1"), "InvalidInput"),
    ] {
        assert_eq!(lab.refused(op::ListResourceRecordSets, input).0, code);
    }
}

#[test]
fn names_are_found_as_a_resolver_finds_them() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let other = zone(&mut lab, "example.org");
    create(&mut lab, &id, set("a.b.example.com", A, &["192.0.2.1"]));
    create(&mut lab, &id, set("*.example.com", A, &["192.0.2.2"]));
    create(
        &mut lab,
        &id,
        set("c.example.com", Cname, &["d.example.org"]),
    );
    create(&mut lab, &other, set("d.example.org", A, &["192.0.2.3"]));
    create(
        &mut lab,
        &id,
        set("loop.example.com", Cname, &["loop.example.com"]),
    );
    for (name, found) in [
        ("A.B.example.com.", &["192.0.2.1"][..]),
        ("x.example.com", &["192.0.2.2"]),
        ("x.y.example.com", &["192.0.2.2"]),
        ("c.example.com", &["192.0.2.3"]),
        // A name that only others are below exists, so no wildcard answers for it or below it.
        ("b.example.com", &[]),
        ("x.b.example.com", &[]),
        ("example.com", &[]),
        ("loop.example.com", &[]),
        ("example.net", &[]),
        ("a..b", &[]),
    ] {
        assert_eq!(look(&lab, name), found, "{name}");
    }
}

#[test]
fn an_alias_of_a_balancer_is_its_nodes() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
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
    create(&mut lab, &id, alias("example.com", "Z215JYRZR1TBD5", &name));
    create(&mut lab, &id, alias("www.example.com", &id, "example.com"));
    let nodes = elbv2::by_name(&lab.region, &name).unwrap().addresses;
    assert_eq!(nodes.len(), 2);
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    assert_eq!(look(&lab, "www.example.com"), nodes);
    let world = lab.region.world();
    let answers = &world.internet.zones["example.com"].records["example.com"]["A"];
    assert_eq!((answers.ttl, &answers.choices[0].values), (60, &nodes));
}

#[test]
fn what_fails_over_follows_the_targets_health() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let place = place(&mut lab, "10.0");
    let arn = balancer(&mut lab, &place, "web");
    let tg = group(&mut lab, &place.vpc, "web");
    listener(&mut lab, &arn, 80, forward(&tg));
    listener(&mut lab, &arn, 81, fixed("404"));
    let name = lab
        .region
        .elbv2
        .load_balancers
        .get(&arn)
        .unwrap()
        .dns_name
        .clone();
    let role = |role, set: api::ResourceRecordSet| api::ResourceRecordSet {
        failover: Some(role),
        set_identifier: Some(format!("{role}")),
        ..set
    };
    create(
        &mut lab,
        &id,
        role(Primary, alias("example.com", "Z215JYRZR1TBD5", &name)),
    );
    create(
        &mut lab,
        &id,
        role(Secondary, set("example.com", A, &["192.0.2.9"])),
    );
    // No target is registered: the balancer is not healthy.
    assert_eq!(look(&lab, "example.com"), ["192.0.2.9"]);
    let address = std::net::Ipv4Addr::new(10, 0, 0, 20);
    lab.with(|region, context| {
        target::register(region, context, &tg, address, 8080, "eu-central-1a")
    })
    .unwrap();
    let status = world::event::BalancerStatus {
        balancer: lab
            .region
            .elbv2
            .load_balancers
            .get(&arn)
            .unwrap()
            .id
            .clone(),
        ready_nodes: vec![],
        targets: vec![world::event::TargetStatus {
            target_group: tg,
            address,
            port: 8080,
            state: "healthy".into(),
            reason: None,
            description: None,
        }],
        listeners: vec![],
    };
    lab.with(|region, context| {
        region.observe(context, &world::Event::Balancer(status));
        Ok(())
    })
    .unwrap();
    assert_eq!(look(&lab, "example.com").len(), 2);
}

#[test]
fn one_of_several_is_chosen_by_their_kind() {
    let mut lab = Lab::new();
    let id = zone(&mut lab, "example.com");
    let with = |name: &str, identifier: &str, address: &str| api::ResourceRecordSet {
        set_identifier: Some(identifier.to_owned()),
        ..set(name, A, &[address])
    };
    for (identifier, weight, address) in [("a", 0, "192.0.2.1"), ("b", 7, "192.0.2.2")] {
        create(
            &mut lab,
            &id,
            api::ResourceRecordSet {
                weight: Some(weight),
                ..with("w.example.com", identifier, address)
            },
        );
    }
    for (identifier, place, address) in [
        ("a", api::ResourceRecordSetRegion::UsEast1, "192.0.2.3"),
        ("b", api::ResourceRecordSetRegion::EuCentral1, "192.0.2.4"),
    ] {
        create(
            &mut lab,
            &id,
            api::ResourceRecordSet {
                region: Some(place),
                ..with("l.example.com", identifier, address)
            },
        );
    }
    for (identifier, country, address) in [("a", "DE", "192.0.2.5"), ("b", "*", "192.0.2.6")] {
        create(
            &mut lab,
            &id,
            api::ResourceRecordSet {
                geo_location: Some(api::GeoLocation {
                    country_code: Some(country.to_owned()),
                    ..Default::default()
                }),
                ..with("g.example.com", identifier, address)
            },
        );
    }
    for number in 0..9 {
        create(
            &mut lab,
            &id,
            api::ResourceRecordSet {
                multi_value_answer: Some(true),
                ..with(
                    "m.example.com",
                    &format!("{number}"),
                    &format!("192.0.2.{number}"),
                )
            },
        );
    }
    let world = lab.region.world();
    let records = &world.internet.zones["example.com"].records;
    let weights: Vec<(u32, &str)> = records["w.example.com"]["A"]
        .choices
        .iter()
        .map(|choice| (choice.weight, choice.values[0].as_str()))
        .collect();
    assert_eq!(weights, [(0, "192.0.2.1"), (7, "192.0.2.2")]);
    assert_eq!(look(&lab, "l.example.com"), ["192.0.2.4"]);
    assert_eq!(look(&lab, "g.example.com"), ["192.0.2.6"]);
    assert_eq!(look(&lab, "m.example.com").len(), 8);
}
