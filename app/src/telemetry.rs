//! What the process tells about itself beside its log: metrics and traces.

pub mod emf;
mod metrics;
pub mod traces;

pub use self::metrics::{Metrics, metrics};
