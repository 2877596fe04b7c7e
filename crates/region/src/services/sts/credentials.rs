//! Temporary credentials: made, found again, and forgotten when they end.

use jiff::{SignedDuration, Timestamp};
use wire::Error;
use wire::sts as api;

use super::error::validation;
use super::state::{Of, Session};
use crate::services::iam::access_key::{Holder, new_id, new_secret};
use crate::services::iam::role;
use crate::{Caller, Context, Region, Tags};

/// Characters of a session token. Real ones are longer and say things; these only have to be
/// unguessable.
const TOKEN: usize = 172;

/// What a role's user signs with.
#[derive(Clone, PartialEq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Timestamp,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// Credentials of a role, by its name, for a part of the region that acts for it. Whether the
/// role trusts that part is for the caller to ask first: [`super::trust::trusts_service`].
pub fn issue(
    region: &mut Region,
    context: &Context,
    role: &str,
    session: &str,
    duration: SignedDuration,
) -> Result<Credentials, Error> {
    if role::by_name(region, role).is_none() {
        return Err(validation(format!("There is no role {role}.")));
    }
    let of = Of::Role {
        name: role.to_owned(),
        session: session.to_owned(),
    };
    Ok(begin(region, context, of, duration, None, Tags::new()))
}

/// Ends the credentials of a role's session before their time, as when its task is gone.
pub fn revoke(region: &mut Region, key_id: &str) {
    region.sts.sessions.remove(key_id);
}

pub(super) fn begin(
    region: &mut Region,
    context: &Context,
    of: Of,
    duration: SignedDuration,
    policies: Option<Vec<String>>,
    tags: Tags,
) -> Credentials {
    let row = Session {
        key_id: new_id(context, "ASIA"),
        secret: new_secret(context),
        token: context.pick(
            TOKEN,
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        ),
        of,
        // Answers carry whole seconds.
        expires_at: whole_second(context.wall + duration),
        policies,
        tags,
    };
    let credentials = Credentials {
        access_key_id: row.key_id.clone(),
        secret_access_key: row.secret.clone(),
        session_token: row.token.clone(),
        expiration: row.expires_at,
    };
    region.sts.sessions.insert(row.key_id.clone(), row);
    credentials
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

impl Credentials {
    pub(super) fn shown(self) -> api::Credentials {
        api::Credentials {
            access_key_id: Some(self.access_key_id),
            expiration: Some(self.expiration),
            secret_access_key: Some(self.secret_access_key),
            session_token: Some(self.session_token),
        }
    }
}

/// Who holds a session's key.
pub(crate) fn holder(region: &Region, key_id: &str) -> Option<Holder> {
    let session = region.sts.sessions.get(key_id)?;
    Some(Holder {
        caller: match &session.of {
            Of::Root => Caller::Root,
            Of::User { name } => Caller::User { name: name.clone() },
            Of::Role { name, session } => Caller::Role {
                name: name.clone(),
                session: session.clone(),
            },
        },
        secret: session.secret.clone(),
        session_token: Some(session.token.clone()),
        expires_at: Some(session.expires_at),
        session_policies: session.policies.clone(),
    })
}
