//! Tests of the planners: a VPC document's meaning, written down a second time and simply, must
//! be what the generated rules do.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use proptest::prelude::*;
use world::InterfaceId;
use world::network::{
    AclEntry, Interface, NatGateway, Peer, Protocol, Route, RouteTarget, Rule, SecurityGroup,
    Subnet, Vpc,
};

use super::names::device;
use super::plan::plan;
use super::rules::ruleset;

/// The first packet of a flow.
#[derive(Debug, Clone, Copy)]
struct Packet {
    from: Ipv4Addr,
    to: Ipv4Addr,
    /// 6, 17, 1 or another IP protocol.
    protocol: u8,
    /// The port, or the ICMP type with code 0.
    port: u16,
}

/// What the document means.
fn allows(vpc: &Vpc, from: &InterfaceId, to: &InterfaceId, packet: Packet) -> bool {
    let (source, target) = (&vpc.interfaces[from], &vpc.interfaces[to]);
    let own = |interface: &Interface, address| {
        !interface.source_dest_check || interface.address == address
    };
    let border = source.subnet != target.subnet;
    let acl = |interface: &Interface, egress, peer| {
        let mut entries: Vec<&AclEntry> = vpc.subnets[&interface.subnet].acl.iter().collect();
        entries.sort_by_key(|entry| entry.number);
        entries
            .into_iter()
            .find(|entry| {
                entry.egress == egress
                    && entry.cidr.contains(&peer)
                    && covers(&entry.protocol, packet)
            })
            .is_some_and(|entry| entry.allow)
    };
    let groups = |id: &InterfaceId, interface: &Interface, egress: bool, peer: Ipv4Addr| {
        vpc.nat_gateways.values().any(|nat| nat.interface == *id)
            || interface
                .security_groups
                .iter()
                .filter_map(|group| vpc.security_groups.get(group))
                .flat_map(|group| {
                    if egress {
                        &group.egress
                    } else {
                        &group.ingress
                    }
                })
                .any(|rule| covers(&rule.protocol, packet) && is_peer(vpc, &rule.peer, peer))
    };
    own(source, packet.from)
        && own(target, packet.to)
        && (!border || acl(source, true, packet.to) && acl(target, false, packet.from))
        && groups(from, source, true, packet.to)
        && groups(to, target, false, packet.from)
}

fn covers(protocol: &Protocol, packet: Packet) -> bool {
    match *protocol {
        Protocol::All => true,
        Protocol::Tcp { from, to } => packet.protocol == 6 && (from..=to).contains(&packet.port),
        Protocol::Udp { from, to } => packet.protocol == 17 && (from..=to).contains(&packet.port),
        Protocol::Icmp { r#type, code } => {
            packet.protocol == 1
                && r#type.is_none_or(|kind| {
                    u16::from(kind) == packet.port && code.is_none_or(|code| code == 0)
                })
        }
        Protocol::Number(number) => packet.protocol == number,
    }
}

fn is_peer(vpc: &Vpc, peer: &Peer, address: Ipv4Addr) -> bool {
    match peer {
        Peer::Cidr(cidr) => cidr.contains(&address),
        Peer::Cidrs(cidrs) => cidrs.iter().any(|cidr| cidr.contains(&address)),
        Peer::SecurityGroup(group) => {
            vpc.security_groups.contains_key(group)
                && vpc.interfaces.values().any(|interface| {
                    interface.address == address && interface.security_groups.contains(group)
                })
        }
    }
}

/// Rules as text, carried out for one packet that belongs to no flow yet.
struct Filter {
    sets: BTreeMap<String, Vec<String>>,
    chains: BTreeMap<String, Vec<String>>,
}

