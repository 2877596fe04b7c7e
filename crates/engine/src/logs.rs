//! Log events: bulk bytes that are kept on disk only, beside the region's rows.
//!
//! An event's key is its group, its stream and the order in which it came; its group and stream
//! are rows of the region, which knows every rule about them.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use world::event::LogBatch;

use crate::store::{Store, StoreError, read, write};

/// By group, stream and order of arrival.
const EVENTS: TableDefinition<(&str, &str, u64), &[u8]> = TableDefinition::new("log_events");
/// By group and stream, the last batch of a container's output that was kept.
const BATCHES: TableDefinition<(&str, &str), u64> = TableDefinition::new("log_batches");
/// By group and stream, the number of the event that comes next.
const NEXT: TableDefinition<(&str, &str), u64> = TableDefinition::new("log_next");

/// What AWS counts for each event beside its message.
const EVENT_BYTES: u64 = 26;

/// One kept event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    pub timestamp: Timestamp,
    pub ingested_at: Timestamp,
    pub message: String,
}

/// Adds events to a stream, in the order given. They are on disk when this returns.
pub(crate) fn put(
    store: &Store,
    group: &str,
    stream: &str,
    events: &[LogEvent],
) -> Result<(), StoreError> {
    store.with(|database| {
        let transaction = database.begin_write().map_err(write)?;
        append(&transaction, group, stream, events)?;
        transaction.commit().map_err(write)
    })
}

/// Adds a container's output, unless it was added before. Says whether it was new.
pub(crate) fn put_batch(
    store: &Store,
    batch: &LogBatch,
    ingested_at: Timestamp,
) -> Result<bool, StoreError> {
    let events: Vec<LogEvent> = batch
        .lines
        .iter()
        .map(|line| LogEvent {
            timestamp: line.at,
            ingested_at,
            message: line.message.clone(),
        })
        .collect();
    let key = (batch.group.as_str(), batch.stream.as_str());
    store.with(|database| {
        let transaction = database.begin_write().map_err(write)?;
        {
            let mut batches = transaction.open_table(BATCHES).map_err(write)?;
            let last = batches.get(key).map_err(write)?.map(|last| last.value());
            if last.is_some_and(|last| last >= batch.sequence) {
                return Ok(false);
            }
            batches.insert(key, batch.sequence).map_err(write)?;
        }
        append(&transaction, &batch.group, &batch.stream, &events)?;
        transaction.commit().map_err(write)?;
        Ok(true)
    })
}

fn append(
    transaction: &WriteTransaction,
    group: &str,
    stream: &str,
    events: &[LogEvent],
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(EVENTS).map_err(write)?;
    let mut next = transaction.open_table(NEXT).map_err(write)?;
    // The last event may have been removed for its age; its number is not given again.
    let counted = (next.get((group, stream)).map_err(write)?).map_or(0, |next| next.value());
    let first = table
        .range(whole(group, stream))
        .map_err(write)?
        .next_back()
        .transpose()
        .map_err(write)?
        .map_or(counted, |(key, _)| counted.max(key.value().2 + 1));
    let mut number = first;
    for event in events {
        let bytes = serde_json::to_vec(event).expect("an event holds only what JSON can hold");
        table
            .insert((group, stream, number), bytes.as_slice())
            .map_err(write)?;
        number += 1;
    }
    next.insert((group, stream), number).map_err(write)?;
    Ok(())
}

fn whole<'a>(group: &'a str, stream: &'a str) -> RangeInclusive<(&'a str, &'a str, u64)> {
    (group, stream, 0)..=(group, stream, u64::MAX)
}

/// Every event of a stream from the one numbered `from`, with its number, at most `most` of them.
pub(crate) fn read_stream(
    store: &Store,
    group: &str,
    stream: &str,
    from: u64,
    most: usize,
) -> Result<Vec<(u64, LogEvent)>, StoreError> {
    store.with(|database| {
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
    })
}

