//! Images of a drill's own, made from the one that the service runs, and the repository they go to.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Site;
use crate::desk::{Desk, Done};

/// A folder in the form that OCI calls an image layout, with one image.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
    pub(crate) digest: String,
}

/// The digests of the images that a drill put into the environment's repository, to be removed.
#[derive(Debug, Default)]
pub(crate) struct Pushed(RefCell<Vec<String>>);

/// The image that the service was applied with.
pub(crate) async fn deployed(site: &Site) -> Result<String> {
    let image = site.outputs("service").await?.text("image")?;
    let (_, digest) = image
        .split_once('@')
        .with_context(|| format!("the service runs {image}, which is no digest"))?;
    Ok(digest.to_owned())
}

/// Copies that image out of the registry.
pub(crate) async fn pulled(site: &Site, desk: &Desk<'_>) -> Result<Layout> {
    let digest = deployed(site).await?;
    let layout = Layout {
        folder: desk.beside("image"),
        digest: digest.clone(),
    };
    let from = reference(site, &repository(site).await?, &format!("@{digest}"));
    let to = format!("oci:{}", layout.folder.display());
    let arguments = ["copy", "--preserve-digests", "--src-tls-verify=false"];
    desk.must(
        "skopeo",
        &[&arguments[..], &["--src-creds", CREDENTIALS, &from, &to]].concat(),
    )
    .await?;
    Ok(layout)
}

/// The key of the account's root works as a login at a region's registry.
const CREDENTIALS: &str = "test:test";

/// Pushes as anybody who may: with skopeo, by OCI's protocol.
pub(crate) async fn push(
    site: &Site,
    desk: &Desk<'_>,
    layout: &Layout,
    repository: &str,
    tag: &str,
) -> Result<Done> {
    let from = format!("oci:{}", layout.folder.display());
    let to = reference(site, repository, &format!(":{tag}"));
    let arguments = ["copy", "--preserve-digests", "--dest-tls-verify=false"];
    desk.run(
        "skopeo",
        &[&arguments[..], &["--dest-creds", CREDENTIALS, &from, &to]].concat(),
        &[],
    )
    .await
}

fn reference(site: &Site, repository: &str, version: &str) -> String {
    format!("docker://{}/{repository}{version}", site.region.address)
}

/// The environment's repository.
pub(crate) async fn repository(site: &Site) -> Result<String> {
    site.outputs("registry").await?.text("repository_name")
}

/// Every image of a repository, as `DescribeImages` shows it.
pub(crate) async fn described(site: &Site, repository: &str) -> Result<Vec<Value>> {
    let told = site
        .ecr(
            "DescribeImages",
            json!({"repositoryName": repository, "maxResults": 1000}),
        )
        .await?;
    if told["nextToken"].is_string() {
        bail!("{repository} has more than 1000 images, which is more than this drill looks at");
    }
    Ok(told["imageDetails"].as_array().cloned().unwrap_or_default())
}

/// What a repository's images have to leave by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lifecycle {
    pub(crate) policy: Value,
}

