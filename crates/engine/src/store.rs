//! Rows on disk: one table of an embedded database, written in the transaction that a call waits
//! for.
//!
//! After an error of the disk the database takes nothing more until it is opened again, and
//! whether the last transaction is in it is not known. So the next call opens it, and the next
//! transaction first puts the rows in doubt back to what they were, which is what the region,
//! having refused the call, still says they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use region::Region;
use region::services::logs::stream;
use region::table::{Change, LoadError};
use serde::{Deserialize, Serialize};

use crate::clock::Kept;
use crate::logs;

const ROWS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("rows");
/// One row: how the clock was changed, and until when everything that was due is done. Every
/// transaction writes it anew, so it is never in doubt for long.
const TIME: TableDefinition<(), &[u8]> = TableDefinition::new("time");

/// What is kept of time, beside the rows that it moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Time {
    pub(crate) clock: Kept,
    /// When the region last came to rest with something changed.
    pub(crate) settled_at: Timestamp,
}

#[cfg(test)]
impl Time {
    /// Of a region in which nothing has happened.
    pub(crate) fn new() -> Self {
        Self {
            clock: Kept::default(),
            settled_at: Timestamp::UNIX_EPOCH,
        }
    }
}

/// Memory the database may use for pages it has read; the rows themselves live in the region.
const CACHE_BYTES: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the data folder {path} could not be made")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the store {path} is held by another process; is another region running on it?")]
    Held { path: PathBuf },
    #[error(
        "the store {path} is damaged: put back a copy of it, or remove the data folder to begin anew (`terrella destroy`)"
    )]
    Damaged {
        path: PathBuf,
        source: Box<redb::DatabaseError>,
    },
    #[error("the store {path} could not be opened{hint}")]
    Open {
        path: PathBuf,
        hint: &'static str,
        source: Box<redb::DatabaseError>,
    },
    #[error("the store could not be read: {0}")]
    Read(Box<redb::Error>),
    #[error("the store could not be written, {why}: {0}", why = why(.0))]
    Write(Box<redb::Error>),
    #[error(
        "the store holds a row that this Terrella cannot read: use the one that wrote it, or begin anew (`terrella destroy`)"
    )]
    Row(#[from] LoadError),
    #[error("what the store holds of the clock cannot be read")]
    Time(#[source] serde_json::Error),
    #[error("a defect was met; nothing was changed")]
    Panicked,
}

fn why(error: &redb::Error) -> &'static str {
    match error {
        redb::Error::Io(error) if is_full(error) => "because the disk is full: make room",
        _ => "which a disk that is full or broken may cause",
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    )
}

impl StoreError {
    /// Whether the database is of no use until it is opened again.
    fn broke_it(&self) -> bool {
        matches!(self, Self::Read(error) | Self::Write(error)
            if matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo))
    }
}

/// Rows by table and key, as they were.
type Before = BTreeMap<(&'static str, String), Option<Vec<u8>>>;

#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    /// `None` while it could not be opened again.
    database: RwLock<Option<Database>>,
    broken: AtomicBool,
    /// What a transaction that failed may have changed all the same.
    doubtful: Mutex<Before>,
}

impl Store {
    /// Opens `<data>/region.redb`.
    ///
    /// # Errors
    /// If the folder or the file cannot be made, another process holds it, or it is damaged.
    pub(crate) fn open(data: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(data).map_err(|source| StoreError::Folder {
            path: data.to_owned(),
            source,
        })?;
        let path = data.join("region.redb");
        Ok(Self {
            database: RwLock::new(Some(open(&path)?)),
            path,
            broken: AtomicBool::new(false),
            doubtful: Mutex::default(),
        })
    }

