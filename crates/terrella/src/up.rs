//! `terrella up`: the region, and the infrastructure in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use client::{Client, Tree};
use image::{Credentials, Reference};
use terraform::{Backend, Interrupt, Stack, Terraform, in_order};

use crate::running::Served;
use crate::{inspect, pack, running};

const HEALTH_LIMIT: Duration = Duration::from_mins(2);
const HEALTH_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The environment whose values are applied.
    #[arg(long, default_value = "dev")]
    env: String,
    /// The folder with `stacks` and `environments`.
    #[arg(long, default_value = "infra")]
    infra: PathBuf,
    /// The service's static binary.
    #[arg(long, default_value = pack::BINARY)]
    image_binary: PathBuf,
    /// The port of a region that has to be started; 0 takes any that is free.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// For scripts: what `status --json` says, at the end.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(data: &Path, arguments: &Arguments) -> Result<()> {
    let infra = std::path::absolute(&arguments.infra).context("the folder cannot be found")?;
    let backend = Backend::of(&infra.join("environments").join(&arguments.env))?;
    let stacks = in_order(&infra.join("stacks"))?;
    // What is missing is said before anything is started.
    terraform::program()?;
    if stacks.iter().any(needs_image) {
        pack::check(&arguments.image_binary)?;
    }
    let begun = Instant::now();
    let served = if let Some(served) = running::find(data)? {
        if served.region != backend.region {
            bail!(
                "the region that runs is {}, and the environment {} is for {}: end it with \
                 `terrella down`, or choose another --data-dir",
                served.region,
                arguments.env,
                backend.region
            );
        }
        served
    } else {
        let step = Step::begin("region");
        let served = running::start(data, arguments.port, &backend.region)?;
        step.done();
        served
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?
        .block_on(async {
            let mut interrupt = Interrupt::new()?;
            apply(
                data,
                &infra,
                arguments,
                &backend,
                &stacks,
                &served,
                &mut interrupt,
            )
            .await?;
            let step = Step::begin("health");
            let closed = interrupt.or(healthy(&served.client())).await?;
            step.done();
            eprintln!("{}", ending(begun.elapsed(), &closed));
            anyhow::Ok(())
        })?;
    inspect::status(data, arguments.json)
}

/// Names those who serve nothing now, because their schedule says so.
fn ending(took: Duration, closed: &[String]) -> String {
    let seconds = took.as_secs();
    if closed.is_empty() {
        return format!("everything is up after {seconds} s");
    }
    format!(
        "everything is applied after {seconds} s; closed now: {}",
        closed.join(", ")
    )
}

async fn apply(
    data: &Path,
    infra: &Path,
    arguments: &Arguments,
    backend: &Backend,
    stacks: &[Stack],
    served: &Served,
    interrupt: &mut Interrupt,
) -> Result<()> {
    let region = served.client();
    interrupt
        .or(async { Ok(region.get("/_terrella/health").await?) })
        .await
        .context("the region does not answer")?;
    interrupt
        .or(async { Ok(region.create_bucket(&backend.bucket).await?) })
        .await?;
    let terraform = Terraform::new(data, infra, &arguments.env, &region)?;
    let mut repository = None;
    for stack in stacks {
        let mut variables = terraform::of_a_region(stack);
        if needs_image(stack) {
            let repository = repository.as_deref().with_context(|| {
                format!(
                    "the stack {} needs an image, and no stack that it reads has an output \
                     `repository_url`",
                    stack.name
                )
            })?;
            let step = Step::begin("image");
            let digest = interrupt
                .or(image(data, &arguments.image_binary, repository, served))
                .await?;
            step.done();
            variables.insert("image".to_owned(), digest);
        }
        let step = Step::begin(&stack.name);
        terraform.init(stack, interrupt).await?;
        terraform.apply(stack, &variables, interrupt).await?;
        step.done();
        if stack.outputs.contains("repository_url") {
            repository = Some(
                interrupt
                    .or(terraform.output(stack, "repository_url"))
                    .await?,
            );
        }
    }
    Ok(())
}

