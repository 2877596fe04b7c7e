//! Start, stop, and several tasks at once, on real processes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use crate::support::client::{head, read_answer};
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::{Links, command};
use crate::support::table_lock::TableLock;

#[test]
fn the_database_may_come_later() {
    let mut postgres = Postgres::prepare();
    let links = Links::serve(&[
        ("DATABASE_URL", &postgres.url()),
        ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
    ]);
    let client = links.client();
    assert_eq!(client.get("/health/live").status, 200);
    let starting = client.get("/health/ready");
    assert_eq!(
        (starting.status, &starting.json()["detail"]),
        (503, &"starting".into())
    );
    let early = client.get("/some-link");
    assert_eq!((early.status, early.header("retry-after")), (503, "1"));
    eventually("a first attempt", || {
        (!links.events("not ready yet").is_empty())
            .then_some(())
            .ok_or_else(|| links.log())
    });

    postgres.run();
    postgres.create_database();
    eventually("readiness", || match client.get("/health/ready").status {
        200 => Ok(()),
        status => Err(format!("{status}\n{}", links.log())),
    });
    assert_eq!(client.get("/some-link").status, 404);

    postgres.stop();
    assert_eq!(client.get("/health/ready").status, 503);
    assert_eq!(client.get("/health/live").status, 200);
    postgres.run();
    eventually("readiness again", || {
        match client.get("/health/ready").status {
            200 => Ok(()),
            status => Err(format!("{status}\n{}", links.log())),
        }
    });
}

#[test]
fn readers_do_not_see_that_connections_were_lost() {
    let postgres = Postgres::start();
    let (links, client) = Links::ready(&[("DATABASE_URL", &*postgres.url())]);
    let link = r#"{"target":"https://example.org/","slug":"kept"}"#;
    assert_eq!(client.post_json("/api/links", link).status, 201);
    // Several connections, all in the pool, all in use a moment ago.
    let lock = TableLock::take(&postgres);
    let requests: Vec<_> = (0..4)
        .map(|_| thread::spawn(move || client.get("/api/links/kept").status))
        .collect();
    eventually("four connections", || {
        let waiting = "select count(*) from pg_stat_activity where usename = 'links' and wait_event_type = 'Lock'";
        let count = postgres.sql("links", waiting);
        if count.trim() == "4" {
            Ok(())
        } else {
            Err(count)
        }
    });
    drop(lock);
    for request in requests {
        assert_eq!(request.join().expect("the request is answered"), 200);
    }
    postgres.sql(
        "links",
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'links'",
    );
    for _ in 0..5 {
        let answer = client.get("/api/links/kept");
        assert_eq!(answer.status, 200, "{answer:?}\n{}", links.log());
    }
}

