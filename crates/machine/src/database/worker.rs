//! The thread of one database: sees, decides, does a step, and again.

mod acts;
mod followers;
mod measure;
mod servers;
mod settle;
mod storage;

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use world::database::{Database, Role};
use world::event::{DatabasePhase, DatabaseStatus};
use world::{Action, DatabaseId, Event, InterfaceId};

use crate::error::{Failure, chain};
use crate::host::Host;
use crate::task::cgroup::Group;

use self::followers::Source;
use self::storage::remove_folder;
use super::decide::{Place, Seen, Step, Wanted, next};
use super::files::{Folder, State, slot_name};
use super::server::{Server, group_name};
use super::versions;

#[derive(Debug)]
pub(crate) enum Order {
    Ensure(Box<Database>),
    Act(Action),
    Measure(Timestamp),
    Remove,
    ShutDown,
}

#[derive(Debug)]
pub(crate) struct Worker {
    host: Host,
    id: DatabaseId,
    folder: Folder,
    state: State,
    servers: [Server; 2],
    wanted: Option<Database>,
    /// What was last settled, so that it is not done again each second.
    settled: Option<Database>,
    /// Whether the writer waits for its standby.
    synchronous: bool,
    pending_restart: Vec<String>,
    phase: DatabasePhase,
    status: Arc<Mutex<Option<DatabaseStatus>>>,
    not_before: Option<Instant>,
    failures: u32,
    meter: measure::Meter,
}

/// How often a database of which nothing is asked is looked at.
const LOOK: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(50);

impl Worker {
    pub(crate) fn new(
        host: Host,
        id: DatabaseId,
        status: Arc<Mutex<Option<DatabaseStatus>>>,
    ) -> Self {
        let folder = Folder::new(&host.data, &id);
        Self {
            state: folder.load().unwrap_or_else(|| State::new(5432)),
            servers: [Place::First, Place::Second].map(|place| Server::new(&host, &id, place)),
            folder,
            host,
            id,
            wanted: None,
            settled: None,
            synchronous: false,
            pending_restart: Vec::new(),
            phase: DatabasePhase::Creating,
            status,
            not_before: None,
            failures: 0,
            meter: measure::Meter::default(),
        }
    }

