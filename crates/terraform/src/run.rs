//! Runs Terraform in a stack, against the region and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use client::{ACCESS_KEY, Client, SECRET_KEY};

use crate::interrupt::Interrupt;
use crate::last_lines;
use crate::stacks::Stack;

const MIRROR: &str = "TERRELLA_TERRAFORM_MIRROR";
const CONFIGURATION: &str = "TF_CLI_CONFIG_FILE";
const HOST: &str = "registry.terraform.io";

/// Values beside the environment's.
pub type Variables = BTreeMap<String, String>;

/// The values in which a region on this machine differs from AWS, as far as the stack has them.
pub fn of_a_region(stack: &Stack) -> Variables {
    [
        // There is no TLS between Terraform and the region.
        ("tls_only", "false"),
        // AWS Budgets watches a bill, and there is none.
        ("monthly_budget", "0"),
    ]
    .into_iter()
    .filter(|(name, _)| stack.variables.contains(*name))
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// What a plan would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Empty,
    Changes,
}

/// Terraform as it is installed, with an environment's values.
#[derive(Debug, Clone)]
pub struct Terraform {
    program: PathBuf,
    /// Where its own files are, and the logs.
    data: PathBuf,
    stacks: PathBuf,
    /// The environment's folder.
    values: PathBuf,
    /// Where its states are.
    backend: PathBuf,
    environment: String,
    endpoint: String,
    configuration: Option<PathBuf>,
}

impl Terraform {
    /// `data` is the region's folder: what Terraform keeps for itself and its logs go there.
    /// `infra` has the folders `stacks` and `environments`.
    ///
    /// # Errors
    /// If there is no Terraform, or a mirror that was named has no provider.
    pub fn new(data: &Path, infra: &Path, environment: &str, region: &Client) -> Result<Self> {
        let values = infra.join("environments").join(environment);
        Ok(Self {
            program: program()?,
            data: data.to_owned(),
            stacks: infra.join("stacks"),
            backend: values.join("backend.hcl"),
            values,
            environment: environment.to_owned(),
            endpoint: region.url(),
            configuration: configuration(data)?,
        })
    }

    /// The same environment, and another's values in place of its own.
    #[must_use]
    pub fn with_values_of(&self, environment: &str) -> Self {
        Self {
            values: self.values.with_file_name(environment),
            ..self.clone()
        }
    }

    pub fn log(&self, stack: &Stack) -> PathBuf {
        self.data
            .join("run")
            .join(format!("terraform-{}.log", stack.name))
    }

    pub async fn init(&self, stack: &Stack, interrupt: &mut Interrupt) -> Result<()> {
        let _ = fs::remove_file(self.log(stack));
        let mut backend = OsString::from("-backend-config=");
        backend.push(&self.backend);
        self.run(
            stack,
            &[
                "init".into(),
                "-reconfigure".into(),
                "-no-color".into(),
                backend,
            ],
            interrupt,
        )
        .await
    }

    /// Applies the stack with the environment's values and these beside them.
    pub async fn apply(
        &self,
        stack: &Stack,
        variables: &Variables,
        interrupt: &mut Interrupt,
    ) -> Result<()> {
        let arguments = self.arguments(stack, &["apply", "-auto-approve"], variables);
        self.run(stack, &arguments, interrupt).await
    }

    /// Whether a plan would change anything.
    pub async fn plan(
        &self,
        stack: &Stack,
        variables: &Variables,
        interrupt: &mut Interrupt,
    ) -> Result<Plan> {
        let arguments = self.arguments(stack, &["plan", "-detailed-exitcode"], variables);
        match self.status(stack, &arguments, interrupt).await?.code() {
            Some(0) => Ok(Plan::Empty),
            Some(2) => Ok(Plan::Changes),
            _ => bail!(self.failed(stack, &arguments)),
        }
    }

