//! What RDS remembers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use world::{DatabaseId, InterfaceId, SnapshotId};

use crate::Tags;

crate::tables! { "rds" {
    /// By resource id, `db-…`: it survives a rename.
    instances: String => Instance,
    /// By name.
    subnet_groups: String => SubnetGroup,
    /// By name.
    parameter_groups: String => ParameterGroup,
    /// By identifier.
    snapshots: String => Snapshot,
    /// What happened, by moment.
    events: (String, u64) => Event,
    /// One row, `endpoint`: twelve characters, the same for all of the account.
    tokens: String => String,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub name: String,
    pub resource_id: String,
    pub arn: String,
    pub status: Status,
    pub created_at: Timestamp,
    /// What can be changed by `ModifyDBInstance`, as it is now.
    pub settings: Settings,
    /// What waits for the maintenance window.
    pub pending: Pending,
    pub master_username: String,
    /// Base64 of the password, sealed under RDS's own key.
    pub password: String,
    /// ARN of the secret, when RDS manages the password.
    pub secret: Option<MasterSecret>,
    pub database_name: Option<String>,
    pub encrypted: bool,
    pub kms_key_id: Option<String>,
    pub subnet_group: String,
    pub vpc: String,
    pub place: Place,
    pub standby: Option<Place>,
    /// The resource id of the instance it follows.
    pub replica_of: Option<String>,
    pub origin: Origin,
    pub tags: Tags,
    /// Static parameters as the server last read them.
    pub loaded_parameters: BTreeMap<String, String>,
    pub observed: Observed,
    /// The act that is under way, by its id.
    pub act: Option<Act>,
    /// Since when it is stopped, or follows nobody.
    pub changed_at: Timestamp,
}

/// A server's zone and interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub zone: String,
    pub interface: InterfaceId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterSecret {
    pub arn: String,
    pub kms_key_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Empty,
    Source,
    Snapshot { id: SnapshotId },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub class: String,
    /// Full, such as `15.8`.
    pub engine_version: String,
    /// Whether the caller named a minor version; if not, the world says which it is.
    pub exact_version: bool,
    pub allocated_storage: i64,
    pub max_allocated_storage: Option<i64>,
    pub storage_type: String,
    pub iops: Option<i64>,
    pub storage_throughput: Option<i64>,
    pub multi_az: bool,
    pub backup_retention: i64,
    pub backup_window: String,
    pub maintenance_window: String,
    pub security_groups: Vec<String>,
    pub parameter_group: String,
    pub publicly_accessible: bool,
    pub auto_minor_version_upgrade: bool,
    pub copy_tags_to_snapshot: bool,
    pub deletion_protection: bool,
    pub iam_authentication: bool,
    pub log_exports: BTreeSet<String>,
    pub monitoring_interval: i64,
    pub monitoring_role: Option<String>,
    pub performance_insights: bool,
    pub performance_insights_key: Option<String>,
    pub performance_insights_retention: Option<i64>,
    pub port: u16,
    pub ca_certificate: String,
    pub database_insights: String,
    pub dedicated_log_volume: bool,
    pub network_type: String,
    pub engine_lifecycle_support: String,
}

/// What a modification left for later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub class: Option<String>,
    pub engine_version: Option<String>,
    pub name: Option<String>,
    pub multi_az: Option<bool>,
    pub backup_retention: Option<i64>,
    pub allocated_storage: Option<i64>,
    pub storage_type: Option<String>,
    pub iops: Option<i64>,
    pub storage_throughput: Option<i64>,
    pub port: Option<u16>,
    pub ca_certificate: Option<String>,
    pub iam_authentication: Option<bool>,
    /// Shown as `****` for as long as it is under way.
    pub password: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Creating,
    BackingUp {
        until: Timestamp,
    },
    Available,
    Modifying {
        until: Timestamp,
    },
    ResettingMasterCredentials {
        until: Timestamp,
    },
    Rebooting,
    Stopping,
    Stopped {
        restart_at: Timestamp,
    },
    Starting,
    /// With the name of the snapshot that is taken before.
    Deleting {
        until: Timestamp,
        last_snapshot: Option<String>,
    },
    Failed,
}

impl Status {
    /// As AWS names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::BackingUp { .. } => "backing-up",
            Self::Available => "available",
            Self::Modifying { .. } => "modifying",
            Self::ResettingMasterCredentials { .. } => "resetting-master-credentials",
            Self::Rebooting => "rebooting",
            Self::Stopping => "stopping",
            Self::Stopped { .. } => "stopped",
            Self::Starting => "starting",
            Self::Deleting { .. } => "deleting",
            Self::Failed => "failed",
        }
    }
}

/// What the world last said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub available: bool,
    pub stopped: bool,
    pub failure: Option<String>,
    pub version: Option<String>,
    /// Where it answers; `None`: at its own place.
    pub active_interface: Option<InterfaceId>,
    pub local: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub id: String,
    pub kind: ActKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    Restart,
    FailOver,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubnetGroup {
    pub name: String,
    pub arn: String,
    pub description: String,
    pub vpc: String,
    /// Ids, in the order in which they were given.
    pub subnets: Vec<String>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterGroup {
    pub name: String,
    pub arn: String,
    /// Such as `postgres15`.
    pub family: String,
    pub description: String,
    /// What was set, by name.
    pub values: BTreeMap<String, SetParameter>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParameter {
    pub value: String,
    /// Whether it waits for a reboot, rather than being taken at once.
    pub pending_reboot: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub name: String,
    pub arn: String,
    /// What the world knows it by.
    pub id: SnapshotId,
    pub kind: SnapshotKind,
    pub status: SnapshotStatus,
    pub started_at: Timestamp,
    pub created_at: Option<Timestamp>,
    /// The instance it was taken of, as it was.
    pub instance: String,
    pub resource_id: DatabaseId,
    pub instance_created_at: Timestamp,
    pub settings: Settings,
    pub master_username: String,
    pub password: String,
    pub database_name: Option<String>,
    pub encrypted: bool,
    pub kms_key_id: Option<String>,
    pub vpc: String,
    pub zone: String,
    pub tags: Tags,
    /// Accounts that may restore it.
    pub shared_with: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    Manual,
    Automated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotStatus {
    Creating,
    Available,
    Failed,
    /// Kept until the world has removed its bytes.
    Deleting,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub source: String,
    pub source_type: wire::rds::SourceType,
    pub arn: String,
    pub categories: Vec<String>,
    pub message: String,
}
