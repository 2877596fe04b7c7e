//! Services: what should run, and the deployments that bring it about.

use jiff::Timestamp;
use wire::Stored;
use wire::ecs as api;

use super::state::{
    Deployment, DeploymentPlan, MOST_EVENTS, Network, Rollout, Service, ServiceEvent,
    ServiceSettings, ServiceStatus, TargetBinding, Task, TaskState,
};
use super::tags::{from_tags, to_tags};
use super::{cluster, error, page, task_definition};
use crate::services::{ec2, elbv2, iam};
use crate::{Context, Error, Region};

/// Bounds where none are given, for services that keep a number of tasks. (botocore
/// `DeploymentConfiguration`)
const MINIMUM_HEALTHY_PERCENT: i64 = 100;
const MAXIMUM_PERCENT: i64 = 200;

pub(super) fn key(
    region: &Region,
    cluster: Option<&str>,
    service: &str,
) -> Result<(String, String), Error> {
    let cluster = cluster::active(region, cluster)?.name.clone();
    let name = service.rsplit('/').next().unwrap_or(service).to_owned();
    Ok((cluster, name))
}

pub(super) fn create_service(
    region: &mut Region,
    context: &Context,
    input: api::CreateServiceRequest,
) -> Result<api::CreateServiceResponse, Error> {
    let key = key(region, input.cluster.as_deref(), &input.service_name)?;
    check_name(&input.service_name)?;
    refuse_absent(&input)?;
    if let Some(old) = region.ecs.services.get(&key) {
        match old.status {
            ServiceStatus::Active => {
                return Err(error::invalid("Creation of service was not idempotent."));
            }
            ServiceStatus::Draining => {
                return Err(error::invalid(
                    "Unable to Start a service that is still Draining.",
                ));
            }
            ServiceStatus::Inactive => {}
        }
    }
    let given = input
        .task_definition
        .as_deref()
        .ok_or_else(|| error::invalid("TaskDefinition can not be blank."))?;
    let definition = task_definition::active(region, given)?.clone();
    let network = read_network(region, input.network_configuration.as_ref())?;
    let load_balancers = read_load_balancers(
        region,
        &definition,
        input.load_balancers.as_deref().unwrap_or_default(),
    )?;
    let desired_count = count(input.desired_count.unwrap_or(1))?;
    let settings = read_settings(&input, !load_balancers.is_empty())?;
    let strategy = input.capacity_provider_strategy.unwrap_or_default();
    let launch_type = match (&input.launch_type, strategy.is_empty()) {
        (Some(_), false) => {
            return Err(error::invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            ));
        }
        (Some(launch), true) => Some(launch.as_str().to_owned()),
        (None, _) => None,
    };
    let strategy = match (&launch_type, strategy.is_empty()) {
        (None, true) => cluster::active(region, Some(&key.0))?
            .default_strategy
            .clone(),
        _ => strategy.into_iter().map(Stored).collect(),
    };
    let launch_type = match (launch_type, strategy.is_empty()) {
        // Without either, AWS takes EC2, of which there is none here.
        (None, true) => {
            return Err(error::absent(
                "container instances: give the launch type FARGATE",
            ));
        }
        (launch, _) => launch,
    };
    if launch_type
        .as_deref()
        .is_some_and(|launch| launch != "FARGATE")
    {
        return Err(error::absent("launch types other than FARGATE"));
    }
    require_fargate(&definition)?;
    iam::service_linked::ensure(region, context, "ecs.amazonaws.com");
    let plan = DeploymentPlan {
        task_definition: definition.arn.clone(),
        platform_version: input
            .platform_version
            .clone()
            .unwrap_or_else(|| "LATEST".to_owned()),
        launch_type,
        capacity_provider_strategy: strategy,
        network,
        load_balancers,
    };
    let service = Service {
        arn: context
            .settings
            .arn("ecs", format_args!("service/{}/{}", key.0, key.1)),
        name: key.1.clone(),
        cluster: key.0.clone(),
        status: ServiceStatus::Active,
        desired_count,
        created_at: context.now,
        created_by: context.settings.global_arn("iam", "root"),
        settings,
        deployments: vec![new_deployment(context, plan)],
        events: Vec::new(),
        steady_since: None,
        tags: from_tags(input.tags),
    };
    region.ecs.services.insert(key.clone(), service);
    Ok(api::CreateServiceResponse {
        service: Some(show_by(region, &key, true)?),
    })
}

