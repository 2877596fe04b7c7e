//! Whether a role lets somebody in.

use std::collections::BTreeMap;

use wire::Error;

use super::error::not_assumable;
use crate::services::iam::authorize::{self, Ask};
use crate::services::iam::policy::{Actor, Policy, Request, ResourceRule};
use crate::services::iam::{Role, role};
use crate::{Caller, Context, Region};

/// Whether a role's trust policy lets a service such as `ecs-tasks.amazonaws.com` use it.
pub fn trusts_service(region: &Region, role_arn: &str, service: &str) -> bool {
    let Some(role) = role::by_arn(region, role_arn) else {
        return false;
    };
    let actor = Actor::Service {
        principal: service.to_owned(),
    };
    let keys = BTreeMap::from([(
        "aws:sourceaccount".to_owned(),
        vec![region.settings.account.clone()],
    )]);
    trusts(role, &actor, "sts:AssumeRole", &keys).is_some()
}

/// `Some(true)`: the policy names the actor itself. `Some(false)`: it leaves the choice to the
/// account, so the actor's own policies have to allow it too.
fn trusts(
    role: &Role,
    actor: &Actor,
    action: &str,
    keys: &BTreeMap<String, Vec<String>>,
) -> Option<bool> {
    let policy = Policy::parse(&role.trust).ok()?;
    policy.trusts(&Request {
        actor,
        action,
        resource: &role.arn,
        keys,
    })
}

/// Whether the caller may assume the role.
pub(super) fn check(
    region: &Region,
    context: &Context,
    role: &Role,
    action: &str,
    keys: BTreeMap<String, Vec<String>>,
) -> Result<(), Error> {
    let denied = || {
        let caller = authorize::caller_arn(region, &context.caller);
        not_assumable(&caller, &role.arn)
    };
    if context.caller == Caller::Anonymous {
        return Err(denied());
    }
    let actor = authorize::actor(region, &context.caller);
    let direct = trusts(role, &actor, action, &keys).ok_or_else(denied)?;
    if direct {
        return Ok(());
    }
    let own = authorize::decide(
        region,
        context,
        None,
        Ask {
            action,
            resource: &role.arn,
            keys,
            resource_policy: None,
            rule: ResourceRule::Either,
        },
    );
    if own.allowed() { Ok(()) } else { Err(denied()) }
}
