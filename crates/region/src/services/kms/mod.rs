//! KMS: symmetric keys that really encrypt.

pub mod alias;
pub mod cipher;
mod common;
mod crypto;
mod error;
mod grant;
pub mod key;
mod state;
#[cfg(test)]
mod tests;

pub use state::{Key, KeyState, State};

use crate::Service;

crate::operations! { wire::kms::op;
    write CancelKeyDeletion => key::cancel_key_deletion,
    write CreateAlias => alias::create_alias,
    write CreateGrant => grant::create_grant,
    write CreateKey => key::create_key,
    read Decrypt => crypto::decrypt_op,
    write DeleteAlias => alias::delete_alias,
    write DescribeKey => key::describe_key,
    write DisableKey => key::disable_key,
    write DisableKeyRotation => key::disable_key_rotation,
    write EnableKey => key::enable_key,
    write EnableKeyRotation => key::enable_key_rotation,
    read Encrypt => crypto::encrypt_op,
    read GenerateDataKey => crypto::generate_data_key,
    read GenerateDataKeyWithoutPlaintext => crypto::generate_data_key_without_plaintext,
    read GenerateRandom => crypto::generate_random,
    read GetKeyPolicy => key::get_key_policy,
    read GetKeyRotationStatus => key::get_key_rotation_status,
    read ListAliases => alias::list_aliases,
    read ListGrants => grant::list_grants,
    read ListKeyPolicies => key::list_key_policies,
    read ListKeyRotations => key::list_key_rotations,
    read ListKeys => key::list_keys,
    read ListResourceTags => key::list_resource_tags,
    write PutKeyPolicy => key::put_key_policy,
    read ReEncrypt => crypto::re_encrypt,
    write RetireGrant => grant::retire_grant,
    write RevokeGrant => grant::revoke_grant,
    write RotateKeyOnDemand => key::rotate_key_on_demand,
    write ScheduleKeyDeletion => key::schedule_key_deletion,
    write TagResource => key::tag_resource,
    write UntagResource => key::untag_resource,
    write UpdateAlias => alias::update_alias,
    write UpdateKeyDescription => key::update_key_description,
}

pub(crate) const SERVICE: Service = Service {
    bootstrap: alias::bootstrap,
    reconcile: key::reconcile,
    deadline: key::deadline,
    ..Service::new("kms", handler)
};