pub(super) fn update_service(
    region: &mut Region,
    context: &Context,
    input: api::UpdateServiceRequest,
) -> Result<api::UpdateServiceResponse, Error> {
    let key = key(region, input.cluster.as_deref(), &input.service)?;
    let mut service = region
        .ecs
        .services
        .get(&key)
        .cloned()
        .ok_or_else(error::service_not_found)?;
    if service.status != ServiceStatus::Active {
        return Err(error::service_not_active());
    }
    if let Some(desired) = input.desired_count {
        service.desired_count = count(desired)?;
    }
    update_settings(&mut service.settings, &input)?;

    let primary = service
        .deployments
        .first()
        .ok_or_else(error::service_not_found)?;
    let mut plan = primary.plan.clone();
    let mut anew = input.force_new_deployment == Some(true);
    if let Some(given) = &input.task_definition {
        let definition = task_definition::active(region, given)?;
        require_fargate(definition)?;
        anew |= definition.arn != plan.task_definition;
        plan.task_definition.clone_from(&definition.arn);
    }
    if let Some(network) = &input.network_configuration {
        let network = read_network(region, Some(network))?;
        anew |= network != plan.network;
        plan.network = network;
    }
    if let Some(given) = &input.load_balancers {
        let definition = task_definition::find(region, &plan.task_definition)?.clone();
        let load_balancers = read_load_balancers(region, &definition, given)?;
        anew |= load_balancers != plan.load_balancers;
        plan.load_balancers = load_balancers;
    }
    if let Some(version) = input.platform_version {
        anew |= version != plan.platform_version;
        plan.platform_version = version;
    }
    if let Some(strategy) = input.capacity_provider_strategy {
        let shown = |one: &api::CapacityProviderStrategyItem| {
            (one.capacity_provider.clone(), one.weight, one.base)
        };
        let same = plan
            .capacity_provider_strategy
            .iter()
            .map(|one| shown(&one.0))
            .eq(strategy.iter().map(shown));
        if !same {
            if input.force_new_deployment != Some(true) {
                return Err(error::invalid(
                    "You must set force-new-deployment to true to change the capacity provider strategy.",
                ));
            }
            plan.capacity_provider_strategy = strategy.into_iter().map(Stored).collect();
            plan.launch_type = if plan.capacity_provider_strategy.is_empty() {
                Some("FARGATE".to_owned())
            } else {
                None
            };
        }
    }
    if anew {
        service.deployments.insert(0, new_deployment(context, plan));
    }
    service.steady_since = None;
    region.ecs.services.insert(key.clone(), service);
    Ok(api::UpdateServiceResponse {
        service: Some(show_by(region, &key, true)?),
    })
}

pub(super) fn delete_service(
    region: &mut Region,
    _: &Context,
    input: api::DeleteServiceRequest,
) -> Result<api::DeleteServiceResponse, Error> {
    let key = key(region, input.cluster.as_deref(), &input.service)?;
    let service = region
        .ecs
        .services
        .get_mut(&key)
        .ok_or_else(error::service_not_found)?;
    if service.status == ServiceStatus::Inactive {
        return Err(error::service_not_active());
    }
    if service.desired_count > 0 && input.force != Some(true) {
        return Err(error::invalid(
            "The service cannot be stopped while it is scaled above 0.",
        ));
    }
    service.desired_count = 0;
    service.status = ServiceStatus::Draining;
    Ok(api::DeleteServiceResponse {
        service: Some(show_by(region, &key, true)?),
    })
}

