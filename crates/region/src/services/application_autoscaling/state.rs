//! Rows: targets, policies, scheduled actions, activities.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Stored;
use wire::application_autoscaling as api;

use super::decide::Cooldown;
use crate::Tags;

crate::tables! { "application_autoscaling" {
    /// By resource id.
    targets: String => Target,
    /// By resource id and policy name.
    policies: (String, String) => Policy,
    /// By resource id and action name.
    scheduled_actions: (String, String) => ScheduledAction,
    /// By resource id and a number that grows with time.
    activities: (String, u64) => Activity,
} }

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// `service/<cluster>/<service>`
    pub resource_id: String,
    pub arn: String,
    pub min: u32,
    pub max: u32,
    pub suspended: Suspended,
    pub created_at: Timestamp,
    /// What the last scaling by a policy asks to wait for.
    pub cooldown: Option<Cooldown>,
    pub tags: Tags,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    pub scale_in: bool,
    pub scale_out: bool,
    pub scheduled: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub arn: String,
    pub resource_id: String,
    pub created_at: Timestamp,
    pub kind: PolicyKind,
    /// When its low alarm last asked to scale in, and by which value of the metric: others scale
    /// in only where it agrees.
    pub low: Option<Low>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PolicyKind {
    Step(Stored<api::StepScalingPolicyConfiguration>),
    Tracking {
        configuration: Box<Stored<api::TargetTrackingScalingPolicyConfiguration>>,
        /// The names of the alarms it owns; `low` is absent where it never scales in.
        high: String,
        low: Option<String>,
        /// The part of the alarms' actions after the policy's ARN.
        created_by: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Low {
    pub at: Timestamp,
    pub metric: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScheduledAction {
    pub name: String,
    pub arn: String,
    pub resource_id: String,
    pub created_at: Timestamp,
    /// As it was given: `at(…)`, `rate(…)` or `cron(…)`.
    pub schedule: String,
    /// An IANA name; `None` where none was given, which is UTC.
    pub timezone: Option<String>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub min: Option<u32>,
    pub max: Option<u32>,
    /// Its next run; `None`: there is none any more.
    pub due: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub id: String,
    pub resource_id: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub description: String,
    pub cause: String,
    pub status: ActivityStatus,
    pub message: Option<String>,
    /// Why nothing was scaled; such activities are told only where they are asked for.
    pub not_scaled: Option<NotScaled>,
    /// The desired count that it set.
    pub desired: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityStatus {
    InProgress,
    Successful,
    Overridden,
    Unfulfilled,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotScaled {
    pub code: String,
    pub current: Option<u32>,
    pub min: Option<u32>,
    pub max: Option<u32>,
}
