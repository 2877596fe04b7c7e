//! The same world without root: in a user namespace of an ordinary user.

mod support;

use machine::client::Place;
use support::world::{NAT_PUBLIC, WEB_PUBLIC, at, internet, usual};
use support::{Region, processes_of};
use world::Command;

#[test]
fn an_ordinary_user_gets_the_same_network() {
    let mut region = Region::start_rootless();
    region.send(&Command::EnsureInternet(internet()));
    region.ensure(&usual());
    let fetch = |from: Place, to: &str| region.try_probe(from, &["fetch", to, "1000"]);
    let _web = region.server(at("eni-web"), "0.0.0.0:80", "web");
    let _task = region.server(at("eni-task"), "0.0.0.0:8080", "task");
    let _outside = region.server(Place::Internet, "198.51.100.1:7000", "outside");
    assert_eq!(
        fetch(at("eni-web"), "10.0.1.10:8080").as_deref(),
        Ok("task 10.0.0.10")
    );
    assert!(fetch(at("eni-db"), "10.0.1.10:8080").is_err());
    assert_eq!(
        fetch(at("eni-task"), "198.51.100.1:7000"),
        Ok(format!("outside {NAT_PUBLIC}"))
    );
    assert_eq!(
        fetch(Place::Internet, "web.example.com:80").as_deref(),
        Ok("web 198.51.100.1")
    );
    assert_eq!(
        region.try_probe(at("eni-task"), &["resolve", "web.example.com"]),
        Ok(WEB_PUBLIC.to_string())
    );
    let data = region.data.path().to_owned();
    drop(region);
    assert_eq!(processes_of(&data), []);
}
