//! Mails to a mailbox and to a mail server, documents to a web server; also after a kill.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use courier::{Courier, Smtp};
use engine::Engine;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use mail_parser::MessageParser;
use region::{Caller, Region, Settings};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wire::sns as api;
use wire::sns::op;
use wire::{Operation, Shape as _};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_mins(1);
const TOPIC: &str = "arn:aws:sns:eu-central-1:000000000000:alarms";

fn call<O: Operation>(engine: &Engine, input: O::Input) -> O::Output {
    let handler = Region::handler("sns", O::SCHEMA.name).expect("it is there");
    let value = engine
        .call(Caller::Root, "request", handler, input.into_value())
        .expect("it is done");
    O::Output::from_value(value).expect("an answer has its own shape")
}

fn open(data: &Path) -> Arc<Engine> {
    Engine::open(data, Settings::default()).expect("a region")
}

fn topic(engine: &Engine, attributes: &[(&str, &str)]) {
    let attributes: BTreeMap<String, String> = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    call::<op::CreateTopic>(
        engine,
        api::CreateTopicInput {
            name: "alarms".into(),
            attributes: Some(attributes),
            ..Default::default()
        },
    );
}

fn subscribe(engine: &Engine, protocol: &str, endpoint: &str) -> String {
    let input = api::SubscribeInput {
        topic_arn: TOPIC.into(),
        protocol: protocol.into(),
        endpoint: Some(endpoint.into()),
        return_subscription_arn: Some(true),
        ..Default::default()
    };
    let output = call::<op::Subscribe>(engine, input);
    output.subscription_arn.expect("it was asked for")
}

fn confirm(engine: &Engine, token: &str) {
    let input = api::ConfirmSubscriptionInput {
        token: token.into(),
        topic_arn: TOPIC.into(),
        ..Default::default()
    };
    call::<op::ConfirmSubscription>(engine, input);
}

fn publish(engine: &Engine, message: &str) {
    let input = api::PublishInput {
        topic_arn: Some(TOPIC.into()),
        message: message.into(),
        subject: Some("Grüße".into()),
        ..Default::default()
    };
    call::<op::Publish>(engine, input);
}

fn token_in(text: &str) -> String {
    let (_, rest) = text.split_once("Token=").expect("there is a link");
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

fn start(engine: &Arc<Engine>, data: &Path, smtp: Option<Smtp>) -> tokio::task::JoinHandle<()> {
    let courier = Courier::new(data, "127.0.0.1:4566", smtp).expect("a courier");
    tokio::spawn(courier::run(Arc::clone(engine), courier))
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future)
        .await
        .unwrap_or_else(|_| panic!("{what} does not come"))
}