pub(super) fn describe_services(
    region: &Region,
    context: &Context,
    input: api::DescribeServicesRequest,
) -> Result<api::DescribeServicesResponse, Error> {
    if input.services.is_empty() || input.services.len() > 10 {
        return Err(error::invalid("Services must hold one to ten names."));
    }
    let cluster = cluster::active(region, input.cluster.as_deref())?
        .name
        .clone();
    let tags = input
        .include
        .unwrap_or_default()
        .contains(&api::ServiceField::Tags);
    let mut services = Vec::new();
    let mut failures = Vec::new();
    for given in &input.services {
        let name = given.rsplit('/').next().unwrap_or(given).to_owned();
        match region.ecs.services.get(&(cluster.clone(), name.clone())) {
            Some(service) => services.push(show(region, service, tags)),
            None => failures.push(api::Failure {
                arn: Some(
                    context
                        .settings
                        .arn("ecs", format_args!("service/{cluster}/{name}")),
                ),
                reason: Some("MISSING".to_owned()),
                detail: None,
            }),
        }
    }
    Ok(api::DescribeServicesResponse {
        failures: Some(failures),
        services: Some(services),
    })
}

pub(super) fn list_services(
    region: &Region,
    _: &Context,
    input: api::ListServicesRequest,
) -> Result<api::ListServicesResponse, Error> {
    let cluster = cluster::active(region, input.cluster.as_deref())?
        .name
        .clone();
    let arns = region
        .ecs
        .services
        .values()
        .filter(|one| one.cluster == cluster && one.status != ServiceStatus::Inactive)
        .map(|one| one.arn.clone());
    let (arns, next) = page::page(arns, input.next_token.as_deref(), input.max_results)?;
    Ok(api::ListServicesResponse {
        next_token: next,
        service_arns: Some(arns),
    })
}

/// Adds a line to what a service tells of itself.
pub(super) fn tell(service: &mut Service, context: &Context, text: &str) {
    let event = ServiceEvent {
        id: context.uuid(),
        at: context.now,
        message: format!("(service {}) {text}", service.name),
    };
    service.events.insert(0, event);
    service.events.truncate(MOST_EVENTS);
}

pub(super) fn new_deployment(context: &Context, plan: DeploymentPlan) -> Deployment {
    let id = format!(
        "ecs-svc/{}",
        context.pick(1, b"123456789") + &context.pick(18, b"0123456789")
    );
    Deployment {
        rollout_reason: format!("ECS deployment {id} in progress."),
        id,
        created_at: context.now,
        updated_at: context.now,
        plan,
        rollout: Rollout::InProgress,
        failed_tasks: 0,
        ran: false,
        not_before: None,
    }
}

fn show_by(region: &Region, key: &(String, String), tags: bool) -> Result<api::Service, Error> {
    let service = region
        .ecs
        .services
        .get(key)
        .ok_or_else(error::service_not_found)?;
    Ok(show(region, service, tags))
}

/// The tasks that belong to a service, whatever they do.
pub(super) fn tasks<'a>(
    region: &'a Region,
    service: &'a Service,
) -> impl Iterator<Item = &'a Task> {
    region.ecs.tasks.values().filter(|task| {
        task.cluster == service.cluster
            && task
                .service
                .as_ref()
                .is_some_and(|(name, _)| *name == service.name)
    })
}

