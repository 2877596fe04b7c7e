//! Tags of scalable targets.

use wire::Error;
use wire::application_autoscaling as api;

use super::error::{invalid, no_resource, too_many_tags};
use super::state::Target;
use crate::{Context, Region, Tags};

/// The most tags a target has. (botocore `TagResource`)
const MOST: usize = 50;

/// Puts `new` among `tags`, within AWS's rules for tags.
pub(super) fn merge(
    tags: &mut Tags,
    new: impl IntoIterator<Item = (String, String)>,
) -> Result<(), Error> {
    for (key, value) in new {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(
                "Tag keys that begin with aws: are reserved for AWS use.",
            ));
        }
        tags.insert(key, value);
    }
    if tags.len() > MOST {
        return Err(too_many_tags(format!(
            "A scalable target can have at most {MOST} tags."
        )));
    }
    Ok(())
}

fn find<'a>(region: &'a Region, arn: &str) -> Result<&'a Target, Error> {
    region
        .application_autoscaling
        .targets
        .values()
        .find(|one| one.arn == arn)
        .ok_or_else(|| no_resource(format!("Resource {arn} could not be found.")))
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceRequest,
) -> Result<api::TagResourceResponse, Error> {
    let mut target = find(region, &input.resource_arn)?.clone();
    merge(&mut target.tags, input.tags)?;
    let targets = &mut region.application_autoscaling.targets;
    targets.insert(target.resource_id.clone(), target);
    Ok(api::TagResourceResponse::default())
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse, Error> {
    let mut target = find(region, &input.resource_arn)?.clone();
    target.tags.retain(|key, _| !input.tag_keys.contains(key));
    let targets = &mut region.application_autoscaling.targets;
    targets.insert(target.resource_id.clone(), target);
    Ok(api::UntagResourceResponse::default())
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse, Error> {
    let tags = &find(region, &input.resource_arn)?.tags;
    Ok(api::ListTagsForResourceResponse {
        tags: Some(tags.clone().into_iter().collect()),
    })
}