impl Lifecycle {
    pub(crate) async fn of(site: &Site, repository: &str) -> Result<Option<Self>> {
        let asked = json!({"repositoryName": repository});
        let target = format!("{}.GetLifecyclePolicy", crate::site::ECR);
        match site.region.json("ecr", &target, &asked).await {
            Ok(told) => {
                let text = told["lifecyclePolicyText"].as_str().unwrap_or_default();
                Ok(Some(Self {
                    policy: serde_json::from_str(text).context("the policy is no JSON")?,
                }))
            }
            Err(error) if error.code() == Some("LifecyclePolicyNotFoundException") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How many of the newest images stay, tagged or not.
    pub(crate) fn kept(&self) -> Option<u64> {
        self.number("any", "imageCountMoreThan")
    }

    /// Days for which an image without a tag stays.
    pub(crate) fn untagged_days(&self) -> Option<u64> {
        self.number("untagged", "sinceImagePushed")
    }

    /// The same, but for images without a tag, which go after so many days.
    pub(crate) fn with_untagged_days(mut self, days: u64) -> Self {
        for rule in self.policy["rules"].as_array_mut().into_iter().flatten() {
            if rule["selection"]["countType"] == "sinceImagePushed" {
                rule["selection"]["countNumber"] = days.into();
            }
        }
        self
    }

    fn number(&self, tags: &str, count: &str) -> Option<u64> {
        self.policy["rules"]
            .as_array()?
            .iter()
            .map(|rule| &rule["selection"])
            .find(|of| of["tagStatus"] == tags && of["countType"] == count)?["countNumber"]
            .as_u64()
    }
}

impl Layout {
    /// Another image in a folder beside this one, whose configuration is edited.
    pub(crate) fn varied(&self, name: &str, edit: impl FnOnce(&mut Value)) -> Result<Self> {
        let folder = self.folder.with_file_name(name);
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs)
            .with_context(|| format!("{} could not be made", blobs.display()))?;
        let mut manifest: Value = read(&self.blob(&self.digest)?)?;
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let path = self.blob(layer["digest"].as_str().unwrap_or_default())?;
            let name = path.file_name().context("a blob has a name")?;
            fs::hard_link(&path, blobs.join(name))
                .with_context(|| format!("{} could not be linked", path.display()))?;
        }
        let digest = manifest["config"]["digest"].as_str().unwrap_or_default();
        let mut configuration: Value = read(&self.blob(digest)?)?;
        edit(&mut configuration);
        let (digest, size) = write(&blobs, &configuration)?;
        manifest["config"]["digest"] = digest.into();
        manifest["config"]["size"] = size.into();
        let (digest, size) = write(&blobs, &manifest)?;
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": manifest["mediaType"], "digest": digest, "size": size,
        }]});
        for (name, content) in [
            ("index.json", index),
            ("oci-layout", json!({"imageLayoutVersion": "1.0.0"})),
        ] {
            let path = folder.join(name);
            fs::write(&path, content.to_string())
                .with_context(|| format!("{} could not be written", path.display()))?;
        }
        Ok(Self { folder, digest })
    }

    /// As it is, for `PutImage`.
    pub(crate) fn manifest(&self) -> Result<String> {
        let path = self.blob(&self.digest)?;
        fs::read_to_string(&path).with_context(|| format!("{} could not be read", path.display()))
    }

    fn blob(&self, digest: &str) -> Result<PathBuf> {
        let (algorithm, hash) = digest
            .split_once(':')
            .with_context(|| format!("{digest:?} is no digest"))?;
        Ok(self.folder.join("blobs").join(algorithm).join(hash))
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("{} could not be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// Writes a blob under its digest; gives that and its size.
fn write(blobs: &Path, content: &Value) -> Result<(String, usize)> {
    let text = content.to_string();
    let hash = hex::encode(Sha256::digest(&text));
    let path = blobs.join(&hash);
    fs::write(&path, &text).with_context(|| format!("{} could not be written", path.display()))?;
    Ok((format!("sha256:{hash}"), text.len()))
}

impl Pushed {
    /// To be said before an image is pushed. The repository's policy keeps so many of the newest
    /// images; where as many are there, one that somebody needs would have to go for this one.
    pub(crate) async fn announce(&self, site: &Site, layout: &Layout) -> Result<()> {
        let repository = repository(site).await?;
        let there = described(site, &repository).await?.len() as u64;
        let kept = Lifecycle::of(site, &repository)
            .await?
            .and_then(|policy| policy.kept());
        if let Some(kept) = kept
            && there >= kept
        {
            bail!(
                "{repository} holds {there} images and its policy keeps {kept}: a push of this \
                 drill's would cost the oldest one; raise images_kept or remove one first"
            );
        }
        self.0.borrow_mut().push(layout.digest.clone());
        Ok(())
    }

    /// Removes them, those that were refused and never came there too.
    pub(crate) async fn remove(&self, site: &Site) -> Result<()> {
        let digests = self.0.take();
        if digests.is_empty() {
            return Ok(());
        }
        let ids: Vec<Value> = digests
            .iter()
            .map(|digest| json!({"imageDigest": digest}))
            .collect();
        site.ecr(
            "BatchDeleteImage",
            json!({"repositoryName": repository(site).await?, "imageIds": ids}),
        )
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varied_image_has_the_same_layers_and_another_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = folder.path().join("image/blobs/sha256");
        fs::create_dir_all(&blobs).expect("folders");
        fs::write(blobs.join("abc"), "a layer").expect("a blob");
        let (config, size) = write(&blobs, &json!({"config": {"Cmd": ["serve"]}})).expect("a blob");
        let manifest = json!({
            "mediaType": "m", "config": {"digest": config, "size": size},
            "layers": [{"digest": "sha256:abc", "size": 7}],
        });
        let (digest, _) = write(&blobs, &manifest).expect("a blob");
        let image = Layout {
            folder: folder.path().join("image"),
            digest,
        };
        let other = image
            .varied("other", |config| config["config"]["Cmd"] = json!(["fail"]))
            .expect("it is made");
        assert_ne!(other.digest, image.digest);
        let manifest: Value =
            serde_json::from_str(&other.manifest().expect("a manifest")).expect("JSON");
        assert_eq!(manifest["layers"][0]["digest"], "sha256:abc");
        assert!(other.blob("sha256:abc").expect("a path").is_file());
        let config = read(
            &other
                .blob(manifest["config"]["digest"].as_str().expect("text"))
                .expect("a path"),
        )
        .expect("JSON");
        assert_eq!(config, json!({"config": {"Cmd": ["fail"]}}));
        let index = read(&other.folder.join("index.json")).expect("JSON");
        assert_eq!(index["manifests"][0]["digest"], json!(other.digest));
    }
}