fn show(region: &Region, service: &Service, tags: bool) -> api::Service {
    let count = |deployment: Option<&str>, state: fn(&Task) -> bool| {
        let number = tasks(region, service)
            .filter(|task| task.wanted() && state(task))
            .filter(|task| {
                deployment.is_none_or(|id| task.service.as_ref().is_some_and(|(_, of)| of == id))
            })
            .count();
        i64::try_from(number).ok()
    };
    let running = |task: &Task| task.status == TaskState::Running;
    let pending = |task: &Task| task.status < TaskState::Running;
    let primary = service.deployments.first().map(|one| &one.plan);
    let settings = &service.settings;
    api::Service {
        availability_zone_rebalancing: Some(if settings.rebalancing {
            api::AvailabilityZoneRebalancing::Enabled
        } else {
            api::AvailabilityZoneRebalancing::Disabled
        }),
        capacity_provider_strategy: primary
            .filter(|plan| plan.launch_type.is_none())
            .map(|plan| {
                plan.capacity_provider_strategy
                    .iter()
                    .map(|one| one.0.clone())
                    .collect()
            }),
        cluster_arn: region
            .ecs
            .clusters
            .get(&service.cluster)
            .map(|one| one.arn.clone()),
        created_at: Some(service.created_at),
        created_by: Some(service.created_by.clone()),
        deployment_configuration: Some(api::DeploymentConfiguration {
            deployment_circuit_breaker: Some(api::DeploymentCircuitBreaker {
                enable: settings.circuit_breaker.is_some(),
                rollback: settings.circuit_breaker == Some(true),
            }),
            maximum_percent: Some(i64::from(settings.maximum_percent)),
            minimum_healthy_percent: Some(i64::from(settings.minimum_healthy_percent)),
            strategy: Some(api::DeploymentStrategy::Rolling),
            bake_time_in_minutes: Some(0),
            ..Default::default()
        }),
        deployment_controller: Some(api::DeploymentController {
            r#type: api::DeploymentControllerType::Ecs,
        }),
        deployments: Some(
            service
                .deployments
                .iter()
                .enumerate()
                .map(|(index, one)| api::Deployment {
                    created_at: Some(one.created_at),
                    desired_count: Some(if index == 0 {
                        i64::from(service.desired_count)
                    } else {
                        0
                    }),
                    failed_tasks: Some(i64::from(one.failed_tasks)),
                    id: Some(one.id.clone()),
                    launch_type: one
                        .plan
                        .launch_type
                        .as_deref()
                        .and_then(|launch| launch.parse().ok()),
                    capacity_provider_strategy: one.plan.launch_type.is_none().then(|| {
                        one.plan
                            .capacity_provider_strategy
                            .iter()
                            .map(|item| item.0.clone())
                            .collect()
                    }),
                    network_configuration: Some(show_network(&one.plan.network)),
                    pending_count: count(Some(&one.id), pending),
                    platform_family: Some("Linux".to_owned()),
                    platform_version: Some(actual_platform(&one.plan.platform_version)),
                    rollout_state: Some(match one.rollout {
                        Rollout::InProgress => api::DeploymentRolloutState::InProgress,
                        Rollout::Completed => api::DeploymentRolloutState::Completed,
                        Rollout::Failed => api::DeploymentRolloutState::Failed,
                    }),
                    rollout_state_reason: Some(one.rollout_reason.clone()),
                    running_count: count(Some(&one.id), running),
                    status: Some(if index == 0 { "PRIMARY" } else { "ACTIVE" }.to_owned()),
                    task_definition: Some(one.plan.task_definition.clone()),
                    updated_at: Some(one.updated_at),
                    ..Default::default()
                })
                .collect(),
        ),
        desired_count: Some(i64::from(service.desired_count)),
        enable_ecs_managed_tags: Some(settings.enable_managed_tags),
        enable_execute_command: Some(settings.enable_execute_command),
        events: Some(
            service
                .events
                .iter()
                .map(|event| api::ServiceEvent {
                    created_at: Some(event.at),
                    id: Some(event.id.clone()),
                    message: Some(event.message.clone()),
                })
                .collect(),
        ),
        health_check_grace_period_seconds: settings
            .grace_period_given
            .then(|| i64::from(settings.health_check_grace_period)),
        launch_type: primary
            .and_then(|plan| plan.launch_type.as_deref())
            .and_then(|launch| launch.parse().ok()),
        load_balancers: Some(
            primary
                .map(|plan| plan.load_balancers.iter().map(show_binding).collect())
                .unwrap_or_default(),
        ),
        network_configuration: primary.map(|plan| show_network(&plan.network)),
        pending_count: count(None, pending),
        placement_constraints: Some(Vec::new()),
        placement_strategy: Some(Vec::new()),
        platform_family: Some("Linux".to_owned()),
        platform_version: primary.map(|plan| plan.platform_version.clone()),
        propagate_tags: settings.propagate_tags.parse().ok(),
        role_arn: Some(iam::service_linked::arn(region, "ecs.amazonaws.com")),
        running_count: count(None, running),
        scheduling_strategy: Some(api::SchedulingStrategy::Replica),
        service_arn: Some(service.arn.clone()),
        service_name: Some(service.name.clone()),
        service_registries: Some(Vec::new()),
        status: Some(
            match service.status {
                ServiceStatus::Active => "ACTIVE",
                ServiceStatus::Draining => "DRAINING",
                ServiceStatus::Inactive => "INACTIVE",
            }
            .to_owned(),
        ),
        tags: tags.then(|| to_tags(&service.tags)),
        task_definition: primary.map(|plan| plan.task_definition.clone()),
        ..Default::default()
    }
}

