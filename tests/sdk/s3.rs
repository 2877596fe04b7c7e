use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CompletedMultipartUpload, CompletedPart,
    CreateBucketConfiguration, VersioningConfiguration,
};
use aws_sdk_s3::{Client, Error};
use sdk_tour::{Region, refused};

/// A client of a region with a bucket `mine` that keeps versions.
async fn bucket(region: &Region) -> Client {
    let config = Builder::from(&region.config().await).force_path_style(true);
    let s3 = Client::from_conf(config.build());
    let here = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::EuCentral1)
        .build();
    let create = s3.create_bucket().bucket("mine");
    create
        .create_bucket_configuration(here)
        .send()
        .await
        .unwrap();
    let versions = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let put = s3.put_bucket_versioning().bucket("mine");
    put.versioning_configuration(versions).send().await.unwrap();
    s3
}

async fn read(s3: &Client, version: Option<&str>) -> Vec<u8> {
    let got = s3.get_object().bucket("mine").key("a/b c");
    let got = got.set_version_id(version.map(str::to_owned)).send().await;
    got.unwrap().body.collect().await.expect("a body").to_vec()
}

#[tokio::test]
async fn an_object_has_versions() -> Result<(), Error> {
    let region = Region::serve();
    let s3 = bucket(&region).await;
    let put = |text: &'static str| {
        let call = s3.put_object().bucket("mine").key("a/b c");
        call.body(ByteStream::from_static(text.as_bytes()))
    };
    let first = put("one").send().await?;
    put("two").send().await?;
    assert_eq!(read(&s3, None).await, b"two");
    assert_eq!(read(&s3, first.version_id()).await, b"one");
    // As a lock is taken.
    assert_eq!(
        refused(put("three").if_none_match("*").send().await),
        "PreconditionFailed"
    );

    s3.delete_object()
        .bucket("mine")
        .key("a/b c")
        .send()
        .await?;
    let gone = s3.get_object().bucket("mine").key("a/b c").send().await;
    let gone = gone.expect_err("it is deleted").into_service_error();
    assert!(gone.is_no_such_key(), "{gone:?}");
    let kept = s3.list_object_versions().bucket("mine").send().await?;
    assert_eq!((kept.versions().len(), kept.delete_markers().len()), (2, 1));
    let full = s3.delete_bucket().bucket("mine").send().await;
    assert_eq!(refused(full), "BucketNotEmpty");
    Ok(())
}

#[tokio::test]
async fn an_object_comes_in_parts() -> Result<(), Error> {
    let region = Region::serve();
    let s3 = bucket(&region).await;
    let begun = s3
        .create_multipart_upload()
        .bucket("mine")
        .key("a/b c")
        .send()
        .await?;
    let upload = begun.upload_id().unwrap();
    // All but the last have five mebibytes at least.
    let parts = [vec![1; 5 << 20], vec![2; 10]];
    let mut done = CompletedMultipartUpload::builder();
    for (number, part) in (1..).zip(&parts) {
        let sent = s3
            .upload_part()
            .bucket("mine")
            .key("a/b c")
            .upload_id(upload)
            .part_number(number)
            .body(ByteStream::from(part.clone()))
            .send()
            .await?;
        let part = CompletedPart::builder().part_number(number);
        done = done.parts(part.set_e_tag(sent.e_tag).build());
    }
    let complete = s3.complete_multipart_upload().bucket("mine").key("a/b c");
    complete
        .upload_id(upload)
        .multipart_upload(done.build())
        .send()
        .await?;
    assert!(
        read(&s3, None).await == parts.concat(),
        "it is the parts in order"
    );
    Ok(())
}

#[tokio::test]
async fn keys_come_in_pages() -> Result<(), Error> {
    let region = Region::serve();
    let s3 = bucket(&region).await;
    let keys: Vec<String> = (0..7).map(|number| format!("key {number}")).collect();
    for key in &keys {
        s3.put_object().bucket("mine").key(key).send().await?;
    }
    let mut pages = s3
        .list_objects_v2()
        .bucket("mine")
        .max_keys(3)
        .into_paginator()
        .send();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        seen.extend(
            page?
                .contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|one| one.key),
        );
    }
    assert_eq!(seen, keys);
    Ok(())
}
