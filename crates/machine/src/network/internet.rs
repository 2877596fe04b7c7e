//! What lies outside every VPC: the internet, and AWS's services next to it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, RwLock};

use world::network::Internet;

use super::apply::{Layout, forwards};
use super::plan::{INTERNET, INTERNET_MAC, MTU};
use super::resolver::{self, View};
use super::splice::{self, Guard, Origin, Via};
use super::tools::Tools;
use super::zones::Names;
use crate::error::{Failure, Step as _};
use crate::netns;

/// Whoever stands in the internet comes from here (a range kept for documentation).
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const SERVICES: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 3);
const SERVICES_MAC: &str = "02:ff:00:00:00:03";

pub(crate) struct Outside {
    view: View,
    services: BTreeSet<Ipv4Addr>,
    _resolver: Guard,
    _services: Guard,
}

impl Outside {
    /// Makes both namespaces or finds them.
    pub(crate) fn make(
        tools: &Tools,
        layout: &Layout,
        run: &Path,
        gateway: &Path,
    ) -> Result<Self, Failure> {
        let (internet, aws) = (layout.internet(), layout.aws());
        for namespace in [&internet, &aws] {
            if !namespace.exists() {
                netns::create(namespace)?;
            }
            forwards(namespace)?;
        }
        if !tools
            .devices(&internet)?
            .iter()
            .any(|(device, _)| device == "aws0")
        {
            tools.ip(
                &internet,
                &[format!(
                    "link add aws0 mtu {MTU} address {INTERNET_MAC} type veth peer name eth0 mtu {MTU} address {SERVICES_MAC} netns \"{}\"",
                    aws.display()
                )],
            )?;
        }
        tools.ip(
            &internet,
            &[
                "link set lo up".to_owned(),
                format!("address replace {CLIENT}/32 dev lo"),
                format!("address replace {RESOLVER}/32 dev lo"),
                "link set aws0 up".to_owned(),
                format!(
                    "neighbour replace {SERVICES} lladdr {SERVICES_MAC} dev aws0 nud permanent"
                ),
                "route flush dev aws0".to_owned(),
            ],
        )?;
        tools.ip(
            &aws,
            &[
                "link set lo up".to_owned(),
                "link set eth0 up".to_owned(),
                format!(
                    "neighbour replace {INTERNET} lladdr {INTERNET_MAC} dev eth0 nud permanent"
                ),
                format!("route replace default via {INTERNET} dev eth0 onlink"),
            ],
        )?;
        for (path, servers) in [
            (crate::exec::internet_resolver(run), RESOLVER),
            (
                crate::exec::vpc_resolver(run),
                Ipv4Addr::new(169, 254, 169, 253),
            ),
        ] {
            fs::write(
                &path,
                format!("nameserver {servers}\noptions timeout:1 attempts:2\n"),
            )
            .step(|| format!("write {}", path.display()))?;
        }
        let view: View = Arc::new(RwLock::new(Names::default()));
        let origin = Origin {
            via: Via::Internet,
            endpoint: None,
            vpc: None,
            interface: None,
        };
        Ok(Self {
            _resolver: resolver::serve(&internet, &[RESOLVER], &view)?,
            _services: splice::serve(&aws, &PORTS.map(anywhere), false, gateway, &origin)?,
            view,
            services: BTreeSet::new(),
        })
    }

    pub(crate) fn update(
        &mut self,
        tools: &Tools,
        layout: &Layout,
        internet: &Internet,
    ) -> Result<(), Failure> {
        let names = Names::public(internet);
        *self
            .view
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = names;
        let wanted: BTreeSet<Ipv4Addr> = internet.services.keys().copied().collect();
        let to = |address: &Ipv4Addr| format!("{address}/32 via {SERVICES} dev aws0 onlink");
        let at = |address: &Ipv4Addr| format!("local {address}/32 dev lo");
        let gone: Vec<_> = self.services.difference(&wanted).collect();
        let come: Vec<_> = wanted.difference(&self.services).collect();
        let lines = |verb: &str, addresses: &[&Ipv4Addr], route: &dyn Fn(&Ipv4Addr) -> String| {
            addresses
                .iter()
                .map(|address| format!("route {verb} {}", route(address)))
                .collect::<Vec<_>>()
        };
        tools.ip_forced(&layout.internet(), &lines("delete", &gone, &to));
        tools.ip_forced(&layout.aws(), &lines("delete", &gone, &at));
        tools.ip(&layout.aws(), &lines("replace", &come, &at))?;
        tools.ip(&layout.internet(), &lines("replace", &come, &to))?;
        self.services = wanted;
        Ok(())
    }
}

/// Where AWS's services answer.
pub(crate) const PORTS: [u16; 2] = [443, 80];

pub(crate) fn anywhere(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}
