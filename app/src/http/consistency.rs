//! What a client has written it reads back, whichever task and whichever database server answers.
//!
//! After a write the answer says where in the database's log it stands: in a header for programs, in a cookie for
//! browsers. A request that brings it along is not answered from a replica that is not there yet.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};

use super::App;
use super::access::cookie;
use crate::database::Position;

pub(super) const HEADER: HeaderName = HeaderName::from_static("links-position");
const COOKIE: &str = "links_position";

/// The position that this request must see.
pub(super) struct After(pub Position);

impl FromRequestParts<App> for After {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let told = parts
            .headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok());
        let told = told.or_else(|| cookie(&parts.headers, COOKIE));
        let told = told.and_then(Position::parse).unwrap_or_default();
        Ok(Self(told.max(app.database.seen())))
    }
}

/// Tells the client to bring the position along. Without a replica there is none to bring.
pub(super) fn tell(response: &mut Response, position: Position) {
    if position == Position::default() {
        return;
    }
    let text = position.to_string();
    let cookie = format!("{COOKIE}={text}; Max-Age=60; Path=/; HttpOnly; SameSite=Strict");
    let headers = response.headers_mut();
    headers.insert(
        HEADER,
        HeaderValue::from_str(&text).expect("digits are a value"),
    );
    headers.append(
        header::SET_COOKIE,
        HeaderValue::from_str(&cookie).expect("it is printable"),
    );
}
