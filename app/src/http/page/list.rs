//! `/`: make a link, and find one.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use super::form::{Fields, Form};
use super::layout::{Page, answer, badge, clicks, moment, page};
use super::{chart, sign_in};
use crate::clicks::recent;
use crate::http::App;
use crate::http::access::Caller;
use crate::http::api::NewLinkBody;
use crate::http::api::links::{ListQuery, wanted};
use crate::http::consistency::{After, tell};
use crate::http::own_address::OwnAddress;
use crate::http::problem::{FieldError, Problem};
use crate::keys::Scope;
use crate::links::{Created, Cursor, Link, List, Listed, Once};

const LIMIT: u16 = 25;

pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    after: After,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    if !caller.may(Scope::Read) {
        return Ok(sign_in::wanted(&caller));
    }
    let Query(query) = query?;
    let list = wanted(&query, LIMIT)?;
    let shown = render(&app, &caller, after, &headers, &list, &Fields::default()).await?;
    Ok(answer(StatusCode::OK, shown))
}

/// What the form sends.
pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    after: After,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if !caller.may(Scope::Write) {
        return Ok(sign_in::wanted(&caller));
    }
    let form = Form::read(&body);
    let own = OwnAddress::of(&app.config, &headers);
    let problem = match make(&app, &caller, &form, &own).await? {
        Ok(response) => return Ok(response),
        Err(problem) => problem,
    };
    let fields = Fields::of_form(&form).with(&problem);
    let list = List {
        search: String::new(),
        after: None,
        limit: LIMIT,
    };
    let shown = render(&app, &caller, after, &headers, &list, &fields).await?;
    Ok(answer(problem.status, shown))
}

/// The way to the new link, or what is wrong with the fields.
async fn make(
    app: &App,
    caller: &Caller,
    form: &Form,
    own: &OwnAddress,
) -> Result<Result<Response, Problem>, Problem> {
    let field = |pointer, detail: &str| {
        Problem::invalid(vec![FieldError {
            pointer,
            detail: detail.to_owned(),
        }])
    };
    let expires_at = match form.moment("expires_at") {
        Ok(at) => at,
        Err(detail) => return Ok(Err(field("/expires_at", detail))),
    };
    let slug = form.get("slug");
    let wish = NewLinkBody {
        target: form.get("target").to_owned(),
        slug: (!slug.is_empty()).then(|| slug.to_owned()),
        note: Some(form.get("note").to_owned()),
        redirect: Some(if form.is_checked("permanent") {
            301
        } else {
            302
        }),
        enabled: None,
        expires_at,
    };
    let new = match wish.check(own) {
        Ok(new) => new,
        Err(problem) => return Ok(Err(problem)),
    };
    // A form that is sent twice makes one link.
    let once = form.get("once");
    let once = (!once.is_empty() && once.len() <= 64).then(|| Once {
        owner: format!("{} page", caller.owner()),
        key: once.to_owned(),
        request_hash: Sha256::digest(format!("{new:?}")).into(),
    });
    let made = app
        .store
        .create(&new, once.as_ref(), |_| String::new())
        .await?;
    Ok(match made {
        Created::New(link, position) => {
            app.routes.changed(&link, position).await;
            let mut response = go_to(link.slug.as_str());
            tell(&mut response, position);
            Ok(response)
        }
        Created::Before(before) => Ok(go_to(&before.slug)),
        Created::Taken => Err(field("/slug", "is taken")),
        Created::OtherRequest => Err(field(
            "/target",
            "was sent with a form that was used before; try again",
        )),
        Created::NoneFree => Err(field("/slug", "must be chosen: no free one was found")),
    })
}

fn go_to(slug: &str) -> Response {
    let to = format!("/links/{slug}?made");
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

async fn render(
    app: &App,
    caller: &Caller,
    After(after): After,
    headers: &HeaderMap,
    list: &List,
    fields: &Fields,
) -> Result<Markup, Problem> {
    let own = OwnAddress::of(&app.config, headers);
    let listed = app.store.list(list, after).await?;
    let now = Timestamp::now();
    let slugs: Vec<_> = listed
        .links
        .iter()
        .map(|link| link.slug.to_string())
        .collect();
    let recent = recent(&app.database, &slugs, now, after).await?;
    let about = Page {
        title: "Links",
        caller,
        search: &list.search,
    };
    Ok(page(
        &about,
        html! {
            @if caller.may(Scope::Write) { (new_link(fields, &own)) }
            section #links aria-labelledby="links-title" {
                div.heading {
                    h2 #links-title { @if list.search.is_empty() { "Links" } @else { "Found for “" (list.search) "”" } }
                    @if !list.search.is_empty() { a href="/" { "Show all" } }
                }
                @if listed.links.is_empty() { (nothing(list)) } @else {
                    ul.links {
                        @for (link, recent) in listed.links.iter().zip(&recent) {
                            (row(link, &own, recent, now))
                        }
                    }
                }
                (older(list, &listed))
            }
        },
    ))
}

fn new_link(fields: &Fields, own: &OwnAddress) -> Markup {
    let open = !fields.note.is_empty() || !fields.expires_at.is_empty() || fields.permanent;
    html! {
        section.card aria-labelledby="new-title" {
            h1 #new-title { "Shorten a link" }
            form.new action="/links" method="post" {
                input type="hidden" name="once" value=(format!("{:032x}", rand::random::<u128>()));
                div.pair { (fields.target_field()) (fields.slug_field(own.host().unwrap_or_default())) }
                details open[open || fields.errors.iter().any(|(name, _)| name == "note" || name == "expires_at")] {
                    summary { "More" }
                    div.more { (fields.other_fields()) }
                }
                button.primary type="submit" { "Make the link" }
            }
        }
    }
}

fn row(link: &Link, own: &OwnAddress, recent: &crate::clicks::Recent, now: Timestamp) -> Markup {
    let url = own.url_of(link.slug.as_str());
    html! {
        li {
            div.what {
                div.name {
                    a.slug href=(format!("/links/{}", link.slug)) { (link.slug) }
                    (badge(link, now))
                    button.copy type="button" data-copy=(url) hidden aria-label=(format!("Copy {url}")) { "Copy" }
                }
                p.target { (link.target) }
                @if !link.note.is_empty() { p.note { (link.note) } }
            }
            div.how {
                (chart::spark(&recent.days))
                p { (clicks(recent.total)) }
                p.when { (moment(link.created_at)) }
            }
        }
    }
}

fn nothing(list: &List) -> Markup {
    html! {
        p.empty {
            @if list.search.is_empty() { "There are no links yet. Make the first one above." }
            @else { "No link has all of these words in its name, address or note." }
        }
    }
}

fn older(list: &List, listed: &Listed) -> Markup {
    let next = listed.next.as_ref().map(|cursor: &Cursor| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &list.search)
            .append_pair("cursor", &cursor.encode())
            .finish();
        format!("/?{query}")
    });
    html! {
        @if list.after.is_some() || next.is_some() {
            nav.pages aria-label="Pages" {
                @if list.after.is_some() { a.button href="/" { "Newest" } }
                @if let Some(next) = next { a.button rel="next" href=(next) { "Older" } }
            }
        }
    }
}
