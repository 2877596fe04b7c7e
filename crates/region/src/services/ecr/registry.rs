//! What the registry's protocol asks of the rows. Bytes of blobs are the gateway's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use wire::Error;
use wire::ecr as api;

use super::images;
use super::state::{Blob, Manifest};
use super::{image, repository, store};
use crate::services::iam::authorize::{Ask, caller_arn, decide};
use crate::services::iam::policy::{Policy, ResourceRule};
use crate::{Caller, Context, Region};

/// How long a blob may wait for a manifest that names it.
const WAIT: SignedDuration = SignedDuration::from_hours(24);
/// How exactly pulls are remembered.
const PULLS: SignedDuration = SignedDuration::from_hours(24);

/// Refuses what does not exist, and what the caller may not do to it; `action` is such as
/// `ecr:PutImage`.
pub fn admit(
    region: &Region,
    context: &Context,
    caller: &Caller,
    action: &str,
    repository: &str,
) -> Result<(), Error> {
    if *caller == Caller::Root {
        return repository::get(region, None, repository).map(|_| ());
    }
    let row = region.ecr.repositories.get(repository);
    let arn = match row {
        Some(row) => row.arn.clone(),
        None => context
            .settings
            .arn("ecr", format!("repository/{repository}")),
    };
    let policy = row.and_then(|row| Policy::parse(row.policy.as_deref()?).ok());
    let context = Context::new(context.settings, context.now, caller.clone(), [0; 32]);
    let decision = decide(
        region,
        &context,
        None,
        Ask {
            action,
            resource: &arn,
            keys: BTreeMap::new(),
            resource_policy: policy.as_ref(),
            rule: ResourceRule::Either,
        },
    );
    match decision.denial(&caller_arn(region, caller), action, &arn) {
        Some(text) => Err(Error::new("AccessDeniedException", 403, text)),
        None => repository::get(region, None, repository).map(|_| ()),
    }
}

/// A manifest by tag or digest.
pub fn manifest<'a>(
    region: &'a Region,
    repository: &str,
    tag: Option<&str>,
    digest: Option<&str>,
) -> Result<&'a Manifest, Error> {
    image::find(region, repository, tag, digest)
        .ok_or_else(|| wire::ecr::error::image_not_found_exception("Requested image not found"))
}

/// Whether a pull has to be told with [`pulled`].
pub fn pull_counts(context: &Context, manifest: &Manifest) -> bool {
    manifest
        .pulled_at
        .is_none_or(|at| at + PULLS <= context.now)
}

/// Takes note that a manifest was fetched.
pub fn pulled(region: &mut Region, context: &Context, repository: &str, digest: &str) {
    let key = (repository.to_owned(), digest.to_owned());
    if let Some(row) = region.ecr.manifests.get_mut(&key) {
        row.pulled_at = Some(context.now);
    }
}

/// Removes a tag or an image as `BatchDeleteImage` does.
pub fn delete(
    region: &mut Region,
    repository: &str,
    tag: Option<&str>,
    digest: Option<&str>,
) -> Result<(), Error> {
    let id = api::ImageIdentifier {
        image_digest: digest.map(str::to_owned),
        image_tag: tag.map(str::to_owned),
    };
    match images::delete(region, repository, &id) {
        Ok(_) => Ok(()),
        Err(failure) => {
            let reason = failure.failure_reason.unwrap_or_default();
            Err(match failure.failure_code {
                Some(api::ImageFailureCode::ImageNotFound) => {
                    wire::ecr::error::image_not_found_exception(reason)
                }
                _ => super::error::invalid(reason),
            })
        }
    }
}

/// A repository's tags in order.
pub fn tags(region: &Region, repository: &str) -> Vec<String> {
    store::tags(region, repository)
        .map(|(tag, _)| tag.to_owned())
        .collect()
}

/// The manifests that are about another, such as its signatures.
pub fn referrers<'a>(
    region: &'a Region,
    repository: &str,
    subject: &str,
) -> impl Iterator<Item = &'a Manifest> {
    let subject = subject.to_owned();
    store::manifests(region, repository).filter(move |row| row.subject.as_ref() == Some(&subject))
}

/// The size of a blob that a repository holds.
pub fn blob(region: &Region, repository: &str, digest: &str) -> Option<u64> {
    let key = (repository.to_owned(), digest.to_owned());
    region.ecr.blobs.get(&key).map(|blob| blob.size)
}

/// Takes note of a blob whose bytes are kept.
pub fn add_blob(
    region: &mut Region,
    context: &Context,
    repository: &str,
    digest: &str,
    size: u64,
) -> Result<(), Error> {
    repository::get(region, None, repository)?;
    let key = (repository.to_owned(), digest.to_owned());
    if !region.ecr.blobs.contains(&key) {
        let pushed_at = context.now;
        region.ecr.blobs.insert(key, Blob { size, pushed_at });
    }
    Ok(())
}

/// Forgets blobs that no manifest came for.
pub fn forget_orphans(region: &mut Region, context: &Context) {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((repository, _), row) in region.ecr.manifests.iter() {
        let own = named.entry(repository.clone()).or_default();
        own.extend(store::named_blobs([row]));
    }
    let old = |at| at + WAIT <= context.now;
    region.ecr.blobs.retain(|(repository, digest), blob| {
        !old(blob.pushed_at)
            || named
                .get(repository)
                .is_some_and(|own| own.contains(digest))
    });
}

/// The digests of every blob that some repository holds.
pub fn kept(region: &Region) -> BTreeSet<String> {
    region
        .ecr
        .blobs
        .iter()
        .map(|((_, digest), _)| digest.clone())
        .collect()
}
