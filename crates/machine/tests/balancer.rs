//! Load balancer nodes inside the network, published on the host.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use support::world::{at, interface, usual};
use support::{Region, eventually, processes_of};
use world::balancer::Balancer;
use world::event::BalancerStatus;
use world::measure::Measure;
use world::network::Vpc;
use world::{Command, Event, InterfaceId};

const PUBLIC: Ipv4Addr = Ipv4Addr::new(18, 192, 0, 30);

fn with_node() -> Vpc {
    let mut vpc = usual();
    interface(
        &mut vpc,
        "eni-lb",
        "subnet-public",
        "10.0.0.30",
        &["sg-web"],
    );
    vpc.interfaces
        .get_mut(&InterfaceId::from("eni-lb"))
        .expect("the node's interface")
        .public_address = Some(PUBLIC);
    vpc
}

fn balancer(vpc: &Vpc, version: u64, targets: &[&str]) -> Balancer {
    let targets: Vec<_> = targets
        .iter()
        .map(|address| json!({"address": address, "port": 8080}))
        .collect();
    Balancer {
        id: "app/web/0123456789abcdef".into(),
        vpc: vpc.id.clone(),
        nodes: [("eni-lb".into(), "eu-central-1a".to_owned())].into(),
        internet_facing: true,
        name: "web".into(),
        config: serde_json::from_value(json!({
            "version": version,
            "name": "web",
            "arn": "arn:aws:elasticloadbalancing:eu-central-1:000000000000:loadbalancer/app/web/0123456789abcdef",
            "dns_name": "web.example.com",
            "cookie_secret": "secret",
            "listeners": [{
                "arn": "listener", "port": 80, "protocol": "HTTP",
                "default_actions": [{"forward": {"target_groups": [{"target_group": "group", "weight": 1}]}}],
            }],
            "target_groups": [{
                "arn": "group", "protocol": "HTTP",
                "health_check": {"interval_ms": 200, "timeout_ms": 150, "healthy_threshold": 2},
                "targets": targets,
            }],
        }))
        .expect("a configuration"),
        publish: [(80, 0)].into(),
    }
}

/// The body of the answer; `None` when there is no answer.
fn get(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a limit");
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

impl Region {
    fn await_healthy(&mut self, targets: usize) -> BalancerStatus {
        self.await_event("healthy targets", |event| match event {
            Event::Balancer(status) => {
                let healthy = status
                    .targets
                    .iter()
                    .filter(|target| target.state == "healthy");
                let published = status.listeners.iter().all(|at| at.address.is_some());
                (healthy.count() == targets && published && !status.ready_nodes.is_empty())
                    .then(|| status.clone())
            }
            _ => None,
        })
    }

    /// Requests that were measured, once there are as many.
    fn requests(&mut self, wanted: u64) -> u64 {
        let mut count = 0;
        while count < wanted {
            let at = jiff::Timestamp::UNIX_EPOCH;
            self.send(&Command::Measure(Measure { at, all: true }));
            count += self.await_event("a measurement", |event| match event {
                Event::Measured(measured) => {
                    let nodes = measured.nodes.as_ref()?;
                    Some(
                        nodes
                            .iter()
                            .map(|node| node.counters.load_balancer.requests)
                            .sum::<u64>(),
                    )
                }
                _ => None,
            });
        }
        count
    }

    fn process(&self, role: &str) -> Option<Pid> {
        processes_of(self.data.path())
            .into_iter()
            .find(|(_, line)| line.contains(&format!(" machine {role} ")))
            .map(|(pid, _)| Pid::from_raw(pid))
    }
}

#[test]
fn a_request_goes_from_the_host_through_the_internet_and_a_node_to_a_task() {
    let mut region = Region::start();
    let vpc = with_node();
    region.ensure(&vpc);
    let mut task = region.probe(at("eni-task"), &["http", "0.0.0.0:8080", "hello"]);
    assert_eq!(task.line(), "listening");
    region.send(&Command::EnsureBalancer(Box::new(balancer(
        &vpc,
        1,
        &["10.0.1.10"],
    ))));
    let status = region.await_healthy(1);
    assert_eq!(status.ready_nodes, [Ipv4Addr::new(10, 0, 0, 30)]);
    let address = status.listeners[0].address.clone().expect("an address");
    assert_eq!(get(&address).as_deref(), Some("hello"));

    // Its security group counts for whoever comes from the host.
    let mut closed = vpc.clone();
    closed
        .security_groups
        .get_mut(&"sg-web".into())
        .expect("the group")
        .ingress
        .clear();
    region.ensure(&closed);
    assert_eq!(get(&address), None);
    region.ensure(&vpc);
    assert_eq!(get(&address).as_deref(), Some("hello"));
    assert_eq!(region.requests(2), 2, "the two that got through");

    // A new configuration reaches the node.
    region.send(&Command::EnsureBalancer(Box::new(balancer(&vpc, 2, &[]))));
    region.await_event("a target that drains", |event| match event {
        Event::Balancer(status) => {
            let draining = status
                .targets
                .iter()
                .all(|target| target.state == "draining");
            (draining && !status.ready_nodes.is_empty()).then_some(())
        }
        _ => None,
    });
    assert_eq!(get(&address), None);
}

#[test]
fn nodes_outlive_the_executor_and_are_started_again_when_they_die() {
    let mut region = Region::start();
    let vpc = with_node();
    region.ensure(&vpc);
    // In the background: what runs for a caller ends with the executor.
    let server = format!(
        "{} probe http 0.0.0.0:8080 hello >/dev/null 2>&1 &",
        support::MACHINE
    );
    assert!(
        region
            .run(at("eni-task"), &["sh", "-c", &server])
            .status
            .success()
    );
    region.send(&Command::EnsureBalancer(Box::new(balancer(
        &vpc,
        1,
        &["10.0.1.10"],
    ))));
    let address = region.await_healthy(1).listeners[0]
        .address
        .clone()
        .expect("an address");
    let node = region.process("balancer").expect("a node");
    let executor = region.process("executor").expect("an executor");
    kill(executor, Signal::SIGKILL).expect("a signal");
    eventually("another executor", || {
        region.process("executor").filter(|pid| *pid != executor)
    });
    eventually("the same address answers", || {
        get(&address).filter(|body| body == "hello")
    });
    assert_eq!(region.process("balancer"), Some(node));

    kill(node, Signal::SIGKILL).expect("a signal");
    eventually("another node", || {
        region.process("balancer").filter(|pid| *pid != node)
    });
    eventually("it serves what it served", || {
        get(&address).filter(|body| body == "hello")
    });

    region.connection = eventually("a control plane is taken", || {
        region
            .runtime
            .block_on(machine::client::Connection::open(&region.paths))
            .ok()
    });
    region.send(&Command::RemoveBalancer("app/web/0123456789abcdef".into()));
    eventually("the node ends", || {
        region.process("balancer").is_none().then_some(())
    });
    assert!(TcpStream::connect(&address).is_err());
}
