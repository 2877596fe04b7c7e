//! A Redis server of the test's own (Valkey where that is installed), gone when the test ends.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use std::io::{Read, Write};
use tempfile::TempDir;

use super::eventually;
use super::postgres::free_port;

pub(crate) struct Redis {
    program: &'static str,
    dir: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let program = ["/usr/bin/valkey-server", "/usr/bin/redis-server"]
            .into_iter()
            .find(|path| fs::exists(path).unwrap_or(false))
            .expect("these tests need Redis: install the package `redis-server`");
        let mut redis = Self {
            program,
            dir: tempfile::tempdir().expect("make a directory for Redis"),
            port: free_port(),
            server: None,
        };
        redis.run();
        redis
    }

    /// Starts it, empty, and waits until it answers. Another process may take the port first: then takes another.
    pub(crate) fn run(&mut self) {
        for _ in 0..10 {
            let log = fs::File::create(self.dir.path().join("log")).expect("make the server's log");
            let server = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", self.program])
                .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "no", "--dir"])
                .arg(self.dir.path())
                .stdin(Stdio::null())
                .stdout(log)
                .spawn()
                .expect("start Redis");
            self.server = Some(server);
            if self.comes_up() {
                return;
            }
            self.port = free_port();
        }
        panic!("no free port for Redis in ten attempts");
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("kill Redis");
            server.wait().expect("wait for Redis");
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command; gives the answer as it comes over the wire.
    pub(crate) fn ask(&self, command: &[&str]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let mut text = format!("*{}\r\n", command.len());
        for word in command {
            text.extend([format!("${}\r\n", word.len()), format!("{word}\r\n")]);
        }
        stream.write_all((text + "*1\r\n$4\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn comes_up(&mut self) -> bool {
        let log = self.dir.path().join("log");
        let mut server = self.server.take().expect("just started");
        let up = eventually("the start of Redis", || {
            if server.try_wait().expect("look at Redis").is_some() {
                let log = fs::read_to_string(&log).unwrap_or_default();
                assert!(
                    log.contains("Address already in use"),
                    "Redis did not start:\n{log}"
                );
                return Ok(false);
            }
            match self.ask(&["PING"]) {
                Ok(answer) if answer.starts_with("+PONG") => Ok(true),
                other => Err(format!("{other:?}")),
            }
        });
        self.server = Some(server);
        up
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
