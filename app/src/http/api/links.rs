//! `/api/links`: make, list, read, change, delete.

use axum::Extension;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::body::{ChangeBody, LinkBody, ListBody, NewLinkBody};
use crate::http::App;
use crate::http::access::Caller;
use crate::http::consistency::{After, tell};
use crate::http::own_address::OwnAddress;
use crate::http::problem::Problem;
use crate::json::Object;
use crate::links::{
    Changed, Created, Cursor, Link, List, MAX_LIMIT, NewLink, Once, Precondition, Removed, Slug,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_IDEMPOTENCY_KEY: usize = 255;
const DEFAULT_LIMIT: u16 = 25;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListQuery {
    /// Words, or beginnings of words, in slug, target or note; every one must be there.
    #[serde(default)]
    #[param(max_length = 200)]
    pub q: Option<String>,
    /// How many links to give.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 25)]
    pub limit: Option<u16>,
    /// `next` of the part before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Make a link
///
/// A slug that is not given is chosen. With an `Idempotency-Key` the same request may be sent again for a day: the
/// link is made once, and the answer is the same.
#[utoipa::path(
    post,
    path = "/api/links",
    tag = "links",
    operation_id = "createLink",
    request_body = NewLinkBody,
    params(
        ("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
            description = "Any text that stands for this creation, such as a UUID."),
    ),
    responses(
        (status = 201, description = "The link.", body = LinkBody, headers(
            ("location" = String, description = "Where to read the link."),
            ("etag" = String, description = "Names this version of the link."),
        )),
        (status = 400, description = "Not JSON, or a header is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The slug is taken.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or the idempotency key was used for another request.",
            body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Json<Object<NewLinkBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(Object(body)) = body?;
    let own = OwnAddress::of(&app.config, &headers);
    let new = body.check(&own)?;
    let once = match headers.get(IDEMPOTENCY_KEY) {
        Some(key) => Some(once(caller.owner(), key, &new, &own)?),
        None => None,
    };
    let now = Timestamp::now();
    let answer = |link: &Link| {
        serde_json::to_string(&LinkBody::new(link, &own, now)).expect("it is texts and numbers")
    };
    let (slug, etag, body, position) = match app.store.create(&new, once.as_ref(), answer).await? {
        Created::New(link, position) => {
            app.routes.changed(&link, position).await;
            (
                link.slug.to_string(),
                link.etag(),
                answer(&link),
                Some(position),
            )
        }
        Created::Before(before) => (before.slug, before.etag, before.body, None),
        Created::Taken => {
            let slug = new.slug.as_ref().map_or("", Slug::as_str);
            return Err(Problem::slug_taken(slug));
        }
        Created::OtherRequest => return Err(Problem::key_reused()),
        Created::NoneFree => {
            tracing::error!("every generated slug is taken");
            return Err(Problem::unavailable("no free slug was found; try again"));
        }
    };
    let fixed = [
        (header::LOCATION, format!("/api/links/{slug}")),
        (header::ETAG, etag),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    let mut response = (StatusCode::CREATED, fixed, body).into_response();
    match position {
        Some(position) => tell(&mut response, position),
        None => {
            response
                .headers_mut()
                .insert(REPLAYED, HeaderValue::from_static("true"));
        }
    }
    Ok(response)
}

/// List links
///
/// Newest first. Links that are made or deleted meanwhile do not move the rest.
#[utoipa::path(
    get,
    path = "/api/links",
    tag = "links",
    operation_id = "listLinks",
    params(ListQuery),
    responses(
        (status = 200, description = "A part of the list. `Link` names the next.", body = ListBody),
        (status = 400, description = "A parameter is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The cursor is none of ours.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn list(
    State(app): State<App>,
    After(after): After,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let list = wanted(&query, DEFAULT_LIMIT)?;
    let listed = app.store.list(&list, after).await?;
    let own = OwnAddress::of(&app.config, &headers);
    let now = Timestamp::now();
    let body = ListBody {
        links: listed
            .links
            .iter()
            .map(|link| LinkBody::new(link, &own, now))
            .collect(),
        next: listed.next.as_ref().map(Cursor::encode),
    };
    let link = body.next.as_ref().map(|cursor| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &list.search)
            .append_pair("limit", &list.limit.to_string())
            .append_pair("cursor", cursor)
            .finish();
        format!("</api/links?{query}>; rel=\"next\"")
    });
    let mut response = (no_store(), Json(body)).into_response();
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Read a link
#[utoipa::path(
    get,
    path = "/api/links/{slug}",
    tag = "links",
    operation_id = "readLink",
    params(
        ("slug" = String, Path, description = "The link's short name."),
        ("if-none-match" = Option<String>, Header, description = "Entity tags that are known already."),
    ),
    responses(
        (status = 200, description = "The link.", body = LinkBody, headers(("etag" = String, description = "Names this version of the link."))),
        (status = 304, description = "It is one of those that are known."),
        (status = 404, description = "There is no such link.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn read(
    State(app): State<App>,
    After(after): After,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let link = app
        .store
        .get(&existing(slug)?, after)
        .await?
        .ok_or_else(Problem::no_link)?;
    let etag = link.etag();
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|value| value.to_str().is_ok_and(|value| is_among(&etag, value)));
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    Ok(shown(&app, &headers, &link))
}

/// Change a link
///
/// A JSON merge patch (RFC 7396) of what may be changed. `If-Match` guards against changing what someone else has
/// changed meanwhile.
#[utoipa::path(
    patch,
    path = "/api/links/{slug}",
    tag = "links",
    operation_id = "changeLink",
    request_body = ChangeBody,
    params(
        ("slug" = String, Path, description = "The link's short name."),
        ("if-match" = Option<String>, Header, description = "The entity tag of the version that is to be changed."),
    ),
    responses(
        (status = 200, description = "The link as it is now.", body = LinkBody, headers(("etag" = String, description = "Names this version of the link."))),
        (status = 400, description = "Not JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such link.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn change(
    State(app): State<App>,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
    body: Result<Json<Object<ChangeBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    let slug = existing(slug)?;
    let Json(Object(body)) = body?;
    let own = OwnAddress::of(&app.config, &headers);
    let change = body.check(&own)?;
    let (changed, position) = app
        .store
        .change(&slug, &change, &condition(&headers))
        .await?;
    match changed {
        Changed::To(link) => {
            app.routes.changed(&link, position).await;
            let mut response = shown(&app, &headers, &link);
            tell(&mut response, position);
            Ok(response)
        }
        Changed::Missing => Err(Problem::no_link()),
        Changed::Refused => Err(Problem::changed()),
    }
}

/// Delete a link
///
/// With its statistics. The slug is free again.
#[utoipa::path(
    delete,
    path = "/api/links/{slug}",
    tag = "links",
    operation_id = "deleteLink",
    params(
        ("slug" = String, Path, description = "The link's short name."),
        ("if-match" = Option<String>, Header, description = "The entity tag of the version that is to be deleted."),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is no such link.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let slug = existing(slug)?;
    match app.store.delete(&slug, &condition(&headers)).await? {
        Removed::Done(version, position) => {
            app.routes.removed(&slug, version, position).await;
            let mut response = StatusCode::NO_CONTENT.into_response();
            tell(&mut response, position);
            Ok(response)
        }
        Removed::Missing => Err(Problem::no_link()),
        Removed::Refused => Err(Problem::changed()),
    }
}

/// A slug in a path. One that cannot be does not exist.
pub(in crate::http) fn existing(
    slug: Result<Path<String>, PathRejection>,
) -> Result<Slug, Problem> {
    slug.ok()
        .and_then(|Path(text)| Slug::parse(&text).ok())
        .ok_or_else(Problem::no_link)
}

/// The list that a query asks for.
pub(in crate::http) fn wanted(query: &ListQuery, default_limit: u16) -> Result<List, Problem> {
    const MAX_SEARCH: usize = 200;
    let limit = query.limit.unwrap_or(default_limit);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!(
            "limit must be 1 to {MAX_LIMIT}"
        )));
    }
    let search = query.q.clone().unwrap_or_default();
    if search.chars().count() > MAX_SEARCH {
        return Err(Problem::bad_request(format!(
            "q must not be longer than {MAX_SEARCH} characters"
        )));
    }
    let after =
        match query.cursor.as_deref() {
            None | Some("") => None,
            Some(cursor) => Some(Cursor::decode(cursor).ok_or_else(|| {
                Problem::unprocessable("cursor is not one that was given as next")
            })?),
        };
    Ok(List {
        search,
        after,
        limit,
    })
}

fn shown(app: &App, headers: &HeaderMap, link: &Link) -> Response {
    let own = OwnAddress::of(&app.config, headers);
    let body = LinkBody::new(link, &own, Timestamp::now());
    (no_store(), [(header::ETAG, link.etag())], Json(body)).into_response()
}

/// What is read may be changed at any time: kept by nobody without asking.
fn no_store() -> [(HeaderName, &'static str); 1] {
    [(header::CACHE_CONTROL, "no-cache")]
}

fn condition(headers: &HeaderMap) -> Precondition {
    match headers.get(header::IF_MATCH) {
        None => Precondition::None,
        Some(value) => Precondition::parse(value.to_str().unwrap_or_default()),
    }
}

/// For reading, weak tags count too (RFC 9110, section 13.1.2).
fn is_among(etag: &str, if_none_match: &str) -> bool {
    if_none_match.trim() == "*"
        || if_none_match
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

fn once(owner: &str, key: &HeaderValue, new: &NewLink, own: &OwnAddress) -> Result<Once, Problem> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()) && !key.contains(' '))
        .ok_or_else(|| {
            Problem::bad_request(
                "idempotency-key must be 1 to 255 printable characters without spaces",
            )
        })?;
    // Of what is meant, not of how it was written; and of the host, which is part of the answer.
    let asked = format!("{new:?} {:?}", own.host());
    Ok(Once {
        owner: owner.to_owned(),
        key: key.to_owned(),
        request_hash: Sha256::digest(asked).into(),
    })
}
