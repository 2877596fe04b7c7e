//! The machine's processes: they start once, outlive whoever started them when they should, and
//! leave nothing.

mod support;

use machine::client::Connection;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::world::{at, rule, tcp, usual};
use support::{MACHINE, Region, eventually, processes_of, start};

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
            .block_on(Connection::open(&region.paths))
            .ok()
    });
}

#[test]
fn a_program_that_was_built_anew_meanwhile_is_not_missed() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let program = elsewhere.path().join("machine");
    std::fs::copy(MACHINE, &program).expect("a copy");
    let machine = machine::start(&machine::Options {
        data: data.path().to_owned(),
        program: program.clone(),
        die_with_parent: true,
    })
    .unwrap_or_else(|failure| panic!("{}", machine::chain(&failure)));
    std::fs::remove_file(&program).expect("it is gone");
    let executor = role(data.path(), "executor").expect("an executor");
    kill(executor, Signal::SIGKILL).expect("a signal");
    eventually("another executor", || {
        role(data.path(), "executor").filter(|pid| *pid != executor)
    });
    drop(machine);
    nothing_is_left(data.path());
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

#[test]
fn a_network_goes_on_without_its_executor_and_the_next_one_takes_it_over() {
    let mut region = Region::start();
    let mut vpc = usual();
    region.ensure(&vpc);
    // In the background, because what runs for a caller ends with the executor.
    let server = format!("{MACHINE} probe listen 0.0.0.0:8080 task >/dev/null 2>&1 &");
    assert!(
        region
            .run(at("eni-task"), &["sh", "-c", &server])
            .status
            .success()
    );
    let reach = |region: &Region| {
        region
            .try_probe(at("eni-web"), &["fetch", "10.0.1.10:8080", "500"])
            .ok()
    };
    eventually("the server answers", || reach(&region));
    let first = role(region.data.path(), "executor").expect("an executor");
    kill(first, Signal::SIGKILL).expect("a signal");
    let data = region.data.path().to_owned();
    let second = eventually("another executor", || {
        role(&data, "executor").filter(|pid| *pid != first)
    });
    // It knows what was wanted; nobody has told it yet.
    eventually("the server answers still", || reach(&region));
    region.connection = eventually("a control plane is taken", || {
        region
            .runtime
            .block_on(Connection::open(&region.paths))
            .ok()
    });
    assert_eq!(role(&data, "executor"), Some(second));
    vpc.security_groups
        .get_mut(&"sg-task".into())
        .expect("the group")
        .ingress = vec![rule(tcp(9), support::world::everywhere())];
    region.ensure(&vpc);
    assert_eq!(reach(&region), None);
    // What is not wanted any more goes, also when an earlier executor made it.
    region.send(&world::Command::Replace(Box::default()));
    eventually("the interface's namespace is gone", || {
        (!data.join("run/machine/netns/eni-task").exists()).then_some(())
    });
}

/// What a host's own tools would show of networks.
fn host_view() -> Vec<String> {
    let names = |directory: &str| {
        std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| format!("{directory}/{}", entry.file_name().to_string_lossy()))
            .collect::<Vec<_>>()
    };
    let tables = std::process::Command::new("nft")
        .args(["list", "tables"])
        .output()
        .expect("nft runs");
    let mut view = names("/sys/class/net");
    view.extend(names("/run/netns"));
    view.push(String::from_utf8_lossy(&tables.stdout).into_owned());
    view.sort();
    view
}

#[test]
fn a_running_network_shows_nothing_on_the_host() {
    let before = host_view();
    let mut region = Region::start();
    region.ensure(&usual());
    assert_eq!(host_view(), before);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains(&*region.data.path().to_string_lossy()));
}
