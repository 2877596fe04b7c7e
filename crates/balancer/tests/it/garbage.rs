//! Whatever comes in, nothing panics and the node goes on.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::harness::{Client, Node, Origin, config, forward, get, group, listener};

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Pieces that requests are made of, in any order, with any bytes between.
fn mess() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"GET / HTTP/1.1\r\n"[..]),
        Just(&b"POST /a?b=%zz#c HTTP/1.1\r\n"[..]),
        Just(&b"HEAD http://[::1]:99999/ HTTP/1.0\r\n"[..]),
        Just(&b"OPTIONS * HTTP/1.1\r\n"[..]),
        Just(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..]),
        Just(&b"Host: a:b:c\r\n"[..]),
        Just(&b"Host: \xff\r\n"[..]),
        Just(&b"Connection: upgrade, \x01, close\r\nUpgrade: websocket\r\n"[..]),
        Just(&b"Cookie: AWSALB=x; AWSALBTG; =;;\r\n"[..]),
        Just(&b"X-Amzn-Trace-Id: ;=;Root=;Self\r\n"[..]),
        Just(&b"X-Forwarded-For: ,,\xfe,\r\n"[..]),
        Just(&b"Transfer-Encoding: chunked\r\n"[..]),
        Just(&b"Content-Length: 5\r\n"[..]),
        Just(&b"Content-Length: 99999999999999999999\r\n"[..]),
        Just(&b"Expect: 100-continue\r\n"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"5\r\nhello\r\n0\r\n\r\n"[..]),
        Just(&b"fffffffffffffffff\r\n"[..]),
    ];
    let noise = prop::collection::vec(any::<u8>(), 0..6);
    prop::collection::vec((piece, noise, prop::bool::weighted(0.2)), 1..9).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(piece, noise, noisy)| {
                let mut bytes = piece.to_vec();
                if noisy {
                    bytes.extend(noise);
                }
                bytes
            })
            .collect()
    })
}

#[test]
fn nothing_that_comes_in_does_harm() {
    let former = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        former(info);
    }));
    let origin = Origin::start("a");
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    wanted.attributes.idle_timeout_ms = 100;
    node.serve(&wanted);
    let address = node.address("l");
    // The same mess every time.
    let mut runner = TestRunner::deterministic();
    for _ in 0..300 {
        let bytes = mess().new_tree(&mut runner).unwrap().current();
        let mut client = Client::connect(address);
        let stream = client.reader.get_mut();
        // The node may have closed already.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "{}", bytes.escape_ascii());
    }
    for _ in 0..200 {
        let bytes = mess().new_tree(&mut runner).unwrap().current();
        let mut control = node.another_control();
        let line: Vec<u8> = bytes.into_iter().filter(|b| *b != b'\n').collect();
        control.send(&String::from_utf8_lossy(&line));
    }
    assert_eq!(get(address, "/", &[]).origin(), "a");
    assert_eq!(node.status().version, Some(1));
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}
