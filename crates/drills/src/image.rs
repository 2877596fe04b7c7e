//! What a registry does with images: a tag never moves, and what nobody needs any more goes.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::images::{self, Layout, Lifecycle, Pushed};
use crate::site::ECR;
use crate::{Drill, Evidence, Site};

const NAME: &str = "image";
/// Images beyond those that a policy keeps.
const MORE: u64 = 2;
/// A policy acts within a day, says AWS:
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>.
const DAY: u64 = 24 * 60 * 60;
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub(crate) struct Image {
    pushed: Pushed,
    /// Whether there is a repository of the drill's own.
    own: Cell<bool>,
}

#[async_trait(?Send)]
impl Drill for Image {
    fn name(&self) -> &'static str {
        NAME
    }

    fn claim(&self) -> &'static str {
        "The pipeline publishes an image once: its tag never moves. The repository's lifecycle \
         policy removes what it names and nothing else."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R5", "R12"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        let desk = Desk::new(site, NAME).await?;
        let repository = images::repository(site).await?;
        let before = There::of(site, &repository).await?.tags;
        let deployed = images::pulled(site, &desk).await?;
        self.publish(site, &desk, evidence, &repository, &deployed)
            .await?;
        self.pushed.remove(site).await?;
        settings(site, evidence, &repository).await?;
        let Some(policy) = lifecycle(site, evidence, &repository).await? else {
            return Ok(());
        };
        self.expire(site, &desk, evidence, &deployed, policy)
            .await?;
        let after = There::of(site, &repository).await?.tags;
        evidence.saw(
            "the environment's own images are as before",
            format!("{} with a tag", after.len()),
            before == after,
        );
        Ok(())
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        self.pushed.remove(site).await?;
        if self.own.take() {
            let own = own(site).await?;
            site.ecr(
                "DeleteRepository",
                json!({"repositoryName": own, "force": true}),
            )
            .await?;
        }
        // A day went by, with what the clock decides on the way.
        site.steady().await
    }
}

/// A repository for images that nobody runs.
async fn own(site: &Site) -> Result<String> {
    Ok(format!("{}-drill", images::repository(site).await?))
}

impl Image {
    async fn publish(
        &self,
        site: &Site,
        desk: &Desk<'_>,
        evidence: &mut Evidence<'_>,
        repository: &str,
        deployed: &Layout,
    ) -> Result<()> {
        let first = labelled(deployed, "first")?;
        let second = labelled(deployed, "second")?;
        let commit = desk.head().await?;
        self.pushed.announce(site, &first).await?;
        let publish = async |layout: &Layout| {
            let folder = layout.folder.to_string_lossy().into_owned();
            desk.pipeline(&["image", site.environment(), "build", &folder], &[])
                .await
        };
        let done = publish(&first).await?;
        evidence.saw(
            "the pipeline publishes an image under its commit, by the digest that was built",
            done.line_with("digest=")
                .unwrap_or_else(|| done.end_of_it()),
            done.well() && under(site, repository, &commit).await? == Some(first.digest.clone()),
        );
        let done = publish(&second).await?;
        evidence.saw(
            "a second run for the commit finds it and pushes nothing",
            done.line_with("already")
                .unwrap_or_else(|| done.end_of_it()),
            done.well() && done.said.contains(&first.digest),
        );
        self.pushed.announce(site, &second).await?;
        let done = images::push(site, desk, &second, repository, &commit).await?;
        let stays = under(site, repository, &commit).await?;
        let words = "cannot be overwritten because the repository is immutable";
        evidence.saw(
            "another image pushed to the tag by OCI's protocol is refused, and the tag stays",
            done.line_with(words).unwrap_or_else(|| {
                format!("skopeo ended with {}: {}", done.code, done.end_of_it())
            }),
            !done.well() && done.line_with(words).is_some() && stays == Some(first.digest.clone()),
        );
        let refused = put(site, repository, &second.manifest()?, Some(&commit)).await;
        let stays = under(site, repository, &commit).await?;
        let code = refused
            .as_ref()
            .err()
            .and_then(|error| error.code().map(str::to_owned));
        evidence.saw(
            "another image put under the tag by ECR's API is refused, and the tag stays",
            refused.map_or_else(|error| error.to_string(), |_| "it was taken".to_owned()),
            code.as_deref() == Some("ImageTagAlreadyExistsException")
                && stays == Some(first.digest),
        );
        Ok(())
    }

    /// Lets the policy act on a repository of the drill's own, so that nobody's image goes.
    async fn expire(
        &self,
        site: &Site,
        desk: &Desk<'_>,
        evidence: &mut Evidence<'_>,
        deployed: &Layout,
        policy: Lifecycle,
    ) -> Result<()> {
        let kept = policy
            .kept()
            .context("the policy keeps no number of images")?;
        let own = own(site).await?;
        site.ecr(
            "CreateRepository",
            json!({"repositoryName": own, "imageTagMutability": "IMMUTABLE"}),
        )
        .await?;
        self.own.set(true);
        let untagged = fill(site, desk, deployed, &own, kept).await?;

        // In a day it can be seen what days do; the numbers of images are the environment's.
        let policy = policy.with_untagged_days(1).policy.to_string();
        site.ecr(
            "PutLifecyclePolicy",
            json!({"repositoryName": own, "lifecyclePolicyText": policy}),
        )
        .await?;
        let newest = There {
            tags: (MORE..kept + MORE)
                .map(|number| number.to_string())
                .collect(),
            untagged,
        };
        let seen = There::settled(site, &own, &newest).await?;
        evidence.saw(
            "the oldest images beyond those that are kept go, and no others",
            seen.shown(),
            seen == newest,
        );

        site.region
            .post("/_terrella/clock", &json!({"jump_seconds": DAY + 60}))
            .await?;
        let later = There {
            untagged: BTreeSet::new(),
            ..newest
        };
        let seen = There::settled(site, &own, &later).await?;
        evidence.saw(
            "when images without a tag have had their days they go, and no others",
            seen.shown(),
            seen == later,
        );
        Ok(())
    }
}

