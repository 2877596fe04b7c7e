//! Clients that come back to the same target or group.

use world::balancer::{Action, Algorithm, Stickiness};

use crate::harness::{Node, Origin, Reply, config, echo, forward, get, group, listener};

/// `name=value` of a cookie that an answer sets.
fn cookie(reply: &Reply, name: &str) -> Option<String> {
    reply
        .all("set-cookie")
        .into_iter()
        .find(|text| text.starts_with(&format!("{name}=")))
        .and_then(|text| text.split(';').next())
        .map(str::to_owned)
}

#[test]
fn a_cookie_brings_a_client_back_to_its_target() {
    let origins = [Origin::start("a"), Origin::start("b"), Origin::start("c")];
    let mut node = Node::start();
    let mut tg = group("tg", origins.iter().map(Origin::target).collect());
    tg.attributes.stickiness = Some(Stickiness::LbCookie {
        duration_ms: 3_600_000,
    });
    tg.attributes.algorithm = Algorithm::WeightedRandom;
    let mut wanted = config(vec![listener("l", forward(&[("tg", 1)]), vec![])], vec![tg]);
    node.serve(&wanted);
    let address = node.address("l");
    for origin in &origins {
        node.wait_for_state(origin.address, "healthy");
    }
    let first = get(address, "/", &[]);
    let bond = cookie(&first, "AWSALB").unwrap();
    let twin = cookie(&first, "AWSALBCORS").unwrap();
    assert_eq!(
        bond.split_once('=').unwrap().1,
        twin.split_once('=').unwrap().1
    );
    let attributes = first.all("set-cookie");
    assert!(attributes[0].contains("; Expires=") && attributes[0].ends_with("; Path=/"));
    assert!(attributes[1].ends_with("; Path=/; SameSite=None"));
    for name in [&bond, &twin] {
        for _ in 0..10 {
            let again = get(address, "/", &[("Cookie", name)]);
            assert_eq!(again.origin(), first.origin());
            assert!(cookie(&again, "AWSALB").is_some());
        }
    }
    // A forged one is as good as none.
    let forged = format!("{}x", &bond[..bond.len() - 1]);
    assert_eq!(get(address, "/", &[("Cookie", &forged)]).status, 200);
    // When the target drains, the client goes elsewhere and stays there.
    for target in &mut wanted.target_groups[0].targets {
        let origin = origins
            .iter()
            .find(|o| o.address.port() == target.port)
            .unwrap();
        target.draining = get_name(origin) == first.origin();
    }
    node.serve(&wanted);
    let moved = get(address, "/", &[("Cookie", &bond)]);
    assert_ne!(moved.origin(), first.origin());
    let bond = cookie(&moved, "AWSALB").unwrap();
    assert_eq!(
        get(address, "/", &[("Cookie", &bond)]).origin(),
        moved.origin()
    );
}

/// What an origin calls itself.
fn get_name(origin: &Origin) -> String {
    get(origin.address, "/", &[]).origin().to_owned()
}

#[test]
fn a_cookie_brings_a_client_back_to_its_group() {
    let (a, b) = (Origin::start("a"), Origin::start("b"));
    let mut node = Node::start();
    let Action::Forward(mut weighted) = forward(&[("ta", 1), ("tb", 1)]) else {
        unreachable!("forward makes a forward")
    };
    weighted.stickiness_ms = Some(60_000);
    node.serve(&config(
        vec![listener("l", Action::Forward(weighted), vec![])],
        vec![group("ta", vec![a.target()]), group("tb", vec![b.target()])],
    ));
    let address = node.address("l");
    let first = get(address, "/", &[]);
    let bond = cookie(&first, "AWSALBTG").unwrap();
    assert!(cookie(&first, "AWSALBTGCORS").is_some());
    for _ in 0..20 {
        assert_eq!(
            get(address, "/", &[("Cookie", &bond)]).origin(),
            first.origin()
        );
    }
}

#[test]
fn the_applications_own_cookie_binds() {
    async fn login(
        name: &'static str,
        request: http::Request<hyper::body::Incoming>,
    ) -> crate::harness::OriginAnswer {
        let starts = request.uri().path() == "/login";
        let mut answer = echo(name, request).await;
        if starts {
            answer.headers_mut().insert(
                "set-cookie",
                http::HeaderValue::from_static("session=1; Path=/"),
            );
        }
        answer
    }
    let a = Origin::with(|request| login("a", request));
    let b = Origin::with(|request| login("b", request));
    let mut node = Node::start();
    let mut tg = group("tg", vec![a.target(), b.target()]);
    tg.attributes.stickiness = Some(Stickiness::AppCookie {
        cookie_name: "session".into(),
        duration_ms: 60_000,
    });
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![tg],
    ));
    let address = node.address("l");
    assert_eq!(cookie(&get(address, "/", &[]), "AWSALBAPP-0"), None);
    let first = get(address, "/login", &[]);
    let bond = cookie(&first, "AWSALBAPP-0").unwrap();
    let cookies = format!("session=1; {bond}");
    for _ in 0..10 {
        assert_eq!(
            get(address, "/", &[("Cookie", &cookies)]).origin(),
            first.origin()
        );
    }
}
