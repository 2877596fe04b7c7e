//! Networks for tests.

use std::net::Ipv4Addr;

use machine::client::Place;
use world::InterfaceId;
use world::id::{NatGatewayId, SubnetId};
use world::network::{
    AclEntry, Interface, Internet, NatGateway, Peer, Protocol, Route, RouteTarget, Rule,
    SecurityGroup, Subnet, Vpc,
};

pub const WEB_PUBLIC: Ipv4Addr = Ipv4Addr::new(18, 192, 0, 10);
pub const NAT_PUBLIC: Ipv4Addr = Ipv4Addr::new(18, 192, 0, 11);
pub const SECRETS: Ipv4Addr = Ipv4Addr::new(52, 94, 0, 10);
pub const S3: Ipv4Addr = Ipv4Addr::new(52, 219, 0, 10);

pub fn at(interface: &str) -> Place {
    Place::Interface(InterfaceId::from(interface))
}

pub fn tcp(port: u16) -> Protocol {
    Protocol::Tcp {
        from: port,
        to: port,
    }
}

pub fn everywhere() -> Peer {
    Peer::Cidr("0.0.0.0/0".parse().expect("a range"))
}

pub fn rule(protocol: Protocol, peer: Peer) -> Rule {
    Rule { protocol, peer }
}

pub fn group(ingress: Vec<Rule>) -> SecurityGroup {
    SecurityGroup {
        ingress,
        egress: vec![rule(Protocol::All, everywhere())],
    }
}

pub fn open_acl() -> Vec<AclEntry> {
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

pub fn subnet(vpc: &mut Vpc, id: &str, cidr: &str, zone: &str) {
    vpc.subnets.insert(
        id.into(),
        Subnet {
            cidr: cidr.parse().expect("a range"),
            availability_zone: format!("eu-central-1{zone}"),
            routes: Vec::new(),
            acl: open_acl(),
        },
    );
}

pub fn route(vpc: &mut Vpc, subnet: &str, destination: &str, target: RouteTarget) {
    let destination = destination.parse().expect("a range");
    let routes = &mut vpc
        .subnets
        .get_mut(&SubnetId::from(subnet))
        .expect("a subnet")
        .routes;
    routes.retain(|route| route.destination != destination);
    routes.push(Route {
        destination,
        target,
    });
}

pub fn interface(vpc: &mut Vpc, id: &str, subnet: &str, address: &str, groups: &[&str]) {
    let number = vpc.interfaces.len();
    vpc.interfaces.insert(
        id.into(),
        Interface {
            subnet: subnet.into(),
            address: address.parse().expect("an address"),
            mac: format!("02:00:00:00:01:{number:02x}"),
            security_groups: groups.iter().map(|group| (*group).into()).collect(),
            public_address: None,
            source_dest_check: true,
        },
    );
}

/// A web server in a public subnet, a task and a database in private ones, a NAT gateway.
pub fn usual() -> Vpc {
    let mut vpc = Vpc::new("vpc-0a".into());
    vpc.cidrs = vec!["10.0.0.0/16".parse().expect("a range")];
    vpc.internet_gateway = true;
    subnet(&mut vpc, "subnet-public", "10.0.0.0/24", "a");
    subnet(&mut vpc, "subnet-private", "10.0.1.0/24", "a");
    subnet(&mut vpc, "subnet-data", "10.0.2.0/24", "b");
    route(
        &mut vpc,
        "subnet-public",
        "0.0.0.0/0",
        RouteTarget::InternetGateway,
    );
    route(
        &mut vpc,
        "subnet-private",
        "0.0.0.0/0",
        RouteTarget::NatGateway("nat-1".into()),
    );
    vpc.security_groups
        .insert("sg-web".into(), group(vec![rule(tcp(80), everywhere())]));
    vpc.security_groups.insert(
        "sg-task".into(),
        group(vec![rule(tcp(8080), Peer::SecurityGroup("sg-web".into()))]),
    );
    vpc.security_groups.insert(
        "sg-db".into(),
        group(vec![
            rule(tcp(5432), Peer::SecurityGroup("sg-task".into())),
            rule(
                Protocol::Udp { from: 53, to: 60 },
                Peer::SecurityGroup("sg-task".into()),
            ),
        ]),
    );
    interface(
        &mut vpc,
        "eni-web",
        "subnet-public",
        "10.0.0.10",
        &["sg-web"],
    );
    interface(
        &mut vpc,
        "eni-task",
        "subnet-private",
        "10.0.1.10",
        &["sg-task"],
    );
    interface(
        &mut vpc,
        "eni-peer",
        "subnet-private",
        "10.0.1.11",
        &["sg-task"],
    );
    interface(&mut vpc, "eni-db", "subnet-data", "10.0.2.10", &["sg-db"]);
    interface(&mut vpc, "eni-nat", "subnet-public", "10.0.0.20", &[]);
    vpc.interfaces
        .get_mut(&InterfaceId::from("eni-web"))
        .expect("the web interface")
        .public_address = Some(WEB_PUBLIC);
    vpc.interfaces
        .get_mut(&InterfaceId::from("eni-nat"))
        .expect("the NAT gateway's interface")
        .public_address = Some(NAT_PUBLIC);
    vpc.nat_gateways.insert(
        NatGatewayId::from("nat-1"),
        NatGateway {
            interface: "eni-nat".into(),
        },
    );
    vpc
}

/// A VPC in which everybody may talk to everybody, with these interfaces from 10.0.0.10 on.
pub fn open(interfaces: &[&str]) -> Vpc {
    let mut vpc = Vpc::new("vpc-1".into());
    vpc.cidrs = vec!["10.0.0.0/16".parse().expect("a range")];
    subnet(&mut vpc, "subnet-1", "10.0.0.0/24", "a");
    vpc.security_groups.insert(
        "sg-open".into(),
        group(vec![rule(Protocol::All, everywhere())]),
    );
    for (number, id) in interfaces.iter().enumerate() {
        let address = format!("10.0.0.{}", 10 + number);
        interface(&mut vpc, id, "subnet-1", &address, &["sg-open"]);
    }
    vpc
}

pub fn internet() -> Internet {
    Internet {
        names: [("web.example.com".to_owned(), vec![WEB_PUBLIC])].into(),
        services: [
            (
                SECRETS,
                vec!["secretsmanager.eu-central-1.amazonaws.com".to_owned()],
            ),
            (S3, vec!["*.s3.eu-central-1.amazonaws.com".to_owned()]),
        ]
        .into(),
        ..Internet::default()
    }
}
