//! Passwords for the registry's protocol.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use wire::Error;
use wire::ecr as api;

use super::error::at;
use super::image::registry_host;
use super::state::{Holder, Token};
use crate::{Caller, Context, Region};

const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

pub(super) fn get_authorization_token(
    region: &mut Region,
    context: &Context,
    input: api::GetAuthorizationTokenRequest,
) -> Result<api::GetAuthorizationTokenResponse, Error> {
    let other = |id: &&String| **id != context.settings.account;
    if let Some(id) = input.registry_ids.iter().flatten().find(other) {
        return Err(at("registryIds", format!("There is no registry {id}")));
    }
    let holder = match &context.caller {
        Caller::Root => Holder::Root,
        Caller::User { name } => Holder::User { name: name.clone() },
        Caller::Role { name, session } => Holder::Role {
            name: name.clone(),
            session: session.clone(),
        },
        Caller::Service { .. } | Caller::Anonymous => {
            return Err(Error::new(
                "AccessDeniedException",
                400,
                "Only users and roles can have a password for the registry",
            ));
        }
    };
    let password = STANDARD.encode(context.bytes::<96>());
    let expires_at = context.wall + LIFETIME;
    region
        .ecr
        .tokens
        .insert(key(&password), Token { expires_at, holder });
    Ok(api::GetAuthorizationTokenResponse {
        authorization_data: Some(vec![api::AuthorizationData {
            authorization_token: Some(STANDARD.encode(format!("AWS:{password}"))),
            expires_at: Some(expires_at),
            proxy_endpoint: Some(format!("https://{}", registry_host(context.settings))),
        }]),
    })
}

/// Whom a password stands for, while it is good.
pub fn caller(region: &Region, now: Timestamp, password: &str) -> Option<Caller> {
    let token = region.ecr.tokens.get(&key(password))?;
    (token.expires_at > now).then(|| match token.holder.clone() {
        Holder::Root => Caller::Root,
        Holder::User { name } => Caller::User { name },
        Holder::Role { name, session } => Caller::Role { name, session },
    })
}

/// The password itself is not kept.
fn key(password: &str) -> String {
    hex::encode(Sha256::digest(password))
}
