//! Secrets by the many: lists with filters, and values in one go.

use wire::Error;
use wire::secretsmanager as api;

use super::error::{invalid_next_token, invalid_parameter};
use super::secret::{listed, living, resolve};
use super::state::Secret;
use super::version;
use crate::page::{Page, page};
use crate::{Context, Region};

fn piece<'a>(
    secrets: impl Iterator<Item = &'a Secret>,
    marker: Option<&str>,
    most: Option<i64>,
    usual: usize,
) -> Result<Page<&'a Secret>, Error> {
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usual);
    page(secrets, |secret| secret.name.clone(), marker, most)
        .map_err(|_| invalid_next_token("Invalid next token."))
}

/// Every filter has to fit; of a filter's values one. `!` before a value turns it round.
fn fits(secret: &Secret, filters: &[api::Filter]) -> bool {
    filters.iter().all(|filter| {
        let values = filter.values.as_deref().unwrap_or_default();
        let Some(key) = filter.key else { return true };
        values.iter().any(|value| match value.strip_prefix('!') {
            Some(value) => !fits_one(secret, key, value),
            None => fits_one(secret, key, value),
        })
    })
}

fn fits_one(secret: &Secret, key: api::FilterNameStringType, value: &str) -> bool {
    use api::FilterNameStringType as By;
    let begins = |text: &str| text.starts_with(value);
    let words = |text: &str| {
        let text = text.to_lowercase();
        text.split(|one: char| !one.is_alphanumeric())
            .any(|word| word.starts_with(&value.to_lowercase()))
    };
    match key {
        By::Name => begins(&secret.name),
        By::Description => secret.description.as_deref().is_some_and(words),
        By::TagKey => secret.tags.keys().any(|key| begins(key)),
        By::TagValue => secret.tags.values().any(|value| begins(value)),
        By::OwningService => secret.owner.as_deref().is_some_and(begins),
        By::PrimaryRegion => false,
        By::All => {
            words(&secret.name)
                || secret.description.as_deref().is_some_and(words)
                || secret
                    .tags
                    .iter()
                    .any(|(key, value)| words(key) || words(value))
        }
    }
}

pub(super) fn list_secrets(
    region: &Region,
    _: &Context,
    input: api::ListSecretsRequest,
) -> Result<api::ListSecretsResponse, Error> {
    use api::{SortByType, SortOrderType};
    let filters = input.filters.unwrap_or_default();
    let planned = input.include_planned_deletion == Some(true);
    let mut secrets: Vec<&Secret> = (region.secretsmanager.secrets.values())
        .filter(|secret| (planned || secret.deletion.is_none()) && fits(secret, &filters))
        .collect();
    match input.sort_by {
        Some(SortByType::Name) => {}
        Some(SortByType::LastChangedDate) => secrets.sort_by_key(|one| one.changed_at),
        Some(SortByType::LastAccessedDate) => secrets.sort_by_key(|one| one.accessed_at),
        Some(SortByType::CreatedDate) | None => secrets.sort_by_key(|one| one.created_at),
    }
    // The newest first, unless it is asked otherwise.
    if input.sort_order != Some(SortOrderType::Asc) {
        secrets.reverse();
    }
    let most = input
        .max_results
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100);
    let numbered = secrets.into_iter().enumerate();
    let piece = page(
        numbered,
        |(at, _)| format!("{at:012}"),
        input.next_token.as_deref(),
        most,
    )
    .map_err(|_| invalid_next_token("Invalid next token."))?;
    Ok(api::ListSecretsResponse {
        next_token: piece.next,
        secret_list: Some(
            piece
                .items
                .into_iter()
                .map(|(_, secret)| listed(secret))
                .collect(),
        ),
    })
}

/// A write, since the day of the last reading is kept.
pub(super) fn batch_get_secret_value(
    region: &mut Region,
    context: &Context,
    input: api::BatchGetSecretValueRequest,
) -> Result<api::BatchGetSecretValueResponse, Error> {
    let mut errors = Vec::new();
    let mut values = Vec::new();
    let mut read = Vec::new();
    let mut next = None;
    let names: Vec<String> = match (input.secret_id_list, input.filters) {
        (Some(_), Some(_)) => {
            return Err(invalid_parameter(
                "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
            ));
        }
        (None, None) => {
            return Err(invalid_parameter(
                "Either 'SecretIdList' or 'Filters' must be provided.",
            ));
        }
        (Some(ids), None) => ids,
        (None, Some(filters)) => {
            let secrets = region.secretsmanager.secrets.values();
            let secrets = secrets.filter(|one| one.deletion.is_none() && fits(one, &filters));
            let piece = piece(secrets, input.next_token.as_deref(), input.max_results, 20)?;
            next = piece.next;
            piece
                .items
                .into_iter()
                .map(|secret| secret.name.clone())
                .collect()
        }
    };
    for id in names {
        let told = living(region, &id).and_then(|row| {
            let (version_id, version) = version::chosen(row, None, None)?;
            let told = version::told(region, row, version_id, version)?;
            read.push((row.name.clone(), version_id.clone()));
            Ok(told)
        });
        match told {
            Ok(told) => values.push(api::SecretValueEntry {
                arn: told.arn,
                created_date: told.created_date,
                name: told.name,
                secret_binary: told.secret_binary,
                secret_string: told.secret_string,
                version_id: told.version_id,
                version_stages: told.version_stages,
            }),
            Err(error) => errors.push(api::APIErrorType {
                error_code: Some(error.code.into_owned()),
                message: Some(error.message),
                secret_id: Some(resolve(region, &id).map_or(id, |row| row.arn.clone())),
            }),
        }
    }
    for (name, id) in read {
        version::accessed(region, context, &name, &id);
    }
    Ok(api::BatchGetSecretValueResponse {
        errors: Some(errors),
        next_token: next,
        secret_values: Some(values),
    })
}