/// The platform that `LATEST` is.
pub(super) fn actual_platform(asked: &str) -> String {
    if asked == "LATEST" { "1.4.0" } else { asked }.to_owned()
}

fn show_network(network: &Network) -> api::NetworkConfiguration {
    api::NetworkConfiguration {
        awsvpc_configuration: Some(api::AwsVpcConfiguration {
            assign_public_ip: Some(if network.assign_public_ip {
                api::AssignPublicIp::Enabled
            } else {
                api::AssignPublicIp::Disabled
            }),
            security_groups: Some(network.security_groups.clone()),
            subnets: network.subnets.clone(),
        }),
    }
}

fn show_binding(binding: &TargetBinding) -> api::LoadBalancer {
    api::LoadBalancer {
        container_name: Some(binding.container.clone()),
        container_port: Some(i64::from(binding.port)),
        target_group_arn: Some(binding.target_group.clone()),
        ..Default::default()
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let good = (1..=255).contains(&name.len())
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_');
    if good {
        Ok(())
    } else {
        Err(error::invalid(
            "Service name must be 255 characters or less and may only contain letters, numbers, hyphens and underscores.",
        ))
    }
}

fn refuse_absent(input: &api::CreateServiceRequest) -> Result<(), Error> {
    let controller = input
        .deployment_controller
        .as_ref()
        .map(|one| one.r#type.as_str());
    if controller.is_some_and(|one| one != "ECS") {
        return Err(error::absent("deployment controllers other than ECS"));
    }
    if input
        .scheduling_strategy
        .as_ref()
        .is_some_and(|one| one.as_str() != "REPLICA")
    {
        return Err(error::invalid(
            "The scheduling strategy DAEMON is not supported with the Fargate launch type.",
        ));
    }
    if input
        .service_registries
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        return Err(error::absent("service discovery registries"));
    }
    if input
        .service_connect_configuration
        .as_ref()
        .is_some_and(|one| one.enabled)
    {
        return Err(error::absent("Service Connect"));
    }
    if input
        .volume_configurations
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        return Err(error::absent("volumes of services"));
    }
    if input
        .vpc_lattice_configurations
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        return Err(error::absent("VPC Lattice"));
    }
    let strategy = input
        .deployment_configuration
        .as_ref()
        .and_then(|one| one.strategy);
    if strategy.is_some_and(|one| one != api::DeploymentStrategy::Rolling) {
        return Err(error::absent("deployment strategies other than ROLLING"));
    }
    Ok(())
}

