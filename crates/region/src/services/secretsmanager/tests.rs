//! Secrets Manager as its callers see it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;
use wire::secretsmanager as api;
use wire::secretsmanager::op;

use super::version::{CURRENT, PREVIOUS};
use super::{managed, secret};
use crate::Tags;
use crate::testing::Bench;

const SERVICE: &str = "secretsmanager";

/// A token of the length that is needed.
fn token(tail: &str) -> String {
    format!("{tail:0>32}")
}

fn create(bench: &mut Bench, name: &str, value: &str) -> api::CreateSecretResponse {
    let input = api::CreateSecretRequest {
        name: name.into(),
        secret_string: Some(value.into()),
        client_request_token: Some(token("1")),
        ..Default::default()
    };
    bench
        .call::<op::CreateSecret>(SERVICE, input)
        .expect("it is made")
}

fn put(tail: &str, value: &str) -> api::PutSecretValueRequest {
    api::PutSecretValueRequest {
        secret_id: "db".into(),
        secret_string: Some(value.into()),
        client_request_token: Some(token(tail)),
        ..Default::default()
    }
}

fn get(bench: &mut Bench, stage: Option<&str>) -> Result<api::GetSecretValueResponse, wire::Error> {
    let input = api::GetSecretValueRequest {
        secret_id: "db".into(),
        version_stage: stage.map(str::to_owned),
        ..Default::default()
    };
    bench.call::<op::GetSecretValue>(SERVICE, input)
}

fn describe(bench: &mut Bench, id: &str) -> api::DescribeSecretResponse {
    let input = api::DescribeSecretRequest {
        secret_id: id.into(),
    };
    bench
        .call::<op::DescribeSecret>(SERVICE, input)
        .expect("it is there")
}

#[test]
fn a_secret_is_told_as_the_provider_needs_it() {
    let mut bench = Bench::new();
    let made = create(&mut bench, "app/db", "hunter2");
    let arn = made.arn.expect("it has one");
    let tail = arn
        .strip_prefix("arn:aws:secretsmanager:eu-central-1:000000000000:secret:app/db-")
        .expect(&arn);
    assert_eq!(tail.len(), 6);
    assert_eq!(made.version_id, Some(token("1")));
    bench.restart();
    for id in [
        "app/db",
        arn.as_str(),
        arn.rsplit_once('-').expect("it has").0,
    ] {
        let found = describe(&mut bench, id);
        assert_eq!(found.arn.as_deref(), Some(arn.as_str()), "{id}");
        assert_eq!(found.deleted_date, None);
        assert_eq!(found.kms_key_id, None);
        assert_eq!(found.description, None);
        assert_eq!(found.rotation_enabled, None);
        let stages = found.version_ids_to_stages.expect("there is a version");
        assert_eq!(stages.get(&token("1")), Some(&vec![CURRENT.to_owned()]));
    }
    let input = api::GetSecretValueRequest {
        secret_id: arn,
        ..Default::default()
    };
    let value = bench
        .call::<op::GetSecretValue>(SERVICE, input)
        .expect("it is there");
    assert_eq!(value.secret_string.as_deref(), Some("hunter2"));
    assert_eq!(value.created_date, Some(bench.now));
    assert!(describe(&mut bench, "app/db").last_accessed_date.is_some());
    let rows = format!("{:?}", bench.region.secretsmanager.secrets);
    assert!(!rows.contains("hunter2"), "values are stored sealed");
}

#[test]
fn a_new_value_makes_the_old_one_previous() {
    let mut bench = Bench::new();
    create(&mut bench, "db", "one");
    bench
        .call::<op::PutSecretValue>(SERVICE, put("2", "two"))
        .expect("it is put");
    bench
        .call::<op::PutSecretValue>(SERVICE, put("2", "two"))
        .expect("the same again is the same");
    let refused = bench.refused::<op::PutSecretValue>(SERVICE, put("2", "three"));
    assert_eq!(refused.0, "ResourceExistsException");
    let value = |bench: &mut Bench, stage| get(bench, stage).expect("it is there").secret_string;
    assert_eq!(value(&mut bench, None).as_deref(), Some("two"));
    assert_eq!(value(&mut bench, Some(PREVIOUS)).as_deref(), Some("one"));
    bench
        .call::<op::PutSecretValue>(SERVICE, put("3", "three"))
        .expect("it is put");
    assert_eq!(value(&mut bench, Some(PREVIOUS)).as_deref(), Some("two"));
    let list = api::ListSecretVersionIdsRequest {
        secret_id: "db".into(),
        ..Default::default()
    };
    let known = bench
        .call::<op::ListSecretVersionIds>(SERVICE, list.clone())
        .expect("they are listed");
    assert_eq!(
        known.versions.map(|all| all.len()),
        Some(2),
        "without labels it is deprecated"
    );
    let all = api::ListSecretVersionIdsRequest {
        include_deprecated: Some(true),
        ..list
    };
    let all = bench
        .call::<op::ListSecretVersionIds>(SERVICE, all)
        .expect("they are listed");
    assert_eq!(all.versions.map(|all| all.len()), Some(3));
}

