//! The world for real: namespaces, packets, containers, databases and balancer processes.
//!
//! It makes what [`world::World`] says and tells what happened. It knows no AWS API, and it runs
//! as a process of its own that outlives the control plane.

pub mod host;
