//! A region with a VPC of three zones, a load balancer, an image and a cluster, and a machine that
//! plays what it is told to run: tasks start, answer their checks, crash or never come up, as
//! their task definition's behaviour says. Time is the bench's alone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use wire::ecs::{self as api, op};
use wire::{ec2, ecr, elbv2};
use world::Event;
use world::event::{
    BalancerStatus, ContainerStatus, StopCause, TargetStatus, TaskPhase, TaskStatus,
};

use crate::Region;
use crate::services::ec2::interface as ec2_interface;
use crate::services::ecr::manifest::{OCI_IMAGE, digest_of};
use crate::services::ecr::registry;
use crate::testing::Bench;

pub(crate) const SERVICE: &str = "ecs";
pub(crate) const CLUSTER: &str = "main";
const IMAGE: &str = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/app:1";
const PORT: u16 = 8080;
/// From what is wanted to what runs, and from the signal to the end.
const STARTS_AFTER: SignedDuration = SignedDuration::from_secs(5);
const STOPS_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// From registration to the health checks' word.
const CHECKED_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What tasks of a task definition do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Well,
    /// They never run.
    FailsToStart,
    /// They run for so many seconds and end by themselves.
    Crashes(i64),
    /// They run, and fail the load balancer's checks.
    Unhealthy,
}

#[derive(Debug, Clone, Copy)]
struct Life {
    seen: Timestamp,
    running: Option<Timestamp>,
    told_to_stop: Option<Timestamp>,
    stopped: bool,
}

/// Called after every instant.
type Watch = Box<dyn FnMut(&Region)>;

