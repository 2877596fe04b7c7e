//! A gateway on a free port, and a client that sends exactly what it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use engine::Engine;
use gateway::{Gateway, Patience};
use region::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any answer takes, so that what does not come fails.
const MOST_WAIT: Duration = Duration::from_mins(1);

pub(crate) struct Bench {
    /// Removed at the end.
    _data: tempfile::TempDir,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A request whose every part may be wrong.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// In the signature's scope.
    pub(crate) service: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) time: SystemTime,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Fails unless it has this status and each of these texts.
    pub(crate) fn says(&self, status: u16, texts: &[&str]) {
        let body = self.text();
        assert_eq!(self.status, status, "{}\n{body}", self.head);
        for text in texts {
            assert!(body.contains(text), "{text:?} is not in {body}");
        }
    }
}

impl Request {
    pub(crate) fn new(service: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: "/".to_owned(),
            service,
            headers: Vec::new(),
            body: body.into(),
            key: "test",
            secret: "test",
            time: SystemTime::now(),
        }
    }

    /// A call in the query protocol.
    pub(crate) fn form(service: &'static str, body: &str) -> Self {
        Self::new(service, body).with(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
    }

    /// A call in JSON; `target` names it.
    pub(crate) fn json(service: &'static str, target: &str, body: &str) -> Self {
        let version = if target.starts_with("Granite") {
            "1.0"
        } else {
            "1.1"
        };
        Self::new(service, body)
            .with("content-type", &format!("application/x-amz-json-{version}"))
            .with("x-amz-target", target)
    }

    /// A call in Smithy's RPC v2 with CBOR.
    pub(crate) fn cbor(service: &'static str, path: &str, body: &[u8]) -> Self {
        Self::new(service, body)
            .at("POST", path)
            .with("content-type", "application/cbor")
            .with("smithy-protocol", "rpc-v2-cbor")
    }

    pub(crate) fn at(mut self, method: &'static str, path: &str) -> Self {
        self.method = method;
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The headers that sign it.
    pub(crate) fn signature(&self, host: &str) -> Vec<(String, String)> {
        let identity = Credentials::new(self.key, self.secret, None, None, "gateway tests").into();
        let mut settings = SigningSettings::default();
        let mut body = SignableBody::Bytes(&self.body);
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            body = SignableBody::UnsignedPayload;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name(self.service)
            .time(self.time)
            .settings(settings)
            .build()
            .expect("all is given")
            .into();
        let address = format!("http://{host}{}", self.path);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let request =
            SignableRequest::new(self.method, address, headers, body).expect("it can be signed");
        let (instructions, _) = sign(request, &parameters)
            .expect("it is signed")
            .into_parts();
        instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The head, up to the empty line, with these further lines.
    pub(crate) fn head(&self, host: &str, signature: &[(String, String)], more: &str) -> String {
        use std::fmt::Write;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("a string takes any text");
        }
        for (name, value) in signature {
            write!(head, "{name}: {value}\r\n").expect("a string takes any text");
        }
        format!("{head}{more}\r\n")
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(Patience::default()).await
    }

    pub(crate) async fn with(patience: Patience) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(data.path(), Settings::default()).expect("a region");
        let gateway =
            Gateway::with_patience(Arc::clone(&engine), data.path(), patience).expect("a gateway");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = tokio::spawn(gateway.serve(listener));
        Self {
            _data: data,
            address,
            server,
        }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.expect("connected"))
    }

    /// Signs a request, sends it, and gives the answer.
    pub(crate) async fn ask(&self, request: &Request) -> Answer {
        let signature = request.signature(&self.host());
        self.ask_with(request, &signature).await
    }

    /// Sends a request with a signature from elsewhere.
    pub(crate) async fn ask_with(
        &self,
        request: &Request,
        signature: &[(String, String)],
    ) -> Answer {
        let mut connection = self.connect().await;
        let length = format!("content-length: {}\r\n", request.body.len());
        let mut bytes = request.head(&self.host(), signature, &length).into_bytes();
        bytes.extend(&request.body);
        connection.send(&bytes).await;
        connection.answer().await.expect("an answer")
    }

    /// Whether it still answers.
    pub(crate) async fn is_well(&self) {
        let call = Request::form("sts", "Action=GetCallerIdentity&Version=2011-06-15");
        self.ask(&call).await.says(200, &["000000000000"]);
    }
}

pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Sends as much as is taken: an answer may come, and the connection close, before that.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// The next answer on this connection; `None` if it is closed without one.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(MOST_WAIT, self.read())
            .await
            .expect("an answer, or the connection's end")
    }

    /// Fails unless the other side closes.
    pub(crate) async fn is_closed(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(MOST_WAIT, self.0.read(&mut byte))
            .await
            .expect("the connection's end");
        // It may be closed with or without what was sent having been read.
        assert!(!matches!(read, Ok(1..)), "more came: {byte:?}");
    }

    async fn read(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head)
            .expect("a head is text")
            .to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if answer.header("transfer-encoding").is_some() {
            loop {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    line.push(self.0.read_u8().await.ok()?);
                }
                let length = std::str::from_utf8(&line).ok()?.trim();
                let length = usize::from_str_radix(length, 16).ok()?;
                let mut chunk = vec![0; length + 2];
                self.0.read_exact(&mut chunk).await.ok()?;
                if length == 0 {
                    return Some(answer);
                }
                answer.body.extend(&chunk[..length]);
            }
        }
        let length = answer.header("content-length").map_or(Ok(0), str::parse);
        answer.body = vec![0; length.ok()?];
        self.0.read_exact(&mut answer.body).await.ok()?;
        Some(answer)
    }
}
