//! AWS's wire protocols, server side, typed from the API models in `models/`.
//!
//! One [`Value`] tree stands between the protocols and the typed shapes: a protocol reads and
//! writes values by [`Schema`], and generated structures convert to and from values. So there is
//! no codec per type, and a protocol is written once. This crate knows no service's rules.

mod cbor;
pub mod error;
mod form;
#[expect(
    clippy::pedantic,
    reason = "generated code follows the models, not the lints"
)]
mod generated;
pub mod json;
pub mod protocol;
pub mod request;
mod scalar;
pub mod schema;
pub mod shape;
pub mod time;
pub mod validate;
pub mod value;
mod xml;

pub use error::{Error, Fault};
pub use generated::*;
pub use protocol::{parse, protocol_of, render, render_error, route};
pub use request::{RequestParts, decompress};
pub use schema::{Kind, Location, Member, OperationSchema, ProtocolKind, Schema, ServiceSchema};
pub use shape::{Operation, Shape, ShapeError, Stored, Unit, same};
pub use validate::{ValidationFailure, validate, validate_input};
pub use value::{Members, Value};

#[doc(hidden)]
pub use serde;

/// A service by its id, which is its module's name.
pub fn service(id: &str) -> Option<&'static ServiceSchema> {
    SERVICES.iter().find(|service| service.id == id).copied()
}

/// What generated code needs, under one short name so that no shape can hide it.
mod rt {
    pub(crate) use std::collections::BTreeMap as Map;

    pub(crate) use bytes::Bytes;
    pub(crate) use jiff::Timestamp;
    pub(crate) use serde_json::Value as Document;

    pub(crate) use crate::schema::{
        ErrorSchema, Kind, Location, Member, OperationSchema, ProtocolKind, Schema, ServiceSchema,
        UNIT,
    };
    pub(crate) use crate::shape::{
        Operation, Shape, ShapeError, Unit, debug, fill, put, put_box, set, set_box,
    };
    pub(crate) use crate::value::{Members, Value};
}
