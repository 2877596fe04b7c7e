//! What the API says about images, and does to them.

use wire::Error;
use wire::ecr as api;

use super::error::{image_exists, no_image, no_scan};
use super::image::find;
use super::manifest::is_digest;
use super::repository::{get, piece};
use super::state::{Holds, Manifest};
use super::store;
use crate::{Context, Region};

pub(super) fn describe_images(
    region: &Region,
    context: &Context,
    input: api::DescribeImagesRequest,
) -> Result<api::DescribeImagesResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let tags = store::tags_by_digest(region, name);
    let shown = |row: &Manifest| api::ImageDetail {
        artifact_media_type: row.artifact_type.clone(),
        image_digest: Some(row.digest.clone()),
        image_manifest_media_type: Some(row.media_type.clone()),
        image_pushed_at: Some(row.pushed_at),
        image_size_in_bytes: i64::try_from(size(region, name, row)).ok(),
        image_status: Some(api::ImageStatus::Active),
        image_tags: tags.get(row.digest.as_str()).cloned(),
        last_recorded_pull_time: row.pulled_at,
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(name.clone()),
        subject_manifest_digest: row.subject.clone(),
        ..api::ImageDetail::default()
    };
    if let Some(ids) = &input.image_ids {
        let found = ids
            .iter()
            .map(|id| one(region, context, name, id).map(shown));
        return Ok(api::DescribeImagesResponse {
            image_details: Some(found.collect::<Result<_, _>>()?),
            next_token: None,
        });
    }
    let status = input.filter.as_ref().and_then(|filter| filter.tag_status);
    let wanted = (input.filter.as_ref())
        .and_then(|filter| filter.image_status)
        .is_none_or(is_active);
    let rows = store::manifests(region, name)
        .filter(|row| wanted && has_status(status, tags.contains_key(row.digest.as_str())));
    let piece = piece(
        rows,
        |row| row.digest.clone(),
        input.next_token.as_deref(),
        input.max_results,
    )?;
    Ok(api::DescribeImagesResponse {
        image_details: Some(piece.items.into_iter().map(shown).collect()),
        next_token: piece.next,
    })
}

/// Images are never archived here.
fn is_active(status: api::ImageStatusFilter) -> bool {
    matches!(
        status,
        api::ImageStatusFilter::Active | api::ImageStatusFilter::Any
    )
}

fn has_status(wanted: Option<api::TagStatus>, tagged: bool) -> bool {
    match wanted {
        None | Some(api::TagStatus::Any) => true,
        Some(api::TagStatus::Tagged) => tagged,
        Some(api::TagStatus::Untagged) => !tagged,
    }
}

/// An image's bytes; a list's are those of the largest image in it.
fn size(region: &Region, repository: &str, row: &Manifest) -> u64 {
    match &row.holds {
        Holds::Image { config, layers } => {
            let parts = std::iter::once(config).chain(layers);
            parts.fold(0, |sum, part| sum.saturating_add(part.size))
        }
        Holds::List(entries) => entries
            .iter()
            .filter_map(|entry| find(region, repository, None, Some(&entry.digest)))
            .map(|row| match &row.holds {
                Holds::Image { .. } => size(region, repository, row),
                // A list in a list; AWS says nothing of these.
                Holds::List(_) => 0,
            })
            .max()
            .unwrap_or(0),
    }
}

fn one<'a>(
    region: &'a Region,
    context: &Context,
    repository: &str,
    id: &api::ImageIdentifier,
) -> Result<&'a Manifest, Error> {
    let (digest, tag) = (id.image_digest.as_deref(), id.image_tag.as_deref());
    find(region, repository, tag, digest)
        .ok_or_else(|| no_image(digest, tag, repository, &context.settings.account))
}

