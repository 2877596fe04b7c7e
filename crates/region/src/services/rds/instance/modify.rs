//! Changes to an instance: which apply at once, which wait for the maintenance window, and which
//! are refused.

use wire::Error;
use wire::rds as api;

use super::create::{
    LOG_TYPES, checked_class, checked_iam, checked_monitoring, checked_port, checked_retention,
    checked_storage, free_name, groups_for, parameters_for, standby,
};
use super::describe::shown;
use super::{change, get, run};
use crate::services::ec2;
use crate::services::rds::error::{invalid_combination, invalid_instance_state, invalid_value};
use crate::services::rds::state::{ActKind, Instance, Pending, Status};
use crate::services::rds::{engine, event, password, subnet_group};
use crate::{Context, Region};

pub(in crate::services::rds) fn modify_db_instance(
    region: &mut Region,
    context: &Context,
    input: api::ModifyDBInstanceMessage,
) -> Result<api::ModifyDBInstanceResult, Error> {
    let before = get(region, &input.db_instance_identifier)?.clone();
    // A protection may be lifted whatever the instance is doing.
    let only_protection = input.deletion_protection.is_some() && before.status != Status::Available;
    if before.status != Status::Available
        && !only_protection
        && !matches!(before.status, Status::Stopped { .. })
    {
        return Err(invalid_instance_state(format!(
            "Database instance is not in available state. ({} is {})",
            before.name,
            before.status.name()
        )));
    }
    let id = before.resource_id.clone();
    let now = input.apply_immediately == Some(true);
    at_once(region, context, &before, &input)?;
    master_password(region, context, &before, &input)?;
    let waiting = deferrable(region, context, &before, &input)?;
    if only_protection && waiting != Pending::default() {
        return Err(invalid_instance_state(
            "Database instance is not in available state.",
        ));
    }
    if waiting != Pending::default() {
        change(region, &id, |row| {
            row.pending = merged(&row.pending, waiting);
            row.changed_at = context.now;
        });
    }
    if now {
        apply(region, context, &id)?;
    }
    let after = region.rds.instances.get(&id).map(|one| shown(region, one));
    Ok(api::ModifyDBInstanceResult { db_instance: after })
}

