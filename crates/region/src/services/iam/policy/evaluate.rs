//! What a policy decides about a request, and how the decisions of several are put together.

use std::collections::BTreeMap;

use super::condition::arn_fits;
use super::glob::{Glob, Variables};
use super::{Choice, Effect, Policy, Principal, Principals, Statement, Version};

/// Who asks, as policies know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Root {
        account: String,
    },
    User {
        account: String,
        arn: String,
    },
    Session {
        account: String,
        /// `arn:aws:iam::…:role/…`
        role_arn: String,
        /// `arn:aws:sts::…:assumed-role/…/…`
        session_arn: String,
    },
    /// Such as `ecs-tasks.amazonaws.com`.
    Service {
        principal: String,
    },
    /// An identity provider: its ARN, or its well-known name.
    Federated {
        provider: String,
    },
    Anonymous,
}

/// One thing that is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub actor: &'a Actor,
    /// Such as `s3:GetObject`.
    pub action: &'a str,
    /// An ARN, or `*` where the action knows no resource.
    pub resource: &'a str,
    /// Condition keys in lower case.
    pub keys: &'a BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    Identity,
    Resource,
    Boundary,
    Session,
}

impl PolicyKind {
    /// As AWS's texts name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// A policy of this kind says no.
    ExplicitDeny(PolicyKind),
    /// No policy of this kind says yes.
    ImplicitDeny(PolicyKind),
}

impl Decision {
    pub fn allowed(self) -> bool {
        self == Self::Allowed
    }

    /// The text AWS gives; `None` if it is allowed.
    pub fn denial(self, caller_arn: &str, action: &str, resource: &str) -> Option<String> {
        let who = format!(
            "User: {caller_arn} is not authorized to perform: {action} on resource: {resource}"
        );
        match self {
            Self::Allowed => None,
            Self::ImplicitDeny(kind) => Some(format!(
                "{who} because no {} allows the {action} action",
                kind.name()
            )),
            Self::ExplicitDeny(kind) => {
                let article = if kind == PolicyKind::Identity {
                    "an"
                } else {
                    "a"
                };
                Some(format!(
                    "{who} with an explicit deny in {article} {}",
                    kind.name()
                ))
            }
        }
    }
}

/// Whether a resource's own policy has to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceRule {
    /// Within an account either side suffices.
    Either,
    /// As with roles' trust policies and keys' policies.
    MustAllow,
}

/// Every policy that has a say in a request.
#[derive(Debug, Clone)]
pub struct Layers<'a> {
    pub identity: &'a [Policy],
    pub boundary: Option<&'a Policy>,
    /// `None`: none were passed when the session began.
    pub session: Option<&'a [Policy]>,
    pub resource: Option<&'a Policy>,
    pub rule: ResourceRule,
}

/// How closely a resource policy's Allow names the caller. Only some reach past what a session
/// or a boundary leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// The account, which delegates to its own policies.
    Account,
    /// The role behind a session: boundary and session policies still limit it.
    Role,
    /// Exactly the caller, or everyone.
    Caller,
}

impl Layers<'_> {
    /// The order is AWS's: any Deny first, then what allows, then what limits.
    pub fn decide(&self, request: &Request) -> Decision {
        let kinds: [(PolicyKind, Vec<&Policy>); 4] = [
            (PolicyKind::Identity, self.identity.iter().collect()),
            (
                PolicyKind::Resource,
                self.resource.iter().copied().collect(),
            ),
            (
                PolicyKind::Boundary,
                self.boundary.iter().copied().collect(),
            ),
            (
                PolicyKind::Session,
                self.session.iter().copied().flatten().collect(),
            ),
        ];
        for (kind, policies) in &kinds {
            let resource_policy = *kind == PolicyKind::Resource;
            if policies
                .iter()
                .any(|one| one.denies(request, resource_policy))
            {
                return Decision::ExplicitDeny(*kind);
            }
        }
        // The account's root is not denied by silence.
        if matches!(request.actor, Actor::Root { .. }) {
            return Decision::Allowed;
        }
        let named = self.resource.and_then(|policy| policy.names(request));
        if self.rule == ResourceRule::MustAllow && named.is_none() {
            return Decision::ImplicitDeny(PolicyKind::Resource);
        }
        if named == Some(Named::Caller) {
            return Decision::Allowed;
        }
        let allowed = |policies: &[Policy]| policies.iter().any(|one| one.allows(request));
        if named != Some(Named::Role) && !allowed(self.identity) {
            return Decision::ImplicitDeny(PolicyKind::Identity);
        }
        if self
            .boundary
            .is_some_and(|boundary| !boundary.allows(request))
        {
            return Decision::ImplicitDeny(PolicyKind::Boundary);
        }
        if self.session.is_some_and(|session| !allowed(session)) {
            return Decision::ImplicitDeny(PolicyKind::Session);
        }
        Decision::Allowed
    }
}