#[test]
fn what_is_wrong_is_said_in_awss_words() {
    let mut bench = Bench::new();
    create(&mut bench, "db", "one");
    let make = |name: &str| api::CreateSecretRequest {
        name: name.into(),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateSecret>(SERVICE, make("a b")),
        (
            "ValidationException".into(),
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!".into()
        )
    );
    assert_eq!(
        bench.refused::<op::CreateSecret>(SERVICE, make("db")),
        (
            "ResourceExistsException".into(),
            "The operation failed because the secret db already exists.".into()
        )
    );
    let without_token = api::PutSecretValueRequest {
        client_request_token: None,
        ..put("2", "two")
    };
    assert_eq!(
        bench
            .refused::<op::PutSecretValue>(SERVICE, without_token)
            .1,
        "You must provide a ClientRequestToken value. We recommend a UUID-type value."
    );
    let none = api::GetSecretValueRequest {
        secret_id: "none".into(),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::GetSecretValue>(SERVICE, none),
        (
            "ResourceNotFoundException".into(),
            "Secrets Manager can't find the specified secret.".into()
        )
    );
    let error = get(&mut bench, Some(PREVIOUS)).expect_err("there is none");
    assert_eq!(
        (error.code.as_ref(), error.message.as_str()),
        (
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS"
        )
    );
    let mismatch = api::GetSecretValueRequest {
        secret_id: "db".into(),
        version_id: Some(token("1")),
        version_stage: Some("OTHER".into()),
    };
    assert_eq!(
        bench.refused::<op::GetSecretValue>(SERVICE, mismatch),
        (
            "InvalidRequestException".into(),
            "You provided a VersionStage that is not associated to the provided VersionId.".into()
        )
    );
    let rotate = |lambda: Option<&str>| api::RotateSecretRequest {
        secret_id: "db".into(),
        client_request_token: Some(token("9")),
        rotation_lambda_arn: lambda.map(str::to_owned),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::RotateSecret>(SERVICE, rotate(None)),
        (
            "InvalidRequestException".into(),
            "No Lambda rotation function ARN is associated with this secret.".into()
        )
    );
    let refused =
        bench.refused::<op::RotateSecret>(SERVICE, rotate(Some("arn:aws:lambda:x:y:function:z")));
    assert_eq!(refused.0, "AccessDeniedException");
    assert!(
        refused
            .1
            .starts_with("Secrets Manager cannot invoke the specified Lambda function.")
    );
}

#[test]
fn a_deleted_secret_can_come_back_until_its_window_is_over() {
    let mut bench = Bench::new();
    create(&mut bench, "db", "one");
    let delete = |days| api::DeleteSecretRequest {
        secret_id: "db".into(),
        recovery_window_in_days: Some(days),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::DeleteSecret>(SERVICE, delete(6)).0,
        "InvalidParameterException"
    );
    let answer = bench
        .call::<op::DeleteSecret>(SERVICE, delete(7))
        .expect("it is marked");
    assert_eq!(
        answer.deletion_date,
        Some(bench.now + SignedDuration::from_hours(7 * 24))
    );
    assert_eq!(describe(&mut bench, "db").deleted_date, Some(bench.now));
    let marked =
        "You can't perform this operation on the secret because it was marked for deletion.";
    let error = get(&mut bench, None).expect_err("it is marked");
    assert_eq!(
        (error.code.as_ref(), error.message.as_str()),
        ("InvalidRequestException", marked)
    );
    assert_eq!(
        bench
            .refused::<op::PutSecretValue>(SERVICE, put("2", "two"))
            .1,
        marked
    );
    let again = api::CreateSecretRequest {
        name: "db".into(),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateSecret>(SERVICE, again).1,
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    );
    let restore = api::RestoreSecretRequest {
        secret_id: "db".into(),
    };
    bench
        .call::<op::RestoreSecret>(SERVICE, restore)
        .expect("it comes back");
    assert_eq!(
        get(&mut bench, None)
            .expect("it is there")
            .secret_string
            .as_deref(),
        Some("one")
    );
    bench
        .call::<op::DeleteSecret>(SERVICE, delete(7))
        .expect("it is marked");
    bench.pass(SignedDuration::from_hours(7 * 24));
    assert_eq!(
        get(&mut bench, None).expect_err("it is gone").code,
        "ResourceNotFoundException"
    );
    create(&mut bench, "db", "two");
    let force = api::DeleteSecretRequest {
        secret_id: "db".into(),
        force_delete_without_recovery: Some(true),
        ..Default::default()
    };
    let both = api::DeleteSecretRequest {
        recovery_window_in_days: Some(7),
        ..force.clone()
    };
    assert_eq!(
        bench.refused::<op::DeleteSecret>(SERVICE, both).0,
        "InvalidParameterException"
    );
    bench
        .call::<op::DeleteSecret>(SERVICE, force)
        .expect("it is gone");
    assert!(secret::resolve(&bench.region, "db").is_none());
}

