//! `/links/{slug}`: one link, with its statistics.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use maud::{Markup, html};

use super::form::{Fields, Form};
use super::layout::{Page, answer, badge, clicks as count, moment, page};
use super::{chart, sign_in};
use crate::clicks::{self, Report, Resolution, Span};
use crate::http::App;
use crate::http::access::Caller;
use crate::http::api::links::existing;
use crate::http::consistency::{After, tell};
use crate::http::own_address::OwnAddress;
use crate::http::problem::Problem;
use crate::keys::Scope;
use crate::links::{Change, Changed, Link, Note, Precondition, Redirect, Removed, Target};

const DAYS: i64 = 30;
const HOURS: i64 = 48;

/// What the page says above all.
#[derive(Default)]
struct Say {
    good: Option<&'static str>,
    bad: Option<&'static str>,
}

pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    After(after): After,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    if !caller.may(Scope::Read) {
        return Ok(sign_in::wanted(&caller));
    }
    let link = app
        .store
        .get(&existing(slug)?, after)
        .await?
        .ok_or_else(Problem::no_link)?;
    let say = Say {
        good: match query.as_deref() {
            Some("made") => Some("The link is made."),
            Some("saved") => Some("Saved."),
            _ => None,
        },
        bad: None,
    };
    let fields = Fields::of_link(&link);
    let shown = render(&app, &caller, &headers, &link, After(after), &fields, &say).await?;
    Ok(answer(StatusCode::OK, shown))
}

