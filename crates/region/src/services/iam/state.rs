//! What IAM remembers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

crate::tables! { "iam" {
    /// By name.
    roles: String => Role,
    /// By name.
    users: String => User,
    /// By name.
    groups: String => Group,
    /// Customer-managed policies, by ARN. Those that AWS manages are in `managed.rs`.
    policies: String => ManagedPolicy,
    /// By access key id.
    access_keys: String => AccessKey,
    /// By name.
    instance_profiles: String => InstanceProfile,
    /// By ARN.
    oidc_providers: String => OidcProvider,
    /// The account's alias, at most one.
    account_aliases: String => Timestamp,
    /// At most one row, `policy`.
    password_policies: String => PasswordPolicy,
    /// Deletions of service-linked roles that were asked for, by task id.
    deletion_tasks: String => Timestamp,
} }

/// What roles, users and groups may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Grants {
    /// Policy documents by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    pub path: String,
    /// `AROA…`
    pub id: String,
    pub arn: String,
    pub trust: String,
    pub description: Option<String>,
    pub created_at: Timestamp,
    /// In seconds.
    pub max_session_duration: i64,
    /// ARN of a managed policy.
    pub boundary: Option<String>,
    pub grants: Grants,
    pub tags: Tags,
    /// The service that alone may change it, such as `ecs.amazonaws.com`.
    pub linked_service: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub path: String,
    /// `AIDA…`
    pub id: String,
    pub arn: String,
    pub created_at: Timestamp,
    pub boundary: Option<String>,
    pub grants: Grants,
    pub groups: BTreeSet<String>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub path: String,
    /// `AGPA…`
    pub id: String,
    pub arn: String,
    pub created_at: Timestamp,
    pub grants: Grants,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    pub name: String,
    pub path: String,
    /// `ANPA…`
    pub id: String,
    pub arn: String,
    pub description: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// By number: `1` is `v1`.
    pub versions: BTreeMap<u32, PolicyVersion>,
    pub default_version: u32,
    /// Numbers are never used twice.
    pub next_version: u32,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    pub document: String,
    pub created_at: Timestamp,
}

/// A user's long-lived key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
    pub user: String,
    pub active: bool,
    pub created_at: Timestamp,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceProfile {
    pub name: String,
    pub path: String,
    /// `AIPA…`
    pub id: String,
    pub arn: String,
    pub created_at: Timestamp,
    pub role: Option<String>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OidcProvider {
    pub arn: String,
    /// Without `https://`.
    pub url: String,
    pub client_ids: Vec<String>,
    pub thumbprints: Vec<String>,
    pub created_at: Timestamp,
    pub tags: Tags,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    pub minimum_length: i64,
    pub symbols: bool,
    pub numbers: bool,
    pub uppercase: bool,
    pub lowercase: bool,
    pub users_may_change: bool,
    pub max_age: Option<i64>,
    pub reuse_prevention: Option<i64>,
    pub hard_expiry: Option<bool>,
}
