//! The vocabulary between the control plane and the world it drives.
//!
//! The control plane says what should exist ([`World`]); a world (the machine, or the model)
//! makes it so and says what happened ([`Event`]). Everything here is plain data: no I/O, no
//! AWS API, no rule beyond what a type can hold. A world may be told the same thing twice and
//! may restart at any moment, so every [`Command`] is idempotent and names its subject.

pub mod balancer;
pub mod database;
pub mod event;
pub mod id;
pub mod measure;
pub mod network;
pub mod task;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use event::Event;
pub use id::{BalancerId, DatabaseId, InterfaceId, SnapshotId, TaskId, VpcId};

/// Everything that should exist, as a pure function of the control plane's rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct World {
    pub internet: network::Internet,
    pub vpcs: BTreeMap<VpcId, network::Vpc>,
    pub tasks: BTreeMap<TaskId, task::Task>,
    pub databases: BTreeMap<DatabaseId, database::Database>,
    pub balancers: BTreeMap<BalancerId, balancer::Balancer>,
}

/// One step that brings a world nearer to what should exist. Idempotent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", content = "value", rename_all = "snake_case")]
pub enum Command {
    /// The whole of what should exist; whatever else is there goes away. Sent when a control
    /// plane (re)connects.
    Replace(Box<World>),
    EnsureInternet(network::Internet),
    EnsureVpc(Box<network::Vpc>),
    RemoveVpc(VpcId),
    EnsureTask(Box<task::Task>),
    /// Forget a task that has stopped; one that still runs is killed first.
    RemoveTask(TaskId),
    EnsureDatabase(Box<database::Database>),
    /// Stop the database and delete its storage.
    RemoveDatabase(DatabaseId),
    EnsureBalancer(Box<balancer::Balancer>),
    RemoveBalancer(BalancerId),
    /// The batches of this log stream up to this sequence are on the control plane's disk.
    LogKept {
        group: String,
        stream: String,
        sequence: u64,
    },
    /// Something that is done once, not kept: answered by an event.
    Act(Action),
    /// Say what is used now. Answered by [`Event::Measured`]; a world that cannot measure
    /// does not answer.
    Measure(measure::Measure),
}

/// A single act on an existing entity. Not idempotent by itself, so it carries an id and a
/// world does each id at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Chosen by the control plane; the answering event repeats it.
    pub id: String,
    pub kind: ActionKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Restart the server of a database; static parameters take effect.
    RestartDatabase(DatabaseId),
    /// Make the standby the writer.
    FailOverDatabase(DatabaseId),
    /// Copy a database's storage into a snapshot.
    TakeSnapshot {
        database: DatabaseId,
        snapshot: SnapshotId,
    },
    DeleteSnapshot(SnapshotId),
}

impl World {
    /// The commands that turn a world that is `self` into one that is `wanted`: networks before
    /// what lives in them, and the other way round when things go.
    pub fn commands_to(&self, wanted: &Self) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.internet != wanted.internet {
            commands.push(Command::EnsureInternet(wanted.internet.clone()));
        }
        ensure(&mut commands, &self.vpcs, &wanted.vpcs, Command::EnsureVpc);
        ensure(
            &mut commands,
            &self.databases,
            &wanted.databases,
            Command::EnsureDatabase,
        );
        ensure(
            &mut commands,
            &self.balancers,
            &wanted.balancers,
            Command::EnsureBalancer,
        );
        ensure(
            &mut commands,
            &self.tasks,
            &wanted.tasks,
            Command::EnsureTask,
        );
        remove(
            &mut commands,
            &self.tasks,
            &wanted.tasks,
            Command::RemoveTask,
        );
        remove(
            &mut commands,
            &self.balancers,
            &wanted.balancers,
            Command::RemoveBalancer,
        );
        remove(
            &mut commands,
            &self.databases,
            &wanted.databases,
            Command::RemoveDatabase,
        );
        remove(&mut commands, &self.vpcs, &wanted.vpcs, Command::RemoveVpc);
        commands
    }
}

fn ensure<K: Ord, V: Clone + PartialEq>(
    commands: &mut Vec<Command>,
    have: &BTreeMap<K, V>,
    want: &BTreeMap<K, V>,
    command: fn(Box<V>) -> Command,
) {
    for (key, value) in want {
        if have.get(key) != Some(value) {
            commands.push(command(Box::new(value.clone())));
        }
    }
}

fn remove<K: Ord + Clone, V>(
    commands: &mut Vec<Command>,
    have: &BTreeMap<K, V>,
    want: &BTreeMap<K, V>,
    command: fn(K) -> Command,
) {
    for key in have.keys() {
        if !want.contains_key(key) {
            commands.push(command(key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_itself_is_empty_and_networks_go_last() {
        let vpc = network::Vpc::new("vpc-1".into());
        let task = task::Task::new("t1".into(), "vpc-1".into(), "eni-1".into());
        let mut world = World::default();
        world.vpcs.insert(vpc.id.clone(), vpc);
        world.tasks.insert(task.id.clone(), task);
        assert_eq!(world.commands_to(&world), []);

        let up = World::default().commands_to(&world);
        assert!(matches!(
            up.as_slice(),
            [Command::EnsureVpc(_), Command::EnsureTask(_)]
        ));
        let down = world.commands_to(&World::default());
        assert!(matches!(
            down.as_slice(),
            [Command::RemoveTask(_), Command::RemoveVpc(_)]
        ));
    }
}
