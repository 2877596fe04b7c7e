//! A new instance: what is checked, what is filled in, where it is placed.

use std::collections::BTreeSet;

use wire::Error;
use wire::rds as api;

use super::describe::shown;
use super::{ensure_token, get};
use crate::services::ec2::interface::NewInterface;
use crate::services::rds::common::{identifier, new_tags};
use crate::services::rds::error::{
    instance_exists, invalid_combination, invalid_value, no_subnet_group, too_few_zones,
};
use crate::services::rds::state::{
    Instance, Observed, Origin, Pending, Place, Settings, Status, SubnetGroup,
};
use crate::services::rds::{class, engine, event, parameter_group, password, subnet_group};
use crate::services::{ec2, iam, kms};
use crate::{Context, Region, Tags};

pub(in crate::services::rds) const STORAGE_TYPES: &[&str] =
    &["gp2", "gp3", "io1", "io2", "standard"];
pub(in crate::services::rds) const LOG_TYPES: &[&str] =
    &["postgresql", "upgrade", "iam-db-auth-error"];
const CA: &str = "rds-ca-rsa2048-g1";
const RESERVED: &[&str] = &[
    "admin",
    "postgres_admin",
    "rdsadmin",
    "rdsrepladmin",
    "rds_superuser",
    "rds_replication",
    "root",
];

/// All that an instance is made of, however it comes about.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) master_username: String,
    /// Sealed.
    pub(super) password: String,
    pub(super) database_name: Option<String>,
    pub(super) encrypted: bool,
    pub(super) kms_key_id: Option<String>,
    pub(super) subnet_group: String,
    pub(super) zone: Option<String>,
    pub(super) replica_of: Option<String>,
    pub(super) origin: Origin,
    pub(super) tags: Tags,
}

pub(in crate::services::rds) fn create_db_instance(
    region: &mut Region,
    context: &Context,
    input: api::CreateDBInstanceMessage,
) -> Result<api::CreateDBInstanceResult, Error> {
    engine::checked(&input.engine)?;
    if input.db_cluster_identifier.is_some() {
        return Err(Error::new(
            "NotImplemented",
            501,
            "Terrella has no Aurora clusters yet: leave DBClusterIdentifier out.",
        ));
    }
    let name = free_name(region, &input.db_instance_identifier)?;
    let (engine_version, exact_version) =
        engine::resolved(context, input.engine_version.as_deref())?;
    let major = engine::major(&engine_version);
    let username = input.master_username.ok_or_else(|| {
        invalid_value("The parameter MasterUsername must be provided and must not be blank.")
    })?;
    checked_username(&username)?;
    let managed = input.manage_master_user_password == Some(true);
    let password = match (input.master_user_password, managed) {
        (Some(_), true) => {
            return Err(invalid_combination(
                "You can't specify MasterUserPassword when ManageMasterUserPassword is enabled.",
            ));
        }
        (Some(password), false) => password::checked(&password).map(|()| password)?,
        (None, true) => password::random(context),
        (None, false) => {
            return Err(invalid_value(
                "The parameter MasterUserPassword must be provided and must not be blank.",
            ));
        }
    };
    let storage = input.allocated_storage.ok_or_else(|| {
        invalid_combination("The allocated storage size must be specified for this engine.")
    })?;
    let storage_type = input
        .storage_type
        .unwrap_or_else(|| if input.iops.is_some() { "io1" } else { "gp2" }.to_owned());
    checked_storage(
        &storage_type,
        storage,
        input.max_allocated_storage,
        input.iops,
    )?;
    let database_name = input.db_name.filter(|text| !text.is_empty());
    if let Some(name) = &database_name {
        checked_database(name)?;
    }
    let group = group_for(region, context, input.db_subnet_group_name.as_deref())?;
    let multi_az = input.multi_az == Some(true);
    if multi_az && input.availability_zone.is_some() {
        return Err(invalid_combination(
            "Requesting a specific availability zone is not valid for Multi-AZ instances.",
        ));
    }
    let settings = Settings {
        class: checked_class(&input.db_instance_class)?,
        engine_version,
        exact_version,
        allocated_storage: storage,
        max_allocated_storage: input.max_allocated_storage.filter(|most| *most > 0),
        storage_type,
        iops: input.iops,
        storage_throughput: input.storage_throughput,
        multi_az,
        backup_retention: checked_retention(input.backup_retention_period.unwrap_or(1))?,
        backup_window: input
            .preferred_backup_window
            .unwrap_or_else(|| backup_window(context)),
        maintenance_window: window(input.preferred_maintenance_window, context),
        security_groups: groups_for(region, &group, input.vpc_security_group_ids)?,
        parameter_group: parameters_for(region, input.db_parameter_group_name.as_deref(), major)?,
        publicly_accessible: input.publicly_accessible == Some(true),
        auto_minor_version_upgrade: input.auto_minor_version_upgrade != Some(false),
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
        port: checked_port(input.port)?,
        ca_certificate: input
            .ca_certificate_identifier
            .unwrap_or_else(|| CA.to_owned()),
        database_insights: input
            .database_insights_mode
            .map_or("standard", api::DatabaseInsightsMode::as_str)
            .to_owned(),
        dedicated_log_volume: input.dedicated_log_volume == Some(true),
        network_type: input.network_type.unwrap_or_else(|| "IPV4".to_owned()),
        engine_lifecycle_support: input
            .engine_lifecycle_support
            .unwrap_or_else(|| "open-source-rds-extended-support".to_owned()),
    };
    let encrypted = input.storage_encrypted == Some(true);
    let plan = Plan {
        name,
        settings,
        master_username: username,
        password: password::sealed(region, context, &password)?,
        database_name,
        encrypted,
        kms_key_id: storage_key(region, context, encrypted, input.kms_key_id.as_deref())?,
        subnet_group: group,
        zone: input.availability_zone,
        replica_of: None,
        origin: Origin::Empty,
        tags: new_tags(input.tags)?,
    };
    let id = insert(region, context, plan)?;
    if managed {
        password::manage(
            region,
            context,
            &id,
            &password,
            input.master_user_secret_kms_key_id.as_deref(),
        )?;
    }
    Ok(api::CreateDBInstanceResult {
        db_instance: region.rds.instances.get(&id).map(|one| shown(region, one)),
    })
}