impl Filter {
    fn parse(text: &str) -> Self {
        let (mut sets, mut chains) = (BTreeMap::new(), BTreeMap::new());
        let mut block = None;
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("chain ") {
                block = Some((true, name.trim_end_matches(" {").to_owned()));
                chains.insert(name.trim_end_matches(" {").to_owned(), Vec::new());
            } else if let Some(name) = line.strip_prefix("set ").or(line.strip_prefix("map ")) {
                block = Some((false, name.trim_end_matches(" {").to_owned()));
                sets.insert(name.trim_end_matches(" {").to_owned(), Vec::new());
            } else if line == "}" {
                block = None;
            } else if let Some((is_chain, name)) = &block {
                if line.starts_with("type ") {
                } else if *is_chain {
                    chains
                        .entry(name.clone())
                        .or_default()
                        .push(line.to_owned());
                } else if let Some(list) = line.strip_prefix("elements = { ") {
                    let list = list.trim_end_matches(" }").split(", ");
                    sets.insert(name.clone(), list.map(str::to_owned).collect());
                }
            }
        }
        Self { sets, chains }
    }

    fn passes(&self, devices: (&str, &str), packet: Packet) -> bool {
        let verdict = |chain| self.run(chain, devices, packet);
        // The policy of the first is to accept, of the second to drop.
        verdict("arrive").as_deref() != Some("drop")
            && verdict("through").as_deref() == Some("accept")
    }

    fn run(&self, chain: &str, devices: (&str, &str), packet: Packet) -> Option<String> {
        for rule in &self.chains[chain] {
            let words: Vec<&str> = rule.split(' ').collect();
            match self.rule(&words, devices, packet) {
                None => {}
                Some(verdict) if verdict == "return" => return None,
                Some(verdict) => return Some(verdict),
            }
        }
        None
    }

    fn rule(&self, words: &[&str], devices: (&str, &str), packet: Packet) -> Option<String> {
        let mut rest = words;
        loop {
            match rest {
                [] | ["meta", "mark", "set", ..] | ["ct", "state", _, ..] => return None,
                [verdict @ ("accept" | "drop" | "return")] => return Some((*verdict).to_owned()),
                _ => {}
            }
            let mut key = Vec::new();
            loop {
                let (value, taken) = field(rest, devices, packet)?;
                key.push(value);
                rest = &rest[taken..];
                if rest.first() != Some(&".") {
                    break;
                }
                rest = &rest[1..];
            }
            let key = key.join(" . ");
            if let ["vmap", name] = rest {
                let entry = self.sets[&name[1..]].iter().find_map(|entry| {
                    let (of, verdict) = entry.split_once(" : ")?;
                    (of == key).then_some(verdict)
                })?;
                return self.run(entry.strip_prefix("jump ")?, devices, packet);
            }
            let negated = rest.first() == Some(&"!=");
            if negated {
                rest = &rest[1..];
            }
            let matched;
            if rest[0] == "{" {
                let end = rest.iter().position(|word| *word == "}")?;
                matched = rest[1..end]
                    .iter()
                    .any(|value| is(&key, value.trim_end_matches(',')));
                rest = &rest[end + 1..];
            } else if let Some(name) = rest[0].strip_prefix('@') {
                matched = self.sets[name].contains(&key);
                rest = &rest[1..];
            } else {
                matched = is(&key, rest[0]);
                rest = &rest[1..];
            }
            if matched == negated {
                return None;
            }
        }
    }
}

/// The value of the field that a rule names next, and by how many words; `None` when the packet
/// has no such field, which ends the rule.
fn field(words: &[&str], devices: (&str, &str), packet: Packet) -> Option<(String, usize)> {
    let port = |protocol| (packet.protocol == protocol).then(|| packet.port.to_string());
    Some(match words {
        ["iifname", ..] => (format!("\"{}\"", devices.0), 1),
        ["oifname", ..] => (format!("\"{}\"", devices.1), 1),
        ["ip", "saddr", ..] => (packet.from.to_string(), 2),
        ["ip", "daddr", ..] => (packet.to.to_string(), 2),
        ["ip", "protocol", ..] => (packet.protocol.to_string(), 2),
        ["tcp", "dport", ..] => (port(6)?, 2),
        ["udp", "dport", ..] => (port(17)?, 2),
        ["icmp", "type", ..] => (port(1)?, 2),
        ["icmp", "code", ..] => (port(1).map(|_| "0".to_owned())?, 2),
        other => panic!("the test does not know {other:?}"),
    })
}

