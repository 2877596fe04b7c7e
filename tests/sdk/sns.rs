use aws_sdk_sns::{Client, Error};
use sdk_tour::{ACCOUNT, REGION, Region};

#[tokio::test]
async fn a_topic_is_subscribed_to() -> Result<(), Error> {
    let region = Region::serve();
    let sns = Client::new(&region.config().await);
    let made = sns.create_topic().name("alarms").send().await?;
    let topic = made.topic_arn().unwrap();
    assert_eq!(topic, format!("arn:aws:sns:{REGION}:{ACCOUNT}:alarms"));
    let subscribe = sns.subscribe().topic_arn(topic).protocol("email");
    let pending = subscribe.endpoint("ops@example.com").send().await?;
    assert_eq!(pending.subscription_arn(), Some("pending confirmation"));
    let listed = sns
        .list_subscriptions_by_topic()
        .topic_arn(topic)
        .send()
        .await?;
    assert_eq!(
        listed.subscriptions()[0].endpoint(),
        Some("ops@example.com")
    );
    let sent = sns
        .publish()
        .topic_arn(topic)
        .subject("hello")
        .message("all is well");
    assert!(sent.send().await?.message_id().is_some());
    sns.delete_topic().topic_arn(topic).send().await?;
    let gone = sns.publish().topic_arn(topic).message("x").send().await;
    let gone = gone.expect_err("it is deleted").into_service_error();
    assert!(gone.is_not_found_exception(), "{gone:?}");
    Ok(())
}
