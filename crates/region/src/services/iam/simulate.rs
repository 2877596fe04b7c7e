//! What policies would decide, without doing it: `SimulatePrincipalPolicy` and
//! `SimulateCustomPolicy`.
//!
//! As in AWS's simulator nothing is known of a request but what the caller says: a condition
//! key that is not given is absent, and is told as missing.

use std::collections::{BTreeMap, BTreeSet};

use wire::Error;
use wire::iam as api;

use super::common::piece;
use super::error::{invalid_input, no_policy, not_found};
use super::managed_policy::{self, Found};
use super::policy::{Actor, Decision, Layers, Policy, PolicyKind, Request, ResourceRule};
use super::state::Grants;
use crate::{Context, Region};

/// A policy, and what answers call it.
struct Source {
    id: String,
    kind: api::PolicySourceType,
    policy: Policy,
}

/// Whose policies are asked about, and by what they are bounded.
struct Subject {
    actor: Actor,
    sources: Vec<Source>,
    boundary: Option<Policy>,
}

/// The part of both requests that is the same.
struct Question {
    actions: Vec<String>,
    resources: Option<Vec<String>>,
    entries: Option<Vec<api::ContextEntry>>,
    resource_policy: Option<String>,
    handling: Option<String>,
    marker: Option<String>,
    most: Option<i64>,
}

pub(super) fn simulate_principal_policy(
    region: &Region,
    _: &Context,
    input: api::SimulatePrincipalPolicyRequest,
) -> Result<api::SimulatePolicyResponse, Error> {
    let mut subject = principal(region, &input.policy_source_arn)?;
    if input.resource_policy.is_some() && !matches!(subject.actor, Actor::User { .. }) {
        subject.actor = caller(region, input.caller_arn.as_deref())?;
    }
    subject.sources.extend(given(
        "PolicyInputList",
        input.policy_input_list.unwrap_or_default(),
    )?);
    if let Some(list) = input.permissions_boundary_policy_input_list {
        subject.boundary = only_boundary(list)?;
    }
    let question = Question {
        actions: input.action_names,
        resources: input.resource_arns,
        entries: input.context_entries,
        resource_policy: input.resource_policy,
        handling: input.resource_handling_option,
        marker: input.marker,
        most: input.max_items,
    };
    answer(&subject, question)
}

pub(super) fn simulate_custom_policy(
    region: &Region,
    _: &Context,
    input: api::SimulateCustomPolicyRequest,
) -> Result<api::SimulatePolicyResponse, Error> {
    let subject = Subject {
        actor: match &input.resource_policy {
            Some(_) => caller(region, input.caller_arn.as_deref())?,
            None => Actor::Anonymous,
        },
        sources: given("PolicyInputList", input.policy_input_list)?,
        boundary: match input.permissions_boundary_policy_input_list {
            Some(list) => only_boundary(list)?,
            None => None,
        },
    };
    let question = Question {
        actions: input.action_names,
        resources: input.resource_arns,
        entries: input.context_entries,
        resource_policy: input.resource_policy,
        handling: input.resource_handling_option,
        marker: input.marker,
        most: input.max_items,
    };
    answer(&subject, question)
}

fn answer(subject: &Subject, question: Question) -> Result<api::SimulatePolicyResponse, Error> {
    if let Some(option) = question.handling {
        return Err(invalid_input(format!(
            "Terrella does not simulate the scenario {option}: leave out ResourceHandlingOption \
             and name each resource."
        )));
    }
    let keys = context_keys(question.entries.unwrap_or_default());
    let resource_policy = match &question.resource_policy {
        Some(text) => Some(parsed(text)?),
        None => None,
    };
    let resources = question
        .resources
        .filter(|all| !all.is_empty())
        .unwrap_or_else(|| vec!["*".to_owned()]);
    let mut results = Vec::new();
    for action in &question.actions {
        if !action.contains(':') {
            return Err(invalid_input(format!("Invalid action name: {action}.")));
        }
        for resource in &resources {
            let request = Request {
                actor: &subject.actor,
                action,
                resource,
                keys: &keys,
            };
            results.push(subject.evaluate(&request, resource_policy.as_ref()));
        }
    }
    // In the order that was asked in; the marker counts.
    let numbered: Vec<_> = results.into_iter().enumerate().collect();
    let piece = piece(
        numbered,
        |(number, _)| format!("{number:08}"),
        question.marker.as_deref(),
        question.most,
    )?;
    Ok(api::SimulatePolicyResponse {
        is_truncated: Some(piece.truncated()),
        marker: piece.next,
        evaluation_results: Some(piece.items.into_iter().map(|(_, one)| one).collect()),
    })
}

