//! One request: what it is refused for, which action it meets, and its way to a target and back.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_TYPE, HOST, LOCATION, SERVER, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;

use crate::body::AnswerBody;
use crate::core::View;
use crate::draft::Draft;
use crate::fields::Fields;
use crate::front::{Front, HEADERS_LIMIT, InService, LINE_LIMIT};
use crate::headers;
use crate::pages;
use crate::plan::{Action, Fixed, Listener};
use crate::redirect::{LOCATION_LIMIT, Redirect};
use crate::rules::Subject;

/// A request the load balancer answers by itself, with a status.
pub(crate) struct Refusal {
    pub status: StatusCode,
    /// The connection is not fit for another request.
    pub close: bool,
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            close: false,
        }
    }
}

/// A request that is being answered.
pub(crate) struct Exchange<'a> {
    pub front: &'a Rc<Front>,
    pub view: &'a View,
    pub started: Instant,
    pub draft: Option<Box<Draft>>,
}

/// Answers a request. Errors are answers too.
pub(crate) async fn serve(
    front: Rc<Front>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let in_service = InService::enter(&front);
    let started = Instant::now();
    let view = front.core.view.borrow().clone();
    let version = request.version();
    let mut answer = match &view {
        None => own(&front, StatusCode::SERVICE_UNAVAILABLE, None),
        Some(view) => {
            let draft = front.core.log.is_some().then(|| {
                let subject = subject(&front, &request);
                Box::new(Draft::new(&front, view, &subject, version, started))
            });
            let mut exchange = Exchange {
                front: &front,
                view,
                started,
                draft,
            };
            let attributes = &view.plan.compiled.attributes;
            let keep_alive = Duration::from_millis(attributes.client_keep_alive_ms);
            let mut answer = match exchange.handle(request).await {
                Ok(answer) => answer,
                Err(refusal) => {
                    let mut answer = own(&front, refusal.status, exchange.draft.take());
                    if refusal.close && version <= Version::HTTP_11 {
                        answer
                            .headers_mut()
                            .insert(CONNECTION, HeaderValue::from_static("close"));
                    }
                    answer
                }
            };
            if started.duration_since(front.started) >= keep_alive {
                front.last.set(true);
                if version <= Version::HTTP_11 && answer.status() != StatusCode::SWITCHING_PROTOCOLS
                {
                    answer
                        .headers_mut()
                        .insert(CONNECTION, HeaderValue::from_static("close"));
                }
            }
            answer
        }
    };
    // The client's side decides how it is spoken to.
    *answer.version_mut() = version;
    in_service.finish();
    Ok(answer)
}

/// An answer of the load balancer's own.
fn own(
    front: &Rc<Front>,
    status: StatusCode,
    mut draft: Option<Box<Draft>>,
) -> Response<AnswerBody> {
    front.core.counters.answered(status);
    if let Some(draft) = &mut draft {
        draft.record.elb_status = status.as_u16();
    }
    let mut answer = Response::new(AnswerBody::full(front, pages::html(status), draft));
    *answer.status_mut() = status;
    if status.canonical_reason().is_none() {
        answer
            .extensions_mut()
            .insert(ReasonPhrase::from_static(pages::reason(status).as_bytes()));
    }
    let headers = answer.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static(pages::SERVER));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    answer
}

fn subject<'r>(front: &Front, request: &'r Request<Incoming>) -> Subject<'r> {
    Subject {
        method: request.method().as_str(),
        authority: request.uri().authority().map(Authority::as_str),
        path: request.uri().path(),
        query: request.uri().query(),
        headers: Fields::Map(request.headers()),
        peer: front.peer.ip(),
    }
}

