//! Manifests and tags as they come and go, whichever way: by the API or the registry's protocol.

use std::collections::{BTreeMap, BTreeSet};

use wire::Error;

use super::error::{at, digest_differs, no_layers, no_referenced, tag_exists};
use super::lifecycle::{Candidate, Policy};
use super::manifest;
use super::repository::{get, get_mut, immutable};
use super::state::{Holds, Manifest};
use crate::{Context, Region};

/// How often lifecycle policies are applied; AWS promises within a day.
const EVALUATION: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// A manifest that is pushed.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub content: &'a str,
    pub media_type: Option<&'a str>,
    /// What the pusher says it is.
    pub digest: Option<&'a str>,
    pub tag: Option<&'a str>,
}

/// Keeps a manifest whose parts are all there, and says its digest and whether that changed
/// anything.
pub fn put(
    region: &mut Region,
    context: &Context,
    repository: &str,
    new: New,
) -> Result<(String, bool), Error> {
    let account = &context.settings.account;
    let row = get(region, None, repository)?;
    let read = manifest::read(new.content, new.media_type, context.now)
        .map_err(|error| at("imageManifest", error))?;
    let digest = read.digest.clone();
    if new.digest.is_some_and(|claimed| claimed != digest) {
        return Err(digest_differs(
            "The specified image digest does not match the digest calculated from the image manifest",
        ));
    }
    let of = |digest: &str| (repository.to_owned(), digest.to_owned());
    if let Some(tag) = new.tag {
        if !manifest::is_tag(tag) {
            return Err(at("imageTag", "must be a valid tag"));
        }
        let now = region.ecr.tags.get(&of(tag));
        if now.is_some_and(|now| *now != digest) && immutable(row, tag) {
            return Err(tag_exists(format!(
                "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the repository is immutable."
            )));
        }
    }
    match &read.holds {
        Holds::Image { config, layers } => {
            let missing: BTreeSet<&str> = std::iter::once(config)
                .chain(layers)
                .filter(|part| !is_foreign(&part.media_type))
                .map(|part| part.digest.as_str())
                .filter(|part| !region.ecr.blobs.contains(&of(part)))
                .collect();
            if !missing.is_empty() {
                let missing: Vec<&str> = missing.into_iter().collect();
                return Err(no_layers(&missing, repository, account));
            }
        }
        Holds::List(entries) => {
            let missing: BTreeSet<&str> = entries
                .iter()
                .map(|entry| entry.digest.as_str())
                .filter(|entry| !region.ecr.manifests.contains(&of(entry)))
                .collect();
            if !missing.is_empty() {
                let missing: Vec<&str> = missing.into_iter().collect();
                return Err(no_referenced(&missing, repository, account));
            }
        }
    }
    let mut changed = false;
    if !region.ecr.manifests.contains(&of(&digest)) {
        region.ecr.manifests.insert(of(&digest), read);
        changed = true;
    }
    if let Some(tag) = new.tag
        && region.ecr.tags.get(&of(tag)) != Some(&digest)
    {
        region.ecr.tags.insert(of(tag), digest.clone());
        changed = true;
    }
    Ok((digest, changed))
}

/// Layers that registries are not meant to hold.
fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".foreign.") || media_type.contains(".nondistributable.")
}

/// Every manifest of a repository.
pub(super) fn manifests<'a>(
    region: &'a Region,
    repository: &str,
) -> impl Iterator<Item = &'a Manifest> {
    let name = repository.to_owned();
    region
        .ecr
        .manifests
        .range((name.clone(), String::new())..)
        .take_while(move |(key, _)| key.0 == name)
        .map(|(_, row)| row)
}

/// Every tag of a repository with the digest it stands for.
pub(super) fn tags<'a>(
    region: &'a Region,
    repository: &str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let name = repository.to_owned();
    region
        .ecr
        .tags
        .range((name.clone(), String::new())..)
        .take_while(move |(key, _)| key.0 == name)
        .map(|(key, digest)| (key.1.as_str(), digest.as_str()))
}

/// The tags of each digest that has any.
pub(super) fn tags_by_digest<'a>(
    region: &'a Region,
    repository: &str,
) -> BTreeMap<&'a str, Vec<String>> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (tag, digest) in tags(region, repository) {
        all.entry(digest).or_default().push(tag.to_owned());
    }
    all
}

/// The digests that lists of a repository name.
pub(super) fn listed(region: &Region, repository: &str) -> BTreeSet<String> {
    manifests(region, repository)
        .filter_map(|row| match &row.holds {
            Holds::List(entries) => Some(entries.iter().map(|entry| entry.digest.clone())),
            Holds::Image { .. } => None,
        })
        .flatten()
        .collect()
}

/// Removes a manifest, its tags, and the blobs that only it named.
pub(super) fn remove(region: &mut Region, repository: &str, digest: &str) {
    let of = |part: &str| (repository.to_owned(), part.to_owned());
    let Some(row) = region.ecr.manifests.remove(&of(digest)) else {
        return;
    };
    region
        .ecr
        .tags
        .retain(|key, now| key.0 != repository || now != digest);
    let still = named_blobs(manifests(region, repository));
    for blob in named_blobs([&row]).difference(&still) {
        region.ecr.blobs.remove(&of(blob));
    }
}

/// The blobs that manifests name.
pub(super) fn named_blobs<'a>(rows: impl IntoIterator<Item = &'a Manifest>) -> BTreeSet<String> {
    let parts = rows.into_iter().filter_map(|row| match &row.holds {
        Holds::Image { config, layers } => Some(std::iter::once(config).chain(layers)),
        Holds::List(_) => None,
    });
    parts.flatten().map(|part| part.digest.clone()).collect()
}

/// Removes passwords that have ended and images whose time is over.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    let now = context.now;
    let wall = context.wall;
    if region.ecr.tokens.values().any(|one| one.expires_at <= wall) {
        region.ecr.tokens.retain(|_, one| one.expires_at > wall);
    }
    let due: Vec<(String, String)> = region
        .ecr
        .repositories
        .values()
        .filter_map(|row| {
            let lifecycle = row.lifecycle.as_ref()?;
            let due = lifecycle
                .evaluated_at
                .is_none_or(|at| at + EVALUATION <= now);
            due.then(|| (row.name.clone(), lifecycle.text.clone()))
        })
        .collect();
    for (name, text) in due {
        if let Ok(policy) = Policy::parse(&text) {
            for digest in policy.expired(&candidates(region, &name), now) {
                remove(region, &name, &digest);
            }
        }
        if let Ok(row) = get_mut(region, None, &name)
            && let Some(lifecycle) = row.lifecycle.as_mut()
        {
            lifecycle.evaluated_at = Some(now);
        }
    }
}

/// Images as lifecycle rules see them: what a list holds stays as long as the list does.
fn candidates(region: &Region, repository: &str) -> Vec<Candidate> {
    let listed = listed(region, repository);
    let mut tags = tags_by_digest(region, repository);
    manifests(region, repository)
        .filter(|row| !listed.contains(&row.digest))
        .map(|row| Candidate {
            digest: row.digest.clone(),
            tags: tags.remove(row.digest.as_str()).unwrap_or_default(),
            pushed_at: row.pushed_at,
            pulled_at: row.pulled_at,
        })
        .collect()
}

pub(super) fn deadline(region: &Region) -> Option<jiff::Timestamp> {
    let evaluations = (region.ecr.repositories.values())
        .filter_map(|row| Some(row.lifecycle.as_ref()?.evaluated_at? + EVALUATION));
    let ends = region.ecr.tokens.values().map(|one| one.expires_at);
    evaluations.chain(ends).min()
}
