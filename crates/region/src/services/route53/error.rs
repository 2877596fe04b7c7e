//! The errors Route 53 answers with.

use wire::Error;
pub(super) use wire::route53::error::{
    conflicting_domain_exists, delegation_set_already_created, delegation_set_already_reusable,
    delegation_set_in_use, hosted_zone_already_exists, hosted_zone_not_empty,
    hosted_zone_not_found, invalid_argument, invalid_change_batch, invalid_domain_name,
    invalid_input, invalid_pagination_token, invalid_vpc_id, last_vpc_association, no_such_change,
    no_such_delegation_set, no_such_health_check, no_such_hosted_zone, public_zone_vpc_association,
    too_many_hosted_zones, vpc_association_not_found,
};

pub(super) fn no_zone(id: &str) -> Error {
    no_such_hosted_zone(format!("No hosted zone found with ID: {id}"))
}

/// A feature that is not there.
pub(super) fn absent(feature: &str) -> Error {
    invalid_input(format!("Terrella does not implement {feature}."))
}
