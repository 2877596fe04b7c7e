//! Metrics for Prometheus and CloudWatch, and traces under the balancer's trace id.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::cache::{create, metric};
use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::process::Links;

#[test]
fn numbers_are_told_to_whoever_asks_the_task_itself() {
    let postgres = Postgres::start();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("METRICS_EMF_NAMESPACE", "links/test"),
        ("METRICS_EMF_INTERVAL", "100ms"),
    ];
    let (links, client) = Links::ready(&vars);
    create(&client, "one", "https://one.example/");
    for _ in 0..3 {
        assert_eq!(client.get("/one").status, 302);
    }
    assert!(
        metric(
            &client,
            "links_requests_total{route=\"redirect\",status=\"302\"}"
        ) >= 3.0
    );
    assert!(
        metric(
            &client,
            "links_cache_total{cache=\"process\",outcome=\"hit\"}"
        ) >= 2.0
    );
    assert!(metric(&client, "links_database_connections") >= 1.0);
    let outside = client.request("GET", "/metrics", &[("x-forwarded-for", "192.0.2.1")], "");
    assert_eq!(outside.status, 404);
    eventually("CloudWatch's documents", || {
        let documents: Vec<serde_json::Value> = links
            .log()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &serde_json::Value| !line["_aws"].is_null())
            .collect();
        let redirects: u64 = documents
            .iter()
            .filter_map(|one| one["Redirects"].as_u64())
            .sum();
        let named = |one: &serde_json::Value| {
            one["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "links/test"
        };
        assert!(documents.iter().all(named), "{documents:?}");
        if redirects == 3 {
            Ok(())
        } else {
            Err(links.log())
        }
    });
}

#[test]
fn a_request_is_a_span_of_the_balancers_trace() {
    let postgres = Postgres::start();
    let (endpoint, bodies) = collector();
    let vars = [
        ("DATABASE_URL", &*postgres.url()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let (links, client) = Links::ready(&vars);
    let trace = (
        "x-amzn-trace-id",
        "Root=1-67891233-abcdef012345678912345678",
    );
    assert_eq!(client.request("GET", "/nothing", &[trace], "").status, 404);
    let id: Vec<u8> = (0..32)
        .step_by(2)
        .map(|at| {
            u8::from_str_radix(&"67891233abcdef012345678912345678"[at..at + 2], 16).expect("digits")
        })
        .collect();
    let mut got = Vec::new();
    eventually("the span", || {
        got.extend(bodies.try_iter().flatten());
        let found = |wanted: &[u8]| got.windows(wanted.len()).any(|window| window == wanted);
        let whole = found(&id) && found(b"service.name") && found(b"/nothing") && found(b"request");
        if whole { Ok(()) } else { Err(links.log()) }
    });
}

/// Takes what is sent to `/v1/traces`.
fn collector() -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("read the address");
    let (sender, bodies) = channel();
    // Ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || {
                while let Some(body) = take(&stream) {
                    if sender.send(body).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (format!("http://{address}"), bodies)
}

fn take(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert!(
        line.is_empty() || line.starts_with("POST /v1/traces "),
        "{line}"
    );
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader
            .read_line(&mut header)
            .ok()
            .filter(|read| *read > 0)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut stream = stream;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .ok()?;
    Some(body)
}
