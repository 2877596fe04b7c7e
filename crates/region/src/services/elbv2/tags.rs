//! Tags of load balancers, target groups, listeners and rules.

use wire::{Error, elbv2 as api};

use super::{error, listener};
use crate::{Context, Region, Tags};

const MOST: usize = 50;

/// The tags of a creating call.
pub(super) fn checked(tags: Option<Vec<api::Tag>>) -> Result<Tags, Error> {
    let mut all = Tags::new();
    for tag in tags.unwrap_or_default() {
        if tag.key.starts_with("aws:") {
            return Err(error::validation(format!(
                "Tag key '{}' is reserved: it begins with 'aws:'",
                tag.key
            )));
        }
        let (key, value) = (tag.key, tag.value.unwrap_or_default());
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(error::validation(format!(
                "Tag '{key}' is not valid: a key has 1 to 128 characters and a value at most 256"
            )));
        }
        if all.insert(key.clone(), value).is_some() {
            return Err(error::refused(
                "DuplicateTagKeys",
                format!("A tag key was specified more than once: '{key}'"),
            ));
        }
    }
    if all.len() > MOST {
        return Err(too_many());
    }
    Ok(all)
}

fn too_many() -> Error {
    error::refused(
        "TooManyTags",
        "You've reached the limit on the number of tags per resource",
    )
}

pub(super) fn keep(region: &mut Region, arn: &str, tags: Tags) {
    if !tags.is_empty() {
        region.elbv2.tags.insert(arn.to_owned(), tags);
    }
}

pub(super) fn forget(region: &mut Region, arn: &str) {
    region.elbv2.tags.remove(arn);
}

/// Whether there is what an ARN names.
fn check(region: &Region, arn: &str) -> Result<(), Error> {
    let elb = &region.elbv2;
    let (there, missing) = if arn.contains(":loadbalancer/") {
        (
            elb.load_balancers.contains(arn),
            error::load_balancer as fn(&str) -> Error,
        )
    } else if arn.contains(":targetgroup/") {
        (elb.target_groups.contains(arn), error::target_group as _)
    } else if arn.contains(":listener-rule/") {
        let default = listener::by_default_rule(region, arn).is_some();
        (default || elb.rules.contains(arn), error::rule as _)
    } else if arn.contains(":listener/") {
        (elb.listeners.contains(arn), error::listener as _)
    } else {
        return Err(error::validation(format!(
            "'{arn}' is not a valid load balancing ARN"
        )));
    };
    if there { Ok(()) } else { Err(missing(arn)) }
}

pub(super) fn add_tags(
    region: &mut Region,
    _: &Context,
    input: api::AddTagsInput,
) -> Result<api::AddTagsOutput, Error> {
    let new = checked(Some(input.tags))?;
    for arn in &input.resource_arns {
        check(region, arn)?;
        let mut tags = region.elbv2.tags.get(arn).cloned().unwrap_or_default();
        tags.extend(new.clone());
        if tags.len() > MOST {
            return Err(too_many());
        }
        keep(region, arn, tags);
    }
    Ok(api::AddTagsOutput {})
}

pub(super) fn remove_tags(
    region: &mut Region,
    _: &Context,
    input: api::RemoveTagsInput,
) -> Result<api::RemoveTagsOutput, Error> {
    for arn in &input.resource_arns {
        check(region, arn)?;
        let mut tags = region.elbv2.tags.get(arn).cloned().unwrap_or_default();
        tags.retain(|key, _| !input.tag_keys.contains(key));
        if tags.is_empty() {
            forget(region, arn);
        } else {
            keep(region, arn, tags);
        }
    }
    Ok(api::RemoveTagsOutput {})
}

pub(super) fn describe_tags(
    region: &Region,
    _: &Context,
    input: api::DescribeTagsInput,
) -> Result<api::DescribeTagsOutput, Error> {
    if input.resource_arns.len() > 20 {
        return Err(error::validation(
            "At most 20 resource ARNs can be specified",
        ));
    }
    let mut all = Vec::new();
    for arn in input.resource_arns {
        check(region, &arn)?;
        let tags = region.elbv2.tags.get(&arn).into_iter().flatten();
        let tags = tags.map(|(key, value)| api::Tag {
            key: key.clone(),
            value: Some(value.clone()),
        });
        all.push(api::TagDescription {
            tags: Some(tags.collect()),
            resource_arn: Some(arn),
        });
    }
    Ok(api::DescribeTagsOutput {
        tag_descriptions: Some(all),
    })
}
