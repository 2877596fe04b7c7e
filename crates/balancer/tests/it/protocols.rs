//! TLS, HTTP/2, HTTP/1.0, WebSocket, bodies.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use world::balancer::{Certificate, Listener, Protocol, Redirect};
use world::database::Secret;

use crate::harness::{
    Client, Node, Origin, OriginAnswer, config, fixed, forward, get, group, listener,
};

fn certificate(arn: &str, names: &[&str]) -> (Certificate, Vec<u8>) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
    let certificate = Certificate {
        arn: arn.into(),
        chain: made.cert.pem(),
        private_key: Secret::new(made.signing_key.serialize_pem()),
        names,
    };
    (certificate, made.cert.der().to_vec())
}

fn https(mut listener: Listener, certificates: Vec<Certificate>) -> Listener {
    listener.protocol = Protocol::Https;
    listener.certificates = certificates;
    listener.ssl_policy = Some("ELBSecurityPolicy-TLS13-1-2-2021-06".into());
    listener
}

/// Takes any certificate; tests look at which one it was.
#[derive(Debug)]
struct Any(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn client_config(alpn: &[&[u8]]) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

type TlsStream = tokio_rustls::client::TlsStream<tokio::net::TcpStream>;

async fn tls(address: std::net::SocketAddr, name: &'static str, alpn: &[&[u8]]) -> TlsStream {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio_rustls::TlsConnector::from(client_config(alpn))
        .connect(ServerName::try_from(name).unwrap(), stream)
        .await
        .unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(crate::harness::PATIENCE, future)
            .await
            .unwrap()
    })
}

#[test]
fn the_certificate_is_chosen_by_name() {
    let (one, one_der) = certificate("one", &["www.example.com"]);
    let (two, two_der) = certificate("two", &["*.example.org"]);
    let mut node = Node::start();
    node.serve(&config(
        vec![https(
            listener("l", fixed(200, "safe"), vec![]),
            vec![one, two],
        )],
        vec![],
    ));
    let address = node.address("l");
    block_on(async {
        for (name, expected) in [
            ("www.example.com", &one_der),
            ("a.example.org", &two_der),
            ("unknown.example.net", &one_der),
        ] {
            let stream = tls(address, name, &[]).await;
            let chain = stream.get_ref().1.peer_certificates().unwrap();
            assert_eq!(chain[0].as_ref(), &expected[..], "{name}");
        }
    });
    // Someone who speaks no TLS.
    let mut plain = Client::connect(address);
    plain.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut rest = Vec::new();
    let _ = plain.reader.read_to_end(&mut rest);
    node.wait_for_status("the failed handshake", |s| {
        s.counters.load_balancer.client_tls_negotiation_errors == 1
    });
}

