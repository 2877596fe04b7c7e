//! The control plane: a deterministic state machine that takes API calls, what the world said
//! and the passing of time, and says what should exist.
//!
//! It does no I/O, reads no clock and rolls no dice: those come in by the [`Context`]. State is
//! rows in [`table::Table`]s; whoever drives it makes a call's changes durable before it answers.
//! One module per AWS service lives under [`services`]. A service owns its tables; another reads
//! and changes them only through its public functions.

pub mod context;
pub mod dispatch;
pub mod page;
pub mod services;
mod state;
pub mod table;
#[cfg(test)]
mod testing;

pub use context::{Caller, Context, Settings, Tags};
pub use dispatch::{Handler, Service};
pub use state::Region;
pub use wire::{Error, Value};