/// What never waits.
fn at_once(
    region: &mut Region,
    context: &Context,
    before: &Instance,
    input: &api::ModifyDBInstanceMessage,
) -> Result<(), Error> {
    let id = &before.resource_id;
    let major = engine::major(&before.settings.engine_version);
    let mut settings = before.settings.clone();
    if input
        .db_subnet_group_name
        .as_ref()
        .is_some_and(|name| *name != before.subnet_group)
    {
        return Err(Error::new(
            "NotImplemented",
            501,
            "Terrella does not move a database to another subnet group yet.",
        ));
    }
    if let Some(ids) = input
        .vpc_security_group_ids
        .clone()
        .filter(|ids| !ids.is_empty())
    {
        settings.security_groups = groups_for(region, &before.subnet_group, Some(ids))?;
    }
    if let Some(name) = &input.db_parameter_group_name {
        settings.parameter_group = parameters_for(region, Some(name), major)?;
    }
    if let Some(text) = &input.preferred_backup_window {
        settings.backup_window.clone_from(text);
    }
    if let Some(text) = &input.preferred_maintenance_window {
        settings.maintenance_window = text.to_lowercase();
    }
    if let Some(flag) = input.publicly_accessible {
        settings.publicly_accessible = flag;
    }
    if let Some(flag) = input.auto_minor_version_upgrade {
        settings.auto_minor_version_upgrade = flag;
    }
    if let Some(flag) = input.copy_tags_to_snapshot {
        settings.copy_tags_to_snapshot = flag;
    }
    if let Some(flag) = input.deletion_protection {
        settings.deletion_protection = flag;
    }
    if let Some(most) = input.max_allocated_storage {
        let storage = input
            .allocated_storage
            .unwrap_or(settings.allocated_storage);
        checked_storage(
            &settings.storage_type,
            storage,
            Some(most),
            settings.iops.or(Some(0)),
        )?;
        // As large as the storage itself means: it does not grow.
        settings.max_allocated_storage = Some(most).filter(|most| *most > storage);
    }
    if let Some(change) = &input.cloudwatch_logs_export_configuration {
        for kind in change.enable_log_types.iter().flatten() {
            if !LOG_TYPES.contains(&kind.as_str()) {
                return Err(invalid_combination(format!(
                    "You cannot use the log types '{kind}' with engine version postgres."
                )));
            }
            settings.log_exports.insert(kind.clone());
        }
        for kind in change.disable_log_types.iter().flatten() {
            settings.log_exports.remove(kind);
        }
    }
    if input.monitoring_interval.is_some() || input.monitoring_role_arn.is_some() {
        let interval = input
            .monitoring_interval
            .unwrap_or(settings.monitoring_interval);
        let role = input
            .monitoring_role_arn
            .clone()
            .or(settings.monitoring_role);
        settings.monitoring_interval = checked_monitoring(region, Some(interval), role.as_deref())?;
        settings.monitoring_role = role.filter(|_| interval > 0);
    }
    if let Some(flag) = input.enable_performance_insights {
        settings.performance_insights = flag;
        if !flag {
            settings.performance_insights_key = None;
            settings.performance_insights_retention = None;
        }
    }
    if let Some(key) = &input.performance_insights_kms_key_id {
        settings.performance_insights_key = Some(key.clone());
    }
    if let Some(days) = input.performance_insights_retention_period {
        settings.performance_insights_retention = Some(days);
    }
    if let Some(mode) = input.database_insights_mode {
        mode.as_str().clone_into(&mut settings.database_insights);
    }
    if settings == before.settings {
        return Ok(());
    }
    if settings.security_groups != before.settings.security_groups {
        for place in std::iter::once(&before.place).chain(before.standby.as_ref()) {
            ec2::interface::set_security_groups(
                region,
                &place.interface,
                settings.security_groups.clone(),
            )?;
        }
    }
    if settings.parameter_group != before.settings.parameter_group {
        let text = format!(
            "Updated to use DBParameterGroup {}",
            settings.parameter_group
        );
        event::of_instance(region, context, before, "configuration change", &text);
    }
    change(region, id, |row| row.settings = settings);
    Ok(())
}

fn master_password(
    region: &mut Region,
    context: &Context,
    before: &Instance,
    input: &api::ModifyDBInstanceMessage,
) -> Result<(), Error> {
    let id = &before.resource_id;
    let managed = input
        .manage_master_user_password
        .unwrap_or(before.secret.is_some());
    if input.master_user_password.is_some() && managed {
        return Err(invalid_combination(
            "You can't specify MasterUserPassword for an instance whose master user password is managed in AWS Secrets Manager.",
        ));
    }
    if input.rotate_master_user_password == Some(true) {
        if before.secret.is_none() {
            return Err(invalid_combination(
                "You can't rotate the master user password of an instance that doesn't manage it in AWS Secrets Manager.",
            ));
        }
        if input.apply_immediately != Some(true) {
            return Err(invalid_combination(
                "You must apply the change immediately when rotating the master user password.",
            ));
        }
        password::rotate(region, context, id)?;
        resetting(region, context, id);
    }
    if let Some(new) = &input.master_user_password {
        if before.replica_of.is_some() {
            return Err(invalid_combination(
                "You can't change the master user password of a read replica.",
            ));
        }
        password::checked(new)?;
        let blob = password::sealed(region, context, new)?;
        change(region, id, |row| {
            row.password = blob;
            row.pending.password = true;
        });
        resetting(region, context, id);
        event::of_instance(
            region,
            context,
            before,
            "configuration change",
            "Reset master credentials",
        );
    }
    match (input.manage_master_user_password, before.secret.is_some()) {
        (Some(true), false) => {
            if before.replica_of.is_some() || super::followers(region, id).next().is_some() {
                return Err(invalid_value(
                    "The master user password can't be managed in AWS Secrets Manager for a DB instance with read replicas.",
                ));
            }
            let new = password::random(context);
            let blob = password::sealed(region, context, &new)?;
            change(region, id, |row| row.password = blob);
            password::manage(
                region,
                context,
                id,
                &new,
                input.master_user_secret_kms_key_id.as_deref(),
            )?;
            resetting(region, context, id);
        }
        (Some(false), true) => {
            if input.master_user_password.is_none() {
                return Err(invalid_combination(
                    "MasterUserPassword is required when ManageMasterUserPassword is turned off.",
                ));
            }
            password::unmanage(region, id);
        }
        _ => {}
    }
    Ok(())
}

