//! Becoming somebody else for a while.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use wire::Error;
use wire::sts as api;

use super::credentials::begin;
use super::error::{not_assumable, validation};
use super::state::Of;
use super::trust;
use crate::services::iam::{authorize, policy, role};
use crate::{Caller, Context, Region, Tags};

const SHORTEST: i64 = 900;
const USUAL: i64 = 3600;
/// A role that assumes a role gets no more than this.
const LONGEST_CHAINED: i64 = 3600;
const MOST_POLICY_ARNS: usize = 10;

pub(super) fn assume_role(
    region: &mut Region,
    context: &Context,
    input: api::AssumeRoleRequest,
) -> Result<api::AssumeRoleResponse, Error> {
    if !input.role_arn.starts_with("arn:") {
        return Err(validation(format!("{} is invalid", input.role_arn)));
    }
    checked_session_name(&input.role_session_name)?;
    let caller = authorize::caller_arn(region, &context.caller);
    // A role that is not there and one that is not trusted look alike.
    let role = role::by_arn(region, &input.role_arn)
        .ok_or_else(|| not_assumable(&caller, &input.role_arn))?;
    let tags = checked_tags(input.tags, input.transitive_tag_keys.as_deref())?;
    let mut keys = BTreeMap::from([(
        "sts:rolesessionname".to_owned(),
        vec![input.role_session_name.clone()],
    )]);
    if let Some(external_id) = &input.external_id {
        keys.insert("sts:externalid".to_owned(), vec![external_id.clone()]);
    }
    if let Some(identity) = &input.source_identity {
        keys.insert("sts:sourceidentity".to_owned(), vec![identity.clone()]);
    }
    for (key, value) in &tags {
        keys.insert(
            format!("aws:requesttag/{}", key.to_ascii_lowercase()),
            vec![value.clone()],
        );
    }
    if !tags.is_empty() {
        keys.insert("aws:tagkeys".to_owned(), tags.keys().cloned().collect());
        trust::check(region, context, role, "sts:TagSession", keys.clone())?;
    }
    if input.source_identity.is_some() {
        trust::check(region, context, role, "sts:SetSourceIdentity", keys.clone())?;
    }
    trust::check(region, context, role, "sts:AssumeRole", keys)?;

    let duration = checked_duration(context, input.duration_seconds, role.max_session_duration)?;
    let policies = session_policies(region, input.policy, input.policy_arns)?;
    let packed = policies.as_ref().map(|all| packed_size(all));
    let user = api::AssumedRoleUser {
        arn: Some(context.settings.global_arn(
            "sts",
            format!("assumed-role/{}/{}", role.name, input.role_session_name),
        )),
        assumed_role_id: Some(format!("{}:{}", role.id, input.role_session_name)),
    };
    let of = Of::Role {
        name: role.name.clone(),
        session: input.role_session_name,
    };
    let credentials = begin(region, context, of, duration, policies, tags);
    Ok(api::AssumeRoleResponse {
        assumed_role_user: Some(user),
        credentials: Some(credentials.shown()),
        packed_policy_size: packed,
        source_identity: input.source_identity,
    })
}

/// Tokens are signed by the provider's own keys, which live outside the region; nothing here
/// fetches them yet, and an unverified token opens nothing.
pub(super) fn assume_role_with_web_identity(
    region: &mut Region,
    _: &Context,
    input: api::AssumeRoleWithWebIdentityRequest,
) -> Result<api::AssumeRoleWithWebIdentityResponse, Error> {
    checked_session_name(&input.role_session_name)?;
    if input.web_identity_token.split('.').count() != 3 {
        return Err(wire::sts::error::invalid_identity_token_exception(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ));
    }
    let known = role::by_arn(region, &input.role_arn).is_some();
    if !known || region.iam.oidc_providers.is_empty() {
        return Err(wire::sts::error::invalid_identity_token_exception(
            "No OpenIDConnect provider found in your account for this token",
        ));
    }
    Err(wire::sts::error::idp_communication_error_exception(
        "Terrella cannot verify web identity tokens yet: it does not fetch the provider's keys.",
    ))
}

