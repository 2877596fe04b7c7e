//! `/api/links/{slug}/qr.…`: the short link to be photographed.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::links::existing;
use crate::http::App;
use crate::http::consistency::After;
use crate::http::own_address::OwnAddress;
use crate::http::problem::Problem;
use crate::qr::Code;

/// The picture depends on the service's address only, which changes about never.
const CACHE: &str = "private, max-age=3600";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PngQuery {
    /// Pixels for each module of the code.
    #[serde(default)]
    #[param(minimum = 1, maximum = 32, default = 8)]
    scale: Option<u16>,
}

/// Draw a link as a QR code (SVG)
#[utoipa::path(
    get,
    path = "/api/links/{slug}/qr.svg",
    tag = "links",
    operation_id = "drawSvg",
    params(("slug" = String, Path, description = "The link's short name.")),
    responses(
        (status = 200, description = "The picture.", body = String, content_type = "image/svg+xml"),
        (status = 404, description = "There is no such link.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn svg(
    State(app): State<App>,
    after: After,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let code = code(&app, after, &headers, slug).await?;
    let fixed = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, CACHE),
    ];
    Ok((fixed, code.svg()).into_response())
}

/// Draw a link as a QR code (PNG)
#[utoipa::path(
    get,
    path = "/api/links/{slug}/qr.png",
    tag = "links",
    operation_id = "drawPng",
    params(("slug" = String, Path, description = "The link's short name."), PngQuery),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/png"),
        (status = 400, description = "A parameter is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such link.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn png(
    State(app): State<App>,
    after: After,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
    query: Result<Query<PngQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let scale = query.scale.unwrap_or(8);
    if !(1..=32).contains(&scale) {
        return Err(Problem::bad_request("scale must be 1 to 32"));
    }
    let code = code(&app, after, &headers, slug).await?;
    let fixed = [
        (header::CONTENT_TYPE, "image/png"),
        (header::CACHE_CONTROL, CACHE),
    ];
    Ok((fixed, code.png(scale)).into_response())
}

async fn code(
    app: &App,
    After(after): After,
    headers: &HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Code, Problem> {
    let slug = existing(slug)?;
    app.store
        .get(&slug, after)
        .await?
        .ok_or_else(Problem::no_link)?;
    let url = OwnAddress::of(&app.config, headers).url_of(slug.as_str());
    Code::of(&url).ok_or_else(|| Problem::bad_request("this address is too long for a QR code"))
}
