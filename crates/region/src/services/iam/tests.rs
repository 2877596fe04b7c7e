//! IAM as its callers see it.

use wire::iam as api;
use wire::iam::op;

use super::access_key;
use crate::Caller;
use crate::testing::Bench;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
const EXECUTION: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";

fn role(bench: &mut Bench, name: &str) -> api::Role {
    let input = api::CreateRoleRequest {
        role_name: name.into(),
        assume_role_policy_document: TRUST.into(),
        tags: Some(vec![api::Tag {
            key: "env".into(),
            value: "dev".into(),
        }]),
        ..Default::default()
    };
    let answer = bench
        .call::<op::CreateRole>("iam", input)
        .expect("it is made");
    answer.role.expect("it is told")
}

fn get_role(bench: &mut Bench, name: &str) -> api::Role {
    let input = api::GetRoleRequest {
        role_name: name.into(),
    };
    let answer = bench
        .call::<op::GetRole>("iam", input)
        .expect("it is there");
    answer.role.expect("it is told")
}

fn policy(bench: &mut Bench, name: &str) -> String {
    let input = api::CreatePolicyRequest {
        policy_name: name.into(),
        policy_document: POLICY.into(),
        ..Default::default()
    };
    let answer = bench
        .call::<op::CreatePolicy>("iam", input)
        .expect("it is made");
    answer
        .policy
        .and_then(|policy| policy.arn)
        .expect("it has an ARN")
}

#[test]
fn a_role_is_told_as_the_provider_needs_it() {
    let mut bench = Bench::new();
    let made = role(&mut bench, "web");
    bench.restart();
    let role = get_role(&mut bench, "web");
    assert_eq!(
        role.arn.as_deref(),
        Some("arn:aws:iam::000000000000:role/web")
    );
    let id = role.role_id.expect("it has an id");
    assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
    assert_eq!(made.role_id, Some(id));
    assert_eq!(role.path.as_deref(), Some("/"));
    assert_eq!(role.max_session_duration, Some(3600));
    assert_eq!(role.create_date, Some(bench.now));
    assert_eq!(role.description, None);
    assert!(role.permissions_boundary.is_none());
    assert_eq!(role.tags.map(|tags| tags.len()), Some(1));
    let document = role.assume_role_policy_document.expect("it is told");
    assert!(
        document.starts_with("%7B%22Version%22%3A%222012-10-17%22"),
        "{document}"
    );
}

#[test]
fn a_role_goes_only_when_nothing_hangs_on_it() {
    let mut bench = Bench::new();
    role(&mut bench, "web");
    let name = || "web".to_owned();
    let attach = api::AttachRolePolicyRequest {
        role_name: name(),
        policy_arn: EXECUTION.into(),
    };
    bench
        .call::<op::AttachRolePolicy>("iam", attach)
        .expect("it is attached");
    let put = api::PutRolePolicyRequest {
        role_name: name(),
        policy_name: "own".into(),
        policy_document: POLICY.into(),
    };
    bench
        .call::<op::PutRolePolicy>("iam", put)
        .expect("it is put");
    let profile = api::CreateInstanceProfileRequest {
        instance_profile_name: name(),
        ..Default::default()
    };
    bench
        .call::<op::CreateInstanceProfile>("iam", profile)
        .expect("it is made");
    let add = api::AddRoleToInstanceProfileRequest {
        instance_profile_name: name(),
        role_name: name(),
    };
    bench
        .call::<op::AddRoleToInstanceProfile>("iam", add)
        .expect("it is added");

    let attached = bench
        .call::<op::ListAttachedRolePolicies>(
            "iam",
            api::ListAttachedRolePoliciesRequest {
                role_name: name(),
                ..Default::default()
            },
        )
        .expect("they are listed");
    let attached = attached.attached_policies.expect("there is a list");
    assert_eq!(
        attached[0].policy_name.as_deref(),
        Some("AmazonECSTaskExecutionRolePolicy")
    );

    let delete = || api::DeleteRoleRequest { role_name: name() };
    let refused = |bench: &mut Bench| bench.refused::<op::DeleteRole>("iam", delete());
    assert_eq!(
        refused(&mut bench),
        (
            "DeleteConflict".into(),
            "Cannot delete entity, must detach all policies first.".into()
        )
    );
    let detach = || api::DetachRolePolicyRequest {
        role_name: name(),
        policy_arn: EXECUTION.into(),
    };
    bench
        .call::<op::DetachRolePolicy>("iam", detach())
        .expect("it is detached");
    assert_eq!(
        bench.refused::<op::DetachRolePolicy>("iam", detach()),
        (
            "NoSuchEntity".into(),
            format!("Policy {EXECUTION} was not found.")
        )
    );
    assert_eq!(
        refused(&mut bench).1,
        "Cannot delete entity, must delete policies first."
    );
    let drop = || api::DeleteRolePolicyRequest {
        role_name: name(),
        policy_name: "own".into(),
    };
    bench
        .call::<op::DeleteRolePolicy>("iam", drop())
        .expect("it is deleted");
    assert_eq!(
        bench.refused::<op::DeleteRolePolicy>("iam", drop()).1,
        "The role policy with name own cannot be found."
    );
    assert_eq!(
        refused(&mut bench).1,
        "Cannot delete entity, must remove roles from instance profile first."
    );
    let remove = api::RemoveRoleFromInstanceProfileRequest {
        instance_profile_name: name(),
        role_name: name(),
    };
    bench
        .call::<op::RemoveRoleFromInstanceProfile>("iam", remove)
        .expect("it is removed");
    bench
        .call::<op::DeleteRole>("iam", delete())
        .expect("nothing hangs on it");
    assert_eq!(
        bench.refused::<op::GetRole>("iam", api::GetRoleRequest { role_name: name() }),
        (
            "NoSuchEntity".into(),
            "The role with name web cannot be found.".into()
        )
    );
}

