//! The OCI image layout: a directory with an index and blobs named by their digests.

use std::path::{Path, PathBuf};
use std::{fs, io};

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::builder::describe;
use crate::error::{BuildError, LayoutError};
use crate::layer::sha256;

const MARKER: &str = "oci-layout";
const MARKER_CONTENT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";

/// Writes a layout beside its place and puts it there in the end, so that half of one is never seen.
pub(crate) struct Writer {
    target: PathBuf,
    draft: TempDir,
}

impl Writer {
    pub(crate) fn new(target: &Path) -> Result<Self, BuildError> {
        let occupied = || BuildError::Occupied {
            path: target.into(),
        };
        match fs::read_dir(target) {
            Ok(mut entries) => {
                if entries.next().is_some() && !target.join(MARKER).is_file() {
                    return Err(occupied());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(occupied()),
            Err(error) => return Err(writing(target)(error)),
        }
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(writing(parent))?;
        let draft = tempfile::Builder::new()
            .prefix(".image-")
            .tempdir_in(parent)
            .map_err(writing(parent))?;
        let writer = Self {
            target: target.into(),
            draft,
        };
        let blobs = writer.inside("new").join(BLOBS);
        fs::create_dir_all(&blobs).map_err(writing(&blobs))?;
        Ok(writer)
    }

    pub(crate) fn add(
        &mut self,
        media_type: MediaType,
        bytes: &[u8],
    ) -> Result<Descriptor, BuildError> {
        let descriptor = describe(media_type, bytes)?;
        let path = blob_path(&self.inside("new"), &descriptor);
        fs::write(&path, bytes).map_err(writing(&path))?;
        Ok(descriptor)
    }

    pub(crate) fn finish(self, index: &[u8]) -> Result<(), BuildError> {
        let new = self.inside("new");
        for (name, content) in [(MARKER, MARKER_CONTENT.as_bytes()), (INDEX, index)] {
            let path = new.join(name);
            fs::write(&path, content).map_err(writing(&path))?;
        }
        // A directory cannot replace one that is not empty: the old one goes into the draft, and away with it.
        match fs::rename(&self.target, self.inside("old")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(writing(&self.target)(error));
            }
            _ => {}
        }
        fs::rename(&new, &self.target).map_err(writing(&self.target))
    }

    fn inside(&self, name: &str) -> PathBuf {
        self.draft.path().join(name)
    }
}

/// An image read from a layout, its pieces checked against their digests when they are read.
#[derive(Debug)]
pub(crate) struct Image {
    layout: PathBuf,
    pub(crate) manifest_descriptor: Descriptor,
    pub(crate) manifest_bytes: Vec<u8>,
    pub(crate) manifest: ImageManifest,
}

impl Image {
    pub(crate) fn open(layout: &Path) -> Result<Self, LayoutError> {
        let path = layout.join(INDEX);
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LayoutError::Missing {
                path: layout.into(),
            },
            _ => LayoutError::Read {
                path: path.clone(),
                source,
            },
        })?;
        let index: ImageIndex = parse(&path, &bytes)?;
        let [manifest_descriptor] = index.manifests().as_slice() else {
            return Err(LayoutError::Images {
                count: index.manifests().len(),
            });
        };
        let manifest_bytes = read_blob(layout, manifest_descriptor)?;
        let manifest = parse(&blob_path(layout, manifest_descriptor), &manifest_bytes)?;
        Ok(Self {
            layout: layout.into(),
            manifest_descriptor: manifest_descriptor.clone(),
            manifest_bytes,
            manifest,
        })
    }

    /// Configuration and layers: what the manifest names.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifest
            .layers()
            .iter()
            .chain([self.manifest.config()])
    }

    pub(crate) fn read_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        read_blob(&self.layout, descriptor)
    }
}

fn read_blob(layout: &Path, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
    let path = blob_path(layout, descriptor);
    let bytes = fs::read(&path).map_err(|source| LayoutError::Read {
        path: path.clone(),
        source,
    })?;
    let digest = format!("sha256:{}", sha256(&bytes));
    if digest != descriptor.digest().to_string() {
        return Err(LayoutError::Invalid {
            path,
            reason: format!("its content has the digest {digest}"),
        });
    }
    Ok(bytes)
}

/// A digest's text was checked when it was parsed, so that it cannot lead out of the directory.
fn blob_path(layout: &Path, descriptor: &Descriptor) -> PathBuf {
    layout.join(BLOBS).join(descriptor.digest().digest())
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, LayoutError> {
    serde_json::from_slice(bytes).map_err(|error| LayoutError::Invalid {
        path: path.into(),
        reason: error.to_string(),
    })
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.into();
    move |source| BuildError::Write { path, source }
}
