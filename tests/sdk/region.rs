//! A region that is served for one test, and what a client of the AWS SDK for Rust needs to find it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region as Name, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "eu-central-1";

/// `terrella serve --no-machine` on a port of its own; ends with the test, also when that is killed.
#[derive(Debug)]
pub struct Region {
    url: String,
    serve: Child,
    _data: tempfile::TempDir,
}

impl Region {
    /// # Panics
    /// If the program was not built, or does not start.
    #[must_use]
    pub fn serve() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut serve = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program())
            .arg("--data-dir")
            .arg(data.path())
            .args(["serve", "--no-machine", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv starts the program");
        let mut line = String::new();
        BufReader::new(serve.stdout.take().expect("it is a pipe"))
            .read_line(&mut line)
            .expect("it says where it is");
        let url = line
            .trim()
            .rsplit_once("http://")
            .unwrap_or_else(|| panic!("it says {line:?}"))
            .1;
        Self {
            url: format!("http://{url}"),
            serve,
            _data: data,
        }
    }

    /// As a program sets the SDK up: an endpoint, a region and a key. Nothing is tried again, so that
    /// a refusal is seen.
    pub async fn config(&self) -> SdkConfig {
        self.config_of(Credentials::new("test", "test", None, None, "tour"))
            .await
    }

    pub async fn config_of(&self, credentials: Credentials) -> SdkConfig {
        let limit = std::time::Duration::from_secs(30);
        aws_config::defaults(BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.url)
            .region(Name::new(REGION))
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(limit).build())
            .load()
            .await
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let pid = i32::try_from(self.serve.id()).expect("a process's number");
        // It may have ended by itself.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _ = self.serve.wait();
    }
}

/// Beside the tests, where one build puts both.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("this program has a path");
    let program = tests
        .ancestors()
        .nth(2)
        .expect("tests are in target/PROFILE/deps")
        .join("terrella");
    assert!(
        program.is_file(),
        "{} is not there: run `cargo build --workspace`",
        program.display()
    );
    program
}

/// The code of a refusal, as a service names it.
///
/// # Panics
/// If the call was answered, or no service refused it.
#[track_caller]
pub fn refused<T: std::fmt::Debug, E: ProvideErrorMetadata + std::error::Error>(
    answer: Result<T, E>,
) -> String {
    let error = answer.expect_err("the call is refused");
    match error.code() {
        Some(code) => code.to_owned(),
        None => panic!("no service refused it: {}", DisplayErrorContext(error)),
    }
}
