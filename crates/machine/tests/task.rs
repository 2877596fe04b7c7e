//! Tasks: images become processes, behind limits, with their output and their end told.

#[path = "support/image.rs"]
mod image;
mod support;

use std::path::PathBuf;

use image::{container, image};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Region, eventually, processes_of};
use world::event::{Health, StopCause, TaskPhase, TaskStatus};
use world::measure::{Measure, Usage};
use world::task::{Condition, Container, Dependency, HealthCheck, Requirement, Task};
use world::{Command, Event};

const PLAIN: &str = r#"{"architecture":"","os":"linux","config":{}}"#;

struct World {
    region: Region,
    lines: Vec<String>,
}

impl World {
    /// A machine with one interface, `eni-1`.
    fn start() -> Self {
        let mut region = Region::start();
        region.ensure(&support::world::open(&["eni-1"]));
        Self {
            region,
            lines: Vec::new(),
        }
    }

    fn data(&self) -> PathBuf {
        self.region.data.path().to_owned()
    }

    fn container(&self, arguments: &[&str]) -> Container {
        container("app", &image(&self.data(), PLAIN), arguments)
    }

    fn run(&mut self, containers: Vec<Container>) {
        self.run_as("t1", containers);
    }

    fn run_as(&mut self, id: &str, containers: Vec<Container>) {
        self.send(task(id, containers));
    }

    fn send(&mut self, task: Task) {
        self.region.send(&Command::EnsureTask(Box::new(task)));
    }

    /// Reads events, keeping log lines, until the task's status is one that is wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&TaskStatus) -> bool) -> TaskStatus {
        let lines = &mut self.lines;
        self.region.await_event(what, |event| match event {
            Event::Log(batch) => {
                lines.extend(batch.lines.iter().map(|line| line.message.clone()));
                None
            }
            Event::Task(status) if wanted(status) => Some(status.clone()),
            _ => None,
        })
    }

    fn until_said(&mut self, text: &str) {
        let lines = &mut self.lines;
        if lines.iter().any(|line| line.contains(text)) {
            return;
        }
        self.region.await_event(text, |event| match event {
            Event::Log(batch) => {
                lines.extend(batch.lines.iter().map(|line| line.message.clone()));
                batch
                    .lines
                    .iter()
                    .any(|line| line.message.contains(text))
                    .then_some(())
            }
            _ => None,
        });
    }

    /// What the one task uses.
    fn measure(&mut self) -> Usage {
        let at = jiff::Timestamp::UNIX_EPOCH;
        self.region
            .send(&Command::Measure(Measure { at, all: false }));
        let lines = &mut self.lines;
        self.region
            .await_event("a measurement", |event| match event {
                Event::Log(batch) => {
                    lines.extend(batch.lines.iter().map(|line| line.message.clone()));
                    None
                }
                Event::Measured(measured) => measured.tasks.get(&"t1".into()).copied(),
                _ => None,
            })
    }

    fn ended(&mut self) -> TaskStatus {
        self.until("a task that stopped", |status| {
            matches!(status.phase, TaskPhase::Stopped { .. })
        })
    }

    /// The reason with which a task of this container fails to start.
    fn failure(&mut self, containers: Vec<Container>) -> String {
        self.run(containers);
        match self.ended().phase {
            TaskPhase::Stopped {
                cause: StopCause::FailedToStart { reason },
            } => reason,
            other => panic!("{other:?}"),
        }
    }
}

fn executor(region: &Region) -> i32 {
    eventually("an executor", || {
        processes_of(region.data.path())
            .into_iter()
            .find(|(_, line)| line.contains(" machine executor "))
            .map(|(pid, _)| pid)
    })
}

fn shim(world: &World) -> Option<Pid> {
    processes_of(&world.data())
        .into_iter()
        .find(|(_, line)| line.contains(" machine task "))
        .map(|(pid, _)| Pid::from_raw(pid))
}