#[test]
fn http2_over_tls_reaches_targets_as_http1() {
    let origin = Origin::start("a");
    let (one, _) = certificate("one", &["www.example.com"]);
    let mut node = Node::start();
    let mut wanted = config(
        vec![https(
            listener("l", forward(&[("tg", 1)]), vec![]),
            vec![one],
        )],
        vec![group("tg", vec![origin.target()])],
    );
    wanted.attributes.tls_version_and_cipher_suite = true;
    node.serve(&wanted);
    let address = node.address("l");
    block_on(async {
        let stream = tls(address, "www.example.com", &[b"h2"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        let driving = tokio::spawn(connection);
        let answers = (0..10).map(|i| {
            let request = http::Request::post(format!("https://www.example.com/p{i}"))
                .body(Full::new(Bytes::from(vec![b'x'; 100_000 * i])))
                .unwrap();
            send.send_request(request)
        });
        for (i, answer) in answers.collect::<Vec<_>>().into_iter().enumerate() {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("x-line"), format!("POST /p{i}"));
            assert_eq!(header("x-version"), "HTTP/1.1");
            assert_eq!(header("x-saw-x-forwarded-proto"), "https");
            assert_eq!(
                header("x-saw-host"),
                format!("www.example.com:{}", address.port())
            );
            assert_eq!(header("x-saw-x-amzn-tls-version"), "TLSv1.3");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len(), 100_000 * i);
        }
        drop(send);
        driving.await.unwrap().unwrap();

        // Without ALPN it is HTTP/1.1, with the same target connections.
        let stream = tls(address, "www.example.com", &[]).await;
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("/")
            .header("host", "www.example.com")
            .body(Full::<Bytes>::default())
            .unwrap();
        assert_eq!(send.send_request(request).await.unwrap().status(), 200);
    });
    wanted.attributes.http2 = false;
    wanted.version = 2;
    node.serve(&wanted);
    block_on(async {
        let stream = tls(address, "www.example.com", &[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    });
}

#[test]
fn large_answers_arrive_whole_over_tls() {
    const LENGTH: usize = 5_000_000;
    let origin =
        Origin::with(|_| async { OriginAnswer::new(Full::new(Bytes::from(vec![b'x'; LENGTH]))) });
    let (one, _) = certificate("one", &["www.example.com"]);
    let mut node = Node::start();
    node.serve(&config(
        vec![https(
            listener("l", forward(&[("tg", 1)]), vec![]),
            vec![one],
        )],
        vec![group("tg", vec![origin.target()])],
    ));
    let address = node.address("l");
    block_on(async {
        let mut stream = tls(address, "www.example.com", &[]).await;
        for _ in 0..3 {
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
                .await
                .unwrap();
            let mut read = Vec::new();
            let end = loop {
                assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
                if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
                    break at + 4;
                }
            };
            read.drain(..end);
            while read.len() < LENGTH {
                assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
            }
            assert!(read.len() == LENGTH && read.iter().all(|b| *b == b'x'));
        }
    });
}

#[test]
fn websockets_pass_through() {
    // Agrees to the upgrade, greets, and then repeats what it hears.
    let origin = Origin::with(|mut request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(upgrade.await.unwrap());
            io.write_all(b"hello\n").await.unwrap();
            let mut buffer = [0; 64];
            while let Ok(n @ 1..) = io.read(&mut buffer).await {
                io.write_all(&buffer[..n]).await.unwrap();
            }
        });
        http::Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", request.headers()["upgrade"].clone())
            .header("sec-websocket-accept", "yes")
            .body(Full::default())
            .unwrap()
    });
    let mut node = Node::start();
    let mut wanted = config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    );
    wanted.attributes.idle_timeout_ms = 500;
    node.serve(&wanted);
    let address = node.address("l");
    let mut client = Client::connect(address);
    let reply = client.request(
        "GET",
        "/chat",
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Key", "k"),
        ],
        "",
    );
    assert_eq!(reply.status, 101, "{reply:?}");
    assert_eq!(reply.header("upgrade"), Some("websocket"));
    assert_eq!(reply.header("sec-websocket-accept"), Some("yes"));
    let mut heard = [0; 6];
    client.reader.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello\n");
    for text in ["one", "two"] {
        client.write(text);
        let mut heard = [0; 3];
        client.reader.read_exact(&mut heard).unwrap();
        assert_eq!(heard, text.as_bytes());
    }
    // Nothing said for too long.
    assert!(client.is_closed());
    node.wait_for_status("both connections to be closed", |s| {
        s.counters.load_balancer.active_connections == 0
    });
}

#[test]
fn old_clients_are_served() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    client.write("GET /old HTTP/1.0\r\n\r\n");
    let reply = client.reply(true);
    assert_eq!(
        (reply.status, reply.header("x-line")),
        (200, Some("GET /old"))
    );
    assert!(reply.head.starts_with("HTTP/1.0 200"), "{}", reply.head);
    let host = reply.header("x-saw-host").unwrap();
    assert!(
        host.starts_with("web-1.eu-central-1.elb.amazonaws.com"),
        "{host}"
    );
    assert!(client.is_closed());
    let mut absolute = Client::connect(address);
    absolute.write("GET http://other.example.com/x HTTP/1.1\r\nHost: ignored\r\n\r\n");
    let reply = absolute.reply(true);
    assert_eq!(reply.header("x-line"), Some("GET /x"));
    assert_eq!(
        reply.header("x-saw-host"),
        Some(format!("other.example.com:{}", address.port()).as_str())
    );
}