    pub(crate) fn run(mut self, inbox: &Receiver<Order>) {
        let mut pause = Duration::ZERO;
        loop {
            match inbox.recv_timeout(pause) {
                Ok(Order::Ensure(database)) => {
                    self.wanted = Some(*database);
                    self.not_before = None;
                    // More may have come: only the last one counts.
                    pause = Duration::ZERO;
                    continue;
                }
                Ok(Order::Act(action)) => self.act(action),
                Ok(Order::Measure(at)) => self.measure(at),
                Ok(Order::Remove) => {
                    self.remove();
                    return;
                }
                Ok(Order::ShutDown) => {
                    self.shut_down();
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The machine's process ends; servers stay.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            pause = self.look();
        }
    }

    /// Does what is next; says when to look again.
    fn look(&mut self) -> Duration {
        let Some(wanted) = self.wanted.clone() else {
            return LOOK;
        };
        if let Some(when) = self.not_before {
            let left = when.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return left.min(LOOK);
            }
        }
        self.place_interfaces(&wanted);
        let step = next(self.state.active, self.see(), aims(&wanted));
        match self.take(step, &wanted) {
            Ok(pause) => {
                self.not_before = None;
                self.failures = 0;
                pause
            }
            Err(failure) => {
                let reason = chain(&failure);
                tracing::error!(database = %self.id, ?step, reason, "a step failed");
                self.failures += 1;
                // It is tried again whatever happens; after a few times somebody should know.
                if self.failures > 2 {
                    self.tell(DatabasePhase::Failed { reason });
                }
                let pause = Duration::from_millis(200 << self.failures.min(7));
                self.not_before = Some(Instant::now() + pause);
                pause.min(LOOK)
            }
        }
    }

    fn active(&mut self) -> &mut Server {
        &mut self.servers[self.state.active.index()]
    }

    /// A place keeps its interface, whatever the control plane calls it by now.
    fn place_interfaces(&mut self, wanted: &Database) {
        let mut new: Vec<&InterfaceId> = vec![&wanted.interface];
        new.extend(&wanted.standby);
        for interface in &mut self.state.interfaces {
            if interface
                .as_ref()
                .is_some_and(|interface| !new.contains(&interface))
            {
                *interface = None;
            }
        }
        for interface in new {
            if self
                .state
                .interfaces
                .iter()
                .flatten()
                .any(|have| have == interface)
            {
                continue;
            }
            // The first one is the active server's, unless that one has its own.
            let places = [self.state.active, self.state.active.other()];
            if let Some(place) = places
                .into_iter()
                .find(|place| self.state.interfaces[place.index()].is_none())
            {
                self.state.interfaces[place.index()] = Some(interface.clone());
            }
        }
    }

    fn namespace(&self, place: Place) -> Option<PathBuf> {
        let interface = self.state.interfaces[place.index()].as_ref()?;
        Some(self.host.namespace(interface))
    }

    fn see(&mut self) -> [Seen; 2] {
        [Place::First, Place::Second].map(|place| {
            let reachable = self.namespace(place).is_some_and(|file| file.exists());
            let server = &mut self.servers[place.index()];
            Seen {
                made: server.made(),
                alive: server.alive(),
                answers: server.answers(),
                reachable,
                failures: server.failures,
            }
        })
    }

    fn take(&mut self, step: Step, wanted: &Database) -> Result<Duration, Failure> {
        match step {
            Step::Make => {
                self.tell(DatabasePhase::Creating);
                if !self.source_answers(wanted) {
                    return Ok(SOON);
                }
                self.make(wanted)?;
            }
            Step::Start(place) if place == self.state.active => {
                self.tell(if self.state.born {
                    DatabasePhase::Restarting
                } else {
                    DatabasePhase::Creating
                });
                self.start(place, wanted)?;
            }
            Step::Start(place) => {
                let started = self.start(place, wanted);
                if self.servers[place.index()].failures > 2 {
                    // Whatever it lacks, a new copy of the writer has it.
                    self.servers[place.index()].failures = 0;
                    remove_folder(&self.folder.cluster(place))?;
                }
                started?;
            }
            Step::Stop(place) => self.servers[place.index()].stop(),
            Step::Promote => self.promote(wanted)?,
            Step::MakeStandby => self.make_standby(wanted)?,
            Step::RemoveStandby => self.remove_standby(wanted)?,
            Step::FailOver => self.fail_over(wanted)?,
            Step::Wait => return Ok(SOON),
            Step::Settled if wanted.stopped => {
                self.settled = None;
                self.tell(DatabasePhase::Stopped);
                return Ok(LOOK);
            }
            Step::Settled => return self.settle(wanted),
        }
        Ok(Duration::ZERO)
    }

    // Ends.

    fn remove(&mut self) {
        if let Some(Database {
            role: Role::Replica { of },
            ..
        }) = &self.wanted
            && let Ok(source) = Source::find(&self.host, of)
        {
            for server in &mut self.servers {
                server.kill();
            }
            let _ = source.drop_slot(&slot_name(&self.id, self.state.active));
        }
        for place in [Place::Second, Place::First] {
            self.servers[place.index()].kill();
            Group::find(&self.host.region_name(), &group_name(&self.id, place)).remove();
            let _ = fs::remove_dir_all(self.servers[place.index()].socket_outside());
        }
        if let Err(failure) = remove_folder(self.folder.root()) {
            tracing::error!(database = %self.id, error = chain(&failure), "storage is not deleted");
        }
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn shut_down(&mut self) {
        // The standby last: it then has all that the writer had.
        let active = self.state.active;
        self.servers[active.index()].stop();
        self.servers[active.other().index()].stop();
    }

    fn tell(&mut self, phase: DatabasePhase) {
        self.phase = phase;
        let status = DatabaseStatus {
            database: self.id.clone(),
            phase: self.phase.clone(),
            version: self
                .wanted
                .as_ref()
                .and_then(|wanted| versions::find(wanted.major_version).ok())
                .map(|installed| installed.full),
            active_interface: self.state.interfaces[self.state.active.index()].clone(),
            pending_restart: self.pending_restart.clone(),
            refused: self
                .state
                .refused
                .iter()
                .map(|(name, refusal)| format!("{name}: {}", refusal.why))
                .collect(),
            local: Some(format!(
                "host={} port={}",
                self.servers[self.state.active.index()]
                    .socket_outside()
                    .display(),
                self.state.port
            )),
        };
        let mut last = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&status) {
            *last = Some(status.clone());
            self.host.tell(Event::Database(status));
        }
    }
}

fn aims(wanted: &Database) -> Wanted {
    Wanted {
        stopped: wanted.stopped,
        writer: wanted.role == Role::Writer,
        standby: wanted.standby.is_some(),
    }
}