fn resetting(region: &mut Region, context: &Context, id: &str) {
    change(region, id, |row| {
        row.status = Status::ResettingMasterCredentials {
            until: context.now + run::MOMENT,
        };
    });
}

/// What waits for the window unless it is to apply immediately: only what differs.
fn deferrable(
    region: &Region,
    context: &Context,
    before: &Instance,
    input: &api::ModifyDBInstanceMessage,
) -> Result<Pending, Error> {
    let now = &before.settings;
    let mut waiting = Pending::default();
    if let Some(class) = &input.db_instance_class {
        waiting.class = Some(checked_class(class)?).filter(|class| *class != now.class);
    }
    if let Some(asked) = &input.engine_version {
        let (version, exact) = engine::resolved(context, Some(asked))?;
        let same = version == now.engine_version
            || !exact && engine::major(&version) == engine::major(&now.engine_version);
        if !same {
            if engine::major(&version) != engine::major(&now.engine_version) {
                if input.allow_major_version_upgrade != Some(true) {
                    return Err(invalid_combination(
                        "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
                    ));
                }
                return Err(Error::new(
                    "NotImplemented",
                    501,
                    format!(
                        "Terrella does not upgrade databases to another major version yet: {} to {version}.",
                        now.engine_version
                    ),
                ));
            }
            waiting.engine_version = Some(version);
        }
    }
    if let Some(name) = &input.new_db_instance_identifier
        && !name.eq_ignore_ascii_case(&before.name)
    {
        waiting.name = Some(free_name(region, name)?);
    }
    if let Some(flag) = input.multi_az {
        waiting.multi_az = Some(flag).filter(|flag| *flag != now.multi_az);
    }
    if let Some(days) = input.backup_retention_period {
        let days = checked_retention(days)?;
        if days == 0
            && super::followers(region, &before.resource_id)
                .next()
                .is_some()
        {
            return Err(invalid_combination(
                "Automated backups can't be turned off for a DB instance that has read replicas.",
            ));
        }
        waiting.backup_retention = Some(days).filter(|days| *days != now.backup_retention);
    }
    storage(now, input, &mut waiting)?;
    if input.db_port_number.is_some() {
        waiting.port = Some(checked_port(input.db_port_number)?).filter(|port| *port != now.port);
    }
    waiting.ca_certificate = input
        .ca_certificate_identifier
        .clone()
        .filter(|certificate| *certificate != now.ca_certificate);
    checked_iam(input.enable_iam_database_authentication)?;
    Ok(waiting)
}

fn storage(
    now: &crate::services::rds::state::Settings,
    input: &api::ModifyDBInstanceMessage,
    waiting: &mut Pending,
) -> Result<(), Error> {
    waiting.storage_type = input
        .storage_type
        .clone()
        .filter(|kind| *kind != now.storage_type);
    waiting.iops = input.iops.filter(|iops| Some(*iops) != now.iops);
    waiting.storage_throughput = input
        .storage_throughput
        .filter(|one| Some(*one) != now.storage_throughput);
    if let Some(gib) = input
        .allocated_storage
        .filter(|gib| *gib != now.allocated_storage)
    {
        if gib < now.allocated_storage {
            return Err(invalid_combination(format!(
                "Requested storage size ({gib}) cannot be less than the current storage size ({}).",
                now.allocated_storage
            )));
        }
        // Less than a tenth more is rounded up to that.
        let least = now.allocated_storage + (now.allocated_storage + 9) / 10;
        waiting.allocated_storage = Some(gib.max(least));
    }
    let kind = waiting.storage_type.as_deref().unwrap_or(&now.storage_type);
    let gib = waiting.allocated_storage.unwrap_or(now.allocated_storage);
    checked_storage(kind, gib, None, waiting.iops.or(now.iops))
}

