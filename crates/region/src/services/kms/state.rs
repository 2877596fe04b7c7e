//! What KMS remembers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

crate::tables! { "kms" {
    /// By key id.
    keys: String => Key,
    /// By name, with `alias/`.
    aliases: String => Alias,
    /// By grant id.
    grants: String => Grant,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// A UUID, or `mrk-…`.
    pub id: String,
    pub arn: String,
    pub description: String,
    pub state: KeyState,
    pub manager: Manager,
    pub created_at: Timestamp,
    pub policy: String,
    pub tags: Tags,
    pub multi_region: bool,
    pub rotation: Option<Rotation>,
    pub rotations: Vec<Rotated>,
    /// Oldest first; the last one encrypts, all decrypt.
    pub backing: Vec<Backing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    Enabled,
    Disabled,
    PendingDeletion { at: Timestamp },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// Made by AWS for a service: nobody changes it.
    Aws,
    Customer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub period_days: i64,
    pub next_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    pub at: Timestamp,
    pub on_demand: bool,
}

/// Key material. It lives in the region's own data, as its other rows do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backing {
    /// 32 bytes as hexadecimal digits.
    pub material: String,
}

impl std::fmt::Debug for Backing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Backing(…)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub name: String,
    pub arn: String,
    /// `None` for a service's key that nobody used yet.
    pub target: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: String,
    pub key: String,
    pub name: Option<String>,
    pub grantee: String,
    pub retiring: Option<String>,
    pub operations: Vec<wire::kms::GrantOperation>,
    pub context_equals: Option<BTreeMap<String, String>>,
    pub context_subset: Option<BTreeMap<String, String>>,
    pub created_at: Timestamp,
}
