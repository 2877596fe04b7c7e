use aws_credential_types::Credentials;
use aws_sdk_sts::{Client, Error};
use sdk_tour::{ACCOUNT, Region, refused};

#[tokio::test]
async fn who_one_is_follows_the_key() -> Result<(), Error> {
    let region = Region::serve();
    let config = region.config().await;
    let sts = Client::new(&config);
    let root = sts.get_caller_identity().send().await?;
    assert_eq!(root.account(), Some(ACCOUNT));

    let role = aws_sdk_iam::Client::new(&config)
        .create_role()
        .role_name("app")
        .assume_role_policy_document(crate::iam::TRUST)
        .send()
        .await
        .expect("a role");
    let assumed = sts
        .assume_role()
        .role_arn(role.role().unwrap().arn())
        .role_session_name("tour")
        .send()
        .await?;
    let key = assumed.credentials().unwrap();
    let as_role = Credentials::new(
        key.access_key_id(),
        key.secret_access_key(),
        Some(key.session_token().to_owned()),
        None,
        "tour",
    );
    let seen = Client::new(&region.config_of(as_role).await)
        .get_caller_identity()
        .send()
        .await?;
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/tour");
    assert_eq!(seen.arn(), Some(&*arn));

    let wrong = Credentials::new("test", "wrong", None, None, "tour");
    let wrong = Client::new(&region.config_of(wrong).await);
    let answer = wrong.get_caller_identity().send().await;
    assert_eq!(refused(answer), "SignatureDoesNotMatch");
    Ok(())
}
