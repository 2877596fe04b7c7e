use aws_sdk_secretsmanager::{Client, Error};
use sdk_tour::Region;

#[tokio::test]
async fn a_secret_has_versions() -> Result<(), Error> {
    let region = Region::serve();
    let secrets = Client::new(&region.config().await);
    secrets
        .create_secret()
        .name("app")
        .secret_string("one")
        .send()
        .await?;
    secrets
        .put_secret_value()
        .secret_id("app")
        .secret_string("two")
        .send()
        .await?;
    for (stage, value) in [("AWSCURRENT", "two"), ("AWSPREVIOUS", "one")] {
        let call = secrets
            .get_secret_value()
            .secret_id("app")
            .version_stage(stage);
        assert_eq!(call.send().await?.secret_string(), Some(value), "{stage}");
    }
    secrets
        .delete_secret()
        .secret_id("app")
        .recovery_window_in_days(7)
        .send()
        .await?;
    let waits = secrets.get_secret_value().secret_id("app").send().await;
    let waits = waits
        .expect_err("it waits to be deleted")
        .into_service_error();
    assert!(waits.is_invalid_request_exception(), "{waits:?}");
    secrets.restore_secret().secret_id("app").send().await?;
    let back = secrets.get_secret_value().secret_id("app").send().await?;
    assert_eq!(back.secret_string(), Some("two"));
    let absent = secrets.describe_secret().secret_id("none").send().await;
    let absent = absent.expect_err("there is none").into_service_error();
    assert!(absent.is_resource_not_found_exception(), "{absent:?}");
    Ok(())
}
