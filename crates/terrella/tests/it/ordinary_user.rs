//! The whole region for an account without any rights: a network, a task from the registry, a
//! database and a balancer come up for it, and go again.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Serving, TERRELLA, eventually, mortal};
use crate::system::{Account, between, definition, encoded, network, push, succeeded};

const LIMIT: Duration = Duration::from_mins(1);
const NOBODY: u32 = 65534;

/// A command of the account's own: its home, no rights, and a range of subordinate ids as
/// `useradd` gives one, which only those in this mount namespace see.
fn as_nobody(home: &Path) -> Command {
    let script = r#"
        mount --bind "$1/ids" /etc/subuid && mount --bind "$1/ids" /etc/subgid || exit 99
        export HOME="$1/home"
        shift
        exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --pdeathsig=KILL "$@""#;
    let mut command = mortal("unshare");
    command
        .args(["--mount", "--propagation=private", "sh", "-c", script, "sh"])
        .arg(home);
    command
}

/// A service of one task behind a balancer.
fn service(account: &Account, image: &str) {
    let (vpc, subnets, group) = network(account);
    account.ec2(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp\
         &IpPermissions.1.FromPort=80&IpPermissions.1.ToPort=80\
         &IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
    ));
    let made = account.elb(&format!(
        "Action=CreateLoadBalancer&Name=app&Subnets.member.1={}&Subnets.member.2={}\
         &SecurityGroups.member.1={group}",
        subnets[0], subnets[1]
    ));
    let balancer = between(&made, "LoadBalancerArn")[0].to_owned();
    let made = account.elb(&format!(
        "Action=CreateTargetGroup&Name=app&Protocol=HTTP&Port=8080&VpcId={vpc}&TargetType=ip\
         &HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=2&HealthyThresholdCount=2"
    ));
    let targets = between(&made, "TargetGroupArn")[0].to_owned();
    account.elb(&format!(
        "Action=CreateListener&LoadBalancerArn={}&Protocol=HTTP&Port=80\
         &DefaultActions.member.1.Type=forward&DefaultActions.member.1.TargetGroupArn={}",
        encoded(&balancer),
        encoded(&targets)
    ));
    definition(account, image);
    account.ecs(
        "CreateService",
        &json!({
            "cluster": "main", "serviceName": "app", "taskDefinition": "app", "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": subnets, "securityGroups": [group], "assignPublicIp": "ENABLED",
            }},
            "loadBalancers": [
                {"targetGroupArn": targets, "containerName": "app", "containerPort": 8080},
            ],
        }),
    );
}

/// The interface of the one task that runs.
fn interface(account: &Account) -> String {
    let listed = account.ecs("ListTasks", &json!({"cluster": "main"}));
    let tasks = account.ecs(
        "DescribeTasks",
        &json!({"cluster": "main", "tasks": listed["taskArns"]}),
    );
    let details = tasks["tasks"][0]["attachments"][0]["details"]
        .as_array()
        .expect("details");
    let id = details
        .iter()
        .find(|one| one["name"] == "networkInterfaceId");
    id.expect("an interface")["value"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[test]
fn a_system_comes_up_for_an_ordinary_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let data = home.join("d");
    std::fs::create_dir(&home).expect("a home");
    chown(&home, Some(NOBODY), Some(NOBODY)).expect("run these tests as root");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("others may look in");
    std::fs::write(folder.path().join("ids"), "nobody:200000:65536\n").expect("written");

    let mut command = as_nobody(folder.path());
    command.args([TERRELLA, "--data-dir"]).arg(&data).args([
        "serve",
        "--port",
        "0",
        "--die-with-parent",
    ]);
    let region = Serving::spawn(&mut command);
    let account = Account { region: &region };
    account.rds(
        "Action=CreateDBInstance&DBInstanceIdentifier=db&Engine=postgres&DBName=app\
         &DBInstanceClass=db.t4g.micro&AllocatedStorage=20&MasterUsername=app\
         &MasterUserPassword=longenough&BackupRetentionPeriod=0",
    );
    let image = push(&region, folder.path());
    service(&account, &image);

    let seen = || {
        let (_, text) = region.curl("sts", "/_terrella/status", &[]);
        serde_json::from_str::<Value>(&text).expect("a status")
    };
    let address = eventually("the balancer is published", LIMIT, || {
        Some(seen()["listeners"][0]["address"].as_str()?.to_owned())
    });
    let answer = eventually("a task answers", LIMIT, || {
        let answer = Command::new("curl")
            .args(["--silent", "--fail", "--max-time", "5"])
            .arg(format!("http://{address}/"))
            .output()
            .expect("curl");
        answer.status.success().then_some(answer.stdout)
    });
    assert_eq!(String::from_utf8_lossy(&answer), "user 65532\n");

    eventually("the database is available", LIMIT, || {
        (seen()["databases"][0]["status"] == "available").then_some(())
    });
    let described = account.rds("Action=DescribeDBInstances");
    let endpoint = between(&described, "Address")[0];
    let connection = format!(
        "host={endpoint} dbname=app user=app password=longenough sslmode=require connect_timeout=5"
    );
    let asked = as_nobody(folder.path())
        .args([TERRELLA, "--data-dir"])
        .arg(&data)
        .args(["exec", "--interface", &interface(&account)])
        .args(["psql", "-XAtc", "SELECT current_user", &connection])
        .output()
        .expect("it runs");
    assert_eq!(succeeded("psql", &asked), "app\n");

    let done = as_nobody(folder.path())
        .args([TERRELLA, "--data-dir"])
        .arg(&data)
        .args(["destroy", "--yes"])
        .output()
        .expect("it runs");
    succeeded("destroy", &done);
    assert!(!data.exists());
    drop(region);
    crate::leftovers::nothing_runs(&data);
}
