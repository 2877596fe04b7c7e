//! A broken service, a lost state, and a lock that nobody holds any more.

use std::fs;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use terraform::Plan;

use super::{LOCK, SPOILED, States, key};
use crate::desk::{Desk, raised};
use crate::{Evidence, Site, images};

/// An image that nobody ever pushed.
const NO_IMAGE: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// What holds what the service needs.
const OTHERS: [&str; 3] = ["network", "registry", "database"];

impl States {
    pub(super) async fn break_the_service(
        &self,
        site: &Site,
        evidence: &mut Evidence<'_>,
    ) -> Result<()> {
        let before = others(site).await?;
        let serving = images::deployed(site).await?;
        *self.image.borrow_mut() = Some(serving.clone());
        let done = site.apply("service", &[("image", NO_IMAGE)]).await;
        let words = "the one before it goes on serving";
        let said = match &done {
            Ok(()) => "it succeeded".to_owned(),
            Err(error) => format!("{error:#}").replace('\n', " "),
        };
        evidence.saw(
            "an apply of a service that cannot start fails and says what serves",
            said.rsplit("Error: ").next().unwrap_or(&said),
            done.is_err() && said.contains(words),
        );
        let deployed = images::deployed(site).await?;
        evidence.saw(
            "what counts as deployed is the image that serves",
            &*deployed,
            deployed == serving,
        );
        evidence.saw(
            "the states of network, registry and database are byte for byte as before",
            OTHERS.join(", "),
            before == others(site).await?,
        );
        let answer = site.answer("/health/ready").await?;
        evidence.saw("the version before serves", answer.said, answer.worked);
        Ok(())
    }

    pub(super) async fn lose_a_state(
        &self,
        site: &Site,
        desk: &Desk<'_>,
        evidence: &mut Evidence<'_>,
    ) -> Result<()> {
        let bucket = site.bucket();
        let versioning = aws(
            desk,
            &["s3api", "get-bucket-versioning", "--bucket", bucket],
        )
        .await?;
        let kept = versioning["Status"] == "Enabled";
        evidence.saw(
            "the bucket of the states keeps what is overwritten",
            versioning["Status"].to_string(),
            kept,
        );
        if !kept {
            // What was lost now would be lost.
            return Ok(());
        }
        let before = site.state(SPOILED).await?;
        *self.state.borrow_mut() = Some(before.clone());
        let lost = desk
            .stack(SPOILED, &["state", "rm", "module.registry"])
            .await?;
        if !lost.well() {
            bail!("the state could not be spoiled:\n{}", lost.end_of_it());
        }
        let plan = site.plan(SPOILED, &[]).await?;
        evidence.saw(
            "a state that lost what it describes would have everything made once more",
            format!("{plan:?}"),
            plan == Plan::Changes,
        );
        let file = desk.beside("old.tfstate");
        older(desk, bucket, &file.to_string_lossy()).await?;
        let old = fs::read(&file).context("the version before could not be read")?;
        evidence.saw(
            "the version before is still there, byte for byte",
            format!("{} bytes", old.len()),
            before == old,
        );
        let pushed = desk
            .stack(
                SPOILED,
                &["state", "push", "-force", &file.to_string_lossy()],
            )
            .await?;
        let plan = site.plan(SPOILED, &[]).await?;
        evidence.saw(
            "with it restored the plan is empty",
            format!("{plan:?} {}", pushed.line_with("Error").unwrap_or_default()),
            pushed.well() && plan == Plan::Empty,
        );
        if plan == Plan::Empty {
            self.state.take();
        }
        Ok(())
    }

    pub(super) async fn leave_a_lock(
        &self,
        site: &Site,
        desk: &Desk<'_>,
        evidence: &mut Evidence<'_>,
    ) -> Result<()> {
        // Terraform takes no lock for a plan that changes nothing.
        desk.edit(SPOILED, |values| raised(values, "images_kept", 50, 1))?;
        desk.commit().await?;
        let plan = desk.plan(SPOILED, "plan", "").await?;
        let before = site.state(SPOILED).await?;
        self.lock.set(true);
        site.region
            .s3(
                Method::PUT,
                &key(site, ".tflock"),
                lock(site).to_string().into(),
            )
            .await?;
        let done = desk
            .apply(&plan, SPOILED, "data", &[("LOCK_TIMEOUT", "1s")])?
            .end()
            .await?;
        let way_out = format!(
            "infra/stack.sh {} {SPOILED} force-unlock ID",
            site.environment()
        );
        evidence.saw(
            "a lock that a dead run left is told with its holder, its ID and the way out",
            format!(
                "{}, {}",
                done.line_with("Who:").unwrap_or_else(|| done.end_of_it()),
                way_out
            ),
            done.code == 1
                && [LOCK, "a dead run", &*way_out]
                    .iter()
                    .all(|words| done.line_with(words).is_some())
                && before == site.state(SPOILED).await?,
        );
        let opened = desk
            .stack(SPOILED, &["force-unlock", "-force", LOCK])
            .await?;
        let gone = site
            .region
            .s3(Method::GET, &key(site, ".tflock"), Bytes::new())
            .await
            .is_err_and(|error| error.code() == Some("NoSuchKey"));
        self.lock.set(!gone);
        evidence.saw(
            "that way out opens it",
            opened
                .line_with("unlocked!")
                .unwrap_or_else(|| opened.end_of_it()),
            opened.well() && gone,
        );
        Ok(())
    }

    /// Removes the drill's own lock.
    pub(super) async fn unlock(&self, site: &Site) -> Result<()> {
        if self.lock.take() {
            site.region
                .s3(Method::DELETE, &key(site, ".tflock"), Bytes::new())
                .await?;
        }
        Ok(())
    }
}

async fn others(site: &Site) -> Result<Vec<Bytes>> {
    let mut all = Vec::new();
    for stack in OTHERS {
        all.push(site.state(stack).await?);
    }
    Ok(all)
}

/// Fetches the version of the state that was overwritten last.
async fn older(desk: &Desk<'_>, bucket: &str, file: &str) -> Result<()> {
    let key = format!("{SPOILED}/terraform.tfstate");
    let told = aws(
        desk,
        &[
            "s3api",
            "list-object-versions",
            "--bucket",
            bucket,
            "--prefix",
            &key,
        ],
    )
    .await?;
    // Newest first, and the lock beside it has the same beginning.
    let version = told["Versions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["Key"] == key.as_str() && one["IsLatest"] == false)
        .and_then(|one| one["VersionId"].as_str())
        .with_context(|| format!("{key} has no older version"))?;
    let asked = ["s3api", "get-object", "--bucket", bucket, "--key", &key];
    aws(
        desk,
        &[&asked[..], &["--version-id", version, file]].concat(),
    )
    .await?;
    Ok(())
}

async fn aws(desk: &Desk<'_>, arguments: &[&str]) -> Result<Value> {
    let region = desk.region();
    let more = ["--region", &*region, "--output", "json"];
    let said = desk.must("aws", &[arguments, &more[..]].concat()).await?;
    serde_json::from_str(&said).with_context(|| format!("the AWS CLI said {said:?}"))
}

/// As Terraform writes it beside a state.
fn lock(site: &Site) -> Value {
    json!({
        "ID": LOCK, "Operation": "OperationTypeApply", "Info": "", "Who": "a dead run",
        "Version": "1.11.4", "Created": "2026-01-01T00:00:00Z",
        "Path": key(site, "").trim_start_matches('/'),
    })
}
