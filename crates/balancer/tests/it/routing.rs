//! Rules, actions, headers.

use world::balancer::{Condition, QueryPattern, Redirect, Rule};

use crate::harness::{Client, Node, Origin, config, fixed, forward, get, group, listener};
use world::balancer::{Action, XffMode};

fn rule(priority: u32, conditions: Vec<Condition>, action: Action) -> Rule {
    Rule {
        arn: format!("rule-{priority}"),
        priority,
        conditions,
        actions: vec![action],
    }
}

#[test]
fn rules_of_each_kind_and_in_order_of_priority() {
    let mut node = Node::start();
    let values = |v: &str| vec![v.to_owned()];
    let rules = vec![
        rule(
            70,
            vec![
                Condition::PathPattern {
                    values: values("/*"),
                },
                Condition::HttpRequestMethod {
                    values: values("DELETE"),
                },
            ],
            fixed(410, "late"),
        ),
        rule(
            10,
            vec![Condition::HostHeader {
                values: values("api.*"),
            }],
            fixed(200, "host"),
        ),
        rule(
            20,
            vec![Condition::PathPattern {
                values: values("/img/*"),
            }],
            fixed(200, "path"),
        ),
        rule(
            30,
            vec![Condition::HttpHeader {
                name: "X-Team".into(),
                values: values("blue"),
            }],
            fixed(200, "header"),
        ),
        rule(
            40,
            vec![Condition::HttpRequestMethod {
                values: values("PUT"),
            }],
            fixed(200, "method"),
        ),
        rule(
            50,
            vec![Condition::QueryString {
                values: vec![QueryPattern {
                    key: Some("v".into()),
                    value: "2*".into(),
                }],
            }],
            fixed(200, "query"),
        ),
        rule(
            60,
            vec![
                Condition::SourceIp {
                    values: vec!["127.0.0.0/8".parse().unwrap()],
                },
                Condition::PathPattern {
                    values: values("/local"),
                },
            ],
            fixed(200, "source"),
        ),
        rule(
            65,
            vec![
                Condition::SourceIp {
                    values: vec!["10.0.0.0/8".parse().unwrap()],
                },
                Condition::PathPattern {
                    values: values("/other"),
                },
            ],
            fixed(200, "wrong source"),
        ),
    ];
    node.serve(&config(
        vec![listener("l", fixed(404, "default"), rules)],
        vec![],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    for (method, path, headers, body) in [
        ("GET", "/img/x", &[("Host", "API.example.com")][..], "host"),
        ("GET", "/img/x", &[], "path"),
        ("DELETE", "/img/x", &[], "path"),
        ("GET", "/", &[("x-team", "BLUE")], "header"),
        ("PUT", "/", &[], "method"),
        ("GET", "/?v=21", &[], "query"),
        ("GET", "/local", &[], "source"),
        (
            "GET",
            "/other",
            &[("X-Forwarded-For", "10.1.1.1")],
            "default",
        ),
        ("DELETE", "/", &[], "late"),
        ("GET", "/", &[], "default"),
    ] {
        let reply = client.request(method, path, headers, "");
        assert_eq!(reply.body, body, "{method} {path}");
        assert_eq!(reply.header("server"), Some("awselb/2.0"));
        assert_eq!(reply.header("content-type"), Some("text/plain"));
    }
    let counters = node.status().counters.load_balancer;
    assert_eq!(counters.http_fixed_responses, 10);
    assert_eq!(counters.new_connections, 1);
    // Up to the rule that matched, the default not counted.
    assert_eq!(
        counters.rule_evaluations,
        1 + 2 + 2 + 3 + 4 + 5 + 6 + 8 + 8 + 8
    );
    assert_eq!(counters.elb_status[&404], 2);
}

#[test]
fn redirects_fill_their_template() {
    let mut node = Node::start();
    let redirect = Action::Redirect(Redirect {
        protocol: "HTTPS".into(),
        port: "443".into(),
        ..Redirect::default()
    });
    node.serve(&config(vec![listener("l", redirect, vec![])], vec![]));
    let address = node.address("l");
    let reply = get(address, "/a?b=c", &[("Host", "www.example.com:8080")]);
    assert_eq!(reply.status, 301);
    assert_eq!(
        reply.header("location"),
        Some("https://www.example.com:443/a?b=c")
    );
    let long = get(address, &format!("/{}", "x".repeat(9000)), &[]);
    assert_eq!(long.status, 507);
    let counters = node.status().counters.load_balancer;
    assert_eq!(
        (
            counters.http_redirects,
            counters.http_redirect_url_limit_exceeded
        ),
        (1, 1)
    );
}

#[test]
fn a_target_sees_who_asked() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    let wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    node.serve(&wanted);
    let address = node.address("l");
    let mut client = Client::connect(address);
    let reply = client.request(
        "POST",
        "/p?q=1",
        &[
            ("Host", "WWW.example.com"),
            ("X-Forwarded-For", "203.0.113.7"),
            ("X-Forwarded-Proto", "gopher"),
            ("Connection", "keep-alive, X-Private"),
            ("X-Private", "1"),
            ("TE", "trailers"),
            ("Cookie", "a=b"),
        ],
        "hello",
    );
    assert_eq!(
        (reply.status, reply.origin(), reply.body.as_str()),
        (200, "a", "hello")
    );
    assert_eq!(reply.header("x-line"), Some("POST /p?q=1"));
    assert_eq!(reply.header("x-version"), Some("HTTP/1.1"));
    let host = format!("www.example.com:{}", address.port());
    assert_eq!(reply.header("x-saw-host"), Some(host.as_str()));
    assert_eq!(
        reply.header("x-saw-x-forwarded-for"),
        Some("203.0.113.7, 127.0.0.1")
    );
    assert_eq!(reply.header("x-saw-x-forwarded-proto"), Some("http"));
    assert_eq!(
        reply.header("x-saw-x-forwarded-port"),
        Some(address.port().to_string().as_str())
    );
    assert_eq!(reply.header("x-saw-cookie"), Some("a=b"));
    for gone in ["x-saw-x-private", "x-saw-te", "x-saw-connection"] {
        assert_eq!(reply.header(gone), None);
    }
    let trace = reply.header("x-saw-x-amzn-trace-id").unwrap();
    let (time, chance) = trace
        .strip_prefix("Root=1-")
        .unwrap()
        .split_once('-')
        .unwrap();
    assert_eq!((time.len(), chance.len()), (8, 24));

    let mut other = wanted;
    other.version = 2;
    other.attributes.preserve_host_header = true;
    other.attributes.xff_header_processing_mode = XffMode::Preserve;
    node.serve(&other);
    let traced = client.get(
        "/",
        &[
            ("Host", "WWW.example.com"),
            ("X-Amzn-Trace-Id", "Root=1-a-b;Own=1"),
        ],
    );
    assert_eq!(traced.header("x-saw-host"), Some("WWW.example.com"));
    assert_eq!(traced.header("x-saw-x-forwarded-for"), None);
    let trace = traced.header("x-saw-x-amzn-trace-id").unwrap();
    assert!(
        trace.starts_with("Self=1-") && trace.ends_with(";Root=1-a-b;Own=1"),
        "{trace}"
    );
}

#[test]
fn a_group_with_all_the_weight_gets_all_requests() {
    let (a, b) = (Origin::start("a"), Origin::start("b"));
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("ta", 0), ("tb", 5)]), vec![])],
        vec![group("ta", vec![a.target()]), group("tb", vec![b.target()])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    for _ in 0..20 {
        assert_eq!(client.get("/", &[]).origin(), "b");
    }
    let counters = node.status().counters;
    assert_eq!(counters.load_balancer.requests, 20);
    let zone = &counters.target_groups["tb"].zones["eu-central-1a"];
    assert_eq!(
        (
            zone.requests,
            zone.target_status[&2],
            zone.target_response_time.count
        ),
        (20, 20, 20)
    );
}

