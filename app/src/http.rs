//! The HTTP side: routes, and the layers that every request passes.

mod access;
mod api;
mod assets;
mod consistency;
mod drill;
mod front;
mod health;
mod layers;
mod own_address;
mod page;
mod problem;
mod redirect;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::drill::Drill;
pub use self::front::Front;
use self::problem::Problem;
use self::redirect::Keeping;
use crate::cache::Routes;
use crate::clicks::Clicks;
use crate::config::{self, Config};
use crate::database::Database;
use crate::keys::{Limiter, Ring};
use crate::lifecycle::Lifecycle;
use crate::links::Store;

/// Far more than a form needs.
const MAX_FORM: usize = 16 * 1024;
/// Imports and exports at the same time.
const MAX_TRANSFERS: usize = 4;

/// What handlers share.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub routes: Routes,
    pub clicks: Clicks,
    database: Arc<Database>,
    store: Store,
    lifecycle: Lifecycle,
    config: config::Server,
    access: config::Access,
    ring: Ring,
    limiter: Limiter,
    drill: Drill,
    keeping: Keeping,
    /// Whether spans become traces.
    tracing: bool,
    /// One permit per request that is being answered.
    slots: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    document: OpenApi,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    pub fn new(
        database: Arc<Database>,
        lifecycle: Lifecycle,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let store = Store::new(Arc::clone(&database));
        let slots = Arc::new(Semaphore::new(config.server.max_requests));
        let routes = Routes::new(
            store.clone(),
            Arc::clone(&database),
            config.cache.clone(),
            Arc::clone(&slots),
        )?;
        Ok(Self(Arc::new(Parts {
            routes,
            clicks: Clicks::default(),
            ring: Ring::new(Arc::clone(&database)),
            database,
            store,
            lifecycle,
            access: config.access.clone(),
            limiter: Limiter::default(),
            drill: Drill::new(config.drills),
            keeping: Keeping::new(&config.server),
            tracing: config.telemetry.traces.is_some(),
            slots,
            transfers: Arc::new(Semaphore::new(MAX_TRANSFERS)),
            document: described(),
            config: config.server.clone(),
        })))
    }
}

impl Parts {
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// The OpenAPI document of what `router` serves.
pub fn described() -> OpenApi {
    OpenApiRouter::with_openapi(api::document())
        .merge(api::router())
        .merge(api::transfers())
        .to_openapi()
}

fn router(app: App) -> Router {
    let guard = from_fn_with_state(app.clone(), access::api);
    let limit = from_fn_with_state(app.clone(), layers::limit);
    let ready = from_fn_with_state(app.clone(), layers::ready);
    let (api, _) = api::router().split_for_parts();
    let (transfers, _) = api::transfers().split_for_parts();
    // Health answers also when there is no slot free: a busy task must not look like a dead one.
    let health = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::numbers))
        .route("/assets/{name}", get(assets::asset))
        .route("/docs", get(page::docs))
        .route("/openapi.json", get(page::document));
    let api = api.layer(limit.clone());
    let drills = Router::new()
        .route("/drill/burn", post(drill::burn))
        .route("/drill/fail", post(drill::fail));
    let guarded = Router::new()
        .merge(api)
        .merge(transfers)
        .merge(drills)
        .layer(guard)
        .layer(ready.clone());
    let pages = page::router()
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(from_fn_with_state(app.clone(), access::page))
        .layer(limit)
        .layer(ready.clone());
    // A redirect takes a slot only when it must ask the database.
    let redirects = Router::new()
        .route("/{slug}", get(redirect::follow))
        .layer(ready);
    Router::new()
        .merge(health)
        .merge(guarded)
        .merge(pages)
        .merge(redirects)
        .fallback(async || Problem::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(from_fn_with_state(app.clone(), layers::around))
        .with_state(app)
}
