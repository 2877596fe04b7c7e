//! Parameter groups: what databases of a family are told when they start.

use std::collections::BTreeMap;

use wire::Error;
use wire::rds as api;

use super::common::{identifier, new_tags, piece};
use super::error::{
    invalid_combination, invalid_parameter_group_state, invalid_value, no_parameter_group,
    parameter_group_exists,
};
use super::parameter::{self, Parameter};
use super::state::{ParameterGroup, SetParameter};
use super::{engine, event};
use crate::{Context, Region, Tags};

const MOST_AT_ONCE: usize = 20;

/// The groups that are there without being made: one for each family.
pub(super) fn bootstrap(region: &mut Region, context: &Context) {
    for major in context.settings.postgres_versions.clone() {
        let family = engine::family(major);
        let name = format!("default.{family}");
        let group = ParameterGroup {
            arn: context.settings.arn("rds", format!("pg:{name}")),
            description: format!("Default parameter group for {family}"),
            family,
            values: BTreeMap::new(),
            tags: Tags::new(),
            name: name.clone(),
        };
        region.rds.parameter_groups.insert(name, group);
    }
}

pub(super) fn get<'a>(region: &'a Region, name: &str) -> Result<&'a ParameterGroup, Error> {
    region
        .rds
        .parameter_groups
        .get(&name.to_lowercase())
        .ok_or_else(|| no_parameter_group(name))
}

fn get_mut<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut ParameterGroup, Error> {
    let lower = name.to_lowercase();
    get(region, &lower)?;
    if lower.starts_with("default.") {
        return Err(invalid_parameter_group_state(format!(
            "The parameter group {lower} cannot be modified: it is a default one."
        )));
    }
    region
        .rds
        .parameter_groups
        .get_mut(&lower)
        .ok_or_else(|| no_parameter_group(name))
}

fn checked_family(context: &Context, family: &str) -> Result<(), Error> {
    let known = context
        .settings
        .postgres_versions
        .iter()
        .any(|major| engine::family(*major) == family);
    if known {
        return Ok(());
    }
    Err(invalid_value(format!(
        "ParameterGroupFamily {family} is not a valid parameter group family."
    )))
}

pub(super) fn create_db_parameter_group(
    region: &mut Region,
    context: &Context,
    input: api::CreateDBParameterGroupMessage,
) -> Result<api::CreateDBParameterGroupResult, Error> {
    let name = identifier("DBParameterGroupName", &input.db_parameter_group_name)?;
    checked_family(context, &input.db_parameter_group_family)?;
    if region.rds.parameter_groups.contains(&name) {
        return Err(parameter_group_exists(format!(
            "Parameter group {name} already exists"
        )));
    }
    let group = ParameterGroup {
        arn: context.settings.arn("rds", format!("pg:{name}")),
        family: input.db_parameter_group_family,
        description: input.description,
        values: BTreeMap::new(),
        tags: new_tags(input.tags)?,
        name: name.clone(),
    };
    let answer = shown(&group);
    region.rds.parameter_groups.insert(name, group);
    Ok(api::CreateDBParameterGroupResult {
        db_parameter_group: Some(answer),
    })
}

pub(super) fn copy_db_parameter_group(
    region: &mut Region,
    context: &Context,
    input: api::CopyDBParameterGroupMessage,
) -> Result<api::CopyDBParameterGroupResult, Error> {
    let source = input.source_db_parameter_group_identifier;
    let source = source.rsplit(':').next().unwrap_or_default();
    let mut group = get(region, source)?.clone();
    let name = identifier(
        "TargetDBParameterGroupIdentifier",
        &input.target_db_parameter_group_identifier,
    )?;
    if region.rds.parameter_groups.contains(&name) {
        return Err(parameter_group_exists(format!(
            "Parameter group {name} already exists"
        )));
    }
    group.arn = context.settings.arn("rds", format!("pg:{name}"));
    group.description = input.target_db_parameter_group_description;
    group.tags = new_tags(input.tags)?;
    group.name.clone_from(&name);
    let answer = shown(&group);
    region.rds.parameter_groups.insert(name, group);
    Ok(api::CopyDBParameterGroupResult {
        db_parameter_group: Some(answer),
    })
}

