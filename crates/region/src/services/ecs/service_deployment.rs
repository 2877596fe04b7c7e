//! Service deployments and revisions: the history of what a service's deployments came to.
//!
//! Rows follow the deployments level by level; nothing here decides anything.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>

use jiff::SignedDuration;
use wire::Stored;
use wire::ecs as api;

use super::service::{show, tasks};
use super::state::{
    Deployment, Rollback, Rollout, Service, ServiceDeployment, ServiceDeploymentStatus,
    ServiceRevision, ServiceStatus, TaskState,
};
use super::{cluster, error, reconcile, scheduler};
use crate::{Context, Error, Region};

/// How long service deployments can be looked up. (API_ListServiceDeployments.html)
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
const MOST_ASKED: usize = 20;

/// Brings the rows of a service to where its deployments are.
pub(super) fn follow(region: &mut Region, context: &Context, key: &(String, String)) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let newest = newest(region, &service.arn).map(|(key, row)| (key.clone(), row.clone()));
    let primary = primary.clone();
    let arn = service.arn.clone();
    match newest {
        Some((row_key, row)) if row.deployment == primary.id => {
            let status = match (row.status, primary.rollout) {
                (ServiceDeploymentStatus::InProgress, Rollout::Completed) => {
                    ServiceDeploymentStatus::Successful
                }
                (ServiceDeploymentStatus::InProgress, Rollout::Failed) => {
                    ServiceDeploymentStatus::Stopped
                }
                (same, _) => same,
            };
            set(region, context, &row_key, &row, &primary, status);
        }
        // What is primary now was there before: it is gone back to.
        Some((row_key, row)) if before(region, &arn, &row, &primary) => {
            let status = match (row.rollback.is_some(), primary.rollout) {
                (_, Rollout::Completed) => ServiceDeploymentStatus::RollbackSuccessful,
                (_, Rollout::Failed) => ServiceDeploymentStatus::RollbackFailed,
                (_, Rollout::InProgress) => ServiceDeploymentStatus::RollbackInProgress,
            };
            set(region, context, &row_key, &row, &primary, status);
        }
        other => begin(region, context, key, &primary, other),
    }
    pin(region, &primary);
}

fn newest<'a>(
    region: &'a Region,
    service: &str,
) -> Option<(&'a (String, u64), &'a ServiceDeployment)> {
    region
        .ecs
        .service_deployments
        .range((service.to_owned(), 0)..=(service.to_owned(), u64::MAX))
        .next_back()
}

/// Whether a deployment was the target of an earlier row than this one.
fn before(region: &Region, service: &str, row: &ServiceDeployment, primary: &Deployment) -> bool {
    region
        .ecs
        .service_deployments
        .range((service.to_owned(), 0)..=(service.to_owned(), u64::MAX))
        .any(|(_, one)| one.arn != row.arn && one.deployment == primary.id)
}

fn set(
    region: &mut Region,
    context: &Context,
    key: &(String, u64),
    row: &ServiceDeployment,
    primary: &Deployment,
    status: ServiceDeploymentStatus,
) {
    if row.status == status {
        return;
    }
    let revision = primary.revision.clone();
    let Some(row) = region.ecs.service_deployments.get_mut(key) else {
        return;
    };
    row.status = status;
    row.updated_at = context.now;
    match status {
        ServiceDeploymentStatus::InProgress => {}
        ServiceDeploymentStatus::RollbackInProgress => {
            row.rollback = Some(Rollback {
                started_at: context.now,
                reason: primary.rollout_reason.clone(),
                revision,
            });
        }
        ServiceDeploymentStatus::Stopped => {
            row.stopped_at = Some(context.now);
            row.finished_at = Some(context.now);
            row.reason = Some(primary.rollout_reason.clone());
        }
        ServiceDeploymentStatus::Successful
        | ServiceDeploymentStatus::RollbackSuccessful
        | ServiceDeploymentStatus::RollbackFailed => row.finished_at = Some(context.now),
    }
}

