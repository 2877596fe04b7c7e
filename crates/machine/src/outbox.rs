//! What the control plane still has to hear. It keeps the last status of everything, so that a
//! control plane that (re)connects hears how things stand, and a bounded tail of what is said
//! once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use world::{BalancerId, DatabaseId, Event, TaskId, VpcId, World};

/// Log batches held at most, the oldest go first: tasks keep them on disk and tell them again
/// to the next control plane.
const LOGS: usize = 20_000;
/// Said already, but said again to the next control plane: this one may die before it has
/// written them down.
const REPEATED: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Vpc(VpcId),
    Task(TaskId),
    Database(DatabaseId),
    Balancer(BalancerId),
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    statuses: BTreeMap<Subject, Event>,
    /// Whose status has changed since it was last said.
    changed: BTreeSet<Subject>,
    /// Logs and answers, in order.
    unsaid: VecDeque<Event>,
    /// The newest answers that were said.
    said: VecDeque<Event>,
}

impl Outbox {
    pub(crate) fn push(&mut self, event: Event) {
        if let Some(subject) = subject(&event) {
            self.statuses.insert(subject.clone(), event);
            self.changed.insert(subject);
        } else {
            self.unsaid.push_back(event);
            if self.unsaid.len() > LOGS {
                self.drop_oldest_log();
            }
        }
    }

    fn drop_oldest_log(&mut self) {
        if let Some(at) = self
            .unsaid
            .iter()
            .position(|event| matches!(event, Event::Log(_)))
        {
            self.unsaid.remove(at);
        }
    }

    /// The next event to say. Answers and logs come before statuses, so that a task's last
    /// lines are known before its end.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        if let Some(event) = self.unsaid.pop_front() {
            if !matches!(event, Event::Log(_) | Event::Measured(_)) {
                self.said.push_back(event.clone());
            }
            if self.said.len() > REPEATED {
                self.said.pop_front();
            }
            return Some(event);
        }
        let subject = self.changed.pop_first()?;
        self.statuses.get(&subject).cloned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unsaid.is_empty() && self.changed.is_empty()
    }

    /// Somebody new listens: everything that is known is to be said again. Logs are not known
    /// here; tasks tell those. What was measured for another one is of no use.
    pub(crate) fn start_over(&mut self) {
        self.unsaid
            .retain(|event| !matches!(event, Event::Log(_) | Event::Measured(_)));
        // Networks are spoken of when they have been ensured again: a word on their last state
        // would be taken for one on the next.
        self.changed = self
            .statuses
            .keys()
            .filter(|subject| !matches!(subject, Subject::Vpc(_)))
            .cloned()
            .collect();
        while let Some(event) = self.said.pop_back() {
            self.unsaid.push_front(event);
        }
    }

    /// Things that should not exist any more have no status.
    pub(crate) fn keep_only(&mut self, wanted: &World) {
        self.statuses.retain(|subject, _| match subject {
            Subject::Vpc(id) => wanted.vpcs.contains_key(id),
            Subject::Task(id) => wanted.tasks.contains_key(id),
            Subject::Database(id) => wanted.databases.contains_key(id),
            Subject::Balancer(id) => wanted.balancers.contains_key(id),
        });
        let statuses = &self.statuses;
        self.changed
            .retain(|subject| statuses.contains_key(subject));
    }
}

fn subject(event: &Event) -> Option<Subject> {
    match event {
        Event::VpcReady(vpc) | Event::VpcFailed { vpc, .. } => Some(Subject::Vpc(vpc.clone())),
        Event::Task(status) => Some(Subject::Task(status.task.clone())),
        Event::Database(status) => Some(Subject::Database(status.database.clone())),
        Event::Balancer(status) => Some(Subject::Balancer(status.balancer.clone())),
        Event::Log(_) | Event::Measured(_) | Event::ActionDone { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(id: &str) -> Event {
        Event::ActionDone {
            id: id.into(),
            failure: None,
            snapshot: None,
        }
    }

    fn all(outbox: &mut Outbox) -> Vec<Event> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn the_last_status_wins_and_the_next_listener_hears_everything_again() {
        let mut outbox = Outbox::default();
        let failed = Event::VpcFailed {
            vpc: "vpc-1".into(),
            reason: "no".into(),
        };
        let ready = Event::VpcReady("vpc-1".into());
        outbox.push(failed);
        outbox.push(done("a"));
        outbox.push(ready.clone());
        assert_eq!(all(&mut outbox), [done("a"), ready.clone()]);
        assert!(outbox.is_empty());
        outbox.push(done("b"));
        let status = Event::Balancer(world::event::BalancerStatus {
            balancer: "app/web/1".into(),
            ready_nodes: Vec::new(),
            targets: Vec::new(),
            listeners: Vec::new(),
        });
        outbox.push(status.clone());
        outbox.push(ready);
        outbox.start_over();
        assert_eq!(all(&mut outbox), [done("a"), done("b"), status]);
        outbox.start_over();
        outbox.keep_only(&World::default());
        assert_eq!(all(&mut outbox), [done("a"), done("b")]);
    }
}