fn task(id: &str, containers: Vec<Container>) -> Task {
    let mut task = Task::new(id.into(), "vpc-1".into(), "eni-1".into());
    task.hostname = "ip-10-0-1-2.eu-central-1.compute.internal".into();
    task.address = Some([10, 0, 1, 2].into());
    task.nameserver = Some([10, 0, 0, 2].into());
    task.containers = containers;
    task
}

fn stopping(mut task: Task) -> Task {
    task.stop = true;
    task
}

fn running(status: &TaskStatus) -> bool {
    status.phase == TaskPhase::Running
}

#[test]
fn a_container_sees_what_it_should_and_its_output_and_end_are_told() {
    let mut world = World::start();
    let config =
        r#"{"config":{"Env":["A=image","B=image"],"WorkingDir":"/new/place","User":"app"}}"#;
    let mut app = container(
        "app",
        &image(&world.data(), config),
        &[
            "id",
            "env=A",
            "env=B",
            "env=HOME",
            "cat=/motd",
            "cat=/hidden",
            "cat=/etc/hosts",
            "cat=/etc/resolv.conf",
            "cat=/etc/hostname",
            "touch=/motd2",
            "touch=/tmp2",
            "cat=/proc/self/status",
            "complain=from stderr",
            "exit=3",
        ],
    );
    app.environment.insert("B".into(), "task".into());
    world.run(vec![app]);
    let status = world.ended();
    assert_eq!(
        status.phase,
        TaskPhase::Stopped {
            cause: StopCause::EssentialContainerExited
        }
    );
    assert_eq!(status.containers[0].exit_code, Some(3));
    assert_eq!(status.containers[0].reason, None);
    assert!(status.containers[0].started_at <= status.containers[0].finished_at);
    assert!(status.pull_started_at.is_some() && status.pull_stopped_at.is_some());
    // A machine that may not raise limits says so, and nothing else.
    assert!(
        status
            .warnings
            .iter()
            .all(|text| text.contains("limit nofile")),
        "{:?}",
        status.warnings
    );
    for line in [
        "uid=1000 gid=1001 pid=1 cwd=/new/place",
        "A=image",
        "B=task",
        "HOME=/home/app",
        "good day",
        "/hidden: No such file or directory",
        "10.0.1.2 ip-10-0-1-2.eu-central-1.compute.internal",
        "nameserver 10.0.0.2",
        "ip-10-0-1-2.eu-central-1.compute.internal",
        "touch /motd2: Permission denied",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "CapEff:\t0000000000000000",
        "Groups:\t ",
        "from stderr",
    ] {
        assert!(
            world.lines.iter().any(|said| said == line),
            "{line:?} is not in {:#?}",
            world.lines
        );
    }
    // Nothing is left of what it wrote, and forgetting it leaves nothing at all.
    eventually("what it wrote is gone", || {
        (!world.data().join("tasks/t1").exists()).then_some(())
    });
    world.region.send(&Command::RemoveTask("t1".into()));
    eventually("the task's folder is gone", || {
        (!world.data().join("run/machine/tasks/t1").exists()).then_some(())
    });
}

#[test]
fn root_in_a_container_may_not_harm_the_machine() {
    let mut world = World::start();
    let mut app = world.container(&[
        "id",
        "mknod=/dev/sda",
        "mount=/tmp",
        "unshare",
        "touch=/proc/sys/kernel/hostname",
        "touch=/written",
    ]);
    let mut read_only = app.clone();
    read_only.name = "ro".into();
    read_only.readonly_root_filesystem = true;
    read_only.command = Some(vec!["touch=/written-too".into()]);
    read_only.essential = false;
    app.depends_on.push(Dependency {
        container: "ro".into(),
        condition: Condition::Success,
    });
    world.run(vec![app, read_only]);
    world.ended();
    for line in [
        "uid=0 gid=0 pid=1 cwd=/",
        "mknod: Operation not permitted",
        "mount: Operation not permitted",
        "unshare: Operation not permitted",
        "touch /proc/sys/kernel/hostname: Read-only file system",
        "touch /written: done",
        "touch /written-too: Read-only file system",
    ] {
        assert!(
            world.lines.iter().any(|said| said == line),
            "{line:?} is not in {:#?}",
            world.lines
        );
    }
}

