//! IAM: who may do what. Global on AWS, so nothing here depends on the region's name.

pub mod access_key;
mod account;
pub mod authorize;
mod common;
mod error;
mod grants;
mod group;
mod instance_profile;
mod managed;
mod managed_policy;
pub mod oidc_provider;
pub mod policy;
pub mod role;
pub mod service_linked;
mod simulate;
mod state;
#[cfg(test)]
mod tests;
mod user;

pub use state::{Role, State, User};

use crate::Service;
use grants::{of_group, of_role, of_user};

crate::operations! { wire::iam::op;
    write AddClientIDToOpenIDConnectProvider => oidc_provider::add_client_id,
    write AddRoleToInstanceProfile => instance_profile::add_role_to_instance_profile,
    write AddUserToGroup => group::add_user_to_group,
    write AttachGroupPolicy => of_group::attach,
    write AttachRolePolicy => of_role::attach,
    write AttachUserPolicy => of_user::attach,
    write CreateAccessKey => access_key::create_access_key,
    write CreateAccountAlias => account::create_account_alias,
    write CreateGroup => group::create_group,
    write CreateInstanceProfile => instance_profile::create_instance_profile,
    write CreateOpenIDConnectProvider => oidc_provider::create_open_id_connect_provider,
    write CreatePolicy => managed_policy::create_policy,
    write CreatePolicyVersion => managed_policy::create_policy_version,
    write CreateRole => role::create_role,
    write CreateServiceLinkedRole => service_linked::create_service_linked_role,
    write CreateUser => user::create_user,
    write DeleteAccessKey => access_key::delete_access_key,
    write DeleteAccountAlias => account::delete_account_alias,
    write DeleteAccountPasswordPolicy => account::delete_account_password_policy,
    write DeleteGroup => group::delete_group,
    write DeleteGroupPolicy => of_group::delete,
    write DeleteInstanceProfile => instance_profile::delete_instance_profile,
    write DeleteOpenIDConnectProvider => oidc_provider::delete_open_id_connect_provider,
    write DeletePolicy => managed_policy::delete_policy,
    write DeletePolicyVersion => managed_policy::delete_policy_version,
    write DeleteRole => role::delete_role,
    write DeleteRolePermissionsBoundary => role::delete_role_permissions_boundary,
    write DeleteRolePolicy => of_role::delete,
    write DeleteServiceLinkedRole => service_linked::delete_service_linked_role,
    write DeleteUser => user::delete_user,
    write DeleteUserPermissionsBoundary => user::delete_user_permissions_boundary,
    write DeleteUserPolicy => of_user::delete,
    write DetachGroupPolicy => of_group::detach,
    write DetachRolePolicy => of_role::detach,
    write DetachUserPolicy => of_user::detach,
    read GetAccountPasswordPolicy => account::get_account_password_policy,
    read GetAccountSummary => account::get_account_summary,
    read GetGroup => group::get_group,
    read GetGroupPolicy => of_group::get,
    read GetInstanceProfile => instance_profile::get_instance_profile,
    read GetOpenIDConnectProvider => oidc_provider::get_open_id_connect_provider,
    read GetPolicy => managed_policy::get_policy,
    read GetPolicyVersion => managed_policy::get_policy_version,
    read GetRole => role::get_role,
    read GetRolePolicy => of_role::get,
    read GetServiceLinkedRoleDeletionStatus => service_linked::get_service_linked_role_deletion_status,
    read GetUser => user::get_user,
    read GetUserPolicy => of_user::get,
    read ListAccessKeys => access_key::list_access_keys,
    read ListAccountAliases => account::list_account_aliases,
    read ListAttachedGroupPolicies => of_group::list_attached,
    read ListAttachedRolePolicies => of_role::list_attached,
    read ListAttachedUserPolicies => of_user::list_attached,
    read ListEntitiesForPolicy => managed_policy::list_entities_for_policy,
    read ListGroupPolicies => of_group::list,
    read ListGroups => group::list_groups,
    read ListGroupsForUser => group::list_groups_for_user,
    read ListInstanceProfileTags => instance_profile::list_instance_profile_tags,
    read ListInstanceProfiles => instance_profile::list_instance_profiles,
    read ListInstanceProfilesForRole => instance_profile::list_instance_profiles_for_role,
    read ListOpenIDConnectProviderTags => oidc_provider::list_open_id_connect_provider_tags,
    read ListOpenIDConnectProviders => oidc_provider::list_open_id_connect_providers,
    read ListPolicies => managed_policy::list_policies,
    read ListPolicyTags => managed_policy::list_policy_tags,
    read ListPolicyVersions => managed_policy::list_policy_versions,
    read ListRolePolicies => of_role::list,
    read ListRoleTags => role::list_role_tags,
    read ListRoles => role::list_roles,
    read ListUserPolicies => of_user::list,
    read ListUserTags => user::list_user_tags,
    read ListUsers => user::list_users,
    write PutGroupPolicy => of_group::put,
    write PutRolePermissionsBoundary => role::put_role_permissions_boundary,
    write PutRolePolicy => of_role::put,
    write PutUserPermissionsBoundary => user::put_user_permissions_boundary,
    write PutUserPolicy => of_user::put,
    write RemoveClientIDFromOpenIDConnectProvider => oidc_provider::remove_client_id,
    write RemoveRoleFromInstanceProfile => instance_profile::remove_role_from_instance_profile,
    write RemoveUserFromGroup => group::remove_user_from_group,
    write SetDefaultPolicyVersion => managed_policy::set_default_policy_version,
    read SimulateCustomPolicy => simulate::simulate_custom_policy,
    read SimulatePrincipalPolicy => simulate::simulate_principal_policy,
    write TagInstanceProfile => instance_profile::tag_instance_profile,
    write TagOpenIDConnectProvider => oidc_provider::tag_open_id_connect_provider,
    write TagPolicy => managed_policy::tag_policy,
    write TagRole => role::tag_role,
    write TagUser => user::tag_user,
    write UntagInstanceProfile => instance_profile::untag_instance_profile,
    write UntagOpenIDConnectProvider => oidc_provider::untag_open_id_connect_provider,
    write UntagPolicy => managed_policy::untag_policy,
    write UntagRole => role::untag_role,
    write UntagUser => user::untag_user,
    write UpdateAccessKey => access_key::update_access_key,
    write UpdateAccountPasswordPolicy => account::update_account_password_policy,
    write UpdateAssumeRolePolicy => role::update_assume_role_policy,
    write UpdateGroup => group::update_group,
    write UpdateOpenIDConnectProviderThumbprint => oidc_provider::update_open_id_connect_provider_thumbprint,
    write UpdateRole => role::update_role,
    write UpdateRoleDescription => role::update_role_description,
    write UpdateUser => user::update_user,
}

pub(crate) const SERVICE: Service = Service::new("iam", handler);

/// The document in force of a managed policy, whoever manages it.
pub fn policy_document(region: &crate::Region, arn: &str) -> Option<String> {
    managed_policy::find(region, arn).map(|found| found.document().to_owned())
}
