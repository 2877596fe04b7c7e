//! The one tree that every protocol reads into and writes from.

use bytes::Bytes;
use jiff::Timestamp;

/// A request, an answer or a part of one. It says what was sent; its [`Schema`](crate::Schema)
/// says what it means.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A null in a list or a map. A null member is an absent one.
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Blob(Bytes),
    Timestamp(Timestamp),
    Document(serde_json::Value),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    Struct(Members),
}

impl Value {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub fn as_struct(&self) -> Option<&Members> {
        match self {
            Self::Struct(members) => Some(members),
            _ => None,
        }
    }

    /// What kind of value it is, for errors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Blob(_) => "blob",
            Self::Timestamp(_) => "timestamp",
            Self::Document(_) => "document",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Struct(_) => "structure",
        }
    }
}

/// A structure's present members by their place in its schema, in that order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(Vec<(u16, Value)>);

impl Members {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get(&self, index: u16) -> Option<&Value> {
        let at = self
            .0
            .binary_search_by_key(&index, |(index, _)| *index)
            .ok()?;
        Some(&self.0[at].1)
    }

    /// Sets a member, replacing what was there.
    pub fn set(&mut self, index: u16, value: Value) {
        match self.0.last() {
            Some((last, _)) if *last >= index => {
                match self.0.binary_search_by_key(&index, |(index, _)| *index) {
                    Ok(at) => self.0[at].1 = value,
                    Err(at) => self.0.insert(at, (index, value)),
                }
            }
            _ => self.0.push((index, value)),
        }
    }

    pub fn remove(&mut self, index: u16) -> Option<Value> {
        let at = self
            .0
            .binary_search_by_key(&index, |(index, _)| *index)
            .ok()?;
        Some(self.0.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, &Value)> {
        self.0.iter().map(|(index, value)| (*index, value))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for Members {
    type Item = (u16, Value);
    type IntoIter = std::vec::IntoIter<(u16, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