impl Subject {
    fn evaluate(&self, request: &Request, resource: Option<&Policy>) -> api::EvaluationResult {
        let identity: Vec<Policy> = self.sources.iter().map(|one| one.policy.clone()).collect();
        let layers = Layers {
            identity: &identity,
            boundary: self.boundary.as_ref(),
            session: None,
            resource,
            rule: ResourceRule::Either,
        };
        let decision = layers.decide(request);
        api::EvaluationResult {
            eval_action_name: Some(request.action.to_owned()),
            eval_resource_name: Some(request.resource.to_owned()),
            eval_decision: Some(match decision {
                Decision::Allowed => api::PolicyEvaluationDecisionType::Allowed,
                Decision::ExplicitDeny(_) => api::PolicyEvaluationDecisionType::ExplicitDeny,
                Decision::ImplicitDeny(_) => api::PolicyEvaluationDecisionType::ImplicitDeny,
            }),
            matched_statements: Some(self.matched(request, decision)),
            missing_context_values: Some(self.missing(request, resource)),
            permissions_boundary_decision_detail: self.boundary.as_ref().map(|boundary| {
                api::PermissionsBoundaryDecisionDetail {
                    allowed_by_permissions_boundary: Some(
                        boundary.allows(request) && !boundary.forbids(request),
                    ),
                }
            }),
            ..Default::default()
        }
    }

    /// The policies that made the decision. Where in their text is not told.
    fn matched(&self, request: &Request, decision: Decision) -> Vec<api::Statement> {
        let decided = |policy: &Policy| match decision {
            Decision::Allowed => policy.allows(request),
            Decision::ExplicitDeny(PolicyKind::Identity) => policy.forbids(request),
            Decision::ExplicitDeny(_) | Decision::ImplicitDeny(_) => false,
        };
        self.sources
            .iter()
            .filter(|one| decided(&one.policy))
            .map(|one| api::Statement {
                source_policy_id: Some(one.id.clone()),
                source_policy_type: Some(one.kind),
                ..Default::default()
            })
            .collect()
    }

    /// Keys that conditions ask for and nobody gave.
    fn missing(&self, request: &Request, resource: Option<&Policy>) -> Vec<String> {
        let policies = (self.sources.iter().map(|one| &one.policy))
            .chain(&self.boundary)
            .chain(resource);
        let asked: BTreeSet<&str> = policies
            .flat_map(|policy| &policy.statements)
            .flat_map(|statement| &statement.conditions)
            .map(|condition| condition.key.as_str())
            .collect();
        asked
            .into_iter()
            .filter(|key| !request.keys.contains_key(*key))
            .map(str::to_owned)
            .collect()
    }
}

