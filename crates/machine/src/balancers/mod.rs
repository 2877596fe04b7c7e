//! Load balancers: a process for each node, kept running and told what to serve, and their
//! listeners published on the host's loopback.

mod merge;
mod node;
mod publish;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use world::balancer::Balancer;
use world::balancer::node::{Node, NodeConfig};
use world::event::{BalancerStatus, Published};
use world::measure::NodeTraffic;
use world::network::Vpc;
use world::{BalancerId, Event, InterfaceId, VpcId};

use crate::error::{Failure, Step as _};
use crate::host::Host;
use crate::roles::Arguments;
use merge::NodeView;
use publish::{Ports, Publisher};

pub(crate) struct Balancers {
    host: Host,
    ports: Ports,
    balancers: BTreeMap<BalancerId, Entry>,
}

/// One load balancer. Dropping it leaves its processes running.
struct Entry {
    nodes: BTreeMap<InterfaceId, NodeHandle>,
    shared: Arc<Shared>,
    publisher: Option<Publisher>,
    teller: JoinHandle<()>,
}

struct NodeHandle {
    wanted: watch::Sender<NodeConfig>,
    task: JoinHandle<()>,
}

impl Drop for NodeHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is known of one load balancer, by those who find out.
pub(crate) struct Shared {
    known: Mutex<Known>,
    changed: mpsc::UnboundedSender<()>,
}

#[derive(Default)]
struct Known {
    version: u64,
    views: BTreeMap<InterfaceId, NodeView>,
    public: BTreeMap<InterfaceId, Ipv4Addr>,
    published: Vec<Published>,
}

impl Shared {
    fn update(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
        // The teller ends only with the load balancer.
        let _ = self.changed.send(());
    }

    /// Where a connection from the internet may go: the nodes that serve, the up-to-date ones
    /// when there are any.
    pub(crate) fn entrances(&self) -> Vec<Ipv4Addr> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let serving = |newest: bool| {
            known
                .views
                .iter()
                .filter(|(_, view)| match view.version {
                    Some(version) => !newest || version == known.version,
                    None => false,
                })
                .filter_map(|(id, _)| known.public.get(id).copied())
                .collect::<Vec<_>>()
        };
        let newest = serving(true);
        if newest.is_empty() {
            serving(false)
        } else {
            newest
        }
    }
}

impl Balancers {
    pub(crate) fn new(host: &Host) -> Result<Self, Failure> {
        let folder = node::folder(host);
        std::fs::create_dir_all(&folder).step(|| format!("make {}", folder.display()))?;
        Ok(Self {
            ports: Ports::new(host),
            host: host.clone(),
            balancers: BTreeMap::new(),
        })
    }

    /// Starts, adopts and configures the nodes whose interfaces are there; the others follow
    /// when their VPC has them.
    pub(crate) fn ensure(&mut self, balancer: &Balancer, vpcs: &BTreeMap<VpcId, Vpc>) {
        let entry = self
            .balancers
            .entry(balancer.id.clone())
            .or_insert_with(|| Entry::new(&self.host, &balancer.id));
        let interfaces: BTreeMap<_, _> = balancer
            .nodes
            .iter()
            .filter_map(|(id, zone)| {
                let interface = vpcs.get(&balancer.vpc)?.interfaces.get(id)?;
                Some((id, (zone, interface)))
            })
            .collect();
        entry.shared.update(|known| {
            known.version = balancer.config.version;
            known.views.retain(|id, _| interfaces.contains_key(id));
            known.public = interfaces
                .iter()
                .filter_map(|(id, (_, interface))| Some(((*id).clone(), interface.public_address?)))
                .collect();
        });
        let gone: Vec<_> = entry
            .nodes
            .keys()
            .filter(|id| !interfaces.contains_key(id))
            .cloned()
            .collect();
        for id in gone {
            entry.nodes.remove(&id);
            node::end(&self.host, &id);
        }
        for (id, (zone, interface)) in interfaces {
            let config = NodeConfig {
                node: Node {
                    address: interface.address.into(),
                    availability_zone: zone.clone(),
                },
                config: balancer.config.clone(),
            };
            if let Some(node) = entry.nodes.get(id) {
                node.wanted.send_if_modified(|wanted| {
                    let changed = *wanted != config;
                    *wanted = config;
                    changed
                });
            } else {
                let (wanted, receiver) = watch::channel(config);
                let task = tokio::spawn(node::run(
                    self.host.clone(),
                    id.clone(),
                    receiver,
                    entry.shared.clone(),
                ));
                entry.nodes.insert(id.clone(), NodeHandle { wanted, task });
            }
        }
        if balancer.internet_facing {
            let publisher = entry
                .publisher
                .get_or_insert_with(|| Publisher::new(&self.host, entry.shared.clone()));
            publisher.ensure(&balancer.id, &balancer.publish, &mut self.ports);
        } else {
            entry.publisher = None;
            entry.shared.update(|known| known.published.clear());
        }
    }

    pub(crate) fn remove(&mut self, id: &BalancerId) {
        if let Some(mut entry) = self.balancers.remove(id) {
            entry.teller.abort();
            for interface in std::mem::take(&mut entry.nodes).into_keys() {
                node::end(&self.host, &interface);
            }
        }
    }

    /// What went through every node since the last time.
    pub(crate) fn measure(&self) -> Vec<NodeTraffic> {
        let mut all = Vec::new();
        for (id, entry) in &self.balancers {
            let mut known = entry
                .shared
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.extend(known.views.values_mut().map(|view| NodeTraffic {
                balancer: id.clone(),
                zone: view.zone.clone(),
                counters: view.measure(),
            }));
        }
        all
    }

    /// Removes what is not wanted, also what an executor before this one left running.
    pub(crate) fn prune(&mut self, wanted: &BTreeMap<BalancerId, Balancer>) {
        let gone: Vec<_> = self
            .balancers
            .keys()
            .filter(|id| !wanted.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            self.remove(&id);
        }
        for interface in node::left(&self.host) {
            if !wanted
                .values()
                .any(|balancer| balancer.nodes.contains_key(&interface))
            {
                node::end(&self.host, &interface);
            }
        }
    }
}

impl Entry {
    fn new(host: &Host, id: &BalancerId) -> Self {
        let (changed, mut news) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            known: Mutex::default(),
            changed,
        });
        let teller = tokio::spawn({
            let (host, id, shared) = (host.clone(), id.clone(), Arc::downgrade(&shared));
            async move {
                let mut last = None;
                while news.recv().await.is_some() {
                    let Some(shared) = shared.upgrade() else {
                        return;
                    };
                    let status = {
                        let known = shared.known.lock().unwrap_or_else(PoisonError::into_inner);
                        BalancerStatus {
                            balancer: id.clone(),
                            ready_nodes: merge::ready(known.version, known.views.values()),
                            targets: merge::targets(known.views.values()),
                            listeners: known.published.clone(),
                        }
                    };
                    if last.as_ref() != Some(&status) {
                        host.tell(Event::Balancer(status.clone()));
                        last = Some(status);
                    }
                }
            }
        });
        Self {
            nodes: BTreeMap::new(),
            shared,
            publisher: None,
            teller,
        }
    }
}

/// The role of a node: the data plane itself.
pub(crate) fn play(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    crate::executor::log_to_stderr();
    let arguments = Arguments(arguments);
    balancer::run(&balancer::Options {
        control_socket: arguments.path("--control")?,
        state_file: arguments.path("--state")?,
        access_log_directory: None,
        cores: None,
    })
    .step(|| "serve as a load balancer node")?;
    Ok(ExitCode::SUCCESS)
}
