//! Tags of topics.

use wire::Error;
use wire::sns as api;

use super::arn::{topic, topic_name};
use super::error::{invalid, no_topic, resource_not_found, tag_limit_exceeded};
use crate::{Context, Region, Tags};

const MOST: usize = 50;

/// The tags of a call, each key once.
pub(super) fn given(tags: Option<Vec<api::Tag>>) -> Result<Tags, Error> {
    let mut all = Tags::new();
    for tag in tags.unwrap_or_default() {
        if all.insert(tag.key, tag.value).is_some() {
            return Err(invalid("Duplicated keys are not allowed."));
        }
    }
    if all.len() > MOST {
        return Err(too_many());
    }
    Ok(all)
}

fn too_many() -> Error {
    tag_limit_exceeded("Could not complete request: tag quota of per resource exceeded")
}

fn missing(error: Error) -> Error {
    if error.code == no_topic().code {
        return resource_not_found("Resource does not exist");
    }
    error
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse, Error> {
    let row = topic(region, &input.resource_arn).map_err(missing)?;
    let tags = row.tags.iter().map(|(key, value)| api::Tag {
        key: key.clone(),
        value: value.clone(),
    });
    Ok(api::ListTagsForResourceResponse {
        tags: Some(tags.collect()),
    })
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<api::TagResourceResponse, Error> {
    let new = given(Some(input.tags))?;
    topic(region, &input.resource_arn).map_err(missing)?;
    let name = topic_name(region, &input.resource_arn)?;
    if let Some(row) = region.sns.topics.get_mut(&name) {
        row.tags.extend(new);
        if row.tags.len() > MOST {
            return Err(too_many());
        }
    }
    Ok(api::TagResourceResponse {})
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse, Error> {
    topic(region, &input.resource_arn).map_err(missing)?;
    let name = topic_name(region, &input.resource_arn)?;
    if let Some(row) = region.sns.topics.get_mut(&name) {
        row.tags.retain(|key, _| !input.tag_keys.contains(key));
    }
    Ok(api::UntagResourceResponse {})
}
