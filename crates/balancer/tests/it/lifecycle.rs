//! Health, draining, new configurations, restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use world::balancer::node::Answer;

use crate::harness::{
    Client, Node, Origin, config, echo, fixed, forward, get, group, listener, wait_for,
};

/// An origin that answers only once it is let.
fn held() -> (Origin, tokio::sync::watch::Sender<bool>) {
    let (release, held) = tokio::sync::watch::channel(false);
    let origin = Origin::with(move |request| {
        let mut held = held.clone();
        async move {
            let _ = held.wait_for(|free| *free).await;
            echo("held", request).await
        }
    });
    (origin, release)
}

fn wait_for_requests(origin: &Origin, count: usize) {
    wait_for("a request to arrive", || {
        match origin.requests.load(Ordering::SeqCst) {
            n if n == count => Ok(()),
            n => Err(n),
        }
    });
}

#[test]
fn health_decides_who_gets_requests_and_changes_are_told() {
    let (a, b) = (Origin::start("a"), Origin::start("b"));
    let mut node = Node::start();
    let mut listening = node.another_control();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![a.target(), b.target()])],
    ));
    let address = node.address("l");
    node.wait_for_state(a.address, "healthy");
    node.wait_for_state(b.address, "healthy");
    a.health.store(500, Ordering::SeqCst);
    let unhealthy = node.wait_for_state(a.address, "unhealthy");
    assert_eq!(
        unhealthy.reason.as_deref(),
        Some("Target.ResponseCodeMismatch")
    );
    assert_eq!(
        unhealthy.description.as_deref(),
        Some("Health checks failed with these codes: [500]")
    );
    for _ in 0..10 {
        assert_eq!(get(address, "/", &[]).origin(), "b");
    }
    // With nobody healthy, everybody gets requests.
    b.health.store(503, Ordering::SeqCst);
    node.wait_for_state(b.address, "unhealthy");
    wait_for("a request to reach each", || {
        let reached = [
            get(address, "/", &[]).origin().to_owned(),
            get(address, "/", &[]).origin().to_owned(),
        ];
        if reached.contains(&"a".to_owned()) {
            Ok(())
        } else {
            Err(reached)
        }
    });
    assert!(node.status().counters.target_groups["tg"].unhealthy_routing_requests > 0);
    a.health.store(200, Ordering::SeqCst);
    node.wait_for_state(a.address, "healthy");
    for _ in 0..10 {
        assert_eq!(get(address, "/", &[]).origin(), "a");
    }
    // The other client heard it all, in order.
    let mut heard = Vec::new();
    while heard != ["initial", "healthy", "unhealthy", "healthy"] {
        match listening.hear().answer {
            Answer::TargetHealth(health) if health.port == a.address.port() => {
                heard.push(health.state);
            }
            _ => {}
        }
    }
    assert!(a.checks.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_group_that_nothing_uses_is_not_checked() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", fixed(200, ""), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    node.serve(&wanted);
    let unused = node.wait_for_state(origin.address, "unused");
    assert_eq!(unused.reason.as_deref(), Some("Target.NotInUse"));
    assert_eq!(origin.checks.load(Ordering::SeqCst), 0);
    wanted.version = 2;
    wanted.listeners[0].default_actions = vec![forward(&[("tg", 1)])];
    node.serve(&wanted);
    node.wait_for_state(origin.address, "healthy");
}

#[test]
fn what_is_in_flight_at_a_draining_target_is_finished() {
    let (slow, release) = held();
    let other = Origin::start("other");
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![slow.target()])],
    );
    node.serve(&wanted);
    let address = node.address("l");
    node.wait_for_state(slow.address, "healthy");
    let mut client = Client::connect(address);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_requests(&slow, 1);
    wanted.version = 2;
    wanted.target_groups[0].targets[0].draining = true;
    wanted.target_groups[0].targets.push(other.target());
    node.serve(&wanted);
    let draining = node.wait_for_state(slow.address, "draining");
    assert_eq!(
        draining.reason.as_deref(),
        Some("Target.DeregistrationInProgress")
    );
    for _ in 0..5 {
        assert_eq!(get(address, "/", &[]).origin(), "other");
    }
    release.send(true).unwrap();
    assert_eq!(client.reply(true).origin(), "held");
    // On the same client connection the next request goes elsewhere.
    assert_eq!(client.get("/", &[]).origin(), "other");
}

