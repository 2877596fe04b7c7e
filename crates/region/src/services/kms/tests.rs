//! KMS as its callers see it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use wire::kms as api;
use wire::kms::op;

use super::{cipher, key};
use crate::testing::Bench;

fn make(bench: &mut Bench) -> api::KeyMetadata {
    let answer = bench
        .call::<op::CreateKey>("kms", api::CreateKeyRequest::default())
        .expect("it is made");
    answer.key_metadata.expect("it is told")
}

fn id_of(key: &api::KeyMetadata) -> String {
    key.key_id.clone().expect("it has an id")
}

fn describe(bench: &mut Bench, id: &str) -> api::KeyMetadata {
    let input = api::DescribeKeyRequest {
        key_id: id.into(),
        ..Default::default()
    };
    bench
        .call::<op::DescribeKey>("kms", input)
        .expect("it is there")
        .key_metadata
        .expect("it is told")
}

fn encrypt(
    bench: &mut Bench,
    id: &str,
    context: &[(&str, &str)],
) -> Result<bytes::Bytes, wire::Error> {
    let input = api::EncryptRequest {
        key_id: id.into(),
        plaintext: b"secret".as_slice().into(),
        encryption_context: Some(owned(context)),
        ..Default::default()
    };
    bench
        .call::<op::Encrypt>("kms", input)
        .map(|answer| answer.ciphertext_blob.expect("there is one"))
}

fn decrypt(
    bench: &mut Bench,
    blob: &bytes::Bytes,
    context: &[(&str, &str)],
) -> Result<api::DecryptResponse, wire::Error> {
    let input = api::DecryptRequest {
        ciphertext_blob: Some(blob.clone()),
        encryption_context: Some(owned(context)),
        ..Default::default()
    };
    bench.call::<op::Decrypt>("kms", input)
}

