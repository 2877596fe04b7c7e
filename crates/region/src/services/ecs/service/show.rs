//! Services as they are told.

use wire::ecs as api;

use super::super::state::{
    Network, Rollout, Service, ServiceStatus, TargetBinding, Task, TaskState,
};
use super::super::tags::to_tags;
use super::super::{cluster, error, page, service_deployment};
use super::tasks;
use crate::services::iam;
use crate::{Context, Error, Region};

pub(in crate::services::ecs) fn describe_services(
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

pub(in crate::services::ecs) fn list_services(
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

pub(super) fn show_by(
    region: &Region,
    key: &(String, String),
    tags: bool,
) -> Result<api::Service, Error> {
    let service = region
        .ecs
        .services
        .get(key)
        .ok_or_else(error::service_not_found)?;
    Ok(show(region, service, tags))
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
        current_service_deployment: service_deployment::current(region, service),
        current_service_revisions: Some(
            service
                .deployments
                .iter()
                .enumerate()
                .map(|(index, one)| api::ServiceCurrentRevisionSummary {
                    arn: Some(one.revision.clone()),
                    pending_task_count: count(Some(&one.id), pending),
                    requested_task_count: Some(i64::from(if index == 0 {
                        service.desired_count
                    } else {
                        one.keep
                    })),
                    running_task_count: count(Some(&one.id), running),
                })
                .collect(),
        ),
        deployment_configuration: Some(configuration(service)),
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
                        i64::from(one.keep)
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
pub(in crate::services::ecs) fn actual_platform(asked: &str) -> String {
    if asked == "LATEST" { "1.4.0" } else { asked }.to_owned()
}

pub(in crate::services::ecs) fn show_network(network: &Network) -> api::NetworkConfiguration {
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

pub(in crate::services::ecs) fn show_binding(binding: &TargetBinding) -> api::LoadBalancer {
    api::LoadBalancer {
        container_name: Some(binding.container.clone()),
        container_port: Some(i64::from(binding.port)),
        target_group_arn: Some(binding.target_group.clone()),
        ..Default::default()
    }
}

/// How a service deploys.
pub(in crate::services::ecs) fn configuration(service: &Service) -> api::DeploymentConfiguration {
    let settings = &service.settings;
    api::DeploymentConfiguration {
        deployment_circuit_breaker: Some(api::DeploymentCircuitBreaker {
            enable: settings.circuit_breaker.is_some(),
            rollback: settings.circuit_breaker == Some(true),
        }),
        maximum_percent: Some(i64::from(settings.maximum_percent)),
        minimum_healthy_percent: Some(i64::from(settings.minimum_healthy_percent)),
        strategy: Some(api::DeploymentStrategy::Rolling),
        bake_time_in_minutes: Some(0),
        ..Default::default()
    }
}
