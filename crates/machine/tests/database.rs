//! Databases: real PostgreSQL servers behind interfaces, made, changed, followed, lost and found.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command as Program, Output};

use machine::client::Connection;
use machine::database::installed_versions;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::world::{at, open};
use support::{Region, eventually, processes_of};
use world::database::{Database, Origin, Role, Secret};
use world::event::{DatabasePhase, DatabaseStatus, SnapshotFacts};
use world::measure::{DatabaseUsage, Measure};
use world::network::{Interface, Vpc};
use world::{Action, ActionKind, Command, DatabaseId, Event};

struct World {
    region: Region,
    network: Vpc,
    /// What was last heard of any database.
    last: Option<DatabaseStatus>,
}

impl World {
    /// A machine with these interfaces, and `eni-client`, in an open network.
    fn start(interfaces: &[&str]) -> Self {
        let mut region = Region::start();
        let mut all = vec!["eni-client"];
        all.extend(interfaces);
        let network = open(&all);
        region.ensure(&network);
        Self {
            region,
            network,
            last: None,
        }
    }

    fn lose_interface(&mut self, interface: &str) -> Interface {
        let lost = self
            .network
            .interfaces
            .remove(&interface.into())
            .expect("an interface");
        self.region.ensure(&self.network);
        lost
    }

    fn give_interface(&mut self, name: &str, interface: Interface) {
        self.network.interfaces.insert(name.into(), interface);
        self.region.ensure(&self.network);
    }

    fn executor(&self) -> i32 {
        eventually("an executor", || {
            processes_of(self.region.data.path())
                .into_iter()
                .find(|(_, line)| line.contains(" machine executor "))
                .map(|(pid, _)| pid)
        })
    }

    fn ensure(&mut self, database: &Database) {
        self.region
            .send(&Command::EnsureDatabase(Box::new(database.clone())));
    }

    fn until(&mut self, what: &str, wanted: impl Fn(&DatabaseStatus) -> bool) -> DatabaseStatus {
        self.region.await_event(what, |event| match event {
            Event::Database(status) if wanted(status) => Some(status.clone()),
            _ => None,
        })
    }

    fn available(&mut self, id: &str) -> DatabaseStatus {
        self.until("an available database", |status| {
            status.database.as_str() == id && status.phase == DatabasePhase::Available
        })
    }

    /// Has an act done and answered; what is heard meanwhile is kept in `last`.
    fn act(&mut self, id: &str, kind: ActionKind) -> Option<SnapshotFacts> {
        self.region.send(&Command::Act(Action {
            id: id.into(),
            kind,
        }));
        let last = &mut self.last;
        self.region.await_event("an answer", |event| match event {
            Event::ActionDone {
                id: answered,
                failure,
                snapshot,
            } if answered == id => {
                assert_eq!(*failure, None);
                Some(snapshot.clone())
            }
            Event::Database(status) => {
                *last = Some(status.clone());
                None
            }
            _ => None,
        })
    }

    /// What one of the databases that answer uses.
    fn measure(&mut self) -> BTreeMap<DatabaseId, DatabaseUsage> {
        let at = jiff::Timestamp::UNIX_EPOCH;
        self.region
            .send(&Command::Measure(Measure { at, all: true }));
        self.region
            .await_event("a measurement", |event| match event {
                Event::Measured(measured) if !measured.databases.is_empty() => {
                    Some(measured.databases.clone())
                }
                _ => None,
            })
    }

    /// Asks over the network, from `eni-client`.
    fn ask_over(&self, interface: &str, connection: &str, text: &str) -> Output {
        let address = self.network.interfaces[&interface.into()].address;
        let connection = format!("hostaddr={address} user=master dbname=links {connection}");
        let mut command = vec!["psql"];
        command.extend(QUIET);
        command.extend(["-d", &connection, "-c", text]);
        self.region.run(at("eni-client"), &command)
    }

    /// The number of a database's postmaster, as this process sees it.
    fn postmaster(&self, id: &str, place: &str) -> Option<Pid> {
        processes_of(&PathBuf::from(format!("/tmp/databases/{id}/{place}/data ")))
            .into_iter()
            .find(|(pid, _)| {
                // Other tests have machines too.
                let root = std::fs::read_link(format!("/proc/{pid}/ns/ipc"));
                root.ok() == std::fs::read_link(format!("/proc/{}/ns/ipc", self.executor())).ok()
            })
            .map(|(pid, _)| Pid::from_raw(pid))
    }
}