pub(super) fn list_images(
    region: &Region,
    _: &Context,
    input: api::ListImagesRequest,
) -> Result<api::ListImagesResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let status = input.filter.as_ref().and_then(|filter| filter.tag_status);
    let wanted = (input.filter.as_ref())
        .and_then(|filter| filter.image_status)
        .is_none_or(is_active);
    let tags = store::tags_by_digest(region, name);
    let mut ids: Vec<(String, Option<String>)> = Vec::new();
    for row in store::manifests(region, name).filter(|_| wanted) {
        let own = tags.get(row.digest.as_str());
        if !has_status(status, own.is_some()) {
            continue;
        }
        match own {
            None => ids.push((row.digest.clone(), None)),
            Some(own) => ids.extend(
                own.iter()
                    .map(|tag| (row.digest.clone(), Some(tag.clone()))),
            ),
        }
    }
    let piece = piece(
        ids,
        |(digest, tag)| format!("{digest}:{}", tag.as_deref().unwrap_or_default()),
        input.next_token.as_deref(),
        input.max_results,
    )?;
    let ids = piece
        .items
        .into_iter()
        .map(|(digest, tag)| identifier(&digest, tag));
    Ok(api::ListImagesResponse {
        image_ids: Some(ids.collect()),
        next_token: piece.next,
    })
}

fn identifier(digest: &str, tag: Option<String>) -> api::ImageIdentifier {
    api::ImageIdentifier {
        image_digest: Some(digest.to_owned()),
        image_tag: tag,
    }
}

fn shown(context: &Context, repository: &str, row: &Manifest, tag: Option<String>) -> api::Image {
    api::Image {
        image_id: Some(identifier(&row.digest, tag)),
        image_manifest: Some(row.content.clone()),
        image_manifest_media_type: Some(row.media_type.clone()),
        registry_id: Some(context.settings.account.clone()),
        repository_name: Some(repository.to_owned()),
    }
}

/// The image an id means, or why it means none.
fn meant<'a>(
    region: &'a Region,
    repository: &str,
    id: &api::ImageIdentifier,
) -> Result<&'a Manifest, api::ImageFailure> {
    use api::ImageFailureCode as Code;
    let failure = |code, reason: &str| api::ImageFailure {
        failure_code: Some(code),
        failure_reason: Some(reason.to_owned()),
        image_id: Some(id.clone()),
    };
    let (digest, tag) = (id.image_digest.as_deref(), id.image_tag.as_deref());
    if digest.is_none() && tag.is_none() {
        return Err(failure(
            Code::MissingDigestAndTag,
            "Invalid request parameters: both tag and digest cannot be null",
        ));
    }
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(failure(
            Code::InvalidImageDigest,
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ));
    }
    let row = find(region, repository, tag, digest)
        .ok_or_else(|| failure(Code::ImageNotFound, "Requested image not found"))?;
    let same = |tag: &str| {
        find(region, repository, Some(tag), None).is_some_and(|own| own.digest == row.digest)
    };
    if tag.is_some_and(|tag| !same(tag)) {
        return Err(failure(
            Code::ImageTagDoesNotMatchDigest,
            "Requested image tag does not match the digest",
        ));
    }
    Ok(row)
}

pub(super) fn batch_get_image(
    region: &Region,
    context: &Context,
    input: api::BatchGetImageRequest,
) -> Result<api::BatchGetImageResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let mut images = Vec::new();
    let mut failures = Vec::new();
    for id in &input.image_ids {
        match meant(region, name, id) {
            Ok(row) => images.push(shown(context, name, row, id.image_tag.clone())),
            Err(failure) => failures.push(failure),
        }
    }
    Ok(api::BatchGetImageResponse {
        failures: Some(failures),
        images: Some(images),
    })
}

pub(super) fn batch_delete_image(
    region: &mut Region,
    _: &Context,
    input: api::BatchDeleteImageRequest,
) -> Result<api::BatchDeleteImageResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let mut gone = Vec::new();
    let mut failures = Vec::new();
    for id in &input.image_ids {
        match delete(region, name, id) {
            Ok(ids) => gone.extend(ids),
            Err(failure) => failures.push(failure),
        }
    }
    Ok(api::BatchDeleteImageResponse {
        failures: Some(failures),
        image_ids: Some(gone),
    })
}

