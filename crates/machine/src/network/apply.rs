//! Makes a VPC's namespaces, links, routes and packet filter what its plan says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use world::InterfaceId;
use world::network::Vpc;

use super::names::{device, internet_device};
use super::plan::{
    INTERNET, INTERNET_MAC, Link, MTU, Plan, ROUTER, ROUTER_MAC, ROUTER_TO_INTERNET, plan,
    resolvers,
};
use super::rules::ruleset;
use super::tools::{Tools, sysctl};
use crate::error::{Failure, Step as _};
use crate::netns;

/// Where the namespaces are.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub run: PathBuf,
}

impl Layout {
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        for directory in [self.routers(), self.interfaces(), self.run.join("netns")] {
            fs::create_dir_all(&directory).step(|| format!("make {}", directory.display()))?;
        }
        Ok(())
    }

    pub(crate) fn internet(&self) -> PathBuf {
        crate::exec::internet_namespace(&self.run)
    }

    /// Where AWS's own services stand.
    pub(crate) fn aws(&self) -> PathBuf {
        self.run.join("ns").join("aws")
    }

    pub(crate) fn routers(&self) -> PathBuf {
        self.run.join("ns").join("router")
    }

    pub(crate) fn router(&self, vpc: &str) -> PathBuf {
        self.routers().join(vpc)
    }

    pub(crate) fn interfaces(&self) -> PathBuf {
        self.run.join("ns").join("interface")
    }

    pub(crate) fn interface(&self, id: &InterfaceId) -> PathBuf {
        self.interfaces().join(id.as_str())
    }

    /// What others see: there only while the interface works.
    fn public(&self, id: &InterfaceId) -> PathBuf {
        self.run.join("netns").join(id.as_str())
    }

    pub(crate) fn publish(&self, id: &InterfaceId) -> Result<(), Failure> {
        let path = self.public(id);
        match std::os::unix::fs::symlink(self.interface(id), &path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error).step(|| format!("make {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn withdraw(&self, id: &InterfaceId) {
        // It may not have been published yet.
        let _ = fs::remove_file(self.public(id));
    }
}

/// What a VPC was made to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    plan: Plan,
    rules: String,
    public: BTreeSet<Ipv4Addr>,
}

/// Interfaces that are not what they were.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub removed: BTreeSet<InterfaceId>,
    pub made: BTreeSet<InterfaceId>,
}

/// Brings a VPC to what its document says. Without a `previous` state it finds out what is
/// there, from an executor before this one or a try that failed. New interfaces are not
/// published yet.
pub(crate) fn converge(
    tools: &Tools,
    layout: &Layout,
    vpc: &Vpc,
    services: &BTreeSet<Ipv4Addr>,
    previous: Option<&State>,
) -> Result<(State, Change), Failure> {
    let wanted = State {
        plan: plan(vpc)?,
        rules: ruleset(vpc, services),
        public: vpc
            .interfaces
            .values()
            .filter_map(|interface| interface.public_address)
            .filter(|_| vpc.internet_gateway)
            .collect(),
    };
    if previous == Some(&wanted) {
        return Ok((wanted, Change::default()));
    }
    let router = layout.router(vpc.id.as_str());
    let existing = match previous {
        Some(state) => state
            .plan
            .links
            .iter()
            .map(|(id, link)| (id.clone(), mark(id, link)))
            .collect(),
        None => make_router(tools, layout, vpc, &router, &wanted.plan)?,
    };

    let mut change = Change::default();
    for (id, existing) in &existing {
        let kept = wanted
            .plan
            .links
            .get(id)
            .is_some_and(|link| mark(id, link) == *existing)
            && layout.interface(id).exists();
        if !kept {
            layout.withdraw(id);
            change.removed.insert(id.clone());
        }
    }
    delete_links(tools, &router, change.removed.iter().map(device));
    for id in &change.removed {
        netns::remove(&layout.interface(id))?;
    }
    let new: BTreeMap<&InterfaceId, &Link> = wanted
        .plan
        .links
        .iter()
        .filter(|(id, _)| !existing.contains_key(*id) || change.removed.contains(*id))
        .collect();
    change.made = new.keys().map(|id| (*id).clone()).collect();
    for id in new.keys() {
        let path = layout.interface(id);
        netns::remove(&path)?;
        netns::create(&path)?;
    }

    // Filters before links, so that no packet passes unfiltered.
    if previous.is_none_or(|previous| previous.rules != wanted.rules) {
        tools.nft(&router, &wanted.rules)?;
    }
    let mut lines = Vec::new();
    for (id, link) in &new {
        lines.extend(link_lines(layout, id, link));
    }
    route_lines(&mut lines, previous.map(|state| &state.plan), &wanted.plan);
    tools.ip(&router, &lines)?;
    if let Some(previous) = previous {
        tools.ip_forced(&router, &stale_lines(&previous.plan, &wanted.plan));
    }
    for (id, link) in &new {
        furnish(tools, &layout.interface(id), link)?;
    }
    public_routes(tools, layout, vpc, previous, &wanted)?;
    Ok((wanted, change))
}

