//! Packets in real namespaces: who reaches whom, and why.

mod support;

use std::net::Ipv4Addr;

use machine::client::Place;
use support::Region;
use support::world::{
    NAT_PUBLIC, S3, WEB_PUBLIC, at, everywhere, group, interface, internet, route, rule, tcp, usual,
};
use world::id::SubnetId;
use world::network::{AclEntry, Peer, Protocol, RouteTarget, SecurityGroup, Vpc};
use world::{Command, InterfaceId};

fn region() -> (Region, Vpc) {
    let mut region = Region::start();
    let vpc = usual();
    region.send(&Command::EnsureInternet(internet()));
    region.ensure(&vpc);
    (region, vpc)
}

impl Region {
    #[track_caller]
    fn reaches(&self, from: Place, to: &str, greeting: &str) {
        assert_eq!(
            self.try_probe(from, &["fetch", to, "3000"]).as_deref(),
            Ok(greeting),
            "{}",
            self.log()
        );
    }

    #[track_caller]
    fn does_not_reach(&self, from: Place, to: &str) {
        let error = self
            .try_probe(from, &["fetch", to, "300"])
            .expect_err("no way through");
        // Who stands in the internet is told by its own kernel that there is no route.
        assert!(
            error.contains("timed out") || error.contains("unreachable"),
            "{error}"
        );
    }
}

#[test]
fn security_groups_decide_by_group_and_by_direction() {
    let (mut region, mut vpc) = region();
    let _task = region.server(at("eni-task"), "0.0.0.0:8080", "task");
    let _task_other = region.server(at("eni-task"), "0.0.0.0:8081", "task");
    let _peer = region.server(at("eni-peer"), "0.0.0.0:8080", "peer");
    let _db = region.server(at("eni-db"), "10.0.2.10:5432", "db");
    region.reaches(at("eni-web"), "10.0.1.10:8080", "task 10.0.0.10");
    region.reaches(at("eni-task"), "10.0.2.10:5432", "db 10.0.1.10");
    region.does_not_reach(at("eni-web"), "10.0.1.10:8081");
    region.does_not_reach(at("eni-web"), "10.0.2.10:5432");
    // Neighbours in one subnet and one group are strangers too.
    region.does_not_reach(at("eni-peer"), "10.0.1.10:8080");
    region.does_not_reach(Place::Internet, "10.0.1.10:8080");

    let mut udp = region.probe(at("eni-db"), &["listen-udp", "10.0.2.10:55", "db"]);
    assert_eq!(udp.line(), "listening");
    assert_eq!(
        region
            .try_probe(at("eni-task"), &["fetch-udp", "10.0.2.10:55"])
            .as_deref(),
        Ok("db 10.0.1.10")
    );
    assert!(
        region
            .try_probe(at("eni-web"), &["fetch-udp", "10.0.2.10:55", "300"])
            .is_err()
    );

    // A flow that was allowed goes on when its rule goes; a new one does not begin.
    let mut held = region.probe(at("eni-task"), &["hold", "10.0.2.10:5432"]);
    assert_eq!(held.line(), "db 10.0.1.10");
    let db = "sg-db".into();
    vpc.security_groups.insert(db, group(Vec::new()));
    region.ensure(&vpc);
    region.does_not_reach(at("eni-task"), "10.0.2.10:5432");
    assert_eq!(held.say("still here"), "still here");

    // Egress counts as well as ingress.
    vpc = usual();
    let task = vpc
        .security_groups
        .get_mut(&"sg-task".into())
        .expect("the group");
    task.egress = vec![rule(tcp(443), everywhere())];
    region.ensure(&vpc);
    region.does_not_reach(at("eni-task"), "10.0.2.10:5432");
    region.reaches(at("eni-web"), "10.0.1.10:8080", "task 10.0.0.10");
}

