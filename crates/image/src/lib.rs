//! Builds an OCI image from one static binary, reproducibly and without a container engine, and pushes it to a
//! registry.
//!
//! Knows files, tar and the registry's protocol; knows nothing of AWS or of how images are run.

mod binary;
mod builder;
mod canonical;
mod error;
mod layer;
mod layout;
mod push;
mod reference;
mod registry;

pub use self::binary::Architecture;
pub use self::builder::{Builder, Built};
pub use self::error::{BinaryError, BuildError, LayoutError, PushError, ReferenceError};
pub use self::push::{Pushed, push};
pub use self::reference::Reference;
pub use self::registry::Credentials;
