//! Log events: bulk bytes that are kept on disk only, beside the region's rows.
//!
//! An event's key is its group, its stream and the order in which it came; its group and stream
//! are rows of the region, which knows every rule about them.

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use world::event::LogBatch;

use crate::store::{StoreError, read, write};

/// By group, stream and order of arrival.
const EVENTS: TableDefinition<(&str, &str, u64), &[u8]> = TableDefinition::new("log_events");
/// By group and stream, the last batch of a container's output that was kept.
const BATCHES: TableDefinition<(&str, &str), u64> = TableDefinition::new("log_batches");

/// One kept event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    pub timestamp: Timestamp,
    pub ingested_at: Timestamp,
    pub message: String,
}

/// Adds events to a stream, in the order given. They are on disk when this returns.
pub(crate) fn put(
    database: &Database,
    group: &str,
    stream: &str,
    events: &[LogEvent],
) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(write)?;
    append(&transaction, group, stream, events)?;
    transaction.commit().map_err(write)
}

/// Adds a container's output, unless it was added before. Says whether it was new.
pub(crate) fn put_batch(
    database: &Database,
    batch: &LogBatch,
    ingested_at: Timestamp,
) -> Result<bool, StoreError> {
    let transaction = database.begin_write().map_err(write)?;
    let key = (batch.group.as_str(), batch.stream.as_str());
    {
        let mut batches = transaction.open_table(BATCHES).map_err(write)?;
        let last = batches.get(key).map_err(write)?.map(|last| last.value());
        if last.is_some_and(|last| last >= batch.sequence) {
            return Ok(false);
        }
        batches.insert(key, batch.sequence).map_err(write)?;
    }
    let events: Vec<LogEvent> = batch
        .lines
        .iter()
        .map(|line| LogEvent {
            timestamp: line.at,
            ingested_at,
            message: line.message.clone(),
        })
        .collect();
    append(&transaction, &batch.group, &batch.stream, &events)?;
    transaction.commit().map_err(write)?;
    Ok(true)
}

fn append(
    transaction: &redb::WriteTransaction,
    group: &str,
    stream: &str,
    events: &[LogEvent],
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(EVENTS).map_err(write)?;
    let first = table
        .range((group, stream, 0)..=(group, stream, u64::MAX))
        .map_err(write)?
        .next_back()
        .transpose()
        .map_err(write)?
        .map_or(0, |(key, _)| key.value().2 + 1);
    for (number, event) in (first..).zip(events) {
        let bytes = serde_json::to_vec(event).expect("an event holds only what JSON can hold");
        table
            .insert((group, stream, number), bytes.as_slice())
            .map_err(write)?;
    }
    Ok(())
}

/// Every event of a stream from the one numbered `from`, with its number, at most `most` of them.
pub(crate) fn read_stream(
    database: &Database,
    group: &str,
    stream: &str,
    from: u64,
    most: usize,
) -> Result<Vec<(u64, LogEvent)>, StoreError> {
    let transaction = database.begin_read().map_err(read)?;
    let table = match transaction.open_table(EVENTS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut events = Vec::new();
    for entry in table
        .range((group, stream, from)..=(group, stream, u64::MAX))
        .map_err(read)?
        .take(most)
    {
        let (key, bytes) = entry.map_err(read)?;
        if let Ok(event) = serde_json::from_slice(bytes.value()) {
            events.push((key.value().2, event));
        }
    }
    Ok(events)
}

/// Forgets every event of a stream.
pub(crate) fn forget_stream(
    database: &Database,
    group: &str,
    stream: &str,
) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(write)?;
    {
        let mut events = transaction.open_table(EVENTS).map_err(write)?;
        events
            .retain_in((group, stream, 0)..=(group, stream, u64::MAX), |_, _| false)
            .map_err(write)?;
        let mut batches = transaction.open_table(BATCHES).map_err(write)?;
        batches.remove((group, stream)).map_err(write)?;
    }
    transaction.commit().map_err(write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::event::LogLine;

    fn event(message: &str) -> LogEvent {
        LogEvent {
            timestamp: Timestamp::UNIX_EPOCH,
            ingested_at: Timestamp::UNIX_EPOCH,
            message: message.to_owned(),
        }
    }

    #[test]
    fn streams_are_apart_and_batches_count_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = crate::Store::open(folder.path()).expect("a store");
        let database = store.database();
        put(database, "g", "a", &[event("1"), event("2")]).expect("kept");
        put(database, "g", "b", &[event("x")]).expect("kept");
        let batch = LogBatch {
            group: "g".to_owned(),
            stream: "a".to_owned(),
            sequence: 1,
            lines: vec![LogLine {
                at: Timestamp::UNIX_EPOCH,
                message: "3".to_owned(),
            }],
        };
        assert!(put_batch(database, &batch, Timestamp::UNIX_EPOCH).expect("kept"));
        assert!(!put_batch(database, &batch, Timestamp::UNIX_EPOCH).expect("known"));
        let messages = |stream, from| -> Vec<String> {
            read_stream(database, "g", stream, from, 10)
                .expect("read")
                .into_iter()
                .map(|(_, event)| event.message)
                .collect()
        };
        assert_eq!(messages("a", 0), ["1", "2", "3"]);
        assert_eq!(messages("a", 2), ["3"]);
        assert_eq!(messages("b", 0), ["x"]);
        forget_stream(database, "g", "a").expect("forgotten");
        assert!(messages("a", 0).is_empty());
        assert_eq!(messages("b", 0), ["x"]);
    }
}