#[test]
fn what_is_wrong_with_a_role_is_said_in_awss_words() {
    let mut bench = Bench::new();
    role(&mut bench, "web");
    let make = |name: &str, trust: &str, path: Option<&str>| api::CreateRoleRequest {
        role_name: name.into(),
        assume_role_policy_document: trust.into(),
        path: path.map(str::to_owned),
        ..Default::default()
    };
    for (input, code, message) in [
        (
            make("WEB", TRUST, None),
            "EntityAlreadyExists",
            "Role with name WEB already exists.",
        ),
        (
            make("a", "{", None),
            "MalformedPolicyDocument",
            "This policy contains invalid Json",
        ),
        (
            make("a", POLICY, None),
            "MalformedPolicyDocument",
            "Has prohibited field Resource",
        ),
    ] {
        let refused = bench.refused::<op::CreateRole>("iam", input);
        assert_eq!(refused, (code.into(), message.into()));
    }
    assert_eq!(
        bench
            .refused::<op::CreateRole>("iam", make("a", TRUST, Some("x")))
            .0,
        "ValidationError"
    );
    let attach = api::AttachRolePolicyRequest {
        role_name: "web".into(),
        policy_arn: "arn:aws:iam::aws:policy/Nothing".into(),
    };
    assert_eq!(
        bench.refused::<op::AttachRolePolicy>("iam", attach),
        (
            "NoSuchEntity".into(),
            "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.".into()
        )
    );
    for at in 0..10 {
        let arn = policy(&mut bench, &format!("p{at}"));
        let attach = api::AttachRolePolicyRequest {
            role_name: "web".into(),
            policy_arn: arn,
        };
        bench
            .call::<op::AttachRolePolicy>("iam", attach)
            .expect("ten may be attached");
    }
    let attach = api::AttachRolePolicyRequest {
        role_name: "web".into(),
        policy_arn: EXECUTION.into(),
    };
    assert_eq!(
        bench.refused::<op::AttachRolePolicy>("iam", attach),
        (
            "LimitExceeded".into(),
            "Cannot exceed quota for PoliciesPerRole: 10".into()
        )
    );
}

