use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_applicationautoscaling::{Client, Error};
use sdk_tour::Region;

const SERVICE: &str = "service/tour/app";

#[tokio::test]
async fn a_service_is_scaled() -> Result<(), Error> {
    let region = Region::serve();
    crate::ecs::service(&region).await;
    let scaling = Client::new(&region.config().await);
    scaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(SERVICE)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .min_capacity(1)
        .max_capacity(4)
        .send()
        .await?;
    let cpu = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::EcsServiceAverageCpuUtilization)
        .build()?;
    let tracking = TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(60.0)
        .predefined_metric_specification(cpu)
        .build()?;
    let made = scaling
        .put_scaling_policy()
        .policy_name("cpu")
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(SERVICE)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .policy_type(PolicyType::TargetTrackingScaling)
        .target_tracking_scaling_policy_configuration(tracking)
        .send()
        .await?;
    assert_eq!(made.alarms().len(), 2);
    let list = scaling
        .describe_scaling_policies()
        .service_namespace(ServiceNamespace::Ecs);
    assert_eq!(list.send().await?.scaling_policies().len(), 1);

    let deregister = || {
        scaling
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(SERVICE)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .send()
    };
    deregister().await?;
    let gone = deregister()
        .await
        .expect_err("it is gone")
        .into_service_error();
    assert!(gone.is_object_not_found_exception(), "{gone:?}");
    Ok(())
}