#[test]
fn network_acls_are_stateless_and_stand_at_the_subnets_border() {
    let (mut region, mut vpc) = region();
    let _db = region.server(at("eni-db"), "10.0.2.10:5432", "db");
    region.reaches(at("eni-task"), "10.0.2.10:5432", "db 10.0.1.10");
    let acl = |vpc: &mut Vpc, entries: Vec<AclEntry>| {
        vpc.subnets
            .get_mut(&SubnetId::from("subnet-data"))
            .expect("a subnet")
            .acl = entries;
    };
    let entry = |number, egress, allow, protocol| AclEntry {
        number,
        egress,
        allow,
        protocol,
        cidr: "10.0.1.0/24".parse().expect("a range"),
    };
    // In, but not out again.
    acl(&mut vpc, vec![entry(100, false, true, tcp(5432))]);
    region.ensure(&vpc);
    region.does_not_reach(at("eni-task"), "10.0.2.10:5432");
    // The way back needs the ports a client uses.
    let back = Protocol::Tcp {
        from: 1024,
        to: 65535,
    };
    acl(
        &mut vpc,
        vec![
            entry(100, false, true, tcp(5432)),
            entry(100, true, true, back.clone()),
        ],
    );
    region.ensure(&vpc);
    region.reaches(at("eni-task"), "10.0.2.10:5432", "db 10.0.1.10");
    // The lowest number wins.
    acl(
        &mut vpc,
        vec![
            entry(90, false, false, Protocol::All),
            entry(100, false, true, tcp(5432)),
            entry(100, true, true, back),
        ],
    );
    region.ensure(&vpc);
    region.does_not_reach(at("eni-task"), "10.0.2.10:5432");
}

#[test]
fn only_a_public_address_and_a_route_lead_in_and_a_nat_gateway_leads_out() {
    let (mut region, mut vpc) = region();
    let _web = region.server(at("eni-web"), "0.0.0.0:80", "web");
    let _outside = region.server(Place::Internet, "198.51.100.1:7000", "outside");
    let public = format!("{WEB_PUBLIC}:80");
    region.reaches(Place::Internet, &public, "web 198.51.100.1");
    region.reaches(
        at("eni-web"),
        "198.51.100.1:7000",
        &format!("outside {WEB_PUBLIC}"),
    );
    region.reaches(
        at("eni-task"),
        "198.51.100.1:7000",
        &format!("outside {NAT_PUBLIC}"),
    );
    // From inside, a public address leads out and back in again.
    region.reaches(at("eni-task"), &public, &format!("web {NAT_PUBLIC}"));
    // No route at all.
    region.does_not_reach(at("eni-db"), "198.51.100.1:7000");
    // A NAT gateway lets nobody in.
    region.does_not_reach(Place::Internet, &format!("{NAT_PUBLIC}:7000"));

    // A route to the internet gateway is no use without a public address.
    let mut changed = vpc.clone();
    route(
        &mut changed,
        "subnet-data",
        "0.0.0.0/0",
        RouteTarget::InternetGateway,
    );
    region.ensure(&changed);
    region.does_not_reach(at("eni-db"), "198.51.100.1:7000");

    // A NAT gateway in a subnet without a way to the internet leads nowhere.
    let mut changed = vpc.clone();
    changed.interfaces.remove(&InterfaceId::from("eni-nat"));
    interface(&mut changed, "eni-nat", "subnet-data", "10.0.2.20", &[]);
    changed
        .interfaces
        .get_mut(&InterfaceId::from("eni-nat"))
        .expect("the NAT gateway's interface")
        .public_address = Some(NAT_PUBLIC);
    region.ensure(&changed);
    region.does_not_reach(at("eni-task"), "198.51.100.1:7000");

    // A longer prefix wins.
    let mut changed = vpc.clone();
    route(
        &mut changed,
        "subnet-private",
        "198.51.100.0/24",
        RouteTarget::Blackhole,
    );
    region.ensure(&changed);
    region.does_not_reach(at("eni-task"), "198.51.100.1:7000");

    // The NAT gateway gone, its route is a black hole.
    vpc.nat_gateways.clear();
    vpc.interfaces.remove(&InterfaceId::from("eni-nat"));
    region.ensure(&vpc);
    region.does_not_reach(at("eni-task"), "198.51.100.1:7000");
    // The way in is lost with the route out.
    vpc.subnets
        .get_mut(&SubnetId::from("subnet-public"))
        .expect("a subnet")
        .routes
        .clear();
    region.ensure(&vpc);
    region.does_not_reach(Place::Internet, &public);
}