/// Asks over the local socket, as the machine's own user does.
fn ask(status: &DatabaseStatus, text: &str) -> String {
    let output = try_ask(status, text);
    assert!(
        output.status.success(),
        "{text}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn try_ask(status: &DatabaseStatus, text: &str) -> Output {
    let local = status.local.as_deref().expect("a connection string");
    Program::new("psql")
        .args(QUIET)
        .args(["-d", &format!("{local} user=master dbname=links")])
        .args(["-c", text])
        .env_remove("PGPASSWORD")
        .output()
        .expect("these tests need psql (package postgresql-client)")
}

const QUIET: [&str; 6] = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];

fn database(id: &str, interface: &str) -> Database {
    let installed = installed_versions();
    let newest = installed
        .last()
        .expect("these tests need a PostgreSQL server (package postgresql)");
    Database {
        id: id.into(),
        vpc: "vpc-1".into(),
        major_version: newest.major,
        port: 5432,
        names: vec!["links.abc.eu-central-1.rds.amazonaws.com".into()],
        role: Role::Writer,
        interface: interface.into(),
        standby: None,
        master_username: "master".into(),
        master_password: Secret::new("first secret"),
        database_name: Some("links".into()),
        parameters: BTreeMap::new(),
        tls_only: true,
        allocated_gib: 20,
        memory_mib: 1024,
        cpu_units: 2048,
        stopped: false,
        origin: Origin::Empty,
    }
}

#[test]
fn a_writer_is_made_changed_restarted_stopped_and_deleted() {
    let mut world = World::start(&["eni-1"]);
    let mut wanted = database("db-1", "eni-1");
    world.ensure(&wanted);
    let status = world.available("db-1");
    assert_eq!(status.active_interface, Some("eni-1".into()));
    assert!(
        status.version.is_some() && status.pending_restart.is_empty() && status.refused.is_empty()
    );

    // The master is no superuser, and owns its database.
    assert_eq!(
        ask(
            &status,
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'master'"
        ),
        "f|t|t"
    );
    ask(&status, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    assert_eq!(ask(&status, "SHOW fsync"), "on");

    // Over the network: with the password, and over TLS only.
    let tls = "password='first secret' sslmode=require";
    let answer = world.ask_over(
        "eni-1",
        tls,
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout).trim(),
        "t",
        "{answer:?}"
    );
    let authority = world.region.data.path().join("ca/rds-ca.pem");
    let verified = format!(
        "host={} password='first secret' sslmode=verify-full sslrootcert={}",
        wanted.names[0],
        authority.display()
    );
    let answer = world.ask_over("eni-1", &verified, "SELECT 1");
    assert!(answer.status.success(), "{answer:?}");
    let answer = world.ask_over(
        "eni-1",
        "password='first secret' sslmode=disable",
        "SELECT 1",
    );
    assert!(
        String::from_utf8_lossy(&answer.stderr).contains("no encryption"),
        "{answer:?}"
    );
    let answer = world.ask_over("eni-1", "password=wrong sslmode=require", "SELECT 1");
    assert!(
        String::from_utf8_lossy(&answer.stderr).contains("password authentication failed"),
        "{answer:?}"
    );
    let answer = world.ask_over(
        "eni-1",
        "user=rdsadmin password=x sslmode=require",
        "SELECT 1",
    );
    assert!(!answer.status.success());

    // Parameters: at once, after a restart, or not at all; and another password.
    for (name, value) in [
        ("work_mem", "8192"),
        ("max_connections", "77"),
        ("random_page_cost", "cheap"),
        ("no_such_parameter", "1"),
    ] {
        wanted.parameters.insert(name.into(), value.into());
    }
    wanted.tls_only = false;
    wanted.master_password = Secret::new("second secret");
    world.ensure(&wanted);
    let status = world.until("pending parameters", |status| {
        !status.pending_restart.is_empty() && status.phase == DatabasePhase::Available
    });
    assert_eq!(status.pending_restart, ["max_connections"]);
    assert_eq!(status.refused.len(), 2, "{:?}", status.refused);
    assert_eq!(ask(&status, "SHOW work_mem"), "8MB");
    let answer = world.ask_over(
        "eni-1",
        "password='second secret' sslmode=disable",
        "SELECT 1",
    );
    assert!(answer.status.success(), "{answer:?}");
    assert!(!world.ask_over("eni-1", tls, "SELECT 1").status.success());
    world.act("restart", ActionKind::RestartDatabase("db-1".into()));
    assert_eq!(ask(&status, "SHOW max_connections"), "77");
    let log = std::fs::read_to_string(
        world
            .region
            .data
            .path()
            .join("databases/db-1/first/server.log"),
    )
    .expect("a log");
    assert!(!log.contains("secret"), "{log}");

    // A server that dies comes back with all it acknowledged.
    ask(&status, "INSERT INTO t VALUES (2)");
    let before = world.postmaster("db-1", "first").expect("a server");
    kill(before, Signal::SIGKILL).expect("a signal");
    world.until("a restart", |status| {
        status.phase == DatabasePhase::Restarting
    });
    let status = world.available("db-1");
    assert_eq!(ask(&status, "SELECT sum(n) FROM t"), "3");

    // The executor's end is not the server's.
    let before = world.postmaster("db-1", "first").expect("a server");
    let executor = world.executor();
    kill(Pid::from_raw(executor), Signal::SIGKILL).expect("a signal");
    eventually("another executor", || {
        (world.executor() != executor).then_some(())
    });
    let Region {
        paths,
        runtime,
        connection,
        ..
    } = &mut world.region;
    *connection = eventually("a connection", || {
        runtime.block_on(Connection::open(paths)).ok()
    });
    let status = world.available("db-1");
    assert_eq!(world.postmaster("db-1", "first"), Some(before));

    wanted.stopped = true;
    world.ensure(&wanted);
    world.until("a stop", |status| status.phase == DatabasePhase::Stopped);
    assert_eq!(world.postmaster("db-1", "first"), None);
    wanted.stopped = false;
    world.ensure(&wanted);
    world.available("db-1");
    assert_eq!(ask(&status, "SELECT sum(n) FROM t"), "3");

    world.region.send(&Command::RemoveDatabase("db-1".into()));
    let folder = world.region.data.path().join("databases/db-1");
    eventually("its storage is gone", || (!folder.exists()).then_some(()));
    assert_eq!(world.postmaster("db-1", "first"), None);
}

