//! Which process serves a data folder, where it answers, and how it is started and ended.
//!
//! `serve` holds a lock for as long as it lives, so a file that a killed one left says nothing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use client::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use terraform::last_lines;

const PAUSE: Duration = Duration::from_millis(20);
const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What a `serve` says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) pid: i32,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Served {
    /// Where this machine reaches it. Always an IP address: S3 requests go to `/bucket` then.
    pub(crate) fn reached_at(&self) -> SocketAddr {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        address
    }

    pub(crate) fn url(&self) -> String {
        self.client().url()
    }

    pub(crate) fn client(&self) -> Client {
        Client {
            address: self.reached_at(),
            region: self.region.clone(),
        }
    }
}

fn run(data: &Path) -> PathBuf {
    data.join("run")
}

fn lock_file(data: &Path) -> PathBuf {
    run(data).join("serve.lock")
}

fn said_file(data: &Path) -> PathBuf {
    run(data).join("serve.json")
}

pub(crate) fn pid_file(data: &Path) -> PathBuf {
    run(data).join("serve.pid")
}

/// The certificate, as PEM, of whoever signs what the region's load balancers and endpoints show.
pub(crate) fn certificate_authority(data: &Path) -> String {
    client::authority(data).display().to_string()
}

pub(crate) fn log_file(data: &Path) -> PathBuf {
    run(data).join("serve.log")
}

fn make_run(data: &Path) -> Result<()> {
    fs::create_dir_all(run(data)).map_err(|error| unusable(data, &run(data), error))
}

/// Why a data folder cannot be used, and what to do.
fn unusable(data: &Path, at: &Path, error: std::io::Error) -> anyhow::Error {
    use std::io::ErrorKind;
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => {
            "this user may not write there: choose another folder with --data-dir, or use it as the user who made it"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: choose another folder with --data-dir"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full: make room",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file is in the way: choose another folder with --data-dir"
        }
        _ => "choose another folder with --data-dir",
    };
    anyhow::Error::new(error)
        .context(format!("{} could not be made", at.display()))
        .context(format!(
            "the data folder {} cannot be used; {advice}",
            data.display()
        ))
}

/// A data folder, served by this process until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    data: PathBuf,
    // Locked while it is open.
    _lock: File,
}

impl Claim {
    pub(crate) fn take(data: &Path) -> Result<Self> {
        make_run(data)?;
        let path = lock_file(data);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| unusable(data, &path, error))?;
        // Somebody who looks whether there is a region holds it for a moment.
        for _ in 0..20 {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        data: data.to_owned(),
                        _lock: lock,
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .with_context(|| format!("{} could not be locked", path.display()));
                }
            }
        }
        bail!(
            "another region runs on {}: `terrella down` ends it, --data-dir chooses another folder",
            data.display()
        )
    }

    /// Says to others that the region answers.
    pub(crate) fn say(&self, served: &Served) -> Result<()> {
        write_whole(
            &pid_file(&self.data),
            format!("{}\n", served.pid).as_bytes(),
        )?;
        write_whole(&said_file(&self.data), &serde_json::to_vec_pretty(served)?)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = fs::remove_file(said_file(&self.data));
        let _ = fs::remove_file(pid_file(&self.data));
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("new");
    File::create(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("{} could not be written", path.display()))
}

/// Whether some process serves the folder.
fn is_served(data: &Path) -> Result<bool> {
    let path = lock_file(data);
    let lock = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        file => file.with_context(|| format!("{} could not be opened", path.display()))?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} could not be locked", path.display()))
        }
    }
}

/// The region that runs on a data folder, once it answers.
pub(crate) fn find(data: &Path) -> Result<Option<Served>> {
    let begun = Instant::now();
    loop {
        if !is_served(data)? {
            return Ok(None);
        }
        if let Some(served) = said(data)? {
            return Ok(Some(served));
        }
        if begun.elapsed() > START_LIMIT {
            bail!(
                "the region on {} was started and does not answer; see {}",
                data.display(),
                log_file(data).display()
            );
        }
        std::thread::sleep(PAUSE);
    }
}

