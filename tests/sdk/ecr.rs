use aws_sdk_ecr::types::{ImageTagMutability, Tag, TagStatus};
use aws_sdk_ecr::{Client, Error};
use sdk_tour::{ACCOUNT, REGION, Region, refused};

#[tokio::test]
async fn a_repository_lives() -> Result<(), Error> {
    let region = Region::serve();
    let ecr = Client::new(&region.config().await);
    let create = || {
        let tag = Tag::builder().key("team").value("links").build();
        ecr.create_repository()
            .repository_name("app")
            .image_tag_mutability(ImageTagMutability::Immutable)
            .tags(tag.expect("a whole tag"))
            .send()
    };
    let made = create().await?;
    let arn = made.repository().unwrap().repository_arn().unwrap();
    assert_eq!(
        arn,
        format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/app")
    );
    let again = create().await.expect_err("the name is taken");
    assert!(
        again
            .into_service_error()
            .is_repository_already_exists_exception()
    );

    let policy = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}"#;
    let put = ecr.put_lifecycle_policy().repository_name("app");
    put.lifecycle_policy_text(policy).send().await?;
    let got = ecr
        .get_lifecycle_policy()
        .repository_name("app")
        .send()
        .await?;
    assert_eq!(got.lifecycle_policy_text(), Some(policy));
    let tags = ecr
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await?;
    assert_eq!(tags.tags()[0].value(), "links");

    let token = ecr.get_authorization_token().send().await?;
    assert!(token.authorization_data()[0].expires_at().is_some());
    let images = ecr.describe_images().repository_name("app").send().await?;
    assert_eq!(images.image_details(), []);
    let untagged = aws_sdk_ecr::types::ListImagesFilter::builder()
        .tag_status(TagStatus::Untagged)
        .build();
    let list = ecr.list_images().repository_name("app").filter(untagged);
    assert_eq!(list.send().await?.image_ids(), []);

    ecr.delete_repository()
        .repository_name("app")
        .send()
        .await?;
    let gone = ecr
        .describe_repositories()
        .repository_names("app")
        .send()
        .await;
    let gone = gone.expect_err("it is deleted").into_service_error();
    assert!(gone.is_repository_not_found_exception(), "{gone:?}");
    let scan = ecr.start_image_scan().repository_name("app");
    let id = aws_sdk_ecr::types::ImageIdentifier::builder()
        .image_tag("1")
        .build();
    assert_eq!(refused(scan.image_id(id).send().await), "NotImplemented");
    Ok(())
}
