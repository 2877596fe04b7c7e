//! The region's front door: HTTP, signatures, permissions, and dispatch to the control plane.

pub mod keys;
pub mod s3;
pub mod sigv4;