pub(super) fn get_session_token(
    region: &mut Region,
    context: &Context,
    input: api::GetSessionTokenRequest,
) -> Result<api::GetSessionTokenResponse, Error> {
    const LONGEST: i64 = 129_600;
    let (of, usual) = match &context.caller {
        Caller::Root => (Of::Root, USUAL),
        Caller::User { name } => (Of::User { name: name.clone() }, 43_200),
        _ => {
            return Err(super::error::access_denied(
                "Cannot call GetSessionToken with session credentials",
            ));
        }
    };
    let mut seconds = input.duration_seconds.unwrap_or(usual);
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(duration_out_of_range(seconds, LONGEST));
    }
    if of == Of::Root {
        seconds = seconds.min(USUAL);
    }
    let duration = SignedDuration::from_secs(seconds);
    let credentials = begin(region, context, of, duration, None, Tags::new());
    Ok(api::GetSessionTokenResponse {
        credentials: Some(credentials.shown()),
    })
}

fn checked_session_name(name: &str) -> Result<(), Error> {
    let fine = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    if !name.chars().all(fine) {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    if !(2..=64).contains(&name.len()) {
        let (bound, what) = if name.len() < 2 {
            ("greater", 2)
        } else {
            ("less", 64)
        };
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must have length {bound} than or equal to {what}"
        )));
    }
    Ok(())
}

fn checked_duration(
    context: &Context,
    asked: Option<i64>,
    longest: i64,
) -> Result<SignedDuration, Error> {
    let seconds = asked.unwrap_or(USUAL);
    if !(SHORTEST..=43_200).contains(&seconds) {
        return Err(duration_out_of_range(seconds, 43_200));
    }
    if matches!(context.caller, Caller::Role { .. }) && seconds > LONGEST_CHAINED {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > longest {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(SignedDuration::from_secs(seconds))
}

fn duration_out_of_range(seconds: i64, longest: i64) -> Error {
    let (bound, limit) = if seconds < SHORTEST {
        ("greater", SHORTEST)
    } else {
        ("less", longest)
    };
    validation(format!(
        "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value {bound} than or equal to {limit}"
    ))
}

fn checked_tags(tags: Option<Vec<api::Tag>>, transitive: Option<&[String]>) -> Result<Tags, Error> {
    let refused = |message: &str| Error::new("InvalidParameterValue", 400, message);
    let tags = tags.unwrap_or_default();
    let mut seen = BTreeSet::new();
    for tag in &tags {
        if !seen.insert(tag.key.to_lowercase()) {
            return Err(refused(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    for key in transitive.unwrap_or_default() {
        if !seen.contains(&key.to_lowercase()) {
            return Err(refused(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// The documents of the session's own policies; managed ones are taken as they are now.
fn session_policies(
    region: &Region,
    inline: Option<String>,
    arns: Option<Vec<api::PolicyDescriptorType>>,
) -> Result<Option<Vec<String>>, Error> {
    let malformed = wire::sts::error::malformed_policy_document_exception;
    let arns = arns.unwrap_or_default();
    if inline.is_none() && arns.is_empty() {
        return Ok(None);
    }
    if arns.len() > MOST_POLICY_ARNS {
        return Err(validation("You can provide up to 10 managed policy ARNs."));
    }
    let mut documents = Vec::new();
    if let Some(inline) = inline {
        policy::identity(&inline).map_err(malformed)?;
        documents.push(inline);
    }
    for arn in arns.into_iter().filter_map(|one| one.arn) {
        let document = crate::services::iam::policy_document(region, &arn);
        documents.push(document.ok_or_else(|| {
            Error::new(
                "ValidationError",
                400,
                format!("The policy {arn} does not exist or is not attachable."),
            )
        })?);
    }
    Ok(Some(documents))
}

/// In percent of what a session may carry.
fn packed_size(documents: &[String]) -> i64 {
    let bytes: usize = documents.iter().map(String::len).sum();
    i64::try_from(bytes * 100 / 2048).map_or(100, |percent| percent.clamp(1, 100))
}
