//! What the nodes of a load balancer say, as one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use world::balancer::node::TargetHealth;
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
}

impl NodeView {
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
    fn news_replaces_what_was_known() {
        let mut view = view(Some(1), 1, &[(1, "initial")]);
        view.hear(health(1, "healthy"));
        view.hear(health(2, "initial"));
        assert_eq!(view.targets, [health(1, "healthy"), health(2, "initial")]);
    }
}
