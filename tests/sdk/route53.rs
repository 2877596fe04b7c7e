use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_sdk_route53::{Client, Error};
use sdk_tour::Region;

#[tokio::test]
async fn a_zone_takes_records() -> Result<(), Error> {
    let region = Region::serve();
    let route53 = Client::new(&region.config().await);
    let made = route53
        .create_hosted_zone()
        .name("example.com")
        .caller_reference("tour")
        .send()
        .await?;
    let zone = made.hosted_zone().unwrap().id();
    let change = |action: ChangeAction| {
        let record = ResourceRecordSet::builder()
            .name("www.example.com")
            .r#type(RrType::A)
            .ttl(60)
            .resource_records(ResourceRecord::builder().value("192.0.2.1").build()?)
            .build()?;
        let change = Change::builder()
            .action(action)
            .resource_record_set(record)
            .build()?;
        let batch = ChangeBatch::builder().changes(change).build()?;
        let call = route53.change_resource_record_sets().hosted_zone_id(zone);
        Ok::<_, Error>(call.change_batch(batch).send())
    };
    let told = change(ChangeAction::Create)?.await?;
    let status = told.change_info().unwrap().status();
    assert!(
        matches!(status, ChangeStatus::Pending | ChangeStatus::Insync),
        "{status}"
    );
    let again = change(ChangeAction::Create)?.await;
    let again = again.expect_err("it is there").into_service_error();
    assert!(again.is_invalid_change_batch(), "{again:?}");

    let listed = route53
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .send()
        .await?;
    let names: Vec<_> = listed
        .resource_record_sets()
        .iter()
        .map(ResourceRecordSet::name)
        .collect();
    assert_eq!(names, ["example.com.", "example.com.", "www.example.com."]);
    let full = route53.delete_hosted_zone().id(zone).send().await;
    let full = full.expect_err("it has a record").into_service_error();
    assert!(full.is_hosted_zone_not_empty(), "{full:?}");
    change(ChangeAction::Delete)?.await?;
    route53.delete_hosted_zone().id(zone).send().await?;
    Ok(())
}
