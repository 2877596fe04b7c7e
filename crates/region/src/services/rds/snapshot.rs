//! Snapshots: taken of instances by the world, kept, restored.

use std::collections::BTreeSet;

use wire::Error;
use wire::rds as api;
use world::event::SnapshotFacts;
use world::{Action, ActionKind, DatabaseId, SnapshotId};

use super::common::{fits, identifier, new_tags, piece, shown_tags};
use super::engine::ENGINE;
use super::error::{invalid_snapshot_state, invalid_value, no_snapshot, snapshot_exists};
use super::instance::{available, get as get_instance};
use super::state::{Instance, Snapshot, SnapshotKind, SnapshotStatus};
use super::{engine, event, option_group};
use crate::{Context, Region, Tags};

const MOST_MANUAL: usize = 100;

fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Snapshot, Error> {
    let name = match id.split_once(":snapshot:") {
        Some((_, name)) => name,
        None => id,
    };
    region
        .rds
        .snapshots
        .get(name)
        .filter(|one| one.status != SnapshotStatus::Deleting)
        .ok_or_else(|| no_snapshot(id))
}

/// A name that no snapshot has.
pub(super) fn free_name(region: &Region, name: &str) -> Result<String, Error> {
    let name = identifier("DBSnapshotIdentifier", name)?;
    if region.rds.snapshots.contains(&name) {
        return Err(snapshot_exists(format!(
            "Cannot create the snapshot because a snapshot with the identifier {name} already exists."
        )));
    }
    Ok(name)
}

/// Has the world copy an instance's storage.
pub(super) fn take(
    region: &mut Region,
    context: &Context,
    instance: &Instance,
    name: String,
    kind: SnapshotKind,
    tags: Tags,
) {
    let row = Snapshot {
        arn: context.settings.arn("rds", format!("snapshot:{name}")),
        id: SnapshotId::new(format!("snap-{}", context.hex(17))),
        kind,
        status: SnapshotStatus::Creating,
        started_at: context.now,
        created_at: None,
        instance: instance.name.clone(),
        resource_id: DatabaseId::new(&instance.resource_id),
        instance_created_at: instance.created_at,
        settings: instance.settings.clone(),
        master_username: instance.master_username.clone(),
        password: instance.password.clone(),
        database_name: instance.database_name.clone(),
        encrypted: instance.encrypted,
        kms_key_id: instance.kms_key_id.clone(),
        vpc: instance.vpc.clone(),
        zone: instance.place.zone.clone(),
        tags,
        shared_with: BTreeSet::new(),
        name: name.clone(),
    };
    region.rds.snapshots.insert(name, row);
}

/// Whether a snapshot of an instance is being taken.
pub(super) fn busy(region: &Region, resource_id: &str, kind: SnapshotKind) -> bool {
    region.rds.snapshots.values().any(|one| {
        one.resource_id.as_str() == resource_id
            && one.kind == kind
            && one.status == SnapshotStatus::Creating
    })
}

/// Lets an instance's automated backups go with it.
pub(super) fn drop_automated(region: &mut Region, resource_id: &str) {
    let of = |one: &&Snapshot| {
        one.resource_id.as_str() == resource_id && one.kind == SnapshotKind::Automated
    };
    let names: Vec<String> = region
        .rds
        .snapshots
        .values()
        .filter(of)
        .map(|one| one.name.clone())
        .collect();
    for name in names {
        if let Some(row) = region.rds.snapshots.get_mut(&name) {
            row.status = SnapshotStatus::Deleting;
        }
    }
}

pub(super) fn create_db_snapshot(
    region: &mut Region,
    context: &Context,
    input: api::CreateDBSnapshotMessage,
) -> Result<api::CreateDBSnapshotResult, Error> {
    let name = free_name(region, &input.db_snapshot_identifier)?;
    let instance = available(region, &input.db_instance_identifier)?.clone();
    let manual = region
        .rds
        .snapshots
        .values()
        .filter(|one| one.kind == SnapshotKind::Manual)
        .count();
    if manual >= MOST_MANUAL {
        return Err(wire::rds::error::snapshot_quota_exceeded_fault(format!(
            "Cannot create more than {MOST_MANUAL} manual snapshots."
        )));
    }
    let mut tags = new_tags(input.tags)?;
    if tags.is_empty() && instance.settings.copy_tags_to_snapshot {
        tags.clone_from(&instance.tags);
    }
    take(
        region,
        context,
        &instance,
        name.clone(),
        SnapshotKind::Manual,
        tags,
    );
    let arn = context.settings.arn("rds", format!("snapshot:{name}"));
    event::tell(
        region,
        context,
        api::SourceType::DbSnapshot,
        &name,
        &arn,
        "creation",
        "Creating manual snapshot",
    );
    Ok(api::CreateDBSnapshotResult {
        db_snapshot: Some(shown(region, get(region, &name)?)),
    })
}

