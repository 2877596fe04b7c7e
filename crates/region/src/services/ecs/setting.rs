//! Account settings: kept for the account, as all principals here share one.

use wire::ecs as api;

use super::error;
use crate::{Context, Error, Region};

/// Every setting with what it is where nothing was put.
const DEFAULTS: &[(&str, &str)] = &[
    ("awsvpcTrunking", "disabled"),
    ("containerInsights", "disabled"),
    ("containerInstanceLongArnFormat", "enabled"),
    ("defaultLogDriverMode", "non-blocking"),
    ("fargateFIPSMode", "disabled"),
    ("fargateTaskRetirementWaitPeriod", "7"),
    ("guardDutyActivate", "off"),
    ("serviceLongArnFormat", "enabled"),
    ("tagResourceAuthorization", "off"),
    ("taskLongArnFormat", "enabled"),
];

pub(super) fn put_account_setting(
    region: &mut Region,
    context: &Context,
    input: api::PutAccountSettingRequest,
) -> Result<api::PutAccountSettingResponse, Error> {
    Ok(api::PutAccountSettingResponse {
        setting: Some(put(region, context, input.name, input.value)?),
    })
}

pub(super) fn put_account_setting_default(
    region: &mut Region,
    context: &Context,
    input: api::PutAccountSettingDefaultRequest,
) -> Result<api::PutAccountSettingDefaultResponse, Error> {
    Ok(api::PutAccountSettingDefaultResponse {
        setting: Some(put(region, context, input.name, input.value)?),
    })
}

pub(super) fn delete_account_setting(
    region: &mut Region,
    context: &Context,
    input: api::DeleteAccountSettingRequest,
) -> Result<api::DeleteAccountSettingResponse, Error> {
    region.ecs.settings.remove(input.name.as_str());
    Ok(api::DeleteAccountSettingResponse {
        setting: Some(show(context, input.name.as_str(), String::new())),
    })
}

pub(super) fn list_account_settings(
    region: &Region,
    context: &Context,
    input: api::ListAccountSettingsRequest,
) -> Result<api::ListAccountSettingsResponse, Error> {
    let effective = input.effective_settings.unwrap_or(false);
    let settings = DEFAULTS
        .iter()
        .filter(|(name, _)| input.name.is_none_or(|wanted| wanted.as_str() == *name))
        .filter_map(|(name, default)| {
            let put = region.ecs.settings.get(*name).cloned();
            let value = put.or_else(|| effective.then(|| (*default).to_owned()))?;
            Some(show(context, name, value))
        })
        .filter(|setting| input.value.is_none() || setting.value == input.value)
        .collect();
    Ok(api::ListAccountSettingsResponse {
        next_token: None,
        settings: Some(settings),
    })
}

fn put(
    region: &mut Region,
    context: &Context,
    name: api::SettingName,
    value: String,
) -> Result<api::Setting, Error> {
    if !DEFAULTS.iter().any(|(known, _)| *known == name.as_str()) {
        return Err(error::invalid(format!(
            "The setting {} is not there.",
            name.as_str()
        )));
    }
    region
        .ecs
        .settings
        .insert(name.as_str().to_owned(), value.clone());
    Ok(show(context, name.as_str(), value))
}

fn show(context: &Context, name: &str, value: String) -> api::Setting {
    api::Setting {
        name: name.parse().ok(),
        principal_arn: Some(context.settings.global_arn("iam", "root")),
        r#type: Some(api::SettingType::User),
        value: Some(value),
    }
}
