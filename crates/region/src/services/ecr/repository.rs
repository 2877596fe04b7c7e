//! Repositories: their life, settings and tags.

use wire::ecr as api;
use wire::{Error, Stored};

use super::error::{
    at, invalid, kms as kms_error, no_repository, not_empty, repository_exists, too_many_tags,
};
use super::image::registry_host;
use super::state::Repository;
use crate::page::{Page, page};
use crate::services::kms;
use crate::{Context, Region, Tags};

const MOST_TAGS: usize = 50;
const MOST_EXCLUSIONS: usize = 5;

/// A repository of this account; `registry` is the account asked for.
pub(super) fn get<'a>(
    region: &'a Region,
    registry: Option<&str>,
    name: &str,
) -> Result<&'a Repository, Error> {
    let own = &region.settings.account;
    let registry = registry.unwrap_or(own);
    region
        .ecr
        .repositories
        .get(name)
        .filter(|_| registry == own)
        .ok_or_else(|| no_repository(name, registry))
}

pub(super) fn get_mut<'a>(
    region: &'a mut Region,
    registry: Option<&str>,
    name: &str,
) -> Result<&'a mut Repository, Error> {
    get(region, registry, name)?;
    let own = &region.settings.account;
    region
        .ecr
        .repositories
        .get_mut(name)
        .ok_or_else(|| no_repository(name, own))
}

/// One piece of a list, with ECR's bounds.
pub(super) fn piece<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    most: Option<i64>,
) -> Result<Page<T>, Error> {
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(100);
    page(items, key, marker, most).map_err(|_| at("nextToken", "Invalid token"))
}

pub(super) fn create_repository(
    region: &mut Region,
    context: &Context,
    input: api::CreateRepositoryRequest,
) -> Result<api::CreateRepositoryResponse, Error> {
    let account = context.settings.account.clone();
    if let Some(registry) = input.registry_id.filter(|id| *id != account) {
        return Err(invalid(format!(
            "The registry with id '{registry}' is not of this account"
        )));
    }
    let name = input.repository_name;
    if region.ecr.repositories.contains(&name) {
        return Err(repository_exists(&name, &account));
    }
    let mutability = input.image_tag_mutability.unwrap_or_default();
    let exclusions = exclusions(mutability, input.image_tag_mutability_exclusion_filters)?;
    let mut tags = Tags::new();
    add_tags(&mut tags, input.tags.unwrap_or_default())?;
    let encryption = encryption(region, context, input.encryption_configuration)?;
    let row = Repository {
        arn: context.settings.arn("ecr", format!("repository/{name}")),
        created_at: context.now,
        mutability,
        exclusions,
        scan_on_push: input
            .image_scanning_configuration
            .and_then(|one| one.scan_on_push)
            .unwrap_or(false),
        encryption: Stored(encryption),
        tags,
        policy: None,
        lifecycle: None,
        name: name.clone(),
    };
    let answer = shown(context, &row);
    region.ecr.repositories.insert(name, row);
    Ok(api::CreateRepositoryResponse {
        repository: Some(answer),
    })
}

fn encryption(
    region: &mut Region,
    context: &Context,
    asked: Option<api::EncryptionConfiguration>,
) -> Result<api::EncryptionConfiguration, Error> {
    let mut encryption = asked.unwrap_or_default();
    if encryption.encryption_type == api::EncryptionType::Aes256 {
        if encryption.kms_key.is_some() {
            return Err(at(
                "encryptionConfiguration",
                "A KMS key can be given only with encryption by KMS",
            ));
        }
        return Ok(encryption);
    }
    let arn = match &encryption.kms_key {
        None => {
            let id = kms::key::aws_managed(region, context, "ecr");
            context.settings.arn("kms", format!("key/{id}"))
        }
        Some(id) => {
            let key = kms::key::resolve(region, id).filter(|key| key.usable());
            let key = key.ok_or_else(|| {
                kms_error(format!("The KMS key {id} does not exist or cannot be used"))
            })?;
            key.arn.clone()
        }
    };
    encryption.kms_key = Some(arn);
    Ok(encryption)
}

