//! The clock and the mail of a system that is up: it closes for the weekend, and its errors reach
//! an inbox. Each drill holds, and says so when what it claims is turned off.

use client::Tree;
use drills::Site;
use serde_json::json;
use terraform::Plan;

use crate::load::runtime;
use crate::region::{Region, broken, held, said, suspend};

#[test]
fn it_closes_for_the_weekend_and_its_errors_reach_an_inbox() {
    let region = Region::up();
    let site = region.site();

    said("errors raise an alarm, and those who subscribed are told");
    let confirmed = region.text(&["inbox", "confirm"]);
    assert!(
        confirmed.starts_with("links-dev@example.com is subscribed: arn:"),
        "{confirmed}"
    );
    held(&region.drill("alarm-to-inbox"));

    said("an alarm that does nothing, and a subscriber who is gone, are noticed");
    act_on_alarms(&site, "DisableAlarmActions");
    unsubscribe_all(&site);
    let report = region.drill("alarm-to-inbox");
    assert_eq!(
        broken(&report),
        [
            "links-dev@example.com is subscribed to the alarms, or was asked",
            "a mail says that links-dev-server-errors is ALARM, to drill@terrella.example",
            "a mail says that links-dev-service-unhealthy is ALARM, to drill@terrella.example",
            "a mail says that links-dev-server-errors is OK, to drill@terrella.example",
        ],
        "{report:#}"
    );
    act_on_alarms(&site, "EnableAlarmActions");

    said("it closes for the weekend");
    held(&region.drill("office-hours"));
    assert!(
        subscriptions(&site)
            .iter()
            .any(|one| one.1 == "PendingConfirmation")
    );

    said("a schedule that is suspended closes nothing, and that is noticed");
    runtime().block_on(suspend(&site, "ScheduledScalingSuspended", true));
    let report = region.drill("office-hours");
    assert_eq!(
        broken(&report),
        [
            "Fri 18:00: zero tasks",
            "Fri 18:00: it is the schedule's doing, at that second",
            "Sat 09:00: still zero",
            "Sun 18:00: still zero",
            "Mon 07:59: still zero",
        ],
        "{report:#}"
    );
    runtime().block_on(suspend(&site, "ScheduledScalingSuspended", false));

    said("at night everybody is told why nothing runs, and an apply wakes nobody");
    at_night(&region, &site);
    region.end();
}

fn call(site: &Site, service: (&str, &str), action: &str, parameters: &[(&str, &str)]) -> Tree {
    runtime()
        .block_on(site.region.query(service.0, service.1, action, parameters))
        .expect("it is done")
}

fn output(site: &Site, stack: &str, name: &str) -> serde_json::Value {
    let outputs = runtime().block_on(site.outputs(stack)).expect("outputs");
    outputs.get(name).expect("it is there").clone()
}

/// Lets the alarms that the drill looks at tell nobody, or somebody again.
fn act_on_alarms(site: &Site, action: &str) {
    let names = output(site, "observability", "alarm_names");
    let named = |of: &str| names[of].as_str().expect("a name").to_owned();
    let (errors, unhealthy) = (named("server-errors"), named("service-unhealthy"));
    let parameters = [
        ("AlarmNames.member.1", errors.as_str()),
        ("AlarmNames.member.2", &unhealthy),
    ];
    call(site, ("monitoring", "2010-08-01"), action, &parameters);
}

const SNS: (&str, &str) = ("sns", "2010-03-31");

/// Who is subscribed, and by which ARN.
fn subscriptions(site: &Site) -> Vec<(String, String)> {
    let topic = output(site, "observability", "topic_arn");
    let parameters = [("TopicArn", topic.as_str().expect("an ARN"))];
    call(site, SNS, "ListSubscriptionsByTopic", &parameters)
        .all("ListSubscriptionsByTopicResult/Subscriptions/member")
        .iter()
        .map(|one| {
            let text = |name: &str| one.text(name).to_owned();
            (text("Endpoint"), text("SubscriptionArn"))
        })
        .collect()
}

fn unsubscribe_all(site: &Site) {
    for (_, arn) in subscriptions(site) {
        call(site, SNS, "Unsubscribe", &[("SubscriptionArn", &arn)]);
    }
}

fn at_night(region: &Region, site: &Site) {
    let leap = region.text(&["clock", "jump", "12h"]);
    assert!(leap.contains("something was due"), "{leap}");
    let status = region.text(&["status"]);
    assert!(
        status.contains("service links-dev: closed by its schedule until Tue "),
        "{status}"
    );
    let plan = runtime().block_on(site.plan("service", &[]));
    assert_eq!(plan.expect("it plans"), Plan::Empty);
    let told = region.up_again();
    assert!(told.contains("closed now: links-dev"), "{told}");
    let task = &region.status()["services"][0];
    assert_eq!((&task["desired"], &task["running"]), (&json!(0), &json!(0)));
}
