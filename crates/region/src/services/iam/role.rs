//! Roles.

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{
    add_tags, all_tags, checked_path, encoded, new_tags, piece, remove_tags, shown_tags, under,
    unique_id, weight,
};
use super::error::{
    already_exists, delete_conflict, limit_exceeded, malformed_policy, not_found,
    unmodifiable_entity,
};
use super::managed_policy;
use super::policy;
pub use super::service_linked::{arn as service_linked_arn, ensure as ensure_service_linked};
use super::state::{Grants, Role};
use crate::{Context, Region};

const MOST_TRUST: usize = 2048;
const DEFAULT_SESSION: i64 = 3600;

/// The role of that name.
pub fn by_name<'a>(region: &'a Region, name: &str) -> Option<&'a Role> {
    region.iam.roles.get(name)
}

/// The role of that ARN.
pub fn by_arn<'a>(region: &'a Region, arn: &str) -> Option<&'a Role> {
    let name = arn.rsplit('/').next()?;
    by_name(region, name).filter(|role| role.arn == arn)
}

pub(super) fn get<'a>(region: &'a Region, name: &str) -> Result<&'a Role, Error> {
    by_name(region, name).ok_or_else(|| not_found("role", name))
}

/// A role to change; those of services change only themselves.
pub(super) fn get_mut<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut Role, Error> {
    if get(region, name)?.linked_service.is_some() {
        return Err(unmodifiable_entity(format!(
            "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
        )));
    }
    region
        .iam
        .roles
        .get_mut(name)
        .ok_or_else(|| not_found("role", name))
}

pub(super) fn create_role(
    region: &mut Region,
    context: &Context,
    input: api::CreateRoleRequest,
) -> Result<api::CreateRoleResponse, Error> {
    let name = input.role_name;
    if region
        .iam
        .roles
        .keys()
        .any(|taken| taken.eq_ignore_ascii_case(&name))
    {
        return Err(already_exists(format!(
            "Role with name {name} already exists."
        )));
    }
    checked_trust(&input.assume_role_policy_document)?;
    let path = checked_path(input.path)?;
    if path.starts_with("/aws-service-role/") {
        return Err(super::error::validation(
            "The specified value for roleName is invalid. Paths that begin with /aws-service-role/ are reserved.",
        ));
    }
    if let Some(boundary) = &input.permissions_boundary {
        managed_policy::boundary(region, boundary)?;
    }
    let role = Role {
        arn: context
            .settings
            .global_arn("iam", format!("role{path}{name}")),
        id: unique_id(context, "AROA"),
        path,
        trust: input.assume_role_policy_document,
        description: input.description,
        created_at: context.now,
        max_session_duration: input.max_session_duration.unwrap_or(DEFAULT_SESSION),
        boundary: input.permissions_boundary,
        grants: Grants::default(),
        tags: new_tags(input.tags)?,
        linked_service: None,
        name: name.clone(),
    };
    let shown = shown(&role);
    region.iam.roles.insert(name, role);
    Ok(api::CreateRoleResponse {
        role: Some(api::Role {
            role_last_used: None,
            ..shown
        }),
    })
}

fn checked_trust(document: &str) -> Result<(), Error> {
    policy::trust(document).map_err(malformed_policy)?;
    if weight(document) > MOST_TRUST {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for ACLSizePerRole: {MOST_TRUST}"
        )));
    }
    Ok(())
}

pub(super) fn get_role(
    region: &Region,
    _: &Context,
    input: api::GetRoleRequest,
) -> Result<api::GetRoleResponse, Error> {
    Ok(api::GetRoleResponse {
        role: Some(shown(get(region, &input.role_name)?)),
    })
}

pub(super) fn list_roles(
    region: &Region,
    _: &Context,
    input: api::ListRolesRequest,
) -> Result<api::ListRolesResponse, Error> {
    let prefix = input.path_prefix.as_deref();
    let roles = region
        .iam
        .roles
        .values()
        .filter(|role| under(&role.path, prefix));
    let piece = piece(
        roles,
        |role| role.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListRolesResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        roles: Some(piece.items.into_iter().map(listed).collect()),
    })
}

