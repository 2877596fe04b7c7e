//! What IAM says of the account as a whole.

use std::collections::BTreeMap;

use wire::iam as api;
use wire::{Error, Unit};

use super::error::{already_exists, no_such_entity, validation};
use super::state::PasswordPolicy;
use crate::{Context, Region};

const PASSWORD_POLICY: &str = "policy";

pub(super) fn get_account_summary(
    region: &Region,
    _: &Context,
    _: Unit,
) -> Result<api::GetAccountSummaryResponse, Error> {
    let iam = &region.iam;
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let versions = iam
        .policies
        .values()
        .map(|policy| policy.versions.len())
        .sum();
    let summary: BTreeMap<String, i64> = [
        ("AccessKeysPerUserQuota", 2),
        ("AccountAccessKeysPresent", 0),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 1),
        ("AccountSigningCertificatesPresent", 0),
        ("AssumeRolePolicySizeQuota", 2048),
        ("AttachedPoliciesPerGroupQuota", 10),
        ("AttachedPoliciesPerRoleQuota", 10),
        ("AttachedPoliciesPerUserQuota", 10),
        ("GlobalEndpointTokenVersion", 1),
        ("GroupPolicySizeQuota", 5120),
        ("Groups", count(iam.groups.len())),
        ("GroupsPerUserQuota", 10),
        ("GroupsQuota", 300),
        ("InstanceProfiles", count(iam.instance_profiles.len())),
        ("InstanceProfilesQuota", 1000),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("Policies", count(iam.policies.len())),
        ("PoliciesQuota", 1500),
        ("PolicySizeQuota", 6144),
        ("PolicyVersionsInUse", count(versions)),
        ("PolicyVersionsInUseQuota", 10_000),
        ("Providers", count(iam.oidc_providers.len())),
        ("RolePolicySizeQuota", 10_240),
        ("Roles", count(iam.roles.len())),
        ("RolesQuota", 1000),
        ("ServerCertificates", 0),
        ("ServerCertificatesQuota", 20),
        ("SigningCertificatesPerUserQuota", 2),
        ("UserPolicySizeQuota", 2048),
        ("Users", count(iam.users.len())),
        ("UsersQuota", 5000),
        ("VersionsPerPolicyQuota", 5),
    ]
    .map(|(name, number)| (name.to_owned(), number))
    .into();
    Ok(api::GetAccountSummaryResponse {
        summary_map: Some(summary),
    })
}

pub(super) fn create_account_alias(
    region: &mut Region,
    context: &Context,
    input: api::CreateAccountAliasRequest,
) -> Result<Unit, Error> {
    let alias = input.account_alias;
    if region.iam.account_aliases.contains(&alias) {
        return Err(already_exists(format!(
            "The account alias {alias} already exists."
        )));
    }
    // An account has one: a new one takes the old one's place.
    region.iam.account_aliases.retain(|_, _| false);
    region.iam.account_aliases.insert(alias, context.now);
    Ok(Unit {})
}

pub(super) fn list_account_aliases(
    region: &Region,
    _: &Context,
    _: api::ListAccountAliasesRequest,
) -> Result<api::ListAccountAliasesResponse, Error> {
    Ok(api::ListAccountAliasesResponse {
        account_aliases: Some(region.iam.account_aliases.keys().cloned().collect()),
        is_truncated: Some(false),
        marker: None,
    })
}

pub(super) fn delete_account_alias(
    region: &mut Region,
    _: &Context,
    input: api::DeleteAccountAliasRequest,
) -> Result<Unit, Error> {
    match region.iam.account_aliases.remove(&input.account_alias) {
        Some(_) => Ok(Unit {}),
        None => Err(no_such_entity(format!(
            "The account alias {} cannot be found.",
            input.account_alias
        ))),
    }
}

pub(super) fn get_account_password_policy(
    region: &Region,
    context: &Context,
    _: Unit,
) -> Result<api::GetAccountPasswordPolicyResponse, Error> {
    let policy = region.iam.password_policies.get(PASSWORD_POLICY);
    let policy = policy.ok_or_else(|| no_password_policy(context))?;
    Ok(api::GetAccountPasswordPolicyResponse {
        password_policy: Some(api::PasswordPolicy {
            allow_users_to_change_password: Some(policy.users_may_change),
            expire_passwords: Some(policy.max_age.is_some()),
            hard_expiry: policy.hard_expiry,
            max_password_age: policy.max_age,
            minimum_password_length: Some(policy.minimum_length),
            password_reuse_prevention: policy.reuse_prevention,
            require_lowercase_characters: Some(policy.lowercase),
            require_numbers: Some(policy.numbers),
            require_symbols: Some(policy.symbols),
            require_uppercase_characters: Some(policy.uppercase),
        }),
    })
}

fn no_password_policy(context: &Context) -> Error {
    no_such_entity(format!(
        "The Password Policy with domain name {} cannot be found.",
        context.settings.account
    ))
}

pub(super) fn update_account_password_policy(
    region: &mut Region,
    _: &Context,
    input: api::UpdateAccountPasswordPolicyRequest,
) -> Result<Unit, Error> {
    let minimum_length = input.minimum_password_length.unwrap_or(6);
    if !(6..=128).contains(&minimum_length) {
        return Err(validation(
            "MinimumPasswordLength must be between 6 and 128.",
        ));
    }
    // What is left out goes back to its default.
    let policy = PasswordPolicy {
        minimum_length,
        symbols: input.require_symbols == Some(true),
        numbers: input.require_numbers == Some(true),
        uppercase: input.require_uppercase_characters == Some(true),
        lowercase: input.require_lowercase_characters == Some(true),
        users_may_change: input.allow_users_to_change_password == Some(true),
        max_age: input.max_password_age.filter(|age| *age > 0),
        reuse_prevention: input.password_reuse_prevention.filter(|count| *count > 0),
        hard_expiry: input.hard_expiry,
    };
    region
        .iam
        .password_policies
        .insert(PASSWORD_POLICY.to_owned(), policy);
    Ok(Unit {})
}

pub(super) fn delete_account_password_policy(
    region: &mut Region,
    context: &Context,
    _: Unit,
) -> Result<Unit, Error> {
    match region.iam.password_policies.remove(PASSWORD_POLICY) {
        Some(_) => Ok(Unit {}),
        None => Err(no_password_policy(context)),
    }
}
