//! Tasks as the world should run them.

use std::collections::BTreeMap;

use wire::ecs as api;
use world::task::{
    Condition, Container as Wanted, Dependency, HealthCheck, LogConfiguration, Requirement,
    Task as WantedTask, Ulimit,
};
use world::{TaskId, World};

use super::reconcile::{log_group, secret_value};
use super::state::{Container, Task, TaskState};
use super::task_definition;
use crate::Region;
use crate::services::ec2;

/// Where a container finds the certificate that the region's own endpoints are signed with.
const AUTHORITY_PATH: &str = "/run/terrella/ca.pem";
/// Fargate's defaults. (ECS/fargate-tasks-services.html)
const OPEN_FILES: u64 = 65_535;
const STOP_TIMEOUT: i64 = 30;

pub(super) fn desire(region: &Region, world: &mut World) {
    for task in region.ecs.tasks.values() {
        if !(TaskState::Pending..=TaskState::Stopping).contains(&task.status) {
            continue;
        }
        if let Some(wanted) = wanted(region, task) {
            world.tasks.insert(TaskId::new(task.id.as_str()), wanted);
        }
    }
}

fn wanted(region: &Region, task: &Task) -> Option<WantedTask> {
    let definition = task_definition::find(region, &task.task_definition).ok()?;
    let containers = definition.content.0.container_definitions.as_deref()?;
    let interface = ec2::interface::get(region, &task.interface).ok()?;
    let order = task_definition::start_order(containers)?;
    let mut wanted = WantedTask::new(task.id.clone(), task.vpc.clone(), task.interface.clone());
    wanted.hostname = format!(
        "ip-{}.{}.compute.internal",
        interface.address.to_string().replace('.', "-"),
        region.settings.region
    );
    wanted.nameserver = ec2::vpc::resolver(region, task.vpc.as_str());
    wanted.address = Some(interface.address);
    wanted.cpu_units = task.cpu;
    wanted.memory_mib = task.memory;
    wanted.requirements = requirements(region, task, containers);
    wanted.stop = task.status == TaskState::Stopping;
    for index in order {
        wanted.containers.push(container(
            region,
            task,
            definition.content.0.task_role_arn.is_some(),
            &containers[index],
            task.containers.get(index)?,
        )?);
    }
    Some(wanted)
}

/// AWS's own endpoints that Fargate uses through the task's interface before anything starts, with
/// ECS's words for each that cannot be reached.
fn requirements(
    region: &Region,
    task: &Task,
    containers: &[api::ContainerDefinition],
) -> Vec<Requirement> {
    let settings = &region.settings;
    let name = |service: &str| format!("{service}.{}.amazonaws.com", settings.region);
    let mut wanted = Vec::new();
    let mut require = |host: String, failure: String| {
        let requirement = Requirement {
            host,
            port: 443,
            failure,
        };
        if !wanted.contains(&requirement) {
            wanted.push(requirement);
        }
    };
    let registry = format!(
        "{}.dkr.ecr.{}.amazonaws.com",
        settings.account, settings.region
    );
    for (index, one) in containers.iter().enumerate() {
        let image = one.image.as_deref().unwrap_or_default();
        if image.starts_with(&registry) {
            let host = name("api.ecr");
            require(
                host.clone(),
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post \"https://{host}/\": {{error}}"
                ),
            );
            require(
                registry.clone(),
                format!(
                    "CannotPullContainerError: The task cannot pull {image} from the registry {registry}. There is a connection issue between the task and the registry. Check your task network configuration. : {{error}}"
                ),
            );
            require(
                format!(
                    "prod-{}-starport-layer-bucket.s3.{}.amazonaws.com",
                    settings.region, settings.region
                ),
                format!(
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: failed to do request: {{error}} (layers of {image} come from Amazon S3)"
                ),
            );
        }
        if task
            .containers
            .get(index)
            .is_some_and(|row| !row.secrets.is_empty())
        {
            let host = name("secretsmanager");
            require(
                host.clone(),
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration. RequestError: send request failed caused by: Post \"https://{host}/\": {{error}}"
                ),
            );
        }
        if log_group(one).is_some() {
            let host = name("logs");
            require(
                host.clone(),
                format!(
                    "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : RequestError: send request failed caused by: Post \"https://{host}/\": {{error}}"
                ),
            );
        }
    }
    wanted
}

