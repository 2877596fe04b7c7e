//! ECR as its callers see it.

use jiff::SignedDuration;
use wire::ecr as api;
use wire::ecr::op;

use super::manifest::{OCI_IMAGE, OCI_INDEX, digest_of};
use super::{registry, repository, store, token};
use crate::Caller;
use crate::testing::Bench;

const SERVICE: &str = "ecr";

fn create(bench: &mut Bench, mutability: api::ImageTagMutability) -> api::Repository {
    let input = api::CreateRepositoryRequest {
        repository_name: "team/app".into(),
        image_tag_mutability: Some(mutability),
        tags: Some(vec![api::Tag {
            key: "a".into(),
            value: "1".into(),
        }]),
        ..Default::default()
    };
    bench
        .call::<op::CreateRepository>(SERVICE, input)
        .expect("it is made")
        .repository
        .expect("it is shown")
}

fn content(label: &str) -> String {
    let digest = digest_of(label.as_bytes());
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_IMAGE}","config":{{"mediaType":"c","digest":"{digest}","size":3}},"layers":[]}}"#
    )
}

fn list(of: &[&str]) -> String {
    let entries: Vec<String> = of
        .iter()
        .map(|digest| format!(r#"{{"mediaType":"m","digest":"{digest}","size":1}}"#))
        .collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#,
        entries.join(",")
    )
}

fn put(bench: &mut Bench, content: &str, tag: Option<&str>) -> Result<String, wire::Error> {
    let input = api::PutImageRequest {
        repository_name: "team/app".into(),
        image_manifest: content.into(),
        image_tag: tag.map(str::to_owned),
        ..Default::default()
    };
    let answer = bench.call::<op::PutImage>(SERVICE, input)?;
    let id = answer.image.and_then(|image| image.image_id);
    Ok(id.and_then(|id| id.image_digest).expect("a digest"))
}

/// Pushes an image with its one blob.
fn push(bench: &mut Bench, label: &str, tag: Option<&str>) -> String {
    bench
        .write(|region, context| {
            let digest = digest_of(label.as_bytes());
            registry::add_blob(region, context, "team/app", &digest, 3)
        })
        .expect("a blob");
    put(bench, &content(label), tag).expect("an image")
}

fn details(bench: &mut Bench) -> Vec<(String, Vec<String>)> {
    let input = api::DescribeImagesRequest {
        repository_name: "team/app".into(),
        ..Default::default()
    };
    let answer = bench.call::<op::DescribeImages>(SERVICE, input);
    let details = answer.expect("an answer").image_details.expect("a list");
    let mut all: Vec<(String, Vec<String>)> = details
        .into_iter()
        .map(|one| {
            let digest = one.image_digest.expect("a digest");
            (digest, one.image_tags.unwrap_or_default())
        })
        .collect();
    all.sort();
    all
}

fn delete(
    bench: &mut Bench,
    digest: Option<&str>,
    tag: Option<&str>,
) -> api::BatchDeleteImageResponse {
    let input = api::BatchDeleteImageRequest {
        repository_name: "team/app".into(),
        image_ids: vec![api::ImageIdentifier {
            image_digest: digest.map(str::to_owned),
            image_tag: tag.map(str::to_owned),
        }],
        ..Default::default()
    };
    bench
        .call::<op::BatchDeleteImage>(SERVICE, input)
        .expect("an answer")
}

#[test]
fn a_repository_lives_as_terraform_expects() {
    let mut bench = Bench::new();
    let made = create(&mut bench, api::ImageTagMutability::Immutable);
    let arn = "arn:aws:ecr:eu-central-1:000000000000:repository/team/app";
    assert_eq!(made.repository_arn.as_deref(), Some(arn));
    assert_eq!(
        made.repository_uri.as_deref(),
        Some("000000000000.dkr.ecr.eu-central-1.amazonaws.com/team/app")
    );
    let encryption = made.encryption_configuration.expect("it is there");
    assert_eq!(encryption.encryption_type, api::EncryptionType::Aes256);
    let again = bench.refused::<op::CreateRepository>(
        SERVICE,
        api::CreateRepositoryRequest {
            repository_name: "team/app".into(),
            ..Default::default()
        },
    );
    assert_eq!(again.0, "RepositoryAlreadyExistsException");
    let tags = bench.call::<op::ListTagsForResource>(
        SERVICE,
        api::ListTagsForResourceRequest {
            resource_arn: arn.into(),
        },
    );
    assert_eq!(tags.expect("tags").tags.expect("tags")[0].value, "1");

    push(&mut bench, "one", Some("1"));
    let removal = |force| api::DeleteRepositoryRequest {
        repository_name: "team/app".into(),
        force: Some(force),
        ..Default::default()
    };
    let refused = bench.refused::<op::DeleteRepository>(SERVICE, removal(false));
    assert_eq!(refused.0, "RepositoryNotEmptyException");
    bench
        .call::<op::DeleteRepository>(SERVICE, removal(true))
        .expect("it goes");
    bench.restart();
    let gone = bench.refused::<op::DescribeRepositories>(
        SERVICE,
        api::DescribeRepositoriesRequest {
            repository_names: Some(vec!["team/app".into()]),
            ..Default::default()
        },
    );
    assert_eq!(
        gone,
        (
            "RepositoryNotFoundException".to_owned(),
            "The repository with name 'team/app' does not exist in the registry with id '000000000000'"
                .to_owned()
        )
    );
    assert!(registry::kept(&bench.region).is_empty());
}

#[test]
fn an_immutable_tag_stays() {
    let mut bench = Bench::new();
    create(&mut bench, api::ImageTagMutability::Immutable);
    push(&mut bench, "one", Some("1"));
    let two = push(&mut bench, "two", None);
    let refused = put(&mut bench, &content("two"), Some("1")).expect_err("it is taken");
    assert_eq!(refused.code, "ImageTagAlreadyExistsException");
    let same = put(&mut bench, &content("one"), Some("1")).expect_err("nothing is new");
    assert_eq!(same.code, "ImageAlreadyExistsException");
    let missing = put(&mut bench, &content("three"), Some("3")).expect_err("no blob");
    assert_eq!(missing.code, "LayersNotFoundException");
    let mutable = api::PutImageTagMutabilityRequest {
        repository_name: "team/app".into(),
        image_tag_mutability: api::ImageTagMutability::ImmutableWithExclusion,
        image_tag_mutability_exclusion_filters: Some(vec![
            api::ImageTagMutabilityExclusionFilter {
                filter: "latest*".into(),
                filter_type: api::ImageTagMutabilityExclusionFilterType::Wildcard,
            },
        ]),
        ..Default::default()
    };
    bench
        .call::<op::PutImageTagMutability>(SERVICE, mutable)
        .expect("it is set");
    put(&mut bench, &content("one"), Some("latest")).expect("it is new");
    put(&mut bench, &content("two"), Some("latest")).expect("it moves");
    let refused = put(&mut bench, &content("two"), Some("1")).expect_err("it is taken");
    assert_eq!(refused.code, "ImageTagAlreadyExistsException");
    assert!(details(&mut bench).contains(&(two, vec!["latest".to_owned()])));
}

#[test]
fn an_image_goes_with_its_last_tag_and_never_out_of_a_list() {
    let mut bench = Bench::new();
    create(&mut bench, api::ImageTagMutability::Mutable);
    let one = push(&mut bench, "one", Some("a"));
    put(&mut bench, &content("one"), Some("b")).expect("another tag");
    let whole = put(&mut bench, &list(&[&one]), Some("all")).expect("a list");
    let untagged = delete(&mut bench, None, Some("a")).failures;
    assert!(untagged.is_some_and(|failures| failures.is_empty()));
    assert!(details(&mut bench).contains(&(one.clone(), vec!["b".to_owned()])));
    let kept = delete(&mut bench, Some(&one), None)
        .failures
        .expect("a list");
    assert_eq!(
        kept[0].failure_code,
        Some(api::ImageFailureCode::ImageReferencedByManifestList)
    );
    delete(&mut bench, Some(&whole), None);
    delete(&mut bench, None, Some("b"));
    assert_eq!(details(&mut bench), []);
    assert!(
        registry::kept(&bench.region).is_empty(),
        "its blob went too"
    );
    let none = delete(&mut bench, None, Some("b"))
        .failures
        .expect("a list");
    assert_eq!(
        none[0].failure_code,
        Some(api::ImageFailureCode::ImageNotFound)
    );
}

#[test]
fn a_password_is_good_for_half_a_day() {
    let mut bench = Bench::new();
    bench.caller = Caller::User { name: "ann".into() };
    let answer = bench
        .call::<op::GetAuthorizationToken>(SERVICE, api::GetAuthorizationTokenRequest::default())
        .expect("a token");
    bench.caller = Caller::Root;
    let data = answer.authorization_data.expect("one").remove(0);
    assert_eq!(
        data.proxy_endpoint.as_deref(),
        Some("https://000000000000.dkr.ecr.eu-central-1.amazonaws.com")
    );
    let text = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        data.authorization_token.expect("a token"),
    )
    .expect("base64");
    let text = String::from_utf8(text).expect("text");
    let password = text.strip_prefix("AWS:").expect("the user is AWS");
    bench.restart();
    let ann = Some(Caller::User { name: "ann".into() });
    assert_eq!(token::caller(&bench.region, bench.now, password), ann);
    assert_eq!(token::caller(&bench.region, bench.now, "else"), None);
    bench.pass(SignedDuration::from_hours(12));
    assert_eq!(token::caller(&bench.region, bench.now, password), None);
    assert!(bench.region.ecr.tokens.is_empty());
}

