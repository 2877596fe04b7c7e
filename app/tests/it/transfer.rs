//! Import and export, over HTTP and by the command.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::access::run;
use crate::support::client::head;
use crate::support::postgres::Postgres;
use crate::support::process::{Links, command};

#[test]
fn what_is_exported_can_be_imported() {
    let (from, to) = (Postgres::start(), Postgres::start());
    let (_links, client) = Links::ready(&[("DATABASE_URL", &from.url())]);
    from.sql(
        "links",
        "insert into links (slug, target, note, redirect, enabled, expires_at) select 's' || n, \
         'https://e.org/' || n, case when n % 2 = 0 then 'one, \"two\"' || chr(10) || 'ü' else '' end, \
         301 + n % 2, n % 3 > 0, case when n % 5 = 0 then timestamptz '2030-01-01T00:00:00.5Z' end \
         from generate_series(1, 1234) n",
    );
    let columns = "select md5(string_agg((slug, target, note, redirect, enabled, expires_at)::text, '' order by slug)) from links";
    let (_other, other) = Links::ready(&[("DATABASE_URL", &to.url())]);
    for (format, kind) in [("csv", "text/csv"), ("jsonl", "application/x-ndjson")] {
        let file = client.get(&format!("/api/export?format={format}"));
        assert_eq!(file.status, 200, "{file:?}");
        assert!(file.header("content-type").starts_with(kind));
        assert!(
            file.header("content-disposition")
                .contains(&format!("links.{format}"))
        );
        let body = unchunked(&file.body);
        let import = || other.request("POST", "/api/import", &[("content-type", kind)], &body);
        let made = import();
        assert_eq!(made.status, 200, "{made:?}");
        assert_eq!(
            (&made.json()["created"], &made.json()["failed"]),
            (&1234.into(), &0.into())
        );
        assert_eq!(from.sql("links", columns), to.sql("links", columns));
        assert_eq!(import().json()["skipped"], 1234);
        to.sql("links", "delete from links");
    }
}

#[test]
fn an_import_says_what_is_wrong_and_does_the_rest() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    // A link that was asked for in vain is there at once.
    assert_eq!(client.get("/good").status, 404);
    let csv = "slug,target\ngood,https://e.org/\nbad slug,https://e.org/\n,https://e.org/\nloop,http://sho.rt/x\ngood,https://twice.example/\n";
    let headers = [("content-type", "text/csv")];
    let answer = client.request("POST", "/api/import", &headers, csv).json();
    assert_eq!(
        (&answer["created"], &answer["skipped"], &answer["failed"]),
        (&2.into(), &1.into(), &2.into())
    );
    assert_eq!(answer["failures"][0]["line"], 3);
    assert_eq!(answer["failures"][1]["line"], 5);
    assert_eq!(client.get("/good").header("location"), "https://e.org/");

    let broken = format!("target\nhttps://e.org/\n{}\n", "x".repeat(20_000));
    let answer = client
        .request("POST", "/api/import", &headers, &broken)
        .json();
    assert_eq!(
        (&answer["created"], &answer["stopped"]["line"]),
        (&1.into(), &3.into())
    );
    assert_eq!(client.request("POST", "/api/import", &[], "x").status, 415);
    let mut large = client.open();
    large
        .write_all(head("POST", "/api/import", &headers, 65 * 1024 * 1024).as_bytes())
        .expect("send the head");
    assert_eq!(crate::support::client::read_answer(large).status, 413);
}

#[test]
fn the_command_reads_and_writes_files() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [("DATABASE_URL", url.as_str())];
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("links.jsonl");
    let mut import = command(&["import", "--format", "jsonl"], &vars)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start links");
    let mut input = import.stdin.take().expect("its input is a pipe");
    for number in 0..2000 {
        let line = format!("{{\"slug\":\"s{number}\",\"target\":\"https://e.org/{number}\"}}\n");
        input.write_all(line.as_bytes()).expect("write a line");
    }
    drop(input);
    let done = import.wait_with_output().expect("wait for links");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("created 2000"),
        "{said}"
    );
    let file = path.to_str().expect("a UTF-8 path");
    run(&["export", file, "--format", "jsonl"], &vars);
    assert_eq!(
        fs::read_to_string(&path)
            .expect("read the export")
            .lines()
            .count(),
        2000
    );
    assert_eq!(run(&["export"], &vars).lines().count(), 2001);
    fs::write(&path, "{\"target\":\"ftp://e.org/\"}\n").expect("write a file");
    let failed = command(&["import", file, "--format", "jsonl"], &vars)
        .output()
        .expect("run links");
    assert!(!failed.status.success());
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains("line 1: target must start with"), "{said}");
}

#[test]
fn a_qr_code_is_drawn() {
    let postgres = Postgres::start();
    let (_links, client) = Links::ready(&[("DATABASE_URL", &postgres.url())]);
    crate::cache::create(&client, "one", "https://one.example/");
    let svg = client.get("/api/links/one/qr.svg");
    assert_eq!(
        (svg.status, svg.header("content-type")),
        (200, "image/svg+xml")
    );
    assert!(svg.body.starts_with("<svg"));
    let png = client.request("HEAD", "/api/links/one/qr.png?scale=4", &[], "");
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert_eq!(client.get("/api/links/one/qr.png?scale=0").status, 400);
    assert_eq!(client.get("/api/links/nothing/qr.svg").status, 404);
}

/// A body as it was before it was sent in chunks (RFC 9112, section 7.1).
fn unchunked(body: &str) -> String {
    let mut rest = body;
    let mut whole = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(length, 16).expect("hexadecimal digits");
        if length == 0 {
            return whole;
        }
        whole.push_str(&after[..length]);
        rest = &after[length + 2..];
    }
}
