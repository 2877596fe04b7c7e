//! What delivers the system, put to the test: the drills `plan-approve-apply`, `states` and `image`
//! hold; and where what they claim is taken away they say which part of it is not so, and cost
//! nobody anything. One region, one story.

use std::fs;
use std::path::Path;
use std::process::Command;

use drills::Site;
use serde_json::{Value, json};
use terraform::Plan;

use crate::region::{Region, broken, held, said};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn what_was_approved_is_delivered_and_nothing_is_lost_by_a_mistake() {
    let region = Region::up();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let site = region.site();
    let made = region.request(
        "POST",
        "/api/links",
        r#"{"target":"https://example.com/kept"}"#,
    );
    let slug = slug(&made.2);

    for drill in ["plan-approve-apply", "states", "image"] {
        said(&format!("{drill} holds, and leaves everything as it was"));
        held(&region.drill(drill));
        runtime.block_on(as_found(&site));
    }

    said("a pipeline that does not look at the plan's file is found out");
    let careless = Checkout::without_the_check_of_the_plan();
    let report = careless.drill(&region, "plan-approve-apply");
    assert_eq!(
        broken(&report),
        ["a plan whose file was replaced is refused"]
    );
    runtime.block_on(as_found(&site));

    said("unprotected data is found out before anything is dared");
    let reckless = Checkout::without_protection();
    versioning(&site, "Suspended");
    let report = reckless.drill(&region, "states");
    versioning(&site, "Enabled");
    assert_eq!(
        broken(&report),
        [
            "that is what the stack makes of deletion_protection: a plan with it is empty",
            "the bucket of the states keeps what is overwritten",
        ]
    );
    runtime.block_on(as_found(&site));

    said("a repository whose tags move, and where nothing ever goes, is found out");
    runtime
        .block_on(async {
            let name = json!({"repositoryName": "links-dev"});
            let mut movable = name.clone();
            movable["imageTagMutability"] = "MUTABLE".into();
            site.ecr("PutImageTagMutability", movable).await?;
            site.ecr("DeleteLifecyclePolicy", name).await
        })
        .expect("the registry allows it");
    let report = region.drill("image");
    assert_eq!(
        broken(&report),
        [
            "another image pushed to the tag by OCI's protocol is refused, and the tag stays",
            "another image put under the tag by ECR's API is refused, and the tag stays",
            "the repository has a policy for old images and for those without a tag",
        ]
    );
    runtime
        .block_on(site.apply("registry", &[]))
        .expect("Terraform puts it right");
    runtime.block_on(as_found(&site));

    said("all the while the data stayed");
    let (status, leads, body) = region.request("GET", &format!("/{slug}"), "");
    assert!(status.is_redirection(), "{status}: {body}");
    assert_eq!(leads.as_deref(), Some("https://example.com/kept"));
    region.end();
}

fn slug(body: &str) -> String {
    let made: Value = serde_json::from_str(body).expect("JSON");
    made["slug"].as_str().expect("a slug").to_owned()
}

/// That no plan of a stack that drills touch would change anything, and the repository holds what
/// `terrella up` pushed.
async fn as_found(site: &Site) {
    for stack in ["registry", "database", "service"] {
        let plan = site.plan(stack, &[]).await.expect("it plans");
        assert_eq!(plan, Plan::Empty, "the stack {stack}");
    }
    let told = site
        .ecr("DescribeImages", json!({"repositoryName": "links-dev"}))
        .await
        .expect("the repository is there");
    assert_eq!(
        told["imageDetails"].as_array().map(Vec::len),
        Some(1),
        "{told:#}"
    );
    let told = site
        .ecr("DescribeRepositories", json!({}))
        .await
        .expect("the registry answers");
    assert_eq!(
        told["repositories"].as_array().map(Vec::len),
        Some(1),
        "{told:#}"
    );
}

fn versioning(site: &Site, status: &str) {
    let done = Command::new("aws")
        .args(["s3api", "put-bucket-versioning", "--region", "eu-central-1"])
        .args(["--bucket", site.bucket(), "--versioning-configuration"])
        .arg(format!("Status={status}"))
        .envs([
            ("AWS_ENDPOINT_URL", &*site.region.url()),
            ("AWS_ACCESS_KEY_ID", client::ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", client::SECRET_KEY),
        ])
        .status()
        .expect("these tests need the AWS CLI: install the package `awscli`");
    assert!(done.success(), "versioning is not {status}");
}

/// A checkout of somebody who took something out.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn without_the_check_of_the_plan() -> Self {
        Self::new(
            ".github/pipeline/plan.py",
            "if digest(folder / PLAN) != manifest[\"plan\"]:",
            "if False:",
        )
    }

    fn without_protection() -> Self {
        Self::new(
            "infra/modules/database/main.tf",
            "deletion_protection       = var.deletion_protection\n",
            "deletion_protection       = false\n",
        )
    }

    fn new(file: &str, words: &str, instead: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [".github", "infra"] {
            copy(&Path::new(ROOT).join(name), &folder.path().join(name));
        }
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).expect("the file");
        assert_eq!(text.matches(words).count(), 1, "{words:?} in {file}");
        fs::write(&path, text.replace(words, instead)).expect("the file");
        Self(folder)
    }

    fn drill(&self, region: &Region, name: &str) -> Value {
        let infra = self.0.path().join("infra");
        let text = region.text(&["drill", name, "--infra", &infra.to_string_lossy(), "--json"]);
        serde_json::from_str(&text).expect("a report")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_name() == ".terraform" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a file");
        }
    }
}
