//! The way to HTTPS with the unmodified Terraform: a zone, a certificate that it validates, a load
//! balancer that shows it; then real handshakes with its nodes, and names as tasks and strangers see
//! them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tempfile::TempDir;

const TERRELLA: &str = env!("CARGO_BIN_EXE_terrella");

/// A region with its machine; it ends with the test.
struct Region {
    server: Child,
    url: String,
    data: TempDir,
}

impl Region {
    fn start() -> Self {
        // Sockets live below it, and their paths must be short.
        let data = tempfile::tempdir_in("/tmp").expect("a temporary directory");
        let mut server = Command::new(TERRELLA)
            .arg("--data-dir")
            .arg(data.path())
            .args(["serve", "--port", "0", "--die-with-parent"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut line = String::new();
        let out = server.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self {
            url: url.to_owned(),
            server,
            data,
        }
    }

    /// Asks the region about itself.
    fn ask(&self, path: &str) -> Value {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).expect("the region answers");
        let answer = exchange(&mut stream, host, &format!("/_terrella/{path}"));
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// Where a listener is published on the host.
    fn address(&self, port: u64) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let all = self.ask("endpoints");
            let listeners = all["listeners"].as_array().into_iter().flatten();
            let mut own = listeners.filter(|one| one["port"] == port);
            let address = own.next().and_then(|one| one["address"].as_str());
            if let Some(address) = address {
                return address.to_owned();
            }
            assert!(Instant::now() < deadline, "not published: {all}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Looks up a name from behind an interface, or from the region's internet.
    fn look_up(&self, interface: Option<&str>, name: &str) -> Vec<String> {
        let mut command = Command::new(TERRELLA);
        command.arg("--data-dir").arg(self.data.path()).arg("exec");
        if let Some(interface) = interface {
            command.args(["--interface", interface]);
        }
        let found = command
            .args(["getent", "ahostsv4", name])
            .output()
            .expect("a process");
        let found = String::from_utf8_lossy(&found.stdout).into_owned();
        let mut addresses: Vec<String> = found
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }

    fn authority(&self) -> PathBuf {
        client::authority(self.data.path())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.server.id()).unwrap_or(0));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.server.wait();
        // The machine goes by itself; until it has, its folder cannot.
        let _ = Command::new(TERRELLA)
            .arg("--data-dir")
            .arg(self.data.path())
            .args(["destroy", "--yes"])
            .output();
    }
}

/// One request and its answer, whole.
fn exchange(stream: &mut (impl std::io::Read + std::io::Write), host: &str, path: &str) -> String {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .expect("the request goes out");
    let mut answer = Vec::new();
    // A server that hangs up without a farewell has still said what it had to say.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
    }
    String::from_utf8(answer).expect("text")
}

/// Asks over TLS, trusting the region's authority alone, for a name.
fn over_tls(address: &str, authority: &Path, name: &str) -> Result<String, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).expect("a certificate");
    roots.add(authority).expect("it is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), server)?;
    let mut stream = TcpStream::connect(address).expect("the listener is published");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            let inner = error
                .get_ref()
                .and_then(|one| one.downcast_ref::<rustls::Error>());
            return Err(inner
                .unwrap_or_else(|| panic!("no handshake: {error}"))
                .clone());
        }
    }
    let mut stream = StreamOwned::new(connection, stream);
    Ok(exchange(&mut stream, name, "/"))
}

struct Terraform {
    folder: TempDir,
    url: String,
}

impl Terraform {
    fn new(region: &Region) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let from = here.join("tests/https/main.tf");
        std::fs::copy(from, folder.path().join("main.tf")).expect("it is there");
        let terraform = Self {
            folder,
            url: region.url.clone(),
        };
        terraform.run(&["init", "-input=false"]);
        terraform
    }

    fn try_run(&self, arguments: &[&str]) -> Output {
        let wrapper = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/terraform");
        Command::new(wrapper)
            .arg("terraform")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("CHECKPOINT_DISABLE", "true")
            .env("TF_IN_AUTOMATION", "true")
            .stdin(Stdio::null())
            .output()
            .expect("scripts/terraform runs")
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "terraform {arguments:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// A plan that would change something fails.
    fn nothing_to_do(&self, variables: &[&str]) {
        let plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"];
        self.run(&[&plan, variables].concat());
    }
}

#[test]
fn a_certificate_is_validated_served_changed_and_taken_away() {
    let region = Region::start();
    let terraform = Terraform::new(&region);
    terraform.run(&["apply", "-auto-approve", "-input=false"]);
    terraform.nothing_to_do(&[]);

    let (http, https) = (region.address(80), region.address(443));
    let authority = region.authority();
    for name in ["example.com", "www.example.com", "web.localhost"] {
        let answer =
            over_tls(&https, &authority, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        assert!(answer.ends_with("over TLS"), "{name}: {answer}");
    }
    // Whoever asks for another name is shown the default one, and is right not to trust it.
    let error = over_tls(&https, &authority, "example.org").expect_err("it is another's");
    assert!(
        matches!(error, rustls::Error::InvalidCertificate(_)),
        "{error}"
    );
    let mut plain = TcpStream::connect(&http).expect("the listener is published");
    let answer = exchange(&mut plain, "www.example.com", "/a?b=c");
    assert!(answer.starts_with("HTTP/1.1 301"), "{answer}");
    assert!(
        answer
            .to_ascii_lowercase()
            .contains("location: https://www.example.com:443/a?b=c\r\n"),
        "{answer}"
    );

    // Its name leads to both nodes, from everywhere; the private one is known inside alone.
    let interface = terraform.run(&["output", "-raw", "interface"]);
    let interface = Some(interface.trim());
    let nodes = region.look_up(None, "www.example.com");
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    assert_eq!(region.look_up(interface, "www.example.com"), nodes);
    assert_eq!(
        region.look_up(interface, "one.db.corp.internal"),
        ["10.0.0.99"]
    );
    assert_eq!(region.look_up(None, "one.db.corp.internal"), [""; 0]);

    let changed = [
        "-var=comment=after",
        "-var=ssl_policy=ELBSecurityPolicy-TLS13-1-3-2021-06",
    ];
    let apply = ["apply", "-auto-approve", "-input=false", "-no-color"];
    let said = terraform.run(&[&apply[..], &changed].concat());
    assert!(said.contains("0 added, 3 changed, 0 destroyed"), "{said}");
    terraform.nothing_to_do(&changed);
    over_tls(&https, &authority, "example.com").expect("it is still served");

    terraform.run(&[&["destroy"], &apply[1..]].concat());
    assert_eq!(
        region.ask("endpoints")["listeners"],
        Value::Array(Vec::new())
    );
}
