//! Listening sockets: one for each core on the same port, between which the kernel spreads
//! connections.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::core::Slot;
use crate::plan::Listener;

const BACKLOG: i32 = 4096;

/// The sockets a node listens on.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    next: Slot,
    bound: BTreeMap<Key, Bound>,
}

/// What a socket is for: a port keeps its socket when the listener on it is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Port(IpAddr, u16),
    /// Any port, for this listener.
    Any(IpAddr, String),
}

#[derive(Debug)]
pub(crate) struct Bound {
    pub slot: Slot,
    pub address: Result<SocketAddr, String>,
}

/// What has to be told to the cores.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// One socket for each core.
    pub opened: Vec<(Slot, Vec<TcpListener>)>,
    pub closed: Vec<Slot>,
}

impl Key {
    fn of(address: IpAddr, listener: &Listener) -> Self {
        match listener.port {
            0 => Self::Any(address, listener.arn.clone()),
            port => Self::Port(address, port),
        }
    }
}

impl Sockets {
    /// Opens what is missing, also what could not be opened before, and gives up the rest.
    pub(crate) fn arrange(
        &mut self,
        address: IpAddr,
        listeners: &[Listener],
        cores: usize,
    ) -> Changes {
        let mut changes = Changes::default();
        let wanted: Vec<Key> = listeners.iter().map(|l| Key::of(address, l)).collect();
        self.bound.retain(|key, bound| {
            let keep = wanted.contains(key);
            if !keep && bound.address.is_ok() {
                changes.closed.push(bound.slot);
            }
            keep
        });
        for (key, listener) in wanted.into_iter().zip(listeners) {
            if self
                .bound
                .get(&key)
                .is_some_and(|bound| bound.address.is_ok())
            {
                continue;
            }
            let slot = self.next;
            self.next += 1;
            let address = match open(SocketAddr::new(address, listener.port), cores) {
                Ok((address, sockets)) => {
                    changes.opened.push((slot, sockets));
                    Ok(address)
                }
                Err(error) => Err(error.to_string()),
            };
            self.bound.insert(key, Bound { slot, address });
        }
        changes
    }

    pub(crate) fn get(&self, address: IpAddr, listener: &Listener) -> Option<&Bound> {
        self.bound.get(&Key::of(address, listener))
    }

    pub(crate) fn any_failed(&self) -> bool {
        self.bound.values().any(|bound| bound.address.is_err())
    }
}

fn open(address: SocketAddr, cores: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut address = address;
    let mut sockets = Vec::with_capacity(cores);
    for _ in 0..cores {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        // The first one may have taken any port; the others take the same.
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok((address, sockets))
}
