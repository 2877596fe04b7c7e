//! What CloudWatch remembers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::cloudwatch as api;

use super::chunk::{Chunk, ChunkKey};
use super::dimension::Dimensions;
use super::memory::Memory;
use crate::Tags;
use crate::table::{AnyTable, Table, Tables};

/// Rows, and beside them what was worked out from them and is never stored.
#[derive(Debug)]
pub struct State {
    /// By name; metric and composite alarms share their names.
    pub(super) alarms: Table<String, Alarm>,
    /// By moment (milliseconds, twenty digits) and the order of telling.
    pub(super) history: Table<(String, u64), History>,
    /// By name.
    pub(super) dashboards: Table<String, Dashboard>,
    /// By identity: see [`super::dimension::identity`].
    pub(super) metrics: Table<String, Metric>,
    pub(super) chunks: Table<ChunkKey, Chunk>,
    /// The next number to give, by what it is for.
    pub(super) numbers: Table<String, u64>,
    pub(super) memory: Memory,
}

impl Default for State {
    fn default() -> Self {
        Self {
            alarms: Table::new("cloudwatch.alarms"),
            history: Table::new("cloudwatch.history"),
            dashboards: Table::new("cloudwatch.dashboards"),
            metrics: Table::new("cloudwatch.metrics"),
            chunks: Table::new("cloudwatch.chunks"),
            numbers: Table::new("cloudwatch.numbers"),
            memory: Memory::default(),
        }
    }
}

impl Tables for State {
    fn tables(&self) -> Vec<&dyn AnyTable> {
        vec![
            &self.alarms,
            &self.history,
            &self.dashboards,
            &self.metrics,
            &self.chunks,
            &self.numbers,
            &self.memory,
        ]
    }

    fn tables_mut(&mut self) -> Vec<&mut dyn AnyTable> {
        vec![
            &mut self.alarms,
            &mut self.history,
            &mut self.dashboards,
            &mut self.metrics,
            &mut self.chunks,
            &mut self.numbers,
            &mut self.memory,
        ]
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub actions_enabled: bool,
    pub ok_actions: Vec<String>,
    pub alarm_actions: Vec<String>,
    pub insufficient_data_actions: Vec<String>,
    pub kind: Kind,
    pub configured_at: Timestamp,
    pub state: api::StateValue,
    pub reason: String,
    /// JSON.
    pub reason_data: Option<String>,
    /// The state before this one.
    pub previous: api::StateValue,
    /// When `state` last took another value.
    pub transitioned_at: Timestamp,
    /// When a state was last set, be it the same.
    pub updated_at: Timestamp,
    /// When its scaling actions were last invoked while it stayed in its state.
    pub invoked_at: Option<Timestamp>,
    /// Whether its state was set by a caller.
    pub set_by_hand: bool,
    pub tags: Tags,
}

impl Alarm {
    /// What it does on entering `state`.
    pub(super) fn actions(&self, state: api::StateValue) -> &[String] {
        match state {
            api::StateValue::Ok => &self.ok_actions,
            api::StateValue::Alarm => &self.alarm_actions,
            api::StateValue::InsufficientData => &self.insufficient_data_actions,
        }
    }

    pub(super) fn alarm_type(&self) -> api::AlarmType {
        match self.kind {
            Kind::Metric(_) => api::AlarmType::MetricAlarm,
            Kind::Composite(_) => api::AlarmType::CompositeAlarm,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    Metric(MetricRule),
    Composite(CompositeRule),
}

/// When a metric alarm is in alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricRule {
    pub watched: Watched,
    pub comparison: api::ComparisonOperator,
    pub threshold: f64,
    /// N of "M of N".
    pub evaluation_periods: u32,
    /// M; `None`: as many as N.
    pub datapoints_to_alarm: Option<u32>,
    /// As given; `None` means [`TreatMissing::Missing`].
    pub missing: Option<TreatMissing>,
    pub low_samples: Option<LowSamples>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Watched {
    Metric {
        namespace: String,
        name: String,
        dimensions: Dimensions,
        statistic: AlarmStatistic,
        unit: Option<api::StandardUnit>,
        /// In seconds.
        period: u32,
    },
    /// Metric math; exactly one returns data.
    Queries(Vec<wire::Stored<api::MetricDataQuery>>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AlarmStatistic {
    Simple(api::Statistic),
    Extended(String),
}

/// What becomes of periods without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TreatMissing {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl TreatMissing {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }
}

/// What becomes of percentiles of few samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LowSamples {
    Evaluate,
    Ignore,
}

impl LowSamples {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Ignore => "ignore",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompositeRule {
    /// As given.
    pub rule: String,
    pub suppressor: Option<Suppressor>,
    /// Actions that are kept back.
    pub held: Option<Held>,
}

/// An alarm that keeps a composite alarm's actions back while it is in alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suppressor {
    /// Name or ARN, as given.
    pub alarm: String,
    /// In seconds.
    pub wait: u32,
    pub extension: u32,
}

/// Actions that wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The state whose actions ran last.
    pub acted: api::StateValue,
    pub since: Timestamp,
    pub by: api::ActionsSuppressedBy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    pub alarm: String,
    pub alarm_type: api::AlarmType,
    pub at: Timestamp,
    pub kind: api::HistoryItemType,
    pub summary: String,
    /// JSON.
    pub data: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dashboard {
    pub arn: String,
    /// As given.
    pub body: String,
    pub modified_at: Timestamp,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: Dimensions,
    /// The number of the series in each unit, by the unit's name.
    pub series: Vec<(api::StandardUnit, u64)>,
    /// When it last had data, give or take fifty minutes.
    pub seen_at: Timestamp,
}

impl Metric {
    pub(super) fn series_of(&self, unit: api::StandardUnit) -> Option<u64> {
        self.series
            .iter()
            .find(|(own, _)| *own == unit)
            .map(|(_, series)| *series)
    }
}
