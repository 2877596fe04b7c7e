//! The destroy that is refused. Nothing is destroyed before everything says that it is protected.

use std::time::Duration;

use anyhow::{Result, bail};
use terraform::Plan;

use super::States;
use crate::desk::Desk;
use crate::site::until;
use crate::{Evidence, Site};

const RDS: (&str, &str) = ("rds", "2014-10-31");
const STACK: &str = "database";
const ON: [(&str, &str); 1] = [("deletion_protection", "true")];
const PATIENCE: Duration = Duration::from_mins(1);

/// A database as RDS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instance {
    name: String,
    /// Another one of the same name has another.
    resource: String,
    status: String,
    protected: bool,
}

impl States {
    pub(super) async fn destroy_the_database(
        &self,
        site: &Site,
        desk: &Desk<'_>,
        evidence: &mut Evidence<'_>,
    ) -> Result<()> {
        let before = self.protect(site).await?;
        if !protected(site, evidence, &before).await? {
            // Who dared now might destroy it.
            return Ok(());
        }
        if before.len() > 1 {
            return with_replicas(desk, evidence).await;
        }
        self.save(site, &before).await?;
        self.database.set(true);
        let done = desk.stack(STACK, &["destroy", "-auto-approve"]).await?;
        let after = instances(site).await?;
        let words = "disable deletion protection";
        evidence.saw(
            "a destroy of the database's stack is refused by its protection",
            done.line_with(words).unwrap_or_else(|| done.end_of_it()),
            !done.well() && done.line_with(words).is_some() && after == before,
        );
        if after != before {
            bail!(
                "the database is not what it was; its snapshots are {}",
                self.snapshots.take().join(", ")
            );
        }
        let answer = site.answer("/health/ready").await?;
        evidence.saw(
            "the database answers the service",
            answer.said,
            answer.worked,
        );
        self.unprotect(site).await?;
        let plan = site.plan(STACK, &[]).await?;
        evidence.saw(
            "one apply later its plan is empty",
            format!("{plan:?}"),
            plan == Plan::Empty,
        );
        Ok(())
    }

    /// Switches protection on where it is off; gives the databases as they are then.
    async fn protect(&self, site: &Site) -> Result<Vec<Instance>> {
        for instance in instances(site).await? {
            if !instance.protected {
                self.protected.borrow_mut().push(instance.name.clone());
                set_protection(site, &instance.name, true).await?;
            }
        }
        available(site).await
    }

    /// A way back that is not needed when the claim is true.
    async fn save(&self, site: &Site, instances: &[Instance]) -> Result<()> {
        for instance in instances {
            let snapshot = format!("{}-drill", instance.name);
            self.snapshots.borrow_mut().push(snapshot.clone());
            let asked = [
                ("DBInstanceIdentifier", &*instance.name),
                ("DBSnapshotIdentifier", &*snapshot),
            ];
            call(site, "CreateDBSnapshot", &asked).await?;
            until("the snapshot to be there", PATIENCE, async || {
                let asked = [("DBSnapshotIdentifier", &*snapshot)];
                let told = call(site, "DescribeDBSnapshots", &asked).await?;
                let path = "DescribeDBSnapshotsResult/DBSnapshots/DBSnapshot/Status";
                Ok((told.text(path) == "available").then_some(()))
            })
            .await?;
        }
        available(site).await?;
        Ok(())
    }

    pub(super) async fn unprotect(&self, site: &Site) -> Result<()> {
        for name in self.protected.take() {
            set_protection(site, &name, false).await?;
        }
        if self.database.take() {
            available(site).await?;
            site.apply(STACK, &[]).await?;
        }
        for snapshot in self.snapshots.take() {
            call(
                site,
                "DeleteDBSnapshot",
                &[("DBSnapshotIdentifier", &snapshot)],
            )
            .await?;
        }
        Ok(())
    }
}

/// Whether RDS and Terraform both say that it is on. Terraform's word is needed because its
/// provider switches protection off by itself where its state says that it is.
async fn protected(
    site: &Site,
    evidence: &mut Evidence<'_>,
    instances: &[Instance],
) -> Result<bool> {
    let every = instances.iter().all(|instance| instance.protected);
    evidence.saw(
        "every database of the stack is protected",
        instances
            .iter()
            .map(|one| format!("{}: {}", one.name, one.protected))
            .collect::<Vec<_>>()
            .join(", "),
        every && !instances.is_empty(),
    );
    let plan = site.plan(STACK, &ON).await?;
    let empty = plan == Plan::Empty;
    evidence.saw(
        "that is what the stack makes of deletion_protection: a plan with it is empty",
        format!("{plan:?}"),
        empty,
    );
    Ok(every && !instances.is_empty() && empty)
}

/// With replicas there is a secret of the stack's own, which would go before the databases refuse.
/// So what refuses there has to refuse in the plan.
async fn with_replicas(desk: &Desk<'_>, evidence: &mut Evidence<'_>) -> Result<()> {
    let done = desk.stack(STACK, &["plan", "-destroy"]).await?;
    let words = "prevent_destroy";
    evidence.saw(
        "a destroy of the database's stack is refused before anything of it goes",
        done.line_with(words).unwrap_or_else(|| done.end_of_it()),
        !done.well() && done.line_with(words).is_some(),
    );
    Ok(())
}

/// The writer and its replicas.
async fn instances(site: &Site) -> Result<Vec<Instance>> {
    let told = call(site, "DescribeDBInstances", &[]).await?;
    let network = site.outputs("network").await?;
    let group = network.text("database_security_group_id")?;
    Ok(told
        .all("DescribeDBInstancesResult/DBInstances/DBInstance")
        .into_iter()
        .filter(|one| {
            one.text("VpcSecurityGroups/VpcSecurityGroupMembership/VpcSecurityGroupId") == group
        })
        .map(|one| Instance {
            name: one.text("DBInstanceIdentifier").to_owned(),
            resource: one.text("DbiResourceId").to_owned(),
            status: one.text("DBInstanceStatus").to_owned(),
            protected: one.text("DeletionProtection") == "true",
        })
        .collect())
}

async fn available(site: &Site) -> Result<Vec<Instance>> {
    until("the database to be available", PATIENCE, async || {
        let all = instances(site).await?;
        let ready = all.iter().all(|instance| instance.status == "available");
        Ok(ready.then_some(all))
    })
    .await
}

async fn set_protection(site: &Site, name: &str, on: bool) -> Result<()> {
    let asked = [
        ("DBInstanceIdentifier", name),
        ("DeletionProtection", if on { "true" } else { "false" }),
        ("ApplyImmediately", "true"),
    ];
    call(site, "ModifyDBInstance", &asked).await?;
    Ok(())
}

async fn call(site: &Site, action: &str, parameters: &[(&str, &str)]) -> Result<client::Tree> {
    Ok(site.region.query(RDS.0, RDS.1, action, parameters).await?)
}
