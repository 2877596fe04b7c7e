//! Task definitions: what Fargate can run is registered, anything else is refused.

use wire::Stored;
use wire::ecs as api;

use super::state::{DefinitionStatus, TaskDefinition};
use super::tags::{from_tags, to_tags};
use super::{error, page, size};
use crate::{Context, Error, Region};

/// The longest stop timeout Fargate gives. (botocore ecs `ContainerDefinition.stopTimeout`)
const MOST_STOP_TIMEOUT: i64 = 120;

/// A definition by `family`, `family:revision` or ARN; without a revision the newest active one.
pub(super) fn find<'a>(region: &'a Region, given: &str) -> Result<&'a TaskDefinition, Error> {
    let name = given.rsplit('/').next().unwrap_or(given);
    let found = match name.rsplit_once(':') {
        Some((family, revision)) => revision.parse().ok().and_then(|revision: u64| {
            region
                .ecs
                .task_definitions
                .get(&(family.to_owned(), revision))
        }),
        None => region
            .ecs
            .task_definitions
            .range((name.to_owned(), 0)..=(name.to_owned(), u64::MAX))
            .rev()
            .map(|(_, row)| row)
            .find(|row| row.status == DefinitionStatus::Active),
    };
    found.ok_or_else(|| error::client("Unable to describe task definition."))
}

/// A definition that new tasks may be made from.
pub(super) fn active<'a>(region: &'a Region, given: &str) -> Result<&'a TaskDefinition, Error> {
    find(region, given)
        .ok()
        .filter(|row| row.status == DefinitionStatus::Active)
        .ok_or_else(|| error::client("TaskDefinition is inactive or was not found."))
}

pub(super) fn register_task_definition(
    region: &mut Region,
    context: &Context,
    input: api::RegisterTaskDefinitionRequest,
) -> Result<api::RegisterTaskDefinitionResponse, Error> {
    let family = input.family.clone();
    let good = (1..=255).contains(&family.len())
        && family
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_');
    if !good {
        return Err(error::client(
            "Family must be 255 characters or less and may only contain letters, numbers, hyphens and underscores.",
        ));
    }
    check(&input)?;
    let revision = region
        .ecs
        .task_definitions
        .range((family.clone(), 0)..=(family.clone(), u64::MAX))
        .next_back()
        .map_or(1, |((_, last), _)| last + 1);
    let arn = context
        .settings
        .arn("ecs", format_args!("task-definition/{family}:{revision}"));
    let requires = input.requires_compatibilities.unwrap_or_default();
    let mut compatibilities = vec![api::Compatibility::Ec2];
    if requires.contains(&api::Compatibility::Fargate) {
        compatibilities.push(api::Compatibility::Fargate);
    }
    let content = api::TaskDefinition {
        compatibilities: Some(compatibilities),
        container_definitions: Some(
            input
                .container_definitions
                .into_iter()
                .map(filled)
                .collect(),
        ),
        cpu: input
            .cpu
            .as_deref()
            .and_then(size::cpu)
            .map(|units| units.to_string()),
        enable_fault_injection: input.enable_fault_injection,
        ephemeral_storage: input.ephemeral_storage,
        execution_role_arn: input.execution_role_arn,
        family: Some(family.clone()),
        ipc_mode: input.ipc_mode,
        memory: input
            .memory
            .as_deref()
            .and_then(size::memory)
            .map(|mib| mib.to_string()),
        network_mode: input.network_mode,
        pid_mode: input.pid_mode,
        placement_constraints: Some(input.placement_constraints.unwrap_or_default()),
        proxy_configuration: input.proxy_configuration,
        requires_compatibilities: Some(requires),
        revision: i64::try_from(revision).ok(),
        runtime_platform: input.runtime_platform,
        task_definition_arn: Some(arn.clone()),
        task_role_arn: input.task_role_arn,
        volumes: Some(input.volumes.unwrap_or_default()),
        ..Default::default()
    };
    let row = TaskDefinition {
        family: family.clone(),
        revision,
        arn,
        status: DefinitionStatus::Active,
        registered_at: context.now,
        deregistered_at: None,
        registered_by: context.settings.global_arn("iam", "root"),
        content: Stored(content),
        tags: from_tags(input.tags),
    };
    let answer = api::RegisterTaskDefinitionResponse {
        tags: Some(to_tags(&row.tags)),
        task_definition: Some(show(&row)),
    };
    region.ecs.task_definitions.insert((family, revision), row);
    Ok(answer)
}

