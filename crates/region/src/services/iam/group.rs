//! Groups of users.

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{checked_path, piece, under, unique_id};
use super::error::{already_exists, delete_conflict, no_such_entity, not_found};
use super::state::{Grants, Group};
use super::user;
use crate::{Context, Region};

fn get<'a>(region: &'a Region, name: &str) -> Result<&'a Group, Error> {
    region
        .iam
        .groups
        .get(name)
        .ok_or_else(|| not_found("group", name))
}

fn taken(name: &str) -> Error {
    already_exists(format!("Group with name {name} already exists."))
}

pub(super) fn create_group(
    region: &mut Region,
    context: &Context,
    input: api::CreateGroupRequest,
) -> Result<api::CreateGroupResponse, Error> {
    let name = input.group_name;
    if region
        .iam
        .groups
        .keys()
        .any(|other| other.eq_ignore_ascii_case(&name))
    {
        return Err(taken(&name));
    }
    let path = checked_path(input.path)?;
    let group = Group {
        arn: context
            .settings
            .global_arn("iam", format!("group{path}{name}")),
        id: unique_id(context, "AGPA"),
        path,
        created_at: context.now,
        grants: Grants::default(),
        name: name.clone(),
    };
    let shown = shown(&group);
    region.iam.groups.insert(name, group);
    Ok(api::CreateGroupResponse { group: Some(shown) })
}

pub(super) fn get_group(
    region: &Region,
    _: &Context,
    input: api::GetGroupRequest,
) -> Result<api::GetGroupResponse, Error> {
    let group = get(region, &input.group_name)?;
    let members = region
        .iam
        .users
        .values()
        .filter(|user| user.groups.contains(&group.name));
    let piece = piece(
        members,
        |user| user.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::GetGroupResponse {
        group: Some(shown(group)),
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        users: Some(piece.items.into_iter().map(user::listed).collect()),
    })
}

pub(super) fn list_groups(
    region: &Region,
    _: &Context,
    input: api::ListGroupsRequest,
) -> Result<api::ListGroupsResponse, Error> {
    let prefix = input.path_prefix.as_deref();
    let groups = region
        .iam
        .groups
        .values()
        .filter(|group| under(&group.path, prefix));
    let piece = piece(
        groups,
        |group| group.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListGroupsResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        groups: Some(piece.items.into_iter().map(shown).collect()),
    })
}

pub(super) fn list_groups_for_user(
    region: &Region,
    _: &Context,
    input: api::ListGroupsForUserRequest,
) -> Result<api::ListGroupsForUserResponse, Error> {
    let user = user::get(region, &input.user_name)?;
    let groups = user
        .groups
        .iter()
        .filter_map(|name| region.iam.groups.get(name));
    let piece = piece(
        groups,
        |group| group.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListGroupsForUserResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        groups: Some(piece.items.into_iter().map(shown).collect()),
    })
}

pub(super) fn update_group(
    region: &mut Region,
    context: &Context,
    input: api::UpdateGroupRequest,
) -> Result<Unit, Error> {
    let old = input.group_name;
    let mut group = get(region, &old)?.clone();
    if let Some(path) = input.new_path {
        group.path = checked_path(Some(path))?;
    }
    if let Some(name) = input.new_group_name.filter(|name| *name != old) {
        if region.iam.groups.contains(&name) {
            return Err(taken(&name));
        }
        group.name = name;
    }
    group.arn = context
        .settings
        .global_arn("iam", format!("group{}{}", group.path, group.name));
    region.iam.groups.remove(&old);
    let members: Vec<String> = members(region, &old);
    for member in members {
        let user = user::get_mut(region, &member)?;
        user.groups.remove(&old);
        user.groups.insert(group.name.clone());
    }
    region.iam.groups.insert(group.name.clone(), group);
    Ok(Unit {})
}

fn members(region: &Region, group: &str) -> Vec<String> {
    let users = region.iam.users.values();
    users
        .filter(|user| user.groups.contains(group))
        .map(|user| user.name.clone())
        .collect()
}

pub(super) fn delete_group(
    region: &mut Region,
    _: &Context,
    input: api::DeleteGroupRequest,
) -> Result<Unit, Error> {
    let name = input.group_name;
    let group = get(region, &name)?;
    let conflict = if !group.grants.attached.is_empty() {
        Some("Cannot delete entity, must detach all policies first.")
    } else if !group.grants.inline.is_empty() {
        Some("Cannot delete entity, must delete policies first.")
    } else if !members(region, &name).is_empty() {
        Some("Cannot delete entity, must remove users from group first.")
    } else {
        None
    };
    if let Some(conflict) = conflict {
        return Err(delete_conflict(conflict));
    }
    region.iam.groups.remove(&name);
    Ok(Unit {})
}

pub(super) fn add_user_to_group(
    region: &mut Region,
    _: &Context,
    input: api::AddUserToGroupRequest,
) -> Result<Unit, Error> {
    get(region, &input.group_name)?;
    user::get_mut(region, &input.user_name)?
        .groups
        .insert(input.group_name);
    Ok(Unit {})
}

pub(super) fn remove_user_from_group(
    region: &mut Region,
    _: &Context,
    input: api::RemoveUserFromGroupRequest,
) -> Result<Unit, Error> {
    get(region, &input.group_name)?;
    if user::get_mut(region, &input.user_name)?
        .groups
        .remove(&input.group_name)
    {
        Ok(Unit {})
    } else {
        Err(no_such_entity(format!(
            "User {} not in group {}",
            input.user_name, input.group_name
        )))
    }
}

pub(super) fn shown(group: &Group) -> api::Group {
    api::Group {
        arn: Some(group.arn.clone()),
        create_date: Some(group.created_at),
        group_id: Some(group.id.clone()),
        group_name: Some(group.name.clone()),
        path: Some(group.path.clone()),
    }
}
