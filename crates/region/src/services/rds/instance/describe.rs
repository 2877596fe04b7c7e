//! Instances as answers tell them. What AWS leaves out is left out.

use jiff::SignedDuration;
use wire::Error;
use wire::rds as api;

use super::{followers, get, run};
use crate::services::rds::common::{fits, piece, shown_tags};
use crate::services::rds::engine::ENGINE;
use crate::services::rds::state::{Instance, Pending, Settings, Status};
use crate::services::rds::{engine, option_group, subnet_group};
use crate::{Context, Region};

/// Of the load balancers' kind: one hosted zone for all of a region's endpoints.
const HOSTED_ZONES: &[(&str, &str)] = &[
    ("eu-central-1", "Z1RLNUO7B9Q6NB"),
    ("eu-west-1", "Z29XKXDKYMONMX"),
    ("us-east-1", "Z2R2ITUGPM61AM"),
    ("us-west-2", "Z1PVIF0B656C1W"),
];

pub(in crate::services::rds) fn describe_db_instances(
    region: &Region,
    _: &Context,
    input: api::DescribeDBInstancesMessage,
) -> Result<api::DBInstanceMessage, Error> {
    let mut found: Vec<&Instance> = match &input.db_instance_identifier {
        Some(id) => vec![get(region, id)?],
        None => region.rds.instances.values().collect(),
    };
    let mut kept = Vec::new();
    found.sort_by_key(|one| &one.name);
    for instance in found {
        let has = |name: &str| match name {
            "dbi-resource-id" => Some(vec![instance.resource_id.clone()]),
            "db-instance-id" => Some(vec![instance.name.clone(), instance.arn.clone()]),
            "engine" => Some(vec![ENGINE.to_owned()]),
            "db-cluster-id" | "domain" => Some(Vec::new()),
            _ => None,
        };
        if fits(input.filters.as_deref(), has)? {
            kept.push(instance);
        }
    }
    let piece = piece(
        kept,
        |one| one.name.clone(),
        input.marker.as_deref(),
        input.max_records,
    )?;
    Ok(api::DBInstanceMessage {
        db_instances: Some(
            piece
                .items
                .into_iter()
                .map(|one| shown(region, one))
                .collect(),
        ),
        marker: piece.next,
    })
}

