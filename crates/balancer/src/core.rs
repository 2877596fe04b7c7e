//! One core: a single-threaded runtime with its own clients, connections to targets and counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_local};
use world::balancer::node::Counters;

use crate::access_log::AccessLog;
use crate::counters::{self, CoreCounters};
use crate::headers::Fresh;
use crate::plan::Plan;
use crate::select::Chance;
use crate::upstream::Target;
use crate::watch::{Clock, Cord, TICK};

/// The most that is read at once.
const INPUT: usize = 64 * 1024;

/// Stands for a listening socket, on all cores.
pub(crate) type Slot = u32;

/// What a core is told.
pub(crate) enum ToCore {
    /// Listen on one more socket.
    Listen {
        slot: Slot,
        socket: std::net::TcpListener,
    },
    /// Stop listening; connections end after what is in flight.
    Close(Slot),
    Serve(Arc<Plan>, Arc<BTreeMap<Slot, usize>>),
    Count(oneshot::Sender<Counters>),
    /// Stop everything, and say so when nothing is open any more or the time is up.
    Stop(Duration, oneshot::Sender<()>),
}

/// A core's state, shared by the tasks on it.
pub(crate) struct Core {
    pub clock: Rc<Clock>,
    pub counters: CoreCounters,
    pub log: Option<Arc<dyn AccessLog>>,
    pub view: RefCell<Option<Rc<View>>>,
    /// What was just read, for as long as nobody waits.
    pub input: RefCell<Box<[u8]>>,
    /// The same moment on both clocks: a request need ask only one of them.
    time: Cell<(Instant, Duration)>,
    chance: RefCell<Chance>,
    tls: Arc<rustls::ClientConfig>,
    /// By group and address; what is not in the plan any more is cut and forgotten.
    targets: RefCell<BTreeMap<(String, SocketAddr), Rc<Target>>>,
    turns: RefCell<BTreeMap<String, Rc<Cell<usize>>>>,
    slots: RefCell<BTreeMap<Slot, ListenSlot>>,
}

struct ListenSlot {
    accepting: JoinHandle<()>,
    /// Cut when the listener is gone; its connections then end.
    cord: Cord,
}

/// A plan with this core's half of it.
pub(crate) struct View {
    pub plan: Arc<Plan>,
    /// Which of the plan's listeners a socket is for.
    pub listeners: Arc<BTreeMap<Slot, usize>>,
    /// One for each of the plan's routes.
    pub groups: Vec<GroupView>,
}

pub(crate) struct GroupView {
    pub counters: Rc<counters::Group>,
    pub turn: Rc<Cell<usize>>,
    /// One for each target of the route.
    pub targets: Vec<Rc<Target>>,
    /// Indices of those that may get new requests.
    pub eligible: Vec<usize>,
}

impl Core {
    pub(crate) fn chance(&self) -> u64 {
        self.chance.borrow_mut().next()
    }

    /// An id for a request that nobody has given one.
    pub(crate) fn fresh_trace(&self, now: Instant) -> Fresh {
        let (then, unix) = self.time.get();
        let unix = unix + now.saturating_duration_since(then);
        Fresh::new(unix.as_secs(), [self.chance(), self.chance()])
    }

