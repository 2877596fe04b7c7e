//! An instance made of a snapshot.

use wire::Error;
use wire::rds as api;

use super::create::{
    Plan, backup_window, checked_class, checked_exports, checked_iam, checked_port,
    checked_retention, checked_storage, free_name, group_for, groups_for, insert,
    maintenance_window, parameters_for,
};
use super::describe::shown;
use crate::services::rds::common::new_tags;
use crate::services::rds::error::invalid_combination;
use crate::services::rds::state::{Origin, Settings};
use crate::services::rds::{engine, password, snapshot};
use crate::{Context, Region};

pub(in crate::services::rds) fn restore_db_instance_from_db_snapshot(
    region: &mut Region,
    context: &Context,
    input: api::RestoreDBInstanceFromDBSnapshotMessage,
) -> Result<api::RestoreDBInstanceFromDBSnapshotResult, Error> {
    let name = free_name(region, &input.db_instance_identifier)?;
    let id = input.db_snapshot_identifier.ok_or_else(|| {
        invalid_combination("DBSnapshotIdentifier is needed: Terrella has no Aurora clusters yet.")
    })?;
    let of = snapshot::to_restore(region, &id)?.clone();
    if let Some(engine) = &input.engine {
        engine::checked(engine)?;
    }
    let group = group_for(region, context, input.db_subnet_group_name.as_deref())?;
    let storage_type = input
        .storage_type
        .unwrap_or_else(|| of.settings.storage_type.clone());
    let storage = input
        .allocated_storage
        .unwrap_or(of.settings.allocated_storage);
    checked_storage(
        &storage_type,
        storage,
        None,
        input.iops.or(of.settings.iops),
    )?;
    let major = engine::major(&of.settings.engine_version);
    let settings = Settings {
        class: checked_class(
            input
                .db_instance_class
                .as_deref()
                .unwrap_or(&of.settings.class),
        )?,
        allocated_storage: storage,
        max_allocated_storage: None,
        iops: input.iops.or(of.settings.iops),
        storage_throughput: input.storage_throughput.or(of.settings.storage_throughput),
        storage_type,
        multi_az: input.multi_az == Some(true),
        backup_retention: checked_retention(
            input
                .backup_retention_period
                .unwrap_or(of.settings.backup_retention),
        )?,
        backup_window: input
            .preferred_backup_window
            .unwrap_or_else(|| backup_window(context)),
        maintenance_window: maintenance_window(context),
        security_groups: groups_for(region, &group, input.vpc_security_group_ids)?,
        parameter_group: parameters_for(region, input.db_parameter_group_name.as_deref(), major)?,
        publicly_accessible: input.publicly_accessible == Some(true),
        auto_minor_version_upgrade: input.auto_minor_version_upgrade != Some(false),
        copy_tags_to_snapshot: input.copy_tags_to_snapshot == Some(true),
        deletion_protection: input.deletion_protection == Some(true),
        iam_authentication: checked_iam(input.enable_iam_database_authentication)?,
        log_exports: checked_exports(input.enable_cloudwatch_logs_exports)?,
        port: input
            .port
            .map_or(Ok(of.settings.port), |port| checked_port(Some(port)))?,
        ca_certificate: input
            .ca_certificate_identifier
            .unwrap_or_else(|| of.settings.ca_certificate.clone()),
        ..of.settings.clone()
    };
    let managed = input.manage_master_user_password == Some(true);
    let fresh = managed.then(|| password::random(context));
    let plan = Plan {
        name,
        settings,
        master_username: of.master_username,
        password: match &fresh {
            Some(password) => password::sealed(region, context, password)?,
            None => of.password,
        },
        database_name: of.database_name,
        encrypted: of.encrypted,
        kms_key_id: of.kms_key_id,
        subnet_group: group,
        zone: input.availability_zone,
        replica_of: None,
        origin: Origin::Snapshot { id: of.id },
        tags: new_tags(input.tags)?,
    };
    let id = insert(region, context, plan)?;
    if let Some(password) = fresh {
        password::manage(
            region,
            context,
            &id,
            &password,
            input.master_user_secret_kms_key_id.as_deref(),
        )?;
    }
    Ok(api::RestoreDBInstanceFromDBSnapshotResult {
        db_instance: region.rds.instances.get(&id).map(|one| shown(region, one)),
    })
}
