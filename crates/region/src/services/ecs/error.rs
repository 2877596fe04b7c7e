//! The errors ECS answers with.

use wire::Error;
use wire::ecs::error as api;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    api::invalid_parameter_exception(message)
}

pub(super) fn client(message: impl Into<String>) -> Error {
    api::client_exception(message)
}

pub(super) fn cluster_not_found() -> Error {
    api::cluster_not_found_exception("Cluster not found.")
}

pub(super) fn service_not_found() -> Error {
    api::service_not_found_exception("Service not found.")
}

pub(super) fn service_not_active() -> Error {
    api::service_not_active_exception("Service was not ACTIVE.")
}

/// Something that AWS has and this region does not have yet.
pub(super) fn absent(what: &str) -> Error {
    Error::new(
        "NotImplemented",
        501,
        format!("Terrella does not have {what} yet; see docs/differences.md."),
    )
}