/// The mails of the region's mailbox, once there are `count`.
async fn mailbox(data: &Path, count: usize) -> Vec<Vec<u8>> {
    let folder = courier::mailbox(data).join("new");
    soon("mail", async {
        loop {
            let mut files: Vec<_> = std::fs::read_dir(&folder)
                .expect("a mailbox")
                .map(|entry| entry.expect("a file").path())
                .collect();
            files.sort_by_key(|path| std::fs::metadata(path).and_then(|one| one.modified()).ok());
            if files.len() >= count {
                assert_eq!(files.len(), count);
                let read = |path| std::fs::read(path).expect("a mail");
                return files.into_iter().map(read).collect();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

fn text(mail: &[u8]) -> String {
    let mail = MessageParser::default().parse(mail).expect("a mail");
    let text = mail.body_text(0).expect("it has a text").into_owned();
    text.replace("\r\n", "\n")
}

#[tokio::test]
async fn mail_is_kept_in_the_mailbox_when_there_is_no_server() {
    let data = tempfile::tempdir().expect("a folder");
    let engine = open(data.path());
    topic(&engine, &[]);
    let running = start(&engine, data.path(), None);
    subscribe(&engine, "email", "ops@example.org");
    let mails = mailbox(data.path(), 1).await;
    confirm(&engine, &token_in(&text(&mails[0])));
    publish(&engine, "Zeile eins\nZeile zwei: äöü");
    let mails = mailbox(data.path(), 2).await;
    let mail = MessageParser::default().parse(&mails[1]).expect("a mail");
    assert_eq!(mail.subject(), Some("Grüße"));
    let from = mail.from().and_then(|all| all.first()).expect("a sender");
    assert_eq!(
        (from.name(), from.address()),
        (
            Some("AWS Notifications"),
            Some("no-reply@sns.amazonaws.com")
        )
    );
    assert!(text(&mails[1]).starts_with("Zeile eins\nZeile zwei: äöü\n\n--\nIf you wish to stop"));
    running.abort();
}

/// What is published while nobody delivers, and what was on its way when the region was killed,
/// arrives afterwards, once.
#[tokio::test]
async fn what_was_accepted_arrives_after_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    {
        let engine = open(data.path());
        topic(&engine, &[]);
        let running = start(&engine, data.path(), None);
        subscribe(&engine, "email", "ops@example.org");
        let mails = mailbox(data.path(), 1).await;
        confirm(&engine, &token_in(&text(&mails[0])));
        running.abort();
        assert!(running.await.expect_err("it was ended").is_cancelled());
        publish(&engine, "unheard");
        // A report under way on another thread holds the engine for a moment.
        soon("the end of the region", async {
            while Arc::strong_count(&engine) > 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let engine = open(data.path());
    let running = start(&engine, data.path(), None);
    let mails = mailbox(data.path(), 2).await;
    assert!(text(&mails[1]).starts_with("unheard\n"));
    running.abort();
}

/// A mail server that takes what it is told to.
struct MailServer {
    address: SocketAddr,
    /// The sender, the recipient and the mail, or the login.
    heard: mpsc::UnboundedReceiver<Heard>,
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Login(String),
    Mail {
        from: String,
        to: String,
        data: String,
    },
    Refused,
}

impl MailServer {
    /// Answers the first `refusals` mails with `451`.
    async fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut left = refusals;
            while let Ok((stream, _)) = listener.accept().await {
                let refuse = left > 0;
                left = left.saturating_sub(1);
                // A client that breaks off is no concern of the test.
                let _ = Self::speak(stream, refuse, &sender).await;
            }
        });
        Self { address, heard }
    }

    async fn speak(
        stream: TcpStream,
        refuse: bool,
        heard: &mpsc::UnboundedSender<Heard>,
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 test ESMTP\r\n").await?;
        let (mut from, mut to) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let answer = match verb.as_str() {
                "EHLO" => "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME",
                "AUTH" => {
                    let _ = heard.send(Heard::Login(line.to_owned()));
                    "235 fine"
                }
                "MAIL" => {
                    line.clone_into(&mut from);
                    "250 fine"
                }
                "RCPT" if refuse => {
                    let _ = heard.send(Heard::Refused);
                    "451 not now"
                }
                "RCPT" => {
                    line.clone_into(&mut to);
                    "250 fine"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let mut data = String::new();
                    while !data.ends_with("\r\n.\r\n") {
                        if stream.read_line(&mut data).await? == 0 {
                            return Ok(());
                        }
                    }
                    let _ = heard.send(Heard::Mail {
                        from: std::mem::take(&mut from),
                        to: std::mem::take(&mut to),
                        data,
                    });
                    "250 kept"
                }
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
}

#[tokio::test]
async fn a_mail_server_gets_mail_with_a_login() {
    let data = tempfile::tempdir().expect("a folder");
    let engine = open(data.path());
    topic(&engine, &[("DisplayName", "Links")]);
    let mut server = MailServer::start(0).await;
    let url = format!("smtp://user:secret@{}", server.address);
    let smtp = Smtp::new(&url, "alarms@example.org").expect("a server");
    let running = start(&engine, data.path(), Some(smtp));
    subscribe(&engine, "email", "ops@example.org");
    let login = soon("a login", server.heard.recv()).await;
    // `\0user\0secret`.
    assert_eq!(
        login,
        Some(Heard::Login("AUTH PLAIN AHVzZXIAc2VjcmV0".into()))
    );
    let Some(Heard::Mail {
        from,
        to,
        data: mail,
    }) = soon("mail", server.heard.recv()).await
    else {
        panic!("a mail is wanted")
    };
    assert!(from.starts_with("MAIL FROM:<alarms@example.org>"), "{from}");
    assert_eq!(to, "RCPT TO:<ops@example.org>");
    let parsed = MessageParser::default()
        .parse(mail.as_bytes())
        .expect("a mail");
    let sender = parsed.from().and_then(|all| all.first()).expect("a sender");
    assert_eq!(
        (sender.name(), sender.address()),
        (Some("Links"), Some("alarms@example.org"))
    );
    confirm(&engine, &token_in(&text(mail.as_bytes())));
    assert!(
        !courier::mailbox(data.path()).exists(),
        "the server has it all"
    );
    running.abort();
}

/// A server that cannot take a mail now is asked again: the row waits, with its next time.
#[tokio::test]
async fn a_mail_that_is_put_off_stays_a_row() {
    let data = tempfile::tempdir().expect("a folder");
    let engine = open(data.path());
    topic(&engine, &[]);
    let mut server = MailServer::start(1).await;
    let smtp = Smtp::new(&format!("smtp://{}", server.address), "alarms@example.org");
    let running = start(&engine, data.path(), Some(smtp.expect("a server")));
    subscribe(&engine, "email", "ops@example.org");
    assert_eq!(
        soon("a refusal", server.heard.recv()).await,
        Some(Heard::Refused)
    );
    let mut changes = engine.changes();
    soon("the report", async {
        while engine.read(|region, _| region.sns.deliveries.values().all(|one| one.failures == 0)) {
            changes.changed().await.expect("the engine lives");
        }
    })
    .await;
    let waits = engine.read(|region, _| {
        let one = region.sns.deliveries.values().next().expect("it waits");
        one.due_at.duration_since(one.begun_at).as_secs()
    });
    assert!((10..20).contains(&waits), "{waits}");
    running.abort();
}

/// A web server that answers with what it is told to.
async fn web_server(
    statuses: &'static [u16],
) -> (
    SocketAddr,
    mpsc::UnboundedReceiver<(http::HeaderMap, String)>,
) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        while let Ok((stream, _)) = listener.accept().await {
            let (sender, count) = (sender.clone(), Arc::clone(&count));
            let service =
                hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (sender, count) = (sender.clone(), Arc::clone(&count));
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let _ = sender
                            .send((parts.headers, String::from_utf8_lossy(&body).into_owned()));
                        let at = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        let status = statuses.get(at).copied().unwrap_or(200);
                        http::Response::builder()
                            .status(status)
                            .body(Full::<bytes::Bytes>::default())
                            .map_err(|error| {
                                Box::new(error) as Box<dyn std::error::Error + Send + Sync>
                            })
                    }
                });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, heard)
}

/// The member of a document's text.
fn member(document: &str, name: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
    value[name].as_str().unwrap_or_default().to_owned()
}

/// Checks a document as its receivers do: from its members, with the key of the certificate.
fn verify(data: &Path, document: &str) {
    use base64::Engine as _;
    use rustls::pki_types::pem::PemObject as _;
    let of = |name: &str| member(document, name);
    let names: &[&str] = match of("Type").as_str() {
        "Notification" => &[
            "Message",
            "MessageId",
            "Subject",
            "Timestamp",
            "TopicArn",
            "Type",
        ],
        _ => &[
            "Message",
            "MessageId",
            "SubscribeURL",
            "Timestamp",
            "Token",
            "TopicArn",
            "Type",
        ],
    };
    let lines: Vec<String> = names
        .iter()
        .flat_map(|name| [(*name).to_owned(), of(name)])
        .collect();
    let text = lines.join("\n") + "\n";
    let url = of("SigningCertURL");
    let file = url.rsplit('/').next().expect("a name");
    let pem = data.join("ca").join(file);
    let certificate =
        rustls::pki_types::CertificateDer::from_pem_file(&pem).expect("a certificate");
    let signature = base64::engine::general_purpose::STANDARD
        .decode(of("Signature"))
        .expect("base64");
    let key = public_key(&certificate);
    let algorithm = match of("SignatureVersion").as_str() {
        "1" => &ring::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        _ => &ring::signature::RSA_PKCS1_2048_8192_SHA256,
    };
    ring::signature::UnparsedPublicKey::new(algorithm, key)
        .verify(text.as_bytes(), &signature)
        .expect("the signature is right");
    ring::signature::UnparsedPublicKey::new(algorithm, key)
        .verify(b"another text", &signature)
        .expect_err("the signature is of this text");
}

/// The certificate's RSA key: the last bit string in the certificate that holds a sequence of two
/// numbers, found by its own length bytes.
fn public_key(certificate: &[u8]) -> &[u8] {
    // A 2048-bit key's bit string: 03 82 01 0f 00, then 30 82 01 0a.
    let start = [0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a];
    let at = certificate
        .windows(start.len())
        .position(|window| window == start)
        .expect("an RSA key of 2048 bits");
    &certificate[at + 5..at + 5 + 4 + 0x10a]
}

#[tokio::test]
async fn a_web_server_gets_signed_documents() {
    let data = tempfile::tempdir().expect("a folder");
    let engine = open(data.path());
    topic(&engine, &[]);
    let (address, mut heard) = web_server(&[]).await;
    let running = start(&engine, data.path(), None);
    let arn = subscribe(
        &engine,
        "http",
        &format!("http://user:secret@{address}/hook"),
    );
    let (headers, document) = soon("a document", heard.recv()).await.expect("it is open");
    assert_eq!(
        headers["x-amz-sns-message-type"],
        "SubscriptionConfirmation"
    );
    assert_eq!(headers["content-type"], "text/plain; charset=UTF-8");
    assert_eq!(
        headers["user-agent"],
        "Amazon Simple Notification Service Agent"
    );
    assert_eq!(headers["authorization"], "Basic dXNlcjpzZWNyZXQ=");
    assert!(!headers.contains_key("x-amz-sns-subscription-arn"));
    verify(data.path(), &document);
    confirm(&engine, &member(&document, "Token"));

    publish(&engine, "one");
    let (headers, document) = soon("a document", heard.recv()).await.expect("it is open");
    assert_eq!(headers["x-amz-sns-message-type"], "Notification");
    assert_eq!(headers["x-amz-sns-subscription-arn"], arn.as_str());
    assert_eq!(
        (member(&document, "Message"), member(&document, "Subject")),
        ("one".into(), "Grüße".into())
    );
    assert_eq!(member(&document, "SignatureVersion"), "1");
    verify(data.path(), &document);

    let version = api::SetTopicAttributesInput {
        attribute_name: "SignatureVersion".into(),
        attribute_value: Some("2".into()),
        topic_arn: TOPIC.into(),
    };
    call::<op::SetTopicAttributes>(&engine, version);
    publish(&engine, "two");
    let (_, document) = soon("a document", heard.recv()).await.expect("it is open");
    assert_eq!(member(&document, "SignatureVersion"), "2");
    verify(data.path(), &document);

    let raw = api::SetSubscriptionAttributesInput {
        attribute_name: "RawMessageDelivery".into(),
        attribute_value: Some("true".into()),
        subscription_arn: arn,
    };
    call::<op::SetSubscriptionAttributes>(&engine, raw);
    publish(&engine, "three");
    let (headers, body) = soon("a message", heard.recv()).await.expect("it is open");
    assert_eq!(headers["x-amz-sns-rawdelivery"], "true");
    assert_eq!(body, "three");
    running.abort();
}

/// `503` is tried again, by a policy that does not wait; `404` is not.
#[tokio::test]
async fn a_web_server_that_fails_is_asked_again() {
    let data = tempfile::tempdir().expect("a folder");
    let engine = open(data.path());
    let policy =
        r#"{"http": {"defaultHealthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 3}}}"#;
    topic(&engine, &[("DeliveryPolicy", policy)]);
    let (address, mut heard) = web_server(&[503, 503, 200, 404]).await;
    let running = start(&engine, data.path(), None);
    subscribe(&engine, "http", &format!("http://{address}/hook"));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (_, document) = soon("an attempt", heard.recv()).await.expect("it is open");
        ids.push(member(&document, "MessageId"));
        if ids.len() == 3 {
            confirm(&engine, &member(&document, "Token"));
        }
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    publish(&engine, "lost");
    soon("the refused message", heard.recv())
        .await
        .expect("it is open");
    let mut changes = engine.changes();
    soon("the end of it", async {
        while engine.read(|region, _| !region.sns.deliveries.is_empty()) {
            changes.changed().await.expect("the engine lives");
        }
    })
    .await;
    assert!(heard.try_recv().is_err(), "it is not sent again");
    running.abort();
}
