//! Users.

use std::collections::BTreeSet;

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{
    add_tags, all_tags, checked_path, new_tags, piece, remove_tags, shown_tags, under, unique_id,
};
use super::error::{already_exists, delete_conflict, no_such_entity, not_found, validation};
use super::managed_policy;
use super::state::{Grants, User};
use crate::{Caller, Context, Region};

pub(super) fn get<'a>(region: &'a Region, name: &str) -> Result<&'a User, Error> {
    region
        .iam
        .users
        .get(name)
        .ok_or_else(|| not_found("user", name))
}

pub(super) fn get_mut<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut User, Error> {
    region
        .iam
        .users
        .get_mut(name)
        .ok_or_else(|| not_found("user", name))
}

/// The user a call is about: the named one, or the caller.
pub(super) fn named_or_caller(context: &Context, name: Option<String>) -> Result<String, Error> {
    match (name, &context.caller) {
        (Some(name), _) => Ok(name),
        (None, Caller::User { name }) => Ok(name.clone()),
        _ => Err(validation(
            "Must specify userName when calling with non-User credentials",
        )),
    }
}

pub(super) fn create_user(
    region: &mut Region,
    context: &Context,
    input: api::CreateUserRequest,
) -> Result<api::CreateUserResponse, Error> {
    let name = input.user_name;
    if region
        .iam
        .users
        .keys()
        .any(|taken| taken.eq_ignore_ascii_case(&name))
    {
        return Err(already_exists(format!(
            "User with name {name} already exists."
        )));
    }
    let path = checked_path(input.path)?;
    if let Some(boundary) = &input.permissions_boundary {
        managed_policy::boundary(region, boundary)?;
    }
    let user = User {
        arn: context
            .settings
            .global_arn("iam", format!("user{path}{name}")),
        id: unique_id(context, "AIDA"),
        path,
        created_at: context.now,
        boundary: input.permissions_boundary,
        grants: Grants::default(),
        groups: BTreeSet::new(),
        tags: new_tags(input.tags)?,
        name: name.clone(),
    };
    let shown = shown(&user);
    region.iam.users.insert(name, user);
    Ok(api::CreateUserResponse { user: Some(shown) })
}

/// Without a name: the caller. The root is a user too, with the account's number for a name.
pub(super) fn get_user(
    region: &Region,
    context: &Context,
    input: api::GetUserRequest,
) -> Result<api::GetUserResponse, Error> {
    if input.user_name.is_none() && context.caller == Caller::Root {
        let account = &context.settings.account;
        return Ok(api::GetUserResponse {
            user: Some(api::User {
                arn: Some(context.settings.global_arn("iam", "root")),
                create_date: Some(jiff::Timestamp::UNIX_EPOCH),
                user_id: Some(account.clone()),
                ..api::User::default()
            }),
        });
    }
    let name = named_or_caller(context, input.user_name)?;
    Ok(api::GetUserResponse {
        user: Some(shown(get(region, &name)?)),
    })
}

pub(super) fn list_users(
    region: &Region,
    _: &Context,
    input: api::ListUsersRequest,
) -> Result<api::ListUsersResponse, Error> {
    let prefix = input.path_prefix.as_deref();
    let users = region
        .iam
        .users
        .values()
        .filter(|user| under(&user.path, prefix));
    let piece = piece(
        users,
        |user| user.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListUsersResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        users: Some(piece.items.into_iter().map(listed).collect()),
    })
}

pub(super) fn update_user(
    region: &mut Region,
    context: &Context,
    input: api::UpdateUserRequest,
) -> Result<Unit, Error> {
    let old = input.user_name;
    let mut user = get(region, &old)?.clone();
    if let Some(path) = input.new_path {
        user.path = checked_path(Some(path))?;
    }
    if let Some(name) = input.new_user_name.filter(|name| *name != old) {
        if region.iam.users.contains(&name) {
            return Err(already_exists(format!(
                "User with name {name} already exists."
            )));
        }
        user.name = name;
    }
    user.arn = context
        .settings
        .global_arn("iam", format!("user{}{}", user.path, user.name));
    region.iam.users.remove(&old);
    let keys: Vec<String> = keys_of(region, &old);
    for key in keys {
        if let Some(key) = region.iam.access_keys.get_mut(&key) {
            key.user.clone_from(&user.name);
        }
    }
    region.iam.users.insert(user.name.clone(), user);
    Ok(Unit {})
}

