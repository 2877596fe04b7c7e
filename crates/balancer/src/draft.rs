//! An access log line in the making: what is known of a request so far.

use std::time::Instant;

use http::header::{HOST, USER_AGENT};

use crate::access_log::Record;
use crate::core::View;
use crate::front::Front;
use crate::rules::Subject;

/// An access log record that is being filled, for cores that keep a log.
pub(crate) struct Draft {
    pub record: Record,
    started: Instant,
    pub sent: Option<Instant>,
    pub answered: Option<Instant>,
    bytes_before: (u64, u64),
}

impl Draft {
    pub(crate) fn new(
        front: &Front,
        view: &View,
        request: &Subject<'_>,
        version: http::Version,
        started: Instant,
    ) -> Self {
        let text = |value: Option<&[u8]>| {
            value.map_or_else(String::new, |v| String::from_utf8_lossy(v).into_owned())
        };
        let scheme = if front.tls.is_some() { "https" } else { "http" };
        let host = request
            .authority
            .map_or_else(|| text(request.headers.first(&HOST)), str::to_owned);
        let (question, query) = request.query.map_or(("", ""), |query| ("?", query));
        let now = jiff::Timestamp::now();
        let [a, b] = [front.core.chance(), front.core.chance()];
        Self {
            record: Record {
                kind: match (&front.tls, front.http2) {
                    (_, true) => "h2",
                    (Some(_), false) => "https",
                    (None, false) => "http",
                },
                finished: now,
                created: now,
                load_balancer: view.plan.compiled.log_name.clone(),
                client: front.peer,
                target: None,
                times: None,
                elb_status: 0,
                target_status: None,
                received_bytes: 0,
                sent_bytes: 0,
                request_line: format!(
                    "{} {scheme}://{}:{}{}{question}{query} {version:?}",
                    request.method,
                    crate::rules::without_port(&host),
                    front.port,
                    request.path,
                ),
                user_agent: text(request.headers.first(&USER_AGENT)),
                tls: front
                    .tls
                    .as_ref()
                    .map(|tls| (tls.cipher.clone(), tls.version.to_owned())),
                target_group: None,
                trace_id: String::new(),
                domain: front.tls.as_ref().and_then(|tls| tls.server_name.clone()),
                certificate: None,
                rule_priority: None,
                actions: "-",
                redirect_url: None,
                connection_trace: format!("TID_{a:016x}{b:016x}"),
            },
            started,
            sent: None,
            answered: None,
            bytes_before: (front.bytes_in.get(), front.bytes_out.get()),
        }
    }

    pub(crate) fn write(mut self, front: &Front) {
        let Some(log) = &front.core.log else { return };
        let record = &mut self.record;
        record.finished = jiff::Timestamp::now();
        record.received_bytes = front.bytes_in.get() - self.bytes_before.0;
        record.sent_bytes = front.bytes_out.get() - self.bytes_before.1;
        if let Some(sent) = self.sent {
            let at = self.answered.unwrap_or_else(Instant::now);
            record.times = Some([
                sent.duration_since(self.started).as_secs_f64(),
                at.duration_since(sent).as_secs_f64(),
                self.answered.map_or(-1.0, |at| at.elapsed().as_secs_f64()),
            ]);
        }
        log.record(record.line());
    }
}
