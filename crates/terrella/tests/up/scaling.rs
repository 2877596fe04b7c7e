//! The drill of target tracking holds on a system that is up, and says so when what it claims is not there.

use crate::load::runtime;
use crate::region::{Region, broken, held, said, suspend};

#[test]
fn tasks_follow_the_load() {
    let region = Region::up();
    let runtime = runtime();
    let site = region.site();

    said("load comes and goes, and tasks with it");
    held(&region.drill("target-tracking"));

    said("scaling out is suspended, and the drill says what is missing");
    runtime.block_on(suspend(&site, "DynamicScalingOutSuspended", true));
    let report = region.drill("target-tracking");
    let fact = "three minutes above it make the policy's alarm ask for more tasks";
    assert!(broken(&report).contains(&fact), "{report:#}");
    runtime.block_on(suspend(&site, "DynamicScalingOutSuspended", false));
    region.end();
}
