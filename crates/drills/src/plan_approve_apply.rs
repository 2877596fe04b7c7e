//! The pipeline's own steps against the region: what was approved is applied, and nothing else is.

use std::fs;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::desk::{Desk, Done, Planned, raised};
use crate::images::{self, Layout, Pushed};
use crate::office_hours::stay_open_for_delivery;
use crate::{Drill, Evidence, Site};

const NAME: &str = "plan-approve-apply";
/// The variable of the stack `registry` that is changed, and what it is where nobody sets it. It
/// is raised and never lowered: fewer would let images go.
const IMAGES_KEPT: (&str, u64) = ("images_kept", 50);
const CHANGED: &str = " module.registry.aws_ecr_lifecycle_policy.this";
/// What every refused plan is answered with.
const AGAIN: &str = "plan again, and have that approved";

#[derive(Default)]
pub(crate) struct PlanApproveApply {
    pushed: Pushed,
}

#[async_trait(?Send)]
impl Drill for PlanApproveApply {
    fn name(&self) -> &'static str {
        NAME
    }

    fn claim(&self) -> &'static str {
        "The pipeline applies exactly the plan that was approved: one that was changed, is stale, \
         or is another's is refused, of two applies at once one is told, and a service whose \
         migration fails is left alone."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R13"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        stay_open_for_delivery(site).await?;
        let desk = Desk::new(site, NAME).await?;
        let broken = broken_image(site, &desk).await?;
        raise(&desk)?;
        desk.commit().await?;
        // Stacks of their own, so they may be planned at once.
        let (approved, early) = tokio::try_join!(
            desk.plan("registry", "approved", ""),
            desk.plan("service", "service-early", &broken.digest),
        )?;
        planned(evidence, &approved)?;
        let other = {
            let stood = raise(&desk)?;
            let plan = desk.plan("registry", "other", "").await?;
            desk.edit("registry", |_| stood)?;
            plan
        };
        if !foreign(site, &desk, evidence, &approved, &other).await? {
            // What follows would be judged by a system that should not be as it is.
            return Ok(());
        }
        self.pushed.announce(site, &broken).await?;
        let pushed =
            images::push(site, &desk, &broken, &images::repository(site).await?, TAG).await?;
        if !pushed.well() {
            bail!("an image could not be pushed:\n{}", pushed.end_of_it());
        }
        both_at_once(site, &desk, evidence, &approved).await?;
        stale(site, &desk, evidence, &approved, &early).await?;
        migrations(site, &desk, evidence, &broken).await
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        site.apply("registry", &[]).await?;
        self.pushed.remove(site).await
    }
}

/// Of the image whose migration fails.
const TAG: &str = "drill-plan-approve-apply";

/// The service's own image with a command before its arguments that it does not know.
async fn broken_image(site: &Site, desk: &Desk<'_>) -> Result<Layout> {
    images::pulled(site, desk).await?.varied("broken", |image| {
        let program = &mut image["config"]["Entrypoint"];
        if let Some(words) = program.as_array_mut() {
            words.push("no-such-command".into());
        }
    })
}

/// Changes what the environment wants; gives what it wanted before.
fn raise(desk: &Desk<'_>) -> Result<String> {
    let (name, default) = IMAGES_KEPT;
    desk.edit("registry", |values| raised(values, name, default, 1))
}

fn planned(evidence: &mut Evidence<'_>, plan: &Planned) -> Result<()> {
    let summary = plan.summary()?;
    evidence.saw(
        "a plan says by name what it would change",
        summary.trim(),
        plan.changes && summary.contains(CHANGED),
    );
    Ok(())
}

