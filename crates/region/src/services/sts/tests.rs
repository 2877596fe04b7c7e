//! STS as its callers see it.

use jiff::SignedDuration;
use wire::iam;
use wire::sts as api;
use wire::sts::op;

use super::{credentials, trust};
use crate::Caller;
use crate::services::iam::access_key;
use crate::testing::Bench;

fn role(bench: &mut Bench, name: &str, principal: &str, longest: i64) -> String {
    let input = iam::CreateRoleRequest {
        role_name: name.into(),
        assume_role_policy_document: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
        ),
        max_session_duration: Some(longest),
        ..Default::default()
    };
    let made = bench
        .call::<iam::op::CreateRole>("iam", input)
        .expect("it is made");
    made.role.and_then(|role| role.arn).expect("it has an ARN")
}

fn user(bench: &mut Bench, name: &str, policy: Option<&str>) {
    let input = iam::CreateUserRequest {
        user_name: name.into(),
        ..Default::default()
    };
    bench
        .call::<iam::op::CreateUser>("iam", input)
        .expect("it is made");
    if let Some(policy) = policy {
        let put = iam::PutUserPolicyRequest {
            user_name: name.into(),
            policy_name: "p".into(),
            policy_document: policy.into(),
        };
        bench
            .call::<iam::op::PutUserPolicy>("iam", put)
            .expect("it is put");
    }
}

fn assume(arn: &str, session: &str, seconds: Option<i64>) -> api::AssumeRoleRequest {
    api::AssumeRoleRequest {
        role_arn: arn.into(),
        role_session_name: session.into(),
        duration_seconds: seconds,
        ..Default::default()
    }
}

const ACCOUNT: &str = r#"{"AWS":"arn:aws:iam::000000000000:root"}"#;
const MAY_ASSUME: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#;

#[test]
fn everybody_is_told_who_they_are() {
    let mut bench = Bench::new();
    user(&mut bench, "ann", None);
    role(&mut bench, "r", ACCOUNT, 3600);
    let session = Caller::Role {
        name: "r".into(),
        session: "ss".into(),
    };
    for (caller, arn) in [
        (Caller::Root, "arn:aws:iam::000000000000:root"),
        (
            Caller::User { name: "ann".into() },
            "arn:aws:iam::000000000000:user/ann",
        ),
        (session, "arn:aws:sts::000000000000:assumed-role/r/ss"),
    ] {
        bench.caller = caller.clone();
        let me = bench
            .call::<op::GetCallerIdentity>("sts", api::GetCallerIdentityRequest::default())
            .expect("it is told");
        assert_eq!(me.arn.as_deref(), Some(arn));
        assert_eq!(me.account.as_deref(), Some("000000000000"));
        let id = me.user_id.expect("it is told");
        match caller {
            Caller::Role { .. } => assert!(id.starts_with("AROA") && id.ends_with(":ss"), "{id}"),
            Caller::User { .. } => assert!(id.starts_with("AIDA"), "{id}"),
            _ => assert_eq!(id, "000000000000"),
        }
    }
}

#[test]
fn a_role_is_assumed_and_the_session_ends() {
    let mut bench = Bench::new();
    let arn = role(&mut bench, "r", ACCOUNT, 3600);
    let answer = bench
        .call::<op::AssumeRole>("sts", assume(&arn, "ss", Some(900)))
        .expect("it is trusted");
    let given = answer.credentials.expect("they are given");
    let key = given.access_key_id.expect("there is a key");
    assert!(key.starts_with("ASIA") && key.len() == 20, "{key}");
    assert_eq!(
        given.expiration,
        Some(bench.now + SignedDuration::from_secs(900))
    );
    assert_eq!(
        answer
            .assumed_role_user
            .and_then(|user| user.arn)
            .as_deref(),
        Some("arn:aws:sts::000000000000:assumed-role/r/ss")
    );
    bench.restart();
    let holder = access_key::find(&bench.region, &key).expect("it is held");
    assert_eq!(
        holder.caller,
        Caller::Role {
            name: "r".into(),
            session: "ss".into()
        }
    );
    assert_eq!(holder.session_token, given.session_token);
    assert_eq!(holder.session_policies, None);

    bench.pass(SignedDuration::from_mins(16));
    assert!(
        access_key::find(&bench.region, &key).is_some(),
        "its end can still be told"
    );
    bench.pass(SignedDuration::from_hours(1));
    assert!(access_key::find(&bench.region, &key).is_none());
    assert!(bench.region.sts.sessions.is_empty());
}

