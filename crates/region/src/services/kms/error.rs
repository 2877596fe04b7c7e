//! The errors KMS answers with.

use wire::Error;
pub(super) use wire::kms::error::{
    already_exists_exception as already_exists, disabled_exception as disabled,
    dry_run_operation_exception as dry_run, incorrect_key_exception as incorrect_key,
    invalid_ciphertext_exception as invalid_ciphertext, invalid_marker_exception as invalid_marker,
    kms_invalid_state_exception as invalid_state, limit_exceeded_exception as limit_exceeded,
    malformed_policy_document_exception as malformed_policy, not_found_exception as not_found,
    tag_exception, unsupported_operation_exception as unsupported,
};

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationException", 400, message)
}

/// What a call gets that was only a trial.
pub(super) fn would_succeed(asked: Option<bool>) -> Result<(), Error> {
    if asked == Some(true) {
        return Err(dry_run(
            "The request would have succeeded, but the DryRun option is set.",
        ));
    }
    Ok(())
}
