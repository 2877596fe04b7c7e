use aws_sdk_cloudwatch::types::{
    ComparisonOperator, HistoryItemType, MetricDatum, StandardUnit, StateValue, Statistic,
};
use aws_sdk_cloudwatch::{Client, Error};
use sdk_tour::Region;

#[tokio::test]
async fn metrics_and_alarms_live() -> Result<(), Error> {
    let region = Region::serve();
    let cloudwatch = Client::new(&region.config().await);
    let datum = |value: f64| {
        let datum = MetricDatum::builder().metric_name("Latency");
        datum.unit(StandardUnit::Seconds).value(value).build()
    };
    let put = cloudwatch.put_metric_data().namespace("Tour");
    put.metric_data(datum(0.2))
        .metric_data(datum(0.4))
        .send()
        .await?;
    let listed = cloudwatch.list_metrics().namespace("Tour").send().await?;
    assert_eq!(listed.metrics()[0].metric_name(), Some("Latency"));

    cloudwatch
        .put_metric_alarm()
        .alarm_name("slow")
        .namespace("Tour")
        .metric_name("Latency")
        .statistic(Statistic::Average)
        .period(60)
        .evaluation_periods(2)
        .threshold(0.5)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .send()
        .await?;
    let set = cloudwatch.set_alarm_state().alarm_name("slow");
    set.state_value(StateValue::Alarm)
        .state_reason("a test")
        .send()
        .await?;
    let seen = cloudwatch
        .describe_alarms()
        .alarm_names("slow")
        .send()
        .await?;
    assert_eq!(seen.metric_alarms()[0].threshold(), Some(0.5));
    let history = cloudwatch.describe_alarm_history().alarm_name("slow");
    let history = history
        .history_item_type(HistoryItemType::StateUpdate)
        .send()
        .await?;
    let summaries: Vec<_> = history
        .alarm_history_items()
        .iter()
        .filter_map(|item| item.history_summary())
        .collect();
    assert!(
        summaries.contains(&"Alarm updated from INSUFFICIENT_DATA to ALARM"),
        "{summaries:?}"
    );

    let body =
        r#"{"widgets":[{"type":"text","width":6,"height":2,"properties":{"markdown":"tour"}}]}"#;
    let put = cloudwatch.put_dashboard().dashboard_name("tour");
    put.dashboard_body(body).send().await?;
    let got = cloudwatch
        .get_dashboard()
        .dashboard_name("tour")
        .send()
        .await?;
    assert_eq!(got.dashboard_body(), Some(body));
    let absent = cloudwatch
        .get_dashboard()
        .dashboard_name("none")
        .send()
        .await;
    let absent = absent.expect_err("there is none").into_service_error();
    assert!(absent.is_dashboard_not_found_error(), "{absent:?}");
    cloudwatch
        .delete_alarms()
        .alarm_names("slow")
        .send()
        .await?;
    Ok(())
}
