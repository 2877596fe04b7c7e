//! A running region and the system in it, as a drill may know them.

mod observe;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use client::Client;
use http::{Method, Uri};
pub use machine::client::Place;
use machine::client::Program;
use serde_json::Value;
use terraform::{Backend, Interrupt, Plan, Stack, Terraform, Variables};

use crate::entrance::Entrance;
use crate::load::Ask;

pub(crate) use observe::{Activity, Metric, Tasks};

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(200);
pub(crate) const ECR: &str = "AmazonEC2ContainerRegistry_V20150921";
const STEADY_LIMIT: Duration = Duration::from_mins(3);

pub struct Site {
    pub region: Client,
    /// The region's folder.
    pub data: PathBuf,
    /// `terrella` itself, which has the small tools that stand in the region's networks.
    program: PathBuf,
    infra: PathBuf,
    environment: String,
    terraform: Terraform,
    stacks: Vec<Stack>,
    backend: Backend,
}

/// How a program ended that stood somewhere in the region's networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub worked: bool,
    /// What it printed, or why it failed.
    pub said: String,
}

impl Site {
    /// # Errors
    /// If the folder has no stacks or no such environment, or there is no Terraform.
    pub fn open(
        region: Client,
        data: &Path,
        program: &Path,
        infra: &Path,
        environment: &str,
    ) -> Result<Self> {
        Ok(Self {
            terraform: Terraform::new(data, infra, environment, &region)?,
            stacks: terraform::in_order(&infra.join("stacks"))?,
            backend: Backend::of(&infra.join("environments").join(environment))?,
            region,
            data: data.to_owned(),
            program: program.to_owned(),
            infra: infra.to_owned(),
            environment: environment.to_owned(),
        })
    }

    /// The folder with `stacks` and `environments`.
    pub fn infra(&self) -> &Path {
        &self.infra
    }

    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The bucket that holds the environment's states.
    pub fn bucket(&self) -> &str {
        &self.backend.bucket
    }

    /// Lets a program meet this region and nothing else of AWS's.
    pub(crate) fn surround(&self, command: &mut std::process::Command) {
        self.terraform.surround(command);
    }

