//! Rows: what the control plane remembers, with a journal so that a call is kept whole or not
//! at all.
//!
//! A [`Table`] is an ordered map in memory. Every change is journalled; when a call succeeds its
//! [`Change`]s are handed to the store that makes them durable, and only then is the journal
//! dropped. When the call fails the journal puts the old rows back.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A key of a table: ordered, and with a text form under which the row is stored.
pub trait Key: Ord + Clone {
    fn to_text(&self) -> String;
    /// `None` if the text was not written by `to_text`.
    fn from_text(text: &str) -> Option<Self>;
}

impl Key for String {
    fn to_text(&self) -> String {
        self.clone()
    }
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// Two parts, kept apart by a character no AWS name may hold.
impl Key for (String, String) {
    fn to_text(&self) -> String {
        format!("{}\u{1f}{}", self.0, self.1)
    }
    fn from_text(text: &str) -> Option<Self> {
        let (first, second) = text.split_once('\u{1f}')?;
        Some((first.to_owned(), second.to_owned()))
    }
}

impl Key for (String, u64) {
    fn to_text(&self) -> String {
        format!("{}\u{1f}{:020}", self.0, self.1)
    }
    fn from_text(text: &str) -> Option<Self> {
        let (first, second) = text.split_once('\u{1f}')?;
        Some((first.to_owned(), second.parse().ok()?))
    }
}

/// A row as it is stored.
pub trait Row: Clone + Serialize + DeserializeOwned {}
impl<T: Clone + Serialize + DeserializeOwned> Row for T {}

/// One row that has to be written (`Some`) or removed (`None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub table: &'static str,
    pub key: String,
    pub row: Option<Vec<u8>>,
}

/// Why stored rows could not be taken back.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("there is no table {table}; the data was written by a newer version")]
    Table { table: String },
    #[error("row {key:?} of table {table} has a key that is not of this table")]
    Key { table: &'static str, key: String },
    #[error("row {key:?} of table {table} could not be read")]
    Row {
        table: &'static str,
        key: String,
        source: serde_json::Error,
    },
}

#[derive(Debug)]
pub struct Table<K, V> {
    name: &'static str,
    rows: BTreeMap<K, V>,
    /// The rows as they were before the call that is under way.
    journal: BTreeMap<K, Option<V>>,
    /// Grows with every change.
    version: u64,
}

impl<K: Key, V: Row> Table<K, V> {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: BTreeMap::new(),
            journal: BTreeMap::new(),
            version: 0,
        }
    }

    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.rows.get(key)
    }

    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.rows.contains_key(key)
    }

    /// All rows, ordered by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.rows.iter()
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.rows.values()
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.rows.keys()
    }

    /// The rows of a range of keys, in order.
    pub fn range<R: std::ops::RangeBounds<K>>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn insert(&mut self, key: K, row: V) {
        self.version += 1;
        let old = self.rows.insert(key.clone(), row);
        self.journal.entry(key).or_insert(old);
    }

    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (key, old) = self.rows.remove_entry(key)?;
        self.version += 1;
        self.journal.entry(key).or_insert_with(|| Some(old.clone()));
        Some(old)
    }

    /// A row to change in place. It counts as changed even if it is not: look with [`Self::get`]
    /// first, or a reconciler never comes to rest.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (own, _) = self
            .rows
            .range((
                std::ops::Bound::Included(key),
                std::ops::Bound::Included(key),
            ))
            .next()?;
        let own = own.clone();
        let row = self.rows.get_mut(key)?;
        self.version += 1;
        self.journal.entry(own).or_insert_with(|| Some(row.clone()));
        Some(row)
    }

    /// Removes every row for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let gone: Vec<K> = self
            .rows
            .iter()
            .filter(|(key, row)| !keep(key, row))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.remove(&key);
        }
    }
}

/// A table whatever it holds, for the code that keeps all of them.
pub trait AnyTable {
    fn name(&self) -> &'static str;
    fn changed(&self) -> bool;
    /// Grows with every change, also with one that is rolled back later, and with the rollback:
    /// what was worked out from the rows is right as long as this is what it was.
    fn version(&self) -> u64;
    /// What the call under way changed, as rows to store.
    fn changes(&self, into: &mut Vec<Change>);
    /// Keeps what the call changed.
    fn commit(&mut self);
    /// Puts back what the call changed.
    fn rollback(&mut self);
    /// Takes a stored row back, without journalling it.
    fn load(&mut self, key: &str, row: &[u8]) -> Result<(), LoadError>;
    /// Removes every row, journalled.
    fn clear(&mut self);
}

