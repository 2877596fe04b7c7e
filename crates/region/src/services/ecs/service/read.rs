//! Reads what makes and changes a service, and refuses what cannot be.

use wire::ecs as api;

use super::super::error;
use super::super::state::{Network, ServiceSettings, TargetBinding, TaskDefinition};
use crate::services::{ec2, elbv2};
use crate::{Error, Region};

/// Bounds where none are given, for services that keep a number of tasks. (botocore
/// `DeploymentConfiguration`)
const MINIMUM_HEALTHY_PERCENT: i64 = 100;

const MAXIMUM_PERCENT: i64 = 200;

pub(super) fn check_name(name: &str) -> Result<(), Error> {
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

pub(super) fn refuse_absent(input: &api::CreateServiceRequest) -> Result<(), Error> {
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

pub(super) fn read_settings(
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

pub(super) fn update_settings(
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

pub(super) fn read_network(
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
pub(in crate::services::ecs) fn network_of_task(
    region: &Region,
    given: Option<&api::NetworkConfiguration>,
) -> Result<Network, Error> {
    read_network(region, given)
}

pub(super) fn read_load_balancers(
    region: &Region,
    definition: &TaskDefinition,
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
pub(in crate::services::ecs) fn require_fargate(definition: &TaskDefinition) -> Result<(), Error> {
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

pub(super) fn count(given: i64) -> Result<u32, Error> {
    u32::try_from(given).map_err(|_| error::invalid("A count must not be negative."))
}

fn percent(given: i64) -> Result<u32, Error> {
    u32::try_from(given)
        .ok()
        .filter(|percent| *percent <= 1_000)
        .ok_or_else(|| error::invalid("A percentage must be between 0 and 1000."))
}
