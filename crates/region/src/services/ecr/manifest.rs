//! Manifests: what a pushed document names.

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::state::{Descriptor, Entry, Holds, Manifest};

pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The largest manifest that is taken: the distribution specification's bound.
pub const MOST_BYTES: usize = 4 << 20;
/// Layers in an image: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>.
const MOST_LAYERS: usize = 4200;

/// The document is not a manifest that is taken here; says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Part>,
    layers: Option<Vec<Part>>,
    manifests: Option<Vec<Part>>,
    subject: Option<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    digest: String,
    size: u64,
    #[serde(default)]
    media_type: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// Reads a manifest. The media type may be given beside it, in it, or both if they agree.
pub fn read(content: &str, media_type: Option<&str>, now: Timestamp) -> Result<Manifest, Invalid> {
    if content.len() > MOST_BYTES {
        return Err(Invalid(format!(
            "the manifest is larger than {MOST_BYTES} bytes"
        )));
    }
    let document: Document =
        serde_json::from_str(content).map_err(|error| Invalid(error.to_string()))?;
    if document.schema_version != 2 {
        return Err(Invalid(format!(
            "manifests of schema version {} are not taken",
            document.schema_version
        )));
    }
    let media_type = match (media_type, document.media_type) {
        (Some(given), Some(own)) if given != own => {
            return Err(Invalid(format!(
                "the manifest is said to be {given} and says that it is {own}"
            )));
        }
        (Some(given), _) => given.to_owned(),
        (None, Some(own)) => own,
        (None, None) if document.manifests.is_some() => OCI_INDEX.to_owned(),
        (None, None) => OCI_IMAGE.to_owned(),
    };
    let mut artifact_type = document.artifact_type;
    let holds = match media_type.as_str() {
        DOCKER_IMAGE | OCI_IMAGE => {
            let config = document
                .config
                .ok_or_else(|| Invalid("the manifest names no config".into()))?;
            if artifact_type.is_none() {
                artifact_type = Some(config.media_type.clone());
            }
            let layers = document.layers.unwrap_or_default();
            if layers.len() > MOST_LAYERS {
                return Err(Invalid(format!(
                    "an image can have at most {MOST_LAYERS} layers"
                )));
            }
            Holds::Image {
                config: config.descriptor()?,
                layers: layers
                    .into_iter()
                    .map(Part::descriptor)
                    .collect::<Result<_, _>>()?,
            }
        }
        DOCKER_LIST | OCI_INDEX => {
            let entries = document.manifests.unwrap_or_default();
            Holds::List(
                entries
                    .into_iter()
                    .map(Part::entry)
                    .collect::<Result<_, _>>()?,
            )
        }
        other => return Err(Invalid(format!("manifests of type {other} are not taken"))),
    };
    let subject = document
        .subject
        .map(|part| part.descriptor().map(|subject| subject.digest))
        .transpose()?;
    Ok(Manifest {
        digest: digest_of(content.as_bytes()),
        media_type,
        content: content.to_owned(),
        pushed_at: now,
        pulled_at: None,
        artifact_type: artifact_type.filter(|kind| !kind.is_empty()),
        subject,
        holds,
    })
}

/// `sha256:…` of some bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether a text is `sha256:` and 64 lower-case hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether a text can be a tag.
pub fn is_tag(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    bytes.next().is_some_and(fine)
        && text.len() <= 128
        && bytes.all(|byte| fine(byte) || byte == b'.' || byte == b'-')
}

impl Part {
    fn checked(self) -> Result<Self, Invalid> {
        if is_digest(&self.digest) {
            Ok(self)
        } else {
            Err(Invalid(format!(
                "{:?} is not a SHA-256 digest",
                self.digest
            )))
        }
    }

    fn descriptor(self) -> Result<Descriptor, Invalid> {
        let part = self.checked()?;
        Ok(Descriptor {
            digest: part.digest,
            size: part.size,
            media_type: part.media_type,
        })
    }

    fn entry(self) -> Result<Entry, Invalid> {
        let part = self.checked()?;
        Ok(Entry {
            digest: part.digest,
            platform: part.platform.map(|platform| match platform.variant {
                Some(variant) => format!("{}/{}/{variant}", platform.os, platform.architecture),
                None => format!("{}/{}", platform.os, platform.architecture),
            }),
        })
    }
}
