//! Time as the whole engine keeps it: what is due on the way of a jump, and over a restart.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use wire::secretsmanager::{self as api, op};
use wire::{Operation, Shape, rds};
use world::event::{DatabasePhase, DatabaseStatus};

use super::*;

fn call<O: Operation>(engine: &Engine, input: O::Input) {
    call_of::<O>(engine, "secretsmanager", input);
}

fn call_of<O: Operation>(engine: &Engine, service: &str, input: O::Input) {
    let handler = Region::handler(service, O::SCHEMA.name).expect("it is there");
    engine
        .call(Caller::Root, "test", handler, input.into_value())
        .expect("it is done");
}

/// A region in which two secrets go away, after seven and after ten days.
fn region_with_two_endings(folder: &Path) -> Arc<Engine> {
    let engine = Engine::open(folder, Settings::default()).expect("a region");
    for (name, days) in [("seven", 7), ("ten", 10)] {
        let input = api::CreateSecretRequest {
            name: name.to_owned(),
            secret_string: Some("x".to_owned()),
            client_request_token: Some(format!("{name:0>32}")),
            ..Default::default()
        };
        call::<op::CreateSecret>(&engine, input);
        let input = api::DeleteSecretRequest {
            secret_id: name.to_owned(),
            recovery_window_in_days: Some(days),
            ..Default::default()
        };
        call::<op::DeleteSecret>(&engine, input);
    }
    engine
}

fn secrets(engine: &Engine) -> Vec<String> {
    engine.read(|region, _| region.secretsmanager.secrets.keys().cloned().collect())
}

fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}

#[test]
fn a_jump_does_what_is_due_on_the_way_and_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = region_with_two_endings(folder.path());
    let begin = engine.clock().now();
    let jumped = engine.jump(begin + days(8)).expect("it jumps");
    assert_eq!(
        (jumped.stops, secrets(&engine)),
        (2, vec!["ten".to_owned()])
    );
    let now = engine.clock().now();
    assert!(now >= begin + days(8) && now < begin + days(9), "{now}");
    // Rows were moved at their own instant, not at the end of the jump.
    let settled = engine.read(|region, context| (region.settled_at, context.now));
    assert!(settled.0 <= settled.1);
    drop(engine);

    let engine = Engine::open(folder.path(), Settings::default()).expect("the same region");
    assert!(engine.clock().now() >= now);
    assert_eq!(secrets(&engine), ["ten"]);
    engine.jump(begin + days(30)).expect("it jumps");
    assert!(secrets(&engine).is_empty());
}

#[test]
fn what_no_clock_does_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::open(folder.path(), Settings::default()).expect("a region");
    let now = engine.clock().now();
    for to in [now - days(1), now + days(5_000)] {
        let refused = engine.jump(to);
        assert!(
            matches!(refused, Err(TimeError::Clock(ClockError::Jump))),
            "{refused:?}"
        );
    }
    assert!(matches!(
        engine.set_rate(0),
        Err(TimeError::Clock(ClockError::Rate))
    ));
    let after = engine.clock().now();
    assert!(after < now + SignedDuration::from_hours(1));
}

#[test]
fn a_rate_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::open(folder.path(), Settings::default()).expect("a region");
    engine.set_rate(60).expect("it is allowed");
    let now = engine.clock().now();
    drop(engine);
    let engine = Engine::open(folder.path(), Settings::default()).expect("the same region");
    assert_eq!(engine.clock().rate(), 60);
    assert!(engine.clock().now() >= now);
}

#[test]
fn what_became_due_while_nothing_ran_is_done_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = region_with_two_endings(folder.path());
    // The clock goes on while nobody looks, as it does while the region is down.
    let late = engine.clock().now() + days(12);
    engine.clock.land(late);
    let mut stopped_at = std::cell::RefCell::new(Vec::new());
    let stops = engine
        .step_to(late, || {}, |at| stopped_at.borrow_mut().push(at))
        .expect("it catches up");
    assert_eq!(stops, 3);
    assert!(stopped_at.get_mut().is_sorted());
    assert!(secrets(&engine).is_empty());
}

#[tokio::test]
async fn time_wakes_what_waits_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = region_with_two_endings(folder.path());
    let running = tokio::spawn(Arc::clone(&engine).run());
    let waiting = {
        let engine = Arc::clone(&engine);
        let instant = engine.clock().now() + days(20);
        tokio::spawn(async move { engine.clock().sleep_until(instant).await })
    };
    let acting = Arc::clone(&engine);
    tokio::task::spawn_blocking(move || acting.jump(acting.clock().now() + days(21)))
        .await
        .expect("it ends")
        .expect("it jumps");
    waiting.await.expect("it was woken");
    assert!(secrets(&engine).is_empty());
    running.abort();
}

/// A region in which a world is asked for a database.
fn region_with_a_new_database(folder: &Path) -> Arc<Engine> {
    let engine = Engine::open(folder, Settings::default()).expect("a region");
    let input = rds::CreateDBInstanceMessage {
        db_instance_identifier: "new".to_owned(),
        db_instance_class: "db.t4g.micro".to_owned(),
        engine: "postgres".to_owned(),
        master_username: Some("links".to_owned()),
        master_user_password: Some("correct-horse".to_owned()),
        allocated_storage: Some(20),
        ..Default::default()
    };
    call_of::<rds::op::CreateDBInstance>(&engine, "rds", input);
    engine
}

#[test]
fn a_jump_waits_for_what_the_world_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = region_with_a_new_database(folder.path());
    let attendance = engine.attend();
    let to = engine.clock().now() + days(1);
    let (sender, jumped) = std::sync::mpsc::channel();
    let jumping = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || sender.send(engine.jump(to)))
    };
    let early = jumped.recv_timeout(Duration::from_millis(200));
    assert!(early.is_err(), "it leaps away from {early:?}");
    assert!(engine.clock().now() < to, "time runs as usual meanwhile");

    let database = engine.world().0.databases.keys().next().cloned();
    let status = DatabaseStatus {
        database: database.expect("a database is wanted"),
        phase: DatabasePhase::Available,
        version: None,
        active_interface: None,
        pending_restart: vec![],
        refused: vec![],
        local: None,
    };
    engine.observe(&Event::Database(status)).expect("heard");
    let done = jumped
        .recv_timeout(Duration::from_secs(30))
        .expect("it goes on");
    assert_eq!(done.expect("it jumps").unfinished, None);
    assert!(engine.clock().now() >= to);
    jumping
        .join()
        .expect("it ended")
        .expect("somebody listened");
    drop(attendance);
}

#[test]
fn a_jump_waits_no_longer_than_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = region_with_a_new_database(folder.path());
    let to = || engine.clock().now() + days(1);
    // Where nobody makes what should exist, nobody is waited for.
    let begun = Instant::now();
    let jumped = engine.jump_within(to(), Duration::from_mins(5));
    assert_eq!(jumped.expect("it jumps").unfinished, None);
    assert!(begun.elapsed() < Duration::from_mins(1));

    let _attendance = engine.attend();
    let jumped = engine.jump_within(to(), Duration::from_millis(20));
    let unfinished = jumped.expect("it jumps").unfinished;
    assert_eq!(unfinished.as_deref(), Some("database new is creating"));
}