#[test]
fn bodies_of_all_kinds_arrive_whole() {
    let origin = Origin::start("a");
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    // Chunked.
    client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    let reply = client.reply(true);
    assert_eq!(
        (reply.body.as_str(), reply.header("x-saw-transfer-encoding")),
        ("abcdefg", Some("chunked"))
    );
    // Asked first.
    client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    let go = client.reply(false);
    assert_eq!(go.status, 100);
    client.write("xyz");
    let reply = client.reply(true);
    assert_eq!(
        (reply.body.as_str(), reply.header("x-saw-expect")),
        ("xyz", None)
    );
    // Large, both ways.
    let large = "0123456789".repeat(300_000);
    let mut writing = client.reader.get_ref().try_clone().unwrap();
    let sent = large.clone();
    let writer = std::thread::spawn(move || {
        let head = format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            sent.len()
        );
        writing.write_all(head.as_bytes()).unwrap();
        writing.write_all(sent.as_bytes()).unwrap();
    });
    let reply = client.reply(true);
    writer.join().unwrap();
    assert!(reply.body == large, "{} bytes", reply.body.len());
    // None.
    let head = client.request("HEAD", "/", &[], "");
    assert_eq!((head.status, head.header("x-line")), (200, Some("HEAD /")));
    assert_eq!(
        client
            .request("DELETE", "/", &[], "")
            .header("x-saw-content-length"),
        None
    );
    // Two at once are answered in order.
    client.write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply(true).header("x-line"), Some("GET /1"));
    assert_eq!(client.reply(true).header("x-line"), Some("GET /2"));
    assert_eq!(
        origin.connections.load(std::sync::atomic::Ordering::SeqCst),
        1
    );
}

#[test]
fn answers_without_a_length_are_chunked_and_streams_end() {
    async fn stream(_: http::Request<hyper::body::Incoming>) -> OriginAnswer {
        http::Response::new(Full::from("x".repeat(200_000)))
    }
    let origin = Origin::with(stream);
    let mut node = Node::start();
    node.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![group("tg", vec![origin.target()])],
    ));
    let address = node.address("l");
    let mut client = Client::connect(address);
    for _ in 0..5 {
        assert_eq!(client.get("/", &[]).body.len(), 200_000);
    }
    assert_eq!(
        origin.connections.load(std::sync::atomic::Ordering::SeqCst),
        1
    );
}

#[test]
fn targets_behind_tls_are_reached_whatever_their_certificate() {
    let (inner_certificate, _) = certificate("inner", &["inner.invalid"]);
    let origin = Origin::start("a");
    // A node in front of a node: the inner one is the TLS target of the outer one.
    let mut inner = Node::start();
    inner.serve(&config(
        vec![https(
            listener("l", forward(&[("tg", 1)]), vec![]),
            vec![inner_certificate],
        )],
        vec![group("tg", vec![origin.target()])],
    ));
    let inner_address = inner.address("l");
    let mut outer = Node::start();
    let mut tg = group("tg", vec![crate::harness::target(inner_address)]);
    tg.protocol = Protocol::Https;
    tg.health_check.protocol = Protocol::Https;
    outer.serve(&config(
        vec![listener("l", forward(&[("tg", 1)]), vec![])],
        vec![tg],
    ));
    outer.wait_for_state(inner_address, "healthy");
    let address = outer.address("l");
    let reply = get(address, "/through", &[]);
    assert_eq!(
        (reply.origin(), reply.header("x-line")),
        ("a", Some("GET /through"))
    );
    assert_eq!(
        reply.header("x-saw-x-forwarded-for"),
        Some("127.0.0.1, 127.0.0.1")
    );
}

#[test]
fn plain_http_is_redirected_to_https() {
    let (one, _) = certificate("one", &["www.example.com"]);
    let mut node = Node::start();
    node.serve(&config(
        vec![
            listener(
                "http",
                world::balancer::Action::Redirect(Redirect {
                    protocol: "HTTPS".into(),
                    port: "443".into(),
                    ..Redirect::default()
                }),
                vec![],
            ),
            https(listener("https", fixed(200, "safe"), vec![]), vec![one]),
        ],
        vec![],
    ));
    let address = node.address("http");
    assert_eq!(
        get(address, "/x", &[]).header("location"),
        Some("https://www.example.com:443/x")
    );
    let address = node.address("https");
    block_on(async {
        let mut stream = tls(address, "www.example.com", &[]).await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("safe"), "{text}");
    });
}
