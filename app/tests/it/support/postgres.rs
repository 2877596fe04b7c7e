//! A PostgreSQL server of the test's own, from the machine's packages, gone when the test ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

use super::eventually;

/// The role that owns the database, and its password to begin with.
pub(crate) const USER: &str = "links";
pub(crate) const PASSWORD: &str = "first password";
/// Who may do everything, over the Unix socket only.
const ADMIN: &str = "admin";

pub(crate) struct Postgres {
    bin: PathBuf,
    /// Holds the data directory and the Unix socket. Short, because a socket's path may not be longer than 107 bytes.
    dir: TempDir,
    server: Option<Child>,
    port: u16,
    /// Whether what is committed survives a crash of the server, which costs time.
    durable: bool,
}

impl Postgres {
    /// A server that demands passwords, reached over TCP and TLS, with an empty database `links`.
    pub(crate) fn start() -> Self {
        let mut postgres = Self::prepare();
        postgres.run();
        postgres.create_database();
        postgres
    }

    /// A server that keeps what it committed, whatever happens to it.
    pub(crate) fn durable() -> Self {
        let mut postgres = Self::prepare();
        postgres.durable = true;
        postgres.run();
        postgres.create_database();
        postgres
    }

    /// A cluster that does not run yet.
    pub(crate) fn prepare() -> Self {
        let postgres = Self {
            bin: bin_dir(),
            dir: directory(),
            server: None,
            port: free_port(),
            durable: false,
        };
        let made = postgres
            .command("initdb")
            .args([
                "--no-sync",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--encoding=UTF8", "--locale=C"])
            .arg(format!("--username={ADMIN}"))
            .arg("--pgdata")
            .arg(postgres.data())
            .output()
            .expect("run initdb");
        assert!(
            made.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        postgres.make_certificate();
        postgres
    }

    /// A server that follows this one by streaming replication, as it does in RDS, started.
    pub(crate) fn replica(&self) -> Self {
        let replica = Self {
            bin: self.bin.clone(),
            dir: directory(),
            server: None,
            port: free_port(),
            durable: false,
        };
        let copied = replica
            .command("pg_basebackup")
            .args(["--no-sync", "--checkpoint=fast", "--write-recovery-conf"])
            .arg("--host")
            .arg(self.dir.path())
            .args(["--port", &self.port.to_string()])
            .arg(format!("--username={ADMIN}"))
            .arg("--pgdata")
            .arg(replica.data())
            .output()
            .expect("run pg_basebackup");
        assert!(
            copied.status.success(),
            "pg_basebackup failed: {}",
            String::from_utf8_lossy(&copied.stderr)
        );
        replica.make_certificate();
        let mut replica = replica;
        replica.run();
        replica
    }

    /// Starts the server and waits until it answers. Another process may take the port first: then takes another.
    pub(crate) fn run(&mut self) {
        for _ in 0..10 {
            let server = self
                .command("postgres")
                .arg("-D")
                .arg(self.data())
                .args(["-c", "listen_addresses=127.0.0.1"])
                .args(["-c", &format!("port={}", self.port)])
                .args([
                    "-c",
                    &format!("unix_socket_directories={}", self.dir.path().display()),
                ])
                .args([
                    "-c",
                    if self.durable {
                        "fsync=on"
                    } else {
                        "fsync=off"
                    },
                    "-c",
                    "max_connections=50",
                    "-c",
                    "ssl=on",
                ])
                .args([
                    "-c",
                    &format!("ssl_cert_file={}", self.file("server.crt").display()),
                ])
                .args([
                    "-c",
                    &format!("ssl_key_file={}", self.file("server.key").display()),
                ])
                .stderr(fs::File::create(self.file("log")).expect("make the server's log"))
                .spawn()
                .expect("start postgres");
            self.server = Some(server);
            if self.comes_up() {
                return;
            }
            let log = self.log();
            assert!(
                log.contains("Address already in use"),
                "postgres did not start:\n{log}"
            );
            self.port = free_port();
        }
        panic!("no free port for PostgreSQL in ten attempts");
    }

    pub(crate) fn create_database(&self) {
        self.sql(
            "postgres",
            &format!("create role {USER} login password '{PASSWORD}'"),
        );
        self.sql("postgres", &format!("create database links owner {USER}"));
    }

    /// Stops the server as a crash would.
    pub(crate) fn stop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let pid = Pid::from_raw(server.id().cast_signed());
        // Already gone is fine: we only want it to be.
        let _ = kill(pid, Signal::SIGQUIT);
        server.wait().expect("wait for postgres");
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        self.url_as(USER, PASSWORD)
    }

    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        let password = password.replace(' ', "%20");
        format!("postgres://{user}:{password}@127.0.0.1:{}/links", self.port)
    }

    /// Runs SQL as the administrator; gives what `psql` prints.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let done = self
            .psql(database)
            .args(["-c", sql])
            .output()
            .expect("run psql");
        assert!(
            done.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).expect("psql prints UTF-8")
    }

    pub(crate) fn psql(&self, database: &str) -> Command {
        let mut command = self.command("psql");
        command
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "-U", ADMIN, "-d", database])
            .arg("-h")
            .arg(self.dir.path())
            .args(["-p", &self.port.to_string()]);
        command
    }

    fn comes_up(&mut self) -> bool {
        let server = self.server.as_mut().expect("just started");
        let pid_file = self.dir.path().join("data/postmaster.pid");
        eventually("the start of PostgreSQL", || {
            if let Some(status) = server.try_wait().expect("look at postgres") {
                return Ok(status.success());
            }
            // The eighth line says what the server is doing.
            let text = fs::read_to_string(&pid_file).map_err(|error| error.to_string())?;
            match text.lines().nth(7).map(str::trim) {
                // A replica stands by, and reads.
                Some("ready" | "standby") => Ok(true),
                other => Err(format!("its state is {other:?}")),
            }
        })
    }

    /// A command of the PostgreSQL packages, as a user it agrees to run as, that ends when this process does.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Some(user) = server_user() {
            command
                .arg(format!("--reuid={}", user.uid))
                .arg(format!("--regid={}", user.gid))
                .arg("--clear-groups");
        }
        command
            .arg(self.bin.join(name))
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null());
        command
    }

    fn make_certificate(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("make a certificate");
        for (name, text) in [
            ("server.crt", made.cert.pem()),
            ("server.key", made.signing_key.serialize_pem()),
        ] {
            let path = self.file(name);
            fs::write(&path, text).expect("write the certificate");
            own(&path);
        }
    }

    fn data(&self) -> PathBuf {
        self.file("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A directory that the server's user may write to.
fn directory() -> TempDir {
    let dir = tempfile::Builder::new()
        .prefix("links-pg-")
        .tempdir_in("/tmp")
        .expect("make a directory for PostgreSQL");
    if let Some(user) = server_user() {
        chown(dir.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .expect("give the directory to the server's user");
    }
    dir
}

/// Lets only the server's user read the file, as PostgreSQL demands of a key.
fn own(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set the file's mode");
    if let Some(user) = server_user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .expect("give the file to the server's user");
    }
}

/// PostgreSQL refuses to run as root; then its package's user runs it, or nobody.
fn server_user() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let user = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| User::from_name(name).expect("read the user database"));
    Some(user.expect("as root a user `postgres` or `nobody` is needed to run PostgreSQL"))
}

/// The newest PostgreSQL of the machine's packages.
fn bin_dir() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .max()
        .map(|(_, bin)| bin)
        .expect("these tests need PostgreSQL: install the package `postgresql`")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("find a free port")
        .port()
}