/// Tries plans that are not the approved one; whether all were refused.
async fn foreign(
    site: &Site,
    desk: &Desk<'_>,
    evidence: &mut Evidence<'_>,
    approved: &Planned,
    other: &Planned,
) -> Result<bool> {
    let file = approved.copied("file-replaced")?;
    fs::copy(other.file(), file.file()).context("the plan's file could not be replaced")?;
    let artifact = Planned {
        seal: approved.seal.clone(),
        ..other.clone()
    };
    let unsealed = Planned {
        seal: String::new(),
        ..approved.clone()
    };
    let cases = [
        (
            "a plan whose file was replaced",
            &file,
            "registry",
            "its file was changed",
        ),
        (
            "a plan that was replaced as a whole, but for the seal that its job handed on",
            &artifact,
            "registry",
            "its manifest was changed",
        ),
        (
            "a plan without a seal",
            &unsealed,
            "registry",
            "set SEAL to what `plan` said",
        ),
        (
            "a plan of another stack",
            approved,
            "network",
            "the plan is for the stack registry, not network",
        ),
    ];
    let mut all = true;
    for (what, plan, stack, words) in cases {
        let before = states(site, &["registry", stack]).await?;
        let done = desk.apply(plan, stack, "data-1", &[])?.end().await?;
        let after = states(site, &["registry", stack]).await?;
        all &= refused(evidence, what, &done, words, before == after);
    }
    let before = states(site, &["registry"]).await?;
    let planned = desk.head().await?;
    let newer = desk.commit().await?;
    let done = desk
        .apply(approved, "registry", "data-1", &[])?
        .end()
        .await?;
    desk.uncommit().await?;
    let words = format!("the plan is for the commit {planned}, not {newer}");
    let untouched = before == states(site, &["registry"]).await?;
    Ok(all
        & refused(
            evidence,
            "a plan of another commit",
            &done,
            &words,
            untouched,
        ))
}

async fn states(site: &Site, stacks: &[&str]) -> Result<Vec<Bytes>> {
    let mut all = Vec::new();
    for stack in stacks {
        all.push(site.state(stack).await?);
    }
    Ok(all)
}

/// That an apply was refused with these words and what to do, and nothing was touched.
fn refused(
    evidence: &mut Evidence<'_>,
    what: &str,
    done: &Done,
    words: &str,
    untouched: bool,
) -> bool {
    let said = done.line_with(words);
    let told = said
        .as_ref()
        .is_some_and(|line| line.contains(AGAIN) || line.contains("set SEAL"));
    let held = done.code == 1 && told && untouched;
    let mut seen = said.unwrap_or_else(|| done.end_of_it());
    if !untouched {
        seen = format!("the state is another now; {seen}");
    } else if done.well() {
        seen = format!("it was accepted; {seen}");
    }
    evidence.saw(format!("{what} is refused"), seen, held);
    held
}

async fn both_at_once(
    site: &Site,
    desk: &Desk<'_>,
    evidence: &mut Evidence<'_>,
    approved: &Planned,
) -> Result<()> {
    let before = site.state("registry").await?;
    let both = [
        desk.apply(approved, "registry", "data-1", &[])?,
        desk.apply(approved, "registry", "data-2", &[])?,
    ];
    let [first, second] = both;
    let (first, second) = (first.end().await?, second.end().await?);
    let (applied, told) = if first.well() {
        (first, second)
    } else {
        (second, first)
    };
    let moved = before != site.state("registry").await?;
    evidence.saw(
        "the approved plan applies",
        applied
            .line_with("Apply complete!")
            .unwrap_or_else(|| applied.end_of_it()),
        applied.well() && moved,
    );
    evidence.saw(
        "of two applies at once the second waits, and is told that its plan is stale and what to do",
        told.line_with("stale")
            .unwrap_or_else(|| told.end_of_it()),
        told.code == 1 && told.line_with("stale").is_some() && told.said.contains("plan again"),
    );
    let folder = desk.beside("drift").to_string_lossy().into_owned();
    let done = desk
        .pipeline(&["drift", site.environment(), "registry", &folder], &[])
        .await?;
    evidence.saw(
        "afterwards nothing is left to change",
        done.end_of_it(),
        done.well(),
    );
    Ok(())
}

async fn stale(
    site: &Site,
    desk: &Desk<'_>,
    evidence: &mut Evidence<'_>,
    approved: &Planned,
    early: &Planned,
) -> Result<()> {
    for (what, plan) in [
        ("a plan that was applied already", approved),
        (
            "a plan made before an apply of a stack that it reads",
            early,
        ),
    ] {
        let before = states(site, &["registry", "service"]).await?;
        let done = desk.apply(plan, &plan.stack, "data-1", &[])?.end().await?;
        let untouched = before == states(site, &["registry", "service"]).await?;
        let words = "the plan is stale: registry was applied since it was made";
        refused(evidence, what, &done, words, untouched);
    }
    Ok(())
}

