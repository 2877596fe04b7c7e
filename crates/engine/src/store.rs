//! Rows on disk: one table of an embedded database, written in the transaction that a call waits
//! for.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use region::Region;
use region::table::{Change, LoadError};

const ROWS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("rows");

/// Memory the database may use for pages it has read; the rows themselves live in the region.
const CACHE_BYTES: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the data folder {path} could not be made")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the store {path} could not be opened; is another region running on it?")]
    Open {
        path: PathBuf,
        source: Box<redb::DatabaseError>,
    },
    #[error("the store could not be read")]
    Read(#[source] Box<redb::Error>),
    #[error("the store could not be written; is the disk full?")]
    Write(#[source] Box<redb::Error>),
    #[error("the store holds a row that cannot be read")]
    Row(#[from] LoadError),
    #[error("a defect was met; nothing was changed")]
    Panicked,
}

#[derive(Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens `<data>/region.redb`.
    ///
    /// # Errors
    /// If the folder or the file cannot be made, or another process holds it.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(data).map_err(|source| StoreError::Folder {
            path: data.to_owned(),
            source,
        })?;
        let path = data.join("region.redb");
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
            .map_err(|source| StoreError::Open {
                path,
                source: Box::new(source),
            })?;
        Ok(Self { database })
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Gives every stored row to the region; says how many there were.
    ///
    /// # Errors
    /// If the store cannot be read or a row is not one of this version's.
    pub fn load(&self, region: &mut Region) -> Result<usize, StoreError> {
        let transaction = self.database.begin_read().map_err(read)?;
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
    }

    /// Writes rows, all or none; they are on disk when this returns.
    ///
    /// # Errors
    /// If they could not be written; then none is.
    pub fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let transaction = self.database.begin_write().map_err(write)?;
        {
            let mut table = transaction.open_table(ROWS).map_err(write)?;
            for change in changes {
                let key = (change.table, change.key.as_str());
                match &change.row {
                    Some(row) => table.insert(key, row.as_slice()).map_err(write)?,
                    None => table.remove(key).map_err(write)?,
                };
            }
        }
        transaction.commit().map_err(write)
    }
}

pub(crate) fn read(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Read(Box::new(error.into()))
}

pub(crate) fn write(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Write(Box::new(error.into()))
}
