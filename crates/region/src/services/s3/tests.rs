use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{Caller, Settings};

fn with_region<T>(test: impl FnOnce(&mut Region, &Context) -> T) -> T {
    let settings = Settings::default();
    let context = Context::new(&settings, Timestamp::UNIX_EPOCH, Caller::Root, [7; 32]);
    let mut region = Region::empty(settings.clone());
    test(&mut region, &context)
}

fn object(blob: &str) -> NewVersion {
    Version {
        version_id: String::new(),
        last_modified: Timestamp::UNIX_EPOCH,
        blob: Some(Blob {
            id: blob.to_owned(),
            size: 1,
            etag: format!("e-{blob}"),
        }),
        headers: std::collections::BTreeMap::new(),
        metadata: std::collections::BTreeMap::new(),
        tags: std::collections::BTreeMap::new(),
        checksums: std::collections::BTreeMap::new(),
        encryption: "AES256".to_owned(),
        kms_key: None,
    }
}

#[test]
fn names_follow_the_rules() {
    for good in ["abc", "a-b.c1", "terrella-dev-state"] {
        assert!(check_bucket_name(good).is_ok(), "{good}");
    }
    for bad in [
        "ab",
        "Abc",
        "a_b",
        "-abc",
        "abc-",
        "a..b",
        "10.0.0.1",
        "xn--abc",
        "abc-s3alias",
        "",
    ] {
        assert_eq!(
            check_bucket_name(bad).expect_err(bad).code,
            "InvalidBucketName"
        );
    }
}

#[test]
fn a_lock_is_taken_once() {
    with_region(|region, context| {
        create_bucket(region, context, "state").expect("a bucket");
        let absent = Condition {
            if_absent: true,
            if_match: None,
        };
        put_object(region, context, "state", "k.tflock", object("1"), &absent).expect("free");
        let error = put_object(region, context, "state", "k.tflock", object("2"), &absent)
            .expect_err("held");
        assert_eq!(
            (error.code.as_ref(), error.status),
            ("PreconditionFailed", 412)
        );
        delete_object(region, context, "state", "k.tflock", None).expect("released");
        put_object(region, context, "state", "k.tflock", object("3"), &absent).expect("free again");

        let matching = |etag: &str| Condition {
            if_absent: false,
            if_match: Some(etag.to_owned()),
        };
        let error = put_object(
            region,
            context,
            "state",
            "k.tflock",
            object("4"),
            &matching("e-1"),
        )
        .expect_err("another etag");
        assert_eq!(error.code, "PreconditionFailed");
        put_object(
            region,
            context,
            "state",
            "k.tflock",
            object("5"),
            &matching("e-3"),
        )
        .expect("same");
        let error = put_object(
            region,
            context,
            "state",
            "other",
            object("6"),
            &matching("*"),
        )
        .expect_err("nothing to match");
        assert_eq!(error.code, "NoSuchKey");
    });
}

#[test]
fn versions_stay_until_they_are_named() {
    with_region(|region, context| {
        create_bucket(region, context, "data").expect("a bucket");
        let none = Condition::default();
        put_object(region, context, "data", "k", object("0"), &none).expect("the null version");
        bucket_mut(region, "data").expect("it is there").versioning = Some(Versioning::Enabled);
        let first =
            put_object(region, context, "data", "k", object("1"), &none).expect("a version");
        assert!(first.orphans.is_empty());
        let gone = delete_object(region, context, "data", "k", None).expect("a marker");
        assert!(gone.delete_marker && gone.orphans.is_empty());
        assert_eq!(
            current(region, "data", "k").expect_err("hidden").code,
            "NoSuchKey"
        );
        assert_eq!(
            delete_bucket(region, "data")
                .expect_err("versions are left")
                .code,
            "BucketNotEmpty"
        );

        delete_object(region, context, "data", "k", gone.version_id.as_deref())
            .expect("the marker goes");
        assert_eq!(
            current(region, "data", "k")
                .expect("seen again")
                .blob
                .as_ref()
                .expect("bytes")
                .id,
            "1"
        );
        let null =
            delete_object(region, context, "data", "k", Some("null")).expect("the first goes");
        assert_eq!(null.orphans, ["0"]);
        delete_object(region, context, "data", "k", first.version_id.as_deref())
            .expect("the last goes");
        delete_bucket(region, "data").expect("it is empty");
    });
}

proptest! {
    /// Whatever is done to a bucket, the blobs its versions name and the blobs said to be orphans
    /// are together exactly those that were put.
    #[test]
    fn no_blob_is_lost_or_named_twice(steps in proptest::collection::vec((0u8..4, 0u8..2), 1..40)) {
        with_region(|region, context| {
            create_bucket(region, context, "data").expect("a bucket");
            let mut put = Vec::new();
            let mut orphans = Vec::new();
            for (index, (step, key)) in steps.into_iter().enumerate() {
                let key = format!("k{key}");
                match step {
                    0 => {
                        let blob = index.to_string();
                        let done = put_object(region, context, "data", &key, object(&blob), &Condition::default()).expect("put");
                        put.push(blob);
                        orphans.extend(done.orphans);
                    }
                    1 => orphans.extend(delete_object(region, context, "data", &key, None).expect("delete").orphans),
                    2 => {
                        let oldest = region.s3.versions_of_key("data", &key).next().map(|one| one.version_id.clone());
                        if let Some(id) = oldest {
                            orphans.extend(delete_object(region, context, "data", &key, Some(&id)).expect("delete").orphans);
                        }
                    }
                    _ => {
                        let bucket = bucket_mut(region, "data").expect("it is there");
                        bucket.versioning = Some(match bucket.versioning {
                            Some(Versioning::Enabled) => Versioning::Suspended,
                            _ => Versioning::Enabled,
                        });
                    }
                }
            }
            let mut found: Vec<String> = region.s3.versions_of("data")
                .filter_map(|(_, version)| version.blob.as_ref().map(|blob| blob.id.clone()))
                .chain(orphans)
                .collect();
            found.sort();
            put.sort();
            prop_assert_eq!(found, put);
            Ok(())
        })?;
    }
}
