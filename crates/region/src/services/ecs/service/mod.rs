//! Services: what should run, and the deployments that bring it about.

mod read;
pub(in crate::services::ecs) mod show;

use jiff::Timestamp;
use wire::Stored;
use wire::ecs as api;

use read::{
    check_name, count, read_load_balancers, read_network, read_settings, refuse_absent,
    update_settings,
};
pub(in crate::services::ecs) use read::{network_of_task, require_fargate};
use show::show_by;
pub(in crate::services::ecs) use show::{actual_platform, describe_services, list_services};

use super::state::{
    Deployment, DeploymentPlan, MOST_EVENTS, Rollout, Service, ServiceEvent, ServiceStatus, Task,
};
use super::tags::from_tags;
use super::{cluster, error, service_deployment, task_definition};
use crate::services::iam;
use crate::{Context, Error, Region};

pub(in crate::services::ecs) fn key(
    region: &Region,
    cluster: Option<&str>,
    service: &str,
) -> Result<(String, String), Error> {
    let cluster = cluster::active(region, cluster)?.name.clone();
    let name = service.rsplit('/').next().unwrap_or(service).to_owned();
    Ok((cluster, name))
}

pub(in crate::services::ecs) fn create_service(
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
    let arn = context
        .settings
        .arn("ecs", format_args!("service/{}/{}", key.0, key.1));
    // One of this name that is gone has left its history.
    service_deployment::forget(region, &arn);
    let service = Service {
        arn,
        name: key.1.clone(),
        cluster: key.0.clone(),
        status: ServiceStatus::Active,
        desired_count,
        created_at: context.now,
        created_by: context.settings.global_arn("iam", "root"),
        settings,
        deployments: vec![new_deployment(context, &key, plan)],
        events: Vec::new(),
        steady_since: None,
        steady_told: None,
        rebalancing: None,
        tags: from_tags(input.tags),
    };
    region.ecs.services.insert(key.clone(), service);
    Ok(api::CreateServiceResponse {
        service: Some(show_by(region, &key, true)?),
    })
}

pub(in crate::services::ecs) fn update_service(
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
        let up = tasks(region, &service)
            .filter(|task| task.wanted() && belongs(task, &primary.id))
            .count();
        if let Some(old) = service.deployments.first_mut() {
            old.keep = u32::try_from(up).unwrap_or(u32::MAX);
        }
        service
            .deployments
            .insert(0, new_deployment(context, &key, plan));
    }
    service.steady_since = None;
    service.rebalancing = None;
    region.ecs.services.insert(key.clone(), service);
    Ok(api::UpdateServiceResponse {
        service: Some(show_by(region, &key, true)?),
    })
}

pub(in crate::services::ecs) fn delete_service(
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

/// Adds a line to what a service tells of itself.
pub(in crate::services::ecs) fn tell(service: &mut Service, context: &Context, text: &str) {
    let message = format!("(service {}) {text}", service.name);
    add_event(service, context, message);
}

/// As [`tell`], of a service's part.
pub(in crate::services::ecs) fn tell_of_set(
    service: &mut Service,
    context: &Context,
    deployment: &str,
    text: &str,
) {
    let message = format!("(service {}, taskSet {deployment}) {text}", service.name);
    add_event(service, context, message);
}

fn add_event(service: &mut Service, context: &Context, message: String) {
    let event = ServiceEvent {
        id: context.uuid(),
        at: context.now,
        message,
    };
    service.events.insert(0, event);
    service.events.truncate(MOST_EVENTS);
}

/// Whether a task is one of a deployment's.
pub(in crate::services::ecs) fn belongs(task: &Task, deployment: &str) -> bool {
    task.service
        .as_ref()
        .is_some_and(|(_, of)| of == deployment)
}

pub(in crate::services::ecs) fn new_deployment(
    context: &Context,
    key: &(String, String),
    plan: DeploymentPlan,
) -> Deployment {
    let id = format!(
        "ecs-svc/{}",
        context.pick(1, b"123456789") + &context.pick(18, b"0123456789")
    );
    Deployment {
        rollout_reason: format!("ECS deployment {id} in progress."),
        revision: context.settings.arn(
            "ecs",
            format_args!(
                "service-revision/{}/{}/{}",
                key.0,
                key.1,
                context.pick(1, b"123456789") + &context.pick(18, b"0123456789")
            ),
        ),
        id,
        created_at: context.now,
        updated_at: context.now,
        plan,
        rollout: Rollout::InProgress,
        failed_tasks: 0,
        unstarted: 0,
        not_before: None,
        keep: 0,
        images: std::collections::BTreeMap::new(),
    }
}

/// The tasks that belong to a service, whatever they do.
pub(in crate::services::ecs) fn tasks<'a>(
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

/// The instant until which checks of a task that started then are not held against it.
pub(in crate::services::ecs) fn grace_until(service: &Service, started: Timestamp) -> Timestamp {
    started
        .saturating_add(jiff::SignedDuration::from_secs(i64::from(
            service.settings.health_check_grace_period,
        )))
        .unwrap_or(started)
}
