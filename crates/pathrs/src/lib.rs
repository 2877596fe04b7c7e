//! Paths that a container's files cannot lead astray, for `libcontainer`.
//!
//! `libcontainer` and `libcgroups` name the files of a container's root ([`Root`]) and of procfs
//! ([`procfs::ProcfsHandle`]) through a crate of this name whose licence is copyleft. This one
//! was written for what those two call, on top of `openat2(2)` (Linux 5.6), and takes its place
//! in the workspace's manifest. What they do not call is not here.

pub mod error;
pub mod flags;
pub mod procfs;

mod root;

pub use root::{Handle, Root};
