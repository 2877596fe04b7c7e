//! RDS for PostgreSQL: instances, replicas, groups, snapshots. The servers themselves run in the
//! world; here is what they should be, and what is told of them.

mod class;
mod cluster;
mod common;
mod engine;
mod error;
mod event;
pub mod instance;
mod metrics;
mod option_group;
mod parameter;
mod parameter_group;
mod password;
mod snapshot;
mod state;
mod subnet_group;
mod tags;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use world::{Action, Event, World};

pub use state::{Instance, State};

use crate::{Context, Region, Service};
use instance::{create, delete, describe, modify, replica, restore, run};

crate::operations! { wire::rds::op;
    write AddTagsToResource => tags::add_tags_to_resource,
    write CopyDBParameterGroup => parameter_group::copy_db_parameter_group,
    write CreateDBInstance => create::create_db_instance,
    write CreateDBInstanceReadReplica => replica::create_db_instance_read_replica,
    write CreateDBParameterGroup => parameter_group::create_db_parameter_group,
    write CreateDBSnapshot => snapshot::create_db_snapshot,
    write CreateDBSubnetGroup => subnet_group::create_db_subnet_group,
    write DeleteDBInstance => delete::delete_db_instance,
    write DeleteDBParameterGroup => parameter_group::delete_db_parameter_group,
    write DeleteDBSnapshot => snapshot::delete_db_snapshot,
    write DeleteDBSubnetGroup => subnet_group::delete_db_subnet_group,
    read DescribeDBClusters => cluster::describe_db_clusters,
    read DescribeDBEngineVersions => engine::describe_db_engine_versions,
    read DescribeDBInstances => describe::describe_db_instances,
    read DescribeDBMajorEngineVersions => engine::describe_db_major_engine_versions,
    read DescribeDBParameterGroups => parameter_group::describe_db_parameter_groups,
    read DescribeDBParameters => parameter_group::describe_db_parameters,
    read DescribeDBSnapshotAttributes => snapshot::describe_db_snapshot_attributes,
    read DescribeDBSnapshots => snapshot::describe_db_snapshots,
    read DescribeDBSubnetGroups => subnet_group::describe_db_subnet_groups,
    read DescribeEngineDefaultParameters => parameter_group::describe_engine_default_parameters,
    read DescribeEvents => event::describe_events,
    read DescribeGlobalClusters => cluster::describe_global_clusters,
    read DescribeOptionGroupOptions => option_group::describe_option_group_options,
    read DescribeOptionGroups => option_group::describe_option_groups,
    read DescribeOrderableDBInstanceOptions => engine::describe_orderable_db_instance_options,
    read DescribeValidDBInstanceModifications => describe::describe_valid_db_instance_modifications,
    read ListTagsForResource => tags::list_tags_for_resource,
    write ModifyDBInstance => modify::modify_db_instance,
    write ModifyDBParameterGroup => parameter_group::modify_db_parameter_group,
    write ModifyDBSnapshotAttribute => snapshot::modify_db_snapshot_attribute,
    write ModifyDBSubnetGroup => subnet_group::modify_db_subnet_group,
    write PromoteReadReplica => replica::promote_read_replica,
    write RebootDBInstance => run::reboot_db_instance,
    write RemoveTagsFromResource => tags::remove_tags_from_resource,
    write ResetDBParameterGroup => parameter_group::reset_db_parameter_group,
    write RestoreDBInstanceFromDBSnapshot => restore::restore_db_instance_from_db_snapshot,
    write StartDBInstance => run::start_db_instance,
    write StopDBInstance => run::stop_db_instance,
}

pub(crate) const SERVICE: Service = Service {
    bootstrap: parameter_group::bootstrap,
    reconcile,
    deadline,
    desire,
    actions,
    observe,
    awaits: run::awaits,
    ..Service::new("rds", handler)
};

fn reconcile(region: &mut Region, context: &Context) {
    run::reconcile(region, context);
    event::reconcile(region, context);
}

fn deadline(region: &Region) -> Option<Timestamp> {
    run::deadline(region)
        .into_iter()
        .chain(event::deadline(region))
        .min()
}

fn desire(region: &Region, world: &mut World) {
    run::desire(region, world);
}

fn actions(region: &Region, actions: &mut Vec<Action>) {
    run::actions(region, actions);
    snapshot::actions(region, actions);
}

fn observe(region: &mut Region, context: &Context, event: &Event) {
    match event {
        Event::Database(status) => run::heard(region, status),
        Event::Measured(measured) => {
            for (database, usage) in &measured.databases {
                metrics::observe(region, context, measured.minute(), database, usage);
            }
        }
        Event::ActionDone {
            id,
            failure,
            snapshot,
        } => {
            run::acted(region, context, id, failure.as_deref());
            snapshot::acted(region, context, id, failure.as_deref(), snapshot.as_ref());
        }
        _ => {}
    }
}
