//! A creation that may be sent again: `Idempotency-Key`.

/// Names one creation of one caller. Sent again within a day it makes nothing new and is answered as before.
#[derive(Debug, Clone)]
pub struct Once {
    /// Whose key it is: callers do not see one another's.
    pub owner: String,
    pub key: String,
    /// SHA-256 of what is asked.
    pub request_hash: [u8; 32],
}

/// What was answered the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub slug: String,
    pub body: String,
    pub etag: String,
}