#[test]
fn a_policy_has_at_most_five_versions_and_one_in_force() {
    let mut bench = Bench::new();
    let arn = policy(&mut bench, "p");
    let version = |default| api::CreatePolicyVersionRequest {
        policy_arn: arn.clone(),
        policy_document: POLICY.into(),
        set_as_default: Some(default),
    };
    for _ in 0..4 {
        bench
            .call::<op::CreatePolicyVersion>("iam", version(true))
            .expect("five may be there");
    }
    assert_eq!(
        bench
            .refused::<op::CreatePolicyVersion>("iam", version(true))
            .0,
        "LimitExceeded"
    );
    let delete = |id: &str| api::DeletePolicyVersionRequest {
        policy_arn: arn.clone(),
        version_id: id.into(),
    };
    assert_eq!(
        bench.refused::<op::DeletePolicyVersion>("iam", delete("v5")),
        (
            "DeleteConflict".into(),
            "Cannot delete the default version of a policy.".into()
        )
    );
    bench
        .call::<op::DeletePolicyVersion>("iam", delete("v1"))
        .expect("it is not in force");
    let made = bench
        .call::<op::CreatePolicyVersion>("iam", version(false))
        .expect("there is room");
    assert_eq!(
        made.policy_version
            .and_then(|one| one.version_id)
            .as_deref(),
        Some("v6"),
        "a number is never used twice"
    );
    let found = bench
        .call::<op::GetPolicy>(
            "iam",
            api::GetPolicyRequest {
                policy_arn: arn.clone(),
            },
        )
        .expect("it is there")
        .policy
        .expect("it is told");
    assert_eq!(found.default_version_id.as_deref(), Some("v5"));
    assert_eq!(found.attachment_count, Some(0));
    assert!(
        bench
            .refused::<op::DeletePolicy>(
                "iam",
                api::DeletePolicyRequest {
                    policy_arn: arn.clone()
                }
            )
            .1
            .starts_with("This policy has more than one version.")
    );
    let none = api::GetPolicyVersionRequest {
        policy_arn: arn.clone(),
        version_id: "v1".into(),
    };
    assert_eq!(
        bench.refused::<op::GetPolicyVersion>("iam", none).0,
        "NoSuchEntity"
    );
    let none = api::GetPolicyRequest {
        policy_arn: "arn:aws:iam::000000000000:policy/none".into(),
    };
    assert_eq!(
        bench.refused::<op::GetPolicy>("iam", none).1,
        "Policy arn:aws:iam::000000000000:policy/none was not found."
    );
}

#[test]
fn an_attached_policy_stays() {
    let mut bench = Bench::new();
    role(&mut bench, "web");
    let arn = policy(&mut bench, "p");
    let attach = api::AttachRolePolicyRequest {
        role_name: "web".into(),
        policy_arn: arn.clone(),
    };
    bench
        .call::<op::AttachRolePolicy>("iam", attach)
        .expect("it is attached");
    assert_eq!(
        bench.refused::<op::DeletePolicy>(
            "iam",
            api::DeletePolicyRequest {
                policy_arn: arn.clone()
            }
        ),
        (
            "DeleteConflict".into(),
            "Cannot delete a policy attached to entities.".into()
        )
    );
    let entities = bench
        .call::<op::ListEntitiesForPolicy>(
            "iam",
            api::ListEntitiesForPolicyRequest {
                policy_arn: arn,
                ..Default::default()
            },
        )
        .expect("they are listed");
    assert_eq!(entities.policy_roles.map(|all| all.len()), Some(1));
}

#[test]
fn awss_policies_are_listed_in_pieces_beside_the_accounts() {
    let mut bench = Bench::new();
    policy(&mut bench, "p");
    let mut names = Vec::new();
    let mut marker = None;
    loop {
        let input = api::ListPoliciesRequest {
            marker,
            max_items: Some(7),
            ..Default::default()
        };
        let answer = bench
            .call::<op::ListPolicies>("iam", input)
            .expect("they are listed");
        names.extend(
            answer
                .policies
                .expect("a list")
                .into_iter()
                .filter_map(|one| one.policy_name),
        );
        assert_eq!(answer.is_truncated, Some(answer.marker.is_some()));
        marker = answer.marker;
        if marker.is_none() {
            break;
        }
    }
    assert!(names.iter().any(|name| name == "p"));
    assert!(names.iter().any(|name| name == "AdministratorAccess"));
    let input = api::ListPoliciesRequest {
        scope: Some(api::PolicyScopeType::Local),
        ..Default::default()
    };
    let own = bench
        .call::<op::ListPolicies>("iam", input)
        .expect("they are listed");
    assert_eq!(own.policies.map(|all| all.len()), Some(1));
}