#[test]
fn a_stop_is_a_signal_and_after_a_while_a_kill() {
    let mut world = World::start();
    let config = r#"{"config":{"StopSignal":"SIGQUIT"}}"#;
    let polite = container(
        "polite",
        &image(&world.data(), config),
        &["trap=3", "say=ready", "wait"],
    );
    let mut stubborn = world.container(&["ignore=15", "say=ready too", "wait"]);
    stubborn.stop_timeout = 1;
    let order = task("t1", vec![polite, stubborn]);
    world.send(order.clone());
    world.until("a running task", running);
    world.until_said("ready too");
    world.until_said("ready");
    world.send(stopping(order));
    let status = world.ended();
    assert_eq!(
        status.phase,
        TaskPhase::Stopped {
            cause: StopCause::Requested
        }
    );
    assert_eq!(status.containers[0].exit_code, Some(7));
    assert_eq!(status.containers[1].exit_code, Some(137));
    assert!(world.lines.contains(&"signal 3".to_owned()));
}

#[test]
fn a_task_is_held_to_its_memory_and_says_so() {
    let mut world = World::start();
    let app = world.container(&["eat=300", "exit=0"]);
    let mut order = task("t1", vec![app]);
    order.memory_mib = 64;
    world.send(order);
    let status = world.ended();
    assert_eq!(status.containers[0].exit_code, Some(137));
    assert_eq!(
        status.containers[0].reason.as_deref(),
        Some("OutOfMemoryError: Container killed due to memory usage")
    );
    let left = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let region = machine::host::region_name(&world.data());
    let groups: Vec<_> = left
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .filter_map(|line| line.split(' ').nth(4))
        .map(|mount| PathBuf::from(mount).join(&region).join("t1"))
        .filter(|group| group.exists())
        .collect();
    eventually("the control groups are gone", || {
        groups.iter().all(|group| !group.exists()).then_some(())
    });
}

#[test]
fn a_task_is_held_to_its_share_of_a_processor() {
    let mut world = World::start();
    let app = world.container(&["spin=250"]);
    let mut order = task("t1", vec![app]);
    order.cpu_units = 256;
    world.send(order);
    let status = world.ended();
    let (Some(start), Some(end)) = (
        status.containers[0].started_at,
        status.containers[0].finished_at,
    ) else {
        panic!("{status:?}");
    };
    // A quarter of a processor: a quarter of a second of work takes most of a second, however
    // fast or busy the machine is.
    let took = end.duration_since(start).as_secs_f64();
    assert!(took > 0.7, "it took only {took} s");
}

/// A task that spins is held to a quarter of a processor, and that is what it is measured at.
#[test]
fn what_a_task_uses_is_measured() {
    let mut world = World::start();
    let app = world.container(&["eat=32", "say=begun", "spin=150", "say=done", "spin=600000"]);
    let mut order = task("t1", vec![app]);
    order.cpu_units = 256;
    order.memory_mib = 128;
    world.send(order);
    world.until("a task that runs", running);
    world.until_said("begun");
    let first = world.measure();
    assert_eq!(first.cpu_units, None, "nothing was known before");
    world.until_said("done");
    let second = world.measure();
    let units = second.cpu_units.expect("some time has passed");
    assert!((100.0..400.0).contains(&units), "{units}");
    assert!(second.memory_bytes > 16 << 20, "{second:?}");
    assert!(second.memory_bytes < 128 << 20, "{second:?}");
}