    /// Destroys the stack; or only `target`, an address such as `module.a.aws_b.c`, with what
    /// needs it.
    pub async fn destroy(
        &self,
        stack: &Stack,
        target: Option<&str>,
        variables: &Variables,
        interrupt: &mut Interrupt,
    ) -> Result<()> {
        let mut arguments = self.arguments(stack, &["destroy", "-auto-approve"], variables);
        arguments.extend(target.map(|target| format!("-target={target}").into()));
        self.run(stack, &arguments, interrupt).await
    }

    fn arguments(&self, stack: &Stack, verb: &[&str], variables: &Variables) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = verb.iter().map(OsString::from).collect();
        arguments.push("-no-color".into());
        for path in [
            self.backend.clone(),
            self.values.join("common.tfvars"),
            self.values.join(format!("{}.tfvars", stack.name)),
        ] {
            // Not every stack has values of its own.
            if path.exists() {
                let mut argument = OsString::from("-var-file=");
                argument.push(path);
                arguments.push(argument);
            }
        }
        for (name, value) in variables {
            arguments.push("-var".into());
            arguments.push(format!("{name}={value}").into());
        }
        arguments
    }

    pub async fn output(&self, stack: &Stack, name: &str) -> Result<String> {
        let output = self
            .command(stack)
            .args(["output", "-no-color", "-raw", name])
            .output()
            .await
            .with_context(|| format!("{} could not be run", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || text.is_empty() {
            bail!(
                "the stack {} has no output {name}: {}",
                stack.name,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(text)
    }

    fn command(&self, stack: &Stack) -> Command {
        let mut command = Command::new(&self.program);
        let mut chdir = OsString::from("-chdir=");
        chdir.push(self.stacks.join(&stack.name));
        command.arg(chdir).stdin(Stdio::null());
        self.surround(command.as_std_mut());
        command
            // One per environment, so that no command meets the state of another's.
            .env(
                "TF_DATA_DIR",
                self.data
                    .join("terraform")
                    .join(&self.environment)
                    .join(&stack.name),
            );
        command
    }

    /// Lets a program, and the Terraform that it may run, meet the region and no account of AWS's.
    pub fn surround(&self, command: &mut std::process::Command) {
        // Whatever account the caller is logged in to is not the one meant here.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || matches!(&*text, "TF_WORKSPACE" | "TF_DATA_DIR") {
                command.env_remove(&name);
            }
        }
        command.envs([
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("TF_INPUT", "0"),
            ("TF_IN_AUTOMATION", "1"),
            ("CHECKPOINT_DISABLE", "1"),
        ]);
        if let Some(configuration) = &self.configuration {
            command.env(CONFIGURATION, configuration);
        } else if !names_configuration() {
            command.env_remove(CONFIGURATION);
        }
    }

    async fn run(
        &self,
        stack: &Stack,
        arguments: &[OsString],
        interrupt: &mut Interrupt,
    ) -> Result<()> {
        if self.status(stack, arguments, interrupt).await?.success() {
            return Ok(());
        }
        bail!(self.failed(stack, arguments));
    }

    async fn status(
        &self,
        stack: &Stack,
        arguments: &[OsString],
        interrupt: &mut Interrupt,
    ) -> Result<ExitStatus> {
        let path = self.log(stack);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("{} could not be opened", path.display()))?;
        let mut child = self
            .command(stack)
            .args(arguments)
            .stdout(share(&log)?)
            .stderr(log)
            // Ctrl-C reaches it once, from here: a second one would make it leave its lock behind.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} could not be run", self.program.display()))?;
        let mut interrupted = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.context("Terraform's end is not to be seen")?,
                () = interrupt.pressed() => {
                    interrupted = true;
                    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                        eprintln!("\nending Terraform …");
                        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
                    }
                }
            }
        };
        if interrupted {
            bail!("interrupted; `terrella up` goes on from what is there");
        }
        Ok(status)
    }

    fn failed(&self, stack: &Stack, arguments: &[OsString]) -> String {
        let path = self.log(stack);
        format!(
            "`{} {}` failed in the stack {}. The end of {}:\n{}",
            self.program.display(),
            arguments
                .first()
                .map(|one| one.to_string_lossy())
                .unwrap_or_default(),
            stack.name,
            path.display(),
            last_lines(&path, 25)
        )
    }
}