#[test]
fn service_linked_roles_are_made_once_and_only_their_service_changes_them() {
    let mut bench = Bench::new();
    let ecs = "ecs.amazonaws.com";
    let make = |suffix: Option<&str>| api::CreateServiceLinkedRoleRequest {
        aws_service_name: ecs.into(),
        custom_suffix: suffix.map(str::to_owned),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateServiceLinkedRole>("iam", make(Some("x"))),
        (
            "InvalidInput".into(),
            "Custom suffix is not allowed for ecs.amazonaws.com".into()
        )
    );
    let ensure = |bench: &mut Bench| {
        bench
            .write(|region, context| Ok(super::role::ensure_service_linked(region, context, ecs)))
            .expect("it cannot be refused")
    };
    let arn = ensure(&mut bench);
    assert_eq!(
        arn.as_deref(),
        Some(
            "arn:aws:iam::000000000000:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
        )
    );
    assert_eq!(ensure(&mut bench), arn);
    assert_eq!(
        bench
            .refused::<op::CreateServiceLinkedRole>("iam", make(None))
            .1,
        "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix."
    );
    let delete = api::DeleteRoleRequest {
        role_name: "AWSServiceRoleForECS".into(),
    };
    assert_eq!(
        bench.refused::<op::DeleteRole>("iam", delete).0,
        "UnmodifiableEntity"
    );
    let delete = api::DeleteServiceLinkedRoleRequest {
        role_name: "AWSServiceRoleForECS".into(),
    };
    let task = bench
        .call::<op::DeleteServiceLinkedRole>("iam", delete)
        .expect("it goes");
    let status = api::GetServiceLinkedRoleDeletionStatusRequest {
        deletion_task_id: task.deletion_task_id.expect("there is a task"),
    };
    let status = bench
        .call::<op::GetServiceLinkedRoleDeletionStatus>("iam", status)
        .expect("it is told");
    assert_eq!(status.status, Some(api::DeletionTaskStatusType::Succeeded));
}

#[test]
fn an_oidc_provider_keeps_its_url_without_scheme() {
    let mut bench = Bench::new();
    let make = || api::CreateOpenIDConnectProviderRequest {
        url: "https://token.actions.githubusercontent.com".into(),
        client_id_list: Some(vec!["sts.amazonaws.com".into()]),
        thumbprint_list: Some(vec!["6938fd4d98bab03faadb97b34396831e3780aea1".into()]),
        tags: None,
    };
    let made = bench
        .call::<op::CreateOpenIDConnectProvider>("iam", make())
        .expect("it is made");
    let arn = made.open_id_connect_provider_arn.expect("it has an ARN");
    assert_eq!(
        arn,
        "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"
    );
    assert_eq!(
        bench
            .refused::<op::CreateOpenIDConnectProvider>("iam", make())
            .0,
        "EntityAlreadyExists"
    );
    let get = || api::GetOpenIDConnectProviderRequest {
        open_id_connect_provider_arn: arn.clone(),
    };
    let found = bench
        .call::<op::GetOpenIDConnectProvider>("iam", get())
        .expect("it is there");
    assert_eq!(
        found.url.as_deref(),
        Some("token.actions.githubusercontent.com")
    );
    assert_eq!(found.client_id_list, Some(vec!["sts.amazonaws.com".into()]));
    let delete = || api::DeleteOpenIDConnectProviderRequest {
        open_id_connect_provider_arn: arn.clone(),
    };
    bench
        .call::<op::DeleteOpenIDConnectProvider>("iam", delete())
        .expect("it goes");
    bench
        .call::<op::DeleteOpenIDConnectProvider>("iam", delete())
        .expect("as documented");
    assert_eq!(
        bench.refused::<op::GetOpenIDConnectProvider>("iam", get()),
        (
            "NoSuchEntity".into(),
            format!("OpenIDConnect Provider not found for arn {arn}")
        )
    );
}

