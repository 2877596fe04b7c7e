//! A VPC document as the packet filter of its router.
//!
//! Every packet between two interfaces, and between an interface and the internet, passes
//! `through`: anti-spoofing, then the network ACLs (stateless), then what is known to belong to
//! an allowed flow, then the security groups of both ends. Packets to the router itself (the
//! resolver, gateway endpoints) pass `here`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use world::InterfaceId;
use world::id::SubnetId;
use world::network::{AclEntry, Interface, Peer, Protocol, Rule, SecurityGroup, Subnet, Vpc};

use super::names::{device, identifier, subnet_numbers};
use super::plan::{ROUTER_TO_INTERNET, resolvers};

/// Which way a rule looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    /// The address of the other side.
    fn peer(self) -> &'static str {
        match self {
            Self::Ingress => "ip saddr",
            Self::Egress => "ip daddr",
        }
    }

    fn rules(self, group: &SecurityGroup) -> &[Rule] {
        match self {
            Self::Ingress => &group.ingress,
            Self::Egress => &group.egress,
        }
    }
}

/// The whole rule set, as text that replaces the one before at once.
pub(crate) fn ruleset(vpc: &Vpc, services: &BTreeSet<Ipv4Addr>) -> String {
    let mut out = String::from("table ip vpc {}\ndelete table ip vpc\ntable ip vpc {\n");
    let interfaces = &vpc.interfaces;
    let checked = interfaces
        .iter()
        .filter(|(id, interface)| interface.source_dest_check && !is_nat(vpc, id));
    let devices = || interfaces.keys().map(|id| quoted(&device(id)));
    let numbers = subnet_numbers(vpc.subnets.keys());

    set(
        &mut out,
        "links",
        "ifname",
        devices().chain([quoted(ROUTER_TO_INTERNET)]),
    );
    set(
        &mut out,
        "checked",
        "ifname",
        checked.clone().map(|(id, _)| quoted(&device(id))),
    );
    set(
        &mut out,
        "own",
        "ifname . ipv4_addr",
        checked.map(|(id, interface)| format!("{} . {}", quoted(&device(id)), interface.address)),
    );
    set(
        &mut out,
        "back",
        "ifname . ifname",
        devices().map(|device| format!("{device} . {device}")),
    );
    set(
        &mut out,
        "services",
        "ipv4_addr",
        services.iter().map(ToString::to_string),
    );
    let public = || {
        interfaces
            .values()
            .filter(|_| vpc.internet_gateway)
            .filter_map(|interface| Some((interface.address, interface.public_address?)))
    };
    set(
        &mut out,
        "public",
        "ipv4_addr",
        public().map(|(private, _)| private.to_string()),
    );
    map(
        &mut out,
        "outward",
        "ipv4_addr : ipv4_addr",
        public().map(|(private, public)| format!("{private} : {public}")),
    );
    map(
        &mut out,
        "inward",
        "ipv4_addr : ipv4_addr",
        public().map(|(private, public)| format!("{public} : {private}")),
    );
    map(
        &mut out,
        "marks",
        "ifname : mark",
        interfaces.iter().filter_map(|(id, interface)| {
            let number = numbers.get(&interface.subnet)?;
            Some(format!("{} : {number}", quoted(&device(id))))
        }),
    );
    for (id, subnet) in &vpc.subnets {
        acl(&mut out, vpc, id, subnet);
    }
    for id in vpc.security_groups.keys() {
        set(
            &mut out,
            &identifier("sg", id.as_str()),
            "ipv4_addr",
            interfaces
                .values()
                .filter(|interface| interface.security_groups.contains(id))
                .map(|interface| interface.address.to_string()),
        );
    }
    let leave = groups(&mut out, vpc, Direction::Egress);
    let enter = groups(&mut out, vpc, Direction::Ingress);
    map(&mut out, "leave", "ifname : verdict", leave.into_iter());
    map(&mut out, "enter", "ifname : verdict", enter.into_iter());
    let acl_jump = |prefix: &'static str, egress: bool| {
        interfaces.iter().filter_map(move |(id, interface)| {
            let subnet = vpc.subnets.get(&interface.subnet)?;
            (!allows_all(&subnet.acl, egress)).then(|| {
                format!(
                    "{} : jump {}",
                    quoted(&device(id)),
                    identifier(prefix, interface.subnet.as_str())
                )
            })
        })
    };
    map(
        &mut out,
        "acl_out",
        "ifname : verdict",
        acl_jump("aclout", true),
    );
    map(
        &mut out,
        "acl_in",
        "ifname : verdict",
        acl_jump("aclin", false),
    );

    chains(&mut out, vpc);
    out.push_str("}\n");
    out
}

