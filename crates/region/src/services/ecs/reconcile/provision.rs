//! Finds out what a new task is made of: images, secrets, log groups.

use std::collections::BTreeMap;

use wire::ecs as api;

use super::super::state::{Deployment, SecretRef, Stop, Task, TaskState};
use super::super::{error, task_definition};
use crate::services::{ecr, logs, secretsmanager};
use crate::{Error, Region};

/// Finds out what a task is made of. What is missing stops it.
pub(super) fn provision(region: &mut Region, id: &str) -> Option<TaskState> {
    match resolve(region, id) {
        Ok(resolved) => {
            pin(region, id, &resolved);
            let task = region.ecs.tasks.get_mut(id)?;
            for (container, (image, secrets)) in task.containers.iter_mut().zip(resolved) {
                container.resolved = Some(image);
                container.secrets = secrets;
            }
            Some(TaskState::Pending)
        }
        Err(reason) => {
            let task = region.ecs.tasks.get_mut(id)?;
            task.stop = Some(Stop {
                code: "TaskFailedToStart".to_owned(),
                reason,
            });
            task.stopping_at = Some(task.created_at);
            Some(TaskState::Deprovisioning)
        }
    }
}

fn deployment_of<'a>(region: &'a Region, task: &Task) -> Option<&'a Deployment> {
    let (name, id) = task.service.as_ref()?;
    region
        .ecs
        .services
        .get(&(task.cluster.clone(), name.clone()))?
        .deployments
        .iter()
        .find(|one| one.id == *id)
}

/// Keeps what the first task of a deployment found behind its images' tags: all others run the
/// same, whatever the tags are moved to.
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>)
fn pin(region: &mut Region, id: &str, resolved: &Resolved) {
    let Some(task) = region.ecs.tasks.get(id) else {
        return;
    };
    if deployment_of(region, task).is_none_or(|one| !one.images.is_empty()) {
        return;
    }
    let Some((name, deployment)) = task.service.clone() else {
        return;
    };
    let images: BTreeMap<String, String> = task
        .containers
        .iter()
        .zip(resolved)
        .map(|(container, (image, _))| (container.name.clone(), image.manifest_digest.clone()))
        .collect();
    let key = (task.cluster.clone(), name);
    if let Some(service) = region.ecs.services.get_mut(&key)
        && let Some(row) = service
            .deployments
            .iter_mut()
            .find(|one| one.id == deployment)
    {
        row.images = images;
    }
}

/// A reference with a digest in place of its tag.
fn with_digest(reference: &str, digest: &str) -> String {
    let bare = reference.split('@').next().unwrap_or(reference);
    let folder = bare.rfind('/').map_or(0, |at| at + 1);
    let end = bare[folder..]
        .find(':')
        .map_or(bare.len(), |at| folder + at);
    format!("{}@{digest}", &bare[..end])
}

type Resolved = Vec<(world::task::Image, BTreeMap<String, SecretRef>)>;

fn resolve(region: &Region, id: &str) -> Result<Resolved, String> {
    let task = region.ecs.tasks.get(id).ok_or("the task is gone")?;
    let definition =
        task_definition::find(region, &task.task_definition).map_err(|error| error.message)?;
    let containers = definition
        .content
        .0
        .container_definitions
        .as_deref()
        .unwrap_or_default();
    let mut resolved = Vec::new();
    for container in containers {
        let name = container.name.as_deref().unwrap_or_default();
        let given = container.image.as_deref().unwrap_or_default();
        let pinned = deployment_of(region, task)
            .and_then(|one| one.images.get(name))
            .map(|digest| with_digest(given, digest));
        let reference = pinned.as_deref().unwrap_or(given);
        let image = ecr::image::resolve(region, reference).map_err(|error| {
            format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {error}")
        })?;
        let mut secrets = BTreeMap::new();
        for secret in container.secrets.as_deref().unwrap_or_default() {
            let reference = secret_of(region, &secret.value_from).map_err(|error| {
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {} from secrets manager: {}: {}",
                    secret.value_from, error.code, error.message
                )
            })?;
            secrets.insert(secret.name.clone(), reference);
        }
        if let Some(group) = log_group(container) {
            let create = container
                .log_configuration
                .as_ref()
                .and_then(|one| one.options.as_ref())
                .and_then(|options| options.get("awslogs-create-group"))
                .is_some_and(|value| value == "true");
            if !create && !logs::group::exists(region, group) {
                return Err(format!(
                    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1 ({group})"
                ));
            }
        }
        resolved.push((image, secrets));
    }
    Ok(resolved)
}

pub(in crate::services::ecs) fn log_group(container: &api::ContainerDefinition) -> Option<&str> {
    let log = container.log_configuration.as_ref()?;
    log.options
        .as_ref()?
        .get("awslogs-group")
        .map(String::as_str)
}

/// Reads `arn:…:secret:name-abcdef[:json-key:version-stage:version-id]`.
fn secret_of(region: &Region, value_from: &str) -> Result<SecretRef, Error> {
    let parts: Vec<&str> = value_from.split(':').collect();
    let arn = parts.iter().take(7).copied().collect::<Vec<_>>().join(":");
    let part = |index: usize| parts.get(index).copied().filter(|text| !text.is_empty());
    let json_key = part(7).map(ToOwned::to_owned);
    let version_id = secretsmanager::secret::version_id(region, &arn, part(8), part(9))?;
    let reference = SecretRef {
        secret: arn,
        version_id,
        json_key,
    };
    secret_value(region, &reference)?;
    Ok(reference)
}

/// The text a container is given.
pub(in crate::services::ecs) fn secret_value(
    region: &Region,
    reference: &SecretRef,
) -> Result<String, Error> {
    let text = secretsmanager::secret::value(region, &reference.secret, &reference.version_id)?;
    let Some(key) = &reference.json_key else {
        return Ok(text);
    };
    let json: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| error::client("retrieved secret from Secrets Manager is not valid JSON"))?;
    match json.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(error::client(format!(
            "retrieved secret from Secrets Manager did not contain json key {key}"
        ))),
    }
}
