//! Rows: clusters, task definitions, services with their deployments, tasks.
//!
//! What a client registered is kept in the API's own shape ([`Stored`]): AWS promises to give it
//! back as it was, and Terraform compares it so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Stored;
use wire::ecs as api;
use world::{InterfaceId, TaskId, VpcId};

use crate::Tags;

crate::tables! { "ecs" {
    /// By name.
    clusters: String => Cluster,
    /// By family and revision.
    task_definitions: (String, u64) => TaskDefinition,
    /// By cluster name and service name.
    services: (String, String) => Service,
    /// By service ARN and a number that grows with every deployment.
    service_deployments: (String, u64) => ServiceDeployment,
    /// By ARN.
    service_revisions: String => ServiceRevision,
    /// By task id.
    tasks: String => Task,
    /// Account settings by name.
    settings: String => String,
} }

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub arn: String,
    /// A deleted cluster stays to be seen as `INACTIVE` for a while.
    pub active: bool,
    pub settings: BTreeMap<String, String>,
    pub configuration: Option<Stored<api::ClusterConfiguration>>,
    pub capacity_providers: Vec<String>,
    pub default_strategy: Vec<Stored<api::CapacityProviderStrategyItem>>,
    pub service_connect_namespace: Option<String>,
    pub tags: Tags,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskDefinition {
    pub family: String,
    pub revision: u64,
    pub arn: String,
    pub status: DefinitionStatus,
    pub registered_at: Timestamp,
    pub deregistered_at: Option<Timestamp>,
    pub registered_by: String,
    /// What was registered, with what AWS fills in.
    pub content: Stored<api::TaskDefinition>,
    pub tags: Tags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefinitionStatus {
    Active,
    Inactive,
    DeleteInProgress,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    pub arn: String,
    pub cluster: String,
    pub status: ServiceStatus,
    pub desired_count: u32,
    pub created_at: Timestamp,
    pub created_by: String,
    pub settings: ServiceSettings,
    /// The newest first: it is the primary one.
    pub deployments: Vec<Deployment>,
    /// The newest first, at most [`MOST_EVENTS`].
    pub events: Vec<ServiceEvent>,
    /// Since when it is steady; `None` while it is not.
    pub steady_since: Option<Timestamp>,
    /// When it last said that it is steady, which it repeats every now and then.
    pub steady_told: Option<Timestamp>,
    /// While tasks move between zones so that all have as many.
    pub rebalancing: Option<Rebalancing>,
    pub tags: Tags,
}

/// A service whose zones have unequal numbers of tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebalancing {
    /// The task in the emptiest zone that has to become healthy before one in the fullest goes.
    pub replacement: Option<String>,
}

/// The most events a service keeps. (botocore `Service.events`)
pub(super) const MOST_EVENTS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceStatus {
    Active,
    Draining,
    Inactive,
}

