//! The HTTP side: routes, and the layers that every request passes.

mod api;
mod health;
mod layers;
mod own_address;
mod page;
mod problem;
mod redirect;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tokio::sync::Semaphore;

use self::problem::Problem;
use crate::config;
use crate::database::Database;
use crate::lifecycle::Lifecycle;
use crate::links::Store;

/// Far more than a link needs.
const MAX_BODY: usize = 16 * 1024;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    store: Store,
    database: Arc<Database>,
    lifecycle: Lifecycle,
    config: Arc<config::Server>,
    /// One permit per request that is being answered.
    slots: Arc<Semaphore>,
}

impl App {
    pub fn new(database: Arc<Database>, lifecycle: Lifecycle, config: config::Server) -> Self {
        Self {
            store: Store::new(Arc::clone(&database)),
            database,
            lifecycle,
            slots: Arc::new(Semaphore::new(config.max_requests)),
            config: Arc::new(config),
        }
    }
}

pub fn router(app: App) -> Router {
    // Health answers also when there is no slot free: a busy task must not look like a dead one.
    let health = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready));
    let service = Router::new()
        .route("/", get(page::show))
        .route("/assets/links.css", get(page::style))
        .route("/api/links", axum::routing::post(api::create))
        .route("/api/links/{slug}", get(api::read).delete(api::delete))
        .route("/{slug}", get(redirect::follow))
        .fallback(async || Problem::not_found("there is nothing at this path"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(app.clone(), layers::limit));
    Router::new()
        .merge(health)
        .merge(service)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(app.clone(), layers::finish))
        .layer(from_fn(layers::log))
        .with_state(app)
}