pub(crate) struct Stage {
    pub(crate) bench: Bench,
    pub(crate) subnets: Vec<String>,
    pub(crate) target_group: String,
    balancer: String,
    /// By task definition ARN; the others are well.
    behaviours: BTreeMap<String, Behaviour>,
    lives: BTreeMap<String, Life>,
    /// Targets by group and address, since when they are registered.
    targets: BTreeMap<(String, String), (Timestamp, bool)>,
    pub(crate) watch: Option<Watch>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut bench = Bench::new();
        let (vpc, subnets) = network(&mut bench);
        let (balancer, target_group) = balancer(&mut bench, &vpc, &subnets);
        image(&mut bench);
        let input = api::CreateClusterRequest {
            cluster_name: Some(CLUSTER.into()),
            ..Default::default()
        };
        bench
            .call::<op::CreateCluster>(SERVICE, input)
            .expect("a cluster");
        Self {
            bench,
            subnets,
            target_group,
            balancer,
            behaviours: BTreeMap::new(),
            lives: BTreeMap::new(),
            targets: BTreeMap::new(),
            watch: None,
        }
    }

    /// Registers a revision of `web` whose tasks behave so, and gives its ARN.
    pub(crate) fn definition(&mut self, behaviour: Behaviour) -> String {
        let input = api::RegisterTaskDefinitionRequest {
            family: "web".into(),
            cpu: Some("256".into()),
            memory: Some("512".into()),
            network_mode: Some(api::NetworkMode::Awsvpc),
            requires_compatibilities: Some(vec![api::Compatibility::Fargate]),
            container_definitions: vec![api::ContainerDefinition {
                name: Some("app".into()),
                image: Some(IMAGE.into()),
                essential: Some(true),
                port_mappings: Some(vec![api::PortMapping {
                    container_port: Some(i64::from(PORT)),
                    ..Default::default()
                }]),
                ..Default::default()
            }],
            ..Default::default()
        };
        let made = self
            .bench
            .call::<op::RegisterTaskDefinition>(SERVICE, input)
            .expect("a task definition");
        let arn = made
            .task_definition
            .and_then(|one| one.task_definition_arn)
            .expect("it has an ARN");
        self.behaviours.insert(arn.clone(), behaviour);
        arn
    }

    /// What creates a service `web` of so many tasks behind the load balancer.
    pub(crate) fn new_service(&self, definition: &str, desired: i64) -> api::CreateServiceRequest {
        api::CreateServiceRequest {
            cluster: Some(CLUSTER.into()),
            service_name: "web".into(),
            task_definition: Some(definition.to_owned()),
            desired_count: Some(desired),
            launch_type: Some(api::LaunchType::Fargate),
            network_configuration: Some(self.network_configuration()),
            load_balancers: Some(vec![api::LoadBalancer {
                target_group_arn: Some(self.target_group.clone()),
                container_name: Some("app".into()),
                container_port: Some(i64::from(PORT)),
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    pub(crate) fn network_configuration(&self) -> api::NetworkConfiguration {
        api::NetworkConfiguration {
            awsvpc_configuration: Some(api::AwsVpcConfiguration {
                subnets: self.subnets.clone(),
                ..Default::default()
            }),
        }
    }

    pub(crate) fn create(&mut self, input: api::CreateServiceRequest) -> api::Service {
        self.bench
            .call::<op::CreateService>(SERVICE, input)
            .expect("it is made")
            .service
            .expect("it is shown")
    }

    /// A service `web` of well-behaved tasks that has come to rest.
    pub(crate) fn steady(&mut self, desired: i64) -> String {
        let definition = self.definition(Behaviour::Well);
        let input = self.new_service(&definition, desired);
        self.create(input);
        self.pass(120);
        let service = self.service("web");
        assert_eq!(service.running_count, Some(desired), "{service:?}");
        definition
    }

    pub(crate) fn update(
        &mut self,
        change: impl FnOnce(&mut api::UpdateServiceRequest),
    ) -> api::Service {
        let mut input = api::UpdateServiceRequest {
            cluster: Some(CLUSTER.into()),
            service: "web".into(),
            ..Default::default()
        };
        change(&mut input);
        self.bench
            .call::<op::UpdateService>(SERVICE, input)
            .expect("it is changed")
            .service
            .expect("it is shown")
    }

    pub(crate) fn service(&mut self, name: &str) -> api::Service {
        let input = api::DescribeServicesRequest {
            cluster: Some(CLUSTER.into()),
            services: vec![name.to_owned()],
            ..Default::default()
        };
        self.bench
            .call::<op::DescribeServices>(SERVICE, input)
            .expect("an answer")
            .services
            .expect("a list")
            .remove(0)
    }

    /// What the service `web` told, the oldest first, with its names and ids made short.
    pub(crate) fn events(&mut self) -> Vec<String> {
        let mut events: Vec<String> = self
            .service("web")
            .events
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| event.message)
            .map(|message| shorten(&message))
            .collect();
        events.reverse();
        events
    }

    /// Lets time pass, with the machine playing along.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let end = self.bench.now + SignedDuration::from_secs(seconds);
        loop {
            let mut next = self.play();
            for at in [self.bench.region.deadline(), Some(end)] {
                next = next.into_iter().chain(at).min();
            }
            self.look();
            let next = next.unwrap_or(end).min(end);
            if self.bench.now >= end {
                return;
            }
            let step = next.duration_since(self.bench.now);
            self.bench.pass(step.max(SignedDuration::ZERO));
            self.look();
        }
    }

    fn look(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch(&self.bench.region);
        }
    }

    /// Says all that is due now, and when something is due next.
    fn play(&mut self) -> Option<Timestamp> {
        loop {
            let (events, next) = self.due();
            if events.is_empty() {
                return next;
            }
            for event in events {
                self.bench.observe(&event);
                self.look();
            }
        }
    }

    fn due(&mut self) -> (Vec<Event>, Option<Timestamp>) {
        let now = self.bench.now;
        let mut events = Vec::new();
        let mut next: Option<Timestamp> = None;
        let mut later = |at: Timestamp| {
            next = Some(next.map_or(at, |old| old.min(at)));
        };
        for (id, wanted) in self.bench.world().tasks {
            let Some(row) = self.bench.region.ecs.tasks.get(id.as_str()) else {
                continue;
            };
            let behaviour = self
                .behaviours
                .get(&row.task_definition)
                .copied()
                .unwrap_or(Behaviour::Well);
            let life = self.lives.entry(id.to_string()).or_insert(Life {
                seen: now,
                running: None,
                told_to_stop: None,
                stopped: false,
            });
            if life.stopped {
                continue;
            }
            if wanted.stop {
                let at = *life.told_to_stop.get_or_insert(now) + STOPS_AFTER;
                if at <= now {
                    life.stopped = true;
                    let cause = StopCause::Requested;
                    events.push(status(
                        id.as_str(),
                        TaskPhase::Stopped { cause },
                        life.running,
                    ));
                } else {
                    later(at);
                }
                continue;
            }
            let Some(running) = life.running else {
                let at = life.seen + STARTS_AFTER;
                if at > now {
                    later(at);
                } else if behaviour == Behaviour::FailsToStart {
                    life.stopped = true;
                    let cause = StopCause::FailedToStart {
                        reason: "CannotStartContainerError: no such file".into(),
                    };
                    events.push(status(id.as_str(), TaskPhase::Stopped { cause }, None));
                } else {
                    life.running = Some(now);
                    events.push(status(id.as_str(), TaskPhase::Running, life.running));
                }
                continue;
            };
            if let Behaviour::Crashes(seconds) = behaviour {
                let at = running + SignedDuration::from_secs(seconds);
                if at <= now {
                    life.stopped = true;
                    let cause = StopCause::EssentialContainerExited;
                    events.push(status(
                        id.as_str(),
                        TaskPhase::Stopped { cause },
                        life.running,
                    ));
                } else {
                    later(at);
                }
            }
        }
        self.check(now, &mut events, &mut later);
        (events, next)
    }

    /// The nodes' health checks of every registered target.
    fn check(&mut self, now: Timestamp, events: &mut Vec<Event>, later: &mut dyn FnMut(Timestamp)) {
        let region = &self.bench.region;
        let mut targets = Vec::new();
        for (key, target) in region.elbv2.targets.iter() {
            let (since, told) = self.targets.entry(key.clone()).or_insert((now, false));
            if target.draining_until.is_some() || *told {
                continue;
            }
            let at = *since + CHECKED_AFTER;
            if at > now {
                later(at);
                continue;
            }
            *told = true;
            let unhealthy = region.ecs.tasks.values().any(|task| {
                let own = ec2_interface::get(region, &task.interface)
                    .is_ok_and(|one| one.address == target.address);
                own && self.behaviours.get(&task.task_definition) == Some(&Behaviour::Unhealthy)
            });
            targets.push(TargetStatus {
                target_group: key.0.clone(),
                address: target.address,
                port: target.port,
                state: if unhealthy { "unhealthy" } else { "healthy" }.into(),
                reason: unhealthy.then(|| "Target.ResponseCodeMismatch".into()),
                description: unhealthy
                    .then(|| "Health checks failed with these codes: [500]".into()),
            });
        }
        self.targets
            .retain(|key, _| region.elbv2.targets.contains(key));
        if !targets.is_empty() {
            let (_, id) = self
                .balancer
                .split_once(":loadbalancer/")
                .expect("an ARN names it");
            events.push(Event::Balancer(BalancerStatus {
                balancer: id.into(),
                ready_nodes: vec![],
                targets,
                listeners: vec![],
            }));
        }
    }

    /// Moves the image's tag to another image.
    pub(crate) fn push(&mut self, content: &str) {
        push(&mut self.bench, content);
    }

    /// Says of a running task that it ended, or that its machine is lost.
    pub(crate) fn end(&mut self, id: &str, cause: StopCause) {
        let life = self.lives.get_mut(id).expect("it was started");
        life.stopped = true;
        let event = status(id, TaskPhase::Stopped { cause }, life.running);
        self.bench.observe(&event);
    }

    /// The tasks of `web` that are meant to run, by id, with their zones.
    pub(crate) fn tasks(&self) -> Vec<(String, String)> {
        self.bench
            .region
            .ecs
            .tasks
            .values()
            .filter(|task| task.wanted())
            .map(|task| (task.id.to_string(), task.zone.clone()))
            .collect()
    }
}

fn status(task: &str, phase: TaskPhase, started_at: Option<Timestamp>) -> Event {
    let exit_code = matches!(
        phase,
        TaskPhase::Stopped {
            cause: StopCause::EssentialContainerExited
        }
    )
    .then_some(1);
    Event::Task(TaskStatus {
        task: task.into(),
        phase,
        pull_started_at: None,
        pull_stopped_at: None,
        containers: vec![ContainerStatus {
            name: "app".into(),
            started_at,
            finished_at: None,
            exit_code,
            reason: None,
            health: None,
        }],
        warnings: vec![],
    })
}

/// Puts `T`, `D` and `G` for ids of tasks and deployments and for ARNs.
fn shorten(message: &str) -> String {
    let mut words = Vec::new();
    for word in message.split(' ') {
        let bare = word.trim_matches(|one: char| "(),.".contains(one));
        let long = if bare.starts_with("arn:") {
            "G"
        } else if bare.starts_with("ecs-svc/") {
            "D"
        } else if bare.len() == 32 && bare.bytes().all(|one| one.is_ascii_hexdigit()) {
            "T"
        } else {
            bare
        };
        words.push(word.replace(bare, long));
    }
    words.join(" ")
}

fn network(bench: &mut Bench) -> (String, Vec<String>) {
    use ec2::op;
    let input = ec2::CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".into()),
        ..Default::default()
    };
    let made = bench.call::<op::CreateVpc>("ec2", input).expect("a VPC");
    let vpc = made.vpc.and_then(|one| one.vpc_id).expect("its id");
    let gateway = bench
        .call::<op::CreateInternetGateway>("ec2", ec2::CreateInternetGatewayRequest::default())
        .expect("a gateway");
    let input = ec2::AttachInternetGatewayRequest {
        internet_gateway_id: gateway
            .internet_gateway
            .and_then(|one| one.internet_gateway_id)
            .expect("its id"),
        vpc_id: vpc.clone(),
        ..Default::default()
    };
    bench
        .call::<op::AttachInternetGateway>("ec2", input)
        .expect("it is attached");
    let mut subnets = Vec::new();
    for (number, letter) in ["a", "b", "c"].into_iter().enumerate() {
        let input = ec2::CreateSubnetRequest {
            vpc_id: vpc.clone(),
            cidr_block: Some(format!("10.0.{number}.0/24")),
            availability_zone: Some(format!("eu-central-1{letter}")),
            ..Default::default()
        };
        let made = bench
            .call::<op::CreateSubnet>("ec2", input)
            .expect("a subnet");
        subnets.push(made.subnet.and_then(|one| one.subnet_id).expect("its id"));
    }
    (vpc, subnets)
}

