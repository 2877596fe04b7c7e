//! Databases: PostgreSQL servers from the machine's own packages, each behind its interface.
//!
//! A thread a database brings what is there to what is wanted, a step at a time: [`decide`] says
//! which, [`worker`] does it. Servers outlive the executor and are found again by their files.

mod certificate;
mod decide;
pub(crate) mod enter;
mod files;
mod manager;
mod server;
mod settings;
mod versions;
mod worker;

pub use manager::Databases;
pub(crate) use server::logs as server_logs;
pub use versions::{Installed, installed_versions};
