//! Managed policies: the account's own with their versions, and those that AWS manages.

use std::collections::BTreeMap;

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{
    add_tags, all_tags, checked_path, encoded, new_tags, piece, remove_tags, shown_tags, under,
    unique_id, weight,
};
use super::error::{
    already_exists, delete_conflict, invalid_input, limit_exceeded, malformed_policy, no_policy,
    no_such_entity,
};
use super::managed::{self, AwsManaged};
use super::policy;
use super::state::{Grants, ManagedPolicy, PolicyVersion};
use crate::{Context, Region};

const MOST_VERSIONS: usize = 5;
const MOST_CHARACTERS: usize = 6144;

/// A managed policy, whoever manages it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    Account(&'a ManagedPolicy),
    Aws(&'static AwsManaged),
}

pub(super) fn find<'a>(region: &'a Region, arn: &str) -> Option<Found<'a>> {
    match region.iam.policies.get(arn) {
        Some(policy) => Some(Found::Account(policy)),
        None => managed::by_arn(arn).map(Found::Aws),
    }
}

impl<'a> Found<'a> {
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Account(policy) => &policy.name,
            Self::Aws(policy) => policy.name,
        }
    }

    pub(super) fn path(self) -> &'a str {
        match self {
            Self::Account(policy) => &policy.path,
            Self::Aws(policy) => policy.path,
        }
    }

    fn arn(self) -> String {
        match self {
            Self::Account(policy) => policy.arn.clone(),
            Self::Aws(policy) => policy.arn(),
        }
    }

    /// The document in force.
    pub(super) fn document(self) -> &'a str {
        match self {
            Self::Account(policy) => policy
                .versions
                .get(&policy.default_version)
                .map_or("", |version| version.document.as_str()),
            Self::Aws(policy) => policy.document,
        }
    }

    fn listed(self, region: &Region) -> api::Policy {
        let arn = self.arn();
        let counts = Some(usage(region, &arn));
        let common = api::Policy {
            attachment_count: counts.map(|(attached, _)| attached),
            permissions_boundary_usage_count: counts.map(|(_, bounding)| bounding),
            policy_name: Some(self.name().to_owned()),
            path: Some(self.path().to_owned()),
            arn: Some(arn),
            ..api::Policy::default()
        };
        match self {
            Self::Account(policy) => api::Policy {
                create_date: Some(policy.created_at),
                default_version_id: Some(version_id(policy.default_version)),
                is_attachable: Some(true),
                policy_id: Some(policy.id.clone()),
                update_date: Some(policy.updated_at),
                ..common
            },
            Self::Aws(policy) => api::Policy {
                create_date: Some(managed::created_at()),
                default_version_id: Some("v1".to_owned()),
                // Those of service-linked roles belong to their service.
                is_attachable: Some(policy.path != managed::SERVICE_LINKED),
                policy_id: Some(policy.id()),
                update_date: Some(managed::created_at()),
                ..common
            },
        }
    }

    /// As `GetPolicy` tells it: with description and tags.
    fn shown(self, region: &Region) -> api::Policy {
        let (description, tags) = match self {
            Self::Account(policy) => (policy.description.clone(), shown_tags(&policy.tags)),
            Self::Aws(policy) => (Some(policy.description.to_owned()), None),
        };
        api::Policy {
            description,
            tags,
            ..self.listed(region)
        }
    }
}

/// How many roles, users and groups it is attached to, and how many it bounds.
fn usage(region: &Region, arn: &str) -> (i64, i64) {
    let iam = &region.iam;
    let grants = (iam.roles.values().map(|one| &one.grants))
        .chain(iam.users.values().map(|one| &one.grants))
        .chain(iam.groups.values().map(|one| &one.grants));
    let boundaries = (iam.roles.values().map(|one| &one.boundary))
        .chain(iam.users.values().map(|one| &one.boundary));
    let attached = grants
        .filter(|grants| grants.attached.contains(arn))
        .count();
    let bounding = boundaries
        .filter(|boundary| boundary.as_deref() == Some(arn))
        .count();
    let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
    (count(attached), count(bounding))
}