/// Removes a VPC and all its interfaces.
pub(crate) fn remove(tools: &Tools, layout: &Layout, vpc: &str) -> Result<(), Failure> {
    let router = layout.router(vpc);
    if router.exists() {
        let devices = tools.devices(&router)?;
        let interfaces: Vec<InterfaceId> = devices
            .iter()
            .filter_map(|(_, alias)| Some(alias.split_once(' ')?.0.into()))
            .collect();
        for id in &interfaces {
            layout.withdraw(id);
        }
        // A namespace may be held open by a connection; its way out must not.
        let links = interfaces.iter().map(device);
        delete_links(tools, &router, links.chain([ROUTER_TO_INTERNET.to_owned()]));
        for id in &interfaces {
            netns::remove(&layout.interface(id))?;
        }
    }
    netns::remove(&router)
}

/// Deletes links of a router at once: the kernel takes its time for each deletion, not for each
/// link.
fn delete_links(tools: &Tools, router: &Path, devices: impl Iterator<Item = String>) {
    const GOING: u32 = 4711;
    let mut lines: Vec<_> = devices
        .map(|device| format!("link set dev {device} group {GOING}"))
        .collect();
    if !lines.is_empty() {
        lines.push(format!("link delete group {GOING}"));
        tools.ip_forced(router, &lines);
    }
}

/// What the router's end of a link says of it, so that a later executor knows it again.
fn mark(id: &InterfaceId, link: &Link) -> String {
    format!("{id} {}", link.fingerprint())
}

/// Makes the router or finds it, with no rules and routes of its own left over. Gives the links
/// it has.
fn make_router(
    tools: &Tools,
    layout: &Layout,
    vpc: &Vpc,
    router: &Path,
    plan: &Plan,
) -> Result<BTreeMap<InterfaceId, String>, Failure> {
    if !router.exists() {
        netns::create(router)?;
    }
    forwards(router)?;
    let devices = tools.devices(router)?;
    let mut flush = vec!["rule flush".to_owned(), "route flush table main".to_owned()];
    flush.extend(
        plan.rules
            .keys()
            .map(|table| format!("route flush table {table}")),
    );
    tools.ip_forced(router, &flush);

    let theirs = internet_device(&vpc.id);
    let mut lines = vec![
        "link set lo up".to_owned(),
        "rule add lookup main pref 32766".to_owned(),
        "rule add blackhole pref 34000".to_owned(),
    ];
    if !devices
        .iter()
        .any(|(device, _)| device == ROUTER_TO_INTERNET)
    {
        lines.push(format!(
            "link add {ROUTER_TO_INTERNET} mtu {MTU} address {ROUTER_MAC} type veth peer name {theirs} mtu {MTU} address {INTERNET_MAC} netns \"{}\"",
            layout.internet().display()
        ));
    }
    lines.push(format!("link set {ROUTER_TO_INTERNET} up"));
    lines.push(format!(
        "neighbour replace {INTERNET} lladdr {INTERNET_MAC} dev {ROUTER_TO_INTERNET} nud permanent"
    ));
    for address in resolvers(vpc) {
        lines.push(format!("address replace {address}/32 dev lo"));
    }
    tools.ip(router, &lines)?;
    tools.ip(
        &layout.internet(),
        &[
            format!("link set {theirs} up"),
            format!("neighbour replace {ROUTER} lladdr {ROUTER_MAC} dev {theirs} nud permanent"),
            format!("route flush dev {theirs}"),
        ],
    )?;
    Ok(devices
        .into_iter()
        .filter_map(|(_, alias)| {
            let (id, _) = alias.split_once(' ')?;
            Some((InterfaceId::from(id), alias))
        })
        .collect())
}

