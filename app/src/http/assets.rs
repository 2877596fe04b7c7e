//! Style and script of the pages, under names that change with what is in them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header;
use sha2::{Digest, Sha256};

use super::problem::Problem;

const STYLE: &str = include_str!("../../assets/links.css");
const SCRIPT: &str = include_str!("../../assets/links.js");
const ICON: &str = include_str!("../../assets/icon.svg");

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest([STYLE, SCRIPT, ICON].concat());
    hex::encode(&digest[..6])
});

/// Where a page finds it.
pub(super) fn path(name: &str) -> String {
    format!("/assets/{name}?v={}", *VERSION)
}

pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let (kind, text) = match name.as_str() {
        "links.css" => ("text/css; charset=utf-8", STYLE),
        "links.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Problem::not_found("there is nothing at this path")),
    };
    let fixed = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    Ok((fixed, text).into_response())
}