fn owned(context: &[(&str, &str)]) -> BTreeMap<String, String> {
    context
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_key_is_told_as_the_provider_needs_it() {
    let mut bench = Bench::new();
    let made = make(&mut bench);
    let id = id_of(&made);
    bench.restart();
    let key = describe(&mut bench, &id);
    assert_eq!(
        key.arn,
        Some(format!("arn:aws:kms:eu-central-1:000000000000:key/{id}"))
    );
    assert_eq!(key.description.as_deref(), Some(""));
    assert_eq!(key.origin, Some(api::OriginType::AwsKms));
    assert_eq!(key.key_state, Some(api::KeyState::Enabled));
    assert_eq!(key.enabled, Some(true));
    assert_eq!(key.multi_region, Some(false));
    assert_eq!(key.key_manager, Some(api::KeyManagerType::Customer));
    let policy = api::GetKeyPolicyRequest {
        key_id: id.clone(),
        policy_name: None,
    };
    let policy = bench
        .call::<op::GetKeyPolicy>("kms", policy)
        .expect("it is told");
    assert_eq!(policy.policy_name.as_deref(), Some("default"));
    assert!(
        policy
            .policy
            .expect("it is told")
            .contains("arn:aws:iam::000000000000:root")
    );
    let status = api::GetKeyRotationStatusRequest { key_id: id };
    let status = bench
        .call::<op::GetKeyRotationStatus>("kms", status)
        .expect("it is told");
    assert_eq!(status.key_rotation_enabled, Some(false));
}

#[test]
fn a_key_is_found_by_id_arn_and_alias() {
    let mut bench = Bench::new();
    let made = make(&mut bench);
    let id = id_of(&made);
    let alias = api::CreateAliasRequest {
        alias_name: "alias/app".into(),
        target_key_id: id.clone(),
    };
    bench
        .call::<op::CreateAlias>("kms", alias.clone())
        .expect("it is made");
    assert_eq!(
        bench.refused::<op::CreateAlias>("kms", alias).0,
        "AlreadyExistsException"
    );
    let names = [
        id.clone(),
        made.arn.clone().expect("it has one"),
        "alias/app".into(),
        "arn:aws:kms:eu-central-1:000000000000:alias/app".into(),
    ];
    for name in names {
        assert_eq!(
            describe(&mut bench, &name).key_id,
            Some(id.clone()),
            "{name}"
        );
    }
    let elsewhere = format!("arn:aws:kms:us-east-1:000000000000:key/{id}");
    assert!(key::resolve(&bench.region, &elsewhere).is_none());
    for (name, message) in [
        ("00000000-0000-4000-8000-000000000000", "Key 'arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-4000-8000-000000000000' does not exist".to_owned()),
        ("nothing", "Invalid keyId 'nothing'".to_owned()),
        ("alias/none", "Alias arn:aws:kms:eu-central-1:000000000000:alias/none is not found.".to_owned()),
        (elsewhere.as_str(), "Invalid arn us-east-1".to_owned()),
    ] {
        let input = api::DescribeKeyRequest { key_id: name.into(), ..Default::default() };
        assert_eq!(bench.refused::<op::DescribeKey>("kms", input), ("NotFoundException".into(), message));
    }
    let odd = api::CreateAliasRequest {
        alias_name: "app".into(),
        target_key_id: id,
    };
    assert_eq!(
        bench.refused::<op::CreateAlias>("kms", odd).0,
        "ValidationException"
    );
}

#[test]
fn keys_of_services_are_made_when_first_asked_for() {
    let mut bench = Bench::new();
    let rds = |bench: &mut Bench| {
        let all = bench.call::<op::ListAliases>(
            "kms",
            api::ListAliasesRequest {
                limit: Some(100),
                ..Default::default()
            },
        );
        let all = all.expect("they are listed").aliases.expect("a list");
        all.into_iter()
            .find(|one| one.alias_name.as_deref() == Some("alias/aws/rds"))
            .expect("it is listed")
    };
    assert_eq!(rds(&mut bench).target_key_id, None);
    let key = describe(&mut bench, "alias/aws/rds");
    assert_eq!(key.key_manager, Some(api::KeyManagerType::Aws));
    assert_eq!(rds(&mut bench).target_key_id, key.key_id);
    assert_eq!(describe(&mut bench, "alias/aws/rds").key_id, key.key_id);
    let disable = api::DisableKeyRequest {
        key_id: id_of(&key),
    };
    assert_eq!(
        bench.refused::<op::DisableKey>("kms", disable).0,
        "AccessDeniedException"
    );
}

#[test]
fn states_decide_what_a_key_does() {
    let mut bench = Bench::new();
    let made = make(&mut bench);
    let (id, arn) = (id_of(&made), made.arn.clone().expect("it has one"));
    let blob = encrypt(&mut bench, &id, &[]).expect("it is enabled");
    bench
        .call::<op::DisableKey>("kms", api::DisableKeyRequest { key_id: id.clone() })
        .expect("it is disabled");
    let error = encrypt(&mut bench, &id, &[]).expect_err("it is disabled");
    assert_eq!(
        (error.code.as_ref(), error.message),
        ("DisabledException", format!("{arn} is disabled."))
    );
    assert_eq!(
        decrypt(&mut bench, &blob, &[])
            .expect_err("it is disabled")
            .code,
        "DisabledException"
    );
    bench
        .call::<op::EnableKey>("kms", api::EnableKeyRequest { key_id: id.clone() })
        .expect("it is enabled");

    let schedule = |days| api::ScheduleKeyDeletionRequest {
        key_id: id.clone(),
        pending_window_in_days: Some(days),
    };
    assert_eq!(
        bench
            .refused::<op::ScheduleKeyDeletion>("kms", schedule(6))
            .0,
        "ValidationException"
    );
    let answer = bench
        .call::<op::ScheduleKeyDeletion>("kms", schedule(7))
        .expect("it is scheduled");
    assert_eq!(answer.key_state, Some(api::KeyState::PendingDeletion));
    assert_eq!(
        describe(&mut bench, &id).key_state,
        Some(api::KeyState::PendingDeletion)
    );
    let error = encrypt(&mut bench, &id, &[]).expect_err("it is going");
    assert_eq!(
        (error.code.as_ref(), error.message),
        (
            "KMSInvalidStateException",
            format!("{arn} is pending deletion.")
        )
    );
    let cancel = || api::CancelKeyDeletionRequest { key_id: id.clone() };
    bench
        .call::<op::CancelKeyDeletion>("kms", cancel())
        .expect("it stays");
    assert_eq!(
        bench.refused::<op::CancelKeyDeletion>("kms", cancel()).0,
        "KMSInvalidStateException"
    );
    assert_eq!(
        describe(&mut bench, &id).key_state,
        Some(api::KeyState::Disabled)
    );
    bench
        .call::<op::ScheduleKeyDeletion>("kms", schedule(7))
        .expect("it is scheduled");
    bench.pass(SignedDuration::from_hours(7 * 24));
    assert!(key::resolve(&bench.region, &id).is_none());
}

#[test]
fn the_context_and_the_key_have_to_be_the_same() {
    let mut bench = Bench::new();
    let (first, second) = (id_of(&make(&mut bench)), id_of(&make(&mut bench)));
    let blob = encrypt(&mut bench, &first, &[("a", "b")]).expect("it is encrypted");
    let answer = decrypt(&mut bench, &blob, &[("a", "b")]).expect("it is the same");
    assert_eq!(answer.plaintext.as_deref(), Some(b"secret".as_slice()));
    for context in [&[][..], &[("a", "c")], &[("ab", "")]] {
        let error = decrypt(&mut bench, &blob, context).expect_err("it is another");
        assert_eq!(
            (error.code.as_ref(), error.message.as_str()),
            ("InvalidCiphertextException", "")
        );
    }
    let wrong = api::DecryptRequest {
        ciphertext_blob: Some(blob.clone()),
        encryption_context: Some(owned(&[("a", "b")])),
        key_id: Some(second.clone()),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::Decrypt>("kms", wrong),
        (
            "IncorrectKeyException".into(),
            "The key ID in the request does not identify a CMK that can perform this operation."
                .into()
        )
    );
    let again = api::ReEncryptRequest {
        ciphertext_blob: Some(blob.clone()),
        source_encryption_context: Some(owned(&[("a", "b")])),
        destination_key_id: second.clone(),
        ..Default::default()
    };
    let moved = bench
        .call::<op::ReEncrypt>("kms", again)
        .expect("it is moved")
        .ciphertext_blob
        .expect("there is one");
    let answer = decrypt(&mut bench, &moved, &[]).expect("it is the second's");
    assert!(answer.key_id.expect("it is told").ends_with(&second));
    let trial = api::EncryptRequest {
        key_id: first,
        plaintext: b"x".as_slice().into(),
        dry_run: Some(true),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::Encrypt>("kms", trial),
        (
            "DryRunOperationException".into(),
            "The request would have succeeded, but the DryRun option is set.".into()
        )
    );
}

#[test]
fn a_turned_key_still_opens_what_it_closed() {
    let mut bench = Bench::new();
    let id = id_of(&make(&mut bench));
    let before = encrypt(&mut bench, &id, &[]).expect("it is encrypted");
    let enable = api::EnableKeyRotationRequest {
        key_id: id.clone(),
        rotation_period_in_days: Some(90),
    };
    bench
        .call::<op::EnableKeyRotation>("kms", enable)
        .expect("it is on");
    bench.pass(SignedDuration::from_hours(91 * 24));
    let rotate = api::RotateKeyOnDemandRequest { key_id: id.clone() };
    bench
        .call::<op::RotateKeyOnDemand>("kms", rotate)
        .expect("it is turned");
    bench.restart();
    let after = encrypt(&mut bench, &id, &[]).expect("it is encrypted");
    for blob in [before, after] {
        let answer = decrypt(&mut bench, &blob, &[]).expect("both open");
        assert_eq!(answer.plaintext.as_deref(), Some(b"secret".as_slice()));
    }
    let list = api::ListKeyRotationsRequest {
        key_id: id,
        ..Default::default()
    };
    let rotations = bench
        .call::<op::ListKeyRotations>("kms", list)
        .expect("they are listed");
    assert_eq!(rotations.rotations.map(|all| all.len()), Some(2));
}

#[test]
fn data_keys_open_again() {
    let mut bench = Bench::new();
    let id = id_of(&make(&mut bench));
    let ask = |spec, bytes| api::GenerateDataKeyRequest {
        key_id: id.clone(),
        key_spec: spec,
        number_of_bytes: bytes,
        ..Default::default()
    };
    for (spec, bytes, length) in [
        (Some(api::DataKeySpec::Aes256), None, 32),
        (Some(api::DataKeySpec::Aes128), None, 16),
        (None, Some(24), 24),
    ] {
        let made = bench
            .call::<op::GenerateDataKey>("kms", ask(spec, bytes))
            .expect("it is made");
        let plain = made.plaintext.expect("there is one");
        assert_eq!(plain.len(), length);
        let opened = decrypt(
            &mut bench,
            &made.ciphertext_blob.expect("there is one"),
            &[],
        )
        .expect("it opens");
        assert_eq!(opened.plaintext, Some(plain));
    }
    assert_eq!(
        bench
            .refused::<op::GenerateDataKey>("kms", ask(None, None))
            .0,
        "ValidationException"
    );
}

#[test]
fn kinds_of_keys_that_are_not_there_are_named() {
    let mut bench = Bench::new();
    let rsa = api::CreateKeyRequest {
        key_spec: Some(api::KeySpec::Rsa2048),
        ..Default::default()
    };
    let refused = bench.refused::<op::CreateKey>("kms", rsa);
    assert_eq!(refused.0, "UnsupportedOperationException");
    assert!(refused.1.contains("RSA_2048"));
    let locked_out = api::CreateKeyRequest {
        policy: Some(r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}}"#.into()),
        ..Default::default()
    };
    assert_eq!(
        bench.refused::<op::CreateKey>("kms", locked_out).0,
        "MalformedPolicyDocumentException"
    );
}

