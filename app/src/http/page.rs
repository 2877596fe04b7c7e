//! Pages for people: written here in full, so that they work without scripts; `links.js` adds to them.

mod chart;
mod docs;
mod form;
mod layout;
mod link;
mod list;
mod sign_in;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, header};
use maud::html;

use super::App;
use super::problem::Problem;

pub(super) use self::docs::{docs, document};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(list::show))
        .route("/links", post(list::create))
        .route("/links/{slug}", get(link::show).post(link::change))
        .route("/links/{slug}/delete", post(link::delete))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
}

/// A problem, told to a person: the same status and headers, another body.
pub(super) fn problem(problem: &Problem, answer: Response) -> Response {
    let (mut head, _) = answer.into_parts();
    let text = layout::bare(
        problem.title(),
        html! {
            section.card.narrow {
                p.status-code { (problem.status.as_u16()) }
                h1 { (problem.title()) }
                @if let Some(detail) = problem.detail() { p { (sentence(detail)) } }
                p { a.button href="/" { "Go to the links" } }
            }
        },
    );
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    Response::from_parts(head, text.into_string().into())
}

/// Details are written to stand after a colon.
fn sentence(detail: &str) -> String {
    let mut chars = detail.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}