/// The user, group or role of an ARN, with its policies.
fn principal(region: &Region, arn: &str) -> Result<Subject, Error> {
    let (kind, name) = kind_of(arn).ok_or_else(|| {
        invalid_input(format!(
            "Invalid Entity Arn: {arn} does not clearly define entity type and name."
        ))
    })?;
    let iam = &region.iam;
    let account = region.settings.account.clone();
    let nobody = || not_found(kind, name);
    // Grants by the kind of their holder, and the boundary's ARN.
    let (actor, grants, boundary): (Actor, Vec<(api::PolicySourceType, &str, &Grants)>, _) =
        match kind {
            "role" => {
                let role = iam.roles.get(name).ok_or_else(nobody)?;
                let actor = Actor::Session {
                    account,
                    role_arn: role.arn.clone(),
                    session_arn: (region.settings)
                        .global_arn("sts", format!("assumed-role/{name}/simulation")),
                };
                let grants = vec![(api::PolicySourceType::Role, name, &role.grants)];
                (actor, grants, role.boundary.as_deref())
            }
            "user" => {
                let user = iam.users.get(name).ok_or_else(nobody)?;
                let actor = Actor::User {
                    account,
                    arn: user.arn.clone(),
                };
                let groups = user.groups.iter().filter_map(|group| {
                    let grants = &iam.groups.get(group)?.grants;
                    Some((api::PolicySourceType::Group, group.as_str(), grants))
                });
                let own = (api::PolicySourceType::User, name, &user.grants);
                let grants = std::iter::once(own).chain(groups).collect();
                (actor, grants, user.boundary.as_deref())
            }
            _ => {
                let group = iam.groups.get(name).ok_or_else(nobody)?;
                let grants = vec![(api::PolicySourceType::Group, name, &group.grants)];
                (Actor::Anonymous, grants, None)
            }
        };
    let mut sources = Vec::new();
    for (kind, holder, grants) in grants {
        for (policy, text) in &grants.inline {
            sources.push(Source {
                id: format!("{kind}_{holder}_{policy}"),
                kind,
                policy: parsed(text)?,
            });
        }
        for arn in &grants.attached {
            let found = managed_policy::find(region, arn).ok_or_else(|| no_policy(arn))?;
            sources.push(Source {
                id: found.name().to_owned(),
                kind: match found {
                    Found::Account(_) => api::PolicySourceType::UserManaged,
                    Found::Aws(_) => api::PolicySourceType::AwsManaged,
                },
                policy: parsed(found.document())?,
            });
        }
    }
    let boundary = match boundary {
        None => None,
        Some(arn) => {
            let found = managed_policy::find(region, arn).ok_or_else(|| no_policy(arn))?;
            Some(parsed(found.document())?)
        }
    };
    Ok(Subject {
        actor,
        sources,
        boundary,
    })
}

/// `arn:aws:iam::…:role/path/name`: the kind and the name.
fn kind_of(arn: &str) -> Option<(&str, &str)> {
    let (_, entity) = arn.rsplit_once(':')?;
    let (kind, rest) = entity.split_once('/')?;
    let name = rest.rsplit('/').next()?;
    matches!(kind, "user" | "group" | "role").then_some((kind, name))
}

/// Who a resource's policy is to see. AWS takes users here and nobody else.
fn caller(region: &Region, arn: Option<&str>) -> Result<Actor, Error> {
    let arn = arn.ok_or_else(|| {
        invalid_input("CallerArn is required when ResourcePolicy is given without an IAM user.")
    })?;
    match kind_of(arn) {
        Some(("user", _)) => Ok(Actor::User {
            account: region.settings.account.clone(),
            arn: arn.to_owned(),
        }),
        _ => Err(invalid_input(format!(
            "CallerArn must be the ARN of an IAM user, and {arn} is not."
        ))),
    }
}

fn given(list: &str, texts: Vec<String>) -> Result<Vec<Source>, Error> {
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            Ok(Source {
                id: format!("{list}.{}", index + 1),
                kind: api::PolicySourceType::None,
                policy: parsed(text)?,
            })
        })
        .collect()
}

fn only_boundary(list: Vec<String>) -> Result<Option<Policy>, Error> {
    match list.as_slice() {
        [] => Ok(None),
        [one] => parsed(one).map(Some),
        _ => Err(invalid_input(
            "PermissionsBoundaryPolicyInputList takes one policy.",
        )),
    }
}

