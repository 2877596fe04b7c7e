//! What a link is: a slug and a target, each checked when it is made, and the rows that keep them.

mod slug;
mod store;
mod target;
mod timestamp;

pub use self::slug::Slug;
pub use self::store::{Created, Link, Store};
pub use self::target::Target;