fn exclusions(
    mutability: api::ImageTagMutability,
    filters: Option<Vec<api::ImageTagMutabilityExclusionFilter>>,
) -> Result<Vec<String>, Error> {
    use api::ImageTagMutability::{ImmutableWithExclusion, MutableWithExclusion};
    let filters: Vec<String> = filters
        .unwrap_or_default()
        .into_iter()
        .map(|one| one.filter)
        .collect();
    let expected = matches!(mutability, ImmutableWithExclusion | MutableWithExclusion);
    if expected == filters.is_empty() {
        return Err(at(
            "imageTagMutabilityExclusionFilters",
            format!("Exclusion filters do not go with {mutability}"),
        ));
    }
    if filters.len() > MOST_EXCLUSIONS {
        return Err(at(
            "imageTagMutabilityExclusionFilters",
            format!("At most {MOST_EXCLUSIONS} filters can be given"),
        ));
    }
    Ok(filters)
}

fn filters(row: &Repository) -> Option<Vec<api::ImageTagMutabilityExclusionFilter>> {
    let filter = |pattern: &String| api::ImageTagMutabilityExclusionFilter {
        filter: pattern.clone(),
        filter_type: api::ImageTagMutabilityExclusionFilterType::Wildcard,
    };
    (!row.exclusions.is_empty()).then(|| row.exclusions.iter().map(filter).collect())
}

fn shown(context: &Context, row: &Repository) -> api::Repository {
    api::Repository {
        created_at: Some(row.created_at),
        encryption_configuration: Some(row.encryption.0.clone()),
        image_scanning_configuration: Some(scanning(row)),
        image_tag_mutability: Some(row.mutability),
        image_tag_mutability_exclusion_filters: filters(row),
        registry_id: Some(context.settings.account.clone()),
        repository_arn: Some(row.arn.clone()),
        repository_name: Some(row.name.clone()),
        repository_uri: Some(format!("{}/{}", registry_host(context.settings), row.name)),
    }
}

fn scanning(row: &Repository) -> api::ImageScanningConfiguration {
    api::ImageScanningConfiguration {
        scan_on_push: Some(row.scan_on_push),
    }
}

pub(super) fn describe_repositories(
    region: &Region,
    context: &Context,
    input: api::DescribeRepositoriesRequest,
) -> Result<api::DescribeRepositoriesResponse, Error> {
    if let Some(names) = input.repository_names {
        let found = names
            .iter()
            .map(|name| get(region, input.registry_id.as_deref(), name))
            .map(|row| row.map(|row| shown(context, row)));
        return Ok(api::DescribeRepositoriesResponse {
            repositories: Some(found.collect::<Result<_, _>>()?),
            next_token: None,
        });
    }
    let own = |_: &&Repository| {
        input
            .registry_id
            .as_ref()
            .is_none_or(|id| *id == context.settings.account)
    };
    let piece = piece(
        region.ecr.repositories.values().filter(own),
        |row| row.name.clone(),
        input.next_token.as_deref(),
        input.max_results,
    )?;
    Ok(api::DescribeRepositoriesResponse {
        repositories: Some(piece.items.iter().map(|row| shown(context, row)).collect()),
        next_token: piece.next,
    })
}

pub(super) fn delete_repository(
    region: &mut Region,
    context: &Context,
    input: api::DeleteRepositoryRequest,
) -> Result<api::DeleteRepositoryResponse, Error> {
    let name = input.repository_name;
    let row = get(region, input.registry_id.as_deref(), &name)?;
    let answer = shown(context, row);
    let from = (name.clone(), String::new());
    let holds = (region.ecr.manifests.range(from..).next()).is_some_and(|(key, _)| key.0 == name);
    if holds && input.force != Some(true) {
        return Err(not_empty(&name, &context.settings.account));
    }
    region.ecr.repositories.remove(&name);
    region.ecr.manifests.retain(|key, _| key.0 != name);
    region.ecr.tags.retain(|key, _| key.0 != name);
    region.ecr.blobs.retain(|key, _| key.0 != name);
    Ok(api::DeleteRepositoryResponse {
        repository: Some(answer),
    })
}

