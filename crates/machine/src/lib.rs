//! The world for real: namespaces, packets, containers, databases and balancer processes.
//!
//! It makes what [`world::World`] says and tells what happened. It knows no AWS API, and it runs
//! as a process of its own that outlives the control plane: see [`start`] for who starts whom.

pub mod client;
pub mod database;
pub mod host;
pub mod start;
pub mod task;

mod anchor;
mod balancers;
mod control;
mod error;
mod exec;
mod executor;
mod keeper;
mod netns;
mod network;
mod outbox;
mod probe;
mod roles;

pub use error::{Failure, chain};
pub use roles::{OWN_PROGRAM, main};
pub use start::{Machine, Options, remove, start, stop, sweep};