/// Later wishes win over earlier ones.
fn merged(old: &Pending, new: Pending) -> Pending {
    Pending {
        class: new.class.or_else(|| old.class.clone()),
        engine_version: new.engine_version.or_else(|| old.engine_version.clone()),
        name: new.name.or_else(|| old.name.clone()),
        multi_az: new.multi_az.or(old.multi_az),
        backup_retention: new.backup_retention.or(old.backup_retention),
        allocated_storage: new.allocated_storage.or(old.allocated_storage),
        storage_type: new.storage_type.or_else(|| old.storage_type.clone()),
        iops: new.iops.or(old.iops),
        storage_throughput: new.storage_throughput.or(old.storage_throughput),
        port: new.port.or(old.port),
        ca_certificate: new.ca_certificate.or_else(|| old.ca_certificate.clone()),
        iam_authentication: new.iam_authentication.or(old.iam_authentication),
        password: old.password,
    }
}

/// Makes everything that waits so: at a caller's wish, or in the maintenance window.
pub(in crate::services::rds) fn apply(
    region: &mut Region,
    context: &Context,
    id: &str,
) -> Result<(), Error> {
    let Some(row) = region.rds.instances.get(id).cloned() else {
        return Ok(());
    };
    let waiting = Pending {
        password: false,
        ..row.pending.clone()
    };
    if waiting == Pending::default() {
        return Ok(());
    }
    let new_standby = match (waiting.multi_az, &row.standby) {
        (Some(true), None) => {
            let group = subnet_group::get(region, &row.subnet_group)?.clone();
            let zone = row.place.zone.clone();
            Some(standby(
                region,
                context,
                &group,
                &zone,
                &row.settings.security_groups,
            )?)
        }
        _ => None,
    };
    if waiting.multi_az == Some(false)
        && let Some(old) = &row.standby
    {
        // What is active stays: the standby may have taken over.
        let gone = if old.interface == *row.active_interface() {
            &row.place
        } else {
            old
        };
        ec2::interface::delete(region, &gone.interface);
    }
    let restart =
        waiting.class.is_some() || waiting.engine_version.is_some() || waiting.port.is_some();
    let retention_from_zero =
        waiting.backup_retention.is_some_and(|days| days > 0) && row.settings.backup_retention == 0;
    change(region, id, |row| {
        let settings = &mut row.settings;
        if let Some(class) = waiting.class {
            settings.class = class;
        }
        if let Some(version) = waiting.engine_version {
            settings.engine_version = version;
            settings.exact_version = true;
        }
        if let Some(flag) = waiting.multi_az {
            settings.multi_az = flag;
            if flag {
                row.standby = new_standby;
            } else if let Some(old) = row.standby.take()
                && row.observed.active_interface.as_ref() == Some(&old.interface)
            {
                row.place = old;
            }
        }
        if let Some(days) = waiting.backup_retention {
            settings.backup_retention = days;
        }
        if let Some(gib) = waiting.allocated_storage {
            settings.allocated_storage = gib;
        }
        if let Some(kind) = waiting.storage_type {
            settings.storage_type = kind;
        }
        settings.iops = waiting.iops.or(settings.iops);
        settings.storage_throughput = waiting.storage_throughput.or(settings.storage_throughput);
        if let Some(port) = waiting.port {
            settings.port = port;
        }
        if let Some(certificate) = waiting.ca_certificate {
            settings.ca_certificate = certificate;
        }
        row.pending = Pending {
            password: row.pending.password,
            ..Pending::default()
        };
        if row.status == Status::Available
            || matches!(row.status, Status::ResettingMasterCredentials { .. })
        {
            row.status = Status::Modifying {
                until: context.now + run::MOMENT,
            };
        }
        row.changed_at = context.now;
    });
    if let Some(name) = waiting.name {
        rename(region, context, id, name);
    }
    if restart && !matches!(row.status, Status::Stopped { .. }) {
        run::act(region, context, id, ActKind::Restart);
        run::parameters_loaded(region, id);
    }
    if retention_from_zero {
        run::back_up(region, context, id);
    }
    let text = "Finished applying modification to DB instance";
    event::of_instance(region, context, &row, "configuration change", text);
    Ok(())
}

fn rename(region: &mut Region, context: &Context, id: &str, name: String) {
    change(region, id, |row| {
        row.arn = context.settings.arn("rds", format!("db:{name}"));
        row.name = name;
    });
}
