//! Tasks: made by services or on their own, shown, stopped.

use std::collections::BTreeMap;

use wire::Stored;
use wire::ecs as api;
use world::{TaskId, VpcId};

use super::state::{
    Container, DeploymentPlan, Network, Noted, Stop, TargetBinding, Task, TaskDefinition, TaskState,
};
use super::tags::{from_tags, to_tags};
use super::{cluster, error, page, service, size, task_definition};
use crate::services::ec2;
use crate::{Context, Error, Region, Tags};

/// The most tasks one call starts. (botocore `RunTaskRequest.count`)
const MOST_COUNT: i64 = 10;

/// What a new task is made from.
pub(super) struct NewTask<'a> {
    pub(super) cluster: String,
    pub(super) definition: &'a TaskDefinition,
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    /// The service and its deployment.
    pub(super) service: Option<(String, String)>,
    pub(super) plan: &'a DeploymentPlan,
    pub(super) subnet: String,
    pub(super) overrides: api::TaskOverride,
    pub(super) enable_execute_command: bool,
    pub(super) tags: Tags,
}

/// Makes a task with its interface; it is started as time goes on.
pub(super) fn create(
    region: &mut Region,
    context: &Context,
    new: NewTask,
) -> Result<TaskId, Error> {
    let id = TaskId::new(context.hex(32));
    let network = &new.plan.network;
    let subnet = ec2::subnet::get(region, &new.subnet)?;
    let (vpc, zone) = (subnet.vpc.clone(), subnet.zone.clone());
    let attachment = context.uuid();
    let arn = context
        .settings
        .arn("ecs", format_args!("task/{}/{id}", new.cluster));
    let mut interface = ec2::interface::NewInterface::new(new.subnet.clone());
    interface
        .security_groups
        .clone_from(&network.security_groups);
    interface.description = context
        .settings
        .arn("ecs", format_args!("attachment/{attachment}"));
    interface.requester = Some(ec2::Requester::owned_by(
        &context.settings.account,
        "amazon-aws",
    ));
    let interface = ec2::interface::create(region, context, interface)?;
    if network.assign_public_ip {
        ec2::address::associate_public(region, context, interface.as_str())?;
    }
    let content = &new.definition.content.0;
    let cpu = new
        .overrides
        .cpu
        .as_deref()
        .or(content.cpu.as_deref())
        .and_then(size::cpu)
        .unwrap_or(256);
    let memory = new
        .overrides
        .memory
        .as_deref()
        .or(content.memory.as_deref())
        .and_then(size::memory)
        .unwrap_or(512);
    if !size::fits(cpu, memory) {
        return Err(error::client(
            "No Fargate configuration exists for given values.",
        ));
    }
    let containers = content
        .container_definitions
        .iter()
        .flatten()
        .map(|one| {
            let container = context.uuid();
            Container {
                name: one.name.clone().unwrap_or_default(),
                arn: context.settings.arn(
                    "ecs",
                    format_args!("container/{}/{id}/{container}", new.cluster),
                ),
                runtime_id: format!("{id}-{}", context.pick(10, b"0123456789")),
                image: one.image.clone().unwrap_or_default(),
                resolved: None,
                secrets: BTreeMap::new(),
                essential: one.essential.unwrap_or(true),
                started_at: None,
                finished_at: None,
                exit_code: None,
                reason: None,
                health: None,
                has_health_check: one.health_check.as_ref().is_some_and(|check| {
                    check.command.first().is_some_and(|first| first != "NONE")
                }),
            }
        })
        .collect();
    let provider = new.plan.launch_type.is_none().then(|| {
        new.plan
            .capacity_provider_strategy
            .first()
            .map(|one| one.0.capacity_provider.clone())
    });
    let task = Task {
        id: id.clone(),
        arn,
        cluster: new.cluster,
        task_definition: new.definition.arn.clone(),
        group: new.group,
        started_by: new.started_by,
        service: new.service,
        launch_type: Some("FARGATE".to_owned()),
        capacity_provider: provider.flatten(),
        platform_version: service::actual_platform(&new.plan.platform_version),
        cpu,
        memory,
        overrides: Stored(new.overrides),
        enable_execute_command: new.enable_execute_command,
        tags: new.tags,
        vpc: VpcId::new(vpc),
        subnet: new.subnet,
        zone,
        interface,
        attachment,
        targets: new.plan.load_balancers.clone(),
        containers,
        status: TaskState::Provisioning,
        stop: None,
        version: 1,
        created_at: context.now,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
        protected_until: None,
        credentials_id: context.uuid(),
        noted: Noted::default(),
    };
    region.ecs.tasks.insert(id.to_string(), task);
    Ok(id)
}