/// As many as the kernel lets wait, while the process is too busy to accept any, and more than the soft limit of open
/// files that it was started with.
#[test]
fn a_herd_finds_room() {
    const HERD: u64 = 2000;
    let somaxconn = fs::read_to_string("/proc/sys/net/core/somaxconn").expect("read the limit");
    let herd = HERD.min(somaxconn.trim().parse().expect("a number"));
    let most = herd + 500;
    let (_, allowed) = getrlimit(Resource::RLIMIT_NOFILE).expect("read the limit");
    assert!(
        allowed >= most,
        "this test needs {most} descriptors (ulimit -Hn)"
    );
    setrlimit(Resource::RLIMIT_NOFILE, most, allowed).expect("raise our own limit");
    let postgres = Postgres::start();
    let serve = command(&["serve"], &[("DATABASE_URL", &postgres.url())]);
    let mut limited = Command::new("prlimit");
    limited
        .arg(format!("--nofile=64:{most}"))
        .arg(serve.get_program())
        .args(serve.get_args())
        .env_clear()
        .envs(
            serve
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let links = Links::spawn(limited);
    let client = links.client();
    eventually("readiness", || match client.get("/health/ready").status {
        200 => Ok(()),
        status => Err(format!("{status}\n{}", links.log())),
    });

    links.signal(Signal::SIGSTOP);
    let waiting: Vec<_> = (0..herd)
        .map(|_| TcpStream::connect_timeout(&links.address(), Duration::from_secs(10)))
        .collect();
    links.signal(Signal::SIGCONT);
    let mut waiting: Vec<_> = waiting
        .into_iter()
        .map(|stream| stream.expect("there is room"))
        .collect();
    for stream in &mut waiting {
        let head = head("GET", "/health/live", &[], 0);
        stream.write_all(head.as_bytes()).expect("ask");
    }
    for stream in waiting {
        assert_eq!(read_answer(stream).status, 200);
    }
    assert!(links.events("cannot accept connections").is_empty());
}

#[test]
fn a_stop_finishes_what_was_begun() {
    let postgres = Postgres::start();
    let (links, client) = Links::ready(&[("DATABASE_URL", &postgres.url()), ("DRAIN_DELAY", "1m")]);
    let body = r#"{"target":"https://example.org/","slug":"last"}"#;
    let mut slow = client.open();
    let headers = [
        ("content-type", "application/json"),
        ("expect", "100-continue"),
    ];
    slow.write_all(head("POST", "/api/links", &headers, body.len()).as_bytes())
        .expect("send the head");
    let mut begun = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    slow.read_exact(&mut begun).expect("read the go-ahead");
    let idle = client.open();

    links.signal(Signal::SIGTERM);
    let stopping = eventually("not ready", || {
        let answer = client.get("/health/ready");
        if answer.status == 503 {
            Ok(answer)
        } else {
            Err(format!("{answer:?}"))
        }
    });
    assert_eq!(stopping.json()["detail"], "stopping");
    assert_eq!(client.get("/health/live").status, 200);

    // A second signal ends the wait for the balancer.
    links.signal(Signal::SIGTERM);
    assert_eq!(read_to_end(idle), "");
    slow.write_all(body.as_bytes()).expect("send the body");
    assert_eq!(read_answer(slow).status, 201);
    let (status, log) = links.wait();
    assert!(status.success(), "{status}\n{log}");
    assert!(log.contains("\"stopped\""), "{log}");
    assert_eq!(
        postgres.sql("links", "select slug from links").trim(),
        "last"
    );
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let postgres = Postgres::start();
    let (links, client) =
        Links::ready(&[("DATABASE_URL", &postgres.url()), ("STOP_TIMEOUT", "300ms")]);
    let mut stuck = client.open();
    let headers = [
        ("expect", "100-continue"),
        ("content-type", "application/json"),
    ];
    stuck
        .write_all(head("POST", "/api/links", &headers, 10).as_bytes())
        .expect("send the head");
    let mut begun = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stuck.read_exact(&mut begun).expect("read the go-ahead");
    links.signal(Signal::SIGTERM);
    let (status, log) = links.wait();
    assert_eq!(status.code(), Some(1), "{log}");
}

#[test]
fn many_tasks_may_migrate_at_once() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [("DATABASE_URL", url.as_str())];
    let migrating: Vec<_> = (0..6)
        .map(|_| command(&["migrate"], &vars).spawn().expect("start links"))
        .collect();
    let serving: Vec<_> = (0..3).map(|_| Links::ready(&vars)).collect();
    for mut child in migrating {
        assert!(child.wait().expect("wait for links").success());
    }
    for (links, _) in &serving {
        assert!(links.events("not ready yet").is_empty(), "{}", links.log());
    }
    let applied = postgres.sql(
        "links",
        "select count(*), bool_and(success) from _sqlx_migrations",
    );
    assert_eq!(applied.trim(), "2|t");
}

#[test]
fn an_older_version_starts_on_a_newer_schema() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let vars = [("DATABASE_URL", url.as_str())];
    assert!(
        command(&["migrate"], &vars)
            .status()
            .expect("run links")
            .success()
    );
    postgres.sql(
        "links",
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         values (999, 'from the future', true, 'x', 0)",
    );
    let (_links, client) = Links::ready(&vars);
    assert_eq!(client.get("/nothing").status, 404);
}

#[test]
fn health_asks_the_process_beside_it() {
    let postgres = Postgres::prepare();
    let links = Links::serve(&[("DATABASE_URL", &postgres.url())]);
    let port = links.address().port().to_string();
    let ask = |arguments: &[&str]| {
        let vars = [("PORT", port.as_str())];
        command(arguments, &vars)
            .output()
            .expect("run links health")
    };
    assert!(ask(&["health"]).status.success());
    let ready = ask(&["health", "--ready"]);
    assert_eq!(ready.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&ready.stderr).contains("answers 503"),
        "{ready:?}"
    );
    drop(links);
    assert_eq!(ask(&["health"]).status.code(), Some(1));
}

#[test]
fn a_start_that_cannot_work_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("take a port");
    let port = taken
        .local_addr()
        .expect("read its address")
        .port()
        .to_string();
    let url = ("DATABASE_URL", "postgres://ann:hunter2@127.0.0.1:1/links");
    let listen = ("LISTEN_ADDRESS", "127.0.0.1");
    let cases: [(&[(&str, &str)], &str); 3] = [
        (&[], "set DATABASE_URL"),
        (&[url, ("PORT", "many")], "PORT"),
        (&[url, listen, ("PORT", &port)], "listen on 127.0.0.1"),
    ];
    for (vars, expected) in cases {
        let ended = command(&["serve"], vars).output().expect("run links");
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

fn read_to_end(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("read to the end");
    text
}
