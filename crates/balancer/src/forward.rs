//! A request's way to a target and its answer's way back.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, SET_COOKIE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};

use crate::body::{AnswerBody, Claim, Lease};
use crate::exchange::{Exchange, Refusal};
use crate::fields::Fields;
use crate::headers;
use crate::plan::Forward;
use crate::upstream::{ConnectError, Progress, RequestBody, SendError, Target};
use crate::watch::Fired;

const AMZN_TLS_VERSION: HeaderName = HeaderName::from_static("x-amzn-tls-version");
const AMZN_TLS_CIPHER: HeaderName = HeaderName::from_static("x-amzn-tls-cipher-suite");

impl Exchange<'_> {
    pub(crate) async fn forward(
        &mut self,
        forward: &Forward,
        mut request: Request<Incoming>,
        header_bytes: usize,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let compiled = &self.view.plan.compiled;
        let attributes = &compiled.attributes;
        let choice = self.choose(forward, Fields::Map(request.headers()))?;
        let upgrade = headers::wants_upgrade(request.headers(), request.version())
            .then(|| request.headers().get(UPGRADE).cloned())
            .flatten();
        self.rewrite(&mut request, header_bytes, upgrade.as_ref())?;

        let core = &self.front.core;
        core.counters.requests.one();
        choice.target.counters.requests.one();
        let idle_limit = Duration::from_millis(attributes.idle_timeout_ms);
        let connect_limit = Duration::from_millis(attributes.connect_timeout_ms);
        let progress = Rc::new(Progress::default());
        let mut request = request.map(|incoming| RequestBody::new(incoming, &progress));
        let target = &choice.target;
        let claim = Claim::new(Rc::clone(target), self.front, choice.outstanding.clone());
        let mut fresh = false;
        let (upstream, answer, sent) = loop {
            let pooled = if fresh {
                None
            } else {
                target.reuse(idle_limit)
            };
            let mut upstream = match pooled {
                Some(upstream) => upstream,
                None => target
                    .connect(&core.clock, connect_limit, idle_limit)
                    .await
                    .map_err(|error| no_connection(target, error))?,
            };
            upstream.watch.touch();
            progress.touch(&upstream.watch);
            let sent = Instant::now();
            if let Some(draft) = &mut self.draft {
                draft.sent = Some(sent);
            }
            match upstream.exchange(request).await {
                Ok(answer) => break (upstream, answer, sent),
                Err(SendError::Unsent(unsent)) if upstream.reused => {
                    // It was closed while it stood idle, and nothing of the request is out.
                    fresh = true;
                    request = *unsent;
                }
                Err(error) => return Err(no_answer(target, &progress, error)),
            }
        };
        let answered = Instant::now();
        target
            .counters
            .target_answered(answer.status(), answered.duration_since(sent));
        if let Some(draft) = &mut self.draft {
            draft.answered = Some(answered);
            draft.record.elb_status = answer.status().as_u16();
            draft.record.target_status = Some(answer.status().as_u16());
        }
        let (mut head, incoming) = answer.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            if upgrade.is_none() {
                return Err(failed(target, StatusCode::BAD_GATEWAY));
            }
            let Some(io) = upstream.into_io().await else {
                return Err(failed(target, StatusCode::BAD_GATEWAY));
            };
            *self.front.upgrade.borrow_mut() = Some(io);
            if let Some(draft) = &mut self.draft {
                draft.record.kind = if self.front.tls.is_some() {
                    "wss"
                } else {
                    "ws"
                };
            }
            let body = AnswerBody::full(self.front, Bytes::new(), self.draft.take());
            return Ok(Response::from_parts(head, body));
        }
        if head.headers.contains_key(TRANSFER_ENCODING) {
            // The coding says where the body ends; a length beside it is wrong, whatever it says.
            head.headers.remove(CONTENT_LENGTH);
        }
        headers::remove_hop_by_hop(&mut head.headers, false);
        head.extensions.clear();
        for cookie in self.stick(&choice, Fields::Map(&head.headers)) {
            head.headers.append(SET_COOKIE, cookie);
        }
        let lease = Lease { upstream, claim };
        let body = AnswerBody::streaming(self.front, incoming, lease, self.draft.take());
        Ok(Response::from_parts(head, body))
    }

    /// Makes the client's request the target's.
    fn rewrite(
        &mut self,
        request: &mut Request<Incoming>,
        header_bytes: usize,
        upgrade: Option<&HeaderValue>,
    ) -> Result<(), Refusal> {
        let front = self.front;
        let attributes = &self.view.plan.compiled.attributes;
        if request.uri().authority().is_some() {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
        let keep_framing = request.version() == Version::HTTP_11;
        *request.version_mut() = Version::HTTP_11;
        // Left over from reading; the target's side has its own.
        request.extensions_mut().clear();
        let no_body = request.body().is_end_stream();
        let map = request.headers_mut();
        headers::remove_hop_by_hop(map, keep_framing && !no_body);
        if let Some(protocol) = upgrade {
            map.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            map.insert(UPGRADE, protocol.clone());
        }
        if map.contains_key(EXPECT) {
            map.remove(EXPECT);
        }
        if !attributes.preserve_host_header {
            let host = map
                .get(HOST)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| headers::host(text, front.port));
            if let Some(value) = host.and_then(|host| HeaderValue::from_str(&host).ok()) {
                map.insert(HOST, value);
            }
        }
        headers::forwarded_for(
            map,
            attributes.xff_header_processing_mode,
            &front.address[usize::from(attributes.xff_client_port)],
        )
        .map_err(|headers::TooManyAddresses| too_many_addresses())?;
        let scheme = if front.tls.is_some() { "https" } else { "http" };
        map.insert(headers::X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
        map.insert(headers::X_FORWARDED_PORT, front.port_header.clone());
        if attributes.tls_version_and_cipher_suite
            && let Some(tls) = &front.tls
        {
            map.insert(AMZN_TLS_VERSION, HeaderValue::from_static(tls.version));
            if let Ok(cipher) = HeaderValue::from_str(&tls.cipher) {
                map.insert(AMZN_TLS_CIPHER, cipher);
            }
        }
        let fresh = front.core.fresh_trace(self.started);
        let existing = map
            .get(headers::X_AMZN_TRACE_ID)
            .and_then(|value| value.to_str().ok());
        let trace = headers::trace(existing, header_bytes, fresh.id());
        if let Some(draft) = &mut self.draft {
            draft.record.trace_id.clone_from(&trace);
        }
        let trace = HeaderValue::from_maybe_shared(Bytes::from(trace))
            .map_err(|_| StatusCode::BAD_REQUEST)?;
        map.insert(headers::X_AMZN_TRACE_ID, trace);
        Ok(())
    }
}