#[test]
fn what_cannot_start_is_said_in_the_words_of_ecs() {
    let mut world = World::start();
    let prefix = "CannotStartContainerError: ResourceInitializationError: failed to create new container \
                  runtime task: failed to create shim task: OCI runtime create failed: runc create failed: \
                  unable to start container process: ";
    for (command, why) in [
        (
            "/nope",
            "exec: \"/nope\": stat /nope: no such file or directory: unknown",
        ),
        (
            "nope",
            "exec: \"nope\": executable file not found in $PATH: unknown",
        ),
        ("/motd", "exec: \"/motd\": permission denied: unknown"),
        ("/broken", "exec /broken: exec format error: unknown"),
    ] {
        let mut app = world.container(&[]);
        app.entry_point = Some(vec![command.into()]);
        assert_eq!(world.failure(vec![app]), format!("{prefix}{why}"));
        world.region.send(&Command::RemoveTask("t1".into()));
        eventually("it is forgotten", || {
            (!world.data().join("run/machine/tasks/t1").exists()).then_some(())
        });
    }
    let mut nobody = world.container(&[]);
    nobody.user = Some("nobody".into());
    assert!(
        world
            .failure(vec![nobody])
            .contains("unable to find user nobody: no matching entries in passwd file")
    );
}

#[test]
fn images_that_cannot_be_used_are_told_apart() {
    let mut world = World::start();
    let foreign = container(
        "app",
        &image(&world.data(), r#"{"architecture":"s390x","os":"linux"}"#),
        &[],
    );
    assert!(world.failure(vec![foreign]).starts_with(
        "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/"
    ));
    let mut missing = world.container(&[]);
    missing.image.layers[1].digest = format!("sha256:{}", "0".repeat(64));
    world.run_as("t2", vec![missing]);
    let status = world.until("the second task", |status| {
        status.task.as_str() == "t2" && matches!(status.phase, TaskPhase::Stopped { .. })
    });
    let text = format!("{:?}", status.phase);
    assert!(text.contains("CannotPullContainerError: failed to unpack image example/app:1: failed to extract layer sha256:000"), "{text}");
}

#[test]
fn what_a_task_needs_is_asked_for_from_its_own_network() {
    let mut world = World::start();
    let mut order = task("t1", vec![world.container(&[])]);
    order.requirements.push(Requirement {
        host: "127.0.0.1".into(),
        port: 9,
        failure: "ResourceInitializationError: unable to pull secrets or registry auth: {error}"
            .into(),
    });
    world.send(order);
    let status = world.ended();
    assert_eq!(
        status.phase,
        TaskPhase::Stopped {
            cause: StopCause::FailedToStart {
                reason: "ResourceInitializationError: unable to pull secrets or registry auth: \
                         dial tcp 127.0.0.1:9: connect: connection refused"
                    .into()
            }
        }
    );
    assert_eq!(status.containers[0].started_at, None);
}

#[test]
fn containers_wait_for_the_health_of_others() {
    let mut world = World::start();
    let mut store = world.container(&["wait"]);
    store.name = "store".into();
    store.health_check = Some(HealthCheck {
        command: vec!["CMD".into(), "/t".into(), "exit=0".into()],
        interval: 1,
        timeout: 5,
        retries: 1,
        start_period: 0,
    });
    let mut sick = world.container(&["wait"]);
    sick.name = "sick".into();
    sick.health_check = Some(HealthCheck {
        command: vec!["CMD".into(), "/t".into(), "exit=1".into()],
        interval: 1,
        timeout: 5,
        retries: 1,
        start_period: 0,
    });
    let mut app = world.container(&["say=started", "wait"]);
    app.depends_on.push(Dependency {
        container: "store".into(),
        condition: Condition::Healthy,
    });
    app.init_process = true;
    world.run(vec![store, sick, app]);
    let status = world.until("health", |status| {
        running(status) && status.containers[1].health == Some(Health::Unhealthy)
    });
    assert_eq!(status.containers[0].health, Some(Health::Healthy));
    assert_eq!(status.containers[2].health, None);
    world.until_said("started");
    world.region.send(&Command::RemoveTask("t1".into()));
    eventually("its shim ends", || shim(&world).is_none().then_some(()));
}

#[test]
fn a_task_outlives_the_executor_and_its_output_is_told_until_it_is_kept() {
    let mut world = World::start();
    let order = task(
        "t1",
        vec![world.container(&["trap=15", "say=before", "wait"])],
    );
    world.send(order.clone());
    world.until_said("before");
    let first = shim(&world).expect("a shim");
    let executor_before = executor(&world.region);
    kill(Pid::from_raw(executor_before), Signal::SIGKILL).expect("a signal");
    eventually("another executor", || {
        (executor(&world.region) != executor_before).then_some(())
    });
    let Region {
        paths,
        runtime,
        connection,
        ..
    } = &mut world.region;
    *connection = eventually("a connection", || {
        runtime
            .block_on(machine::client::Connection::open(paths))
            .ok()
    });
    world.lines.clear();
    // Nobody said it was kept.
    world.until_said("before");
    assert_eq!(shim(&world), Some(first));
    world.region.send(&Command::LogKept {
        group: "/ecs/app".into(),
        stream: "ecs/app/1".into(),
        sequence: 1,
    });
    let out = world.data().join("run/machine/tasks/t1/out");
    eventually("the lines are let go", || {
        let left = std::fs::read_dir(&out)
            .ok()?
            .flatten()
            .filter(|file| file.file_name() != "status.json")
            .count();
        (left == 0).then_some(())
    });
    world.send(stopping(order));
    let status = world.ended();
    assert_eq!(status.containers[0].exit_code, Some(7));
}

#[test]
fn a_task_whose_shim_is_killed_is_lost_with_its_containers() {
    let mut world = World::start();
    world.run(vec![world.container(&["say=here", "wait"])]);
    world.until_said("here");
    let container = eventually("the container's process", || {
        let text =
            std::fs::read_to_string(world.data().join("run/machine/tasks/t1/processes")).ok()?;
        text.lines().next().map(str::to_owned)
    });
    assert!(container.parse::<i32>().is_ok());
    kill(shim(&world).expect("a shim"), Signal::SIGKILL).expect("a signal");
    let status = world.ended();
    assert_eq!(
        status.phase,
        TaskPhase::Stopped {
            cause: StopCause::Lost
        }
    );
    assert_eq!(status.containers[0].exit_code, Some(137));
    let place = format!("/proc/{}/root/proc/{container}", executor(&world.region));
    eventually("the container ends", || {
        (!std::path::Path::new(&place).exists()).then_some(())
    });
}

/// Run by the test below, as an ordinary user.
#[test]
fn a_task_without_limits_says_so() {
    if nix::unistd::geteuid().is_root() {
        return;
    }
    let mut world = World::start();
    let app = world.container(&["id", "cat=/hidden", "touch=/written", "exit=0"]);
    world.run(vec![app]);
    let status = world.ended();
    assert_eq!(status.containers[0].exit_code, Some(0), "{status:?}");
    assert!(
        status
            .warnings
            .iter()
            .any(|text| text.contains("no limits on CPU and memory")),
        "{status:?}"
    );
    for line in [
        "uid=0 gid=0 pid=1 cwd=/",
        "/hidden: No such file or directory",
        "touch /written: done",
    ] {
        assert!(
            world.lines.iter().any(|said| said == line),
            "{line:?} is not in {:#?}",
            world.lines
        );
    }
}

#[test]
fn an_ordinary_user_has_tasks_too() {
    support::as_ordinary_user(&[
        "a_task_without_limits_says_so",
        "a_stop_is_a_signal_and_after_a_while_a_kill",
        "what_cannot_start_is_said_in_the_words_of_ecs",
        "containers_wait_for_the_health_of_others",
        "a_task_whose_shim_is_killed_is_lost_with_its_containers",
    ]);
}
