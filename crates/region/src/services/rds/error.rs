//! The errors RDS answers with.

use wire::Error;
pub(super) use wire::rds::error::{
    db_instance_already_exists_fault as instance_exists,
    db_instance_not_found_fault as no_instance_text,
    db_parameter_group_already_exists_fault as parameter_group_exists,
    db_parameter_group_not_found_fault as no_parameter_group_text,
    db_snapshot_already_exists_fault as snapshot_exists,
    db_snapshot_not_found_fault as no_snapshot_text,
    db_subnet_group_already_exists_fault as subnet_group_exists,
    db_subnet_group_does_not_cover_enough_azs as too_few_zones,
    db_subnet_group_not_found_fault as no_subnet_group_text,
    invalid_db_instance_state_fault as invalid_instance_state,
    invalid_db_parameter_group_state_fault as invalid_parameter_group_state,
    invalid_db_snapshot_state_fault as invalid_snapshot_state,
    invalid_db_subnet_group_state_fault as invalid_subnet_group_state, invalid_subnet,
    option_group_not_found_fault as no_option_group,
};

pub(super) fn invalid_combination(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterCombination", 400, message)
}

pub(super) fn invalid_value(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterValue", 400, message)
}

pub(super) fn no_instance(name: &str) -> Error {
    no_instance_text(format!("DBInstance {name} not found."))
}

pub(super) fn no_parameter_group(name: &str) -> Error {
    no_parameter_group_text(format!("DBParameterGroup not found: {name}"))
}

pub(super) fn no_subnet_group(name: &str) -> Error {
    no_subnet_group_text(format!("DB subnet group '{name}' does not exist."))
}

pub(super) fn no_snapshot(name: &str) -> Error {
    no_snapshot_text(format!("DBSnapshot {name} not found."))
}