/// Whether it may be attached to an identity.
pub(super) fn attachable(region: &Region, arn: &str) -> Result<(), Error> {
    match find(region, arn) {
        None => Err(no_such_entity(format!(
            "Policy {arn} does not exist or is not attachable."
        ))),
        Some(Found::Aws(policy)) if policy.path == managed::SERVICE_LINKED => {
            Err(wire::iam::error::policy_not_attachable_exception(format!(
                "Cannot attach a Service Role Policy to a Customer Role: {arn}"
            )))
        }
        Some(_) => Ok(()),
    }
}

/// Whether it may bound an identity.
pub(super) fn boundary(region: &Region, arn: &str) -> Result<(), Error> {
    match find(region, arn) {
        Some(_) => Ok(()),
        None => Err(no_such_entity(format!(
            "Scope ARN: {arn} does not exist or is not attachable."
        ))),
    }
}

pub(super) fn attached_boundary(arn: &str) -> api::AttachedPermissionsBoundary {
    api::AttachedPermissionsBoundary {
        permissions_boundary_arn: Some(arn.to_owned()),
        permissions_boundary_type: Some(
            api::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy,
        ),
    }
}

fn version_id(number: u32) -> String {
    format!("v{number}")
}

fn version_number(id: &str) -> Option<u32> {
    id.strip_prefix('v')?.parse().ok()
}

fn get<'a>(region: &'a Region, arn: &str) -> Result<Found<'a>, Error> {
    find(region, arn).ok_or_else(|| no_policy(arn))
}

/// A policy of the account, to change.
fn get_mut<'a>(region: &'a mut Region, arn: &str) -> Result<&'a mut ManagedPolicy, Error> {
    if managed::by_arn(arn).is_some() {
        return Err(Error::new(
            "AccessDenied",
            403,
            format!("Terrella does not change {arn}: it is managed by AWS."),
        ));
    }
    region
        .iam
        .policies
        .get_mut(arn)
        .ok_or_else(|| no_policy(arn))
}

fn checked_document(document: &str) -> Result<(), Error> {
    policy::identity(document).map_err(malformed_policy)?;
    if weight(document) > MOST_CHARACTERS {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for PolicySize: {MOST_CHARACTERS}"
        )));
    }
    Ok(())
}

pub(super) fn create_policy(
    region: &mut Region,
    context: &Context,
    input: api::CreatePolicyRequest,
) -> Result<api::CreatePolicyResponse, Error> {
    let name = input.policy_name;
    let path = checked_path(input.path)?;
    checked_document(&input.policy_document)?;
    let taken = |policy: &ManagedPolicy| policy.name.eq_ignore_ascii_case(&name);
    if region.iam.policies.values().any(taken) {
        return Err(already_exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let arn = context
        .settings
        .global_arn("iam", format!("policy{path}{name}"));
    let version = PolicyVersion {
        document: input.policy_document,
        created_at: context.now,
    };
    let policy = ManagedPolicy {
        name,
        path,
        id: unique_id(context, "ANPA"),
        arn: arn.clone(),
        description: input.description,
        created_at: context.now,
        updated_at: context.now,
        versions: BTreeMap::from([(1, version)]),
        default_version: 1,
        next_version: 2,
        tags: new_tags(input.tags)?,
    };
    region.iam.policies.insert(arn.clone(), policy);
    Ok(api::CreatePolicyResponse {
        policy: find(region, &arn).map(|found| found.shown(region)),
    })
}

pub(super) fn get_policy(
    region: &Region,
    _: &Context,
    input: api::GetPolicyRequest,
) -> Result<api::GetPolicyResponse, Error> {
    Ok(api::GetPolicyResponse {
        policy: Some(get(region, &input.policy_arn)?.shown(region)),
    })
}

pub(super) fn list_policies(
    region: &Region,
    _: &Context,
    input: api::ListPoliciesRequest,
) -> Result<api::ListPoliciesResponse, Error> {
    let scope = input.scope.unwrap_or(api::PolicyScopeType::All);
    let own = region.iam.policies.values().map(Found::Account);
    let aws = managed::all().map(Found::Aws);
    let mut found: Vec<Found> = Vec::new();
    if scope != api::PolicyScopeType::Aws {
        found.extend(own);
    }
    if scope != api::PolicyScopeType::Local {
        found.extend(aws);
    }
    let only_attached = input.only_attached == Some(true);
    let used = |found: &Found| {
        let (attached, bounding) = usage(region, &found.arn());
        (!only_attached || attached > 0)
            && match input.policy_usage_filter {
                None => true,
                Some(api::PolicyUsageType::PermissionsPolicy) => attached > 0,
                Some(api::PolicyUsageType::PermissionsBoundary) => bounding > 0,
            }
    };
    found.retain(|one| under(one.path(), input.path_prefix.as_deref()) && used(one));
    found.sort_by_key(|one| one.arn());
    let piece = piece(
        found,
        |one| one.arn(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListPoliciesResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        policies: Some(
            piece
                .items
                .into_iter()
                .map(|one| one.listed(region))
                .collect(),
        ),
    })
}

pub(super) fn delete_policy(
    region: &mut Region,
    _: &Context,
    input: api::DeletePolicyRequest,
) -> Result<Unit, Error> {
    let arn = input.policy_arn;
    let versions = get_mut(region, &arn)?.versions.len();
    let (attached, bounding) = usage(region, &arn);
    if attached > 0 || bounding > 0 {
        return Err(delete_conflict(
            "Cannot delete a policy attached to entities.",
        ));
    }
    if versions > 1 {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        ));
    }
    region.iam.policies.remove(&arn);
    Ok(Unit {})
}