fn chains(out: &mut String, vpc: &Vpc) {
    let internet = quoted(ROUTER_TO_INTERNET);
    let resolvers = resolvers(vpc)
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let (ask, answer) = if vpc.dns_support && !resolvers.is_empty() {
        (
            format!(
                "  ip daddr {{ {resolvers} }} iifname != {internet} meta l4proto {{ tcp, udp }} th dport 53 accept\n"
            ),
            format!("  ip saddr {{ {resolvers} }} accept\n"),
        )
    } else {
        (String::new(), String::new())
    };
    let _ = write!(
        out,
        " chain arrive {{
  type filter hook prerouting priority -150; policy accept;
  meta mark set iifname map @marks
  iifname @checked iifname . ip saddr != @own drop
 }}
 chain from_internet {{
  type nat hook prerouting priority -100; policy accept;
  iifname {internet} dnat to ip daddr map @inward
 }}
 chain to_internet {{
  type nat hook postrouting priority 100; policy accept;
  oifname {internet} snat to ip saddr map @outward
 }}
 chain through {{
  type filter hook forward priority 0; policy drop;
  iifname . oifname @back drop
  oifname @checked oifname . ip daddr != @own drop
  oifname {internet} ip saddr != @public drop
  iifname vmap @acl_out
  oifname vmap @acl_in
  ct state established,related accept
  ct state invalid drop
  iifname vmap @leave
  oifname vmap @enter
  iifname @links oifname @links accept
 }}
 chain here {{
  type filter hook input priority 0; policy drop;
{ask}  iifname vmap @acl_out
  ct state established,related accept
  iifname vmap @leave
  ip daddr @services tcp dport {{ 80, 443 }} accept
 }}
 chain from_here {{
  type filter hook output priority 0; policy accept;
{answer}  oifname vmap @acl_in
 }}
"
    );
}

/// One chain for each list of security groups that some interface carries; gives the chain that
/// each interface's packets go through.
fn groups(out: &mut String, vpc: &Vpc, direction: Direction) -> Vec<String> {
    let prefix = match direction {
        Direction::Ingress => "in",
        Direction::Egress => "out",
    };
    let mut lists: BTreeMap<Vec<&str>, Vec<&InterfaceId>> = BTreeMap::new();
    for (id, interface) in &vpc.interfaces {
        if !is_nat(vpc, id) {
            lists.entry(group_list(interface)).or_default().push(id);
        }
    }
    let mut jumps = Vec::new();
    for (number, (list, interfaces)) in lists.into_iter().enumerate() {
        let _ = writeln!(out, " chain {prefix}_{number} {{");
        let rules: BTreeSet<String> = list
            .iter()
            .filter_map(|id| vpc.security_groups.get(&(*id).into()))
            .flat_map(|group| direction.rules(group))
            .filter_map(|rule| group_rule(vpc, rule, direction))
            .collect();
        for rule in rules {
            let _ = writeln!(out, "  {rule}return");
        }
        out.push_str("  drop\n }\n");
        jumps.extend(
            interfaces
                .into_iter()
                .map(|id| format!("{} : jump {prefix}_{number}", quoted(&device(id)))),
        );
    }
    jumps
}

fn group_list(interface: &Interface) -> Vec<&str> {
    let list: BTreeSet<&str> = interface
        .security_groups
        .iter()
        .map(AsRef::as_ref)
        .collect();
    list.into_iter().collect()
}

