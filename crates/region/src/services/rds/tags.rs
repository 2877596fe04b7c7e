//! Tags of everything that RDS names by an ARN.

use wire::Error;
use wire::rds as api;

use super::common::{add_tags, shown_tags};
use super::error::{invalid_value, no_instance, no_parameter_group, no_snapshot, no_subnet_group};
use crate::{Context, Region, Tags};

/// What an ARN of RDS is of.
enum Tagged {
    Instance(String),
    SubnetGroup(String),
    ParameterGroup(String),
    Snapshot(String),
}

fn tagged(region: &Region, arn: &str) -> Result<Tagged, Error> {
    let unknown = || invalid_value(format!("Invalid resource name: {arn}"));
    let settings = &region.settings;
    let tail = arn
        .strip_prefix(&settings.arn("rds", ""))
        .ok_or_else(unknown)?;
    let (kind, name) = tail.split_once(':').ok_or_else(unknown)?;
    let rds = &region.rds;
    match kind {
        "db" => {
            let found = super::instance::by_name(region, name).ok_or_else(|| no_instance(name))?;
            Ok(Tagged::Instance(found.resource_id.clone()))
        }
        "subgrp" if rds.subnet_groups.contains(name) => Ok(Tagged::SubnetGroup(name.to_owned())),
        "subgrp" => Err(no_subnet_group(name)),
        "pg" if rds.parameter_groups.contains(name) => Ok(Tagged::ParameterGroup(name.to_owned())),
        "pg" => Err(no_parameter_group(name)),
        "snapshot" if rds.snapshots.contains(name) => Ok(Tagged::Snapshot(name.to_owned())),
        "snapshot" => Err(no_snapshot(name)),
        _ => Err(unknown()),
    }
}

fn tags<'a>(region: &'a mut Region, tagged: &Tagged) -> Option<&'a mut Tags> {
    let rds = &mut region.rds;
    match tagged {
        Tagged::Instance(id) => rds.instances.get_mut(id).map(|row| &mut row.tags),
        Tagged::SubnetGroup(name) => rds.subnet_groups.get_mut(name).map(|row| &mut row.tags),
        Tagged::ParameterGroup(name) => rds.parameter_groups.get_mut(name).map(|row| &mut row.tags),
        Tagged::Snapshot(name) => rds.snapshots.get_mut(name).map(|row| &mut row.tags),
    }
}

pub(super) fn add_tags_to_resource(
    region: &mut Region,
    _: &Context,
    input: api::AddTagsToResourceMessage,
) -> Result<wire::Unit, Error> {
    let tagged = tagged(region, &input.resource_name)?;
    if let Some(tags) = tags(region, &tagged) {
        add_tags(tags, input.tags)?;
    }
    Ok(wire::Unit {})
}

pub(super) fn remove_tags_from_resource(
    region: &mut Region,
    _: &Context,
    input: api::RemoveTagsFromResourceMessage,
) -> Result<wire::Unit, Error> {
    let tagged = tagged(region, &input.resource_name)?;
    if let Some(tags) = tags(region, &tagged) {
        tags.retain(|key, _| !input.tag_keys.contains(key));
    }
    Ok(wire::Unit {})
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceMessage,
) -> Result<api::TagListMessage, Error> {
    let rds = &region.rds;
    let tags = match tagged(region, &input.resource_name)? {
        Tagged::Instance(id) => rds.instances.get(&id).map(|row| &row.tags),
        Tagged::SubnetGroup(name) => rds.subnet_groups.get(&name).map(|row| &row.tags),
        Tagged::ParameterGroup(name) => rds.parameter_groups.get(&name).map(|row| &row.tags),
        Tagged::Snapshot(name) => rds.snapshots.get(&name).map(|row| &row.tags),
    };
    Ok(api::TagListMessage {
        tag_list: Some(tags.map(shown_tags).unwrap_or_default()),
    })
}
