//! The drills of scaling hold on a system that is up, and say so when what they claim is not there.

use crate::load::runtime;
use crate::region::{Region, broken, held, said, suspend};

#[test]
fn tasks_follow_the_load() {
    let region = Region::up();
    let runtime = runtime();
    let site = region.site();

    said("load comes and goes, and tasks with it");
    held(&region.drill("target-tracking"));

    said("twenty times as many come at once, and are served");
    held(&region.drill("thundering-herd"));

    said("scaling out is suspended, and the drill says what is missing");
    runtime.block_on(suspend(&site, "DynamicScalingOutSuspended", true));
    let report = region.drill("target-tracking");
    let fact = "three minutes above it make the policy's alarm ask for more tasks";
    assert!(broken(&report).contains(&fact), "{report:#}");

    said("nor does a herd find more tasks, and without the cache it gets through to the database");
    runtime
        .block_on(site.with_settings(&[("CACHE_BYTES", "0")], &[]))
        .expect("the service takes it");
    let report = region.drill("thundering-herd");
    assert_eq!(
        broken(&report),
        [
            "twenty times the load at once: tasks are added, and 999 of 1000 are served again",
            "of a hundred redirects at most 5 read the database, and 50 while few come",
        ],
        "{report:#}"
    );
    region.end();
}
