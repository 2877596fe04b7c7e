//! What CloudWatch Logs remembers: all but the events themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

crate::tables! { "logs" {
    /// By name.
    groups: String => Group,
    /// By group and name.
    streams: (String, String) => Stream,
    /// By group and name.
    metric_filters: (String, String) => MetricFilter,
    /// By name.
    resource_policies: String => ResourcePolicy,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    /// Without the `:*` that AWS adds in some answers.
    pub arn: String,
    pub created_at: Timestamp,
    /// In days; `None`: for ever.
    pub retention: Option<i64>,
    pub kms_key_id: Option<String>,
    /// `STANDARD`, `INFREQUENT_ACCESS`, `DELIVERY`.
    pub class: wire::logs::LogGroupClass,
    pub deletion_protection: bool,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub name: String,
    pub arn: String,
    pub created_at: Timestamp,
    pub first_event_at: Option<Timestamp>,
    pub last_event_at: Option<Timestamp>,
    pub last_ingested_at: Option<Timestamp>,
    pub stored_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    pub name: String,
    pub pattern: String,
    pub created_at: Timestamp,
    pub transformations: Vec<Transformation>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transformation {
    pub metric: String,
    pub namespace: String,
    pub value: String,
    pub default: Option<f64>,
    pub unit: wire::logs::StandardUnit,
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    pub document: String,
    pub updated_at: Timestamp,
}
