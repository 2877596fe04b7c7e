//! Instance profiles: a role's envelope for EC2 instances.

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{
    add_tags, all_tags, checked_path, new_tags, piece, remove_tags, shown_tags, under, unique_id,
};
use super::error::{already_exists, delete_conflict, limit_exceeded, no_such_entity};
use super::role;
use super::state::InstanceProfile;
use crate::{Context, Region};

fn not_found(name: &str) -> Error {
    no_such_entity(format!("Instance Profile {name} cannot be found."))
}

fn get<'a>(region: &'a Region, name: &str) -> Result<&'a InstanceProfile, Error> {
    region
        .iam
        .instance_profiles
        .get(name)
        .ok_or_else(|| not_found(name))
}

fn get_mut<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut InstanceProfile, Error> {
    region
        .iam
        .instance_profiles
        .get_mut(name)
        .ok_or_else(|| not_found(name))
}

pub(super) fn create_instance_profile(
    region: &mut Region,
    context: &Context,
    input: api::CreateInstanceProfileRequest,
) -> Result<api::CreateInstanceProfileResponse, Error> {
    let name = input.instance_profile_name;
    let taken = |other: &String| other.eq_ignore_ascii_case(&name);
    if region.iam.instance_profiles.keys().any(taken) {
        return Err(already_exists(format!(
            "Instance Profile {name} already exists."
        )));
    }
    let path = checked_path(input.path)?;
    let profile = InstanceProfile {
        arn: context
            .settings
            .global_arn("iam", format!("instance-profile{path}{name}")),
        id: unique_id(context, "AIPA"),
        path,
        created_at: context.now,
        role: None,
        tags: new_tags(input.tags)?,
        name: name.clone(),
    };
    let shown = shown(region, &profile);
    region.iam.instance_profiles.insert(name, profile);
    Ok(api::CreateInstanceProfileResponse {
        instance_profile: Some(shown),
    })
}

pub(super) fn get_instance_profile(
    region: &Region,
    _: &Context,
    input: api::GetInstanceProfileRequest,
) -> Result<api::GetInstanceProfileResponse, Error> {
    Ok(api::GetInstanceProfileResponse {
        instance_profile: Some(shown(region, get(region, &input.instance_profile_name)?)),
    })
}

pub(super) fn list_instance_profiles(
    region: &Region,
    _: &Context,
    input: api::ListInstanceProfilesRequest,
) -> Result<api::ListInstanceProfilesResponse, Error> {
    let prefix = input.path_prefix.as_deref();
    let profiles = region
        .iam
        .instance_profiles
        .values()
        .filter(|one| under(&one.path, prefix));
    let piece = piece(
        profiles,
        |one| one.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListInstanceProfilesResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        instance_profiles: Some(
            piece
                .items
                .into_iter()
                .map(|one| shown(region, one))
                .collect(),
        ),
    })
}

pub(super) fn list_instance_profiles_for_role(
    region: &Region,
    _: &Context,
    input: api::ListInstanceProfilesForRoleRequest,
) -> Result<api::ListInstanceProfilesForRoleResponse, Error> {
    let role = role::get(region, &input.role_name)?;
    let profiles = region.iam.instance_profiles.values();
    let profiles = profiles.filter(|one| one.role.as_ref() == Some(&role.name));
    let piece = piece(
        profiles,
        |one| one.name.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListInstanceProfilesForRoleResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        instance_profiles: Some(
            piece
                .items
                .into_iter()
                .map(|one| shown(region, one))
                .collect(),
        ),
    })
}

pub(super) fn delete_instance_profile(
    region: &mut Region,
    _: &Context,
    input: api::DeleteInstanceProfileRequest,
) -> Result<Unit, Error> {
    let name = input.instance_profile_name;
    if get(region, &name)?.role.is_some() {
        return Err(delete_conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    region.iam.instance_profiles.remove(&name);
    Ok(Unit {})
}

pub(super) fn add_role_to_instance_profile(
    region: &mut Region,
    _: &Context,
    input: api::AddRoleToInstanceProfileRequest,
) -> Result<Unit, Error> {
    role::get(region, &input.role_name)?;
    let profile = get_mut(region, &input.instance_profile_name)?;
    if profile.role.is_some() {
        return Err(limit_exceeded(
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    profile.role = Some(input.role_name);
    Ok(Unit {})
}

pub(super) fn remove_role_from_instance_profile(
    region: &mut Region,
    _: &Context,
    input: api::RemoveRoleFromInstanceProfileRequest,
) -> Result<Unit, Error> {
    let profile = get_mut(region, &input.instance_profile_name)?;
    if profile.role.as_ref() != Some(&input.role_name) {
        return Err(no_such_entity(format!(
            "Role {} in instance profile {} cannot be found.",
            input.role_name, input.instance_profile_name
        )));
    }
    profile.role = None;
    Ok(Unit {})
}

pub(super) fn tag_instance_profile(
    region: &mut Region,
    _: &Context,
    input: api::TagInstanceProfileRequest,
) -> Result<Unit, Error> {
    add_tags(
        &mut get_mut(region, &input.instance_profile_name)?.tags,
        input.tags,
    )?;
    Ok(Unit {})
}

pub(super) fn untag_instance_profile(
    region: &mut Region,
    _: &Context,
    input: api::UntagInstanceProfileRequest,
) -> Result<Unit, Error> {
    remove_tags(
        &mut get_mut(region, &input.instance_profile_name)?.tags,
        &input.tag_keys,
    );
    Ok(Unit {})
}

pub(super) fn list_instance_profile_tags(
    region: &Region,
    _: &Context,
    input: api::ListInstanceProfileTagsRequest,
) -> Result<api::ListInstanceProfileTagsResponse, Error> {
    let tags = all_tags(&get(region, &input.instance_profile_name)?.tags);
    let piece = piece(
        tags,
        |tag| tag.key.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListInstanceProfileTagsResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        tags: Some(piece.items),
    })
}

fn shown(region: &Region, profile: &InstanceProfile) -> api::InstanceProfile {
    let role = profile
        .role
        .as_ref()
        .and_then(|name| role::by_name(region, name));
    api::InstanceProfile {
        arn: Some(profile.arn.clone()),
        create_date: Some(profile.created_at),
        instance_profile_id: Some(profile.id.clone()),
        instance_profile_name: Some(profile.name.clone()),
        path: Some(profile.path.clone()),
        roles: Some(role.map(role::listed).into_iter().collect()),
        tags: shown_tags(&profile.tags),
    }
}