fn read_settings(
    input: &api::CreateServiceRequest,
    balanced: bool,
) -> Result<ServiceSettings, Error> {
    let configuration = input.deployment_configuration.clone().unwrap_or_default();
    if input.health_check_grace_period_seconds.is_some() && !balanced {
        return Err(error::invalid(
            "Health check grace period is only valid for services configured to use load balancers",
        ));
    }
    let settings = ServiceSettings {
        minimum_healthy_percent: percent(
            configuration
                .minimum_healthy_percent
                .unwrap_or(MINIMUM_HEALTHY_PERCENT),
        )?,
        maximum_percent: percent(configuration.maximum_percent.unwrap_or(MAXIMUM_PERCENT))?,
        circuit_breaker: configuration
            .deployment_circuit_breaker
            .filter(|breaker| breaker.enable)
            .map(|breaker| breaker.rollback),
        health_check_grace_period: count(input.health_check_grace_period_seconds.unwrap_or(0))?,
        grace_period_given: balanced,
        // Enabled for new services where it can work. (botocore `CreateService`)
        rebalancing: input
            .availability_zone_rebalancing
            .is_none_or(|one| one == api::AvailabilityZoneRebalancing::Enabled),
        enable_execute_command: input.enable_execute_command.unwrap_or(false),
        enable_managed_tags: input.enable_ecs_managed_tags.unwrap_or(false),
        propagate_tags: input
            .propagate_tags
            .map_or("NONE", |one| one.as_str())
            .to_owned(),
    };
    check_bounds(&settings)?;
    Ok(settings)
}

fn update_settings(
    settings: &mut ServiceSettings,
    input: &api::UpdateServiceRequest,
) -> Result<(), Error> {
    if let Some(configuration) = &input.deployment_configuration {
        if let Some(minimum) = configuration.minimum_healthy_percent {
            settings.minimum_healthy_percent = percent(minimum)?;
        }
        if let Some(maximum) = configuration.maximum_percent {
            settings.maximum_percent = percent(maximum)?;
        }
        if let Some(breaker) = &configuration.deployment_circuit_breaker {
            settings.circuit_breaker = breaker.enable.then_some(breaker.rollback);
        }
    }
    if let Some(seconds) = input.health_check_grace_period_seconds {
        settings.health_check_grace_period = count(seconds)?;
        settings.grace_period_given = true;
    }
    if let Some(rebalancing) = input.availability_zone_rebalancing {
        settings.rebalancing = rebalancing == api::AvailabilityZoneRebalancing::Enabled;
    }
    if let Some(enable) = input.enable_execute_command {
        settings.enable_execute_command = enable;
    }
    if let Some(enable) = input.enable_ecs_managed_tags {
        settings.enable_managed_tags = enable;
    }
    if let Some(propagate) = input.propagate_tags {
        propagate.as_str().clone_into(&mut settings.propagate_tags);
    }
    check_bounds(settings)
}

fn check_bounds(settings: &ServiceSettings) -> Result<(), Error> {
    if settings.maximum_percent < 100 || settings.minimum_healthy_percent > settings.maximum_percent
    {
        return Err(error::invalid(
            "The maximumPercent must be at least 100 and not below the minimumHealthyPercent.",
        ));
    }
    if settings.maximum_percent == 100 && settings.minimum_healthy_percent == 100 {
        return Err(error::invalid(
            "The minimumHealthyPercent and maximumPercent cannot both be 100: no deployment could make progress.",
        ));
    }
    Ok(())
}

