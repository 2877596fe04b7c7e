use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, LoadBalancerSchemeEnum, ProtocolEnum,
    RuleCondition, Tag, TargetDescription, TargetTypeEnum,
};
use aws_sdk_elasticloadbalancingv2::{Client, Error};
use sdk_tour::{Region, refused};

use crate::ec2::network;

#[tokio::test]
async fn a_balancer_with_a_rule_and_a_target_lives() -> Result<(), Error> {
    let region = Region::serve();
    let config = region.config().await;
    let network = network(&aws_sdk_ec2::Client::new(&config)).await;
    let elb = Client::new(&config);
    let create = |subnets: &[String]| {
        elb.create_load_balancer()
            .name("web")
            // The network has no way to the internet.
            .scheme(LoadBalancerSchemeEnum::Internal)
            .set_subnets(Some(subnets.to_vec()))
            .security_groups(&network.group)
            .tags(Tag::builder().key("team").value("links").build())
            .send()
    };
    let one_zone = create(&network.subnets[..1]).await;
    assert_eq!(refused(one_zone), "ValidationError");
    let made = create(&network.subnets).await?;
    let balancer = made.load_balancers()[0].load_balancer_arn().unwrap();

    let group = elb
        .create_target_group()
        .name("app")
        .protocol(ProtocolEnum::Http)
        .port(8080)
        .target_type(TargetTypeEnum::Ip)
        .vpc_id(&network.vpc)
        .send()
        .await?;
    let group = group.target_groups()[0].target_group_arn().unwrap();
    let target = TargetDescription::builder()
        .id("10.0.0.10")
        .port(8080)
        .build();
    let register = elb.register_targets().target_group_arn(group);
    register.targets(target).send().await?;
    let health = elb
        .describe_target_health()
        .target_group_arn(group)
        .send()
        .await?;
    let [seen] = health.target_health_descriptions() else {
        panic!("one target is there: {health:?}");
    };
    assert_eq!(seen.target().unwrap().id(), Some("10.0.0.10"));

    let forward = Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(group)
        .build();
    let listener = elb
        .create_listener()
        .load_balancer_arn(balancer)
        .protocol(ProtocolEnum::Http)
        .port(80)
        .default_actions(forward)
        .send()
        .await?;
    let listener = listener.listeners()[0].listener_arn().unwrap();
    let answer = FixedResponseActionConfig::builder()
        .status_code("410")
        .build();
    let rule = || {
        let condition = RuleCondition::builder()
            .field("path-pattern")
            .values("/old/*");
        let gone = Action::builder()
            .r#type(ActionTypeEnum::FixedResponse)
            .fixed_response_config(answer.clone());
        elb.create_rule()
            .listener_arn(listener)
            .priority(10)
            .conditions(condition.build())
            .actions(gone.build())
            .send()
    };
    let made = rule().await?;
    assert_eq!(made.rules()[0].priority(), Some("10"));
    let again = rule()
        .await
        .expect_err("the priority is taken")
        .into_service_error();
    assert!(again.is_priority_in_use_exception(), "{again:?}");

    let tags = elb.describe_tags().resource_arns(balancer).send().await?;
    assert_eq!(tags.tag_descriptions()[0].tags()[0].key(), Some("team"));
    elb.delete_load_balancer()
        .load_balancer_arn(balancer)
        .send()
        .await?;
    elb.delete_target_group()
        .target_group_arn(group)
        .send()
        .await?;
    let gone = elb.describe_load_balancers().names("web").send().await;
    let gone = gone.expect_err("it is deleted").into_service_error();
    assert!(gone.is_load_balancer_not_found_exception(), "{gone:?}");
    Ok(())
}
