//! Bodies of requests and answers.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::http::own_address::OwnAddress;
use crate::http::problem::{FieldError, Problem};
use crate::links::{Change, Link, NewLink, Note, Redirect, Slug, State, Target};

/// A link that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "NewLink")]
pub(in crate::http) struct NewLinkBody {
    /// An absolute http(s) address, without user name or password, that does not lead back to this service.
    #[schema(
        format = "uri",
        min_length = 1,
        max_length = 2048,
        examples("https://example.org/")
    )]
    pub target: String,
    /// Chosen by the service when it is left out.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_-]+$",
        examples("example")
    )]
    pub slug: Option<String>,
    #[serde(default)]
    #[schema(max_length = 500)]
    pub note: Option<String>,
    /// 301, which followers may remember, or 302, the default.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 301, maximum = 302)]
    pub redirect: Option<i64>,
    #[serde(default)]
    pub enabled: Option<bool>,
    /// From then on the link is gone.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// What is to be different. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "LinkChange")]
#[expect(
    clippy::option_option,
    reason = "a field that is null is told from one that is left out"
)]
pub(in crate::http) struct ChangeBody {
    #[serde(default)]
    #[schema(format = "uri", min_length = 1, max_length = 2048)]
    pub target: Option<String>,
    #[serde(default)]
    #[schema(max_length = 500)]
    pub note: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 301, maximum = 302)]
    pub redirect: Option<i64>,
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Null: it does not expire.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    pub expires_at: Option<Option<Timestamp>>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Link")]
pub(super) struct LinkBody {
    #[schema(examples("example"))]
    pub slug: String,
    /// What to follow.
    #[schema(examples("https://sho.rt/example"))]
    pub url: String,
    #[schema(format = "uri", examples("https://example.org/"))]
    pub target: String,
    pub note: String,
    #[schema(minimum = 301, maximum = 302)]
    pub redirect: u16,
    pub enabled: bool,
    pub state: StateBody,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Whether the link leads anywhere now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(title = "LinkState")]
pub(super) enum StateBody {
    Active,
    Disabled,
    Expired,
}

/// A part of the list of links.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "LinkList")]
pub(super) struct ListBody {
    pub links: Vec<LinkBody>,
    /// Give it as `cursor` to read on; null at the end.
    pub next: Option<String>,
}

impl LinkBody {
    pub(super) fn new(link: &Link, own: &OwnAddress, now: Timestamp) -> Self {
        Self {
            url: own.url_of(link.slug.as_str()),
            slug: link.slug.to_string(),
            target: link.target.clone(),
            note: link.note.clone(),
            redirect: link.redirect.status(),
            enabled: link.enabled,
            state: match link.state(now) {
                State::Active => StateBody::Active,
                State::Disabled => StateBody::Disabled,
                State::Expired => StateBody::Expired,
            },
            expires_at: link.expires_at,
            created_at: link.created_at,
            updated_at: link.updated_at,
        }
    }
}

impl NewLinkBody {
    /// Checks all fields, so that one answer tells all that is wrong.
    pub(in crate::http) fn check(&self, own: &OwnAddress) -> Result<NewLink, Problem> {
        let mut check = Check::default();
        let target = check.field("/target", Target::parse(&self.target, own.host()));
        let slug = check.field("/slug", self.slug.as_deref().map(Slug::parse).transpose());
        let note = self.note.as_deref().unwrap_or_default();
        let note = check.field("/note", Note::parse(note));
        let redirect = check.field("/redirect", self.redirect.map(redirect).transpose());
        match (check.errors.is_empty(), target, slug, note, redirect) {
            (true, Some(target), Some(slug), Some(note), Some(redirect)) => Ok(NewLink {
                slug,
                target,
                note,
                redirect: redirect.unwrap_or_default(),
                enabled: self.enabled.unwrap_or(true),
                expires_at: self.expires_at,
            }),
            _ => Err(Problem::invalid(check.errors)),
        }
    }
}

impl ChangeBody {
    pub(in crate::http) fn check(&self, own: &OwnAddress) -> Result<Change, Problem> {
        let mut check = Check::default();
        let target = self.target.as_deref();
        let target = target
            .map(|text| Target::parse(text, own.host()))
            .transpose();
        let target = check.field("/target", target);
        let note = check.field("/note", self.note.as_deref().map(Note::parse).transpose());
        let redirect = check.field("/redirect", self.redirect.map(redirect).transpose());
        if !check.errors.is_empty() {
            return Err(Problem::invalid(check.errors));
        }
        Ok(Change {
            target: target.flatten(),
            note: note.flatten(),
            redirect: redirect.flatten(),
            enabled: self.enabled,
            expires_at: self.expires_at,
        })
    }
}

#[derive(Default)]
struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn field<T>(&mut self, pointer: &'static str, result: Result<T, impl ToString>) -> Option<T> {
        result
            .map_err(|error| {
                self.errors.push(FieldError {
                    pointer,
                    detail: error.to_string(),
                });
            })
            .ok()
    }
}

fn redirect(status: i64) -> Result<Redirect, &'static str> {
    Redirect::from_status(status).ok_or("must be 301 or 302")
}

/// A whole number, however JSON writes it: to JSON Schema, 302.0 is one.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else {
        return Ok(None);
    };
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    let whole = digits.parse();
    whole
        .map(Some)
        .map_err(|_| D::Error::custom(format!("{text} is not a whole number")))
}

/// Tells a field that is null from one that is left out.
#[expect(clippy::option_option, reason = "that is what it tells")]
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(from).map(Some)
}