fn read_network(
    region: &Region,
    given: Option<&api::NetworkConfiguration>,
) -> Result<Network, Error> {
    let given = given
        .and_then(|one| one.awsvpc_configuration.as_ref())
        .ok_or_else(|| {
            error::invalid(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            )
        })?;
    if given.subnets.is_empty() || given.subnets.len() > 16 {
        return Err(error::invalid("subnets must hold one to sixteen subnets."));
    }
    let groups = given.security_groups.clone().unwrap_or_default();
    if groups.len() > 5 {
        return Err(error::invalid("securityGroups can have at most 5 items."));
    }
    let mut vpc = None;
    for id in &given.subnets {
        let subnet = ec2::subnet::get(region, id).map_err(|_| {
            error::invalid(format!("Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"))
        })?;
        if *vpc.get_or_insert_with(|| subnet.vpc.clone()) != subnet.vpc {
            return Err(error::invalid("subnets must all be of one VPC."));
        }
    }
    for id in &groups {
        let group = ec2::security_group::get(region, id).map_err(|_| {
            error::invalid(format!("Error retrieving security group information for [{id}]: The security group '{id}' does not exist (ErrorCode: InvalidGroup.NotFound)"))
        })?;
        if Some(&group.vpc) != vpc.as_ref() {
            return Err(error::invalid(
                "All of the provided security groups must be in the same VPC as the subnets.",
            ));
        }
    }
    Ok(Network {
        subnets: given.subnets.clone(),
        security_groups: groups,
        assign_public_ip: given.assign_public_ip == Some(api::AssignPublicIp::Enabled),
    })
}

/// Reads the network of a task that runs by itself.
pub(super) fn network_of_task(
    region: &Region,
    given: Option<&api::NetworkConfiguration>,
) -> Result<Network, Error> {
    read_network(region, given)
}

fn read_load_balancers(
    region: &Region,
    definition: &super::state::TaskDefinition,
    given: &[api::LoadBalancer],
) -> Result<Vec<TargetBinding>, Error> {
    let mut bindings = Vec::new();
    for one in given {
        let arn = one.target_group_arn.clone().ok_or_else(|| {
            error::invalid("targetGroupArn must be given: classic load balancers are not there.")
        })?;
        let container = one.container_name.clone().unwrap_or_default();
        let port = one
            .container_port
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or_default();
        let mapped = definition
            .content
            .0
            .container_definitions
            .iter()
            .flatten()
            .filter(|one| one.name.as_deref() == Some(container.as_str()))
            .flat_map(|one| one.port_mappings.iter().flatten())
            .any(|mapping| mapping.container_port == Some(i64::from(port)));
        if !mapped {
            return Err(error::invalid(format!(
                "The container {container} did not have a container port {port} defined."
            )));
        }
        let group = elbv2::target_group::get(region, &arn).map_err(|_| {
            error::invalid(format!("The specified target group does not exist: {arn}"))
        })?;
        if group.target_type != "ip" {
            return Err(error::invalid(format!(
                "The provided target group {arn} has target type {}, which is incompatible with the awsvpc network mode specified in the task definition.",
                group.target_type
            )));
        }
        if !elbv2::target_group::has_load_balancer(region, &arn) {
            return Err(error::invalid(format!(
                "The target group with targetGroupArn {arn} does not have an associated load balancer."
            )));
        }
        bindings.push(TargetBinding {
            target_group: arn,
            container,
            port,
        });
    }
    Ok(bindings)
}

/// Definitions that were not registered for Fargate cannot run on it.
pub(super) fn require_fargate(definition: &super::state::TaskDefinition) -> Result<(), Error> {
    let fits = definition
        .content
        .0
        .compatibilities
        .as_ref()
        .is_some_and(|all| all.contains(&api::Compatibility::Fargate));
    if fits {
        Ok(())
    } else {
        Err(error::invalid(
            "Task definition does not support launch_type FARGATE.",
        ))
    }
}

fn count(given: i64) -> Result<u32, Error> {
    u32::try_from(given).map_err(|_| error::invalid("A count must not be negative."))
}

fn percent(given: i64) -> Result<u32, Error> {
    u32::try_from(given)
        .ok()
        .filter(|percent| *percent <= 1_000)
        .ok_or_else(|| error::invalid("A percentage must be between 0 and 1000."))
}

/// The instant until which checks of a task that started then are not held against it.
pub(super) fn grace_until(service: &Service, started: Timestamp) -> Timestamp {
    started
        .saturating_add(jiff::SignedDuration::from_secs(i64::from(
            service.settings.health_check_grace_period,
        )))
        .unwrap_or(started)
}