#[test]
fn a_parameter_with_which_the_server_does_not_start_does_not_keep_it_down() {
    let mut world = World::start(&["eni-1"]);
    let mut wanted = database("db-1", "eni-1");
    wanted
        .parameters
        .insert("shared_preload_libraries".into(), "no_such_library".into());
    wanted.parameters.insert("work_mem".into(), "8192".into());
    world.ensure(&wanted);
    let status = world.available("db-1");
    assert!(
        status
            .refused
            .iter()
            .any(|text| text.contains("no_such_library")),
        "{status:?}"
    );
    assert_eq!(ask(&status, "SELECT 1"), "1");
}

#[test]
fn a_version_that_is_not_installed_names_its_package() {
    let mut world = World::start(&["eni-1"]);
    let mut wanted = database("db-1", "eni-1");
    wanted.major_version = 3;
    world.ensure(&wanted);
    let status = world.until("a failure", |status| {
        matches!(status.phase, DatabasePhase::Failed { .. })
    });
    let DatabasePhase::Failed { reason } = status.phase else {
        panic!("{status:?}");
    };
    assert!(reason.contains("postgresql-3"), "{reason}");
}

#[test]
fn a_replica_follows_reads_only_and_is_promoted() {
    let mut world = World::start(&["eni-1", "eni-2"]);
    let writer = database("db-1", "eni-1");
    let mut replica = database("db-2", "eni-2");
    replica.role = Role::Replica { of: "db-1".into() };
    replica.origin = Origin::Source;
    replica.memory_mib = 512;
    // Both at once: the replica waits for its source.
    world.ensure(&replica);
    world.ensure(&writer);
    let source = world.available("db-1");
    let copy = world.available("db-2");
    ask(&source, "CREATE TABLE t (n int); INSERT INTO t VALUES (41)");
    eventually("the row is in the replica", || {
        let answer = try_ask(&copy, "SELECT n FROM t");
        (String::from_utf8_lossy(&answer.stdout).trim() == "41").then_some(())
    });
    let mut used = world.measure();
    while used.len() < 2 {
        used.extend(world.measure());
    }
    let (writer_usage, replica_usage) = (used[&"db-1".into()], used[&"db-2".into()]);
    assert_eq!(writer_usage.replica_lag, None);
    assert!(
        replica_usage.replica_lag.is_some_and(|lag| lag < 60.0),
        "{replica_usage:?}"
    );
    assert!(writer_usage.storage_bytes > 1 << 20, "{writer_usage:?}");
    assert!(
        writer_usage.usage.memory_bytes > 1 << 20,
        "{writer_usage:?}"
    );
    let refused = try_ask(&copy, "INSERT INTO t VALUES (42)");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("read-only transaction"));
    replica.role = Role::Writer;
    world.ensure(&replica);
    world.until("a promotion", |status| {
        status.phase == DatabasePhase::Restarting
    });
    world.available("db-2");
    ask(&copy, "INSERT INTO t VALUES (42)");
    assert_eq!(ask(&source, "SELECT count(*) FROM t"), "1");
}