pub(super) fn describe_db_parameter_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeDBParameterGroupsMessage,
) -> Result<api::DBParameterGroupsMessage, Error> {
    let groups: Vec<&ParameterGroup> = match &input.db_parameter_group_name {
        Some(name) => vec![get(region, name)?],
        None => region.rds.parameter_groups.values().collect(),
    };
    let piece = piece(
        groups,
        |group| group.name.clone(),
        input.marker.as_deref(),
        input.max_records,
    )?;
    Ok(api::DBParameterGroupsMessage {
        db_parameter_groups: Some(piece.items.into_iter().map(shown).collect()),
        marker: piece.next,
    })
}

pub(super) fn delete_db_parameter_group(
    region: &mut Region,
    _: &Context,
    input: api::DeleteDBParameterGroupMessage,
) -> Result<wire::Unit, Error> {
    let name = get_mut(region, &input.db_parameter_group_name)?
        .name
        .clone();
    if region
        .rds
        .instances
        .values()
        .any(|one| one.settings.parameter_group == name)
    {
        return Err(invalid_parameter_group_state(format!(
            "One or more database instances are still members of this parameter group {name}, so the group cannot be deleted"
        )));
    }
    region.rds.parameter_groups.remove(&name);
    Ok(wire::Unit {})
}

pub(super) fn modify_db_parameter_group(
    region: &mut Region,
    context: &Context,
    input: api::ModifyDBParameterGroupMessage,
) -> Result<api::DBParameterGroupNameMessage, Error> {
    if input.parameters.is_empty() || input.parameters.len() > MOST_AT_ONCE {
        return Err(invalid_combination(format!(
            "A maximum of {MOST_AT_ONCE} parameters can be modified in a single request."
        )));
    }
    let group = get_mut(region, &input.db_parameter_group_name)?;
    for one in input.parameters {
        let name = one.parameter_name.unwrap_or_default();
        let known = known(&name)?;
        let value = one
            .parameter_value
            .ok_or_else(|| invalid_combination(format!("The parameter {name} needs a value.")))?;
        if known.refuses(&value) {
            return Err(invalid_value(format!(
                "Invalid parameter value: {value} for: {name} allowed values are: {}",
                known.allowed
            )));
        }
        let pending_reboot = one.apply_method == Some(api::ApplyMethod::PendingReboot);
        if known.is_static && !pending_reboot {
            return Err(invalid_combination(format!(
                "cannot use immediate apply method for static parameter {name}"
            )));
        }
        group.values.insert(
            name,
            SetParameter {
                value,
                pending_reboot,
            },
        );
    }
    Ok(changed(region, context, &input.db_parameter_group_name))
}

fn known(name: &str) -> Result<&'static Parameter, Error> {
    let known = parameter::find(name)
        .ok_or_else(|| invalid_value(format!("Could not find parameter with name: {name}")))?;
    if !known.modifiable {
        return Err(invalid_value(format!(
            "The parameter {name} cannot be modified."
        )));
    }
    Ok(known)
}

fn changed(region: &mut Region, context: &Context, name: &str) -> api::DBParameterGroupNameMessage {
    let name = name.to_lowercase();
    let arn = context.settings.arn("rds", format!("pg:{name}"));
    let message = "Updated parameter group";
    event::tell(
        region,
        context,
        api::SourceType::DbParameterGroup,
        &name,
        &arn,
        "configuration change",
        message,
    );
    api::DBParameterGroupNameMessage {
        db_parameter_group_name: Some(name),
    }
}