fn said(data: &Path) -> Result<Option<Served>> {
    let path = said_file(data);
    match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} could not be read", path.display())),
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .with_context(|| format!("{} is not what `serve` writes", path.display())),
    }
}

/// [`find`], where there has to be one.
pub(crate) fn needed(data: &Path) -> Result<Served> {
    find(data)?.with_context(|| {
        format!(
            "no region runs on {}: `terrella up` or `terrella serve` starts one",
            data.display()
        )
    })
}

/// Starts a region that outlives this process and its terminal.
pub(crate) fn start(data: &Path, port: u16, region: &str) -> Result<Served> {
    make_run(data)?;
    let log_path = log_file(data);
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)
        .map_err(|error| unusable(data, &log_path, error))?;
    // A killed one may have left its own.
    let _ = fs::remove_file(said_file(data));
    let mut child = std::process::Command::new(
        std::env::current_exe().context("this program cannot be found")?,
    )
    .arg("--data-dir")
    .arg(data)
    .args(["serve", "--detached", "--port", &port.to_string()])
    .args(["--region", region])
    .stdin(Stdio::null())
    .stdout(log.try_clone().context("the log could not be shared")?)
    .stderr(log)
    .spawn()
    .context("the region could not be started")?;
    let pid = i32::try_from(child.id()).context("the region's process has no number")?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("the region is not to be seen")? {
            bail!(
                "the region ended ({status}). The end of {}:\n{}",
                log_path.display(),
                last_lines(&log_path, 5)
            );
        }
        if let Some(served) = said(data)?.filter(|served| served.pid == pid) {
            return Ok(served);
        }
        if begun.elapsed() > START_LIMIT {
            bail!(
                "the region does not answer after {} s; see {}",
                START_LIMIT.as_secs(),
                log_path.display()
            );
        }
        std::thread::sleep(PAUSE);
    }
}

/// Ends the process that serves a data folder; whether there was one.
pub(crate) fn stop(data: &Path) -> Result<bool> {
    let Some(served) = find(data)? else {
        return Ok(false);
    };
    // It may have ended since: then there is nothing to do.
    let _ = kill(Pid::from_raw(served.pid), Signal::SIGTERM);
    let begun = Instant::now();
    while is_served(data)? {
        if begun.elapsed() > STOP_LIMIT {
            bail!("the region (process {}) does not end", served.pid);
        }
        // It is no child of this process, which could wait for it.
        std::thread::sleep(PAUSE);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served() -> Served {
        Served {
            pid: 1,
            address: SocketAddr::from(([0, 0, 0, 0], 4566)),
            account: "000000000000".into(),
            region: "eu-central-1".into(),
        }
    }

    #[test]
    fn a_region_is_found_while_its_claim_is_held() {
        let data = tempfile::tempdir().expect("a folder");
        assert_eq!(find(data.path()).expect("looked"), None);
        let claim = Claim::take(data.path()).expect("nobody else has it");
        claim.say(&served()).expect("written");
        assert_eq!(find(data.path()).expect("looked"), Some(served()));
        let refused = Claim::take(data.path()).expect_err("it is taken");
        assert!(refused.to_string().starts_with("another region runs on"));
        drop(claim);
        assert_eq!(find(data.path()).expect("looked"), None);
    }

    #[test]
    fn what_a_killed_one_left_is_no_region() {
        let data = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(run(data.path())).expect("made");
        fs::write(
            said_file(data.path()),
            serde_json::to_vec(&served()).expect("text"),
        )
        .expect("written");
        assert_eq!(find(data.path()).expect("looked"), None);
    }

    #[test]
    fn everywhere_is_reached_on_the_loopback() {
        assert_eq!(served().url(), "http://127.0.0.1:4566");
    }
}
