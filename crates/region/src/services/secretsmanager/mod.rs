//! Secrets Manager: secrets, their versions, and rotation of those that services own.

mod error;
mod list;
pub mod managed;
pub mod password;
mod rotation;
pub mod secret;
mod state;
#[cfg(test)]
mod tests;
mod value;
mod version;

pub use state::{Secret, State};

use crate::Service;

crate::operations! { wire::secretsmanager::op;
    write BatchGetSecretValue => list::batch_get_secret_value,
    write CancelRotateSecret => rotation::cancel_rotate_secret,
    write CreateSecret => secret::create_secret,
    write DeleteResourcePolicy => secret::delete_resource_policy,
    write DeleteSecret => secret::delete_secret,
    read DescribeSecret => secret::describe_secret,
    read GetRandomPassword => password::get_random_password,
    read GetResourcePolicy => secret::get_resource_policy,
    write GetSecretValue => version::get_secret_value,
    read ListSecretVersionIds => version::list_secret_version_ids,
    read ListSecrets => list::list_secrets,
    write PutResourcePolicy => secret::put_resource_policy,
    write PutSecretValue => version::put_secret_value,
    write RestoreSecret => secret::restore_secret,
    write RotateSecret => rotation::rotate_secret,
    write TagResource => secret::tag_resource,
    write UntagResource => secret::untag_resource,
    write UpdateSecret => secret::update_secret,
    write UpdateSecretVersionStage => version::update_secret_version_stage,
}

pub(crate) const SERVICE: Service = Service {
    reconcile: secret::reconcile,
    deadline: secret::deadline,
    ..Service::new("secretsmanager", handler)
};