pub(super) fn reset_db_parameter_group(
    region: &mut Region,
    context: &Context,
    input: api::ResetDBParameterGroupMessage,
) -> Result<api::DBParameterGroupNameMessage, Error> {
    let group = get_mut(region, &input.db_parameter_group_name)?;
    if input.reset_all_parameters == Some(true) {
        if input.parameters.is_some_and(|all| !all.is_empty()) {
            return Err(invalid_combination(
                "ResetAllParameters and Parameters cannot be given together.",
            ));
        }
        group.values.clear();
    } else {
        for one in input.parameters.unwrap_or_default() {
            let name = one.parameter_name.unwrap_or_default();
            known(&name)?;
            group.values.remove(&name);
        }
    }
    Ok(changed(region, context, &input.db_parameter_group_name))
}

pub(super) fn describe_db_parameters(
    region: &Region,
    _: &Context,
    input: api::DescribeDBParametersMessage,
) -> Result<api::DBParameterGroupDetails, Error> {
    let group = get(region, &input.db_parameter_group_name)?;
    let source = input.source.as_deref().filter(|source| !source.is_empty());
    if source.is_some_and(|source| !["user", "system", "engine-default"].contains(&source)) {
        return Err(invalid_value(
            "Source must be one of user, system, engine-default.",
        ));
    }
    let major = engine::major_of_family(&group.family);
    let parameters = parameter::all()
        .into_iter()
        .map(|one| told(one, major, group.values.get(one.name)));
    let parameters =
        parameters.filter(|one| source.is_none_or(|source| one.source.as_deref() == Some(source)));
    let name = |one: &api::Parameter| one.parameter_name.clone().unwrap_or_default();
    let piece = piece(parameters, name, input.marker.as_deref(), input.max_records)?;
    Ok(api::DBParameterGroupDetails {
        marker: piece.next,
        parameters: Some(piece.items),
    })
}

pub(super) fn describe_engine_default_parameters(
    _: &Region,
    context: &Context,
    input: api::DescribeEngineDefaultParametersMessage,
) -> Result<api::DescribeEngineDefaultParametersResult, Error> {
    checked_family(context, &input.db_parameter_group_family)?;
    let major = engine::major_of_family(&input.db_parameter_group_family);
    let parameters = parameter::all()
        .into_iter()
        .map(|one| told(one, major, None));
    let name = |one: &api::Parameter| one.parameter_name.clone().unwrap_or_default();
    let piece = piece(parameters, name, input.marker.as_deref(), input.max_records)?;
    Ok(api::DescribeEngineDefaultParametersResult {
        engine_defaults: Some(api::EngineDefaults {
            db_parameter_group_family: Some(input.db_parameter_group_family),
            marker: piece.next,
            parameters: Some(piece.items),
        }),
    })
}

fn told(known: &Parameter, major: u32, set: Option<&SetParameter>) -> api::Parameter {
    let default = known.default_for(major);
    let (value, source, pending_reboot) = match set {
        Some(set) => (Some(set.value.as_str()), "user", set.pending_reboot),
        None => (
            default,
            if default.is_some() {
                "system"
            } else {
                "engine-default"
            },
            known.is_static,
        ),
    };
    api::Parameter {
        allowed_values: Some(known.allowed.to_owned()).filter(|text| !text.is_empty()),
        apply_method: Some(if pending_reboot {
            api::ApplyMethod::PendingReboot
        } else {
            api::ApplyMethod::Immediate
        }),
        apply_type: Some(known.apply_type().to_owned()),
        data_type: Some(known.data_type.to_owned()),
        is_modifiable: Some(known.modifiable),
        parameter_name: Some(known.name.to_owned()),
        parameter_value: value.map(str::to_owned),
        source: Some(source.to_owned()),
        ..api::Parameter::default()
    }
}

fn shown(group: &ParameterGroup) -> api::DBParameterGroup {
    api::DBParameterGroup {
        db_parameter_group_arn: Some(group.arn.clone()),
        db_parameter_group_family: Some(group.family.clone()),
        db_parameter_group_name: Some(group.name.clone()),
        description: Some(group.description.clone()),
    }
}