#[test]
fn a_standby_takes_over_when_told_and_when_its_zone_is_lost() {
    let mut world = World::start(&["eni-1", "eni-2"]);
    let mut wanted = database("db-1", "eni-1");
    wanted.standby = Some("eni-2".into());
    world.ensure(&wanted);
    let status = world.available("db-1");
    ask(&status, "CREATE TABLE t (n int)");
    let synchronous = |status: &DatabaseStatus| {
        let answer = try_ask(status, "SHOW synchronous_standby_names");
        String::from_utf8_lossy(&answer.stdout).trim() == "standby"
    };
    eventually("a synchronous standby", || {
        synchronous(&status).then_some(())
    });
    ask(&status, "INSERT INTO t VALUES (1)");
    // A standby is nobody's to read.
    let password = "password='first secret' sslmode=require";
    assert!(
        world
            .ask_over("eni-1", password, "SELECT 1")
            .status
            .success()
    );
    let answer = world.ask_over("eni-2", password, "SELECT 1");
    assert!(
        String::from_utf8_lossy(&answer.stderr).contains("pg_hba.conf rejects connection"),
        "{answer:?}"
    );
    world.act("over", ActionKind::FailOverDatabase("db-1".into()));
    let status = world.last.clone().expect("a status");
    assert_eq!(status.phase, DatabasePhase::Available);
    assert_eq!(status.active_interface, Some("eni-2".into()));
    assert!(
        world
            .ask_over("eni-2", password, "SELECT 1")
            .status
            .success()
    );
    assert_eq!(ask(&status, "SELECT count(*) FROM t"), "1");
    // An act is done once, however often it is asked for.
    world.act("over", ActionKind::FailOverDatabase("db-1".into()));
    eventually("the old writer is the standby", || {
        synchronous(&status).then_some(())
    });
    ask(&status, "INSERT INTO t VALUES (2)");

    let zone = world.lose_interface("eni-2");
    kill(
        world.postmaster("db-1", "second").expect("a server"),
        Signal::SIGKILL,
    )
    .expect("a signal");
    let status = world.until("the first zone", |status| {
        status.phase == DatabasePhase::Available && status.active_interface == Some("eni-1".into())
    });
    assert_eq!(ask(&status, "SELECT count(*) FROM t"), "2");
    // Nothing waits for a standby that cannot be.
    ask(&status, "INSERT INTO t VALUES (3)");
    world.give_interface("eni-2", zone);
    eventually("a standby again", || synchronous(&status).then_some(()));
}

#[test]
fn a_snapshot_is_a_database_as_it_was() {
    let mut world = World::start(&["eni-1", "eni-2"]);
    world.ensure(&database("db-1", "eni-1"));
    let status = world.available("db-1");
    ask(&status, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let facts = world
        .act(
            "snap",
            ActionKind::TakeSnapshot {
                database: "db-1".into(),
                snapshot: "rds:one".into(),
            },
        )
        .expect("facts");
    assert!(facts.bytes > 1 << 20 && Some(facts.engine_version) == status.version);
    ask(&status, "INSERT INTO t VALUES (2)");
    let mut restored = database("db-2", "eni-2");
    restored.origin = Origin::Snapshot("rds:one".into());
    restored.master_password = Secret::new("of the copy");
    world.ensure(&restored);
    let copy = world.available("db-2");
    assert_eq!(ask(&copy, "SELECT count(*) FROM t"), "1");
    let answer = world.ask_over(
        "eni-2",
        "password='of the copy' sslmode=require",
        "SELECT 1",
    );
    assert!(answer.status.success(), "{answer:?}");
    world.act("gone", ActionKind::DeleteSnapshot("rds:one".into()));
    assert!(!world.region.data.path().join("snapshots/rds:one").exists());
}

#[test]
fn storage_outlives_the_machine() {
    let mut world = World::start(&["eni-1"]);
    let wanted = database("db-1", "eni-1");
    world.ensure(&wanted);
    let status = world.available("db-1");
    ask(&status, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    machine::stop(world.region.data.path()).expect("it stops");
    // Dropped before the directory is.
    let _second = support::start(world.region.data.path());
    let Region {
        paths,
        runtime,
        connection,
        ..
    } = &mut world.region;
    *connection = runtime
        .block_on(Connection::open(paths))
        .expect("a connection");
    world.region.ensure(&world.network);
    world.ensure(&wanted);
    let status = world.available("db-1");
    assert_eq!(ask(&status, "SELECT n FROM t"), "7");
}

#[test]
fn an_ordinary_user_has_databases_too() {
    support::as_ordinary_user(&[
        "a_writer_is_made_changed_restarted_stopped_and_deleted",
        "a_standby_takes_over_when_told_and_when_its_zone_is_lost",
        "a_snapshot_is_a_database_as_it_was",
    ]);
}
