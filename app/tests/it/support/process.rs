//! A `links` process with its log, killed when the test ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::client::Client;
use super::eventually;

pub(crate) struct Links {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// The program with nothing in its environment but `vars`, ending when this process does.
pub(crate) fn command(arguments: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_links")])
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(vars.iter().copied())
        .stdin(Stdio::null());
    command
}

impl Links {
    /// `links serve` on a port of the kernel's choice.
    pub(crate) fn serve(vars: &[(&str, &str)]) -> Self {
        Self::spawn(command(&["serve"], vars))
    }

    /// What `command` gave for `serve`, perhaps wrapped in another program that becomes it.
    pub(crate) fn spawn(mut serve: Command) -> Self {
        let mut child = serve
            .env("PORT", "0")
            .env("LISTEN_ADDRESS", "127.0.0.1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("start links");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("links writes UTF-8");
                lines.lock().expect("no holder panics").push(line);
            }
        });
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    /// `links serve`, ready to answer.
    pub(crate) fn ready(vars: &[(&str, &str)]) -> (Self, Client) {
        let links = Self::serve(vars);
        let client = links.client();
        eventually("readiness", || match client.get("/health/ready").status {
            200 => Ok(()),
            status => Err(format!("it answers {status}; log:\n{}", links.log())),
        });
        (links, client)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        eventually("listening", || {
            let listening = self.events("listening");
            let Some(event) = listening.first() else {
                return Err(format!("log:\n{}", self.log()));
            };
            let address = event["address"].as_str().expect("the address is a text");
            Ok(address.parse().expect("the address is one"))
        })
    }

    /// The log's events with this message.
    pub(crate) fn events(&self, message: &str) -> Vec<serde_json::Value> {
        let lines = self.log.lock().expect("no holder panics");
        lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("every log line is JSON"))
            .filter(|event: &serde_json::Value| event["message"] == message)
            .collect()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no holder panics").join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("signal links");
    }

    /// Waits for the end; gives the exit status and the whole log.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = eventually("the end of links", || {
            let ended = self.child.try_wait().expect("look at links");
            ended.ok_or_else(|| self.log())
        });
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log's reader does not panic");
        }
        (status, self.log())
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
