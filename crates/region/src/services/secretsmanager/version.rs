//! Versions and their labels: `AWSCURRENT`, `AWSPREVIOUS`, `AWSPENDING`, and any others. A label
//! is on one version at a time.

use jiff::SignedDuration;
use wire::Error;
use wire::secretsmanager as api;

use super::error::{
    invalid_parameter, invalid_request, no_stage, no_version, not_found, resource_exists,
};
use super::secret::{self, living, living_mut};
use super::state::{Secret, Version};
use super::value::{self, Value};
use crate::page::page;
use crate::{Context, Region};

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
pub(super) const PENDING: &str = "AWSPENDING";

const MOST_VERSIONS: usize = 100;
const MOST_STAGES: usize = 20;

impl Secret {
    /// The version that has a label.
    pub(super) fn at_stage(&self, stage: &str) -> Option<(&String, &Version)> {
        self.versions
            .iter()
            .find(|(_, version)| version.stages.contains(stage))
    }

    /// Puts a label on a version and takes it from where it was. The one that stops being
    /// current becomes the previous one.
    pub(super) fn label(&mut self, stage: &str, to: &str) {
        let from = self.at_stage(stage).map(|(id, _)| id.clone());
        if from.as_deref() == Some(to) {
            return;
        }
        if let Some(old) = from.as_ref().and_then(|id| self.versions.get_mut(id)) {
            old.stages.remove(stage);
        }
        if let Some(new) = self.versions.get_mut(to) {
            new.stages.insert(stage.to_owned());
            if stage == CURRENT {
                new.stages.remove(PREVIOUS);
            }
        }
        if stage == CURRENT
            && let Some(old) = from
        {
            self.label(PREVIOUS, &old);
        }
    }

    /// Forgets versions without labels once they are old and many.
    fn tidy(&mut self, context: &Context) {
        let day_ago = context.now - SignedDuration::from_hours(24);
        while self.versions.len() > MOST_VERSIONS {
            let oldest = (self.versions.iter())
                .filter(|(_, one)| one.stages.is_empty() && one.created_at < day_ago)
                .min_by_key(|(_, one)| one.created_at)
                .map(|(id, _)| id.clone());
            match oldest {
                Some(id) => self.versions.remove(&id),
                None => return,
            };
        }
    }
}

/// The id of a version to be made: the token that was sent. SDKs always send one.
pub(super) fn checked_token(token: Option<String>) -> Result<String, Error> {
    let Some(token) = token else {
        return Err(invalid_request(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        ));
    };
    if !(32..=64).contains(&token.len()) {
        return Err(invalid_parameter(
            "ClientRequestToken must be 32-64 characters long.",
        ));
    }
    Ok(token)
}

/// Adds a version. The same token with the same content is the same version; with another
/// content it is refused.
pub(super) fn add(
    region: &mut Region,
    context: &Context,
    name: &str,
    id: &str,
    value: &Value,
    stages: &[String],
) -> Result<(), Error> {
    let row = secret::by_name(region, name)?;
    if let Some(there) = row.versions.get(id)
        && let Some(sealed) = &there.value
    {
        if value::open(region, &row.arn, id, sealed)? == *value {
            return Ok(());
        }
        return Err(resource_exists(format!(
            "You can't use ClientRequestToken {id} because that value is already in use for a version of secret {}.",
            row.arn
        )));
    }
    let (arn, named) = (row.arn.clone(), row.kms_key_id.clone());
    let first = row.versions.is_empty();
    let key = value::checked_key(region, context, named.as_deref())?;
    let sealed = value::seal(region, context, &key, &arn, id, value)?;
    let row = region
        .secretsmanager
        .secrets
        .get_mut(name)
        .ok_or_else(super::error::no_secret)?;
    let version = row
        .versions
        .entry(id.to_owned())
        .or_insert_with(|| Version {
            created_at: context.now,
            stages: std::collections::BTreeSet::new(),
            value: None,
            accessed_at: None,
        });
    version.value = Some(sealed);
    for stage in stages {
        row.label(stage, id);
    }
    // The first version is current whatever it is called besides.
    if first {
        row.label(CURRENT, id);
    }
    row.changed_at = context.now;
    row.tidy(context);
    Ok(())
}

pub(super) fn put_secret_value(
    region: &mut Region,
    context: &Context,
    input: api::PutSecretValueRequest,
) -> Result<api::PutSecretValueResponse, Error> {
    let row = living(region, &input.secret_id)?;
    secret::must_not_be_owned(row, context)?;
    let name = row.name.clone();
    let id = checked_token(input.client_request_token)?;
    let value = Value::given(input.secret_string, input.secret_binary)?
        .ok_or_else(|| invalid_request("You must provide either SecretString or SecretBinary."))?;
    let stages = input
        .version_stages
        .unwrap_or_else(|| vec![CURRENT.to_owned()]);
    if stages.is_empty() || stages.len() > MOST_STAGES {
        return Err(invalid_parameter(format!(
            "A version must have between 1 and {MOST_STAGES} staging labels."
        )));
    }
    add(region, context, &name, &id, &value, &stages)?;
    let row = secret::by_name(region, &name)?;
    Ok(api::PutSecretValueResponse {
        arn: Some(row.arn.clone()),
        name: Some(name),
        version_stages: row
            .versions
            .get(&id)
            .map(|one| one.stages.iter().cloned().collect()),
        version_id: Some(id),
    })
}