fn container(
    region: &Region,
    task: &Task,
    has_role: bool,
    definition: &api::ContainerDefinition,
    row: &Container,
) -> Option<Wanted> {
    let over = task
        .overrides
        .0
        .container_overrides
        .iter()
        .flatten()
        .find(|one| one.name.as_deref() == Some(row.name.as_str()));
    let linux = definition.linux_parameters.as_ref();
    let capabilities = linux.and_then(|one| one.capabilities.as_ref());
    let mut ulimits = vec![Ulimit {
        name: "nofile".to_owned(),
        soft: OPEN_FILES,
        hard: OPEN_FILES,
    }];
    for given in definition.ulimits.iter().flatten() {
        ulimits.retain(|one| one.name != given.name.as_str());
        ulimits.push(Ulimit {
            name: given.name.as_str().to_owned(),
            soft: u64::try_from(given.soft_limit).unwrap_or_default(),
            hard: u64::try_from(given.hard_limit).unwrap_or_default(),
        });
    }
    let mut files = BTreeMap::new();
    if !region.settings.certificate_authority.is_empty() {
        files.insert(
            AUTHORITY_PATH.to_owned(),
            region.settings.certificate_authority.clone(),
        );
    }
    Some(Wanted {
        name: row.name.clone(),
        runtime_id: row.runtime_id.clone(),
        image: row.resolved.clone()?,
        entry_point: definition.entry_point.clone().filter(|all| !all.is_empty()),
        command: over
            .and_then(|one| one.command.clone())
            .or_else(|| definition.command.clone())
            .filter(|all| !all.is_empty()),
        environment: environment(region, task, has_role, definition, over, row),
        files,
        working_directory: definition.working_directory.clone(),
        user: definition.user.clone(),
        readonly_root_filesystem: definition.readonly_root_filesystem.unwrap_or(false),
        essential: row.essential,
        memory_mib: over
            .and_then(|one| one.memory)
            .or(definition.memory)
            .and_then(|mib| u32::try_from(mib).ok()),
        cpu_units: over
            .and_then(|one| one.cpu)
            .or(definition.cpu)
            .and_then(|units| u32::try_from(units).ok())
            .filter(|units| *units > 0),
        ulimits,
        add_capabilities: capabilities
            .and_then(|one| one.add.clone())
            .unwrap_or_default(),
        drop_capabilities: capabilities
            .and_then(|one| one.drop.clone())
            .unwrap_or_default(),
        init_process: linux
            .and_then(|one| one.init_process_enabled)
            .unwrap_or(false),
        health_check: definition
            .health_check
            .as_ref()
            .filter(|_| row.has_health_check)
            .map(health_check),
        depends_on: definition
            .depends_on
            .iter()
            .flatten()
            .map(dependency)
            .collect(),
        stop_timeout: seconds(definition.stop_timeout.unwrap_or(STOP_TIMEOUT)),
        log: log(task, definition, row),
    })
}

fn environment(
    region: &Region,
    task: &Task,
    has_role: bool,
    definition: &api::ContainerDefinition,
    over: Option<&api::ContainerOverride>,
    row: &Container,
) -> BTreeMap<String, String> {
    let settings = &region.settings;
    let mut environment: BTreeMap<String, String> = [
        ("AWS_REGION", settings.region.clone()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE".to_owned()),
        (
            "ECS_CONTAINER_METADATA_URI",
            format!("http://169.254.170.2/v3/{}", row.runtime_id),
        ),
        (
            "ECS_CONTAINER_METADATA_URI_V4",
            format!("http://169.254.170.2/v4/{}", row.runtime_id),
        ),
        (
            "ECS_AGENT_URI",
            format!("http://169.254.170.2/api/{}", row.runtime_id),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if has_role || task.overrides.0.task_role_arn.is_some() {
        environment.insert(
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI".to_owned(),
            format!("/v2/credentials/{}", task.credentials_id),
        );
    }
    if !settings.certificate_authority.is_empty() {
        // Each is where some SDK or runtime looks for further authorities to trust.
        for name in ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            environment.insert(name.to_owned(), AUTHORITY_PATH.to_owned());
        }
    }
    let mut put = |pairs: Option<&Vec<api::KeyValuePair>>| {
        for pair in pairs.into_iter().flatten() {
            if let Some(name) = &pair.name {
                environment.insert(name.clone(), pair.value.clone().unwrap_or_default());
            }
        }
    };
    put(definition.environment.as_ref());
    put(over.and_then(|one| one.environment.as_ref()));
    for (name, reference) in &row.secrets {
        // The version was there when the task was provisioned; one that is gone since is not
        // needed any more, for a container reads its environment once.
        if let Ok(value) = secret_value(region, reference) {
            environment.insert(name.clone(), value);
        }
    }
    environment
}

fn health_check(check: &api::HealthCheck) -> HealthCheck {
    HealthCheck {
        command: check.command.clone(),
        interval: seconds(check.interval.unwrap_or(30)),
        timeout: seconds(check.timeout.unwrap_or(5)),
        retries: seconds(check.retries.unwrap_or(3)),
        start_period: seconds(check.start_period.unwrap_or(0)),
    }
}

fn dependency(dependency: &api::ContainerDependency) -> Dependency {
    Dependency {
        container: dependency.container_name.clone(),
        condition: match dependency.condition {
            api::ContainerCondition::Start => Condition::Start,
            api::ContainerCondition::Complete => Condition::Complete,
            api::ContainerCondition::Success => Condition::Success,
            api::ContainerCondition::Healthy => Condition::Healthy,
        },
    }
}

fn log(
    task: &Task,
    definition: &api::ContainerDefinition,
    row: &Container,
) -> Option<LogConfiguration> {
    let group = log_group(definition)?.to_owned();
    let prefix = definition
        .log_configuration
        .as_ref()?
        .options
        .as_ref()?
        .get("awslogs-stream-prefix")
        .cloned()
        .unwrap_or_default();
    Some(LogConfiguration {
        group,
        stream: format!("{prefix}/{}/{}", row.name, task.id),
    })
}

fn seconds(given: i64) -> u32 {
    u32::try_from(given).unwrap_or_default()
}