/// A new deployment: one under way before it is stopped by it.
fn begin(
    region: &mut Region,
    context: &Context,
    key: &(String, String),
    primary: &Deployment,
    last: Option<((String, u64), ServiceDeployment)>,
) {
    let Some(service) = region.ecs.services.get(key) else {
        return;
    };
    if service.status != ServiceStatus::Active {
        return;
    }
    let (arn, cluster) = (service.arn.clone(), service.cluster.clone());
    let mut number = 0;
    let mut source = None;
    if let Some((last_key, row)) = last {
        number = last_key.1 + 1;
        source = Some(match &row.rollback {
            Some(rollback) => rollback.revision.clone(),
            None => row.target.clone(),
        });
        if row.finished_at.is_none()
            && let Some(row) = region.ecs.service_deployments.get_mut(&last_key)
        {
            row.status = ServiceDeploymentStatus::Stopped;
            row.stopped_at = Some(context.now);
            row.finished_at = Some(context.now);
            row.updated_at = context.now;
            row.reason = Some("A newer deployment of the service began.".to_owned());
        }
    }
    let row = ServiceDeployment {
        arn: context.settings.arn(
            "ecs",
            format_args!(
                "service-deployment/{}/{}/{}",
                key.0,
                key.1,
                context.alphanumeric(21)
            ),
        ),
        service: arn.clone(),
        cluster: cluster.clone(),
        deployment: primary.id.clone(),
        created_at: primary.created_at,
        updated_at: primary.created_at,
        stopped_at: None,
        finished_at: None,
        status: ServiceDeploymentStatus::InProgress,
        reason: None,
        source,
        target: primary.revision.clone(),
        rollback: None,
    };
    let old = |row: &ServiceDeployment| {
        row.service == arn
            && row
                .finished_at
                .and_then(|at| at.checked_add(KEPT).ok())
                .is_some_and(|until| until <= context.now)
    };
    let deployments = &mut region.ecs.service_deployments;
    deployments.retain(|_, row| !old(row));
    deployments.insert((arn.clone(), number), row);
    let revision = ServiceRevision {
        arn: primary.revision.clone(),
        service: arn.clone(),
        cluster,
        created_at: primary.created_at,
        plan: primary.plan.clone(),
        images: primary.images.clone(),
    };
    let used: Vec<String> = region
        .ecs
        .service_deployments
        .values()
        .flat_map(|row| std::iter::once(&row.target).chain(&row.source))
        .cloned()
        .collect();
    let revisions = &mut region.ecs.service_revisions;
    revisions.insert(revision.arn.clone(), revision);
    revisions.retain(|name, row| row.service != arn || used.contains(name));
}

/// A revision tells the images that its first task found.
fn pin(region: &mut Region, primary: &Deployment) {
    let known = region
        .ecs
        .service_revisions
        .get(&primary.revision)
        .is_some_and(|row| row.images == primary.images);
    if !known && let Some(row) = region.ecs.service_revisions.get_mut(&primary.revision) {
        row.images.clone_from(&primary.images);
    }
}

/// The service deployment that is under way, or was the last.
pub(super) fn current(region: &Region, service: &Service) -> Option<String> {
    newest(region, &service.arn).map(|(_, row)| row.arn.clone())
}

/// The service to which a row belongs, while it is there.
fn service_of<'a>(region: &'a Region, arn: &str) -> Option<&'a Service> {
    region.ecs.services.values().find(|one| one.arn == arn)
}

fn cluster_arn(region: &Region, name: &str) -> Option<String> {
    region.ecs.clusters.get(name).map(|one| one.arn.clone())
}

pub(super) fn list_service_deployments(
    region: &Region,
    context: &Context,
    input: api::ListServiceDeploymentsRequest,
) -> Result<api::ListServiceDeploymentsResponse, Error> {
    let cluster = cluster::active(region, input.cluster.as_deref())?
        .name
        .clone();
    let name = input.service.rsplit('/').next().unwrap_or_default();
    let arn = context
        .settings
        .arn("ecs", format_args!("service/{cluster}/{name}"));
    if service_of(region, &arn).is_none() {
        return Err(error::service_not_found());
    }
    let wanted = input.status.unwrap_or_default();
    let (after, before) = input
        .created_at
        .map_or((None, None), |range| (range.after, range.before));
    let most = match input.max_results {
        None => 20,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=100).contains(most))
            .ok_or_else(|| error::invalid("maxResults must be between 1 and 100."))?,
    };
    let rows = region
        .ecs
        .service_deployments
        .range((arn.clone(), 0)..=(arn, u64::MAX))
        .rev()
        .filter(|(_, row)| wanted.is_empty() || wanted.contains(&row.status.told()))
        .filter(|(_, row)| after.is_none_or(|at| row.created_at > at))
        .filter(|(_, row)| before.is_none_or(|at| row.created_at < at));
    // The newest first; a page's key has to ascend.
    let key = |one: &(&(String, u64), &ServiceDeployment)| format!("{:020}", u64::MAX - one.0.1);
    let page = crate::page::page(rows, key, input.next_token.as_deref(), most)
        .map_err(|_| error::invalid("Invalid token."))?;
    Ok(api::ListServiceDeploymentsResponse {
        next_token: page.next,
        service_deployments: Some(
            page.items
                .into_iter()
                .map(|(_, row)| api::ServiceDeploymentBrief {
                    cluster_arn: cluster_arn(region, &row.cluster),
                    created_at: Some(row.created_at),
                    finished_at: row.finished_at,
                    service_arn: Some(row.service.clone()),
                    service_deployment_arn: Some(row.arn.clone()),
                    started_at: Some(row.created_at),
                    status: Some(row.status.told()),
                    status_reason: row.reason.clone(),
                    target_service_revision_arn: Some(row.target.clone()),
                })
                .collect(),
        ),
    })
}