#[test]
fn a_draining_target_that_leaves_the_list_is_cut_off() {
    let (slow, _release) = held();
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![slow.target()])],
    );
    node.serve(&wanted);
    let address = node.address("l");
    let mut client = Client::connect(address);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_requests(&slow, 1);
    wanted.target_groups[0].targets[0].draining = true;
    node.serve(&wanted);
    wanted.target_groups[0].targets.clear();
    node.serve(&wanted);
    assert_eq!(client.reply(true).status, 502);
    assert_eq!(node.status().targets, []);
}

#[test]
fn a_target_that_is_simply_gone_drains_by_the_nodes_clock() {
    let (slow, _release) = held();
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![slow.target()])],
    );
    wanted.target_groups[0].attributes.deregistration_delay_ms = 300;
    node.serve(&wanted);
    let address = node.address("l");
    let mut client = Client::connect(address);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_requests(&slow, 1);
    // Even the group goes.
    wanted.target_groups.clear();
    wanted.listeners[0].default_actions = vec![fixed(200, "")];
    node.serve(&wanted);
    assert_eq!(node.status().targets[0].state, "draining");
    assert_eq!(client.reply(true).status, 502);
    node.wait_for_status("it to be gone", |s| s.targets.is_empty());
}

#[test]
fn new_configurations_under_load_drop_no_request() {
    let (a, b) = (Origin::start("a"), Origin::start("b"));
    let mut node = Node::start();
    let base = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![a.target()])],
    );
    node.serve(&base);
    let address = node.address("l");
    node.wait_for_state(a.address, "healthy");
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                let mut bad = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let reply = client.request("POST", "/", &[], "body");
                    if reply.status != 200 || reply.body != "body" {
                        bad.push(reply);
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                bad
            })
        })
        .collect();
    for round in 2..30 {
        let mut next = base.clone();
        next.version = round;
        let only = if round % 2 == 0 { &b } else { &a };
        next.target_groups[0].targets = vec![only.target()];
        if round % 3 == 0 {
            next.listeners
                .push(listener("more", fixed(200, ""), vec![]));
        }
        let before = answered.load(Ordering::SeqCst);
        node.serve(&next);
        wait_for("requests to go on", || {
            match answered.load(Ordering::SeqCst) {
                n if n >= before + 8 => Ok(()),
                n => Err(n),
            }
        });
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        let bad = client.join().unwrap();
        assert!(bad.is_empty(), "{bad:?}");
    }
    assert!(a.requests.load(Ordering::SeqCst) > 0 && b.requests.load(Ordering::SeqCst) > 0);
    // All over the connections that were there from the beginning.
    assert_eq!(node.status().counters.load_balancer.new_connections, 4);
}

#[test]
fn a_restarted_node_serves_what_it_served() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    wanted.version = 41;
    wanted.listeners[0].port = port;
    node.serve(&wanted);
    let address = node.address("l");
    assert_eq!(get(address, "/", &[]).origin(), "a");
    let directory = node.stop();
    assert!(std::net::TcpStream::connect(address).is_err());
    let mut again = Node::start_in(Arc::clone(&directory), 2);
    // Nobody has told it anything. Its socket is there before its listeners are.
    wait_for("it listens again", || std::net::TcpStream::connect(address));
    assert_eq!(get(address, "/", &[]).origin(), "a");
    assert_eq!(again.status().version, Some(41));
    again.stop();
    std::fs::write(directory.path().join("state.json"), "{\"half\":").unwrap();
    let mut broken = Node::start_in(directory, 1);
    assert_eq!(broken.status().version, None);
    broken.serve(&wanted);
    assert_eq!(get(address, "/", &[]).origin(), "a");
}

