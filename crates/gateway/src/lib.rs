//! The region's front door: HTTP, signatures, permissions, and dispatch to the control plane.

pub mod sigv4;