fn balancer(bench: &mut Bench, vpc: &str, subnets: &[String]) -> (String, String) {
    use elbv2::op;
    const SERVICE: &str = "elbv2";
    let input = elbv2::CreateLoadBalancerInput {
        name: "web".into(),
        subnets: Some(subnets.to_vec()),
        ..Default::default()
    };
    let balancer = bench
        .call::<op::CreateLoadBalancer>(SERVICE, input)
        .expect("a load balancer")
        .load_balancers
        .and_then(|mut all| all.remove(0).load_balancer_arn)
        .expect("its ARN");
    let input = elbv2::CreateTargetGroupInput {
        name: "web".into(),
        protocol: Some(elbv2::ProtocolEnum::Http),
        port: Some(i64::from(PORT)),
        vpc_id: Some(vpc.to_owned()),
        target_type: Some(elbv2::TargetTypeEnum::Ip),
        ..Default::default()
    };
    let group = bench
        .call::<op::CreateTargetGroup>(SERVICE, input)
        .expect("a target group")
        .target_groups
        .and_then(|mut all| all.remove(0).target_group_arn)
        .expect("its ARN");
    let input = elbv2::ModifyTargetGroupAttributesInput {
        target_group_arn: group.clone(),
        attributes: vec![elbv2::TargetGroupAttribute {
            key: Some("deregistration_delay.timeout_seconds".into()),
            value: Some("20".into()),
        }],
    };
    bench
        .call::<op::ModifyTargetGroupAttributes>(SERVICE, input)
        .expect("it is changed");
    let input = elbv2::CreateListenerInput {
        load_balancer_arn: balancer.clone(),
        port: Some(80),
        protocol: Some(elbv2::ProtocolEnum::Http),
        default_actions: vec![elbv2::Action {
            r#type: elbv2::ActionTypeEnum::Forward,
            target_group_arn: Some(group.clone()),
            ..Default::default()
        }],
        ..Default::default()
    };
    bench
        .call::<op::CreateListener>(SERVICE, input)
        .expect("a listener");
    (balancer, group)
}

fn image(bench: &mut Bench) {
    use ecr::op;
    let input = ecr::CreateRepositoryRequest {
        repository_name: "app".into(),
        ..Default::default()
    };
    bench
        .call::<op::CreateRepository>("ecr", input)
        .expect("a repository");
    push(bench, "1");
}

/// Pushes an image that differs from others, under the tag `1`.
fn push(bench: &mut Bench, content: &str) {
    use ecr::op;
    let digest = digest_of(content.as_bytes());
    bench
        .write(|region, context| registry::add_blob(region, context, "app", &digest, 3))
        .expect("a blob");
    let input = ecr::PutImageRequest {
        repository_name: "app".into(),
        image_manifest: format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_IMAGE}","config":{{"mediaType":"c","digest":"{digest}","size":3}},"layers":[]}}"#
        ),
        image_tag: Some("1".into()),
        ..Default::default()
    };
    bench.call::<op::PutImage>("ecr", input).expect("an image");
}
