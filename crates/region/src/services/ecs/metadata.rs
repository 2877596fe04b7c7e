//! What a task is told about itself.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html>

use serde_json::{Value, json};

use super::state::{Container, Task};
use crate::Region;
use crate::services::ec2;

/// One container, by its runtime id.
pub fn container(region: &Region, interface: &str, runtime_id: &str) -> Option<Value> {
    let task = super::by_interface(region, interface)?;
    let container = task
        .containers
        .iter()
        .find(|one| one.runtime_id == runtime_id)?;
    show(region, task, container)
}

/// The whole task.
pub fn task(region: &Region, interface: &str) -> Option<Value> {
    let task = super::by_interface(region, interface)?;
    let (family, revision) = family(task)?;
    let containers: Vec<Value> = task
        .containers
        .iter()
        .filter_map(|one| show(region, task, one))
        .collect();
    Some(json!({
        "Cluster": region.ecs.clusters.get(&task.cluster)?.arn,
        "TaskARN": task.arn,
        "Family": family,
        "Revision": revision,
        "DesiredStatus": if task.wanted() { "RUNNING" } else { "STOPPED" },
        "KnownStatus": task.status.as_str(),
        "Limits": {"CPU": f64::from(task.cpu) / 1024.0, "Memory": task.memory},
        "PullStartedAt": task.pull_started_at.map(|at| at.to_string()),
        "PullStoppedAt": task.pull_stopped_at.map(|at| at.to_string()),
        "AvailabilityZone": task.zone,
        "LaunchType": task.launch_type,
        "Containers": containers,
    }))
}

fn family(task: &Task) -> Option<(&str, &str)> {
    task.task_definition.rsplit('/').next()?.rsplit_once(':')
}

fn show(region: &Region, task: &Task, container: &Container) -> Option<Value> {
    let interface = ec2::interface::get(region, &task.interface).ok()?;
    let subnet = ec2::subnet::get(region, &task.subnet).ok()?;
    let (family, revision) = family(task)?;
    Some(json!({
        "DockerId": container.runtime_id,
        "Name": container.name,
        "DockerName": container.name,
        "Image": container.image,
        "ImageID": container.resolved.as_ref().map(|image| image.config_digest.clone()),
        "Labels": {
            "com.amazonaws.ecs.cluster": region.ecs.clusters.get(&task.cluster)?.arn,
            "com.amazonaws.ecs.container-name": container.name,
            "com.amazonaws.ecs.task-arn": task.arn,
            "com.amazonaws.ecs.task-definition-family": family,
            "com.amazonaws.ecs.task-definition-version": revision,
        },
        "DesiredStatus": if task.wanted() { "RUNNING" } else { "STOPPED" },
        "KnownStatus": if container.started_at.is_some() { "RUNNING" } else { "PENDING" },
        "CreatedAt": task.created_at.to_string(),
        "StartedAt": container.started_at.map(|at| at.to_string()),
        "Type": "NORMAL",
        "ContainerARN": container.arn,
        "Networks": [{
            "NetworkMode": "awsvpc",
            "IPv4Addresses": [interface.address.to_string()],
            "AttachmentIndex": 0,
            "MACAddress": interface.mac,
            "IPv4SubnetCIDRBlock": subnet.cidr.to_string(),
            "PrivateDNSName": format!("ip-{}.{}.compute.internal", interface.address.to_string().replace('.', "-"), region.settings.region),
        }],
    }))
}
