//! The errors IAM answers with.

use wire::Error;
pub(super) use wire::iam::error::{
    delete_conflict_exception as delete_conflict,
    entity_already_exists_exception as already_exists, invalid_input_exception as invalid_input,
    limit_exceeded_exception as limit_exceeded,
    malformed_policy_document_exception as malformed_policy,
    no_such_entity_exception as no_such_entity,
    unmodifiable_entity_exception as unmodifiable_entity,
};

/// `kind` is `role`, `user` or `group`.
pub(super) fn not_found(kind: &str, name: &str) -> Error {
    no_such_entity(format!("The {kind} with name {name} cannot be found."))
}

pub(super) fn no_policy(arn: &str) -> Error {
    no_such_entity(format!("Policy {arn} was not found."))
}

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationError", 400, message)
}
