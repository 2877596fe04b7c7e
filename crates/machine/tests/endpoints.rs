//! AWS's side of the network: reached only where a route, a NAT gateway or an endpoint leads.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;

use machine::client::Place;
use support::world::{
    NAT_PUBLIC, S3, SECRETS, WEB_PUBLIC, at, everywhere, group, interface, internet, route, rule,
    tcp, usual,
};
use support::{Region, eventually};
use world::id::EndpointId;
use world::network::{Endpoint, RouteTarget};
use world::task::Task;
use world::{Command, InterfaceId};

/// Stands in for the control plane: gives the preface back, and what was sent in capitals.
fn gateway(region: &Region) {
    let listener = UnixListener::bind(region.paths.gateway_socket()).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone()?);
                let mut preface = String::new();
                reader.read_line(&mut preface)?;
                let mut text = String::new();
                reader.read_to_string(&mut text)?;
                stream.write_all(preface.as_bytes())?;
                stream.write_all(text.to_uppercase().as_bytes())
            });
        }
    });
}

/// What AWS hears of a connection: how it came, without the client's port.
fn heard(region: &Region, from: Place, address: &str) -> Result<String, String> {
    let answer = region.try_probe(from, &["exchange", address, "hello", "500"])?;
    let (preface, text) = answer.split_once('\n').ok_or("no preface")?;
    assert_eq!(text, "HELLO");
    let mut preface: serde_json::Value =
        serde_json::from_str(preface).map_err(|e| e.to_string())?;
    let peer = preface["peer"].as_str().unwrap_or_default();
    let host = peer.split(':').next().unwrap_or_default().to_owned();
    preface["peer"] = host.into();
    Ok(preface.to_string())
}

#[test]
fn services_are_reached_through_the_internet_or_an_endpoint_and_not_otherwise() {
    let mut region = Region::start();
    gateway(&region);
    let mut vpc = usual();
    region.send(&Command::EnsureInternet(internet()));
    region.ensure(&vpc);
    let secrets = format!("{SECRETS}:443");
    let s3 = format!("{S3}:443");
    let through_internet = |peer: std::net::Ipv4Addr, local: &str| {
        Ok(format!(
            r#"{{"local":"{local}","peer":"{peer}","via":"internet"}}"#
        ))
    };
    assert_eq!(
        heard(&region, at("eni-web"), &secrets),
        through_internet(WEB_PUBLIC, &secrets)
    );
    assert_eq!(
        heard(&region, at("eni-task"), &s3),
        through_internet(NAT_PUBLIC, &s3)
    );
    let outside = std::net::Ipv4Addr::new(198, 51, 100, 1);
    assert_eq!(
        heard(&region, Place::Internet, &s3),
        through_internet(outside, &s3)
    );
    // No route, no service.
    assert!(heard(&region, at("eni-db"), &s3).is_err());

    // A gateway endpoint, for those subnets that have its route, and without any public address.
    vpc.endpoints
        .insert(EndpointId::from("vpce-s3"), Endpoint::Gateway);
    route(
        &mut vpc,
        "subnet-data",
        "52.219.0.0/16",
        RouteTarget::Endpoint("vpce-s3".into()),
    );
    region.ensure(&vpc);
    assert_eq!(
        heard(&region, at("eni-db"), &s3),
        Ok(format!(
            r#"{{"endpoint":"vpce-s3","local":"{s3}","peer":"10.0.2.10","via":"vpc-endpoint","vpc":"vpc-0a"}}"#
        ))
    );
    assert!(heard(&region, at("eni-db"), &secrets).is_err());
    assert_eq!(
        heard(&region, at("eni-task"), &s3),
        through_internet(NAT_PUBLIC, &s3)
    );
    // The security group of the one who asks counts there too.
    let mut closed = vpc.clone();
    closed
        .security_groups
        .get_mut(&"sg-db".into())
        .expect("the group")
        .egress
        .clear();
    region.ensure(&closed);
    assert!(heard(&region, at("eni-db"), &s3).is_err());
    region.ensure(&vpc);

    // An interface endpoint is an interface, and its security group guards it.
    interface(
        &mut vpc,
        "eni-vpce",
        "subnet-private",
        "10.0.1.50",
        &["sg-endpoint"],
    );
    vpc.security_groups.insert(
        "sg-endpoint".into(),
        group(vec![rule(
            tcp(443),
            world::network::Peer::SecurityGroup("sg-db".into()),
        )]),
    );
    vpc.endpoints.insert(
        EndpointId::from("vpce-secrets"),
        Endpoint::Interface {
            service: "secretsmanager".into(),
            interfaces: vec!["eni-vpce".into()],
        },
    );
    region.ensure(&vpc);
    assert_eq!(
        heard(&region, at("eni-db"), "10.0.1.50:443"),
        Ok(r#"{"endpoint":"vpce-secrets","interface":"eni-vpce","local":"10.0.1.50:443","peer":"10.0.2.10","via":"vpc-endpoint","vpc":"vpc-0a"}"#.to_owned())
    );
    assert!(heard(&region, at("eni-task"), "10.0.1.50:443").is_err());
    // It is gone with its endpoint.
    vpc.endpoints.remove(&EndpointId::from("vpce-secrets"));
    vpc.security_groups.insert(
        "sg-endpoint".into(),
        group(vec![rule(tcp(443), everywhere())]),
    );
    region.ensure(&vpc);
    let error = heard(&region, at("eni-db"), "10.0.1.50:443").expect_err("nobody listens");
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn a_task_finds_its_metadata_and_nobody_elses() {
    let mut region = Region::start();
    gateway(&region);
    let vpc = usual();
    region.ensure(&vpc);
    let metadata = "169.254.170.2:80";
    assert!(heard(&region, at("eni-task"), metadata).is_err());
    let mut task = Task::new(
        "0123456789abcdef".into(),
        vpc.id.clone(),
        InterfaceId::from("eni-task"),
    );
    task.hostname = "task".into();
    region.send(&Command::EnsureTask(Box::new(task)));
    let heard_by_task = eventually("the metadata endpoint answers", || {
        heard(&region, at("eni-task"), metadata).ok()
    });
    assert_eq!(
        heard_by_task,
        r#"{"interface":"eni-task","local":"169.254.170.2:80","peer":"169.254.170.2","via":"task","vpc":"vpc-0a"}"#
    );
    assert!(heard(&region, at("eni-db"), metadata).is_err());
}

#[test]
fn a_connection_waits_for_a_control_plane_that_is_away() {
    let mut region = Region::start();
    region.send(&Command::EnsureInternet(internet()));
    region.ensure(&usual());
    let mut held = region.probe(
        at("eni-web"),
        &["exchange", &format!("{SECRETS}:443"), "hello"],
    );
    gateway(&region);
    assert!(held.line().contains(r#""via":"internet""#));
    assert_eq!(held.line(), "HELLO");
}
