//! Who can open a connection to whom, tried from where they stand.

use std::time::Duration;

use anyhow::{Context, Result, bail};
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
    /// How it answers there.
    answer: &'static str,
    task: Place,
    task_address: String,
    /// The writer and its replicas.
    databases: Vec<Database>,
}

struct Database {
    place: Place,
    /// `name:5432`
    name: String,
    /// `10.0.35.166:5432`: a name of the VPC's means nothing outside.
    address: String,
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
        let map = map(site, evidence).await?;
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

async fn map(site: &Site, evidence: &mut Evidence<'_>) -> Result<Map> {
    let network = site.outputs("network").await?;
    let tasks = site.tasks().await?;
    let (task, address) = interface(tasks.first().context("no task of the service runs")?)?;
    let balancers = interfaces(site, &network.text("balancer_security_group_id")?).await?;
    let group = network.text("database_security_group_id")?;
    let databases = databases(site, evidence, &task, &group).await?;
    let secure = site.entrance().await?.is_secure();
    Ok(Map {
        balancer: balancers
            .first()
            .context("the balancer has no interface")?
            .place
            .clone(),
        balancer_public: balancers
            .iter()
            .filter_map(|one| one.public.as_ref().map(|address| format!("{address}:80")))
            .collect(),
        answer: if secure {
            "HTTP/1.1 301 "
        } else {
            "HTTP/1.1 200 "
        },
        task,
        task_address: format!("{address}:{}", network.get("service_port")?),
        databases,
    })
}

/// Those whose names lead to an interface of the security group, seen from a task.
async fn databases(
    site: &Site,
    evidence: &mut Evidence<'_>,
    task: &Place,
    group: &str,
) -> Result<Vec<Database>> {
    let described = site
        .region
        .query("rds", "2014-10-31", "DescribeDBInstances", &[])
        .await?;
    let interfaces = interfaces(site, group).await?;
    let mut found = Vec::new();
    for one in described.all("DescribeDBInstancesResult/DBInstances/DBInstance") {
        let name = one.text("Endpoint/Address");
        let port = one.text("Endpoint/Port");
        let resolved = site.probe(task, &["resolve", name]).await?;
        let interface = interfaces.iter().find(|one| one.private == resolved.said);
        evidence.saw(
            format!("in the VPC the name {name} leads to the database"),
            resolved.said.clone(),
            interface.is_some(),
        );
        found.extend(interface.map(|interface| Database {
            place: interface.place.clone(),
            name: format!("{name}:{port}"),
            address: format!("{}:{port}", resolved.said),
        }));
    }
    if found.is_empty() {
        bail!("there is no database that could be tried");
    }
    Ok(found)
}

/// A network interface.
struct Interface {
    place: Place,
    private: String,
    public: Option<String>,
}

/// The interfaces of a security group.
async fn interfaces(site: &Site, group: &str) -> Result<Vec<Interface>> {
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
            Interface {
                place: Place::Interface(item.text("networkInterfaceId").into()),
                private: item.text("privateIpAddress").to_owned(),
                public: (!public.is_empty()).then(|| public.to_owned()),
            }
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
        let held = answer.worked && answer.said.starts_with(map.answer);
        evidence.saw(
            format!("internet → balancer {address}: answered"),
            answer.said,
            held,
        );
    }
    let mut ways = Ways { site, evidence };
    let internet = &Place::Internet;
    ways.closed("internet → task", internet, &map.task_address)
        .await?;
    for database in &map.databases {
        ways.closed("internet → database", internet, &database.address)
            .await?;
    }
    Ok(())
}

async fn between_the_tiers(site: &Site, evidence: &mut Evidence<'_>, map: &Map) -> Result<()> {
    let public = map
        .balancer_public
        .first()
        .context("there is no public address")?;
    let api = format!("secretsmanager.{}.amazonaws.com:443", site.region.region);
    let mut ways = Ways { site, evidence };
    ways.open("balancer → task", &map.balancer, &map.task_address)
        .await?;
    ways.open("task → AWS's API", &map.task, &api).await?;
    for Database { place, name, .. } in &map.databases {
        ways.open("task → database", &map.task, name).await?;
        ways.closed("balancer → database", &map.balancer, name)
            .await?;
        ways.closed("database → task", place, &map.task_address)
            .await?;
        ways.closed("database → internet", place, public).await?;
        ways.closed("database → AWS's API", place, &api).await?;
    }
    Ok(())
}

async fn without_the_rule(site: &Site, evidence: &mut Evidence<'_>, map: &Map) -> Result<()> {
    let database = map.databases.first().context("there is no database")?;
    site.destroy("network", Some(RULE)).await?;
    // Tasks that lost their database fail their health checks and are replaced, so each look is
    // from one that is there now.
    let tried = from_a_task(site, &database.name).await?;
    evidence.saw(
        format!(
            "task → database {}, its rule removed by Terraform: no way",
            database.name
        ),
        tried.said,
        !tried.worked,
    );
    site.apply("network", &[]).await?;
    let tried = from_a_task(site, &database.name).await?;
    evidence.saw(
        format!(
            "task → database {}, its rule put back: connects",
            database.name
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

/// Tries ways, and says what was seen.
struct Ways<'a, 'b> {
    site: &'a Site,
    evidence: &'a mut Evidence<'b>,
}

impl Ways<'_, '_> {
    async fn open(&mut self, what: &str, from: &Place, to: &str) -> Result<()> {
        let Tried { worked, said } = self.site.connects(from, to).await?;
        self.evidence
            .saw(format!("{what} {to}: connects"), said, worked);
        Ok(())
    }

    /// Nothing may come back, not even a refusal: that would be somebody's answer.
    async fn closed(&mut self, what: &str, from: &Place, to: &str) -> Result<()> {
        let Tried { worked, said } = self.site.connects(from, to).await?;
        let silent = !worked && !said.contains("refused");
        self.evidence
            .saw(format!("{what} {to}: no way"), said, silent);
        Ok(())
    }
}