#[test]
fn the_registry_holds_callers_to_their_policies() {
    let mut bench = Bench::new();
    create(&mut bench, api::ImageTagMutability::Mutable);
    let ann = Caller::User { name: "ann".into() };
    let admit = |bench: &mut Bench, caller: &Caller, name: &str| {
        bench
            .write(|region, context| registry::admit(region, context, caller, "ecr:PutImage", name))
    };
    admit(&mut bench, &Caller::Root, "team/app").expect("root may");
    let none = admit(&mut bench, &Caller::Root, "none").expect_err("it is not there");
    assert_eq!(none.code, "RepositoryNotFoundException");
    let refused = admit(&mut bench, &ann, "team/app").expect_err("nothing allows it");
    assert_eq!(refused.code, "AccessDeniedException");
    assert!(refused.message.contains("ecr:PutImage"), "{refused}");
    let policy = api::SetRepositoryPolicyRequest {
        repository_name: "team/app".into(),
        policy_text: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ann"},"Action":"ecr:PutImage"}]}"#.into(),
        ..Default::default()
    };
    bench
        .call::<op::SetRepositoryPolicy>(SERVICE, policy)
        .expect("it is set");
    admit(&mut bench, &ann, "team/app").expect("the repository's policy allows it");
}

#[test]
fn lifecycle_rules_expire_what_they_name() {
    let mut bench = Bench::new();
    create(&mut bench, api::ImageTagMutability::Mutable);
    let first = push(&mut bench, "first", Some("v1"));
    bench.pass(SignedDuration::from_hours(1));
    let untagged = push(&mut bench, "untagged", None);
    bench.pass(SignedDuration::from_hours(1));
    let second = push(&mut bench, "second", Some("v2"));
    let other = push(&mut bench, "other", Some("main"));
    let listed = push(&mut bench, "listed", None);
    let whole = put(&mut bench, &list(&[&listed]), Some("v3")).expect("a list");
    let rule = |priority: u32, status: &str, by: &str| {
        format!(
            r#"{{"rulePriority":{priority},"selection":{{{status},{by}}},"action":{{"type":"expire"}}}}"#
        )
    };
    let tagged = r#""tagStatus":"tagged","tagPrefixList":["v"]"#;
    let policy = format!(
        r#"{{"rules":[{},{},{}]}}"#,
        rule(
            3,
            r#""tagStatus":"any""#,
            r#""countType":"imageCountMoreThan","countNumber":1"#
        ),
        rule(
            1,
            tagged,
            r#""countType":"imageCountMoreThan","countNumber":2"#
        ),
        rule(
            2,
            r#""tagStatus":"untagged""#,
            r#""countType":"sinceImagePushed","countUnit":"days","countNumber":1"#
        ),
    );
    let input = |text: &str| api::PutLifecyclePolicyRequest {
        repository_name: "team/app".into(),
        lifecycle_policy_text: text.into(),
        ..Default::default()
    };
    bench
        .call::<op::PutLifecyclePolicy>(SERVICE, input(&policy))
        .expect("it is set");
    let left = |bench: &mut Bench| -> Vec<String> {
        details(bench)
            .into_iter()
            .map(|(digest, _)| digest)
            .collect()
    };
    let sorted = |mut all: Vec<&String>| -> Vec<String> {
        all.sort();
        all.into_iter().cloned().collect()
    };
    let wanted = sorted(vec![&untagged, &second, &other, &listed, &whole]);
    assert_eq!(left(&mut bench), wanted, "{first} was one too many");
    bench.pass(SignedDuration::from_hours(25));
    let wanted = sorted(vec![&second, &other, &listed, &whole]);
    assert_eq!(left(&mut bench), wanted, "what a list holds stays");

    for bad in [
        "{}".to_owned(),
        r#"{"rules":[]}"#.to_owned(),
        policy.replace("\"rulePriority\":3", "\"rulePriority\":1"),
        policy.replace("\"rulePriority\":3", "\"rulePriority\":0"),
        policy.replace("\"expire\"", "\"transition\""),
        policy.replace(",\"countUnit\":\"days\"", ""),
        policy.replace(",\"tagPrefixList\":[\"v\"]", ""),
        policy.replace("\"countNumber\":2", "\"countNumber\":0"),
    ] {
        let refused = bench.refused::<op::PutLifecyclePolicy>(SERVICE, input(&bad));
        assert_eq!(refused.0, "InvalidParameterException", "{bad}");
    }
}

