//! What roles, users and groups may do: their own policies, and the managed ones attached.

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{encoded, piece, under, weight};
use super::error::{limit_exceeded, malformed_policy, no_policy, no_such_entity, not_found};
use super::state::Grants;
use super::{managed_policy, policy, role};
use crate::page::Page;
use crate::{Context, Region};

const MOST_ATTACHED: usize = 10;

/// Whose policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Role,
    User,
    Group,
}

impl Holder {
    fn noun(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
        }
    }

    /// Characters that all inline policies of one may have together.
    fn most_inline(self) -> usize {
        match self {
            Self::Role => 10_240,
            Self::User => 2_048,
            Self::Group => 5_120,
        }
    }

    fn quota(self) -> &'static str {
        match self {
            Self::Role => "PoliciesPerRole",
            Self::User => "PoliciesPerUser",
            Self::Group => "PoliciesPerGroup",
        }
    }

    fn get<'a>(self, region: &'a Region, name: &str) -> Result<&'a Grants, Error> {
        let grants = match self {
            Self::Role => region.iam.roles.get(name).map(|one| &one.grants),
            Self::User => region.iam.users.get(name).map(|one| &one.grants),
            Self::Group => region.iam.groups.get(name).map(|one| &one.grants),
        };
        grants.ok_or_else(|| not_found(self.noun(), name))
    }

    fn get_mut<'a>(self, region: &'a mut Region, name: &str) -> Result<&'a mut Grants, Error> {
        let grants = match self {
            Self::Role => return role::get_mut(region, name).map(|one| &mut one.grants),
            Self::User => region.iam.users.get_mut(name).map(|one| &mut one.grants),
            Self::Group => region.iam.groups.get_mut(name).map(|one| &mut one.grants),
        };
        grants.ok_or_else(|| not_found(self.noun(), name))
    }

    fn put(
        self,
        region: &mut Region,
        name: &str,
        policy_name: String,
        document: String,
    ) -> Result<Unit, Error> {
        let grants = self.get_mut(region, name)?;
        policy::identity(&document).map_err(malformed_policy)?;
        grants.inline.insert(policy_name, document);
        let total: usize = grants.inline.values().map(|one| weight(one)).sum();
        if total > self.most_inline() {
            return Err(limit_exceeded(format!(
                "Maximum policy size of {} bytes exceeded for {} {name}",
                self.most_inline(),
                self.noun()
            )));
        }
        Ok(Unit {})
    }

    fn document(self, region: &Region, name: &str, policy_name: &str) -> Result<String, Error> {
        let document = self.get(region, name)?.inline.get(policy_name);
        document
            .map(|document| encoded(document))
            .ok_or_else(|| self.no_inline(policy_name))
    }

    fn delete(self, region: &mut Region, name: &str, policy_name: &str) -> Result<Unit, Error> {
        let gone = self.get_mut(region, name)?.inline.remove(policy_name);
        gone.map(|_| Unit {})
            .ok_or_else(|| self.no_inline(policy_name))
    }

    fn no_inline(self, policy_name: &str) -> Error {
        no_such_entity(format!(
            "The {} policy with name {policy_name} cannot be found.",
            self.noun()
        ))
    }

    fn attach(self, region: &mut Region, name: &str, arn: String) -> Result<Unit, Error> {
        self.get(region, name)?;
        managed_policy::attachable(region, &arn)?;
        let grants = self.get_mut(region, name)?;
        if grants.attached.len() >= MOST_ATTACHED && !grants.attached.contains(&arn) {
            return Err(limit_exceeded(format!(
                "Cannot exceed quota for {}: {MOST_ATTACHED}",
                self.quota()
            )));
        }
        grants.attached.insert(arn);
        Ok(Unit {})
    }

    fn detach(self, region: &mut Region, name: &str, arn: &str) -> Result<Unit, Error> {
        let gone = self.get_mut(region, name)?.attached.remove(arn);
        if gone {
            Ok(Unit {})
        } else {
            Err(no_policy(arn))
        }
    }

    fn names(
        self,
        region: &Region,
        name: &str,
        marker: Option<&str>,
        most: Option<i64>,
    ) -> Result<Page<String>, Error> {
        let names = self.get(region, name)?.inline.keys().cloned();
        piece(names, Clone::clone, marker, most)
    }

    fn attached(
        self,
        region: &Region,
        name: &str,
        prefix: Option<&str>,
        marker: Option<&str>,
        most: Option<i64>,
    ) -> Result<Page<api::AttachedPolicy>, Error> {
        let attached = self.get(region, name)?.attached.iter();
        let shown = attached.filter_map(|arn| {
            let found = managed_policy::find(region, arn)?;
            under(found.path(), prefix).then(|| api::AttachedPolicy {
                policy_arn: Some(arn.to_owned()),
                policy_name: Some(found.name().to_owned()),
            })
        });
        piece(
            shown,
            |one| one.policy_arn.clone().unwrap_or_default(),
            marker,
            most,
        )
    }
}

