//! Who asks, what they may do, and how often.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;

use super::App;
use super::problem::Problem;
use crate::keys::{Key, Limited, Scope, Standing, Token};
use crate::telemetry::metrics;

/// Holds the API key of who signed in to the page.
pub(super) const COOKIE: &str = "links_key";

/// Whoever sent the request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// None: nobody said.
    pub key: Option<Arc<Key>>,
    /// Whether everyone may do everything but drills.
    open: bool,
}

impl Caller {
    /// Whose idempotency keys are these?
    pub(super) fn owner(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.id)
    }

    pub(super) fn may(&self, scope: Scope) -> bool {
        match &self.key {
            Some(key) => key.scopes.contains(&scope),
            None => self.open && scope != Scope::Admin,
        }
    }

    fn need(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) {
            Ok(())
        } else if self.key.is_some() {
            Err(Problem::forbidden(format!(
                "this key lacks the scope {scope}"
            )))
        } else {
            Err(Problem::unauthorized(&format!(
                "send an API key with the scope {scope}: Authorization: Bearer lk_…"
            )))
        }
    }
}

/// For everything under `/api`: who it is, whether they may, and whether it is not too often.
pub(super) async fn api(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let scope = if request.uri().path().starts_with("/drill/") {
        Scope::Admin
    } else {
        needed(request.method())
    };
    let caller = match identify(&app, request.method(), request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let standing = match app.limit(&caller, request.headers()) {
        Ok(standing) => standing,
        Err(limited) => {
            metrics().refused("rate");
            let mut response = Problem::too_many(limited.retry_after).into_response();
            tell(&mut response, limited.standing);
            return response;
        }
    };
    // Drills are for whoever runs the service: without keys nobody is somebody, and the configuration has said yes.
    let allowed = if scope == Scope::Admin && !app.access.keys_needed && caller.key.is_none() {
        Ok(())
    } else {
        caller.need(scope)
    };
    let mut response = match allowed {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(standing) = standing {
        tell(&mut response, standing);
    }
    response
}

/// For pages: who it is. Each page says for itself what is needed.
pub(super) async fn page(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match identify(&app, request.method(), request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        // A key that is not valid any more: signed out, to be signed in again.
        Err(problem) if problem.status == http::StatusCode::UNAUTHORIZED => {
            request.extensions_mut().insert(Caller {
                key: None,
                open: !app.access.keys_needed,
            });
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn needed(method: &Method) -> Scope {
    if method.is_safe() {
        Scope::Read
    } else {
        Scope::Write
    }
}

async fn identify(app: &App, method: &Method, headers: &HeaderMap) -> Result<Caller, Problem> {
    let open = !app.access.keys_needed;
    let token = if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = bearer(value);
        Some(token.ok_or_else(|| {
            Problem::unauthorized("the header must be: Authorization: Bearer lk_…")
        })?)
    } else {
        // Only browsers act for somebody without being told to, and they say for whom.
        if !method.is_safe() && comes_from_elsewhere(headers) {
            return Err(Problem::forbidden("this came from another site's page"));
        }
        cookie(headers, COOKIE).and_then(Token::parse)
    };
    let Some(token) = token else {
        return Ok(Caller { key: None, open });
    };
    let found = app.ring.find(&token, Timestamp::now()).await;
    let key = found.map_err(|error| Problem::from(&*error))?;
    let key = key.ok_or_else(|| Problem::unauthorized("this API key is not valid (any more)"))?;
    Ok(Caller {
        key: Some(key),
        open,
    })
}

fn bearer(value: &HeaderValue) -> Option<Token> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(())?;
    Token::parse(token.trim())
}

pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// What a browser says of the page that made it send this (Fetch Metadata; older ones send `Origin`).
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok());
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    origin.is_some_and(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_none() || authority != host
    })
}

impl App {
    fn limit(&self, caller: &Caller, headers: &HeaderMap) -> Result<Option<Standing>, Limited> {
        let now = Instant::now();
        if let Some(key) = &caller.key {
            return self
                .limiter
                .take(&key.id, key.requests_per_minute, now)
                .map(Some);
        }
        let Some(quota) = self.access.anonymous_per_minute else {
            return Ok(None);
        };
        // What the balancer saw, which it puts last; what comes before, anyone may have written.
        let address = headers
            .get("x-forwarded-for")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .map_or("direct", str::trim);
        self.limiter
            .take(&format!("from {address}"), quota, now)
            .map(Some)
    }
}

/// `RateLimit` and `RateLimit-Policy`, as the IETF's draft 10 writes them.
fn tell(response: &mut Response, standing: Standing) {
    let Standing {
        quota,
        remaining,
        reset,
    } = standing;
    let reset = reset.as_millis().div_ceil(1000);
    let values = [
        ("ratelimit-policy", format!("\"minute\";q={quota};w=60")),
        ("ratelimit", format!("\"minute\";r={remaining};t={reset}")),
    ];
    for (name, value) in values {
        let value = HeaderValue::from_str(&value).expect("it is printable");
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn other_sites_pages_are_told_from_our_own() {
        let cases: [(&[(&'static str, &str)], bool); 7] = [
            (&[], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("host", "sho.rt"), ("origin", "https://sho.rt")], false),
            (&[("host", "sho.rt"), ("origin", "https://evil.test")], true),
            (&[("host", "sho.rt"), ("origin", "null")], true),
        ];
        for (pairs, expected) in cases {
            assert_eq!(comes_from_elsewhere(&headers(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[("cookie", "a=1; links_key=lk_x; links_keys=2")]);
        assert_eq!(cookie(&headers, COOKIE), Some("lk_x"));
        assert_eq!(cookie(&headers, "b"), None);
    }
}