#[test]
fn users_have_keys_that_the_front_door_finds() {
    let mut bench = Bench::new();
    let name = || "ann".to_owned();
    let make = || api::CreateUserRequest {
        user_name: name(),
        ..Default::default()
    };
    bench
        .call::<op::CreateUser>("iam", make())
        .expect("it is made");
    assert_eq!(
        bench.refused::<op::CreateUser>("iam", make()).0,
        "EntityAlreadyExists"
    );
    let key = || api::CreateAccessKeyRequest {
        user_name: Some(name()),
    };
    let made = bench
        .call::<op::CreateAccessKey>("iam", key())
        .expect("it is made")
        .access_key;
    let made = made.expect("it is told");
    let id = made.access_key_id.expect("it has an id");
    let holder = access_key::find(&bench.region, &id).expect("somebody holds it");
    assert_eq!(holder.caller, Caller::User { name: name() });
    assert_eq!(Some(&holder.secret), made.secret_access_key.as_ref());
    assert_eq!(holder.session_token, None);

    bench
        .call::<op::CreateAccessKey>("iam", key())
        .expect("two are allowed");
    assert_eq!(
        bench.refused::<op::CreateAccessKey>("iam", key()),
        (
            "LimitExceeded".into(),
            "Cannot exceed quota for AccessKeysPerUser: 2".into()
        )
    );
    let off = api::UpdateAccessKeyRequest {
        access_key_id: id.clone(),
        status: api::StatusType::Inactive,
        user_name: Some(name()),
    };
    bench
        .call::<op::UpdateAccessKey>("iam", off)
        .expect("it is turned off");
    assert!(access_key::find(&bench.region, &id).is_none());
    assert_eq!(
        bench.refused::<op::DeleteUser>("iam", api::DeleteUserRequest { user_name: name() }),
        (
            "DeleteConflict".into(),
            "Cannot delete entity, must delete access keys first.".into()
        )
    );
    // Without a name, a user means itself.
    bench.caller = Caller::User { name: name() };
    let me = bench
        .call::<op::GetUser>("iam", api::GetUserRequest::default())
        .expect("it is there");
    assert_eq!(me.user.and_then(|user| user.user_name), Some(name()));
    bench.caller = Caller::Root;
    let me = bench
        .call::<op::GetUser>("iam", api::GetUserRequest::default())
        .expect("it is there");
    assert_eq!(
        me.user.and_then(|user| user.arn).as_deref(),
        Some("arn:aws:iam::000000000000:root")
    );
}

#[test]
fn groups_give_their_members_what_they_may() {
    use super::authorize::{Ask, decide};
    use super::policy::ResourceRule;
    let mut bench = Bench::new();
    let user = api::CreateUserRequest {
        user_name: "ann".into(),
        ..Default::default()
    };
    bench
        .call::<op::CreateUser>("iam", user)
        .expect("it is made");
    let group = api::CreateGroupRequest {
        group_name: "dev".into(),
        path: None,
    };
    bench
        .call::<op::CreateGroup>("iam", group)
        .expect("it is made");
    let put = api::PutGroupPolicyRequest {
        group_name: "dev".into(),
        policy_name: "p".into(),
        policy_document: POLICY.into(),
    };
    bench
        .call::<op::PutGroupPolicy>("iam", put)
        .expect("it is put");
    let may = |bench: &mut Bench, action: &str| {
        bench.caller = Caller::User { name: "ann".into() };
        let allowed = bench.write(|region, context| {
            let ask = Ask {
                action,
                resource: "*",
                keys: std::collections::BTreeMap::new(),
                resource_policy: None,
                rule: ResourceRule::Either,
            };
            Ok(decide(region, context, None, ask).allowed())
        });
        bench.caller = Caller::Root;
        allowed.expect("it decides")
    };
    assert!(!may(&mut bench, "s3:GetObject"));
    let add = api::AddUserToGroupRequest {
        group_name: "dev".into(),
        user_name: "ann".into(),
    };
    bench
        .call::<op::AddUserToGroup>("iam", add)
        .expect("it is added");
    assert!(may(&mut bench, "s3:GetObject"));
    assert!(!may(&mut bench, "sns:Publish"));
    let boundary = api::PutUserPermissionsBoundaryRequest {
        user_name: "ann".into(),
        permissions_boundary: "arn:aws:iam::aws:policy/AmazonSNSFullAccess".into(),
    };
    bench
        .call::<op::PutUserPermissionsBoundary>("iam", boundary)
        .expect("it is put");
    assert!(!may(&mut bench, "s3:GetObject"), "a boundary limits");
    assert_eq!(
        bench
            .refused::<op::DeleteGroup>(
                "iam",
                api::DeleteGroupRequest {
                    group_name: "dev".into()
                }
            )
            .0,
        "DeleteConflict"
    );
}