#[test]
fn an_interface_sends_and_takes_only_what_is_its_own() {
    let (mut region, mut vpc) = region();
    let _web = region.server(at("eni-web"), "0.0.0.0:80", "web");
    // eni-peer borrows an address and sends from it.
    let borrow = |region: &Region| {
        let output = region.run(
            at("eni-peer"),
            &["ip", "address", "replace", "10.0.1.99/32", "dev", "eth0"],
        );
        assert!(output.status.success(), "{output:?}");
        let output = region.run(
            at("eni-peer"),
            &[
                "ip",
                "route",
                "replace",
                "10.0.0.10/32",
                "via",
                "10.0.1.1",
                "dev",
                "eth0",
                "src",
                "10.0.1.99",
            ],
        );
        assert!(output.status.success(), "{output:?}");
    };
    region.reaches(at("eni-peer"), "10.0.0.10:80", "web 10.0.1.11");
    borrow(&region);
    region.does_not_reach(at("eni-peer"), "10.0.0.10:80");
    // A router is allowed to: the answer is sent to the address's route.
    let peer = InterfaceId::from("eni-peer");
    vpc.interfaces
        .get_mut(&peer)
        .expect("the peer")
        .source_dest_check = false;
    route(
        &mut vpc,
        "subnet-public",
        "192.0.2.0/24",
        RouteTarget::Interface(peer),
    );
    region.ensure(&vpc);
    let output = region.run(
        at("eni-peer"),
        &["ip", "address", "replace", "192.0.2.7/32", "dev", "lo"],
    );
    assert!(output.status.success(), "{output:?}");
    let _inside = region.server(at("eni-peer"), "192.0.2.7:8080", "behind");
    region.reaches(at("eni-web"), "192.0.2.7:8080", "behind 10.0.0.10");
}

#[test]
fn names_are_those_of_the_place() {
    let (mut region, mut vpc) = region();
    vpc.names
        .insert("db.internal".into(), vec![Ipv4Addr::new(10, 0, 2, 10)]);
    vpc.names
        .insert("web.example.com".into(), vec![Ipv4Addr::new(10, 0, 0, 10)]);
    region.ensure(&vpc);
    let resolve = |place, name| region.try_probe(place, &["resolve", name]);
    assert_eq!(
        resolve(at("eni-task"), "db.internal").as_deref(),
        Ok("10.0.2.10")
    );
    assert_eq!(
        resolve(at("eni-task"), "web.example.com").as_deref(),
        Ok("10.0.0.10")
    );
    assert_eq!(
        resolve(at("eni-db"), "ip-10-0-1-10.eu-central-1.compute.internal").as_deref(),
        Ok("10.0.1.10")
    );
    assert_eq!(
        resolve(at("eni-db"), "bucket.s3.eu-central-1.amazonaws.com").as_deref(),
        Ok(S3.to_string().as_str())
    );
    assert_eq!(
        resolve(Place::Internet, "web.example.com").as_deref(),
        Ok(WEB_PUBLIC.to_string().as_str())
    );
    assert!(resolve(Place::Internet, "db.internal").is_err());
    assert!(resolve(at("eni-task"), "nowhere.example.com").is_err());
    vpc.dns_support = false;
    region.ensure(&vpc);
    let resolve = |place, name| region.try_probe(place, &["resolve", name]);
    assert!(resolve(at("eni-task"), "db.internal").is_err());
}

#[test]
fn the_kernel_takes_every_kind_of_rule() {
    let (mut region, mut vpc) = region();
    let protocols = [
        Protocol::All,
        tcp(1),
        Protocol::Tcp { from: 0, to: 65535 },
        Protocol::Udp { from: 5, to: 6 },
        Protocol::Icmp {
            r#type: None,
            code: None,
        },
        Protocol::Icmp {
            r#type: Some(3),
            code: None,
        },
        Protocol::Icmp {
            r#type: Some(3),
            code: Some(4),
        },
        Protocol::Number(47),
    ];
    let ranges = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| text.parse().expect("a range"))
            .collect()
    };
    let peers = [
        everywhere(),
        Peer::Cidr("10.0.0.0/8".parse().expect("a range")),
        Peer::Cidrs(ranges(&[
            "10.0.0.0/8",
            "10.1.0.0/16",
            "192.0.2.0/24",
            "192.0.2.7/32",
        ])),
        Peer::Cidrs(Vec::new()),
        Peer::SecurityGroup("sg-task".into()),
        Peer::SecurityGroup("sg-nowhere".into()),
    ];
    let rules: Vec<_> = protocols
        .iter()
        .flat_map(|protocol| {
            peers
                .iter()
                .map(|peer| rule(protocol.clone(), peer.clone()))
        })
        .collect();
    let all = SecurityGroup {
        ingress: rules.clone(),
        egress: rules,
    };
    vpc.security_groups.insert("sg-db".into(), all);
    let subnet = vpc
        .subnets
        .get_mut(&SubnetId::from("subnet-data"))
        .expect("a subnet");
    for (number, protocol) in (1..).zip(&protocols) {
        for egress in [true, false] {
            subnet.acl.push(AclEntry {
                number,
                egress,
                allow: number % 2 == 1,
                protocol: protocol.clone(),
                cidr: "10.0.1.0/24".parse().expect("a range"),
            });
        }
    }
    region.ensure(&vpc);
}