/// What the edit form sends.
pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    After(after): After,
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Result<Response, Problem> {
    if !caller.may(Scope::Write) {
        return Ok(sign_in::wanted(&caller));
    }
    let slug = existing(slug)?;
    let form = Form::read(&body);
    let own = OwnAddress::of(&app.config, &headers);
    let mut fields = Fields::of_form(&form);
    let say = match wanted(&form, &own, &mut fields) {
        None => Say {
            bad: Some("Not saved: see below."),
            good: None,
        },
        Some(change) => {
            let condition = Precondition::parse(&format!("\"{}\"", form.get("version")));
            match app.store.change(&slug, &change, &condition).await? {
                (Changed::To(link), position) => {
                    app.routes.changed(&link, position).await;
                    let to = format!("/links/{slug}?saved");
                    let mut response =
                        (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
                    tell(&mut response, position);
                    return Ok(response);
                }
                (Changed::Missing, _) => return Err(Problem::no_link()),
                (Changed::Refused, _) => Say {
                    bad: Some(
                        "Not saved: someone else changed this link meanwhile. Below is what you wrote; \
                         save again to keep it.",
                    ),
                    good: None,
                },
            }
        }
    };
    let link = app
        .store
        .get(&slug, after)
        .await?
        .ok_or_else(Problem::no_link)?;
    let status = if fields.errors.is_empty() {
        StatusCode::CONFLICT
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let shown = render(&app, &caller, &headers, &link, After(after), &fields, &say).await?;
    Ok(answer(status, shown))
}

pub(super) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    if !caller.may(Scope::Write) {
        return Ok(sign_in::wanted(&caller));
    }
    let slug = existing(slug)?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    match app.store.delete(&slug, &Precondition::None).await? {
        Removed::Done(version, position) => {
            app.routes.removed(&slug, version, position).await;
            tell(&mut response, position);
            Ok(response)
        }
        Removed::Missing | Removed::Refused => Err(Problem::no_link()),
    }
}

/// What the form asks for; none when a field is wrong, which is noted.
fn wanted(form: &Form, own: &OwnAddress, fields: &mut Fields) -> Option<Change> {
    let mut note_error = |name: &str, detail: &dyn ToString| {
        fields.errors.push((name.to_owned(), detail.to_string()));
    };
    let target = Target::parse(form.get("target"), own.host())
        .map_err(|error| note_error("target", &error))
        .ok();
    let note = Note::parse(form.get("note"))
        .map_err(|error| note_error("note", &error))
        .ok();
    let expires_at = form
        .moment("expires_at")
        .map_err(|error| note_error("expires_at", &error))
        .ok();
    Some(Change {
        target: Some(target?),
        note: Some(note?),
        expires_at: Some(expires_at?),
        redirect: Some(if form.is_checked("permanent") {
            Redirect::Permanent
        } else {
            Redirect::Temporary
        }),
        enabled: Some(form.is_checked("enabled")),
    })
}

async fn render(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    link: &Link,
    After(after): After,
    fields: &Fields,
    say: &Say,
) -> Result<Markup, Problem> {
    let own = OwnAddress::of(&app.config, headers);
    let url = own.url_of(link.slug.as_str());
    let now = Timestamp::now();
    let days = Span::last(Resolution::Day, DAYS, now);
    let hours = Span::last(Resolution::Hour, HOURS, now);
    let by_day = clicks::report(&app.database, &link.slug, days, after).await?;
    let by_hour = clicks::report(&app.database, &link.slug, hours, after).await?;
    let about = Page {
        title: link.slug.as_str(),
        caller,
        search: "",
    };
    Ok(page(
        &about,
        html! {
            @if let Some(good) = say.good { p.notice role="status" { (good) } }
            @if let Some(bad) = say.bad { p.notice.bad role="alert" { (bad) } }
            (head(link, &url, now))
            (statistics(&by_day, &by_hour))
            @if caller.may(Scope::Write) { (edit(link, fields)) }
        },
    ))
}

fn head(link: &Link, url: &str, now: Timestamp) -> Markup {
    let shown = url.split_once("://").map_or(url, |(_, rest)| rest);
    let picture = |kind: &str| format!("/api/links/{}/qr.{kind}", link.slug);
    html! {
        section.card.link-head aria-labelledby="link-title" {
            div.what {
                h1 #link-title { a href=(url) rel="noreferrer" { (shown) } " " (badge(link, now)) }
                p.target { "leads to " a href=(link.target) rel="noreferrer" { (link.target) } }
                @if !link.note.is_empty() { p.note { (link.note) } }
                p.when {
                    "Made " (moment(link.created_at))
                    @if link.updated_at != link.created_at { " · changed " (moment(link.updated_at)) }
                    @if let Some(at) = link.expires_at { " · expires " (moment(at)) }
                }
                p.actions {
                    button.primary type="button" data-copy=(url) hidden { "Copy the link" }
                    a.button href=(picture("svg")) download=(format!("{}.svg", link.slug)) { "QR as SVG" }
                    a.button href=(picture("png")) download=(format!("{}.png", link.slug)) { "QR as PNG" }
                }
            }
            img.qr src=(picture("svg")) width="148" height="148" alt=(format!("QR code of {url}"));
        }
    }
}

fn statistics(by_day: &Report, by_hour: &Report) -> Markup {
    html! {
        section.card aria-labelledby="statistics-title" {
            div.heading {
                h2 #statistics-title { "Statistics" }
                p.total { (count(by_day.total)) " ever" }
            }
            (chart::bars("The last 30 days", Resolution::Day, &by_day.series))
            (chart::bars("The last 48 hours", Resolution::Hour, &by_hour.series))
            div.pair {
                (chart::shares("Where from, 30 days", "Not told", &by_day.referrers))
                (chart::shares("With what, 30 days", "Not told", &by_day.agents))
            }
            p.hint { "Times are in UTC." }
        }
    }
}

fn edit(link: &Link, fields: &Fields) -> Markup {
    html! {
        section.card aria-labelledby="edit-title" {
            h2 #edit-title { "Change it" }
            form action=(format!("/links/{}", link.slug)) method="post" {
                input type="hidden" name="version" value=(link.version);
                (fields.target_field())
                div.more {
                    (fields.other_fields())
                    label.check {
                        input type="checkbox" name="enabled" checked[fields.enabled];
                        span { "On " small { "Switched off, it leads nowhere and keeps its statistics." } }
                    }
                }
                button.primary type="submit" { "Save" }
            }
            form.danger action=(format!("/links/{}/delete", link.slug)) method="post"
                data-confirm=(format!("Delete {} and its statistics? This cannot be undone.", link.slug)) {
                p { "The name becomes free, and the statistics go too." }
                button.danger type="submit" { "Delete the link" }
            }
        }
    }
}
