//! Access log records in AWS's line format, and where they go.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;

/// Takes access log lines. Called on the cores that serve, so it must not wait.
pub trait AccessLog: Send + Sync {
    /// One line, without its end.
    fn record(&self, line: String);
}

/// All that a line tells. `None` and empty texts become `-`.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// `http`, `https`, `h2`, `ws`, `wss`.
    pub kind: &'static str,
    pub finished: Timestamp,
    pub created: Timestamp,
    pub load_balancer: String,
    pub client: SocketAddr,
    pub target: Option<SocketAddr>,
    /// Seconds to the target, in the target, and back; -1 when it never went there.
    pub times: Option<[f64; 3]>,
    pub elb_status: u16,
    pub target_status: Option<u16>,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub request_line: String,
    pub user_agent: String,
    pub tls: Option<(String, String)>,
    pub target_group: Option<String>,
    pub trace_id: String,
    pub domain: Option<String>,
    pub certificate: Option<String>,
    pub rule_priority: Option<u32>,
    pub actions: &'static str,
    pub redirect_url: Option<String>,
    pub connection_trace: String,
}

impl Record {
    pub(crate) fn line(&self) -> String {
        const USER_AGENT_LIMIT: usize = 8 * 1024;
        let mut line = String::with_capacity(512);
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let times = match self.times {
            Some([to, at, back]) => format!("{to:.3} {at:.3} {back:.3}"),
            None => "-1 -1 -1".into(),
        };
        let target = or_dash(self.target.map(|t| t.to_string()));
        let target_status = or_dash(self.target_status.map(|s| s.to_string()));
        let (cipher, protocol) = self.tls.clone().unwrap_or(("-".into(), "-".into()));
        let mut user_agent = self.user_agent.as_str();
        while user_agent.len() > USER_AGENT_LIMIT {
            let mut end = USER_AGENT_LIMIT;
            while !user_agent.is_char_boundary(end) {
                end -= 1;
            }
            user_agent = &user_agent[..end];
        }
        write!(
            line,
            "{} {:.6} {} {} {target} {times} {} {target_status} {} {} {} {} {cipher} {protocol} {} {} {} {} {} {:.6} {} {} \"-\" {} {} \"-\" \"-\" {}",
            self.kind,
            self.finished,
            self.load_balancer,
            self.client,
            self.elb_status,
            self.received_bytes,
            self.sent_bytes,
            quoted(&self.request_line),
            quoted(user_agent),
            or_dash(self.target_group.clone()),
            quoted(&self.trace_id),
            quoted(self.domain.as_deref().unwrap_or_default()),
            quoted(self.certificate.as_deref().unwrap_or_default()),
            or_dash(self.rule_priority.map(|p| p.to_string())),
            self.created,
            quoted(self.actions),
            quoted(self.redirect_url.as_deref().unwrap_or_default()),
            quoted(&target),
            quoted(&target_status),
            self.connection_trace,
        )
        .expect("a String takes all that is written");
        line
    }
}

/// In double quotes, with what would end the field or the line escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    if text.is_empty() {
        out.push('-');
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\x22"),
            '\\' => out.push_str("\\x5C"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes lines to files in a directory, one file for each five minutes.
#[derive(Debug)]
pub struct DirectoryLog {
    lines: SyncSender<String>,
}

impl DirectoryLog {
    /// Starts writing to `directory`, which is made if it is not there.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let (lines, queue) = sync_channel(16 * 1024);
        let directory = directory.to_owned();
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_lines(&directory, &queue))?;
        Ok(Self { lines })
    }
}

impl AccessLog for DirectoryLog {
    fn record(&self, line: String) {
        // Access logs are best effort on AWS too: a full queue must not slow requests down.
        let _ = self.lines.try_send(line);
    }
}

fn write_lines(directory: &Path, queue: &Receiver<String>) {
    use std::io::Write as _;
    const SLOT_SECONDS: i64 = 300;
    let mut open: Option<(i64, std::io::BufWriter<std::fs::File>)> = None;
    while let Ok(mut line) = queue.recv() {
        let slot = Timestamp::now().as_second() / SLOT_SECONDS;
        if open.as_ref().is_none_or(|(at, _)| *at != slot) {
            let path = slot_path(directory, slot * SLOT_SECONDS);
            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path);
            open = match file {
                Ok(file) => Some((slot, std::io::BufWriter::new(file))),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot open the access log");
                    None
                }
            };
        }
        let Some((_, file)) = &mut open else { continue };
        loop {
            let written = writeln!(file, "{line}");
            if let Err(error) = written {
                tracing::warn!(%error, "cannot write the access log");
                open = None;
                break;
            }
            let Ok(next) = queue.try_recv() else {
                if file.flush().is_err() {
                    open = None;
                }
                break;
            };
            line = next;
        }
    }
}

fn slot_path(directory: &Path, start: i64) -> PathBuf {
    let start = Timestamp::from_second(start).unwrap_or_default();
    directory.join(format!("{}.log", start.strftime("%Y%m%dT%H%MZ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            kind: "http",
            finished: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            created: "2026-01-02T03:04:05Z".parse().unwrap(),
            load_balancer: "app/web/0123456789abcdef".into(),
            client: "192.0.2.1:5000".parse().unwrap(),
            target: Some("10.0.0.1:80".parse().unwrap()),
            times: Some([0.001, 0.25, 0.0]),
            elb_status: 200,
            target_status: Some(200),
            received_bytes: 34,
            sent_bytes: 366,
            request_line: "GET http://a:80/\"x HTTP/1.1".into(),
            user_agent: "curl/8".into(),
            tls: None,
            target_group: Some("arn:tg".into()),
            trace_id: "Root=1-a-b".into(),
            domain: None,
            certificate: None,
            rule_priority: Some(0),
            actions: "forward",
            redirect_url: None,
            connection_trace: "TID_1".into(),
        }
    }

    #[test]
    fn a_line_has_all_thirty_fields_in_order() {
        assert_eq!(
            record().line(),
            "http 2026-01-02T03:04:05.500000Z app/web/0123456789abcdef 192.0.2.1:5000 10.0.0.1:80 \
             0.001 0.250 0.000 200 200 34 366 \"GET http://a:80/\\x22x HTTP/1.1\" \"curl/8\" - - \
             arn:tg \"Root=1-a-b\" \"-\" \"-\" 0 2026-01-02T03:04:05.000000Z \"forward\" \"-\" \"-\" \
             \"10.0.0.1:80\" \"200\" \"-\" \"-\" TID_1"
        );
        let refused = Record {
            target: None,
            times: None,
            target_status: None,
            user_agent: "é".repeat(5000),
            ..record()
        };
        let line = refused.line();
        assert!(line.contains(" - -1 -1 -1 200 - "));
        assert_eq!(line.matches('é').count(), 4096);
    }
}
