//! Tags on any resource: in the calls that make it, and by calls of their own.

use wire::{Error, Unit, ec2 as api};

use super::error;
use super::filter::{Kind, Query, text};
use crate::{Context, Region, Tags};

const MOST: usize = 50;

/// The tags that a creating call gives the thing it makes.
pub(super) fn specified(
    specifications: Option<Vec<api::TagSpecification>>,
    resource_type: &str,
) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for specification in specifications.unwrap_or_default() {
        let named = specification.resource_type.unwrap_or_default();
        if named != resource_type {
            return Err(error::invalid(format!(
                "'{named}' is not a valid taggable resource type for this operation."
            )));
        }
        merge(&mut tags, specification.tags.unwrap_or_default())?;
    }
    Ok(tags)
}

fn merge(tags: &mut Tags, new: Vec<api::Tag>) -> Result<(), Error> {
    for tag in new {
        let key = tag.key.unwrap_or_default();
        let value = tag.value.unwrap_or_default();
        if key.is_empty() {
            return Err(error::invalid("Tag key cannot be null or empty."));
        }
        if key.starts_with("aws:") {
            return Err(error::invalid(format!(
                "Tag keys starting with 'aws:' are reserved for internal use: {key}"
            )));
        }
        if key.chars().count() > 128 {
            return Err(error::invalid(format!(
                "Tag key exceeds the maximum length of 128 characters: {key}"
            )));
        }
        if value.chars().count() > 256 {
            return Err(error::invalid(format!(
                "Tag value exceeds the maximum length of 256 characters: {value}"
            )));
        }
        tags.insert(key, value);
    }
    if tags.len() > MOST {
        return Err(error::refused(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        ));
    }
    Ok(())
}

/// Keeps a new resource's tags.
pub(super) fn keep(region: &mut Region, id: &str, tags: Tags) {
    if !tags.is_empty() {
        region.ec2.tags.insert(id.to_owned(), tags);
    }
}

/// Drops the tags of a resource that is gone.
pub(super) fn forget(region: &mut Region, id: &str) {
    region.ec2.tags.remove(id);
}

/// A resource's tags as answers show them.
pub(super) fn of(region: &Region, id: &str) -> Option<Vec<api::Tag>> {
    let tags = region.ec2.tags.get(id)?;
    Some(
        tags.iter()
            .map(|(key, value)| api::Tag {
                key: Some(key.clone()),
                value: Some(value.clone()),
            })
            .collect(),
    )
}

/// The type that tag calls give a resource id, and whether there is such a resource.
fn resource_type(region: &Region, id: &str) -> Result<&'static str, Error> {
    let ec2 = &region.ec2;
    let (kind, _) = id.rsplit_once('-').unwrap_or((id, ""));
    let rule = |id: &str| {
        ec2.security_groups
            .values()
            .any(|group| group.rules.iter().any(|rule| rule.id == id))
    };
    let known = |exists: bool, name, missing: fn(&str) -> Error| {
        if exists { Ok(name) } else { Err(missing(id)) }
    };
    match kind {
        "vpc" => known(ec2.vpcs.contains(id), "vpc", error::vpc),
        "subnet" => known(ec2.subnets.contains(id), "subnet", error::subnet),
        "igw" => known(
            ec2.internet_gateways.contains(id),
            "internet-gateway",
            error::internet_gateway,
        ),
        "eipalloc" => known(ec2.addresses.contains(id), "elastic-ip", error::allocation),
        "nat" => known(
            ec2.nat_gateways.contains(id),
            "natgateway",
            error::nat_gateway,
        ),
        "rtb" => known(
            ec2.route_tables.contains(id),
            "route-table",
            error::route_table,
        ),
        "sg" => known(
            ec2.security_groups.contains(id),
            "security-group",
            error::security_group,
        ),
        "sgr" => known(rule(id), "security-group-rule", error::security_group_rule),
        "acl" => known(
            ec2.network_acls.contains(id),
            "network-acl",
            error::network_acl,
        ),
        "eni" => known(
            ec2.interfaces.contains(id),
            "network-interface",
            error::interface,
        ),
        "vpce" => known(ec2.endpoints.contains(id), "vpc-endpoint", error::endpoint),
        "fl" => known(ec2.flow_logs.contains(id), "vpc-flow-log", error::flow_log),
        // AWS's own lists take no tags of ours.
        "pl" => known(
            ec2.prefix_lists.contains(id),
            "prefix-list",
            error::prefix_list,
        ),
        "dopt" => known(
            ec2.dhcp_options.contains(id),
            "dhcp-options",
            error::dhcp_options,
        ),
        _ => Err(error::refused(
            "InvalidID",
            format!("The ID '{id}' is not valid"),
        )),
    }
}

pub(super) fn create_tags(
    region: &mut Region,
    _: &Context,
    input: api::CreateTagsRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    if input.tags.is_empty() {
        return Err(error::missing("TagSet"));
    }
    for id in &input.resources {
        resource_type(region, id)?;
        let mut tags = region.ec2.tags.get(id).cloned().unwrap_or_default();
        merge(&mut tags, input.tags.clone())?;
        region.ec2.tags.insert(id.clone(), tags);
    }
    Ok(Unit {})
}

pub(super) fn delete_tags(
    region: &mut Region,
    _: &Context,
    input: api::DeleteTagsRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    for id in &input.resources {
        resource_type(region, id)?;
        let Some(mut tags) = region.ec2.tags.get(id).cloned() else {
            continue;
        };
        match &input.tags {
            None => tags.clear(),
            // A tag with a value goes only if it has that value.
            Some(asked) => tags.retain(|key, value| {
                !asked.iter().any(|tag| {
                    tag.key.as_ref() == Some(key)
                        && tag.value.as_ref().is_none_or(|wanted| wanted == value)
                })
            }),
        }
        if tags.is_empty() {
            region.ec2.tags.remove(id);
        } else {
            region.ec2.tags.insert(id.clone(), tags);
        }
    }
    Ok(Unit {})
}

const TAGS: Kind<api::TagDescription> = Kind {
    id: |tag| {
        format!(
            "{}\u{1f}{}",
            tag.resource_id.as_deref().unwrap_or(""),
            tag.key.as_deref().unwrap_or("")
        )
    },
    tags: |_| &None,
    filters: &[
        ("key", |tag| text(tag.key.as_ref())),
        ("value", |tag| text(tag.value.as_ref())),
        ("resource-id", |tag| text(tag.resource_id.as_ref())),
        ("resource-type", |tag| text(tag.resource_type.as_ref())),
    ],
    missing: error::vpc,
};

pub(super) fn describe_tags(
    region: &Region,
    _: &Context,
    input: api::DescribeTagsRequest,
) -> Result<api::DescribeTagsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region.ec2.tags.iter().flat_map(|(id, tags)| {
        let kind = resource_type(region, id).ok();
        tags.iter().map(move |(key, value)| api::TagDescription {
            key: Some(key.clone()),
            value: Some(value.clone()),
            resource_id: Some(id.clone()),
            resource_type: kind.map(str::to_owned),
        })
    });
    let query = Query {
        ids: None,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (tags, next_token) = TAGS.select(query, all)?;
    Ok(api::DescribeTagsResult {
        tags: Some(tags),
        next_token,
    })
}
