//! `terrella logs`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::support::{TERRELLA, mortal, refusal, terrella};

#[test]
fn logs_are_shown_and_followed_also_when_they_are_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("run")).expect("a folder");
    let path = folder.path().join("run/serve.log");
    let mut log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .expect("a log");
    log.write_all(b"one\ntwo\n").expect("written");

    let shown = terrella(folder.path(), &["logs"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "one\ntwo\n");

    let mut follower = mortal(TERRELLA)
        .arg("--data-dir")
        .arg(folder.path())
        .args(["logs", "-f"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut out = BufReader::new(follower.stdout.take().expect("its output"));
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        line
    };
    assert_eq!((next(), next()), ("one\n".into(), "two\n".into()));
    log.write_all(b"three\n").expect("written");
    assert_eq!(next(), "three\n");
    // As the region does when it has grown.
    log.set_len(0).expect("emptied");
    log.write_all(b"four\n").expect("written");
    assert_eq!(next(), "four\n");
    follower.kill().expect("it is ended");
    follower.wait().expect("it ends");
}

#[test]
fn where_there_is_no_log_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = refusal(&terrella(folder.path(), &["logs"]));
    assert!(
        text.contains("only a region started by `terrella up`"),
        "{text}"
    );
}
