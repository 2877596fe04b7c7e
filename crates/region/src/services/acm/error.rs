//! The errors the certificate manager answers with.

use wire::Error;
pub(super) use wire::acm::error::{
    invalid_arn_exception as invalid_arn,
    invalid_domain_validation_options_exception as invalid_validation_options,
    invalid_parameter_exception as invalid_parameter, invalid_state_exception as invalid_state,
    invalid_tag_exception as invalid_tag, limit_exceeded_exception as limit_exceeded,
    request_in_progress_exception as in_progress, resource_in_use_exception as in_use,
    resource_not_found_exception as not_found, too_many_tags_exception as too_many_tags,
    validation_exception as validation,
};

pub(super) fn no_certificate(arn: &str) -> Error {
    not_found(format!("Could not find certificate {arn}."))
}

/// A feature that is not there.
pub(super) fn absent(feature: &str) -> Error {
    validation(format!("Terrella does not implement {feature}."))
}
