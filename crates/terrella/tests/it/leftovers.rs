//! However a region ends, nothing of it stays on the machine.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::support::{Serving, TERRELLA, eventually, first_line, mortal, refusal, terrella};

const LIMIT: Duration = Duration::from_secs(20);

/// The processes whose command line names this folder, but for this test's own.
fn processes(data: &Path) -> Vec<(i32, String)> {
    let marker = data.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&marker) {
            found.push((pid, line));
        }
    }
    found
}

fn role(data: &Path, role: &str) -> Pid {
    eventually(role, LIMIT, || {
        processes(data)
            .into_iter()
            .find(|(_, line)| line.contains(&format!(" machine {role} ")))
            .map(|(pid, _)| Pid::from_raw(pid))
    })
}

/// What the host's own tools would show: links, named namespaces, nftables, mounts.
fn host() -> Vec<String> {
    let names = |directory: &str| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .map(|entry| format!("{directory}/{}", entry.file_name().to_string_lossy()))
            .collect::<Vec<_>>()
    };
    let tables = Command::new("nft").args(["list", "tables"]).output();
    let tables = tables.expect("these tests need the program nft (package nftables)");
    let mut view = names("/sys/class/net");
    view.extend(names("/run/netns"));
    view.push(String::from_utf8_lossy(&tables.stdout).into_owned());
    view.sort();
    view
}

fn cgroups(directory: &Path, name: &str, depth: usize, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && depth < 8 {
            if entry.file_name() == name {
                found.push(entry.path().display().to_string());
            }
            cgroups(&entry.path(), name, depth + 1, found);
        }
    }
}

pub(crate) fn nothing_runs(data: &Path) {
    eventually("every process ends", LIMIT, || {
        processes(data).is_empty().then_some(())
    });
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains(&*data.to_string_lossy()), "{mounts}");
}

/// Neither processes nor what outlives them: cgroups, and files of the run.
fn nothing_is_left(data: &Path, name: &str) {
    nothing_runs(data);
    eventually("files and cgroups go", LIMIT, || {
        let mut left = Vec::new();
        cgroups(Path::new("/sys/fs/cgroup"), name, 0, &mut left);
        (left.is_empty() && !data.join("run/machine").exists()).then_some(())
    });
}

/// Has the region start its machine: a network interface is wanted.
fn with_machine(region: &Serving, data: &Path) {
    let call = |parameters: &str| {
        let (status, text) = region.curl(
            "ec2",
            "/",
            &["--data", &format!("Version=2016-11-15&{parameters}")],
        );
        assert_eq!(status, 200, "{text}");
        text
    };
    let subnets = call("Action=DescribeSubnets");
    let at = subnets.find("subnet-").expect("a default subnet");
    let subnet = &subnets[at..at + "subnet-0123456789abcdef0".len()];
    call(&format!("Action=CreateNetworkInterface&SubnetId={subnet}"));
    eventually("the machine's internet", LIMIT, || {
        terrella(data, &["exec", "true"])
            .status
            .success()
            .then_some(())
    });
}

/// The name under which the region's cgroups stand.
fn name(data: &Path) -> String {
    machine::host::region_name(data)
}

#[test]
fn destroy_leaves_nothing() {
    let before = host();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("d");
    let region = Serving::start(&data, &[]);
    let name = name(&data);
    with_machine(&region, &data);
    assert_eq!(host(), before, "a running region shows on the host");
    let done = terrella(&data, &["destroy", "--yes"]);
    assert!(done.status.success(), "{done:?}");
    drop(region);
    assert!(!data.exists());
    nothing_is_left(&data, &name);
    assert_eq!(host(), before);
}

#[test]
fn down_keeps_the_region_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().expect("a folder");
    let region = Serving::start(folder.path(), &[]);
    with_machine(&region, folder.path());
    let done = terrella(folder.path(), &["down"]);
    assert!(done.status.success(), "{done:?}");
    drop(region);
    nothing_is_left(folder.path(), &name(folder.path()));
    // It is there again.
    let region = Serving::start(folder.path(), &["--die-with-parent"]);
    eventually("its network", LIMIT, || {
        let done = terrella(folder.path(), &["exec", "true"]);
        done.status.success().then_some(())
    });
    drop(region);
    nothing_is_left(folder.path(), &name(folder.path()));
}

