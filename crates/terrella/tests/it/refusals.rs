//! What cannot work is said at the start, with what to do about it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Serving, TERRELLA, mortal, refusal, terrella};

const SERVE: [&str; 4] = ["serve", "--port", "0", "--no-machine"];

#[test]
fn a_data_folder_with_too_long_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("n".repeat(100));
    let text = refusal(&terrella(&data, &SERVE));
    assert!(text.contains("the data folder's path may have"), "{text}");
    assert!(text.contains("--data-dir"), "{text}");
    assert!(!data.exists());
}

/// As a user who may not; root may write everywhere.
#[test]
fn a_data_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("open");
    let refused = |data: &Path| {
        let output = Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--pdeathsig=KILL",
            ])
            .args([TERRELLA, "--data-dir"])
            .arg(data)
            .args(SERVE)
            .output()
            .expect("these tests need the program setpriv (package util-linux) and root");
        refusal(&output)
    };
    let text = refused(&folder.path().join("data"));
    assert!(text.contains("this user may not write there"), "{text}");
    assert!(text.contains("--data-dir"), "{text}");
    // Root's own, which it has used.
    let data = folder.path().join("roots");
    drop(Serving::start(&data, &["--no-machine"]));
    let text = refused(&data);
    assert!(text.contains("this user may not write there"), "{text}");
}

#[test]
fn a_file_where_the_data_folder_should_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::write(&data, "mine").expect("written");
    let text = refusal(&terrella(&data, &SERVE));
    assert!(text.contains("a file is in the way"), "{text}");
}

#[test]
fn a_second_region_on_a_data_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Serving::start(folder.path(), &["--no-machine"]);
    let text = refusal(&terrella(folder.path(), &SERVE));
    assert!(text.contains("another region runs on"), "{text}");
    assert!(text.contains("terrella down"), "{text}");
    assert_eq!(first.curl("sts", "/_terrella/health", &[]).0, 200);
}

#[test]
fn a_port_that_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it").port().to_string();
    let text = refusal(&terrella(
        folder.path(),
        &["serve", "--no-machine", "--port", &port],
    ));
    assert!(
        text.contains(&format!("port {port} of 127.0.0.1 cannot be had")),
        "{text}"
    );
    assert!(text.contains("choose one with --port"), "{text}");
}

#[test]
fn a_store_that_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("region.redb");
    std::fs::write(&store, "this was a store").expect("written");
    let text = refusal(&terrella(folder.path(), &SERVE));
    assert!(text.contains("region.redb is damaged"), "{text}");
    assert!(text.contains("terrella destroy"), "{text}");
    assert_eq!(std::fs::read(&store).expect("it"), b"this was a store");
}

/// The repository's own infrastructure.
fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra")
}

#[test]
fn up_without_terraform() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let output = mortal("env")
        .arg(format!("PATH={}", folder.path().display()))
        .args([TERRELLA, "--data-dir"])
        .arg(&data)
        .args(["up", "--port", "0", "--infra"])
        .arg(infra())
        .output();
    let text = refusal(&output.expect("it runs"));
    assert!(text.contains("install one of them"), "{text}");
    assert!(!data.exists(), "a region was begun");
}

/// In a mount namespace where the servers' folder is empty.
#[test]
fn a_database_without_postgresql() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"mount -t tmpfs none /usr/lib/postgresql && exec "$0" "$@""#;
    let mut command = mortal("unshare");
    command
        .args([
            "--mount",
            "--propagation=private",
            "sh",
            "-c",
            script,
            TERRELLA,
        ])
        .arg("--data-dir")
        .arg(folder.path())
        .args(["serve", "--port", "0", "--die-with-parent"])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let region = Serving::spawn(&mut command);
    let (status, text) = region.curl(
        "rds",
        "/",
        &[
            "--data",
            "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=db&Engine=postgres\
             &DBInstanceClass=db.t4g.micro&AllocatedStorage=20&MasterUsername=app\
             &MasterUserPassword=longenough",
        ],
    );
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("no PostgreSQL is installed"), "{text}");
    assert!(text.contains("Install the package postgresql"), "{text}");
}
