//! Whether a caller may do something, by all the policies that have a say.

use std::collections::BTreeMap;

use super::access_key::Holder;
use super::managed_policy;
use super::policy::{Actor, Decision, Layers, Policy, Request, ResourceRule};
use super::state::Grants;
use crate::{Caller, Context, Region, Tags};

/// What is asked for, without who asks.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Such as `ecs:UpdateService`.
    pub action: &'a str,
    /// An ARN, or `*`.
    pub resource: &'a str,
    /// Condition keys that only the called service knows, such as `ecs:cluster`.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The policy of the resource itself.
    pub resource_policy: Option<&'a Policy>,
    pub rule: ResourceRule,
}

/// Decides as AWS does: any Deny first, then what allows, then what limits.
pub fn decide(region: &Region, context: &Context, holder: Option<&Holder>, ask: Ask) -> Decision {
    let actor = actor(region, &context.caller);
    let (grants, boundary, tags) = standing(region, &context.caller);
    let identity: Vec<Policy> = grants
        .iter()
        .flat_map(|one| documents(region, one))
        .collect();
    let boundary = boundary
        .and_then(|arn| managed_policy::find(region, &arn))
        .and_then(|found| Policy::parse(found.document()).ok());
    let session: Option<Vec<Policy>> = holder.and_then(|holder| {
        let passed = holder.session_policies.as_ref()?;
        Some(
            passed
                .iter()
                .filter_map(|text| Policy::parse(text).ok())
                .collect(),
        )
    });
    let mut keys: BTreeMap<String, Vec<String>> = global_keys(region, context, &actor, tags);
    for (key, values) in ask.keys {
        keys.insert(key.to_ascii_lowercase(), values);
    }
    let layers = Layers {
        identity: &identity,
        boundary: boundary.as_ref(),
        session: session.as_deref(),
        resource: ask.resource_policy,
        rule: ask.rule,
    };
    layers.decide(&Request {
        actor: &actor,
        action: ask.action,
        resource: ask.resource,
        keys: &keys,
    })
}

/// The caller as policies name it.
pub fn actor(region: &Region, caller: &Caller) -> Actor {
    let account = region.settings.account.clone();
    match caller {
        Caller::Root => Actor::Root { account },
        Caller::User { name } => Actor::User {
            account,
            arn: caller_arn(region, &Caller::User { name: name.clone() }),
        },
        Caller::Role { name, .. } => Actor::Session {
            account,
            role_arn: match region.iam.roles.get(name) {
                Some(role) => role.arn.clone(),
                None => region.settings.global_arn("iam", format!("role/{name}")),
            },
            session_arn: caller_arn(region, caller),
        },
        Caller::Service { principal } => Actor::Service {
            principal: (*principal).to_owned(),
        },
        Caller::Anonymous => Actor::Anonymous,
    }
}

/// The ARN that `GetCallerIdentity` gives and denials name.
pub fn caller_arn(region: &Region, caller: &Caller) -> String {
    let settings = &region.settings;
    match caller {
        Caller::Root => settings.global_arn("iam", "root"),
        Caller::User { name } => match region.iam.users.get(name) {
            Some(user) => user.arn.clone(),
            None => settings.global_arn("iam", format!("user/{name}")),
        },
        Caller::Role { name, session } => {
            settings.global_arn("sts", format!("assumed-role/{name}/{session}"))
        }
        Caller::Service { principal } => (*principal).to_owned(),
        Caller::Anonymous => "anonymous".to_owned(),
    }
}

/// The caller's policies, its boundary's ARN and its tags.
fn standing<'a>(region: &'a Region, caller: &Caller) -> (Vec<&'a Grants>, Option<String>, Tags) {
    match caller {
        Caller::User { name } => match region.iam.users.get(name) {
            None => (Vec::new(), None, Tags::new()),
            Some(user) => {
                let groups = user
                    .groups
                    .iter()
                    .filter_map(|name| region.iam.groups.get(name));
                let grants = std::iter::once(&user.grants).chain(groups.map(|one| &one.grants));
                (grants.collect(), user.boundary.clone(), user.tags.clone())
            }
        },
        Caller::Role { name, .. } => match region.iam.roles.get(name) {
            None => (Vec::new(), None, Tags::new()),
            Some(role) => (vec![&role.grants], role.boundary.clone(), role.tags.clone()),
        },
        Caller::Root | Caller::Service { .. } | Caller::Anonymous => {
            (Vec::new(), None, Tags::new())
        }
    }
}

/// Documents were checked when they came in, so one that does not parse cannot be there.
fn documents(region: &Region, grants: &Grants) -> Vec<Policy> {
    let managed = grants
        .attached
        .iter()
        .filter_map(|arn| managed_policy::find(region, arn));
    (grants.inline.values().map(String::as_str))
        .chain(managed.map(managed_policy::Found::document))
        .filter_map(|text| Policy::parse(text).ok())
        .collect()
}

/// Condition keys that every request has.
fn global_keys(
    region: &Region,
    context: &Context,
    actor: &Actor,
    tags: Tags,
) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::from([
        ("aws:currenttime".to_owned(), vec![context.now.to_string()]),
        (
            "aws:epochtime".to_owned(),
            vec![context.now.as_second().to_string()],
        ),
        (
            "aws:requestedregion".to_owned(),
            vec![region.settings.region.clone()],
        ),
    ]);
    let principal = match actor {
        Actor::Root { account } => Some(("Account", format!("arn:aws:iam::{account}:root"))),
        Actor::User { arn, .. } => Some(("User", arn.clone())),
        Actor::Session { role_arn, .. } => Some(("AssumedRole", role_arn.clone())),
        Actor::Service { .. } | Actor::Federated { .. } | Actor::Anonymous => None,
    };
    if let Some((kind, arn)) = principal {
        keys.insert("aws:principaltype".to_owned(), vec![kind.to_owned()]);
        keys.insert("aws:principalarn".to_owned(), vec![arn]);
        keys.insert(
            "aws:principalaccount".to_owned(),
            vec![region.settings.account.clone()],
        );
    }
    match &context.caller {
        Caller::User { name } => {
            keys.insert("aws:username".to_owned(), vec![name.clone()]);
            if let Some(user) = region.iam.users.get(name) {
                keys.insert("aws:userid".to_owned(), vec![user.id.clone()]);
            }
        }
        Caller::Role { name, session } => {
            if let Some(role) = region.iam.roles.get(name) {
                keys.insert(
                    "aws:userid".to_owned(),
                    vec![format!("{}:{session}", role.id)],
                );
            }
        }
        _ => {}
    }
    for (key, value) in tags {
        keys.insert(
            format!("aws:principaltag/{}", key.to_ascii_lowercase()),
            vec![value],
        );
    }
    keys
}
