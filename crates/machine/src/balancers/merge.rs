//! What the nodes of a load balancer say, as one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use world::balancer::node::{Counters, NodeStatus, TargetHealth};
use world::event::TargetStatus;

/// What one node said last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NodeView {
    pub address: Option<Ipv4Addr>,
    /// Of the configuration it serves; `None`: it serves none, or is not there.
    pub version: Option<u64>,
    /// Whether every listener could be bound.
    pub listening: bool,
    pub targets: Vec<TargetHealth>,
    pub zone: String,
    /// As last told.
    pub counters: Counters,
    /// As they were when they were last measured.
    pub measured: Counters,
}

impl NodeView {
    /// The node said how it is. What it counted before this executor knew it was measured by the
    /// one before.
    pub(crate) fn renew(&mut self, status: NodeStatus) {
        if self.version.is_none() && self.counters == Counters::default() {
            self.measured = status.counters.clone();
        }
        self.version = status.version;
        self.listening = status
            .listeners
            .iter()
            .all(|listener| listener.address.is_some());
        self.targets = status.targets;
        self.counters = status.counters;
        if let Some(node) = status.node {
            self.zone = node.availability_zone;
            self.address = match node.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            };
        }
    }

    /// What was counted since the last time.
    pub(crate) fn measure(&mut self) -> Counters {
        let since = self.counters.since(&self.measured);
        self.measured = self.counters.clone();
        since
    }

    /// One target's health has changed.
    pub(crate) fn hear(&mut self, health: TargetHealth) {
        let same = |other: &&mut TargetHealth| {
            (&other.target_group, other.address, other.port)
                == (&health.target_group, health.address, health.port)
        };
        match self.targets.iter_mut().find(same) {
            Some(known) => *known = health,
            None => self.targets.push(health),
        }
    }
}

/// The addresses of the nodes that serve this version.
pub(crate) fn ready<'a>(version: u64, views: impl Iterator<Item = &'a NodeView>) -> Vec<Ipv4Addr> {
    views
        .filter(|view| view.version == Some(version) && view.listening)
        .filter_map(|view| view.address)
        .collect()
}

/// Every target once, as the node sees it that is most sure of it.
pub(crate) fn targets<'a>(views: impl Iterator<Item = &'a NodeView>) -> Vec<TargetStatus> {
    let mut best: BTreeMap<(&str, Ipv4Addr, u16), &TargetHealth> = BTreeMap::new();
    for health in views
        .filter(|view| view.version.is_some())
        .flat_map(|view| &view.targets)
    {
        let IpAddr::V4(address) = health.address else {
            continue;
        };
        let slot = best
            .entry((&health.target_group, address, health.port))
            .or_insert(health);
        if weight(&health.state) > weight(&slot.state) {
            *slot = health;
        }
    }
    best.into_iter()
        .map(|((target_group, address, port), health)| TargetStatus {
            target_group: target_group.to_owned(),
            address,
            port,
            state: health.state.clone(),
            reason: health.reason.clone(),
            description: health.description.clone(),
        })
        .collect()
}

fn weight(state: &str) -> u8 {
    match state {
        "healthy" => 4,
        "draining" => 3,
        "unhealthy" => 2,
        "initial" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(port: u16, state: &str) -> TargetHealth {
        TargetHealth {
            target_group: "group".into(),
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            port,
            state: state.into(),
            reason: None,
            description: None,
        }
    }

    fn view(version: Option<u64>, last: u8, states: &[(u16, &str)]) -> NodeView {
        NodeView {
            address: Some(Ipv4Addr::new(10, 0, 1, last)),
            version,
            listening: true,
            targets: states
                .iter()
                .map(|(port, state)| health(*port, state))
                .collect(),
            ..NodeView::default()
        }
    }

    #[test]
    fn a_target_is_healthy_where_any_node_finds_it_so() {
        let views = [
            view(Some(2), 1, &[(1, "unhealthy"), (2, "initial")]),
            view(Some(1), 2, &[(1, "healthy"), (2, "unhealthy")]),
            view(None, 3, &[(2, "healthy")]),
        ];
        let states: Vec<_> = targets(views.iter())
            .into_iter()
            .map(|target| (target.port, target.state))
            .collect();
        assert_eq!(
            states,
            [(1, "healthy".to_owned()), (2, "unhealthy".to_owned())]
        );
        assert_eq!(ready(2, views.iter()), [Ipv4Addr::new(10, 0, 1, 1)]);
    }

    #[test]
    fn what_is_counted_is_measured_once() {
        let status = |requests| {
            let mut counters = Counters::default();
            counters.load_balancer.requests = requests;
            NodeStatus {
                version: Some(1),
                node: None,
                listeners: Vec::new(),
                targets: Vec::new(),
                counters,
            }
        };
        let mut view = NodeView::default();
        // What was counted before is not this executor's to tell.
        view.renew(status(5));
        assert_eq!(view.measure().load_balancer.requests, 0);
        view.renew(status(7));
        assert_eq!(view.measure().load_balancer.requests, 2);
        assert_eq!(view.measure().load_balancer.requests, 0);
    }

    #[test]
    fn news_replaces_what_was_known() {
        let mut view = view(Some(1), 1, &[(1, "initial")]);
        view.hear(health(1, "healthy"));
        view.hear(health(2, "initial"));
        assert_eq!(view.targets, [health(1, "healthy"), health(2, "initial")]);
    }
}
