//! What a world measures when it is asked to: how much tasks and databases use, and what went
//! through load balancers. All of it since it was asked before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::balancer::node::Counters;
use crate::id::{BalancerId, DatabaseId, TaskId};

/// Asks for a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The moment that the measurement stands for, in the control plane's time.
    pub at: Timestamp,
    /// Whether load balancers and databases are measured too; tasks always are.
    pub all: bool,
}

/// What was measured. One question may have several answers, each with a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// As it was asked.
    pub at: Timestamp,
    /// Running tasks.
    #[serde(default)]
    pub tasks: BTreeMap<TaskId, Usage>,
    /// Load balancer nodes; `None`: they were not asked for.
    #[serde(default)]
    pub nodes: Option<Vec<NodeTraffic>>,
    #[serde(default)]
    pub databases: BTreeMap<DatabaseId, DatabaseUsage>,
}

impl Measured {
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            tasks: BTreeMap::new(),
            nodes: None,
            databases: BTreeMap::new(),
        }
    }

    /// The beginning of the minute: what is measured once in it stands for all of it.
    pub fn minute(&self) -> Timestamp {
        let second = self.at.as_second();
        Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(self.at)
    }
}

/// What a control group uses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// On average since the last measurement, 1024 a processor; `None` the first time.
    pub cpu_units: Option<f64>,
    /// Now, without file pages that could be given back at once.
    pub memory_bytes: u64,
}

/// What went through one node of a load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeTraffic {
    pub balancer: BalancerId,
    pub zone: String,
    /// Since the last measurement, but for gauges.
    pub counters: Counters,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DatabaseUsage {
    pub usage: Usage,
    /// Of clients, without the server's own.
    pub connections: u64,
    /// The databases and the transaction log.
    pub storage_bytes: u64,
    pub transaction_log_bytes: u64,
    /// A second, since the last measurement; `None` the first time.
    pub rates: Option<DatabaseRates>,
    /// Seconds that a replica is behind; `None` for a writer.
    pub replica_lag: Option<f64>,
    /// The age of the oldest transaction id.
    pub transaction_ids: u64,
}

/// A second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DatabaseRates {
    /// Pages that were not in the server's memory.
    pub reads: f64,
    /// Pages of the transaction log.
    pub writes: f64,
    pub read_bytes: f64,
    pub write_bytes: f64,
}
