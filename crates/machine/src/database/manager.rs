//! The executor's side of databases: a thread for each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use world::database::Database;
use world::event::DatabaseStatus;
use world::{Action, ActionKind, DatabaseId, Event, SnapshotId};

use crate::error::{Failure, Step as _, chain};
use crate::host::Host;

use super::enter;
use super::files;
use super::server::make_folder;
use super::worker::{Order, Worker};

/// The databases of a machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Databases(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    host: Host,
    workers: Mutex<BTreeMap<DatabaseId, Handle>>,
}

#[derive(Debug)]
struct Handle {
    orders: Sender<Order>,
    status: Arc<Mutex<Option<DatabaseStatus>>>,
    thread: Option<JoinHandle<()>>,
}

impl Databases {
    pub fn start(host: Host) -> Result<Self, Failure> {
        for folder in [
            enter::databases(&host.data),
            enter::snapshots(&host.data),
            enter::sockets(&host.run),
        ] {
            // Whoever may enter the folders above may enter these; the storage itself is closed.
            make_folder(&folder, 0o755)?;
        }
        let user = enter::server_user();
        if let Ok(user) = &user {
            enter::give(&enter::snapshots(&host.data), user, host.rootless)?;
        }
        Ok(Self(Arc::new(Shared {
            host,
            workers: Mutex::default(),
        })))
    }

    /// Makes the database as it should be, and keeps it so.
    pub fn ensure(&self, database: Database) {
        let mut workers = self.0.lock();
        let id = database.id.clone();
        let order = Order::Ensure(Box::new(database));
        let order = match workers.get(&id) {
            Some(handle) => match handle.orders.send(order) {
                Ok(()) => return,
                // It was being removed.
                Err(mpsc::SendError(order)) => order,
            },
            None => order,
        };
        if let Some(mut old) = workers.remove(&id)
            && let Some(thread) = old.thread.take()
        {
            let _ = thread.join();
        }
        match self.0.spawn(&id) {
            Ok(handle) => {
                // Its thread has just been started and waits for this.
                let _ = handle.orders.send(order);
                workers.insert(id, handle);
            }
            Err(failure) => tracing::error!(database = %id, error = chain(&failure), "no worker"),
        }
    }

    /// Stops the database and deletes its storage.
    pub fn remove(&self, id: &DatabaseId) {
        let mut workers = self.0.lock();
        let handle = match workers.remove(id) {
            Some(handle) => handle,
            // One that was left from before.
            None if files::Folder::new(&self.0.host.data, id).root().exists() => {
                match self.0.spawn(id) {
                    Ok(handle) => handle,
                    Err(failure) => {
                        tracing::error!(database = %id, error = chain(&failure), "no worker");
                        return;
                    }
                }
            }
            None => return,
        };
        let _ = handle.orders.send(Order::Remove);
        // Kept, so that the same id made anew waits for its end.
        workers.insert(id.clone(), handle);
    }

    /// Removes every database that is not in `keep`, also those known from their files alone.
    pub fn prune(&self, keep: &BTreeSet<DatabaseId>) {
        let mut known: BTreeSet<DatabaseId> = self.0.lock().keys().cloned().collect();
        let folders = fs::read_dir(enter::databases(&self.0.host.data));
        known.extend(
            folders
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().join("state.json").exists())
                .filter_map(|entry| entry.file_name().into_string().ok())
                .map(DatabaseId::from),
        );
        for id in known.difference(keep) {
            self.remove(id);
        }
    }

    pub fn statuses(&self) -> Vec<DatabaseStatus> {
        self.0
            .lock()
            .values()
            .filter_map(|handle| {
                handle
                    .status
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            })
            .collect()
    }

    /// Tells everything again: to a control plane that has just connected.
    pub fn tell_again(&self) {
        for status in self.statuses() {
            self.0.host.tell(Event::Database(status));
        }
    }

    /// Does an act; an event answers.
    pub fn act(&self, action: Action) {
        let database = match &action.kind {
            ActionKind::RestartDatabase(id) | ActionKind::FailOverDatabase(id) => id,
            ActionKind::TakeSnapshot { database, .. } => database,
            ActionKind::DeleteSnapshot(snapshot) => {
                let failure = self.0.delete_snapshot(snapshot).err();
                self.0
                    .answer(action.id, failure.map(|failure| chain(&failure)));
                return;
            }
        };
        let workers = self.0.lock();
        let Some(handle) = workers.get(database) else {
            let why = format!("there is no database {database}");
            drop(workers);
            self.0.answer(action.id, Some(why));
            return;
        };
        let id = action.id.clone();
        if handle.orders.send(Order::Act(action)).is_err() {
            self.0
                .answer(id, Some("the database is being removed".into()));
        }
    }

    /// Asks every database what it uses; each answers with an event.
    pub fn measure(&self, at: Timestamp) {
        for handle in self.0.lock().values() {
            // One that is being removed has nothing to say.
            let _ = handle.orders.send(Order::Measure(at));
        }
    }

    /// Shuts every server down properly: the machine is about to end.
    pub fn shut_down(&self) {
        let mut workers = self.0.lock();
        for handle in workers.values() {
            let _ = handle.orders.send(Order::ShutDown);
        }
        for handle in workers.values_mut() {
            if let Some(thread) = handle.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<DatabaseId, Handle>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, id: &DatabaseId) -> Result<Handle, Failure> {
        let (orders, inbox) = mpsc::channel();
        let status = Arc::new(Mutex::new(None));
        let worker = Worker::new(self.host.clone(), id.clone(), Arc::clone(&status));
        let thread = std::thread::Builder::new()
            .name(format!("db {id}").chars().take(15).collect())
            .spawn(move || worker.run(&inbox))
            .step(|| format!("start the thread of database {id}"))?;
        Ok(Handle {
            orders,
            status,
            thread: Some(thread),
        })
    }

    fn answer(&self, id: String, failure: Option<String>) {
        self.host.tell(Event::ActionDone {
            id,
            failure,
            snapshot: None,
        });
    }

    fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), Failure> {
        let folder = files::snapshot(&self.host.data, id)?;
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).step(|| format!("delete {}", folder.display()))
            }
            _ => Ok(()),
        }
    }
}
