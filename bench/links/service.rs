//! The service as a process of its own, with all it logs at the level of production.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::eventually;

pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
}

impl Service {
    pub(crate) fn start(vars: &[(&str, &str)]) -> Self {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_links"), "serve"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(vars.iter().copied())
            .envs([("PORT", "0"), ("LISTEN_ADDRESS", "127.0.0.1")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start links");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let event: serde_json::Value = serde_json::from_str(&line).ok()?;
                event["address"].as_str()?.parse().ok()
            })
            .expect("links says where it listens");
        // What it warns of belongs to the numbers.
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .filter(|line| !line.contains(r#""level":"INFO""#))
                .for_each(|line| eprintln!("{line}"));
        });
        let service = Self { child, address };
        eventually("readiness", || {
            match service.ask("GET", "/health/ready", "") {
                (200, _) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        service
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a link, if it is not there.
    pub(crate) fn create(&self, slug: &str) {
        let body = format!(r#"{{"slug":"{slug}","target":"https://example.org/"}}"#);
        let (status, body) = self.ask("POST", "/api/links", &body);
        assert!(matches!(status, 201 | 409), "{status} {body}");
    }

    /// Reads of the database so far.
    pub(crate) fn reads(&self) -> u64 {
        let (_, text) = self.ask("GET", "/metrics", "");
        text.lines()
            .filter(|line| line.starts_with("links_database_reads_total"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("connect to links");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: sho.rt\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("ask");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read the answer");
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), text)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
