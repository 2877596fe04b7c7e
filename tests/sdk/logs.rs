use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_cloudwatchlogs::{Client, Error};
use sdk_tour::Region;

#[tokio::test]
async fn what_is_written_is_read() -> Result<(), Error> {
    let region = Region::serve();
    let logs = Client::new(&region.config().await);
    let create = || logs.create_log_group().log_group_name("/app").send();
    create().await?;
    let again = create()
        .await
        .expect_err("the name is taken")
        .into_service_error();
    assert!(again.is_resource_already_exists_exception(), "{again:?}");
    let retention = logs.put_retention_policy().log_group_name("/app");
    retention.retention_in_days(7).send().await?;
    let stream = logs.create_log_stream().log_group_name("/app");
    stream.log_stream_name("one").send().await?;

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let now = i64::try_from(now.as_millis()).expect("before the year 292 million");
    let event = |text: &str| {
        let event = InputLogEvent::builder().timestamp(now).message(text);
        event.build().expect("a whole event")
    };
    logs.put_log_events()
        .log_group_name("/app")
        .log_stream_name("one")
        .log_events(event("hello"))
        .log_events(event("ERROR here"))
        .send()
        .await?;
    let read = logs
        .get_log_events()
        .log_group_name("/app")
        .log_stream_name("one");
    let read = read.start_from_head(true).send().await?;
    let texts: Vec<_> = read
        .events()
        .iter()
        .filter_map(|event| event.message())
        .collect();
    assert_eq!(texts, ["hello", "ERROR here"]);
    let found = logs
        .filter_log_events()
        .log_group_name("/app")
        .filter_pattern("ERROR")
        .send()
        .await?;
    assert_eq!(found.events().len(), 1);
    logs.delete_log_group()
        .log_group_name("/app")
        .send()
        .await?;
    let gone = logs.delete_log_group().log_group_name("/app").send().await;
    let gone = gone.expect_err("it is deleted").into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    Ok(())
}
