//! Tasks: OCI containers behind one network interface, each task run by a shim of its own.
//!
//! [`Tasks`] starts shims, passes on what they say, and survives being restarted: everything it
//! needs to find its tasks again is in files.

pub(crate) mod cgroup;
mod container;
mod execute;
mod image;
mod layers;
mod logs;
mod manager;
mod requirement;
mod rootfs;
pub mod shim;
mod spec;
mod status;
mod supervise;
#[cfg(test)]
mod testing;

pub use manager::Tasks;