fn share(log: &File) -> Result<File> {
    log.try_clone().context("the log could not be shared")
}

/// The Terraform that is used, or what to install.
pub fn program() -> Result<PathBuf> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    ["terraform", "tofu"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
        .context(
            "there is neither `terraform` (1.11 or newer) nor `tofu` on the PATH: install one of \
             them, see https://developer.hashicorp.com/terraform/install",
        )
}

/// Whether the caller has a configuration that is there.
fn names_configuration() -> bool {
    std::env::var_os(CONFIGURATION).is_some_and(|path| Path::new(&path).exists())
}

/// The configuration that Terraform is to use; `None` for its own.
fn configuration(data: &Path) -> Result<Option<PathBuf>> {
    if names_configuration() {
        return Ok(None);
    }
    let mirror = match std::env::var_os(MIRROR) {
        Some(path) => {
            let path = PathBuf::from(path);
            if !path.join(HOST).is_dir() {
                bail!("{MIRROR} is {}, which has no folder {HOST}", path.display());
            }
            path
        }
        None => match likely_mirrors().into_iter().find(|path| has_provider(path)) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let folder = data.join("terraform");
    fs::create_dir_all(&folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    let path = folder.join("mirror.tfrc");
    fs::write(&path, mirrored(&mirror)?)
        .with_context(|| format!("{} could not be written", path.display()))?;
    Ok(Some(path))
}

fn has_provider(mirror: &Path) -> bool {
    mirror.join(HOST).join("hashicorp").join("aws").is_dir()
}

fn likely_mirrors() -> Vec<PathBuf> {
    let mut all = Vec::new();
    if let Some(home) = std::env::home_dir() {
        all.push(home.join(".terraform.d/plugins"));
        all.push(home.join(".local/share/terraform/plugins"));
    }
    all.push("/usr/local/share/terraform/plugins".into());
    all.push("/usr/share/terraform/plugins".into());
    let mut others: Vec<PathBuf> = fs::read_dir("/opt")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    others.sort();
    all.extend(others);
    all
}

/// Takes from the mirror what it has, and all else from where it comes from.
fn mirrored(mirror: &Path) -> Result<String> {
    let mut providers = BTreeSet::new();
    let below = |folder: &Path| -> Result<Vec<PathBuf>> {
        let failed = || format!("{} could not be read", folder.display());
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).with_context(failed)? {
            all.push(entry.with_context(failed)?.path());
        }
        Ok(all)
    };
    for namespace in below(&mirror.join(HOST))?
        .iter()
        .filter(|path| path.is_dir())
    {
        for provider in below(namespace)?.iter().filter(|path| path.is_dir()) {
            let name = |path: &Path| {
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            providers.insert(format!("{HOST}/{}/{}", name(namespace), name(provider)));
        }
    }
    let list = serde_json::to_string(&providers)?;
    let path = serde_json::to_string(&mirror.to_string_lossy())?;
    Ok(format!(
        "provider_installation {{\n  filesystem_mirror {{\n    path    = {path}\n    include = {list}\n  }}\n  \
         direct {{\n    exclude = {list}\n  }}\n}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_serves_what_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join(HOST).join("hashicorp/aws")).expect("made");
        assert!(has_provider(folder.path()));
        let text = mirrored(folder.path()).expect("written");
        assert!(text.contains(&format!("path    = \"{}\"", folder.path().display())));
        assert!(text.contains("include = [\"registry.terraform.io/hashicorp/aws\"]"));
        assert!(text.contains("exclude = [\"registry.terraform.io/hashicorp/aws\"]"));
    }
}
