//! A load balancer's listeners on the host's loopback: each connection goes into the internet's
//! namespace and from there to a node's public address, past its security groups like any
//! other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use world::BalancerId;
use world::event::Published;

use super::Shared;
use crate::exec::internet_namespace;
use crate::host::Host;
use crate::netns;
use crate::network::join;

/// A node that is there answers at once; one that its security group hides never does.
const CONNECT: Duration = Duration::from_secs(3);
/// Longer than the longest idle timeout a load balancer can have.
const IDLE: Duration = Duration::from_secs(4100);
/// How many ports after the preferred one are tried.
const NEIGHBOURS: u16 = 20;

/// Host ports that listeners were given, so that they keep them over a restart.
pub(crate) struct Ports {
    file: PathBuf,
    given: BTreeMap<String, u16>,
}

impl Ports {
    pub(crate) fn new(host: &Host) -> Self {
        let file = host.run.join("published.json");
        let given = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self { file, given }
    }

    fn keep(&mut self, key: String, port: u16) {
        if self.given.insert(key, port) != Some(port) {
            let written = serde_json::to_vec(&self.given)
                .map_err(std::io::Error::other)
                .and_then(|bytes| std::fs::write(&self.file, bytes));
            if let Err(error) = written {
                tracing::warn!(%error, "published ports may change at the next start");
            }
        }
    }
}

/// The published listeners of one load balancer.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    sockets: Sockets,
    /// By listener port: the host address and the task that accepts there.
    listeners: BTreeMap<u16, (SocketAddrV4, JoinSet<()>)>,
}

impl Publisher {
    pub(crate) fn new(host: &Host, shared: Arc<Shared>) -> Self {
        Self {
            shared,
            sockets: Sockets::new(internet_namespace(&host.run)),
            listeners: BTreeMap::new(),
        }
    }

    /// Publishes these listener ports and no others.
    pub(crate) fn ensure(
        &mut self,
        balancer: &BalancerId,
        wanted: &BTreeMap<u16, u16>,
        ports: &mut Ports,
    ) {
        self.listeners.retain(|port, _| wanted.contains_key(port));
        let mut published = Vec::new();
        for (port, preferred) in wanted {
            let key = format!("{balancer}:{port}");
            let bound = match self.listeners.get(port) {
                Some((address, _)) => Ok(*address),
                None => {
                    bind(ports.given.get(&key).copied(), *preferred).map(|(listener, address)| {
                        let mut tasks = JoinSet::new();
                        tasks.spawn(accept(
                            listener,
                            *port,
                            self.shared.clone(),
                            self.sockets.clone(),
                        ));
                        self.listeners.insert(*port, (address, tasks));
                        ports.keep(key, address.port());
                        address
                    })
                }
            };
            published.push(Published {
                port: *port,
                address: bound.as_ref().ok().map(ToString::to_string),
                failure: bound.err().map(|error| error.to_string()),
            });
        }
        self.shared.update(|known| known.published = published);
    }
}

/// Listens on the port it had, the preferred one, one of those after it, or any.
fn bind(had: Option<u16>, preferred: u16) -> std::io::Result<(TcpListener, SocketAddrV4)> {
    let near = (0..=NEIGHBOURS).filter_map(|step| preferred.checked_add(step));
    let mut last = std::io::ErrorKind::AddrInUse.into();
    for port in had.into_iter().chain(near).chain([0]) {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let listener = TcpSocket::new_v4().and_then(|socket| {
            socket.set_reuseaddr(true)?;
            socket.bind(address.into())?;
            socket.listen(1024)
        });
        match listener.and_then(|listener| Ok((listener.local_addr()?.port(), listener))) {
            Ok((port, listener)) => {
                return Ok((listener, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn accept(listener: TcpListener, port: u16, shared: Arc<Shared>, sockets: Sockets) {
    let turn = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let (shared, sockets, turn) = (shared.clone(), sockets.clone(), turn.clone());
                connections.spawn(async move {
                    let turn = turn.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = carry(stream, port, turn, &shared, &sockets).await {
                        tracing::debug!(%error, port, "a published connection ended early");
                    }
                });
            } else {
                tokio::time::sleep(Duration::from_millis(100)).await;
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Connects to the nodes in turn until one takes the connection.
async fn carry(
    stream: TcpStream,
    port: u16,
    turn: usize,
    shared: &Shared,
    sockets: &Sockets,
) -> std::io::Result<()> {
    let nodes = shared.entrances();
    let mut last: std::io::Error = std::io::ErrorKind::NotConnected.into();
    for step in 0..nodes.len() {
        let node = nodes[(turn + step) % nodes.len()];
        let address = SocketAddrV4::new(node, port);
        let connecting = async { sockets.make().await?.connect(address.into()).await };
        match timeout(CONNECT, connecting).await {
            Ok(Ok(node)) => {
                stream.set_nodelay(true)?;
                node.set_nodelay(true)?;
                return join(stream, node, IDLE).await;
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = std::io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

type Order = oneshot::Sender<std::io::Result<TcpSocket>>;

/// A thread that stays in the internet's namespace and makes sockets there.
#[derive(Clone)]
struct Sockets(std::sync::mpsc::Sender<Order>);

impl Sockets {
    fn new(namespace: PathBuf) -> Self {
        let (orders, received) = std::sync::mpsc::channel::<Order>();
        std::thread::spawn(move || {
            let served = netns::within(&namespace, move || {
                for order in received {
                    // Whoever asked may have gone.
                    let _ = order.send(TcpSocket::new_v4());
                }
                Ok(())
            });
            if let Err(error) = served {
                tracing::error!(%error, "cannot stand in the internet");
            }
        });
        Self(orders)
    }

    async fn make(&self) -> std::io::Result<TcpSocket> {
        let gone = || std::io::Error::other("nobody stands in the internet");
        let (order, socket) = oneshot::channel();
        self.0.send(order).map_err(|_| gone())?;
        socket.await.map_err(|_| gone())?
    }
}