    /// Does something with the database, opening it again first where an error has closed it.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let held = self.database.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(database) = &*held
                && !self.broken.load(Ordering::Acquire)
            {
                let done = work(database);
                if done.as_ref().is_err_and(StoreError::broke_it) {
                    self.broken.store(true, Ordering::Release);
                }
                return done;
            }
            drop(held);
            self.open_again()?;
        }
    }

    fn open_again(&self) -> Result<(), StoreError> {
        let mut held = (self.database.write()).unwrap_or_else(PoisonError::into_inner);
        if held.is_none() || self.broken.load(Ordering::Acquire) {
            // It holds a lock on the file until it is dropped.
            *held = None;
            *held = Some(open(&self.path)?);
            self.broken.store(false, Ordering::Release);
            tracing::info!(path = %self.path.display(), "the store was opened again after an error");
        }
        Ok(())
    }

    /// Gives every stored row to the region; says how many there were.
    ///
    /// # Errors
    /// If the store cannot be read or a row is not one of this version's.
    pub(crate) fn load(&self, region: &mut Region) -> Result<usize, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(read)?;
            let table = match transaction.open_table(ROWS) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
                Err(error) => return Err(read(error)),
            };
            let mut rows = 0;
            for entry in table.iter().map_err(read)? {
                let (key, row) = entry.map_err(read)?;
                let (table, key) = key.value();
                region.load(table, key, row.value())?;
                rows += 1;
            }
            Ok(rows)
        })
    }

    /// What is kept of time; `None` in a store that nothing was written to.
    pub(crate) fn load_time(&self) -> Result<Option<Time>, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(read)?;
            let table = match transaction.open_table(TIME) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(read(error)),
            };
            let row = table.get(()).map_err(read)?;
            row.map(|row| serde_json::from_slice(row.value()).map_err(StoreError::Time))
                .transpose()
        })
    }

    /// Writes rows and the time with them, all or none; they are on disk when this returns. The events of a log stream
    /// go with its row.
    ///
    /// # Errors
    /// If they could not be written; then none is, at the latest when the next ones are.
    pub(crate) fn write(&self, changes: &[Change], time: &Time) -> Result<(), StoreError> {
        let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = Before::new();
        let written = self.with(|database| {
            let transaction = database.begin_write().map_err(write)?;
            {
                let mut table = transaction.open_table(ROWS).map_err(write)?;
                let mut put = |key: (&str, &str), row: Option<&[u8]>| {
                    let old = match row {
                        Some(row) => table.insert(key, row),
                        None => table.remove(key),
                    };
                    old.map(|old| old.map(|row| row.value().to_vec()))
                        .map_err(write)
                };
                for ((table, key), row) in &*doubtful {
                    put((*table, key.as_str()), row.as_deref())?;
                }
                for change in changes {
                    let old = put((change.table, change.key.as_str()), change.row.as_deref())?;
                    before.insert((change.table, change.key.clone()), old);
                }
            }
            {
                let mut table = transaction.open_table(TIME).map_err(write)?;
                let row = serde_json::to_vec(time).expect("it holds only what JSON can hold");
                table.insert((), row.as_slice()).map_err(write)?;
            }
            for (group, stream) in changes.iter().filter_map(stream::removed_by) {
                logs::forget(&transaction, &group, &stream)?;
            }
            transaction.commit().map_err(write)
        });
        match &written {
            Ok(()) => doubtful.clear(),
            Err(_) => doubtful.extend(before),
        }
        written
    }
}

fn open(path: &Path) -> Result<Database, StoreError> {
    Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create(path)
        .map_err(|error| refused(path, error))
}

fn refused(path: &Path, source: redb::DatabaseError) -> StoreError {
    use redb::{DatabaseError, StorageError};
    let path = path.to_owned();
    let hint = match &source {
        DatabaseError::DatabaseAlreadyOpen => return StoreError::Held { path },
        DatabaseError::Storage(StorageError::Io(error)) => match error.kind() {
            // What redb says of a file that does not begin as its own do.
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                return StoreError::Damaged {
                    path,
                    source: Box::new(source),
                };
            }
            _ if is_full(error) => " because the disk is full: make room",
            std::io::ErrorKind::PermissionDenied => {
                ": this user may not write it; use a data folder of this user's (--data-dir)"
            }
            std::io::ErrorKind::ReadOnlyFilesystem => {
                ": the file system is read-only; use another data folder (--data-dir)"
            }
            _ => "",
        },
        DatabaseError::Storage(StorageError::Corrupted(_)) | DatabaseError::RepairAborted => {
            return StoreError::Damaged {
                path,
                source: Box::new(source),
            };
        }
        DatabaseError::UpgradeRequired(_) => {
            ": an older Terrella wrote it, and this one cannot read that; begin anew with another data folder (--data-dir)"
        }
        _ => "",
    };
    StoreError::Open {
        path,
        hint,
        source: Box::new(source),
    }
}