#[test]
fn labels_move_only_from_where_they_are() {
    let mut bench = Bench::new();
    create(&mut bench, "db", "one");
    bench
        .call::<op::PutSecretValue>(SERVICE, put("2", "two"))
        .expect("it is put");
    let moved = |to: Option<&str>, from: Option<&str>| api::UpdateSecretVersionStageRequest {
        secret_id: "db".into(),
        version_stage: CURRENT.into(),
        move_to_version_id: to.map(token),
        remove_from_version_id: from.map(token),
    };
    for input in [
        moved(Some("1"), None),
        moved(Some("1"), Some("1")),
        moved(None, Some("2")),
    ] {
        let refused = bench.refused::<op::UpdateSecretVersionStage>(SERVICE, input);
        assert_eq!(refused.0, "InvalidParameterException", "{}", refused.1);
    }
    bench
        .call::<op::UpdateSecretVersionStage>(SERVICE, moved(Some("1"), Some("2")))
        .expect("it is moved");
    assert_eq!(
        get(&mut bench, None)
            .expect("it is there")
            .secret_string
            .as_deref(),
        Some("one")
    );
    assert_eq!(
        get(&mut bench, Some(PREVIOUS))
            .expect("it is there")
            .secret_string
            .as_deref(),
        Some("two")
    );
}

#[test]
fn lists_are_filtered_and_values_come_by_the_many() {
    use api::FilterNameStringType as By;
    let mut bench = Bench::new();
    for name in ["app/one", "app/two", "other"] {
        create(&mut bench, name, name);
    }
    let tag = api::TagResourceRequest {
        secret_id: "other".into(),
        tags: vec![api::Tag {
            key: Some("team".into()),
            value: Some("web".into()),
        }],
    };
    bench
        .call::<op::TagResource>(SERVICE, tag)
        .expect("it is tagged");
    let by = |key, value: &str| {
        Some(vec![api::Filter {
            key: Some(key),
            values: Some(vec![value.to_owned()]),
        }])
    };
    for (filters, expected) in [
        (None, 3),
        (by(By::Name, "app/"), 2),
        (by(By::Name, "!app/"), 1),
        (by(By::TagKey, "team"), 1),
        (by(By::TagValue, "nobody"), 0),
        (by(By::All, "two"), 1),
    ] {
        let input = api::ListSecretsRequest {
            filters: filters.clone(),
            ..Default::default()
        };
        let answer = bench
            .call::<op::ListSecrets>(SERVICE, input)
            .expect("they are listed");
        assert_eq!(
            answer.secret_list.map(|all| all.len()),
            Some(expected),
            "{filters:?}"
        );
    }
    let input = api::BatchGetSecretValueRequest {
        secret_id_list: Some(vec!["app/one".into(), "none".into()]),
        ..Default::default()
    };
    let answer = bench
        .call::<op::BatchGetSecretValue>(SERVICE, input)
        .expect("some are there");
    assert_eq!(
        answer.secret_values.expect("a list")[0]
            .secret_string
            .as_deref(),
        Some("app/one")
    );
    assert_eq!(
        answer.errors.expect("a list")[0].error_code.as_deref(),
        Some("ResourceNotFoundException")
    );
}