/// An identifier that no instance has.
pub(super) fn free_name(region: &Region, name: &str) -> Result<String, Error> {
    let name = identifier("DBInstanceIdentifier", name)?;
    match get(region, &name) {
        Ok(_) => Err(instance_exists("DB instance already exists")),
        Err(_) => Ok(name),
    }
}

pub(super) fn checked_class(name: &str) -> Result<String, Error> {
    match class::find(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(invalid_value(format!("Invalid DB Instance class: {name}"))),
    }
}

fn checked_username(name: &str) -> Result<(), Error> {
    let fine = name.len() <= 63
        && name.starts_with(|one: char| one.is_ascii_alphabetic())
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_');
    if !fine {
        return Err(invalid_value(format!(
            "The parameter MasterUsername is not a valid identifier: {name}"
        )));
    }
    if RESERVED.contains(&name.to_lowercase().as_str()) || name.to_lowercase().starts_with("pg_") {
        return Err(invalid_value(format!(
            "MasterUsername {name} cannot be used as it is a reserved word used by the engine"
        )));
    }
    Ok(())
}

fn checked_database(name: &str) -> Result<(), Error> {
    let fine = name.len() <= 63
        && name.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_')
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_');
    if fine {
        return Ok(());
    }
    Err(invalid_value(
        "DBName must begin with a letter and contain only alphanumeric characters.",
    ))
}

pub(super) fn checked_storage(
    kind: &str,
    gib: i64,
    most: Option<i64>,
    iops: Option<i64>,
) -> Result<(), Error> {
    if !STORAGE_TYPES.contains(&kind) {
        return Err(invalid_value(format!("Invalid storage type: {kind}")));
    }
    let least = match kind {
        "io1" | "io2" => 100,
        "standard" => 5,
        _ => 20,
    };
    if !(least..=65_536).contains(&gib) {
        return Err(invalid_value(format!(
            "Invalid storage size for engine name postgres and storage type {kind}: {gib}"
        )));
    }
    if matches!(kind, "io1" | "io2") && iops.is_none() {
        return Err(invalid_combination(format!(
            "You must specify an iops value for storage type {kind}."
        )));
    }
    if most.is_some_and(|most| most > 0 && most * 10 < gib * 11) {
        return Err(invalid_combination(
            "Max storage size must be at least 110% of the current storage size.",
        ));
    }
    Ok(())
}

pub(super) fn checked_retention(days: i64) -> Result<i64, Error> {
    if (0..=35).contains(&days) {
        return Ok(days);
    }
    Err(invalid_value(format!(
        "Invalid backup retention period: {days}. Must be between 0 and 35."
    )))
}

/// Authentication by IAM is not spoken by the servers here.
pub(super) fn checked_iam(asked: Option<bool>) -> Result<bool, Error> {
    if asked == Some(true) {
        return Err(Error::new(
            "NotImplemented",
            501,
            "Terrella has no IAM database authentication yet: leave EnableIAMDatabaseAuthentication out.",
        ));
    }
    Ok(false)
}

