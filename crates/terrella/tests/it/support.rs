//! A region for one test, and calls to it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

pub(crate) const TERRELLA: &str = env!("CARGO_BIN_EXE_terrella");

/// The command that starts a program which ends with this test, also when that is killed.
pub(crate) fn mortal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=KILL", program]);
    command
}

/// The first line that it prints, with its end. What it printed right behind it is lost.
pub(crate) fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("its output"))
        .read_line(&mut line)
        .expect("a line");
    line
}

/// Runs the command line to its end.
pub(crate) fn terrella(data: &Path, arguments: &[&str]) -> Output {
    mortal(TERRELLA)
        .arg("--data-dir")
        .arg(data)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("these tests need the program setpriv (package util-linux)")
}

/// What it said when it refused.
pub(crate) fn refusal(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it did not refuse: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// A region that serves. Dropped, it is told to end.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    // Open for as long as it writes there.
    _out: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Serving {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        let mut command = mortal(TERRELLA);
        command.arg("--data-dir").arg(data);
        Self::spawn(command.args(["serve", "--port", "0"]).args(more))
    }

    /// Of a command that becomes `terrella serve`.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let Some((_, address)) = line.trim_end().split_once(" at http://") else {
            let mut text = String::new();
            let stderr = child.stderr.as_mut().expect("its errors");
            stderr.read_to_string(&mut text).expect("text");
            let _ = child.wait();
            panic!("it does not serve: {line}{text}");
        };
        let address = address.to_owned();
        // Its log is read to the end, so that it never waits for a reader.
        let mut stderr = child.stderr.take().expect("its errors");
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
        Self {
            child,
            _out: out,
            address,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a number"))
    }

    pub(crate) fn end(mut self, signal: Signal) {
        self.signal(signal);
    }

    fn signal(&mut self, signal: Signal) {
        let _ = kill(self.pid(), signal);
        let _ = self.child.wait();
    }

    /// Sends a signed request; gives the status and the body of the answer.
    pub(crate) fn curl(&self, service: &str, path: &str, arguments: &[&str]) -> (u16, String) {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "30",
                "--user",
                "test:test",
            ])
            .args(["--aws-sigv4", &format!("aws:amz:eu-central-1:{service}")])
            // S3 wants to be told; elsewhere the body is signed.
            .args(
                ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
                    .iter()
                    .take(if service == "s3" { 2 } else { 0 }),
            )
            .args(["--write-out", "\n%{http_code}"])
            .args(arguments)
            .arg(format!("http://{}{path}", self.address))
            .output()
            .expect("these tests need curl: install the package `curl`");
        let said = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{said}"));
        let status = status.parse().expect("a status");
        assert_ne!(status, 0, "{said}");
        (status, body.to_owned())
    }

    /// A call of a service that speaks JSON.
    pub(crate) fn json(&self, service: &str, target: &str, input: &Value) -> (u16, Value) {
        let (status, body) = self.curl(
            service,
            "/",
            &[
                "--header",
                &format!("x-amz-target: {target}"),
                "--header",
                "content-type: application/x-amz-json-1.1",
                "--data",
                &input.to_string(),
            ],
        );
        (
            status,
            serde_json::from_str(&body).unwrap_or(Value::from(body)),
        )
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
    }
}

/// Waits until `condition` gives something, at most this long.
pub(crate) fn eventually<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < limit, "it did not happen in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A small file system of memory, mounted in a mount namespace where nobody else sees it.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    /// Holds the namespace until its input ends.
    holder: Child,
    /// As those inside see it.
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    pub(crate) fn new(mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("d");
        std::fs::create_dir(&path).expect("a folder");
        let script = r#"mount -t tmpfs -o "size=$2m" none "$1" && echo mounted && exec cat"#;
        let mut holder = mortal("unshare")
            .args(["--mount", "--propagation=private", "sh", "-c", script, "sh"])
            .arg(&path)
            .arg(mebibytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need the program unshare (package util-linux)");
        assert_eq!(
            first_line(&mut holder),
            "mounted\n",
            "run these tests as root"
        );
        Self {
            holder,
            path,
            _folder: folder,
        }
    }

    /// A command that runs a program which sees the disk.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = mortal("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg(program);
        command
    }

    /// A path on the disk, as this process reaches it.
    pub(crate) fn seen(&self, name: &str) -> PathBuf {
        let path = self.path.strip_prefix("/").expect("an absolute path");
        Path::new(&format!("/proc/{}/root", self.holder.id()))
            .join(path)
            .join(name)
    }

    /// Takes all the room there is; gives it back when the file is removed.
    pub(crate) fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.seen("filler");
        let mut file = std::fs::File::create(&path).expect("a file");
        for size in [1 << 20, 4096, 1] {
            let block = vec![7; size];
            while file.write_all(&block).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
