//! `/{slug}`: what the service is for.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use tokio::time::timeout;

use super::App;
use super::api::links::existing;
use super::problem::Problem;
use crate::cache::Route;
use crate::links::{Redirect, Slug, State as LinkState};

pub(super) async fn follow(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let slug = existing(slug)?;
    let found = timeout(app.config.request_timeout, app.routes.find(&slug)).await;
    let found = found.map_err(|_| Problem::unavailable("the link took too long; try again"))??;
    let route = found.ok_or_else(Problem::no_link)?;
    answer(&app, &slug, &route, &method, &headers)
}

pub(super) fn answer(
    app: &App,
    slug: &Slug,
    route: &Route,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let now = Timestamp::now();
    match route.state(now) {
        LinkState::Active => {}
        LinkState::Disabled => {
            return Err(Problem::gone(
                "urn:links:problem:link-disabled",
                "The link is switched off",
            ));
        }
        LinkState::Expired => {
            return Err(Problem::gone(
                "urn:links:problem:link-expired",
                "The link has expired",
            ));
        }
    }
    if *method == Method::GET {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        app.clicks.count(
            slug,
            now.as_second(),
            text(header::REFERER),
            text(header::USER_AGENT),
        );
    }
    let status = match route.redirect {
        Redirect::Permanent => StatusCode::MOVED_PERMANENTLY,
        Redirect::Temporary => StatusCode::FOUND,
    };
    let fixed = [
        (header::LOCATION, route.location.clone()),
        (header::CACHE_CONTROL, app.keeping.of(route, now)),
    ];
    Ok((status, fixed).into_response())
}

/// How long others may keep a redirect. Links are changed, switched off and expire, and who keeps one does not ask.
pub(super) struct Keeping {
    /// For a permanent redirect.
    seconds: i64,
    /// For a temporary one, in caches that many share; none when zero.
    shared_seconds: i64,
    permanent: HeaderValue,
    temporary: HeaderValue,
}

impl Keeping {
    pub(super) fn new(config: &crate::config::Server) -> Self {
        let seconds =
            |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let mut keeping = Self {
            seconds: seconds(config.redirect_max_age),
            shared_seconds: seconds(config.redirect_shared_max_age),
            permanent: HeaderValue::from_static("no-cache"),
            temporary: HeaderValue::from_static("no-cache"),
        };
        keeping.permanent = keeping.value(Redirect::Permanent, i64::MAX);
        keeping.temporary = keeping.value(Redirect::Temporary, i64::MAX);
        keeping
    }

    fn of(&self, route: &Route, now: Timestamp) -> HeaderValue {
        match (route.expires_at, route.redirect) {
            (None, Redirect::Permanent) => self.permanent.clone(),
            (None, Redirect::Temporary) => self.temporary.clone(),
            (Some(at), redirect) => self.value(redirect, at.as_second() - now.as_second()),
        }
    }

    /// At most until it expires.
    fn value(&self, redirect: Redirect, left: i64) -> HeaderValue {
        let text = match redirect {
            Redirect::Permanent => match self.seconds.min(left) {
                1.. => format!("public, max-age={}", self.seconds.min(left)),
                _ => "no-cache".to_owned(),
            },
            Redirect::Temporary => match self.shared_seconds.min(left) {
                1.. => format!(
                    "public, max-age=0, s-maxage={}",
                    self.shared_seconds.min(left)
                ),
                _ => "no-cache".to_owned(),
            },
        };
        HeaderValue::try_from(text).expect("it is printable")
    }
}
