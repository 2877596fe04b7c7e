//! `/api/links`: links for programs.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::App;
use super::own_address::OwnAddress;
use super::problem::{FieldError, Problem};
use crate::links::{Created, Link, Slug, Target};

/// A generated slug is taken about never; this bounds the bad luck.
const GENERATE_ATTEMPTS: usize = 5;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    target: String,
    slug: Option<String>,
}

#[derive(Debug, Serialize)]
struct LinkAnswer {
    slug: String,
    target: String,
    url: String,
    created_at: jiff::Timestamp,
}

pub(super) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Json<NewLink>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(new) = body?;
    let own = OwnAddress::of(&app.config, &headers);
    let (slug, target) = check(&new, &own)?;
    let link = match slug {
        Some(slug) => match app.store.create(&slug, &target).await? {
            Created::New(link) => link,
            Created::Taken => return Err(Problem::slug_taken(slug.as_str())),
        },
        None => create_generated(&app, &target).await?,
    };
    let location = format!("/api/links/{}", link.slug);
    let answer = Json(LinkAnswer::new(link, &own));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response())
}

pub(super) async fn read(
    State(app): State<App>,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let slug = existing(slug)?;
    let link = app.store.get(&slug).await?.ok_or_else(no_link)?;
    let own = OwnAddress::of(&app.config, &headers);
    Ok(Json(LinkAnswer::new(link, &own)).into_response())
}

pub(super) async fn delete(
    State(app): State<App>,
    slug: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    if app.store.delete(&existing(slug)?).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_link())
    }
}

/// A slug in a path. One that cannot be does not exist.
pub(super) fn existing(slug: Result<Path<String>, PathRejection>) -> Result<Slug, Problem> {
    slug.ok()
        .and_then(|Path(text)| Slug::parse(&text).ok())
        .ok_or_else(no_link)
}

pub(super) fn no_link() -> Problem {
    Problem::not_found("there is no such link")
}

/// Checks all fields, so that one answer tells all that is wrong.
fn check(new: &NewLink, own: &OwnAddress) -> Result<(Option<Slug>, Target), Problem> {
    let slug = new.slug.as_deref().map(Slug::parse).transpose();
    let target = Target::parse(&new.target, own.host());
    match (slug, target) {
        (Ok(slug), Ok(target)) => Ok((slug, target)),
        (slug, target) => {
            let slug = slug.err().map(|error| FieldError {
                pointer: "/slug",
                detail: error.to_string(),
            });
            let target = target.err().map(|error| FieldError {
                pointer: "/target",
                detail: error.to_string(),
            });
            Err(Problem::invalid(target.into_iter().chain(slug).collect()))
        }
    }
}

async fn create_generated(app: &App, target: &Target) -> Result<Link, Problem> {
    for _ in 0..GENERATE_ATTEMPTS {
        let slug = Slug::generate(&mut rand::rng());
        if let Created::New(link) = app.store.create(&slug, target).await? {
            return Ok(link);
        }
    }
    tracing::error!(
        attempts = GENERATE_ATTEMPTS,
        "every generated slug is taken"
    );
    Err(Problem::unavailable("no free slug was found; try again"))
}

impl LinkAnswer {
    fn new(link: Link, own: &OwnAddress) -> Self {
        Self {
            url: own.url_of(&link.slug),
            slug: link.slug,
            target: link.target,
            created_at: link.created_at,
        }
    }
}
