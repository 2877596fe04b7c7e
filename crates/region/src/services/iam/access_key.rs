//! Keys: who holds one, whether it is a user's or a session's, and the life of users' keys.

use jiff::Timestamp;
use wire::iam as api;
use wire::{Error, Unit};

use super::common::piece;
use super::error::{limit_exceeded, no_such_entity};
use super::state::AccessKey;
use super::user;
use crate::{Caller, Context, Region};

const MOST_KEYS: usize = 2;

/// All that the front door needs to check a signature and to know who signed.
#[derive(Clone, PartialEq)]
pub struct Holder {
    pub caller: Caller,
    pub secret: String,
    /// The token that must come with the key; `None` for long-lived keys.
    pub session_token: Option<String>,
    /// When a session ends.
    pub expires_at: Option<Timestamp>,
    /// Policies that were passed when the session began; they limit what its role may do.
    /// `None`: none were passed.
    pub session_policies: Option<Vec<String>>,
}

impl std::fmt::Debug for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holder")
            .field("caller", &self.caller)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Who holds a key. An inactive key has no holder; a session's holder is told also after its
/// end until it is swept, so that the caller can be told that it ended.
pub fn find(region: &Region, key_id: &str) -> Option<Holder> {
    if let Some(key) = region.iam.access_keys.get(key_id) {
        return key.active.then(|| Holder {
            caller: Caller::User {
                name: key.user.clone(),
            },
            secret: key.secret.clone(),
            session_token: None,
            expires_at: None,
            session_policies: None,
        });
    }
    crate::services::sts::credentials::holder(region, key_id)
}

pub(super) fn create_access_key(
    region: &mut Region,
    context: &Context,
    input: api::CreateAccessKeyRequest,
) -> Result<api::CreateAccessKeyResponse, Error> {
    let name = user::named_or_caller(context, input.user_name)?;
    user::get(region, &name)?;
    if of_user(region, &name).count() >= MOST_KEYS {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}"
        )));
    }
    let key = AccessKey {
        id: new_id(context, "AKIA"),
        secret: new_secret(context),
        user: name,
        active: true,
        created_at: context.now,
    };
    let answer = api::CreateAccessKeyResponse {
        access_key: Some(api::AccessKey {
            access_key_id: Some(key.id.clone()),
            create_date: Some(key.created_at),
            secret_access_key: Some(key.secret.clone()),
            status: Some(api::StatusType::Active),
            user_name: Some(key.user.clone()),
        }),
    };
    region.iam.access_keys.insert(key.id.clone(), key);
    Ok(answer)
}

/// `AKIA…` of users, `ASIA…` of sessions: twenty characters.
pub(crate) fn new_id(context: &Context, prefix: &str) -> String {
    let tail = context.pick(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    format!("{prefix}{tail}")
}

/// Forty characters of base64.
pub(crate) fn new_secret(context: &Context) -> String {
    context.pick(
        40,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    )
}

fn of_user<'a>(region: &'a Region, name: &str) -> impl Iterator<Item = &'a AccessKey> {
    region
        .iam
        .access_keys
        .values()
        .filter(move |key| key.user == name)
}

pub(super) fn list_access_keys(
    region: &Region,
    context: &Context,
    input: api::ListAccessKeysRequest,
) -> Result<api::ListAccessKeysResponse, Error> {
    let name = user::named_or_caller(context, input.user_name)?;
    user::get(region, &name)?;
    let keys = of_user(region, &name);
    let piece = piece(
        keys,
        |key| key.id.clone(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    let shown = |key: &AccessKey| api::AccessKeyMetadata {
        access_key_id: Some(key.id.clone()),
        create_date: Some(key.created_at),
        status: Some(if key.active {
            api::StatusType::Active
        } else {
            api::StatusType::Inactive
        }),
        user_name: Some(key.user.clone()),
    };
    Ok(api::ListAccessKeysResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        access_key_metadata: Some(piece.items.into_iter().map(shown).collect()),
    })
}

fn of_user_mut<'a>(
    region: &'a mut Region,
    context: &Context,
    user: Option<String>,
    id: &str,
) -> Result<&'a mut AccessKey, Error> {
    let name = match (user, region.iam.access_keys.get(id)) {
        (Some(name), _) => name,
        // The root may leave out whose key it is.
        (None, Some(key)) if context.caller == Caller::Root => key.user.clone(),
        (None, _) => user::named_or_caller(context, None)?,
    };
    user::get(region, &name)?;
    let own = region
        .iam
        .access_keys
        .get(id)
        .is_some_and(|key| key.user == name);
    let key = if own {
        region.iam.access_keys.get_mut(id)
    } else {
        None
    };
    key.ok_or_else(|| no_key(id))
}

fn no_key(id: &str) -> Error {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

pub(super) fn update_access_key(
    region: &mut Region,
    context: &Context,
    input: api::UpdateAccessKeyRequest,
) -> Result<Unit, Error> {
    let key = of_user_mut(region, context, input.user_name, &input.access_key_id)?;
    key.active = input.status == api::StatusType::Active;
    Ok(Unit {})
}

pub(super) fn delete_access_key(
    region: &mut Region,
    context: &Context,
    input: api::DeleteAccessKeyRequest,
) -> Result<Unit, Error> {
    of_user_mut(region, context, input.user_name, &input.access_key_id)?;
    region.iam.access_keys.remove(&input.access_key_id);
    Ok(Unit {})
}