#[test]
fn targets_take_turns_over_reused_connections() {
    let (a, b) = (Origin::start("a"), Origin::start("b"));
    let mut node = Node::start_single();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![a.target(), b.target()])],
    ));
    let address = node.address("l");
    node.wait_for_state(a.address, "healthy");
    node.wait_for_state(b.address, "healthy");
    let mut turns = Vec::new();
    for _ in 0..5 {
        // A new client connection each time; those to the targets are reused all the same.
        let mut client = Client::connect(address);
        for _ in 0..2 {
            turns.push(client.get("/", &[]).origin().to_owned());
        }
    }
    assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
    for origin in [&a, &b] {
        assert_eq!(
            origin.connections.load(std::sync::atomic::Ordering::SeqCst),
            1
        );
        assert_eq!(origin.requests.load(std::sync::atomic::Ordering::SeqCst), 5);
    }
}

#[test]
fn attributes_change_what_a_target_sees() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    wanted.attributes.xff_client_port = true;
    node.serve(&wanted);
    let address = node.address("l");
    let odd = &[("X_Odd", "1"), ("X-Fine", "2")][..];
    let mut client = Client::connect(address);
    let port = client.reader.get_ref().local_addr().unwrap().port();
    let reply = client.get("/", odd);
    assert_eq!(reply.header("x-saw-x_odd"), Some("1"));
    let with_port = format!("127.0.0.1:{port}");
    assert_eq!(
        reply.header("x-saw-x-forwarded-for"),
        Some(with_port.as_str())
    );
    let counters = node.status().counters.load_balancer;
    assert_eq!(counters.forwarded_invalid_header_requests, 1);
    wanted.attributes.drop_invalid_header_fields = true;
    wanted.attributes.xff_header_processing_mode = XffMode::Remove;
    node.serve(&wanted);
    let reply = client.get("/", &[odd, &[("X-Forwarded-For", "10.0.0.1")]].concat());
    assert_eq!(reply.header("x-saw-x_odd"), None);
    assert_eq!(reply.header("x-saw-x-fine"), Some("2"));
    assert_eq!(reply.header("x-saw-x-forwarded-for"), None);
}

#[test]
fn a_group_may_keep_to_the_zone_of_the_node() {
    let (here, there) = (Origin::start("here"), Origin::start("there"));
    let mut node = Node::start();
    let mut far = there.target();
    far.availability_zone = Some("eu-central-1b".into());
    let mut tg = group("tg", vec![here.target(), far]);
    tg.attributes.cross_zone = false;
    let mut wanted = config(vec![listener("l", forward(&[("tg", 1)]), vec![])], vec![tg]);
    node.serve(&wanted);
    let address = node.address("l");
    node.wait_for_state(there.address, "healthy");
    for _ in 0..6 {
        assert_eq!(get(address, "/", &[]).origin(), "here");
    }
    wanted.target_groups[0].targets.remove(0);
    node.serve(&wanted);
    assert_eq!(get(address, "/", &[]).status, 503);
}