pub(super) fn describe_db_snapshots(
    region: &Region,
    _: &Context,
    input: api::DescribeDBSnapshotsMessage,
) -> Result<api::DBSnapshotMessage, Error> {
    let all: Vec<&Snapshot> = match &input.db_snapshot_identifier {
        Some(id) => vec![get(region, id)?],
        None => region
            .rds
            .snapshots
            .values()
            .filter(|one| one.status != SnapshotStatus::Deleting)
            .collect(),
    };
    let mut kept = Vec::new();
    for one in all {
        let kind = kind_name(one.kind);
        let has = |name: &str| match name {
            "db-instance-id" => Some(vec![one.instance.clone()]),
            "db-snapshot-id" => Some(vec![one.name.clone(), one.arn.clone()]),
            "dbi-resource-id" => Some(vec![one.resource_id.to_string()]),
            "snapshot-type" => Some(vec![kind.to_owned()]),
            "engine" => Some(vec![ENGINE.to_owned()]),
            _ => None,
        };
        let asked = input
            .db_instance_identifier
            .as_ref()
            .is_none_or(|name| *name == one.instance)
            && input
                .dbi_resource_id
                .as_ref()
                .is_none_or(|id| id == one.resource_id.as_str())
            && input
                .snapshot_type
                .as_ref()
                .is_none_or(|wanted| wanted == kind);
        if asked && fits(input.filters.as_deref(), has)? {
            kept.push(one);
        }
    }
    let piece = piece(
        kept,
        |one| one.name.clone(),
        input.marker.as_deref(),
        input.max_records,
    )?;
    Ok(api::DBSnapshotMessage {
        db_snapshots: Some(
            piece
                .items
                .into_iter()
                .map(|one| shown(region, one))
                .collect(),
        ),
        marker: piece.next,
    })
}

pub(super) fn delete_db_snapshot(
    region: &mut Region,
    context: &Context,
    input: api::DeleteDBSnapshotMessage,
) -> Result<api::DeleteDBSnapshotResult, Error> {
    let row = get(region, &input.db_snapshot_identifier)?.clone();
    if row.kind == SnapshotKind::Automated {
        return Err(invalid_snapshot_state(
            "Automated snapshots go with their instance: only manual ones can be deleted.",
        ));
    }
    if row.status == SnapshotStatus::Creating {
        return Err(invalid_snapshot_state(format!(
            "Cannot delete the snapshot because it is not currently in the available or failed state. ({})",
            row.name
        )));
    }
    let mut answer = shown(region, &row);
    answer.status = Some("deleted".to_owned());
    if let Some(row) = region.rds.snapshots.get_mut(&row.name) {
        row.status = SnapshotStatus::Deleting;
    }
    event::tell(
        region,
        context,
        api::SourceType::DbSnapshot,
        &row.name,
        &row.arn,
        "deletion",
        "Deleted manual snapshot",
    );
    Ok(api::DeleteDBSnapshotResult {
        db_snapshot: Some(answer),
    })
}

pub(super) fn describe_db_snapshot_attributes(
    region: &Region,
    _: &Context,
    input: api::DescribeDBSnapshotAttributesMessage,
) -> Result<api::DescribeDBSnapshotAttributesResult, Error> {
    let row = get(region, &input.db_snapshot_identifier)?;
    Ok(api::DescribeDBSnapshotAttributesResult {
        db_snapshot_attributes_result: Some(attributes(row)),
    })
}

pub(super) fn modify_db_snapshot_attribute(
    region: &mut Region,
    _: &Context,
    input: api::ModifyDBSnapshotAttributeMessage,
) -> Result<api::ModifyDBSnapshotAttributeResult, Error> {
    if input.attribute_name != "restore" {
        return Err(invalid_value(format!(
            "Invalid attribute name: {}",
            input.attribute_name
        )));
    }
    let name = get(region, &input.db_snapshot_identifier)?.name.clone();
    let row = region
        .rds
        .snapshots
        .get_mut(&name)
        .ok_or_else(|| no_snapshot(&name))?;
    row.shared_with
        .extend(input.values_to_add.unwrap_or_default());
    for gone in input.values_to_remove.unwrap_or_default() {
        row.shared_with.remove(&gone);
    }
    Ok(api::ModifyDBSnapshotAttributeResult {
        db_snapshot_attributes_result: Some(attributes(row)),
    })
}

fn attributes(row: &Snapshot) -> api::DBSnapshotAttributesResult {
    api::DBSnapshotAttributesResult {
        db_snapshot_attributes: Some(vec![api::DBSnapshotAttribute {
            attribute_name: Some("restore".to_owned()),
            attribute_values: Some(row.shared_with.iter().cloned().collect()),
        }]),
        db_snapshot_identifier: Some(row.name.clone()),
    }
}

/// The snapshot an instance is to be made of.
pub(super) fn to_restore<'a>(region: &'a Region, id: &str) -> Result<&'a Snapshot, Error> {
    let row = get(region, id)?;
    if row.status == SnapshotStatus::Available {
        return Ok(row);
    }
    Err(invalid_snapshot_state(format!(
        "The snapshot {} is not currently in the available state.",
        row.name
    )))
}

