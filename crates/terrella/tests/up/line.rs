//! The whole line, as its user sees it: the unmodified Terraform brings up the system, requests go
//! through it, it is changed, broken and taken away. One region, one story: each step needs what
//! the one before left. Takes minutes, most of them the provider's own waits.

use std::process::Command;
use std::time::Duration;

use drills::Site;
use http::StatusCode;
use terraform::Plan;

use crate::load::Load;
use crate::region::{Region, held, said, wait_for};
use crate::remains::Remains;

type Story<'a> = (&'a Region, &'a Site, &'a tokio::runtime::Runtime);

#[test]
fn from_nothing_to_a_served_request_and_back() {
    let before = Remains::now(None);
    let mut region = Region::up();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let site = region.site();

    said("a link is created and followed; its row is in PostgreSQL");
    let slug = creates_and_follows_a_link(&region);
    row_is_in_the_database(&region, &slug);

    said("the balancer finds every target healthy");
    runtime.block_on(site.steady()).expect("it is steady");

    said("second plans are empty");
    plans_are_empty((&region, &site, &runtime), &[]);

    said("only who may reaches whom, and a rule that is removed shuts a way");
    held(&region.drill("reachability"));

    said("stacks change in place and plan empty afterwards");
    changes_in_place((&region, &site, &runtime));

    said("of two applies of one state the second is told who holds the lock");
    second_apply_is_told((&region, &site, &runtime));

    said("requests are served while the control plane is killed and comes back");
    survives_the_control_planes_death(&mut region);
    follows(&region, &slug);
    let site = region.site();
    plans_are_empty((&region, &site, &runtime), &[]);

    said("an apply in whose middle the control plane is killed is finished by the next");
    finishes_a_killed_apply(&mut region, &runtime);
    let site = region.site();

    said("destroy is refused where protection is on, and works in reverse order where it is off");
    destroys((&region, &site, &runtime));

    said("nothing is left");
    let data = region.end();
    assert!(!data.exists(), "{} is left", data.display());
    before.assert_nothing_more(&data);
}

fn creates_and_follows_a_link(region: &Region) -> String {
    let (status, _, body) = region.request(
        "POST",
        "/api/links",
        r#"{"target":"https://example.com/a?b=c"}"#,
    );
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let made: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let slug = made["slug"].as_str().expect("a slug").to_owned();
    follows(region, &slug);
    slug
}

fn follows(region: &Region, slug: &str) {
    let (status, location, body) = region.request("GET", &format!("/{slug}"), "");
    assert!(status.is_redirection(), "{status}: {body}");
    assert_eq!(location.as_deref(), Some("https://example.com/a?b=c"));
}

/// By the line that `status` prints.
fn row_is_in_the_database(region: &Region, slug: &str) {
    let status = region.text(&["status"]);
    let line = status
        .lines()
        .find_map(|line| line.split_once(": psql "))
        .unwrap_or_else(|| panic!("no psql line in {status}"))
        .1
        .trim_matches('"')
        .to_owned();
    let output = Command::new("psql")
        .args([&line, "-At", "-v", "ON_ERROR_STOP=1", "-c"])
        .arg(format!("select target from links where slug = '{slug}'"))
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "https://example.com/a?b=c"
    );
}

fn plans_are_empty((_, site, runtime): Story<'_>, but: &[&str]) {
    for stack in site.stacks().filter(|stack| !but.contains(&&*stack.name)) {
        let plan = runtime
            .block_on(site.plan(&stack.name, &[]))
            .expect("it plans");
        assert_eq!(plan, Plan::Empty, "the stack {}", stack.name);
    }
}

/// Each stack that can change in place, with a value that its environment does not have.
const CHANGES: [(&str, &str, &str); 3] = [
    ("registry", "images_kept", "19"),
    ("database", "backup_retention_days", "2"),
    ("service", "log_retention_days", "14"),
];

