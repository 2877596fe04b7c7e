//! Dashboards: kept word for word, checked for what CloudWatch checks.

use wire::Error;
use wire::Shape;
use wire::cloudwatch as api;

use super::error::{invalid_dashboard, invalid_next_token, invalid_value, no_dashboard};
use super::state::Dashboard;
use super::{tags, widget};
use crate::page::page;
use crate::{Context, Region};

const LONGEST_NAME: usize = 255;
const PAGE: usize = 1000;
const MOST_WIDGETS: usize = 500;

pub(super) fn put_dashboard(
    region: &mut Region,
    context: &Context,
    input: api::PutDashboardInput,
) -> Result<api::PutDashboardOutput, Error> {
    let name = input.dashboard_name;
    check_name("DashboardName", &name)?;
    let found = widget::check(&input.dashboard_body)
        .map_err(|()| invalid_dashboard("The field DashboardBody must be a valid JSON object"))?;
    if !found.errors.is_empty() {
        return Err(invalid(&found.errors));
    }
    if found.widgets > MOST_WIDGETS {
        return Err(invalid_dashboard(format!(
            "A dashboard can have at most {MOST_WIDGETS} widgets."
        )));
    }
    let old = region.cloudwatch.dashboards.get(&name);
    let tags = match old {
        Some(old) => old.tags.clone(),
        None => tags::taken(input.tags)?,
    };
    let row = Dashboard {
        arn: region
            .settings
            .global_arn("cloudwatch", format_args!("dashboard/{name}")),
        body: input.dashboard_body,
        modified_at: context.now,
        tags,
    };
    region.cloudwatch.dashboards.insert(name, row);
    Ok(api::PutDashboardOutput {
        dashboard_validation_messages: Some(
            found.warnings.iter().map(widget::Finding::shown).collect(),
        ),
    })
}

fn invalid(errors: &[widget::Finding]) -> Error {
    let list = serde_json::to_string_pretty(errors).unwrap_or_default();
    let messages = errors
        .iter()
        .map(|one| one.shown().into_value())
        .collect::<Vec<_>>();
    invalid_dashboard(format!(
        "The dashboard body is invalid, there are {} validation errors:\n{list}",
        errors.len()
    ))
    .with("dashboardValidationMessages", wire::Value::List(messages))
}

fn check_name(field: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(invalid_value(format!(
            "The field {field} must not be empty."
        )));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.chars().all(allowed) {
        return Err(invalid_value(format!(
            "The value for field {field} contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_)."
        )));
    }
    if name.len() > LONGEST_NAME {
        return Err(invalid_value(format!(
            "The value for field {field} is too long. It must not have more than {LONGEST_NAME} characters."
        )));
    }
    Ok(())
}

pub(super) fn get_dashboard(
    region: &Region,
    _: &Context,
    input: api::GetDashboardInput,
) -> Result<api::GetDashboardOutput, Error> {
    let name = input.dashboard_name;
    let Some(row) = region.cloudwatch.dashboards.get(&name) else {
        return Err(no_dashboard(format!("Dashboard {name} does not exist")));
    };
    Ok(api::GetDashboardOutput {
        dashboard_arn: Some(row.arn.clone()),
        dashboard_body: Some(row.body.clone()),
        dashboard_name: Some(name),
    })
}

pub(super) fn list_dashboards(
    region: &Region,
    _: &Context,
    input: api::ListDashboardsInput,
) -> Result<api::ListDashboardsOutput, Error> {
    let prefix = input.dashboard_name_prefix.unwrap_or_default();
    let rows = region
        .cloudwatch
        .dashboards
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix));
    let piece = page(
        rows,
        |(name, _)| (*name).clone(),
        input.next_token.as_deref(),
        PAGE,
    )
    .map_err(|_| invalid_next_token())?;
    let shown = |(name, row): (&String, &Dashboard)| api::DashboardEntry {
        dashboard_arn: Some(row.arn.clone()),
        dashboard_name: Some(name.clone()),
        last_modified: Some(row.modified_at),
        size: i64::try_from(row.body.len()).ok(),
    };
    Ok(api::ListDashboardsOutput {
        dashboard_entries: Some(piece.items.into_iter().map(shown).collect()),
        next_token: piece.next,
    })
}

/// All of them or, if one is not there, none.
pub(super) fn delete_dashboards(
    region: &mut Region,
    _: &Context,
    input: api::DeleteDashboardsInput,
) -> Result<api::DeleteDashboardsOutput, Error> {
    for name in &input.dashboard_names {
        if region.cloudwatch.dashboards.remove(name).is_none() {
            return Err(no_dashboard(format!("Dashboard {name} does not exist")));
        }
    }
    Ok(api::DeleteDashboardsOutput {})
}
