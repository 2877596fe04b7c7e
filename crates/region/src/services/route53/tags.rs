//! Tags of hosted zones. Health checks, which have them too, are not there.

use wire::{Error, route53 as api};

use super::{error, zone};
use crate::{Context, Region, Tags};

/// Tags of one resource.
const MOST: usize = 50;

fn key(kind: api::TagResourceType, id: &str) -> (String, String) {
    (kind.as_str().to_owned(), id.to_owned())
}

fn check(region: &Region, kind: api::TagResourceType, id: &str) -> Result<(), Error> {
    match kind {
        api::TagResourceType::Hostedzone => zone::get(region, id).map(|_| ()),
        api::TagResourceType::Healthcheck => Err(error::no_such_health_check(format!(
            "No health check exists with the specified ID: {id}"
        ))),
    }
}

pub(super) fn change_tags_for_resource(
    region: &mut Region,
    _: &Context,
    input: api::ChangeTagsForResourceRequest,
) -> Result<api::ChangeTagsForResourceResponse, Error> {
    check(region, input.resource_type, &input.resource_id)?;
    let key = key(input.resource_type, &input.resource_id);
    let mut tags = region.route53.tags.get(&key).cloned().unwrap_or_default();
    for gone in input.remove_tag_keys.unwrap_or_default() {
        tags.remove(&gone);
    }
    for tag in input.add_tags.unwrap_or_default() {
        let name = tag.key.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| error::invalid_input("A tag's key must not be empty"))?;
        if name.to_ascii_lowercase().starts_with("aws:") {
            return Err(error::invalid_input(format!(
                "The tag key '{name}' begins with 'aws:', which is reserved"
            )));
        }
        tags.insert(name, tag.value.unwrap_or_default());
    }
    if tags.len() > MOST {
        return Err(error::invalid_input(format!(
            "A resource can have at most {MOST} tags"
        )));
    }
    if tags.is_empty() {
        region.route53.tags.remove(&key);
    } else {
        region.route53.tags.insert(key, tags);
    }
    Ok(api::ChangeTagsForResourceResponse {})
}

/// Forgets a hosted zone's tags.
pub(super) fn forget(region: &mut Region, zone: &str) {
    let key = key(api::TagResourceType::Hostedzone, zone);
    region.route53.tags.remove(&key);
}

fn set(region: &Region, kind: api::TagResourceType, id: &str) -> api::ResourceTagSet {
    let none = Tags::new();
    let tags = region.route53.tags.get(&key(kind, id)).unwrap_or(&none);
    let tags = tags.iter().map(|(key, value)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    });
    api::ResourceTagSet {
        resource_id: Some(id.to_owned()),
        resource_type: Some(kind),
        tags: Some(tags.collect()),
    }
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse, Error> {
    check(region, input.resource_type, &input.resource_id)?;
    Ok(api::ListTagsForResourceResponse {
        resource_tag_set: Some(set(region, input.resource_type, &input.resource_id)),
    })
}

pub(super) fn list_tags_for_resources(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourcesRequest,
) -> Result<api::ListTagsForResourcesResponse, Error> {
    let mut sets = Vec::new();
    for id in &input.resource_ids {
        check(region, input.resource_type, id)?;
        sets.push(set(region, input.resource_type, id));
    }
    Ok(api::ListTagsForResourcesResponse {
        resource_tag_sets: Some(sets),
    })
}
