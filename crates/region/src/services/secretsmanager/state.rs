//! What Secrets Manager remembers. Values are stored only encrypted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

crate::tables! { "secretsmanager" {
    /// By name.
    secrets: String => Secret,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub name: String,
    /// Ends in `-` and six characters.
    pub arn: String,
    pub description: Option<String>,
    /// As it was given: an id, ARN or alias. `None`: the service's own key.
    pub kms_key_id: Option<String>,
    pub tags: Tags,
    pub policy: Option<String>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
    /// Midnight of the day somebody last read it.
    pub accessed_at: Option<Timestamp>,
    pub rotated_at: Option<Timestamp>,
    /// When it goes for good, and when that was asked for.
    pub deletion: Option<Deletion>,
    /// By id.
    pub versions: BTreeMap<String, Version>,
    pub rotation: Option<Rotation>,
    /// The service that owns it, such as `rds`.
    pub owner: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    pub asked_at: Timestamp,
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub created_at: Timestamp,
    pub stages: BTreeSet<String>,
    /// `None`: the version is there, its value is not.
    pub value: Option<Sealed>,
    pub accessed_at: Option<Timestamp>,
}

/// An encrypted value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Base64.
    pub ciphertext: String,
    pub binary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub enabled: bool,
    pub days: i64,
    pub duration: Option<String>,
    pub next_at: Option<Timestamp>,
    /// The version that a rotation now under way is to make.
    pub pending: Option<String>,
}
