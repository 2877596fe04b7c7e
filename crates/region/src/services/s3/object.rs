//! Writing and deleting objects: conditions, versions, delete markers, uploads in parts.
//!
//! Conditional writes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.
//! Versions: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html>.

use std::collections::BTreeMap;

use wire::Error;

use super::state::{Blob, Version, VersionKey, Versioning};
use crate::{Context, Region};

/// A version without what the bucket decides: its id and its time.
pub type NewVersion = Version;

/// What has to hold for a write to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// `If-None-Match: *`: no current object.
    pub if_absent: bool,
    /// `If-Match`: the current object has this etag (without quotes); `*` is any.
    pub if_match: Option<String>,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutOutcome {
    /// `None` in a bucket that was never versioned.
    pub version_id: Option<String>,
    /// Blobs that nothing refers to any more.
    pub orphans: Vec<String>,
}

/// What a delete did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The version that was removed, or the delete marker that was made.
    pub version_id: Option<String>,
    /// Whether `version_id` is (or was) a delete marker.
    pub delete_marker: bool,
    pub orphans: Vec<String>,
}

/// Makes `new` the newest version of a key.
///
/// # Errors
/// `NoSuchBucket`; `PreconditionFailed` (412) or `NoSuchKey` where the condition does not hold.
pub fn put_object(
    region: &mut Region,
    context: &Context,
    bucket: &str,
    key: &str,
    new: NewVersion,
    condition: &Condition,
) -> Result<PutOutcome, Error> {
    let versioning = super::bucket(region, bucket)?.versioning;
    check(region, bucket, key, condition)?;
    Ok(add(region, context, bucket, key, new, versioning))
}

/// Puts the parts' bytes, already joined in `blob`, in place of an upload.
///
/// # Errors
/// `NoSuchUpload`; those of [`put_object`].
pub fn complete_upload(
    region: &mut Region,
    context: &Context,
    upload_id: &str,
    blob: Blob,
    checksums: BTreeMap<String, String>,
    condition: &Condition,
) -> Result<PutOutcome, Error> {
    let upload = region
        .s3
        .uploads
        .get(upload_id)
        .ok_or_else(no_such_upload)?
        .clone();
    let versioning = super::bucket(region, &upload.bucket)?.versioning;
    check(region, &upload.bucket, &upload.key, condition)?;
    region.s3.uploads.remove(upload_id);
    let mut new = upload.template;
    new.blob = Some(blob);
    new.checksums = checksums;
    let mut outcome = add(
        region,
        context,
        &upload.bucket,
        &upload.key,
        new,
        versioning,
    );
    outcome
        .orphans
        .extend(upload.parts.into_values().map(|part| part.blob.id));
    Ok(outcome)
}

/// Deletes a version, or, without one named, hides the key behind a delete marker where the
/// bucket is versioned and removes it where it is not.
///
/// # Errors
/// `NoSuchBucket`. A key or version that is not there is no error.
pub fn delete_object(
    region: &mut Region,
    context: &Context,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> Result<Deleted, Error> {
    let versioning = super::bucket(region, bucket)?.versioning;
    if let Some(wanted) = version_id {
        let removed = remove(region, bucket, key, |version| version.version_id == wanted);
        return Ok(Deleted {
            version_id: Some(wanted.to_owned()),
            delete_marker: removed
                .as_ref()
                .is_some_and(|version| version.blob.is_none()),
            orphans: orphan(removed),
        });
    }
    if versioning.is_none() {
        let removed = remove(region, bucket, key, |_| true);
        return Ok(Deleted {
            version_id: None,
            delete_marker: false,
            orphans: orphan(removed),
        });
    }
    let marker = Version {
        version_id: String::new(),
        last_modified: context.now,
        blob: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        tags: BTreeMap::new(),
        checksums: BTreeMap::new(),
        encryption: "AES256".to_owned(),
        kms_key: None,
    };
    let outcome = add(region, context, bucket, key, marker, versioning);
    Ok(Deleted {
        version_id: outcome.version_id,
        delete_marker: true,
        orphans: outcome.orphans,
    })
}

/// The answer to an upload id that is not, or no longer, there.
pub fn no_such_upload() -> Error {
    Error::new(
        "NoSuchUpload",
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
}

fn check(region: &Region, bucket: &str, key: &str, condition: &Condition) -> Result<(), Error> {
    let current = region
        .s3
        .newest(bucket, key)
        .and_then(|version| version.blob.as_ref());
    if condition.if_absent && current.is_some() {
        return Err(failed());
    }
    match (&condition.if_match, current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Error::new(
            "NoSuchKey",
            404,
            "The specified key does not exist.",
        )),
        (Some(wanted), Some(blob)) if wanted == "*" || *wanted == blob.etag => Ok(()),
        (Some(_), Some(_)) => Err(failed()),
    }
}

fn failed() -> Error {
    Error::new(
        "PreconditionFailed",
        412,
        "At least one of the pre-conditions you specified did not hold",
    )
}

fn add(
    region: &mut Region,
    context: &Context,
    bucket: &str,
    key: &str,
    mut new: Version,
    versioning: Option<Versioning>,
) -> PutOutcome {
    new.last_modified = context.now;
    new.version_id = match versioning {
        Some(Versioning::Enabled) => context.alphanumeric(32),
        _ => "null".to_owned(),
    };
    let orphans = if new.version_id == "null" {
        orphan(remove(region, bucket, key, |version| {
            version.version_id == "null"
        }))
    } else {
        Vec::new()
    };
    let sequence = region
        .s3
        .keyed_versions(bucket, key)
        .next_back()
        .map_or(0, |(last, _)| last.sequence + 1);
    let version_id = versioning.map(|_| new.version_id.clone());
    region.s3.versions.insert(
        VersionKey {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            sequence,
        },
        new,
    );
    PutOutcome {
        version_id,
        orphans,
    }
}

fn remove(
    region: &mut Region,
    bucket: &str,
    key: &str,
    wanted: impl Fn(&Version) -> bool,
) -> Option<Version> {
    let at = region
        .s3
        .keyed_versions(bucket, key)
        .find(|(_, version)| wanted(version))
        .map(|(at, _)| at.clone())?;
    region.s3.versions.remove(&at)
}

fn orphan(version: Option<Version>) -> Vec<String> {
    version
        .and_then(|version| version.blob)
        .map(|blob| blob.id)
        .into_iter()
        .collect()
}
