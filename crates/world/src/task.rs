//! Tasks as they should be: isolated processes behind one network interface.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::id::{InterfaceId, TaskId, VpcId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub vpc: VpcId,
    pub interface: InterfaceId,
    /// The host name the containers see.
    pub hostname: String,
    /// The VPC's resolver (the primary range's base plus two), when it answers.
    pub nameserver: Option<Ipv4Addr>,
    /// The interface's own address, for `/etc/hosts`.
    pub address: Option<Ipv4Addr>,
    /// 1024 units are one virtual CPU.
    pub cpu_units: u32,
    pub memory_mib: u32,
    /// What must be reachable from the interface before anything starts, in this order.
    pub requirements: Vec<Requirement>,
    /// In an order in which they can be started.
    pub containers: Vec<Container>,
    /// Set when the task should end.
    pub stop: bool,
}

impl Task {
    /// A task with no containers yet.
    pub fn new(id: TaskId, vpc: VpcId, interface: InterfaceId) -> Self {
        Self {
            id,
            vpc,
            interface,
            hostname: String::new(),
            nameserver: None,
            address: None,
            cpu_units: 256,
            memory_mib: 512,
            requirements: Vec::new(),
            containers: Vec::new(),
            stop: false,
        }
    }
}

/// A name that has to resolve and a TCP port there that has to accept, seen from the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub host: String,
    pub port: u16,
    /// The reason the task stops with if it cannot be reached; `{error}` is replaced by what
    /// the connection said.
    pub failure: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub name: String,
    /// The container's 32 hexadecimal digits and dash form, as ECS names its runtime.
    pub runtime_id: String,
    pub image: Image,
    /// Instead of the image's entry point, when given.
    pub entry_point: Option<Vec<String>>,
    /// Instead of the image's command, when given.
    pub command: Option<Vec<String>>,
    /// Added to the image's environment; wins over it. Holds injected secrets: never log it.
    pub environment: BTreeMap<String, String>,
    /// Files that are there, read-only, whatever the image holds: content by absolute path.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    pub working_directory: Option<String>,
    /// `uid`, `uid:gid`, `name` or `name:group`, instead of the image's.
    pub user: Option<String>,
    pub readonly_root_filesystem: bool,
    /// When it ends the task ends.
    pub essential: bool,
    /// Hard limit within the task's, in MiB.
    pub memory_mib: Option<u32>,
    /// Shares within the task, 1024 a virtual CPU.
    pub cpu_units: Option<u32>,
    pub ulimits: Vec<Ulimit>,
    /// Only `SYS_PTRACE` may be added on Fargate.
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
    pub init_process: bool,
    pub health_check: Option<HealthCheck>,
    pub depends_on: Vec<Dependency>,
    /// Seconds from the stop signal to SIGKILL.
    pub stop_timeout: u32,
    pub log: Option<LogConfiguration>,
}

/// An image by content: the world finds the blobs in the registry's blob folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// As the task definition names it, for messages.
    pub reference: String,
    /// `sha256:…` of the manifest of this machine's platform.
    pub manifest_digest: String,
    pub config_digest: String,
    /// Lowest first.
    pub layers: Vec<Layer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    pub digest: String,
    pub media_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`, `nproc`, …
    pub name: String,
    pub soft: u64,
    pub hard: u64,
}

/// A command that is run inside the container again and again. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `["CMD", …]` or `["CMD-SHELL", "…"]`.
    pub command: Vec<String>,
    pub interval: u32,
    pub timeout: u32,
    pub retries: u32,
    pub start_period: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub container: String,
    pub condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Condition {
    Start,
    Complete,
    Success,
    Healthy,
}

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfiguration {
    pub group: String,
    pub stream: String,
}
