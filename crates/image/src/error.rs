//! What can go wrong, each with what to do about it.

use std::io;
use std::path::PathBuf;

use crate::binary::Architecture;

/// The binary is not one that can be an image on its own.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    #[error("there is no binary at {path}; build it first")]
    Missing { path: PathBuf },
    #[error("read the binary {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not a Linux program (no 64-bit little-endian ELF file)")]
    NotElf { path: PathBuf },
    #[error("{path} is cut short")]
    Truncated { path: PathBuf },
    #[error(
        "{path} is linked dynamically (it asks for {interpreter}), which an image without a C library cannot run; \
         build it with RUSTFLAGS=\"-C target-feature=+crt-static\" and an explicit --target"
    )]
    Dynamic { path: PathBuf, interpreter: String },
    #[error("{path} is built for {found}, the image is for {wanted}; build it for that target")]
    Architecture {
        path: PathBuf,
        found: String,
        wanted: Architecture,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Binary(#[from] BinaryError),
    #[error(
        "{name:?} cannot be the name of a program: use lower-case letters, digits, `-` and `_`"
    )]
    Name { name: String },
    #[error("{path} exists and is not an OCI image layout; remove it or choose another directory")]
    Occupied { path: PathBuf },
    #[error("read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("pack a layer")]
    Pack(#[source] io::Error),
    #[error("describe the image")]
    Describe(#[from] oci_spec::OciSpecError),
    #[error("write the image's description as JSON")]
    Json(#[from] serde_json::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("{path} is not an OCI image layout (it has no index.json); build the image first")]
    Missing { path: PathBuf },
    #[error("read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not valid: {reason}; build the image again")]
    Invalid { path: PathBuf, reason: String },
    #[error("the layout holds {count} images; exactly one is expected")]
    Images { count: usize },
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is not an image reference: {reason}; expected [http://]host[:port]/repository:tag"
)]
pub struct ReferenceError {
    pub text: String,
    pub reason: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("reach the registry at {registry}")]
    Connect {
        registry: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{step}: the registry did not answer in {seconds} s")]
    Timeout { step: String, seconds: u64 },
    #[error(
        "the registry at {registry} refuses the credentials ({status}); get new ones and try again"
    )]
    Credentials { registry: String, status: u16 },
    #[error("{step}: the registry answered {status}{message}")]
    Refused {
        step: String,
        status: u16,
        message: String,
    },
    #[error("{step}: the registry's answer makes no sense: {reason}")]
    Protocol { step: String, reason: String },
}
