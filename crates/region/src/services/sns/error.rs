//! The errors SNS answers with.

use wire::Error;
use wire::sns::error::invalid_parameter_exception;
pub(super) use wire::sns::error::{
    authorization_error_exception as authorization_error,
    batch_entry_ids_not_distinct_exception as ids_not_distinct,
    batch_request_too_long_exception as batch_too_long,
    empty_batch_request_exception as empty_batch,
    filter_policy_limit_exceeded_exception as filter_policy_limit_exceeded,
    invalid_batch_entry_id_exception as invalid_entry_id,
    invalid_parameter_value_exception as invalid_value,
    kms_access_denied_exception as kms_access_denied, kms_disabled_exception as kms_disabled,
    kms_invalid_state_exception as kms_invalid_state, kms_not_found_exception as kms_not_found,
    not_found_exception as not_found, resource_not_found_exception as resource_not_found,
    tag_limit_exceeded_exception as tag_limit_exceeded,
    too_many_entries_in_batch_request_exception as too_many_entries,
};

/// `Invalid parameter: …`
pub(super) fn invalid(what: impl std::fmt::Display) -> Error {
    invalid_parameter_exception(format!("Invalid parameter: {what}"))
}

/// A parameter's text without the usual beginning.
pub(super) fn invalid_text(text: impl Into<String>) -> Error {
    invalid_parameter_exception(text)
}

pub(super) fn no_topic() -> Error {
    not_found("Topic does not exist")
}

pub(super) fn no_subscription() -> Error {
    not_found("Subscription does not exist")
}

/// Something that AWS has and this region does not; `what` ends the sentence.
pub(super) fn not_there(what: impl std::fmt::Display) -> Error {
    Error::new(
        "NotImplemented",
        501,
        format!("Terrella does not have {what}."),
    )
}