fn changes_in_place((region, site, runtime): Story<'_>) {
    for (stack, name, value) in CHANGES {
        let change = [(name, value)];
        runtime
            .block_on(async {
                assert_eq!(site.plan(stack, &change).await?, Plan::Changes, "{stack}");
                site.apply(stack, &change).await?;
                assert_eq!(site.plan(stack, &change).await?, Plan::Empty, "{stack}");
                anyhow::Ok(())
            })
            .unwrap_or_else(|error| panic!("{stack}: {error:#}"));
    }
    // A new version of the service takes over under load and drops nothing.
    let load = Load::start(region.listener());
    runtime
        .block_on(site.apply("service", &[("memory", "1024")]))
        .expect("the new version takes over");
    load.end().assert_all_served();
    for (stack, ..) in CHANGES {
        runtime
            .block_on(site.apply(stack, &[]))
            .expect("it changes back");
    }
}

fn second_apply_is_told((region, site, runtime): Story<'_>) {
    let other = region.site();
    let first = async {
        // Deleting a NAT gateway takes the provider ten seconds at least.
        site.apply("network", &[("nat_gateways", "none")]).await
    };
    let second = async {
        region.until_locked("network").await;
        other.apply("network", &[]).await
    };
    let (first, second) = runtime.block_on(async { tokio::join!(first, second) });
    first.expect("the first holds the lock and goes on");
    let told = format!("{:#}", second.expect_err("the second is refused"));
    for words in [
        "Error acquiring the state lock",
        "Who:",
        "Operation: OperationTypeApply",
    ] {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
    runtime
        .block_on(site.apply("network", &[]))
        .expect("nobody holds the lock any more");
}

fn survives_the_control_planes_death(region: &mut Region) {
    let listener = region.listener();
    let before = region.status();
    let load = Load::start(listener);
    load.served(50);
    region.kill();
    load.served(200);
    region.serve();
    load.served(50);
    load.end().assert_all_served();
    for what in ["listeners", "databases", "counts"] {
        wait_for(
            &format!("{what} to be as before"),
            Duration::from_mins(1),
            || region.status()[what] == before[what],
        );
    }
}

fn finishes_a_killed_apply(region: &mut Region, runtime: &tokio::runtime::Runtime) {
    let site = region.site();
    let change = [("cpu", "512"), ("memory", "2048")];
    let cut_short = runtime.block_on(async {
        let killed = async {
            region.until_locked("service").await;
            region.kill();
            region.serve();
        };
        tokio::join!(site.apply("service", &change), killed).0
    });
    // It ends one way or the other: the provider tries again, and the region is back soon.
    if let Err(error) = cut_short {
        eprintln!("the apply was cut short: {error:#}");
        region.unlock("service");
    }
    runtime
        .block_on(async {
            site.apply("service", &change).await?;
            assert_eq!(site.plan("service", &change).await?, Plan::Empty);
            site.apply("service", &[]).await
        })
        .expect("the next apply finishes");
}

fn destroys((_, site, runtime): Story<'_>) {
    let protected = [("deletion_protection", "true")];
    let stacks: Vec<&str> = site.stacks().map(|stack| stack.name.as_str()).collect();
    runtime
        .block_on(async {
            site.apply("database", &protected).await?;
            let refused = site.destroy("database", None).await;
            let told = format!("{:#}", refused.expect_err("the database is protected"));
            assert!(told.contains("deletion protection"), "{told}");
            site.apply("database", &[]).await?;
            for stack in stacks.into_iter().rev() {
                if stack == "bootstrap" {
                    let refused = site.destroy(stack, None).await;
                    let told = format!("{:#}", refused.expect_err("the states are protected"));
                    assert!(told.contains("prevent_destroy"), "{told}");
                } else {
                    site.destroy(stack, None).await?;
                }
            }
            anyhow::Ok(())
        })
        .expect("all is destroyed");
}
