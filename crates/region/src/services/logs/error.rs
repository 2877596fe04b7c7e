//! The errors CloudWatch Logs answers with.

use wire::Error;
pub(super) use wire::logs::error::{
    invalid_parameter_exception as invalid_parameter, limit_exceeded_exception as limit_exceeded,
    resource_already_exists_exception as already_exists, resource_not_found_exception as not_found,
    validation_exception as validation,
};

pub fn no_group() -> Error {
    not_found("The specified log group does not exist.")
}

pub fn no_stream() -> Error {
    not_found("The specified log stream does not exist.")
}
