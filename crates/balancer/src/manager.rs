//! What a node knows and decides apart from requests: which configuration it serves, how its
//! targets are, and where requests may go because of that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use world::balancer::node::{
    Answer, Counters, ListenerStatus, NodeConfig, NodeStatus, Request, TargetHealth,
};

use crate::check::probe;
use crate::control::Ask;
use crate::core::{Slot, ToCore};
use crate::health::{Health, Outcome, State};
use crate::listen::Sockets;
use crate::plan::{Check, Compiled, Group, Plan, Route, RouteTarget};
use crate::select::fails_open;
use crate::state;

/// How often a listener that could not be bound is tried again.
const REBIND: Duration = Duration::from_secs(1);

/// A group's ARN and a target's address.
type Key = (String, SocketAddr);

pub(crate) struct Manager {
    state_file: PathBuf,
    cores: Vec<mpsc::UnboundedSender<ToCore>>,
    tls: Arc<rustls::ClientConfig>,
    since: Timestamp,
    served: Option<Arc<Compiled>>,
    sockets: Sockets,
    /// When listeners that could not be bound are tried again.
    rebind_at: Option<Instant>,
    targets: BTreeMap<Key, Tracked>,
    news: broadcast::Sender<Arc<TargetHealth>>,
    checked: mpsc::UnboundedSender<(Key, u64, Outcome)>,
    outcomes: mpsc::UnboundedReceiver<(Key, u64, Outcome)>,
    /// Tells a target that was registered anew from its former self.
    generation: u64,
}

/// A target as this node follows it.
struct Tracked {
    health: Health,
    /// `None`: health decides.
    instead: Option<Instead>,
    zone: Option<String>,
    generation: u64,
    slow_start: Option<Instant>,
    outstanding: Arc<AtomicUsize>,
    checking: Option<(Check, JoinHandle<()>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instead {
    Unused,
    /// For as long as it stays listed.
    DrainingAsTold,
    /// By our own clock.
    DrainingUntil(Instant),
}

impl Tracked {
    fn state(&self) -> State {
        match self.instead {
            None => self.health.state(),
            Some(Instead::Unused) => State::Unused,
            Some(Instead::DrainingAsTold | Instead::DrainingUntil(_)) => State::Draining,
        }
    }

    fn is_draining(&self) -> bool {
        self.state() == State::Draining
    }

    fn stop_checking(&mut self) {
        if let Some((_, task)) = self.checking.take() {
            task.abort();
        }
    }
}

impl Manager {
    pub(crate) fn new(
        state_file: PathBuf,
        cores: Vec<mpsc::UnboundedSender<ToCore>>,
        tls: Arc<rustls::ClientConfig>,
        news: broadcast::Sender<Arc<TargetHealth>>,
    ) -> Self {
        let (checked, outcomes) = mpsc::unbounded_channel();
        Self {
            state_file,
            cores,
            tls,
            since: Timestamp::now(),
            served: None,
            sockets: Sockets::default(),
            rebind_at: None,
            targets: BTreeMap::new(),
            news,
            checked,
            outcomes,
            generation: 0,
        }
    }

    /// Serves what was kept, if anything was.
    pub(crate) fn resume(&mut self) {
        match state::load(&self.state_file) {
            Ok(None) => {}
            Ok(Some(config)) => match Compiled::new(&config) {
                Ok(compiled) => self.install(Arc::new(compiled)),
                Err(error) => tracing::error!(%error, "the kept configuration cannot be served"),
            },
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "nothing to resume"
                );
            }
        }
    }

    pub(crate) async fn run(&mut self, asks: &mut mpsc::Receiver<Ask>) {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                ask = asks.recv() => match ask {
                    None => return,
                    Some((Request::Configure(config), reply)) => {
                        // Whoever asked may be gone.
                        let _ = reply.send(self.configure(&config));
                    }
                    Some((Request::Status, reply)) => self.status(reply),
                },
                outcome = self.outcomes.recv() => {
                    if let Some((key, generation, outcome)) = outcome {
                        self.observe(&key, generation, outcome);
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => self.wake(),
            }
        }
    }

