//! The short way and the general way give the same, whatever comes from either side. A blank line
//! before a request changes nothing but the way it takes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use world::balancer::{Config, Stickiness, XffMode};

use crate::harness::{Client, Node, Origin, PATIENCE, config, forward, group, listener, wait_for};

/// What a target does with the next request, and what it got to see.
#[derive(Debug, Clone, Default)]
struct Script {
    pieces: Vec<Vec<u8>>,
    close: bool,
    seen: Vec<u8>,
}

/// A target that answers health checks by itself and all else by the script.
struct Target {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Target {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, script) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream, &script));
            }
        });
        Self { address, script }
    }
}

/// Reads a request up to the end that its Content-Length tells.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let chunked = text.contains("\r\ntransfer-encoding: chunked\r\n");
    while bytes.len() < head + length || (chunked && !bytes.ends_with(b"\r\n0\r\n\r\n")) {
        read_more(stream, &mut bytes)?;
    }
    Some(bytes)
}

fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
        _ => return None,
    }
    Some(())
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) {
    stream.set_nodelay(true).unwrap();
    while let Some(request) = read_request(&mut stream) {
        let text = String::from_utf8_lossy(&request);
        if text.contains("ELB-HealthChecker") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            continue;
        }
        if text.starts_with("GET /end ") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nend");
            continue;
        }
        let (pieces, close) = {
            let mut script = script.lock().unwrap();
            script.seen.clone_from(&request);
            (script.pieces.clone(), script.close)
        };
        for piece in pieces {
            if stream.write_all(&piece).is_err() {
                return;
            }
            std::thread::yield_now();
        }
        if close {
            return;
        }
    }
}

/// A message with its lines in an order that does not matter, and without what is of chance.
fn settled(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    let (head, body) = text.split_once("\\r\\n\\r\\n").unwrap_or((&text, ""));
    let mut lines = head.split("\\r\\n").map(|line| {
        let name = line.split(':').next().unwrap_or_default();
        match &name.to_ascii_lowercase()[..] {
            // Only its form can be compared.
            "x-amzn-trace-id" => line
                .chars()
                .map(|c| if c.is_ascii_hexdigit() { '0' } else { c })
                .collect(),
            "set-cookie" if line.contains("AWSALB") => line
                .split_inclusive([';', '='])
                .filter(|part| part.ends_with('=') || part.contains("None") || part.contains('/'))
                .collect(),
            "date" => name.to_ascii_lowercase(),
            _ => line.to_owned(),
        }
    });
    let first = lines.next().unwrap_or_default();
    let mut rest: Vec<String> = lines.collect();
    // Stable: fields of one name keep their order.
    rest.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    format!("{first}\n{}\n\n{body}", rest.join("\n"))
}

