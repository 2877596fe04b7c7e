//! Nodes, origins and clients for tests. All waiting is on a condition and bounded.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use balancer::Options;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use world::balancer::node::{
    Answer, FromNode, Node as NodePlace, NodeConfig, NodeStatus, PROTOCOL, Request, TargetHealth,
    ToNode,
};
use world::balancer::{
    Action, Attributes, Config, FixedResponse, Forward, HealthCheck, Listener, Protocol,
    ProtocolVersion, Rule, Target, TargetGroup, TargetGroupAttributes, WeightedGroup,
};
use world::database::Secret;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `look` finds something; says what it saw last if it never does.
pub(crate) fn wait_for<T, S: std::fmt::Debug>(
    what: &str,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if start.elapsed() > PATIENCE => {
                panic!("waited for {what}, last saw {seen:?}")
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
        }
    }
}

/// A node that serves until it is dropped.
pub(crate) struct Node {
    pub directory: Arc<tempfile::TempDir>,
    control: Option<Control>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A client of the control socket.
pub(crate) struct Control {
    reader: BufReader<UnixStream>,
    next: u64,
    /// What was told without being asked for.
    pub news: Vec<TargetHealth>,
}

impl Node {
    pub(crate) fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), 2)
    }

    /// One core, for tests that count turns.
    pub(crate) fn start_single() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), 1)
    }

    pub(crate) fn start_in(directory: Arc<tempfile::TempDir>, cores: usize) -> Self {
        let options = Options {
            control_socket: directory.path().join("control"),
            state_file: directory.path().join("state.json"),
            access_log_directory: Some(directory.path().join("logs")),
            cores: Some(cores),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime
                .block_on(balancer::serve(&options, async {
                    let _ = stopped.await;
                }))
                .unwrap();
        });
        let mut node = Self::attach(&directory);
        node.stop = Some(stop);
        node.thread = Some(thread);
        node
    }

    /// One that somebody else started in this directory.
    pub(crate) fn attach(directory: &Arc<tempfile::TempDir>) -> Self {
        let socket = directory.path().join("control");
        let stream = wait_for("the control socket", || UnixStream::connect(&socket));
        Self {
            directory: Arc::clone(directory),
            control: Some(Control::new(stream)),
            stop: None,
            thread: None,
        }
    }

    pub(crate) fn control(&mut self) -> &mut Control {
        self.control.as_mut().unwrap()
    }

    pub(crate) fn another_control(&self) -> Control {
        Control::new(UnixStream::connect(self.directory.path().join("control")).unwrap())
    }

    /// Has it serve a configuration, which must be accepted.
    pub(crate) fn serve(&mut self, config: &Config) {
        let answer = self.configure(config);
        assert_eq!(
            answer,
            Answer::Accepted {
                version: config.version
            }
        );
    }

    pub(crate) fn configure(&mut self, config: &Config) -> Answer {
        let request = Request::Configure(Box::new(NodeConfig {
            node: NodePlace {
                address: Ipv4Addr::LOCALHOST.into(),
                availability_zone: "eu-central-1a".into(),
            },
            config: config.clone(),
        }));
        self.control().ask(request)
    }

    pub(crate) fn status(&mut self) -> NodeStatus {
        match self.control().ask(Request::Status) {
            Answer::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Where the listener with this ARN listens.
    pub(crate) fn address(&mut self, arn: &str) -> SocketAddr {
        let status = self.status();
        let listener = status.listeners.iter().find(|l| l.arn == arn);
        listener
            .unwrap_or_else(|| panic!("{status:?}"))
            .address
            .unwrap()
    }

    pub(crate) fn wait_for_state(&mut self, address: SocketAddr, state: &str) -> TargetHealth {
        wait_for(&format!("{address} to be {state}"), || {
            let targets = self.status().targets;
            targets
                .iter()
                .find(|t| SocketAddr::new(t.address, t.port) == address && t.state == state)
                .cloned()
                .ok_or(targets)
        })
    }

    /// Waits until the counters are as wanted.
    pub(crate) fn wait_for_status(
        &mut self,
        what: &str,
        fine: impl Fn(&NodeStatus) -> bool,
    ) -> NodeStatus {
        wait_for(what, || {
            let status = self.status();
            if fine(&status) {
                Ok(status)
            } else {
                Err(Box::new(status))
            }
        })
    }

    pub(crate) fn stop(mut self) -> Arc<tempfile::TempDir> {
        self.end();
        Arc::clone(&self.directory)
    }

    fn end(&mut self) {
        self.control = None;
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

impl Control {
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            reader: BufReader::new(stream),
            next: 1,
            news: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, request: Request) -> Answer {
        let id = self.next;
        self.next += 1;
        let message = ToNode {
            protocol: PROTOCOL,
            id,
            request,
        };
        self.send(&serde_json::to_string(&message).unwrap());
        loop {
            let told = self.hear();
            match (told.id, told.answer) {
                (Some(of), answer) if of == id => return answer,
                (None, Answer::TargetHealth(health)) => self.news.push(health),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        let stream = self.reader.get_mut();
        stream.write_all(line.as_bytes()).unwrap();
        stream.write_all(b"\n").unwrap();
    }

    pub(crate) fn hear(&mut self) -> FromNode {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

/// A server behind the load balancer. It tells what it was sent in `x-saw-…` headers.
pub(crate) struct Origin {
    pub address: SocketAddr,
    /// Connections that carried something else than health checks.
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<AtomicUsize>,
    /// The status of health checks.
    pub health: Arc<AtomicU64>,
    pub checks: Arc<AtomicUsize>,
    runtime: tokio::runtime::Runtime,
}

pub(crate) type OriginAnswer = http::Response<Full<Bytes>>;

impl Origin {
    /// Answers with its name, and repeats the request's headers.
    pub(crate) fn start(name: &'static str) -> Self {
        Self::with(move |request| async move { echo(name, request).await })
    }

    pub(crate) fn with<F, A>(handle: F) -> Self
    where
        F: Fn(http::Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = OriginAnswer> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            health: Arc::new(AtomicU64::new(200)),
            checks: Arc::default(),
            runtime,
        };
        let counts = (
            Arc::clone(&origin.connections),
            Arc::clone(&origin.requests),
            Arc::clone(&origin.health),
            Arc::clone(&origin.checks),
        );
        let handle = Arc::new(handle);
        origin.runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (connections, requests, health, checks) = counts.clone();
                let handle = Arc::clone(&handle);
                let first = Arc::new(AtomicUsize::new(0));
                tokio::spawn(async move {
                    let service = service_fn(move |request: http::Request<Incoming>| {
                        let answer = if is_check(&request) {
                            checks.fetch_add(1, Ordering::SeqCst);
                            let status = health.load(Ordering::SeqCst);
                            Err(http::Response::builder()
                                .status(u16::try_from(status).unwrap())
                                .body(Full::default())
                                .unwrap())
                        } else {
                            requests.fetch_add(1, Ordering::SeqCst);
                            if first.fetch_add(1, Ordering::SeqCst) == 0 {
                                connections.fetch_add(1, Ordering::SeqCst);
                            }
                            Ok(handle(request))
                        };
                        async move {
                            Ok::<_, std::convert::Infallible>(match answer {
                                Ok(answer) => answer.await,
                                Err(checked) => checked,
                            })
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades()
                        .await;
                });
            }
        });
        origin
    }

    pub(crate) fn target(&self) -> Target {
        target(self.address)
    }
}

fn is_check(request: &http::Request<Incoming>) -> bool {
    request
        .headers()
        .get("user-agent")
        .is_some_and(|agent| agent == "ELB-HealthChecker/2.0")
}

pub(crate) async fn echo(name: &'static str, request: http::Request<Incoming>) -> OriginAnswer {
    let mut answer = http::Response::builder().header("x-origin", name);
    for (header, value) in request.headers() {
        answer = answer.header(format!("x-saw-{header}"), value);
    }
    answer = answer
        .header("x-line", format!("{} {}", request.method(), request.uri()))
        .header("x-version", format!("{:?}", request.version()));
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::from_static(b"broken"),
    };
    answer
        .header("x-length", body.len())
        .body(Full::new(body))
        .unwrap()
}

pub(crate) fn target(address: SocketAddr) -> Target {
    Target {
        address: address.ip(),
        port: address.port(),
        availability_zone: Some("eu-central-1a".into()),
        draining: false,
    }
}

pub(crate) fn config(listeners: Vec<Listener>, target_groups: Vec<TargetGroup>) -> Config {
    Config {
        version: 1,
        name: "web".into(),
        arn: "arn:aws:elasticloadbalancing:eu-central-1:000000000000:loadbalancer/app/web/0123456789abcdef".into(),
        dns_name: "web-1.eu-central-1.elb.amazonaws.com".into(),
        cookie_secret: Secret::new("not guessed"),
        attributes: Attributes::default(),
        listeners,
        target_groups,
    }
}

pub(crate) fn listener(arn: &str, default: Action, rules: Vec<Rule>) -> Listener {
    Listener {
        arn: arn.into(),
        port: 0,
        protocol: Protocol::Http,
        certificates: vec![],
        ssl_policy: None,
        default_actions: vec![default],
        rules,
    }
}

/// A group that is checked often.
pub(crate) fn group(arn: &str, targets: Vec<Target>) -> TargetGroup {
    TargetGroup {
        arn: arn.into(),
        protocol: Protocol::Http,
        protocol_version: ProtocolVersion::Http1,
        health_check: HealthCheck {
            path: "/health".into(),
            interval_ms: 20,
            timeout_ms: 2_000,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            ..HealthCheck::default()
        },
        attributes: TargetGroupAttributes::default(),
        targets,
    }
}

pub(crate) fn forward(groups: &[(&str, u32)]) -> Action {
    Action::Forward(Forward {
        target_groups: groups
            .iter()
            .map(|(arn, weight)| WeightedGroup {
                target_group: (*arn).into(),
                weight: *weight,
            })
            .collect(),
        stickiness_ms: None,
    })
}

pub(crate) fn fixed(status_code: u16, body: &str) -> Action {
    Action::FixedResponse(FixedResponse {
        status_code,
        content_type: Some("text/plain".into()),
        message_body: body.into(),
    })
}

/// A client's connection, as bytes.
pub(crate) struct Client {
    pub reader: BufReader<TcpStream>,
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: u16,
    pub head: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn origin(&self) -> &str {
        self.header("x-origin").unwrap_or("-")
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    pub(crate) fn write(&mut self, bytes: &str) {
        self.reader.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    /// Sends a request without a body and reads the answer.
    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.request("GET", path, headers, "")
    }

    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            text.push_str("Host: www.example.com\r\n");
        }
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(text, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        self.write(&format!("{text}\r\n{body}"));
        self.reply(method != "HEAD")
    }

    pub(crate) fn reply(&mut self, with_body: bool) -> Reply {
        self.try_reply(with_body).unwrap()
    }

    pub(crate) fn try_reply(&mut self, with_body: bool) -> std::io::Result<Reply> {
        let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head)? == 0 {
                return Err(cut());
            }
        }
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .ok_or_else(cut)?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply {
            status,
            head: head.clone(),
            headers,
            body: String::new(),
        };
        if !with_body || matches!(status, 101 | 204 | 304) {
            return Ok(reply);
        }
        let mut body = Vec::new();
        if let Some(length) = reply.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.reader.read_exact(&mut body)?;
        } else if reply.header("transfer-encoding").is_some() {
            loop {
                let mut line = String::new();
                self.reader.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim(), 16).map_err(|_| cut())?;
                let mut chunk = vec![0; size + 2];
                self.reader.read_exact(&mut chunk)?;
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else {
            self.reader.read_to_end(&mut body)?;
        }
        reply.body = String::from_utf8_lossy(&body).into_owned();
        Ok(reply)
    }

    /// Whether the other side has closed, after what it had to say was read.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(0) => true,
            Ok(_) => panic!("more came"),
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

pub(crate) fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Reply {
    Client::connect(address).get(path, headers)
}