pub(crate) fn no_connection(target: &Target, error: ConnectError) -> Refusal {
    match error {
        ConnectError::Refused | ConnectError::Timeout => {
            target.counters.target_connection_errors.one();
        }
        ConnectError::Tls => target.counters.target_tls_negotiation_errors.one(),
    }
    failed(
        target,
        match error {
            ConnectError::Refused | ConnectError::Tls => StatusCode::BAD_GATEWAY,
            ConnectError::Timeout => StatusCode::GATEWAY_TIMEOUT,
        },
    )
}

pub(crate) fn no_answer(target: &Target, progress: &Progress, error: SendError) -> Refusal {
    let status = match error {
        _ if progress.failed.get() => StatusCode::BAD_REQUEST,
        SendError::Unsent(_) | SendError::Broken | SendError::Fired(Fired::Cut) => {
            StatusCode::BAD_GATEWAY
        }
        // The one that kept the other waiting is to blame.
        SendError::Fired(Fired::Idle) if !progress.complete.get() => StatusCode::REQUEST_TIMEOUT,
        SendError::Fired(Fired::Idle) => StatusCode::GATEWAY_TIMEOUT,
    };
    Refusal {
        close: !progress.complete.get(),
        ..failed(target, status)
    }
}

pub(crate) fn failed(target: &Target, status: StatusCode) -> Refusal {
    target.counters.failed(status);
    status.into()
}

fn too_many_addresses() -> StatusCode {
    StatusCode::from_u16(463).expect("463 is in range")
}
