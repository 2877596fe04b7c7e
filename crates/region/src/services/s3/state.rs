//! Rows: buckets, versions of objects, uploads in parts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::table::Key;

crate::tables! { "s3" {
    buckets: String => Bucket,
    versions: VersionKey => Version,
    /// By upload id.
    uploads: String => Upload,
} }

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    pub name: String,
    pub created_at: Timestamp,
    /// `None`: never switched on.
    pub versioning: Option<Versioning>,
    /// What was put under each sub-resource, by its name (`policy`, `encryption`, …), in the
    /// shape of its API.
    pub configurations: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    Enabled,
    Suspended,
}

/// Versions of a key are ordered by age, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionKey {
    pub bucket: String,
    pub key: String,
    pub sequence: u64,
}

impl Key for VersionKey {
    fn to_text(&self) -> String {
        // The sequence comes before the key, since the key may hold any character.
        format!("{}/{:020}/{}", self.bucket, self.sequence, self.key)
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        Some(Self {
            bucket: parts.next()?.to_owned(),
            sequence: parts.next()?.parse().ok()?,
            key: parts.next()?.to_owned(),
        })
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    /// `null` for one written while versioning was not on.
    pub version_id: String,
    pub last_modified: Timestamp,
    /// `None`: a delete marker.
    pub blob: Option<Blob>,
    /// Headers to answer with, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-…`, without the prefix.
    pub metadata: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Base64 by algorithm, such as `SHA256`.
    pub checksums: BTreeMap<String, String>,
    /// `AES256` or `aws:kms`.
    pub encryption: String,
    pub kms_key: Option<String>,
}

/// Where an object's bytes are, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The file's name among the gateway's objects.
    pub id: String,
    pub size: u64,
    /// Without quotes.
    pub etag: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub started_at: Timestamp,
    /// What the finished object will carry; its blob is not known yet.
    pub template: Version,
    pub parts: BTreeMap<u32, Part>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    pub blob: Blob,
    pub last_modified: Timestamp,
    pub checksums: BTreeMap<String, String>,
}

impl State {
    /// Every version in a bucket by key, oldest first within a key.
    pub fn versions_of(
        &self,
        bucket: &str,
    ) -> impl DoubleEndedIterator<Item = (&VersionKey, &Version)> {
        let first = VersionKey {
            bucket: bucket.to_owned(),
            key: String::new(),
            sequence: 0,
        };
        // No bucket name sorts between one and the same followed by NUL.
        let end = VersionKey {
            bucket: format!("{bucket}\0"),
            key: String::new(),
            sequence: 0,
        };
        self.versions.range(first..end)
    }

    /// Every version of one key, oldest first.
    pub fn versions_of_key(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl DoubleEndedIterator<Item = &Version> {
        self.keyed_versions(bucket, key).map(|(_, version)| version)
    }

    /// The newest version of a key, which may be a delete marker.
    pub fn newest(&self, bucket: &str, key: &str) -> Option<&Version> {
        self.versions_of_key(bucket, key).next_back()
    }

    pub(super) fn keyed_versions(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl DoubleEndedIterator<Item = (&VersionKey, &Version)> {
        let at = |sequence| VersionKey {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            sequence,
        };
        self.versions.range(at(0)..=at(u64::MAX))
    }
}