/// Whether a value is the literal, in the range or in the address range.
fn is(value: &str, literal: &str) -> bool {
    if let (Ok(address), Ok(cidr)) = (value.parse::<Ipv4Addr>(), literal.parse::<Ipv4Net>()) {
        return cidr.contains(&address);
    }
    if let (Ok(value), Some((from, to))) = (value.parse::<u16>(), literal.split_once('-')) {
        let bound = |text: &str| text.parse::<u16>().expect("a number");
        return (bound(from)..=bound(to)).contains(&value);
    }
    value == literal || (literal == "icmp" && value == "1")
}

fn cidr() -> impl Strategy<Value = Ipv4Net> {
    prop::sample::select(vec![
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.0.0/24",
        "10.0.1.0/24",
        "10.0.1.128/25",
        "10.0.0.5/32",
        "192.0.2.0/24",
    ])
    .prop_map(|text| text.parse().expect("a range"))
}

fn protocol() -> impl Strategy<Value = Protocol> {
    let ports = || (0_u16..6, 0_u16..6).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        Just(Protocol::All),
        ports().prop_map(|(from, to)| Protocol::Tcp { from, to }),
        ports().prop_map(|(from, to)| Protocol::Udp { from, to }),
        (prop::option::of(0_u8..6), prop::option::of(0_u8..2))
            .prop_map(|(r#type, code)| Protocol::Icmp { r#type, code }),
        prop::sample::select(vec![6_u8, 47]).prop_map(Protocol::Number),
    ]
}

fn group_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["sg-a", "sg-b", "sg-c", "sg-gone"])
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let peer = prop_oneof![
        cidr().prop_map(Peer::Cidr),
        prop::collection::vec(cidr(), 0..3).prop_map(Peer::Cidrs),
        group_name().prop_map(|group| Peer::SecurityGroup(group.into())),
    ];
    prop::collection::vec(
        (protocol(), peer).prop_map(|(protocol, peer)| Rule { protocol, peer }),
        0..4,
    )
}

fn acl() -> impl Strategy<Value = Vec<AclEntry>> {
    let entry = (any::<bool>(), any::<bool>(), protocol(), cidr());
    let random = prop::collection::vec(entry, 0..5).prop_map(|entries| {
        let mut number = 0;
        let entries = entries.into_iter().map(|(egress, allow, protocol, cidr)| {
            number += 10;
            AclEntry {
                number,
                egress,
                allow,
                protocol,
                cidr,
            }
        });
        entries.collect()
    });
    prop_oneof![Just(everything()), random]
}

/// What a network ACL that nobody touched lets pass.
fn everything() -> Vec<AclEntry> {
    [true, false]
        .map(|egress| AclEntry {
            number: 100,
            egress,
            allow: true,
            protocol: Protocol::All,
            cidr: "0.0.0.0/0".parse().expect("a range"),
        })
        .to_vec()
}

prop_compose! {
    fn vpc()(
        acls in prop::collection::vec(acl(), 2),
        groups in prop::collection::vec((rules(), rules()), 3),
        interfaces in prop::collection::vec(
            (0_usize..2, prop::collection::btree_set(group_name(), 0..3), any::<bool>()),
            2..5,
        ),
        nat in any::<bool>(),
    ) -> Vpc {
        let mut vpc = Vpc::new("vpc-1".into());
        vpc.cidrs = vec!["10.0.0.0/16".parse().expect("a range")];
        for (number, acl) in acls.into_iter().enumerate() {
            let subnet = Subnet {
                cidr: format!("10.0.{number}.0/24").parse().expect("a range"),
                availability_zone: "eu-central-1a".into(),
                routes: Vec::new(),
                acl,
            };
            vpc.subnets.insert(format!("subnet-{number}").into(), subnet);
        }
        for (name, (ingress, egress)) in ["sg-a", "sg-b", "sg-c"].into_iter().zip(groups) {
            vpc.security_groups.insert(name.into(), SecurityGroup { ingress, egress });
        }
        for (number, (subnet, groups, checked)) in interfaces.into_iter().enumerate() {
            let interface = Interface {
                subnet: format!("subnet-{subnet}").into(),
                address: format!("10.0.{subnet}.{}", 5 + number * 50).parse().expect("an address"),
                mac: format!("02:00:00:00:00:{number:02x}"),
                security_groups: groups.into_iter().map(Into::into).collect(),
                public_address: None,
                source_dest_check: checked || nat,
            };
            vpc.interfaces.insert(format!("eni-{number}").into(), interface);
        }
        if nat {
            vpc.interfaces.get_mut(&"eni-0".into()).expect("the first").source_dest_check = false;
            vpc.nat_gateways.insert("nat-1".into(), NatGateway { interface: "eni-0".into() });
        }
        vpc
    }
}