fn keys_of(region: &Region, user: &str) -> Vec<String> {
    let keys = region.iam.access_keys.values();
    keys.filter(|key| key.user == user)
        .map(|key| key.id.clone())
        .collect()
}

pub(super) fn delete_user(
    region: &mut Region,
    _: &Context,
    input: api::DeleteUserRequest,
) -> Result<Unit, Error> {
    let user = get(region, &input.user_name)?;
    let conflict = if !user.grants.attached.is_empty() {
        Some("Cannot delete entity, must detach all policies first.")
    } else if !user.grants.inline.is_empty() {
        Some("Cannot delete entity, must delete policies first.")
    } else if !user.groups.is_empty() {
        Some("Cannot delete entity, must remove users from group first.")
    } else if !keys_of(region, &user.name).is_empty() {
        Some("Cannot delete entity, must delete access keys first.")
    } else {
        None
    };
    if let Some(conflict) = conflict {
        return Err(delete_conflict(conflict));
    }
    region.iam.users.remove(&input.user_name);
    Ok(Unit {})
}

pub(super) fn put_user_permissions_boundary(
    region: &mut Region,
    _: &Context,
    input: api::PutUserPermissionsBoundaryRequest,
) -> Result<Unit, Error> {
    managed_policy::boundary(region, &input.permissions_boundary)?;
    get_mut(region, &input.user_name)?.boundary = Some(input.permissions_boundary);
    Ok(Unit {})
}

pub(super) fn delete_user_permissions_boundary(
    region: &mut Region,
    _: &Context,
    input: api::DeleteUserPermissionsBoundaryRequest,
) -> Result<Unit, Error> {
    match get_mut(region, &input.user_name)?.boundary.take() {
        Some(_) => Ok(Unit {}),
        None => Err(no_such_entity(format!(
            "The user with name {} does not have a permissions boundary.",
            input.user_name
        ))),
    }
}

pub(super) fn tag_user(
    region: &mut Region,
    _: &Context,
    input: api::TagUserRequest,
) -> Result<Unit, Error> {
    add_tags(&mut get_mut(region, &input.user_name)?.tags, input.tags)?;
    Ok(Unit {})
}

pub(super) fn untag_user(
    region: &mut Region,
    _: &Context,
    input: api::UntagUserRequest,
) -> Result<Unit, Error> {
    remove_tags(
        &mut get_mut(region, &input.user_name)?.tags,
        &input.tag_keys,
    );
    Ok(Unit {})
}

pub(super) fn list_user_tags(
    region: &Region,
    _: &Context,
    input: api::ListUserTagsRequest,
) -> Result<api::ListUserTagsResponse, Error> {
    let tags = all_tags(&get(region, &input.user_name)?.tags);
    let piece = piece(
        tags,
        |tag| tag.key.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListUserTagsResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        tags: Some(piece.items),
    })
}

fn shown(user: &User) -> api::User {
    api::User {
        permissions_boundary: user
            .boundary
            .as_ref()
            .map(|arn| managed_policy::attached_boundary(arn)),
        tags: shown_tags(&user.tags),
        ..listed(user)
    }
}

/// As lists tell it: without tags and boundary.
pub(super) fn listed(user: &User) -> api::User {
    api::User {
        arn: Some(user.arn.clone()),
        create_date: Some(user.created_at),
        path: Some(user.path.clone()),
        user_id: Some(user.id.clone()),
        user_name: Some(user.name.clone()),
        ..api::User::default()
    }
}