pub(super) fn put_image_tag_mutability(
    region: &mut Region,
    context: &Context,
    input: api::PutImageTagMutabilityRequest,
) -> Result<api::PutImageTagMutabilityResponse, Error> {
    let name = input.repository_name;
    let row = get_mut(region, input.registry_id.as_deref(), &name)?;
    row.exclusions = exclusions(
        input.image_tag_mutability,
        input.image_tag_mutability_exclusion_filters,
    )?;
    row.mutability = input.image_tag_mutability;
    Ok(api::PutImageTagMutabilityResponse {
        image_tag_mutability: Some(row.mutability),
        image_tag_mutability_exclusion_filters: filters(row),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(name),
    })
}

pub(super) fn put_image_scanning_configuration(
    region: &mut Region,
    context: &Context,
    input: api::PutImageScanningConfigurationRequest,
) -> Result<api::PutImageScanningConfigurationResponse, Error> {
    let name = input.repository_name;
    let row = get_mut(region, input.registry_id.as_deref(), &name)?;
    row.scan_on_push = input
        .image_scanning_configuration
        .scan_on_push
        .unwrap_or(false);
    Ok(api::PutImageScanningConfigurationResponse {
        image_scanning_configuration: Some(scanning(row)),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(name),
    })
}

/// Whether a tag, once set, stays as it is.
pub(super) fn immutable(row: &Repository, tag: &str) -> bool {
    use api::ImageTagMutability as M;
    let excluded = || row.exclusions.iter().any(|pattern| fits(pattern, tag));
    match row.mutability {
        M::Mutable => false,
        M::Immutable => true,
        M::MutableWithExclusion => excluded(),
        M::ImmutableWithExclusion => !excluded(),
    }
}

/// Whether a text fits a pattern in which `*` is any run of characters.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn named(region: &Region, arn: &str) -> Result<String, Error> {
    let name = arn
        .splitn(6, ':')
        .nth(5)
        .and_then(|tail| tail.strip_prefix("repository/"))
        .ok_or_else(|| at("resourceArn", "Invalid ARN"))?;
    match region.ecr.repositories.get(name) {
        Some(row) if row.arn == arn => Ok(name.to_owned()),
        _ => Err(no_repository(name, &region.settings.account)),
    }
}

fn add_tags(tags: &mut Tags, new: Vec<api::Tag>) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(wire::ecr::error::invalid_tag_parameter_exception(
                "Tag keys that start with aws: are reserved.",
            ));
        }
        tags.insert(tag.key, tag.value);
    }
    if tags.len() > MOST_TAGS {
        return Err(too_many_tags(format!(
            "A repository can have at most {MOST_TAGS} tags."
        )));
    }
    Ok(())
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<api::TagResourceResponse, Error> {
    let name = named(region, &input.resource_arn)?;
    add_tags(&mut get_mut(region, None, &name)?.tags, input.tags)?;
    Ok(api::TagResourceResponse {})
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse, Error> {
    let name = named(region, &input.resource_arn)?;
    let row = get_mut(region, None, &name)?;
    row.tags.retain(|key, _| !input.tag_keys.contains(key));
    Ok(api::UntagResourceResponse {})
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse, Error> {
    let name = named(region, &input.resource_arn)?;
    let tags = get(region, None, &name)?.tags.iter();
    let tag = |(key, value): (&String, &String)| api::Tag {
        key: key.clone(),
        value: value.clone(),
    };
    Ok(api::ListTagsForResourceResponse {
        tags: Some(tags.map(tag).collect()),
    })
}
