//! API keys: made by a command, shown once, kept as a hash, given up at any time.

mod limit;
mod ring;
mod store;
mod token;

use std::fmt;

use jiff::Timestamp;

pub use self::limit::{Limited, Limiter, Standing};
pub use self::ring::Ring;
pub use self::store::{KeyStore, NewKey};
pub use self::token::Token;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See links and their statistics.
    Read,
    /// Make, change and delete links.
    Write,
    /// Drills.
    Admin,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub requests_per_minute: u32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "links:read",
            Self::Write => "links:write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| format!("a scope is one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl Key {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}
