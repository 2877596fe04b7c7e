//! Subnet groups: where instances may be placed.

use std::collections::BTreeSet;

use wire::Error;
use wire::rds as api;

use super::common::{new_tags, piece};
use super::error::{
    invalid_subnet, invalid_subnet_group_state, invalid_value, no_subnet_group,
    subnet_group_exists, too_few_zones,
};
use super::state::SubnetGroup;
use crate::services::ec2;
use crate::{Context, Region};

pub(super) fn get<'a>(region: &'a Region, name: &str) -> Result<&'a SubnetGroup, Error> {
    region
        .rds
        .subnet_groups
        .get(&name.to_lowercase())
        .ok_or_else(|| no_subnet_group(name))
}

/// The group's subnets by zone, one for each.
pub(super) fn zones(region: &Region, group: &SubnetGroup) -> Vec<(String, String)> {
    let mut zones: Vec<(String, String)> = Vec::new();
    for id in &group.subnets {
        if let Ok(subnet) = ec2::subnet::get(region, id)
            && !zones.iter().any(|(zone, _)| *zone == subnet.zone)
        {
            zones.push((subnet.zone.clone(), id.clone()));
        }
    }
    zones.sort();
    zones
}

/// The VPC of subnets that a group may have.
fn checked(region: &Region, subnets: &[String]) -> Result<String, Error> {
    let mut vpcs = BTreeSet::new();
    let mut zones = BTreeSet::new();
    for id in subnets {
        let subnet = ec2::subnet::get(region, id).map_err(|_| {
            invalid_subnet(format!(
                "Some input subnets in :[{}] are invalid.",
                subnets.join(", ")
            ))
        })?;
        vpcs.insert(subnet.vpc.clone());
        zones.insert(subnet.zone.clone());
    }
    if vpcs.len() > 1 {
        return Err(invalid_value(
            "The specified subnets are not all in the same VPC.",
        ));
    }
    if zones.len() < 2 {
        return Err(too_few_zones(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: ".to_owned()
                + &zones.into_iter().collect::<Vec<_>>().join(", ")
                + ". Add subnets to cover at least 2 AZs.",
        ));
    }
    vpcs.into_iter()
        .next()
        .ok_or_else(|| invalid_value("A subnet group needs subnets."))
}

pub(super) fn create_db_subnet_group(
    region: &mut Region,
    context: &Context,
    input: api::CreateDBSubnetGroupMessage,
) -> Result<api::CreateDBSubnetGroupResult, Error> {
    let name = input.db_subnet_group_name.to_lowercase();
    let fine = |one: char| one.is_ascii_alphanumeric() || "._- ".contains(one);
    if name == "default" || name.is_empty() || name.len() > 255 || !name.chars().all(fine) {
        return Err(invalid_value(format!(
            "The parameter DBSubnetGroupName is not a valid identifier: {name}"
        )));
    }
    if region.rds.subnet_groups.contains(&name) {
        return Err(subnet_group_exists(format!(
            "The DB subnet group '{name}' already exists."
        )));
    }
    let group = SubnetGroup {
        arn: context.settings.arn("rds", format!("subgrp:{name}")),
        description: input.db_subnet_group_description,
        vpc: checked(region, &input.subnet_ids)?,
        subnets: input.subnet_ids,
        tags: new_tags(input.tags)?,
        name: name.clone(),
    };
    let answer = shown(region, &group);
    region.rds.subnet_groups.insert(name, group);
    Ok(api::CreateDBSubnetGroupResult {
        db_subnet_group: Some(answer),
    })
}

pub(super) fn describe_db_subnet_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeDBSubnetGroupsMessage,
) -> Result<api::DBSubnetGroupMessage, Error> {
    let groups: Vec<&SubnetGroup> = match &input.db_subnet_group_name {
        Some(name) => vec![get(region, name)?],
        None => region.rds.subnet_groups.values().collect(),
    };
    let piece = piece(
        groups,
        |group| group.name.clone(),
        input.marker.as_deref(),
        input.max_records,
    )?;
    Ok(api::DBSubnetGroupMessage {
        db_subnet_groups: Some(
            piece
                .items
                .into_iter()
                .map(|group| shown(region, group))
                .collect(),
        ),
        marker: piece.next,
    })
}

pub(super) fn modify_db_subnet_group(
    region: &mut Region,
    _: &Context,
    input: api::ModifyDBSubnetGroupMessage,
) -> Result<api::ModifyDBSubnetGroupResult, Error> {
    let group = get(region, &input.db_subnet_group_name)?;
    let (name, old_vpc) = (group.name.clone(), group.vpc.clone());
    let vpc = checked(region, &input.subnet_ids)?;
    if vpc != old_vpc {
        return Err(invalid_value(
            "The new subnets are not in the same VPC as the existing subnet group.",
        ));
    }
    for id in group
        .subnets
        .iter()
        .filter(|id| !input.subnet_ids.contains(id))
    {
        let used = super::instance::places(region, &name).any(|interface| {
            ec2::interface::get(region, &interface).is_ok_and(|one| one.subnet == *id)
        });
        if used {
            return Err(wire::rds::error::subnet_already_in_use(format!(
                "The subnet {id} is in use."
            )));
        }
    }
    let group = region
        .rds
        .subnet_groups
        .get_mut(&name)
        .ok_or_else(|| no_subnet_group(&name))?;
    group.subnets = input.subnet_ids;
    if let Some(description) = input.db_subnet_group_description {
        group.description = description;
    }
    let group = get(region, &name)?;
    Ok(api::ModifyDBSubnetGroupResult {
        db_subnet_group: Some(shown(region, group)),
    })
}

pub(super) fn delete_db_subnet_group(
    region: &mut Region,
    _: &Context,
    input: api::DeleteDBSubnetGroupMessage,
) -> Result<wire::Unit, Error> {
    let name = get(region, &input.db_subnet_group_name)?.name.clone();
    if let Some(user) = region
        .rds
        .instances
        .values()
        .find(|one| one.subnet_group == name)
    {
        return Err(invalid_subnet_group_state(format!(
            "Cannot delete the subnet group '{name}' because at least one database instance: {} is still using it.",
            user.name
        )));
    }
    region.rds.subnet_groups.remove(&name);
    Ok(wire::Unit {})
}

pub(super) fn shown(region: &Region, group: &SubnetGroup) -> api::DBSubnetGroup {
    let subnet = |id: &String| api::Subnet {
        subnet_availability_zone: Some(api::AvailabilityZone {
            name: ec2::subnet::get(region, id)
                .ok()
                .map(|subnet| subnet.zone.clone()),
        }),
        subnet_identifier: Some(id.clone()),
        subnet_outpost: Some(api::Outpost::default()),
        subnet_status: Some("Active".to_owned()),
    };
    api::DBSubnetGroup {
        db_subnet_group_arn: Some(group.arn.clone()),
        db_subnet_group_description: Some(group.description.clone()),
        db_subnet_group_name: Some(group.name.clone()),
        subnet_group_status: Some("Complete".to_owned()),
        subnets: Some(group.subnets.iter().map(subnet).collect()),
        supported_network_types: Some(vec!["IPV4".to_owned()]),
        vpc_id: Some(group.vpc.clone()),
    }
}
