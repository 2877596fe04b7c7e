//! What STS remembers: sessions until they end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Tags;

crate::tables! { "sts" {
    /// By access key id.
    sessions: String => Session,
} }

/// Temporary credentials and whose they are.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// `ASIA…`
    pub key_id: String,
    pub secret: String,
    pub token: String,
    pub of: Of,
    pub expires_at: Timestamp,
    /// Policies passed when it began; `None`: none were.
    pub policies: Option<Vec<String>>,
    pub tags: Tags,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("key_id", &self.key_id)
            .field("of", &self.of)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    Root,
    User { name: String },
    Role { name: String, session: String },
}
