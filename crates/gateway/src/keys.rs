//! Access keys: who holds one, and with what secret.

use engine::Engine;
use region::Caller;
use region::services::iam::access_key;

/// The key of the account's root, which today's tools use as they are.
pub const ROOT_KEY: &str = "test";
const ROOT_SECRET: &str = "test";

/// A key that is good now.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub caller: Caller,
    pub secret: String,
    /// What the request has to carry beside its signature, for temporary credentials.
    pub session_token: Option<String>,
    /// Whether it was good for a time that is over.
    pub expired: bool,
}

/// Finds a key; `None` if there is none of that name.
pub fn find(engine: &Engine, access_key: &str) -> Option<AccessKey> {
    if access_key == ROOT_KEY {
        return Some(AccessKey {
            caller: Caller::Root,
            secret: ROOT_SECRET.to_owned(),
            session_token: None,
            expired: false,
        });
    }
    engine.read(|region, context| {
        access_key::find(region, access_key).map(|holder| AccessKey {
            expired: holder.expires_at.is_some_and(|at| at <= context.wall),
            caller: holder.caller,
            secret: holder.secret,
            session_token: holder.session_token,
        })
    })
}
