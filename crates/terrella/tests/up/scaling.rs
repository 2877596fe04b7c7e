//! The drill of target tracking holds on a system that is up, and says so when what it claims is not there.

use drills::Site;
use serde_json::{Value, json};

use crate::load::runtime;
use crate::region::{Region, held};

#[test]
fn tasks_follow_the_load() {
    let region = Region::up();
    let runtime = runtime();
    let site = region.site();

    said("load comes and goes, and tasks with it");
    held(&region.drill("target-tracking"));

    said("scaling out is suspended, and the drill says what is missing");
    runtime.block_on(suspend(&site, "DynamicScalingOutSuspended", true));
    broken(
        &region.drill("target-tracking"),
        "three minutes above it make the policy's alarm ask for more tasks",
    );
    runtime.block_on(suspend(&site, "DynamicScalingOutSuspended", false));
    region.end();
}

fn said(step: &str) {
    eprintln!("--- {step}");
}

/// That a drill's report contradicts its claim in this fact.
fn broken(report: &Value, fact: &str) {
    assert_eq!(report["verdict"], "broken", "{report:#}");
    let found = report["facts"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["what"] == fact);
    let found = found.unwrap_or_else(|| panic!("nothing was said of it: {report:#}"));
    assert_eq!(found["held"], false, "{report:#}");
}

/// As a person would by `aws application-autoscaling register-scalable-target`.
async fn suspend(site: &Site, what: &str, suspended: bool) {
    let service = site.outputs("service").await.expect("the service is there");
    let name = |output: &str| service.text(output).expect("it has a name");
    let input = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": format!("service/{}/{}", name("cluster_name"), name("service_name")),
        "ScalableDimension": "ecs:service:DesiredCount",
        "SuspendedState": {what: suspended},
    });
    let target = "AnyScaleFrontendService.RegisterScalableTarget";
    site.region
        .json("application-autoscaling", target, &input)
        .await
        .expect("it is taken");
}
