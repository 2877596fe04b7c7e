//! Buckets and what is known of their objects. The bytes themselves are bulk and live with the
//! gateway, which also speaks S3's protocol; here is every rule that decides.

pub mod list;
mod object;
mod state;

use wire::Error;

use crate::{Context, Region, Service};

pub use object::{
    Condition, Deleted, NewVersion, PutOutcome, complete_upload, delete_object, no_such_upload,
    put_object,
};
pub use state::{Blob, Bucket, Part, State, Upload, Version, VersionKey, Versioning};

/// Under which a bucket's object ownership is kept, as text.
pub const OWNERSHIP: &str = "ownershipControls";
/// Under which it is kept how far a bucket is closed to the public.
pub const PUBLIC_ACCESS: &str = "publicAccessBlock";

pub(crate) const SERVICE: Service = Service::new("s3", |_| None);

/// Makes a bucket. As every new one it is closed to the public and has no access control lists
/// unless its ownership is chosen.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html>
///
/// # Errors
/// `InvalidBucketName`, or `BucketAlreadyOwnedByYou` (409) when it is there.
pub fn create_bucket(
    region: &mut Region,
    context: &Context,
    name: &str,
    ownership: Option<String>,
) -> Result<(), Error> {
    check_bucket_name(name)?;
    if region.s3.buckets.contains(name) {
        return Err(Error::new(
            "BucketAlreadyOwnedByYou",
            409,
            "Your previous request to create the named bucket succeeded and you already own it.",
        ));
    }
    let ownership = ownership.unwrap_or_else(|| "BucketOwnerEnforced".to_owned());
    let configurations = [
        (OWNERSHIP, ownership.into()),
        (
            PUBLIC_ACCESS,
            serde_json::json!({
                "block_public_acls": true,
                "block_public_policy": true,
                "ignore_public_acls": true,
                "restrict_public_buckets": true,
            }),
        ),
    ];
    region.s3.buckets.insert(
        name.to_owned(),
        Bucket {
            name: name.to_owned(),
            created_at: context.now,
            versioning: None,
            configurations: configurations
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        },
    );
    Ok(())
}

/// Removes an empty bucket.
///
/// # Errors
/// `NoSuchBucket`, or `BucketNotEmpty` while any version or delete marker is left.
pub fn delete_bucket(region: &mut Region, name: &str) -> Result<(), Error> {
    let bucket = bucket(region, name)?;
    if region.s3.versions_of(name).next().is_some() {
        let hint = if bucket.versioning.is_some() {
            " You must delete all versions in the bucket."
        } else {
            ""
        };
        return Err(Error::new(
            "BucketNotEmpty",
            409,
            format!("The bucket you tried to delete is not empty.{hint}"),
        ));
    }
    region.s3.uploads.retain(|_, upload| upload.bucket != name);
    region.s3.buckets.remove(name);
    Ok(())
}

/// # Errors
/// `NoSuchBucket`.
pub fn bucket<'a>(region: &'a Region, name: &str) -> Result<&'a Bucket, Error> {
    region.s3.buckets.get(name).ok_or_else(no_such_bucket)
}

/// # Errors
/// `NoSuchBucket`.
pub fn bucket_mut<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut Bucket, Error> {
    region.s3.buckets.get_mut(name).ok_or_else(no_such_bucket)
}

/// The newest version of a key, unless that is a delete marker.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchKey`.
pub fn current<'a>(region: &'a Region, bucket_name: &str, key: &str) -> Result<&'a Version, Error> {
    bucket(region, bucket_name)?;
    region
        .s3
        .newest(bucket_name, key)
        .filter(|version| version.blob.is_some())
        .ok_or_else(|| Error::new("NoSuchKey", 404, "The specified key does not exist."))
}

/// One version of a key, which may be a delete marker.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchVersion`.
pub fn version<'a>(
    region: &'a Region,
    bucket_name: &str,
    key: &str,
    version_id: &str,
) -> Result<&'a Version, Error> {
    bucket(region, bucket_name)?;
    region
        .s3
        .versions_of_key(bucket_name, key)
        .find(|version| version.version_id == version_id)
        .ok_or_else(|| {
            Error::new(
                "NoSuchVersion",
                404,
                "The specified version does not exist.",
            )
        })
}

fn no_such_bucket() -> Error {
    Error::new("NoSuchBucket", 404, "The specified bucket does not exist")
}

/// The rules for names: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn check_bucket_name(name: &str) -> Result<(), Error> {
    let ends_well = |character: Option<char>| {
        character.is_some_and(|one| one.is_ascii_lowercase() || one.is_ascii_digit())
    };
    let good = (3..=63).contains(&name.len())
        && name.chars().all(|one| {
            one.is_ascii_lowercase() || one.is_ascii_digit() || one == '.' || one == '-'
        })
        && ends_well(name.chars().next())
        && ends_well(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !name.starts_with("xn--")
        && !name.starts_with("sthree-")
        && !name.ends_with("-s3alias")
        && !name.ends_with("--ol-s3");
    if good {
        Ok(())
    } else {
        Err(Error::new(
            "InvalidBucketName",
            400,
            "The specified bucket is not valid.",
        ))
    }
}

#[cfg(test)]
mod tests;
