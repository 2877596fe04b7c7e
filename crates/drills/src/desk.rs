//! A checkout of the infrastructure and of the pipeline beside it, as a runner of the workflows has
//! one: a repository of its own, which a drill may change and commit to.

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) use program::{Done, Running};

use crate::Site;

/// What the workflows' steps run, and where it comes from.
const PROGRAMS: [(&str, &str); 5] = [
    ("python3", "install Python 3"),
    ("git", "install git"),
    ("terraform", "install Terraform 1.11 or newer"),
    ("aws", "install the AWS CLI"),
    ("skopeo", "install skopeo"),
];
/// Beside the folder with `stacks` and `environments`.
const PIPELINE: &str = ".github/pipeline";
const PIPELINE_PROGRAM: &str = ".github/pipeline/pipeline";
/// What Terraform and Python keep for themselves, and repositories within.
const LEFT_OUT: [&str; 4] = [".terraform", ".terraform.lock.hcl", "__pycache__", ".git"];

/// Removed when it is dropped.
pub(crate) struct Desk<'a> {
    site: &'a Site,
    folder: PathBuf,
}

/// What a plan's job hands on: the folder as an artifact, and the seal past it.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) stack: String,
    pub(crate) folder: PathBuf,
    pub(crate) seal: String,
    pub(crate) changes: bool,
}

impl<'a> Desk<'a> {
    /// Checks the infrastructure and its pipeline out, for a drill.
    ///
    /// # Errors
    /// If there is no pipeline beside the infrastructure, or a program that it runs is missing.
    pub(crate) async fn new(site: &'a Site, drill: &str) -> Result<Self> {
        program::needed(&PROGRAMS)?;
        let infra = site.infra();
        let pipeline = infra
            .parent()
            .map(|root| root.join(PIPELINE))
            .filter(|folder| folder.join("pipeline").is_file())
            .with_context(|| {
                format!(
                    "there is no {PIPELINE} beside {}: this drill runs the pipeline's own program, \
                     so give --infra of a whole checkout",
                    infra.display()
                )
            })?;
        let data = std::path::absolute(&site.data).context("the data folder cannot be found")?;
        let desk = Self {
            site,
            folder: data.join("desk").join(drill),
        };
        // What a killed drill left.
        let _ = fs::remove_dir_all(&desk.folder);
        copy(infra, &desk.repository().join("infra"))?;
        copy(&pipeline, &desk.repository().join(PIPELINE))?;
        desk.must("git", &["init", "--quiet"]).await?;
        desk.commit().await?;
        Ok(desk)
    }

    fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// The region's name, for programs that have to be told.
    pub(crate) fn region(&self) -> String {
        self.site.region.region.clone()
    }

    /// A place for what is no part of the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Commits what there is, changed or not; gives the commit.
    pub(crate) async fn commit(&self) -> Result<String> {
        let somebody = ["-c", "user.name=drill", "-c", "user.email=drill@localhost"];
        self.must("git", &["add", "--all"]).await?;
        let mut commit = somebody.to_vec();
        commit.extend(["commit", "--quiet", "--allow-empty", "--message", "drill"]);
        self.must("git", &commit).await?;
        self.head().await
    }

    /// Takes the newest commit back, as it was before [`Self::commit`]; the files stay.
    pub(crate) async fn uncommit(&self) -> Result<()> {
        self.must("git", &["reset", "--quiet", "--soft", "HEAD~1"])
            .await?;
        Ok(())
    }

    pub(crate) async fn head(&self) -> Result<String> {
        Ok(self
            .must("git", &["rev-parse", "HEAD"])
            .await?
            .trim()
            .to_owned())
    }

    /// Writes the environment's values of a stack anew; gives what stood there.
    pub(crate) fn edit(&self, stack: &str, edit: impl FnOnce(&str) -> String) -> Result<String> {
        let path = self
            .repository()
            .join("infra/environments")
            .join(self.site.environment())
            .join(format!("{stack}.tfvars"));
        let before = fs::read_to_string(&path)
            .with_context(|| format!("{} could not be read", path.display()))?;
        fs::write(&path, edit(&before))
            .with_context(|| format!("{} could not be written", path.display()))?;
        Ok(before)
    }

    /// Starts a program in the repository, against the region.
    pub(crate) fn start(
        &self,
        program: &str,
        arguments: &[&str],
        values: &[(&str, &str)],
    ) -> Result<Running> {
        let mut command = std::process::Command::new(program);
        self.site.surround(&mut command);
        program::forget_callers(&mut command);
        command
            .args(arguments)
            .envs(values.iter().copied())
            .current_dir(self.repository());
        let logs = self.beside("logs");
        fs::create_dir_all(&logs)
            .with_context(|| format!("{} could not be made", logs.display()))?;
        Running::start(command, &logs)
    }

