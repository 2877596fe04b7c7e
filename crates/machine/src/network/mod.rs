//! Networks as packets see them: a namespace that routes for each VPC, one for each interface,
//! one for the internet and one for AWS's own services.
//!
//! [`plan`] and [`rules`] decide, [`apply`] acts, [`resolver`] and [`splice`] answer.

mod apply;
mod internet;
#[cfg(test)]
mod model;
mod names;
mod plan;
mod resolver;
mod rules;
mod splice;
mod tools;
mod zones;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use world::network::{Endpoint, Internet, RouteTarget, Vpc};
use world::{InterfaceId, VpcId};

use crate::error::{Failure, Step as _};
use crate::host::{Host, Paths};
use apply::{Layout, State};
use internet::{Outside, PORTS, anywhere};
use resolver::View;
pub(crate) use splice::join;
use splice::{Guard, Origin, Via};
use tools::Tools;
use zones::Names;

/// Where a task's containers find their metadata and credentials.
const TASK_SERVICES: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 170, 2), 80);

pub(crate) struct Networks {
    tools: Tools,
    layout: Layout,
    gateway: PathBuf,
    internet: Internet,
    outside: Option<Outside>,
    run: PathBuf,
    vpcs: BTreeMap<VpcId, Running>,
    /// Interfaces of tasks.
    tasks: BTreeSet<InterfaceId>,
}

struct Running {
    vpc: Vpc,
    /// `None` when the last try failed somewhere: then what is there has to be found out.
    state: Option<State>,
    view: View,
    resolver: Option<(Vec<Ipv4Addr>, Guard)>,
    /// Gateway endpoints, by the service's address.
    gateways: BTreeMap<Ipv4Addr, (Origin, Guard)>,
    /// Interface endpoints, and the metadata of tasks.
    answering: BTreeMap<InterfaceId, (Origin, Guard)>,
}

impl Networks {
    pub(crate) fn new(host: &Host) -> Result<Self, Failure> {
        let layout = Layout {
            run: host.run.clone(),
        };
        layout.prepare()?;
        Ok(Self {
            tools: Tools::find()?,
            layout,
            gateway: Paths::new(&host.data).gateway_socket(),
            internet: Internet::default(),
            outside: None,
            run: host.run.clone(),
            vpcs: BTreeMap::new(),
            tasks: BTreeSet::new(),
        })
    }

    /// Makes what lies outside every VPC. Gives the VPCs that have to be ensured again, because
    /// AWS's services have moved.
    pub(crate) fn ensure_internet(&mut self, internet: &Internet) -> Result<Vec<VpcId>, Failure> {
        if self.outside.is_none() {
            self.outside = Some(Outside::make(
                &self.tools,
                &self.layout,
                &self.run,
                &self.gateway,
            )?);
        }
        if let Some(outside) = &mut self.outside {
            outside.update(&self.tools, &self.layout, internet)?;
        }
        let moved = self.internet.services.keys().ne(internet.services.keys());
        self.internet = internet.clone();
        for running in self.vpcs.values() {
            running.rename(&self.internet);
        }
        Ok(if moved {
            self.vpcs.keys().cloned().collect()
        } else {
            Vec::new()
        })
    }

    /// Makes a VPC what its document says; afterwards its interfaces' namespaces exist.
    pub(crate) fn ensure(&mut self, vpc: &Vpc) -> Result<(), Failure> {
        if self.outside.is_none() {
            let internet = self.internet.clone();
            self.ensure_internet(&internet)?;
        }
        let running = self
            .vpcs
            .entry(vpc.id.clone())
            .or_insert_with(|| Running::new(vpc));
        running.vpc = vpc.clone();
        running.rename(&self.internet);
        let services = self.internet.services.keys().copied().collect();
        let previous = running.state.take();
        let (state, change) =
            apply::converge(&self.tools, &self.layout, vpc, &services, previous.as_ref())?;
        for gone in &change.removed {
            running.answering.remove(gone);
        }
        running.answer(&self.layout, &self.gateway, &self.internet, &self.tasks)?;
        for id in vpc.interfaces.keys() {
            self.layout.publish(id)?;
        }
        running.state = Some(state);
        Ok(())
    }

    pub(crate) fn remove(&mut self, vpc: &VpcId) -> Result<(), Failure> {
        // Its listeners first: they hold the namespaces.
        self.vpcs.remove(vpc);
        apply::remove(&self.tools, &self.layout, vpc.as_str())
    }

    /// Removes every VPC and interface that is not wanted, also those of an executor before
    /// this one.
    pub(crate) fn prune(&mut self, wanted: &BTreeMap<VpcId, Vpc>) -> Result<(), Failure> {
        for vpc in names_in(&self.layout.routers())? {
            if !wanted.contains_key(&VpcId::from(vpc.as_str())) {
                self.remove(&vpc.into())?;
            }
        }
        for interface in names_in(&self.layout.interfaces())? {
            let id = InterfaceId::from(interface);
            if !wanted.values().any(|vpc| vpc.interfaces.contains_key(&id)) {
                self.layout.withdraw(&id);
                crate::netns::remove(&self.layout.interface(&id))?;
            }
        }
        Ok(())
    }