/// All that the client gets to the end of the connection, and what the target saw.
fn outcome(address: SocketAddr, target: &Target, blank: &str, case: &Case) -> Vec<String> {
    // If the target closed after the case before, the node may not have seen it yet.
    for blank in ["", "\r\n"] {
        wait_for("the target to be served by", || {
            let mut client = Client::connect(address);
            client.write(&format!("{blank}GET /end HTTP/1.1\r\nHost: a\r\n\r\n"));
            let status = client.reply(true).status;
            (status == 200).then_some(()).ok_or(status)
        });
    }
    *target.script.lock().unwrap() = Script {
        pieces: case.pieces.clone(),
        close: case.close,
        seen: Vec::new(),
    };
    let mut client = Client::connect(address);
    let stream = client.reader.get_mut();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = blank.as_bytes().to_vec();
    request.extend_from_slice(&case.request);
    if !case.close {
        request.extend_from_slice(b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    let mut from = 0;
    for cut in case.cuts.iter().chain([&usize::MAX]) {
        let to = (*cut).clamp(from, request.len());
        // The node may have closed already.
        let _ = stream.write_all(&request[from..to]);
        std::thread::yield_now();
        from = to;
    }
    let mut told = Vec::new();
    let mut to_head = case.request.starts_with(b"HEAD ");
    loop {
        match client.try_reply(!to_head) {
            Ok(reply) => {
                let bytes = [reply.head.as_bytes(), reply.body.as_bytes()].concat();
                told.push(settled(&bytes));
                if case.close {
                    break;
                }
            }
            Err(error) => {
                told.push(match error.kind() {
                    std::io::ErrorKind::WouldBlock => panic!("no answer to {case}"),
                    // Closed with something unread or not is up to the time.
                    _ => "closed".into(),
                });
                break;
            }
        }
        to_head = false;
    }
    told.push(settled(&target.script.lock().unwrap().seen));
    told
}

#[derive(Debug, Clone)]
struct Case {
    request: Vec<u8>,
    cuts: Vec<usize>,
    pieces: Vec<Vec<u8>>,
    close: bool,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let answer = self.pieces.concat();
        writeln!(f, "{}", self.request.escape_ascii())?;
        writeln!(f, "{}", answer.escape_ascii())?;
        write!(f, "{:?}, closed {}", self.cuts, self.close)
    }
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "GET", "GET", "HEAD", "POST", "PUT", "PURGE"]);
    let target = select(vec![
        "/",
        "/",
        "/a/b.c?d=e&f",
        "/%7e?",
        "//x",
        "/?",
        "/a#b",
        "/{}",
        "http://h:1/x",
        "*",
        "/\u{e9}",
        "/a|b",
    ]);
    let fields = select(vec![
        "accept: */*\r\n",
        "X-Case: A,  b \r\n",
        "x-empty:\r\n",
        "x-high: \u{e9}\r\n",
        "x_odd: 1\r\n",
        "Cookie: a=b; AWSALB=x\r\n",
        "Connection: keep-alive\r\n",
        "Connection: x-case, keep-alive\r\n",
        "Keep-Alive: 5\r\n",
        "TE: trailers\r\n",
        "Trailer: x\r\n",
        "Upgrade: h2c\r\n",
        "Proxy-Connection: close\r\n",
        "X-Forwarded-For: 10.0.0.1\r\n",
        "X-Forwarded-For: , a,\r\n",
        "X-Forwarded-Proto: gopher\r\n",
        "X-Forwarded-Port: 1\r\n",
        "X-Amzn-Trace-Id: Self=1-a-b;Root=1-c-d;App=z\r\n",
        "X-Amzn-Trace-Id: \u{e9}\r\n",
        "X-Amzn-Tls-Version: x\r\n",
        "Expect: nothing\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\n",
        "bad name: x\r\n",
        " folded\r\n",
        "x-bare: a\n",
    ]);
    let host = select(vec![
        "Host: www.example.com\r\n",
        "Host: www.example.com\r\n",
        "host:WWW.Example.com:80\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: \u{e9}\r\n",
        "",
    ]);
    let body = select(vec!["", "", "", "hello", "4\r\nbody\r\n0\r\n\r\n"]);
    let noise = (
        any::<prop::sample::Index>(),
        any::<u8>(),
        prop::bool::weighted(0.05),
    );
    (
        method,
        target,
        host,
        prop::collection::vec(fields, 0..5),
        body,
        noise,
    )
        .prop_map(|(method, target, host, fields, body, (at, byte, noisy))| {
            let fields = fields.concat();
            let mut bytes = format!("{method} {target} HTTP/1.1\r\n{host}{fields}").into_bytes();
            // Nobody has to wait for the rest of a body.
            let body = if fields.contains("Transfer") {
                "4\r\nbody\r\n0\r\n\r\n"
            } else {
                if !body.is_empty() {
                    write!(bytes, "Content-Length: {}\r\n", body.len()).unwrap();
                }
                body
            };
            if noisy {
                let at = at.index(bytes.len());
                bytes.insert(at, byte);
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body.as_bytes());
            bytes
        })
}

fn answers() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let line = select(vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 Fine\r\n",
        "HTTP/1.1 404\r\n",
        "HTTP/1.1 204 No Content\r\n",
        "HTTP/1.1 304 Not Modified\r\n",
        "HTTP/1.1 299 \r\n",
        "HTTP/1.1 999 Much\r\n",
        "HTTP/1.1 101 Switching\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        "\r\nHTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/2.0 200 OK\r\n",
        "HTTP/1.1 99 OK\r\n",
        "220 smtp\r\n",
    ]);
    let fields = select(vec![
        "Server: s\r\n",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "X-A: 1\r\n",
        "x-a: 2\r\n",
        "Set-Cookie: app=1; Path=/\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "Connection: x-a, date, content-length\r\n",
        "Keep-Alive: timeout=5\r\n",
        "Upgrade: h2c\r\n",
        "Trailer: x\r\n",
        "Proxy-Authenticate: x\r\n",
        "x-high: \u{e9}\r\n",
        "X_Odd:\r\n",
        "bad name: x\r\n",
        "x-bare: a\n",
    ]);
    let body = select(vec![
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 0\r\n\r\n",
        "\r\nuntil the end",
        "Content-Length: 5\r\n\r\nhello, too much",
        "Content-Length: 9\r\n\r\nlittle",
        "Content-Length: x\r\n\r\nhello",
        "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\nT: r\r\n\r\n",
        "Transfer-Encoding: gzip, Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, gzip\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nhello",
        "Content-Le",
    ]);
    let noise = (
        any::<prop::sample::Index>(),
        any::<u8>(),
        prop::bool::weighted(0.1),
    );
    (
        line,
        prop::collection::vec(fields, 0..5),
        body,
        noise,
        prop::bool::weighted(0.3),
    )
        .prop_map(|(line, fields, body, (at, byte, noisy), close)| {
            let mut bytes = format!("{line}{}{body}", fields.concat()).into_bytes();
            if noisy {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            // Only where nobody has to wait for more may the connection stay.
            let stays = !noisy
                && line == "HTTP/1.1 200 OK\r\n"
                && body.ends_with("hello") | body.ends_with("0\r\n\r\n")
                && !body.contains("gzip\r\n");
            (bytes, close || !stays)
        })
}

