//! Load balancers as they should be, and the configuration their nodes take.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{BalancerId, InterfaceId, VpcId};

/// A load balancer: one node, a process of its own, behind each of its interfaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Balancer {
    pub id: BalancerId,
    pub vpc: VpcId,
    /// By interface, the zone it serves.
    pub nodes: BTreeMap<InterfaceId, String>,
    /// Whether it faces the internet, and so is published to the machine's user.
    pub internet_facing: bool,
    /// The load balancer's name, for the host name under `.localhost`.
    pub name: String,
    /// What every node serves; its own address and zone are filled in for each.
    pub config: serde_json::Value,
    /// Ports its listeners listen on, with the host port its user would like best.
    pub publish: BTreeMap<u16, u16>,
}