#[test]
fn a_killed_process_serves_again_when_it_is_started_again() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let start = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_balancer"))
            .arg("--control")
            .arg(directory.path().join("control"))
            .arg("--state")
            .arg(directory.path().join("state.json"))
            .args(["--cores", "1"])
            .spawn()
            .unwrap()
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut wanted = config(vec![listener("l", fixed(200, "kept"), vec![])], vec![]);
    wanted.listeners[0].port = address.port();
    let mut process = start();
    let mut node = Node::attach(&directory);
    node.serve(&wanted);
    assert_eq!(get(address, "/", &[]).body, "kept");
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
    let mut again = start();
    wait_for("the port to be open", || {
        std::net::TcpStream::connect(address)
    });
    assert_eq!(get(address, "/", &[]).body, "kept");
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn a_listener_that_goes_ends_its_connections_and_others_stay() {
    let mut node = Node::start();
    let both = vec![
        listener("one", fixed(200, "one"), vec![]),
        listener("two", fixed(200, "two"), vec![]),
    ];
    let mut wanted = config(both, vec![]);
    node.serve(&wanted);
    let (one, two) = (node.address("one"), node.address("two"));
    let (mut first, mut second) = (Client::connect(one), Client::connect(two));
    assert_eq!(first.get("/", &[]).body, "one");
    assert_eq!(second.get("/", &[]).body, "two");
    wanted.listeners.remove(0);
    wanted.listeners[0].default_actions = vec![fixed(200, "new")];
    node.serve(&wanted);
    assert!(first.is_closed());
    assert_eq!(second.get("/", &[]).body, "new");
    wait_for(
        "the port to be free",
        || match std::net::TcpStream::connect(one) {
            Err(_) => Ok(()),
            Ok(_) => Err("still open"),
        },
    );
    assert_eq!(node.address("two"), two);
}

#[test]
fn a_client_connection_is_closed_when_it_is_old() {
    let mut node = Node::start();
    let mut wanted = config(vec![listener("l", fixed(200, "x"), vec![])], vec![]);
    wanted.attributes.client_keep_alive_ms = 50;
    node.serve(&wanted);
    let address = node.address("l");
    let mut client = Client::connect(address);
    let reply = wait_for("the connection to be old", || {
        let reply = client.get("/", &[]);
        if reply.header("connection") == Some("close") {
            Ok(reply)
        } else {
            Err(reply)
        }
    });
    assert_eq!(reply.body, "x");
    assert!(client.is_closed());
}

#[test]
fn access_logs_tell_each_request() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    node.serve(&config(
        vec![
            listener("l", forward(&[("tg", 1)]), vec![]),
            listener("f", fixed(418, "short and stout"), vec![]),
        ],
        vec![group("tg", vec![origin.target()])],
    ));
    let (forwarding, fixed) = (node.address("l"), node.address("f"));
    get(forwarding, "/a?b", &[("User-Agent", "test \"1\"")]);
    get(fixed, "/", &[]);
    let logs = node.directory.path().join("logs");
    let lines = wait_for("two lines", || {
        let mut text = String::new();
        for file in std::fs::read_dir(&logs).unwrap() {
            text.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        }
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_by_key(|line| line.contains(" 418 "));
        if lines.len() == 2 {
            Ok(lines)
        } else {
            Err(lines)
        }
    });
    let first = &lines[0];
    assert!(first.starts_with("http 20"), "{first}");
    assert!(
        first.contains(" app/web/0123456789abcdef 127.0.0.1:"),
        "{first}"
    );
    assert!(
        first.contains(&format!(" {} 0.", origin.address)),
        "{first}"
    );
    let request = format!(
        "\"GET http://www.example.com:{}/a?b HTTP/1.1\" \"test \\x221\\x22\"",
        forwarding.port()
    );
    assert!(first.contains(&request), "{first}");
    assert!(first.contains(" tg \"Root=1-"), "{first}");
    assert!(
        lines[1].contains(" - -1 -1 -1 418 - ") && lines[1].contains("\"fixed-response\""),
        "{}",
        lines[1]
    );
}
