//! Images as other tools see them: `skopeo`, and a registry.

#[cfg(test)]
mod build;
#[cfg(test)]
mod push;
mod registry;

use std::path::{Path, PathBuf};
use std::process::Command;

use image::{Builder, Built};

/// A static program as far as its headers tell, which is all that building looks at.
fn program(dir: &Path) -> PathBuf {
    let mut bytes = vec![0; 4096];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18] = 62;
    bytes[32] = 64;
    bytes[54] = 56;
    let path = dir.join("program");
    std::fs::write(&path, bytes).expect("write the program");
    path
}

fn builder(dir: &Path) -> Builder {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    Builder {
        binary: program(dir),
        name: "links".to_owned(),
        arguments: vec!["serve".to_owned()],
        environment: pairs(&[("PORT", "8080"), ("LOG", "info")]),
        ports: vec![8080, 9090],
        labels: pairs(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]),
        ..Builder::default()
    }
}

fn build(dir: &Path) -> (PathBuf, Built) {
    let layout = dir.join("layout");
    let built = builder(dir).build(&layout).expect("build the image");
    (layout, built)
}

/// Runs `skopeo`, without which these tests prove nothing; gives what it prints.
fn skopeo(arguments: &[&str]) -> String {
    let done = Command::new("skopeo")
        .args(["--insecure-policy"])
        .args(arguments)
        .output()
        .expect("these tests need skopeo: install the package `skopeo`");
    assert!(
        done.status.success(),
        "skopeo {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("skopeo prints UTF-8")
}
