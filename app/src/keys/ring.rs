//! The keys in use, remembered for a moment, so that each request does not ask the database.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use moka::future::Cache;

use super::{Key, KeyStore, Token};
use crate::database::{Database, DatabaseError};

/// How long a key that was given up may still work in this task.
const STALE: Duration = Duration::from_secs(5);
const MAX_KEYS: u64 = 10_000;

type Known = Option<(Arc<Key>, Arc<[u8]>)>;

/// Finds keys by their tokens.
pub struct Ring {
    database: Arc<Database>,
    known: Cache<String, Known>,
}

impl Ring {
    pub fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            known: Cache::builder()
                .max_capacity(MAX_KEYS)
                .time_to_live(STALE)
                .build(),
        }
    }

    /// The key of this token, if it is valid.
    pub async fn find(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<Arc<Key>>, Arc<DatabaseError>> {
        let load = async {
            let found = KeyStore(&self.database).find(token.id()).await?;
            Ok(found.map(|(key, hash)| (Arc::new(key), Arc::from(hash))))
        };
        let known = self.known.try_get_with_by_ref(token.id(), load).await?;
        Ok(known
            .filter(|(key, hash)| token.matches(hash) && key.is_valid(now))
            .map(|(key, _)| key))
    }
}