impl Policy {
    /// Whether an identity's policy allows the request. A Deny elsewhere is not its business.
    pub fn allows(&self, request: &Request) -> bool {
        self.applying(request)
            .any(|one| one.effect == Effect::Allow)
    }

    /// Whether an identity's policy or a boundary denies the request.
    pub fn forbids(&self, request: &Request) -> bool {
        self.denies(request, false)
    }

    fn denies(&self, request: &Request, resource_policy: bool) -> bool {
        self.applying(request).any(|one| {
            one.effect == Effect::Deny
                && (!resource_policy
                    || one
                        .principals
                        .as_ref()
                        .is_some_and(|all| all.match_for_deny(request.actor)))
        })
    }

    /// Whether, as a resource's policy, it allows the request, and how it names the caller.
    fn names(&self, request: &Request) -> Option<Named> {
        self.applying(request)
            .filter(|one| one.effect == Effect::Allow)
            .filter_map(|one| one.principals.as_ref()?.names(request.actor))
            .max()
    }

    /// Whether this trust policy lets the actor in, alone or together with the actor's own
    /// policies. An explicit Deny wins.
    pub fn trusts(&self, request: &Request) -> Option<bool> {
        if self.denies(request, true) {
            return None;
        }
        self.names(request).map(|named| named != Named::Account)
    }

    fn applying<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a Statement> {
        self.statements
            .iter()
            .filter(move |one| one.applies(request, self.version))
    }
}

impl Statement {
    /// Whether action, resource and conditions fit; the principal is another matter.
    fn applies(&self, request: &Request, version: Version) -> bool {
        let lookup = |name: &str| {
            let values = request.keys.get(&name.to_ascii_lowercase())?;
            // A variable has one value; a key with several is none.
            (values.len() == 1).then(|| values[0].clone())
        };
        let variables: Variables = match version {
            Version::V2008 => None,
            Version::V2012 => Some(&lookup),
        };
        let action = request.action.to_ascii_lowercase();
        let action_fits = |pattern: &str| {
            Glob::new(&pattern.to_ascii_lowercase(), None).is_some_and(|glob| glob.matches(&action))
        };
        let resource_fits = |pattern: &str| match request.resource {
            "*" => pattern == "*",
            arn => arn_fits(arn, pattern, variables),
        };
        self.actions
            .as_ref()
            .is_some_and(|all| all.fits(action_fits))
            && self
                .resources
                .as_ref()
                .is_none_or(|all| all.fits(resource_fits))
            && self
                .conditions
                .iter()
                .all(|one| one.holds(request.keys, variables))
    }
}

impl Choice {
    fn fits(&self, fits: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| fits(pattern)) != self.negated
    }
}

impl Principals {
    fn names(&self, actor: &Actor) -> Option<Named> {
        let best = self.names.iter().filter_map(|one| one.names(actor)).max();
        match (self.negated, best) {
            (false, best) => best,
            (true, None) => Some(Named::Caller),
            (true, Some(_)) => None,
        }
    }

    fn match_for_deny(&self, actor: &Actor) -> bool {
        self.names(actor).is_some()
    }
}

impl Principal {
    fn names(&self, actor: &Actor) -> Option<Named> {
        match (self, actor) {
            (Self::Everyone, _) => Some(Named::Caller),
            (Self::Aws(name), Actor::Root { account }) => {
                is_account(name, account).then_some(Named::Account)
            }
            (Self::Aws(name), Actor::User { account, arn }) => {
                if name == arn {
                    Some(Named::Caller)
                } else {
                    is_account(name, account).then_some(Named::Account)
                }
            }
            (
                Self::Aws(name),
                Actor::Session {
                    account,
                    role_arn,
                    session_arn,
                },
            ) => {
                if name == session_arn {
                    Some(Named::Caller)
                } else if name == role_arn {
                    Some(Named::Role)
                } else {
                    is_account(name, account).then_some(Named::Account)
                }
            }
            (Self::Service(name), Actor::Service { principal }) => {
                (name == principal).then_some(Named::Caller)
            }
            (Self::Federated(name), Actor::Federated { provider }) => {
                (name == provider).then_some(Named::Caller)
            }
            _ => None,
        }
    }
}

