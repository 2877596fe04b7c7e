//! ECR: repositories and what is in them. The gateway speaks the registry's own protocol and
//! keeps the bytes of layers.

mod error;
pub mod image;
mod images;
mod lifecycle;
pub mod manifest;
mod policy;
pub mod registry;
mod repository;
mod state;
pub mod store;
#[cfg(test)]
mod tests;
pub mod token;

pub use state::{Descriptor, Entry, Holds, Manifest, State};

use crate::Service;

crate::operations! { wire::ecr::op;
    read BatchCheckLayerAvailability => images::batch_check_layer_availability,
    write BatchDeleteImage => images::batch_delete_image,
    read BatchGetImage => images::batch_get_image,
    write CreateRepository => repository::create_repository,
    write DeleteLifecyclePolicy => policy::delete_lifecycle_policy,
    write DeleteRepository => repository::delete_repository,
    write DeleteRepositoryPolicy => policy::delete_repository_policy,
    read DescribeImageScanFindings => images::describe_image_scan_findings,
    read DescribeImages => images::describe_images,
    read DescribeRepositories => repository::describe_repositories,
    write GetAuthorizationToken => token::get_authorization_token,
    read GetLifecyclePolicy => policy::get_lifecycle_policy,
    read GetRepositoryPolicy => policy::get_repository_policy,
    read ListImages => images::list_images,
    read ListTagsForResource => repository::list_tags_for_resource,
    write PutImage => images::put_image,
    write PutImageScanningConfiguration => repository::put_image_scanning_configuration,
    write PutImageTagMutability => repository::put_image_tag_mutability,
    write PutLifecyclePolicy => policy::put_lifecycle_policy,
    write SetRepositoryPolicy => policy::set_repository_policy,
    write TagResource => repository::tag_resource,
    write UntagResource => repository::untag_resource,
}

pub(crate) const SERVICE: Service = Service {
    reconcile: store::reconcile,
    deadline: store::deadline,
    ..Service::new("ecr", handler)
};
