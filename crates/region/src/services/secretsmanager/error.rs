//! The errors Secrets Manager answers with.

use wire::Error;
pub(super) use wire::secretsmanager::error::{
    invalid_next_token_exception as invalid_next_token,
    invalid_parameter_exception as invalid_parameter, invalid_request_exception as invalid_request,
    malformed_policy_document_exception as malformed_policy,
    resource_exists_exception as resource_exists, resource_not_found_exception as not_found,
};

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationException", 400, message)
}

pub(super) fn no_secret() -> Error {
    not_found("Secrets Manager can't find the specified secret.")
}

pub(super) fn no_stage(stage: &str) -> Error {
    not_found(format!(
        "Secrets Manager can't find the specified secret value for staging label: {stage}"
    ))
}

pub(super) fn no_version(id: &str) -> Error {
    not_found(format!(
        "Secrets Manager can't find the specified secret value for VersionId: {id}"
    ))
}

pub(super) fn marked_for_deletion() -> Error {
    invalid_request(
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}