#[test]
fn tags_have_kmss_own_texts() {
    let mut bench = Bench::new();
    let id = id_of(&make(&mut bench));
    let tag = |key: &str| api::Tag {
        tag_key: key.into(),
        tag_value: "v".into(),
    };
    let many = (0..51).map(|at| tag(&format!("k{at}"))).collect();
    for (tags, message) in [
        (vec![tag("a"), tag("a")], "Duplicate tag keys"),
        (vec![tag("aws:a")], "Tags beginning with aws: are reserved"),
        (many, "Too many tags"),
    ] {
        let input = api::TagResourceRequest {
            key_id: id.clone(),
            tags,
        };
        assert_eq!(
            bench.refused::<op::TagResource>("kms", input),
            ("TagException".into(), message.into())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_encrypted_comes_back_and_nothing_else(
        plaintext in proptest::collection::vec(any::<u8>(), 1..200),
        context in proptest::collection::btree_map("[a-c]{0,2}", "[a-c]{0,2}", 0..3),
        other in proptest::collection::btree_map("[a-c]{0,2}", "[a-c]{0,2}", 0..3),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut bench = Bench::new();
        let id = id_of(&make(&mut bench));
        let blob = bench.write(|region, ctx| cipher::encrypt(region, ctx, &id, &context, &plaintext)).expect("it is encrypted");
        let opened = cipher::decrypt(&bench.region, &context, &blob).expect("it opens");
        prop_assert_eq!(&opened.bytes, &plaintext);
        prop_assert_eq!(cipher::decrypt(&bench.region, &other, &blob).is_ok(), other == context);
        let mut changed = blob.clone();
        let at = flip.index(changed.len());
        changed[at] ^= 1;
        prop_assert!(cipher::decrypt(&bench.region, &context, &changed).is_err());
    }
}