/// A namespace that passes packets on, and trusts its filter rather than the kernel's guesses
/// about where they should come from.
pub(crate) fn forwards(namespace: &Path) -> Result<(), Failure> {
    sysctl(
        namespace,
        &[
            ("ipv6/conf/all/disable_ipv6", "1"),
            ("ipv6/conf/default/disable_ipv6", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/default/send_redirects", "0"),
            ("ipv4/conf/all/accept_redirects", "0"),
            ("ipv4/ip_forward", "1"),
        ],
    )
}

fn link_lines(layout: &Layout, id: &InterfaceId, link: &Link) -> Vec<String> {
    let Link {
        device,
        address,
        mac,
        ..
    } = link;
    vec![
        format!(
            "link add {device} mtu {MTU} address {ROUTER_MAC} type veth peer name eth0 mtu {MTU} address {mac} netns \"{}\"",
            layout.interface(id).display()
        ),
        format!("link set {device} alias \"{}\"", mark(id, link)),
        format!("neighbour replace {address} lladdr {mac} dev {device} nud permanent"),
        format!("link set {device} up"),
    ]
}

fn route_lines(lines: &mut Vec<String>, previous: Option<&Plan>, wanted: &Plan) {
    for (table, rule) in &wanted.rules {
        if previous.is_none_or(|previous| previous.rules.get(table) != Some(rule)) {
            lines.push(format!("rule add {rule}"));
        }
    }
    for (key, route) in &wanted.routes {
        // A link that was made anew has lost its routes; putting one twice does no harm.
        lines.push(format!("route replace {route}"));
        let _ = key;
    }
}

fn stale_lines(previous: &Plan, wanted: &Plan) -> Vec<String> {
    let routes = previous
        .routes
        .iter()
        .filter(|(key, _)| !wanted.routes.contains_key(*key))
        .map(|(_, route)| format!("route delete {route}"));
    let rules = previous
        .rules
        .iter()
        .filter(|(table, _)| !wanted.rules.contains_key(*table))
        .map(|(_, rule)| format!("rule delete {rule}"));
    routes.chain(rules).collect()
}

/// The inside of an interface's namespace.
fn furnish(tools: &Tools, namespace: &Path, link: &Link) -> Result<(), Failure> {
    sysctl(namespace, &[("ipv6/conf/eth0/disable_ipv6", "1")])?;
    if !link.nat_for.is_empty() {
        forwards(namespace)?;
        tools.nft(namespace, &nat_rules(link))?;
    }
    let Link {
        address,
        prefix_len,
        gateway,
        ..
    } = link;
    tools.ip(
        namespace,
        &[
            "link set lo up".to_owned(),
            format!("address replace {address}/{prefix_len} dev eth0 noprefixroute"),
            "address replace 169.254.170.2/32 dev lo scope host".to_owned(),
            "link set eth0 up".to_owned(),
            format!("route replace {gateway}/32 dev eth0 scope link"),
            format!("neighbour replace {gateway} lladdr {ROUTER_MAC} dev eth0 nud permanent"),
            format!("route replace default via {gateway} dev eth0 src {address}"),
        ],
    )
}

/// A NAT gateway sends what comes from its VPC as its own, and answers nobody.
fn nat_rules(link: &Link) -> String {
    let sources: Vec<_> = link.nat_for.iter().map(ToString::to_string).collect();
    format!(
        "table ip nat_gateway {{}}
delete table ip nat_gateway
table ip nat_gateway {{
 chain here {{
  type filter hook input priority 0; policy drop;
  iifname \"lo\" accept
 }}
 chain through {{
  type filter hook forward priority 0; policy drop;
  ct state established,related accept
  ct state new ip saddr {{ {} }} ip protocol {{ tcp, udp, icmp }} accept
 }}
 chain translate {{
  type nat hook postrouting priority 100; policy accept;
  oifname \"eth0\" snat to {}
 }}
}}
",
        sources.join(", "),
        link.address
    )
}

/// The internet knows which VPC holds a public address.
fn public_routes(
    tools: &Tools,
    layout: &Layout,
    vpc: &Vpc,
    previous: Option<&State>,
    wanted: &State,
) -> Result<(), Failure> {
    let device = internet_device(&vpc.id);
    let route = |address: &Ipv4Addr| format!("{address}/32 via {ROUTER} dev {device} onlink");
    let empty = BTreeSet::new();
    let before = previous.map_or(&empty, |state| &state.public);
    let gone: Vec<_> = before
        .difference(&wanted.public)
        .map(|address| format!("route delete {}", route(address)))
        .collect();
    tools.ip_forced(&layout.internet(), &gone);
    let come: Vec<_> = wanted
        .public
        .difference(before)
        .map(|address| format!("route replace {}", route(address)))
        .collect();
    tools.ip(&layout.internet(), &come)
}
