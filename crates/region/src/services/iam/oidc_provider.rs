//! OpenID Connect providers, such as the one of GitHub's workflows.

use wire::iam as api;
use wire::{Error, Unit};

use super::common::{add_tags, all_tags, new_tags, piece, remove_tags, shown_tags};
use super::error::{already_exists, invalid_input, limit_exceeded, no_such_entity, validation};
use super::state::OidcProvider;
use crate::{Context, Region};

const MOST_CLIENT_IDS: usize = 100;
const MOST_THUMBPRINTS: usize = 5;

fn not_found(arn: &str) -> Error {
    no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
}

/// The provider of that ARN.
pub fn by_arn<'a>(region: &'a Region, arn: &str) -> Option<&'a OidcProvider> {
    region.iam.oidc_providers.get(arn)
}

fn get<'a>(region: &'a Region, arn: &str) -> Result<&'a OidcProvider, Error> {
    by_arn(region, arn).ok_or_else(|| not_found(arn))
}

fn get_mut<'a>(region: &'a mut Region, arn: &str) -> Result<&'a mut OidcProvider, Error> {
    region
        .iam
        .oidc_providers
        .get_mut(arn)
        .ok_or_else(|| not_found(arn))
}

pub(super) fn create_open_id_connect_provider(
    region: &mut Region,
    context: &Context,
    input: api::CreateOpenIDConnectProviderRequest,
) -> Result<api::CreateOpenIDConnectProviderResponse, Error> {
    let url = input
        .url
        .strip_prefix("https://")
        .filter(|rest| !rest.is_empty());
    let url = url.ok_or_else(|| validation("Invalid Open ID Connect Provider URL"))?;
    let url = url.trim_end_matches('/').to_owned();
    let arn = context
        .settings
        .global_arn("iam", format!("oidc-provider/{url}"));
    if region.iam.oidc_providers.contains(&arn) {
        return Err(already_exists(format!(
            "Provider with url {} already exists.",
            input.url
        )));
    }
    let provider = OidcProvider {
        arn: arn.clone(),
        url,
        client_ids: checked_client_ids(input.client_id_list.unwrap_or_default())?,
        thumbprints: checked_thumbprints(input.thumbprint_list.unwrap_or_default())?,
        created_at: context.now,
        tags: new_tags(input.tags)?,
    };
    let tags = shown_tags(&provider.tags);
    region.iam.oidc_providers.insert(arn.clone(), provider);
    Ok(api::CreateOpenIDConnectProviderResponse {
        open_id_connect_provider_arn: Some(arn),
        tags,
    })
}

fn checked_client_ids(ids: Vec<String>) -> Result<Vec<String>, Error> {
    if ids.len() > MOST_CLIENT_IDS {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MOST_CLIENT_IDS}"
        )));
    }
    Ok(ids)
}

/// SHA-1 digests in hexadecimal: always forty characters.
fn checked_thumbprints(thumbprints: Vec<String>) -> Result<Vec<String>, Error> {
    if thumbprints.len() > MOST_THUMBPRINTS {
        return Err(invalid_input(
            "Thumbprint list must contain fewer than 5 entries.",
        ));
    }
    for thumbprint in &thumbprints {
        if thumbprint.len() != 40 || !thumbprint.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid_input(
                "Invalid thumbprint: it must be forty hexadecimal digits.",
            ));
        }
    }
    Ok(thumbprints)
}

pub(super) fn get_open_id_connect_provider(
    region: &Region,
    _: &Context,
    input: api::GetOpenIDConnectProviderRequest,
) -> Result<api::GetOpenIDConnectProviderResponse, Error> {
    let provider = get(region, &input.open_id_connect_provider_arn)?;
    Ok(api::GetOpenIDConnectProviderResponse {
        client_id_list: Some(provider.client_ids.clone()),
        create_date: Some(provider.created_at),
        tags: shown_tags(&provider.tags),
        thumbprint_list: Some(provider.thumbprints.clone()),
        url: Some(provider.url.clone()),
    })
}

pub(super) fn list_open_id_connect_providers(
    region: &Region,
    _: &Context,
    _: api::ListOpenIDConnectProvidersRequest,
) -> Result<api::ListOpenIDConnectProvidersResponse, Error> {
    let entry = |arn: &String| api::OpenIDConnectProviderListEntry {
        arn: Some(arn.clone()),
    };
    Ok(api::ListOpenIDConnectProvidersResponse {
        open_id_connect_provider_list: Some(region.iam.oidc_providers.keys().map(entry).collect()),
    })
}

/// Deleting what is not there succeeds, as AWS documents for this call alone.
pub(super) fn delete_open_id_connect_provider(
    region: &mut Region,
    _: &Context,
    input: api::DeleteOpenIDConnectProviderRequest,
) -> Result<Unit, Error> {
    region
        .iam
        .oidc_providers
        .remove(&input.open_id_connect_provider_arn);
    Ok(Unit {})
}

pub(super) fn update_open_id_connect_provider_thumbprint(
    region: &mut Region,
    _: &Context,
    input: api::UpdateOpenIDConnectProviderThumbprintRequest,
) -> Result<Unit, Error> {
    let provider = get_mut(region, &input.open_id_connect_provider_arn)?;
    provider.thumbprints = checked_thumbprints(input.thumbprint_list)?;
    Ok(Unit {})
}

pub(super) fn add_client_id(
    region: &mut Region,
    _: &Context,
    input: api::AddClientIDToOpenIDConnectProviderRequest,
) -> Result<Unit, Error> {
    let provider = get_mut(region, &input.open_id_connect_provider_arn)?;
    if !provider.client_ids.contains(&input.client_id) {
        provider.client_ids.push(input.client_id);
        checked_client_ids(provider.client_ids.clone())?;
    }
    Ok(Unit {})
}

pub(super) fn remove_client_id(
    region: &mut Region,
    _: &Context,
    input: api::RemoveClientIDFromOpenIDConnectProviderRequest,
) -> Result<Unit, Error> {
    let provider = get_mut(region, &input.open_id_connect_provider_arn)?;
    provider.client_ids.retain(|id| *id != input.client_id);
    Ok(Unit {})
}

pub(super) fn tag_open_id_connect_provider(
    region: &mut Region,
    _: &Context,
    input: api::TagOpenIDConnectProviderRequest,
) -> Result<Unit, Error> {
    add_tags(
        &mut get_mut(region, &input.open_id_connect_provider_arn)?.tags,
        input.tags,
    )?;
    Ok(Unit {})
}

pub(super) fn untag_open_id_connect_provider(
    region: &mut Region,
    _: &Context,
    input: api::UntagOpenIDConnectProviderRequest,
) -> Result<Unit, Error> {
    let provider = get_mut(region, &input.open_id_connect_provider_arn)?;
    remove_tags(&mut provider.tags, &input.tag_keys);
    Ok(Unit {})
}

pub(super) fn list_open_id_connect_provider_tags(
    region: &Region,
    _: &Context,
    input: api::ListOpenIDConnectProviderTagsRequest,
) -> Result<api::ListOpenIDConnectProviderTagsResponse, Error> {
    let tags = all_tags(&get(region, &input.open_id_connect_provider_arn)?.tags);
    let piece = piece(
        tags,
        |tag| tag.key.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(api::ListOpenIDConnectProviderTagsResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        tags: Some(piece.items),
    })
}
