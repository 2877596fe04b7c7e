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
        create_bucket(region, context, "state", None).expect("a bucket");
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
        create_bucket(region, context, "data", None).expect("a bucket");
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
            create_bucket(region, context, "data", None).expect("a bucket");
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

/// A bucket in which each key was written as often as said, and deleted where said.
fn filled(region: &mut Region, context: &Context, keys: &[(String, u8, bool)]) {
    create_bucket(region, context, "data", None).expect("a bucket");
    bucket_mut(region, "data").expect("there").versioning = Some(Versioning::Enabled);
    for (key, times, deleted) in keys {
        for _ in 0..*times {
            put_object(
                region,
                context,
                "data",
                key,
                object("b"),
                &Condition::default(),
            )
            .expect("written");
        }
        if *deleted {
            delete_object(region, context, "data", key, None).expect("hidden");
        }
    }
}

/// Every name of a listing, page after page, with what tells two of one key apart.
fn walk<T>(
    asked: &list::Asked,
    page: impl Fn(&list::Asked, Option<&str>) -> list::Page<T>,
    name: impl Fn(&T) -> (String, String),
) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let (mut after, mut id): (Option<String>, Option<String>) = (None, None);
    loop {
        let asked = list::Asked {
            after: after.as_deref(),
            ..*asked
        };
        let piece = page(&asked, id.as_deref());
        assert!(piece.items.len() + piece.folders.len() <= asked.most);
        seen.extend(piece.items.iter().map(&name));
        seen.extend(piece.folders.into_iter().map(|name| (name, String::new())));
        let Some(next) = piece.next else {
            seen.sort();
            return seen;
        };
        (after, id) = (Some(next.name), next.id);
    }
}

proptest! {
    #[test]
    fn pages_hold_everything_once_and_folders_what_they_should(
        keys in proptest::collection::btree_map("[ab/]{1,4}", (1u8..3, any::<bool>()), 0..12),
        prefix in prop_oneof![Just(""), Just("a"), Just("a/"), Just("/")],
        folders in any::<bool>(),
        most in 1usize..5,
    ) {
        let keys: Vec<(String, u8, bool)> =
            keys.into_iter().map(|(key, (times, deleted))| (key, times, deleted)).collect();
        let delimiter = folders.then_some("/");
        let folder = |key: &str| {
            let rest = &key[prefix.len()..];
            delimiter.and_then(|one| rest.find(one)).map(|at| key[..=prefix.len() + at].to_owned())
        };
        let asked = list::Asked { prefix, delimiter, after: None, most };
        with_region(|region, context| {
            filled(region, context, &keys);
            let objects = walk(
                &asked,
                |asked, _| list::objects(region, "data", asked).expect("there"),
                |one| (one.key.to_owned(), String::new()),
            );
            let mut wanted: Vec<(String, String)> = keys
                .iter()
                .filter(|(key, _, deleted)| key.starts_with(prefix) && !deleted)
                .map(|(key, ..)| (folder(key).unwrap_or_else(|| key.clone()), String::new()))
                .collect();
            wanted.sort();
            wanted.dedup();
            prop_assert_eq!(objects, wanted);

            let versions = walk(
                &asked,
                |asked, id| list::versions(region, "data", asked, id).expect("there"),
                |one| (one.key.to_owned(), one.version.version_id.clone()),
            );
            let whole = list::Asked { most: 1000, ..asked };
            let all = list::versions(region, "data", &whole, None).expect("there");
            let mut wanted: Vec<(String, String)> = all
                .items
                .iter()
                .map(|one| (one.key.to_owned(), one.version.version_id.clone()))
                .chain(all.folders.iter().map(|name| (name.clone(), String::new())))
                .collect();
            wanted.sort();
            prop_assert_eq!(&versions, &wanted);
            wanted.dedup();
            prop_assert_eq!(versions.len(), wanted.len(), "something was shown twice");
            let shown: usize = keys
                .iter()
                .filter(|(key, ..)| key.starts_with(prefix) && folder(key).is_none())
                .map(|(_, times, deleted)| usize::from(*times) + usize::from(*deleted))
                .sum();
            prop_assert_eq!(all.items.len(), shown);
            Ok(())
        })?;
    }
}

#[test]
fn the_newest_version_comes_first_and_is_the_latest() {
    with_region(|region, context| {
        filled(region, context, &[("k".to_owned(), 2, true)]);
        let page = list::versions(
            region,
            "data",
            &list::Asked {
                most: 10,
                ..list::Asked::default()
            },
            None,
        )
        .expect("there");
        let seen: Vec<(bool, bool)> = page
            .items
            .iter()
            .map(|one| (one.version.blob.is_some(), one.latest))
            .collect();
        assert_eq!(seen, [(false, true), (true, false), (true, false)]);
        assert!(page.next.is_none());
    });
}