    pub(crate) async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            done = work => done,
            () = interrupt.pressed() => bail!("interrupted"),
        }
    }

    /// The stacks in the order in which they are applied.
    pub fn stacks(&self) -> impl DoubleEndedIterator<Item = &Stack> {
        self.stacks.iter()
    }

    fn stack(&self, name: &str) -> Result<&Stack> {
        self.stacks
            .iter()
            .find(|stack| stack.name == name)
            .with_context(|| format!("there is no stack {name}"))
    }

    /// The values that a stack needs beside the environment's: those that `terrella up` gave.
    async fn variables(&self, stack: &Stack, beside: &[(&str, &str)]) -> Result<Variables> {
        let mut variables = terraform::of_a_region(stack);
        if stack.variables.contains("image") {
            let image = self.outputs(&stack.name).await?.text("image")?;
            let (_, version) = image
                .rsplit_once('@')
                .with_context(|| format!("{image} has no digest"))?;
            variables.insert("image".to_owned(), version.to_owned());
        }
        for (name, value) in beside {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        Ok(variables)
    }

    /// Applies a stack with its environment's values, and these instead of some of them.
    pub async fn apply(&self, stack: &str, beside: &[(&str, &str)]) -> Result<()> {
        let stack = self.stack(stack)?;
        let variables = self.variables(stack, beside).await?;
        let mut interrupt = Interrupt::new()?;
        self.terraform.init(stack, &mut interrupt).await?;
        self.terraform
            .apply(stack, &variables, &mut interrupt)
            .await
    }

    /// Whether a plan of the stack would change anything.
    pub async fn plan(&self, stack: &str, beside: &[(&str, &str)]) -> Result<Plan> {
        let stack = self.stack(stack)?;
        let variables = self.variables(stack, beside).await?;
        let mut interrupt = Interrupt::new()?;
        self.terraform.init(stack, &mut interrupt).await?;
        self.terraform.plan(stack, &variables, &mut interrupt).await
    }

    /// As [`Self::plan`], with another environment's values in place of this one's.
    pub(crate) async fn plan_as(
        &self,
        environment: &str,
        stack: &str,
        beside: &[(&str, &str)],
    ) -> Result<Plan> {
        let stack = self.stack(stack)?;
        let variables = self.variables(stack, beside).await?;
        let mut interrupt = Interrupt::new()?;
        let terraform = self.terraform.with_values_of(environment);
        terraform.init(stack, &mut interrupt).await?;
        terraform.plan(stack, &variables, &mut interrupt).await
    }

    /// What a command of `terrella` prints about this region, one JSON value a line.
    pub(crate) async fn terrella(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let command = arguments.join(" ");
        let output = tokio::process::Command::new(&self.program)
            .arg("--data-dir")
            .arg(&self.data)
            .args(arguments)
            .output()
            .await
            .with_context(|| format!("`terrella {command}` could not be run"))?;
        if !output.status.success() {
            bail!(
                "`terrella {command}` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                serde_json::from_str(line)
                    .with_context(|| format!("`terrella {command}` printed {line:?}"))
            })
            .collect()
    }

    /// Destroys a stack, or one address in it with what needs it.
    pub async fn destroy(&self, stack: &str, target: Option<&str>) -> Result<()> {
        let stack = self.stack(stack)?;
        let variables = self.variables(stack, &[]).await?;
        let mut interrupt = Interrupt::new()?;
        self.terraform.init(stack, &mut interrupt).await?;
        self.terraform
            .destroy(stack, target, &variables, &mut interrupt)
            .await
    }

    /// A stack's state, byte for byte.
    pub async fn state(&self, stack: &str) -> Result<bytes::Bytes> {
        let path = format!("/{}/{stack}/terraform.tfstate", self.backend.bucket);
        self.region
            .s3(Method::GET, &path, bytes::Bytes::new())
            .await
            .with_context(|| format!("the stack {stack} has no state: is it applied?"))
    }

    /// A stack's outputs, from its state.
    pub async fn outputs(&self, stack: &str) -> Result<Outputs> {
        let state = self.state(stack).await?;
        let state: Value = serde_json::from_slice(&state)
            .with_context(|| format!("what is kept as the state of {stack} is none"))?;
        Ok(Outputs {
            stack: stack.to_owned(),
            values: state["outputs"].clone(),
        })
    }

    /// Calls ECS.
    pub async fn ecs(&self, operation: &str, input: Value) -> Result<Value> {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        Ok(self.region.json("ecs", &target, &input).await?)
    }

    /// Calls ECR.
    pub async fn ecr(&self, operation: &str, input: Value) -> Result<Value> {
        let target = format!("{ECR}.{operation}");
        Ok(self.region.json("ecr", &target, &input).await?)
    }

    /// The service's tasks that run, as `DescribeTasks` shows them.
    pub async fn tasks(&self) -> Result<Vec<Value>> {
        let service = self.outputs("service").await?;
        let cluster = service.text("cluster_name")?;
        let listed = self
            .ecs(
                "ListTasks",
                serde_json::json!({
                    "cluster": cluster,
                    "serviceName": service.text("service_name")?,
                    "desiredStatus": "RUNNING",
                }),
            )
            .await?;
        let arns = listed["taskArns"].as_array().cloned().unwrap_or_default();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let described = self
            .ecs(
                "DescribeTasks",
                serde_json::json!({"cluster": cluster, "tasks": arns}),
            )
            .await?;
        Ok(described["tasks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|task| task["lastStatus"] == "RUNNING")
            .cloned()
            .collect())
    }

    /// Waits until the service runs as many tasks as it wants, and the balancer finds all healthy.
    pub async fn steady(&self) -> Result<()> {
        let service = self.outputs("service").await?;
        let (cluster, name) = (service.text("cluster_name")?, service.text("service_name")?);
        let group = service.text("target_group_arn")?;
        until("the service to be steady", STEADY_LIMIT, async || {
            let described = self
                .ecs(
                    "DescribeServices",
                    serde_json::json!({"cluster": cluster, "services": [name]}),
                )
                .await?;
            let of = &described["services"][0];
            let health = self
                .region
                .query(
                    "elasticloadbalancing",
                    "2015-12-01",
                    "DescribeTargetHealth",
                    &[("TargetGroupArn", &group)],
                )
                .await?;
            let healthy = health
                .all("DescribeTargetHealthResult/TargetHealthDescriptions/member")
                .iter()
                .filter(|target| target.text("TargetHealth/State") == "healthy")
                .count();
            let steady = of["runningCount"] == of["desiredCount"]
                && of["pendingCount"] == 0
                && of["deployments"]
                    .as_array()
                    .is_some_and(|all| all.len() == 1)
                && of["desiredCount"] == healthy;
            Ok(steady.then_some(()))
        })
        .await
    }

    /// Runs one of `terrella`'s own small tools somewhere in the region's networks.
    pub async fn probe(&self, place: &Place, arguments: &[&str]) -> Result<Tried> {
        let program = Program::new(
            place.clone(),
            [&*self.program.to_string_lossy(), "machine", "probe"]
                .into_iter()
                .chain(arguments.iter().copied()),
        );
        let paths = machine::host::Paths::new(&self.data);
        let output = tokio::task::spawn_blocking(move || machine::client::output(&paths, &program))
            .await?
            .map_err(|error| anyhow::anyhow!(machine::chain(&error)))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let worked = output.status.success();
        Ok(Tried {
            worked,
            said: text(if worked {
                &output.stdout
            } else {
                &output.stderr
            }),
        })
    }

    /// Whether a connection opens.
    pub async fn connects(&self, from: &Place, to: &str) -> Result<Tried> {
        self.probe(from, &["connect", to, "2000"]).await
    }

    /// How the service answers a GET from this machine: the status, or why there is none.
    pub(crate) async fn answer(&self, path: &str) -> Result<Tried> {
        let ask = Ask::get(self.entrance().await?, path);
        Ok(match ask.send().await {
            Ok((status, _)) => Tried {
                worked: status == 200,
                said: status.to_string(),
            },
            Err(error) => Tried {
                worked: false,
                said: format!("{error:#}"),
            },
        })
    }

    /// Where the service is reached from this machine.
    pub(crate) async fn entrance(&self) -> Result<Entrance> {
        let url: Uri = self.outputs("service").await?.text("url")?.parse()?;
        if url.scheme_str() == Some("https") {
            let authority = client::authority(&self.data);
            Entrance::secure(self.published(443).await?, &url, &authority)
        } else {
            Ok(Entrance::plain(self.published(80).await?))
        }
    }

    /// Where the machine itself reaches the load balancer's listener of a port.
    pub async fn published(&self, port: u16) -> Result<std::net::SocketAddr> {
        let said = self.region.get("/_terrella/endpoints").await?;
        said["listeners"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["port"] == port)
            .and_then(|one| one["address"].as_str())
            .with_context(|| format!("no listener of port {port} is published on this machine"))?
            .parse()
            .context("the published address is none")
    }
}

/// Looks again and again until there is something, or it took too long. The error says what was
/// waited for.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > limit {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A stack's outputs.
#[derive(Debug, Clone)]
pub struct Outputs {
    stack: String,
    values: Value,
}

impl Outputs {
    pub fn get(&self, name: &str) -> Result<&Value> {
        self.values
            .get(name)
            .map(|output| &output["value"])
            .with_context(|| format!("the stack {} has no output {name}", self.stack))
    }

    pub fn text(&self, name: &str) -> Result<String> {
        self.get(name)?
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("the output {name} of {} is no text", self.stack))
    }
}

/// The interface of a task, and its address.
pub(crate) fn interface(task: &Value) -> Result<(Place, String)> {
    let details = || {
        task["attachments"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|attachment| attachment["details"].as_array().into_iter().flatten())
    };
    let detail = |name: &str| {
        details()
            .find(|detail| detail["name"] == name)
            .and_then(|detail| detail["value"].as_str())
            .with_context(|| format!("the task {} has no {name}", task["taskArn"]))
    };
    Ok((
        Place::Interface(detail("networkInterfaceId")?.into()),
        detail("privateIPv4Address")?.to_owned(),
    ))
}
