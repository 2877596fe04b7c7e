//! Access keys: who holds one, and with what secret.

use engine::Engine;
use region::Caller;

/// The key of the account's root, which today's tools use as they are.
pub const ROOT_KEY: &str = "test";
const ROOT_SECRET: &str = "test";

/// A key that is good now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub caller: Caller,
    pub secret: String,
    /// What the request has to carry beside its signature, for temporary credentials.
    pub session_token: Option<String>,
}

/// Finds a key; `None` if there is none of that name.
pub fn find(engine: &Engine, access_key: &str) -> Option<AccessKey> {
    let _ = engine;
    (access_key == ROOT_KEY).then(|| AccessKey {
        caller: Caller::Root,
        secret: ROOT_SECRET.to_owned(),
        session_token: None,
    })
}
