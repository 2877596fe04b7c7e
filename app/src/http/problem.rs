//! Errors as problem details (RFC 9457), made here only.

use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::cache::RouteError;
use crate::database::DatabaseError;
use crate::logs::Chain;

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What went wrong, as RFC 9457 writes it down.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// `about:blank`, where the status says it all, or one of `urn:links:problem:…`.
    #[serde(rename = "type")]
    #[schema(examples("urn:links:problem:slug-taken"))]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16, minimum = 400, maximum = 599)]
    pub(super) status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// What is wrong with which field, where the body as a whole can be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What is wrong with one field of the body, which `pointer` (RFC 6901) names.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct FieldError {
    #[schema(examples("/target"))]
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
            retry_after: None,
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, Some(detail.into()))
    }

    /// Well written, and yet nothing that can be done.
    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::UNPROCESSABLE_ENTITY, Some(detail.into()))
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::plain(StatusCode::NOT_FOUND, Some(detail.to_owned()))
    }

    pub(super) fn no_link() -> Self {
        Self::not_found("there is no such link")
    }

    /// There was something to follow, and there is not any more.
    pub(super) fn gone(kind: &'static str, title: &'static str) -> Self {
        Self {
            kind,
            title,
            ..Self::plain(StatusCode::GONE, None)
        }
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, None)
    }

    pub(super) fn unsupported(detail: &str) -> Self {
        Self::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Some(detail.to_owned()))
    }

    pub(super) fn too_large(detail: &str) -> Self {
        Self::plain(StatusCode::PAYLOAD_TOO_LARGE, Some(detail.to_owned()))
    }

    pub(super) fn unauthorized(detail: &str) -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, Some(detail.to_owned()))
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::plain(StatusCode::FORBIDDEN, Some(detail.into()))
    }

    pub(super) fn changed() -> Self {
        Self::plain(
            StatusCode::PRECONDITION_FAILED,
            Some("the link was changed meanwhile: read it again".to_owned()),
        )
    }

    pub(super) fn unavailable(detail: &str) -> Self {
        Self {
            retry_after: Some(RETRY_AFTER),
            ..Self::plain(StatusCode::SERVICE_UNAVAILABLE, Some(detail.to_owned()))
        }
    }

    pub(super) fn too_many(retry_after: Duration) -> Self {
        Self {
            kind: "urn:links:problem:rate-limit",
            title: "Too many requests",
            retry_after: Some(retry_after),
            ..Self::plain(
                StatusCode::TOO_MANY_REQUESTS,
                Some("the quota of this key or address is used up for now".to_owned()),
            )
        }
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

    pub(super) fn key_reused() -> Self {
        Self {
            kind: "urn:links:problem:idempotency-key-reused",
            title: "The idempotency key was used for another request",
            ..Self::plain(StatusCode::UNPROCESSABLE_ENTITY, None)
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

    /// On purpose.
    pub(super) fn drill(status: StatusCode) -> Self {
        Self {
            kind: "urn:links:problem:drill",
            title: "This failure is a drill",
            ..Self::plain(status, None)
        }
    }

    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    pub(super) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    pub(super) fn errors(&self) -> &[FieldError] {
        &self.errors
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
        if let Some(after) = self.retry_after {
            // Whole seconds, and never too early.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            let value = HeaderValue::from_str(&seconds.to_string());
            headers.insert(header::RETRY_AFTER, value.expect("digits are a value"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"links\""),
            );
        }
        // For people the same is said on a page.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::plain(rejection.status(), Some(rejection.body_text()))
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Self::from(&error)
    }
}

impl From<&DatabaseError> for Problem {
    fn from(error: &DatabaseError) -> Self {
        // An error of our own making, about which someone must do something, or a bad moment of the database's.
        if let DatabaseError::Query(sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. }) =
            error
        {
            tracing::error!(error = %Chain(error), "query failed");
            Self::plain(StatusCode::INTERNAL_SERVER_ERROR, None)
        } else {
            tracing::warn!(error = %Chain(error), "database not available");
            Self::unavailable("the database does not answer; try again")
        }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Overloaded => Self::overloaded(),
            RouteError::Database(error) => Self::from(&*error),
            RouteError::Interrupted => Self::unavailable("the link could not be loaded; try again"),
        }
    }
}

impl Problem {
    pub(super) fn overloaded() -> Self {
        Self::unavailable("too many requests at once; try again")
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde decides the signature"
)]
fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}