impl<K: Key, V: Row> AnyTable for Table<K, V> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn changed(&self) -> bool {
        !self.journal.is_empty()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn changes(&self, into: &mut Vec<Change>) {
        for key in self.journal.keys() {
            into.push(Change {
                table: self.name,
                key: key.to_text(),
                row: self
                    .rows
                    .get(key)
                    .map(|row| serde_json::to_vec(row).expect("rows hold only what JSON can hold")),
            });
        }
    }

    fn commit(&mut self) {
        self.journal.clear();
    }

    fn rollback(&mut self) {
        if !self.journal.is_empty() {
            self.version += 1;
        }
        for (key, old) in std::mem::take(&mut self.journal) {
            match old {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    fn load(&mut self, key: &str, row: &[u8]) -> Result<(), LoadError> {
        let parsed = K::from_text(key).ok_or_else(|| LoadError::Key {
            table: self.name,
            key: key.to_owned(),
        })?;
        let row = serde_json::from_slice(row).map_err(|source| LoadError::Row {
            table: self.name,
            key: key.to_owned(),
            source,
        })?;
        self.rows.insert(parsed, row);
        Ok(())
    }

    fn clear(&mut self) {
        self.retain(|_, _| false);
    }
}

/// The tables of one service: a struct of [`Table`]s whose stored names are
/// `<service>.<field>`.
#[macro_export]
macro_rules! tables {
    ($(#[$meta:meta])* $service:literal { $($(#[$doc:meta])* $field:ident: $key:ty => $row:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct State {
            $($(#[$doc])* pub $field: $crate::table::Table<$key, $row>,)*
        }

        impl Default for State {
            fn default() -> Self {
                Self { $($field: $crate::table::Table::new(concat!($service, ".", stringify!($field))),)* }
            }
        }

        impl $crate::table::Tables for State {
            fn tables(&self) -> Vec<&dyn $crate::table::AnyTable> { vec![$(&self.$field),*] }
            fn tables_mut(&mut self) -> Vec<&mut dyn $crate::table::AnyTable> { vec![$(&mut self.$field),*] }
        }
    };
}

pub trait Tables {
    fn tables(&self) -> Vec<&dyn AnyTable>;
    fn tables_mut(&mut self) -> Vec<&mut dyn AnyTable>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table<String, u32> {
        Table::new("test.rows")
    }

    #[test]
    fn a_change_says_the_row_as_it_is_now() {
        let mut table = table();
        table.insert("a".into(), 1);
        *table.get_mut("a").expect("it was inserted") = 2;
        table.insert("b".into(), 3);
        table.remove("b");
        let mut changes = Vec::new();
        table.changes(&mut changes);
        assert_eq!(
            changes,
            [
                Change {
                    table: "test.rows",
                    key: "a".into(),
                    row: Some(b"2".to_vec())
                },
                Change {
                    table: "test.rows",
                    key: "b".into(),
                    row: None
                },
            ]
        );
    }

    proptest! {
        #[test]
        fn rollback_restores_and_changes_replay(
            before in proptest::collection::btree_map("[a-d]", 0u32..9, 0..4),
            steps in proptest::collection::vec(("[a-d]", proptest::option::of(0u32..9)), 0..12),
        ) {
            let mut table = table();
            let mut stored = table.rows.clone();
            for (key, row) in &before {
                table.insert(key.clone(), *row);
                stored.insert(key.clone(), *row);
            }
            table.commit();
            for (key, row) in &steps {
                match row {
                    Some(row) if table.contains(key) => *table.get_mut(key).expect("checked") = *row,
                    Some(row) => table.insert(key.clone(), *row),
                    None => { table.remove(key); }
                }
            }
            let mut changes = Vec::new();
            table.changes(&mut changes);
            for change in changes {
                match change.row {
                    Some(row) => { stored.insert(change.key, serde_json::from_slice(&row).expect("a number")); }
                    None => { stored.remove(&change.key); }
                }
            }
            prop_assert_eq!(&stored, &table.rows);
            table.rollback();
            prop_assert_eq!(before, table.rows);
        }
    }
}