pub(super) fn run_task(
    region: &mut Region,
    context: &Context,
    input: api::RunTaskRequest,
) -> Result<api::RunTaskResponse, Error> {
    let cluster = cluster::active(region, input.cluster.as_deref())?.clone();
    let count = input.count.unwrap_or(1);
    if !(1..=MOST_COUNT).contains(&count) {
        return Err(error::invalid(format!(
            "count must be between 1 and {MOST_COUNT}."
        )));
    }
    let definition = task_definition::active(region, &input.task_definition)?.clone();
    service::require_fargate(&definition)?;
    let strategy: Vec<_> = match input.capacity_provider_strategy {
        Some(strategy) if !strategy.is_empty() => strategy.into_iter().map(Stored).collect(),
        _ if input.launch_type.is_none() => cluster.default_strategy.clone(),
        _ => Vec::new(),
    };
    let launch_type = match (input.launch_type, strategy.is_empty()) {
        (Some(launch), _) if launch.as_str() == "FARGATE" => Some("FARGATE".to_owned()),
        (None, false) => None,
        _ => {
            return Err(error::absent(
                "container instances: give the launch type FARGATE",
            ));
        }
    };
    let network: Network = service::network_of_task(region, input.network_configuration.as_ref())?;
    let plan = DeploymentPlan {
        task_definition: definition.arn.clone(),
        platform_version: input
            .platform_version
            .unwrap_or_else(|| "LATEST".to_owned()),
        launch_type,
        capacity_provider_strategy: strategy,
        network: network.clone(),
        load_balancers: Vec::new(),
    };
    let mut tags = from_tags(input.tags);
    if input.propagate_tags == Some(api::PropagateTags::TaskDefinition) {
        let mut propagated = definition.tags.clone();
        propagated.extend(tags);
        tags = propagated;
    }
    let mut tasks = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(1) {
        let subnet = network.subnets[index % network.subnets.len()].clone();
        let id = create(
            region,
            context,
            NewTask {
                cluster: cluster.name.clone(),
                definition: &definition,
                group: input
                    .group
                    .clone()
                    .unwrap_or_else(|| format!("family:{}", definition.family)),
                started_by: input.started_by.clone(),
                service: None,
                plan: &plan,
                subnet,
                overrides: input.overrides.clone().unwrap_or_default(),
                enable_execute_command: input.enable_execute_command.unwrap_or(false),
                tags: tags.clone(),
            },
        )?;
        if let Some(task) = region.ecs.tasks.get(id.as_str()) {
            tasks.push(show(region, task, true));
        }
    }
    Ok(api::RunTaskResponse {
        failures: Some(Vec::new()),
        tasks: Some(tasks),
    })
}

pub(super) fn stop_task(
    region: &mut Region,
    context: &Context,
    input: api::StopTaskRequest,
) -> Result<api::StopTaskResponse, Error> {
    let cluster = cluster::active(region, input.cluster.as_deref())?
        .name
        .clone();
    let id = id_of(&input.task);
    let found = region
        .ecs
        .tasks
        .get(&id)
        .is_some_and(|task| task.cluster == cluster);
    if !found {
        return Err(error::invalid("The referenced task was not found."));
    }
    stop(
        region,
        context,
        &id,
        "UserInitiated",
        input.reason.as_deref().unwrap_or("Task stopped by user"),
    );
    let task = region
        .ecs
        .tasks
        .get(&id)
        .map(|task| show(region, task, false));
    Ok(api::StopTaskResponse { task })
}