pub(super) fn checked_exports(asked: Option<Vec<String>>) -> Result<BTreeSet<String>, Error> {
    let asked: BTreeSet<String> = asked.unwrap_or_default().into_iter().collect();
    for kind in &asked {
        if !LOG_TYPES.contains(&kind.as_str()) {
            return Err(invalid_combination(format!(
                "You cannot use the log types '{kind}' with engine version postgres. For supported log types, see the documentation."
            )));
        }
    }
    Ok(asked)
}

pub(super) fn checked_monitoring(
    region: &Region,
    interval: Option<i64>,
    role: Option<&str>,
) -> Result<i64, Error> {
    let interval = interval.unwrap_or(0);
    if ![0, 1, 5, 10, 15, 30, 60].contains(&interval) {
        return Err(invalid_value(format!(
            "Invalid monitoring interval: {interval}"
        )));
    }
    match role {
        None if interval > 0 => Err(invalid_combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
        )),
        Some(role) if interval > 0 && iam::role::by_arn(region, role).is_none() => {
            Err(invalid_value(format!(
                "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING ({role})"
            )))
        }
        _ => Ok(interval),
    }
}

pub(super) fn checked_port(port: Option<i64>) -> Result<u16, Error> {
    match u16::try_from(port.unwrap_or(5432)) {
        Ok(port) if port >= 1150 => Ok(port),
        _ => Err(invalid_value(
            "Invalid endpoint port. Must be between 1150 and 65535.",
        )),
    }
}

/// The subnet group of a request; without one, that of the default VPC.
pub(super) fn group_for(
    region: &mut Region,
    context: &Context,
    name: Option<&str>,
) -> Result<String, Error> {
    if let Some(name) = name.filter(|name| *name != "default") {
        return Ok(subnet_group::get(region, name)?.name.clone());
    }
    let vpc = ec2::vpc::default(region).ok_or_else(|| no_subnet_group("default"))?;
    let vpc = vpc.id.clone();
    let subnets = region
        .ec2
        .subnets
        .values()
        .filter(|one| one.vpc == vpc && one.default_for_az);
    let group = SubnetGroup {
        name: "default".to_owned(),
        arn: context.settings.arn("rds", "subgrp:default"),
        description: "default".to_owned(),
        subnets: subnets.map(|one| one.id.clone()).collect(),
        vpc,
        tags: Tags::new(),
    };
    if region.rds.subnet_groups.get("default") != Some(&group) {
        region.rds.subnet_groups.insert(group.name.clone(), group);
    }
    Ok("default".to_owned())
}

/// The security groups of a request, checked; without any, the VPC's default one.
pub(super) fn groups_for(
    region: &Region,
    group: &str,
    asked: Option<Vec<String>>,
) -> Result<Vec<String>, Error> {
    let vpc = &subnet_group::get(region, group)?.vpc;
    let asked = asked.unwrap_or_default();
    if asked.is_empty() {
        return Ok(ec2::security_group::default_of(region, vpc)
            .into_iter()
            .collect());
    }
    for id in &asked {
        match ec2::security_group::get(region, id) {
            Ok(found) if found.vpc == *vpc => {}
            Ok(_) => {
                return Err(invalid_combination(format!(
                    "The DB instance and EC2 security group are in different VPCs. The DB instance is in {vpc} and the EC2 security group is in another: {id}"
                )));
            }
            Err(_) => {
                return Err(invalid_value(format!(
                    "Invalid security group , groupId= {id}, groupName=."
                )));
            }
        }
    }
    Ok(asked)
}

/// The parameter group of a request, which has to be of the version's family.
pub(super) fn parameters_for(
    region: &Region,
    name: Option<&str>,
    major: u32,
) -> Result<String, Error> {
    let family = engine::family(major);
    let Some(name) = name else {
        return Ok(format!("default.{family}"));
    };
    let group = parameter_group::get(region, name)?;
    if group.family != family {
        return Err(invalid_combination(format!(
            "The parameter group {} with DBParameterGroupFamily {} can't be used for this instance. Use a parameter group with DBParameterGroupFamily {family}.",
            group.name, group.family
        )));
    }
    Ok(group.name.clone())
}

/// The ARN of the key that storage is encrypted with.
pub(super) fn storage_key(
    region: &mut Region,
    context: &Context,
    encrypted: bool,
    named: Option<&str>,
) -> Result<Option<String>, Error> {
    if !encrypted {
        return match named {
            None => Ok(None),
            Some(_) => Err(invalid_combination(
                "KmsKeyId can only be given when StorageEncrypted is true.",
            )),
        };
    }
    let id = match named {
        None => kms::key::aws_managed(region, context, "rds"),
        Some(named) if named.ends_with("alias/aws/rds") => {
            kms::key::aws_managed(region, context, "rds")
        }
        Some(named) => named.to_owned(),
    };
    let inaccessible = || {
        wire::rds::error::kms_key_not_accessible_fault(format!(
            "The specified KMS key [{id}] does not exist, is not enabled or you do not have permissions to access it."
        ))
    };
    let key = kms::key::resolve(region, &id)
        .filter(|key| key.usable())
        .ok_or_else(inaccessible)?;
    Ok(Some(key.arn.clone()))
}