    fn serve(&self, plan: Arc<Plan>, listeners: Arc<BTreeMap<Slot, usize>>) {
        let mut old = self.targets.take();
        let mut kept = BTreeMap::new();
        let mut groups = Vec::new();
        for (group, route) in plan.compiled.groups.iter().zip(&plan.routes) {
            let counters = self.counters.group(&group.arn);
            let targets: Vec<_> = route
                .targets
                .iter()
                .map(|target| {
                    let key = (group.arn.clone(), target.address);
                    let tls = group.https.then(|| Arc::clone(&self.tls));
                    // A target that now speaks TLS, or no longer does, is another one.
                    let known = old.remove(&key).filter(|t| {
                        t.tls.is_some() == tls.is_some() && (target.draining || !t.is_retired())
                    });
                    let local = known.unwrap_or_else(|| {
                        Rc::new(Target::new(
                            target.address,
                            tls,
                            counters.zone(target.zone.as_deref()),
                        ))
                    });
                    if target.draining {
                        local.retire();
                    }
                    kept.insert(key, Rc::clone(&local));
                    local
                })
                .collect();
            let turn = Rc::clone(
                self.turns
                    .borrow_mut()
                    .entry(group.arn.clone())
                    // Cores start at different targets, or the first ones would get more.
                    .or_insert_with(|| {
                        Rc::new(Cell::new(usize::try_from(self.chance() >> 48).unwrap_or(0)))
                    }),
            );
            groups.push(GroupView {
                counters,
                turn,
                targets,
                eligible: (0..route.targets.len())
                    .filter(|i| route.targets[*i].eligible)
                    .collect(),
            });
        }
        for (key, gone) in old {
            if plan.kept.contains(&key) {
                gone.retire();
                kept.insert(key, gone);
            } else {
                gone.cord.cut();
                gone.sweep();
            }
        }
        *self.targets.borrow_mut() = kept;
        *self.view.borrow_mut() = Some(Rc::new(View {
            plan,
            listeners,
            groups,
        }));
    }

    fn count(&self) -> Counters {
        let mut counters = self.counters.snapshot();
        let idle: usize = self
            .targets
            .borrow()
            .values()
            .map(|target| target.idle_connections())
            .sum();
        counters.load_balancer.active_connections += idle as u64;
        counters
    }
}

/// Runs a core until it is told to stop.
pub(crate) async fn run(
    mut orders: mpsc::UnboundedReceiver<ToCore>,
    seed: u64,
    tls: Arc<rustls::ClientConfig>,
    log: Option<Arc<dyn AccessLog>>,
) {
    let core = Rc::new(Core {
        clock: Rc::default(),
        counters: CoreCounters::default(),
        log,
        view: RefCell::new(None),
        input: RefCell::new(vec![0; INPUT].into_boxed_slice()),
        time: Cell::new(time()),
        chance: RefCell::new(Chance::new(seed)),
        tls,
        targets: RefCell::default(),
        turns: RefCell::default(),
        slots: RefCell::default(),
    });
    let ticking = spawn_local(tick(Rc::clone(&core)));
    while let Some(order) = orders.recv().await {
        match order {
            ToCore::Listen { slot, socket } => match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => {
                    let cord = Cord::default();
                    let accepting = spawn_local(crate::front::accept(
                        Rc::clone(&core),
                        slot,
                        listener,
                        cord.clone(),
                    ));
                    core.slots
                        .borrow_mut()
                        .insert(slot, ListenSlot { accepting, cord });
                }
                Err(error) => tracing::error!(%error, "cannot wait for connections"),
            },
            ToCore::Close(slot) => {
                if let Some(slot) = core.slots.borrow_mut().remove(&slot) {
                    slot.accepting.abort();
                    slot.cord.cut();
                }
            }
            ToCore::Serve(plan, listeners) => core.serve(plan, listeners),
            ToCore::Count(reply) => {
                // Whoever asked may be gone.
                let _ = reply.send(core.count());
            }
            ToCore::Stop(patience, done) => {
                for slot in std::mem::take(&mut *core.slots.borrow_mut()).into_values() {
                    slot.accepting.abort();
                    slot.cord.cut();
                }
                let quiet = async {
                    while core.counters.active_connections.get() > 0 {
                        tokio::time::sleep(TICK).await;
                    }
                };
                let _ = tokio::time::timeout(patience, quiet).await;
                let _ = done.send(());
                break;
            }
        }
    }
    ticking.abort();
}

async fn tick(core: Rc<Core>) {
    const SWEEP_TICKS: u32 = 20;
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        core.clock.something().await;
        interval.tick().await;
        core.clock.tick();
        core.time.set(time());
        if core.clock.now().is_multiple_of(SWEEP_TICKS) {
            let targets: Vec<_> = core.targets.borrow().values().cloned().collect();
            for target in targets {
                target.sweep();
            }
        }
    }
}

fn time() -> (Instant, Duration) {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    (Instant::now(), unix.unwrap_or_default())
}

/// `X-Forwarded-Port` for a listener.
pub(crate) fn port_value(port: u16) -> HeaderValue {
    HeaderValue::from(port)
}