/// Asks a task to end, unless it was asked already.
pub(super) fn stop(region: &mut Region, context: &Context, id: &str, code: &str, reason: &str) {
    if region
        .ecs
        .tasks
        .get(id)
        .is_none_or(|task| task.stop.is_some())
    {
        return;
    }
    if let Some(task) = region.ecs.tasks.get_mut(id) {
        task.stop = Some(Stop {
            code: code.to_owned(),
            reason: reason.to_owned(),
        });
        task.stopping_at = Some(context.now);
        task.version += 1;
    }
}

pub(super) fn describe_tasks(
    region: &Region,
    context: &Context,
    input: api::DescribeTasksRequest,
) -> Result<api::DescribeTasksResponse, Error> {
    let cluster = cluster::active(region, input.cluster.as_deref())?
        .name
        .clone();
    if input.tasks.is_empty() || input.tasks.len() > 100 {
        return Err(error::invalid("Tasks must hold one to a hundred ids."));
    }
    let tags = input
        .include
        .unwrap_or_default()
        .contains(&api::TaskField::Tags);
    let mut tasks = Vec::new();
    let mut failures = Vec::new();
    for given in &input.tasks {
        let id = id_of(given);
        match region
            .ecs
            .tasks
            .get(&id)
            .filter(|task| task.cluster == cluster)
        {
            Some(task) => tasks.push(show(region, task, tags)),
            None => failures.push(api::Failure {
                arn: Some(
                    context
                        .settings
                        .arn("ecs", format_args!("task/{cluster}/{id}")),
                ),
                reason: Some("MISSING".to_owned()),
                detail: None,
            }),
        }
    }
    Ok(api::DescribeTasksResponse {
        failures: Some(failures),
        tasks: Some(tasks),
    })
}

pub(super) fn list_tasks(
    region: &Region,
    _: &Context,
    input: api::ListTasksRequest,
) -> Result<api::ListTasksResponse, Error> {
    let cluster = cluster::active(region, input.cluster.as_deref())?
        .name
        .clone();
    let running = input.desired_status != Some(api::DesiredStatus::Stopped);
    let service = input
        .service_name
        .as_deref()
        .map(|given| given.rsplit('/').next().unwrap_or(given));
    let arns: Vec<String> = region
        .ecs
        .tasks
        .values()
        .filter(|task| task.cluster == cluster && task.wanted() == running)
        .filter(|task| {
            service.is_none_or(|name| task.service.as_ref().is_some_and(|(of, _)| of == name))
        })
        .filter(|task| {
            input.family.as_ref().is_none_or(|family| {
                task.task_definition
                    .rsplit('/')
                    .next()
                    .and_then(|one| one.rsplit_once(':'))
                    .is_some_and(|(of, _)| of == family)
            })
        })
        .filter(|task| input.started_by.is_none() || task.started_by == input.started_by)
        .filter(|task| {
            input
                .launch_type
                .is_none_or(|launch| task.launch_type.as_deref() == Some(launch.as_str()))
        })
        .map(|task| task.arn.clone())
        .collect();
    let (arns, next) = page::page(
        arns.into_iter(),
        input.next_token.as_deref(),
        input.max_results,
    )?;
    Ok(api::ListTasksResponse {
        next_token: next,
        task_arns: Some(arns),
    })
}

/// A task's id from itself or its ARN.
pub(super) fn id_of(given: &str) -> String {
    given.rsplit('/').next().unwrap_or(given).to_owned()
}