/// Waits until every service runs what it wants, and every load balancer finds every target of its
/// healthy: Terraform is content with tasks whatever they answer, and does not look at tasks that
/// a schedule or an alarm asks for. Gives the names of services that are closed.
async fn healthy(region: &Client) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let status = region.get("/_terrella/status").await?;
        let services = status["services"].as_array().cloned().unwrap_or_default();
        let mut ill: Vec<String> = services
            .iter()
            .filter(|one| one["running"] != one["desired"])
            .map(inspect::service)
            .collect();
        let groups = balancing(region, "DescribeTargetGroups", &[]).await?;
        for group in groups.all("DescribeTargetGroupsResult/TargetGroups/member") {
            let arn = group.text("TargetGroupArn");
            let of = [("TargetGroupArn", arn)];
            let health = balancing(region, "DescribeTargetHealth", &of).await?;
            for target in health.all("DescribeTargetHealthResult/TargetHealthDescriptions/member") {
                // What drains is on its way out.
                if !["healthy", "draining"].contains(&target.text("TargetHealth/State")) {
                    ill.push(format!(
                        "{} of {}: {} {}",
                        target.text("Target/Id"),
                        group.text("TargetGroupName"),
                        target.text("TargetHealth/State"),
                        target.text("TargetHealth/Description"),
                    ));
                }
            }
        }
        if ill.is_empty() {
            let closed = services.iter().filter(|one| inspect::is_closed(one));
            return Ok(closed
                .filter_map(|one| one["name"].as_str().map(str::to_owned))
                .collect());
        }
        if begun.elapsed() > HEALTH_LIMIT {
            bail!(
                "everything is applied, but {} s later not everything is well:\n{}",
                HEALTH_LIMIT.as_secs(),
                ill.join("\n")
            );
        }
        tokio::time::sleep(HEALTH_PAUSE).await;
    }
}

async fn balancing(region: &Client, action: &str, parameters: &[(&str, &str)]) -> Result<Tree> {
    Ok(region
        .query("elasticloadbalancing", "2015-12-01", action, parameters)
        .await?)
}

fn needs_image(stack: &Stack) -> bool {
    stack.variables.contains("image")
}

/// Builds the image, pushes it and says its digest.
async fn image(data: &Path, binary: &Path, repository: &str, served: &Served) -> Result<String> {
    let (_, name) = repository
        .split_once('/')
        .with_context(|| format!("{repository:?} is not the address of a repository"))?;
    let layout = pack::layout(data);
    let (file, folder) = (binary.to_owned(), layout.clone());
    let built = tokio::task::spawn_blocking(move || pack::build(&file, None, &folder)).await??;
    // Tags cannot be set twice, so each image has its own.
    let tag = built.manifest_digest.replace(':', "-");
    let reference: Reference = format!("{}/{name}:{tag}", served.reached_at())
        .parse()
        .context("the image cannot be named")?;
    let credentials = Credentials {
        username: client::ACCESS_KEY.to_owned(),
        password: client::SECRET_KEY.to_owned(),
    };
    image::push(&layout, &reference, Some(&credentials))
        .await
        .with_context(|| format!("the image could not be pushed to {reference}"))?;
    Ok(built.manifest_digest)
}

/// A line that says what is done, and how long it took.
struct Step(Instant);

impl Step {
    fn begin(name: &str) -> Self {
        eprint!("  {name:<10} ");
        let _ = std::io::stderr().flush();
        Self(Instant::now())
    }

    fn done(self) {
        eprintln!("{:6.1} s", self.0.elapsed().as_secs_f64());
        std::mem::forget(self);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        eprintln!("failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_closed_is_not_said_to_be_up() {
        let took = Duration::from_millis(61_900);
        assert_eq!(ending(took, &[]), "everything is up after 61 s");
        assert_eq!(
            ending(took, &["links-dev".to_owned()]),
            "everything is applied after 61 s; closed now: links-dev"
        );
    }
}
