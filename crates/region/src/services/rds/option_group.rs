//! Option groups: PostgreSQL has no options, so only the default groups are there.

use wire::Error;
use wire::rds as api;

use super::engine::ENGINE;
use super::error::no_option_group;
use crate::{Context, Region};

pub(super) const LICENSE: &str = "postgresql-license";

/// `default:postgres-15`
pub(super) fn default_name(major: u32) -> String {
    format!("default:{ENGINE}-{major}")
}

pub(super) fn describe_option_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeOptionGroupsMessage,
) -> Result<api::OptionGroups, Error> {
    let groups: Vec<api::OptionGroup> = (region.settings.postgres_versions.iter())
        .filter(|major| {
            input
                .engine_name
                .as_deref()
                .is_none_or(|engine| engine == ENGINE)
                && input
                    .major_engine_version
                    .as_ref()
                    .is_none_or(|one| *one == major.to_string())
                && input
                    .option_group_name
                    .as_ref()
                    .is_none_or(|name| *name == default_name(**major))
        })
        .map(|major| {
            let name = default_name(*major);
            api::OptionGroup {
                allows_vpc_and_non_vpc_instance_memberships: Some(true),
                engine_name: Some(ENGINE.to_owned()),
                major_engine_version: Some(major.to_string()),
                option_group_arn: Some(region.settings.arn("rds", format!("og:{name}"))),
                option_group_description: Some(format!(
                    "Default option group for {ENGINE} {major}"
                )),
                option_group_name: Some(name),
                options: Some(Vec::new()),
                ..api::OptionGroup::default()
            }
        })
        .collect();
    if let (Some(name), true) = (&input.option_group_name, groups.is_empty()) {
        return Err(no_option_group(format!(
            "Specified OptionGroupName: {name} not found."
        )));
    }
    Ok(api::OptionGroups {
        marker: None,
        option_groups_list: Some(groups),
    })
}

pub(super) fn describe_option_group_options(
    _: &Region,
    _: &Context,
    input: api::DescribeOptionGroupOptionsMessage,
) -> Result<api::OptionGroupOptionsMessage, Error> {
    super::engine::checked(&input.engine_name)?;
    Ok(api::OptionGroupOptionsMessage {
        marker: None,
        option_group_options: Some(Vec::new()),
    })
}
