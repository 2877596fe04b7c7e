//! Rows: repositories, the manifests and tags in them, the blobs they may name, and passwords.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Stored;

use crate::Tags;

crate::tables! { "ecr" {
    /// By name.
    repositories: String => Repository,
    /// By repository and digest.
    manifests: (String, String) => Manifest,
    /// Digests, by repository and tag.
    tags: (String, String) => String,
    /// By repository and digest. The bytes are files that the gateway keeps.
    blobs: (String, String) => Blob,
    /// By the SHA-256 of the password, in hexadecimal digits.
    tokens: String => Token,
} }

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    pub name: String,
    pub arn: String,
    pub created_at: Timestamp,
    pub mutability: wire::ecr::ImageTagMutability,
    /// Patterns of tags that the mutability does not hold for.
    pub exclusions: Vec<String>,
    pub scan_on_push: bool,
    pub encryption: Stored<wire::ecr::EncryptionConfiguration>,
    pub tags: Tags,
    /// The repository's own policy, as it was given.
    pub policy: Option<String>,
    pub lifecycle: Option<Lifecycle>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// As it was given.
    pub text: String,
    pub evaluated_at: Option<Timestamp>,
}

/// What AWS calls an image: a manifest, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `sha256:…` of the content.
    pub digest: String,
    pub media_type: String,
    /// Byte for byte as it was pushed.
    pub content: String,
    pub pushed_at: Timestamp,
    pub pulled_at: Option<Timestamp>,
    /// What kind of thing it is, where it is not a container image.
    pub artifact_type: Option<String>,
    /// The digest of the manifest it is about, such as a signed one.
    pub subject: Option<String>,
    pub holds: Holds,
}

/// What a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holds {
    /// One image; its layers lowest first.
    Image {
        config: Descriptor,
        layers: Vec<Descriptor>,
    },
    /// One image per platform.
    List(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    pub digest: String,
    pub size: u64,
    pub media_type: String,
}

/// A manifest in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub digest: String,
    /// `linux/amd64`, `linux/arm64/v8`, …; `None`: it does not say.
    pub platform: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    pub size: u64,
    pub pushed_at: Timestamp,
}

/// A password for the registry's protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub expires_at: Timestamp,
    pub holder: Holder,
}

/// Whose permissions a password carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    Root,
    User { name: String },
    Role { name: String, session: String },
}