proptest! {
    #[test]
    fn the_rules_do_what_the_document_means(
        vpc in vpc(),
        pair in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        protocol in prop::sample::select(vec![1_u8, 6, 17, 47]),
        port in 0_u16..7,
        forged in prop::option::weighted(0.1, Just(Ipv4Addr::new(10, 0, 0, 77))),
    ) {
        let ids: Vec<_> = vpc.interfaces.keys().collect();
        let (from, to) = (*pair.0.get(&ids), *pair.1.get(&ids));
        prop_assume!(from != to);
        let packet = Packet {
            from: forged.unwrap_or(vpc.interfaces[from].address),
            to: vpc.interfaces[to].address,
            protocol,
            port,
        };
        let filter = Filter::parse(&ruleset(&vpc, &std::collections::BTreeSet::new()));
        let (iif, oif) = (device(from), device(to));
        prop_assert_eq!(
            filter.passes((&iif, &oif), packet),
            allows(&vpc, from, to, packet),
            "{:?} from {} to {}", packet, from, to
        );
    }
}

/// So that the property above cannot hold by letting nothing pass.
#[test]
fn a_rule_lets_its_ports_pass_and_no_others() {
    let mut vpc = Vpc::new("vpc-1".into());
    let subnet = Subnet {
        cidr: "10.0.0.0/24".parse().expect("a range"),
        availability_zone: "eu-central-1a".into(),
        routes: Vec::new(),
        acl: everything(),
    };
    vpc.subnets.insert("subnet-1".into(), subnet);
    let rule = |from, to| Rule {
        protocol: Protocol::Tcp { from, to },
        peer: Peer::SecurityGroup("sg-a".into()),
    };
    let group = SecurityGroup {
        ingress: vec![rule(2, 3)],
        egress: vec![rule(3, 4)],
    };
    vpc.security_groups.insert("sg-a".into(), group);
    for number in 1..=2 {
        let interface = Interface {
            subnet: "subnet-1".into(),
            address: Ipv4Addr::new(10, 0, 0, 10 + number),
            mac: format!("02:00:00:00:00:{number:02x}"),
            security_groups: vec!["sg-a".into()],
            public_address: None,
            source_dest_check: true,
        };
        vpc.interfaces
            .insert(format!("eni-{number}").into(), interface);
    }
    let filter = Filter::parse(&ruleset(&vpc, &std::collections::BTreeSet::new()));
    let open: Vec<u16> = (1..6)
        .filter(|port| {
            let packet = Packet {
                from: Ipv4Addr::new(10, 0, 0, 11),
                to: Ipv4Addr::new(10, 0, 0, 12),
                protocol: 6,
                port: *port,
            };
            filter.passes(("v1", "v2"), packet)
        })
        .collect();
    assert_eq!(open, [3]);
}

