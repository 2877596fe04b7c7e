//! What a region could leave behind on its machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Everything of a machine that a region makes, by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remains {
    mounts: BTreeSet<String>,
    interfaces: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    tables: BTreeSet<String>,
    cgroups: BTreeSet<String>,
    /// Processes that name the region's folder.
    processes: BTreeSet<String>,
}

impl Remains {
    pub(crate) fn now(data: Option<&Path>) -> Self {
        let tables = Command::new("nft")
            .args(["list", "tables"])
            .output()
            .expect("nft runs");
        Self {
            mounts: fs::read_to_string("/proc/self/mountinfo")
                .expect("mounts")
                .lines()
                .filter_map(|line| line.split(' ').nth(4).map(str::to_owned))
                .collect(),
            interfaces: names("/sys/class/net"),
            namespaces: names("/run/netns"),
            tables: String::from_utf8_lossy(&tables.stdout)
                .lines()
                .map(str::to_owned)
                .collect(),
            cgroups: cgroups(),
            processes: data.map(processes).unwrap_or_default(),
        }
    }

    /// That nothing is there now which was not there before. What other tests make at the same
    /// time has other names than this region's, so only its own kinds of names count.
    pub(crate) fn assert_nothing_more(&self, data: &Path) {
        let now = Self::now(Some(data));
        let own = data.to_string_lossy().into_owned();
        let mounts: Vec<_> = now
            .mounts
            .iter()
            .filter(|mount| mount.contains(&own))
            .collect();
        assert!(mounts.is_empty(), "mounts are left: {mounts:?}");
        assert_eq!(now.processes, BTreeSet::new(), "processes are left");
        for (what, now, before) in [
            ("interfaces", &now.interfaces, &self.interfaces),
            ("namespaces", &now.namespaces, &self.namespaces),
            ("tables", &now.tables, &self.tables),
        ] {
            let more: Vec<_> = now.difference(before).collect();
            assert!(more.is_empty(), "{what} are left: {more:?}");
        }
        let key = data
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let cgroups: Vec<_> = now
            .cgroups
            .iter()
            .filter(|name| name.contains(&key))
            .collect();
        assert!(cgroups.is_empty(), "cgroups are left: {cgroups:?}");
    }
}

fn names(folder: &str) -> BTreeSet<String> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The paths of all control groups.
fn cgroups() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.insert(entry.path().to_string_lossy().into_owned());
                folders.push(entry.path());
            }
        }
    }
    found
}

fn processes(data: &Path) -> BTreeSet<String> {
    let own = data.to_string_lossy().into_owned();
    fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&own).then_some(line)
        })
        .collect()
}