#[test]
fn blobs_that_no_manifest_came_for_are_forgotten() {
    let mut bench = Bench::new();
    create(&mut bench, api::ImageTagMutability::Mutable);
    push(&mut bench, "one", Some("1"));
    let cut = digest_of(b"cut");
    bench
        .write(|region, context| registry::add_blob(region, context, "team/app", &cut, 1))
        .expect("a blob");
    let sweep = |bench: &mut Bench| {
        bench
            .write(|region, context| {
                registry::forget_orphans(region, context);
                Ok(())
            })
            .expect("swept");
        registry::blob(&bench.region, "team/app", &cut).is_some()
    };
    assert!(sweep(&mut bench), "its manifest may still come");
    bench.pass(SignedDuration::from_hours(24));
    assert!(!sweep(&mut bench));
    assert_eq!(
        registry::kept(&bench.region)
            .into_iter()
            .collect::<Vec<_>>(),
        [digest_of(b"one")]
    );
}

#[test]
fn patterns() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("v*", "v1", true),
        ("v*", "main", false),
        ("v*-rc*", "v1-rc2", true),
        ("v*-rc", "v1-rc2", false),
        ("a*b*c", "abc", true),
        ("a*a", "a", false),
        ("latest", "latest", true),
        ("latest", "latest2", false),
    ] {
        assert_eq!(repository::fits(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn nothing_is_said_to_be_scanned() {
    let mut bench = Bench::new();
    create(&mut bench, api::ImageTagMutability::Mutable);
    push(&mut bench, "one", Some("1"));
    let refused = bench.refused::<op::DescribeImageScanFindings>(
        SERVICE,
        api::DescribeImageScanFindingsRequest {
            repository_name: "team/app".into(),
            image_id: api::ImageIdentifier {
                image_tag: Some("1".into()),
                image_digest: None,
            },
            ..Default::default()
        },
    );
    assert_eq!(refused.0, "ScanNotFoundException");
    assert_eq!(store::tags(&bench.region, "team/app").count(), 1);
}