pub(super) fn delete_role(
    region: &mut Region,
    _: &Context,
    input: api::DeleteRoleRequest,
) -> Result<Unit, Error> {
    let name = input.role_name;
    let role = get_mut(region, &name)?;
    if !role.grants.attached.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    if !role.grants.inline.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete policies first.",
        ));
    }
    let mut profiles = region.iam.instance_profiles.values();
    if profiles.any(|profile| profile.role.as_ref() == Some(&name)) {
        return Err(delete_conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    region.iam.roles.remove(&name);
    Ok(Unit {})
}

pub(super) fn update_role(
    region: &mut Region,
    _: &Context,
    input: api::UpdateRoleRequest,
) -> Result<api::UpdateRoleResponse, Error> {
    let role = get_mut(region, &input.role_name)?;
    if let Some(description) = input.description {
        role.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(duration) = input.max_session_duration {
        role.max_session_duration = duration;
    }
    Ok(api::UpdateRoleResponse::default())
}

pub(super) fn update_role_description(
    region: &mut Region,
    _: &Context,
    input: api::UpdateRoleDescriptionRequest,
) -> Result<api::UpdateRoleDescriptionResponse, Error> {
    let role = get_mut(region, &input.role_name)?;
    role.description = Some(input.description).filter(|text| !text.is_empty());
    Ok(api::UpdateRoleDescriptionResponse {
        role: Some(shown(role)),
    })
}

pub(super) fn update_assume_role_policy(
    region: &mut Region,
    _: &Context,
    input: api::UpdateAssumeRolePolicyRequest,
) -> Result<Unit, Error> {
    let role = get_mut(region, &input.role_name)?;
    checked_trust(&input.policy_document)?;
    role.trust = input.policy_document;
    Ok(Unit {})
}

pub(super) fn put_role_permissions_boundary(
    region: &mut Region,
    _: &Context,
    input: api::PutRolePermissionsBoundaryRequest,
) -> Result<Unit, Error> {
    managed_policy::boundary(region, &input.permissions_boundary)?;
    get_mut(region, &input.role_name)?.boundary = Some(input.permissions_boundary);
    Ok(Unit {})
}

pub(super) fn delete_role_permissions_boundary(
    region: &mut Region,
    _: &Context,
    input: api::DeleteRolePermissionsBoundaryRequest,
) -> Result<Unit, Error> {
    let role = get_mut(region, &input.role_name)?;
    match role.boundary.take() {
        Some(_) => Ok(Unit {}),
        None => Err(super::error::no_such_entity(format!(
            "The role with name {} does not have a permissions boundary.",
            input.role_name
        ))),
    }
}

pub(super) fn tag_role(
    region: &mut Region,
    _: &Context,
    input: api::TagRoleRequest,
) -> Result<Unit, Error> {
    add_tags(&mut get_mut(region, &input.role_name)?.tags, input.tags)?;
    Ok(Unit {})
}

pub(super) fn untag_role(
    region: &mut Region,
    _: &Context,
    input: api::UntagRoleRequest,
) -> Result<Unit, Error> {
    remove_tags(
        &mut get_mut(region, &input.role_name)?.tags,
        &input.tag_keys,
    );
    Ok(Unit {})
}

pub(super) fn list_role_tags(
    region: &Region,
    _: &Context,
    input: api::ListRoleTagsRequest,
) -> Result<api::ListRoleTagsResponse, Error> {
    let tags = all_tags(&get(region, &input.role_name)?.tags);
    let piece = piece(
        tags,
        |tag| tag.key.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListRoleTagsResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        tags: Some(piece.items),
    })
}

/// A role as `GetRole` tells it.
pub(super) fn shown(role: &Role) -> api::Role {
    api::Role {
        permissions_boundary: role
            .boundary
            .as_ref()
            .map(|arn| managed_policy::attached_boundary(arn)),
        role_last_used: Some(api::RoleLastUsed::default()),
        tags: shown_tags(&role.tags),
        ..listed(role)
    }
}

/// A role as lists tell it: without tags, boundary and last use.
pub(super) fn listed(role: &Role) -> api::Role {
    api::Role {
        arn: Some(role.arn.clone()),
        assume_role_policy_document: Some(encoded(&role.trust)),
        create_date: Some(role.created_at),
        description: role.description.clone(),
        max_session_duration: Some(role.max_session_duration),
        path: Some(role.path.clone()),
        role_id: Some(role.id.clone()),
        role_name: Some(role.name.clone()),
        ..api::Role::default()
    }
}
