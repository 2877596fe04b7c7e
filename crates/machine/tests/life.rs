//! The machine's processes: they start once, outlive whoever started them when they should, and
//! leave nothing.

mod support;

use machine::client::Connection;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Region, eventually, processes_of, start};

fn role(data: &std::path::Path, role: &str) -> Option<Pid> {
    processes_of(data)
        .into_iter()
        .find(|(_, line)| line.contains(&format!(" machine {role} ")))
        .map(|(pid, _)| Pid::from_raw(pid))
}

fn nothing_is_left(data: &std::path::Path) {
    eventually("every process ends", || {
        processes_of(data).is_empty().then_some(())
    });
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains(&*data.to_string_lossy()), "{mounts}");
    eventually("the files of the run are gone", || {
        (!data.join("run/machine").exists() && !data.join("run/machine.sock").exists())
            .then_some(())
    });
}

#[test]
fn a_second_start_finds_the_first_and_a_drop_ends_it() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let first = start(data.path());
    let keeper = role(data.path(), "keeper").expect("a keeper");
    let second = start(data.path());
    assert_eq!(role(data.path(), "keeper"), Some(keeper));
    drop(second);
    assert_eq!(role(data.path(), "keeper"), Some(keeper));
    drop(first);
    nothing_is_left(data.path());
}

#[test]
fn a_machine_stops_when_it_is_told_to() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let machine = start(data.path());
    machine::stop(data.path()).expect("it stops");
    nothing_is_left(data.path());
    drop(machine);
}

#[test]
fn a_killed_executor_is_started_again() {
    let region = Region::start();
    let data = region.data.path();
    let executor = role(data, "executor").expect("an executor");
    kill(executor, Signal::SIGKILL).expect("a signal");
    eventually("another executor", || {
        role(data, "executor").filter(|pid| *pid != executor)
    });
    eventually("it takes a control plane", || {
        region
            .runtime
            .block_on(Connection::open(&region.machine.paths))
            .ok()
    });
}

#[test]
fn a_killed_anchor_leaves_nothing() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let machine = start(data.path());
    kill(
        role(data.path(), "anchor").expect("an anchor"),
        Signal::SIGKILL,
    )
    .expect("a signal");
    nothing_is_left(data.path());
    drop(machine);
}

#[test]
fn a_killed_keeper_leaves_only_files_and_they_are_swept() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let machine = start(data.path());
    kill(
        role(data.path(), "keeper").expect("a keeper"),
        Signal::SIGKILL,
    )
    .expect("a signal");
    eventually("every process ends", || {
        processes_of(data.path()).is_empty().then_some(())
    });
    machine::sweep(data.path()).expect("it is swept");
    nothing_is_left(data.path());
    drop(machine);
}