fn cases() -> impl Strategy<Value = Case> {
    let cuts = || prop::collection::vec(0usize..300, 0..4);
    (requests(), cuts(), answers(), cuts()).prop_map(|(request, mut cuts, (answer, close), at)| {
        cuts.sort_unstable();
        let mut at: Vec<_> = at.into_iter().map(|cut| cut.min(answer.len())).collect();
        at.extend([0, answer.len()]);
        at.sort_unstable();
        Case {
            request,
            cuts,
            pieces: at
                .windows(2)
                .map(|cut| answer[cut[0]..cut[1]].to_vec())
                .collect(),
            close,
        }
    })
}

fn both_ways(cases_to_run: u32, change: impl Fn(&mut Config)) {
    let target = Target::start();
    let mut node = Node::start_single();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![crate::harness::target(target.address)])],
    );
    // A request that never ends is given up soon.
    wanted.attributes.idle_timeout_ms = 1_000;
    change(&mut wanted);
    node.serve(&wanted);
    let address = node.address("l");
    let mut runner = TestRunner::deterministic();
    for _ in 0..cases_to_run {
        let mut case = cases().new_tree(&mut runner).unwrap().current();
        let answer = case.pieces.concat().escape_ascii().to_string();
        if case.request.windows(17).any(|w| w == b"Transfer-Encoding") {
            // Chunks come as they were read.
            case.cuts.clear();
        }
        // What follows the answer to a HEAD is unasked for, whenever it comes.
        case.close |= case.request.starts_with(b"HEAD");
        if case.request.starts_with(b"HEAD") && answer.matches("Content-Length: ").count() > 1 {
            // The general way closes the connection without a word, the short way says 502.
            continue;
        }
        let short = outcome(address, &target, "", &case);
        let general = outcome(address, &target, "\r\n", &case);
        assert!(
            short == general,
            "{case}\nshort: {short:#?}\ngeneral: {general:#?}"
        );
    }
}

#[test]
fn a_connection_goes_both_ways() {
    let origin = Origin::start("a");
    let mut node = Node::start_single();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    ));
    let mut client = Client::connect(node.address("l"));
    let connections = || origin.connections.load(Ordering::SeqCst);
    let large = "x".repeat(300_000);
    for _ in 0..3 {
        assert_eq!(client.get("/short", &[]).origin(), "a");
        let small = client.request("POST", "/short", &[], "hello");
        assert_eq!(small.body, "hello");
    }
    assert_eq!(connections(), 1);
    // Each way has connections of its own to a target.
    for _ in 0..3 {
        let general = client.get("/general", &[("Keep-Alive", "5")]);
        assert_eq!(general.header("x-line"), Some("GET /general"));
        assert_eq!(connections(), 2);
        assert!(client.request("POST", "/general", &[], &large).body == large);
        assert_eq!(
            client.get("/short", &[]).header("x-line"),
            Some("GET /short")
        );
    }
    // After a request whose end only the parser knows, the connection stays with it.
    client.write("\r\nGET /general HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply(true).header("x-line"), Some("GET /general"));
    assert_eq!(client.get("/general", &[]).origin(), "a");
    assert_eq!(connections(), 2);
}

#[test]
fn both_ways_give_the_same() {
    both_ways(800, |_| {});
}

#[test]
fn both_ways_give_the_same_with_other_attributes() {
    both_ways(200, |config| {
        config.attributes.xff_header_processing_mode = XffMode::Preserve;
        config.attributes.preserve_host_header = true;
        config.attributes.drop_invalid_header_fields = true;
        config.target_groups[0].attributes.stickiness = Some(Stickiness::LbCookie {
            duration_ms: 60_000,
        });
    });
    both_ways(200, |config| {
        config.attributes.xff_header_processing_mode = XffMode::Remove;
        config.attributes.xff_client_port = true;
        config.target_groups[0].attributes.stickiness = Some(Stickiness::AppCookie {
            cookie_name: "app".into(),
            duration_ms: 60_000,
        });
    });
}
