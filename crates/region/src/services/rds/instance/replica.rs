//! Read replicas: what they take from their source and what not, and how they become writers.

use wire::Error;
use wire::rds as api;

use super::create::{
    Plan, backup_window, checked_class, checked_exports, checked_iam, checked_monitoring,
    checked_port, checked_retention, checked_storage, free_name, group_for, insert,
    maintenance_window, parameters_for, storage_key,
};
use super::describe::shown;
use super::{available, change, get};
use crate::services::rds::common::new_tags;
use crate::services::rds::error::{invalid_combination, invalid_instance_state, invalid_value};
use crate::services::rds::state::{Origin, Settings, Status};
use crate::services::rds::{engine, event};
use crate::{Context, Region};

const MOST_REPLICAS: usize = 15;

pub(in crate::services::rds) fn create_db_instance_read_replica(
    region: &mut Region,
    context: &Context,
    input: api::CreateDBInstanceReadReplicaMessage,
) -> Result<api::CreateDBInstanceReadReplicaResult, Error> {
    let name = free_name(region, &input.db_instance_identifier)?;
    let source = input.source_db_instance_identifier.ok_or_else(|| {
        invalid_combination(
            "SourceDBInstanceIdentifier is needed: Terrella has no Aurora clusters yet.",
        )
    })?;
    let source = available(region, &source)?.clone();
    let of = &source.settings;
    if of.backup_retention == 0 {
        return Err(invalid_instance_state(format!(
            "Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value. ({})",
            source.name
        )));
    }
    if source.secret.is_some() {
        return Err(invalid_value(
            "A read replica can't be created for a DB instance whose master user password is managed in AWS Secrets Manager.",
        ));
    }
    if super::followers(region, &source.resource_id).count() >= MOST_REPLICAS {
        return Err(invalid_value(format!(
            "A DB instance can have at most {MOST_REPLICAS} read replicas."
        )));
    }
    let group = match input.db_subnet_group_name.as_deref() {
        None => source.subnet_group.clone(),
        Some(name) => group_for(region, context, Some(name))?,
    };
    let storage_type = input
        .storage_type
        .unwrap_or_else(|| of.storage_type.clone());
    let storage = input.allocated_storage.unwrap_or(of.allocated_storage);
    checked_storage(
        &storage_type,
        storage,
        input.max_allocated_storage,
        input.iops.or(of.iops),
    )?;
    // Without groups of its own a replica takes those of the VPC, not of its source.
    let security_groups = super::create::groups_for(region, &group, input.vpc_security_group_ids)?;
    let major = engine::major(&of.engine_version);
    let settings = Settings {
        class: checked_class(input.db_instance_class.as_deref().unwrap_or(&of.class))?,
        engine_version: of.engine_version.clone(),
        exact_version: of.exact_version,
        allocated_storage: storage,
        max_allocated_storage: input.max_allocated_storage.filter(|most| *most > 0),
        iops: input
            .iops
            .or_else(|| of.iops.filter(|_| storage_type == of.storage_type)),
        storage_throughput: input.storage_throughput,
        storage_type,
        multi_az: input.multi_az == Some(true),
        // Backups are off until somebody turns them on.
        backup_retention: 0,
        backup_window: backup_window(context),
        maintenance_window: maintenance_window(context),
        security_groups,
        parameter_group: match input.db_parameter_group_name.as_deref() {
            None => of.parameter_group.clone(),
            Some(name) => parameters_for(region, Some(name), major)?,
        },
        publicly_accessible: input.publicly_accessible == Some(true),
        auto_minor_version_upgrade: input
            .auto_minor_version_upgrade
            .unwrap_or(of.auto_minor_version_upgrade),
        copy_tags_to_snapshot: input.copy_tags_to_snapshot == Some(true),
        deletion_protection: input.deletion_protection == Some(true),
        iam_authentication: checked_iam(input.enable_iam_database_authentication)?,
        log_exports: checked_exports(input.enable_cloudwatch_logs_exports)?,
        monitoring_interval: checked_monitoring(
            region,
            input.monitoring_interval,
            input.monitoring_role_arn.as_deref(),
        )?,
        monitoring_role: input.monitoring_role_arn,
        performance_insights: input.enable_performance_insights == Some(true),
        performance_insights_key: input.performance_insights_kms_key_id,
        performance_insights_retention: input.performance_insights_retention_period,
        port: input
            .port
            .map_or(Ok(of.port), |port| checked_port(Some(port)))?,
        ca_certificate: input
            .ca_certificate_identifier
            .unwrap_or_else(|| of.ca_certificate.clone()),
        database_insights: of.database_insights.clone(),
        dedicated_log_volume: input.dedicated_log_volume == Some(true),
        network_type: input
            .network_type
            .unwrap_or_else(|| of.network_type.clone()),
        engine_lifecycle_support: of.engine_lifecycle_support.clone(),
    };
    let kms_key_id = match input.kms_key_id.as_deref() {
        // In a region a replica is encrypted as its source is.
        Some(key) if source.encrypted => storage_key(region, context, true, Some(key))?,
        _ => source.kms_key_id.clone(),
    };
    let plan = Plan {
        name,
        settings,
        master_username: source.master_username.clone(),
        password: source.password.clone(),
        database_name: source.database_name.clone(),
        encrypted: source.encrypted,
        kms_key_id,
        subnet_group: group,
        zone: input.availability_zone,
        replica_of: Some(source.resource_id.clone()),
        origin: Origin::Source,
        tags: new_tags(input.tags)?,
    };
    let id = insert(region, context, plan)?;
    Ok(api::CreateDBInstanceReadReplicaResult {
        db_instance: region.rds.instances.get(&id).map(|one| shown(region, one)),
    })
}

pub(in crate::services::rds) fn promote_read_replica(
    region: &mut Region,
    context: &Context,
    input: api::PromoteReadReplicaMessage,
) -> Result<api::PromoteReadReplicaResult, Error> {
    let replica = get(region, &input.db_instance_identifier)?;
    if replica.replica_of.is_none() {
        return Err(invalid_instance_state(
            "The specified DB Instance is not a read replica.",
        ));
    }
    if replica.status != Status::Available {
        return Err(invalid_instance_state(format!(
            "Database instance {} is not in available state.",
            replica.name
        )));
    }
    let retention = checked_retention(input.backup_retention_period.unwrap_or(1))?;
    let (id, window) = (replica.resource_id.clone(), input.preferred_backup_window);
    promote(region, context, &id);
    change(region, &id, |row| {
        row.settings.backup_retention = retention;
        if let Some(window) = window {
            row.settings.backup_window = window;
        }
    });
    let replica = get(region, &input.db_instance_identifier)?;
    Ok(api::PromoteReadReplicaResult {
        db_instance: Some(shown(region, replica)),
    })
}

/// Ends a replica's following: it becomes a writer of its own.
pub(super) fn promote(region: &mut Region, context: &Context, id: &str) {
    change(region, id, |row| {
        row.replica_of = None;
        row.changed_at = context.now;
        row.status = Status::Modifying {
            until: context.now + super::run::MOMENT,
        };
    });
    if let Some(row) = region.rds.instances.get(id).cloned() {
        event::of_instance(
            region,
            context,
            &row,
            "configuration change",
            "Promoted read replica to a standalone instance",
        );
    }
}
