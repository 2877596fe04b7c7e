//! Clusters.

use wire::Stored;
use wire::ecs as api;

use super::error;
use super::state::{Cluster, TaskState};
use super::tags::{from_tags, to_tags};
use crate::{Context, Error, Region};

/// A cluster by name or ARN; without either it is `default`.
pub(super) fn name_of(given: Option<&str>) -> String {
    let given = given.filter(|text| !text.is_empty()).unwrap_or("default");
    given.rsplit('/').next().unwrap_or(given).to_owned()
}

/// A cluster that is there and active.
pub(super) fn active<'a>(region: &'a Region, given: Option<&str>) -> Result<&'a Cluster, Error> {
    region
        .ecs
        .clusters
        .get(&name_of(given))
        .filter(|cluster| cluster.active)
        .ok_or_else(error::cluster_not_found)
}

pub(super) fn create_cluster(
    region: &mut Region,
    context: &Context,
    input: api::CreateClusterRequest,
) -> Result<api::CreateClusterResponse, Error> {
    let name = input.cluster_name.unwrap_or_else(|| "default".to_owned());
    let good = (1..=255).contains(&name.len())
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_');
    if !good {
        return Err(error::invalid(
            "Identifier must be 255 characters or less and may only contain letters, numbers, hyphens and underscores.",
        ));
    }
    // Making a cluster that is there gives it back as it is.
    if let Some(cluster) = region.ecs.clusters.get(&name).filter(|one| one.active) {
        let cluster = show(region, cluster, true);
        return Ok(api::CreateClusterResponse {
            cluster: Some(cluster),
        });
    }
    check_providers(input.capacity_providers.as_deref().unwrap_or_default())?;
    let mut settings: std::collections::BTreeMap<String, String> =
        [("containerInsights".to_owned(), "disabled".to_owned())].into();
    settings.extend(read_settings(input.settings.unwrap_or_default()));
    let cluster = Cluster {
        arn: context.settings.arn("ecs", format_args!("cluster/{name}")),
        name: name.clone(),
        active: true,
        settings,
        configuration: input.configuration.map(Stored),
        capacity_providers: input.capacity_providers.unwrap_or_default(),
        default_strategy: input
            .default_capacity_provider_strategy
            .unwrap_or_default()
            .into_iter()
            .map(Stored)
            .collect(),
        service_connect_namespace: input.service_connect_defaults.map(|one| one.namespace),
        tags: from_tags(input.tags),
    };
    region.ecs.clusters.insert(name.clone(), cluster);
    let cluster = show(
        region,
        &region
            .ecs
            .clusters
            .get(&name)
            .cloned()
            .ok_or_else(error::cluster_not_found)?,
        true,
    );
    Ok(api::CreateClusterResponse {
        cluster: Some(cluster),
    })
}

pub(super) fn update_cluster(
    region: &mut Region,
    _: &Context,
    input: api::UpdateClusterRequest,
) -> Result<api::UpdateClusterResponse, Error> {
    let name = active(region, Some(&input.cluster))?.name.clone();
    let cluster = region
        .ecs
        .clusters
        .get_mut(&name)
        .ok_or_else(error::cluster_not_found)?;
    cluster
        .settings
        .extend(read_settings(input.settings.unwrap_or_default()));
    if let Some(configuration) = input.configuration {
        cluster.configuration = Some(Stored(configuration));
    }
    if let Some(defaults) = input.service_connect_defaults {
        cluster.service_connect_namespace =
            Some(defaults.namespace).filter(|name| !name.is_empty());
    }
    let cluster = cluster.clone();
    Ok(api::UpdateClusterResponse {
        cluster: Some(show(region, &cluster, true)),
    })
}

pub(super) fn update_cluster_settings(
    region: &mut Region,
    _: &Context,
    input: api::UpdateClusterSettingsRequest,
) -> Result<api::UpdateClusterSettingsResponse, Error> {
    let name = active(region, Some(&input.cluster))?.name.clone();
    let cluster = region
        .ecs
        .clusters
        .get_mut(&name)
        .ok_or_else(error::cluster_not_found)?;
    cluster.settings.extend(read_settings(input.settings));
    let cluster = cluster.clone();
    Ok(api::UpdateClusterSettingsResponse {
        cluster: Some(show(region, &cluster, true)),
    })
}

pub(super) fn put_cluster_capacity_providers(
    region: &mut Region,
    _: &Context,
    input: api::PutClusterCapacityProvidersRequest,
) -> Result<api::PutClusterCapacityProvidersResponse, Error> {
    check_providers(&input.capacity_providers)?;
    for item in &input.default_capacity_provider_strategy {
        if !input.capacity_providers.contains(&item.capacity_provider) {
            return Err(error::invalid(format!(
                "The specified capacity provider '{}' is not associated with the cluster.",
                item.capacity_provider
            )));
        }
    }
    let name = active(region, Some(&input.cluster))?.name.clone();
    let cluster = region
        .ecs
        .clusters
        .get_mut(&name)
        .ok_or_else(error::cluster_not_found)?;
    cluster.capacity_providers = input.capacity_providers;
    cluster.default_strategy = input
        .default_capacity_provider_strategy
        .into_iter()
        .map(Stored)
        .collect();
    let cluster = cluster.clone();
    Ok(api::PutClusterCapacityProvidersResponse {
        cluster: Some(show(region, &cluster, true)),
    })
}