/// Twelve digits, or the ARN of the account's root.
fn is_account(name: &str, account: &str) -> bool {
    name == account
        || name
            .strip_prefix("arn:aws:iam::")
            .and_then(|rest| rest.strip_suffix(":root"))
            == Some(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user() -> Actor {
        Actor::User {
            account: "111122223333".into(),
            arn: "arn:aws:iam::111122223333:user/ann".into(),
        }
    }

    fn session() -> Actor {
        Actor::Session {
            account: "111122223333".into(),
            role_arn: "arn:aws:iam::111122223333:role/r".into(),
            session_arn: "arn:aws:sts::111122223333:assumed-role/r/s".into(),
        }
    }

    fn policy(statements: &str) -> Policy {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        Policy::parse(&text).expect(statements)
    }

    const BUCKET: &str = "arn:aws:s3:::b/k";

    #[test]
    fn statements() {
        let keys = BTreeMap::from([
            ("aws:username".to_owned(), vec!["ann".to_owned()]),
            (
                "aws:tagkeys".to_owned(),
                vec!["a".to_owned(), "b".to_owned()],
            ),
        ]);
        for (statement, action, resource, expected) in [
            (
                r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"S3:getobject","Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"s3:Put*","Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                false,
            ),
            (
                r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                true,
            ),
            (
                r#"{"Effect":"Allow","NotAction":["s3:*","iam:*"],"Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                false,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/*"}"#,
                "s3:GetObject",
                BUCKET,
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::c/*"}"#,
                "s3:GetObject",
                BUCKET,
                false,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::c/*"}"#,
                "s3:GetObject",
                BUCKET,
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3"}"#,
                "s3:GetObject",
                BUCKET,
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}/*"}"#,
                "s3:GetObject",
                "arn:aws:s3:::ann/x",
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:tagkeys}"}"#,
                "s3:GetObject",
                "arn:aws:s3:::a",
                false,
            ),
            (
                r#"{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}"#,
                "ec2:DescribeVpcs",
                "*",
                true,
            ),
            (
                r#"{"Effect":"Allow","Action":"ec2:Describe*","Resource":"arn:aws:ec2:*"}"#,
                "ec2:DescribeVpcs",
                "*",
                false,
            ),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                false,
            ),
            (
                r#"{"Effect":"Allow","Resource":"*"}"#,
                "s3:GetObject",
                BUCKET,
                false,
            ),
        ] {
            let request = Request {
                actor: &user(),
                action,
                resource,
                keys: &keys,
            };
            assert_eq!(policy(statement).allows(&request), expected, "{statement}");
        }
    }

    type Case = (
        Actor,
        Vec<Policy>,
        Option<Policy>,
        Option<Vec<Policy>>,
        Option<Policy>,
        ResourceRule,
        Decision,
    );

    #[test]
    fn layers_are_put_together_in_awss_order() {
        use PolicyKind::{Boundary, Identity, Resource, Session};
        let allow = || policy(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
        let deny = || policy(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
        let silent = || policy(r#"{"Effect":"Allow","Action":"sns:*","Resource":"*"}"#);
        let bucket = |principal: &str| {
            policy(&format!(
                r#"{{"Effect":"Allow","Action":"*","Resource":"*","Principal":{principal}}}"#
            ))
        };
        let ann = r#"{"AWS":"arn:aws:iam::111122223333:user/ann"}"#;
        let role = r#"{"AWS":"arn:aws:iam::111122223333:role/r"}"#;
        let exact = r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}"#;
        let account = r#"{"AWS":"111122223333"}"#;
        let either = ResourceRule::Either;
        let cases: Vec<Case> = vec![
            (
                user(),
                vec![],
                None,
                None,
                None,
                either,
                Decision::ImplicitDeny(Identity),
            ),
            (
                user(),
                vec![allow()],
                None,
                None,
                None,
                either,
                Decision::Allowed,
            ),
            (
                user(),
                vec![allow(), deny()],
                None,
                None,
                None,
                either,
                Decision::ExplicitDeny(Identity),
            ),
            (
                user(),
                vec![allow()],
                Some(silent()),
                None,
                None,
                either,
                Decision::ImplicitDeny(Boundary),
            ),
            (
                user(),
                vec![allow()],
                Some(deny()),
                None,
                None,
                either,
                Decision::ExplicitDeny(Boundary),
            ),
            (
                session(),
                vec![allow()],
                None,
                Some(vec![silent()]),
                None,
                either,
                Decision::ImplicitDeny(Session),
            ),
            (
                session(),
                vec![allow()],
                None,
                Some(vec![silent(), allow()]),
                None,
                either,
                Decision::Allowed,
            ),
            (
                user(),
                vec![],
                Some(silent()),
                None,
                Some(bucket(ann)),
                either,
                Decision::Allowed,
            ),
            (
                session(),
                vec![],
                None,
                None,
                Some(bucket(role)),
                either,
                Decision::Allowed,
            ),
            (
                session(),
                vec![],
                Some(silent()),
                None,
                Some(bucket(role)),
                either,
                Decision::ImplicitDeny(Boundary),
            ),
            (
                session(),
                vec![],
                Some(silent()),
                None,
                Some(bucket(exact)),
                either,
                Decision::Allowed,
            ),
            (
                user(),
                vec![],
                None,
                None,
                Some(bucket(account)),
                either,
                Decision::ImplicitDeny(Identity),
            ),
            (
                user(),
                vec![allow()],
                None,
                None,
                None,
                ResourceRule::MustAllow,
                Decision::ImplicitDeny(Resource),
            ),
            (
                user(),
                vec![allow()],
                None,
                None,
                Some(bucket(account)),
                ResourceRule::MustAllow,
                Decision::Allowed,
            ),
            (
                Actor::Root {
                    account: "111122223333".into(),
                },
                vec![],
                None,
                None,
                None,
                either,
                Decision::Allowed,
            ),
        ];
        let keys = BTreeMap::new();
        for (at, (actor, identity, boundary, session, resource, rule, expected)) in
            cases.iter().enumerate()
        {
            let layers = Layers {
                identity,
                boundary: boundary.as_ref(),
                session: session.as_deref(),
                resource: resource.as_ref(),
                rule: *rule,
            };
            let request = Request {
                actor,
                action: "s3:GetObject",
                resource: BUCKET,
                keys: &keys,
            };
            assert_eq!(layers.decide(&request), *expected, "case {at}");
        }
    }

    #[test]
    fn a_resource_policy_denies_whom_it_names() {
        let keys = BTreeMap::new();
        let deny = policy(
            r#"{"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/ann"}}"#,
        );
        let allow = policy(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
        for (actor, expected) in [
            (user(), Decision::Allowed),
            (session(), Decision::ExplicitDeny(PolicyKind::Resource)),
        ] {
            let layers = Layers {
                identity: std::slice::from_ref(&allow),
                boundary: None,
                session: None,
                resource: Some(&deny),
                rule: ResourceRule::Either,
            };
            let request = Request {
                actor: &actor,
                action: "s3:GetObject",
                resource: BUCKET,
                keys: &keys,
            };
            assert_eq!(layers.decide(&request), expected);
        }
    }

    #[test]
    fn denials_have_awss_words() {
        let text = |decision: Decision| decision.denial("arn:u", "s3:Get", "arn:r");
        assert_eq!(text(Decision::Allowed), None);
        assert_eq!(
            text(Decision::ImplicitDeny(PolicyKind::Identity)).as_deref(),
            Some(
                "User: arn:u is not authorized to perform: s3:Get on resource: arn:r because no identity-based policy allows the s3:Get action"
            )
        );
        assert_eq!(
            text(Decision::ExplicitDeny(PolicyKind::Session)).as_deref(),
            Some(
                "User: arn:u is not authorized to perform: s3:Get on resource: arn:r with an explicit deny in a session policy"
            )
        );
    }

    proptest! {
        #[test]
        fn a_deny_always_wins(
            effects in proptest::collection::vec(any::<(bool, bool)>(), 1..6),
        ) {
            let statements: Vec<String> = effects.iter().map(|(allow, fits)| format!(
                r#"{{"Effect":"{}","Action":"{}","Resource":"*"}}"#,
                if *allow { "Allow" } else { "Deny" },
                if *fits { "s3:*" } else { "sns:*" },
            )).collect();
            let policy = policy(&format!("[{}]", statements.join(",")));
            let keys = BTreeMap::new();
            let actor = user();
            let request = Request { actor: &actor, action: "s3:GetObject", resource: BUCKET, keys: &keys };
            let layers = Layers {
                identity: std::slice::from_ref(&policy), boundary: None, session: None,
                resource: None, rule: ResourceRule::Either,
            };
            let denied = effects.iter().any(|(allow, fits)| !allow && *fits);
            let allowed = effects.iter().any(|(allow, fits)| *allow && *fits);
            prop_assert_eq!(layers.decide(&request).allowed(), allowed && !denied);
        }
    }
}
