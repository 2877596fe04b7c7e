//! Databases as they should be: PostgreSQL servers, each behind its interfaces.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{DatabaseId, InterfaceId, SnapshotId, VpcId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub id: DatabaseId,
    pub vpc: VpcId,
    /// `15`, `16`, …: the major version whose server programs are needed.
    pub major_version: u32,
    pub port: u16,
    /// The host names that the server's certificate is for.
    pub names: Vec<String>,
    pub role: Role,
    /// The interface of the server in the instance's own zone.
    pub interface: InterfaceId,
    /// The interface of a synchronous standby in another zone, for Multi-AZ.
    pub standby: Option<InterfaceId>,
    pub master_username: String,
    /// Set on the server whenever it changes.
    pub master_password: Secret,
    /// Created at the beginning, when given.
    pub database_name: Option<String>,
    /// Whether a connection over the network has to be encrypted.
    #[serde(default)]
    pub tls_only: bool,
    /// `postgresql.conf` settings by name, in PostgreSQL's own units. Those that need a restart
    /// take effect at the next [`crate::ActionKind::RestartDatabase`].
    pub parameters: BTreeMap<String, String>,
    /// Storage the instance was given, in GiB.
    pub allocated_gib: u32,
    pub memory_mib: u32,
    /// 1024 units are one virtual CPU.
    pub cpu_units: u32,
    /// A server that is stopped keeps its storage.
    pub stopped: bool,
    /// Where the storage comes from when it does not exist yet.
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Writer,
    /// Follows another database by streaming replication and is read-only. When it becomes a
    /// writer it is promoted.
    Replica {
        of: DatabaseId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A new, empty cluster.
    Empty,
    /// A base copy of the database it follows.
    Source,
    Snapshot(SnapshotId),
}

/// Text that is never shown: not in logs, not by `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
