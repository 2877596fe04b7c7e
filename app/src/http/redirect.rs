//! `/{slug}`: what the service is for.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::App;
use super::api::{existing, no_link};
use super::problem::Problem;

pub(super) async fn follow(
    State(app): State<App>,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let link = app.store.get(&existing(slug)?).await?.ok_or_else(no_link)?;
    let location = HeaderValue::try_from(link.target).map_err(|error| {
        // Targets are checked when they are stored, so someone wrote to the table by hand.
        tracing::error!(slug = link.slug, %error, "stored target is not a header value");
        no_link()
    })?;
    // A link may be deleted: nobody may follow it from a cache without asking.
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}
