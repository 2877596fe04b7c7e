use aws_sdk_rds::types::{Parameter, Tag};
use aws_sdk_rds::{Client, Error};
use sdk_tour::Region;

use crate::ec2::network;

#[tokio::test]
async fn an_instance_begins() -> Result<(), Error> {
    let region = Region::serve();
    let config = region.config().await;
    let network = network(&aws_sdk_ec2::Client::new(&config)).await;
    let rds = Client::new(&config);
    let group = |name: &str, subnets: &[String]| {
        rds.create_db_subnet_group()
            .db_subnet_group_name(name)
            .db_subnet_group_description("tour")
            .set_subnet_ids(Some(subnets.to_vec()))
            .send()
    };
    let one_zone = group("one", &network.subnets[..1]).await;
    let one_zone = one_zone
        .expect_err("two zones are needed")
        .into_service_error();
    assert!(
        one_zone.is_db_subnet_group_does_not_cover_enough_azs(),
        "{one_zone:?}"
    );
    group("db", &network.subnets).await?;

    let versions = rds
        .describe_db_engine_versions()
        .engine("postgres")
        .send()
        .await?;
    let engine = versions
        .db_engine_versions()
        .last()
        .expect("PostgreSQL is installed");
    let create = || {
        rds.create_db_instance()
            .db_instance_identifier("app")
            .engine("postgres")
            .engine_version(engine.engine_version().unwrap())
            .db_instance_class("db.t4g.micro")
            .allocated_storage(20)
            .master_username("app")
            .master_user_password("a-long-password")
            .db_subnet_group_name("db")
            .tags(Tag::builder().key("team").value("links").build())
            .send()
    };
    let made = create().await?;
    let instance = made.db_instance().unwrap();
    assert_eq!(instance.db_instance_status(), Some("creating"));
    assert_eq!(instance.tag_list()[0].value(), Some("links"));
    let again = create()
        .await
        .expect_err("the name is taken")
        .into_service_error();
    assert!(again.is_db_instance_already_exists_fault(), "{again:?}");

    rds.create_db_parameter_group()
        .db_parameter_group_name("mine")
        .db_parameter_group_family(engine.db_parameter_group_family().unwrap())
        .description("tour")
        .send()
        .await?;
    let slow = Parameter::builder()
        .parameter_name("log_min_duration_statement")
        .parameter_value("500")
        .apply_method(aws_sdk_rds::types::ApplyMethod::Immediate)
        .build();
    let modify = rds
        .modify_db_parameter_group()
        .db_parameter_group_name("mine");
    modify.parameters(slow).send().await?;
    let own = rds
        .describe_db_parameters()
        .db_parameter_group_name("mine")
        .source("user");
    let own = own.send().await?;
    assert_eq!(own.parameters()[0].parameter_value(), Some("500"));

    let absent = rds
        .describe_db_instances()
        .db_instance_identifier("none")
        .send()
        .await;
    let absent = absent.expect_err("there is none").into_service_error();
    assert!(absent.is_db_instance_not_found_fault(), "{absent:?}");
    Ok(())
}