/// The service's migration runs with the new image before that takes over; one that fails stops
/// the deployment.
async fn migrations(
    site: &Site,
    desk: &Desk<'_>,
    evidence: &mut Evidence<'_>,
    broken: &Layout,
) -> Result<()> {
    let running = revision(site).await?;
    let before = site.state("service").await?;
    let known = migrated(site).await?;
    let plan = desk
        .plan("service", "service-broken", &broken.digest)
        .await?;
    let done = desk.apply(&plan, "service", "data-3", &[])?.end().await?;
    let words = "the migration failed: it ended with";
    evidence.saw(
        "a migration that fails stops the deployment, which says so and where to look",
        done.line_with(words).unwrap_or_else(|| done.end_of_it()),
        done.code == 1
            && done
                .line_with(words)
                .is_some_and(|line| line.contains("serving") && line.contains("log group")),
    );
    let ended = newly(&known, &migrated(site).await?);
    evidence.saw(
        "its task ran once, and failed",
        Value::from(ended.clone()).to_string(),
        matches!(&*ended, [Some(code)] if *code != 0),
    );
    let answer = site.answer("/health/ready").await?;
    let untouched = before == site.state("service").await? && running == revision(site).await?;
    evidence.saw(
        "the version before goes on serving",
        format!("{}, {running}", answer.said),
        untouched && answer.worked,
    );

    let known = migrated(site).await?;
    let digest = images::deployed(site).await?;
    let done = desk
        .pipeline(&["migrate", site.environment(), &digest], &[])
        .await?;
    let ended = newly(&known, &migrated(site).await?);
    evidence.saw(
        "a migration with the image that runs ends well",
        format!("{} {}", Value::from(ended.clone()), done.end_of_it()),
        done.well() && ended == [Some(0)],
    );
    Ok(())
}

/// The revision of the task definition that the service runs.
async fn revision(site: &Site) -> Result<String> {
    let service = site.outputs("service").await?;
    let described = site
        .ecs(
            "DescribeServices",
            json!({
                "cluster": service.text("cluster_name")?,
                "services": [service.text("service_name")?],
            }),
        )
        .await?;
    described["services"][0]["taskDefinition"]
        .as_str()
        .map(str::to_owned)
        .context("the service has no task definition")
}

/// How many migration tasks ended lately, each by its ARN with its exit code.
type Ended = Vec<(String, Option<i64>)>;

async fn migrated(site: &Site) -> Result<Ended> {
    let cluster = site.outputs("service").await?.text("cluster_name")?;
    let listed = site
        .ecs(
            "ListTasks",
            json!({"cluster": cluster, "desiredStatus": "STOPPED"}),
        )
        .await?;
    let arns = listed["taskArns"].as_array().cloned().unwrap_or_default();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let described = site
        .ecs("DescribeTasks", json!({"cluster": cluster, "tasks": arns}))
        .await?;
    Ok(described["tasks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|task| task["startedBy"] == "migration")
        .map(|task| {
            (
                task["taskArn"].as_str().unwrap_or_default().to_owned(),
                task["containers"][0]["exitCode"].as_i64(),
            )
        })
        .collect())
}

/// The exit codes of those that were not there before.
fn newly(before: &Ended, now: &Ended) -> Vec<Option<i64>> {
    now.iter()
        .filter(|(arn, _)| before.iter().all(|(known, _)| known != arn))
        .map(|(_, code)| *code)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;

    fn done(code: i32, said: &str) -> Done {
        Done {
            code,
            said: said.to_owned(),
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_touches_nothing() {
        let well = "pipeline apply: it was changed; plan again, and have that approved";
        for (ended, untouched, held) in [
            (done(1, well), true, true),
            (done(1, well), false, false),
            (done(0, well), true, false),
            (done(1, "pipeline apply: it was changed"), true, false),
            (done(1, "Traceback"), true, false),
        ] {
            let mut told = |_: &Fact| {};
            let mut evidence = Evidence::new(&mut told);
            assert_eq!(
                refused(&mut evidence, "a plan", &ended, "it was changed", untouched),
                held,
                "{ended:?} {untouched}"
            );
            assert_eq!(evidence.into_facts()[0].held, held);
        }
    }

    #[test]
    fn only_new_tasks_count() {
        let before = vec![("a".to_owned(), Some(0))];
        let now = vec![("a".to_owned(), Some(0)), ("b".to_owned(), Some(2))];
        assert_eq!(newly(&before, &now), [Some(2)]);
    }
}
