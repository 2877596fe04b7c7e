//! Tags of any ECS resource, by its ARN.

use wire::ecs as api;

use super::{cluster, error};
use crate::{Context, Error, Region, Tags};

pub(super) fn from_tags(tags: Option<Vec<api::Tag>>) -> Tags {
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

pub(super) fn to_tags(tags: &Tags) -> Vec<api::Tag> {
    tags.iter()
        .map(|(key, value)| api::Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        })
        .collect()
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<api::TagResourceResponse, Error> {
    let new = from_tags(Some(input.tags));
    if let Some(key) = new
        .keys()
        .find(|key| key.to_ascii_lowercase().starts_with("aws:"))
    {
        return Err(error::invalid(format!(
            "Tag key '{key}' is reserved: keys that start with aws: belong to AWS."
        )));
    }
    let tags = of_mut(region, &input.resource_arn)?;
    tags.extend(new);
    if tags.len() > 50 {
        return Err(error::invalid(
            "The maximum number of tags for a resource has been reached (50).",
        ));
    }
    Ok(api::TagResourceResponse::default())
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse, Error> {
    let tags = of_mut(region, &input.resource_arn)?;
    for key in &input.tag_keys {
        tags.remove(key);
    }
    Ok(api::UntagResourceResponse::default())
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse, Error> {
    let tags = match Resource::parse(&input.resource_arn)? {
        Resource::Cluster(name) => &cluster::active(region, Some(&name))?.tags,
        Resource::Service(key) => {
            &region
                .ecs
                .services
                .get(&key)
                .ok_or_else(error::service_not_found)?
                .tags
        }
        Resource::Task(id) => &region.ecs.tasks.get(&id).ok_or_else(not_found)?.tags,
        Resource::TaskDefinition(key) => {
            &region
                .ecs
                .task_definitions
                .get(&key)
                .ok_or_else(not_found)?
                .tags
        }
    };
    Ok(api::ListTagsForResourceResponse {
        tags: Some(to_tags(tags)),
    })
}

enum Resource {
    Cluster(String),
    Service((String, String)),
    Task(String),
    TaskDefinition((String, u64)),
}

impl Resource {
    fn parse(arn: &str) -> Result<Self, Error> {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let mut parts = resource.split('/');
        let found = match (parts.next(), parts.next(), parts.next()) {
            (Some("cluster"), Some(name), None) => Some(Self::Cluster(name.to_owned())),
            (Some("service"), Some(cluster), Some(name)) => {
                Some(Self::Service((cluster.to_owned(), name.to_owned())))
            }
            (Some("task"), Some(_), Some(id)) => Some(Self::Task(id.to_owned())),
            (Some("task-definition"), Some(name), None) => {
                name.rsplit_once(':').and_then(|(family, revision)| {
                    Some(Self::TaskDefinition((
                        family.to_owned(),
                        revision.parse().ok()?,
                    )))
                })
            }
            _ => None,
        };
        found.ok_or_else(|| error::invalid(format!("Invalid resource ARN: {arn}")))
    }
}

fn of_mut<'a>(region: &'a mut Region, arn: &str) -> Result<&'a mut Tags, Error> {
    Ok(match Resource::parse(arn)? {
        Resource::Cluster(name) => {
            let name = cluster::active(region, Some(&name))?.name.clone();
            &mut region
                .ecs
                .clusters
                .get_mut(&name)
                .ok_or_else(error::cluster_not_found)?
                .tags
        }
        Resource::Service(key) => {
            &mut region
                .ecs
                .services
                .get_mut(&key)
                .ok_or_else(error::service_not_found)?
                .tags
        }
        Resource::Task(id) => &mut region.ecs.tasks.get_mut(&id).ok_or_else(not_found)?.tags,
        Resource::TaskDefinition(key) => {
            &mut region
                .ecs
                .task_definitions
                .get_mut(&key)
                .ok_or_else(not_found)?
                .tags
        }
    })
}

fn not_found() -> Error {
    error::invalid("The specified resource was not found.")
}