/// The same seven operations for each of the three that hold policies.
macro_rules! operations_of {
    ($module:ident, $holder:ident, $name:ident,
     $put:ident, $get:ident -> $got:ident, $delete:ident, $list:ident -> $listed:ident,
     $attach:ident, $detach:ident, $list_attached:ident -> $attached:ident) => {
        pub(super) mod $module {
            use super::{Context, Error, Holder, Region, Unit, api};

            pub(crate) fn put(
                region: &mut Region,
                _: &Context,
                input: api::$put,
            ) -> Result<Unit, Error> {
                Holder::$holder.put(
                    region,
                    &input.$name,
                    input.policy_name,
                    input.policy_document,
                )
            }

            pub(crate) fn get(
                region: &Region,
                _: &Context,
                input: api::$get,
            ) -> Result<api::$got, Error> {
                let document =
                    Holder::$holder.document(region, &input.$name, &input.policy_name)?;
                Ok(api::$got {
                    $name: Some(input.$name),
                    policy_document: Some(document),
                    policy_name: Some(input.policy_name),
                })
            }

            pub(crate) fn delete(
                region: &mut Region,
                _: &Context,
                input: api::$delete,
            ) -> Result<Unit, Error> {
                Holder::$holder.delete(region, &input.$name, &input.policy_name)
            }

            pub(crate) fn list(
                region: &Region,
                _: &Context,
                input: api::$list,
            ) -> Result<api::$listed, Error> {
                let names = Holder::$holder.names(
                    region,
                    &input.$name,
                    input.marker.as_deref(),
                    input.max_items,
                )?;
                Ok(api::$listed {
                    is_truncated: Some(names.truncated()),
                    marker: names.next,
                    policy_names: Some(names.items),
                })
            }

            pub(crate) fn attach(
                region: &mut Region,
                _: &Context,
                input: api::$attach,
            ) -> Result<Unit, Error> {
                Holder::$holder.attach(region, &input.$name, input.policy_arn)
            }

            pub(crate) fn detach(
                region: &mut Region,
                _: &Context,
                input: api::$detach,
            ) -> Result<Unit, Error> {
                Holder::$holder.detach(region, &input.$name, &input.policy_arn)
            }

            pub(crate) fn list_attached(
                region: &Region,
                _: &Context,
                input: api::$list_attached,
            ) -> Result<api::$attached, Error> {
                let attached = Holder::$holder.attached(
                    region,
                    &input.$name,
                    input.path_prefix.as_deref(),
                    input.marker.as_deref(),
                    input.max_items,
                )?;
                Ok(api::$attached {
                    is_truncated: Some(attached.truncated()),
                    marker: attached.next,
                    attached_policies: Some(attached.items),
                })
            }
        }
    };
}

operations_of!(
    of_role, Role, role_name,
    PutRolePolicyRequest, GetRolePolicyRequest -> GetRolePolicyResponse, DeleteRolePolicyRequest,
    ListRolePoliciesRequest -> ListRolePoliciesResponse,
    AttachRolePolicyRequest, DetachRolePolicyRequest,
    ListAttachedRolePoliciesRequest -> ListAttachedRolePoliciesResponse
);
operations_of!(
    of_user, User, user_name,
    PutUserPolicyRequest, GetUserPolicyRequest -> GetUserPolicyResponse, DeleteUserPolicyRequest,
    ListUserPoliciesRequest -> ListUserPoliciesResponse,
    AttachUserPolicyRequest, DetachUserPolicyRequest,
    ListAttachedUserPoliciesRequest -> ListAttachedUserPoliciesResponse
);
operations_of!(
    of_group, Group, group_name,
    PutGroupPolicyRequest, GetGroupPolicyRequest -> GetGroupPolicyResponse, DeleteGroupPolicyRequest,
    ListGroupPoliciesRequest -> ListGroupPoliciesResponse,
    AttachGroupPolicyRequest, DetachGroupPolicyRequest,
    ListAttachedGroupPoliciesRequest -> ListAttachedGroupPoliciesResponse
);
