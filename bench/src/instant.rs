//! The control plane with a world that takes no time. What Terraform needs against it is its own:
//! the floor under every apply.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use engine::Engine;
use gateway::Gateway;
use region::Settings;
use tokio::net::TcpListener;
use world::event::{
    BalancerStatus, ContainerStatus, DatabasePhase, DatabaseStatus, SnapshotFacts, StopCause,
    TargetStatus, TaskPhase, TaskStatus,
};
use world::{Action, ActionKind, Event, World};

pub(crate) fn run(data: &Path) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no threads could be started")?
        .block_on(serve(data))
}

async fn serve(data: &Path) -> Result<()> {
    std::fs::create_dir_all(data).with_context(|| format!("make {}", data.display()))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let authority = gateway::certificate_authority(data)?;
    let settings = Settings {
        endpoint: address.to_string(),
        certificate_authority: authority.certificate,
        certificate_authority_key: authority.key,
        ..Settings::default()
    };
    let engine = Engine::open(data, settings)?;
    tokio::spawn(Gateway::new(Arc::clone(&engine), data)?.serve(listener));
    tokio::spawn(Arc::clone(&engine).run());
    println!("http://{address}");
    std::io::stdout().flush()?;
    let mut told = Vec::new();
    let mut done = BTreeSet::new();
    loop {
        let (world, actions) = engine.world();
        let now = at_once(&world);
        for event in now.iter().filter(|event| !told.contains(*event)) {
            engine.observe(event)?;
        }
        told = now;
        for action in actions {
            if done.insert(action.id.clone()) {
                engine.observe(&answer(action))?;
            }
        }
        engine.world_changed().await;
    }
}

/// Everything that is wanted, told as being there.
fn at_once(world: &World) -> Vec<Event> {
    let vpcs = world.vpcs.keys().cloned().map(Event::VpcReady);
    let tasks = world.tasks.values().map(|task| {
        Event::Task(TaskStatus {
            task: task.id.clone(),
            phase: if task.stop {
                TaskPhase::Stopped {
                    cause: StopCause::Requested,
                }
            } else {
                TaskPhase::Running
            },
            pull_started_at: None,
            pull_stopped_at: None,
            containers: task
                .containers
                .iter()
                .map(|container| ContainerStatus {
                    name: container.name.clone(),
                    started_at: None,
                    finished_at: None,
                    exit_code: task.stop.then_some(0),
                    reason: None,
                    health: None,
                })
                .collect(),
            warnings: Vec::new(),
        })
    });
    let databases = world.databases.values().map(|database| {
        Event::Database(DatabaseStatus {
            database: database.id.clone(),
            phase: if database.stopped {
                DatabasePhase::Stopped
            } else {
                DatabasePhase::Available
            },
            version: Some(format!("{}.1", database.major_version)),
            active_interface: Some(database.interface.clone()),
            pending_restart: Vec::new(),
            refused: Vec::new(),
            local: None,
        })
    });
    let balancers = world.balancers.values().map(|balancer| {
        let targets = balancer.config.target_groups.iter().flat_map(|group| {
            group.targets.iter().filter_map(|target| {
                let std::net::IpAddr::V4(address) = target.address else {
                    return None;
                };
                Some(TargetStatus {
                    target_group: group.arn.clone(),
                    address,
                    port: target.port,
                    state: if target.draining {
                        "draining"
                    } else {
                        "healthy"
                    }
                    .to_owned(),
                    reason: None,
                    description: None,
                })
            })
        });
        Event::Balancer(BalancerStatus {
            balancer: balancer.id.clone(),
            ready_nodes: addresses(world, balancer),
            targets: targets.collect(),
            listeners: Vec::new(),
        })
    });
    vpcs.chain(tasks)
        .chain(databases)
        .chain(balancers)
        .collect()
}

fn addresses(world: &World, balancer: &world::balancer::Balancer) -> Vec<std::net::Ipv4Addr> {
    let Some(vpc) = world.vpcs.get(&balancer.vpc) else {
        return Vec::new();
    };
    balancer
        .nodes
        .keys()
        .filter_map(|interface| vpc.interfaces.get(interface))
        .map(|interface| interface.address)
        .collect()
}

fn answer(action: Action) -> Event {
    let snapshot = match action.kind {
        ActionKind::TakeSnapshot { snapshot, .. } => Some(SnapshotFacts {
            snapshot,
            bytes: 1 << 20,
            engine_version: "15.1".to_owned(),
        }),
        _ => None,
    };
    Event::ActionDone {
        id: action.id,
        failure: None,
        snapshot,
    }
}
