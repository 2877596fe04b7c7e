//! The errors CloudWatch answers with.

use wire::Error;
pub(super) use wire::cloudwatch::error::{
    dashboard_invalid_input_error as invalid_dashboard, dashboard_not_found_error as no_dashboard,
    invalid_format_fault as invalid_format, invalid_next_token as invalid_next_token_text,
    invalid_parameter_combination_exception as invalid_combination,
    invalid_parameter_value_exception as invalid_value,
    missing_required_parameter_exception as missing, resource_not_found as not_found,
    resource_not_found_exception,
};

/// What alarm operations answer to a request that makes no sense.
pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationError", 400, message)
}

pub(super) fn invalid_next_token() -> Error {
    invalid_next_token_text("The specified NextToken is invalid.")
}

/// Something AWS has and this region has not: said by its name.
pub(super) fn not_built(what: &str) -> Error {
    Error::new(
        "NotImplemented",
        501,
        format!("Terrella's CloudWatch does not have {what}."),
    )
}

pub(super) fn no_resource(kind: &str, id: &str) -> Error {
    resource_not_found_exception(format!("The {kind} {id} does not exist."))
        .with("ResourceType", kind)
        .with("ResourceId", id)
}