pub(super) fn create_policy_version(
    region: &mut Region,
    context: &Context,
    input: api::CreatePolicyVersionRequest,
) -> Result<api::CreatePolicyVersionResponse, Error> {
    let policy = get_mut(region, &input.policy_arn)?;
    checked_document(&input.policy_document)?;
    if policy.versions.len() >= MOST_VERSIONS {
        return Err(limit_exceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        ));
    }
    let number = policy.next_version;
    policy.next_version += 1;
    policy.updated_at = context.now;
    let is_default = input.set_as_default == Some(true);
    if is_default {
        policy.default_version = number;
    }
    policy.versions.insert(
        number,
        PolicyVersion {
            document: input.policy_document,
            created_at: context.now,
        },
    );
    Ok(api::CreatePolicyVersionResponse {
        policy_version: Some(api::PolicyVersion {
            create_date: Some(context.now),
            document: None,
            is_default_version: Some(is_default),
            version_id: Some(version_id(number)),
        }),
    })
}

pub(super) fn get_policy_version(
    region: &Region,
    _: &Context,
    input: api::GetPolicyVersionRequest,
) -> Result<api::GetPolicyVersionResponse, Error> {
    let versions = versions(get(region, &input.policy_arn)?, true);
    let found = versions
        .into_iter()
        .find(|version| version.version_id.as_ref() == Some(&input.version_id));
    match found {
        Some(version) => Ok(api::GetPolicyVersionResponse {
            policy_version: Some(version),
        }),
        None => Err(no_version(&input.policy_arn, &input.version_id)),
    }
}

fn no_version(arn: &str, id: &str) -> Error {
    no_such_entity(format!(
        "Policy {arn} version {id} does not exist or is not attachable."
    ))
}

/// Newest first.
fn versions(found: Found, with_documents: bool) -> Vec<api::PolicyVersion> {
    let shown = |number: u32, document: &str, created_at, is_default| api::PolicyVersion {
        create_date: Some(created_at),
        document: with_documents.then(|| encoded(document)),
        is_default_version: Some(is_default),
        version_id: Some(version_id(number)),
    };
    match found {
        Found::Account(policy) => (policy.versions.iter().rev())
            .map(|(number, version)| {
                let is_default = *number == policy.default_version;
                shown(*number, &version.document, version.created_at, is_default)
            })
            .collect(),
        Found::Aws(policy) => vec![shown(1, policy.document, managed::created_at(), true)],
    }
}

pub(super) fn list_policy_versions(
    region: &Region,
    _: &Context,
    input: api::ListPolicyVersionsRequest,
) -> Result<api::ListPolicyVersionsResponse, Error> {
    // At most five: always one piece.
    Ok(api::ListPolicyVersionsResponse {
        is_truncated: Some(false),
        marker: None,
        versions: Some(versions(get(region, &input.policy_arn)?, false)),
    })
}