pub(super) fn delete_cluster(
    region: &mut Region,
    _: &Context,
    input: api::DeleteClusterRequest,
) -> Result<api::DeleteClusterResponse, Error> {
    let name = active(region, Some(&input.cluster))?.name.clone();
    let services = region.ecs.services.values().any(|service| {
        service.cluster == name && service.status == super::state::ServiceStatus::Active
    });
    if services {
        return Err(api::error::cluster_contains_services_exception(
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    let tasks = region
        .ecs
        .tasks
        .values()
        .any(|task| task.cluster == name && task.status != TaskState::Stopped);
    if tasks {
        return Err(api::error::cluster_contains_tasks_exception(
            "The Cluster cannot be deleted while Tasks are active.",
        ));
    }
    let cluster = region
        .ecs
        .clusters
        .get_mut(&name)
        .ok_or_else(error::cluster_not_found)?;
    cluster.active = false;
    let cluster = cluster.clone();
    Ok(api::DeleteClusterResponse {
        cluster: Some(show(region, &cluster, true)),
    })
}

pub(super) fn describe_clusters(
    region: &Region,
    context: &Context,
    input: api::DescribeClustersRequest,
) -> Result<api::DescribeClustersResponse, Error> {
    let include = input.include.unwrap_or_default();
    let has = |field: &str| include.iter().any(|one| one.as_str() == field);
    let mut clusters = Vec::new();
    let mut failures = Vec::new();
    for given in input.clusters.unwrap_or_else(|| vec!["default".to_owned()]) {
        let name = name_of(Some(&given));
        match region.ecs.clusters.get(&name) {
            Some(row) => {
                let mut cluster = show(region, row, has("TAGS"));
                if !has("SETTINGS") {
                    cluster.settings = Some(Vec::new());
                }
                if !has("CONFIGURATIONS") {
                    cluster.configuration = None;
                }
                clusters.push(cluster);
            }
            None => failures.push(api::Failure {
                arn: Some(context.settings.arn("ecs", format_args!("cluster/{name}"))),
                reason: Some("MISSING".to_owned()),
                detail: None,
            }),
        }
    }
    Ok(api::DescribeClustersResponse {
        clusters: Some(clusters),
        failures: Some(failures),
    })
}

pub(super) fn list_clusters(
    region: &Region,
    _: &Context,
    input: api::ListClustersRequest,
) -> Result<api::ListClustersResponse, Error> {
    let arns = region
        .ecs
        .clusters
        .values()
        .filter(|one| one.active)
        .map(|one| one.arn.clone());
    let (arns, next) = super::page::page(arns, input.next_token.as_deref(), input.max_results)?;
    Ok(api::ListClustersResponse {
        cluster_arns: Some(arns),
        next_token: next,
    })
}

pub(super) fn show(region: &Region, cluster: &Cluster, tags: bool) -> api::Cluster {
    let tasks = |state: fn(TaskState) -> bool| {
        let count = region
            .ecs
            .tasks
            .values()
            .filter(|task| task.cluster == cluster.name && state(task.status))
            .count();
        i64::try_from(count).ok()
    };
    let services = region
        .ecs
        .services
        .values()
        .filter(|service| {
            service.cluster == cluster.name && service.status == super::state::ServiceStatus::Active
        })
        .count();
    api::Cluster {
        active_services_count: i64::try_from(services).ok(),
        capacity_providers: Some(cluster.capacity_providers.clone()),
        cluster_arn: Some(cluster.arn.clone()),
        cluster_name: Some(cluster.name.clone()),
        configuration: cluster.configuration.clone().map(|one| one.0),
        default_capacity_provider_strategy: Some(
            cluster
                .default_strategy
                .iter()
                .map(|one| one.0.clone())
                .collect(),
        ),
        pending_tasks_count: tasks(|state| state < TaskState::Running),
        registered_container_instances_count: Some(0),
        running_tasks_count: tasks(|state| state == TaskState::Running),
        service_connect_defaults: cluster.service_connect_namespace.clone().map(|namespace| {
            api::ClusterServiceConnectDefaults {
                namespace: Some(namespace),
            }
        }),
        settings: Some(
            cluster
                .settings
                .iter()
                .map(|(name, value)| api::ClusterSetting {
                    name: name.parse().ok(),
                    value: Some(value.clone()),
                })
                .collect(),
        ),
        statistics: Some(Vec::new()),
        status: Some(if cluster.active { "ACTIVE" } else { "INACTIVE" }.to_owned()),
        tags: Some(if tags {
            to_tags(&cluster.tags)
        } else {
            Vec::new()
        }),
        ..Default::default()
    }
}

fn read_settings(settings: Vec<api::ClusterSetting>) -> impl Iterator<Item = (String, String)> {
    settings
        .into_iter()
        .filter_map(|one| Some((one.name?.as_str().to_owned(), one.value?)))
}

/// Only Fargate's own providers exist here.
fn check_providers(providers: &[String]) -> Result<(), Error> {
    match providers
        .iter()
        .find(|one| !["FARGATE", "FARGATE_SPOT"].contains(&one.as_str()))
    {
        Some(other) => Err(error::invalid(format!(
            "The specified capacity provider '{other}' was not found."
        ))),
        None => Ok(()),
    }
}
