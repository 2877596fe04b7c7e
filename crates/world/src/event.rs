//! What a world says: facts it observed, each safe to be told twice.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{BalancerId, DatabaseId, InterfaceId, SnapshotId, TaskId, VpcId};
use crate::measure::Measured;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "value", rename_all = "snake_case")]
pub enum Event {
    /// A VPC's packets are now treated as this document said.
    VpcReady(VpcId),
    /// A VPC could not be made so; it is tried again.
    VpcFailed {
        vpc: VpcId,
        reason: String,
    },
    Task(TaskStatus),
    Log(LogBatch),
    Database(DatabaseStatus),
    Balancer(BalancerStatus),
    /// An answer to [`crate::Command::Measure`].
    Measured(Box<Measured>),
    /// The answer to a [`crate::Action`].
    ActionDone {
        id: String,
        /// `None`: done.
        failure: Option<String>,
        snapshot: Option<SnapshotFacts>,
    },
}

/// All that is known of a task now; a later one replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus {
    pub task: TaskId,
    pub phase: TaskPhase,
    pub pull_started_at: Option<Timestamp>,
    pub pull_stopped_at: Option<Timestamp>,
    pub containers: Vec<ContainerStatus>,
    /// What the world could not do as asked though the task runs, such as limits that an
    /// ordinary user may not set.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskPhase {
    /// Waiting for its interface, or checking what it needs.
    Preparing,
    /// Images are being unpacked, containers made.
    Starting,
    Running,
    Stopping,
    Stopped {
        cause: StopCause,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// It was asked to.
    Requested,
    /// An essential container ended by itself.
    EssentialContainerExited,
    /// It never ran. The reason is the whole text ECS shows, such as `CannotStartContainerError: …`.
    FailedToStart { reason: String },
    /// The world lost it (it was killed with the world itself).
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    pub name: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// 128 plus the signal's number when it was killed by one, as runtimes report it.
    pub exit_code: Option<i32>,
    /// Such as `OutOfMemoryError: Container killed due to memory usage`.
    pub reason: Option<String>,
    pub health: Option<Health>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

/// Lines a container wrote, in order. `sequence` grows by one with every batch of a stream, so
/// that a batch told twice is kept once; a batch is told again until [`crate::Command::LogKept`]
/// says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBatch {
    pub group: String,
    pub stream: String,
    pub sequence: u64,
    pub lines: Vec<LogLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: Timestamp,
    pub message: String,
}

/// All that is known of a database now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    pub database: DatabaseId,
    pub phase: DatabasePhase,
    /// The server's full version, such as `15.18`.
    pub version: Option<String>,
    /// The interface behind which the writer (or the replica itself) answers now.
    pub active_interface: Option<InterfaceId>,
    /// Parameters that wait for a restart.
    pub pending_restart: Vec<String>,
    /// Parameters the server did not take, with what it said.
    pub refused: Vec<String>,
    /// How the machine's own user reaches it: a libpq connection string without user, database
    /// and password.
    pub local: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabasePhase {
    Creating,
    Available,
    Restarting,
    FailingOver,
    Stopped,
    Failed { reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFacts {
    pub snapshot: SnapshotId,
    pub bytes: u64,
    pub engine_version: String,
}

/// All that is known of a load balancer now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BalancerStatus {
    pub balancer: BalancerId,
    /// Nodes that serve the newest configuration.
    pub ready_nodes: Vec<Ipv4Addr>,
    pub targets: Vec<TargetStatus>,
    pub listeners: Vec<Published>,
}

/// A target as the nodes see it together: healthy where any node finds it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// ARN.
    pub target_group: String,
    pub address: Ipv4Addr,
    pub port: u16,
    /// As `DescribeTargetHealth` says it: `initial`, `healthy`, `unhealthy`, `draining`, `unused`.
    pub state: String,
    /// Such as `Target.Timeout`.
    pub reason: Option<String>,
    pub description: Option<String>,
}

/// A listener as the machine's own user reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The listener's port.
    pub port: u16,
    /// Host address such as `127.0.0.1:8080`; `None` while it could not be bound.
    pub address: Option<String>,
    /// Why it could not be bound.
    pub failure: Option<String>,
}
