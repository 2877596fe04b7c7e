//! The errors Elastic Load Balancing answers with.

use wire::Error;

pub(super) fn refused(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(code, 400, message)
}

pub(super) fn validation(message: impl Into<String>) -> Error {
    refused("ValidationError", message)
}

pub(super) fn configuration(message: impl Into<String>) -> Error {
    refused("InvalidConfigurationRequest", message)
}

pub(super) fn not_permitted(message: impl Into<String>) -> Error {
    refused("OperationNotPermitted", message)
}

/// A feature of an operation that is not there.
pub(super) fn absent(feature: &str) -> Error {
    refused(
        "UnsupportedOperation",
        format!("Terrella does not implement {feature}."),
    )
}

/// Refuses the first of the given features that a request asks for.
pub(super) fn none_of(asked: &[(&str, bool)]) -> Result<(), Error> {
    match asked.iter().find(|(_, present)| *present) {
        Some((feature, _)) => Err(absent(feature)),
        None => Ok(()),
    }
}

pub(super) fn load_balancer(arn: &str) -> Error {
    refused(
        "LoadBalancerNotFound",
        format!("Load balancer '{arn}' not found"),
    )
}

pub(super) fn target_group(arn: &str) -> Error {
    refused(
        "TargetGroupNotFound",
        format!("Target groups '{arn}' not found"),
    )
}

pub(super) fn listener(arn: &str) -> Error {
    refused("ListenerNotFound", format!("Listener '{arn}' not found"))
}

pub(super) fn rule(arn: &str) -> Error {
    refused("RuleNotFound", format!("Rule '{arn}' not found"))
}
