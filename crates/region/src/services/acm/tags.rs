//! Tags of certificates.

use wire::{Error, acm as api};

use super::{certificate, error};
use crate::{Context, Region, Tags};

/// Tags of one certificate.
const MOST: usize = 50;

/// A request's tags added to those that are there.
pub(super) fn added(mut tags: Tags, asked: Vec<api::Tag>) -> Result<Tags, Error> {
    for tag in asked {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(error::invalid_tag(format!(
                "The tag key {} begins with aws:, which is reserved.",
                tag.key
            )));
        }
        tags.insert(tag.key, tag.value.unwrap_or_default());
    }
    if tags.len() > MOST {
        return Err(error::too_many_tags(format!(
            "A certificate can have at most {MOST} tags."
        )));
    }
    Ok(tags)
}

pub(super) fn add_tags_to_certificate(
    region: &mut Region,
    _: &Context,
    input: api::AddTagsToCertificateRequest,
) -> Result<wire::Unit, Error> {
    let row = certificate::get(region, &input.certificate_arn)?;
    let tags = added(row.tags.clone(), input.tags)?;
    keep(region, &input.certificate_arn, tags);
    Ok(wire::Unit {})
}

/// Takes tags away: those whose key is named, and whose value is too where one is given.
pub(super) fn remove_tags_from_certificate(
    region: &mut Region,
    _: &Context,
    input: api::RemoveTagsFromCertificateRequest,
) -> Result<wire::Unit, Error> {
    let row = certificate::get(region, &input.certificate_arn)?;
    let mut tags = row.tags.clone();
    for tag in input.tags {
        let meant = |value: &String| tag.value.as_ref().is_none_or(|wanted| wanted == value);
        if tags.get(&tag.key).is_some_and(meant) {
            tags.remove(&tag.key);
        }
    }
    keep(region, &input.certificate_arn, tags);
    Ok(wire::Unit {})
}

fn keep(region: &mut Region, arn: &str, tags: Tags) {
    if let Some(row) = region.acm.certificates.get_mut(arn) {
        row.tags = tags;
    }
}

pub(super) fn list_tags_for_certificate(
    region: &Region,
    _: &Context,
    input: api::ListTagsForCertificateRequest,
) -> Result<api::ListTagsForCertificateResponse, Error> {
    let row = certificate::get(region, &input.certificate_arn)?;
    let tags = row.tags.iter().map(|(key, value)| api::Tag {
        key: key.clone(),
        value: Some(value.clone()),
    });
    Ok(api::ListTagsForCertificateResponse {
        tags: Some(tags.collect()),
    })
}
