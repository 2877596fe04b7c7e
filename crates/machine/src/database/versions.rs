//! Which PostgreSQL servers this machine has.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::error::Failure;

/// One installed server version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    pub major: u32,
    /// Such as `15.18`.
    pub full: String,
    /// The folder of its programs.
    pub programs: PathBuf,
}

/// The versions installed here, oldest first.
pub fn installed_versions() -> Vec<Installed> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A link in the path stands for the folder it leads to, where the other programs are.
    folders.extend(std::env::split_paths(&path).filter_map(|folder| {
        let program = folder.join("postgres").canonicalize().ok()?;
        program.parent().map(Path::to_owned)
    }));
    let mut found: Vec<Installed> = Vec::new();
    for programs in folders {
        if let Some(installed) = look(&programs)
            && !found.iter().any(|other| other.major == installed.major)
        {
            found.push(installed);
        }
    }
    found.sort_by_key(|installed| installed.major);
    found
}

fn look(programs: &Path) -> Option<Installed> {
    if !["initdb", "pg_basebackup"]
        .iter()
        .all(|name| programs.join(name).exists())
    {
        return None;
    }
    let output = Command::new(programs.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let (major, full) = parse(&String::from_utf8_lossy(&output.stdout))?;
    Some(Installed {
        major,
        full,
        programs: programs.to_owned(),
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian …)`.
fn parse(line: &str) -> Option<(u32, String)> {
    let full = line.split_whitespace().nth(2)?;
    let digits: String = full.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, full.to_owned()))
}

/// The wanted version, or what to install.
pub(crate) fn find(major: u32) -> Result<Installed, Failure> {
    // Asked for often; what is not there is looked for again, it may be installed meanwhile.
    static FOUND: Mutex<BTreeMap<u32, Installed>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(installed) = found.get(&major)
        && installed.programs.join("postgres").exists()
    {
        return Ok(installed.clone());
    }
    let mut have = Vec::new();
    for installed in installed_versions() {
        if installed.major == major {
            found.insert(major, installed.clone());
            return Ok(installed);
        }
        have.push(installed.full);
    }
    let have = if have.is_empty() {
        "none".to_owned()
    } else {
        have.join(", ")
    };
    Err(Failure::new(format!(
        "PostgreSQL {major} is not installed on this machine (installed: {have}); install the \
         package postgresql-{major}, or choose an engine version that is installed"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        assert_eq!(
            parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, "15.18".into()))
        );
        assert_eq!(
            parse("postgres (PostgreSQL) 17beta1\n"),
            Some((17, "17beta1".into()))
        );
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_version_that_is_not_there_names_its_package() {
        let failure = find(3).unwrap_err().to_string();
        assert!(
            failure.contains("install the package postgresql-3"),
            "{failure}"
        );
    }
}