#[test]
fn trust_decides_who_gets_in() {
    let mut bench = Bench::new();
    let shared = role(&mut bench, "shared", ACCOUNT, 3600);
    let anns = role(
        &mut bench,
        "anns",
        r#"{"AWS":"arn:aws:iam::000000000000:user/ann"}"#,
        3600,
    );
    let service = role(
        &mut bench,
        "service",
        r#"{"Service":"ecs-tasks.amazonaws.com"}"#,
        3600,
    );
    user(&mut bench, "ann", None);
    user(&mut bench, "bob", Some(MAY_ASSUME));
    for (who, arn, expected) in [
        ("ann", &shared, false),
        ("bob", &shared, true),
        ("ann", &anns, true),
        ("bob", &anns, false),
        ("bob", &service, false),
    ] {
        bench.caller = Caller::User { name: who.into() };
        let answer = bench.call::<op::AssumeRole>("sts", assume(arn, "ss", None));
        assert_eq!(answer.is_ok(), expected, "{who} on {arn}");
        if let Err(error) = answer {
            assert_eq!(error.code, "AccessDenied");
            assert_eq!(
                error.message,
                format!(
                    "User: arn:aws:iam::000000000000:user/{who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
                )
            );
        }
    }
    assert!(trust::trusts_service(
        &bench.region,
        &service,
        "ecs-tasks.amazonaws.com"
    ));
    assert!(!trust::trusts_service(
        &bench.region,
        &service,
        "rds.amazonaws.com"
    ));
    assert!(!trust::trusts_service(
        &bench.region,
        &shared,
        "ecs-tasks.amazonaws.com"
    ));
}

#[test]
fn what_is_wrong_with_a_session_is_said_in_awss_words() {
    let mut bench = Bench::new();
    let arn = role(&mut bench, "r", ACCOUNT, 3600);
    for (input, message) in [
        (
            assume(&arn, "Session1:2", None),
            r"1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
        ),
        (assume("nothing", "ss", None), "nothing is invalid"),
        (
            assume(&arn, "ss", Some(7200)),
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        (
            assume(&arn, "ss", Some(60)),
            "1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
        ),
    ] {
        let refused = bench.refused::<op::AssumeRole>("sts", input);
        assert_eq!(refused, ("ValidationError".into(), message.into()));
    }
    let tag = |key: &str| api::Tag {
        key: key.into(),
        value: "v".into(),
    };
    let twice = api::AssumeRoleRequest {
        tags: Some(vec![tag("a"), tag("A")]),
        ..assume(&arn, "ss", None)
    };
    assert_eq!(
        bench.refused::<op::AssumeRole>("sts", twice).0,
        "InvalidParameterValue"
    );
    let transitive = api::AssumeRoleRequest {
        transitive_tag_keys: Some(vec!["b".into()]),
        ..assume(&arn, "ss", None)
    };
    assert_eq!(
        bench.refused::<op::AssumeRole>("sts", transitive).0,
        "InvalidParameterValue"
    );
    let malformed = api::AssumeRoleRequest {
        policy: Some("{".into()),
        ..assume(&arn, "ss", None)
    };
    assert_eq!(
        bench.refused::<op::AssumeRole>("sts", malformed).0,
        "MalformedPolicyDocument"
    );
    bench.caller = Caller::Role {
        name: "r".into(),
        session: "ss".into(),
    };
    let answer =
        bench.refused::<op::GetSessionToken>("sts", api::GetSessionTokenRequest::default());
    assert_eq!(answer.0, "AccessDenied");
}

#[test]
fn web_identities_are_never_taken_on_trust() {
    let mut bench = Bench::new();
    let arn = role(&mut bench, "r", ACCOUNT, 3600);
    let ask = |token: &str| api::AssumeRoleWithWebIdentityRequest {
        role_arn: arn.clone(),
        role_session_name: "s1".into(),
        web_identity_token: token.into(),
        ..Default::default()
    };
    bench.caller = Caller::Anonymous;
    for token in ["nonsense", "a.b.c"] {
        let refused = bench.refused::<op::AssumeRoleWithWebIdentity>("sts", ask(token));
        assert_eq!(refused.0, "InvalidIdentityToken");
    }
    bench.caller = Caller::Root;
    let provider = iam::CreateOpenIDConnectProviderRequest {
        url: "https://example.com".into(),
        ..Default::default()
    };
    bench
        .call::<iam::op::CreateOpenIDConnectProvider>("iam", provider)
        .expect("it is made");
    bench.caller = Caller::Anonymous;
    let refused = bench.refused::<op::AssumeRoleWithWebIdentity>("sts", ask("a.b.c"));
    assert_eq!(refused.0, "IDPCommunicationError");
    assert!(bench.region.sts.sessions.is_empty());
}

#[test]
fn a_part_of_the_region_gets_credentials_of_a_role() {
    let mut bench = Bench::new();
    role(
        &mut bench,
        "task",
        r#"{"Service":"ecs-tasks.amazonaws.com"}"#,
        3600,
    );
    let hours = SignedDuration::from_hours(6);
    let given = bench
        .write(|region, context| credentials::issue(region, context, "task", "t1", hours))
        .expect("the role is there");
    assert_eq!(given.expiration, bench.now + hours);
    let answer = bench.call::<op::GetAccessKeyInfo>(
        "sts",
        api::GetAccessKeyInfoRequest {
            access_key_id: given.access_key_id.clone(),
        },
    );
    assert_eq!(
        answer.expect("it is known").account.as_deref(),
        Some("000000000000")
    );
    let none =
        bench.write(|region, context| credentials::issue(region, context, "none", "t1", hours));
    assert!(none.is_err());
    assert!(!format!("{given:?}").contains(&given.secret_access_key));
}