/// Half an hour in the night, by chance as AWS does.
pub(super) fn backup_window(context: &Context) -> String {
    let start = 20 * 60 + context.below(8 * 60);
    let clock = |minutes: u64| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    format!("{}-{}", clock(start), clock(start + 30))
}

fn window(asked: Option<String>, context: &Context) -> String {
    asked.map_or_else(|| maintenance_window(context), |text| text.to_lowercase())
}

pub(super) fn maintenance_window(context: &Context) -> String {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = DAYS[usize::try_from(context.below(7)).unwrap_or_default()];
    let hour = context.below(5);
    format!("{day}:{hour:02}:15-{day}:{hour:02}:45")
}

/// Places and keeps a new instance. Gives its resource id.
pub(super) fn insert(region: &mut Region, context: &Context, plan: Plan) -> Result<String, Error> {
    iam::role::ensure_service_linked(region, context, "rds.amazonaws.com");
    ensure_token(region, context);
    let group = subnet_group::get(region, &plan.subnet_group)?.clone();
    let zones = subnet_group::zones(region, &group);
    let (zone, subnet) = if let Some(zone) = &plan.zone {
        let own = zones.iter().find(|one| one.0 == *zone).cloned();
        own.ok_or_else(|| {
            too_few_zones(format!(
                "The DB subnet group '{}' has no subnet in the requested availability zone {zone}.",
                group.name
            ))
        })?
    } else {
        let count = u64::try_from(zones.len()).unwrap_or_default();
        if count == 0 {
            return Err(too_few_zones(format!(
                "The DB subnet group '{}' has no subnets.",
                group.name
            )));
        }
        zones[usize::try_from(context.below(count)).unwrap_or_default()].clone()
    };
    let place = place(
        region,
        context,
        zone,
        subnet,
        &plan.settings.security_groups,
    )?;
    let standby = if plan.settings.multi_az {
        Some(standby(
            region,
            context,
            &group,
            &place.zone,
            &plan.settings.security_groups,
        )?)
    } else {
        None
    };
    let resource_id = format!("db-{}", context.upper_alphanumeric(26));
    let row = Instance {
        arn: context.settings.arn("rds", format!("db:{}", plan.name)),
        name: plan.name,
        resource_id: resource_id.clone(),
        status: Status::Creating,
        created_at: context.now,
        settings: plan.settings,
        pending: Pending::default(),
        master_username: plan.master_username,
        password: plan.password,
        secret: None,
        database_name: plan.database_name,
        encrypted: plan.encrypted,
        kms_key_id: plan.kms_key_id,
        subnet_group: plan.subnet_group,
        vpc: group.vpc,
        place,
        standby,
        replica_of: plan.replica_of,
        origin: plan.origin,
        tags: plan.tags,
        loaded_parameters: std::collections::BTreeMap::new(),
        observed: Observed::default(),
        act: None,
        changed_at: context.now,
    };
    event::of_instance(region, context, &row, "creation", "DB instance created");
    region.rds.instances.insert(resource_id.clone(), row);
    super::run::parameters_loaded(region, &resource_id);
    Ok(resource_id)
}

fn place(
    region: &mut Region,
    context: &Context,
    zone: String,
    subnet: String,
    groups: &[String],
) -> Result<Place, Error> {
    let interface = ec2::interface::create(
        region,
        context,
        NewInterface {
            security_groups: groups.to_vec(),
            description: "RDSNetworkInterface".to_owned(),
            requester: Some(ec2::Requester::service("amazon-rds")),
            ..NewInterface::new(subnet)
        },
    )?;
    Ok(Place { zone, interface })
}

/// A place in another zone than the instance's own.
pub(super) fn standby(
    region: &mut Region,
    context: &Context,
    group: &SubnetGroup,
    own: &str,
    groups: &[String],
) -> Result<Place, Error> {
    let zones = subnet_group::zones(region, group);
    let others: Vec<_> = zones.into_iter().filter(|(zone, _)| zone != own).collect();
    let count = u64::try_from(others.len()).unwrap_or_default();
    if count == 0 {
        return Err(too_few_zones(
            "A Multi-AZ instance needs a DB subnet group that covers at least two availability zones.",
        ));
    }
    let (zone, subnet) = others[usize::try_from(context.below(count)).unwrap_or_default()].clone();
    place(region, context, zone, subnet, groups)
}