pub(super) fn describe_task_definition(
    region: &Region,
    _: &Context,
    input: api::DescribeTaskDefinitionRequest,
) -> Result<api::DescribeTaskDefinitionResponse, Error> {
    let row = find(region, &input.task_definition)?;
    let tags = input
        .include
        .unwrap_or_default()
        .contains(&api::TaskDefinitionField::Tags)
        .then(|| to_tags(&row.tags));
    Ok(api::DescribeTaskDefinitionResponse {
        tags,
        task_definition: Some(show(row)),
    })
}

pub(super) fn deregister_task_definition(
    region: &mut Region,
    context: &Context,
    input: api::DeregisterTaskDefinitionRequest,
) -> Result<api::DeregisterTaskDefinitionResponse, Error> {
    let name = input.task_definition.rsplit('/').next().unwrap_or_default();
    if !name.contains(':') {
        return Err(error::invalid(
            "The specified task definition does not have a revision.",
        ));
    }
    let key = key_of(find(region, name)?);
    let row = region
        .ecs
        .task_definitions
        .get_mut(&key)
        .ok_or_else(|| error::client("Unable to describe task definition."))?;
    if row.status != DefinitionStatus::Active {
        return Err(error::client("The specified task definition is inactive."));
    }
    row.status = DefinitionStatus::Inactive;
    row.deregistered_at = Some(context.now);
    Ok(api::DeregisterTaskDefinitionResponse {
        task_definition: Some(show(row)),
    })
}

pub(super) fn delete_task_definitions(
    region: &mut Region,
    _: &Context,
    input: api::DeleteTaskDefinitionsRequest,
) -> Result<api::DeleteTaskDefinitionsResponse, Error> {
    let mut deleted = Vec::new();
    let mut failures = Vec::new();
    for given in input.task_definitions {
        let failure = |reason: &str| api::Failure {
            arn: Some(given.clone()),
            reason: Some(reason.to_owned()),
            detail: None,
        };
        match find(region, &given).map(|row| (key_of(row), row.status)) {
            Err(_) => failures.push(failure("The specified task definition was not found.")),
            Ok((_, DefinitionStatus::Active)) => failures.push(failure(
                "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
            )),
            Ok((key, _)) => {
                if let Some(row) = region.ecs.task_definitions.get_mut(&key) {
                    row.status = DefinitionStatus::DeleteInProgress;
                    deleted.push(show(row));
                }
            }
        }
    }
    Ok(api::DeleteTaskDefinitionsResponse {
        failures: Some(failures),
        task_definitions: Some(deleted),
    })
}

pub(super) fn list_task_definitions(
    region: &Region,
    _: &Context,
    input: api::ListTaskDefinitionsRequest,
) -> Result<api::ListTaskDefinitionsResponse, Error> {
    let status = match input.status {
        None | Some(api::TaskDefinitionStatus::Active) => DefinitionStatus::Active,
        Some(api::TaskDefinitionStatus::Inactive) => DefinitionStatus::Inactive,
        Some(api::TaskDefinitionStatus::DeleteInProgress) => DefinitionStatus::DeleteInProgress,
    };
    let mut arns: Vec<String> = region
        .ecs
        .task_definitions
        .values()
        .filter(|row| row.status == status)
        .filter(|row| {
            input
                .family_prefix
                .as_ref()
                .is_none_or(|family| *family == row.family)
        })
        .map(|row| row.arn.clone())
        .collect();
    if input.sort == Some(api::SortOrder::Desc) {
        arns.reverse();
        return Ok(api::ListTaskDefinitionsResponse {
            next_token: None,
            task_definition_arns: Some(arns),
        });
    }
    arns.sort();
    let (arns, next) = page::page(
        arns.into_iter(),
        input.next_token.as_deref(),
        input.max_results,
    )?;
    Ok(api::ListTaskDefinitionsResponse {
        next_token: next,
        task_definition_arns: Some(arns),
    })
}

pub(super) fn list_task_definition_families(
    region: &Region,
    _: &Context,
    input: api::ListTaskDefinitionFamiliesRequest,
) -> Result<api::ListTaskDefinitionFamiliesResponse, Error> {
    let prefix = input.family_prefix.unwrap_or_default();
    let mut families = std::collections::BTreeMap::new();
    for row in region.ecs.task_definitions.values() {
        let active = families.entry(row.family.clone()).or_insert(false);
        *active |= row.status == DefinitionStatus::Active;
    }
    let wanted = families.into_iter().filter(|(family, active)| {
        family.starts_with(&prefix)
            && match input.status {
                None | Some(api::TaskDefinitionFamilyStatus::All) => true,
                Some(api::TaskDefinitionFamilyStatus::Active) => *active,
                Some(api::TaskDefinitionFamilyStatus::Inactive) => !active,
            }
    });
    let (families, next) = page::page(
        wanted.map(|(family, _)| family),
        input.next_token.as_deref(),
        input.max_results,
    )?;
    Ok(api::ListTaskDefinitionFamiliesResponse {
        families: Some(families),
        next_token: next,
    })
}

