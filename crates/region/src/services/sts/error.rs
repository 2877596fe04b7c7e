//! The errors STS answers with.

use wire::Error;

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationError", 400, message)
}

pub(super) fn access_denied(message: impl Into<String>) -> Error {
    Error::new("AccessDenied", 403, message)
}

pub(super) fn not_assumable(caller_arn: &str, role_arn: &str) -> Error {
    access_denied(format!(
        "User: {caller_arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    ))
}