impl Exchange<'_> {
    async fn handle(
        &mut self,
        mut request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let compiled = &self.view.plan.compiled;
        let Some(listener) = self
            .view
            .listeners
            .get(&self.front.slot)
            .map(|index| &compiled.listeners[*index])
        else {
            // The listener was deleted while this connection was open.
            return Err(Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                close: true,
            });
        };
        let header_bytes = self.admit(&mut request)?;
        let (action, priority) = self.decide(listener, &request);
        if let Some(draft) = &mut self.draft {
            draft.record.rule_priority = Some(priority);
            draft.record.actions = match action {
                Action::Forward(_) => "forward",
                Action::Redirect(_) => "redirect",
                Action::Fixed(_) => "fixed-response",
            };
        }
        match action {
            Action::Forward(forward) => self.forward(forward, request, header_bytes).await,
            Action::Redirect(redirect) => self.redirect(redirect, &request),
            Action::Fixed(fixed) => Ok(self.fixed(fixed)),
        }
    }

    fn decide<'l>(&self, listener: &'l Listener, request: &Request<Incoming>) -> (&'l Action, u32) {
        let (action, priority, evaluated) = listener.decide(&subject(self.front, request));
        self.front.core.counters.rule_evaluations.add(evaluated);
        (action, priority)
    }

    /// Refuses what may not pass, and gives the request a Host. Says how long its headers are.
    fn admit(&self, request: &mut Request<Incoming>) -> Result<usize, Refusal> {
        let compiled = &self.view.plan.compiled;
        let bad = |status| {
            Err(Refusal {
                status,
                close: true,
            })
        };
        let line = request.method().as_str().len()
            + request
                .uri()
                .path_and_query()
                .map_or(1, |p| p.as_str().len())
            + " HTTP/1.1\r\n".len();
        if line > LINE_LIMIT {
            return bad(StatusCode::URI_TOO_LONG);
        }
        let mut total = 0;
        let mut odd_names = false;
        for (name, value) in request.headers() {
            let length = name.as_str().len() + value.len() + ": \r\n".len();
            if length > LINE_LIMIT {
                return bad(StatusCode::BAD_REQUEST);
            }
            total += length;
            odd_names |= !headers::valid_name(name);
        }
        if total > HEADERS_LIMIT {
            return bad(StatusCode::BAD_REQUEST);
        }
        if *request.method() == Method::TRACE {
            return bad(StatusCode::METHOD_NOT_ALLOWED);
        }
        if *request.method() == Method::CONNECT {
            return bad(StatusCode::BAD_REQUEST);
        }
        for value in request.headers().get_all(TRANSFER_ENCODING) {
            let known = value.to_str().is_ok_and(|text| {
                ["chunked", "identity"]
                    .iter()
                    .any(|known| text.trim().eq_ignore_ascii_case(known))
            });
            if !known {
                return bad(StatusCode::NOT_IMPLEMENTED);
            }
        }
        if odd_names {
            if compiled.attributes.drop_invalid_header_fields {
                let names: Vec<_> = request
                    .headers()
                    .keys()
                    .filter(|name| !headers::valid_name(name))
                    .cloned()
                    .collect();
                for name in names {
                    request.headers_mut().remove(name);
                }
            } else {
                self.front
                    .core
                    .counters
                    .forwarded_invalid_header_requests
                    .one();
            }
        }
        // An authority in the request line wins over the header, as in RFC 9112.
        if let Some(authority) = request.uri().authority() {
            let host = HeaderValue::from_str(authority.as_str())
                .map_err(|_| Refusal::from(StatusCode::BAD_REQUEST))?;
            request.headers_mut().insert(HOST, host);
        } else {
            let mut hosts = request.headers().get_all(HOST).iter();
            match (hosts.next(), hosts.next()) {
                (Some(_), None) => {}
                (None, _) if request.version() <= Version::HTTP_10 => {
                    let host = HeaderValue::from_str(&compiled.dns_name)
                        .map_err(|_| Refusal::from(StatusCode::BAD_REQUEST))?;
                    request.headers_mut().insert(HOST, host);
                }
                _ => return bad(StatusCode::BAD_REQUEST),
            }
        }
        Ok(total)
    }

    fn redirect(
        &mut self,
        redirect: &Redirect,
        request: &Request<Incoming>,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let location = redirect.location(
            &subject(self.front, request),
            self.front.tls.is_some(),
            self.front.port,
        );
        let counters = &self.front.core.counters;
        let value = HeaderValue::from_str(&location);
        let Some(value) = value.ok().filter(|_| location.len() <= LOCATION_LIMIT) else {
            counters.http_redirect_url_limit_exceeded.one();
            return Err(StatusCode::INSUFFICIENT_STORAGE.into());
        };
        counters.http_redirects.one();
        if let Some(draft) = &mut self.draft {
            draft.record.redirect_url = Some(location);
        }
        let mut answer = own(self.front, redirect.status, self.draft.take());
        answer.headers_mut().insert(LOCATION, value);
        Ok(answer)
    }

    fn fixed(&mut self, fixed: &Fixed) -> Response<AnswerBody> {
        let counters = &self.front.core.counters;
        counters.http_fixed_responses.one();
        counters.answered(fixed.status);
        let mut draft = self.draft.take();
        if let Some(draft) = &mut draft {
            draft.record.elb_status = fixed.status.as_u16();
        }
        let mut answer = Response::new(AnswerBody::full(self.front, fixed.body.clone(), draft));
        *answer.status_mut() = fixed.status;
        let headers = answer.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static(pages::SERVER));
        if let Some(content_type) = &fixed.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        answer
    }
}