fn key_of(row: &TaskDefinition) -> (String, u64) {
    (row.family.clone(), row.revision)
}

fn show(row: &TaskDefinition) -> api::TaskDefinition {
    let mut shown = row.content.0.clone();
    shown.status = Some(match row.status {
        DefinitionStatus::Active => api::TaskDefinitionStatus::Active,
        DefinitionStatus::Inactive => api::TaskDefinitionStatus::Inactive,
        DefinitionStatus::DeleteInProgress => api::TaskDefinitionStatus::DeleteInProgress,
    });
    shown.registered_at = Some(row.registered_at);
    shown.registered_by = Some(row.registered_by.clone());
    shown.deregistered_at = row.deregistered_at;
    shown.requires_attributes = Some(Vec::new());
    shown
}

/// What AWS itself adds to a container definition.
fn filled(mut container: api::ContainerDefinition) -> api::ContainerDefinition {
    container.cpu.get_or_insert(0);
    container.essential.get_or_insert(true);
    container.environment.get_or_insert_default();
    container.mount_points.get_or_insert_default();
    container.volumes_from.get_or_insert_default();
    container.system_controls.get_or_insert_default();
    for mapping in container.port_mappings.get_or_insert_default() {
        if mapping.host_port.unwrap_or(0) == 0 {
            mapping.host_port = mapping.container_port;
        }
        mapping.protocol.get_or_insert(api::TransportProtocol::Tcp);
    }
    container
}

fn check(input: &api::RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let fargate = input
        .requires_compatibilities
        .as_ref()
        .is_some_and(|all| all.contains(&api::Compatibility::Fargate));
    if input.container_definitions.is_empty() {
        return Err(error::client("Container list cannot be empty."));
    }
    let mut names = std::collections::BTreeSet::new();
    let mut essential = false;
    for container in &input.container_definitions {
        let name = container.name.clone().unwrap_or_default();
        if name.is_empty() {
            return Err(error::client("Container.name should not be null or empty."));
        }
        if container.image.as_deref().unwrap_or_default().is_empty() {
            return Err(error::client(
                "Container.image should not be null or empty.",
            ));
        }
        if !names.insert(name.clone()) {
            return Err(error::client(format!(
                "Container name '{name}' is not unique."
            )));
        }
        essential |= container.essential.unwrap_or(true);
        check_container(container, &name, fargate)?;
    }
    if !essential {
        return Err(error::client(
            "At least one container in a task definition must be marked as essential.",
        ));
    }
    for container in &input.container_definitions {
        for dependency in container.depends_on.as_deref().unwrap_or_default() {
            if !names.contains(&dependency.container_name) {
                return Err(error::client(format!(
                    "The container '{}' that is depended on does not exist in the task definition.",
                    dependency.container_name
                )));
            }
        }
    }
    if start_order(&input.container_definitions).is_none() {
        return Err(error::client(
            "Container dependencies must not form a cycle.",
        ));
    }
    if fargate {
        check_fargate(input)
    } else {
        Ok(())
    }
}

fn check_fargate(input: &api::RegisterTaskDefinitionRequest) -> Result<(), Error> {
    if input.network_mode != Some(api::NetworkMode::Awsvpc) {
        return Err(error::client(
            "Fargate only supports network mode ‘awsvpc’.",
        ));
    }
    let (Some(cpu), Some(memory)) = (&input.cpu, &input.memory) else {
        return Err(error::client(
            "Fargate requires that 'cpu' and 'memory' be defined at the task level.",
        ));
    };
    let valid = size::cpu(cpu)
        .zip(size::memory(memory))
        .is_some_and(|(cpu, memory)| size::fits(cpu, memory));
    if !valid {
        return Err(error::client(
            "No Fargate configuration exists for given values.",
        ));
    }
    let family = input
        .runtime_platform
        .as_ref()
        .and_then(|platform| platform.operating_system_family);
    if family.is_some_and(|family| family.as_str() != "LINUX") {
        return Err(error::absent("Windows tasks"));
    }
    if input
        .volumes
        .as_ref()
        .is_some_and(|volumes| !volumes.is_empty())
    {
        return Err(error::absent("volumes of tasks"));
    }
    if input.proxy_configuration.is_some() {
        return Err(error::absent("proxy configurations"));
    }
    if input.ipc_mode.is_some() {
        return Err(error::client("Fargate does not support 'ipcMode'."));
    }
    Ok(())
}