pub(crate) fn read(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Read(Box::new(error.into()))
}

pub(crate) fn write(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Write(Box::new(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, row: Option<&str>) -> Change {
        Change {
            table: "t",
            key: key.to_owned(),
            row: row.map(|row| row.as_bytes().to_vec()),
        }
    }

    fn rows(store: &Store) -> Vec<(String, String)> {
        let all = store.with(|database| {
            let table = (database.begin_read().map_err(read)?)
                .open_table(ROWS)
                .map_err(read)?;
            let rows = table.iter().map_err(read)?.map(|entry| {
                let (key, row) = entry.expect("a row");
                let row = String::from_utf8(row.value().to_vec()).expect("text");
                (key.value().1.to_owned(), row)
            });
            Ok(rows.collect())
        });
        all.expect("read")
    }

    #[test]
    fn after_an_error_of_the_disk_the_store_is_opened_again() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path()).expect("a store");
        store
            .write(&[change("a", Some("1"))], &Time::new())
            .expect("written");
        let failed = store.with(|_| -> Result<(), StoreError> {
            Err(write(redb::Error::Io(
                std::io::ErrorKind::StorageFull.into(),
            )))
        });
        let text = failed.expect_err("the disk is full").to_string();
        assert!(
            text.contains("because the disk is full: make room"),
            "{text}"
        );
        store
            .write(&[change("b", Some("2"))], &Time::new())
            .expect("written");
        assert_eq!(
            rows(&store),
            [("a".into(), "1".into()), ("b".into(), "2".into())]
        );
    }

    #[test]
    fn what_may_have_been_written_is_undone_with_the_next_write() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path()).expect("a store");
        store
            .write(&[change("a", Some("1"))], &Time::new())
            .expect("written");
        // As if the commit of these had failed after it had reached the disk.
        store
            .write(
                &[change("a", Some("refused")), change("b", Some("refused"))],
                &Time::new(),
            )
            .expect("written");
        store.doubtful.lock().expect("it").extend([
            (("t", "a".to_owned()), Some(b"1".to_vec())),
            (("t", "b".to_owned()), None),
        ]);
        store
            .write(&[change("c", Some("3"))], &Time::new())
            .expect("written");
        assert_eq!(
            rows(&store),
            [("a".into(), "1".into()), ("c".into(), "3".into())]
        );
        assert!(store.doubtful.lock().expect("it").is_empty());
    }

    #[test]
    fn a_damaged_store_is_said_to_be_damaged_and_left_alone() {
        let data = tempfile::tempdir().expect("a folder");
        let path = data.path().join("region.redb");
        let write = |bytes: &[u8]| std::fs::write(&path, bytes).expect("written");
        Store::open(data.path()).expect("a store");
        let mut flipped = std::fs::read(&path).expect("it");
        for byte in &mut flipped[..64] {
            *byte ^= 0xff;
        }
        let cut = std::fs::read(&path).expect("it")[..1000].to_vec();
        for bytes in [b"this is not a store".to_vec(), flipped, cut] {
            write(&bytes);
            let error = Store::open(data.path()).expect_err("it is damaged");
            assert!(
                error.to_string().contains("is damaged"),
                "{error}: {:?}",
                std::error::Error::source(&error)
            );
            assert_eq!(std::fs::read(&path).expect("it"), bytes);
        }
    }

    #[test]
    fn a_store_has_one_user() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path()).expect("a store");
        let error = Store::open(data.path()).expect_err("it is held");
        assert!(error.to_string().contains("is another region running"));
        drop(store);
        Store::open(data.path()).expect("it is free");
    }
}