pub(super) fn show(region: &Region, task: &Task, tags: bool) -> api::Task {
    let interface = ec2::interface::get(region, &task.interface).ok();
    let address = interface.map(|one| one.address.to_string());
    let detail = |name: &str, value: String| api::KeyValuePair {
        name: Some(name.to_owned()),
        value: Some(value),
    };
    let mut details = vec![
        detail("subnetId", task.subnet.clone()),
        detail("networkInterfaceId", task.interface.to_string()),
    ];
    if let Some(interface) = interface {
        details.push(detail("macAddress", interface.mac.clone()));
        details.push(detail("privateIPv4Address", interface.address.to_string()));
    }
    let health: Option<api::HealthStatus> = task.health().parse().ok();
    let containers = task
        .containers
        .iter()
        .map(|one| api::Container {
            container_arn: Some(one.arn.clone()),
            exit_code: one.exit_code.map(i64::from),
            health_status: one
                .health
                .map_or("UNKNOWN", |health| match health {
                    world::event::Health::Unknown => "UNKNOWN",
                    world::event::Health::Healthy => "HEALTHY",
                    world::event::Health::Unhealthy => "UNHEALTHY",
                })
                .parse()
                .ok(),
            image: Some(one.image.clone()),
            image_digest: one
                .resolved
                .as_ref()
                .map(|image| image.manifest_digest.clone()),
            last_status: Some(container_status(task, one).to_owned()),
            name: Some(one.name.clone()),
            network_bindings: Some(Vec::new()),
            network_interfaces: Some(vec![api::NetworkInterface {
                attachment_id: Some(task.attachment.clone()),
                private_ipv4_address: address.clone(),
                ..Default::default()
            }]),
            reason: one.reason.clone(),
            runtime_id: Some(one.runtime_id.clone()),
            task_arn: Some(task.arn.clone()),
            ..Default::default()
        })
        .collect();
    api::Task {
        attachments: Some(vec![api::Attachment {
            details: Some(details),
            id: Some(task.attachment.clone()),
            status: Some(
                match task.status {
                    TaskState::Provisioning => "PRECREATED",
                    TaskState::Stopped => "DELETED",
                    _ => "ATTACHED",
                }
                .to_owned(),
            ),
            r#type: Some("ElasticNetworkInterface".to_owned()),
        }]),
        attributes: Some(vec![api::Attribute {
            name: Some("ecs.cpu-architecture".to_owned()),
            value: Some("x86_64".to_owned()),
            ..Default::default()
        }]),
        availability_zone: Some(task.zone.clone()),
        capacity_provider_name: task.capacity_provider.clone(),
        cluster_arn: region
            .ecs
            .clusters
            .get(&task.cluster)
            .map(|one| one.arn.clone()),
        connectivity: (task.status >= TaskState::Activating)
            .then_some(api::Connectivity::Connected),
        connectivity_at: task.pull_started_at,
        containers: Some(containers),
        cpu: Some(task.cpu.to_string()),
        created_at: Some(task.created_at),
        desired_status: Some(if task.wanted() { "RUNNING" } else { "STOPPED" }.to_owned()),
        enable_execute_command: Some(task.enable_execute_command),
        ephemeral_storage: Some(api::EphemeralStorage { size_in_gi_b: 20 }),
        execution_stopped_at: task.execution_stopped_at,
        group: Some(task.group.clone()),
        health_status: health,
        last_status: Some(task.status.as_str().to_owned()),
        launch_type: task.launch_type.as_deref().and_then(|one| one.parse().ok()),
        memory: Some(task.memory.to_string()),
        overrides: Some(task.overrides.0.clone()),
        platform_family: Some("Linux".to_owned()),
        platform_version: Some(task.platform_version.clone()),
        pull_started_at: task.pull_started_at,
        pull_stopped_at: task.pull_stopped_at,
        started_at: task.started_at,
        started_by: task.started_by.clone(),
        stop_code: task.stop.as_ref().and_then(|stop| stop.code.parse().ok()),
        stopped_at: task.stopped_at,
        stopped_reason: task.stop.as_ref().map(|stop| stop.reason.clone()),
        stopping_at: task.stopping_at,
        tags: Some(if tags {
            to_tags(&task.tags)
        } else {
            Vec::new()
        }),
        task_arn: Some(task.arn.clone()),
        task_definition_arn: Some(task.task_definition.clone()),
        version: i64::try_from(task.version).ok(),
        ..Default::default()
    }
}

fn container_status(task: &Task, container: &Container) -> &'static str {
    if container.finished_at.is_some() || task.status == TaskState::Stopped {
        "STOPPED"
    } else if container.started_at.is_some() {
        "RUNNING"
    } else {
        "PENDING"
    }
}

/// Which of a task's ports are behind which target group.
pub(super) fn bindings(task: &Task) -> &[TargetBinding] {
    &task.targets
}