#[test]
fn a_killed_control_plane_is_found_again_and_destroyed() {
    let before = host();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("d");
    let region = Serving::start(&data, &[]);
    let name = name(&data);
    with_machine(&region, &data);
    let keeper = role(&data, "keeper");
    region.end(Signal::SIGKILL);
    // What runs goes on without it, and the next one finds it.
    let region = Serving::start(&data, &[]);
    assert_eq!(role(&data, "keeper"), keeper);
    region.end(Signal::SIGKILL);
    let done = terrella(&data, &["destroy", "--yes"]);
    assert!(done.status.success(), "{done:?}");
    assert!(!data.exists());
    nothing_is_left(&data, &name);
    assert_eq!(host(), before);
}

/// As when a test run is killed: its whole process group at once, by nobody who could clean up.
#[test]
fn a_killed_test_run_takes_its_region_along() {
    let before = host();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = mortal(TERRELLA);
    command
        .arg("--data-dir")
        .arg(folder.path())
        .args(["serve", "--port", "0", "--die-with-parent"])
        .process_group(0);
    let region = Serving::spawn(&mut command);
    with_machine(&region, folder.path());
    killpg(region.pid(), Signal::SIGKILL).expect("a signal");
    nothing_is_left(folder.path(), &name(folder.path()));
    assert_eq!(host(), before);
    drop(region);
}

/// The rest that a test run wrote goes as well, once its last process has ended.
#[test]
fn a_killed_test_run_leaves_no_file() {
    let mut run = mortal(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/tidily"))
        .args(["sh", "-c", "sleep 600 & mktemp && wait"])
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let file = first_line(&mut run);
    let file = Path::new(file.trim_end());
    assert!(file.is_file(), "{}", file.display());
    let group = Pid::from_raw(i32::try_from(run.id()).expect("a number"));
    killpg(group, Signal::SIGKILL).expect("a signal");
    run.wait().expect("it ended");
    let folder = file.parent().expect("a folder");
    eventually("its folder to go", LIMIT, || {
        (!folder.exists()).then_some(())
    });
}

#[test]
fn a_killed_keeper_or_anchor_is_swept_up_after() {
    let before = host();
    for victim in ["keeper", "anchor"] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("d");
        let region = Serving::start(&data, &["--die-with-parent"]);
        let name = name(&data);
        with_machine(&region, &data);
        let first = role(&data, victim);
        kill(first, Signal::SIGKILL).expect("a signal");
        // The region starts its machine again.
        eventually("another machine", LIMIT, || {
            (role(&data, victim) != first).then_some(())
        });
        eventually("its network", LIMIT, || {
            terrella(&data, &["exec", "true"])
                .status
                .success()
                .then_some(())
        });
        region.end(Signal::SIGKILL);
        nothing_is_left(&data, &name);
        // And where nobody starts it again, `destroy` sweeps.
        let region = Serving::start(&data, &["--die-with-parent"]);
        let second = role(&data, victim);
        kill(region.pid(), Signal::SIGSTOP).expect("a signal");
        kill(second, Signal::SIGKILL).expect("a signal");
        nothing_runs_but(&data, region.pid());
        region.end(Signal::SIGKILL);
        let done = terrella(&data, &["destroy", "--yes"]);
        assert!(done.status.success(), "{done:?}");
        nothing_is_left(&data, &name);
    }
    assert_eq!(host(), before);
}

fn nothing_runs_but(data: &Path, one: Pid) {
    eventually("every other process ends", LIMIT, || {
        processes(data)
            .iter()
            .all(|(pid, _)| *pid == one.as_raw())
            .then_some(())
    });
}

#[test]
fn a_program_in_a_network_that_is_not_there_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let region = Serving::start(folder.path(), &["--die-with-parent"]);
    let text = refusal(&terrella(folder.path(), &["exec", "true"]));
    assert!(text.contains("the region has no networks now"), "{text}");
    with_machine(&region, folder.path());
    let text = refusal(&terrella(
        folder.path(),
        &["exec", "--interface", "eni-0", "true"],
    ));
    assert!(
        text.contains("nothing runs behind an interface eni-0"),
        "{text}"
    );
    let text = refusal(&terrella(folder.path(), &["exec", "no-such-program"]));
    assert!(
        text.contains("there is no program no-such-program"),
        "{text}"
    );
    // With the caller's own variables, in its folder.
    let output = mortal("sh")
        .args([
            "-c",
            r#"cd "$1" && OWN=mine exec "$2" --data-dir "$1" exec sh -c 'echo $OWN; pwd'"#,
        ])
        .args(["sh".as_ref(), folder.path().as_os_str(), TERRELLA.as_ref()])
        .output()
        .expect("it runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("mine\n{}\n", folder.path().display())
    );
}
