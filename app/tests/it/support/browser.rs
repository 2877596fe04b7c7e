//! A real browser (the Debian packages `chromium` and `chromium-driver`), told what to do by WebDriver (W3C).

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::eventually;

/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

pub(crate) struct Element(String);

impl Browser {
    pub(crate) fn start() -> Self {
        let mut driver = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start chromedriver");
        let port = port_of(&mut driver);
        let profile = tempfile::tempdir().expect("make a directory for the browser");
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            profile,
        };
        let arguments = [
            "--headless=new".to_owned(),
            // Tests run as root in places where a sandbox cannot be made.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            "--window-size=1100,900".to_owned(),
            format!("--user-data-dir={}", browser.profile.path().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
        } } });
        let session = browser.send("POST", "/session", &wanted);
        let id = session["sessionId"].as_str().expect("a session");
        id.clone_into(&mut browser.session);
        browser
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    pub(crate) fn url(&self) -> String {
        self.get("/url").as_str().expect("a text").to_owned()
    }

    /// The element, waited for.
    pub(crate) fn find(&self, css: &str) -> Element {
        eventually(css, || {
            let found = self.find_all(css);
            found.into_iter().next().ok_or_else(|| self.source())
        })
    }

    pub(crate) fn find_all(&self, css: &str) -> Vec<Element> {
        let found = self.post(
            "/elements",
            &json!({ "using": "css selector", "value": css }),
        );
        let found = found.as_array().expect("a list");
        let id = |element: &Value| Element(element[ELEMENT].as_str().expect("an id").to_owned());
        found.iter().map(id).collect()
    }

    pub(crate) fn click(&self, css: &str) {
        let element = self.find(css);
        self.post(&format!("/element/{}/click", element.0), &json!({}));
    }

    /// Puts text into a field, in place of what is there.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.post(&format!("/element/{}/clear", element.0), &json!({}));
        self.post(
            &format!("/element/{}/value", element.0),
            &json!({ "text": text }),
        );
    }

    /// Presses keys, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    pub(crate) fn text(&self, css: &str) -> String {
        let element = self.find(css);
        let text = self.get(&format!("/element/{}/text", element.0));
        text.as_str().expect("a text").to_owned()
    }

    /// What a script returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// A command of the browser's own protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    /// Keeps a picture of the whole page for people to look at.
    pub(crate) fn picture(&self, name: &str) {
        let whole = json!({ "captureBeyondViewport": true });
        let picture = self.devtools("Page.captureScreenshot", &whole);
        let bytes = STANDARD
            .decode(picture["data"].as_str().expect("a picture"))
            .expect("base64");
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
        fs::create_dir_all(&dir).expect("make a directory for pictures");
        fs::write(dir.join(format!("{name}.png")), bytes).expect("keep the picture");
    }

    pub(crate) fn source(&self) -> String {
        self.get("/source").as_str().unwrap_or_default().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.send(
            "GET",
            &format!("/session/{}{path}", self.session),
            &Value::Null,
        )
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self
            .exchange(method, path, body)
            .expect("talk to chromedriver");
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        answer["value"].clone()
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> std::io::Result<(u16, Value)> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        // The driver does not close the connection.
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok((
            status.unwrap_or_default(),
            serde_json::from_slice(&body).unwrap_or(Value::Null),
        ))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; the driver ends below in any case.
        let path = format!("/session/{}", self.session);
        let _ = self.exchange("DELETE", &path, &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The driver says which port the kernel gave it.
fn port_of(driver: &mut Child) -> u16 {
    let output = driver.stdout.take().expect("its output is a pipe");
    let mut lines = BufReader::new(output).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let rest = line.split_once("on port ")?.1;
            rest.trim_end_matches('.')
                .parse()
                .ok()
                .filter(|port| *port > 0)
        })
        .expect("chromedriver says its port: are chromium and chromium-driver installed?");
    // Nobody reads what it says from here on, so it must not wait for anybody to.
    std::thread::spawn(move || lines.for_each(drop));
    port
}
