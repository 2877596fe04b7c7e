//! What the Terraform of a folder says of itself: its stacks, who reads whom, and the values of
//! an environment that are needed before Terraform runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The stack that is applied before all others: it adopts the bucket of the states.
const FIRST: &str = "bootstrap";
const STATE: &str = "/terraform.tfstate";

/// One stack, by what its files declare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    /// The stacks whose outputs it reads.
    pub reads: BTreeSet<String>,
    pub variables: BTreeSet<String>,
    pub outputs: BTreeSet<String>,
}

impl Stack {
    fn read(name: &str, text: &str) -> Self {
        let mut stack = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with('#') || line.starts_with("//") {
                continue;
            }
            if let Some(other) = assigned(line, "key").and_then(|key| key.strip_suffix(STATE)) {
                // Its own is the backend's.
                if other != name {
                    stack.reads.insert(other.to_owned());
                }
            } else if let Some(variable) = labelled(line, "variable") {
                stack.variables.insert(variable.to_owned());
            } else if let Some(output) = labelled(line, "output") {
                stack.outputs.insert(output.to_owned());
            }
        }
        stack
    }
}

/// `name = "value"`
fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
    Some(rest.trim_start().strip_prefix('"')?.split_once('"')?.0)
}

/// `kind "label" {`
fn labelled<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(kind)?;
    Some(rest.trim_start().strip_prefix('"')?.split_once('"')?.0)
}

/// The stacks of a folder, each after those that it reads.
pub fn in_order(folder: &Path) -> Result<Vec<Stack>> {
    let mut stacks = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| {
        format!(
            "{} could not be read: run this where the project is, or give --infra",
            folder.display()
        )
    })? {
        let entry = entry.with_context(|| format!("{} could not be read", folder.display()))?;
        if !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = terraform_of(&entry.path())?;
        if !text.is_empty() {
            stacks.push(Stack::read(&name, &text));
        }
    }
    sorted(stacks).with_context(|| format!("in {}", folder.display()))
}

fn terraform_of(folder: &Path) -> Result<String> {
    let mut text = String::new();
    let failed = || format!("{} could not be read", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            text += &fs::read_to_string(&path)
                .with_context(|| format!("{} could not be read", path.display()))?;
            text.push('\n');
        }
    }
    Ok(text)
}

/// By name where nothing else decides, so that it is the same every time.
fn sorted(stacks: Vec<Stack>) -> Result<Vec<Stack>> {
    let mut left: BTreeMap<String, Stack> = stacks
        .into_iter()
        .map(|stack| (stack.name.clone(), stack))
        .collect();
    if left.is_empty() {
        bail!("there is no stack");
    }
    for stack in left.values() {
        if let Some(missing) = stack.reads.iter().find(|name| !left.contains_key(*name)) {
            bail!(
                "the stack {} reads {missing}, which is not there",
                stack.name
            );
        }
    }
    let mut order: Vec<Stack> = Vec::new();
    while !left.is_empty() {
        let ready = |stack: &Stack| stack.reads.iter().all(|name| !left.contains_key(name));
        let next = left
            .get(FIRST)
            .filter(|stack| ready(stack))
            .or_else(|| left.values().find(|stack| ready(stack)))
            .map(|stack| stack.name.clone());
        let Some(stack) = next.and_then(|name| left.remove(&name)) else {
            let names: Vec<&str> = left.keys().map(String::as_str).collect();
            bail!("the stacks {} read each other", names.join(", "));
        };
        order.push(stack);
    }
    Ok(order)
}

/// Bucket and region of an environment's states.
#[derive(Debug, PartialEq, Eq)]
pub struct Backend {
    pub bucket: String,
    pub region: String,
}

impl Backend {
    pub fn of(environment: &Path) -> Result<Self> {
        let path = environment.join("backend.hcl");
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{} could not be read: is there such an environment?",
                path.display()
            )
        })?;
        let value = |name: &str| {
            text.lines()
                .find_map(|line| assigned(line.trim(), name))
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
                .with_context(|| format!("{} has no line `{name} = \"…\"`", path.display()))
        };
        Ok(Self {
            bucket: value("bucket")?,
            region: value("region")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stacks: &[Stack]) -> Vec<&str> {
        stacks.iter().map(|stack| stack.name.as_str()).collect()
    }

    fn stack(name: &str, reads: &[&str]) -> Stack {
        Stack {
            name: name.into(),
            reads: reads.iter().map(ToString::to_string).collect(),
            ..Stack::default()
        }
    }

    fn infra() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra")
    }

    #[test]
    fn the_projects_own_stacks() {
        let stacks = in_order(&infra().join("stacks")).expect("they are in order");
        assert_eq!(
            names(&stacks),
            [
                "bootstrap",
                "domain",
                "network",
                "database",
                "registry",
                "service",
                "observability"
            ]
        );
        let with = |name: &str| {
            names(&stacks)
                .into_iter()
                .zip(&stacks)
                .filter(|(_, stack)| stack.variables.contains(name) || stack.outputs.contains(name))
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(with("tls_only"), ["bootstrap"]);
        assert_eq!(with("monthly_budget"), ["bootstrap"]);
        assert_eq!(with("image"), ["service"]);
        assert_eq!(with("repository_url"), ["registry"]);
    }

    #[test]
    fn the_projects_own_environments() {
        for name in ["dev", "stage", "prod"] {
            let backend = Backend::of(&infra().join("environments").join(name)).expect("values");
            assert_eq!(backend.bucket, format!("links-{name}-terraform-state"));
            assert_eq!(backend.region, "eu-central-1");
        }
        let error = Backend::of(Path::new("/nowhere")).expect_err("there is none");
        assert!(error.to_string().contains("is there such an environment?"));
    }

    #[test]
    fn what_a_stack_reads() {
        let text = "
            backend \"s3\" {
              key = \"b/terraform.tfstate\"
            }
            # key = \"comment/terraform.tfstate\"
            data \"terraform_remote_state\" \"a\" {
              config = {
                key    = \"a/terraform.tfstate\"
              }
            }
            key_name = \"c/terraform.tfstate\"
            variable \"image\" {
            output \"url\" {";
        let stack = Stack::read("b", text);
        assert_eq!(stack.reads, BTreeSet::from(["a".to_owned()]));
        assert_eq!(stack.variables, BTreeSet::from(["image".to_owned()]));
        assert_eq!(stack.outputs, BTreeSet::from(["url".to_owned()]));
    }

    #[test]
    fn bootstrap_is_first_and_readers_come_after_what_they_read() {
        let order = sorted(vec![
            stack("a", &["z"]),
            stack("bootstrap", &[]),
            stack("z", &[]),
            stack("m", &["a", "z"]),
        ])
        .expect("there is an order");
        assert_eq!(names(&order), ["bootstrap", "z", "a", "m"]);
    }

    #[test]
    fn circles_and_gaps_are_refused() {
        let circle = sorted(vec![stack("a", &["b"]), stack("b", &["a"])]).expect_err("a circle");
        assert_eq!(circle.to_string(), "the stacks a, b read each other");
        let gap = sorted(vec![stack("a", &["b"])]).expect_err("a gap");
        assert_eq!(gap.to_string(), "the stack a reads b, which is not there");
    }
}
