//! The main loop: takes commands, has the parts carry them out, and tells what happened.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use world::measure::{Measure, Measured};
use world::{BalancerId, Command, Event, VpcId, World};

use crate::balancers::Balancers;
use crate::control::{Control, Happening};
use crate::database::Databases;
use crate::error::{Failure, Step as _, chain};
use crate::exec;
use crate::host::{Host, Paths, bound_log};
use crate::network::Networks;
use crate::outbox::Outbox;
use crate::roles::{Arguments, OWN_PROGRAM, leave_caller};
use crate::start::READY;
use crate::task::Tasks;

pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let arguments = Arguments(arguments);
    let paths = Paths::new(arguments.path("--data")?);
    log_to_stderr();
    // Every connection that is carried takes two descriptors.
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    let (events, said) = mpsc::unbounded_channel();
    let host = Host {
        data: paths.data.clone(),
        run: paths.machine_run(),
        program: OWN_PROGRAM.into(),
        rootless: arguments.has("--rootless"),
        events,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .step(|| "start the runtime")?;
    runtime.block_on(async {
        let control = Control::listen(&paths.control_socket())?;
        exec::serve(&host, &paths.exec_socket())?;
        let mut executor = Executor::new(host)?;
        executor.resume();
        println!("{READY}");
        leave_caller();
        executor.serve(control, said).await
    })
}

pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TERRELLA_MACHINE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second subscriber in one process would be a mistake of the program's, not of the world.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}

/// Keeps the machine's own log and those of database servers small. Copying a few MiB now and
/// then is not worth a thread.
fn bound_logs(host: &Host) {
    let mut logs = vec![Paths::new(&host.data).log()];
    logs.extend(crate::database::server_logs(&host.data));
    for log in logs {
        if let Err(error) = bound_log(&log) {
            tracing::warn!(log = %log.display(), %error, "a log could not be begun anew");
        }
    }
}

struct Executor {
    host: Host,
    network: Networks,
    /// What should exist, as far as it was said.
    wanted: World,
    /// VPCs that could not be made so yet.
    failed: BTreeSet<VpcId>,
    internet_failed: bool,
    /// Whether networks may be there that are not wanted.
    prune: bool,
    outbox: Outbox,
    tasks: Tasks,
    balancers: Balancers,
    databases: Databases,
    /// Whether `wanted` differs from the copy on disk.
    unsaved: bool,
}

impl Executor {
    fn new(host: Host) -> Result<Self, Failure> {
        Ok(Self {
            network: Networks::new(&host)?,
            balancers: Balancers::new(&host)?,
            tasks: Tasks::start(host.clone())?,
            databases: Databases::start(host.clone())?,
            host,
            wanted: World::default(),
            failed: BTreeSet::new(),
            internet_failed: false,
            prune: false,
            outbox: Outbox::default(),
            unsaved: false,
        })
    }

