//! XML, as much of it as AWS's protocols use: a writer, and a reader into a small tree.

mod read;
mod write;

pub(crate) use read::document;
pub(crate) use write::{Writer, write_members, write_payload};
