//! The system's programs that change links, routes and packet filters.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Failure, Step as _};
use crate::netns;

#[derive(Debug, Clone)]
pub(crate) struct Tools {
    ip: PathBuf,
    nft: PathBuf,
}

impl Tools {
    pub(crate) fn find() -> Result<Self, Failure> {
        Ok(Self {
            ip: find("ip", "iproute2")?,
            nft: find("nft", "nftables")?,
        })
    }

    /// Runs lines of `ip` commands inside a namespace; the first that fails ends it.
    pub(crate) fn ip(&self, namespace: &Path, lines: &[String]) -> Result<(), Failure> {
        self.batch(namespace, lines, &["-batch", "-"])
    }

    /// The same for removing what may be gone already.
    pub(crate) fn ip_forced(&self, namespace: &Path, lines: &[String]) {
        // Each line that could do something has done it.
        let _ = self.batch(namespace, lines, &["-force", "-batch", "-"]);
    }

    fn batch(&self, namespace: &Path, lines: &[String], arguments: &[&str]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = lines.join("\n");
        text.push('\n');
        run(namespace, &self.ip, arguments, &text).map(|_| ())
    }

    /// Replaces packet filters inside a namespace, all at once or not at all.
    pub(crate) fn nft(&self, namespace: &Path, rules: &str) -> Result<(), Failure> {
        run(namespace, &self.nft, &["-f", "-"], rules).map(|_| ())
    }

    /// The devices of a namespace and what each was marked with.
    pub(crate) fn devices(&self, namespace: &Path) -> Result<Vec<(String, String)>, Failure> {
        #[derive(serde::Deserialize)]
        struct Device {
            ifname: String,
            #[serde(default)]
            ifalias: String,
        }
        let text = run(namespace, &self.ip, &["-json", "link", "show"], "")?;
        let devices: Vec<Device> =
            serde_json::from_str(&text).step(|| "understand the list of links")?;
        Ok(devices
            .into_iter()
            .map(|device| (device.ifname, device.ifalias))
            .collect())
    }
}

fn find(program: &str, package: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            Failure::new(format!(
                "the program {program} is missing: install the package {package}"
            ))
        })
}

fn run(
    namespace: &Path,
    program: &Path,
    arguments: &[&str],
    input: &str,
) -> Result<String, Failure> {
    let name = || format!("run {} in {}", program.display(), namespace.display());
    let output = netns::within(namespace, || {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        // A program that ends before it has read everything says why on standard error. What
        // these programs write before they have read is less than a pipe holds.
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    })
    .step(name)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::because(
        name(),
        format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    ))
}

/// Sets kernel parameters of a namespace. One that this kernel does not have needs no setting.
pub(crate) fn sysctl(namespace: &Path, settings: &[(&str, &str)]) -> Result<(), Failure> {
    netns::within(namespace, || {
        for (name, value) in settings {
            let path = Path::new("/proc/sys/net").join(name);
            match std::fs::write(&path, value) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    })
    .step(|| format!("set kernel parameters of {}", namespace.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let failure = find("no-such-program", "its-package").expect_err("a failure");
        assert_eq!(
            failure.to_string(),
            "the program no-such-program is missing: install the package its-package"
        );
    }
}
