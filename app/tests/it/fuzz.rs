//! The OpenAPI document is true: schemathesis sends what it allows, and what it does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::create;
use crate::support::postgres::Postgres;
use crate::support::process::Links;

/// The version whose checks this passes.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

#[test]
fn the_api_is_what_its_document_says() {
    let program = schemathesis();
    let postgres = Postgres::start();
    let (links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    create(&client, "example", "https://example.org/");
    let dir = tempfile::tempdir().expect("make a directory");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let output = Command::new(program)
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(format!("http://{}/openapi.json", links.address()))
        .args(["--seed", "20261125", "--generation-database", "none"])
        .current_dir(dir.path())
        .output()
        .expect("run schemathesis");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // It must have asked, not only agreed.
    let asked = postgres.sql("links", "select last_value from link_versions");
    assert!(
        asked.trim().parse::<i64>().expect("a number") > 20,
        "{asked}\n{said}"
    );
    assert!(!links.log().contains("\"ERROR\""), "{}", links.log());
}

/// The program in an environment of its own below `target/`, made when it is not there.
fn schemathesis() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SCHEMATHESIS);
    let program = home.join("bin/schemathesis");
    if program.exists() {
        return program;
    }
    // Made aside and moved, so that what breaks off is not mistaken for whole. Its programs name their interpreter by
    // a path, so it is made where it stays and marked by a file that comes last.
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&home)
        .output();
    let made =
        made.expect("this test needs Python: install the packages `python3` and `python3-venv`");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let installed = Command::new(home.join("bin/pip"))
        .args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            SCHEMATHESIS,
        ])
        .output()
        .expect("run pip");
    if !installed.status.success() {
        fs::remove_dir_all(&home).expect("remove what is not whole");
        panic!("{}", String::from_utf8_lossy(&installed.stderr));
    }
    program
}
