//! The errors ECR answers with.

use wire::Error;
pub(super) use wire::ecr::error::{
    image_already_exists_exception as image_exists,
    image_digest_does_not_match_exception as digest_differs,
    image_tag_already_exists_exception as tag_exists, invalid_parameter_exception as invalid,
    kms_exception as kms, too_many_tags_exception as too_many_tags,
};
use wire::ecr::error::{
    image_not_found_exception, layers_not_found_exception, lifecycle_policy_not_found_exception,
    referenced_images_not_found_exception, repository_already_exists_exception,
    repository_not_empty_exception, repository_not_found_exception,
    repository_policy_not_found_exception, scan_not_found_exception,
};

pub(super) fn no_repository(name: &str, registry: &str) -> Error {
    repository_not_found_exception(format!(
        "The repository with name '{name}' does not exist in the registry with id '{registry}'"
    ))
}

pub(super) fn repository_exists(name: &str, registry: &str) -> Error {
    repository_already_exists_exception(format!(
        "The repository with name '{name}' already exists in the registry with id '{registry}'"
    ))
}

pub(super) fn not_empty(name: &str, registry: &str) -> Error {
    repository_not_empty_exception(format!(
        "The repository with name '{name}' in registry with id '{registry}' cannot be deleted because it still contains images"
    ))
}

pub(super) fn no_policy(name: &str, registry: &str) -> Error {
    repository_policy_not_found_exception(format!(
        "Repository policy does not exist for the repository with name '{name}' in the registry with id '{registry}'"
    ))
}

pub(super) fn no_lifecycle(name: &str, registry: &str) -> Error {
    lifecycle_policy_not_found_exception(format!(
        "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{registry}'"
    ))
}

pub(super) fn no_image(
    digest: Option<&str>,
    tag: Option<&str>,
    name: &str,
    registry: &str,
) -> Error {
    image_not_found_exception(format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}' in the registry with id '{registry}'",
        digest.unwrap_or("null"),
        tag.unwrap_or("null"),
    ))
}

pub(super) fn no_scan(digest: &str, tag: Option<&str>, name: &str, registry: &str) -> Error {
    scan_not_found_exception(format!(
        "Image scan does not exist for the image with '{{imageDigest:'{digest}', imageTag:'{}'}}' in the repository with name '{name}' in the registry with id '{registry}'",
        tag.unwrap_or("null"),
    ))
}

pub(super) fn no_layers(digests: &[&str], name: &str, registry: &str) -> Error {
    layers_not_found_exception(format!(
        "Layers with digests '[{}]' required for pushing image into repository with name '{name}' in the registry with id '{registry}' do not exist",
        digests.join(", ")
    ))
}

pub(super) fn no_referenced(digests: &[&str], name: &str, registry: &str) -> Error {
    referenced_images_not_found_exception(format!(
        "Images with digests '[{}]' required for pushing image into repository with name '{name}' in the registry with id '{registry}' do not exist",
        digests.join(", ")
    ))
}

/// As ECR says it of a parameter.
pub(super) fn at(parameter: &str, constraint: impl std::fmt::Display) -> Error {
    invalid(format!(
        "Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"
    ))
}
