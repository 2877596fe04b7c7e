//! The end of an instance, with or without a last snapshot.

use wire::Error;
use wire::rds as api;

use super::describe::shown;
use super::{change, followers, get};
use crate::services::rds::common::identifier;
use crate::services::rds::error::{invalid_combination, invalid_instance_state, snapshot_exists};
use crate::services::rds::state::{SnapshotKind, Status};
use crate::services::rds::{event, snapshot};
use crate::{Context, Region};

pub(in crate::services::rds) fn delete_db_instance(
    region: &mut Region,
    context: &Context,
    input: api::DeleteDBInstanceMessage,
) -> Result<api::DeleteDBInstanceResult, Error> {
    let instance = get(region, &input.db_instance_identifier)?.clone();
    if instance.settings.deletion_protection {
        return Err(invalid_combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ));
    }
    if matches!(instance.status, Status::Deleting { .. }) {
        return Err(invalid_instance_state(format!(
            "Instance {} is already being deleted.",
            instance.name
        )));
    }
    let skip = input.skip_final_snapshot == Some(true);
    let last = match (skip, input.final_db_snapshot_identifier) {
        (false, None) => {
            return Err(invalid_combination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            ));
        }
        (true, Some(_)) => {
            return Err(invalid_combination(
                "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.",
            ));
        }
        (true, None) => None,
        (false, Some(name)) => Some(identifier("FinalDBSnapshotIdentifier", &name)?),
    };
    if let Some(name) = &last {
        if instance.replica_of.is_some() {
            return Err(invalid_combination(
                "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance.",
            ));
        }
        if matches!(instance.status, Status::Creating | Status::Failed) {
            return Err(invalid_instance_state(format!(
                "Cannot create a snapshot because the database instance {} is not currently in the available state.",
                instance.name
            )));
        }
        if region.rds.snapshots.contains(name) {
            return Err(snapshot_exists(format!(
                "Cannot create the snapshot because a snapshot with the identifier {name} already exists."
            )));
        }
        let mut tags = crate::Tags::new();
        if instance.settings.copy_tags_to_snapshot {
            tags.clone_from(&instance.tags);
        }
        snapshot::take(
            region,
            context,
            &instance,
            name.clone(),
            SnapshotKind::Manual,
            tags,
        );
    }
    // Those that follow it go on alone.
    let following: Vec<String> = followers(region, &instance.resource_id)
        .map(|one| one.resource_id.clone())
        .collect();
    for id in following {
        super::replica::promote(region, context, &id);
    }
    change(region, &instance.resource_id, |row| {
        row.status = Status::Deleting {
            until: context.now + super::run::MOMENT,
            last_snapshot: last,
        };
        row.act = None;
        row.changed_at = context.now;
    });
    if input.delete_automated_backups != Some(false) {
        snapshot::drop_automated(region, &instance.resource_id);
    }
    event::of_instance(
        region,
        context,
        &instance,
        "deletion",
        "DB instance deleted",
    );
    let instance = get(region, &input.db_instance_identifier)?;
    Ok(api::DeleteDBInstanceResult {
        db_instance: Some(shown(region, instance)),
    })
}
