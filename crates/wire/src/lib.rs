//! AWS's wire protocols, typed. A first cut: the vocabulary that services code against.

use std::borrow::Cow;

/// A request's or answer's content, whatever protocol carried it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

/// An AWS error.
#[derive(Debug, Clone)]
pub struct Error {
    pub code: Cow<'static, str>,
    pub message: String,
    pub status: u16,
}

impl Error {
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        status: u16,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status,
        }
    }
}

/// A modelled structure.
pub trait Shape: Sized {
    fn from_value(value: Value) -> Result<Self, Error>;
    fn into_value(self) -> Value;
}

/// A modelled operation.
pub trait Operation {
    type Input: Shape;
    type Output: Shape;
}
