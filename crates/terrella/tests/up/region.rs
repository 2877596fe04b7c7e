//! A region of the test's own, with the system in it. Ends with the test, also when that is killed.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::Client;
use drills::Site;
use http::StatusCode;
use serde_json::{Value, json};

const TERRELLA: &str = env!("CARGO_BIN_EXE_terrella");
const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra");
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

pub(crate) struct Region {
    data: Option<tempfile::TempDir>,
    serve: Option<Child>,
    /// Keeps the machine, which outlives the control plane but not this process.
    machine: Child,
    client: Client,
}

/// Of a region that somebody else holds.
pub(crate) struct Handle {
    pid: u32,
    client: Client,
}

impl Region {
    /// Starts a region and brings the system up in it with `terrella up`.
    pub(crate) fn up() -> Self {
        let data = tempfile::Builder::new()
            .prefix("line")
            .tempdir()
            .expect("a folder");
        let mut region = Self {
            machine: hold_machine(data.path()),
            data: Some(data),
            serve: None,
            client: Client {
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
                region: "eu-central-1".to_owned(),
            },
        };
        region.serve();
        // Whatever day it is: a morning on which the office is open.
        region.text(&["clock", "jump-to", "fri 08:30"]);
        region.up_again();
        region
    }

    /// Runs `terrella up`; gives what it says to people.
    pub(crate) fn up_again(&self) -> String {
        let up = self
            .terrella()
            .args(["up", "--infra", INFRA, "--json", "--image-binary"])
            .arg(links())
            .output()
            .expect("terrella runs");
        let told = String::from_utf8_lossy(&up.stderr).into_owned();
        eprintln!("{told}");
        assert!(up.status.success(), "terrella up failed");
        told
    }

    /// The control plane, on the port that it had before if it had one. A child of this process, so
    /// that it ends when this one does.
    pub(crate) fn serve(&mut self) {
        let mut serve = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", TERRELLA, "--data-dir"])
            .arg(self.data())
            .args(["serve", "--port"])
            .arg(self.client.address.port().to_string())
            .stdout(Stdio::piped())
            .stderr(self.log())
            .spawn()
            .expect("terrella runs");
        let mut line = String::new();
        BufReader::new(serve.stdout.take().expect("it is a pipe"))
            .read_line(&mut line)
            .expect("it says where it is");
        let address = line
            .trim()
            .rsplit_once("http://")
            .unwrap_or_else(|| panic!("it says {line:?}"))
            .1;
        self.client.address = address.parse().expect("an address");
        self.serve = Some(serve);
    }

    fn log(&self) -> std::fs::File {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data().join("test.log"))
            .expect("a log")
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.as_ref().expect("it was not ended").path()
    }

    fn terrella(&self) -> Command {
        let mut command = Command::new(TERRELLA);
        command.arg("--data-dir").arg(self.data());
        command
    }

    /// What a command of the command line prints. One that fails is shown; its exit status is for
    /// drills, which tell the same in their reports.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self
            .terrella()
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .expect("terrella runs");
        if !output.status.success() {
            eprintln!("terrella {}: {}", arguments.join(" "), output.status);
        }
        String::from_utf8(output.stdout).expect("it prints text")
    }

    /// Runs a drill as its user does; gives its report.
    pub(crate) fn drill(&self, name: &str) -> Value {
        let text = self.text(&["drill", name, "--infra", INFRA, "--json"]);
        serde_json::from_str(&text).expect("a report")
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.text(&["status", "--json"])).expect("JSON")
    }

    pub(crate) fn site(&self) -> Site {
        Site::open(
            self.client.clone(),
            self.data(),
            Path::new(TERRELLA),
            Path::new(INFRA),
            "dev",
        )
        .expect("the stacks are there")
    }

    /// Where this machine reaches the load balancer.
    pub(crate) fn listener(&self) -> SocketAddr {
        let status = self.status();
        status["listeners"][0]["address"]
            .as_str()
            .unwrap_or_else(|| panic!("no listener in {status}"))
            .parse()
            .expect("an address")
    }

    /// A request through the load balancer: its status, where it leads, and the body.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        body: &'static str,
    ) -> (StatusCode, Option<String>, String) {
        let answer = crate::load::runtime()
            .block_on(crate::load::send(self.listener(), method, path, body))
            .expect("the balancer answers");
        let location = answer
            .headers()
            .get(http::header::LOCATION)
            .map(|value| value.to_str().expect("text").to_owned());
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status(), location, text)
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle {
            pid: self.serve.as_ref().expect("it runs").id(),
            client: self.client.clone(),
        }
    }

    /// `kill -9` of the control plane.
    pub(crate) fn kill(&mut self) {
        self.handle().kill();
        let mut serve = self.serve.take().expect("it runs");
        serve.wait().expect("it ended");
    }

    pub(crate) async fn until_locked(&self, stack: &str) {
        self.handle().until_locked(stack).await;
    }

    /// Removes a lock that a killed apply left, as `terraform force-unlock` would.
    pub(crate) fn unlock(&self, stack: &str) {
        let path = lock(stack);
        crate::load::runtime()
            .block_on(
                self.client
                    .s3(http::Method::DELETE, &path, bytes::Bytes::new()),
            )
            .expect("S3 answers");
    }

    /// Ends and removes it, as its user would; gives the folder that should be gone.
    pub(crate) fn end(mut self) -> PathBuf {
        let data = self.data.take().expect("it was not ended").keep();
        let done = Command::new(TERRELLA)
            .arg("--data-dir")
            .arg(&data)
            .args(["destroy", "--yes"])
            .status()
            .expect("terrella runs");
        assert!(done.success(), "terrella destroy failed");
        if let Some(mut serve) = self.serve.take() {
            serve.wait().expect("it ended");
        }
        let_go(&mut self.machine);
        data
    }
}