fn check_container(
    container: &api::ContainerDefinition,
    name: &str,
    fargate: bool,
) -> Result<(), Error> {
    for mapping in container.port_mappings.as_deref().unwrap_or_default() {
        let port = mapping.container_port.unwrap_or_default();
        if !(1..=65535).contains(&port) {
            return Err(error::client(format!(
                "Container port of container '{name}' must be between 1 and 65535."
            )));
        }
        if fargate
            && mapping
                .host_port
                .is_some_and(|host| host != 0 && host != port)
        {
            return Err(error::client(
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ));
        }
    }
    if let Some(check) = &container.health_check {
        let within = |value: Option<i64>, least, most| {
            value.is_none_or(|value| (least..=most).contains(&value))
        };
        if !(within(check.interval, 5, 300)
            && within(check.timeout, 2, 60)
            && within(check.retries, 1, 10)
            && within(check.start_period, 0, 300))
        {
            return Err(error::client(format!(
                "The health check of container '{name}' must have interval 5-300, timeout 2-60, retries 1-10 and startPeriod 0-300."
            )));
        }
        if !matches!(
            check.command.first().map(String::as_str),
            Some("CMD" | "CMD-SHELL" | "NONE")
        ) {
            return Err(error::client(
                "The health check command must start with CMD, CMD-SHELL or NONE.",
            ));
        }
    }
    for secret in container.secrets.as_deref().unwrap_or_default() {
        if !secret.value_from.starts_with("arn:aws:secretsmanager:") {
            return Err(error::absent("secrets from Systems Manager parameters"));
        }
    }
    if !fargate {
        return Ok(());
    }
    let refused: [(&str, bool); 8] = [
        ("privileged", container.privileged == Some(true)),
        (
            "links",
            container.links.as_ref().is_some_and(|all| !all.is_empty()),
        ),
        (
            "extraHosts",
            container
                .extra_hosts
                .as_ref()
                .is_some_and(|all| !all.is_empty()),
        ),
        (
            "dnsServers",
            container
                .dns_servers
                .as_ref()
                .is_some_and(|all| !all.is_empty()),
        ),
        (
            "dnsSearchDomains",
            container
                .dns_search_domains
                .as_ref()
                .is_some_and(|all| !all.is_empty()),
        ),
        (
            "disableNetworking",
            container.disable_networking == Some(true),
        ),
        (
            "dockerSecurityOptions",
            container
                .docker_security_options
                .as_ref()
                .is_some_and(|all| !all.is_empty()),
        ),
        (
            "resourceRequirements",
            container
                .resource_requirements
                .as_ref()
                .is_some_and(|all| !all.is_empty()),
        ),
    ];
    if let Some((field, _)) = refused.iter().find(|(_, given)| *given) {
        return Err(error::client(format!(
            "Fargate does not support '{field}'."
        )));
    }
    let added = container
        .linux_parameters
        .as_ref()
        .and_then(|one| one.capabilities.as_ref())
        .and_then(|one| one.add.as_deref())
        .unwrap_or_default();
    if added.iter().any(|one| one != "SYS_PTRACE") {
        return Err(error::client(
            "Fargate only supports adding the capability 'SYS_PTRACE'.",
        ));
    }
    if container
        .stop_timeout
        .is_some_and(|seconds| !(0..=MOST_STOP_TIMEOUT).contains(&seconds))
    {
        return Err(error::client(format!(
            "Fargate supports a stopTimeout of up to {MOST_STOP_TIMEOUT} seconds."
        )));
    }
    if let Some(log) = &container.log_configuration {
        if log.log_driver.as_str() != "awslogs" {
            return Err(error::absent("log drivers other than awslogs"));
        }
        let options = log.options.clone().unwrap_or_default();
        for option in ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"] {
            if !options.contains_key(option) {
                return Err(error::client(format!(
                    "Log driver awslogs requires options: {option}"
                )));
            }
        }
    }
    if container
        .restart_policy
        .as_ref()
        .is_some_and(|policy| policy.enabled)
    {
        return Err(error::absent("container restart policies"));
    }
    if container
        .environment_files
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        return Err(error::absent("environment files"));
    }
    if container.repository_credentials.is_some() {
        return Err(error::absent("credentials for other registries"));
    }
    Ok(())
}

/// The containers in an order in which each comes after what it depends on, and otherwise as they
/// were registered; `None` if they depend on each other in a circle.
pub(super) fn start_order(containers: &[api::ContainerDefinition]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < containers.len() {
        let next = (0..containers.len()).find(|index| {
            !order.contains(index)
                && containers[*index]
                    .depends_on
                    .as_deref()
                    .unwrap_or_default()
                    .iter()
                    .all(|dependency| {
                        order.iter().any(|done| {
                            containers[*done].name.as_deref()
                                == Some(dependency.container_name.as_str())
                        })
                    })
        })?;
        order.push(next);
    }
    Some(order)
}