/// The version that a reader means.
pub(super) fn chosen<'a>(
    row: &'a Secret,
    id: Option<&str>,
    stage: Option<&str>,
) -> Result<(&'a String, &'a Version), Error> {
    let found = match (id, stage) {
        (Some(id), stage) => {
            let found = row
                .versions
                .get_key_value(id)
                .ok_or_else(|| no_version(id))?;
            if stage.is_some_and(|stage| !found.1.stages.contains(stage)) {
                return Err(invalid_request(
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                ));
            }
            found
        }
        (None, stage) => {
            let stage = stage.unwrap_or(CURRENT);
            row.at_stage(stage).ok_or_else(|| no_stage(stage))?
        }
    };
    Ok(found)
}

/// A write, since the day of the last reading is kept.
pub(super) fn get_secret_value(
    region: &mut Region,
    context: &Context,
    input: api::GetSecretValueRequest,
) -> Result<api::GetSecretValueResponse, Error> {
    let row = living(region, &input.secret_id)?;
    let (id, version) = chosen(
        row,
        input.version_id.as_deref(),
        input.version_stage.as_deref(),
    )?;
    let answer = told(region, row, id, version)?;
    let (name, id) = (row.name.clone(), id.clone());
    accessed(region, context, &name, &id);
    Ok(answer)
}

pub(super) fn told(
    region: &Region,
    row: &Secret,
    id: &str,
    version: &Version,
) -> Result<api::GetSecretValueResponse, Error> {
    let sealed = version.value.as_ref().ok_or_else(|| no_version(id))?;
    let (text, binary) = value::open(region, &row.arn, id, sealed)?.parts();
    Ok(api::GetSecretValueResponse {
        arn: Some(row.arn.clone()),
        created_date: Some(version.created_at),
        name: Some(row.name.clone()),
        secret_binary: binary,
        secret_string: text,
        version_id: Some(id.to_owned()),
        version_stages: Some(version.stages.iter().cloned().collect()),
    })
}

/// Changes nothing but once a day.
pub(super) fn accessed(region: &mut Region, context: &Context, name: &str, id: &str) {
    let today = jiff::tz::Offset::UTC
        .to_datetime(context.now)
        .start_of_day();
    let Ok(today) = jiff::tz::Offset::UTC.to_timestamp(today) else {
        return;
    };
    let known = region.secretsmanager.secrets.get(name).is_some_and(|row| {
        row.accessed_at == Some(today)
            && row
                .versions
                .get(id)
                .is_some_and(|one| one.accessed_at == Some(today))
    });
    if !known && let Some(row) = region.secretsmanager.secrets.get_mut(name) {
        row.accessed_at = Some(today);
        if let Some(version) = row.versions.get_mut(id) {
            version.accessed_at = Some(today);
        }
    }
}

pub(super) fn update_secret_version_stage(
    region: &mut Region,
    context: &Context,
    input: api::UpdateSecretVersionStageRequest,
) -> Result<api::UpdateSecretVersionStageResponse, Error> {
    let stage = input.version_stage;
    let row = living_mut(region, &input.secret_id)?;
    secret::must_not_be_owned(row, context)?;
    let on = row.at_stage(&stage).map(|(id, _)| id.clone());
    for id in [&input.remove_from_version_id, &input.move_to_version_id]
        .into_iter()
        .flatten()
    {
        if !row.versions.contains_key(id) {
            return Err(not_found(format!(
                "Secrets Manager can't find the specified secret value for VersionId: {id}"
            )));
        }
    }
    match (&on, &input.remove_from_version_id) {
        (Some(on), Some(from)) if on != from => {
            return Err(invalid_parameter(format!(
                "The parameter RemoveFromVersionId is set to the wrong version: staging label {stage} is attached to version {on}."
            )));
        }
        (None, Some(from)) => {
            return Err(invalid_parameter(format!(
                "The staging label {stage} is not attached to version {from}."
            )));
        }
        (Some(on), None) if input.move_to_version_id.as_ref().is_some_and(|to| to != on) => {
            return Err(invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {on}, so you must explicitly reference that version in RemoveFromVersionId."
            )));
        }
        _ => {}
    }
    match input.move_to_version_id {
        Some(to) => row.label(&stage, &to),
        None if stage == CURRENT => {
            return Err(invalid_parameter(
                "You can't remove the staging label AWSCURRENT: move it to another version instead.",
            ));
        }
        None => {
            if let Some(version) = on.and_then(|on| row.versions.get_mut(&on)) {
                version.stages.remove(&stage);
            }
        }
    }
    row.changed_at = context.now;
    Ok(api::UpdateSecretVersionStageResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
    })
}

pub(super) fn list_secret_version_ids(
    region: &Region,
    _: &Context,
    input: api::ListSecretVersionIdsRequest,
) -> Result<api::ListSecretVersionIdsResponse, Error> {
    let row = secret::find(region, &input.secret_id)?;
    let all = input.include_deprecated == Some(true);
    let versions = row
        .versions
        .iter()
        .filter(|(_, one)| all || !one.stages.is_empty());
    let most = input
        .max_results
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100);
    let piece = page(
        versions,
        |(id, _)| (*id).clone(),
        input.next_token.as_deref(),
        most,
    )
    .map_err(|_| super::error::invalid_next_token("Invalid next token."))?;
    let entry = |(id, one): (&String, &Version)| api::SecretVersionsListEntry {
        created_date: Some(one.created_at),
        kms_key_ids: Some(vec![
            row.kms_key_id
                .clone()
                .unwrap_or_else(|| "DefaultEncryptionKey".to_owned()),
        ]),
        last_accessed_date: one.accessed_at,
        version_id: Some(id.clone()),
        version_stages: Some(one.stages.iter().cloned().collect())
            .filter(|all: &Vec<String>| !all.is_empty()),
    };
    Ok(api::ListSecretVersionIdsResponse {
        arn: Some(row.arn.clone()),
        name: Some(row.name.clone()),
        next_token: piece.next,
        versions: Some(piece.items.into_iter().map(entry).collect()),
    })
}