impl Handle {
    pub(crate) fn kill(&self) {
        let pid = i32::try_from(self.pid).expect("a process's number");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL)
            .expect("it runs");
    }

    /// Waits until somebody writes the stack's state.
    pub(crate) async fn until_locked(&self, stack: &str) {
        let begun = Instant::now();
        while self
            .client
            .s3(http::Method::GET, &lock(stack), bytes::Bytes::new())
            .await
            .is_err()
        {
            assert!(begun.elapsed() < Duration::from_mins(1), "no lock appears");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn lock(stack: &str) -> String {
    format!("/links-dev-terraform-state/{stack}/terraform.tfstate.tflock")
}

impl Drop for Region {
    fn drop(&mut self) {
        let Some(data) = &self.data else { return };
        if std::thread::panicking() {
            let log = std::fs::read_to_string(data.path().join("test.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        let _ = Command::new(TERRELLA)
            .arg("--data-dir")
            .arg(data.path())
            .args(["destroy", "--yes"])
            .status();
        if let Some(mut serve) = self.serve.take() {
            let _ = serve.wait();
        }
        let_go(&mut self.machine);
    }
}

/// Starts the machine on a folder for as long as somebody holds its standard input.
fn hold_machine(data: &Path) -> Child {
    let mut machine = Command::new(TERRELLA)
        .args(["machine", "hold", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("terrella runs");
    let mut line = String::new();
    BufReader::new(machine.stdout.take().expect("it is a pipe"))
        .read_line(&mut line)
        .expect("it says that it is there");
    assert_eq!(line, "ready\n");
    machine
}

fn let_go(machine: &mut Child) {
    drop(machine.stdin.take());
    let _ = machine.wait();
}

/// The backend's static binary: what a release makes of it, or the quick build for tests.
fn links() -> PathBuf {
    let built = Path::new(TARGET).join("static/x86_64-unknown-linux-gnu");
    ["debug/links", "image/links"]
        .map(|name| built.join(name))
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!(
                "the backend's static binary is not in {}: run `make backend`",
                built.display()
            )
        })
}

/// That a drill's report says so.
pub(crate) fn held(report: &Value) {
    assert_eq!(report["verdict"], "held", "{report:#}");
}

/// The facts that are not so in a drill's report, which says that its claim is broken.
pub(crate) fn broken(report: &Value) -> Vec<&str> {
    assert_eq!(report["verdict"], "broken", "{report:#}");
    report["facts"]
        .as_array()
        .expect("facts")
        .iter()
        .filter(|fact| fact["held"] == false)
        .map(|fact| fact["what"].as_str().expect("a sentence"))
        .collect()
}

/// Suspends a kind of the service's scaling, such as `ScheduledScalingSuspended`, or lets it go on.
pub(crate) async fn suspend(site: &Site, what: &str, suspended: bool) {
    let input = json!({"SuspendedState": {what: suspended}});
    site.scaling("RegisterScalableTarget", input)
        .await
        .expect("it is taken");
}

/// Tells where a story is.
pub(crate) fn said(step: &str) {
    eprintln!("--- {step}");
}

pub(crate) fn wait_for(what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
