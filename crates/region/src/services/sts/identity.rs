//! Who is asking.

use wire::Error;
use wire::sts as api;

use super::error::access_denied;
use crate::services::iam::authorize::caller_arn;
use crate::{Caller, Context, Region};

pub(super) fn get_caller_identity(
    region: &Region,
    context: &Context,
    _: api::GetCallerIdentityRequest,
) -> Result<api::GetCallerIdentityResponse, Error> {
    let account = &context.settings.account;
    let user_id = match &context.caller {
        Caller::Root => account.clone(),
        Caller::User { name } => match region.iam.users.get(name) {
            Some(user) => user.id.clone(),
            None => return Err(no_longer()),
        },
        Caller::Role { name, session } => match region.iam.roles.get(name) {
            Some(role) => format!("{}:{session}", role.id),
            None => return Err(no_longer()),
        },
        Caller::Service { principal } => (*principal).to_owned(),
        Caller::Anonymous => {
            return Err(Error::new(
                "MissingAuthenticationToken",
                403,
                "Request is missing Authentication Token",
            ));
        }
    };
    Ok(api::GetCallerIdentityResponse {
        account: Some(account.clone()),
        arn: Some(caller_arn(region, &context.caller)),
        user_id: Some(user_id),
    })
}

fn no_longer() -> Error {
    Error::new(
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
    )
}

pub(super) fn get_access_key_info(
    region: &Region,
    context: &Context,
    input: api::GetAccessKeyInfoRequest,
) -> Result<api::GetAccessKeyInfoResponse, Error> {
    let id = &input.access_key_id;
    if !region.iam.access_keys.contains(id) && !region.sts.sessions.contains(id) {
        return Err(access_denied(format!(
            "The access key {id} is not of this region's account."
        )));
    }
    Ok(api::GetAccessKeyInfoResponse {
        account: Some(context.settings.account.clone()),
    })
}
