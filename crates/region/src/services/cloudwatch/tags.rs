//! Tags of alarms and dashboards, by ARN.

use wire::Error;
use wire::cloudwatch as api;

use super::error::{invalid_value, no_resource, validation};
use crate::{Context, Region, Tags};

const MOST: usize = 50;

pub(super) fn taken(given: Option<Vec<api::Tag>>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    add(&mut tags, given.unwrap_or_default())?;
    Ok(tags)
}

fn add(tags: &mut Tags, given: Vec<api::Tag>) -> Result<(), Error> {
    for tag in given {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(validation(format!(
                "Tag key {} is reserved: keys that start with aws: belong to AWS.",
                tag.key
            )));
        }
        tags.insert(tag.key, tag.value);
    }
    if tags.len() > MOST {
        return Err(invalid_value(format!(
            "A resource can have at most {MOST} tags."
        )));
    }
    Ok(())
}

enum Tagged {
    Alarm(String),
    Dashboard(String),
}

fn tagged(region: &Region, arn: &str) -> Result<Tagged, Error> {
    let settings = &region.settings;
    if let Some(name) = arn.strip_prefix(&settings.arn("cloudwatch", "alarm:")) {
        return if region.cloudwatch.alarms.contains(name) {
            Ok(Tagged::Alarm(name.to_owned()))
        } else {
            Err(no_resource("alarm", name))
        };
    }
    if let Some(name) = arn.strip_prefix(&settings.global_arn("cloudwatch", "dashboard/")) {
        return if region.cloudwatch.dashboards.contains(name) {
            Ok(Tagged::Dashboard(name.to_owned()))
        } else {
            Err(no_resource("dashboard", name))
        };
    }
    Err(invalid_value(format!(
        "{arn} is not the ARN of an alarm or a dashboard of this account and region."
    )))
}

fn tags_mut<'a>(region: &'a mut Region, tagged: &Tagged) -> Option<&'a mut Tags> {
    let state = &mut region.cloudwatch;
    match tagged {
        Tagged::Alarm(name) => state.alarms.get_mut(name).map(|row| &mut row.tags),
        Tagged::Dashboard(name) => state.dashboards.get_mut(name).map(|row| &mut row.tags),
    }
}

pub(super) fn tag_resource(
    region: &mut Region,
    _: &Context,
    input: api::TagResourceInput,
) -> Result<api::TagResourceOutput, Error> {
    let tagged = tagged(region, &input.resource_arn)?;
    if let Some(tags) = tags_mut(region, &tagged) {
        add(tags, input.tags)?;
    }
    Ok(api::TagResourceOutput {})
}

pub(super) fn untag_resource(
    region: &mut Region,
    _: &Context,
    input: api::UntagResourceInput,
) -> Result<api::UntagResourceOutput, Error> {
    let tagged = tagged(region, &input.resource_arn)?;
    if let Some(tags) = tags_mut(region, &tagged) {
        tags.retain(|key, _| !input.tag_keys.contains(key));
    }
    Ok(api::UntagResourceOutput {})
}

pub(super) fn list_tags_for_resource(
    region: &Region,
    _: &Context,
    input: api::ListTagsForResourceInput,
) -> Result<api::ListTagsForResourceOutput, Error> {
    let state = &region.cloudwatch;
    let tags = match tagged(region, &input.resource_arn)? {
        Tagged::Alarm(name) => state.alarms.get(&name).map(|row| &row.tags),
        Tagged::Dashboard(name) => state.dashboards.get(&name).map(|row| &row.tags),
    };
    let shown = |(key, value): (&String, &String)| api::Tag {
        key: key.clone(),
        value: value.clone(),
    };
    Ok(api::ListTagsForResourceOutput {
        tags: Some(
            tags.map(|tags| tags.iter().map(shown).collect())
                .unwrap_or_default(),
        ),
    })
}