fn parsed(text: &str) -> Result<Policy, Error> {
    Policy::parse(text).map_err(|error| invalid_input(format!("The policy is malformed: {error}.")))
}

fn context_keys(entries: Vec<api::ContextEntry>) -> BTreeMap<String, Vec<String>> {
    entries
        .into_iter()
        .filter_map(|entry| {
            let name = entry.context_key_name?.to_ascii_lowercase();
            Some((name, entry.context_key_values.unwrap_or_default()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use wire::iam::op;

    use super::api::PolicyEvaluationDecisionType::{Allowed, ExplicitDeny, ImplicitDeny};
    use super::*;
    use crate::testing::Bench;

    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

    fn document(statements: &str) -> String {
        format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
    }

    /// A role that deletes what carries a tag, inside a boundary that knows no IAM.
    fn bounded_role(bench: &mut Bench) -> String {
        let boundary = bench
            .call::<op::CreatePolicy>(
                "iam",
                api::CreatePolicyRequest {
                    policy_name: "boundary".into(),
                    policy_document: document(
                        r#"{"Effect":"Allow","Action":["ec2:*","s3:*"],"Resource":"*"},
                           {"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}"#,
                    ),
                    ..Default::default()
                },
            )
            .expect("it is made")
            .policy
            .and_then(|policy| policy.arn);
        let role = bench
            .call::<op::CreateRole>(
                "iam",
                api::CreateRoleRequest {
                    role_name: "apply".into(),
                    assume_role_policy_document: TRUST.into(),
                    permissions_boundary: boundary,
                    ..Default::default()
                },
            )
            .expect("it is made")
            .role
            .and_then(|role| role.arn)
            .expect("it has an ARN");
        bench
            .call::<op::PutRolePolicy>(
                "iam",
                api::PutRolePolicyRequest {
                    role_name: "apply".into(),
                    policy_name: "change".into(),
                    policy_document: document(
                        r#"{"Effect":"Allow","Action":"ec2:DeleteVpc","Resource":"*",
                            "Condition":{"StringEquals":{"aws:ResourceTag/state":"network"}}},
                           {"Effect":"Allow","Action":["iam:CreateUser","s3:*"],"Resource":"*"}"#,
                    ),
                },
            )
            .expect("it is put");
        role
    }

    fn entry(name: &str, value: &str) -> api::ContextEntry {
        api::ContextEntry {
            context_key_name: Some(name.into()),
            context_key_type: Some(api::ContextKeyTypeEnum::String),
            context_key_values: Some(vec![value.into()]),
        }
    }

    fn ask(
        bench: &mut Bench,
        arn: &str,
        actions: &[&str],
        entries: Vec<api::ContextEntry>,
    ) -> Vec<api::EvaluationResult> {
        let input = api::SimulatePrincipalPolicyRequest {
            policy_source_arn: arn.into(),
            action_names: actions.iter().map(ToString::to_string).collect(),
            context_entries: Some(entries),
            ..Default::default()
        };
        bench
            .call::<op::SimulatePrincipalPolicy>("iam", input)
            .expect("it is answered")
            .evaluation_results
            .expect("there are some")
    }

    #[test]
    fn a_role_is_held_to_its_policies_and_its_boundary() {
        let mut bench = Bench::new();
        let role = bounded_role(&mut bench);
        let results = ask(
            &mut bench,
            &role,
            &[
                "ec2:DeleteVpc",
                "iam:CreateUser",
                "s3:DeleteBucket",
                "ecs:RunTask",
            ],
            vec![entry("aws:ResourceTag/state", "network")],
        );
        let seen: Vec<_> = results
            .iter()
            .map(|one| {
                let bounded = one.permissions_boundary_decision_detail.as_ref();
                (
                    one.eval_decision.expect("it is decided"),
                    bounded.and_then(|detail| detail.allowed_by_permissions_boundary),
                    one.matched_statements.as_ref().map(Vec::len),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (Allowed, Some(true), Some(1)),
                (ImplicitDeny, Some(false), Some(0)),
                (ExplicitDeny, Some(false), Some(0)),
                (ImplicitDeny, Some(false), Some(0)),
            ]
        );
        let matched = results[0].matched_statements.as_ref().expect("it is told");
        assert_eq!(
            matched[0].source_policy_id.as_deref(),
            Some("role_apply_change")
        );
    }

    #[test]
    fn a_key_that_nobody_gave_is_missing() {
        let mut bench = Bench::new();
        let role = bounded_role(&mut bench);
        let results = ask(&mut bench, &role, &["ec2:DeleteVpc"], Vec::new());
        assert_eq!(results[0].eval_decision, Some(ImplicitDeny));
        assert_eq!(
            results[0].missing_context_values,
            Some(vec!["aws:resourcetag/state".to_owned()])
        );
    }

    #[test]
    fn policies_without_a_principal_over_several_resources_in_pieces() {
        let mut bench = Bench::new();
        let mut input = api::SimulateCustomPolicyRequest {
            policy_input_list: vec![document(
                r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/open/*"}"#,
            )],
            action_names: vec!["s3:GetObject".into(), "s3:PutObject".into()],
            resource_arns: Some(vec![
                "arn:aws:s3:::b/open/k".into(),
                "arn:aws:s3:::b/shut".into(),
            ]),
            max_items: Some(3),
            ..Default::default()
        };
        let mut seen = Vec::new();
        loop {
            let answer = bench
                .call::<op::SimulateCustomPolicy>("iam", input.clone())
                .expect("it is answered");
            for one in answer.evaluation_results.expect("there are some") {
                seen.push((
                    one.eval_action_name.expect("it is told"),
                    one.eval_resource_name.expect("it is told"),
                    one.eval_decision == Some(Allowed),
                ));
            }
            input.marker = answer.marker;
            if input.marker.is_none() {
                break;
            }
        }
        let expected = [
            ("s3:GetObject", "arn:aws:s3:::b/open/k", true),
            ("s3:GetObject", "arn:aws:s3:::b/shut", false),
            ("s3:PutObject", "arn:aws:s3:::b/open/k", false),
            ("s3:PutObject", "arn:aws:s3:::b/shut", false),
        ]
        .map(|(action, resource, allowed)| (action.to_owned(), resource.to_owned(), allowed));
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        let mut bench = Bench::new();
        let base = api::SimulateCustomPolicyRequest {
            policy_input_list: vec![document(
                r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
            )],
            action_names: vec!["s3:GetObject".into()],
            ..Default::default()
        };
        for (input, code) in [
            (
                api::SimulateCustomPolicyRequest {
                    policy_input_list: vec!["{}".into()],
                    ..base.clone()
                },
                "InvalidInput",
            ),
            (
                api::SimulateCustomPolicyRequest {
                    action_names: vec!["GetObject".into()],
                    ..base.clone()
                },
                "InvalidInput",
            ),
            (
                api::SimulateCustomPolicyRequest {
                    resource_policy: Some(document(
                        r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}"#,
                    )),
                    ..base.clone()
                },
                "InvalidInput",
            ),
            (
                api::SimulateCustomPolicyRequest {
                    resource_handling_option: Some("EC2-VPC-InstanceStore".into()),
                    ..base.clone()
                },
                "InvalidInput",
            ),
        ] {
            let error = bench
                .call::<op::SimulateCustomPolicy>("iam", input)
                .expect_err("it is refused");
            assert_eq!(error.code, code, "{error:?}");
        }
        let input = api::SimulatePrincipalPolicyRequest {
            policy_source_arn: "arn:aws:iam::000000000000:role/nobody".into(),
            action_names: vec!["s3:GetObject".into()],
            ..Default::default()
        };
        let error = bench
            .call::<op::SimulatePrincipalPolicy>("iam", input)
            .expect_err("there is none");
        assert_eq!(error.code, "NoSuchEntity");
    }
}
