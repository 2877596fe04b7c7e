//! The one error type that every protocol can render.

use std::borrow::Cow;
use std::fmt;

use crate::schema::Schema;
use crate::shape::ShapeError;
use crate::value::Value;

/// An error as AWS gives it to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// The code, for example `DBInstanceNotFound`.
    pub code: Cow<'static, str>,
    /// The shape's name where the model has one; JSON and CBOR answers carry it as `__type`.
    pub shape: Option<&'static str>,
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    pub fault: Fault,
    /// Further members of the modelled error, for example `resourceType`.
    pub fields: Vec<(Cow<'static, str>, Value)>,
}

/// Who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Sender,
    Receiver,
}

impl Error {
    /// An error by its code; a status of 500 and above is our fault, any other the caller's.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        status: u16,
        message: impl Into<String>,
    ) -> Self {
        let fault = if status >= 500 {
            Fault::Receiver
        } else {
            Fault::Sender
        };
        Self {
            code: code.into(),
            shape: None,
            message: message.into(),
            status,
            fault,
            fields: Vec::new(),
        }
    }

    /// An error that the model describes.
    pub fn modelled(schema: &'static Schema, message: impl Into<String>) -> Self {
        let mut error = match schema.error {
            Some(how) => Self::new(how.code, how.status, message),
            None => Self::new(schema.name, 400, message),
        };
        if schema.error.is_some_and(|how| !how.sender) {
            error.fault = Fault::Receiver;
        }
        error.shape = Some(schema.name);
        error
    }

    /// Adds a member that the modelled error has.
    #[must_use]
    pub fn with(mut self, member: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.fields.push((member.into(), value.into()));
        self
    }

    /// Something that should not have happened here. The message says what, for the log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailure", 500, message)
    }

    /// An operation that AWS has and this region does not.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        let message =
            format!("Terrella does not implement the operation {operation} of {service}.");
        Self::new("NotImplemented", 501, message)
    }

    /// What JSON and CBOR answers call it.
    pub fn type_name(&self) -> &str {
        self.shape.unwrap_or(&self.code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl From<ShapeError> for Error {
    /// Validation runs before a shape is built, so this says that the value came from elsewhere
    /// or that validation let it through.
    fn from(error: ShapeError) -> Self {
        Self::new(
            "ValidationException",
            400,
            format!("The request does not have the expected shape: {error}"),
        )
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Self::List(list.into_iter().map(Self::String).collect())
    }
}