    /// Stops serving; what is in flight gets some time.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        for tracked in self.targets.values_mut() {
            tracked.stop_checking();
        }
        let mut done = Vec::new();
        for core in &self.cores {
            let (reply, stopped) = oneshot::channel();
            if core.send(ToCore::Stop(patience, reply)).is_ok() {
                done.push(stopped);
            }
        }
        for stopped in done {
            let _ = stopped.await;
        }
    }

    fn configure(&mut self, config: &NodeConfig) -> Answer {
        let compiled = match Compiled::new(config) {
            Ok(compiled) => compiled,
            Err(invalid) => {
                return Answer::Refused {
                    field: Some(invalid.field),
                    reason: invalid.reason,
                };
            }
        };
        if let Err(error) = state::save(&self.state_file, config) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            return Answer::Refused {
                field: None,
                reason: format!("{error}: {}", cause.unwrap_or_default()),
            };
        }
        self.install(Arc::new(compiled));
        Answer::Accepted {
            version: config.config.version,
        }
    }

    fn install(&mut self, compiled: Arc<Compiled>) {
        let before = self.words();
        self.follow_targets(&compiled);
        let changes = self.arrange_sockets(&compiled);
        self.served = Some(compiled);
        // First the plan, so that whoever connects to a new socket is served by it.
        self.publish();
        self.tell_sockets(changes);
        self.tell_changes(&before);
    }

    fn arrange_sockets(&mut self, compiled: &Compiled) -> crate::listen::Changes {
        let changes =
            self.sockets
                .arrange(compiled.node.address, &compiled.listeners, self.cores.len());
        self.rebind_at = self.sockets.any_failed().then(|| Instant::now() + REBIND);
        changes
    }

    fn tell_sockets(&self, changes: crate::listen::Changes) {
        for (slot, sockets) in changes.opened {
            for (core, socket) in self.cores.iter().zip(sockets) {
                let _ = core.send(ToCore::Listen { slot, socket });
            }
        }
        for slot in changes.closed {
            for core in &self.cores {
                let _ = core.send(ToCore::Close(slot));
            }
        }
    }

    /// Brings the targets we follow in line with those that are configured.
    fn follow_targets(&mut self, compiled: &Compiled) {
        let now = Instant::now();
        let mut listed = BTreeSet::new();
        for group in &compiled.groups {
            for (address, target) in &group.targets {
                let key = (group.arn.clone(), *address);
                listed.insert(key.clone());
                let back = |tracked: &Tracked| tracked.is_draining() && !target.draining;
                if self.targets.get(&key).is_none_or(back) {
                    if let Some(mut former) = self.targets.remove(&key) {
                        former.stop_checking();
                    }
                    self.generation += 1;
                    self.targets
                        .insert(key.clone(), Tracked::new(self.generation));
                }
                let Some(tracked) = self.targets.get_mut(&key) else {
                    continue;
                };
                tracked.zone.clone_from(&target.zone);
                let instead = if target.draining {
                    Some(Instead::DrainingAsTold)
                } else if group.used {
                    None
                } else {
                    Some(Instead::Unused)
                };
                if tracked.instead == Some(Instead::Unused) && instead.is_none() {
                    tracked.health = Health::default();
                }
                tracked.instead = instead;
                let wanted = instead.is_none().then_some(&group.check);
                if tracked.checking.as_ref().map(|(check, _)| check) != wanted {
                    tracked.stop_checking();
                    tracked.checking = wanted.map(|check| {
                        let task = tokio::spawn(keep_checking(
                            key.clone(),
                            tracked.generation,
                            check.clone(),
                            Arc::clone(&self.tls),
                            self.checked.clone(),
                        ));
                        (check.clone(), task)
                    });
                }
            }
        }
        let delays: BTreeMap<&str, Duration> = self
            .served
            .iter()
            .flat_map(|served| &served.groups)
            .map(|group| {
                let delay = group.attributes.deregistration_delay_ms;
                (group.arn.as_str(), Duration::from_millis(delay))
            })
            .collect();
        self.targets.retain(|key, tracked| {
            if listed.contains(key) {
                return true;
            }
            tracked.stop_checking();
            match tracked.instead {
                Some(Instead::DrainingAsTold) => false,
                Some(Instead::DrainingUntil(until)) => until > now,
                None | Some(Instead::Unused) => {
                    let delay = delays.get(key.0.as_str()).copied().unwrap_or_default();
                    tracked.instead = Some(Instead::DrainingUntil(now + delay));
                    !delay.is_zero()
                }
            }
        });
    }

    fn observe(&mut self, key: &Key, generation: u64, outcome: Outcome) {
        let Some(served) = self.served.clone() else {
            return;
        };
        let Some(group) = served.groups.iter().find(|group| group.arn == key.0) else {
            return;
        };
        let warm = self
            .targets
            .range((key.0.clone(), MIN_ADDRESS)..)
            .take_while(|((arn, _), _)| *arn == key.0)
            .any(|(_, tracked)| tracked.state() == State::Healthy);
        let Some(tracked) = self
            .targets
            .get_mut(key)
            .filter(|t| t.generation == generation && t.instead.is_none())
        else {
            return;
        };
        if !tracked.health.observe(outcome, group.check.thresholds) {
            return;
        }
        // The first batch of a group has nobody to lean on, so it does not start slowly.
        let slowly =
            tracked.state() == State::Healthy && group.attributes.slow_start_ms > 0 && warm;
        tracked.slow_start = slowly.then(Instant::now);
        let news = told(key, tracked.state());
        self.publish();
        let _ = self.news.send(Arc::new(news));
    }

    /// When something is due without anyone asking.
    fn next_wake(&self) -> Instant {
        let drained = self
            .targets
            .values()
            .filter_map(|tracked| match tracked.instead {
                Some(Instead::DrainingUntil(until)) => Some(until),
                _ => None,
            });
        drained
            .chain(self.rebind_at)
            .min()
            .unwrap_or_else(|| Instant::now() + Duration::from_hours(1))
    }

    fn wake(&mut self) {
        let now = Instant::now();
        let before = self.words();
        self.targets.retain(
            |_, tracked| !matches!(tracked.instead, Some(Instead::DrainingUntil(until)) if until <= now),
        );
        let mut changes = None;
        if self.rebind_at.is_some_and(|at| at <= now)
            && let Some(served) = self.served.clone()
        {
            changes = Some(self.arrange_sockets(&served));
        }
        self.publish();
        if let Some(changes) = changes {
            self.tell_sockets(changes);
        }
        self.tell_changes(&before);
    }

    /// Tells the cores what to serve.
    fn publish(&self) {
        let Some(compiled) = &self.served else { return };
        let routes = compiled
            .groups
            .iter()
            .map(|group| self.route(compiled, group))
            .collect();
        let plan = Arc::new(Plan {
            compiled: Arc::clone(compiled),
            routes,
            kept: self.targets.keys().cloned().collect(),
        });
        let listeners: BTreeMap<Slot, usize> = compiled
            .listeners
            .iter()
            .enumerate()
            .filter_map(|(index, listener)| {
                let bound = self.sockets.get(compiled.node.address, listener)?;
                Some((bound.slot, index))
            })
            .collect();
        let listeners = Arc::new(listeners);
        for core in &self.cores {
            let _ = core.send(ToCore::Serve(Arc::clone(&plan), Arc::clone(&listeners)));
        }
    }

    fn route(&self, compiled: &Compiled, group: &Group) -> Route {
        let attributes = &group.attributes;
        let reachable = |tracked: &Tracked| {
            attributes.cross_zone
                || tracked
                    .zone
                    .as_ref()
                    .is_none_or(|zone| *zone == compiled.node.availability_zone)
        };
        let followed: Vec<_> = group
            .targets
            .keys()
            .filter_map(|address| {
                let tracked = self.targets.get(&(group.arn.clone(), *address))?;
                Some((*address, tracked))
            })
            .collect();
        let candidates: Vec<_> = followed
            .iter()
            .filter(|(_, tracked)| !tracked.is_draining() && reachable(tracked))
            .collect();
        let healthy = candidates
            .iter()
            .filter(|(_, tracked)| tracked.state() == State::Healthy)
            .count();
        let fail_open = !candidates.is_empty()
            && fails_open(
                healthy,
                candidates.len(),
                attributes.unhealthy_state_routing_minimum_count,
                attributes.unhealthy_state_routing_minimum_percentage,
            );
        Route {
            fail_open,
            targets: followed
                .into_iter()
                .map(|(address, tracked)| RouteTarget {
                    address,
                    zone: tracked.zone.clone(),
                    eligible: !tracked.is_draining()
                        && reachable(tracked)
                        && (fail_open || tracked.state() == State::Healthy),
                    draining: tracked.is_draining(),
                    slow_start: tracked.slow_start.filter(|_| attributes.slow_start_ms > 0),
                    outstanding: Arc::clone(&tracked.outstanding),
                })
                .collect(),
        }
    }

    fn words(&self) -> BTreeMap<Key, TargetHealth> {
        self.targets
            .iter()
            .map(|(key, tracked)| (key.clone(), told(key, tracked.state())))
            .collect()
    }

    fn tell_changes(&self, before: &BTreeMap<Key, TargetHealth>) {
        for (key, now) in self.words() {
            if before.get(&key) != Some(&now) {
                let _ = self.news.send(Arc::new(now));
            }
        }
    }

    fn status(&self, reply: oneshot::Sender<Answer>) {
        let served = self.served.as_deref();
        let mut status = NodeStatus {
            version: served.map(|served| served.version),
            node: served.map(|served| served.node.clone()),
            listeners: served.map_or_else(Vec::new, |served| {
                served
                    .listeners
                    .iter()
                    .map(|listener| {
                        let bound = self.sockets.get(served.node.address, listener);
                        let address = bound.map(|bound| bound.address.clone());
                        ListenerStatus {
                            arn: listener.arn.clone(),
                            address: address.as_ref().and_then(|a| a.as_ref().ok()).copied(),
                            failure: address.and_then(Result::err),
                        }
                    })
                    .collect()
            }),
            targets: self.words().into_values().collect(),
            counters: Counters {
                since: Some(self.since),
                ..Counters::default()
            },
        };
        let mut counting = Vec::new();
        for core in &self.cores {
            let (reply, counted) = oneshot::channel();
            if core.send(ToCore::Count(reply)).is_ok() {
                counting.push(counted);
            }
        }
        // Not here: a busy core must not keep others from being heard.
        tokio::spawn(async move {
            for counted in counting {
                if let Ok(counters) = counted.await {
                    crate::counters::merge(&mut status.counters, &counters);
                }
            }
            let _ = reply.send(Answer::Status(Box::new(status)));
        });
    }
}

const MIN_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

impl Tracked {
    fn new(generation: u64) -> Self {
        Self {
            health: Health::default(),
            instead: None,
            zone: None,
            generation,
            slow_start: None,
            outstanding: Arc::default(),
            checking: None,
        }
    }
}

fn told(key: &Key, state: State) -> TargetHealth {
    let (state, reason, description) = state.words();
    TargetHealth {
        target_group: key.0.clone(),
        address: key.1.ip(),
        port: key.1.port(),
        state: state.into(),
        reason: reason.map(Into::into),
        description,
    }
}

/// Checks a target again and again. How long an answer takes does not shift the next check.
async fn keep_checking(
    key: Key,
    generation: u64,
    check: Check,
    tls: Arc<rustls::ClientConfig>,
    outcomes: mpsc::UnboundedSender<(Key, u64, Outcome)>,
) {
    let mut interval = tokio::time::interval(check.interval);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        let outcome = probe(&check, key.1, &tls).await;
        if outcomes.send((key.clone(), generation, outcome)).is_err() {
            return;
        }
    }
}
