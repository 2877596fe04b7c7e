//! ECR: repositories and what is in them. The gateway speaks the registry's own protocol and
//! keeps the bytes of layers.

pub mod image;
pub mod manifest;
mod state;

pub use state::{Descriptor, Entry, Holds, Manifest, State};

use crate::Service;

pub(crate) const SERVICE: Service = Service::new("ecr", |_| None);