    /// Says which interfaces are tasks': there the metadata endpoint answers.
    pub(crate) fn set_tasks(&mut self, tasks: BTreeSet<InterfaceId>) -> Result<(), Failure> {
        if self.tasks == tasks {
            return Ok(());
        }
        self.tasks = tasks;
        for running in self.vpcs.values_mut() {
            if running.state.is_some() {
                running.answer(&self.layout, &self.gateway, &self.internet, &self.tasks)?;
            }
        }
        Ok(())
    }
}

impl Running {
    fn new(vpc: &Vpc) -> Self {
        Self {
            vpc: vpc.clone(),
            state: None,
            view: Arc::new(RwLock::new(Names::default())),
            resolver: None,
            gateways: BTreeMap::new(),
            answering: BTreeMap::new(),
        }
    }

    fn rename(&self, internet: &Internet) {
        let names = Names::of_vpc(&self.vpc, internet);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Starts and stops what answers inside the VPC.
    fn answer(
        &mut self,
        layout: &Layout,
        gateway: &std::path::Path,
        internet: &Internet,
        tasks: &BTreeSet<InterfaceId>,
    ) -> Result<(), Failure> {
        let router = layout.router(self.vpc.id.as_str());
        let addresses = if self.vpc.dns_support {
            plan::resolvers(&self.vpc)
        } else {
            Vec::new()
        };
        if self.resolver.as_ref().map(|(at, _)| at) != Some(&addresses) {
            self.resolver = None;
            let guard = resolver::serve(&router, &addresses, &self.view)?;
            self.resolver = Some((addresses, guard));
        }

        let gateways = self.gateway_origins(internet);
        self.gateways
            .retain(|address, (origin, _)| gateways.get(address) == Some(origin));
        for (address, origin) in gateways {
            if let Entry::Vacant(vacant) = self.gateways.entry(address) {
                let at = PORTS.map(|port| SocketAddrV4::new(address, port));
                let guard = splice::serve(&router, &at, true, gateway, &origin)?;
                vacant.insert((origin, guard));
            }
        }

        let answering = self.interface_origins(tasks);
        self.answering
            .retain(|id, (origin, _)| answering.get(id) == Some(origin));
        for (id, origin) in answering {
            if let Entry::Vacant(vacant) = self.answering.entry(id) {
                let at = if origin.via == Via::Task {
                    vec![TASK_SERVICES]
                } else {
                    PORTS.map(anywhere).to_vec()
                };
                let namespace = layout.interface(vacant.key());
                let guard = splice::serve(&namespace, &at, false, gateway, &origin)?;
                vacant.insert((origin, guard));
            }
        }
        Ok(())
    }

    /// The services that some subnet has a gateway endpoint's route to.
    fn gateway_origins(&self, internet: &Internet) -> BTreeMap<Ipv4Addr, Origin> {
        let routes = self.vpc.subnets.values().flat_map(|subnet| &subnet.routes);
        let mut origins = BTreeMap::new();
        for route in routes {
            let RouteTarget::Endpoint(id) = &route.target else {
                continue;
            };
            if !matches!(self.vpc.endpoints.get(id), Some(Endpoint::Gateway)) {
                continue;
            }
            for address in internet.services.keys() {
                if route.destination.contains(address) {
                    origins.insert(*address, self.endpoint_origin(id.as_str(), None));
                }
            }
        }
        origins
    }

    fn interface_origins(&self, tasks: &BTreeSet<InterfaceId>) -> BTreeMap<InterfaceId, Origin> {
        let mut origins = BTreeMap::new();
        for (id, endpoint) in &self.vpc.endpoints {
            let Endpoint::Interface { interfaces, .. } = endpoint else {
                continue;
            };
            for interface in interfaces {
                if self.vpc.interfaces.contains_key(interface) {
                    let origin = self.endpoint_origin(id.as_str(), Some(interface));
                    origins.insert(interface.clone(), origin);
                }
            }
        }
        for interface in tasks {
            if self.vpc.interfaces.contains_key(interface) {
                let origin = Origin {
                    via: Via::Task,
                    endpoint: None,
                    vpc: Some(self.vpc.id.to_string()),
                    interface: Some(interface.to_string()),
                };
                origins.insert(interface.clone(), origin);
            }
        }
        origins
    }

    fn endpoint_origin(&self, endpoint: &str, interface: Option<&InterfaceId>) -> Origin {
        Origin {
            via: Via::VpcEndpoint,
            endpoint: Some(endpoint.to_owned()),
            vpc: Some(self.vpc.id.to_string()),
            interface: interface.map(ToString::to_string),
        }
    }
}

fn names_in(directory: &std::path::Path) -> Result<Vec<String>, Failure> {
    let entries =
        std::fs::read_dir(directory).step(|| format!("look into {}", directory.display()))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}
