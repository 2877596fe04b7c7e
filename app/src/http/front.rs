//! What every connection asks first: redirects from this process's cache are answered here, all else by the router.
//!
//! Most of what comes is such a redirect, and routing, layers and a span of its own would cost several times what its
//! answer does.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Instant;

use axum::Router;
use axum::response::Response;
use futures_util::future::Either;
use http::{Method, Request};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use tracing::Level;

use super::{App, layers, redirect, router};
use crate::lifecycle::Phase;
use crate::links::Slug;
use crate::telemetry::metrics;

#[derive(Clone)]
pub struct Front {
    app: App,
    router: TowerToHyperService<Router>,
}

impl Front {
    pub fn new(app: App) -> Self {
        let router = TowerToHyperService::new(router(app.clone()));
        Self { app, router }
    }
}

type Answer = Result<Response, Infallible>;

impl Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, TowerToHyperServiceFuture<Router, Request<Incoming>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        match at_once(&self.app, &request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.router.call(request)),
        }
    }
}

/// The answer that the router would give, if it is to a link that is kept and nothing more is wanted than that. Nobody
/// may see a difference: whoever adds a layer around redirects adds what it does here.
fn at_once<B>(app: &App, request: &Request<B>) -> Option<Response> {
    let begun = Instant::now();
    if *request.method() != Method::GET {
        return None;
    }
    let slug = Slug::parse(request.uri().path().strip_prefix('/')?).ok()?;
    let wanted_more = app.tracing || tracing::enabled!(Level::DEBUG) || app.drill.is_failing();
    if wanted_more || app.lifecycle.phase() == Phase::Starting {
        return None;
    }
    let route = app.routes.at_hand(&slug)?;
    let mut response =
        redirect::answer(app, &slug, &route, request.method(), request.headers()).ok()?;
    metrics().cache_hit();
    let https = layers::is_https(request.headers());
    layers::finish(app, https, &mut response);
    metrics().request("redirect", response.status().as_u16(), begun.elapsed());
    Some(response)
}
