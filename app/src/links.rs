//! What a link is, each part checked when it is made, and the rows that keep them.

mod change;
mod list;
mod note;
mod once;
mod slug;
mod store;
mod target;

use jiff::Timestamp;

pub use self::change::{Change, Changed, Precondition};
pub use self::list::{Cursor, List, Listed, MAX_LIMIT};
pub use self::note::Note;
pub use self::once::{Answer, Once};
pub use self::slug::Slug;
pub use self::store::{Created, Imported, Removed, Store, purge};
pub use self::target::Target;

/// A short name for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub slug: Slug,
    pub target: String,
    pub note: String,
    pub redirect: Redirect,
    pub enabled: bool,
    /// From then on it is gone.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Grows with every change, over all links.
    pub version: i64,
}

/// A link that is wanted.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// None: any that is free.
    pub slug: Option<Slug>,
    pub target: Target,
    pub note: Note,
    pub redirect: Redirect,
    pub enabled: bool,
    pub expires_at: Option<Timestamp>,
}

/// How followers are sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Redirect {
    /// 301: followers and caches may remember it for a while.
    Permanent,
    /// 302: followers ask every time.
    #[default]
    Temporary,
}

/// Whether a link leads anywhere now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Active,
    Disabled,
    Expired,
}

impl Redirect {
    pub fn from_status(status: i64) -> Option<Self> {
        match status {
            301 => Some(Self::Permanent),
            302 => Some(Self::Temporary),
            _ => None,
        }
    }

    pub fn status(self) -> u16 {
        match self {
            Self::Permanent => 301,
            Self::Temporary => 302,
        }
    }
}

impl State {
    pub fn of(enabled: bool, expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        if !enabled {
            Self::Disabled
        } else if expires_at.is_some_and(|at| at <= now) {
            Self::Expired
        } else {
            Self::Active
        }
    }
}

impl Link {
    pub fn state(&self, now: Timestamp) -> State {
        State::of(self.enabled, self.expires_at, now)
    }

    /// Names this version of the link (RFC 9110, section 8.8.3).
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}
