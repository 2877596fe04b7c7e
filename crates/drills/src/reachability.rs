//! Who can open a connection to whom, tried from where they stand.

use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::site::{Tried, interface, until};
use crate::{Drill, Evidence, Place, Site};

const EC2: (&str, &str) = ("ec2", "2016-11-15");
/// The rule that lets tasks ask the database.
const RULE: &str = "module.network.aws_vpc_security_group_ingress_rule.database_from_service";
/// Fargate tries for a while before it gives up.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Reachability;

/// Where everybody is.
struct Map {
    balancer: Place,
    /// `address:80` of each of the balancer's nodes.
    balancer_public: Vec<String>,
    task: Place,
    task_address: String,
    database: Place,
    /// `name:5432`
    database_address: String,
}

#[async_trait(?Send)]
impl Drill for Reachability {
    fn name(&self) -> &'static str {
        "reachability"
    }

    fn claim(&self) -> &'static str {
        "From the internet only the load balancer is reached; the database is reached from the \
         tasks only and reaches nothing; security groups and routes decide it."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R2", "R21", "R32"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        let map = map(site).await?;
        from_the_internet(site, evidence, &map).await?;
        between_the_tiers(site, evidence, &map).await?;
        without_the_rule(site, evidence, &map).await?;
        without_a_way_out(site, evidence).await
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        site.apply("network", &[]).await?;
        site.steady().await
    }
}

async fn map(site: &Site) -> Result<Map> {
    let network = site.outputs("network").await?;
    let tasks = site.tasks().await?;
    let (task, address) = interface(tasks.first().context("no task of the service runs")?)?;
    let balancers = interfaces(site, &network.text("balancer_security_group_id")?).await?;
    let databases = interfaces(site, &network.text("database_security_group_id")?).await?;
    let described = site
        .region
        .query("rds", "2014-10-31", "DescribeDBInstances", &[])
        .await?;
    let database = described.all("DescribeDBInstancesResult/DBInstances/DBInstance");
    let endpoint = database.first().context("there is no database")?;
    Ok(Map {
        balancer: balancers
            .first()
            .context("the balancer has no interface")?
            .0
            .clone(),
        balancer_public: balancers
            .iter()
            .filter_map(|(_, public)| public.as_ref().map(|address| format!("{address}:80")))
            .collect(),
        task,
        task_address: format!("{address}:{}", network.get("service_port")?),
        database: databases
            .first()
            .context("the database has no interface")?
            .0
            .clone(),
        database_address: format!(
            "{}:{}",
            endpoint.text("Endpoint/Address"),
            endpoint.text("Endpoint/Port")
        ),
    })
}