/// Forgets every event of a stream.
pub(crate) fn forget(
    transaction: &WriteTransaction,
    group: &str,
    stream: &str,
) -> Result<(), StoreError> {
    let mut events = transaction.open_table(EVENTS).map_err(write)?;
    events
        .retain_in(whole(group, stream), |_, _| false)
        .map_err(write)?;
    let mut batches = transaction.open_table(BATCHES).map_err(write)?;
    batches.remove((group, stream)).map_err(write)?;
    let mut next = transaction.open_table(NEXT).map_err(write)?;
    next.remove((group, stream)).map_err(write)?;
    Ok(())
}

/// Removes the events of a stream that happened before a moment, and those that cannot be read.
/// Gives what is left.
pub(crate) fn remove_before(
    store: &Store,
    group: &str,
    stream: &str,
    moment: Timestamp,
) -> Result<Rest, StoreError> {
    let mut rest = Rest::default();
    let mut removed = false;
    let keep = |bytes: &[u8], rest: &mut Rest| {
        let event: Option<LogEvent> = serde_json::from_slice(bytes).ok();
        let Some(event) = event.filter(|event| event.timestamp >= moment) else {
            return false;
        };
        rest.oldest = Some(
            rest.oldest
                .map_or(event.timestamp, |at| at.min(event.timestamp)),
        );
        rest.bytes += event.message.len() as u64 + EVENT_BYTES;
        true
    };
    store.with(|database| {
        let transaction = database.begin_write().map_err(write)?;
        {
            let mut events = transaction.open_table(EVENTS).map_err(write)?;
            events
                .retain_in(whole(group, stream), |_, bytes| {
                    let kept = keep(bytes, &mut rest);
                    removed |= !kept;
                    kept
                })
                .map_err(write)?;
        }
        if removed {
            transaction.commit().map_err(write)
        } else {
            transaction.abort().map_err(write)
        }
    })?;
    Ok(rest)
}

/// What is left of a stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) oldest: Option<Timestamp>,
    /// As AWS counts them.
    pub(crate) bytes: u64,
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
        let store = &Store::open(folder.path()).expect("a store");
        put(store, "g", "a", &[event("1"), event("2")]).expect("kept");
        put(store, "g", "b", &[event("x")]).expect("kept");
        let batch = LogBatch {
            group: "g".to_owned(),
            stream: "a".to_owned(),
            sequence: 1,
            lines: vec![LogLine {
                at: Timestamp::UNIX_EPOCH,
                message: "3".to_owned(),
            }],
        };
        assert!(put_batch(store, &batch, Timestamp::UNIX_EPOCH).expect("kept"));
        assert!(!put_batch(store, &batch, Timestamp::UNIX_EPOCH).expect("known"));
        let messages = |stream, from| -> Vec<String> {
            read_stream(store, "g", stream, from, 10)
                .expect("read")
                .into_iter()
                .map(|(_, event)| event.message)
                .collect()
        };
        assert_eq!(messages("a", 0), ["1", "2", "3"]);
        assert_eq!(messages("a", 2), ["3"]);
        assert_eq!(messages("b", 0), ["x"]);
        let end = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1);
        let all = remove_before(store, "g", "a", Timestamp::UNIX_EPOCH).expect("looked");
        assert_eq!(all.bytes, 3 * 27);
        let late = LogEvent {
            timestamp: end,
            ..event("late")
        };
        put(store, "g", "a", &[late]).expect("kept");
        let rest = remove_before(store, "g", "a", end).expect("removed");
        let expected = Rest {
            oldest: Some(end),
            bytes: 30,
        };
        assert_eq!(rest, expected);
        assert_eq!(messages("a", 0), ["late"]);
        remove_before(store, "g", "a", Timestamp::MAX).expect("removed");
        put(store, "g", "a", &[event("5")]).expect("kept");
        // Numbers are not given twice: readers hold them.
        assert_eq!(messages("a", 4), ["5"]);
        assert_eq!(messages("b", 0), ["x"]);
        let row = region::table::Change {
            table: "logs.streams",
            key: "g\u{1f}a".to_owned(),
            row: None,
        };
        store.write(&[row], &crate::Time::new()).expect("forgotten");
        assert!(messages("a", 0).is_empty());
        assert_eq!(messages("b", 0), ["x"]);
    }
}
