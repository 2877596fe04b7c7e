//! Objects' bytes: files that are whole once they have their name.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use bytes::Bytes;
use futures_util::StreamExt;
use md5::{Digest, Md5};
use region::services::s3::Blob;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::crypto::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

/// Where the bytes of objects are kept.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: PathBuf,
}

/// What was received, and the hashes of it.
pub(super) struct Received {
    pub(super) blob: Blob,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
}

/// Why a body was not kept.
pub(super) enum ReceiveError {
    /// The client's stream broke off or did not bear out its signature.
    Stream(Box<dyn std::error::Error + Send + Sync>),
    /// It could not be written.
    Disk(io::Error),
}

impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Files {
    /// Opens `root` and removes what no row refers to: what was being received, or removed, when an
    /// earlier process ended.
    pub(super) fn open(root: &Path, known: &BTreeSet<String>) -> io::Result<Self> {
        let files = Self {
            root: root.to_owned(),
        };
        match std::fs::remove_dir_all(files.unfinished()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(files.unfinished())?;
        for folder in std::fs::read_dir(root)? {
            let folder = folder?.path();
            if folder == files.unfinished() || !folder.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(folder)? {
                let file = file?;
                if !known.contains(file.file_name().to_string_lossy().as_ref()) {
                    std::fs::remove_file(file.path())?;
                }
            }
        }
        Ok(files)
    }

    /// Keeps a body under `id`. It is on disk, whole, when this returns.
    pub(super) async fn receive(
        &self,
        id: &str,
        body: Option<StreamingBlob>,
        mut hasher: ChecksumHasher,
    ) -> Result<Received, ReceiveError> {
        let unfinished = self.unfinished().join(id);
        let result = async {
            let mut file = tokio::fs::File::create(&unfinished).await?;
            let mut md5 = Md5::new();
            let mut size = 0;
            let mut written = Ok(());
            if let Some(mut body) = body {
                while let Some(chunk) = body.next().await {
                    let chunk = chunk.map_err(ReceiveError::Stream)?;
                    md5.update(&chunk);
                    hasher.update(&chunk);
                    size += chunk.len() as u64;
                    // What cannot be kept is still read: a client hears no answer while it sends.
                    if written.is_ok() {
                        written = file.write_all(&chunk).await;
                    }
                }
            }
            written?;
            self.finish(file, &unfinished, id).await?;
            let md5: [u8; 16] = md5.finalize().into();
            Ok(Received {
                blob: Blob {
                    id: id.to_owned(),
                    size,
                    etag: hex::encode(md5),
                },
                md5,
                checksum: hasher.finalize(),
            })
        }
        .await;
        if result.is_err() {
            // It has no name yet, so nothing can refer to it; the next start removes what is left.
            let _ = tokio::fs::remove_file(&unfinished).await;
        }
        result
    }

    /// Joins the bytes of `parts` into one under `id`.
    pub(super) async fn join(
        &self,
        id: &str,
        parts: &[Blob],
        mut hasher: ChecksumHasher,
    ) -> io::Result<Checksum> {
        let unfinished = self.unfinished().join(id);
        let mut file = tokio::fs::File::create(&unfinished).await?;
        let mut buffer = vec![0; 64 << 10];
        for part in parts {
            let mut source = tokio::fs::File::open(self.path(&part.id)).await?;
            loop {
                let read = source.read(&mut buffer).await?;
                if read == 0 {
                    break;
                }
                hasher.update(&buffer[..read]);
                file.write_all(&buffer[..read]).await?;
            }
        }
        self.finish(file, &unfinished, id).await?;
        Ok(hasher.finalize())
    }

    /// The bytes from `start`, `length` of them.
    pub(super) async fn read(
        &self,
        blob: &Blob,
        start: u64,
        length: u64,
    ) -> io::Result<StreamingBlob> {
        let mut file = tokio::fs::File::open(self.path(&blob.id)).await?;
        if start > 0 {
            file.seek(io::SeekFrom::Start(start)).await?;
        }
        Ok(StreamingBlob::wrap(SizedStream {
            inner: ReaderStream::with_capacity(file.take(length), 64 << 10),
        }))
    }

    /// Keeps bytes of `blob`, from `start` and `length` of them, once more under `id`.
    pub(super) async fn copy(
        &self,
        id: &str,
        blob: &Blob,
        start: u64,
        length: u64,
    ) -> Result<Received, ReceiveError> {
        let body = self.read(blob, start, length).await?;
        self.receive(id, Some(body), hasher([])).await
    }

    /// Removes bytes that nothing refers to.
    pub(crate) async fn forget(&self, ids: Vec<String>) {
        for id in ids {
            if let Err(error) = tokio::fs::remove_file(self.path(&id)).await {
                tracing::warn!(%error, id, "an object's bytes could not be removed");
            }
        }
    }

    async fn finish(
        &self,
        mut file: tokio::fs::File,
        unfinished: &Path,
        id: &str,
    ) -> io::Result<()> {
        file.flush().await?;
        file.sync_all().await?;
        drop(file);
        let path = self.path(id);
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        tokio::fs::create_dir_all(&folder).await?;
        tokio::fs::rename(unfinished, &path).await?;
        tokio::fs::File::open(&folder).await?.sync_all().await
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    fn path(&self, id: &str) -> PathBuf {
        self.root.join(id.get(..2).unwrap_or("00")).join(id)
    }
}

/// A file's bytes as a stream.
struct SizedStream {
    inner: ReaderStream<tokio::io::Take<tokio::fs::File>>,
}

impl futures_util::Stream for SizedStream {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(context)
    }
}

/// A hasher for the algorithms named (`CRC32`, `SHA256`, …).
pub(super) fn hasher<'a>(algorithms: impl IntoIterator<Item = &'a str>) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    for algorithm in algorithms {
        match algorithm {
            "CRC32" => hasher.crc32 = Some(Crc32::new()),
            "CRC32C" => hasher.crc32c = Some(Crc32c::new()),
            "CRC64NVME" => hasher.crc64nvme = Some(Crc64Nvme::new()),
            "SHA1" => hasher.sha1 = Some(Sha1::new()),
            "SHA256" => hasher.sha256 = Some(Sha256::new()),
            _ => {}
        }
    }
    hasher
}

/// The checksums that are there, by algorithm.
pub(super) fn checksums(checksum: &Checksum) -> std::collections::BTreeMap<String, String> {
    [
        ("CRC32", &checksum.checksum_crc32),
        ("CRC32C", &checksum.checksum_crc32c),
        ("CRC64NVME", &checksum.checksum_crc64nvme),
        ("SHA1", &checksum.checksum_sha1),
        ("SHA256", &checksum.checksum_sha256),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    .collect()
}

/// Base64 as S3's headers have it.
pub(super) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
