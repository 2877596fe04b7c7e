//! What Route 53 remembers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Stored;
use wire::route53 as api;

use crate::Tags;

crate::tables! { "route53" {
    /// By id, such as `Z0123456ABCDEFGHIJKLM`.
    zones: String => Zone,
    /// By zone, and by what orders record sets (see `record::key`).
    records: (String, String) => Stored<api::ResourceRecordSet>,
    /// By id.
    changes: String => Change,
    /// Reusable ones, by id.
    delegation_sets: String => DelegationSet,
    /// By kind, such as `hostedzone`, and id.
    tags: (String, String) => Tags,
} }

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    pub id: String,
    /// As `Name` writes it.
    pub name: String,
    pub caller_reference: String,
    pub comment: Option<String>,
    /// The networks that see it; a zone without any is public.
    pub vpcs: Vec<Vpc>,
    /// A reusable one.
    pub delegation_set: Option<String>,
    /// With the dot at the end.
    pub name_servers: Vec<String>,
    pub created_at: Timestamp,
}

impl Zone {
    pub fn private(&self) -> bool {
        !self.vpcs.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: String,
    pub region: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub submitted_at: Timestamp,
    pub comment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationSet {
    pub id: String,
    pub caller_reference: String,
    pub name_servers: Vec<String>,
}