#[test]
fn routes_lead_where_their_targets_are_and_nowhere_when_these_are_gone() {
    let route = |destination: &str, target| Route {
        destination: destination.parse().expect("a range"),
        target,
    };
    let mut vpc = Vpc::new("vpc-1".into());
    vpc.cidrs = vec!["10.0.0.0/16".parse().expect("a range")];
    vpc.internet_gateway = true;
    let subnet = Subnet {
        cidr: "10.0.0.0/24".parse().expect("a range"),
        availability_zone: "eu-central-1a".into(),
        routes: vec![
            route("0.0.0.0/0", RouteTarget::InternetGateway),
            route("192.0.2.9/24", RouteTarget::NatGateway("nat-1".into())),
            route("198.18.0.0/15", RouteTarget::Endpoint("vpce-1".into())),
            route("203.0.113.0/24", RouteTarget::Interface("eni-1".into())),
        ],
        acl: everything(),
    };
    vpc.subnets.insert("subnet-1".into(), subnet);
    let interface = Interface {
        subnet: "subnet-1".into(),
        address: Ipv4Addr::new(10, 0, 0, 5),
        mac: "02:00:00:00:00:01".into(),
        security_groups: Vec::new(),
        public_address: None,
        source_dest_check: false,
    };
    vpc.interfaces.insert("eni-1".into(), interface);
    let texts = |vpc: &Vpc| -> Vec<String> {
        let plan = plan(vpc).expect("a plan");
        let table = plan.rules.keys().next().expect("a table").to_string();
        plan.routes
            .values()
            .map(|route| route.replace(&table, "T"))
            .collect()
    };
    assert_eq!(
        texts(&vpc),
        [
            "blackhole 10.0.0.0/16 table 254",
            "10.0.0.5/32 dev v1 scope link table 254",
            "0.0.0.0/0 via 169.254.100.1 dev inet0 onlink table T",
            "blackhole 192.0.2.0/24 table T",
            "blackhole 198.18.0.0/15 table T",
            "203.0.113.0/24 via 10.0.0.5 dev v1 onlink table T",
        ]
    );
    vpc.internet_gateway = false;
    vpc.endpoints
        .insert("vpce-1".into(), world::network::Endpoint::Gateway);
    vpc.nat_gateways.insert(
        "nat-1".into(),
        NatGateway {
            interface: "eni-1".into(),
        },
    );
    assert_eq!(
        texts(&vpc)[2..5],
        [
            "blackhole 0.0.0.0/0 table T",
            "192.0.2.0/24 via 10.0.0.5 dev v1 onlink table T",
            "local 198.18.0.0/15 dev lo table T",
        ]
    );
}

#[test]
fn a_document_that_cannot_be_is_refused_by_name() {
    let mut vpc = Vpc::new("vpc-1".into());
    let interface = |address, mac: &str| Interface {
        subnet: "subnet-1".into(),
        address,
        mac: mac.into(),
        security_groups: Vec::new(),
        public_address: None,
        source_dest_check: true,
    };
    let refusal = |vpc: &Vpc| plan(vpc).expect_err("a refusal").to_string();
    let inside = Ipv4Addr::new(10, 0, 0, 5);
    let mac = "02:00:00:00:00:01";
    vpc.interfaces
        .insert("eni-1".into(), interface(inside, mac));
    assert_eq!(refusal(&vpc), "eni-1 is in subnet-1, which is not there");
    let subnet = Subnet {
        cidr: "10.0.0.0/24".parse().expect("a range"),
        availability_zone: "eu-central-1a".into(),
        routes: Vec::new(),
        acl: Vec::new(),
    };
    vpc.subnets.insert("subnet-1".into(), subnet);
    assert!(plan(&vpc).is_ok());
    vpc.interfaces
        .insert("eni-2".into(), interface(inside, mac));
    assert_eq!(
        refusal(&vpc),
        "eni-2 and eni-1 have the same address, or ids too alike"
    );
    vpc.interfaces
        .insert("eni-2".into(), interface(Ipv4Addr::new(10, 0, 1, 5), mac));
    assert_eq!(
        refusal(&vpc),
        "the address 10.0.1.5 of eni-2 is not in 10.0.0.0/24"
    );
    vpc.interfaces
        .remove(&InterfaceId::from("eni-2"))
        .expect("it was there");
    let mut strange = vpc.clone();
    strange
        .interfaces
        .insert("../eni".into(), interface(inside, mac));
    assert_eq!(refusal(&strange), "\"../eni\" is no usable id");
    let evil = interface(Ipv4Addr::new(10, 0, 0, 6), "02:00\nlink delete");
    vpc.interfaces.insert("eni-2".into(), evil);
    assert_eq!(
        refusal(&vpc),
        "\"02:00\\nlink delete\" of eni-2 is not a MAC address"
    );
}
