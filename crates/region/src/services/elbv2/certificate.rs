//! Certificates of HTTPS listeners.

use wire::{Error, elbv2 as api};

use super::error;
use crate::Region;

/// The ARNs of a request's certificates, each of which must be there.
pub(super) fn checked(
    _: &Region,
    certificates: Option<Vec<api::Certificate>>,
) -> Result<Vec<String>, Error> {
    let arns: Vec<String> = certificates
        .unwrap_or_default()
        .into_iter()
        .filter_map(|one| one.certificate_arn)
        .collect();
    match arns.first() {
        None => Ok(arns),
        // The certificate manager has no certificates to look up yet.
        Some(_) => Err(error::absent("certificates, and so HTTPS listeners")),
    }
}
