//! What clients get when a request, a target or a configuration is bad.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use world::balancer::node::Answer;

use crate::harness::{
    Client, Node, Origin, config, echo, fixed, forward, get, group, listener, target, wait_for,
};

/// A target that speaks no HTTP: what it does with each connection is up to `act`.
fn raw_target(act: impl Fn(std::net::TcpStream) + Send + 'static) -> std::net::SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            act(stream.unwrap());
        }
    });
    address
}

fn is_page(reply: &crate::harness::Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("server"), Some("awselb/2.0"), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("text/html"));
    assert!(
        reply.body.contains(&format!("<h1>{status} ")),
        "{}",
        reply.body
    );
}

#[test]
fn a_group_without_targets_is_503_and_a_refused_connection_502() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    let mut node = Node::start();
    node.serve(&config(
        vec![
            listener("empty", forward(&[("none", 1)]), vec![]),
            listener("dead", forward(&[("dead", 1)]), vec![]),
        ],
        vec![group("none", vec![]), group("dead", vec![target(nobody)])],
    ));
    let empty = node.address("empty");
    let dead = node.address("dead");
    is_page(&get(empty, "/", &[]), 503);
    is_page(&get(dead, "/", &[]), 502);
    let counters = node.status().counters;
    assert_eq!(
        counters.load_balancer.elb_status,
        [(502, 1), (503, 1)].into()
    );
    assert_eq!(counters.target_groups["none"].without_target, 1);
    assert_eq!(
        counters.target_groups["dead"].zones["eu-central-1a"].target_connection_errors,
        1
    );
    let health = node.wait_for_state(nobody, "unhealthy");
    assert_eq!(health.reason.as_deref(), Some("Target.FailedHealthChecks"));
}

#[test]
fn a_target_that_hangs_up_or_talks_nonsense_is_502() {
    let hangs_up = raw_target(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
    });
    let nonsense = raw_target(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"SSH-2.0-hello\r\n\r\n");
    });
    let much = raw_target(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let head = format!(
            "HTTP/1.1 200 OK\r\nx: {}\r\nContent-Length: 0\r\n\r\n",
            "y".repeat(40_000)
        );
        let _ = stream.write_all(head.as_bytes());
    });
    let mut node = Node::start();
    node.serve(&config(
        ["a", "b", "c"]
            .map(|arn| listener(arn, forward(&[(arn, 1)]), vec![]))
            .into(),
        vec![
            group("a", vec![target(hangs_up)]),
            group("b", vec![target(nonsense)]),
            group("c", vec![target(much)]),
        ],
    ));
    for arn in ["a", "b", "c"] {
        let address = node.address(arn);
        let mut client = Client::connect(address);
        is_page(&client.get("/", &[]), 502);
        // The client's connection is still good.
        is_page(&client.get("/", &[]), 502);
    }
}

#[test]
fn a_target_that_does_not_answer_in_time_is_504_and_is_unhealthy() {
    let silent = raw_target(|mut stream| {
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
        });
    });
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![target(silent)])],
    );
    wanted.attributes.idle_timeout_ms = 200;
    wanted.target_groups[0].health_check.timeout_ms = 50;
    node.serve(&wanted);
    let address = node.address("l");
    is_page(&get(address, "/", &[]), 504);
    let health = node.wait_for_state(silent, "unhealthy");
    assert_eq!(health.reason.as_deref(), Some("Target.Timeout"));
    assert_eq!(health.description.as_deref(), Some("Request timed out"));
    let zone = &node.status().counters.target_groups["tg"].zones["eu-central-1a"];
    assert_eq!(zone.elb_status, [(504, 1)].into());
}

#[test]
fn bad_requests_get_a_page_and_the_connection_ends() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    ));
    let address = node.address("l");
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17_000));
    let long_header = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
        "x".repeat(17_000)
    );
    let headers = |count: usize, length: usize| {
        let lines: Vec<_> = (0..count)
            .map(|i| format!("x{i}: {}\r\n", "y".repeat(length)))
            .collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", lines.concat())
    };
    let many = headers(9, 8_000);
    let huge = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
        "x".repeat(200_000)
    );
    let count = headers(101, 1);
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            400,
        ),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            501,
        ),
        (&long_path, 414),
        (&long_header, 400),
        (&many, 400),
        (&huge, 400),
        (&count, 400),
    ] {
        let mut client = Client::connect(address);
        // The node may stop listening to a request that is far too long.
        let _ = client.reader.get_mut().write_all(request.as_bytes());
        let reply = client
            .try_reply(true)
            .unwrap_or_else(|e| panic!("{e}: {request:.80}"));
        is_page(&reply, status);
        assert!(client.is_closed(), "{request:.80}");
    }
    let forwarded = vec!["10.0.0.1"; 31].join(", ");
    is_page(&get(address, "/", &[("X-Forwarded-For", &forwarded)]), 463);
    assert_eq!(get(address, "/", &[]).status, 200);
    assert_eq!(node.status().counters.load_balancer.elb_status[&400], 10);
}

#[test]
fn a_malformed_request_after_a_good_one_gets_its_page_too() {
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", fixed(200, "fine"), vec![])],
        vec![],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    assert_eq!(client.get("/", &[]).body, "fine");
    client.write("oops\r\n\r\n");
    is_page(&client.reply(true), 400);
    assert!(client.is_closed());
}

