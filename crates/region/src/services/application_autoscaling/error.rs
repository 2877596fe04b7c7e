//! The errors Application Auto Scaling answers with.

use wire::Error;
pub(super) use wire::application_autoscaling::error::{
    limit_exceeded_exception as limit, object_not_found_exception as not_found,
    resource_not_found_exception as no_resource, too_many_tags_exception as too_many_tags,
    validation_exception as invalid,
};

use super::resource::Resource;

pub(super) fn bad_token() -> Error {
    wire::application_autoscaling::error::invalid_next_token_exception("Invalid next token.")
}

/// AWS names what it looked for the same way for a target, a policy and a scheduled action.
pub(super) fn no_target(resource: &Resource) -> Error {
    not_found(format!("No scalable target registered for {resource}"))
}

pub(super) fn no_policy(resource: &Resource, name: &str) -> Error {
    not_found(format!(
        "No scaling policy found for {resource}, policy name: {name}"
    ))
}

pub(super) fn no_action(resource: &Resource, name: &str) -> Error {
    not_found(format!(
        "No scheduled action found for {resource}, scheduled action name: {name}"
    ))
}

/// Something that AWS has and this region does not have yet.
pub(super) fn absent(what: &str) -> Error {
    Error::new(
        "NotImplemented",
        501,
        format!("Terrella does not have {what} yet; see docs/differences.md."),
    )
}