/// What does not make a new deployment when it changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceSettings {
    pub minimum_healthy_percent: u32,
    pub maximum_percent: u32,
    /// `Some(rollback)` where the circuit breaker is on.
    pub circuit_breaker: Option<bool>,
    pub health_check_grace_period: u32,
    /// Whether a grace period was ever given: AWS tells none back otherwise.
    pub grace_period_given: bool,
    pub rebalancing: bool,
    pub enable_execute_command: bool,
    pub enable_managed_tags: bool,
    pub propagate_tags: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/` and nineteen digits.
    pub id: String,
    /// The ARN of the service's revision that it brings.
    pub revision: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub plan: DeploymentPlan,
    pub rollout: Rollout,
    pub rollout_reason: String,
    /// Consecutive tasks that failed; back to zero once one is healthy.
    pub failed_tasks: u32,
    /// Consecutive tasks that ended without ever running: they slow the start of others down.
    pub unstarted: u32,
    /// No task is started before this instant, after some that could not start.
    pub not_before: Option<Timestamp>,
    /// How many tasks it still has to keep up, once a newer one has taken its place.
    pub keep: u32,
    /// The digests that its images' tags had when its first task was made, by container: all of
    /// its tasks run the same.
    pub images: BTreeMap<String, String>,
}

/// What makes a new deployment when it changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeploymentPlan {
    pub task_definition: String,
    /// As it was asked for, `LATEST` or a number.
    pub platform_version: String,
    pub launch_type: Option<String>,
    pub capacity_provider_strategy: Vec<Stored<api::CapacityProviderStrategyItem>>,
    pub network: Network,
    pub load_balancers: Vec<TargetBinding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub assign_public_ip: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetBinding {
    pub target_group: String,
    pub container: String,
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rollout {
    InProgress,
    Completed,
    Failed,
}

/// What a deployment came to, kept when the deployment itself is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    pub arn: String,
    /// The service's ARN.
    pub service: String,
    pub cluster: String,
    /// The deployment's id.
    pub deployment: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub status: ServiceDeploymentStatus,
    pub reason: Option<String>,
    /// Revisions by ARN: what it came from, and what it brings.
    pub source: Option<String>,
    pub target: String,
    pub rollback: Option<Rollback>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeploymentStatus {
    InProgress,
    Successful,
    Stopped,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    pub started_at: Timestamp,
    pub reason: String,
    pub revision: String,
}

/// What a service was to run at some time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceRevision {
    pub arn: String,
    /// The service's ARN.
    pub service: String,
    pub cluster: String,
    pub created_at: Timestamp,
    pub plan: DeploymentPlan,
    pub images: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceEvent {
    pub id: String,
    pub at: Timestamp,
    pub message: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub arn: String,
    pub cluster: String,
    pub task_definition: String,
    /// `service:<name>` or `family:<name>`, or what was asked for.
    pub group: String,
    pub started_by: Option<String>,
    /// The service and the deployment it belongs to.
    pub service: Option<(String, String)>,
    pub launch_type: Option<String>,
    pub capacity_provider: Option<String>,
    pub platform_version: String,
    pub cpu: u32,
    pub memory: u32,
    pub overrides: Stored<api::TaskOverride>,
    pub enable_execute_command: bool,
    pub tags: Tags,
    pub vpc: VpcId,
    pub subnet: String,
    pub zone: String,
    pub interface: InterfaceId,
    /// UUID of the attachment through which the interface is shown.
    pub attachment: String,
    pub targets: Vec<TargetBinding>,
    pub containers: Vec<Container>,
    pub status: TaskState,
    pub stop: Option<Stop>,
    pub version: u64,
    pub created_at: Timestamp,
    pub pull_started_at: Option<Timestamp>,
    pub pull_stopped_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub stopping_at: Option<Timestamp>,
    pub execution_stopped_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// Until when scaling in and deployments leave it alone.
    pub protected_until: Option<Timestamp>,
    /// The key under which it fetches its role's credentials.
    pub credentials_id: String,
    /// What of it was already taken note of for its deployment.
    pub noted: Noted,
}

/// What the scheduler has seen of a task, so that each is counted and told once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    pub running: bool,
    pub healthy: bool,
    /// Its load balancer's checks find it unhealthy, and that was said.
    pub unhealthy: bool,
    pub ended: bool,
}

/// `lastStatus`, in order: a task only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskState {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl TaskState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Why a task should end, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// `ServiceSchedulerInitiated`, `EssentialContainerExited`, …
    pub code: String,
    pub reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    pub arn: String,
    pub runtime_id: String,
    pub image: String,
    /// Known once the task is past provisioning.
    pub resolved: Option<world::task::Image>,
    /// Versions of the secrets it was given: by variable, the secret's ARN, the version and the
    /// JSON key.
    pub secrets: BTreeMap<String, SecretRef>,
    pub essential: bool,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
    /// `None`: it has no check.
    pub health: Option<world::event::Health>,
    pub has_health_check: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    pub secret: String,
    pub version_id: String,
    pub json_key: Option<String>,
}

impl Task {
    /// Whether it is meant to run on.
    pub fn wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`, from its essential containers with checks.
    pub fn health(&self) -> &'static str {
        use world::event::Health;
        let mut checked = self
            .containers
            .iter()
            .filter(|container| container.essential && container.has_health_check)
            .map(|container| container.health.unwrap_or(Health::Unknown))
            .peekable();
        if checked.peek().is_none() {
            return "UNKNOWN";
        }
        let mut unknown = false;
        for health in checked {
            match health {
                Health::Unhealthy => return "UNHEALTHY",
                Health::Unknown => unknown = true,
                Health::Healthy => {}
            }
        }
        if unknown { "UNKNOWN" } else { "HEALTHY" }
    }
}
