//! Layers as tar archives that depend on their content only: fixed owner, time and order.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

/// One file system entry. Parents come before children, as in every archive.
pub(crate) struct Entry<'a> {
    pub(crate) path: &'a str,
    pub(crate) mode: u32,
    pub(crate) owner: u64,
    pub(crate) content: Content<'a>,
}

pub(crate) enum Content<'a> {
    Directory,
    File(&'a [u8]),
}

/// A layer ready to be stored.
pub(crate) struct Layer {
    pub(crate) compressed: Vec<u8>,
    /// SHA-256 of the archive before compression, in hex.
    pub(crate) diff_id: String,
}

impl<'a> Entry<'a> {
    pub(crate) fn directory(path: &'a str) -> Self {
        Self {
            path,
            mode: 0o755,
            owner: 0,
            content: Content::Directory,
        }
    }

    pub(crate) fn file(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            path,
            mode: 0o644,
            owner: 0,
            content: Content::File(bytes),
        }
    }
}

pub(crate) fn pack(entries: &[Entry<'_>]) -> io::Result<Layer> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let (kind, bytes) = match entry.content {
            Content::Directory => (EntryType::Directory, &[][..]),
            Content::File(bytes) => (EntryType::Regular, bytes),
        };
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(entry.mode);
        header.set_uid(entry.owner);
        header.set_gid(entry.owner);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, entry.path, bytes)?;
    }
    let archive = archive.into_inner()?;
    // No name and no time in the header: either would make the digest differ.
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::new(6));
    gzip.write_all(&archive)?;
    Ok(Layer {
        compressed: gzip.finish()?,
        diff_id: sha256(&archive),
    })
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
