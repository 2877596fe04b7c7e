//! A balancer node with one target.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use world::balancer::node::{
    Answer, FromNode, Node, NodeConfig, NodeStatus, PROTOCOL, Request, ToNode,
};
use world::balancer::{
    Action, Attributes, Config, Forward, HealthCheck, Listener, Protocol, ProtocolVersion, Target,
    TargetGroup, TargetGroupAttributes, WeightedGroup,
};
use world::database::Secret;

use super::eventually;

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/bench/1/1";
const GROUP: &str = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/bench/1";

pub(crate) struct Balancer {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Balancer {
    /// Ready to send to this target.
    pub(crate) fn start(target: SocketAddr) -> Self {
        let program = std::env::var("BALANCER")
            .expect("BALANCER names the balancer's program; bench/links/run sets it");
        let directory = tempfile::tempdir().expect("make a directory for the balancer");
        let socket = directory.path().join("control");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", &program, "--control"])
            .arg(&socket)
            .arg("--state")
            .arg(directory.path().join("state"))
            .stdin(Stdio::null())
            .spawn()
            .expect("start the balancer");
        let stream = eventually("the control socket", || {
            UnixStream::connect(&socket).map_err(|error| error.to_string())
        });
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("set a timeout");
        let mut control = BufReader::new(stream);
        let node = Node {
            address: Ipv4Addr::LOCALHOST.into(),
            availability_zone: "eu-central-1a".into(),
        };
        let config = config(target);
        let configure = Request::Configure(Box::new(NodeConfig { node, config }));
        let answer = ask(&mut control, configure);
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        let status = eventually("a healthy target", || {
            let Answer::Status(status) = ask(&mut control, Request::Status) else {
                return Err("no status".to_owned());
            };
            let healthy = status
                .targets
                .iter()
                .any(|target| target.state == "healthy");
            if healthy {
                Ok(status)
            } else {
                Err(format!("{status:?}"))
            }
        });
        Self {
            child,
            address: listens(&status),
            _directory: directory,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listens(status: &NodeStatus) -> SocketAddr {
    let address = status
        .listeners
        .first()
        .and_then(|listener| listener.address);
    address.expect("the listener is bound")
}

fn ask(control: &mut BufReader<UnixStream>, request: Request) -> Answer {
    let message = ToNode {
        protocol: PROTOCOL,
        id: 1,
        request,
    };
    let mut line = serde_json::to_vec(&message).expect("it is plain data");
    line.push(b'\n');
    control
        .get_mut()
        .write_all(&line)
        .expect("ask the balancer");
    loop {
        let mut line = String::new();
        control.read_line(&mut line).expect("hear the balancer");
        let told: FromNode = serde_json::from_str(&line).expect("its vocabulary");
        if told.id.is_some() {
            return told.answer;
        }
    }
}

fn config(target: SocketAddr) -> Config {
    let forward = Action::Forward(Forward {
        target_groups: vec![WeightedGroup {
            target_group: GROUP.into(),
            weight: 1,
        }],
        stickiness_ms: None,
    });
    Config {
        version: 1,
        name: "bench".into(),
        arn: "arn:aws:elasticloadbalancing:eu-central-1:000000000000:loadbalancer/app/bench/1"
            .into(),
        dns_name: "bench.test".into(),
        cookie_secret: Secret::new("bench"),
        attributes: Attributes::default(),
        listeners: vec![Listener {
            arn: LISTENER.into(),
            port: 0,
            protocol: Protocol::Http,
            certificates: Vec::new(),
            ssl_policy: None,
            default_actions: vec![forward],
            rules: Vec::new(),
        }],
        target_groups: vec![TargetGroup {
            arn: GROUP.into(),
            protocol: Protocol::Http,
            protocol_version: ProtocolVersion::Http1,
            health_check: HealthCheck {
                path: "/health/ready".into(),
                interval_ms: 200,
                timeout_ms: 2000,
                healthy_threshold: 2,
                ..HealthCheck::default()
            },
            attributes: TargetGroupAttributes::default(),
            targets: vec![Target {
                address: target.ip(),
                port: target.port(),
                availability_zone: None,
                draining: false,
            }],
        }],
    }
}
