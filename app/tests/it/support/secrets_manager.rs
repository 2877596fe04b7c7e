//! The two endpoints a task asks for a secret: its role's credentials, and `GetSecretValue`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

pub(crate) const ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds!db-1-AbCdEf";
const ACCESS_KEY: &str = "ASIAEXAMPLEEXAMPLE00";
pub(crate) const SECRET_KEY: &str = "very-secret-key-of-the-task-role";
const SESSION_TOKEN: &str = "session-token-of-the-task-role";

pub(crate) struct SecretsManager {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: Option<JoinHandle<()>>,
}

struct State {
    secret: String,
    reads: usize,
    stopping: bool,
}

struct Request {
    line: String,
    head: String,
    body: String,
}

impl SecretsManager {
    pub(crate) fn start(secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let address = listener.local_addr().expect("read the address");
        let state = Arc::new(Mutex::new(State {
            secret: secret.to_owned(),
            reads: 0,
            stopping: false,
        }));
        let shared = Arc::clone(&state);
        let server = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().expect("no holder panics").stopping {
                    return;
                }
                answer(&stream.expect("accept"), &shared);
            }
        });
        Self {
            address,
            state,
            server: Some(server),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn put(&self, secret: &str) {
        secret.clone_into(&mut self.state.lock().expect("no holder panics").secret);
    }

    /// How often the secret was read.
    pub(crate) fn reads(&self) -> usize {
        self.state.lock().expect("no holder panics").reads
    }
}

impl Drop for SecretsManager {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.stopping = true;
        }
        // Wakes the server up.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(server) = self.server.take()
            && woken
        {
            let _ = server.join();
        }
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>) {
    // A client may open a connection and change its mind.
    let Some(request) = read(stream) else { return };
    let (status, body) = match request.line.as_str() {
        "GET /role HTTP/1.1" => (200, role()),
        "POST / HTTP/1.1" => get_secret_value(&request, state),
        _ => (404, request.line),
    };
    let head = format!(
        "HTTP/1.1 {status} Answer\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    let _ = stream.write_all((head + &body).as_bytes());
}

fn role() -> String {
    serde_json::json!({
        "RoleArn": "arn:aws:iam::000000000000:role/task",
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": SECRET_KEY,
        "Token": SESSION_TOKEN,
        "Expiration": "2099-01-01T00:00:00Z",
    })
    .to_string()
}

fn get_secret_value(request: &Request, state: &Mutex<State>) -> (u16, String) {
    let wanted: serde_json::Value = serde_json::from_str(&request.body).expect("a JSON body");
    let signed = request.head.contains(&format!("Credential={ACCESS_KEY}/"))
        && request
            .head
            .contains("/eu-central-1/secretsmanager/aws4_request")
        && request
            .head
            .contains(&format!("x-amz-security-token: {SESSION_TOKEN}"))
        && request
            .head
            .contains("x-amz-target: secretsmanager.GetSecretValue");
    if !signed || wanted["SecretId"] != ARN {
        return (
            400,
            r#"{"__type":"AccessDeniedException","message":"not as expected"}"#.to_owned(),
        );
    }
    let mut state = state.lock().expect("no holder panics");
    state.reads += 1;
    let answer = serde_json::json!({
        "ARN": ARN,
        "Name": "rds!db-1",
        "SecretString": state.secret,
        "VersionId": "00000000-0000-0000-0000-000000000000",
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_700_000_000.0,
    });
    (200, answer.to_string())
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&header);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: line.trim().to_owned(),
        head,
        body: String::from_utf8(body).ok()?,
    })
}