pub(super) fn delete_policy_version(
    region: &mut Region,
    context: &Context,
    input: api::DeletePolicyVersionRequest,
) -> Result<Unit, Error> {
    let policy = get_mut(region, &input.policy_arn)?;
    let number = version_number(&input.version_id)
        .filter(|number| policy.versions.contains_key(number))
        .ok_or_else(|| no_version(&input.policy_arn, &input.version_id))?;
    if number == policy.default_version {
        return Err(delete_conflict(
            "Cannot delete the default version of a policy.",
        ));
    }
    policy.versions.remove(&number);
    policy.updated_at = context.now;
    Ok(Unit {})
}

pub(super) fn set_default_policy_version(
    region: &mut Region,
    context: &Context,
    input: api::SetDefaultPolicyVersionRequest,
) -> Result<Unit, Error> {
    let policy = get_mut(region, &input.policy_arn)?;
    let number = version_number(&input.version_id)
        .filter(|number| policy.versions.contains_key(number))
        .ok_or_else(|| no_version(&input.policy_arn, &input.version_id))?;
    policy.default_version = number;
    policy.updated_at = context.now;
    Ok(Unit {})
}

pub(super) fn list_entities_for_policy(
    region: &Region,
    _: &Context,
    input: api::ListEntitiesForPolicyRequest,
) -> Result<api::ListEntitiesForPolicyResponse, Error> {
    let arn = input.policy_arn.as_str();
    get(region, arn)?;
    let prefix = input.path_prefix.as_deref();
    let bounding = input.policy_usage_filter == Some(api::PolicyUsageType::PermissionsBoundary);
    let uses = |grants: &Grants, boundary: Option<&String>| {
        if bounding {
            boundary.is_some_and(|boundary| boundary == arn)
        } else {
            grants.attached.contains(arn)
        }
    };
    let wanted = |kind| input.entity_filter.is_none_or(|filter| filter == kind);
    let iam = &region.iam;
    let roles = iam.roles.values().filter(|one| {
        wanted(api::EntityType::Role)
            && under(&one.path, prefix)
            && uses(&one.grants, one.boundary.as_ref())
    });
    let users = iam.users.values().filter(|one| {
        wanted(api::EntityType::User)
            && under(&one.path, prefix)
            && uses(&one.grants, one.boundary.as_ref())
    });
    let groups = iam.groups.values().filter(|one| {
        wanted(api::EntityType::Group) && under(&one.path, prefix) && uses(&one.grants, None)
    });
    Ok(api::ListEntitiesForPolicyResponse {
        is_truncated: Some(false),
        marker: None,
        policy_groups: Some(
            groups
                .map(|one| api::PolicyGroup {
                    group_id: Some(one.id.clone()),
                    group_name: Some(one.name.clone()),
                })
                .collect(),
        ),
        policy_roles: Some(
            roles
                .map(|one| api::PolicyRole {
                    role_id: Some(one.id.clone()),
                    role_name: Some(one.name.clone()),
                })
                .collect(),
        ),
        policy_users: Some(
            users
                .map(|one| api::PolicyUser {
                    user_id: Some(one.id.clone()),
                    user_name: Some(one.name.clone()),
                })
                .collect(),
        ),
    })
}

pub(super) fn tag_policy(
    region: &mut Region,
    _: &Context,
    input: api::TagPolicyRequest,
) -> Result<Unit, Error> {
    add_tags(&mut get_mut(region, &input.policy_arn)?.tags, input.tags)?;
    Ok(Unit {})
}

pub(super) fn untag_policy(
    region: &mut Region,
    _: &Context,
    input: api::UntagPolicyRequest,
) -> Result<Unit, Error> {
    remove_tags(
        &mut get_mut(region, &input.policy_arn)?.tags,
        &input.tag_keys,
    );
    Ok(Unit {})
}

pub(super) fn list_policy_tags(
    region: &Region,
    _: &Context,
    input: api::ListPolicyTagsRequest,
) -> Result<api::ListPolicyTagsResponse, Error> {
    let Found::Account(policy) = get(region, &input.policy_arn)? else {
        return Err(invalid_input("Policies that AWS manages have no tags."));
    };
    let tags = all_tags(&policy.tags);
    let piece = piece(
        tags,
        |tag| tag.key.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListPolicyTagsResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        tags: Some(piece.items),
    })
}