    async fn serve(
        mut self,
        mut control: Control,
        mut said: mpsc::UnboundedReceiver<Event>,
    ) -> Result<ExitCode, Failure> {
        let mut terminate = signal(SignalKind::terminate()).step(|| "wait for signals")?;
        let mut again = tokio::time::interval(Duration::from_secs(1));
        again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut logs = tokio::time::interval(Duration::from_secs(10));
        logs.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => {
                    self.databases.shut_down();
                    return Ok(ExitCode::SUCCESS);
                }
                Some(event) = said.recv() => self.outbox.push(event),
                happening = control.next(&mut self.outbox) => match happening {
                    Happening::Command(command) => self.apply(command),
                    Happening::Connected => {
                        self.outbox.start_over();
                        self.tasks.tell_again();
                        self.databases.tell_again();
                    }
                    Happening::Disconnected => tracing::info!("the control plane is gone"),
                    Happening::Said => {}
                },
                _ = again.tick() => self.again(),
                _ = logs.tick() => bound_logs(&self.host),
            }
        }
    }

    /// Goes on after a restart with what was wanted before it.
    fn resume(&mut self) {
        match fs::read(self.world_file()) {
            Ok(bytes) => match serde_json::from_slice::<World>(&bytes) {
                Ok(world) => self.replace(world),
                Err(error) => tracing::error!(%error, "the wanted world on disk is not readable"),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "cannot read the wanted world"),
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Replace(world) => self.replace(*world),
            Command::EnsureInternet(internet) => {
                self.wanted.internet = internet;
                self.ensure_internet();
            }
            Command::EnsureVpc(vpc) => {
                let id = vpc.id.clone();
                self.wanted.vpcs.insert(id.clone(), *vpc);
                self.ensure_vpc(&id);
            }
            Command::RemoveVpc(id) => {
                self.wanted.vpcs.remove(&id);
                self.prune = true;
                self.prune_network();
            }
            Command::EnsureTask(task) => {
                self.wanted.tasks.insert(task.id.clone(), (*task).clone());
                self.set_tasks();
                self.tasks.ensure(*task);
            }
            Command::RemoveTask(id) => {
                self.wanted.tasks.remove(&id);
                self.tasks.remove(&id);
                self.set_tasks();
            }
            Command::EnsureDatabase(database) => {
                self.wanted
                    .databases
                    .insert(database.id.clone(), (*database).clone());
                self.databases.ensure(*database);
            }
            Command::RemoveDatabase(id) => {
                self.wanted.databases.remove(&id);
                self.databases.remove(&id);
            }
            Command::EnsureBalancer(balancer) => {
                let id = balancer.id.clone();
                self.wanted.balancers.insert(id.clone(), *balancer);
                self.ensure_balancer(&id);
            }
            Command::RemoveBalancer(id) => {
                self.wanted.balancers.remove(&id);
                self.balancers.remove(&id);
            }
            Command::LogKept {
                group,
                stream,
                sequence,
            } => self.tasks.log_kept(&group, &stream, sequence),
            Command::Act(action) => self.databases.act(action),
            Command::Measure(measure) => return self.measure(measure),
        }
        self.outbox.keep_only(&self.wanted);
        self.save();
    }

    /// Databases answer by themselves: they are asked, and may take a moment.
    fn measure(&self, measure: Measure) {
        let mut measured = Measured::new(measure.at);
        measured.tasks = self.tasks.measure();
        if measure.all {
            measured.nodes = Some(self.balancers.measure());
            self.databases.measure(measure.at);
        }
        self.host.tell(Event::Measured(Box::new(measured)));
    }

    /// Everything that is wanted is ensured once more, even what did not change: it may have
    /// come to harm.
    fn replace(&mut self, world: World) {
        self.wanted = world;
        self.ensure_internet();
        self.set_tasks();
        let vpcs: Vec<VpcId> = self.wanted.vpcs.keys().cloned().collect();
        for vpc in vpcs {
            self.ensure_vpc(&vpc);
        }
        self.databases
            .prune(&self.wanted.databases.keys().cloned().collect());
        for database in self.wanted.databases.values() {
            self.databases.ensure(database.clone());
        }
        self.tasks
            .prune(&self.wanted.tasks.keys().cloned().collect());
        for task in self.wanted.tasks.values() {
            self.tasks.ensure(task.clone());
        }
        self.balancers.prune(&self.wanted.balancers);
        let balancers: Vec<_> = self.wanted.balancers.keys().cloned().collect();
        for balancer in balancers {
            self.ensure_balancer(&balancer);
        }
        self.prune = true;
        self.prune_network();
    }

    fn ensure_balancer(&mut self, id: &BalancerId) {
        if let Some(balancer) = self.wanted.balancers.get(id) {
            self.balancers.ensure(balancer, &self.wanted.vpcs);
        }
    }

    fn ensure_internet(&mut self) {
        let result =
            tokio::task::block_in_place(|| self.network.ensure_internet(&self.wanted.internet));
        match result {
            Ok(again) => {
                self.internet_failed = false;
                for vpc in again {
                    self.ensure_vpc(&vpc);
                }
            }
            Err(failure) => {
                tracing::error!(
                    reason = chain(&failure),
                    "the internet is not as it should be"
                );
                self.internet_failed = true;
            }
        }
    }

    fn ensure_vpc(&mut self, id: &VpcId) {
        let Some(vpc) = self.wanted.vpcs.get(id) else {
            return;
        };
        match tokio::task::block_in_place(|| self.network.ensure(vpc)) {
            Ok(()) => {
                self.failed.remove(id);
                self.host.tell(Event::VpcReady(id.clone()));
                // Its load balancers may have waited for their interfaces.
                for balancer in self.wanted.balancers.values() {
                    if balancer.vpc == *id {
                        self.balancers.ensure(balancer, &self.wanted.vpcs);
                    }
                }
            }
            Err(failure) => {
                let reason = chain(&failure);
                tracing::error!(vpc = %id, %reason, "the VPC is not as it should be");
                self.failed.insert(id.clone());
                self.host.tell(Event::VpcFailed {
                    vpc: id.clone(),
                    reason,
                });
            }
        }
    }

    /// Removes networks that are not wanted.
    fn prune_network(&mut self) {
        match tokio::task::block_in_place(|| self.network.prune(&self.wanted.vpcs)) {
            Ok(()) => self.prune = false,
            Err(failure) => {
                tracing::error!(reason = chain(&failure), "a network is not removed");
            }
        }
    }

    /// Says which interfaces have a task behind them.
    fn set_tasks(&mut self) {
        let tasks = self
            .wanted
            .tasks
            .values()
            .map(|task| task.interface.clone())
            .collect();
        if let Err(failure) = self.network.set_tasks(tasks) {
            tracing::error!(
                reason = chain(&failure),
                "a task's metadata does not answer"
            );
            // Ensuring its VPC once more puts it right.
            self.failed.extend(self.wanted.vpcs.keys().cloned());
        }
    }

    /// Tries again what failed.
    fn again(&mut self) {
        if self.internet_failed {
            self.ensure_internet();
        }
        for vpc in std::mem::take(&mut self.failed) {
            self.ensure_vpc(&vpc);
        }
        if self.prune {
            self.prune_network();
        }
        if self.unsaved {
            self.save();
        }
    }

    fn world_file(&self) -> PathBuf {
        self.host.run.join("world.json")
    }

    /// The directory is its owner's only: the world holds secrets.
    fn save(&mut self) {
        let file = self.world_file();
        let new = file.with_extension("new");
        let saved = serde_json::to_vec(&self.wanted)
            .step(|| "write the wanted world")
            .and_then(|bytes| fs::write(&new, bytes).step(|| "write the wanted world"))
            .and_then(|()| fs::rename(&new, &file).step(|| "put the wanted world in place"));
        self.unsaved = saved.is_err();
        if let Err(failure) = saved {
            tracing::error!(reason = chain(&failure), "the wanted world is not on disk");
        }
    }
}
