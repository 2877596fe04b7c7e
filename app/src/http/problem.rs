//! Errors as problem details (RFC 9457), made here only.

use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::database::DatabaseError;
use crate::logs::Chain;

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// What is wrong with one field of the body, which `pointer` (RFC 6901) names.
#[derive(Debug, Serialize)]
pub(super) struct FieldError {
    pub pointer: &'static str,
    pub detail: String,
}

impl Problem {
    fn plain(status: StatusCode, detail: Option<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail,
            errors: Vec::new(),
        }
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::plain(StatusCode::NOT_FOUND, Some(detail.to_owned()))
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, None)
    }

    pub(super) fn unavailable(detail: &str) -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, Some(detail.to_owned()))
    }

    pub(super) fn slug_taken(slug: &str) -> Self {
        Self {
            kind: "urn:links:problem:slug-taken",
            title: "The slug is taken",
            ..Self::plain(
                StatusCode::CONFLICT,
                Some(format!("there is already a link {slug:?}")),
            )
        }
    }

    pub(super) fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            kind: "urn:links:problem:invalid-link",
            title: "The link is not valid",
            errors,
            ..Self::plain(StatusCode::UNPROCESSABLE_ENTITY, None)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::plain(rejection.status(), Some(rejection.body_text()))
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        // An error of our own making, about which someone must do something, or a bad moment of the database's.
        if let DatabaseError::Query(sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. }) =
            &error
        {
            tracing::error!(error = %Chain(&error), "query failed");
            Self::plain(StatusCode::INTERNAL_SERVER_ERROR, None)
        } else {
            tracing::warn!(error = %Chain(&error), "database not available");
            Self::unavailable("the database does not answer; try again")
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde decides the signature"
)]
fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}