/// Removes a tag, with the image if it was its last; or an image with all its tags.
pub(super) fn delete(
    region: &mut Region,
    repository: &str,
    id: &api::ImageIdentifier,
) -> Result<Vec<api::ImageIdentifier>, api::ImageFailure> {
    let digest = meant(region, repository, id)?.digest.clone();
    let own: Vec<String> = store::tags(region, repository)
        .filter(|(_, now)| *now == digest)
        .map(|(tag, _)| tag.to_owned())
        .collect();
    let tag = id.image_tag.as_ref().filter(|_| id.image_digest.is_none());
    if let Some(tag) = tag
        && own.len() > 1
    {
        let key = (repository.to_owned(), tag.clone());
        region.ecr.tags.remove(&key);
        return Ok(vec![identifier(&digest, Some(tag.clone()))]);
    }
    if store::listed(region, repository).contains(&digest) {
        return Err(api::ImageFailure {
            failure_code: Some(api::ImageFailureCode::ImageReferencedByManifestList),
            failure_reason: Some(
                "Requested image referenced by manifest list: delete the list first".to_owned(),
            ),
            image_id: Some(id.clone()),
        });
    }
    store::remove(region, repository, &digest);
    if own.is_empty() {
        return Ok(vec![identifier(&digest, None)]);
    }
    let gone = own.into_iter().map(|tag| identifier(&digest, Some(tag)));
    Ok(gone.collect())
}

pub(super) fn put_image(
    region: &mut Region,
    context: &Context,
    input: api::PutImageRequest,
) -> Result<api::PutImageResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let new = store::New {
        content: &input.image_manifest,
        media_type: input.image_manifest_media_type.as_deref(),
        digest: input.image_digest.as_deref(),
        tag: input.image_tag.as_deref(),
    };
    let (digest, changed) = store::put(region, context, name, new)?;
    if !changed {
        let tag = input.image_tag.as_deref().unwrap_or("null");
        return Err(image_exists(format!(
            "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}' in registry with id '{}'",
            context.settings.account
        )));
    }
    let row = find(region, name, None, Some(&digest));
    Ok(api::PutImageResponse {
        image: row.map(|row| shown(context, name, row, input.image_tag.clone())),
    })
}

pub(super) fn batch_check_layer_availability(
    region: &Region,
    _: &Context,
    input: api::BatchCheckLayerAvailabilityRequest,
) -> Result<api::BatchCheckLayerAvailabilityResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let mut layers = Vec::new();
    let mut failures = Vec::new();
    for digest in input.layer_digests {
        if !is_digest(&digest) {
            failures.push(api::LayerFailure {
                failure_code: Some(api::LayerFailureCode::InvalidLayerDigest),
                failure_reason: Some("Invalid layer digest".to_owned()),
                layer_digest: Some(digest),
            });
            continue;
        }
        let blob = region.ecr.blobs.get(&(name.clone(), digest.clone()));
        layers.push(api::Layer {
            layer_availability: Some(match blob {
                Some(_) => api::LayerAvailability::Available,
                None => api::LayerAvailability::Unavailable,
            }),
            layer_size: blob.and_then(|blob| i64::try_from(blob.size).ok()),
            layer_digest: Some(digest),
            media_type: None,
        });
    }
    Ok(api::BatchCheckLayerAvailabilityResponse {
        failures: Some(failures),
        layers: Some(layers),
    })
}

/// Nothing is ever scanned here, and that is what is said.
pub(super) fn describe_image_scan_findings(
    region: &Region,
    context: &Context,
    input: api::DescribeImageScanFindingsRequest,
) -> Result<api::DescribeImageScanFindingsResponse, Error> {
    let name = &input.repository_name;
    get(region, input.registry_id.as_deref(), name)?;
    let row = one(region, context, name, &input.image_id)?;
    let tag = input.image_id.image_tag.as_deref();
    Err(no_scan(&row.digest, tag, name, &context.settings.account))
}
