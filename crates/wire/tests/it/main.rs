//! What the crate does, seen from outside.

mod random;
mod services;
mod validation;
mod vectors;