/// The interfaces of a security group, each with its public address.
async fn interfaces(site: &Site, group: &str) -> Result<Vec<(Place, Option<String>)>> {
    let found = site
        .region
        .query(
            EC2.0,
            EC2.1,
            "DescribeNetworkInterfaces",
            &[("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)],
        )
        .await?;
    Ok(found
        .all("networkInterfaceSet/item")
        .iter()
        .map(|item| {
            let public = item.text("association/publicIp");
            (
                Place::Interface(item.text("networkInterfaceId").into()),
                (!public.is_empty()).then(|| public.to_owned()),
            )
        })
        .collect())
}

async fn from_the_internet(site: &Site, evidence: &mut Evidence<'_>, map: &Map) -> Result<()> {
    evidence.saw(
        "the balancer has a public address in each zone",
        map.balancer_public.join(", "),
        map.balancer_public.len() >= 2,
    );
    for address in &map.balancer_public {
        let answer = site.probe(&Place::Internet, &["get", address, "/"]).await?;
        let held = answer.worked && answer.said.starts_with("HTTP/1.1 200");
        evidence.saw(
            format!("internet → balancer {address}: answered"),
            answer.said,
            held,
        );
    }
    // A name of the VPC's means nothing out there, so the address is asked for inside.
    let (name, port) = map
        .database_address
        .rsplit_once(':')
        .context("the database's address has no port")?;
    let resolved = site.probe(&map.task, &["resolve", name]).await?;
    evidence.saw(
        "the database's name resolves in the VPC",
        resolved.said.clone(),
        resolved.worked,
    );
    let database = format!("{}:{port}", resolved.said);
    closed(
        site,
        evidence,
        "internet → task",
        &Place::Internet,
        &map.task_address,
    )
    .await?;
    closed(
        site,
        evidence,
        "internet → database",
        &Place::Internet,
        &database,
    )
    .await
}

async fn between_the_tiers(site: &Site, evidence: &mut Evidence<'_>, map: &Map) -> Result<()> {
    open(
        site,
        evidence,
        "balancer → task",
        &map.balancer,
        &map.task_address,
    )
    .await?;
    open(
        site,
        evidence,
        "task → database",
        &map.task,
        &map.database_address,
    )
    .await?;
    closed(
        site,
        evidence,
        "balancer → database",
        &map.balancer,
        &map.database_address,
    )
    .await?;
    closed(
        site,
        evidence,
        "database → task",
        &map.database,
        &map.task_address,
    )
    .await?;
    let public = map
        .balancer_public
        .first()
        .context("there is no public address")?;
    closed(site, evidence, "database → internet", &map.database, public).await?;
    let api = format!("secretsmanager.{}.amazonaws.com:443", site.region.region);
    open(site, evidence, "task → AWS's API", &map.task, &api).await?;
    closed(site, evidence, "database → AWS's API", &map.database, &api).await
}

async fn without_the_rule(site: &Site, evidence: &mut Evidence<'_>, map: &Map) -> Result<()> {
    site.destroy("network", Some(RULE)).await?;
    // Tasks that lost their database fail their health checks and are replaced, so each look is
    // from one that is there now.
    let tried = from_a_task(site, &map.database_address).await?;
    evidence.saw(
        format!(
            "task → database {}, its rule removed by Terraform: no way",
            map.database_address
        ),
        tried.said,
        !tried.worked,
    );
    site.apply("network", &[]).await?;
    let tried = from_a_task(site, &map.database_address).await?;
    evidence.saw(
        format!(
            "task → database {}, its rule put back: connects",
            map.database_address
        ),
        tried.said,
        tried.worked,
    );
    Ok(())
}

/// Whether a connection opens from some task that runs.
async fn from_a_task(site: &Site, to: &str) -> Result<Tried> {
    until("a task to stand in", PATIENCE, async || {
        let tasks = site.tasks().await?;
        let Some(task) = tasks.first() else {
            return Ok(None);
        };
        // It may end before anybody stands in it.
        Ok(site.connects(&interface(task)?.0, to).await.ok())
    })
    .await
}

/// A new task cannot come up where nothing leads to AWS's own endpoints.
async fn without_a_way_out(site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
    let nowhere = [
        ("nat_gateways", "none"),
        ("interface_endpoints", "[]"),
        ("s3_endpoint", "false"),
    ];
    site.apply("network", &nowhere).await?;
    let stopped = run_task(site).await?;
    let reason = stopped["stoppedReason"].as_str().unwrap_or_default();
    let code = stopped["stopCode"].as_str().unwrap_or_default();
    evidence.saw(
        "a new task without NAT gateway and endpoints fails as on ECS",
        format!("{code}: {reason}"),
        code == "TaskFailedToStart" && reason.starts_with("ResourceInitializationError"),
    );
    Ok(())
}

/// Starts one task as the service does, and waits for its end.
async fn run_task(site: &Site) -> Result<Value> {
    let service = site.outputs("service").await?;
    let cluster = service.text("cluster_name")?;
    let described = site
        .ecs(
            "DescribeServices",
            json!({"cluster": cluster, "services": [service.text("service_name")?]}),
        )
        .await?;
    let of = &described["services"][0];
    let started = site
        .ecs(
            "RunTask",
            json!({
                "cluster": cluster,
                "taskDefinition": of["taskDefinition"],
                "networkConfiguration": of["networkConfiguration"],
                "launchType": "FARGATE",
            }),
        )
        .await?;
    let arn = started["tasks"][0]["taskArn"].clone();
    let ended = until("the new task to end", PATIENCE, async || {
        let described = site
            .ecs("DescribeTasks", json!({"cluster": cluster, "tasks": [arn]}))
            .await?;
        let task = &described["tasks"][0];
        let decided = ["STOPPED", "RUNNING"].contains(&task["lastStatus"].as_str().unwrap_or(""));
        Ok(decided.then(|| task.clone()))
    })
    .await?;
    if ended["lastStatus"] == "RUNNING" {
        // Broken, and not to be left behind.
        site.ecs("StopTask", json!({"cluster": cluster, "task": arn}))
            .await?;
    }
    Ok(ended)
}

async fn open(
    site: &Site,
    evidence: &mut Evidence<'_>,
    what: &str,
    from: &Place,
    to: &str,
) -> Result<()> {
    let Tried { worked, said } = site.connects(from, to).await?;
    evidence.saw(format!("{what} {to}: connects"), said, worked);
    Ok(())
}

/// Nothing may come back, not even a refusal: that would be somebody's answer.
async fn closed(
    site: &Site,
    evidence: &mut Evidence<'_>,
    what: &str,
    from: &Place,
    to: &str,
) -> Result<()> {
    let Tried { worked, said } = site.connects(from, to).await?;
    let silent = !worked && !said.contains("refused");
    evidence.saw(format!("{what} {to}: no way"), said, silent);
    Ok(())
}