pub(super) fn actions(region: &Region, actions: &mut Vec<Action>) {
    for one in region.rds.snapshots.values() {
        match one.status {
            SnapshotStatus::Creating => actions.push(Action {
                id: format!("take/{}", one.id),
                kind: ActionKind::TakeSnapshot {
                    database: one.resource_id.clone(),
                    snapshot: one.id.clone(),
                },
            }),
            SnapshotStatus::Deleting => actions.push(Action {
                id: format!("drop/{}", one.id),
                kind: ActionKind::DeleteSnapshot(one.id.clone()),
            }),
            SnapshotStatus::Available | SnapshotStatus::Failed => {}
        }
    }
}

/// The world has taken a snapshot, or removed one.
pub(super) fn acted(
    region: &mut Region,
    context: &Context,
    act: &str,
    failure: Option<&str>,
    facts: Option<&SnapshotFacts>,
) {
    if let Some(id) = act.strip_prefix("take/") {
        let found = region
            .rds
            .snapshots
            .values()
            .find(|one| one.id.as_str() == id);
        let Some(row) = found
            .filter(|one| one.status == SnapshotStatus::Creating)
            .cloned()
        else {
            return;
        };
        let (status, message) = match failure {
            None => (
                SnapshotStatus::Available,
                format!("{} snapshot created", kind_title(row.kind)),
            ),
            Some(reason) => (
                SnapshotStatus::Failed,
                format!("The snapshot failed: {reason}"),
            ),
        };
        if let Some(row) = region.rds.snapshots.get_mut(&row.name) {
            row.status = status;
            row.created_at = Some(context.now);
            if let Some(facts) = facts
                && !row.settings.exact_version
            {
                row.settings
                    .engine_version
                    .clone_from(&facts.engine_version);
            }
        }
        event::tell(
            region,
            context,
            api::SourceType::DbSnapshot,
            &row.name,
            &row.arn,
            "creation",
            &message,
        );
    }
    if let Some(id) = act.strip_prefix("drop/") {
        // A snapshot that could not be removed is tried again by a region that begins anew.
        if failure.is_none() {
            region
                .rds
                .snapshots
                .retain(|_, one| one.id.as_str() != id || one.status != SnapshotStatus::Deleting);
        }
    }
}

fn kind_name(kind: SnapshotKind) -> &'static str {
    match kind {
        SnapshotKind::Manual => "manual",
        SnapshotKind::Automated => "automated",
    }
}

fn kind_title(kind: SnapshotKind) -> &'static str {
    match kind {
        SnapshotKind::Manual => "Manual",
        SnapshotKind::Automated => "Automated",
    }
}

pub(super) fn shown(region: &Region, row: &Snapshot) -> api::DBSnapshot {
    let settings = &row.settings;
    let done = row.created_at;
    // The name the instance has now, if it is still there.
    let instance = get_instance(region, &row.instance).map_or(&row.instance, |one| &one.name);
    api::DBSnapshot {
        allocated_storage: Some(settings.allocated_storage),
        availability_zone: Some(row.zone.clone()),
        db_instance_identifier: Some(instance.clone()),
        db_snapshot_arn: Some(row.arn.clone()),
        db_snapshot_identifier: Some(row.name.clone()),
        dbi_resource_id: Some(row.resource_id.to_string()),
        dedicated_log_volume: Some(settings.dedicated_log_volume),
        encrypted: Some(row.encrypted),
        engine: Some(ENGINE.to_owned()),
        engine_version: Some(settings.engine_version.clone()),
        iam_database_authentication_enabled: Some(settings.iam_authentication),
        instance_create_time: Some(row.instance_created_at),
        iops: settings.iops,
        kms_key_id: row.kms_key_id.clone(),
        license_model: Some(option_group::LICENSE.to_owned()),
        master_username: Some(row.master_username.clone()),
        option_group_name: Some(option_group::default_name(engine::major(
            &settings.engine_version,
        ))),
        original_snapshot_create_time: done,
        percent_progress: Some(if done.is_some() { 100 } else { 0 }),
        port: Some(i64::from(settings.port)),
        processor_features: Some(Vec::new()),
        snapshot_create_time: done,
        snapshot_database_time: done,
        snapshot_target: Some("region".to_owned()),
        snapshot_type: Some(kind_name(row.kind).to_owned()),
        status: Some(
            match row.status {
                SnapshotStatus::Creating => "creating",
                SnapshotStatus::Available => "available",
                SnapshotStatus::Failed => "failed",
                SnapshotStatus::Deleting => "deleting",
            }
            .to_owned(),
        ),
        storage_throughput: settings.storage_throughput,
        storage_type: Some(settings.storage_type.clone()),
        tag_list: Some(shown_tags(&row.tags)),
        vpc_id: Some(row.vpc.clone()),
        ..api::DBSnapshot::default()
    }
}
