//! `/api`: links for programs. What is here is described by the OpenAPI document that is made from it.

#![allow(
    unused_qualifications,
    reason = "the macro that describes operations writes them"
)]

mod body;
mod import;
pub(super) mod links;
mod qr;
mod statistics;

use axum::extract::DefaultBodyLimit;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::body::NewLinkBody;
use super::App;

/// Far more than a link needs.
const MAX_BODY: usize = 16 * 1024;

/// Operations on links, answered within the request's time.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(links::create, links::list))
        .routes(routes!(links::read, links::change, links::delete))
        .routes(routes!(statistics::read))
        .routes(routes!(qr::svg))
        .routes(routes!(qr::png))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// Operations that take as long as there is something to carry.
pub(super) fn transfers() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(import::import))
        .routes(routes!(import::export))
        .layer(DefaultBodyLimit::disable())
}

/// The document without its operations.
pub(super) fn document() -> OpenApi {
    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("links")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "A link shortener. Errors are problem details (RFC 9457). Where the service asks for API keys, \
                     they are sent as bearer tokens; a key's quota is told by `RateLimit` and `RateLimit-Policy`.",
                )),
        )
        .build();
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, as `links key create` makes them."))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("key", SecurityScheme::Http(key));
    document
}