fn missing(arn: &str) -> api::Failure {
    api::Failure {
        arn: Some(arn.to_owned()),
        reason: Some("MISSING".to_owned()),
        detail: None,
    }
}

fn check_number(arns: &[String]) -> Result<(), Error> {
    if arns.is_empty() || arns.len() > MOST_ASKED {
        return Err(error::invalid(format!(
            "One to {MOST_ASKED} ARNs have to be given."
        )));
    }
    Ok(())
}

pub(super) fn describe_service_deployments(
    region: &Region,
    _: &Context,
    input: api::DescribeServiceDeploymentsRequest,
) -> Result<api::DescribeServiceDeploymentsResponse, Error> {
    check_number(&input.service_deployment_arns)?;
    let mut failures = Vec::new();
    let mut found = Vec::new();
    for arn in &input.service_deployment_arns {
        match find(region, arn) {
            Some((_, row)) => found.push(shown(region, row)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(api::DescribeServiceDeploymentsResponse {
        failures: Some(failures),
        service_deployments: Some(found),
    })
}

fn find<'a>(region: &'a Region, arn: &str) -> Option<(&'a (String, u64), &'a ServiceDeployment)> {
    region
        .ecs
        .service_deployments
        .iter()
        .find(|(_, row)| row.arn == arn)
}

fn shown(region: &Region, row: &ServiceDeployment) -> api::ServiceDeployment {
    let service = service_of(region, &row.service);
    let live = service.filter(|_| row.finished_at.is_none());
    let counts = |revision: &str| -> api::ServiceRevisionSummary {
        let of = service.and_then(|service| {
            service
                .deployments
                .iter()
                .enumerate()
                .find(|(_, one)| one.revision == revision)
                .map(|(at, one)| (service, at, one))
        });
        let count = |wanted: fn(TaskState) -> bool| {
            of.and_then(|(service, _, one)| {
                let number = tasks(region, service)
                    .filter(|task| super::service::belongs(task, &one.id))
                    .filter(|task| task.wanted() && wanted(task.status))
                    .count();
                i64::try_from(number).ok()
            })
        };
        api::ServiceRevisionSummary {
            arn: Some(revision.to_owned()),
            pending_task_count: count(|status| status < TaskState::Running).or(Some(0)),
            requested_task_count: Some(of.map_or(0, |(service, at, one)| {
                i64::from(if at == 0 {
                    service.desired_count
                } else {
                    one.keep
                })
            })),
            running_task_count: count(|status| status == TaskState::Running).or(Some(0)),
            ..Default::default()
        }
    };
    let breaker = service.and_then(|service| {
        service.settings.circuit_breaker?;
        let failed = service
            .deployments
            .iter()
            .find(|one| one.id == row.deployment)
            .map_or(0, |one| one.failed_tasks);
        Some((failed, scheduler::breaker_threshold(service.desired_count)))
    });
    let status = match (breaker, row.status) {
        (None, _) => api::ServiceDeploymentRollbackMonitorsStatus::Disabled,
        (Some((failed, threshold)), _) if failed >= threshold => {
            api::ServiceDeploymentRollbackMonitorsStatus::Triggered
        }
        (Some(_), ServiceDeploymentStatus::InProgress) => {
            api::ServiceDeploymentRollbackMonitorsStatus::Monitoring
        }
        (Some(_), _) => api::ServiceDeploymentRollbackMonitorsStatus::MonitoringComplete,
    };
    api::ServiceDeployment {
        cluster_arn: cluster_arn(region, &row.cluster),
        created_at: Some(row.created_at),
        deployment_circuit_breaker: Some(api::ServiceDeploymentCircuitBreaker {
            failure_count: Some(breaker.map_or(0, |(failed, _)| i64::from(failed))),
            status: Some(status),
            threshold: Some(breaker.map_or(0, |(_, threshold)| i64::from(threshold))),
        }),
        deployment_configuration: live.map(show::configuration),
        finished_at: row.finished_at,
        rollback: row.rollback.as_ref().map(|one| api::Rollback {
            reason: Some(one.reason.clone()),
            service_revision_arn: Some(one.revision.clone()),
            started_at: Some(one.started_at),
        }),
        service_arn: Some(row.service.clone()),
        service_deployment_arn: Some(row.arn.clone()),
        source_service_revisions: Some(row.source.iter().map(|one| counts(one)).collect()),
        started_at: Some(row.created_at),
        status: Some(row.status.told()),
        status_reason: row.reason.clone(),
        stopped_at: row.stopped_at,
        target_service_revision: Some(counts(&row.target)),
        updated_at: Some(row.updated_at),
        ..Default::default()
    }
}

pub(super) fn describe_service_revisions(
    region: &Region,
    _: &Context,
    input: api::DescribeServiceRevisionsRequest,
) -> Result<api::DescribeServiceRevisionsResponse, Error> {
    check_number(&input.service_revision_arns)?;
    let mut failures = Vec::new();
    let mut found = Vec::new();
    for arn in &input.service_revision_arns {
        match region.ecs.service_revisions.get(arn) {
            Some(row) => found.push(revision(region, row)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(api::DescribeServiceRevisionsResponse {
        failures: Some(failures),
        service_revisions: Some(found),
    })
}

fn revision(region: &Region, row: &ServiceRevision) -> api::ServiceRevision {
    let plan = &row.plan;
    let definition = super::task_definition::find(region, &plan.task_definition).ok();
    let images = definition
        .iter()
        .flat_map(|one| one.content.0.container_definitions.iter().flatten())
        .map(|one| api::ContainerImage {
            container_name: one.name.clone(),
            image: one.image.clone(),
            image_digest: one
                .name
                .as_ref()
                .and_then(|name| row.images.get(name))
                .cloned(),
        })
        .collect();
    api::ServiceRevision {
        capacity_provider_strategy: plan.launch_type.is_none().then(|| {
            plan.capacity_provider_strategy
                .iter()
                .map(|Stored(one)| one.clone())
                .collect()
        }),
        cluster_arn: cluster_arn(region, &row.cluster),
        container_images: Some(images),
        created_at: Some(row.created_at),
        launch_type: plan.launch_type.as_deref().and_then(|one| one.parse().ok()),
        load_balancers: Some(plan.load_balancers.iter().map(show::show_binding).collect()),
        network_configuration: Some(show::show_network(&plan.network)),
        platform_family: Some("Linux".to_owned()),
        platform_version: Some(show::actual_platform(&plan.platform_version)),
        service_arn: Some(row.service.clone()),
        service_revision_arn: Some(row.arn.clone()),
        task_definition: Some(plan.task_definition.clone()),
        ..Default::default()
    }
}

/// Ends a deployment under way: back to the one before, or, aborted, where it is.
pub(super) fn stop_service_deployment(
    region: &mut Region,
    context: &Context,
    input: api::StopServiceDeploymentRequest,
) -> Result<api::StopServiceDeploymentResponse, Error> {
    let arn = input.service_deployment_arn;
    let row = find(region, &arn)
        .map(|(_, row)| row.clone())
        .ok_or_else(|| {
            wire::ecs::error::service_deployment_not_found_exception(
                "The service deployment was not found.",
            )
        })?;
    if row.status != ServiceDeploymentStatus::InProgress {
        return Err(wire::ecs::error::conflict_exception(format!(
            "The service deployment is {} and cannot be stopped.",
            row.status.told()
        )));
    }
    let key = service_of(region, &row.service)
        .map(|one| (one.cluster.clone(), one.name.clone()))
        .ok_or_else(error::service_not_found)?;
    let back = input.stop_type != Some(api::StopServiceDeploymentStopType::Abort);
    reconcile::end_deployment(region, context, &key, back)?;
    Ok(api::StopServiceDeploymentResponse {
        service_deployment_arn: Some(arn),
    })
}

impl ServiceDeploymentStatus {
    pub(super) fn told(self) -> api::ServiceDeploymentStatus {
        match self {
            Self::InProgress => api::ServiceDeploymentStatus::InProgress,
            Self::Successful => api::ServiceDeploymentStatus::Successful,
            Self::Stopped => api::ServiceDeploymentStatus::Stopped,
            Self::RollbackInProgress => api::ServiceDeploymentStatus::RollbackInProgress,
            Self::RollbackSuccessful => api::ServiceDeploymentStatus::RollbackSuccessful,
            Self::RollbackFailed => api::ServiceDeploymentStatus::RollbackFailed,
        }
    }
}

/// When rows of a service that is gone are forgotten with it.
pub(super) fn forget(region: &mut Region, service: &str) {
    region
        .ecs
        .service_deployments
        .retain(|_, row| row.service != service);
    region
        .ecs
        .service_revisions
        .retain(|_, row| row.service != service);
}