    /// Runs a program to its end, however that is.
    pub(crate) async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        values: &[(&str, &str)],
    ) -> Result<Done> {
        self.start(program, arguments, values)?.end().await
    }

    /// Runs a program that has to succeed; gives what it said.
    pub(crate) async fn must(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let done = self.run(program, arguments, &[]).await?;
        if !done.well() {
            bail!(
                "`{program} {}` ended with {}:\n{}",
                arguments.join(" "),
                done.code,
                done.end_of_it()
            );
        }
        Ok(done.said)
    }

    /// `pipeline VERB …`, with what the workflow's step gives it in the environment.
    pub(crate) async fn pipeline(
        &self,
        arguments: &[&str],
        values: &[(&str, &str)],
    ) -> Result<Done> {
        self.run(&self.path(PIPELINE_PROGRAM), arguments, values)
            .await
    }

    /// Of a file in the repository.
    fn path(&self, name: &str) -> String {
        self.repository().join(name).to_string_lossy().into_owned()
    }

    /// `infra/stack.sh ENVIRONMENT STACK …`, as the documents have it.
    pub(crate) async fn stack(&self, stack: &str, arguments: &[&str]) -> Result<Done> {
        let mut all = vec![self.site.environment(), stack];
        all.extend(arguments);
        self.run(&self.path("infra/stack.sh"), &all, &[]).await
    }

    /// What the workflow's job `plan` does.
    pub(crate) async fn plan(&self, stack: &str, name: &str, image: &str) -> Result<Planned> {
        let folder = self.beside(name);
        let text = folder.to_string_lossy().into_owned();
        let done = self
            .pipeline(
                &["plan", self.site.environment(), stack, &text],
                &[("IMAGE", image)],
            )
            .await?;
        let told = |name: &str| {
            done.said
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        match (done.well(), told("seal"), told("changes")) {
            (true, Some(seal), Some(changes)) => Ok(Planned {
                stack: stack.to_owned(),
                folder,
                seal: seal.to_owned(),
                changes: changes == "true",
            }),
            _ => bail!("`pipeline plan` of {stack} failed:\n{}", done.end_of_it()),
        }
    }

    /// What the workflow's job `apply` does, to a stack that need not be the plan's own. `data`
    /// tells applies apart that run at once.
    pub(crate) fn apply(
        &self,
        plan: &Planned,
        stack: &str,
        data: &str,
        values: &[(&str, &str)],
    ) -> Result<Running> {
        let folder = plan.folder.to_string_lossy().into_owned();
        let data = self.beside(data).to_string_lossy().into_owned();
        let mut all = vec![("SEAL", &*plan.seal), ("TF_DATA_DIR", &*data)];
        all.extend(values);
        self.start(
            &self.path(PIPELINE_PROGRAM),
            &["apply", self.site.environment(), stack, &folder],
            &all,
        )
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        // Plans hold values.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Planned {
    /// The same in another folder, to be spoiled.
    pub(crate) fn copied(&self, name: &str) -> Result<Self> {
        let folder = self.folder.with_file_name(name);
        copy(&self.folder, &folder)?;
        Ok(Self {
            folder,
            ..self.clone()
        })
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("plan.tfplan")
    }

    /// What a person reads before approving.
    pub(crate) fn summary(&self) -> Result<String> {
        let path = self.folder.join("summary.md");
        fs::read_to_string(&path).with_context(|| format!("{} could not be read", path.display()))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("{} could not be copied to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(failed)?;
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name)).with_context(failed)?;
        }
    }
    Ok(())
}

/// Values in which a number is higher by some, or what it is by default.
pub(crate) fn raised(values: &str, name: &str, default: u64, by: u64) -> String {
    let assigned = |line: &str| -> Option<u64> {
        let rest = line.trim_start().strip_prefix(name)?.trim_start();
        let number = rest.strip_prefix('=')?.split('#').next()?;
        number.trim().parse().ok()
    };
    let now = values.lines().find_map(assigned).unwrap_or(default);
    let rest = values
        .lines()
        .filter(|line| assigned(line).is_none())
        .fold(String::new(), |text, line| text + line + "\n");
    format!("{rest}{name} = {}\n", now + by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_raised_from_where_it_stands_or_from_its_default() {
        for (values, wanted) in [
            (
                "a = 1\nkept  = 20 # images\nb = 2\n",
                "a = 1\nb = 2\nkept = 21\n",
            ),
            ("a = 1\n", "a = 1\nkept = 51\n"),
            ("# kept = 3\n", "# kept = 3\nkept = 51\n"),
            ("kept_not = 3\n", "kept_not = 3\nkept = 51\n"),
        ] {
            assert_eq!(raised(values, "kept", 50, 1), wanted);
        }
    }

    #[test]
    fn what_programs_keep_for_themselves_is_not_checked_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("stacks/a/.terraform/dev")).expect("folders");
        fs::write(from.join("stacks/a/main.tf"), "x").expect("a file");
        fs::write(from.join("stacks/a/.terraform.lock.hcl"), "x").expect("a file");
        copy(&from, &to).expect("it is copied");
        let names: Vec<_> = fs::read_dir(to.join("stacks/a"))
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["main.tf"]);
    }
}
