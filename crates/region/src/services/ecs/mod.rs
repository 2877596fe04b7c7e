//! ECS: clusters, task definitions, services and tasks on Fargate.

mod cluster;
mod desire;
mod error;
pub mod metadata;
mod metrics;
mod page;
mod protection;
mod reconcile;
pub mod scaling;
mod scheduler;
mod service;
mod service_deployment;
mod setting;
mod size;
mod state;
mod tags;
mod task;
mod task_definition;
#[cfg(test)]
pub(crate) mod tests;

pub use state::{Service as ServiceRow, State, Task, TaskState};

use crate::{Region, Service};

pub(crate) const SERVICE: Service = Service {
    reconcile: reconcile::reconcile,
    deadline: reconcile::deadline,
    desire: desire::desire,
    observe: reconcile::observe,
    awaits: reconcile::awaits,
    ..Service::new("ecs", handler)
};

crate::operations! { wire::ecs::op;
    write CreateCluster => cluster::create_cluster,
    write UpdateCluster => cluster::update_cluster,
    write UpdateClusterSettings => cluster::update_cluster_settings,
    write PutClusterCapacityProviders => cluster::put_cluster_capacity_providers,
    write DeleteCluster => cluster::delete_cluster,
    read DescribeClusters => cluster::describe_clusters,
    read ListClusters => cluster::list_clusters,
    write RegisterTaskDefinition => task_definition::register_task_definition,
    write DeregisterTaskDefinition => task_definition::deregister_task_definition,
    write DeleteTaskDefinitions => task_definition::delete_task_definitions,
    read DescribeTaskDefinition => task_definition::describe_task_definition,
    read ListTaskDefinitions => task_definition::list_task_definitions,
    read ListTaskDefinitionFamilies => task_definition::list_task_definition_families,
    write CreateService => service::create_service,
    write UpdateService => service::update_service,
    write DeleteService => service::delete_service,
    read DescribeServices => service::describe_services,
    read ListServices => service::list_services,
    read ListServiceDeployments => service_deployment::list_service_deployments,
    read DescribeServiceDeployments => service_deployment::describe_service_deployments,
    read DescribeServiceRevisions => service_deployment::describe_service_revisions,
    write StopServiceDeployment => service_deployment::stop_service_deployment,
    write RunTask => task::run_task,
    write StopTask => task::stop_task,
    read DescribeTasks => task::describe_tasks,
    read ListTasks => task::list_tasks,
    write UpdateTaskProtection => protection::update_task_protection,
    read GetTaskProtection => protection::get_task_protection,
    write TagResource => tags::tag_resource,
    write UntagResource => tags::untag_resource,
    read ListTagsForResource => tags::list_tags_for_resource,
    write PutAccountSetting => setting::put_account_setting,
    write PutAccountSettingDefault => setting::put_account_setting_default,
    write DeleteAccountSetting => setting::delete_account_setting,
    read ListAccountSettings => setting::list_account_settings,
}

/// The task behind an interface.
pub fn by_interface<'a>(region: &'a Region, interface: &str) -> Option<&'a Task> {
    region
        .ecs
        .tasks
        .values()
        .find(|task| task.interface.as_str() == interface)
}

/// The ARN of the role whose credentials a task may use.
pub fn task_role(region: &Region, task: &Task) -> Option<String> {
    let over = task.overrides.0.task_role_arn.clone();
    let definition = || {
        task_definition::find(region, &task.task_definition)
            .ok()
            .and_then(|row| row.content.0.task_role_arn.clone())
    };
    over.or_else(definition)
}
