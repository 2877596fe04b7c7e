use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, KeyValuePair, LaunchType,
    NetworkConfiguration, NetworkMode, ServiceField, Tag,
};
use aws_sdk_ecs::{Client, Error};
use sdk_tour::{ACCOUNT, REGION, Region};

use crate::ec2::network;

/// A cluster `tour` with a service `app` that wants two tasks. Nothing runs: there is no machine.
pub(crate) async fn service(region: &Region) -> Client {
    let config = region.config().await;
    let ecs = Client::new(&config);
    let network = network(&aws_sdk_ec2::Client::new(&config)).await;
    ecs.create_cluster()
        .cluster_name("tour")
        .send()
        .await
        .unwrap();
    define(&ecs).await;
    let interfaces = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets))
        .security_groups(network.group)
        .build()
        .unwrap();
    ecs.create_service()
        .cluster("tour")
        .service_name("app")
        .task_definition("app")
        .desired_count(2)
        .launch_type(LaunchType::Fargate)
        .network_configuration(
            NetworkConfiguration::builder()
                .awsvpc_configuration(interfaces)
                .build(),
        )
        .tags(Tag::builder().key("team").value("links").build())
        .send()
        .await
        .unwrap();
    ecs
}

async fn define(ecs: &Client) -> String {
    let container = ContainerDefinition::builder()
        .name("app")
        .image(format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app:1"))
        .essential(true)
        .environment(KeyValuePair::builder().name("STAGE").value("tour").build())
        .build();
    let made = ecs
        .register_task_definition()
        .family("app")
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(container)
        .send()
        .await
        .unwrap();
    made.task_definition.unwrap().task_definition_arn.unwrap()
}

#[tokio::test]
async fn a_service_lives() -> Result<(), Error> {
    let region = Region::serve();
    let ecs = service(&region).await;
    let describe = || {
        let call = ecs.describe_services().cluster("tour").services("app");
        call.include(ServiceField::Tags).send()
    };
    let seen = describe().await?;
    let [service] = seen.services() else {
        panic!("one service is there: {seen:?}");
    };
    assert_eq!(
        (service.status(), service.desired_count()),
        (Some("ACTIVE"), 2)
    );
    assert_eq!(service.tags()[0].value(), Some("links"));
    assert_eq!(service.deployments().len(), 1);

    // A second version takes over where it is asked for.
    let second = define(&ecs).await;
    assert!(second.ends_with("task-definition/app:2"), "{second}");
    ecs.update_service()
        .cluster("tour")
        .service("app")
        .task_definition(&second)
        .desired_count(0)
        .send()
        .await?;
    let seen = describe().await?;
    assert_eq!(seen.services()[0].task_definition(), Some(&*second));

    ecs.delete_service()
        .cluster("tour")
        .service("app")
        .force(true)
        .send()
        .await?;
    let absent = ecs
        .update_service()
        .cluster("tour")
        .service("none")
        .send()
        .await;
    let absent = absent.expect_err("there is none").into_service_error();
    assert!(absent.is_service_not_found_exception(), "{absent:?}");
    Ok(())
}

#[tokio::test]
async fn an_impossible_size_is_refused() {
    let region = Region::serve();
    let ecs = Client::new(&region.config().await);
    let container = ContainerDefinition::builder()
        .name("app")
        .image("app")
        .build();
    let answer = ecs
        .register_task_definition()
        .family("app")
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("4096")
        .container_definitions(container)
        .send()
        .await;
    let error = answer
        .expect_err("a quarter of a core has 2 GB at most")
        .into_service_error();
    assert!(error.is_client_exception(), "{error:?}");
}