/// An image of its own, told apart by a label.
fn labelled(deployed: &Layout, text: &str) -> Result<Layout> {
    deployed.varied(text, |image| {
        image["config"]["Labels"]["drill"] = json!(format!("{NAME} {text}"));
    })
}

/// What the repository promises beside its policy.
async fn settings(site: &Site, evidence: &mut Evidence<'_>, repository: &str) -> Result<()> {
    let told = site
        .ecr(
            "DescribeRepositories",
            json!({"repositoryNames": [repository]}),
        )
        .await?;
    let of = &told["repositories"][0];
    let scanning = &of["imageScanningConfiguration"]["scanOnPush"];
    evidence.saw(
        "images are to be scanned when they are pushed",
        format!("scanOnPush: {scanning}"),
        scanning == &json!(true),
    );
    Ok(())
}

async fn lifecycle(
    site: &Site,
    evidence: &mut Evidence<'_>,
    repository: &str,
) -> Result<Option<Lifecycle>> {
    let policy = Lifecycle::of(site, repository).await?;
    let numbers = policy
        .as_ref()
        .and_then(|policy| Some((policy.kept()?, policy.untagged_days()?)));
    evidence.saw(
        "the repository has a policy for old images and for those without a tag",
        match numbers {
            Some((kept, days)) => format!("the newest {kept} stay; without a tag {days} days"),
            None => policy
                .as_ref()
                .map_or_else(|| "it has none".to_owned(), |one| one.policy.to_string()),
        },
        numbers.is_some(),
    );
    Ok(policy.filter(|_| numbers.is_some()))
}

/// Puts images into the drill's own repository, oldest first: one with the tag 0, some without a
/// tag, then those with the tags from 1 on, together [`MORE`] more than are kept. Gives the digests
/// of those without.
async fn fill(
    site: &Site,
    desk: &Desk<'_>,
    deployed: &Layout,
    own: &str,
    kept: u64,
) -> Result<BTreeSet<String>> {
    // Brings the layers, which ECR's API can only refer to.
    let pushed = images::push(site, desk, deployed, own, "0").await?;
    if !pushed.well() {
        bail!("an image could not be pushed:\n{}", pushed.end_of_it());
    }
    let manifest: Value = serde_json::from_str(&deployed.manifest()?)?;
    let another = |name: &str| {
        let mut manifest = manifest.clone();
        manifest["annotations"]["drill"] = name.into();
        manifest.to_string()
    };
    let mut untagged = BTreeSet::new();
    for number in 0..MORE {
        let told = put(site, own, &another(&format!("untagged {number}")), None).await?;
        let digest = &told["image"]["imageId"]["imageDigest"];
        untagged.extend(digest.as_str().map(str::to_owned));
    }
    for number in 1..kept + MORE {
        let tag = number.to_string();
        put(site, own, &another(&tag), Some(&tag)).await?;
    }
    Ok(untagged)
}

/// By ECR's API.
async fn put(
    site: &Site,
    repository: &str,
    manifest: &str,
    tag: Option<&str>,
) -> Result<Value, client::Error> {
    let mut asked = json!({"repositoryName": repository, "imageManifest": manifest});
    if let Some(tag) = tag {
        asked["imageTag"] = tag.into();
    }
    let target = format!("{ECR}.PutImage");
    site.region.json("ecr", &target, &asked).await
}

/// What is in a repository: tags, and the digests of images without one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct There {
    tags: BTreeSet<String>,
    untagged: BTreeSet<String>,
}

impl There {
    async fn of(site: &Site, repository: &str) -> Result<Self> {
        let images = images::described(site, repository).await?;
        let mut there = Self {
            tags: BTreeSet::new(),
            untagged: BTreeSet::new(),
        };
        for image in images {
            let tags = image["imageTags"].as_array().cloned().unwrap_or_default();
            if tags.is_empty() {
                let digest = image["imageDigest"].as_str().unwrap_or_default();
                there.untagged.insert(digest.to_owned());
            }
            there
                .tags
                .extend(tags.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(there)
    }

    /// Looks until a repository holds this, or long enough; gives what it holds then.
    async fn settled(site: &Site, repository: &str, wanted: &Self) -> Result<Self> {
        let begun = Instant::now();
        loop {
            let there = Self::of(site, repository).await?;
            if there == *wanted || begun.elapsed() > PATIENCE {
                return Ok(there);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn shown(&self) -> String {
        let tags: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        format!(
            "{} tags ({}), {} images without",
            tags.len(),
            tags.join(", "),
            self.untagged.len()
        )
    }
}

/// The digest under a tag.
async fn under(site: &Site, repository: &str, tag: &str) -> Result<Option<String>> {
    let images = images::described(site, repository).await?;
    Ok(images
        .iter()
        .find(|image| {
            let tags = image["imageTags"].as_array();
            tags.is_some_and(|tags| tags.iter().any(|one| one == tag))
        })
        .and_then(|image| image["imageDigest"].as_str())
        .map(str::to_owned))
}
