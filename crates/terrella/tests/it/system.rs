//! What an account does to have something run: an image, a role, a cluster, over the wire.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{Serving, TERRELLA, mortal};

/// Answers every request with the user it runs as.
const SERVER: &str = r#"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The image is small, the file is not. */
char padding[8 << 20] = {1};

int main(void) {
  int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (void *)&at, sizeof at) || listen(server, 64)) return 1;
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    char request[4096], body[64], answer[256];
    int client = accept(server, 0, 0);
    if (client < 0) continue;
    if (read(client, request, sizeof request) > 0) {
      int length = snprintf(body, sizeof body, "user %d\n", (int)getuid());
      int whole = snprintf(answer, sizeof answer,
        "HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s", length, body);
      if (write(client, answer, whole) < 0) return 2;
    }
    close(client);
  }
}
"#;

fn server(folder: &Path) -> String {
    let (source, program) = (folder.join("server.c"), folder.join("server"));
    std::fs::write(&source, SERVER).expect("the source");
    let status = Command::new("cc")
        .args(["-static", "-O1", "-o"])
        .args([&program, &source])
        .status()
        .expect("these tests need a C compiler (gcc, libc6-dev)");
    assert!(status.success(), "the server does not compile");
    program.to_string_lossy().into_owned()
}

pub(crate) struct Account<'a> {
    pub(crate) region: &'a Serving,
}

impl Account<'_> {
    pub(crate) fn query(&self, service: &str, version: &str, parameters: &str) -> String {
        let body = format!("Version={version}&{parameters}");
        let (status, text) = self.region.curl(service, "/", &["--data", &body]);
        assert_eq!(status, 200, "{parameters}: {text}");
        text
    }

    pub(crate) fn ec2(&self, parameters: &str) -> String {
        self.query("ec2", "2016-11-15", parameters)
    }

    pub(crate) fn elb(&self, parameters: &str) -> String {
        self.query("elasticloadbalancing", "2015-12-01", parameters)
    }

    pub(crate) fn rds(&self, parameters: &str) -> String {
        self.query("rds", "2014-10-31", parameters)
    }

    pub(crate) fn ecs(&self, operation: &str, input: &Value) -> Value {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let (status, answer) = self.region.json("ecs", &target, input);
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }
}

pub(crate) fn between<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open)
        .skip(1)
        .map(|rest| rest.split(&close).next().unwrap_or_default())
        .collect()
}

pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        use std::fmt::Write as _;
        let _ = write!(all, "%{byte:02X}");
        all
    })
}

pub(crate) fn push(region: &Serving, folder: &Path) -> String {
    let program = server(folder);
    let layout = folder.join("layout");
    let built = mortal(TERRELLA)
        .args(["image", "--binary", &program, "--output"])
        .arg(&layout)
        .output()
        .expect("it runs");
    let digest = succeeded("terrella image", &built);
    // What is built once more is the same.
    let again = mortal(TERRELLA)
        .args(["image", "--binary", &program, "--output"])
        .arg(folder.join("again"))
        .output()
        .expect("it runs");
    assert_eq!(succeeded("terrella image", &again), digest);
    let target = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
    let (status, made) = region.json("ecr", target, &json!({"repositoryName": "app"}));
    assert_eq!(status, 200, "{made}");
    let pushed = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--dest-tls-verify=false"])
        .args(["--dest-creds", "test:test"])
        .arg(format!("oci:{}", layout.display()))
        .arg(format!("docker://{}/app:1", region.address))
        .output()
        .expect("these tests need skopeo: install the package `skopeo`");
    succeeded("skopeo", &pushed);
    let uri = made["repository"]["repositoryUri"].as_str();
    format!("{}:1", uri.expect("a place"))
}

pub(crate) fn role(account: &Account) -> String {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let iam = |parameters: &str| account.query("iam", "2010-05-08", parameters);
    let made = iam(&format!(
        "Action=CreateRole&RoleName=execution&AssumeRolePolicyDocument={}",
        encoded(trust)
    ));
    let policy = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    iam(&format!(
        "Action=AttachRolePolicy&RoleName=execution&PolicyArn={}",
        encoded(policy)
    ));
    between(&made, "Arn")[0].to_owned()
}

pub(crate) fn succeeded(what: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A cluster and a task definition.
pub(crate) fn definition(account: &Account, image: &str) {
    account.ecs("CreateCluster", &json!({"clusterName": "main"}));
    account.ecs(
        "RegisterTaskDefinition",
        &json!({
            "family": "app", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "executionRoleArn": role(account),
            "containerDefinitions": [{
                "name": "app", "image": image, "essential": true,
                "portMappings": [{"containerPort": 8080}],
            }],
        }),
    );
}

/// The default network: its VPC, subnets and security group.
pub(crate) fn network(account: &Account) -> (String, Vec<String>, String) {
    let ids = |action: &str, name: &str| -> Vec<String> {
        let text = account.ec2(&format!("Action={action}"));
        between(&text, name)
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    (
        ids("DescribeVpcs", "vpcId")[0].clone(),
        ids("DescribeSubnets", "subnetId"),
        ids("DescribeSecurityGroups", "groupId")[0].clone(),
    )
}