pub(in crate::services::rds) fn shown(region: &Region, one: &Instance) -> api::DBInstance {
    let settings = &one.settings;
    let being_made = one.status == Status::Creating;
    let major = engine::major(&settings.engine_version);
    let source = one
        .replica_of
        .as_ref()
        .and_then(|id| region.rds.instances.get(id));
    let zone = HOSTED_ZONES
        .iter()
        .find(|(name, _)| *name == region.settings.region);
    let endpoint = (!being_made).then(|| api::Endpoint {
        address: Some(one.endpoint(region)),
        hosted_zone_id: zone.map(|(_, id)| (*id).to_owned()),
        port: Some(i64::from(settings.port)),
    });
    let secret = one.secret.as_ref().map(|secret| api::MasterUserSecret {
        kms_key_id: Some(secret.kms_key_id.clone()),
        secret_arn: Some(secret.arn.clone()),
        secret_status: Some(if being_made { "creating" } else { "active" }.to_owned()),
    });
    let active_zone = if one
        .standby
        .as_ref()
        .is_some_and(|place| place.interface == *one.active_interface())
    {
        one.standby.as_ref()
    } else {
        Some(&one.place)
    };
    let other_zone = match (&one.standby, active_zone) {
        (Some(standby), Some(active)) if standby == active => Some(&one.place),
        (standby, _) => standby.as_ref(),
    };
    api::DBInstance {
        allocated_storage: Some(settings.allocated_storage),
        associated_roles: Some(Vec::new()),
        auto_minor_version_upgrade: Some(settings.auto_minor_version_upgrade),
        automatic_restart_time: match one.status {
            Status::Stopped { restart_at } => Some(restart_at),
            _ => None,
        },
        availability_zone: active_zone.map(|place| place.zone.clone()),
        backup_retention_period: Some(settings.backup_retention),
        backup_target: Some("region".to_owned()),
        ca_certificate_identifier: Some(settings.ca_certificate.clone()),
        certificate_details: Some(api::CertificateDetails {
            ca_identifier: Some(settings.ca_certificate.clone()),
            valid_till: Some(one.created_at + SignedDuration::from_hours(24 * 365)),
        }),
        copy_tags_to_snapshot: Some(settings.copy_tags_to_snapshot),
        customer_owned_ip_enabled: Some(false),
        db_instance_arn: Some(one.arn.clone()),
        db_instance_class: Some(settings.class.clone()),
        db_instance_identifier: Some(one.name.clone()),
        db_instance_port: Some(0),
        db_instance_status: Some(one.status.name().to_owned()),
        db_name: one.database_name.clone(),
        db_parameter_groups: Some(vec![api::DBParameterGroupStatus {
            db_parameter_group_name: Some(settings.parameter_group.clone()),
            parameter_apply_status: Some(
                if run::reboot_is_due(region, one) {
                    "pending-reboot"
                } else {
                    "in-sync"
                }
                .to_owned(),
            ),
        }]),
        db_security_groups: Some(Vec::new()),
        db_subnet_group: subnet_group::get(region, &one.subnet_group)
            .ok()
            .map(|group| subnet_group::shown(region, group)),
        database_insights_mode: settings.database_insights.parse().ok(),
        dbi_resource_id: Some(one.resource_id.clone()),
        dedicated_log_volume: Some(settings.dedicated_log_volume),
        deletion_protection: Some(settings.deletion_protection),
        domain_memberships: Some(Vec::new()),
        enabled_cloudwatch_logs_exports: Some(
            settings.log_exports.iter().cloned().collect::<Vec<_>>(),
        )
        .filter(|all| !all.is_empty()),
        endpoint,
        engine: Some(ENGINE.to_owned()),
        engine_lifecycle_support: Some(settings.engine_lifecycle_support.clone()),
        engine_version: Some(settings.engine_version.clone()),
        iam_database_authentication_enabled: Some(settings.iam_authentication),
        instance_create_time: (!being_made).then_some(one.created_at),
        iops: settings.iops.or_else(|| gp3(settings, 3000, 12_000)),
        is_storage_config_upgrade_available: Some(false),
        kms_key_id: one.kms_key_id.clone(),
        license_model: Some(option_group::LICENSE.to_owned()),
        master_user_secret: secret,
        master_username: Some(one.master_username.clone()),
        max_allocated_storage: settings.max_allocated_storage,
        monitoring_interval: Some(settings.monitoring_interval),
        monitoring_role_arn: settings.monitoring_role.clone(),
        multi_az: Some(settings.multi_az),
        network_type: Some(settings.network_type.clone()),
        option_group_memberships: Some(vec![api::OptionGroupMembership {
            option_group_name: Some(option_group::default_name(major)),
            status: Some("in-sync".to_owned()),
        }]),
        pending_modified_values: Some(pending(&one.pending)),
        performance_insights_enabled: Some(settings.performance_insights),
        performance_insights_kms_key_id: settings.performance_insights_key.clone(),
        performance_insights_retention_period: settings.performance_insights_retention,
        preferred_backup_window: Some(settings.backup_window.clone()),
        preferred_maintenance_window: Some(settings.maintenance_window.clone()),
        publicly_accessible: Some(settings.publicly_accessible),
        read_replica_db_instance_identifiers: Some(
            followers(region, &one.resource_id)
                .map(|follower| follower.name.clone())
                .collect(),
        ),
        read_replica_source_db_instance_identifier: source.map(|source| source.name.clone()),
        secondary_availability_zone: other_zone.map(|place| place.zone.clone()),
        status_infos: source.map(|_| {
            let normal = one.status == Status::Available;
            vec![api::DBInstanceStatusInfo {
                message: None,
                normal: Some(normal),
                status: Some(if normal { "replicating" } else { "connecting" }.to_owned()),
                status_type: Some("read replication".to_owned()),
            }]
        }),
        storage_encrypted: Some(one.encrypted),
        storage_throughput: settings
            .storage_throughput
            .or_else(|| gp3(settings, 125, 500)),
        storage_type: Some(settings.storage_type.clone()),
        tag_list: Some(shown_tags(&one.tags)),
        vpc_security_groups: Some(
            settings
                .security_groups
                .iter()
                .map(|id| api::VpcSecurityGroupMembership {
                    status: Some("active".to_owned()),
                    vpc_security_group_id: Some(id.clone()),
                })
                .collect(),
        ),
        ..api::DBInstance::default()
    }
}

/// What comes with gp3 storage without being asked for; more from 400 GiB on.
fn gp3(settings: &Settings, small: i64, large: i64) -> Option<i64> {
    (settings.storage_type == "gp3").then_some(if settings.allocated_storage < 400 {
        small
    } else {
        large
    })
}

fn pending(waiting: &Pending) -> api::PendingModifiedValues {
    api::PendingModifiedValues {
        allocated_storage: waiting.allocated_storage,
        backup_retention_period: waiting.backup_retention,
        ca_certificate_identifier: waiting.ca_certificate.clone(),
        db_instance_class: waiting.class.clone(),
        db_instance_identifier: waiting.name.clone(),
        engine_version: waiting.engine_version.clone(),
        iam_database_authentication_enabled: waiting.iam_authentication,
        iops: waiting.iops,
        master_user_password: waiting.password.then(|| "****".to_owned()),
        multi_az: waiting.multi_az,
        port: waiting.port.map(i64::from),
        storage_throughput: waiting.storage_throughput,
        storage_type: waiting.storage_type.clone(),
        ..api::PendingModifiedValues::default()
    }
}

/// How full storage may get, and what may change.
pub(in crate::services::rds) fn describe_valid_db_instance_modifications(
    region: &Region,
    _: &Context,
    input: api::DescribeValidDBInstanceModificationsMessage,
) -> Result<api::DescribeValidDBInstanceModificationsResult, Error> {
    let instance = get(region, &input.db_instance_identifier)?;
    let least = instance.settings.allocated_storage;
    let storage = |kind: &str| api::ValidStorageOptions {
        storage_size: Some(vec![api::Range {
            from: Some(least),
            step: Some(1),
            to: Some(65_536),
        }]),
        storage_type: Some(kind.to_owned()),
        supports_storage_autoscaling: Some(false),
        ..api::ValidStorageOptions::default()
    };
    Ok(api::DescribeValidDBInstanceModificationsResult {
        valid_db_instance_modifications_message: Some(api::ValidDBInstanceModificationsMessage {
            storage: Some(vec![storage("gp2"), storage("gp3"), storage("io1")]),
            ..api::ValidDBInstanceModificationsMessage::default()
        }),
    })
}