#[test]
fn slow_clients_end_with_408_or_silently() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    wanted.attributes.idle_timeout_ms = 150;
    node.serve(&wanted);
    let address = node.address("l");
    let mut half_head = Client::connect(address);
    half_head.write("GET / HTTP/1.1\r\nHo");
    is_page(&half_head.reply(true), 408);
    assert!(half_head.is_closed());
    let mut half_body = Client::connect(address);
    half_body.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal");
    is_page(&half_body.reply(true), 408);
    assert!(half_body.is_closed());
    let mut silent = Client::connect(address);
    assert!(silent.is_closed());
    let mut idle = Client::connect(address);
    assert_eq!(idle.get("/", &[]).status, 200);
    assert!(idle.is_closed());
}

#[test]
fn a_head_that_trickles_in_has_one_idle_timeout() {
    let mut node = Node::start();
    let mut wanted = config(vec![listener("l", fixed(200, ""), vec![])], vec![]);
    wanted.attributes.idle_timeout_ms = 200;
    node.serve(&wanted);
    let address = node.address("l");
    let mut client = Client::connect(address);
    let mut writing = client.reader.get_ref().try_clone().unwrap();
    let (done, paced) = std::sync::mpsc::channel::<()>();
    let trickle = std::thread::spawn(move || {
        let _ = writing.write_all(b"GET / HTTP/1.1\r\nx: ");
        // A byte every 20 ms, until told that it is over.
        while paced.recv_timeout(std::time::Duration::from_millis(20))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            let _ = writing.write_all(b"y");
        }
    });
    is_page(&client.reply(true), 408);
    done.send(()).unwrap();
    trickle.join().unwrap();
}

#[test]
fn a_client_that_leaves_is_counted_and_its_request_given_up() {
    let (release, held) = tokio::sync::watch::channel(false);
    let origin = Origin::with(move |request| {
        let mut held = held.clone();
        async move {
            let _ = held.wait_for(|free| *free).await;
            echo("a", request).await
        }
    });
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for("the request to arrive", || {
        match origin.requests.load(std::sync::atomic::Ordering::SeqCst) {
            1 => Ok(()),
            n => Err(n),
        }
    });
    drop(client);
    let status = node.wait_for_status("460", |s| s.counters.load_balancer.client_gone == 1);
    assert_eq!(status.counters.load_balancer.elb_status, [(460, 1)].into());
    release.send(true).unwrap();
    assert_eq!(get(address, "/", &[]).status, 200);
}

#[test]
fn a_connection_the_target_closed_while_idle_costs_no_request() {
    // Answers once on each connection and closes it a moment later, without having said so.
    let rude = raw_target(|mut stream| {
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
    });
    let mut node = Node::start_single();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![target(rude)])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    assert_eq!(client.get("/", &[]).status, 200);
    for _ in 0..3 {
        // The race that is left is AWS's too: the target closes just as a request goes out.
        wait_for("the closed connection to be noticed", || {
            let active = node.status().counters.load_balancer.active_connections;
            if active == 1 { Ok(()) } else { Err(active) }
        });
        assert_eq!(client.get("/", &[]).status, 200);
    }
}

#[test]
fn a_bad_configuration_is_refused_by_field_and_the_old_one_stays() {
    let mut node = Node::start();
    let good = config(
        vec![listener("l", fixed(200, "old"), vec![])],
        vec![group("tg", vec![])],
    );
    node.serve(&good);
    let address = node.address("l");
    let mut bad = good.clone();
    bad.version = 2;
    bad.target_groups[0].health_check.matcher = "2xx".into();
    let mut unknown = good.clone();
    unknown.listeners[0].default_actions = vec![forward(&[("nope", 1)])];
    let mut nothing = good.clone();
    nothing.listeners[0].default_actions = vec![];
    let mut teapot = good.clone();
    teapot.listeners[0].default_actions = vec![fixed(302, "")];
    for (config, field) in [
        (bad, "config.target_groups[0].health_check.matcher"),
        (
            unknown,
            "config.listeners[0].default_actions[0].forward.target_groups[0].target_group",
        ),
        (nothing, "config.listeners[0].default_actions"),
        (
            teapot,
            "config.listeners[0].default_actions[0].fixed_response.status_code",
        ),
    ] {
        match node.configure(&config) {
            Answer::Refused {
                field: Some(named), ..
            } => assert_eq!(named, field),
            other => panic!("{other:?}"),
        }
    }
    let mut raw = node.another_control();
    raw.send("{\"protocol\":1,\"id\":5,\"request\":{\"configure\":{\"node\":7}}}");
    let told = raw.hear();
    assert_eq!(told.id, Some(5));
    assert!(matches!(told.answer, Answer::Refused { field: Some(f), .. } if f == "node"));
    raw.send("garbage");
    assert!(matches!(
        raw.hear().answer,
        Answer::Refused { field: None, .. }
    ));
    assert_eq!(get(address, "/", &[]).body, "old");
    assert_eq!(node.status().version, Some(1));
}

#[test]
fn a_port_that_is_taken_is_told_and_the_others_serve() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut node = Node::start();
    let mut busy = listener("busy", fixed(200, "here at last"), vec![]);
    busy.port = port;
    node.serve(&config(
        vec![busy, listener("free", fixed(200, "free"), vec![])],
        vec![],
    ));
    let status = node.status();
    assert_eq!(status.listeners[0].address, None);
    assert!(
        status.listeners[0]
            .failure
            .as_ref()
            .unwrap()
            .contains("in use")
    );
    let free = node.address("free");
    assert_eq!(get(free, "/", &[]).body, "free");
    drop(taken);
    node.wait_for_status("the port to be bound", |s| s.listeners[0].failure.is_none());
    let busy = node.address("busy");
    assert_eq!(
        (busy.port(), get(busy, "/", &[]).body.as_str()),
        (port, "here at last")
    );
}

#[test]
fn a_half_sent_answer_is_cut_not_completed() {
    let cut = raw_target(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![target(cut)])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.try_reply(true).is_err());
}