/// The match part of a rule; `None` when nothing can match it.
fn group_rule(vpc: &Vpc, rule: &Rule, direction: Direction) -> Option<String> {
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => address(direction, *cidr),
        Peer::SecurityGroup(group) => {
            // A group of another VPC, or one that is gone, matches nobody.
            vpc.security_groups.get(group)?;
            let name = identifier("sg", group.as_str());
            format!("{} @{name} ", direction.peer())
        }
        Peer::Cidrs(cidrs) => {
            let cidrs = Ipv4Net::aggregate(cidrs);
            if cidrs.is_empty() {
                return None;
            }
            let list: Vec<_> = cidrs.iter().map(ToString::to_string).collect();
            format!("{} {{ {} }} ", direction.peer(), list.join(", "))
        }
    };
    Some(format!("{peer}{}", protocol(&rule.protocol)))
}

fn address(direction: Direction, cidr: Ipv4Net) -> String {
    if cidr.prefix_len() == 0 {
        String::new()
    } else {
        format!("{} {} ", direction.peer(), cidr.trunc())
    }
}

fn protocol(protocol: &Protocol) -> String {
    let ports = |name: &str, from: u16, to: u16| {
        if from == to {
            format!("{name} dport {from} ")
        } else {
            format!("{name} dport {from}-{to} ")
        }
    };
    match *protocol {
        Protocol::All => String::new(),
        Protocol::Tcp { from, to } => ports("tcp", from, to),
        Protocol::Udp { from, to } => ports("udp", from, to),
        Protocol::Icmp { r#type, code } => match (r#type, code) {
            (None, _) => "ip protocol icmp ".into(),
            (Some(kind), None) => format!("icmp type {kind} "),
            (Some(kind), Some(code)) => format!("icmp type {kind} icmp code {code} "),
        },
        Protocol::Number(number) => format!("ip protocol {number} "),
    }
}

/// The chains of a subnet's network ACL. They look only at what crosses the subnet's border.
fn acl(out: &mut String, vpc: &Vpc, id: &SubnetId, subnet: &Subnet) {
    let inside = identifier("inside", id.as_str());
    let members = vpc
        .interfaces
        .iter()
        .filter(|(_, interface)| interface.subnet == *id)
        .map(|(id, _)| quoted(&device(id)));
    set(out, &inside, "ifname", members);
    for (prefix, other_side, direction) in [
        ("aclout", "oifname", Direction::Egress),
        ("aclin", "iifname", Direction::Ingress),
    ] {
        let _ = writeln!(out, " chain {} {{", identifier(prefix, id.as_str()));
        let _ = writeln!(out, "  {other_side} @{inside} return");
        let mut entries: Vec<&AclEntry> = subnet
            .acl
            .iter()
            .filter(|entry| entry.egress == (direction == Direction::Egress))
            .collect();
        entries.sort_by_key(|entry| entry.number);
        for entry in entries {
            let verdict = if entry.allow { "return" } else { "drop" };
            let _ = writeln!(
                out,
                "  {}{}{verdict}",
                address(direction, entry.cidr),
                protocol(&entry.protocol)
            );
        }
        out.push_str("  drop\n }\n");
    }
}

/// Whether the first line that counts lets everything through.
fn allows_all(acl: &[AclEntry], egress: bool) -> bool {
    acl.iter()
        .filter(|entry| entry.egress == egress)
        .min_by_key(|entry| entry.number)
        .is_some_and(|entry| {
            entry.allow && entry.protocol == Protocol::All && entry.cidr.prefix_len() == 0
        })
}

/// NAT gateways have no security groups and pass on what is not theirs.
pub(crate) fn is_nat(vpc: &Vpc, interface: &InterfaceId) -> bool {
    vpc.nat_gateways
        .values()
        .any(|gateway| gateway.interface == *interface)
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn set(out: &mut String, name: &str, kind: &str, elements: impl Iterator<Item = String>) {
    collection(out, "set", name, kind, elements);
}

fn map(out: &mut String, name: &str, kind: &str, elements: impl Iterator<Item = String>) {
    collection(out, "map", name, kind, elements);
}

fn collection(
    out: &mut String,
    what: &str,
    name: &str,
    kind: &str,
    elements: impl Iterator<Item = String>,
) {
    let elements: Vec<_> = elements.collect();
    let _ = writeln!(out, " {what} {name} {{");
    let _ = writeln!(out, "  type {kind}");
    if !elements.is_empty() {
        let _ = writeln!(out, "  elements = {{ {} }}", elements.join(", "));
    }
    out.push_str(" }\n");
}