#[test]
fn a_secret_of_a_service_is_changed_by_that_service_alone() {
    let mut bench = Bench::new();
    let arn = bench
        .write(|region, context| {
            let new = managed::New {
                name: "rds!db-1",
                owner: "rds",
                description: "d",
                kms_key: None,
                value: "first",
                tags: Tags::from([("aws:rds:primaryDBInstanceArn".into(), "arn".into())]),
                rotate_after_days: 7,
            };
            managed::create(region, context, new)
        })
        .expect("it is made");
    let found = describe(&mut bench, &arn);
    assert_eq!(found.owning_service.as_deref(), Some("rds"));
    assert_eq!(found.rotation_enabled, Some(true));
    let change = api::PutSecretValueRequest {
        secret_id: arn.clone(),
        ..put("2", "two")
    };
    assert_eq!(
        bench.refused::<op::PutSecretValue>(SERVICE, change).0,
        "InvalidRequestException"
    );
    let week = bench.now + SignedDuration::from_hours(7 * 24);
    assert_eq!(managed::due(&bench.region, &arn), Some(week));
    let rotate = api::RotateSecretRequest {
        secret_id: arn.clone(),
        client_request_token: Some(token("9")),
        ..Default::default()
    };
    let answer = bench
        .call::<op::RotateSecret>(SERVICE, rotate)
        .expect("its service does it");
    assert_eq!(answer.version_id, Some(token("9")));
    assert_eq!(managed::due(&bench.region, &arn), Some(bench.now));
    bench
        .write(|region, context| managed::rotate(region, context, &arn, "second"))
        .expect("it has a new value");
    assert_eq!(managed::due(&bench.region, &arn), Some(week));
    let value = |stage, id| {
        let id = secret::version_id(&bench.region, &arn, stage, id).expect("it is there");
        secret::value(&bench.region, &arn, &id).expect("it is text")
    };
    assert_eq!(value(None, None), "second");
    assert_eq!(value(Some(PREVIOUS), None), "first");
    assert_eq!(value(None, Some(token("9").as_str())), "second");
    bench
        .write(|region, _| {
            managed::delete(region, &arn);
            Ok(())
        })
        .expect("it goes");
    assert!(secret::resolve(&bench.region, &arn).is_none());
}

#[test]
fn passwords_have_what_is_asked_for() {
    let mut bench = Bench::new();
    let ask = |length, excluded: &str| api::GetRandomPasswordRequest {
        password_length: Some(length),
        exclude_characters: Some(excluded.into()),
        ..Default::default()
    };
    for length in [4, 5, 64] {
        let answer = bench
            .call::<op::GetRandomPassword>(SERVICE, ask(length, "/@\" "))
            .expect("it is made");
        let password = answer.random_password.expect("it is told");
        assert_eq!(i64::try_from(password.len()), Ok(length));
        assert!(!password.contains(['/', '@', '"', ' ']));
        let has = |kind: fn(&char) -> bool| password.chars().any(|one| kind(&one));
        assert!(
            has(char::is_ascii_lowercase)
                && has(char::is_ascii_uppercase)
                && has(char::is_ascii_digit)
        );
    }
    assert_eq!(
        bench
            .refused::<op::GetRandomPassword>(SERVICE, ask(3, ""))
            .0,
        "InvalidParameterException"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_label_is_on_one_version_at_a_time(
        steps in proptest::collection::vec((0u8..5, 0usize..3, any::<bool>()), 1..12),
    ) {
        const LABELS: [&str; 3] = ["AWSCURRENT", "AWSPENDING", "MINE"];
        let mut bench = Bench::new();
        create(&mut bench, "db", "0");
        for (at, (version, label, by_put)) in steps.into_iter().enumerate() {
            let label = LABELS[label].to_owned();
            if by_put {
                let input = api::PutSecretValueRequest {
                    version_stages: Some(vec![label]),
                    ..put(&format!("p{at}"), &at.to_string())
                };
                bench.call::<op::PutSecretValue>(SERVICE, input).expect("it is put");
            } else {
                let row = secret::resolve(&bench.region, "db").expect("it is there");
                let ids: Vec<String> = row.versions.keys().cloned().collect();
                let input = api::UpdateSecretVersionStageRequest {
                    secret_id: "db".into(),
                    remove_from_version_id: row.at_stage(&label).map(|(id, _)| id.clone()),
                    move_to_version_id: Some(ids[usize::from(version) % ids.len()].clone()),
                    version_stage: label,
                };
                bench.call::<op::UpdateSecretVersionStage>(SERVICE, input).expect("it is moved");
            }
            let row = secret::resolve(&bench.region, "db").expect("it is there");
            let mut seen = BTreeSet::new();
            for stage in row.versions.values().flat_map(|one| &one.stages) {
                prop_assert!(seen.insert(stage.clone()), "{stage} is on two versions");
            }
            prop_assert!(row.at_stage(CURRENT).is_some(), "there is always a current one");
        }
    }
}
