//! Blobs' bytes: files named by their content, whole once they have their name.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use region::services::ecr::manifest::is_digest;
use ring::digest::{Context, SHA256};
use tokio::io::AsyncWriteExt;

/// How long an upload may lie still before it is given up.
const STILL: Duration = Duration::from_hours(1);
/// Uploads under way at a time.
const MOST_UPLOADS: usize = 1000;

/// Where the bytes of blobs are kept, and the uploads under way.
#[derive(Debug)]
pub(super) struct Files {
    root: PathBuf,
    uploads: Mutex<BTreeMap<String, Upload>>,
}

/// A blob that is being received. Dropped unfinished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) size: u64,
    path: PathBuf,
    file: tokio::fs::File,
    hash: HashOf,
    touched: Instant,
}

struct HashOf(Context);

impl std::fmt::Debug for HashOf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("HashOf")
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // It is gone already where the upload was finished; the next start removes what is left.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Files {
    /// Opens `<data>/blobs`, removing what no earlier process finished and what `kept` does not
    /// name.
    pub(super) fn open(data: &Path, kept: &BTreeSet<String>) -> io::Result<Self> {
        let files = Self {
            root: data.join("blobs"),
            uploads: Mutex::new(BTreeMap::new()),
        };
        match std::fs::remove_dir_all(files.unfinished()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(files.unfinished())?;
        std::fs::create_dir_all(files.folder())?;
        for entry in std::fs::read_dir(files.folder())? {
            let entry = entry?;
            let digest = format!("sha256:{}", entry.file_name().to_string_lossy());
            if is_digest(&digest) && !kept.contains(&digest) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(files)
    }

    /// Begins an upload; `None`: too many are under way.
    pub(super) async fn begin(&self, id: &str, repository: &str) -> io::Result<Option<Upload>> {
        let still: Vec<Upload> = {
            let mut uploads = self.uploads();
            let old: Vec<String> = uploads
                .iter()
                .filter(|(_, upload)| upload.touched.elapsed() > STILL)
                .map(|(id, _)| id.clone())
                .collect();
            old.iter().filter_map(|id| uploads.remove(id)).collect()
        };
        drop(still);
        if self.uploads().len() >= MOST_UPLOADS {
            return Ok(None);
        }
        let path = self.unfinished().join(id);
        let file = tokio::fs::File::create(&path).await?;
        Ok(Some(Upload {
            repository: repository.to_owned(),
            size: 0,
            path,
            file,
            hash: HashOf(Context::new(&SHA256)),
            touched: Instant::now(),
        }))
    }

    /// Takes an upload to work on. Whoever takes it puts it back, or it is gone.
    pub(super) fn take(&self, id: &str, repository: &str) -> Option<Upload> {
        let mut uploads = self.uploads();
        uploads.get(id).filter(|one| one.repository == repository)?;
        uploads.remove(id)
    }

    pub(super) fn put_back(&self, id: &str, mut upload: Upload) {
        upload.touched = Instant::now();
        self.uploads().insert(id.to_owned(), upload);
    }

    /// Gives an upload its name; it is on disk, whole, when this returns. Gives the digest that
    /// the bytes have instead where it is not the one that was said.
    pub(super) async fn finish(
        &self,
        mut upload: Upload,
        digest: &str,
    ) -> io::Result<Result<u64, String>> {
        let hash = upload.hash.0.clone().finish();
        let found = format!("sha256:{}", hex::encode(hash));
        if found != digest {
            return Ok(Err(found));
        }
        upload.file.flush().await?;
        upload.file.sync_all().await?;
        tokio::fs::rename(&upload.path, self.path(digest)).await?;
        tokio::fs::File::open(self.folder())
            .await?
            .sync_all()
            .await?;
        Ok(Ok(upload.size))
    }

    pub(super) async fn read(&self, digest: &str) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.path(digest)).await
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    fn folder(&self) -> PathBuf {
        self.root.join("sha256")
    }

    /// Only for digests that were checked.
    fn path(&self, digest: &str) -> PathBuf {
        self.folder()
            .join(digest.strip_prefix("sha256:").unwrap_or(digest))
    }
}

impl Upload {
    pub(super) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk).await?;
        self.hash.0.update(chunk);
        self.size += chunk.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: &[u8]) -> String {
        region::services::ecr::manifest::digest_of(of)
    }

    fn names(folder: PathBuf) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_was_not_finished_leaves_nothing() {
        let data = tempfile::tempdir().expect("a folder");
        let files = Files::open(data.path(), &BTreeSet::new()).expect("it opens");
        let begin = async |id: &str| {
            let upload = files.begin(id, "app").await.expect("it begins");
            upload.expect("there are few")
        };
        let mut whole = begin("1").await;
        whole.write(b"some ").await.expect("written");
        whole.write(b"bytes").await.expect("written");
        files.put_back("1", whole);
        assert!(
            files.take("1", "other").is_none(),
            "it is another repository's"
        );
        let whole = files.take("1", "app").expect("it was put back");
        let own = digest(b"some bytes");
        let size = files.finish(whole, &own).await.expect("kept");
        assert_eq!(size, Ok(10));

        let mut wrong = begin("2").await;
        wrong.write(b"else").await.expect("written");
        let found = files.finish(wrong, &own).await.expect("read");
        assert_eq!(found, Err(digest(b"else")));

        let mut cut = begin("3").await;
        cut.write(b"cut o").await.expect("written");
        drop(cut);
        assert_eq!(names(files.unfinished()), Vec::<String>::new());
        assert_eq!(names(files.folder()), [&own[7..]]);

        std::fs::write(files.unfinished().join("4"), "of a killed process").expect("written");
        let named = BTreeSet::from([own.clone()]);
        let again = Files::open(data.path(), &named).expect("it opens");
        assert_eq!(names(again.unfinished()), Vec::<String>::new());
        assert_eq!(names(again.folder()), [&own[7..]]);
        let again = Files::open(data.path(), &BTreeSet::new()).expect("it opens");
        assert_eq!(names(again.folder()), Vec::<String>::new());
    }
}
